"""Hiding passwords, tokens and API keys in texts and configs that are shown or uploaded."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

_SECRET = r"[\w.]*(?:api_?key|token|password|passwd|secret|credential|authorization)s?\b"
_SHELLS_QUOTE = "'\"'\"'"  # a single quote inside a single-quoted word of the shell
_PLAIN = rf"(?:(?:Basic|Bearer)\s+)?(?:\\[^\s']|{_SHELLS_QUOTE}|[^\s,;&}}\])'])+"
_YAMLS_QUOTED = r"''[^\s,;}\]'].*?''"  # a quoted value inside a single-quoted text of YAML
_VALUE = rf"{_SHELLS_QUOTE}.*?{_SHELLS_QUOTE}|{_YAMLS_QUOTED}|'[^']*'|\"[^\"]*\"|{_PLAIN}"
_ASSIGNED = re.compile(rf"(?i)(?P<key>{_SECRET}['\"]?\s*(?:=|:)\s*)(?P<value>{_VALUE})")
_NO_SECRET = re.compile(r"(?i)null|none|~|''|\"\"|\*{3}|[\d.]+|true|false|\$\{.*")


def redacted(text: str) -> str:
    """The text with the values of keys such as ``api_key``, ``token`` and ``password`` hidden.

    It is made for ``key=value`` in command lines and ``key: value`` in YAML, not for any text.
    """
    return _ASSIGNED.sub(_hide, text)


def override_without_secrets(override: str) -> str:
    """One override with its value hidden if its key is a secret's; the value is everything after the ``=``."""
    key, assigned, value = override.partition("=")
    return f"{key}={_hidden(key, value)}" if assigned else override


def without_secrets(data: Any) -> Any:
    """Data with the secrets hidden in every text, and the values of every mapping's secret keys hidden."""
    if isinstance(data, str):
        return redacted(data)
    if isinstance(data, Mapping):
        return {key: _hidden(str(key), value) for key, value in data.items()}
    return [without_secrets(each) for each in data] if isinstance(data, (list, tuple)) else data


def _hidden(key: str, value: Any) -> Any:
    """The value of a secret key is replaced as a whole; in any other value only the secrets that it mentions."""
    is_secret = redacted(f"{key}=x") != f"{key}=x"
    if is_secret and isinstance(value, str) and value and not _NO_SECRET.fullmatch(value):
        return HIDDEN
    return without_secrets(value)


def _hide(found: "re.Match[str]") -> str:
    return found[0] if _NO_SECRET.fullmatch(found["value"]) else found["key"] + HIDDEN
