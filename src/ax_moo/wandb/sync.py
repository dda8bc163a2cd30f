"""Finds the runs of a sweep folder that W&B does not have yet, and uploads them with ``wandb sync``."""

import os
import re
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ax_moo.storage import journal
from ax_moo.storage.earlier import is_earlier
from ax_moo.system.disk import is_same_folder
from ax_moo.system.errors import ConfigError
from ax_moo.wandb.project import ANSWER_SECONDS, ID_END, PAGE
from ax_moo.wandb.settings import sweep_hash

SYNCED = ".synced"
"""The ending of the marker file that wandb writes once all of a file is uploaded."""

# wandb's file has LevelDB's log format behind a header: blocks hold records, whole or in parts.
_FILE_HEADER = 7
_BLOCK = 32768
_PART = struct.Struct("<IHB")
_FULL, _LAST = 1, 4


_DATA = "*run-*/run-*.wandb"
_OWN = ("wandb", "*/wandb", "*/*/wandb")


@dataclass(frozen=True)
class RunData:
    """The data of one attempt at a run. ``last_step`` is -1 without history.

    ``exit_code`` is None where the process was killed. An empty ``entity`` means the user's default one; ``project``
    is empty where the file could not be read.
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
    """The data files of all runs of a sweep folder, in the order in which they were begun.

    They are in the folder's ``wandb`` or in those of its trials' folders, and where an application has run them all in
    one working directory, in that one's. A run has a file for each attempt that was not killed before it wrote any.
    """
    own = (path for place in _OWN for path in folder.glob(f"{place}/{_DATA}") if not _is_earlier(path, folder))
    files = [path for path in (*own, *_beside(folder)) if path.stat().st_size > _FILE_HEADER]
    return sorted(files, key=lambda path: re.sub(r"^offline-", "", path.parent.name))


def _is_earlier(path: Path, folder: Path) -> bool:
    return is_earlier(path.relative_to(folder).parts[0])


def _beside(folder: Path) -> Iterator[Path]:
    """The data of the sweep's runs in the working directory of its command."""
    with suppress(ConfigError, OSError):
        cwd = (journal.header(folder) or {}).get("cwd")
        if isinstance(cwd, str) and not is_same_folder(Path(cwd), folder):
            of_sweep = re.compile(rf"run-.*-{sweep_hash(folder)}-(\d+|sweep)\.wandb")
            yield from (path for path in Path(cwd).glob(f"wandb/{_DATA}") if of_sweep.fullmatch(path.name))


def read_run(file: Path) -> RunData:
    """Read a run's data from the file, up to its first unreadable record."""
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
            at += left  # the rest of the block is too short for another part
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
"""A file that was written less than this ago is still in use: wandb records system metrics every 15 s."""

UPLOAD_SECONDS = 3600.0
UPLOAD_RETRIES = 4
ENDED = ("finished", "failed", "killed", "preempted")
TORN = "ends with an incomplete record"


@dataclass(frozen=True)
class Uploaded:
    """The result of one upload; ``problem`` is the reason where not all of the data was uploaded.

    ``is_torn`` says that all was uploaded, but that a killed process left the last record incomplete.
    """

    run: RunData
    problem: str | None = None
    is_torn: bool = False


@dataclass(frozen=True)
class Found:
    """The data to upload, the data of runs that still run, and the number of files that W&B has already.

    ``sweep`` is the latest data of the sweep's own run.
    """

    pending: Sequence[RunData]
    living: Sequence[RunData]
    there: int
    sweep: RunData | None


def find(api: Any, folder: Path, living_ids: Collection[str]) -> Found:
    """Sort the runs of a folder by what is left to do; ``living_ids`` are endings of the ids of running runs."""
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
    """Upload several runs at once and yield each result; the files of one run are uploaded in order.

    Where one file of a run fails, its later files are not tried, because W&B takes them only in order.
    """
    attempts: dict[str, list[RunData]] = defaultdict(list)
    for run in runs:
        attempts[run.run_id].append(run)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for future in as_completed([pool.submit(_upload_in_order, each) for each in attempts.values()]):
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
    """The runs without those that uploaded themselves online, whose rows ``wandb sync`` would upload again."""
    online: dict[str, list[RunData]] = defaultdict(list)
    for run in runs:
        if run.is_online and run.project:
            online[f"{run.entity or api.default_entity}/{run.project}"].append(run)
    there = {run.file for path, found in online.items() for run in _there(found, path, api)}
    return [run for run in runs if run.file not in there]


def _there(runs: Sequence[RunData], path: str, api: Any) -> list[RunData]:
    ids = sorted({run.run_id for run in runs})
    online = {run.id: run for run in api.runs(path, filters={"name": {"$in": ids}}, lazy=False, per_page=PAGE)}
    return [run for run in runs if run.run_id in online and _is_whole(online[run.run_id], run)]


def _is_whole(online: Any, run: RunData) -> bool:
    has_rows = (online.history_keys or {}).get("lastStep", -1) >= run.last_step
    return has_rows and (run.exit_code is None or online.state in ENDED)


def _upload_in_order(attempts: Sequence[RunData]) -> list[Uploaded]:
    done: list[Uploaded] = []
    for run in attempts:
        if done and done[-1].problem is not None:
            done.append(Uploaded(run, "not tried, because the data of an earlier attempt must be uploaded first"))
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
        return Uploaded(run, f"wandb sync did not end within {UPLOAD_SECONDS:.0f} s")
    if run.is_synced:
        return Uploaded(run)
    lines = [line.removeprefix("wandb: ") for line in ended.stdout.splitlines()]
    errors = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR ")]
    if len(errors) == 1 and TORN in errors[0] and run.project:
        # The process was killed while it wrote, so the file is final. Without a marker each sync would upload it again.
        run.marker.touch()
        return Uploaded(run, is_torn=True)
    return Uploaded(run, " ".join(errors or lines[-1:]) or "wandb sync printed no reason")


def _environment() -> dict[str, str]:
    """This process's environment, changed so that wandb prints its errors, gives up in time and has its own service."""
    bounds = {
        "WANDB_SILENT": "false",
        "WANDB_QUIET": "false",
        "WANDB_HTTP_TIMEOUT": os.environ.get("WANDB_HTTP_TIMEOUT", str(ANSWER_SECONDS)),
    }
    for kind in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER"):
        bounds[f"WANDB_X_{kind}_RETRY_MAX"] = str(UPLOAD_RETRIES)
    kept = {key: value for key, value in os.environ.items() if key not in ("WANDB_SERVICE", "WANDB_MODE")}
    return kept | bounds
