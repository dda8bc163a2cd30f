"""Settings of W&B runs: ``hydra.sweeper.wandb`` for the sweep's run, and the application's logger for a training's."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.storage import journal
from ax_moo.storage.home import begun_in
from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import (
    FLAG,
    NAME,
    Rule,
    a_mapping,
    check,
    check_keys,
    check_values,
    number_above_0,
    one_of,
    or_null,
)

LIGHTNINGS = "WandbLogger"
PLACES = ("logger", "loggers", "callbacks", "trainer")


@dataclass(frozen=True)
class ApplicationLogger:
    """The application's W&B logger. ``settings`` go to ``wandb.Settings``; None stands for a key that is left out.

    ``uses_wandb`` is False where there is no such logger; then only ``sweep_name`` has a meaning.
    """

    uses_wandb: bool = False
    sweep_name: str | None = None
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    mode: str | None = None
    init_timeout: float | None = None
    finish_timeout: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job_config: DictConfig) -> "ApplicationLogger":
        """``job_config`` is the config of a trial. A value that resolves only inside a job counts as left out."""
        name = _text(job_config, "sweep_name")
        found = next(_loggers(job_config), None)
        if found is None:
            return cls(sweep_name=name)
        offline = _value(found, "offline") is True
        settings = _value(found, "settings")
        return cls(
            uses_wandb=True,
            sweep_name=name,
            project=_text(found, "project") or _project_of_lightning(found),
            entity=_text(found, "entity"),
            group=_text(found, "group"),
            mode=Mode.OFFLINE if offline else _text(found, "mode"),
            init_timeout=_seconds(found, "init_timeout"),
            finish_timeout=_seconds(found, "finish_timeout"),
            settings=settings if isinstance(settings, dict) else {},
        )


def _loggers(job_config: DictConfig) -> Iterator[DictConfig]:
    """The nodes with ``kind: wandb``, as in the application ``nas``, or whose ``_target_`` is a WandbLogger."""
    for place in PLACES:
        node = _node(job_config, place)
        if node is not None:
            yield from (each for each in _nodes(node) if _is_wandb(each))


def _nodes(node: Any) -> Iterator[DictConfig]:
    if isinstance(node, DictConfig):
        yield node
        children = [_node(node, key) for key in node]
    else:
        children = [_node(node, index) for index in range(len(node))]
    for child in children:
        if child is not None:
            yield from _nodes(child)


def _is_wandb(node: DictConfig) -> bool:
    return _value(node, "kind") == "wandb" or _is_lightnings(node)


def _is_lightnings(node: DictConfig) -> bool:
    return str(_value(node, "_target_")).split(".")[-1] == LIGHTNINGS


def _project_of_lightning(node: DictConfig) -> str | None:
    """The project that Lightning's logger chooses where nobody names one; W&B itself would choose another."""
    is_open = _is_lightnings(node) and node.get("project") in (None, "") and "WANDB_PROJECT" not in os.environ
    return "lightning_logs" if is_open else None


def _node(parent: Any, key: Any) -> Any:
    with suppress(OmegaConfBaseException, KeyError):
        child = parent[key]
        return child if OmegaConf.is_config(child) else None
    return None


