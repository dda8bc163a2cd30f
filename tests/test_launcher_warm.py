"""Warm local jobs: later trials are forks of a process that has imported what the first one had."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from launching import open_launcher, request, submit, wait_for, wait_until
from waiting import wait_for_file, wait_until_none_is_left
from waiting import wait_until as wait_until_so

from ax_moo.jobs.launcher import JobHandle, JobState
from ax_moo.system.errors import ConfigError
from ax_moo_launchers.files import exit_file
from ax_moo_launchers.local import executor
from ax_moo_launchers.local.controller import CONTROLLER
from ax_moo_launchers.local.parent import PARENT
from ax_moo_launchers.warm import warmth as warmth_module
from ax_moo_launchers.warm.preload import check_preload

pytestmark = pytest.mark.one_hydra


@pytest.fixture(autouse=True)
def _own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(warmth_module, "_WAIT_S", 120.0)  # the machine may be busy
    _of_others.update(parents())  # other tests' launchers, which somebody still refers to
    yield
    wait_until_none_is_left(parents, seconds=10)


_of_others: set[int] = set()


def parents() -> list[int]:
    """The parent processes of a test's launchers."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if PARENT in _words_of(child.pid) and child.pid not in _of_others]


def _words_of(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


class Warmed:
    """A launcher one of whose jobs has completed, and whose parent process is at its work."""

    def __init__(self, folder: Path, task: Callable[[Any], Any], *options: str) -> None:
        self.launcher = open_launcher(folder, "async_local", task, *options)
        (self.first,) = submit(self.launcher, 0)
        assert wait_for([self.first]) == [JobState.FINISHED], self.first.result()
        self.wait()

    def wait(self) -> None:
        wait_until_so(self.launcher.is_ready, "the parent process to have done its imports")

    def submit(self, *trials: int) -> list[JobHandle]:
        return submit(self.launcher, *trials)


@pytest.fixture
def warmed() -> Iterator[Callable[..., Warmed]]:
    made: list[Warmed] = []

    def make(*args: Any) -> Warmed:
        made.append(Warmed(*args))
        return made[-1]

    yield make
    for each in made:
        each.launcher.close()


def starter(config: Any) -> int:
    """The process that has started the job's controller."""
    import os

    import psutil

    return int(psutil.Process(os.getppid()).ppid())


def finds(config: Any) -> dict[str, Any]:
    """What the job finds; the names of what belongs to one job alone are the same for all."""
    import os
    import re

    from hydra.core.hydra_config import HydraConfig
    from process_state import state

    job, trial = os.getppid(), config.trial

    def common(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: common(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [common(each) for each in value]
        if isinstance(value, str):
            value = re.sub(rf"^{job}$|(?<=[/='\"]){job}(?![0-9])", "JOB", value)
            return re.sub(rf"(?<=[/=']){trial}\b(?!\.)", "N", value) if "flags" not in value else value
        return value

    found = {**state(), "modules": sorted(sys.modules), "log level": HydraConfig.get().verbose}
    del found["warnings"]
    return dict(common(found))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["hydra.job.chdir=true", "+hydra.job.env_set.OMP_NUM_THREADS='1'", "hydra.launcher.stderr_to_stdout=true"],
        ["hydra.launcher.gpus=[3]", "hydra.verbose=true", "hydra.launcher.timeout_min=30"],
    ],
)
def test_a_warm_job_finds_what_a_cold_one_finds(
    options: list[str], tmp_path: Path, warmed: Callable[..., Warmed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    made = warmed(tmp_path, finds, *options)
    (later,) = made.submit(7)
    wait_for([later])
    cold, warm = (made.first.result().value, later.result().value)
    assert set(cold["modules"]) <= set(warm["modules"])
    assert {name.split(".")[0] for name in set(warm["modules"]) - set(cold["modules"])} <= {"ax_moo_launchers"}
    del cold["modules"], warm["modules"]
    assert warm == cold


def test_only_what_an_earlier_job_has_imported_makes_a_later_one_warm(
    tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    made = warmed(tmp_path, starter)
    (parent,) = parents()
    later = made.submit(1, 2)
    wait_for(later)
    assert made.first.result().value == os.getpid()
    assert [handle.result().value for handle in later] == [parent] * 2
    made.launcher.close()
    assert parents() == []


def test_the_list_is_kept_for_the_next_launcher(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    warmed(tmp_path, starter).launcher.close()
    again = open_launcher(tmp_path / "again", "async_local", starter)
    assert not again.is_ready()
    wait_until_so(again.is_ready, "the parent process to have done its imports")
    (parent,), (handle,) = parents(), submit(again, 0)
    wait_for([handle])
    again.close()
    assert handle.result().value == parent


def test_a_sweep_with_another_env_set_is_warm_after_its_first_trial_too(
    tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    def task(config: Any) -> tuple[str | None, bool]:
        import os
        import sys

        return os.environ.get("OMP_NUM_THREADS"), "ax_moo_launchers.local.controller" in sys.modules

    for number in ("1", "2"):
        made = warmed(tmp_path / number, task, f"+hydra.job.env_set.OMP_NUM_THREADS='{number}'")
        (later,) = made.submit(1)
        wait_for([later])
        made.launcher.close()
        assert made.first.result().value == (number, False)
        assert later.result().value == (number, True)


def test_batches_of_another_sweeper_have_one_parent(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    made = warmed(tmp_path, starter, "hydra.launcher.warm=null")
    (parent,) = parents()
    ended = [made.launcher.launch([[f"+trial={trial}"]], trial)[0] for trial in (1, 2)]
    assert [each.return_value for each in ended] == [parent] * 2


@pytest.mark.parametrize("launcher", ["hydra.launcher.warm=off", "hydra.launcher.warm='off'"])
def test_no_job_is_warm_if_that_is_not_wanted(launcher: str, tmp_path: Path) -> None:
    made = open_launcher(tmp_path, "async_local", starter, launcher)
    for trial in range(2):
        (handle,) = submit(made, trial)
        wait_for([handle])
        assert made.is_ready()
        assert handle.result().value == os.getpid()
    assert list(tmp_path.rglob(".modules-*")) == []


def sleeps(folder: Path) -> Callable[[Any], None]:
    def task(config: Any) -> None:
        import os
        import time
        from pathlib import Path

        if config.trial:
            Path(folder, f"pid-{config.trial}").write_text(str(os.getpid()))
            time.sleep(120)

    return task


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda handle, task: os.kill(task, signal.SIGKILL), "killed by signal 9 (SIGKILL), no result written"),
        (lambda handle, task: handle.cancel(), "cancelled"),
        (lambda handle, task: os.killpg(int(handle.job.job_id), signal.SIGKILL), "killed together with its controller"),
    ],
    ids=["task killed", "cancelled", "group killed"],
)
def test_a_warm_job_that_ends_early_is_lost_as_a_cold_one_is(
    end: Callable[[JobHandle, int], None], why: str, tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    made = warmed(tmp_path, sleeps(tmp_path))
    (handle,) = made.submit(1)
    task = int(wait_for_file(tmp_path / "pid-1"))
    end(handle, task)
    wait_until(handle, [JobState.LOST])
    assert str(handle.result().error).startswith(why)
    wait_until_none_is_left(lambda: [task] if psutil.pid_exists(task) else [], seconds=10)


def test_a_warm_task_goes_on_when_only_its_controller_is_killed(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    def task(config: Any) -> int:
        import time
        from pathlib import Path

        Path(folder, f"begun-{config.trial}").touch()
        while config.trial and not Path(folder, "go").exists():
            time.sleep(0.02)
        return int(config.trial)

    folder = tmp_path
    (handle,) = warmed(tmp_path, task).submit(3)
    wait_until_so((tmp_path / "begun-3").exists, "the job to begin")
    os.kill(int(handle.job.job_id), signal.SIGKILL)
    wait_until_none_is_left(lambda: _words_of(int(handle.job.job_id)), seconds=10)
    assert handle.state() is JobState.RUNNING
    (tmp_path / "go").touch()
    assert wait_for([handle]) == [JobState.FINISHED]
    assert handle.result().value == 3


def test_a_controller_whose_sweeper_died_before_its_pickle_is_ended_by_the_next_sweeper(
    tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    queue = warmed(tmp_path, starter).launcher.queue
    folder = queue.folder(request(1))
    folder.mkdir(parents=True)
    pid = executor.Executor(folder, None, {}, queue._warmth)._start_controller()
    wait_until_so(lambda: CONTROLLER in _words_of(pid), "the controller to have its own command line")
    assert open_launcher(tmp_path, "async_local", starter).find(request(1)) is None
    wait_until_none_is_left(lambda: _words_of(pid), seconds=10)
    assert list(folder.iterdir()) == []


def test_a_time_limit_ends_a_warm_job(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    made = warmed(tmp_path, sleeps(tmp_path), "hydra.launcher.timeout_min=0.2")
    (handle,) = made.submit(1)
    wait_until(handle, [JobState.LOST])
    assert handle.result().error == "time limit of 0.2 min reached"


def test_jobs_live_on_when_their_parent_is_killed_and_the_next_one_begins(
    tmp_path: Path, warmed: Callable[..., Warmed], caplog: pytest.LogCaptureFixture
) -> None:
    def task(config: Any) -> int:
        import os
        import time
        from pathlib import Path

        import psutil

        Path(folder, f"begun-{config.trial}").touch()
        while config.trial == 1 and not Path(folder, "go").exists():
            time.sleep(0.02)
        return int(psutil.Process(os.getppid()).ppid())

    folder = tmp_path
    caplog.set_level(logging.INFO)
    made = warmed(tmp_path, task)
    (first_parent,) = parents()
    (running,) = made.submit(1)
    wait_until_so((tmp_path / "begun-1").exists, "the job to begin")
    os.kill(first_parent, signal.SIGKILL)
    (cold,) = made.submit(2)
    assert "A trial starts cold: their parent process does not answer" in caplog.text
    made.wait()
    (second_parent,) = parents()
    (warm,) = made.submit(3)
    (tmp_path / "go").touch()
    assert wait_for([running, cold, warm]) == [JobState.FINISHED] * 3
    assert [handle.result().value for handle in (cold, warm)] == [os.getpid(), second_parent]


def test_a_module_that_was_edited_runs_in_its_new_form(
    tmp_path: Path, warmed: Callable[..., Warmed], monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(config: Any) -> int:
        import own_numbers

        return int(own_numbers.value)

    monkeypatch.syspath_prepend(tmp_path / "own")
    (tmp_path / "own").mkdir()
    values, source = [], tmp_path / "own/own_numbers.py"
    source.write_text("value = 1")
    made = warmed(tmp_path, task, "hydra.launcher.preload=[own_numbers]")
    for value in (1, 22, 333):
        source.write_text(f"value = {value}")
        (handle,) = made.submit(value)
        wait_for([handle])
        values.append(handle.result().value)
        made.wait()
    assert values == [1, 22, 333]


def test_what_the_sweep_sets_in_its_environment_later_reaches_the_next_jobs(
    tmp_path: Path, warmed: Callable[..., Warmed], monkeypatch: pytest.MonkeyPatch
) -> None:
    def task(config: Any) -> tuple[str | None, int]:
        import os

        import psutil

        return os.environ.get("OMP_NUM_THREADS"), int(psutil.Process(os.getppid()).ppid())

    made = warmed(tmp_path, task)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (cold,) = made.submit(1)
    made.wait()
    (parent,) = parents()
    (warm,) = made.submit(2)
    wait_for([cold, warm])
    assert [handle.result().value for handle in (cold, warm)] == [("7", os.getpid()), ("7", parent)]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "WANDB_NAME"])
def test_a_job_begins_cold_if_its_own_env_set_differs_in_what_imports_read(
    name: str, tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    def task(config: Any) -> tuple[str | None, bool]:
        import os
        import sys

        return os.environ.get(name), "ax_moo_launchers.local.controller" in sys.modules

    made = warmed(tmp_path, task, f"+hydra.job.env_set.{name}='${{hydra.job.num}}'")
    handles = made.launcher.submit([request(0, attempt=2), request(5)])
    assert wait_for(handles) == [JobState.FINISHED] * 2
    assert [handle.result().value for handle in handles] == [("0", True), ("5", name == "WANDB_NAME")]


def test_a_trial_that_sets_a_librarys_variable_otherwise_has_a_new_parent_made(
    tmp_path: Path, warmed: Callable[..., Warmed], caplog: pytest.LogCaptureFixture
) -> None:
    def task(config: Any) -> int:
        import os

        import psutil

        os.environ["OMP_NUM_THREADS"] = "7" if config.trial == 0 else "8"
        os.environ["PYTHONHASHSEED"] = str(config.trial)
        return int(psutil.Process(os.getppid()).ppid())

    caplog.set_level(logging.INFO)
    made, values = warmed(tmp_path, task), []
    for trial in (1, 2, 3):
        (handle,) = made.submit(trial)
        wait_for([handle])
        values.append(handle.result().value)
        made.wait()
    assert "A trial starts cold: a trial has set OMP_NUM_THREADS to another value" in caplog.text
    assert values[1] == os.getpid()
    assert [values[2]] == parents()
    assert values[0] not in values[1:]


def test_a_log_that_disables_loggers_does_not_disable_those_of_later_imports(
    tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    def task(config: Any) -> tuple[bool, bool]:
        import sys

        was_there = "venv" in sys.modules
        import venv

        return was_there, venv.logger.disabled  # type: ignore[attr-defined]

    made = warmed(tmp_path, task, "hydra.job_logging.disable_existing_loggers=true")
    (later,) = made.submit(1)
    wait_for([later])
    assert [made.first.result().value, later.result().value] == [(False, False), (True, False)]


def test_a_job_that_begins_at_once_keeps_its_files(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    jobs = warmed(tmp_path, starter).submit(*range(1, 9))
    wait_for(jobs)
    wait_until_so(lambda: not any(handle.is_alive() for handle in jobs), "the controllers to end")  # type: ignore[attr-defined]
    assert [exit_file(Path(h.job.folder), h.job.job_id).exists() for h in jobs] == [True] * 8


def test_a_submission_that_fails_leaves_no_process_and_no_file(
    tmp_path: Path, warmed: Callable[..., Warmed], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = warmed(tmp_path, starter)
    (parent,) = parents()
    fails = OSError(28, "No space left on device")
    monkeypatch.setattr(executor, "write_record", lambda *args, **more: (_ for _ in ()).throw(fails))
    with pytest.raises(OSError, match="No space"):
        made.submit(1)
    assert list((tmp_path / "sweep/.submitit/1").iterdir()) == []
    wait_until_none_is_left(psutil.Process(parent).children, seconds=10)


def test_both_tasks_of_a_job_are_warm(tmp_path: Path, warmed: Callable[..., Warmed]) -> None:
    def task(config: Any) -> tuple[str, str, int]:
        import os

        import psutil

        names = ("SUBMITIT_LOCAL_LOCALID", "SUBMITIT_LOCAL_NTASKS")
        return (*(os.environ[name] for name in names), int(psutil.Process(os.getppid()).ppid()))

    made = warmed(tmp_path, task, "hydra.launcher.tasks_per_node=2")
    (parent,) = parents()
    (handle,) = made.submit(1)
    assert wait_for([handle]) == [JobState.FINISHED]
    import pickle

    folder = Path(handle.job.folder)
    second = pickle.loads((folder / f"{handle.job.job_id}_1_result.pkl").read_bytes())
    assert handle.result().value == ("0", "2", parent)
    assert second[1].return_value == ("1", "2", parent)


def test_seeded_trials_have_the_same_value_warm_and_cold_and_others_differ(
    tmp_path: Path, warmed: Callable[..., Warmed]
) -> None:
    def task(config: Any) -> list[float]:
        import random

        import numpy
        import torch

        unseeded = [random.random(), float(numpy.random.random())]
        torch.manual_seed(1), numpy.random.seed(1), random.seed(1)
        return [random.random(), float(numpy.random.random()), float(torch.rand(1)), *unseeded]

    made = warmed(tmp_path, task)
    later = made.submit(1, 2)
    wait_for(later)
    values = [handle.result().value for handle in (made.first, *later)]
    assert values[0][:3] == values[1][:3] == values[2][:3]
    assert len({value for each in values for value in each[3:]}) == 6


def test_a_module_to_preload_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", starter, "hydra.launcher.preload=[no_such_module.at_all]")
    with pytest.raises(ConfigError, match=r"hydra.launcher.preload: there is no module 'no_such_module.at_all'"):
        launcher.check()


def test_a_name_to_preload_may_be_made_by_its_package_alone() -> None:
    check_preload(["os.path", "json.decoder", "hydra.core"])
    with pytest.raises(ConfigError, match=r"no module 'json.no_such'"):
        check_preload(["json.no_such"])


@pytest.mark.parametrize("option", ["warm=on", "preload=[1]", "preload=['a b']", "preload=json"])
def test_mistakes_in_the_keys_are_refused(option: str, tmp_path: Path) -> None:
    launcher = open_launcher(tmp_path, "async_local", starter, f"hydra.launcher.{option}")
    with pytest.raises(ConfigError, match=rf"hydra.launcher.{option.partition('=')[0]}: must be "):
        launcher.check()
