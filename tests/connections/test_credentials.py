"""A key, a token provider or an Entra ID credential -> the secret of the Authorization header."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import threading
import time
import traceback
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from langchain_azureml_oss.connections.credentials import KeyAuthorizer, TokenAuthorizer, authorizer
from langchain_azureml_oss.errors import (
    AuthenticationError,
    AzureMLOSSError,
    ConnectionConfigError,
    PermissionDeniedError,
)


class Credential:
    """As azure-identity's: counts its tokens, each of which lives for `life` seconds."""

    def __init__(self, life=3600.0):
        self.life, self.asked = life, []

    def get_token(self, *scopes, **_):
        self.asked.append(scopes)
        return SimpleNamespace(
            token=f"token-{len(self.asked)}", expires_on=int(time.time() + self.life)
        )


class AsyncCredential(Credential):
    async def get_token(self, *scopes, **more):
        await asyncio.sleep(0)
        return super().get_token(*scopes, **more)


def jwt(life):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + life}).encode())
    return f"h.{claims.decode().rstrip('=')}.s"


def test_a_key_is_the_secret():
    made = authorizer("k", None)
    assert isinstance(made, KeyAuthorizer)
    assert made.secret() == made.secret(rejected=SecretStr("k")) == "k"
    assert not made.can_refresh


def test_a_credential_wins_over_a_key():
    assert authorizer("k", Credential()).secret() == "token-1"


def test_neither_is_a_configuration_error():
    with pytest.raises(ConnectionConfigError, match=r"endpoint_api_key.*credential"):
        authorizer(None, None)


@pytest.mark.parametrize("bad", ["a\nb", " a", "a ", "é", "a\x00"])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(bad):
    with pytest.raises(ConnectionConfigError, match="endpoint_api_key") as caught:
        authorizer("secret" + bad if bad != " a" else " secret", None)
    assert "secret" not in str(caught.value)


def test_a_credential_of_another_kind_is_refused():
    with pytest.raises(ConnectionConfigError, match=r"int.*get_token"):
        authorizer(None, 7)


def test_the_scope_is_azure_mls():
    credential = Credential()
    TokenAuthorizer(credential).secret()
    assert credential.asked == [("https://ml.azure.com/.default",)]


def test_a_token_is_kept_while_it_lives():
    credential = Credential()
    made = TokenAuthorizer(credential)
    assert [made.secret() for _ in range(3)] == ["token-1"] * 3
    assert len(credential.asked) == 1


def test_a_token_that_is_about_to_expire_is_replaced(monkeypatch):
    credential = Credential(life=3600)
    made = TokenAuthorizer(credential)
    made.secret()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3000)
    assert made.secret() == "token-1"
    monkeypatch.setattr(time, "time", lambda: now + 3590)
    assert made.secret() == "token-2"


def test_a_rejected_token_is_replaced():
    made = TokenAuthorizer(Credential())
    assert made.secret(rejected=SecretStr(made.secret())) == "token-2"


def test_a_function_is_asked_for_each_opaque_token():
    tokens = iter("abc")
    made = TokenAuthorizer(lambda: next(tokens))
    assert [made.secret(), made.secret()] == ["a", "b"]


def test_a_functions_jwt_is_kept_while_it_lives():
    asked = []

    def provide():
        asked.append(1)
        return jwt(3600)

    made = TokenAuthorizer(provide)
    assert made.secret() == made.secret()
    assert len(asked) == 1


def test_many_threads_ask_once():
    started = threading.Barrier(8)
    credential = Credential()
    made = TokenAuthorizer(credential)
    found = []

    def ask():
        started.wait(2)
        found.append(made.secret())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token-1"] * 8


@pytest.mark.parametrize("kind", [Credential, AsyncCredential], ids=["sync", "async"])
async def test_async_callers_ask_once(kind):
    credential = kind()
    made = TokenAuthorizer(credential)
    assert await asyncio.gather(*(made.asecret() for _ in range(8))) == ["token-1"] * 8
    assert await made.asecret(rejected=SecretStr("token-1")) == "token-2"


def test_an_async_credential_works_in_one_loop_after_the_other():
    made = TokenAuthorizer(AsyncCredential(life=0))
    assert asyncio.run(made.asecret()) == "token-1"
    assert asyncio.run(made.asecret()) == "token-2"


async def test_a_slow_credential_does_not_block_the_loop():
    release = threading.Event()

    def provide():
        assert release.wait(2)
        return "t"

    asked = asyncio.ensure_future(TokenAuthorizer(provide).asecret())
    await asyncio.sleep(0.01)
    release.set()  # only a loop that is free comes to this line
    assert await asked == "t"


