"""The doctor, before endpoints that are broken in every way there is."""

from __future__ import annotations

import json
import socket
import ssl

import fake_azure
import pytest
from fake_azure.fixtures import (  # noqa: F401 - pytest finds them here
    azure_on_this_machine,
    self_made_certificate,
)

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, CustomConnection
from langchain_azureml_oss.cli.checklist import checklist_text
from langchain_azureml_oss.connections import base_of
from langchain_azureml_oss.doctor import advice
from langchain_azureml_oss.doctor.candidates import Probe, is_worth_sending, plan
from langchain_azureml_oss.doctor.checklist import TITLES, Line
from langchain_azureml_oss.doctor.examination import examine
from langchain_azureml_oss.doctor.setup import Setup, ends_of
from langchain_azureml_oss.doctor.steps import (
    Answer,
    Ask,
    Certificate,
    Connect,
    Handshake,
    Look,
    Pause,
    Resolve,
)
from langchain_azureml_oss.errors import (
    EndpointConnectionError,
    ModelContainerError,
    RateLimitError,
)
from langchain_azureml_oss.families import ModelFamily, profile
from langchain_azureml_oss.formatters import formatter
from langchain_azureml_oss.local import LocalEndpoint

LIMIT = 8
WRONG_KEY = "wrong-key-4711-0815"
CHAT = "/v1/chat/completions"


@pytest.fixture
def examined(run, variables, monkeypatch):
    """Runs the doctor on a local endpoint; returns the result, checks as a mapping, and endpoint.

    Whatever is wrong with the endpoint: at most 8 requests, and no key on the screen.
    """

    def call(*arguments, path="/score", family="LLAMA", key=None, **options):
        options = {"deployments": {"blue": 100, "green": 0}, **options}
        with LocalEndpoint("echo", **options) as endpoint:
            found = variables(endpoint, path)
            if endpoint.auth == "aad_token":
                found["AZUREML_ENDPOINT_API_KEY"] = endpoint.issue_token()
            if key is not None:
                found["AZUREML_ENDPOINT_API_KEY"] = key
            found["AZUREML_MODEL_FAMILY"] = family
            for name, value in found.items():
                monkeypatch.setenv(name, value)
            result = run("doctor", "--json", *arguments)
            report = json.loads(result.stdout)
            assert len(endpoint.requests) <= LIMIT
            assert len(report["requests"]) == len(endpoint.requests)
            secret = found["AZUREML_ENDPOINT_API_KEY"]
            assert secret not in result.stdout + result.stderr
            assert result.exit_code == (0 if report["usable"] else 1)
            checks = {check["name"]: check for check in report["checks"]}
            assert list(checks) == list(TITLES)
            for check in checks.values():
                assert check["advice"] or check["state"] != "failed", check
            if report["python"]:
                paste(report["python"], endpoint)
            return report, checks

    return call


def paste(lines, endpoint):
    """Run the lines; whatever they make answers."""
    assert endpoint.api_key not in lines
    made = {}
    exec(compile(lines, "pasted", "exec"), made)
    if "embeddings" in made:
        assert len(made["embeddings"].embed_query("one two")) > 1
        return
    models = [made[name] for name in ("chat", "llm") if name in made]
    assert models
    for model in models:
        assert isinstance(model, AzureMLOSSChatModel | AzureMLOSSLLM)
        answer = model.invoke("one two")
        assert "echo: " in getattr(answer, "text", answer)


def states(checks):
    return {name: check["state"] for name, check in checks.items()}


# --- Healthy --------------------------------------------------------------------------------------


def test_a_healthy_score_endpoint(examined):
    report, checks = examined()
    assert report["usable"]
    skipped = {name for name, check in checks.items() if check["state"] == "skipped"}
    # `echo` takes a schema and does not keep to it.
    failed = {name for name, check in checks.items() if check["state"] == "failed"}
    assert (skipped, failed) == ({"tls"}, {"json_schema"})
    configuration = checks["configuration"]["found"]
    for variable in ("AZUREML_ENDPOINT_URL", "AZUREML_ENDPOINT_API_KEY", "AZUREML_MODEL_FAMILY"):
        assert f"from {variable}" in configuration
    assert "contract score at /score" in checks["completion"]["found"]
    # Chat goes where it streams.
    assert report["recommended"]["chat"]["contract"] == "openai"
    assert report["recommended"]["chat"]["endpoint_url"].endswith(CHAT)
    assert "llm = AzureMLOSSLLM(" in report["python"]
    assert '"LLAMA"' in report["python"]
    assert 'api="completion"' in report["python"]
    assert report["python"].count("max_tokens=256") == 2
    assert 'os.environ["AZUREML_ENDPOINT_API_KEY"]' in report["python"]


@pytest.mark.parametrize("path", ["", "/v1", CHAT, "/chat/completions", "/v1/completions"])
def test_a_healthy_openai_endpoint(examined, path):
    report, checks = examined(path=path)
    assert report["usable"]
    for name in ("chat", "completion"):
        assert report["recommended"][name]["contract"] == "openai"
    for name in ("streaming", "tools", "usage", "latency"):
        assert checks[name]["state"] == "ok"
    assert "answers and streams" in checks["usage"]["found"]


