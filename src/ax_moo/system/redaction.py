"""Secrets do not belong into what is handed to others."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_SECRET = r"[\w.]*(?:api_?key|token|password|passwd|secret|credential|authorization)s?\b"
_SHELLS_QUOTE = "'\"'\"'"  # a single quote within a word that the shell takes in single quotes
_PLAIN = rf"(?:(?:Basic|Bearer)\s+)?(?:\\[^\s']|{_SHELLS_QUOTE}|[^\s,;&}}\])'])+"
_YAMLS_QUOTED = r"''[^\s,;}\]'].*?''"  # within a text that YAML takes in single quotes
_VALUE = rf"{_SHELLS_QUOTE}.*?{_SHELLS_QUOTE}|{_YAMLS_QUOTED}|'[^']*'|\"[^\"]*\"|{_PLAIN}"
_ASSIGNED = re.compile(rf"(?i)(?P<key>{_SECRET}['\"]?\s*(?:=|:)\s*)(?P<value>{_VALUE})")
_NO_SECRET = re.compile(r"(?i)null|none|~|''|\"\"|\*{3}|[\d.]+|true|false|\$\{.*")


def redacted(text: str) -> str:
    """The text with the values of keys such as ``api_key``, ``token`` and ``password`` hidden.

    It takes ``key=value`` of command lines and ``key: value`` of YAML, and is made for these, not for any text.
    """
    return _ASSIGNED.sub(_hide, text)


def override_without_secrets(override: str) -> str:
    """The same for one override, whose value is all behind its ``=``."""
    key, assigned, value = override.partition("=")
    return f"{key}={_hidden(key, value)}" if assigned else override


def without_secrets(data: Any) -> Any:
    """The same for every text in lists and mappings, and for the values of such keys themselves."""
    if isinstance(data, str):
        return redacted(data)
    if isinstance(data, Mapping):
        return {key: _hidden(str(key), value) for key, value in data.items()}
    return [without_secrets(each) for each in data] if isinstance(data, (list, tuple)) else data


def _hidden(key: str, value: Any) -> Any:
    """Of a text that only mentions a secret, such as a command, the rest stays."""
    is_secret = redacted(f"{key}=x") != f"{key}=x"
    if is_secret and isinstance(value, str) and value and not _NO_SECRET.fullmatch(value):
        return HIDDEN
    return without_secrets(value)


def _hide(found: "re.Match[str]") -> str:
    return found[0] if _NO_SECRET.fullmatch(found["value"]) else found["key"] + HIDDEN
