"""A question becomes a call: what is sent to the server, and what is done without it."""

from __future__ import annotations

import pytest
from langchain_core.tools import tool

from langchain_azureml_oss import ContentFormatter
from langchain_azureml_oss.errors import ConnectionConfigError, InvalidRequestError, ServerError
from langchain_azureml_oss.formatters import Traits, formatter
from langchain_azureml_oss.wire.replies import Choice, Reply

COMPLETIONS = "https://ep.eastus2.inference.ml.azure.com/v1/completions"
CHAT = "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_completion_family_is_shown_tools_in_its_prompt(make_chat, plug, answer, sent):
    """/completions knows no tools, so they would never reach the model."""
    chat = make_chat(endpoint_url=COMPLETIONS, model_family="DOLLY")
    text = '{"name": "add", "arguments": {"a": 1, "b": 2}}'
    replay = plug(chat, answer({"choices": [{"text": text, "finish_reason": "stop"}]}))
    message = chat.bind_tools([add]).invoke("1 + 2?")
    assert "tools" not in sent(replay)
    assert "Add two numbers." in sent(replay)["prompt"]
    assert [call["args"] for call in message.tool_calls] == [{"a": 1, "b": 2}]


class _Streaming(ContentFormatter):
    name = "mine"
    traits = Traits(streams=True)

    def body(self, call):
        return {"messages": list(call.messages), **call.parameters}

    def read(self, data, call):
        return Reply([Choice(text=data["answer"])])


def test_a_contract_of_the_users_own_gets_no_stream_options(make_chat, plug, answer, sent):
    chat = make_chat(content_formatter=_Streaming())
    replay = plug(chat, answer({"answer": "x"}))
    assert [chunk.text for chunk in chat.stream("hi")] == ["x"]
    assert set(sent(replay)) == {"messages"}


REFUSED = {"detail": "Extra parameters ['stream_options'] are not allowed."}


def test_stream_options_that_are_refused_are_left_out_for_good(
    make_chat, plug, answer, events, delta, sent, caplog
):
    chat = make_chat(endpoint_url=CHAT)
    stream = events(delta("Hello", "stop"))
    replay = plug(chat, answer(REFUSED, status=400), stream, stream)
    for _ in range(2):
        assert "".join(chunk.text for chunk in chat.stream("hi")) == "Hello"
    asked = ["stream_options" in sent(replay, number) for number in range(3)]
    assert asked == [True, False, False]
    assert caplog.text.count("stream_options") == 1


def test_stream_options_of_the_callers_own_are_left_out_too(
    make_chat, plug, answer, events, delta, sent
):
    """Or the same request would be refused for ever."""
    chat = make_chat(endpoint_url=CHAT)
    replay = plug(chat, answer(REFUSED, status=400), events(delta("Hello", "stop")))
    list(chat.stream("hi", stream_options={"include_usage": False}))
    assert "stream_options" not in sent(replay, 1)


def test_a_refusal_that_another_call_has_found_out_is_mended_too(make_chat, plug, answer, sent):
    """Two calls under way at once: both carry tools, and both are refused."""
    chat = make_chat(endpoint_url=CHAT)
    refusal = answer({"detail": "Tools and tool_choice are not supported."}, status=400)
    message = {"role": "assistant", "content": "hi"}
    whole = answer({"choices": [{"message": message, "finish_reason": "stop"}]})
    replay = plug(chat, refusal, whole)
    bound = chat.bind_tools([add])
    call = chat._call(_ask(bound))  # under way before the refusal is known
    chat._refused.add("tools")
    (result,) = chat._sync.drive(call)
    assert result.generations[0].message.text == "hi"
    assert ["tools" in sent(replay, number) for number in range(2)] == [True, False]


def _ask(bound):
    from langchain_core.messages import HumanMessage

    from langchain_azureml_oss.endpoint.calls import Ask

    return Ask(messages=[HumanMessage("hi")], kwargs=bound.kwargs)


def test_native_tools_are_never_left_out(make_chat, plug, answer):
    chat = make_chat(endpoint_url=CHAT, tool_calling="native")
    plug(chat, answer({"detail": "Tools and tool_choice are not supported."}, status=400))
    with pytest.raises(InvalidRequestError, match="not supported"):
        chat.bind_tools([add]).invoke("hi")


@pytest.mark.parametrize(
    ("factory", "name"),
    [
        *(("make_chat", name) for name in ("endpoint_api_key", "api_key", "base_url", "contract")),
        ("make_chat", "tool_calling"),
        ("make_llm", "api"),
        ("make_llm", "batch_size"),
    ],
)
def test_what_is_fixed_when_a_model_is_made_is_no_setting_of_a_call(request, plug, factory, name):
    """A key that is given to a call by mistake must not go to the model as a setting."""
    model = request.getfixturevalue(factory)()
    replay = plug(model)
    with pytest.raises(ConnectionConfigError, match=name):
        model.invoke("hi", **{name: "something"})
    assert replay.requests == []


def test_a_calls_model_kwargs_win_over_the_fields(make_chat, plug, answer, sent):
    """Call argument > .bind() > constructor field > its model_kwargs."""
    chat = make_chat(temperature=0.1, max_tokens=5, model_kwargs={"top_k": 1})
    replay = plug(chat, answer({"output": "x"}))
    chat.invoke("hi", model_kwargs={"temperature": 0.9, "max_gen_len": 7}, top_p=0.5)
    parameters = {"top_k": 1, "temperature": 0.9, "max_gen_len": 7, "top_p": 0.5}
    assert sent(replay)["input_data"]["parameters"] == parameters


