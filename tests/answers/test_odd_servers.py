"""Answers of servers that are nearly OpenAI's: what was said arrives, or an error says why not."""

from __future__ import annotations

import json

import pytest

from langchain_azureml_oss.errors import (
    AzureMLOSSError,
    RateLimitError,
    ResponseFormatError,
    ServerError,
    StreamInterruptedError,
)

CHAT_URL = "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions"
COMPLETION_URL = "https://ep.eastus2.inference.ml.azure.com/v1/completions"
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
WAYS = ["invoke", "ainvoke", "stream", "astream"]


def read(city: str) -> str:
    """Read the weather."""


@pytest.fixture(params=[None, [1, 7, 40, 90, 200]], ids=["events", "cut elsewhere"])
def told(request, make_chat, plug, answer, events):
    """The message that a server's answer comes to, whole or streamed, sync or async."""

    async def tell(way, whole, streamed, **fields):
        chat = make_chat(endpoint_url=CHAT_URL, max_retries=0, **fields)
        streams = "stream" in way
        plug(chat, events(*streamed, cuts=request.param) if streams else answer(whole))
        return await _asked(chat.bind_tools([read]), way)

    return tell


async def _asked(model, way):
    if way == "invoke":
        return model.invoke("Hi")
    if way == "ainvoke":
        return await model.ainvoke("Hi")
    if way == "stream":
        return _sum(list(model.stream("Hi")))
    return _sum([chunk async for chunk in model.astream("Hi")])


def _sum(chunks):
    return sum(chunks[1:], start=chunks[0])


def whole(finish_reason="stop", *, more=None, **message):
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, **(more or {})}
    return {"choices": [choice]}


def part(finish_reason=None, *, more=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, **(more or {})}
    return {"choices": [choice]}


def call(arguments=None, **more):
    function = {"name": more.pop("name", None), "arguments": arguments}
    return {**more, "function": {key: value for key, value in function.items() if value}}


def reasoning(message):
    blocks = message.content_blocks
    return "".join(block["reasoning"] for block in blocks if block["type"] == "reasoning")


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("last", [{"usage": USAGE}, {"object": "chat.completion.chunk"}])
async def test_an_event_without_a_list_of_choices_brings_none(told, way, last):
    """The last event of some gateways: usage alone, or nothing at all."""
    message = await told(way, None, [part(content="Hi"), part("stop"), {"id": "c1", **last}])
    assert message.text == "Hi"
    assert (message.usage_metadata or {}).get("total_tokens") == last.get("usage", {}).get(
        "total_tokens"
    )


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_nothing_but_such_events_is_no_answer(told, way):
    with pytest.raises(ResponseFormatError):
        await told(way, None, [{"usage": USAGE}])


@pytest.mark.parametrize("way", WAYS)
async def test_usage_may_stand_in_the_choice(told, way):
    """Moonshot's, which KIMI's servers follow."""
    more = {"usage": USAGE}
    streamed = [part(content="Hi"), part("stop", more=more)]
    message = await told(way, whole(content="Hi", more=more), streamed)
    assert message.usage_metadata["total_tokens"] == 3


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_an_event_may_hold_a_whole_message(told, way):
    assert (await told(way, None, [whole(content="Hi")])).text == "Hi"
    message = await told(way, None, [whole("tool_calls", tool_calls=[call('{"city": "X"}')])])
    assert message.invalid_tool_calls[0]["args"] == '{"city": "X"}'


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("delta", [{"delta": {}}, {"delta": None}, {}], ids=str)
@pytest.mark.parametrize("again", [{"content": "Hi"}, {"content": "Hi", "reasoning": "Hm."}])
async def test_a_message_behind_its_parts_says_nothing_new(told, way, delta, again):
    """Perplexity's servers repeat in each event all that was said so far."""
    parts = [part(content="H", reasoning="Hm."), part(content="i")]
    last = {"choices": [{"message": again, "finish_reason": "stop", **delta}]}
    message = await told(way, None, [*parts, last])
    assert (message.text, reasoning(message)) == ("Hi", "Hm.")
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("odd", [b"data:\n\n", b"data: \n\n", b"data: [DONE] \n\n"], ids=str)
async def test_blanks_of_an_event_mean_nothing(told, way, odd):
    message = await told(way, None, [part(content="Hi"), part("stop"), odd])
    assert message.text == "Hi"


