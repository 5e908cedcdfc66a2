"""What the models share: their fields, and how a question over these becomes a call.

`arguments.py` is what the constructors take, `fields.py` and `model_settings.py` what is kept of
it, `headers.py` what a caller adds to each request, `self_description.py` what tools show of all
this, `traces.py` the names in traces; `secret_settings.py` finds keys where none may be.
`call_options.py` is what one call may say about itself, `plain_calls.py` carries any request,
`calls.py` builds the call that answers a question, `prompt_rounds.py` those for several prompts,
`llm_output.py` what a result says of all its answers. `token_counting.py` counts, `discovery.py`
asks a server about itself, `loading.py` makes the classes known to LangChain. Imports every room
below. Internal, but for what the models inherit.
"""

from langchain_azureml_oss.endpoint.arguments import SharedArguments
from langchain_azureml_oss.endpoint.calls import Ask, EndpointCalls
from langchain_azureml_oss.endpoint.discovery import Discovering
from langchain_azureml_oss.endpoint.fields import EndpointFields
from langchain_azureml_oss.endpoint.headers import named_deployment
from langchain_azureml_oss.endpoint.llm_output import combined, generation_info, llm_output
from langchain_azureml_oss.endpoint.loading import loadable, register, signed
from langchain_azureml_oss.endpoint.model_settings import SETTINGS
from langchain_azureml_oss.endpoint.plain_calls import PlainCalls, all_at_once, all_of
from langchain_azureml_oss.endpoint.prompt_rounds import PromptAnswers, PromptRounds, folded
from langchain_azureml_oss.endpoint.token_counting import TokenCounting, TokenCounts

__all__ = [
    "SETTINGS",
    "Ask",
    "Discovering",
    "EndpointCalls",
    "EndpointFields",
    "PlainCalls",
    "PromptAnswers",
    "PromptRounds",
    "SharedArguments",
    "TokenCounting",
    "TokenCounts",
    "all_at_once",
    "all_of",
    "combined",
    "folded",
    "generation_info",
    "llm_output",
    "loadable",
    "named_deployment",
    "register",
    "signed",
]
