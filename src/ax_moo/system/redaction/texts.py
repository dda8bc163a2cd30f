"""What looks like a secret in a text: in a URL, after ``password=``, in a header, or by the form of a token."""

import re

from ax_moo.system.redaction.keys import HIDDEN, Level, is_secret, level_of_path
from ax_moo.system.redaction.known import is_searched, without_known
from ax_moo.system.redaction.logins import without_logins

_SHELLS_QUOTE = "'\"'\"'"  # a single quote inside a single-quoted word of the shell
_PLAIN = rf"(?:(?:Basic|Bearer|Token|Digest)\s+)?(?:\\[^\s']|{_SHELLS_QUOTE}|[^\s,;&}}\])'])+"
_YAMLS_QUOTED = r"''[^\s,;}\]'].*?''"  # a quoted value inside a single-quoted text of YAML
_REFERENCE = r"\$\{[^{}]*\}(?![^\s,;&}\])'\"])"  # an interpolation and nothing more
_NESTED = r"\{(?:[^{}]|\{[^{}]*\})*\}|\[[^\[\]]*\]"
_QUOTED = rf"{_SHELLS_QUOTE}.*?{_SHELLS_QUOTE}|{_YAMLS_QUOTED}|'[^']*'|\"(?:\\.|[^\"\\])*\""
_VALUE = re.compile(rf"{_REFERENCE}|{_NESTED}|{_QUOTED}|{_PLAIN}", re.IGNORECASE)
_KEY = r"(?<![\w.\-/@])(?P<key>[\w.\-/@]*\w)"
_VERB = r"(?:is|was|must|may|can|cannot|needs|has|takes|requires|expects|and|or)\b"  # of a sentence about an option
_ASSIGNED = re.compile(rf"{_KEY}\\*['\"]?\s*[=:]\s*|(?P<flag>--[\w-]+)\s+(?!-|{_VERB})")
_GIVEN = re.compile(rf"{_KEY}\\*['\"]?=|(?P<flag>--[\w-]+)\s+(?!-|{_VERB})")
_NO_SECRET = re.compile(r"(?i)null|none|~|''|\"\"|\*{3}|true|false|\?{3}|\$\{[\w.]+\}|\$\{oc\.env:\w+\}")
NUMBER = re.compile(r"[+-]?[\d._]+(?:e[+-]?\d+)?", re.IGNORECASE)

_SCHEME = r"\b[A-Za-z][A-Za-z0-9+.\-]{0,30}://"
_PASSWORD_IN_URL = re.compile(rf"(?P<before>{_SCHEME}[^\s/@:'\"]*:)(?!\d+/)[^\s'\"]*@")
_TOKEN = r"(?:[^\s/@:'\"]{16,}|(?=[^\s/@:'\"]*\d)(?=[^\s/@:'\"]*[A-Za-z])[^\s/@:'\"]{8,})"
_TOKEN_IN_URL = re.compile(rf"(?P<before>{_SCHEME}){_TOKEN}(?=(?::(?:x-oauth-basic)?)?@)")
_CURLS_USER = re.compile(
    r"(?P<before>\bcurl\b[^|;&\n]{0,500}?\s(?:-u|--user|--proxy-user)[ =]*['\"]?[^\s:'\"]+:)[^\s'\"]+"
)
_LOGIN_OF_WANDB = re.compile(r"(?P<before>\bwandb login (?:--?[\w-]+(?:=\S+)? )*)(?=\S*\d)[^\s'\"-]\S{7,}(?<!['\"\]])")
_SET_IN_SHELL = re.compile(r"(?P<before>\b(?:setenv|set -\w+) (?P<key>\w+) +)(?P<value>[^\s;&|]+)")
_DEFAULT = re.compile(r"(?P<before>\$\{oc\.env:(?P<key>\w+)\s*,\s*)(?P<value>[^{}]+)(?=\})")
_QUERY = re.compile(r"(?P<before>[?&;](?P<key>[\w.\-]+)=)(?P<value>[^&;\s'\"#]+)")
_OF_QUERIES = {"key", "sig", "signature", "x-amz-signature", "x-amz-credential", "x-goog-signature", "code", "pwd"}

