"""Checks, before the first trial, that ``hydra.sweep.subdir`` gives every trial a folder of its own."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from ax_moo.search_space.space import Choice, Fixed, Parameter, Range, SearchSpace
from ax_moo.session.job_config import compose_trial, example_point
from ax_moo.session.job_output import NotKnownHere, OutputFolders
from ax_moo.session.own_files import OWN_FILES
from ax_moo.storage.earlier import is_earlier
from ax_moo.storage.files import OWN_FOLDERS
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import shortened
from ax_moo.trial import ParameterValue

_KEY = "hydra.sweep.subdir"
_REMEDY = f"let it name the trial, as the default does: {_KEY}='${{hydra.job.num}}'"
_MOST_NUMBERS = 32
_MOST_OPTIONS = 8
_NEIGHBOURS = 4
_LONGEST_NAME = 255
"""Of a file or folder, in bytes, on all usual file systems."""


def first_folders(
    config: DictConfig, job_config: DictConfig, loader: ConfigLoader, space: SearchSpace, n_trials: int
) -> Sequence[Path]:
    """The job folders that the first trials will have, with the config of an example trial (``job_config``).

    Trials may begin in the same second. What only a job knows is not checked here, and gives no folders: the job itself
    refuses another trial's folder.

    Raises:
        ConfigError: two trials that differ would have the same folder, or a folder is one of the sweep's own.
    """
    folders = OutputFolders(job_config)
    try:
        found = folders.of(job_config, range(max(2, min(n_trials, _MOST_NUMBERS))))
        _check_not_own(job_config, found[0])
        for folder in (found[0], *_with_long_values(config, loader, space, folders)):
            _check_length(job_config, folder)
        if len(set(found)) < len(found):  # the number of a trial is not in the name, so its values must be
            _check_values(config, job_config, loader, space, folders)
    except NotKnownHere:
        return []
    return list(dict.fromkeys(found))


def _check_not_own(job_config: DictConfig, folder: Path) -> None:
    sweep = Path(str(job_config.hydra.sweep.dir)).absolute()
    inside = folder.relative_to(sweep).parts if folder.is_relative_to(sweep) else ()
    if inside and (inside[0] in (*OWN_FILES, *OWN_FOLDERS) or is_earlier(inside[0])):
        raise ConfigError(
            f"{_KEY}: must not lead to {inside[0]}, which is the sweep's own, got {_written(job_config)!r}; {_REMEDY}"
        )


def _with_long_values(
    config: DictConfig, loader: ConfigLoader, space: SearchSpace, folders: OutputFolders
) -> list[Path]:
    """The folder of a trial whose values have as many digits as those of most trials; the example's are short."""
    composed = compose_trial(config, loader, space, {each.name: _long_value(each) for each in space.parameters})
    return [] if isinstance(composed, Exception) else folders.of(composed)


def _long_value(parameter: Parameter) -> ParameterValue:
    match parameter:
        case Range(lower=lower, upper=upper):
            return max(lower, upper, key=_length) if parameter.is_finite else lower + (upper - lower) / 3
        case Choice(values=values):
            return max(values, key=_length)
        case Fixed(value=value):
            return value


def _length(value: ParameterValue) -> int:
    return len(str(value))


def _check_length(job_config: DictConfig, folder: Path) -> None:
    longest = max(folder.parts, key=lambda part: len(os.fsencode(part)))
    if len(os.fsencode(longest)) > _LONGEST_NAME:
        raise ConfigError(
            f"{_KEY}: must give folders whose names have at most {_LONGEST_NAME} bytes, got {_written(job_config)!r},"
            f" which gives one of {len(os.fsencode(longest))} ({shortened(longest, 43)}); {_REMEDY}"
        )


def _check_values(
    config: DictConfig, job_config: DictConfig, loader: ConfigLoader, space: SearchSpace, folders: OutputFolders
) -> None:
    """Refuse a folder in whose name a parameter is missing: only together do the parameters tell trials apart."""
    missing = []
    for parameter in space.parameters:
        found = folders.of(job_config)
        for value in _other_values(parameter):
            other = compose_trial(config, loader, space, example_point(space) | {parameter.name: value})
            if not isinstance(other, Exception):  # an option of a group that does not fit is refused elsewhere
                found += folders.of(other)
        if len(set(found)) < len(found):
            missing.append(parameter.name)
    if missing:
        shared = os.path.relpath(folders.of(job_config)[0], str(job_config.hydra.sweep.dir))
        raise ConfigError(
            f"{_KEY}: must give every trial a folder of its own, got {_written(job_config)!r}, which is the same"
            f" ({shared}) for trials that differ in {', '.join(missing)}; {_REMEDY}"
        )


def _other_values(parameter: Parameter) -> Iterator[ParameterValue]:
    """Other values than the example's: its neighbours, and the last one, as far as names may round them."""
    match parameter:
        case Range() if parameter.is_finite:
            yield from dict.fromkeys((*parameter.values()[1:_NEIGHBOURS], parameter.upper))
        case Range(lower=lower, upper=upper):
            yield lower + 0.01 * (upper - lower)
        case Choice(values=values):
            yield from (*values[1:_MOST_OPTIONS], *values[_MOST_OPTIONS:][-1:])
        case Fixed():
            return


def _written(job_config: DictConfig) -> str:
    """The value of the key as the user wrote it, with its interpolations."""
    written: Any = OmegaConf.to_container(job_config.hydra.sweep, resolve=False)
    return str(written["subdir"])
