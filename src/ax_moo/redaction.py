"""Secrets do not belong into what is handed to others."""

import re

HIDDEN = "***"

_SECRET = r"[\w.]*(?:api_?key|token|password|passwd|secret|credential)s?\b"
_ASSIGNED = re.compile(rf"(?i)(?P<key>{_SECRET}['\"]?\s*(?:=|:)\s*)(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&}}\])]+)")
_NO_SECRET = re.compile(r"(?i)null|none|~|''|\"\"|\*{3}|[\d.]+|true|false|\$\{.*")


def redacted(text: str) -> str:
    """The text with the values of keys such as ``api_key``, ``token`` and ``password`` hidden.

    It takes ``key=value`` of command lines and ``key: value`` of YAML, and is made for these, not for any text.
    """
    return _ASSIGNED.sub(_hide, text)


def _hide(found: "re.Match[str]") -> str:
    return found[0] if _NO_SECRET.fullmatch(found["value"]) else found["key"] + HIDDEN