@pytest.mark.parametrize("family", ["OPENAI", "FALCON"])
@pytest.mark.parametrize("path", ["", "/score", "/v1", CHAT, "/v1/embeddings"])
def test_an_embedding_model_is_told_and_its_lines_work(examined, path, family):
    report, checks = examined(path=path, family=family, task="embeddings")
    assert not report["usable"]
    for name in ("chat", "completion"):
        assert checks[name]["state"] == "failed"
        assert "It answers vectors: an embedding model" in checks[name]["advice"]
        assert "sign-in page" not in checks[name]["advice"]
    assert "embeddings = AzureMLOSSEmbeddings(" in report["python"]


def test_what_the_server_says_of_itself(examined):
    _, checks = examined(families="Llama-2-7b-chat", family="FALCON")
    said = checks["server"]["found"]
    for part in ("model Llama-2-7b-chat", "/info: ", "/swagger.json: ", "header server: "):
        assert part in said
    assert "family LLAMA2, not FALCON" in checks["server"]["advice"]


def test_the_prompt_is_small(run, configured):
    run("doctor")
    plain = [r for r in configured.requests if r.method == "POST" and "tools" not in r.body]
    plain = [request for request in plain if "response_format" not in request.body]
    limits = []
    for request in plain:
        assert "Hello there" in json.dumps(request.body)
        holder = request.body.get("input_data", {}).get("parameters") or request.body
        limits.append(holder.get("max_tokens", holder.get("max_new_tokens")))
    assert limits
    assert set(limits) == {2}


def test_a_deployment_that_is_there(examined):
    report, checks = examined("--deployment", "green")
    assert report["usable"]
    assert checks["deployment"]["found"] == "green answers"
    assert 'deployment_name="green"' in report["python"]


def test_a_token(examined):
    report, _ = examined(auth="aad_token")
    assert report["usable"]


# --- Contracts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "family"),
    [("gpt2-2023", "GPT2"), ("falcon-2023", "FALCON"), ("dolly-2023", "DOLLY")],
)
def test_the_contracts_of_2023(examined, contract, family):
    report, checks = examined(contract=contract, family=family)
    assert report["usable"]
    assert report["recommended"]["completion"]["contract"] == contract
    assert report["recommended"]["completion"]["endpoint_url"].endswith("/score")
    assert f"pass contract='{contract}'" in checks["completion"]["advice"]
    assert checks["chat"]["state"] == "ok"
    assert f"template of the family {family}" in checks["chat"]["found"]
    assert checks["streaming"]["state"] == "skipped"
    # The same, though the family tells nothing of it.
    report, _ = examined(contract=contract, family="LLAMA")
    assert report["recommended"]["completion"]["contract"] == contract


def test_a_contract_that_was_chosen_wrong(examined):
    report, checks = examined("--contract", "falcon-2023")
    assert not report["usable"]
    assert "contract falcon-2023 does not answer" in checks["completion"]["found"]
    assert "contract='score'" in checks["completion"]["advice"]
    assert report["recommended"]["completion"]["contract"] == "score"


def test_a_chosen_contract_that_is_answered_and_not_obeyed(examined):
    _, checks = examined("--contract", "score", contract="dolly-2023", family="DOLLY")
    assert checks["completion"]["found"] == (
        "what answers as configured ignores the parameters; contract dolly-2023 at /score does not."
    )
    assert "contract='dolly-2023'" in checks["completion"]["advice"]


@pytest.mark.parametrize("front_door", [False, True])
def test_completion_only(examined, front_door):
    report, checks = examined(path=CHAT, task="completion", front_door=front_door)
    assert report["usable"]
    assert (checks["chat"]["state"], checks["completion"]["state"]) == ("failed", "ok")
    assert "AzureMLOSSLLM" in checks["chat"]["advice"]
    assert report["recommended"]["chat"] is None
    assert "AzureMLOSSChatModel" not in report["python"]
    assert checks["streaming"]["found"].endswith("/v1/completions")


def test_chat_only(examined):
    report, checks = examined(path=CHAT, task="chat")
    assert report["usable"]
    assert (checks["chat"]["state"], checks["completion"]["state"]) == ("ok", "failed")
    assert report["recommended"]["completion"]["api"] == "chat"
    assert 'api="chat"' in report["python"]


@pytest.mark.parametrize("front_door", [False, True])
@pytest.mark.parametrize("family", ["LLAMA", "MISTRAL", "OPENAI"])
def test_a_text_deployment_at_score_is_no_chat(examined, family, front_door):
    """It takes a prompt in the contract score-params too, which makes no chat model of it."""
    path = ["--contract", "score"] if family == "OPENAI" else []
    report, checks = examined(*path, family=family, task="completion", front_door=front_door)
    assert report["usable"]
    assert (checks["chat"]["state"], checks["completion"]["state"]) == ("failed", "ok")
    assert checks["chat"]["found"].startswith(
        "the endpoint completes texts only (score at /score: the message was taken for a prompt"
    )
    assert "Take AzureMLOSSLLM" in checks["chat"]["advice"]
    assert report["recommended"]["chat"] is None
    assert report["recommended"]["completion"]["contract"] == "score"
    assert "AzureMLOSSChatModel" not in report["python"]


