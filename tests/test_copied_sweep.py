"""A copy of a sweep folder can be read, and never ends or takes up the jobs of its original."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ax_moo_command import ax_moo, facts
from fakes import problem
from killing import KILLED, Killable, check_each_result_is_the_trials_own, check_nothing_was_lost_or_run_twice
from waiting import wait_until

import ax_moo as library
from ax_moo.storage import journal, lock
from ax_moo.storage.home import original_of
from ax_moo.storage.journal import Journal

pytestmark = pytest.mark.one_hydra


@contextmanager
def held(project: Path, *options: str) -> Iterator[Killable]:
    """A sweep whose trials wait for a file ``go``, which is there in the end."""
    try:
        yield Killable(project, "async_local", "hydra.sweeper.n_trials=3", "+hold=true", *options)
    finally:
        (project / "go").touch()


def copied(swept: Killable, name: str = "copy") -> Path:
    copy = swept.project / name
    shutil.copytree(swept.folder, copy, symlinks=True)
    return copy


def check_refused(swept: Killable, copy: Path) -> None:
    said = f"{copy} is a copy of the sweep in {swept.folder}"
    for command in (("stop",), ("stop", "--now"), ("resume",)):
        refused = ax_moo(*command, copy)
        assert (refused.code, said in refused.err) == (2, True), refused
    started = swept.live(f"hydra.sweep.dir={copy.name}")
    assert (started.code, said in started.stderr) == (2, True), started


@pytest.mark.parametrize("point", ["submitted:1", "noted:2"])
def test_a_copy_does_not_take_the_jobs_that_a_killed_sweeper_has_left_for_its_own(tmp_path: Path, point: str) -> None:
    with held(tmp_path) as swept:
        assert swept.live(kill_at=point).code == KILLED
        copy = copied(swept)
        check_refused(swept, copy)
        found = facts(copy)
        assert (found["state"], found["copy_of"]) == ("copy", str(swept.folder))
        assert {row["state"] for row in found["running"]} <= {None}
        assert f"a copy of the sweep in {swept.folder}" in ax_moo("status", copy).out
        assert f"a copy of the sweep in {swept.folder}" in ax_moo("doctor", copy).out
        assert facts(swept.folder)["copy_of"] is None
    check_nothing_was_lost_or_run_twice(swept, swept.live())
    check_each_result_is_the_trials_own(swept)


def test_a_copy_of_a_running_sweep_is_not_that_sweep(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        sweeper = swept.begin()
        wait_until(lambda: len(swept.running_jobs()) == 3, "three jobs")
        copy = copied(swept)
        check_refused(swept, copy)
        assert facts(copy)["state"] == "copy"
        assert not (copy / "stop").exists()
        (tmp_path / "go").touch()
        check_nothing_was_lost_or_run_twice(swept, sweeper.end())


def test_a_copy_is_moved_aside_for_a_sweep_of_its_own_while_its_original_runs(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        sweeper = swept.begin()
        wait_until(lambda: len(swept.running_jobs()) == 3, "three jobs")
        copy = copied(swept)
        begun = swept.begin(f"hydra.sweep.dir={copy.name}", "hydra.sweeper.resume=fresh")
        wait_until(lambda: facts(copy)["state"] == "running", "the sweep in the copy")
        [aside] = copy.glob("earlier-*")
        assert f"{aside} is a copy of the sweep in {swept.folder}" in ax_moo("stop", "--now", aside).err
        (tmp_path / "go").touch()
        assert begun.end().code == 0
        check_nothing_was_lost_or_run_twice(swept, sweeper.end())
    ids = {journal.id_of(journal.header(folder) or {}) for folder in (swept.folder, copy)}
    assert len(ids) == 2
    assert facts(copy)["copy_of"] is None


def test_a_copy_goes_on_by_itself_once_the_jobs_of_its_original_have_ended(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        assert swept.live(kill_at="noted:2").code == KILLED
        copy = copied(swept)
        (tmp_path / "go").touch()
        wait_until(lambda: not swept.running_jobs(), "the jobs to end")
        assert facts(copy)["state"] == "killed"
        assert swept.live(f"hydra.sweep.dir={copy.name}").code == 0
        check_nothing_was_lost_or_run_twice(swept, swept.live())
        for swept.name in ("swept", "copy"):
            assert facts(swept.folder)["state"] == "finished"
            check_each_result_is_the_trials_own(swept)


def test_a_damaged_journal_of_a_copy_is_refused_for_its_damage(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        (tmp_path / "go").touch()
        assert swept.live().code == 0
        copy = copied(swept)
        with open(copy / "sweep.jsonl", "a") as damaged:
            damaged.write('{"trial": "two"}\n')
        lines = len((copy / "sweep.jsonl").read_text().splitlines())
        refused = swept.live(f"hydra.sweep.dir={copy.name}")
        assert (refused.code, f"line {lines}" in refused.stderr) == (2, True), refused


def test_a_copy_of_a_finished_sweep_is_read_as_the_original_and_goes_on(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        (tmp_path / "go").touch()
        assert swept.live().code == 0
        copy = copied(swept)
        assert facts(copy)["state"] == "finished"
        exported = [ax_moo("export", folder) for folder in (swept.folder, copy)]
        assert (exported[0].code, exported[0].out) == (0, exported[1].out)
        assert len(library.load(copy).trials) == 3
        more = "hydra.sweeper.n_trials=4"
        swept.name = "copy"
        check_nothing_was_lost_or_run_twice(swept, swept.live(more))
        assert facts(copy)["copy_of"] is None
        assert (facts(tmp_path / "swept")["n_trials"], facts(copy)["n_trials"]) == (3, 4)


def test_a_copy_is_known_without_its_lock_and_by_its_folder_alone(tmp_path: Path) -> None:
    original, moved, linked = tmp_path / "original", tmp_path / "moved", tmp_path / "linked"
    original.mkdir()
    with closing(Journal(original)) as written:
        written.begin(problem().to_dict(), {"time": 1.0, "id": "a1", "home": str(original)})
    shutil.copytree(original, linked, copy_function=os.link)
    assert (original_of(original), original_of(linked)) == (None, original)
    original.rename(moved)
    assert (original_of(moved), original_of(linked)) == (None, None), "nobody knows where the original is"
    with lock.held(moved, {"home": str(moved)}):
        assert original_of(shutil.copytree(moved, tmp_path / "third")) == moved
        assert [found.is_alive for found in map(lock.holder, (moved, tmp_path / "third")) if found] == [True, False]


def test_a_folder_by_another_path_and_one_that_was_moved_are_no_copies(tmp_path: Path) -> None:
    with held(tmp_path) as swept:
        assert swept.live(kill_at="noted:2").code == KILLED
        (tmp_path / "link").symlink_to(swept.folder)
        assert facts(tmp_path / "link")["state"] == "killed"
        (tmp_path / "go").touch()
        wait_until(lambda: not swept.running_jobs(), "the jobs to end")
        os.rename(swept.folder, tmp_path / "moved")
        os.remove(tmp_path / "link")
        swept.name = "swept"
        assert swept.live("hydra.sweeper.seed=3").code == 0, "another sweep takes the old place"
        swept.name = "moved"
        check_nothing_was_lost_or_run_twice(swept, swept.live())
