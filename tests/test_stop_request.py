"""The request of `ax-moo stop`: what may be in its place, and when it comes in the moment of a start."""

import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import TWO_OBJECTIVES, ListedCandidates, ScriptedLauncher, problem, two_objectives
from journals import write_journal
from sweeping import RETURNS_X, SWEEP_DIR, Swept, run_sweep, write_app

from ax_moo.cli.stop import stop
from ax_moo.storage import lock, stop_request
from ax_moo.storage.lock_holder import Holder
from ax_moo.storage.stop_request import STOP_FILE, StopRequest
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.system.errors import ConfigError

pytestmark = pytest.mark.one_hydra

NOBODY = 65534


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)


IN_ITS_PLACE: dict[str, tuple[Callable[[Path], object], StopRequest | None]] = {
    "empty": (Path.touch, StopRequest.FINISH),
    "not UTF-8": (lambda path: path.write_bytes(b"\xff\xfenow"), StopRequest.FINISH),
    "huge": (huge, StopRequest.FINISH),
    "a directory": (Path.mkdir, None),
    "a pipe": (os.mkfifo, None),
    "a loop of links": (lambda path: path.symlink_to(path), None),
    "a device": (lambda path: path.symlink_to("/dev/zero"), None),
}


@pytest.mark.parametrize("kind", IN_ITS_PLACE)
def test_whatever_is_in_its_place_ends_no_sweep_but_as_a_request(tmp_path: Path, kind: str) -> None:
    put, request = IN_ITS_PLACE[kind]
    put(tmp_path / STOP_FILE)
    assert stop_request.asked(tmp_path) is request
    sweep = Sweep(
        problem(objectives=TWO_OBJECTIVES),
        Settings(n_trials=2),
        ScriptedLauncher(two_objectives),
        tmp_path,
        lambda _: ListedCandidates(),
    )
    assert len(sweep.run().trials) == (2 if request is None else 0)


def test_a_request_that_cannot_be_read_is_heard() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        stop_request.ask(folder, StopRequest.NOW)
        assert stat.S_IMODE((folder / STOP_FILE).stat().st_mode) == 0o644
        (folder / STOP_FILE).chmod(0)
        os.seteuid(NOBODY)
        try:
            assert stop_request.asked(folder) is StopRequest.FINISH
        finally:
            os.seteuid(0)


def test_a_start_removes_the_request_that_was_there_and_no_later_one(tmp_path: Path) -> None:
    stop_request.clear_earlier(tmp_path, stop_request.written(tmp_path))
    stop_request.ask(tmp_path, StopRequest.NOW)
    before = stop_request.written(tmp_path)
    stop_request.clear_earlier(tmp_path, before)
    assert list(tmp_path.iterdir()) == []
    stop_request.ask(tmp_path, StopRequest.NOW)
    stop_request.clear_earlier(tmp_path, before)
    assert stop_request.asked(tmp_path) is StopRequest.NOW


def test_a_request_that_comes_while_the_earlier_one_is_removed_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_request.ask(tmp_path, StopRequest.FINISH)
    before, rename = stop_request.written(tmp_path), os.rename

    def after_another_request(old: Path, new: Path) -> None:
        stop_request.ask(tmp_path, StopRequest.NOW)
        rename(old, new)

    monkeypatch.setattr(os, "rename", after_another_request)
    stop_request.clear_earlier(tmp_path, before)
    assert stop_request.asked(tmp_path) is StopRequest.NOW
    assert [path.name for path in tmp_path.iterdir()] == [STOP_FILE]