ERROR = {"message": "slow down", "code": 429}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choices", [[], None, [{"index": 0, "finish_reason": "error"}]], ids=str)
@pytest.mark.parametrize(
    ("error", "cls"), [(ERROR, RateLimitError), ("out of order", ServerError)], ids=str
)
async def test_an_error_beside_choices_is_one(told, way, choices, error, cls):
    """Nothing of an answer that failed passes for all of it."""
    failed = {"choices": choices, "error": error}
    with pytest.raises(cls):
        await told(way, failed, [failed])
    if "stream" in way:
        with pytest.raises(AzureMLOSSError, match=r"slow down|out of order") as caught:
            await told(way, None, [part(content="Hi"), failed])
        assert caught.value.text == "Hi"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "nothing", [None, "", {}, [], False, {"code": None, "message": ""}, {"error": None}], ids=str
)
async def test_no_error_beside_choices_is_none(told, way, nothing):
    answered = {**whole(content="Hi"), "error": nothing}
    message = await told(way, answered, [{**part("stop", content="Hi"), "error": nothing}])
    assert message.text == "Hi"


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_in_vllms_form_beside_choices_is_one(told, way):
    failed = {**whole(content="Hi"), "object": "error", **ERROR}
    with pytest.raises(RateLimitError):
        await told(way, failed, [failed])


@pytest.mark.parametrize("failed", [{"choices": [], "error": ERROR}, {"error": ERROR}], ids=str)
def test_completions_likewise(make_llm, plug, answer, events, failed):
    llm = make_llm(endpoint_url=COMPLETION_URL, max_retries=0)
    plug(llm, answer(failed))
    with pytest.raises(RateLimitError):
        llm.invoke("Hi")
    plug(llm, events({"choices": [{"text": "Hi", "finish_reason": "stop"}]}, {"usage": USAGE}))
    assert "".join(llm.stream("Hi")) == "Hi"


# -- streams that nobody asked for -----------------------------------------------------------------


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("cuts", [None, [3, 50]])
async def test_a_stream_that_nobody_asked_for_is_one_answer(make_chat, plug, events, way, cuts):
    """Servers that stream where `stream` is not in the body."""
    streamed = [
        b": ping\n\n",
        part(role="assistant", reasoning_content="H"),
        part(reasoning_content="m."),
        part(content="Let "),
        part(content="me."),
        part(tool_calls=[call("", index=0, id="c1", name="read")]),
        part(tool_calls=[call('{"city": ', index=0)]),
        part(tool_calls=[call('"X"}', index=0)]),
        part("tool_calls"),
        {"choices": [], "usage": USAGE},
    ]
    chat = make_chat(endpoint_url=CHAT_URL)
    plug(chat, events(*streamed, cuts=cuts))
    message = await _asked(chat.bind_tools([read]), way)
    assert (message.text, reasoning(message)) == ("Let me.", "Hm.")
    assert [(one["name"], one["args"]) for one in message.tool_calls] == [("read", {"city": "X"})]
    assert message.usage_metadata["total_tokens"] == 3
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_so_is_one_of_a_completion(make_llm, plug, events):
    llm = make_llm(endpoint_url=COMPLETION_URL)
    texts = [{"choices": [{"text": text, "finish_reason": None}]} for text in ("O", "ne")]
    plug(llm, events(*texts))
    assert llm.invoke("Hi") == "One"


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_its_calls_are_read_from_the_text_as_ever(make_chat, plug, events, way):
    chat = make_chat(endpoint_url=CHAT_URL, tool_calling="prompted")
    plug(
        chat, events(part(content='{"name": "read", "para'), part(content='meters": {"city": 1}}'))
    )
    (found,) = (await _asked(chat.bind_tools([read]), way)).tool_calls
    assert found["args"] == {"city": 1}


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_one_that_breaks_off_is_no_answer(make_chat, plug, events, way):
    chat = make_chat(endpoint_url=CHAT_URL, max_retries=0)
    plug(chat, events(part(content="Let "), done=False))
    with pytest.raises(StreamInterruptedError) as caught:
        await _asked(chat, way)
    assert caught.value.text == "Let "
    plug(chat, events())
    with pytest.raises(ResponseFormatError):
        await _asked(chat, way)


