"""As whom an endpoint is called: a key, Entra ID, Azure ML's own tokens, any function.

The endpoint is a real one on this machine, which answers 401 to whatever it did not issue.
"""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import fake_azure
import pytest
from fake_azure.fixtures import (  # noqa: F401 - pytest finds them here
    azure_on_this_machine,
    self_made_certificate,
)

from langchain_azureml_oss import AzureMLOSSChatModel, AzureMLOSSLLM, CustomConnection
from langchain_azureml_oss.errors import AuthenticationError, ConnectionConfigError
from langchain_azureml_oss.local import LocalEndpoint

with warnings.catch_warnings():
    # azure-ai-ml's marshmallow warns of itself while it is imported.
    warnings.simplefilter("ignore")
    import azure.ai.ml  # noqa: F401
    from azure.core.credentials import AccessToken
    from azure.identity import ClientSecretCredential, EnvironmentCredential

LLAMA = "azureml://registries/azureml-meta/models/Llama-2-7b-chat/versions/18"


@pytest.fixture
def endpoint():
    with LocalEndpoint(model="echo", auth="aad_token") as running:
        yield running


@pytest.fixture
def make(endpoint):
    """A model of this endpoint that has nothing but the credential."""

    def build(credential, cls=AzureMLOSSChatModel, **fields):
        return cls(
            endpoint_url=endpoint.scoring_url,
            model_family="LLAMA",
            credential=credential,
            max_retries=0,
            **fields,
        )

    return build


class Issuer:
    """azure-core's TokenCredential; the endpoint issues its tokens.

    Args:
        endpoint: Who issues.
        says_s: Seconds of life that the token is said to have.
        lives_s: Seconds that it has.
    """

    def __init__(self, endpoint, says_s=3600, lives_s=3600):
        self.endpoint, self.says_s, self.lives_s = endpoint, says_s, lives_s
        self.asked, self.inside, self.most_inside = 0, 0, 0
        self._lock = threading.Lock()

    def get_token(self, *scopes, **_):
        assert scopes == ("https://ml.azure.com/.default",)
        with self._lock:
            self.asked += 1
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        time.sleep(0.02)  # so that others come while this one asks
        with self._lock:
            self.inside -= 1
        token = self.endpoint.issue_token(self.lives_s)
        return AccessToken(token, int(time.time() + self.says_s))


class AsyncIssuer(Issuer):
    async def get_token(self, *scopes, **_):
        self.asked += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await asyncio.sleep(0.02)
        self.inside -= 1
        return AccessToken(self.endpoint.issue_token(self.lives_s), int(time.time() + self.says_s))


def statuses(endpoint):
    return [request.status for request in endpoint.requests]


# --- A key ----------------------------------------------------------------------------------------


def test_a_key_opens_the_endpoint():
    with LocalEndpoint(model="echo") as endpoint:
        chat = AzureMLOSSChatModel(connection=endpoint.connection())
        assert chat.invoke("hi").text == "echo: hi"


def test_with_a_key_a_401_is_final(shows):
    with LocalEndpoint(model="echo") as endpoint:
        connection = endpoint.connection()
        chat = AzureMLOSSChatModel(connection=connection, api_key="wrong-key", max_retries=3)
        with pytest.raises(AuthenticationError) as caught:
            chat.invoke("hi")
        assert statuses(endpoint) == [401]
        assert "wrong-key" not in shows(caught.value)


# --- Tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [AzureMLOSSChatModel, AzureMLOSSLLM])
async def test_a_credential_opens_it_in_every_way(endpoint, make, cls):
    issuer = Issuer(endpoint)
    model = make(issuer, cls)
    assert "echo" in str(model.invoke("hi"))
    assert list(model.stream("hi"))
    assert "echo" in str(await model.ainvoke("hi"))
    assert [chunk async for chunk in model.astream("hi")]
    await model.aclose()
    assert issuer.asked == 1
    assert set(statuses(endpoint)) == {200}


async def test_an_async_credential_opens_it(endpoint, make):
    issuer = AsyncIssuer(endpoint)
    async with make(issuer) as chat:
        assert (await chat.ainvoke("hi")).text == "echo: hi"
        with pytest.raises(ConnectionConfigError, match="ainvoke"):
            chat.invoke("hi")
    assert issuer.asked == 1


async def test_any_function_that_gives_a_token_opens_it(endpoint, make):
    async def provide():
        return endpoint.issue_token()

    assert make(endpoint.issue_token).invoke("hi").text == "echo: hi"
    async with make(provide) as chat:
        assert (await chat.ainvoke("hi")).text == "echo: hi"


