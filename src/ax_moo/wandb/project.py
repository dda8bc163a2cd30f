"""A W&B project as the commands read it: bounded in time, and with one sentence for whatever goes wrong."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line

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
        raise ConfigError(f"W&B: {first_line(error)}") from None


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


JOB_TYPE = "sweep"
ID_END = "-sweep"


@dataclass(frozen=True)
class SweepJournal:
    """``lines`` are the trials' lines as the sweep wrote them; ``lost`` are numbers of lines that W&B does not have."""

    header: Mapping[str, Any]
    lines: Sequence[str]
    lost: Sequence[int]


def sweep_run(runs: Sequence[Any], run_id: str | None) -> Any:
    """The sweep's own run among those of a group; ``run_id`` chooses where there are several."""
    found = [run for run in runs if run.job_type == JOB_TYPE and _header_text(run) is not None]
    if not found:
        raise ConfigError(
            f"none of the group's runs is that of a sweep: {_names(runs)}; a sweep has a run of its own in W&B with "
            "hydra.sweeper.wandb.enabled=true"
        )
    if run_id is not None:
        found = [run for run in found if run.id == run_id] or _no_such_run(run_id, found)
    if len(found) > 1:
        raise ConfigError(f"the group holds {len(found)} sweeps: {_names(found)}; choose one with --run ID")
    return found[0]


def read_journal(run: Any) -> SweepJournal:
    """What a sweep's run tells of its journal, each line once and in order."""
    rows = run.scan_history(keys=["journal_line", "journal"], page_size=10 * PAGE, use_cache=False)
    by_number: dict[int, str] = {}
    for row in rows:
        number, text = int(row["journal_line"]), str(row["journal"])
        if by_number.get(number, text) != text:
            # The sweep was deleted and begun again in the same folder, or its journal was cut.
            by_number = {before: line for before, line in by_number.items() if before < number}
        by_number[number] = text
    return SweepJournal(
        _header(by_number.pop(1, "") or _header_text(run) or "", run.id),
        [by_number[number] for number in sorted(by_number)],
        sorted({*range(2, max(by_number, default=1))} - by_number.keys()),
    )


def header_of(run: Any) -> dict[str, Any]:
    """The first line of a sweep's journal, out of the config of its run."""
    return _header(_header_text(run) or "", run.id)


def trial_runs(runs: Sequence[Any], sweep: Any) -> dict[int, Any]:
    """The runs of the sweep's own trials by number, in order: a group may hold two sweeps, and the run of only one."""
    found = {run.config["trial"]: run for run in runs if _is_trial(run)}
    own = {run.config["trial"]: run for run in runs if _is_trial(run) and run.id == _trial_id(sweep, run)}
    is_alone = sum(run.job_type == JOB_TYPE for run in runs) == 1
    return dict(sorted((own or (found if is_alone else {})).items()))


def _is_trial(run: Any) -> bool:
    return run.job_type == "trial" and isinstance(run.config.get("trial"), int)


def _trial_id(sweep: Any, run: Any) -> str:
    """What :func:`ax_moo.wandb.settings.trial_run_id` calls it; other applications may leave their ids to W&B."""
    return f"{sweep.id.removesuffix(ID_END)}-{run.config['trial']}"


def _header(text: str, run_id: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
        Problem.from_dict(header["problem"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"what the run {run_id} holds as the first line of a sweep's journal is none ({error!r}); was it written "
            "by another version of ax_moo?"
        ) from None
    return dict(header)


def _header_text(run: Any) -> str | None:
    about = run.config.get("ax_moo")
    header = about.get("header") if isinstance(about, dict) else None
    return header if isinstance(header, str) else None


def _no_such_run(run_id: str, found: Sequence[Any]) -> list[Any]:
    raise ConfigError(f"--run {run_id}: the group has no such sweep; its sweeps are {_names(found)}")


def _names(runs: Sequence[Any]) -> str:
    names = [f"{run.id} ({run.state}, since {run.created_at})" for run in runs[:10]]
    more = f" and {len(runs) - 10} more" if len(runs) > 10 else ""
    return ", ".join(names) + more
