"""The exception tree, and what never stands in it."""

from __future__ import annotations

import base64
import copy
import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as core
from pydantic import ValidationError

from langchain_azureml_oss import AzureMLOSSChatModel, errors
from langchain_azureml_oss.errors import AzureMLOSSError, redact
from langchain_azureml_oss.local import LocalEndpoint

# The table of docs/errors.md.
TREE = {
    "ConnectionConfigError": ValueError,
    "AuthenticationError": core.ModelAuthenticationError,
    "PermissionDeniedError": core.ModelPermissionDeniedError,
    "InvalidRequestError": core.ModelInvalidRequestError,
    "ContentFilterError": errors.InvalidRequestError,
    "ContextLengthError": core.ContextOverflowError,
    "NotFoundError": core.ModelNotFoundError,
    "RateLimitError": core.ModelRateLimitError,
    "RequestTimeoutError": core.ModelTimeoutError,
    "EndpointConnectionError": core.ModelConnectionError,
    "StreamInterruptedError": errors.EndpointConnectionError,
    "ServerError": core.ModelAPIError,
    "ModelContainerError": core.ModelAPIError,
    "ResponseFormatError": core.ModelAPIError,
}


@pytest.mark.parametrize(("name", "parent"), TREE.items(), ids=TREE)
def test_each_error_is_also_langchains(name, parent):
    cls = getattr(errors, name)
    assert issubclass(cls, parent)
    assert issubclass(cls, AzureMLOSSError)


@pytest.mark.parametrize("name", TREE)
def test_each_error_carries_the_details(name):
    error = getattr(errors, name)(
        "words", status=503, request_id="r1", deployment="blue", body="said"
    )
    assert str(error) == "words"
    assert (error.status, error.request_id) == (503, "r1")
    assert (error.deployment, error.body) == ("blue", "said")


@pytest.mark.parametrize("name", TREE)
def test_each_error_says_whether_another_try_may_help(name):
    retryable = {
        *("RateLimitError", "RequestTimeoutError", "EndpointConnectionError"),
        *("StreamInterruptedError", "ServerError", "ModelContainerError"),
    }
    cls = getattr(errors, name)
    assert cls("words").is_retryable is (name in retryable)
    assert cls("words", is_retryable=True).is_retryable is True
    assert cls("words", is_retryable=False).is_retryable is False


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_an_error_travels_between_processes(name, travel):
    error = getattr(errors, name)("words", status=500, body="said", is_retryable=True)
    arrived = travel(error)
    assert type(arrived) is type(error)
    assert str(arrived) == "words"
    assert vars(arrived) == vars(error)


def test_the_tree_is_drawn_in_the_docstring():
    classes = [
        name
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, AzureMLOSSError)
    ]
    assert set(TREE) < set(classes)
    assert [name for name in classes if name not in errors.__doc__] == []


def test_secrets_are_taken_out_of_everything(key, shows):
    error = errors.StreamInterruptedError(
        f"sent {key}", body=f"<{key}>", request_id=key, deployment=key, text=f"a{key}b"
    )
    error.redacted(key)
    assert key not in shows(error)
    assert error.text == "a[redacted]b"


@pytest.mark.parametrize("word", ["", "k", "key"])
def test_a_word_that_guards_nothing_stays(word):
    """A try-out key must not maim the sentence that says what is wrong with it."""
    assert redact("abc, check endpoint_api_key", word) == "abc, check endpoint_api_key"


def test_what_is_no_text_stays():
    assert redact(404123456, "404123456") == 404123456


