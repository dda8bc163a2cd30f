"""What wandb keeps of a run on disk: a folder ``[offline-]run-<time>-<id>`` with a log of records."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
