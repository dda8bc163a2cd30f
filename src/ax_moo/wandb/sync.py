"""What W&B has not got yet of a sweep folder's runs, and its upload with wandb's own command."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.wandb.local_runs import RunData, read_run, run_files
from ax_moo.wandb.project import ANSWER_SECONDS, PAGE
from ax_moo.wandb.remote_journal import ID_END

AT_ONCE = 4
STILL_WRITTEN_SECONDS = 60.0
"""wandb writes down what the machine does every 15 s, also while the training logs nothing."""

UPLOAD_SECONDS = 3600.0
UPLOAD_RETRIES = 4
ENDED = ("finished", "failed", "killed", "preempted")
TORN = "ends with an incomplete record"


@dataclass(frozen=True)
class Uploaded:
    """What became of one life of a run: ``problem`` says why not all of its data are there.

    ``is_torn``: they are, as far as a process that was killed has written them.
    """

    run: RunData
    problem: str | None = None
    is_torn: bool = False


@dataclass(frozen=True)
class Found:
    """The lives of runs that are to be uploaded, those that go on, and the number of those that are there already.

    ``sweep`` is the latest life of the sweep's own run.
    """

    pending: Sequence[RunData]
    living: Sequence[RunData]
    there: int
    sweep: RunData | None


def find(api: Any, folder: Path, living_ids: Collection[str]) -> Found:
    """Sort the runs of a folder by what is left to do; ``living_ids`` are ends of the ids of runs that go on."""
    files = [RunData(file) for file in run_files(folder)]
    unsynced = [read_run(run.file) for run in files if not run.is_synced]
    living = {run.run_id for run in unsynced if _lives(run, living_ids)}
    missing = _missing([run for run in unsynced if run.run_id not in living], api)
    sweeps = [run for run in files if run.run_id.endswith(ID_END)]
    return Found(
        pending=missing,
        living=[run for run in unsynced if run.run_id in living],
        there=len(files) - len(missing) - sum(run.run_id in living for run in unsynced),
        sweep=read_run(sweeps[-1].file) if sweeps else None,
    )


def upload(runs: Iterable[RunData]) -> Iterator[Uploaded]:
    """Upload some runs at once, each run's lives one after the other; gives out each as it is done.

    Where one life of a run has failed, its later ones are left for another time: W&B takes them in order only.
    """
    lives: dict[str, list[RunData]] = defaultdict(list)
    for run in runs:
        lives[run.run_id].append(run)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for future in as_completed([pool.submit(_upload_lives, each) for each in lives.values()]):
            yield from future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _lives(run: RunData, living_ids: Collection[str]) -> bool:
    if run.exit_code is not None:
        return False
    if any(run.run_id.endswith(end) for end in living_ids):
        return True
    return time.time() - run.file.stat().st_mtime < STILL_WRITTEN_SECONDS


def _missing(runs: Sequence[RunData], api: Any) -> list[RunData]:
    """Without what online runs have uploaded themselves: wandb's command would upload their rows once more."""
    online: dict[str, list[RunData]] = defaultdict(list)
    for run in runs:
        if run.is_online and run.project:
            online[f"{run.entity or api.default_entity}/{run.project}"].append(run)
    there = {run.file for path, found in online.items() for run in _there(found, path, api)}
    return [run for run in runs if run.file not in there]


def _there(runs: Sequence[RunData], path: str, api: Any) -> list[RunData]:
    ids = sorted({run.run_id for run in runs})
    known = {run.id: run for run in api.runs(path, filters={"name": {"$in": ids}}, lazy=False, per_page=PAGE)}
    return [run for run in runs if run.run_id in known and _is_whole(known[run.run_id], run)]


def _is_whole(known: Any, run: RunData) -> bool:
    has_rows = (known.history_keys or {}).get("lastStep", -1) >= run.last_step
    return has_rows and (run.exit_code is None or known.state in ENDED)


def _upload_lives(lives: Sequence[RunData]) -> list[Uploaded]:
    done: list[Uploaded] = []
    for run in lives:
        if done and done[-1].problem is not None:
            done.append(Uploaded(run, "not tried, because an earlier attempt's data must come first"))
        else:
            done.append(_upload(run))
    return done


def _upload(run: RunData) -> Uploaded:
    command = [sys.executable, "-P", "-m", "wandb", "sync", "--yes", "--include-online", str(run.file.parent)]
    try:
        ended = subprocess.run(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=UPLOAD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Uploaded(run, f"it did not come to an end in {UPLOAD_SECONDS:.0f} s")
    if run.is_synced:
        return Uploaded(run)
    lines = [line.removeprefix("wandb: ") for line in ended.stdout.splitlines()]
    errors = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR ")]
    if len(errors) == 1 and TORN in errors[0] and run.project:
        # Its process was killed while it wrote, and more will not come: wandb would upload it again each time.
        run.marker.touch()
        return Uploaded(run, is_torn=True)
    return Uploaded(run, " ".join(errors or lines[-1:]) or "wandb sync said nothing")


def _environment() -> dict[str, str]:
    """Ours, but that wandb says what it does, gives up in the end, and does not take this process's service."""
    bounds = {
        "WANDB_SILENT": "false",
        "WANDB_QUIET": "false",
        "WANDB_HTTP_TIMEOUT": os.environ.get("WANDB_HTTP_TIMEOUT", str(ANSWER_SECONDS)),
    }
    for kind in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER"):
        bounds[f"WANDB_X_{kind}_RETRY_MAX"] = str(UPLOAD_RETRIES)
    kept = {key: value for key, value in os.environ.items() if key not in ("WANDB_SERVICE", "WANDB_MODE")}
    return kept | bounds