_NAME = r"(?!(?:[a-z]+\d{0,4}|v?\d{1,4})(?:[-_](?:[a-z]+\d{0,4}|v?\d{1,4}))*(?![\w-]))"
"""No name of a model, such as ``sk-resnet50`` and ``hf_model2024``."""

_FORMS = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)", re.DOTALL
    ),
    re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"),
    re.compile(r"\bAIza[\w-]{20,}|\bya29\.[\w-]{10,}"),
    re.compile(rf"\b(?:sk|pk|rk)[-_](?:(?:live|test|proj|ant)[-_]|{_NAME})(?=[\w-]*\d)[\w-]{{8,}}"),
    re.compile(rf"\b(?:hf|npm|r8)_(?:{_NAME}(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{{8,}}|[A-Za-z0-9]{{20,}})"),
    re.compile(r"\bgh[pousr]_(?:(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{8,}|[A-Za-z0-9]{20,})"),
    re.compile(r"\b\d{8,10}:AA[\w-]{30,}|\bdapi[0-9a-f]{32}\b"),
    re.compile(r"\b(?:github_pat|dckr_pat|wandb_v\d|dop_v1|lin_api)_\w{8,}"),
    re.compile(r"\b(?:glpat|nvapi|pypi|xox[abeprs])-[\w-]{8,}"),
    re.compile(r"\bSG\.[\w-]{8,}\.[\w-]{8,}"),
    re.compile(r"(?<=hooks\.slack\.com/)[\w/]+|(?<=/api/webhooks/)[\w/-]+|(?<=webhook\.office\.com/)\S+"),
    re.compile(r"(?<=\b[Bb]earer )(?=\S*\d)[\w.~+/=-]{8,}|(?<=\b[Bb]asic )(?=\S*[\d=])[\w+/=]{8,}"),
)


def redacted(text: str) -> str:
    """The text with its secrets hidden, also ``key: value`` as in YAML. A config is better hidden as a tree."""
    return _without_values(without_forms(text), _ASSIGNED)


def message_without_secrets(text: str) -> str:
    """A sentence with the secrets hidden that it mentions. What follows a colon is no value there."""
    return _without_values(without_forms(text), _GIVEN)


def without_forms(text: str) -> str:
    """The text without values that are known to be secret, credentials in URLs, and tokens of known forms."""
    text = without_known(text)
    if "://" in text:
        text = _TOKEN_IN_URL.sub(rf"\g<before>{HIDDEN}", text)
        text = _PASSWORD_IN_URL.sub(rf"\g<before>{HIDDEN}@", text)
    text = without_logins(text)
    if "curl" in text:
        text = _CURLS_USER.sub(rf"\g<before>{HIDDEN}", text)
    if "=" in text:
        text = _QUERY.sub(_hide_in_query, text)
    text = _LOGIN_OF_WANDB.sub(rf"\g<before>{HIDDEN}", text)
    for given in (_SET_IN_SHELL, _DEFAULT):
        text = given.sub(_hide_in_query, text)
    for form in _FORMS:
        text = form.sub(HIDDEN, text)
    return text


def is_no_secret(text: str, level: Level) -> bool:
    """Whether the text of a secret's value is none: nothing, a flag, the name of another key, or a number of tokens."""
    return not text or bool(_NO_SECRET.fullmatch(text)) or (level is Level.TEXTS and bool(NUMBER.fullmatch(text)))


def _without_values(text: str, given: re.Pattern[str]) -> str:
    """The text without the values of secret keys; what follows any other key may have such keys in it."""
    parts, at = [], 0
    while (key := given.search(text, at)) is not None:
        level = level_of_path(key["key"] or key["flag"])
        parts.append(text[at : key.end()])
        at = key.end()
        if level is Level.NOTHING or is_searched(key["key"] or ""):
            continue
        if (value := _VALUE.match(text, at)) is not None:  # a look at all of them would take the square of the length
            parts.append(value[0] if is_no_secret(value[0], level) else HIDDEN)
            at = value.end()
    return "".join([*parts, text[at:]])


def _hide_in_query(found: re.Match[str]) -> str:
    if found["key"].lower() not in _OF_QUERIES and not is_secret(found["key"]):
        return found[0]
    return f"{found['before']}{HIDDEN}"
