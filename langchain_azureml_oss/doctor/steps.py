"""The words between what decides and what does: steps to take, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from langchain_azureml_oss.doctor.candidates import Probe
from langchain_azureml_oss.errors import AzureMLOSSError
from langchain_azureml_oss.families import FamilyProfile


class _Place(NamedTuple):
    host: str
    port: int


class Resolve(_Place):
    """Look a host name up -> its addresses, or the OSError."""


class Connect(_Place):
    """Open a connection -> None, or the OSError."""


class Handshake(_Place):
    """Open a TLS connection -> Certificate, or the OSError."""


class Ask(NamedTuple):
    """Ask a model with the arguments of a probe -> Answer, or the AzureMLOSSError."""

    probe: Probe
    row: FamilyProfile
    deployment: str | None


class Look(NamedTuple):
    """Get a path that tells about the server -> its JSON object, or None."""

    url: str
    deployment: str | None


class Pause(NamedTuple):
    """Wait for so many seconds -> None."""

    seconds: float


Step = Resolve | Connect | Handshake | Ask | Look | Pause


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server showed."""

    version: str
    """Of TLS."""
    expires: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model made of an answer. Times are in seconds."""

    text: str
    headers: Mapping[str, str]
    first_byte: float
    seconds: float
    model: str | None = None
    """What the server calls it."""
    has_usage: bool = False
    has_calls: bool = False
    finish_reason: str | None = None
    is_stream: bool = False

    @property
    def deployment(self) -> str | None:
        """Which deployment answered."""
        return self.headers.get("azureml-model-deployment")


Outcome = Answer | AzureMLOSSError
