"""What W&B has not got yet of a sweep folder's runs, and its upload with wandb's own command."""

import os
import re
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.wandb.project import ANSWER_SECONDS, ID_END, PAGE

SYNCED = ".synced"
"""What wandb adds to the file's name once all of it is uploaded."""

# The log is one of LevelDB's: blocks that hold records, whole or in parts, behind a header of wandb's own.
_FILE_HEADER = 7
_BLOCK = 32768
_PART = struct.Struct("<IHB")
_FULL, _LAST = 1, 4


@dataclass(frozen=True)
class RunData:
    """One life of a run. ``last_step`` is -1 without history; ``exit_code`` is None where its process was killed.

    ``entity`` may be empty, which means the user's default one; ``project`` is so where nothing could be read.
    """

    file: Path
    entity: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    last_step: int = -1
    exit_code: int | None = None

    @property
    def run_id(self) -> str:
        return self.file.stem.removeprefix("run-")

    @property
    def is_online(self) -> bool:
        return not self.file.parent.name.startswith("offline-")

    @property
    def is_synced(self) -> bool:
        return self.marker.exists()

    @property
    def marker(self) -> Path:
        return self.file.with_name(self.file.name + SYNCED)


def run_files(folder: Path) -> list[Path]:
    """The data of all lives of all runs in the folder's ``wandb``, in the order in which these began.

    A life that was killed before it wrote anything has none.
    """
    files = [path for path in (folder / "wandb").glob("*run-*/run-*.wandb") if path.stat().st_size > _FILE_HEADER]
    return sorted(files, key=lambda path: re.sub(r"^offline-", "", path.parent.name))


def read_run(file: Path) -> RunData:
    """What the readable beginning of the file tells of the run."""
    found: dict[str, Any] = {}
    for record in _records(file.read_bytes()):
        match record.WhichOneof("record_type"):
            case "run":
                run = record.run
                found |= {"entity": run.entity, "project": run.project}
                found |= {"group": run.run_group, "job_type": run.job_type}
            case "history":
                found["last_step"] = record.history.step.num
            case "exit":
                found["exit_code"] = record.exit.exit_code
    return RunData(file, **found)


def _records(data: bytes) -> Iterator[Any]:
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record

    try:
        for body in _bodies(data):
            yield Record.FromString(body)
    except DecodeError:
        return


def _bodies(data: bytes) -> Iterator[bytes]:
    at, body = _FILE_HEADER, b""
    while at + _PART.size <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _PART.size:
            at += left  # too little for another part
            continue
        _, length, kind = _PART.unpack_from(data, at)
        at += _PART.size + length
        if at > len(data):
            return
        body = data[at - length : at] if kind == _FULL else body + data[at - length : at]
        if kind in (_FULL, _LAST):
            yield body
            body = b""


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
