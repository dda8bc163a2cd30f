"""Which key is that of a secret: decided by its words, of which the last one says what the value is."""

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache

HIDDEN = "***"


class Level(IntEnum):
    """How much of a value, and of everything below it, is hidden: nothing, its texts, or its numbers as well."""

    NOTHING = 0
    TEXTS = 1
    ALL = 2


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PART = re.compile(r"[./@:\[\]]+")

_SECRETS = _words(
    "password passwords passwd passwds passphrase passphrases passcode passcodes pwd pw secret secrets credential "
    "credentials cred creds authorization authorisation oauth passwort kennwort senha contrasena cookie cookies "
    "jwt jwts bearer auth otp totp mnemonic webhook webhooks connstr"
)
_ENDINGS = re.compile(
    r"(?:password|passwd|passphrase|secret|credential|(?:db|user|root|admin|bind|smtp|mysql|login)(?:pass|pw)"
    r"|(?:api|access|secret|private|auth|account|signing|encryption|openai)key"
    r"|(?:api|access|auth|oauth|refresh|session|bearer|bot|csrf|xsrf|git|github|gitlab|hf|wandb|slack|user)token)s?$"
)
"""What a word ends with that was written without a separator, such as ``dbpassword`` and ``PGPASSWORD``."""

_PHRASES = re.compile(
    r"(?:^|_)(?:conn(?:ection)?_str(?:ing)?|webhook_ur[il]|(?:seed|recovery)_phrase|pass_(?:word|phrase|code)s?"
    r"|mots?_de_passe|open_ai_key|(?:client|private)_key_data)$"
)

_OF_KEYS = _words(
    "api access secret private auth authentication ssh encryption encrypt decryption decrypt signing sign account "
    "license licence master storage deploy service shared subscription ssl tls gpg pgp rsa aes hmac wandb comet "
    "neptune openai anthropic azure aws gcp google stripe sendgrid twilio hf huggingface kaggle mlflow clearml "
    "datadog sentry slack github gitlab mistral cohere replicate client consumer app server webhook session host"
)
"""The words before ``key`` that make it a secret's: ``key`` alone is that of a mapping, a sort or a metric."""

_OF_TOKENS = _words(
    "pad padding eos bos sos unk unknown oov mask sep separator cls class special start begin end stop additional "
    "image audio video next new decoder encoder prefix suffix blank prompt register vocab input output target "
    "source text query generated context sentinel placeholder boundary sentence visual latent patch object memory mem "
    "learnable global local speech language frame"
)
"""The words before ``token`` that make it one of a text: ``pad_token``, ``eos_token_id``."""

_OF_PASSES = _words("forward backward first second single two multi high low band full")

_COUNTS = _words("n num nb number max min total count per avg mean keep top")
_OF_KEYS_ABOVE = _words(
    "api access secret private auth ssh encryption signing account license wandb comet openai anthropic"
)
"""The mappings whose own ``key`` is a secret: ``api: {key: ...}``. Below ``storage`` it is one of an object."""

_AFTER = _words(
    "value string str raw plain plaintext base64 b64 hex base enc encoded hash prod dev staging db github gitlab "
    "gh openai wandb hf huggingface aws azure gcp slack json"
)
"""The last words that change nothing: ``password_hash``, ``token_value``, ``TOKEN_GITHUB``."""

_ONLY_NAMES = {"PWD", "OLDPWD"}
"""The shell's variables for the working directory."""


CONTENTS = _words("value data content key raw")
"""The keys below ``token`` whose values are the token; others below it are those of a tokenizer."""


def is_secret(key: str) -> bool:
    """Whether the value of the key, which may be a dotted path, is hidden if it is a text."""
    return level_of_path(key) > Level.NOTHING


@lru_cache(maxsize=4096)
def level_of_path(path: str) -> Level:
    """How much is hidden of the value at a dotted path: what is below ``secrets`` is hidden whatever its own name."""
    *above, last = [part for part in _PART.split(path.strip("+~- '\"")) if part] or [""]
    if last in ("key", "keys") and above and above[-1].lower() in _OF_KEYS_ABOVE:
        return Level.ALL
    return max([level_of(last), *(level_of(part) for part in above if last in CONTENTS or not is_single(part))])


@lru_cache(maxsize=4096)
def level_of(key: str) -> Level:
    """How much is hidden of the value of one key, and below it."""
    words = [word.lower() for word in _WORD.findall(_without_accents(key))]
    if _PHRASES.search("_".join(words)):
        return Level.ALL
    while len(words) > 1 and (words[-1] in _AFTER or words[-1].isdigit()):
        words.pop()
    if not words or key in _ONLY_NAMES or _COUNTS.intersection(words[:-1]):
        return Level.NOTHING
    if words[-1] == "id" and words[-2:-1] in (["key"], ["secret"]):
        words.pop()
    return _level_of_words(set(words[:-1]), words[-1])


def _without_accents(key: str) -> str:
    return key if key.isascii() else re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", key))


def is_single(key: str) -> bool:
    """Whether the key has a secret only as its own value: a mapping below it is that of a tokenizer or a login."""
    return key.lower() in ("token", "auth", "pass")


def _level_of_words(before: set[str], last: str) -> Level:
    if last in ("token", "tokens"):
        secret = Level.ALL if last == "token" else Level.TEXTS  # tokens are counted
        return Level.NOTHING if before & _OF_TOKENS else secret
    if last in ("key", "keys"):
        return Level.ALL if before & _OF_KEYS and "public" not in before else Level.NOTHING
    if last == "pass":
        return Level.NOTHING if before & _OF_PASSES else Level.ALL
    is_one = last in _SECRETS or _ENDINGS.search(last) is not None or (last == "pat" and before)
    return Level.ALL if is_one else Level.NOTHING