def test_a_credential_wins_over_a_wrong_key(endpoint, make):
    assert make(Issuer(endpoint), api_key="wrong").invoke("hi").text == "echo: hi"


def test_a_token_is_replaced_before_its_end(endpoint, make, monkeypatch):
    issuer = Issuer(endpoint)
    chat = make(issuer)
    chat.invoke("1")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600 - 310)
    chat.invoke("2")
    assert issuer.asked == 1
    monkeypatch.setattr(time, "time", lambda: now() + 3600 - 290)
    chat.invoke("3")
    assert issuer.asked == 2
    assert statuses(endpoint) == [200] * 3


def test_threads_ask_one_at_a_time_and_once(endpoint, make):
    issuer = Issuer(endpoint)
    chat = make(issuer)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: chat.invoke(str(n)).text, range(12)))
    assert answers == [f"echo: {n}" for n in range(12)]
    assert (issuer.asked, issuer.most_inside) == (1, 1)


@pytest.mark.parametrize("kind", [Issuer, AsyncIssuer])
async def test_tasks_ask_one_at_a_time_and_once(endpoint, make, kind):
    issuer = kind(endpoint)
    async with make(issuer) as chat:
        answers = await asyncio.gather(*(chat.ainvoke(str(n)) for n in range(12)))
    assert [answer.text for answer in answers] == [f"echo: {n}" for n in range(12)]
    assert (issuer.asked, issuer.most_inside) == (1, 1)


def test_threads_and_tasks_ask_one_at_a_time_and_once(endpoint, make):
    """One model, used by threads and by two event loops at the same time."""
    issuer = Issuer(endpoint)
    chat = make(issuer)

    async def ask_all(name):
        return await asyncio.gather(*(chat.ainvoke(f"{name} {n}") for n in range(6)))

    with ThreadPoolExecutor(8) as pool:
        loops = [pool.submit(asyncio.run, ask_all(name)) for name in "ab"]
        calls = [pool.submit(chat.invoke, f"c {n}") for n in range(6)]
        texts = [call.result().text for call in calls]
        texts += [answer.text for loop in loops for answer in loop.result()]
    assert sorted(texts) == sorted(f"echo: {name} {n}" for name in "abc" for n in range(6))
    assert (issuer.asked, issuer.most_inside) == (1, 1)


def test_another_scope_may_be_asked_for(endpoint, make):
    asked = []

    class Own:
        def get_token(self, *scopes, **_):
            asked.append(scopes)
            return AccessToken(endpoint.issue_token(), int(time.time() + 3600))

    assert make(Own(), credential_scope="api://own/.default").invoke("hi").text == "echo: hi"
    assert asked == [("api://own/.default",)]


def test_threads_replace_a_dead_token_once(endpoint, make):
    """All have the same token, which the endpoint no longer takes: one new one is enough."""
    issuer = Issuer(endpoint, lives_s=0)
    chat = make(issuer)
    chat._authorizer.secret()
    issuer.lives_s = 3600
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: chat.invoke(str(n)).text, range(8)))
    assert answers == [f"echo: {n}" for n in range(8)]
    assert (issuer.asked, issuer.most_inside) == (2, 1)


@pytest.mark.parametrize("kind", [Issuer, AsyncIssuer])
async def test_after_a_401_a_new_token_is_tried_once(endpoint, make, kind):
    issuer = kind(endpoint, lives_s=0)  # said to live for an hour, and dead at once
    async with make(issuer) as chat:
        await chat._authorizer.asecret()
        issuer.lives_s = 3600
        assert (await chat.ainvoke("hi")).text == "echo: hi"
    assert issuer.asked == 2
    assert statuses(endpoint) == [401, 200]


@pytest.mark.parametrize("kind", [Issuer, AsyncIssuer])
async def test_a_second_401_is_final(endpoint, make, kind, shows):
    issuer = kind(endpoint, lives_s=0)
    async with make(issuer) as chat:
        with pytest.raises(AuthenticationError) as caught:
            await chat.ainvoke("hi")
    assert statuses(endpoint) == [401, 401]
    for token in endpoint._tokens:
        assert token not in shows(caught.value)


def test_a_stream_gets_a_new_token_too(endpoint, make):
    issuer = Issuer(endpoint, lives_s=0)
    chat = make(issuer)
    chat._authorizer.secret()
    issuer.lives_s = 3600
    assert "".join(chunk.text for chunk in chat.stream("hi")) == "echo: hi"


# --- azure-identity -------------------------------------------------------------------------------


@pytest.fixture
def entra(fake, endpoint):
    """Entra ID on this machine, whose tokens open the endpoint."""
    fake.issue = lambda _: endpoint.issue_token()
    return fake


