"""Import paths that the documents named once and that are elsewhere now: they keep working."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # importing it takes longer than all else here
    from importlib.abc import Loader

MOVED: Mapping[str, tuple[str, ...]] = {
    "connection": ("connections",),
    "discovery": ("connections.workspace",),
    "endpoint_fields": ("endpoint",),
    "prompts": ("role_prompts", "families"),
    "reasoning": ("families",),
    "replies": ("formatters",),
}
"""A module of this package that was -> those that have its public names now."""


class _Finder:
    """Makes a module of the old name, whose names are looked up where they are now."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        is_moved = package == __package__ and name in MOVED
        return ModuleSpec(fullname, cast("Loader", self)) if is_moved else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        homes = [f"{__package__}.{home}" for home in MOVED[module.__name__.rpartition(".")[2]]]

        def look_up(name: str) -> Any:
            home = next((h for h in homes if hasattr(import_module(h), name)), None)
            if home is None or name.startswith("__"):
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            words = f"{module.__name__}.{name} is in {home} now."
            warnings.warn(words, DeprecationWarning, stacklevel=2)
            return getattr(import_module(home), name)

        vars(module)["__getattr__"] = look_up


def keep_old_paths() -> None:
    """Let the old paths be imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
