"""The files that may hold secrets are their owner's alone, from the first moment on."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ax_moo.session.run import _save_config
from ax_moo.storage import journal, lock
from ax_moo.storage.journal import Journal
from ax_moo.system.disk import create_file, replace_file
from ax_moo.system.private_files import make_folder, open_private, private_files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0o002)
    yield
    os.umask(before)


def test_a_file_is_private_when_it_is_created_and_not_only_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fchmod", lambda *_: pytest.fail("the file was open to others before"))
    os.close(open_private(tmp_path / "opened", os.O_RDWR | os.O_CREAT))
    with private_files():
        (tmp_path / "written").write_text("x")
    (tmp_path / "afterwards").write_text("x")
    assert [mode(tmp_path / name) for name in ("opened", "written", "afterwards")] == [0o600, 0o600, 0o664]


def test_journal_lock_and_config_are_private_also_in_the_folder_of_an_earlier_version(tmp_path: Path) -> None:
    for name in (journal.JOURNAL_FILE, "lock", "multirun.yaml"):
        (tmp_path / name).touch()
        assert mode(tmp_path / name) == 0o664
    with lock.held(tmp_path), closing(Journal(tmp_path)):
        _save_config(OmegaConf.create({"a": 1}), tmp_path)
    for name in (journal.JOURNAL_FILE, "lock", "multirun.yaml"):
        assert mode(tmp_path / name) == 0o600


def test_a_journal_that_is_written_again_is_private(tmp_path: Path) -> None:
    with closing(Journal(tmp_path)) as written:
        written.begin({}, {"time": 1.0})
        (tmp_path / journal.JOURNAL_FILE).unlink()
        written.keep()
        assert mode(tmp_path / journal.JOURNAL_FILE) == 0o600
        (tmp_path / journal.JOURNAL_FILE).unlink()
        (tmp_path / journal.JOURNAL_FILE).mkdir()
        saved = written.save_beside()
    assert saved is not None
    assert mode(saved) == 0o600


def test_a_folder_is_not_open_to_every_user_whatever_the_umask(tmp_path: Path) -> None:
    os.umask(0)
    make_folder(tmp_path / "above" / "folder")
    (tmp_path / "other").mkdir()
    assert [mode(tmp_path / name) for name in ("above", "above/folder", "other")] == [0o775, 0o775, 0o777]


def test_a_private_file_is_replaced_and_created_as_one(tmp_path: Path) -> None:
    (tmp_path / "replaced").touch()
    replace_file(tmp_path / "replaced", "x", is_private=True)
    create_file(tmp_path / "created", "x", is_private=True)
    assert (mode(tmp_path / "replaced"), mode(tmp_path / "created")) == (0o600, 0o600)