@pytest.mark.parametrize("front_door", [False, True])
def test_a_chat_deployment_at_score_is_told_to_a_chat_family(examined, front_door):
    report, checks = examined(task="chat", front_door=front_door)
    assert (checks["chat"]["state"], checks["completion"]["state"]) == ("ok", "failed")
    assert checks["completion"]["found"].endswith("(score at /score: answered {})")
    assert "api='chat'" in checks["completion"]["advice"]
    assert report["recommended"]["completion"]["api"] == "chat"


@pytest.mark.parametrize("front_door", [False, True])
@pytest.mark.parametrize("family", ["FALCON", "GPT2", "DOLLY"])
def test_a_chat_deployment_at_score_is_told_to_a_completion_family(examined, family, front_door):
    report, checks = examined(family=family, task="chat", front_door=front_door)
    assert not report["usable"]
    assert "contract openai at /v1/chat/completions does" in checks["chat"]["found"]
    assert checks["chat"]["advice"].endswith(CHAT)
    assert "api='chat'" in checks["completion"]["advice"]
    assert report["recommended"]["completion"]["api"] == "chat"


# --- What a server does not do --------------------------------------------------------------------


def test_tools_refused(examined):
    report, checks = examined(path=CHAT, refuse_tools=True)
    assert report["usable"]
    assert checks["tools"]["state"] == "failed"
    assert "Tools and tool_choice are not supported." in checks["tools"]["found"]
    assert "tool_calling='auto'" in checks["tools"]["advice"]


def test_stream_ignored(examined):
    report, checks = examined(path=CHAT, ignore_stream=True)
    assert report["usable"]
    assert checks["streaming"]["state"] == "failed"
    assert "in one piece" in checks["streaming"]["found"]


def test_stream_options_refused(examined):
    report, checks = examined(path=CHAT, refuse_stream_options=True)
    assert report["usable"]
    assert checks["streaming"]["state"] == "ok"
    assert "refuses stream_options" in checks["usage"]["found"]


def test_json_schema_refused(examined):
    _, checks = examined(path=CHAT, json_schema=False)
    assert checks["json_schema"]["state"] == "failed"
    assert "422" in checks["json_schema"]["found"]


def test_an_error_in_the_stream(run, variables, monkeypatch, echo):
    for name, value in variables(echo).items():
        monkeypatch.setenv(name, value)
    echo.fail_next("stream-error")
    checks = {c["name"]: c for c in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["streaming"]["state"] == "failed"
    assert checks["chat"]["state"] == "ok"


WORDS = ("messages", "prompt", "input_string", "inputs", "max_tokens", "max_new_tokens")


def body_of(value):
    """What was asked for, but for the words and how many of them."""
    if not isinstance(value, dict):
        return value
    return {key: None if key in WORDS else body_of(item) for key, item in value.items()}


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("LLAMA", {}),
        ("LLAMA", {"path": CHAT}),
        ("LLAMA", {"path": CHAT, "task": "chat"}),
        ("DEEPSEEK", {"path": CHAT}),
        ("FALCON", {"task": "completion"}),
        ("DOLLY", {"contract": "dolly-2023"}),
        ("LLAMA", {"contract": "gpt2-2023"}),
    ],
)
def test_the_lines_send_what_the_doctor_has_sent(run, variables, monkeypatch, family, options):
    path = options.pop("path", "/score")
    with LocalEndpoint("echo", **options) as endpoint:
        for name, value in (variables(endpoint, path) | {"AZUREML_MODEL_FAMILY": family}).items():
            monkeypatch.setenv(name, value)
        report = json.loads(run("doctor", "--json").stdout)
        asked = list(endpoint.requests)
        paste(report["python"], endpoint)
        sent = [(r.path, body_of(r.body)) for r in endpoint.requests[len(asked) :]]
        known = [(r.path, body_of(r.body)) for r in asked if r.method == "POST" and r.status == 200]
        assert sent
        for path, body in sent:
            # A stream of the same is an answer too.
            plain = [(p, {k: v for k, v in b.items() if "stream" not in k}) for p, b in known]
            assert (path, body) in plain


def test_what_a_family_recommends_is_asked_with_and_shown(examined):
    report, _ = examined(path=CHAT, family="DEEPSEEK")
    assert (report["recommended"]["chat"]["temperature"]) == 0.6
    assert "temperature=0.6,\n    top_p=0.95," in report["python"]


def test_a_500_is_no_refusal_of_a_schema(run, variables, monkeypatch, echo):
    for name, value in variables(echo).items():
        monkeypatch.setenv(name, value)
    steps = []
    real = Ask.__new__

    def noted(cls, probe, *arguments):
        steps.append(probe)
        if probe.feature == "json_schema":
            echo.fail_next("500")
        return real(cls, probe, *arguments)

    monkeypatch.setattr(Ask, "__new__", noted)
    checks = {c["name"]: c for c in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert steps
    assert checks["json_schema"]["state"] == "failed"
    assert "refused" not in checks["json_schema"]["found"]
    assert "500" in checks["json_schema"]["found"]
    assert "get-logs" in checks["json_schema"]["advice"]


def test_a_deployment_of_the_environment_that_is_not_there(run, configured, monkeypatch):
    monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "purple")
    report = json.loads(run("doctor", "--json").stdout)
    assert not report["usable"]
    paste(report["python"], configured)


