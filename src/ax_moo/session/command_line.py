"""Checks overrides of the command line by themselves, before there is a config that they change."""

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Sweep

from ax_moo.other_sweepers import successor
from ax_moo.problem.objectives import FIELDS
from ax_moo.search_space.grammar import create_parser, key_of, parse_override
from ax_moo.search_space.parsing import refuse_hydra_key
from ax_moo.session.dotted_params import named
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import in_yaml

_WHERE = "hydra.sweeper."
_GROUPS = "hydra/sweeper/"
_MAPPINGS = {
    "objectives": "{val_acc: {direction: maximize}}",
    "params": "{lr: 'tag(log, interval(1e-4, 1e-1))'}",
    "wandb": "{enabled: true, project: mnist}",
}
_LISTS = {
    "outcome_constraints": "['latency_ms <= 20']",
    "parameter_constraints": "['a <= b']",
    "initial": "[{lr: 0.001, width: 64}]",
}


def check_readable(overrides: Sequence[str]) -> None:
    """Refuse an override that Hydra cannot read, a search over Hydra's own config, and a list in place of a mapping.

    Raises:
        ConfigError: there is such an override.
    """
    parser = create_parser()
    for index, text in enumerate(overrides):
        override = _parsed(text, parser)
        if not override.key_or_group:
            raise ConfigError(f"{text}: it has no key; write KEY=VALUE")
        if override.is_delete():
            _check_deletable(text, overrides[:index])
        if override.is_sweep_override():
            refuse_hydra_key(override)
        else:
            _check_kind(override)


def _parsed(text: str, parser: OverridesParser) -> Override:
    try:
        return parse_override(text, parser, text)
    except ConfigError:
        readable = _readable(text)
        if readable is None:
            raise
        raise ConfigError(f'{text}: Hydra cannot read it; write it in quotes for the shell: "{readable}"') from None


def _check_deletable(text: str, before: Sequence[str]) -> None:
    name, _ = named(text)
    if "." in name and name not in [named(other)[0] for other in before]:
        raise ConfigError(
            f"{text}: Hydra cannot delete a key of params that has dots; fix its value instead:"
            f" {text[1:].partition('=')[0]}=VALUE"
        )


def _readable(text: str) -> str | None:
    """An override of the same key of ours that Hydra can read; None where no example helps."""
    key, _, value = text.lstrip("+").partition("=")
    name, _, inner = key.removeprefix(_WHERE).partition(".")
    if not key.startswith(_WHERE) or (inner and "/" not in inner):
        return None
    if inner and name in _MAPPINGS:  # Hydra reads a name such as val/acc only within a mapping
        metric, _, field = inner.rpartition(".")
        entry = f"{metric}: {{{field}: {value}}}" if field in FIELDS else f"{inner}: {value}"
        return f"{_WHERE}{name}={{{entry}}}"
    example = {**_MAPPINGS, **_LISTS}.get(name)
    return f"{key}={example}" if example else None


def _check_kind(override: Override) -> None:
    """OmegaConf refuses to put one in the place of the other, in words about its own classes."""
    key, value = key_of(override), override.value()
    if key == "hydra.sweep.dir" and value is None and not override.is_delete():
        raise ConfigError(f"{key}: must be a path, got null; give the folder of the sweep")
    name = key.removeprefix(_WHERE)
    if key.startswith(_GROUPS) and (found := successor(key.removeprefix(_GROUPS))):
        raise ConfigError(f"{key}: ax_moo has no such config group; {found.remedy}")
    if not key.startswith(_WHERE) or override.is_delete():
        return
    if isinstance(value, Mapping) and (swept := [each for each in value if isinstance(value[each], Sweep)]):
        raise ConfigError(f"{key}.{swept[0]}: a sweep inside a mapping is a text; write it in quotes")
    if name in _MAPPINGS and isinstance(value, list):
        raise ConfigError(f"{key}: must be a mapping, such as {_MAPPINGS[name]}, got {in_yaml(value)}")
    if name in _LISTS and isinstance(value, Mapping):
        raise ConfigError(f"{key}: must be a list, such as {_LISTS[name]}, got {in_yaml(value)}")
