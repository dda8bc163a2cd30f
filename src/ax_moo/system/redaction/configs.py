"""Hiding the secrets of a config that OmegaConf holds or has written, and remembering their values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.system.redaction import known
from ax_moo.system.redaction.keys import Level, level_of_path
from ax_moo.system.redaction.trees import secrets_in, without_secrets

_REFERENCE = re.compile(r"\$\{(?:oc\.env:.*|[\w.]+)\}")
"""An interpolation that can be resolved here at no cost; a resolver of the application's may do anything."""

_WORD = re.compile(r"(?=([\w-]+))\w+")
"""A word, and together with those that hyphens tie to it."""


def yaml_without_secrets(text: str) -> str | None:
    """A config's YAML with its secrets hidden and remembered; None where it cannot be read as YAML."""
    data = _read(text)
    if data is None:
        return None
    _note(data)
    shown = without_secrets(data)
    return text if shown == data else yaml.dump(shown, default_flow_style=False, allow_unicode=True, sort_keys=False)


def learn(config: DictConfig, arguments: Sequence[str] = ()) -> None:
    """Remember the secrets of a command line and of a config, also those that it takes from the environment."""
    data: Any = OmegaConf.to_container(config)
    _note(data)
    _note(list(arguments))
    known.note(_resolved(config, data))


def learn_from_file(path: Path) -> None:
    """Remember the secrets of a config that is kept in a file, if it can be read."""
    with suppress(OSError):
        _note(_read(path.read_text(encoding="utf-8", errors="replace")))


def _note(data: Any) -> None:
    """Remember the secrets of a config or of the words of a command, and what is in clear beside them."""
    with known.set_aside():
        shown = without_secrets(data)
    known.note(secrets_in(data, shown))
    known.note_in_clear(_words(shown))


def _words(shown: Any) -> Iterator[str]:
    if isinstance(shown, Mapping):
        for key, value in shown.items():
            yield from _words(str(key))
            yield from _words(value)
    elif isinstance(shown, (list, tuple)):
        for each in shown:
            yield from _words(each)
    else:
        for found in _WORD.finditer(str(shown)):
            yield from (found[0], found[1])


def _read(text: str) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.create(text))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, RecursionError):
        return None


def _resolved(config: DictConfig, data: Any) -> Iterator[str]:
    """The values of secrets that the config takes from the environment or from another key."""
    for path in _references(data, ()):
        with suppress(OmegaConfBaseException, ValueError):
            value = OmegaConf.select(config, path)
            if value is not None and not OmegaConf.is_config(value):
                yield str(value)


def _references(data: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _references(value, (*path, str(key)))
    elif isinstance(data, str) and _REFERENCE.fullmatch(data):
        where = ".".join(path)
        if level_of_path(where) > Level.NOTHING:
            yield where