class Locks:
    """The folder's lock as it is, and then as it is when the request has been written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *holders: Holder | None) -> None:
        left = list(holders)
        monkeypatch.setattr(lock, "holder", lambda folder: left.pop(0) if len(left) > 1 else left[0])


def a_process(pid: int, is_alive: bool = True) -> Holder:
    return Holder("here", pid, 1.0, is_alive=is_alive)


def test_a_request_that_came_too_late_is_taken_back_and_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(tmp_path, problem(objectives=TWO_OBJECTIVES), [])
    Locks(monkeypatch, a_process(7), a_process(7, is_alive=False))
    stop(tmp_path, now=False)
    assert capsys.readouterr().out == f"the sweep in {tmp_path} has just ended\n"
    assert not (tmp_path / STOP_FILE).exists()


def test_a_process_that_has_taken_over_meanwhile_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(tmp_path, problem(objectives=TWO_OBJECTIVES), [])
    written: list[object] = []
    ask = stop_request.ask
    monkeypatch.setattr(stop_request, "ask", lambda *to: (ask(*to), written.append(stop_request.written(tmp_path))))
    Locks(monkeypatch, a_process(7), a_process(8))
    stop(tmp_path, now=False)
    assert "asked process 8 on here" in capsys.readouterr().out
    assert len(set(written)) == 2  # so that the second is none that was there before process 8 took the lock


STOPPED_AT = RETURNS_X.replace(
    "    main()\n",
    """\
    import importlib
    import os
    from pathlib import Path

    from ax_moo.cli.stop import stop

    where, name = os.environ["STOPPED_AT"].split(":")
    module = importlib.import_module(where)
    step = getattr(module, name)

    def stopped(*args, **kwargs):
        setattr(module, name, step)
        stop(Path("swept"), now=False)
        return step(*args, **kwargs)

    setattr(module, name, stopped)
    main()
""",
)
BEFORE = [
    "ax_moo.storage.stop_request:clear_earlier",
    "ax_moo.session.run:_check_names",
    "ax_moo.session.run:_save_config",
    "ax_moo.session.run:_run",
    "ax_moo.sweep.loop:pause",
]
OPTIONS = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.n_jobs=1")


def swept_with_a_stop(project: Path, at: str, *options: str) -> Swept:
    write_app(project, STOPPED_AT)
    os.environ["STOPPED_AT"] = at
    try:
        return run_sweep(project, *OPTIONS, *options)
    finally:
        del os.environ["STOPPED_AT"]


@pytest.mark.parametrize("at", BEFORE)
def test_a_request_at_any_moment_of_a_start_is_heard(tmp_path: Path, at: str) -> None:
    swept = swept_with_a_stop(tmp_path, at, "hydra.sweeper.n_trials=40")
    assert "asked process" in swept.out
    assert len(swept.last) <= 1
    assert "ax-moo stop asked the sweep to end" in json.loads((swept.folder / "lock").read_text())["about"]["why"]
    assert not (swept.folder / STOP_FILE).exists()


@pytest.mark.parametrize("how", ["auto", "fresh"])
def test_so_is_one_in_the_moment_of_a_later_start_whatever_was_asked_before(tmp_path: Path, how: str) -> None:
    swept_with_a_stop(tmp_path, "ax_moo.sweep.loop:pause", "hydra.sweeper.n_trials=3")
    stop_request.ask(tmp_path / SWEEP_DIR, StopRequest.NOW)  # and its sweeper was killed before it could look
    before = "ax_moo.session.run:_check_names"
    swept = swept_with_a_stop(tmp_path, before, "hydra.sweeper.n_trials=40", f"hydra.sweeper.resume={how}")
    assert len(swept.last) <= (1 if how == "auto" else 0)
    assert "ax-moo stop asked the sweep to end" in json.loads((swept.folder / "lock").read_text())["about"]["why"]


def test_a_request_that_a_directory_is_in_the_place_of_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_journal(tmp_path, problem(objectives=TWO_OBJECTIVES), [])
    (tmp_path / STOP_FILE).mkdir()
    Locks(monkeypatch, a_process(7))
    with pytest.raises(ConfigError, match=f"^{tmp_path / STOP_FILE} is a directory; remove it$"):
        stop(tmp_path, now=False)
