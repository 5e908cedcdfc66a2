"""With what the answers of a file were made; kept in a small file beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langchain_core.load import dumpd

from langchain_azureml_oss._version import __version__
from langchain_azureml_oss.batch.exports import replaced
from langchain_azureml_oss.batch.forms import Form
from langchain_azureml_oss.batch.scorers import Model, kind_of_model
from langchain_azureml_oss.errors import UnsupportedInputError

logger = logging.getLogger(__name__)

_SETTINGS = (
    *("deployment_name", "contract", "model", "api", "temperature", "max_tokens", "top_p"),
    *("seed", "stop", "model_kwargs", "dimensions"),
)
_HOW = frozenset(
    {
        *("timeout", "deadline", "max_retries", "backoff", "retry_read_timeouts", "batch_size"),
        "on_retry",
        *("max_connections", "max_response_bytes", "streaming", "stream_usage"),
        *("endpoint_api_key", "connection", "credential", "default_headers", "ca_bundle", "name"),
    }
)
"""Arguments of models that change how an answer comes, and not the answer."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SHOWN = 60
"""Characters of a value that are shown; of a longer one, its beginning and a digest."""


def card_path(answers: Path) -> Path:
    """Return where the card of a file of answers is."""
    return answers.with_name(f"{answers.name}.run.json")


def settings_of(model: Model, form: Form) -> dict[str, Any]:
    """Return all that answers depend on, in words that can be shown: no key is among them."""
    found: dict[str, Any] = {"package version": __version__}
    models = list(_models(model))
    for place, one in enumerate(models, 1):
        which = f" of model {place}" if len(models) > 1 else ""
        found |= {f"{name}{which}": value for name, value in _settings(one).items()}
    if models != [model]:
        found["chain"] = _digest(_lasting(dumpd(model)))
    found |= {name: value for name, value in asdict(form).items() if value is not None}
    return {name: _shown(value) for name, value in found.items() if value is not None}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what is not the same, a line for each."""
    names = [*before, *(name for name in now if name not in before)]
    return [
        f"{name}: {_said(before.get(name))} then, {_said(now.get(name))} now"
        for name in names
        if before.get(name) != now.get(name)
    ]


class RunCard:
    """The card of a file of answers.

    Args:
        answers: The file of answers.
    """

    def __init__(self, answers: Path) -> None:
        self._path, self._answers = card_path(answers), answers
        self._runs: list[dict[str, Any]] = []
        try:
            runs = json.loads(self._path.read_bytes())["runs"]
            self._runs = [
                one
                for one in runs
                if isinstance(one["settings"], dict) and isinstance(one.get("again", []), list)
            ]
        except FileNotFoundError:
            pass
        except (OSError, RecursionError, ValueError, KeyError, TypeError):
            logger.warning("%s cannot be read; it is written anew.", self._path.name)

    @property
    def last(self) -> dict[str, Any] | None:
        """The settings of the latest run; None: they are not known."""
        return self._runs[-1]["settings"] if self._runs else None

    @property
    def begins(self) -> list[Any]:
        """When runs began, as the card has it: whatever stands there."""
        return [at for one in self._runs for at in (one.get("made"), *one.get("again", []))]

    def sign(self, settings: dict[str, Any], *, has_answers: bool, mix: bool = False) -> None:
        """Write with what the answers are made from now on.

        Args:
            settings: As `settings_of` returns them.
            has_answers: Whether there are answers of an earlier run.
            mix: Whether answers that were made with others may stay.

        Raises:
            UnsupportedInputError: there are answers that were made with others; or the card cannot
                be written.
        """
        if not has_answers:
            self._runs.clear()
        elif self.last is None:
            logger.warning(
                "Nothing is known about the options that the answers in %s were made with.",
                self._answers.name,
            )
        elif self.last != settings and not mix:
            differ = "\n  ".join(differences(self.last, settings))
            raise UnsupportedInputError(
                f"{self._answers.name} holds answers that were made with other options:\n"
                f"  {differ}\nRun with the same, overwrite the answers, write to another file, or"
                " mix them (--mix)."
            )
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self.last == settings:
            self._runs[-1].setdefault("again", []).append(now)
        else:
            self._runs.append({"made": now, "settings": settings})
        self._write()

    def _write(self) -> None:
        with replaced(self._path) as copy:
            text = json.dumps({"runs": self._runs}, indent=2)
            copy.write_text(f"{text}\n", encoding="utf-8")


def _models(chain: Model) -> Iterator[Any]:
    """Yield the models of this package in a chain."""
    if hasattr(chain, "endpoint_url"):
        yield chain
        return
    for node in chain.get_graph().nodes.values():
        inner = getattr(node.data, "bound", node.data)
        if hasattr(inner, "endpoint_url"):
            yield inner


def _settings(model: Any) -> dict[str, Any]:
    url = urlsplit(model.endpoint_url)  # without its query, which may hold anything
    family = getattr(model.model_family, "name", model.model_family)
    found = {"endpoint": f"{url.scheme}://{url.netloc}{url.path}", "family": str(family)}
    found["kind"] = kind_of_model(model)
    return found | {name: getattr(model, name, None) for name in _SETTINGS}


def _lasting(dump: Any) -> Any:
    """Return a dump without what differs between two runs of the same program."""
    if isinstance(dump, dict):
        return {key: _lasting(value) for key, value in dump.items() if key not in _HOW}
    if isinstance(dump, list):
        return [_lasting(value) for value in dump]
    return _ADDRESS.sub("", dump) if isinstance(dump, str) else dump


def _shown(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    if len(text) <= _SHOWN:
        return value if isinstance(value, str | int | float | bool) else text
    return f"{text[:_SHOWN]}... ({_digest(text)})"


def _said(value: Any) -> str:
    return "not given" if value is None else str(value)


def _digest(value: Any) -> str:
    data = json.dumps(value, default=str, sort_keys=True).encode()
    return hashlib.blake2b(data, digest_size=6).hexdigest()
