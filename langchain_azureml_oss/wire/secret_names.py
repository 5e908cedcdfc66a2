"""Names whose values are secrets, whoever chose them: of headers and of arguments."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"key(?!word)|token|secret|passw|pwd|credential|auth(?!or\b)|bearer|cookie|signature|session"
    r"|connection_?string|^(?:sig|code|pat)$|(?<![a-z])sas(?![a-z])",
    re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether what goes by this name is probably a key, a token or a password."""
    return _SECRET.search(name) is not None