# --- Not let in, or not there ---------------------------------------------------------------------


def not_checked(checks, *names):
    return {checks[name]["state"] for name in names} == {"skipped"}


def test_a_wrong_key(examined):
    report, checks = examined(key=WRONG_KEY)
    assert not report["usable"]
    assert len(report["requests"]) == 1
    assert checks["authorised"]["state"] == "failed"
    assert checks["authorised"]["found"].startswith("401 ")
    assert "the tab Consume" in checks["authorised"]["advice"]
    assert "wr…15" in checks["configuration"]["found"]
    assert not_checked(checks, "deployment", "chat", "completion", "streaming", "server")
    assert report["python"] is None


def test_a_key_where_a_token_is_wanted(examined):
    report, checks = examined(auth="aad_token", key=WRONG_KEY)
    assert not report["usable"]
    assert "aad_token" in checks["authorised"]["advice"]
    assert "credential=DefaultAzureCredential()" in checks["authorised"]["advice"]


def test_a_wrong_path(examined):
    report, checks = examined(path="/nothing/here")
    assert not report["usable"]
    for name, path in (("chat", CHAT), ("completion", "/v1/completions")):
        assert checks[name]["state"] == "failed"
        assert "/nothing/here: 404" in checks[name]["found"]
        assert checks[name]["advice"].endswith(path)


def test_a_deployment_that_is_not_there(examined):
    report, checks = examined("--deployment", "purple")
    assert not report["usable"]
    assert checks["deployment"]["state"] == "failed"
    assert "no deployment 'purple'" in checks["deployment"]["found"]
    assert "'blue' answers" in checks["deployment"]["advice"]
    assert "deployment_name" not in report["python"]


def test_no_traffic(examined):
    report, checks = examined(deployments={"blue": 0})
    assert not report["usable"]
    assert checks["deployment"]["state"] == "failed"
    assert "No deployment of the endpoint has traffic" in checks["deployment"]["found"]
    assert "--traffic" in checks["deployment"]["advice"]


def test_a_container_that_fails(run, variables, monkeypatch, echo):
    for name, value in variables(echo, "/score").items():
        monkeypatch.setenv(name, value)
    echo.fail_next("424", times=LIMIT)
    result = run("doctor")
    assert result.exit_code == 1
    assert 1 < len(echo.requests) <= LIMIT
    assert "424 around the model's 500" in result.stdout
    assert "az ml online-deployment get-logs" in result.stdout


@pytest.mark.parametrize("times", [1, 2])
def test_a_busy_server(run, variables, monkeypatch, times):
    monkeypatch.setattr("langchain_azureml_oss.doctor.trying.time.sleep", lambda seconds: None)
    with LocalEndpoint("echo") as busy:
        for name, value in variables(busy, "/score").items():
            monkeypatch.setenv(name, value)
        busy.fail_next("429", times=times)
        report = json.loads(run("doctor", "--json").stdout)
        assert len(busy.requests) == (2 if times == 2 else LIMIT)
    assert report["usable"] == (times == 1)
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["chat"]["state"] == ("ok" if times == 1 else "failed")


# --- The way to the endpoint ----------------------------------------------------------------------


@pytest.fixture
def reached(run, monkeypatch):
    """Runs the doctor on a URL."""

    def call(url, *arguments, key=WRONG_KEY):
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", key)
        result = run("doctor", "--url", url, "--family", "LLAMA", "--json", *arguments)
        assert result.exit_code == 1
        assert key not in result.output
        report = json.loads(result.stdout)
        return report, {check["name"]: check for check in report["checks"]}

    return call


def test_a_dead_port(reached):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it meanwhile
        report, checks = reached(f"http://127.0.0.1:{free.getsockname()[1]}/score")
    assert checks["name"]["state"] == "ok"
    assert checks["reachable"]["state"] == "failed"
    assert "connection refused" in checks["reachable"]["found"]
    assert report["requests"] == []
    assert not_checked(checks, "tls", "authorised", "chat")


def test_a_name_that_does_not_resolve(reached, monkeypatch):
    host = "no-such.eastus2.inference.ml.azure.com"
    real = socket.getaddrinfo

    def getaddrinfo(name, *arguments, **options):
        if name == host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    report, checks = reached(f"https://{host}/score")
    assert checks["name"]["state"] == "failed"
    assert checks["name"]["found"] == f"{host} has no address: Name or service not known"
    assert "typing errors" in checks["name"]["advice"]
    assert report["requests"] == []
    assert not_checked(checks, "reachable", "tls", "authorised")


def test_http_to_another_machine(reached):
    report, checks = reached("http://example.com/score")
    assert checks["url"]["state"] == "failed"
    assert "in the clear" in checks["url"]["found"]
    assert "https://" in checks["url"]["advice"]
    assert report["requests"] == []
    assert not_checked(checks, "name", "reachable")