def secret_credential(entra, secret=fake_azure.CLIENT_SECRET):
    return ClientSecretCredential(
        fake_azure.TENANT,
        fake_azure.CLIENT,
        secret,
        authority=entra.url,
        disable_instance_discovery=True,
    )


async def test_a_service_principal_opens_it(entra, endpoint, make):
    with secret_credential(entra) as credential:
        async with make(credential) as chat:
            assert chat.invoke("hi").text == "echo: hi"
            assert (await chat.ainvoke("again")).text == "echo: again"
    (form,) = entra.signed_in
    assert form["grant_type"] == "client_credentials"
    assert "https://ml.azure.com/.default" in form["scope"]


async def test_the_async_service_principal_opens_it(entra, make):
    from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential

    credential = AsyncClientSecretCredential(
        fake_azure.TENANT,
        fake_azure.CLIENT,
        fake_azure.CLIENT_SECRET,
        authority=entra.url,
        disable_instance_discovery=True,
        connection_verify=entra.certificate,
    )
    async with credential, make(credential) as chat:
        assert (await chat.ainvoke("hi")).text == "echo: hi"
    assert len(entra.signed_in) == 1


def test_the_service_principal_of_the_environment_opens_it(entra, make, monkeypatch):
    monkeypatch.setenv("AZURE_TENANT_ID", fake_azure.TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", fake_azure.CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", fake_azure.CLIENT_SECRET)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", entra.url)
    with EnvironmentCredential(disable_instance_discovery=True) as credential:
        assert make(credential).invoke("hi").text == "echo: hi"


def test_a_wrong_secret_is_an_authentication_error(entra, endpoint, make, shows):
    with (
        secret_credential(entra, "wr0ng-secret") as credential,
        pytest.raises(AuthenticationError, match=r"no token.*AADSTS7000215") as caught,
    ):
        make(credential).invoke("hi")
    assert "wr0ng-secret" not in shows(caught.value)
    assert endpoint.requests == []


# --- From the workspace to the answer -------------------------------------------------------------


def test_from_the_workspace_to_the_answer_with_entra_id(entra, endpoint, monkeypatch):
    for name, value in fake_azure.WORKSPACE_VARIABLES.items():
        monkeypatch.setenv(name, value)
    entra.add_online("ep", {"blue": (100, LLAMA)}, "AADToken", scoringUri=endpoint.scoring_url)
    with secret_credential(entra) as credential:
        connection = CustomConnection.from_workspace("ep", credential=credential)
        assert connection.credential is credential
        chat = AzureMLOSSChatModel(connection=connection)
        assert chat.invoke("hi").text == "echo: hi"
    scopes = [form["scope"].split()[0] for form in entra.signed_in]
    assert scopes == ["https://management.azure.com/.default", "https://ml.azure.com/.default"]


def test_from_the_workspace_to_the_answer_with_azure_mls_tokens(fake, endpoint):
    fake.issue_aml = lambda _number, _name: endpoint.issue_token()
    fake.add_online("ep", {"blue": (100, LLAMA)}, "AMLToken", scoringUri=endpoint.scoring_url)
    connection = CustomConnection.from_workspace(
        "ep",
        subscription_id=fake_azure.SUBSCRIPTION,
        resource_group=fake_azure.GROUP,
        workspace_name=fake_azure.WORKSPACE,
        credential=fake_azure.Credential(fake),
    )
    chat = AzureMLOSSChatModel(connection=connection)
    assert [chat.invoke(text).text for text in "ab"] == ["echo: a", "echo: b"]
    assert len(fake.paths("/token")) == 1
    endpoint._tokens.clear()  # as when an administrator takes the tokens back
    assert chat.invoke("c").text == "echo: c"
    assert statuses(endpoint) == [200, 200, 401, 200]


def test_from_the_workspace_to_the_answer_with_a_key(fake):
    with LocalEndpoint(model="echo", api_key="key-of-ep", deployments={"blue": 100}) as endpoint:
        fake.add_online("ep", {"blue": (100, LLAMA)}, scoringUri=endpoint.scoring_url)
        connection = CustomConnection.from_workspace(
            "ep",
            "blue",
            subscription_id=fake_azure.SUBSCRIPTION,
            resource_group=fake_azure.GROUP,
            workspace_name=fake_azure.WORKSPACE,
            credential=fake_azure.Credential(fake),
        )
        answer = AzureMLOSSChatModel(connection=connection).invoke("hi")
        assert (answer.text, answer.response_metadata["deployment"]) == ("echo: hi", "blue")