def _value(node: DictConfig, key: str) -> Any:
    with suppress(OmegaConfBaseException, ValueError):
        value = node.get(key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    return None


def _text(node: DictConfig, key: str) -> str | None:
    value = _value(node, key)
    return str(value) if value not in (None, "") and not isinstance(value, dict | list) else None


def _seconds(node: DictConfig, key: str) -> float | None:
    value = _value(node, key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


class Mode(StrEnum):
    """W&B's modes; AUTO stands for the mode in WANDB_MODE."""

    AUTO = "auto"
    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


# wandb refuses these characters, but only when a run begins.
PROJECT = Rule(r"a name without / \ # ? % and :", lambda value: NAME.holds(value) and not set(value) & set("/\\#?%:"))
RULES: dict[str, Rule] = {
    "enabled": FLAG,
    "project": or_null(PROJECT),
    "entity": or_null(NAME),
    "group": or_null(NAME),
    "mode": one_of(Mode),
    "sweep": FLAG,
}
_WHERE = "hydra.sweeper.wandb"


@dataclass(frozen=True)
class WandbSettings:
    """The keys of ``hydra.sweeper.wandb`` with the defaults of ``hydra/sweeper=ax_moo``.

    ``sweep`` asks for a W&B sweep that all trials belong to. The application's own W&B logger fills in what is None.
    ``variables`` are the names of those that the trials' configs set.
    """

    enabled: bool = False
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    mode: Mode = Mode.AUTO
    sweep: bool = False
    application: ApplicationLogger = field(default_factory=ApplicationLogger)
    variables: frozenset[str] = frozenset()

    @property
    def is_on(self) -> bool:
        return self.enabled or self.application.uses_wandb

    @classmethod
    def from_config(cls, config: Any) -> "WandbSettings":
        """The settings in ``config``, a mapping; a key that is left out has its default.

        Raises:
            ConfigError: ``config`` is not a mapping, a key is unknown, or a value is wrong.
        """
        check(_WHERE, config, a_mapping("{enabled: true, project: mnist}"))
        check_keys(_WHERE, config, RULES)
        check_values(_WHERE, config, RULES)
        return cls(**{**config, "mode": Mode(config.get("mode", Mode.AUTO))})


TRAINING_RULES: Mapping[str, Rule] = {
    "mode": one_of(Mode),
    "init_timeout": number_above_0("seconds"),
    "finish_timeout": number_above_0("seconds"),
    "tags": Rule("a list of names, such as [mnist, small]", lambda value: isinstance(value, list | tuple)),
    "settings": a_mapping("{disable_git: false}"),
}


@dataclass(frozen=True)
class TrainingRunSettings:
    """The settings of a training's W&B run. ``None`` leaves a choice to the sweep, or to W&B outside a sweep.

    ``mode`` is a value of Mode, the timeouts are in seconds, and ``settings`` are further ones of ``wandb.Settings``.
    ``where`` is the key of these settings in the application's config. Messages name this key, and the values of its
    ``settings`` are not uploaded.

    Raises:
        ConfigError: a value is wrong.
    """

    project: str | None = None
    entity: str | None = None
    group: str | None = None
    name: str | None = None
    tags: Sequence[str] = ()
    mode: str = "auto"
    init_timeout: float = 30.0
    finish_timeout: float = 60.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    where: str = "logger"

    def __post_init__(self) -> None:
        check_values(self.where, {each.name: getattr(self, each.name) for each in fields(self)}, TRAINING_RULES)

    @classmethod
    def from_config(cls, config: DictConfig, where: str = "logger") -> "TrainingRunSettings":
        """Read the mapping at the key ``where``: the fields of this class, and ``kind: wandb``, which the sweep reads.

        Raises:
            ConfigError: there is no such mapping, a key is unknown, or a value is wrong.
        """
        node = OmegaConf.select(config, where)
        found: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
        check(where, found, a_mapping("{project: mnist}"))
        keys = [each.name for each in fields(cls) if each.name != "where"]
        check_keys(where, found.keys() - {"kind"}, keys)
        found |= {key: empty for key, empty in (("tags", ()), ("settings", {})) if found.get(key) is None}
        given: dict[str, Any] = {key: found[key] for key in keys if key in found}
        return cls(**given, where=where)


LONGEST_NAME_IN_ID = 40


def trial_run_id(sweep: str, folder: Path, trial: int) -> str:
    """The id of a trial's run. A requeued trial has the same id, another sweep another one, in this folder or not."""
    return f"{run_id_prefix(sweep, folder)}-{trial}"


def sweep_run_id(sweep: str, folder: Path) -> str:
    """The id of the sweep's own run, which a resumed sweep continues. The sweep has to have begun."""
    return f"{run_id_prefix(sweep, folder)}-sweep"


def results_name(group: str) -> str:
    """The name of the artifact that holds a sweep's results."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', group)[:100]}-results"


def run_id_prefix(sweep: str, folder: Path, sweep_id: str | None = None) -> str:
    """What the ids of a sweep's runs begin with; ``sweep_id`` is that of a sweep that begins now in this folder."""
    # W&B refuses ids that are too long or contain one of :;,#?/'
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", sweep)[:LONGEST_NAME_IN_ID]
    return f"{readable}-{sweep_hash(folder, sweep_id)}"


def sweep_hash(folder: Path, sweep_id: str | None = None) -> str:
    """The part of the ids by which they belong to one sweep, whatever its name."""
    origin, sweep_id = _origin(folder) if sweep_id is None else (folder, sweep_id)
    return hashlib.sha256(os.fsencode(origin) + sweep_id.encode()).hexdigest()[:8]


def _origin(folder: Path) -> tuple[Path, str]:
    """Where the sweep that the folder holds now has begun, and its id; an earlier version has recorded neither."""
    with suppress(ConfigError, OSError):
        return begun_in(folder), str((journal.header(folder) or {}).get(journal.ID, ""))
    return folder, ""
