"""``python -m ax_moo.wandb.run`` is the process that uploads a sweep's W&B run while the sweeper works.

It reads the journal and logs each new line. The sweeper only starts it and tells it how the sweep ended, so that W&B
can neither stop the sweep nor delay it.
"""

import fcntl
import json
import logging
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ax_moo.jobs import environment
from ax_moo.jobs.wandb_session import service_killed_after
from ax_moo.storage.files import CONFIG_FILE
from ax_moo.storage.journal import JournalTail
from ax_moo.storage.lock_record import LOCK_FILE, read
from ax_moo.system.private_files import open_private
from ax_moo.system.redaction import learn_environment, learn_from_file, without_secrets
from ax_moo.system.text import error_line, quoted
from ax_moo.trial import TrialStatus
from ax_moo.wandb.controller_pipe import KILLED, ControllerPipe, leave
from ax_moo.wandb.history import FINISHED, LINE, TABLE, TEXT, SweepRows, log_files, pareto_table
from ax_moo.wandb.process import RunOptions
from ax_moo.wandb.project import JOB_TYPE, open_project, runs_of_trials
from ax_moo.wandb.run_state import RunState
from ax_moo.wandb.service import GRACE, QUIET_AND_BOUNDED, modes_to_try, tear_down
from ax_moo.wandb.settings import Mode, sweep_run_id
from ax_moo.wandb.shown_journal import shown_header
from ax_moo.wandb.trial_runs import tag_and_close
from ax_moo.wandb.wandb_sweep import add_trials, create_sweep

TERMINATED = 128 + signal.SIGTERM
POLL_SECONDS = 1.0
TABLE_SECONDS = 180.0
ALONE_SECONDS = 60.0
"""How long to wait for the process of an earlier run of the sweep, which may still end the same W&B run."""


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The sweeper gets the same signals and decides how the run ends.
        signal.signal(number, signal.SIG_IGN)
    os.nice(5)
    controller = ControllerPipe()
    options = RunOptions(**controller.options())
    _settle_environment(options)
    learn_environment(os.environ)
    learn_from_file(Path(options.folder) / CONFIG_FILE)
    with _alone(Path(options.folder), controller):
        SweepRun(options, controller).keep()


class SweepRun:
    """The W&B run during one run of the sweeper, from its first job to its end."""

    def __init__(self, options: RunOptions, controller: ControllerPipe) -> None:
        self._options = options
        self._controller = controller
        self._folder = Path(options.folder)
        self._sweeper = read(self._folder / LOCK_FILE)
        self._tail = JournalTail(self._folder)
        self._state = RunState.read(self._folder)
        self._last_line = 0
        self._table_time, self._table_front = time.monotonic(), list[int]()

    def keep(self) -> None:
        import wandb

        lines = self._lines_with_a_job()
        if not lines:
            return
        header = json.loads(lines[0][1])
        self._rows = SweepRows(header)
        run = start(wandb, self._options, header, self._controller)
        if run is None:
            return
        try:
            self._begin(wandb, run)
            self._log(run, lines)
            self._follow(wandb, run)
            self._finish(wandb, run)
        except Exception as error:
            self._controller.tell(
                logging.WARNING,
                f"{error_line(error)}; the sweep goes on without a run of its own. Upload the data until now with: "
                f"ax-moo wandb sync {quoted(self._folder)}",
            )
            tear_down(wandb, GRACE)

    def _lines_with_a_job(self) -> list[tuple[int, str]]:
        """The journal's lines once a job was submitted: a sweep whose first job is refused leaves no W&B run."""
        lines: list[tuple[int, str]] = []
        while True:
            has_ended = self._controller.wait(POLL_SECONDS if lines else 0.0)
            lines += self._tail.new_lines()
            if any(json.loads(text)["status"] != TrialStatus.STAGED for _, text in lines[1:]):
                return lines
            if has_ended:
                return []

    def _begin(self, wandb: Any, run: Any) -> None:
        run.define_metric(FINISHED, hidden=True)
        for key in (LINE, TEXT):
            run.define_metric(key, hidden=True, summary="none")
        for key in self._rows.charts:
            run.define_metric(key, step_metric=FINISHED)
        path = f"{run.entity}/{run.project}/{run.id}"
        if run.offline or not run.resumed or self._state.path != path:
            # Another run gets all lines: offline data may be uploaded to any project.
            self._state = RunState(path, sweep=self._state.sweep if self._state.path == path else None)
        if self._options.sweep and not run.offline:
            self._join_sweep(wandb, run)

    def _join_sweep(self, wandb: Any, run: Any) -> None:
        if self._state.sweep is None:
            problem, name = self._rows.problem, self._options.name
            sweep = create_sweep(wandb, problem, name, project=run.project, entity=run.entity)
            self._state = replace(self._state, sweep=sweep)
            self._state.write(self._folder)
        run.config.update({"sweep_id": self._state.sweep}, allow_val_change=True)

    def _follow(self, wandb: Any, run: Any) -> None:
        has_ended = False
        while not has_ended:
            has_ended = self._controller.wait(POLL_SECONDS)
            if not has_ended and self._is_replaced:
                leave(0)
            self._log(run, self._tail.new_lines())
            if time.monotonic() - self._table_time > TABLE_SECONDS:
                self._log_table(wandb, run)

    @property
    def _is_replaced(self) -> bool:
        """Whether another sweeper has taken over while this one stands still: its process goes on with the run."""
        now = read(self._folder / LOCK_FILE)
        return now is not None and self._sweeper is not None and not now.is_same(self._sweeper)

    def _log(self, run: Any, lines: Iterable[tuple[int, str]]) -> None:
        for number, text in lines:
            if number == 1:
                continue  # the run's config holds the header
            row = self._rows.row(number, text)
            self._last_line = number
            if number > self._state.arrived:
                run.log(row)

    def _log_table(self, wandb: Any, run: Any) -> None:
        self._table_time = time.monotonic()
        if self._rows.front != self._table_front:
            self._table_front = self._rows.front
            trials = sorted(self._rows.trials.values(), key=lambda trial: trial.index)
            run.log({TABLE: pareto_table(wandb, trials, self._rows.problem)})

    def _finish(self, wandb: Any, run: Any) -> None:
        end = self._controller.end
        run.summary.update(self._rows.summary())
        why_no_results = None if end.is_hurried else self._log_results(wandb, run)
        if end.is_preempted:
            run.mark_preempting()
        with service_killed_after(min(self._options.finish_timeout + GRACE, end.seconds)):
            run.finish(exit_code=TERMINATED if end.is_preempted else end.exit_code)
        if why_no_results:
            text = f"the table and the files of the sweep were not uploaded: {why_no_results}"
            self._controller.tell(logging.WARNING, text)
        if not run.offline:
            self._state = replace(self._state, arrived=self._last_line)
            self._state.write(self._folder)
            if not end.is_hurried and end.exit_code != KILLED:
                self._close_trials(run)

    def _log_results(self, wandb: Any, run: Any) -> str | None:
        """Log the table and the files. An error is returned and not raised, because the run can still be ended."""
        try:
            self._log_table(wandb, run)
            log_files(wandb, run, self._folder, self._options.group)
        except Exception as error:
            return error_line(error)
        return None

    def _close_trials(self, run: Any) -> None:
        """Tag and close the trials' runs. An error is a warning, because the sweep's own run has ended well."""
        group = self._options.group
        try:
            with open_project(run.project, run.entity) as project:
                if self._state.sweep is not None:
                    runs = runs_of_trials(project, group, self._rows.trials, run.id)
                    add_trials(project, runs, self._state.sweep, self._options.name, self._rows.problem)
                done = tag_and_close(project, group, self._folder, run.id)
        except Exception as error:
            self._controller.tell(logging.WARNING, f"the trials' runs were not tagged: {error}")
            return
        if done.left:
            run_id, why = next(iter(done.left.items()))
            text = f"{len(done.left)} of the trials' runs were not tagged or closed, {run_id} among them: {why}"
            self._controller.tell(logging.WARNING, text)


