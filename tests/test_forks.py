"""An application that forks: what its children return or raise is nobody's result."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launching import open_launcher, submit, wait_for
from sweeping import run_sweep, write_app

from ax_moo.jobs.launcher import JobState

pytestmark = pytest.mark.one_hydra

ENDS = {"return": 0, "exit": 3, "raise": 1}


def forking(folder: Path) -> Callable[[Any], Any]:
    """Its child ends first, and leaves the function before it waits for it to be seen."""

    def task(config: Any) -> Any:
        names = list(ends)
        child = os.fork()
        if child == 0:
            if config.trial == names.index("exit"):
                raise SystemExit(3)
            if config.trial == names.index("raise"):
                raise ValueError("of the child")
            return "of the child"
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (folder / f"results-{config.trial}").write_text(" ".join(path.name for path in jobs.glob("*/*_result.pkl")))
        return code

    ends, jobs = dict(ENDS), folder / "sweep/.submitit"
    return task


def test_a_job_has_the_result_of_its_own_process(tmp_path: Path) -> None:
    for trial, (_, code) in enumerate(ENDS.items()):
        (handle,) = submit(open_launcher(tmp_path / str(trial), "async_local", forking(tmp_path / str(trial))), trial)
        assert wait_for([handle]) == [JobState.FINISHED]
        assert (handle.result().error, handle.result().value) == (None, code)
        assert (tmp_path / f"{trial}/results-{trial}").read_text() == "", "the child has written a result"


APP = """
import os
import hydra

@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    child = os.fork()
    if child == 0:
        raise SystemExit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    return float(config.x)

if __name__ == "__main__":
    main()
"""


def test_a_child_of_a_trial_in_the_sweepers_process_is_no_second_sweeper(tmp_path: Path) -> None:
    options = ("+x=interval(0,1)", "hydra.sweeper.method=sobol", "hydra.sweeper.n_trials=2", "hydra/launcher=basic")
    swept = run_sweep(write_app(tmp_path, APP), *options)
    assert swept.code == 0, swept.err
    assert [row["status"] for row in swept.last] == ["COMPLETED"] * 2
    assert len(swept.in_state("COMPLETED")) == 2
