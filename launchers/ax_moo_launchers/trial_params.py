"""The launcher's settings of one trial: what they refer to, such as ``${model.mem_gb}``, is the trial's own config."""

import contextlib
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ax_moo.system.errors import ConfigError
from ax_moo.system.rules import Rule
from ax_moo.system.text import first_line, in_yaml
from ax_moo_launchers.params import check_params

_OF_ALL_JOBS = {"_target_", "submitit_folder", "max_parallel", "gpus", "jobs_per_gpu", "array_parallelism"}
_OF_ALL_JOBS |= {"trials_per_job", "idle_s", "warm", "preload"}
_SAME_FOR_ALL = re.compile(r"\$\{(hydra\.sweep\.dir|hydra\.job\.name|hydra\.runtime\.[\w.]+|oc\.env:[^{}$]*)\}")


class TrialParams:
    """Knows which of a launcher's settings depend on the trial, and what they are for one."""

    def __init__(self, params: Mapping[str, Any], config: DictConfig, rules: Mapping[str, Rule]) -> None:
        self._params = params
        self._config = config
        self._rules = rules
        self.keys = [key for key in varying(config) if key in rules]

    @property
    def depend_on_trial(self) -> bool:
        return bool(self.keys)

    def note_groups(self, loader: ConfigLoader, overrides: Iterable[Sequence[str]]) -> None:
        """Note the settings that the options of a config group change, in Hydra 1.3; later ones refuse such options."""
        written = _written(self._config)
        examples = {tuple(each for each in some if _is_group(loader, each)): some for some in overrides}
        for groups, some in examples.items():
            if not groups:
                continue
            with contextlib.suppress(ConfigError):  # the job itself says it
                own = _written(_composed(self._config, loader, 0, some))
                self.keys += [key for key in _differing(written, own) if key in self._rules and key not in self.keys]

    def of(self, loader: ConfigLoader, trial: int, overrides: Sequence[str]) -> dict[str, Any]:
        """The settings of one trial.

        Raises:
            ConfigError: one of them cannot be resolved for this trial, or is wrong.
        """
        if not self.keys:
            return dict(self._params)
        composed = _composed(self._config, loader, trial, overrides)
        own = {key: _resolved(composed, key) for key in self.keys}
        params = {**self._params, **own}
        check_params(params, self._rules)
        return params


def _differing(written: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    return [key for key in own if key not in _OF_ALL_JOBS and own[key] != written.get(key)]


def _is_group(loader: ConfigLoader, override: str) -> bool:
    name = override.partition("=")[0].lstrip("+~").partition("@")[0]
    return bool(loader.get_group_options(name))


def _written(config: DictConfig) -> dict[str, Any]:
    """The launcher's config as the user wrote it, with its interpolations."""
    written: Any = OmegaConf.to_container(config.hydra.launcher, resolve=False)
    return dict(written)


def varying(config: DictConfig) -> list[str]:
    """The keys of ``hydra.launcher`` whose values may differ between trials."""
    return [key for key, value in _written(config).items() if key not in _OF_ALL_JOBS and _varies(value)]


def without_varying(config: DictConfig) -> DictConfig:
    """A copy of the config whose launcher lacks the settings that only a trial's own config has values for."""
    rest = _written(config)
    for key in varying(config):
        del rest[key]
    copied = config.copy()
    OmegaConf.set_readonly(copied, False)
    with open_dict(copied):
        OmegaConf.set_readonly(copied.hydra, False)
        copied.hydra.launcher = OmegaConf.create(rest)
    return copied


def _varies(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_varies, value.values()))
        case list():
            return any(map(_varies, value))
    return isinstance(value, str) and "${" in _SAME_FOR_ALL.sub("", value)


def _composed(config: DictConfig, loader: ConfigLoader, trial: int, overrides: Sequence[str]) -> DictConfig:
    try:
        with warnings.catch_warnings():
            # Hydra 1.3 warns about an application's own hydra/sweeper/ax_moo.yaml each time.
            warnings.simplefilter("ignore")
            composed: DictConfig = loader.load_sweep_config(config, list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(
            f"hydra.launcher: the config of trial {trial} cannot be composed: {first_line(error)};"
            " correct the overrides of its parameters"
        ) from None
    with open_dict(composed):
        composed.hydra.job.num = trial
    return composed


def _resolved(composed: DictConfig, key: str) -> Any:
    try:
        value = composed.hydra.launcher[key]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"hydra.launcher.{key}: {in_yaml(_written(composed)[key])} cannot be resolved in the config of a trial:"
            f" {first_line(error)}; give a value that each trial's config has"
        ) from None
