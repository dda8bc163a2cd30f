"""A W&B project as the commands read it: bounded in time, and with one sentence for whatever goes wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ax_moo.system.errors import ConfigError

ANSWER_SECONDS = 20
RETRIES = 2
PAGE = 1000


@dataclass(frozen=True)
class Project:
    """``path`` is entity/project."""

    api: Any
    path: str

    def runs(self, group: str) -> list[Any]:
        """The group's runs with their configs, the oldest first."""
        found = list(self.api.runs(self.path, filters={"group": group}, lazy=False, per_page=PAGE))
        if not found:
            raise ConfigError(f"no run of the project {self.path} is in the group {group}; {self._groups()}")
        return found

    def _groups(self) -> str:
        newest = islice(self.api.runs(self.path, order="-created_at", per_page=PAGE), PAGE)
        groups = dict.fromkeys(run.group for run in newest if run.group)
        return f"its latest groups are {', '.join(list(groups)[:10])}" if groups else "it has no groups"


@contextmanager
def open_project(project: str, entity: str | None) -> Iterator[Project]:
    """``project`` may be entity/project; without an entity it is the user's default one.

    Raises:
        ConfigError: also for any error of W&B's in the block.
    """
    owner, _, name = project.rpartition("/")
    if owner and entity and owner != entity:
        raise ConfigError(f"the project {project} is not one of the entity {entity}; leave one of the two out")
    with open_api() as api:
        yield Project(api, f"{entity or owner or api.default_entity}/{name}")


@contextmanager
def open_api() -> Iterator[Any]:
    """W&B's Api, with the user's credentials checked.

    Raises:
        ConfigError: also for any error of W&B's in the block.
    """
    wandb = import_wandb()
    try:
        yield wandb.Api(timeout=_be_quiet_and_quick(wandb) * (RETRIES + 1))
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"W&B: {_sentence(error)}") from None


def import_wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise ConfigError("W&B is not installed; pip install 'hydra-ax-moo[wandb]'") from None
    return wandb


def _be_quiet_and_quick(wandb: Any) -> float:
    """Bound what the session waits for; returns the seconds for one answer, which WANDB_HTTP_TIMEOUT can set."""
    # A process that used W&B may have left the address of its service, and is gone.
    os.environ.pop("WANDB_SERVICE", None)
    # A silent session prints nothing of its own, and asks nobody for an API key.
    settings = wandb.setup(wandb.Settings(silent=True)).settings
    seconds = float(settings.x_graphql_timeout_seconds or ANSWER_SECONDS)
    settings.x_graphql_timeout_seconds = settings.x_file_transfer_timeout_seconds = seconds
    settings.x_graphql_retry_max = settings.x_file_transfer_retry_max = RETRIES
    return seconds


def _sentence(error: Exception) -> str:
    message = " ".join(str(error).split()).rstrip(".")
    return message or type(error).__name__