SECRET = "sk-7Hq/2vR9+tLw&X4b"


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        SECRET.lower(),
        SECRET.replace("/", r"\/"),
        SECRET.replace("/", r"\\\/"),
        SECRET.replace("+", r"\u002B").replace("&", r"\u0026"),
        SECRET.replace("&", "&amp;"),
        "sk-7Hq%2F2vR9%2BtLw%26X4b",
        "sk-7Hq/2vR9%2BtLw%26X4b",
        SECRET[:9],
        SECRET[:-1],
        "".join(f"\\u{ord(char):04x}" for char in SECRET),
        "".join(f"\\\\u{ord(char):04X}" for char in SECRET),
        "".join(f"\\x{ord(char):02x}" for char in SECRET),
        "".join(f"&#{ord(char)};" for char in SECRET),
        "".join(f"&#X00{ord(char):x};" for char in SECRET),
        "".join(f"&amp;#{ord(char)};" for char in SECRET),
        SECRET.replace("/", "&sol;").replace("+", "&plus;"),
        "".join(f"%{ord(char):02x}" for char in SECRET),
        "".join(f"%25{ord(char):02x}" for char in SECRET),
        "\0".join(SECRET),
        "\\u0000".join(SECRET),
        "\u200b".join(SECRET),
        SECRET[:10] + "\n" + SECRET[10:],
    ],
)
def test_a_secret_is_found_in_each_spelling_and_in_part(said):
    shown = redact(f"<{said}> and {said}!", SECRET).replace("\\[", "[")
    assert shown == "<[redacted]> and [redacted]!"


@pytest.mark.parametrize(
    "text",
    ["sk-7Hq", "", "nothing", "sk-7Hx/2vR9+tLw&X4b", "a&nosuch;&#0;&#x110000;\\u12 100%41\n\\\\b"],
)
def test_what_is_no_secret_stays(text):
    assert redact(text, SECRET) == text


SEEN = st.characters(exclude_categories=("Cc", "Cf", "Zl", "Zp"), exclude_characters="\\")


@given(st.text(max_size=40), st.text(SEEN, min_size=6, max_size=20), st.text(max_size=40))
def test_no_text_around_it_hides_a_secret(before, secret, after):
    assert secret not in redact(f"{before}{secret}{after}", secret).replace("[redacted]", "")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_secret_in_another_encoding_is_found(encoding):
    said = f"<{SECRET}>".encode(encoding).decode("utf-8", "replace")
    assert redact(said, SECRET).strip("\ufffd").replace("\0", "") == "<[redacted]>"


def test_a_reference_without_end_is_no_error():
    assert "HTML page" in errors.explain("<p>no &#" + "1" * 5_000 + ";</p>")
    assert "cannot be shown" in errors.quoted(10**5_000)


def test_a_long_token_takes_no_time():
    token = "eyJ0eXAi" + "ab1-" * 1_000
    assert redact(f"{token}, {token}" * 20, token).count("[redacted]") == 40


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@pytest.mark.parametrize(
    ("mistake", "raised"),
    [
        (
            lambda model: type(model)(connection=model.connection, max_retries="many"),
            ValidationError,
        ),
        (lambda model: model.bind_tools([double], tool_choice="triple"), ValueError),
        (lambda model: model.with_structured_output(dict, method="nope"), ValueError),
        (lambda model: model.bind_tools([3]), ValueError),
        (lambda model: model.invoke(5), ValueError),
        (lambda _: LocalEndpoint(auth="nope"), ValueError),
        (lambda _: LocalEndpoint("nope"), FileNotFoundError),
    ],
)
def test_mistakes_in_the_program_are_pythons_own_errors(mistake, raised):
    connection = {
        "endpoint_url": "https://ep.eastus2.inference.ml.azure.com/v1/chat/completions",
        "endpoint_api_key": "key-0123456789",
        "model_family": "LLAMA",
    }
    with pytest.raises(raised) as caught:
        mistake(AzureMLOSSChatModel(connection=connection))
    assert not isinstance(caught.value, AzureMLOSSError)


@given(before=st.binary(max_size=7), after=st.binary(max_size=7), for_urls=st.booleans())
def test_base64_that_holds_a_secret_does_not_tell_it(before, after, for_urls):
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    said = encode(before + SECRET.encode() + after).decode()
    place = 8 * len(before) // 6 + 2
    inside = said[place : place + 8 * len(SECRET) // 6 - 4]
    assert inside not in redact(f"token {said}.", SECRET)


def test_full_width_letters_are_letters():
    wide = "".join(chr(ord(char) + 0xFEE0) for char in SECRET)
    assert redact(f"「{wide}」", SECRET) == "「[redacted]」"
