"""Finds the override, or the config file, with which Hydra cannot compose the config of a sweep of ours."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.session.command_line import check_readable
from ax_moo.session.job_config import keys_of
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean, first_line, nearest

_SWEEPER = "hydra/sweeper"
_OURS = "ax_moo"
_TARGET = "hydra_plugins.ax_moo_sweeper."
_SENTENCES = (HydraException, OmegaConfBaseException)
_REFUSALS = (*_SENTENCES, ValueError, AssertionError)
"""What Hydra raises where it cannot compose: the last two for a number or nothing as a config group's option."""
_NOT_FOUND = re.compile(r"Could not find '(.+)/([^/']+)'")
_NOT_MERGED = re.compile(r"(In '.*'): \w+ raised while composing config:\n\s*(.+)\n(?:.*\n)*?\s*full_key: *(\S*)")


def why_not_composed(
    loader: ConfigLoader, config_name: str | None, overrides: Sequence[str], error: Exception
) -> str | None:
    """A sentence about the first override that is wrong; None if the sweeper is not ours, or nothing is found."""
    chosen = [text for text in overrides if text.lstrip("+").startswith((_SWEEPER + "=", _SWEEPER + "@"))]
    is_said = bool(chosen) and chosen[-1].endswith(f"={_OURS}")
    if (chosen and not is_said) or not (is_said or _is_named(loader, config_name, overrides)):
        return None
    config = _composed(loader, config_name, chosen)
    if isinstance(config, Exception):
        return f"{config_name or 'the config'}: Hydra cannot compose it: {_why_not(config, '', loader, None)}"
    kept, config = _as_far_as_it_composes(loader, config_name, chosen, overrides, config)
    if not _is_ours(config):
        return None
    wrong = next((text for text in overrides if text not in kept), None)
    if wrong is None:
        return f"the command line: {_why_not(error, '', loader, config)}"
    try:
        check_readable([wrong])
    except ConfigError as mistake:
        return str(mistake)
    reason = _composed(loader, config_name, [*kept, wrong])
    return f"{wrong}: {_why_not(reason, wrong, loader, config)}" if isinstance(reason, Exception) else None


def _as_far_as_it_composes(
    loader: ConfigLoader, config_name: str | None, chosen: Sequence[str], overrides: Sequence[str], config: DictConfig
) -> tuple[list[str], DictConfig]:
    """The overrides that are right, and the config with them; one may be right only with another that comes later."""
    kept, before = list(chosen), -1
    while len(kept) > before:
        before = len(kept)
        for text in overrides:
            if text in kept:
                continue
            result = _composed(loader, config_name, [*kept, text])
            if not isinstance(result, Exception):
                config = result
                kept.append(text)
    return kept, config


def _is_ours(config: DictConfig) -> bool:
    sweeper = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    return isinstance(sweeper, Mapping) and str(sweeper.get("_target_")).startswith(_TARGET)


def _composed(loader: ConfigLoader, config_name: str | None, overrides: Sequence[str]) -> DictConfig | Exception:
    try:
        config: DictConfig = loader.load_configuration(config_name, list(overrides), RunMode.MULTIRUN)
    except _REFUSALS as error:
        return error
    return config


def _is_named(loader: ConfigLoader, config_name: str | None, overrides: Sequence[str]) -> bool:
    """Whether the defaults list of the primary config, or of an option that is given, chooses our sweeper."""
    options = [text.lstrip("+").partition("=") for text in overrides if not text.startswith("~")]
    names = [config_name, *(f"{group.partition('@')[0]}/{option}" for group, _, option in options if option)]
    return any(_chooses_ours(loader, name) for name in names if name)


def _chooses_ours(loader: ConfigLoader, name: str) -> bool:
    for source in loader.get_sources():
        try:
            loaded: Any = source.load_config(f"{name.removesuffix('.yaml')}.yaml").config
            values: Any = OmegaConf.to_container(loaded, resolve=False)
            defaults = values.get("defaults", [])
        except (*_SENTENCES, OSError, ValueError, AttributeError):
            continue
        entries = [each for each in defaults if isinstance(each, Mapping)]
        return any(str(key).endswith(_SWEEPER) and each[key] == _OURS for each in entries for key in each)
    return False


def _which(group: str, option: str, options: Sequence[str]) -> str:
    if option in options:  # such as the number 0
        return f"write it in quotes: \"{group}='{option}'\""
    return f"valid: {', '.join(options)}"


def _why_not(error: Exception, text: str, loader: ConfigLoader, config: DictConfig | None) -> str:
    if found := _NOT_FOUND.search(str(error)):
        group, option = found.groups()
        options = loader.get_group_options(group)
        if options:
            return f"the config group {group!r} has no option {option!r}; {did_you_mean(option, options)}"
        return f"there is no config group {group!r}; {did_you_mean(group, loader.list_groups(''))}"
    if merged := _NOT_MERGED.search(str(error)):
        where, why, key = merged.groups()
        return f"{f'{where} {key}'.strip()}: {why}; correct it, or leave it out"
    key = text.lstrip("+~").partition("=")[0]
    if key == "hydra.mode":
        return f"must be one of RUN, MULTIRUN; {did_you_mean(text.partition('=')[2], ['RUN', 'MULTIRUN'])}"
    why = first_line(error)
    is_no_option = (text.startswith(key) and why.startswith("Could not override")) or not isinstance(error, _SENTENCES)
    if is_no_option and (options := loader.get_group_options(key)):
        which = _which(key, text.partition("=")[2], options)
        return f"the config group {key!r} takes the name of an option; {which}"
    if why.startswith("Could not override") and config is not None:
        known = [*keys_of(config), *loader.list_groups("")]
        near = nearest(key, known)
        hint = f"did you mean {near!r}? " if near else ""
        return f"the config has no key {key!r}; {hint}correct the key, or add a new one with +{key}"
    if why.startswith("Could not append"):
        return f"the config has the key {key!r} already; leave the + out"
    cause = error.__cause__
    because = f" ({first_line(cause)})" if isinstance(cause, OmegaConfBaseException) else ""
    return f"{why}{because}; correct it, or leave it out"
