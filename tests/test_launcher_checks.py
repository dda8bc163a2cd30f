"""Mistakes outside of the launcher's config that are found before anything is submitted."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher
from sweeping import RETURNS_X, run_sweep, write_app

from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

NOBODY = 65534


def launcher_with(folder: Path, *options: str) -> Any:
    return open_launcher(folder, "async_local", lambda config: 1, *options)


@pytest.mark.parametrize("name", ["FOO", "SIGUSR1", "usr1", "", "KILL", "TERM", "CONT", "12"])
def test_a_signal_that_submitit_or_a_job_cannot_handle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", name)
    with pytest.raises(ConfigError, match=f"^SUBMITIT_PREEMPT_SIGNAL: must be the name .* such as .*got '{name}'"):
        launcher_with(tmp_path).check()


@pytest.mark.parametrize("name", ["USR1", "USR2", "ALRM"])
def test_a_signal_that_they_can_handle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", name)
    launcher_with(tmp_path).check()


@pytest.mark.parametrize("inside", ["a file", "a file/%j", "a file/deeper/still/%j"])
def test_a_folder_for_jobs_that_is_a_file_or_below_one(tmp_path: Path, inside: str) -> None:
    (tmp_path / "a file").touch()
    launcher = launcher_with(tmp_path, f"hydra.launcher.submitit_folder='{tmp_path}/{inside}'")
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.submitit_folder: .*a file is no folder; name a folder"):
        launcher.check()


def test_a_file_that_has_the_name_of_the_jobs_folder_in_the_sweeps_folder(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/.submitit").touch()
    with pytest.raises(ConfigError, match=r"submitit_folder: .*sweep/\.submitit is no folder"):
        launcher_with(tmp_path).check()


def test_a_link_to_nothing_in_the_place_of_the_jobs_folder(tmp_path: Path) -> None:
    (tmp_path / "scratch").symlink_to(tmp_path / "nowhere")
    launcher = launcher_with(tmp_path, f"hydra.launcher.submitit_folder='{tmp_path}/scratch/%j'")
    with pytest.raises(ConfigError, match=r"submitit_folder: .*scratch is no folder"):
        launcher.check()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_folder_for_jobs_that_the_user_may_not_make(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as roots:
        Path(roots).chmod(0o755)
        launcher = launcher_with(tmp_path, f"hydra.launcher.submitit_folder='{roots}/mine/%j'")
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ConfigError, match=r"submitit_folder: .*cannot be written to"):
                launcher.check()
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("inside", ["new/%j", "new/deeper/%j", "%j"])
def test_a_folder_for_jobs_that_can_be_made_is_not_made_by_the_check(tmp_path: Path, inside: str) -> None:
    launcher_with(tmp_path, f"hydra.launcher.submitit_folder='{tmp_path}/{inside}'").check()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_sweep_with_such_a_mistake_ends_with_2_and_one_sentence(tmp_path: Path) -> None:
    project = write_app(tmp_path, RETURNS_X)
    swept = run_sweep(
        project, "+x=interval(0,1)", "hydra/launcher=async_local", "hydra.launcher.submitit_folder=app.py/%j"
    )
    assert swept.code == 2
    (line,) = swept.err.splitlines()
    assert "hydra.launcher.submitit_folder" in line
    assert not swept.folder.exists()
