"""Finds all unknown keys of ``hydra.sweeper`` at once, for a config that was written for another sweeper.

A key that is refused alone is deleted alone, and ``direction: maximize`` with it.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ax_moo.other_sweepers import OBJECTIVE_FIELDS, OF_ANY_KEY, SAMPLER_METHODS, SUCCESSORS, Successor, successor
from ax_moo.problem import objectives
from ax_moo.search_space.parsing import unknown_fields
from ax_moo.sweep.settings import OTHER_KEYS, STOP_RULES, Settings
from ax_moo.system.rules import meant, refuse_keys
from ax_moo.wandb import settings as wandb

_WHERE = "hydra.sweeper"
_MIGRATE = "; ax-moo migrate CONFIG.yaml rewrites a config of another sweeper"


def check_known(options: Mapping[str, Any]) -> None:
    """Refuse what ``options``, the value of ``hydra.sweeper``, has and we do not know, in one message.

    Raises:
        ConfigError: there is an unknown key.
    """
    valid = (*OTHER_KEYS, *(each.name for each in dataclasses.fields(Settings)))
    top = [key for key in options if key not in valid and key[:1] != "_"]
    unknown = {path: remedy for key in top for path, remedy in _without_place(key, options[key])}
    nested = {**_in_objectives(options.get("objectives")), **_in_params(options.get("params"))}
    nested |= {f"wandb.{key}": meant(key, list(wandb.RULES)) for key in _unknown(options.get("wandb"), wandb.RULES)}
    nested |= {
        f"stop_when.{key}": meant(key, list(STOP_RULES)) for key in _unknown(options.get("stop_when"), STOP_RULES)
    }
    if not top and len(nested) < 2:
        return  # refused where it is read, with what is valid there
    if remedy := objectives.direction_remedy(options.get("direction"), options.get("objectives")):
        unknown["direction"] = remedy
    is_theirs = any(successor(path) for path in unknown)
    refuse_keys(_WHERE, {**unknown, **nested}, valid, _MIGRATE if is_theirs else "")


def _without_place(path: str, value: Any) -> Iterator[tuple[str, str | None]]:
    """The unknown key itself, or those below it that have successors of their own, each with its remedy."""
    if isinstance(value, Mapping) and value and _has_successors_below(path):
        for key, inner in value.items():
            yield from _without_place(f"{path}.{key}", inner)
    else:
        found = successor(path)
        yield path, found and _told(path, found, value)


def _has_successors_below(path: str) -> bool:
    return path in OF_ANY_KEY or any(key.startswith(f"{path}.") for key in SUCCESSORS)


def _told(path: str, found: Successor, value: Any) -> str:
    is_sampler = path.removesuffix("._target_") in ("sampler", "optuna_config.sampler")
    if is_sampler and isinstance(value, str):
        return f"write method: {SAMPLER_METHODS.get(value.rpartition('.')[2], 'auto')}"
    if found.key and isinstance(value, (bool, int, float)):
        return f"{found.remedy}: {value}"
    return found.remedy


def _in_objectives(config: Any) -> Mapping[str, str]:
    unknown = {}
    for name, entry in config.items() if isinstance(config, Mapping) else ():
        for key in _unknown(entry, objectives.FIELDS):
            known = OBJECTIVE_FIELDS.get(key)
            unknown[f"objectives.{name}.{key}"] = known.remedy if known else meant(key, objectives.FIELDS)
    return unknown


def _in_params(config: Any) -> Mapping[str, str]:
    entries = config.items() if isinstance(config, Mapping) else ()
    found = {name: unknown_fields(entry) for name, entry in entries if isinstance(entry, Mapping)}
    return {f"params.{name}.{key}": remedy for name, keys in found.items() for key, remedy in keys.items()}


def _unknown(entry: Any, valid: Iterable[str]) -> Sequence[str]:
    return [str(key) for key in entry if key not in valid] if isinstance(entry, Mapping) else []
