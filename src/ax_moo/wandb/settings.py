"""``hydra.sweeper.wandb``: whether and where the sweep has a W&B run of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import did_you_mean
from ax_moo.wandb.application_logger import ApplicationLogger

MODES = ("auto", "online", "offline", "disabled")
KEYS = ("enabled", "project", "entity", "group", "mode", "sweep")
_WHERE = "hydra.sweeper.wandb"


@dataclass(frozen=True)
class WandbSettings:
    """The defaults are those of ``hydra/sweeper=ax_moo``. ``sweep``: a W&B sweep that all trials belong to.

    What is left open here is as in the application's own W&B logger.
    """

    enabled: bool = False
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    mode: str = "auto"
    sweep: bool = False
    application: ApplicationLogger = field(default_factory=ApplicationLogger)

    @property
    def is_on(self) -> bool:
        return self.enabled or self.application.uses_wandb

    @classmethod
    def from_config(cls, config: Any) -> "WandbSettings":
        """``config`` is the mapping; keys that are left out have their defaults.

        Raises:
            ConfigError: it is no such mapping, or a value is not of its kind.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(
                f"{_WHERE}: must be a mapping, such as {{enabled: true, project: mnist}}, and is {config!r}"
            )
        for key in config:
            if key not in KEYS:
                raise ConfigError(f"{_WHERE}.{key}: unknown key; {did_you_mean(str(key), KEYS)}")
        settings = cls(**config)
        for key in ("enabled", "sweep"):
            if not isinstance(getattr(settings, key), bool):
                raise ConfigError(f"{_WHERE}.{key}: must be true or false, and is {getattr(settings, key)!r}")
        for key in ("project", "entity", "group"):
            value = getattr(settings, key)
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise ConfigError(f"{_WHERE}.{key}: must be a name or null, and is {value!r}")
        if settings.mode not in MODES:
            raise ConfigError(f"{_WHERE}.mode: unknown {settings.mode!r}; {did_you_mean(str(settings.mode), MODES)}")
        return settings
