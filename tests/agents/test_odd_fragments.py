"""Agents over recorded streams, whose servers cut tool calls into odd fragments."""

from __future__ import annotations

import json

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

CHAT_URL = "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions"
A, B = '{"path": "/a"}', '{"path": "/b"}'


def part(arguments=None, name=None, **more):
    """A fragment of a call."""
    function = {"name": name, "arguments": arguments}
    return {**more, "function": {k: v for k, v in function.items() if v is not None}}


ONE = {
    "name in every fragment": [
        [part("", "read", index=0, id="c1")],
        [part('{"path": ', "read", index=0)],
        [part('"/a"}', "read", index=0)],
    ],
    "id and name again in the last": [
        [part("", "read", index=0, id="c1")],
        [part('{"path": ', index=0)],
        [part('"/a"}', index=0)],
        [part("", "read", index=0, id="c1", type="function")],
    ],
    "the same id at two indexes": [
        [part(A, "read", index=0, id="c1")],
        [part(A, "read", index=1, id="c1")],
    ],
    "an id for each fragment": [
        [part('{"path": ', "read", index=0, id="c1")],
        [part('"/a"}', index=0, id="c2")],
    ],
}
TWO = {
    "whole calls at index 0 each": [
        [part(A, "read", index=0, id="c1")],
        [part(B, "read", index=0, id="c2")],
    ],
    "whole calls without an index": [[part(A, "read", id="c1")], [part(B, "read", id="c2")]],
    "neither index nor id": [[part(A, "read")], [part(B, "read")]],
    "both in one event": [[part(A, "read", index=0, id="c1"), part(B, "read", index=0, id="c2")]],
}
CASES = [
    *(pytest.param(events, ["/a"], id=name) for name, events in ONE.items()),
    *(pytest.param(events, ["/a", "/b"], id=name) for name, events in TWO.items()),
]
QUESTION = {"messages": [("user", "Read.")]}


@pytest.fixture
def agent(make_chat, plug, events, delta):
    """An agent whose model streams these fragments and then an answer, and what its tool read."""

    def made(fragments):
        read_paths = []

        @tool
        def read(path: str) -> str:
            """Read a file."""
            read_paths.append(path)
            return f"text of {path}"

        chat = make_chat(endpoint_url=CHAT_URL, streaming=True)
        calls = [delta(tool_calls=event) for event in fragments]
        replay = plug(
            chat,
            events(*calls, delta(finish_reason="tool_calls")),
            events(delta("I have read it."), delta(finish_reason="stop")),
        )
        return create_agent(chat, [read]), read_paths, replay

    return made


def judge(messages, read_paths, paths):
    """Each call was run once, answered under its own id, and followed by the last words."""
    assert sorted(read_paths) == paths
    calls = [call for m in messages for call in getattr(m, "tool_calls", ())]
    assert [call["args"]["path"] for call in calls] == paths
    told = {m.tool_call_id: m.content for m in messages if isinstance(m, ToolMessage)}
    assert told == {call["id"]: f"text of {call['args']['path']}" for call in calls}
    assert messages[-1].text == "I have read it."


@pytest.mark.parametrize(("fragments", "paths"), CASES)
def test_an_agent_runs_each_call_once(agent, fragments, paths):
    asked, read_paths, replay = agent(fragments)
    judge(asked.invoke(QUESTION)["messages"], read_paths, paths)
    turns = json.loads(replay.requests[-1].body)["messages"]
    ids = [call["id"] for turn in turns for call in turn.get("tool_calls", ())]
    assert len(set(ids)) == len(paths)
    assert sorted(t["tool_call_id"] for t in turns if t["role"] == "tool") == sorted(ids)


@pytest.mark.parametrize(("fragments", "paths"), CASES)
async def test_a_streaming_agent_runs_each_call_once(agent, fragments, paths):
    asked, read_paths, _ = agent(fragments)
    async for state in asked.astream(QUESTION, stream_mode="values"):
        messages = state["messages"]
    judge(messages, read_paths, paths)


def test_a_call_that_was_cut_off_is_not_run(agent):
    asked, read_paths, _ = agent([[part('{"path": "/', "read", index=0, id="c1")]])
    (*_, last) = asked.invoke(QUESTION)["messages"]
    assert read_paths == []
    assert "cut off" in last.invalid_tool_calls[0]["error"]
