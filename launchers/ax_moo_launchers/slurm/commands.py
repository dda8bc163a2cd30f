"""Calling Slurm's commands (squeue, sacct, scancel, ...) and parsing their output."""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ax_moo_launchers.files import SLURM, is_carried, is_id
from ax_moo_launchers.slurm.faults import End
from ax_moo_launchers.slurm_job import call, facts_of, has_to_make_room, seconds

log = logging.getLogger(__name__)

UNREACHABLE = re.compile(r"unable to contact|connect failure|connection refused|timed out", re.IGNORECASE)

NO_ACCOUNTING = "no accounting"
_OUT_OF_MEMORY = "0:125"
"""The exit code with which Slurm says that the kernel killed a process because of its memory use."""

HELD = "LAUNCH_FAILED"
_HELD_FOR = ("launch failed requeued held", "JobHoldMaxRequeue")
"""Why Slurm holds a job that failed to start, and that will not start until somebody releases it."""

_OUT_OF_SERVICE = ("down", "drain", "drng", "fail", "unk")
"""The beginnings of the states of nodes that take no jobs; a * at the end says that a node does not answer."""

ENDED = {
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


def _ids(job_ids: Iterable[str]) -> list[str]:
    """Those that are ids of jobs: anything else would be an option of Slurm's commands, or more jobs than one."""
    return [job_id for job_id in job_ids if is_id(job_id, SLURM) and not is_carried(job_id)]


def ping() -> tuple[int, str, str]:
    return call(["scontrol", "ping"])


def cancel(job_ids: Sequence[str]) -> bool:
    """Cancel jobs, and return whether the controller has answered, so that the order need not be repeated."""
    ids = _ids(job_ids)
    if not ids:
        return True
    status, _, error = call(["scancel", *ids])
    if status == 0 or "Invalid job id" in error:
        return True
    log.warning("%s could not be cancelled: %s", ", ".join(job_ids), " ".join(error.split()))
    return status != -1 and UNREACHABLE.search(error) is None


def cancel_waiting(job_ids: Sequence[str]) -> None:
    """Cancel those of the jobs that have not begun."""
    if ids := _ids(job_ids):
        call(["scancel", "--state=PENDING", *ids])


def queue_states(job_ids: Iterable[str]) -> dict[str, str] | None:
    """The state of each job that the controller knows, by job id; None if it does not answer.

    A job that could not be started, and that Slurm holds for an administrator to look at, is in the state HELD.
    """
    wanted = ",".join(_ids(job_ids))
    if not wanted:
        return {}
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%r", f"--jobs={wanted}"]
    status, output, error = call(command)
    if status != 0 and "Invalid job id" not in error:
        log.debug("squeue does not answer: %s", error.strip())
        return None
    rows = [fields for line in output.splitlines() if len(fields := line.strip().split("|", 2)) == 3]
    return {job_id: HELD if reason.replace("_", " ") in _HELD_FOR else state for job_id, state, reason in rows}


def output_folders() -> dict[str, str]:
    """The output folder of each of this user's unfinished jobs, by job id."""
    return _output_folders() or {}


def jobs_with_logs_below(folder: Path) -> set[str] | None:
    """This user's unfinished jobs that have their logs in the folder or below it; None if nobody says it."""
    real, found = os.path.realpath(folder), _output_folders()
    if found is None:
        return None
    return {job_id for job_id, logs in found.items() if Path(os.path.realpath(logs)).is_relative_to(real)}


def _output_folders() -> dict[str, str] | None:
    status, output, _ = call(["squeue", "--noheader", "--array", "--me", "--Format=JobArrayID: ,StdOut: "])
    if status != 0:
        return None
    rows = [line.split(" ", 1) for line in output.splitlines()]
    found = {row[0]: os.path.dirname(row[1].strip()) for row in rows if len(row) == 2}
    return {job_id: _unescaped(folder, job_id.rpartition("_")[2]) for job_id, folder in found.items()}


def _unescaped(folder: str, array_task: str) -> str:
    """The folder that a pattern of Slurm's names."""
    return re.sub("%(.)", lambda match: {"a": array_task, "%": "%"}.get(match[1], match[0]), folder)


def usable_nodes(partitions: str) -> set[str]:
    """The nodes of these partitions, or of the default one, that take jobs or soon will; empty if nobody says so."""
    status, output, _ = call(["sinfo", "--noheader", "--Node", "--format=%N %P %t"])
    rows = [fields for line in output.splitlines() if len(fields := line.split()) == 3] if status == 0 else []
    return {
        node
        for node, partition, state in rows
        if _is_of(partition, partitions) and not state.startswith(_OUT_OF_SERVICE) and not state.endswith("*")
    }


def node_names(nodes: str) -> set[str]:
    """The nodes in Slurm's list of them, such as ``n1,n[3-5]``."""
    status, output, _ = call(["scontrol", "show", "hostnames", nodes]) if "[" in nodes else (1, "", "")
    return set(output.split() if status == 0 else nodes.split(","))


def largest_job(partitions: str) -> dict[str, float]:
    """What a job of these partitions, or of the default one, may have at most: ``timeout_min`` and ``mem_gb``."""
    status, output, _ = call(["sinfo", "--noheader", "--Node", "--format=%P %l %m"])
    rows = [fields for line in output.splitlines() if len(fields := line.split()) == 3] if status == 0 else []
    own = [(time, memory) for partition, time, memory in rows if _is_of(partition, partitions)]
    times = [seconds(time) for time, _ in own]
    minutes = [each / 60 for each in times if each is not None]
    # Slurm accepts a job that is too long for its partition, and lets it wait without limit.
    most = {"timeout_min": max(minutes)} if minutes and len(minutes) == len(times) else {}
    megabytes = [float(memory) for _, memory in own if memory.isdigit()]
    return {**most, "mem_gb": max(megabytes) / 1024} if megabytes else most


def _is_of(partition: str, partitions: str) -> bool:
    return partition.rstrip("*") in partitions.split(",") if partitions else partition.endswith("*")


def account_ends(job_ids: Iterable[str]) -> dict[str, End] | None:
    """How each job ended that has ended according to accounting, by job id; None if accounting does not answer."""
    wanted = ",".join(_ids(job_ids))
    if not wanted:
        return {}
    columns = "--format=JobID,State,ExitCode,DerivedExitCode,NodeList,ElapsedRaw"
    command = ["sacct", "--noheader", "--parsable2", "--allocations", columns, f"--jobs={wanted}"]
    status, output, error = call(command)
    if status != 0:
        if "accounting storage is disabled" in error:
            return {NO_ACCOUNTING: End("")}
        log.debug("sacct does not answer: %s", error.strip())
        return None
    rows = [line.split("|") for line in output.splitlines()]
    return {
        job_id: End(_words(*row[1:4]), row[4], float(row[5]) if row[5].isdigit() else None)
        for row in rows
        if len(row) == 6 and row[1].split(" ")[0] in ENDED
        for job_id in _expanded(row[0])
    }


def earlier_nodes(job_id: str) -> str:
    """The nodes of the last life of a job that is queued again; empty if accounting does not know them."""
    columns = ["--format=State,NodeList", f"--jobs={job_id}"]
    status, output, _ = call(["sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", *columns])
    rows = [line.split("|") for line in output.splitlines()] if status == 0 else []
    nodes = [row[1] for row in rows if len(row) == 2 and row[0] in ("REQUEUED", "NODE_FAIL")]
    return nodes[-1] if nodes else ""


def _expanded(job_id: str) -> list[str]:
    """The jobs of a line of sacct: the pending tasks of a cancelled array share one line, ``12_[3-5]``."""
    from submitit.slurm.slurm import read_job_id

    found: list[str] = []
    for main, *task in read_job_id(job_id):
        indices = range(int(task[0]), int(task[-1]) + 1) if task else ()
        found += [f"{main}_{index}" for index in indices] or [main]
    return found


def controller_end(job_id: str) -> End | None:
    """How a job ended according to the controller; None if it does not know the job any more."""
    facts = facts_of(job_id)
    if "JobState" not in facts:
        return None
    words = _words(facts["JobState"], facts.get("ExitCode", "0:0"), facts.get("DerivedExitCode", "0:0"))
    return End(words, facts.get("NodeList", "").replace("(null)", ""), seconds(facts.get("RunTime", "")))


def was_preempted(job_id: str) -> bool:
    """Whether the controller has told the job in its last life to make room for another one."""
    return has_to_make_room(facts_of(job_id))


def _words(state: str, exit_code: str, of_step: str) -> str:
    """A job's state and exit code in words.

    ``of_step`` is the worst exit code of the job's steps. If srun runs the task, only this code says that the job ran
    out of memory: Slurm calls such a job FAILED, because its script ended with srun's exit code.
    """
    if _OUT_OF_MEMORY in (exit_code, of_step) and state in ("FAILED", "OUT_OF_MEMORY"):
        return "OUT_OF_MEMORY"
    return state if exit_code == "0:0" else f"{state}, exit code {exit_code}"
