"""Every text that the document of questions quotes is what really comes, and says what to do.

A comment above each quotation names what provokes it here: an error's message, or lines of the
doctor. Both sides have the same names, so that none can be forgotten.
"""

from __future__ import annotations

import inspect
import re
import socket
import ssl

import documents
import fake_azure
import pytest
from typer.testing import CliRunner

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM
from langchain_azureml_oss.cli.app import build_app
from langchain_azureml_oss.connections.connection import ENVIRONMENT
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.local import LocalEndpoint

DOCUMENT = documents.ROOT / "docs" / "troubleshooting.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
QUOTED = dict(re.findall(r"(?ms)^<!-- said by (\w+) -->\n\n```text\n(.*?)\n```$", TEXT))
HOST = documents.EXAMPLE_HOST.removeprefix("https://")
OLD_KEY = "an-old-key-4711"
CHAT = "/v1/chat/completions"
DEAD_NAME = "my-epp.eastus2.inference.ml.azure.com"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ENVIRONMENT.values():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def raised():
    """The message of what making and calling a model raises."""

    def call(endpoint=None, path="/score", **fields):
        if endpoint is not None:
            fields = {"connection": endpoint.connection("LLAMA", path), "max_retries": 0} | fields
        with pytest.raises(AzureMLOSSError) as caught:
            AzureMLOSSChatModel(**fields).invoke("Hello")
        return str(caught.value)

    return call


@pytest.fixture
def doctor(monkeypatch):
    """Lines of the doctor's checklist by their titles, each with its way forward."""

    def call(*titles, url="", key=OLD_KEY, options=()):
        if url:
            monkeypatch.setenv("AZUREML_ENDPOINT_URL", url)
            monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", key)
            monkeypatch.setenv("AZUREML_MODEL_FAMILY", "LLAMA")
        shown = CliRunner().invoke(build_app(), ["doctor", *options]).stdout
        found = [re.search(rf"(?m)^\w+ +{title} .*(?:\n +-> .*)?", shown) for title in titles]
        return "\n".join(line.group(0) for line in found)

    return call


