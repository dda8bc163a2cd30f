"""``user:password@host`` without a scheme, as far as it can be told from an e-mail address or a model's name."""

import re

from ax_moo.system.redaction.keys import HIDDEN

_USER = r"(?<![\w.@/:+\-])(?P<user>[A-Za-z_][\w.+\-]{0,63})"
_PASSWORD = r"(?P<password>[^\s'\"/,;(){}\[\]<>]{3,128})"
_HOST = r"(?P<host>[A-Za-z][\w\-]*(?:\.[A-Za-z0-9][\w\-]*)*|\d{1,3}(?:\.\d{1,3}){3})"
_AFTER = r"(?P<after>:\d{2,5}\b|/[\w\-]|(?![\w.\-]))"
_LOGIN = re.compile(rf"{_USER}:{_PASSWORD}@{_HOST}{_AFTER}")

_LOGINS = frozenset(
    (
        "root",
        "admin",
        "administrator",
        "user",
        "username",
        "postgres",
        "mysql",
        "mongo",
        "redis",
        "sa",
        "guest",
        "default",
    )
)
_NO_LOGIN = re.compile(
    r"(?:e-?)?mail(?:to)?|author|contact|from|to|cc|bcc|owner|maintainer|reply-to"  # before an e-mail address
    r"|sha\d+|md5|step|epoch|iter(?:ation)?|batch|top|k",  # after the @ of an image, or of a metric
    re.IGNORECASE,
)
_STRONG = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[A-Za-z]\d+[A-Za-z]).{8,}|(?=.*[!$%^&*#~]).{6,}")
"""A password such as no name of a model or a person is: letters of both cases around a digit, or special characters."""


def without_logins(text: str) -> str:
    return _LOGIN.sub(_hidden, text) if "@" in text else text


def _hidden(found: re.Match[str]) -> str:
    if _NO_LOGIN.fullmatch(found["user"]) or _NO_LOGIN.fullmatch(found["host"]) or not _is_login(found):
        return found[0]
    return f"{found['user']}:{HIDDEN}@{found['host']}{found['after']}"


def _is_login(found: re.Match[str]) -> bool:
    host, after = found["host"], found["after"]
    is_server = host == "localhost" or host.replace(".", "").isdigit() or ("." in host and after != "")
    has_port = after.startswith(":") and len(after) > len(":443")
    return is_server or has_port or found["user"].lower() in _LOGINS or bool(_STRONG.fullmatch(found["password"]))
