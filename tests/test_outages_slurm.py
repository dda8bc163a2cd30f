"""What clusters do to jobs, done to the trials of one sweep: each completes, or fails with the true reason."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slurm.cluster import SlurmCluster
from slurm.orders import OPTIONS, Begun, Orders, sweep_of, sweep_that_is_preempted
from sweeping import Swept, wait_for_sweep
from waiting import wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.one_hydra]

# The trials. Two CPUs each: the first four fill node n1, the others run on n2.
CANCELLED, REQUEUED, LATE, HOG, GONE, MOVED = range(6)


@dataclass(frozen=True)
class Faulty:
    swept: Swept
    begun: list[Begun]
    first_jobs: list[str]

    def trial(self, number: int) -> dict[str, Any]:
        return self.swept.last[number]

    def earlier(self, number: int) -> list[dict[str, Any]]:
        return list(self.trial(number).get("earlier", []))

    def nodes(self, number: int) -> list[str]:
        """Where the trial began to work, once for each time."""
        return [begun.node for begun in self.begun if begun.trial == number]


@pytest.fixture(autouse=True)
def whole_again(fragile_cluster: SlurmCluster) -> Iterator[None]:
    yield
    fragile_cluster.restore()


@pytest.fixture(scope="module")
def faulty(fragile_cluster: SlurmCluster, tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    orders = Orders(tmp_path_factory.mktemp("faulty"))
    size = ("hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=6")
    limits = ("hydra.launcher.cpus_per_task=2", "hydra.launcher.mem_gb=0.5", "hydra.launcher.timeout_min=5")
    with sweep_of(orders.project, *OPTIONS, *size, *limits) as sweep:
        orders.wait_until_begun(6)
        jobs = [orders.job_id(trial) for trial in range(6)]
        _do_to(jobs, fragile_cluster, orders)
        return Faulty(wait_for_sweep(orders.project, sweep), orders.begun(), jobs)


def _do_to(jobs: list[str], cluster: SlurmCluster, orders: Orders) -> None:
    # The shortest limit is a minute, but the end of a running job can be moved.
    _scontrol("update", f"jobid={jobs[LATE]}", "EndTime=now+90")
    orders.hog(HOG)
    subprocess.run(["scancel", jobs[CANCELLED]], check=True)
    _scontrol("requeue", jobs[REQUEUED])
    # Slurm itself starts the jobs of a lost node again, unless they are not to be.
    _scontrol("update", f"jobid={jobs[GONE]}", "requeue=0")
    cluster.lose_node("n2")
    for trial in (REQUEUED, MOVED):
        cluster.let_start(jobs[trial])
        orders.finish(trial)
    for trial in (CANCELLED, GONE, LATE):
        orders.wait_until_retried(trial)
        orders.finish(trial)


def _scontrol(*words: str) -> None:
    """A job in transition, and a controller with much to do, refuse for a moment."""
    deadline = time.monotonic() + 60
    while (done := subprocess.run(["scontrol", *words], capture_output=True, text=True)).returncode != 0:
        assert time.monotonic() < deadline, f"scontrol {' '.join(words)}: {done.stderr}"
        time.sleep(0.2)


def test_all_trials_complete_but_the_one_that_always_takes_too_much(faulty: Faulty) -> None:
    expected = ["COMPLETED"] * 6
    expected[HOG] = "FAILED"
    assert (faulty.swept.code, [trial["status"] for trial in faulty.swept.last]) == (0, expected), faulty.swept.err


@pytest.mark.parametrize(
    ("number", "reason", "fault"),
    [
        (CANCELLED, "CANCELLED by 0, no result written", None),
        (GONE, "NODE_FAIL, no result written", "node failed"),
        (LATE, "time limit of 5 min reached", "time limit"),
    ],
)
def test_a_lost_job_is_tried_again_and_its_attempt_says_truly_why(
    faulty: Faulty, number: int, reason: str, fault: str | None
) -> None:
    (lost,) = faulty.earlier(number)
    assert (lost["reason"], lost["job"]["job_id"]) == (reason, faulty.first_jobs[number])
    assert (lost.get("fault"), lost["counts"]) == (fault, fault != "node failed")
    assert faulty.trial(number)["job"]["job_id"] != faulty.first_jobs[number]
    assert len(faulty.nodes(number)) == 2


def test_a_job_over_its_memory_fails_for_want_of_memory(faulty: Faulty) -> None:
    (lost,) = faulty.earlier(HOG)
    assert "memory" in lost["reason"].lower()
    assert "memory" in faulty.trial(HOG)["reason"].lower()
    assert len(faulty.nodes(HOG)) == 2


@pytest.mark.parametrize("number", [REQUEUED, MOVED])
def test_a_job_that_slurm_starts_again_is_no_new_attempt(faulty: Faulty, number: int) -> None:
    assert faulty.earlier(number) == []
    assert faulty.trial(number)["job"]["job_id"] == faulty.first_jobs[number]
    assert len(faulty.nodes(number)) == 2


def test_trials_of_a_node_that_vanished_go_on_on_the_other(faulty: Faulty) -> None:
    assert [faulty.nodes(number) for number in (GONE, MOVED)] == [["n2", "n1"], ["n2", "n1"]]


def test_a_sweep_goes_on_while_the_controller_restarts_and_accounting_is_away(
    fragile_cluster: SlurmCluster, tmp_path: Path
) -> None:
    orders = Orders(tmp_path)
    with sweep_of(tmp_path, *OPTIONS, "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=2") as sweep:
        orders.wait_until_begun(2)
        fragile_cluster.stop_accounting()
        fragile_cluster.stop_controller()
        # Both jobs end meanwhile, and another is due. Slurm's commands give up after nine seconds.
        orders.finish(*range(5))
        wait_until(lambda: len(orders.rows(2)) > 0, "the third trial")
        time.sleep(10)
        fragile_cluster.start_controller()
        swept = wait_for_sweep(tmp_path, sweep)

    assert (swept.code, [trial["status"] for trial in swept.last]) == (0, ["COMPLETED"] * 5), swept.err
    assert sorted(begun.trial for begun in orders.begun()) == list(range(5))
    assert "Submission failed" in swept.out
    assert [trial["attempt"] for trial in swept.last] == [1] * 5


def test_preemptions_that_cancel_use_up_no_retry(fragile_cluster: SlurmCluster, tmp_path: Path) -> None:
    swept = sweep_that_is_preempted(fragile_cluster, tmp_path, times=2, retries=1)
    (trial,) = swept.last
    assert (swept.code, trial["status"]) == (0, "COMPLETED"), (trial, swept.err)
    lost = [(each["reason"], each["counts"], each["fault"]) for each in trial["earlier"]]
    assert lost == [("PREEMPTED, no result written", False, "preempted")] * 2