@pytest.mark.parametrize("way", WAYS)
async def test_a_whole_answer_may_have_a_streams_end_behind_it(make_chat, plug, answer, way):
    chat = make_chat(endpoint_url=CHAT_URL)
    plug(chat, answer(json.dumps(whole(content="Hi")).encode() + b"\n\ndata: [DONE]\n\n"))
    assert (await _asked(chat, way)).text == "Hi"


# -- reasoning -------------------------------------------------------------------------------------

THOUGHTS = {
    "a list": {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
    "a text": {"type": "thinking", "thinking": "Hm."},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("form", THOUGHTS)
async def test_thoughts_among_the_parts_of_the_content_are_reasoning(told, way, version, form):
    """Mistral's reasoning models."""
    thought, text = THOUGHTS[form], {"type": "text", "text": "Hi"}
    streamed = [part(content=[thought]), part(content=[text]), part("stop")]
    message = await told(way, whole(content=[thought, text]), streamed, output_version=version)
    assert (message.text, reasoning(message)) == ("Hi", "Hm.")


@pytest.mark.parametrize("way", WAYS)
async def test_a_text_about_thinking_among_the_parts_is_no_thought(told, way):
    parts = ["I am thinking of ", {"type": "text", "text": "X", "thinking": None}]
    streamed = [part(content=parts[:1]), part(content=parts[1:]), part("stop")]
    message = await told(way, whole(content=parts), streamed)
    assert (message.text, reasoning(message)) == ("I am thinking of X", "")


# -- calls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_in_openais_older_form(told, way):
    function = {"name": "read", "arguments": '{"city": "X"}'}
    streamed = [
        part(function_call={"name": "read", "arguments": ""}),
        part(function_call={"arguments": '{"city"'}),
        part(function_call={"arguments": ': "X"}'}),
        part("function_call"),
    ]
    message = await told(way, whole("function_call", function_call=function), streamed)
    (found,) = message.tool_calls
    assert (found["name"], found["args"]) == ("read", {"city": "X"})
    assert found["id"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_without_the_object_around_its_name(told, way):
    flat = {"id": "c1", "name": "read", "arguments": {"city": "X"}}
    streamed = [part(tool_calls=[{"index": 0, **flat}]), part("tool_calls")]
    (found,) = (await told(way, whole(tool_calls=[flat]), streamed)).tool_calls
    assert (found["name"], found["args"], found["id"]) == ("read", {"city": "X"}, "c1")


@pytest.mark.parametrize("way", WAYS)
async def test_arguments_may_be_encoded_twice(told, way):
    twice = call('"{\\"city\\": \\"X\\"}"', id="c1", name="read")
    streamed = [part(tool_calls=[{"index": 0, **twice}]), part("tool_calls")]
    (found,) = (await told(way, whole(tool_calls=[twice]), streamed)).tool_calls
    assert found["args"] == {"city": "X"}


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("pieces", [['{"city": "X"}'], ['{"ci', 'ty": ', '"X"}'], list('{"c": 1}')])
async def test_an_empty_object_before_the_arguments_is_none_of_them(told, way, pieces):
    """What was put there until they came."""
    streamed = [part(tool_calls=[call("{}", index=0, id="c1", name="read")])]
    streamed += [part(tool_calls=[call(piece, index=0)]) for piece in pieces]
    message = await told(way, None, [*streamed, part("tool_calls")])
    assert not message.invalid_tool_calls
    (found,) = message.tool_calls
    assert list(found["args"].values()) in (["X"], [1])


@pytest.mark.parametrize("way", WAYS)
async def test_a_channel_is_no_part_of_a_name(told, way):
    """gpt-oss writes `<|channel|>` behind it, which vLLM may leave there."""
    odd = call('{"city": "X"}', id="c1", name="read<|channel|>commentary")
    streamed = [part(tool_calls=[{"index": 0, **odd}]), part("tool_calls")]
    (found,) = (await told(way, whole(tool_calls=[odd]), streamed)).tool_calls
    assert found["name"] == "read"


@pytest.mark.parametrize("way", WAYS)
async def test_a_list_or_a_text_is_still_no_arguments(told, way):
    for wrong in ("[1]", '"a"', '"[1]"', "{}{", "{}[1]"):
        odd = call(wrong, id="c1", name="read")
        streamed = [part(tool_calls=[{"index": 0, **odd}]), part("tool_calls")]
        message = await told(way, whole(tool_calls=[odd]), streamed)
        assert not message.tool_calls
        assert message.invalid_tool_calls[0]["error"]
