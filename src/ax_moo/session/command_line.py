"""Checks overrides of the command line by themselves, before there is a config that they change."""

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from ax_moo.search_space.grammar import create_parser, key_of, parse_override
from ax_moo.search_space.parsing import refuse_hydra_key
from ax_moo.system.errors import ConfigError

_WHERE = "hydra.sweeper."
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
    for text in overrides:
        override = _parsed(text, parser)
        if override.is_sweep_override():
            refuse_hydra_key(override)
        else:
            _check_kind(override)


def _parsed(text: str, parser: OverridesParser) -> Override:
    try:
        return parse_override(text, parser, text)
    except ConfigError:
        key = text.partition("=")[0].lstrip("+")
        example = {**_MAPPINGS, **_LISTS}.get(key.removeprefix(_WHERE))
        if not key.startswith(_WHERE) or example is None:
            raise
        raise ConfigError(
            f'{text}: Hydra cannot read it; write it in quotes for the shell: "{key}={example}"'
        ) from None


def _check_kind(override: Override) -> None:
    """OmegaConf refuses to put one in the place of the other, in words about its own classes."""
    key, value = key_of(override), override.value()
    if key == "hydra.sweep.dir" and value is None and not override.is_delete():
        raise ConfigError(f"{key}: must be a path, got null; give the folder of the sweep")
    name = key.removeprefix(_WHERE)
    if not key.startswith(_WHERE) or override.is_delete():
        return
    if name in _MAPPINGS and isinstance(value, list):
        raise ConfigError(f"{key}: must be a mapping, such as {_MAPPINGS[name]}, got {value}")
    if name in _LISTS and isinstance(value, Mapping):
        raise ConfigError(f"{key}: must be a list, such as {_LISTS[name]}, got {value}")