@pytest.mark.parametrize(
    ("url", "advised"),
    [
        ("https://ml.azure.com/endpoints/realtime/mine/detail", "page of Azure ML studio"),
        ("https://mine.openai.azure.com/openai/deployments/x", "langchain-openai"),
        ("https://management.azure.com/subscriptions/x", "does not score"),
        ("my-ep.eastus2.inference.ml.azure.com/score", "tab Consume"),
        ("ftp://host/score", "tab Consume"),
    ],
)
def test_a_url_of_something_else(reached, url, advised):
    report, checks = reached(url)
    assert checks["url"]["state"] == "failed"
    assert advised in checks["url"]["advice"]
    assert report["requests"] == []


def test_what_a_url_may_hold_is_not_shown(reached):
    for url in (
        "https://me:pass-4711@host/score",
        "ftp://host/score?sig=pass-4711",
        "pass-4711",  # the key in the place of the URL
    ):
        report, _ = reached(url)
        assert "pass-4711" not in json.dumps(report)


@pytest.fixture
def self_signed(tmp_path):
    """A self-signed certificate for this machine: an SSLContext, and the file's path."""
    chain, key = fake_azure.write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, chain


def test_a_self_signed_certificate(reached, self_signed):
    context, _ = self_signed
    with LocalEndpoint("echo", ssl_context=context) as endpoint:
        _, checks = reached(f"{endpoint.url}/score", key=endpoint.api_key)
        assert endpoint.requests == []
    assert checks["reachable"]["state"] == "ok"
    assert checks["tls"]["state"] == "failed"
    assert "self-signed certificate" in checks["tls"]["found"]
    assert "ca_bundle=" in checks["tls"]["advice"]
    assert not_checked(checks, "authorised", "chat")


def test_a_certificate_that_the_system_trusts(run, variables, self_signed, monkeypatch):
    context, chain = self_signed
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    with LocalEndpoint("echo", ssl_context=context) as endpoint:
        for name, value in variables(endpoint).items():
            monkeypatch.setenv(name, value)
        report = json.loads(run("doctor", "--json").stdout)
    tls = next(check for check in report["checks"] if check["name"] == "tls")
    assert report["usable"]
    assert (tls["state"], tls["found"][:5]) == ("ok", "TLSv1")
    assert "valid until" in tls["found"]
    assert {request["path"] for request in report["requests"]} >= {"/info", "/swagger.json"}
    assert all(request["answered"] for request in report["requests"])


def test_https_to_a_server_without_tls(reached, echo):
    _, checks = reached(echo.url.replace("http:", "https:") + "/score")
    assert checks["tls"]["state"] == "failed"
    assert echo.requests == []


def test_http_to_a_server_with_tls(reached, self_signed):
    context, _ = self_signed
    with LocalEndpoint("echo", ssl_context=context) as endpoint:
        url = endpoint.url.replace("https:", "http:") + "/score"
        report, checks = reached(url, key=endpoint.api_key)
    assert checks["reachable"]["state"] == "failed"
    assert "write https://" in checks["reachable"]["advice"]
    assert len(report["requests"]) == 2


@pytest.mark.parametrize(
    ("recorded", "found", "way"),
    [
        ((b"", 302, "location", "https://login.example/x"), "302, a redirect", "login.example"),
        ((b"<html>", 200, "content-type", "text/html"), "answered an HTML page", "a sign-in page"),
    ],
)
def test_something_else_answers(reached, raw_server, wire, answer, recorded, found, way):
    body, status, name, value = recorded
    server = raw_server(wire(answer(body, status, **{name: value})))
    report, checks = reached(f"{server.url}/score")
    assert len(report["requests"]) <= LIMIT
    for name in ("chat", "completion"):
        assert checks[name]["state"] == "failed"
        assert f"score at /score: {found}" in checks[name]["found"]
        assert way in checks[name]["advice"]