@pytest.fixture
def dead_name(monkeypatch):
    """A host name without an address, without asking anybody's name server."""
    real = socket.getaddrinfo

    def getaddrinfo(name, *arguments, **options):
        if name == DEAD_NAME:
            raise socket.gaierror(-2, "Name or service not known")
        return real(name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return f"https://{DEAD_NAME}/score"


@pytest.fixture
def self_signed(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*fake_azure.write_certificate(tmp_path))
    return context


@pytest.fixture
def forbidding(raw_server, wire, answer):
    """The URL of an endpoint that answers 403, as Azure ML's front door does."""
    return raw_server(wire(answer(b"", 403))).url + "/score"


# --- What provokes each quotation -----------------------------------------------------------------


def missing(raised):
    return raised(endpoint_url=f"https://{HOST}/score", model_family="LLAMA")


def misspelt(raised):
    return raised(connection={"endpoint": f"https://{HOST}/score", "model_family": "LLAMA"})


def studio_page(raised):
    return raised(
        endpoint_url="https://ml.azure.com/endpoints", endpoint_api_key="k", model_family="LLAMA"
    )


def misspelt_family(raised):
    return raised(endpoint_url=f"https://{HOST}/score", endpoint_api_key="k", model_family="LAMA")


def doctor_without_configuration(doctor):
    return doctor("Configuration")


def wrong_key(raised):
    with LocalEndpoint("echo") as endpoint:
        return raised(endpoint, api_key=OLD_KEY)


def doctor_of_a_wrong_key(doctor):
    with LocalEndpoint("echo") as endpoint:
        return doctor("Authorised", url=endpoint.scoring_url)


def forbidden(raised, forbidding):
    connection = {"endpoint_url": forbidding, "endpoint_api_key": "k" * 32, "model_family": "LLAMA"}
    return raised(connection=connection)


def doctor_of_a_403(doctor, forbidding):
    return doctor("Authorised", url=forbidding)


def wrong_path(raised):
    with LocalEndpoint("echo") as endpoint:
        return raised(endpoint, "/api/score")


def unknown_deployment(raised):
    with LocalEndpoint("echo") as endpoint:
        return raised(endpoint, deployment_name="purple")


def no_traffic(raised):
    with LocalEndpoint("echo", deployments={"blue": 0}) as endpoint:
        return raised(endpoint)


def doctor_of_a_wrong_path(doctor):
    with LocalEndpoint("echo") as endpoint:
        said = doctor("Chat", url=f"{endpoint.url}/api/wrong", key=endpoint.api_key)
        return said.replace(endpoint.url, documents.EXAMPLE_HOST)


def doctor_of_an_unknown_deployment(doctor):
    with LocalEndpoint("echo") as endpoint:
        options = ("--deployment", "purple")
        return doctor("Deployment", url=endpoint.scoring_url, key=endpoint.api_key, options=options)


def failed_container(raised):
    with LocalEndpoint("echo") as endpoint:
        endpoint.fail_next("424")
        return raised(endpoint)


def doctor_of_a_failed_container(doctor):
    with LocalEndpoint("echo") as endpoint:
        endpoint.fail_next("424", times=8)
        return doctor("Chat", url=endpoint.scoring_url, key=endpoint.api_key)


def other_contract(raised):
    with LocalEndpoint("echo", contract="falcon-2023") as endpoint:
        return raised(endpoint)


def doctor_of_another_contract(doctor):
    with LocalEndpoint("echo", contract="falcon-2023") as endpoint:
        return doctor("Completion", url=endpoint.scoring_url, key=endpoint.api_key)


def text_deployment(raised):
    with LocalEndpoint("echo", task="completion") as endpoint:
        return raised(endpoint)


def chat_deployment():
    with LocalEndpoint("echo", task="chat") as endpoint:
        llm = AzureMLOSSLLM(connection=endpoint.connection("FALCON"), max_retries=0)
        with pytest.raises(AzureMLOSSError) as caught:
            llm.invoke("Hello")
        return str(caught.value)


def doctor_of_a_text_deployment(doctor):
    with LocalEndpoint("echo", task="completion") as endpoint:
        return doctor("Chat", url=endpoint.scoring_url, key=endpoint.api_key)


def too_many(raised):
    with LocalEndpoint("echo") as endpoint:
        endpoint.fail_next("429")
        return raised(endpoint)


def too_slow(raised):
    with LocalEndpoint("echo") as endpoint:
        endpoint.fail_next("408")
        return raised(endpoint)


def silence(raised):
    with LocalEndpoint("echo") as endpoint:
        endpoint.fail_next("stall")
        return raised(endpoint, timeout=(10, 0.1))


def no_address(raised, dead_name):
    connection = {"endpoint_url": dead_name, "endpoint_api_key": "k" * 32, "model_family": "LLAMA"}
    return raised(connection=connection, max_retries=0)


def doctor_of_no_address(doctor, dead_name):
    return doctor("Name resolves", url=dead_name)


def untrusted(raised, self_signed):
    with LocalEndpoint("echo", ssl_context=self_signed) as endpoint:
        return raised(endpoint)


def doctor_of_an_untrusted_certificate(doctor, self_signed):
    with LocalEndpoint("echo", ssl_context=self_signed) as endpoint:
        return doctor("TLS", url=endpoint.scoring_url)


def doctor_of_one_piece(doctor):
    with LocalEndpoint("echo", ignore_stream=True) as endpoint:
        return doctor("Streaming", url=endpoint.url + CHAT, key=endpoint.api_key)


def doctor_of_refused_tools(doctor):
    with LocalEndpoint("echo", refuse_tools=True) as endpoint:
        return doctor("Native tools", url=endpoint.url + CHAT, key=endpoint.api_key)


WAYS = {
    missing: "looked in the argument endpoint_api_key=",
    misspelt: "Did you mean 'endpoint_url' where it says 'endpoint'?",
    studio_page: "the tab Consume",
    misspelt_family: "Did you mean LLAMA?",
    doctor_without_configuration: "set AZUREML_ENDPOINT_URL or pass --url",
    wrong_key: "Check endpoint_api_key, or pass credential=",
    doctor_of_a_wrong_key: "Copy the key again",
    forbidden: "needs the role AzureML Data Scientist",
    doctor_of_a_403: "the role AzureML Data Scientist",
    wrong_path: "Check the URL's path",
    unknown_deployment: "deployment_name",
    no_traffic: "that a deployment has traffic",
    doctor_of_a_wrong_path: f"Change the URL to {documents.EXAMPLE_HOST}{CHAT}",
    doctor_of_an_unknown_deployment: "Correct the name, or leave it out",
    failed_container: "az ml online-deployment get-logs",
    doctor_of_a_failed_container: "az ml online-deployment get-logs",
    other_contract: "'falcon-2023'",
    doctor_of_another_contract: "pass contract='falcon-2023'",
    text_deployment: 'Write AzureMLOSSLLM(..., api="completion")',
    chat_deployment: 'Write AzureMLOSSLLM(..., api="chat")',
    doctor_of_a_text_deployment: "Take AzureMLOSSLLM",
    too_many: "Lower max_concurrency or raise max_retries",
    too_slow: "Raise that, or ask for fewer tokens",
    silence: "Raise timeout=",
    no_address: "`azureml-oss doctor`",
    doctor_of_no_address: "typing errors",
    untrusted: "ca_bundle=",
    doctor_of_an_untrusted_certificate: "ca_bundle=",
    doctor_of_one_piece: "server's settings",
    doctor_of_refused_tools: "--enable-auto-tool-choice",
}
"""What provokes a quotation -> the words in it that say what to do."""


@pytest.mark.parametrize("provoke", WAYS, ids=lambda provoke: provoke.__name__)
def test_a_quotation_is_what_comes_and_says_what_to_do(provoke, request):
    arguments = {
        name: request.getfixturevalue(name) for name in inspect.signature(provoke).parameters
    }
    said = provoke(**arguments)
    assert said == QUOTED[provoke.__name__]
    assert WAYS[provoke] in said
    if provoke.__name__.startswith("doctor"):
        assert "\n" in said  # the way forward of each line
        assert said.partition("\n")[2].lstrip().startswith("-> ")


def test_there_is_nothing_else_in_quotes():
    assert sorted(QUOTED) == sorted(provoke.__name__ for provoke in WAYS)
    assert sum(block.language == "text" for block in documents.blocks(TEXT)) == len(QUOTED)


def test_there_are_ten_questions_and_each_has_its_texts():
    questions = re.findall(r"(?m)^## \d+\. (.+)$", TEXT)
    assert len(questions) == 10
    for part in re.split(r"(?m)^## \d+\. ", TEXT)[1:]:
        assert "<!-- said by " in part, part.partition("\n")[0]
        assert "**What to do.**" in part, part.partition("\n")[0]