def test_an_async_credential_is_refused_by_sync_calls():
    with pytest.raises(ConnectionConfigError, match="ainvoke"):
        TokenAuthorizer(AsyncCredential()).secret()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_credential_that_fails_is_an_authentication_error(is_async):
    def provide():
        raise OSError("no identity here")

    made = TokenAuthorizer(provide)
    with pytest.raises(AuthenticationError, match="no identity here") as caught:
        _ = asyncio.run(made.asecret()) if is_async else made.secret()
    assert caught.value.is_retryable is False


SECRETS = ("app-secret-1", "b" * 40, "eyJhbGciOiJub25lIn0.eyJleHAiOiAxMDAwfQ.c2lnbmVk", "entra-7")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_a_credential_says_of_its_secrets_is_left_out(is_async, shows):
    words = (
        "AADSTS7000215 for client_secret={}&x=1, Authorization: Bearer {}, was {}, and"
        ' {{"access_token": "{}"}}'
    )

    async def aprovide():
        raise OSError(words.format(*SECRETS))

    def provide():
        raise OSError(words.format(*SECRETS))

    made = TokenAuthorizer(aprovide if is_async else provide)
    with pytest.raises(AuthenticationError, match="AADSTS7000215") as caught:
        _ = asyncio.run(made.asecret()) if is_async else made.secret()
    shown = shows(caught.value) + repr(caught.value.__context__)
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize("kind", [Credential, AsyncCredential], ids=["sync", "async"])
def test_a_token_outlives_a_refresh_that_fails(kind, monkeypatch, caplog):
    """Before its end only, and not where the endpoint has rejected it."""
    credential = kind()
    made = TokenAuthorizer(credential)
    ask = lambda **options: asyncio.run(made.asecret(**options))  # noqa: E731
    assert ask() == "token-1"
    now, broken = time.time(), OSError("identity service down, it was token-1")

    def give_nothing(*_, **__):
        raise broken

    monkeypatch.setattr(made, "_ask", give_nothing)
    monkeypatch.setattr(time, "time", lambda: now + 3500)
    assert ask() == "token-1"
    assert "identity service down" in caplog.text
    assert "token-1" not in caplog.text
    caplog.clear()
    assert ask() == "token-1"  # and it is not asked for at every call
    assert caplog.text == ""
    with pytest.raises(AuthenticationError):
        ask(rejected=SecretStr("token-1"))
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    with pytest.raises(AuthenticationError):
        ask()


@pytest.mark.parametrize("ends", [None, "soon", str(10**10), float("nan"), 1j], ids=repr)
def test_an_odd_end_of_life_does_no_harm(ends):
    made = TokenAuthorizer(lambda: SimpleNamespace(token="t", expires_on=ends))
    assert [made.secret(), made.secret()] == ["t", "t"]


@pytest.mark.filterwarnings("error")
def test_a_function_may_return_what_is_to_be_awaited():
    async def provide():
        return "t"

    made = TokenAuthorizer(lambda: provide())  # noqa: PLW0108 - no coroutine function itself
    assert asyncio.run(made.asecret()) == "t"
    with pytest.raises(ConnectionConfigError, match="ainvoke"):
        made.secret()


def test_a_class_in_the_place_of_a_credential_is_refused():
    with pytest.raises(ConnectionConfigError, match=r"the class Credential, not an instance"):
        authorizer(None, Credential)


def test_an_error_of_this_package_stays_what_it_is():
    def provide():
        raise PermissionDeniedError("Azure did not give a token of endpoint 'ep': 403.")

    with pytest.raises(PermissionDeniedError, match="'ep'"):
        TokenAuthorizer(provide).secret()


@pytest.mark.parametrize("given", [None, "", 7, b"bytes"], ids=repr)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_is_no_token_is_an_error_of_this_package(given, is_async):
    made = TokenAuthorizer(lambda: given)
    with pytest.raises(AzureMLOSSError):
        _ = asyncio.run(made.asecret()) if is_async else made.secret()


def test_an_authorizer_travels_to_another_process():
    made = TokenAuthorizer(Credential())
    made.secret()
    assert pickle.loads(pickle.dumps(made)).secret() == "token-1"


@pytest.mark.parametrize("is_async", [False, True])
def test_tools_that_print_local_variables_do_not_show_a_rejected_token(is_async):
    token = "token-0123456789"
    made = TokenAuthorizer(lambda: token)
    made.secret()

    def interrupted():
        raise KeyboardInterrupt

    made._ask = interrupted
    try:
        if is_async:
            asyncio.run(made.asecret(SecretStr(token)))
        else:
            made.secret(SecretStr(token))
    except KeyboardInterrupt as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in report.stack if "langchain_azureml_oss" in frame.filename]
    assert ours
    assert [frame for frame in ours if token in str(frame.locals)] == []
