"""Microsoft's own scoring server, with a score.py for each contract over a local model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from exchanges import HERE, ask

from langchain_azureml_oss import errors
from langchain_azureml_oss.local import LocalEndpoint

CONTRACTS = ["score", "gpt2-2023", "falcon-2023", "dolly-2023"]
OF_2023 = CONTRACTS[1:]
# The family that each of them was deployed for.
FAMILY = {"score": "LLAMA", "gpt2-2023": "GPT2", "falcon-2023": "FALCON", "dolly-2023": "DOLLY"}
TEXT = 'Say {"a": \'b\'} \\n %s. é🙂 "quoted"'
EVERY = pytest.mark.parametrize("contract", CONTRACTS)
WORLDS = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@contextlib.contextmanager
def scoring_server(contract, endpoint):
    """The URL of a scoring server whose score.py asks this endpoint."""
    script = f"score_{contract.replace('-', '_')}.py"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AML_", "AZUREML_"))}
    environment |= {"MODEL_URL": endpoint.url, "MODEL_KEY": endpoint.api_key, "NO_PROXY": "*"}
    server = subprocess.Popen(
        [sys.executable, str(HERE / "scoring" / "start.py"), script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        # Its first lines may be the server's own log.
        lines = iter(server.stdout.readline, b"")
        port = next((line for line in lines if line.strip().isdigit()), None)
        assert port, "the scoring server did not start"
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        server.stdin.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


@pytest.fixture(scope="module")
def echo():
    with LocalEndpoint("echo") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def servers(echo):
    """Contract -> the URL of its server, started when it is first asked for."""
    with contextlib.ExitStack() as stack:
        urls = {}

        def url(contract):
            if contract not in urls:
                urls[contract] = stack.enter_context(scoring_server(contract, echo))
            return urls[contract]

        yield url


@pytest.fixture
def make(servers, make_chat, make_llm):
    """A model of either kind that talks to the server of a contract."""

    def model(contract, kind="llm", path="/score", **fields):
        factory = make_llm if kind == "llm" else make_chat
        fields = {"model_family": FAMILY[contract], "max_retries": 0} | fields
        return factory(endpoint_url=servers(contract) + path, contract=contract, **fields)

    return model


@EVERY
@WORLDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_completion(make, contract, is_async, stream):
    llm = make(contract, max_tokens=20)
    assert ask(llm, is_async=is_async, stream=stream, prompts=[TEXT]) == [[f" echo: {TEXT}"]]


@EVERY
@WORLDS
def test_several_prompts_go_in_one_request(make, contract, echo, is_async):
    llm = make(contract, max_tokens=4)
    before = len(echo.requests)
    texts = ask(llm, is_async=is_async, prompts=["1 2", "A", "x y z"])
    assert texts == [[" echo: 1 2"], [" echo: A"], [" echo: x y z"]]
    assert not llm._refused
    asked = [request.body["prompt"] for request in echo.requests[before:]]
    assert asked == ["1 2", "A", "x y z"]


@EVERY
@WORLDS
def test_settings_reach_the_model(make, contract, echo, is_async):
    llm = make(contract, max_tokens=3, temperature=0.5)
    assert ask(llm, is_async=is_async, prompts=["1 2 3 4"]) == [[" echo: 1 2"]]
    assert echo.requests[-1].body == {"prompt": "1 2 3 4", "max_tokens": 3, "temperature": 0.5}


@pytest.mark.parametrize("contract", OF_2023)
@WORLDS
def test_a_chat_is_a_prompt_in_the_familys_template(make, contract, echo, is_async):
    chat = make(contract, "chat", max_tokens=64)
    message = ask(chat, is_async=is_async, messages=[("system", "Be brief."), ("human", TEXT)])
    prompt = {
        "gpt2-2023": f"Be brief.\n\n{TEXT}\n",
        "falcon-2023": f"Be brief.\n\nUser: {TEXT}\n\nAssistant:",
        "dolly-2023": f"Be brief.\n\n### Instruction:\n{TEXT}\n\n### Response:\n",
    }[contract]
    assert echo.requests[-1].body["prompt"] == prompt
    # The echo repeats the whole prompt; what begins another turn is cut off.
    said = f"echo: {prompt}"
    stop = {"falcon-2023": "\nUser:", "dolly-2023": "### Instruction:"}.get(contract, "\0")
    assert message.text == said.partition(stop)[0]


@WORLDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_todays_contract_takes_turns(make, is_async, stream):
    chat = make("score", "chat", max_tokens=20)
    message = ask(chat, is_async=is_async, stream=stream, messages=[("human", TEXT)])
    assert message.text == f"echo: {TEXT}"


@EVERY
@WORLDS
def test_a_script_that_raises(make, contract, is_async):
    with pytest.raises(errors.ServerError, match="error occurred in scoring script") as caught:
        ask(make(contract), is_async=is_async, prompts=["raise!"])
    assert caught.value.status == 500
    assert caught.value.is_retryable
    assert caught.value.request_id
    assert "private words" not in str(caught.value)


@EVERY
@WORLDS
def test_another_route(make, contract, is_async):
    with pytest.raises(errors.NotFoundError, match="URL was not found on the server") as caught:
        ask(make(contract, path="/scores"), is_async=is_async, prompts=["x"])
    assert caught.value.status == 404


@EVERY
def test_the_wrong_contract_is_no_answer(make, make_llm, servers, contract):
    """A script that finds no such key raises, so what comes is a 500 and not another's answer."""
    other = "falcon-2023" if contract != "falcon-2023" else "score"
    llm = make_llm(endpoint_url=f"{servers(contract)}/score", contract=other, max_retries=0)
    with pytest.raises(errors.ServerError, match="scoring script"):
        llm.invoke("x")