def test_a_dead_proxy(reached, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass-4711@{place}")
        report, checks = reached("https://ep.eastus2.inference.ml.azure.com/score")
    assert checks["name"]["state"] == "skipped"
    assert checks["reachable"]["state"] == "failed"
    assert f"proxy http://{place}" in checks["reachable"]["found"]
    assert "HTTPS_PROXY" in checks["reachable"]["advice"]
    assert "pass-4711" not in json.dumps(report)


def test_a_proxy_of_another_kind(reached, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    report, checks = reached("https://ep.eastus2.inference.ml.azure.com/score")
    assert checks["reachable"]["state"] == "failed"
    assert "socks5" in checks["reachable"]["found"]
    assert "NO_PROXY" in checks["reachable"]["advice"]
    assert report["requests"] == []


@pytest.mark.parametrize("url", ["https://[::1/score", "ftp://host/score", "mailto:me", "key"])
def test_a_bad_url_and_a_proxy(reached, monkeypatch, url):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    report, checks = reached(url)
    assert checks["url"]["state"] == "failed"
    assert report["requests"] == []


def test_a_proxy_that_answers(examined, monkeypatch, raw_server, wire, answer):
    proxy = raw_server(wire(answer({"output": "Hi"})))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    _, checks = examined_through(proxy, monkeypatch)
    assert checks["reachable"]["found"] == f"through the proxy {proxy.url}, which answers"
    assert checks["chat"]["state"] == "ok"


def examined_through(proxy, monkeypatch):
    from typer.testing import CliRunner

    from langchain_azureml_oss.cli.app import build_app

    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", WRONG_KEY)
    arguments = ["doctor", "--url", "http://ep.localhost/score", "--family", "LLAMA", "--json"]
    report = json.loads(CliRunner().invoke(build_app(), arguments).stdout)
    assert len(proxy.requests) == len(report["requests"]) <= LIMIT
    return report, {check["name"]: check for check in report["checks"]}


# --- Configuration --------------------------------------------------------------------------------


def test_nothing_is_configured(run):
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.startswith("failed   Configuration")
    for key in ("endpoint_url", "endpoint_api_key", "model_family"):
        assert f"{key} is missing." in result.stdout
    assert "--family" in result.stdout
    assert "get-credentials" in result.stdout
    assert "0 requests sent" in result.stdout


def test_only_the_family_is_missing(run, configured, monkeypatch):
    monkeypatch.delenv("AZUREML_MODEL_FAMILY")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert checks["configuration"]["found"].startswith("model_family is missing.")
    # Everything else can be known without it.
    assert checks["chat"]["state"] == "ok"


def test_an_unknown_family_of_the_environment(run, configured, monkeypatch):
    monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LAMMA")
    result = run("doctor")
    assert result.exit_code == 1
    assert "Unknown model_family 'LAMMA'" in result.stdout


@pytest.mark.parametrize("source", ["variable", "file"])
def test_a_value_that_is_wrong_is_not_called_missing(
    run, configured, monkeypatch, tmp_path, source
):
    arguments = ()
    if source == "file":
        path = tmp_path / "mine.yaml"
        path.write_text("name: mine\ntype: custom\nconfigs:\n  model_family: LAMMA\n")
        arguments = ("--connection", str(path))
    else:
        monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LAMMA")
    checks = json.loads(run("doctor", "--json", *arguments).stdout)["checks"]
    configuration = next(check for check in checks if check["name"] == "configuration")
    assert configuration["state"] == "failed"
    assert "Unknown model_family 'LAMMA'" in configuration["found"]
    assert "missing" not in configuration["found"]
    assert "--family" in configuration["advice"]


def test_a_wrong_key_of_a_connection_gets_the_nearest(run, echo, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"name: mine\ntype: custom\nconfigs:\n  endpoint_uri: {echo.scoring_url}\n"
        f"  model_family: LLAMA\nsecrets:\n  endpoint_api_key: {WRONG_KEY}\n"
    )
    result = run("doctor", "--connection", str(path))
    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    assert "endpoint_url is missing. The connection has endpoint_uri, model_family" in first
    assert "'endpoint_url' where it says 'endpoint_uri'" in first
    assert WRONG_KEY not in result.output


def test_a_key_that_no_header_carries(run, configured, monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "wrong-key\nfrom-two-lines")
    result = run("doctor")
    assert result.exit_code == 1
    assert "Copy the key again" in result.stdout
    assert configured.requests == []
    assert "from-two-lines" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [("--family", "LAMMA"), ("--contract", "corba"), ("--gossip",), ("--url",), ("hello",)],
)
def test_wrong_usage(run, configured, arguments):
    result = run("doctor", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert configured.requests == []


def test_a_connection_file(run, echo, tmp_path, monkeypatch):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"name: mine\ntype: custom\nconfigs:\n  endpoint_url: {echo.scoring_url}\n"
        "  model_family: LLAMA\nsecrets:\n  endpoint_api_key: ${env:MY_KEY}\n"
    )
    monkeypatch.setenv("MY_KEY", echo.api_key)
    result = run("doctor", "--connection", str(path), "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert f"file {str(path)!r}" in report["checks"][0]["found"]
    assert echo.api_key not in result.output
    assert "CustomConnection.from_yaml" in report["python"]
    paste(report["python"], echo)


def test_a_selector(run, echo, monkeypatch):
    def selected(cls, selector):
        found = echo.connection("LLAMA")
        found.name, found.source = "mine", selector
        return found

    monkeypatch.setattr(CustomConnection, "_selected", classmethod(selected))
    result = run("doctor", "--connection", "onlineEndpoint/mine", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert "(onlineEndpoint/mine)" in report["checks"][0]["found"]
    assert "connection='onlineEndpoint/mine'" in report["python"]
    paste(report["python"], echo)


class OfBoth(fake_azure.Credential):
    """Signs in to the workspace, and to the endpoint unless that is refused."""

    def __init__(self, azure, endpoint):
        super().__init__(azure)
        self.endpoint, self.issued, self.problem = endpoint, [], None

    def get_token(self, *scopes, **more):
        if scopes != ("https://ml.azure.com/.default",):
            return super().get_token(*scopes, **more)
        if self.problem:
            raise self.problem
        self.issued.append(self.endpoint.issue_token())
        return super().get_token(*scopes, **more)._replace(token=self.issued[-1])


@pytest.mark.parametrize(
    "problem", [None, OSError("nobody is signed in, client_secret=s3cret-4711")]
)
def test_an_endpoint_of_a_workspace_with_entra_id(run, fake, monkeypatch, problem):
    for name, value in fake_azure.WORKSPACE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    with LocalEndpoint("echo", auth="aad_token", deployments={"blue": 100}) as endpoint:
        credential = OfBoth(fake, endpoint)
        credential.problem = problem
        monkeypatch.setattr("azure.identity.DefaultAzureCredential", lambda: credential)
        model = "azureml://registries/azureml-meta/models/Llama-2-7b-chat/versions/18"
        url = endpoint.scoring_url
        fake.add_online("ep", {"blue": (100, model)}, "AADToken", scoringUri=url)
        result = run("doctor", "--connection", "onlineEndpoint/ep", "--json")
        report = json.loads(result.stdout)
        checks = {check["name"]: check for check in report["checks"]}
        found = checks["configuration"]["found"]
        assert "endpoint_api_key a credential from the connection 'ep' (onlineEndpoint/ep)" in found
        assert "model_family LLAMA2" in found
        assert [token for token in credential.issued if token in result.output] == []
        assert "s3cret-4711" not in result.output
        assert (result.exit_code, report["usable"]) == ((1, False) if problem else (0, True))
        if problem:
            assert endpoint.requests == []
            assert "nobody is signed in" in checks["authorised"]["found"]
            assert "az login" in checks["authorised"]["advice"]
        else:
            assert len(credential.issued) == 1
            assert checks["authorised"]["found"] == "the credential's token is taken"
            paste(report["python"], endpoint)


def test_a_connection_that_is_not_there(run):
    result = run("doctor", "--connection", "absent.yaml")
    assert result.exit_code == 1
    assert "There is no connection file 'absent.yaml'" in result.stdout


# --- On the screen --------------------------------------------------------------------------------


def test_the_text(run, configured):
    result = run("doctor")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for title in TITLES.values():
        (line,) = [line for line in lines if line[9:].startswith(f"{title} ")]
        assert line.split()[0] in {"ok", "failed", "skipped"}
    assert "\x1b" not in result.stdout
    assert "The endpoint can be used. (7 requests sent)" in lines
    pasted = result.stdout.partition("Paste this:\n\n")[2]
    paste(pasted, configured)
    assert configured.api_key not in result.output


def test_the_text_on_a_terminal(on_terminal, configured):
    plain = on_terminal("doctor")
    assert plain.end() == 0
    assert max(map(len, plain.shown.splitlines())) <= 120
    assert "Paste this:" in plain.shown
    assert configured.api_key not in plain.shown
    colourful = on_terminal("doctor", NO_COLOR="")
    assert colourful.end() == 0
    assert "\x1b[32mok" in colourful.shown
    assert "\x1b[1;31mfailed" in colourful.shown
    assert configured.api_key not in colourful.shown


def test_a_url_stays_whole_on_a_narrow_terminal():
    url = "https://my-endpoint-with-a-name.eastus2.inference.ml.azure.com/v1/chat/completions"
    text = checklist_text(Line("chat", "failed", "a", f"Change the URL to {url}"), 60).plain
    assert url in text
    assert max(len(line) for line in text.splitlines() if url not in line) <= 60


def test_a_server_gives_no_orders_to_the_terminal():
    line = Line("server", "ok", "a\x1b]0;mine\x07b", "c\nd")
    for width in (0, 40):
        text = checklist_text(line, width).plain
        assert "\x1b" not in text
        assert "\x07" not in text


# --- Decisions, without I/O -----------------------------------------------------------------------


def drive(setup, outcomes):
    """Run an examination; an outcome is what the function returns for a step."""
    steps, outcome, taken = examine(setup), None, []
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            return end.value, taken
        taken.append(step)
        outcome = outcomes(step)


def cloud(asked, *, certificate=None):
    """Outcomes before an endpoint that answers `asked` to every request."""
    network = {
        Resolve: ["10.1.2.3"],
        Connect: None,
        Handshake: certificate or Certificate("TLSv1.3", "Jan  1 00:00:00 2030 GMT"),
        Ask: asked,
        Look: None,
        Pause: None,
    }
    return lambda step: network[type(step)]


def setup(**fields):
    made = {"url": "https://ep.eastus2.inference.ml.azure.com/score", "key": "a-key-of-sorts"}
    made |= {"family": profile(ModelFamily.LLAMA), "origins": {"endpoint_url": "--url"}}
    return Setup(**(made | fields))


def line(report, name):
    return next(one for one in report.lines if one.name == name)


def test_the_lines_of_an_mlflow_model_of_vectors_name_its_contract_and_deployment():
    def asked(step):
        if not isinstance(step, Ask):
            return cloud(None)(step)
        contract = formatter(step.probe.contract)
        return contract.mismatch([[0.5]] if step.probe.contract == "score-params" else {})

    report, _ = drive(setup(deployment="blue"), asked)
    assert 'contract="score-params"' in report.python
    assert 'deployment_name="blue"' in report.python
    assert "model_family" not in report.python


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_usage_of_an_answer_in_one_piece_is_a_usage(is_stream):
    def asked(step):
        if not isinstance(step, Ask):
            return cloud(None)(step)
        streams = step.probe.feature == "stream"
        is_last = streams and is_stream
        return Answer("Hi", {}, 0.1, 0.2, has_usage=streams, is_stream=is_last)

    report, _ = drive(setup(url="https://ep.example.com" + CHAT), asked)
    assert line(report, "usage").found == f"reported in {'streams' if is_stream else 'answers'}"


def test_a_private_address_and_a_certificate_are_told():
    report, _ = drive(setup(), cloud(ModelContainerError("424 no", model_status=500, status=424)))
    assert "private endpoint" in line(report, "name").found
    assert "TLSv1.3" in line(report, "tls").found
    assert "valid until Jan  1 00:00:00 2030 GMT" in line(report, "tls").found


@pytest.mark.parametrize(
    ("error", "requests", "name"),
    [
        (RateLimitError("429", status=429), 2, "chat"),
        (EndpointConnectionError("reset"), 2, "reachable"),
        (ModelContainerError("424", model_status=400, status=424), LIMIT, "completion"),
    ],
)
def test_never_too_many_requests(error, requests, name):
    report, steps = drive(setup(url="https://ep.example.com/own/path"), cloud(error))
    assert sum(isinstance(step, Ask | Look) for step in steps) == requests
    assert line(report, name).state == "failed"
    assert line(report, name).advice
    assert not report.usable


@pytest.mark.parametrize(
    ("error", "found", "way"),
    [
        (ssl.SSLCertVerificationError(1, "x"), "not trusted", "ca_bundle="),
        (ConnectionResetError(104, "Connection reset by peer"), "reset by peer", "firewall"),
        (TimeoutError("timed out"), "timed out", "firewall"),
    ],
)
def test_a_handshake_that_fails(error, found, way):
    report, steps = drive(setup(), cloud(None, certificate=error))
    assert found in line(report, "tls").found
    assert way in line(report, "tls").advice
    assert not any(isinstance(step, Ask) for step in steps)


@pytest.mark.parametrize(
    ("words", "way"),
    [
        ("certificate has expired", "clock"),
        ("Hostname mismatch, certificate is not valid for 'x'", "host name"),
        ("self-signed certificate", "ca_bundle="),
    ],
)
def test_a_certificate_that_is_not_trusted(words, way):
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = words
    assert way in advice.for_tls(error)[1]


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://h/score", "https://h"),
        ("https://h/gateway/score", "https://h/gateway"),
        ("https://h/v1/chat/completions?x=1", "https://h"),
        ("https://h/a/chat/completions", "https://h/a"),
        ("https://h/v1", "https://h"),
        ("https://h/nothing/here", "https://h"),
        ("https://h", "https://h"),
    ],
)
def test_where_the_other_paths_are(url, base):
    assert base_of(url) == base


@pytest.mark.parametrize("family", ["LLAMA", "FALCON", "GPT2", "DOLLY", "OPENAI"])
@pytest.mark.parametrize("url", ["https://h/score", "https://h", "https://h/x"])
def test_the_configured_contract_is_asked_first(url, family):
    row = profile(ModelFamily(family))
    for contract in ("auto", "score", "falcon-2023", "openai"):
        probes = plan(url, contract, row)
        assert probes[0].role == "configured"
        keys = [(p.contract, p.api, p.target) for p in probes]
        assert len(keys) == len(set(keys))
        assert {probe.contract for probe in probes} >= {"score", "openai", "gpt2-2023"}
    if not row.chat:
        assert plan(url, "auto", row)[0].api == "completion"


def test_the_family_says_which_contract_of_2023_is_likelier():
    probes = [p.contract for p in plan("https://h/score", "auto", profile(ModelFamily.GPT2))]
    assert probes.index("gpt2-2023") < probes.index("falcon-2023")


def test_what_is_known_is_not_asked_again():
    chat = Probe("score", "chat", "https://h/score")
    other = Probe("falcon-2023", "completion", "https://h/score", "alternative")
    assert is_worth_sending(chat, {}, set(), doubtful=False)
    assert not is_worth_sending(chat, {"chat": chat}, set(), doubtful=False)
    assert not is_worth_sending(chat, {}, {chat.target}, doubtful=False)
    assert is_worth_sending(other, {}, set(), doubtful=False)
    assert not is_worth_sending(other, {"chat": chat}, set(), doubtful=False)


@pytest.mark.parametrize(("secret", "shown"), [("sk-7Hq2vR9tLwX4", "sk…X4"), ("short", "(hidden)")])
def test_the_ends_of_a_key(secret, shown):
    assert ends_of(secret) == shown


def test_a_token_tells_when_it_ends():
    # Its end is at 1,000 seconds.
    token = "eyJhbGciOiJub25lIn0.eyJleHAiOiAxMDAwfQ.x"
    assert advice.about_token(token, now=1600) == "The key is a token, and expired 10 minutes ago."
    assert "5 minutes more" in advice.about_token(token, now=700)
    assert advice.about_token("sk-7Hq2vR9tLwX4") == ""
