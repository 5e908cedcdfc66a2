"""Flows as prompt flow's documents show them."""

FIRST = """\
inputs:
  chat_history:
    type: list
    default: []
  question:
    type: string
    default: What is CI?
outputs:
  answer:
    type: string
    reference: ${open_source_llm.output}
    is_chat_output: true
nodes:
- name: open_source_llm
  type: custom_llm
  source:
    type: package_with_prompt
    tool: promptflow.tools.open_source_llm.OpenSourceLLM.call
    path: chat.jinja2
  inputs:
    api: Chat
    connection: mine
    deployment_name: ""
    model_kwargs:
      temperature: 0.4
      max_new_tokens: 20
    chat_history: ${inputs.chat_history}
    question: ${inputs.question}
"""
"""Of the tool's first generation."""

LATER = """\
inputs:
  chat_history:
    type: list
    default: []
  question:
    type: string
    default: What is CI?
outputs:
  answer:
    type: string
    reference: ${open_model_llm.output}
    is_chat_output: true
nodes:
- name: open_model_llm
  type: custom_llm
  source:
    type: package_with_prompt
    tool: promptflow.tools.open_model_llm.OpenModelLLM.call
    path: chat.jinja2
  inputs:
    endpoint_name: localConnection/mine
    deployment_name: default
    api: chat
    temperature: 0.5
    max_new_tokens: 50
    top_p: 1.0
    model_kwargs: "{}"
    chat_history: ${inputs.chat_history}
    question: ${inputs.question}
"""
"""Of the later generation."""

CHAT = """\
# system:
You are a helpful assistant.

{% for item in chat_history %}
# user:
{{item.inputs.question}}
# assistant:
{{item.outputs.answer}}
{% endfor %}

# user:
{{question}}
"""

HISTORY = [{"inputs": {"question": "Hello"}, "outputs": {"answer": "Hello!"}}]