@EVERY
def test_the_facts_of_contracts_md(servers, contract):
    """Status, header and body of the server itself, as docs/contracts.md has them."""

    def post(path, body, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(servers(contract) + path, body, named)
        with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(request):
            pass
        with caught.value as error:
            return error.code, error.headers, error.read().decode()

    status, headers, body = post("/score", b"{}", content_type="application/json")
    assert (status, headers["x-ms-run-function-failed"]) == (500, "True")
    assert '"message"' in body
    status, _, body = post("/score", b"\xff\xfe", content_type="application/json")
    assert status == 400
    assert "UTF-8" in body
    assert post("/scores", b"{}")[0] == 404
    assert post("/score", b"{}", x_ms_client_request_id="x" * 101)[0] == 431
    with urllib.request.urlopen(servers(contract)) as response:
        assert response.read() == b"Healthy"


@EVERY
def test_lone_surrogates_arrive_as_json(make, contract, echo):
    """A text that UTF-8 does not have is escaped, so the server can decode the body."""
    llm = make(contract, max_tokens=1, model_kwargs={"return_full_text": False})
    assert ask(llm, is_async=False, prompts=["a\ud800b"]) == [[" echo:"]]
    assert echo.requests[-1].body["prompt"] == "a\ud800b"


@EVERY
async def test_many_at_once_keep_their_answers(make, contract):
    llm = make(contract, max_tokens=8)
    prompts = [f"number {n}" for n in range(12)]
    texts = await asyncio.gather(*map(llm.ainvoke, prompts))
    assert texts == [f" echo: {prompt}" for prompt in prompts]
    await llm.aclose()


@pytest.mark.model
def test_a_real_model_behind_the_scoring_server(make_chat, make_llm):
    with LocalEndpoint("smollm2") as model, scoring_server("falcon-2023", model) as url:
        fields = {"endpoint_url": f"{url}/score", "contract": "falcon-2023", "temperature": 0}
        llm = make_llm(model_family="FALCON", max_tokens=8, **fields)
        (text,), (again,) = ask(llm, is_async=False, prompts=["The capital of France is"] * 2)
        assert "Paris" in text
        assert not text.startswith("The capital")
        assert text == again
        chat = make_chat(model_family="FALCON", max_tokens=16, **fields)
        assert ask(chat, is_async=True, messages="Say hello.").text.strip()
