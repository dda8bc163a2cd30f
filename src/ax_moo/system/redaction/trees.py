"""Hiding the secrets of a config: of its keys, and of all that is below a secret's key; lists may be command lines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ax_moo.system import hydra_internals
from ax_moo.system.redaction.keys import CONTENTS, HIDDEN, Level, is_single, level_of, level_of_path
from ax_moo.system.redaction.known import is_searched, without_known
from ax_moo.system.redaction.texts import NUMBER, is_no_secret, redacted

_OVERRIDE = re.compile(r"[+~]{0,2}[A-Za-z_$][\w.\-/@:$\[\]]*=", re.ASCII)
_FLAG = re.compile(r"--?[A-Za-z][\w-]*")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]*")
_COMMANDS = ("command", "training")
_SEARCHED = ("choice", "range")


def without_secrets(data: Any, level: Level = Level.NOTHING, path: tuple[str, ...] = ()) -> Any:
    """Data with its secrets hidden; ``level`` is how much is hidden because of the keys above, which are the path."""
    if isinstance(data, Mapping):
        if path[-2:] == ("search_space", "parameters") and data.get("type") in _SEARCHED:
            return data
        return {key: _of_entry(key, value, data, level, path) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        if level is Level.NOTHING:
            return _of_words(data, path)
        return [without_secrets(each, level, path) for each in data]
    if level is not Level.NOTHING:
        return _hidden(data, level)
    return redacted(data) if isinstance(data, str) else data


def secrets_in(data: Any, shown: Any) -> Iterator[str]:
    """The values that are hidden as a whole in what is shown of the data."""
    if shown == HIDDEN:
        yield str(data)
    elif isinstance(data, Mapping) and isinstance(shown, Mapping):
        for key in data:
            yield from secrets_in(data[key], shown[key])
    elif isinstance(data, (list, tuple)) and isinstance(shown, (list, tuple)) and len(data) == len(shown):
        for one, other in zip(data, shown, strict=True):
            yield from secrets_in(one, other)
    elif isinstance(data, str) and isinstance(shown, str) and data != shown:
        yield from _secrets_in_word(data, shown)


def _secrets_in_word(word: str, shown: str) -> Iterator[str]:
    """The secrets of an override: its value, or some of a mapping or list that its value is."""
    if shown.endswith(f"={HIDDEN}"):
        yield word.removeprefix(shown.removesuffix(HIDDEN)).strip("'\"")
        return
    parsed = _parsed(word) if _OVERRIDE.match(word) else None
    value = None if parsed is None or parsed.is_sweep_override() else parsed.value()
    if isinstance(value, (Mapping, list)):
        yield from secrets_in(value, without_secrets(value))


def arguments_without_secrets(arguments: Sequence[str]) -> list[str]:
    """The words of a command line, among them Hydra's overrides; the word after ``--token`` is that option's value."""
    return _of_words(arguments, ())


def _of_words(words: Sequence[Any], path: tuple[str, ...]) -> list[Any]:
    """A list that may be a command line: YAML has a number among its words, as in ``[--password, 12345678]``."""
    shown, level = [], Level.NOTHING
    for word in words:
        is_text = isinstance(word, str)
        if level is not Level.NOTHING and not (is_text and word.startswith("-")):
            shown.append(without_secrets(word, level, path))
            level = Level.NOTHING
        else:
            shown.append(override_without_secrets(word) if is_text else without_secrets(word, path=path))
            level = level_of(word) if is_text and _FLAG.fullmatch(word) else Level.NOTHING
    return shown


@lru_cache(maxsize=4096)
def _parsed(override: str) -> Override | None:
    try:
        return _parser().parse_override(override)
    except (HydraException, RecursionError):
        return None


def override_without_secrets(override: str) -> str:
    """One word of a command line with its secret hidden; a value that is searched over is shown.

    The value is everything after the first ``=``: Hydra's grammar, or a shell's, may not read what is hidden.
    """
    if not _OVERRIDE.match(override) and not _FLAG.match(override):
        return redacted(override)
    key, assigned, value = override.partition("=")
    if not assigned:
        return redacted(override)
    level = level_of_path(key)
    if level is not Level.NOTHING and not is_searched(key) and not (_may_be_searched(key) and is_search(value)):
        bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
        return override if is_no_secret(bare, level) else f"{key}={HIDDEN}"
    return f"{key}={_of_value(key, value)}"


def _may_be_searched(key: str) -> bool:
    name = key.lstrip("+~")
    is_applications = not name.startswith(("hydra.", "-")) and not _ENVIRONMENT.fullmatch(name)
    return is_applications or name.startswith("hydra.sweeper.params")


def is_search(value: Any) -> bool:
    """Whether a parameter with this value is searched over, which shows its values anyway."""
    if isinstance(value, Mapping):
        return value.get("type") in _SEARCHED or "values" in value or "bounds" in value
    if not isinstance(value, str) or not re.search(r"[(,]", value):
        return False
    parsed = _parsed(f"key={value}")
    return parsed is not None and parsed.is_sweep_override()


def _of_entry(key: Any, value: Any, entries: Mapping[Any, Any], level: Level, path: tuple[str, ...]) -> Any:
    name = str(key)
    if path[-2:] == ("sweeper", "params") and is_search(value):
        return value
    if isinstance(value, str) and name in _COMMANDS and level is Level.NOTHING:
        from ax_moo.system.redaction.command_lines import command_without_secrets

        return command_without_secrets(value)
    if name in ("value", "Value") and entries.get("type") != "choice":  # {name: PASSWORD, value: ...}
        names = (entries.get(each) for each in ("name", "Name", "key", "Key"))
        level = max([level, *(level_of_path(each) for each in names if isinstance(each, str))])
    if not (is_single(name) and isinstance(value, Mapping)):
        # All of a path counts in a key with dots, and below a token the key of its value.
        level = max(level, level_of_path(".".join((*path[-1:], name)) if name in CONTENTS else name))
    if name == "override_dirname" and isinstance(value, str):  # Hydra's: all overrides as one name
        return value if redacted(value) == value else HIDDEN
    return without_secrets(value, level, (*path, name))


def _of_value(key: str, value: str) -> str:
    """The value of a key that is no secret's: a list or a mapping may have secrets in it."""
    if is_searched(key):
        return value
    if NUMBER.fullmatch(value):
        return without_known(value)
    if value[:1] not in ("{", "["):
        return redacted(value)
    parsed = _parsed(f"key={value}")
    if parsed is None or parsed.is_sweep_override():
        return redacted(value)
    found = parsed.value()
    shown = without_secrets(found, path=tuple(key.lstrip("+~").split(".")))
    return value if shown == found else _spelled(shown)


def _spelled(value: Any) -> str:
    """A value as an override spells it, for people: what is hidden has no quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_spelled(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_spelled, value)) + "]"
    return str(value) if isinstance(value, str) else hydra_internals.element_text(value)


def _hidden(value: Any, level: Level) -> Any:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and is_no_secret(value, level)):
        return value
    return value if level is Level.TEXTS and isinstance(value, (int, float)) else HIDDEN


@lru_cache(maxsize=1)
def _parser() -> OverridesParser:
    return OverridesParser.create()
