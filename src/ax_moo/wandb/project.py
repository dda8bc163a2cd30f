"""Reads the runs of a W&B project, within a time limit, and turns every error of W&B's into one sentence."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ax_moo.problem.problem import Problem
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import first_line, shortened
from ax_moo.wandb.service import GRACE, tear_down

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
            raise ConfigError(f"the group {group} has no run in the project {self.path}; {self._groups()}")
        return found

    def runs_with_ids(self, ids: Sequence[str]) -> list[Any]:
        """Those of the project's runs that have one of these ids, with their configs."""
        return list(self.api.runs(self.path, filters={"name": {"$in": list(ids)}}, lazy=False, per_page=PAGE))

    def _groups(self) -> str:
        newest = islice(self.api.runs(self.path, order="-created_at", per_page=PAGE), PAGE)
        groups = dict.fromkeys(run.group for run in newest if run.group)
        return f"the project's latest groups are {', '.join(list(groups)[:10])}" if groups else "it has no groups"


@contextmanager
def open_project(project: str, entity: str | None) -> Iterator[Project]:
    """Open a project, given as PROJECT of the user's default entity or as ENTITY/PROJECT.

    Raises:
        ConfigError: the entities contradict each other, or W&B raised an error in the block.
    """
    owner, _, name = project.rpartition("/")
    if owner and entity and owner != entity:
        raise ConfigError(f"--entity must be {owner}, the entity of the project {project}, got {entity}; leave it out")
    with open_api() as api:
        yield Project(api, f"{entity or owner or api.default_entity}/{name}")


@contextmanager
def open_api() -> Iterator[Any]:
    """Open W&B's Api, which checks the user's credentials.

    Raises:
        ConfigError: wandb is not installed, or W&B raised an error in the block.
    """
    wandb = import_wandb()
    try:
        yield wandb.Api(timeout=_be_quiet_and_quick(wandb) * (RETRIES + 1))
    except ConfigError:
        raise
    except Exception as error:
        # At its exit Python would wait without limit for a service that no longer answers.
        tear_down(wandb, GRACE)
        raise ConfigError(f"W&B: {first_line(error)}") from None


def import_wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise ConfigError("W&B is not installed; pip install 'hydra-ax-moo[wandb]'") from None
    return wandb


def _be_quiet_and_quick(wandb: Any) -> float:
    """Limit the session's waits, and return the seconds for one answer, which WANDB_HTTP_TIMEOUT can set."""
    # The variable may hold the address of a service whose process has ended.
    os.environ.pop("WANDB_SERVICE", None)
    # A silent session prints nothing and does not ask for an API key.
    settings = wandb.setup(wandb.Settings(silent=True)).settings
    seconds = float(settings.x_graphql_timeout_seconds or ANSWER_SECONDS)
    settings.x_graphql_timeout_seconds = settings.x_file_transfer_timeout_seconds = seconds
    settings.x_graphql_retry_max = settings.x_file_transfer_retry_max = RETRIES
    return seconds


JOB_TYPE = "sweep"
ID_END = "-sweep"


@dataclass(frozen=True)
class SweepJournal:
    """A sweep's journal out of W&B. ``lost`` are the numbers of the lines that W&B does not have."""

    header: Mapping[str, Any]
    lines: Sequence[str]
    lost: Sequence[int]


def sweep_run(runs: Sequence[Any], run_id: str | None) -> Any:
    """The run of the sweep itself among the runs of a group; ``run_id`` chooses one of several."""
    found = [run for run in runs if run.job_type == JOB_TYPE and _header_text(run) is not None]
    if not found:
        raise ConfigError(
            f"the group has no run of a sweep, only {_names(runs)}; hydra.sweeper.wandb.enabled=true gives a sweep one"
        )
    if run_id is not None:
        found = [run for run in found if run.id == run_id] or _no_such_run(run_id, found)
    if len(found) > 1:
        raise ConfigError(f"the group holds {len(found)} sweeps: {_names(found)}; choose one with --run ID")
    return found[0]


def read_journal(run: Any) -> SweepJournal:
    """The journal in the history of a sweep's run, each line once and in order."""
    rows = run.scan_history(keys=["journal_line", "journal"], page_size=10 * PAGE, use_cache=False)
    by_number: dict[int, str] = {}
    for row in rows:
        number, text = int(row["journal_line"]), str(row["journal"])
        if by_number.get(number, text) != text:
            # The folder was deleted and the sweep begun again, or its journal was cut: later lines are obsolete.
            by_number = {before: line for before, line in by_number.items() if before < number}
        by_number[number] = text
    return SweepJournal(
        _header(by_number.pop(1, "") or _header_text(run) or "", run.id),
        [by_number[number] for number in sorted(by_number)],
        sorted({*range(2, max(by_number, default=1))} - by_number.keys()),
    )


def header_of(run: Any) -> dict[str, Any]:
    """The first line of a sweep's journal, which the config of its run holds."""
    return _header(_header_text(run) or "", run.id)


def trial_runs(runs: Sequence[Any], sweep: Any) -> dict[int, Any]:
    """The runs of the sweep's own trials, in order of their numbers. A group may hold the trials of two sweeps.

    A run is found by its id. Where an application has left the id to W&B, the run's config says which trial it is.
    """
    own = {number: run for run in runs if (number := _number(sweep, run.id)) is not None}
    is_alone = sum(run.job_type == JOB_TYPE for run in runs) == 1
    others = [run for run in runs if is_alone and _is_trial(run) and not own]
    return dict(sorted(({run.config["trial"]: run for run in others} | own).items()))


def runs_of_trials(project: Project, group: str, trials: Iterable[int], run_id: str | None = None) -> dict[int, Any]:
    """The runs of these trials of the group's sweep, also those that an application keeps out of the group.

    ``run_id`` is the id of the sweep's own run, which is needed where the group holds several sweeps.

    Raises:
        ConfigError: the group has no run of a sweep, or several without ``run_id``.
    """
    runs = project.runs(group)
    sweep = sweep_run(runs, run_id)
    found = trial_runs(runs, sweep)
    missing = [f"{sweep.id.removesuffix(ID_END)}-{trial}" for trial in trials if trial not in found]
    for at in range(0, len(missing), PAGE):
        found |= trial_runs(project.runs_with_ids(missing[at : at + PAGE]), sweep)
    return dict(sorted(found.items()))


def _is_trial(run: Any) -> bool:
    return run.job_type == "trial" and isinstance(run.config.get("trial"), int)


def _number(sweep: Any, run_id: str) -> int | None:
    """The trial whose run has this id, as :func:`ax_moo.wandb.settings.trial_run_id` gives it."""
    number = run_id.removeprefix(sweep.id.removesuffix(ID_END) + "-")
    return int(number) if number != run_id and number.isdecimal() else None


def _header(text: str, run_id: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
        Problem.from_dict(header["problem"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"the run {run_id} must hold the first line of a sweep's journal, got {shortened(text, 43)!r} ({error!r}); "
            "another version of ax_moo may have written it"
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