@pytest.mark.parametrize("name", ["model", "model_name"])
def test_a_call_names_the_model_by_either_name(make_chat, plug, answer, sent, completion, name):
    chat = make_chat(endpoint_url=CHAT, model="a")
    replay = plug(chat, answer(completion(model=None)))
    message = chat.invoke("hi", **{name: "b"})
    assert sent(replay).keys() == {"messages", "model"}
    assert sent(replay)["model"] == message.response_metadata["model_name"] == "b"
    assert chat._get_ls_params(**{name: "b"})["ls_model_name"] == "b"


def test_the_method_decides_whether_there_is_a_stream(
    make_chat, plug, answer, events, delta, sent, completion
):
    """A stream would come as events, which `invoke` does not read."""
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    chat = make_chat(endpoint_url=CHAT, model_kwargs=asked)
    replay = plug(chat, answer(completion()), events(delta("a", "stop")))
    assert chat.invoke("hi").text == "Hello!"
    assert set(sent(replay, 0)) == {"messages"}
    assert "extra-parameters" not in replay.requests[0].headers
    assert "".join(chunk.text for chunk in chat.stream("hi")) == "a"
    assert asked.items() <= sent(replay, 1).items()


def test_an_empty_stop_string_is_none(make_chat, plug, answer, sent):
    chat = make_chat(stop=["", "x"])
    replay = plug(chat, answer({"output": "a"}), answer({"output": "a"}))
    assert chat.invoke("hi").text == chat.invoke("hi", stop=[""]).text == "a"
    assert sent(replay, 0)["input_data"]["parameters"] == {"stop": ["x"]}
    assert sent(replay, 1)["input_data"]["parameters"] == {}


# -- options of one call --------------------------------------------------------------------------

OPTIONS = {
    "timeout": 5,
    "deadline": 60,
    "max_retries": 1,
    "backoff": (0, 0),
    "retry_read_timeouts": True,
    "stream_usage": False,
}


@pytest.mark.parametrize("way", ["invoke", "bind", "config", "stream", "batch"])
@pytest.mark.parametrize("make", ["make_chat", "make_llm"])
def test_no_option_of_a_call_reaches_the_body(request, plug, answer, sent, way, make):
    model = request.getfixturevalue(make)(endpoint_url=CHAT if make == "make_chat" else COMPLETIONS)
    body = {"choices": [{"message": {"content": "x"}, "text": "x", "finish_reason": "stop"}]}
    replay = plug(model, answer(body))
    asks = {
        "invoke": lambda: model.invoke("hi", **OPTIONS),
        "bind": lambda: model.bind(**OPTIONS).invoke("hi"),
        "config": lambda: model.with_config(tags=["t"]).invoke("hi", **OPTIONS),
        "stream": lambda: list(model.stream("hi", **OPTIONS)),
        "batch": lambda: model.batch(["hi"], **OPTIONS),
    }
    asks[way]()
    assert set(sent(replay)) <= {"messages", "prompt", "stream"}
    assert not set(OPTIONS) & set(replay.requests[0].headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "soon"),
        ("timeout", (1,)),
        ("timeout", (1, None)),
        ("timeout", float("inf")),
        ("timeout", float("nan")),
        ("deadline", 0),
        ("deadline", "soon"),
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("backoff", 0.5),
        ("backoff", (-1, 1)),
        ("deployment_name", 5),
    ],
)
def test_an_option_that_makes_no_sense_is_named(make_chat, plug, name, value):
    """In a call as in the constructor; nothing is sent."""
    chat = make_chat()
    replay = plug(chat)
    with pytest.raises(ConnectionConfigError, match=name):
        chat.invoke("hi", **{name: value})
    assert replay.requests == []
    with pytest.raises(ValueError, match=name):
        make_chat(**{name: value})


@pytest.mark.parametrize("name", ["timeout", "max_retries", "backoff", "retry_read_timeouts"])
def test_none_takes_an_option_back_to_the_models_own(make_chat, plug, answer, name):
    own = {"timeout": 7, "max_retries": 1, "backoff": (0, 0), "retry_read_timeouts": True}
    chat = make_chat(**own)
    replay = plug(chat, answer("busy", 503), answer("busy", 503), answer({"output": "x"}))
    with pytest.raises(ServerError):
        chat.bind(**{**own, name: 9 if name == "max_retries" else own[name]}).invoke(
            "hi", **{name: None}
        )
    assert len(replay.requests) == 2


def test_a_deadline_of_none_is_none(make_chat):
    from langchain_core.messages import HumanMessage

    from langchain_azureml_oss.endpoint.calls import Ask

    chat = make_chat(deadline=5)
    assert chat._call(Ask(messages=[HumanMessage("hi")])).deadline == 5
    ask = Ask(messages=[HumanMessage("hi")], kwargs={"deadline": None})
    assert chat._call(ask).deadline is None


@pytest.mark.parametrize("header", ["a\r\nx-other: b", "a\nb", "caf\xe9", "a\x00", "日"])
def test_a_formatters_header_that_http_does_not_carry_is_refused(make_chat, plug, header):
    class Smuggling(type(formatter("score"))):
        def headers(self, call, body):
            return {"x-mine": header}

    chat = make_chat(content_formatter=Smuggling())
    replay = plug(chat)
    with pytest.raises(ConnectionConfigError, match=r"'x-mine'.* line break"):
        chat.invoke("hi")
    assert replay.requests == []
