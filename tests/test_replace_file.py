"""A file is replaced as a whole, or stays as it was."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tmpfs import mounted

from ax_moo.system.disk import replace_file

pytestmark = pytest.mark.hydra_free


def test_text_and_bytes_come_back_as_they_were_given(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", "é\n")
    assert (tmp_path / "file").read_bytes() == "é\n".encode()
    replace_file(tmp_path / "file", b"\0\xff")
    assert (tmp_path / "file").read_bytes() == b"\0\xff"
    assert os.listdir(tmp_path) == ["file"]


def test_half_of_a_surrogate_pair_is_written_as_an_escape(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "file").read_text() == "caf\\udce9"


def test_a_new_file_has_the_mode_of_any_new_file_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "any").touch()
    replace_file(tmp_path / "file", "one")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "any").stat().st_mode
    (tmp_path / "file").chmod(0o640)
    replace_file(tmp_path / "file", "two")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "1m") as small:
        replace_file(small / "file", "old")
        with pytest.raises(OSError, match="No space left") as raised:
            replace_file(small / "file", "new" * (1 << 20))
        assert raised.value.errno == errno.ENOSPC
        assert (small / "file").read_text() == "old"
        assert os.listdir(small) == ["file"]


def test_a_directory_in_the_way_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "file", "new")
    assert os.listdir(tmp_path) == ["file"]


_WRITER = """
import sys
from pathlib import Path
from ax_moo.system.disk import replace_file
for _ in range(100):
    replace_file(Path(sys.argv[1]), sys.argv[2] * 100_000)
"""


def test_processes_that_write_one_file_at_the_same_time_leave_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a" * 100_000)
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), letter]) for letter in "abc"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        seen.add((text[:1], len(set(text)), len(text)))
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert seen <= {(letter, 1, 100_000) for letter in "abc"}
    assert os.listdir(tmp_path) == ["file"]
