"""The process of which warm trials are forks, and whoever starts it: the sweeper, or a Slurm job with many trials."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from waiting import wait_for_file, wait_until, wait_until_none_is_left

from ax_moo_launchers.carriers import program
from ax_moo_launchers.carriers.warmth import Warmth as WarmthOfCarrier
from ax_moo_launchers.job_environment import of_local_job
from ax_moo_launchers.local.warmth import Warmth as WarmthOfLauncher
from ax_moo_launchers.warm import warmth as warmth_module
from ax_moo_launchers.warm.modules import Modules

pytestmark = pytest.mark.hydra_free

OWNER = """
import sys, time
from pathlib import Path
from test_warm_parents import opened

warmth = opened(sys.argv[1], Path(sys.argv[2]))
warmth.is_ready()
time.sleep(600)
"""


def opened(kind: str, folder: Path, preload: tuple[str, ...] = ()) -> WarmthOfLauncher | WarmthOfCarrier:
    if kind == "launcher":
        return WarmthOfLauncher(program.modules_file(folder), preload)
    program.write_program(folder, preload)
    return WarmthOfCarrier(folder, end_forks=lambda: None)


class Owned:
    """A parent, and the list from which it is made."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.list = program.modules_file(folder)

    def open(self, *modules: str, preload: tuple[str, ...] = ()) -> None:
        Modules(before=modules).write(self.list)
        self.warmth = opened(self.kind, self.folder, preload)

    def is_ready(self) -> bool:
        return self.warmth.is_ready()

    def wait(self) -> None:
        wait_until(self.is_ready, "the parent to have done its imports")

    def fork(self, **more: str) -> object:
        if isinstance(self.warmth, WarmthOfLauncher):
            return self.warmth.start_controller(self.folder, "", {**of_local_job(os.environ), **more})
        return self.warmth.start(self.folder, self.folder / "out", self.folder / "err", {**os.environ, **more})


def parents() -> list[int]:
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if "modules.json" in " ".join(_words_of(child.pid))]


def _words_of(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


Said = Callable[[], str]


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Said:
    """What was logged, and what is in the log of a Slurm job."""
    caplog.set_level(logging.INFO)
    printed: list[str] = []

    def all_of_it() -> str:
        printed.append(capsys.readouterr().out)
        return caplog.text + "".join(printed)

    return all_of_it


@pytest.fixture(params=["launcher", "carrier"])
def owned(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Owned]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(warmth_module, "_WAIT_S", 120.0)  # the machine may be busy
    made = Owned(request.param, tmp_path)
    yield made
    made.warmth.close()
    wait_until_none_is_left(parents, seconds=10)


def test_a_parent_that_hangs_ends_with_its_owner_that_is_killed(owned: Owned, tmp_path: Path) -> None:
    says = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    (tmp_path / "hangs.py").write_text(f"import os, pathlib, time\n{says}\ntime.sleep(600)")
    owned.open("hangs")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(tmp_path)])}
    owner = subprocess.Popen([sys.executable, "-c", OWNER, owned.kind, str(tmp_path)], env=environ)
    parent = int(wait_for_file(tmp_path / "pid"))
    owner.kill()
    owner.wait()
    wait_until_none_is_left(lambda: _words_of(parent), seconds=10)


def test_a_parent_that_is_unfit_from_its_start_is_the_last(owned: Owned, tmp_path: Path, said: Said) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    os.environ["PYTHONPATH"], before = str(tmp_path), os.environ.get("PYTHONPATH", "")
    try:
        owned.open("json")
        owned.wait()
    finally:
        os.environ["PYTHONPATH"] = before
    assert "Trials start cold: a module has started a thread" in said()
    assert owned.fork() is None
    assert owned.is_ready()
    assert parents() == []


def test_what_a_parent_leaves_out_is_said_and_kept_for_the_next_one(owned: Owned, tmp_path: Path, said: Said) -> None:
    (tmp_path / "odd.py").write_text("kept = open(__file__)")
    owned.open("odd", "json", preload=("not_there",))
    owned.wait()

    def left_out() -> list[str]:
        modules = Modules.read(owned.list)
        return list(modules.left_out) if modules else []

    wait_until(lambda: left_out() == ["odd"], "the list to be written")
    assert "Trials import odd themselves: it opens" in (words := said())
    assert "hydra.launcher.preload: not_there cannot be imported, and is left out" in words