def _settle_environment(options: RunOptions) -> None:
    for name in [name for name in os.environ if environment.RUNS.has(name)]:
        del os.environ[name]  # this process's parent may itself be a W&B run
    for key in ("base_url", "api_key"):
        # The variables also apply where other runs are read.
        if options.settings.get(key):
            os.environ[f"WANDB_{key.upper()}"] = str(options.settings[key])
    if "online" not in modes_to_try(options.mode):
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")


@contextmanager
def _alone(folder: Path, controller: ControllerPipe) -> Iterator[None]:
    """Wait for the process of an earlier run of the sweep, which may still be ending the same W&B run."""
    with open(folder / "wandb" / "sweep.lock", "w", opener=open_private) as file:
        until = time.monotonic() + ALONE_SECONDS
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if controller.wait(POLL_SECONDS / 4):
                    time.sleep(POLL_SECONDS / 4)
            except OSError:
                break  # the file system has no locks
        yield


def start(wandb: Any, options: RunOptions, header: Mapping[str, Any], controller: ControllerPipe) -> Any:
    """Start the run, and log one message with its address or its error; None where no mode of W&B works.

    ``header`` is the journal's first line.
    """
    reasons: list[str] = []
    for mode in modes_to_try(options.mode):
        try:
            run = _init(wandb, options, header, mode)
        except Exception as error:
            reasons.append(error_line(error))
            tear_down(wandb, options.finish_timeout + GRACE)
        else:
            if reasons:
                where = Path(run.dir).parent
                text = f"{reasons[0]}; the sweep's run is kept on disk, upload it with: wandb sync {where}"
                controller.tell(logging.WARNING, text)
            elif mode == Mode.ONLINE:
                controller.tell(logging.INFO, f"the sweep's run is {run.url}")
            return run
    controller.tell(logging.WARNING, f"{reasons[0]}; the sweep goes on without a run of its own")
    return None


def _init(wandb: Any, options: RunOptions, header: Mapping[str, Any], mode: str) -> Any:
    # A silent session never asks for an API key.
    wandb.setup(wandb.Settings(silent=True))
    own = {key: value for key, value in options.settings.items() if key != "mode"}
    timeouts = {"init_timeout": options.init_timeout, "finish_timeout": options.finish_timeout}
    return wandb.init(
        project=options.project,
        entity=options.entity,
        id=sweep_run_id(options.name, Path(options.folder)),
        name=options.name,
        group=options.group,
        job_type=JOB_TYPE,
        config={"ax_moo": {**without_secrets(options.about), "header": shown_header(header)}},
        dir=options.folder,
        mode=mode,
        resume="allow",
        allow_val_change=True,
        settings=wandb.Settings(**{**QUIET_AND_BOUNDED, "x_disable_stats": True, **timeouts, **own}),
    )


if __name__ == "__main__":
    main()
