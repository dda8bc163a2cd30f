"""What Slurm says about our jobs: one question for all of them, at a fixed short interval."""

import logging
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

log = logging.getLogger(__name__)

_INTERVAL_S = 2.0
_TIMEOUT_S = 30.0
_FORGOTTEN_S = 300.0

_FORGOTTEN = "no longer known to Slurm"
_NO_ACCOUNTING = "no accounting"

_PENDING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


class Phase(Enum):
    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class Verdict:
    """Where a job is, and since when by ``time.monotonic``; ``words`` say how an ended job ended."""

    phase: Phase
    since: float
    words: str = ""


class SlurmWatcher:
    """Watches all unfinished jobs of one launcher.

    The controller (squeue) is asked first: it knows every job that still runs or waits, also one that was requeued,
    and whether it is there at all. Only what it calls ended, or no longer knows, is looked up elsewhere. A command
    that fails says nothing about a job: the last verdict stands.
    """

    def __init__(self, interval_s: float = _INTERVAL_S) -> None:
        self.interval_s = interval_s
        self._watched: set[str] = set()
        self._verdicts: dict[str, Verdict] = {}
        self._unknown_since: dict[str, float] = {}
        self._asked_at = float("-inf")

    def watch(self, job_id: str) -> None:
        self._watched.add(job_id)

    def forget(self, job_id: str) -> None:
        """No more questions about a job whose result is there."""
        self._watched.discard(job_id)

    def verdict(self, job_id: str) -> Verdict:
        if time.monotonic() - self._asked_at >= self.interval_s:
            self._ask()
            self._asked_at = time.monotonic()
        return self._verdicts.get(job_id, Verdict(Phase.PENDING, time.monotonic()))

    def _ask(self) -> None:
        open_jobs = [job_id for job_id in sorted(self._watched) if not self._is_ended(job_id)]
        if not open_jobs:
            return
        states = _queue_states(open_jobs)
        if states is None:
            return
        lookups = []
        for job_id in open_jobs:
            state = states.get(job_id)
            if state is None or state in _ENDED:
                lookups.append(job_id)
            else:
                self._note(job_id, Phase.PENDING if state in _PENDING else Phase.RUNNING)
        if lookups:
            self._look_up(lookups, states)

    def _look_up(self, job_ids: Sequence[str], states: dict[str, str]) -> None:
        """Find out how jobs ended: from accounting, else from what the controller still remembers."""
        accounts = _account_words(job_ids)
        has_accounting = accounts != {_NO_ACCOUNTING: ""}
        for job_id in job_ids:
            words = (accounts or {}).get(job_id)
            if words is None and job_id in states:
                words = _controller_words(job_id) or states[job_id]
            if words is not None:
                self._note(job_id, Phase.ENDED, words)
            elif not has_accounting:
                self._note(job_id, Phase.ENDED, _FORGOTTEN)
            elif accounts is not None:
                self._note_unknown(job_id)

    def _note_unknown(self, job_id: str) -> None:
        """The controller has forgotten a job of whose end accounting does not know: not at once, not for ever."""
        since = self._unknown_since.setdefault(job_id, time.monotonic())
        if time.monotonic() - since > _FORGOTTEN_S:
            self._note(job_id, Phase.ENDED, _FORGOTTEN)

    def _note(self, job_id: str, phase: Phase, words: str = "") -> None:
        before = self._verdicts.get(job_id)
        if before is None or before.phase is not phase:
            self._verdicts[job_id] = Verdict(phase, time.monotonic(), words)
        if phase is not Phase.ENDED:
            self._unknown_since.pop(job_id, None)

    def _is_ended(self, job_id: str) -> bool:
        verdict = self._verdicts.get(job_id)
        return verdict is not None and verdict.phase is Phase.ENDED


def call(command: Sequence[str]) -> tuple[int, str, str]:
    """Exit status, output and error output of one of Slurm's commands; -1 where it could not run or did not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, "", str(error)
    return done.returncode, done.stdout, done.stderr


def _queue_states(job_ids: Iterable[str]) -> dict[str, str] | None:
    """State by job id, of those that the controller knows; None where it does not answer."""
    wanted = ",".join(job_ids)
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={wanted}"]
    status, output, error = call(command)
    if status != 0 and "Invalid job id" not in error:
        log.debug("squeue does not answer: %s", error.strip())
        return None
    return {fields[0]: fields[1] for line in output.splitlines() if len(fields := line.split()) == 2}


def _account_words(job_ids: Iterable[str]) -> dict[str, str] | None:
    """How jobs ended, of those that accounting has seen end; None where it does not answer."""
    wanted = ",".join(job_ids)
    columns = "--format=JobID,State,ExitCode"
    command = ["sacct", "--noheader", "--parsable2", "--allocations", columns, f"--jobs={wanted}"]
    status, output, error = call(command)
    if status != 0:
        if "accounting storage is disabled" in error:
            return {_NO_ACCOUNTING: ""}
        log.debug("sacct does not answer: %s", error.strip())
        return None
    rows = [line.split("|") for line in output.splitlines()]
    return {
        job_id: _words(row[1], row[2])
        for row in rows
        if len(row) == 3 and row[1].split(" ")[0] in _ENDED
        for job_id in _expanded(row[0])
    }


def _expanded(job_id: str) -> list[str]:
    """The jobs that a line of sacct's is about: a cancelled array's waiting tasks share one, ``12_[3-5]``."""
    from submitit.slurm.slurm import read_job_id

    found: list[str] = []
    for main, *task in read_job_id(job_id):
        indices = range(int(task[0]), int(task[-1]) + 1) if task else ()
        found += [f"{main}_{index}" for index in indices] or [main]
    return found


def _controller_words(job_id: str) -> str | None:
    status, output, _ = call(["scontrol", "--oneliner", "show", "job", job_id])
    state = re.search(r"\bJobState=(\S+)", output)
    if status != 0 or state is None:
        return None
    exit_code = re.search(r"\bExitCode=(\d+:\d+)", output)
    return _words(state.group(1), exit_code.group(1) if exit_code else "0:0")


def _words(state: str, exit_code: str) -> str:
    return state if exit_code == "0:0" else f"{state}, exit code {exit_code}"