@pytest.mark.parametrize(("deaths", "begun"), [(1, 2), (9, 3)])
def test_a_parent_that_dies_at_its_imports_has_two_successors_at_most(
    deaths: int, begun: int, owned: Owned, tmp_path: Path, said: Said
) -> None:
    text = f"import os\nopen({str(tmp_path / 'begun')!r}, 'a').write('x')\n"
    dies = f"if os.path.getsize({str(tmp_path / 'begun')!r}) <= {deaths}:\n    os.kill(os.getpid(), 9)\n"
    (tmp_path / "dies.py").write_text(text + dies)
    owned.open("dies")
    owned.wait()
    assert (tmp_path / "begun").read_text() == "x" * begun
    assert len(parents()) == (deaths == 1)
    assert ("Trials start cold: their parent process does not answer (it has ended)" in said()) == (deaths > 1)


def test_a_parent_that_does_not_read_costs_a_cold_start_however_long_the_environment_is(
    owned: Owned, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned.open("json")
    owned.wait()
    (parent,) = parents()
    os.kill(parent, signal.SIGSTOP)
    monkeypatch.setattr("ax_moo_launchers.warm.parent_process._ANSWER_S", 0.2)
    assert owned.fork(LONG="x" * 200_000) is None
    assert "their parent process does not answer (no answer within 0.2 s)" in said()
    wait_until(lambda: parents() not in ([], [parent]), "another parent")


def test_a_parent_that_hangs_after_another_one_did_is_the_last_and_costs_less(
    owned: Owned, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ax_moo_launchers.warm.parent_process._ANSWER_S", 0.3)
    monkeypatch.setattr(warmth_module, "_AGAIN_S", 0.1)
    owned.open("json")
    for _ in range(2):
        owned.wait()
        (parent,) = parents()
        os.kill(parent, signal.SIGSTOP)
        assert owned.fork() is None
    words = said()
    assert "A trial starts cold: their parent process does not answer (no answer within 0.3 s)" in words
    assert "Trials start cold: their parent process does not answer (no answer within 0.1 s)" in words
    assert owned.is_ready()
    assert parents() == []


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_nobody_waits_for_the_end_of_a_parent_that_the_kernel_cannot_end(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned.open("json")
    owned.wait()
    (parent,) = parents()
    monkeypatch.setattr("ax_moo_launchers.warm.parent_process._END_S", 0.1)
    os.kill(parent, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda pid, number: None)
        owned.warmth.close()
    os.kill(parent, signal.SIGKILL)
    wait_until_none_is_left(parents, seconds=10)


def test_it_is_said_once_that_trials_wait_for_imports(
    owned: Owned, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warmth_module, "_SAY_S", 0.0)
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)")
    owned.open("hangs")
    assert [owned.is_ready() for _ in range(3)] == [False] * 3
    assert said().count("Trials wait for the imports of their parent process, at most 120 s") == 1


def test_nothing_is_imported_for_a_list_that_is_garbage(owned: Owned) -> None:
    owned.open()
    owned.list.write_text("[")
    assert owned.is_ready()
    assert owned.fork() is None
    assert parents() == []


def test_a_variable_of_a_library_that_a_trial_sets_otherwise_has_a_new_parent_made(owned: Owned, said: Said) -> None:
    owned.open("json")
    owned.wait()
    (parent,) = parents()
    Modules(before=("json",), changed={"OMP_NUM_THREADS": "8"}).write(owned.list)
    assert owned.fork() is None
    assert "a trial has set OMP_NUM_THREADS to another value" in said()
    assert parents() not in ([], [parent])


def test_what_a_trial_of_another_sweep_sets_changes_nothing(owned: Owned, said: Said) -> None:
    owned.open("json")
    owned.warmth.sweep = "mine"
    owned.wait()
    (parent,) = parents()
    Modules(before=("json",), changed={"OMP_NUM_THREADS": "8"}, sweep="another").write(owned.list)
    assert owned.fork() is not None
    assert parents() == [parent]
    Modules(before=("json",), changed={"OMP_NUM_THREADS": "8"}, sweep="mine").write(owned.list)
    assert owned.fork() is None
    assert "a trial has set OMP_NUM_THREADS to another value" in said()


def test_a_fork_that_would_differ_in_what_imports_have_read_begins_cold(owned: Owned, said: Said) -> None:
    owned.open("json")
    owned.wait()
    assert owned.fork(OMP_NUM_THREADS="17") is None
    assert "the environment variable OMP_NUM_THREADS has changed" in said()


def test_trials_begin_cold_while_imports_take_long_and_their_parent_is_given_up_at_last(
    owned: Owned, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)")
    owned.open("hangs")
    assert not owned.is_ready()
    monkeypatch.setattr(warmth_module, "_WAIT_S", 0.1)
    owned.wait()
    assert owned.fork() is None
    assert len(parents()) == 1
    monkeypatch.setattr(warmth_module, "_IMPORTS_S", 0.2)
    wait_until(lambda: owned.is_ready() and not parents(), "the parent to be given up")
    assert "0.1 s were not enough" in (words := said())
    assert "its imports have taken more than 0.2 s" in words
