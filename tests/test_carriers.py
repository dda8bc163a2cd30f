"""What a Slurm job that takes trials one after the other does, and what it leaves, without Slurm."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from waiting import wait_for_file, wait_until

from ax_moo.jobs.launcher import AsyncLauncher, JobHandle, JobState
from ax_moo.session.run import looker
from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault, Job
from ax_moo_launchers.carriers.carrier import Carrier
from ax_moo_launchers.carriers.ending import end_carriers
from ax_moo_launchers.carriers.fleet import Fleet
from ax_moo_launchers.carriers.handle import QUEUE, TICKET, CarriedHandle
from ax_moo_launchers.carriers.memory_kills import memory_kills
from ax_moo_launchers.carriers.queue import CarriersQueue
from ax_moo_launchers.carriers.ride import Process, Ride
from ax_moo_launchers.carriers.tickets import CARRIERS, Ticket, Tickets
from ax_moo_launchers.files import SLURM, again_file, cancel_file, exit_file, job_file, new_carried_id, result_file
from ax_moo_launchers.params import FIELDS, check_params
from ax_moo_launchers.slurm.sbatch import open_executor
from ax_moo_launchers.slurm.watcher import SlurmWatcher

pytestmark = pytest.mark.one_hydra

ME, OTHER = "11_0", "11_1"


@pytest.fixture(autouse=True)
def _no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No answer from Slurm, also where tests before these have started a cluster."""
    empty = tmp_path / "slurm.conf"  # Slurm's commands wait for one that is missing
    empty.touch()
    monkeypatch.setenv("SLURM_CONF", str(empty))


@pytest.fixture
def tickets(tmp_path: Path) -> Tickets:
    return Tickets(tmp_path / CARRIERS / "queue")


def put(tickets: Tickets, *trials: int, needs_all: bool = False) -> list[Ticket]:
    made = [Ticket(trial, 1, new_carried_id(), needs_all) for trial in trials]
    for ticket in made:
        tickets.folder_of(ticket).mkdir(parents=True, exist_ok=True)
        tickets.put(ticket)
    return made


class Done(Ride):
    """A trial that ends well at once."""

    ran: list[str]

    def begin(self, carrier: str, place: int) -> None:
        self.ran.append(self.folder.name)

    def wait(self) -> int:
        self.code = 0
        return 0


def carry(
    tickets: Tickets, name: str = ME, most: float = math.inf, left_s: Callable[[], float] = lambda: math.inf
) -> list[int]:
    """The trials that a carrier has run when it ends because there is nothing more for it."""
    ran: list[str] = []

    def ride(folder: Path, job_id: str) -> Ride:
        done = Done(folder, job_id)
        done.ran = ran
        return done

    assert Carrier(tickets, name, most, 0.0, ride, left_s).run() == 0
    return list(map(int, ran))


def test_of_several_carriers_that_want_a_ticket_one_gets_it(tickets: Tickets) -> None:
    waiting = put(tickets, *range(50))
    with ThreadPoolExecutor(4) as several:
        taken = list(
            several.map(lambda name: [each for each in waiting if tickets.take(each, name)], ["1", "2", "3_1", "4"])
        )
    assert Counter(each.trial for some in taken for each in some) == dict.fromkeys(range(50), 1)
    assert tickets.waiting() == []


def test_a_carrier_takes_the_lowest_trials_first_and_no_more_than_it_may(tickets: Tickets) -> None:
    put(tickets, 10, 9, 100)
    assert carry(tickets, most=2) == [9, 10]
    assert [each.trial for each in tickets.waiting()] == [100]
    assert tickets.is_closed(ME)


def test_a_carrier_that_slurm_runs_again_runs_what_it_had_begun_and_nothing_twice(tickets: Tickets) -> None:
    ended, begun, others = put(tickets, 0, 1, 2)
    for ticket, carrier in ((ended, ME), (begun, ME), (others, OTHER)):
        assert tickets.take(ticket, carrier)
    exit_file(tickets.folder_of(ended), ended.job_id).write_text("{}")
    assert carry(tickets) == [1]
    assert carry(tickets) == []


def test_a_carrier_does_not_begin_a_trial_that_was_cancelled(tickets: Tickets) -> None:
    (ticket,) = put(tickets, 0)
    cancel_file(tickets.folder_of(ticket), ticket.job_id).touch()
    assert carry(tickets) == []
    assert json.loads(exit_file(tickets.folder_of(ticket), ticket.job_id).read_text())["reason"] == "cancelled"


@pytest.mark.parametrize(("left_s", "ran"), [(30.0, [0]), (40.0, [0, 1])])
def test_a_carrier_begins_no_trial_for_which_most_others_would_have_needed_more_time(
    tickets: Tickets, left_s: float, ran: list[int]
) -> None:
    put(tickets, 0, 1)
    for seconds in (*range(1, 10), 40, 400, *range(1, 10)):
        tickets.add_duration(seconds - 1)
    tickets.add_duration(31.0)
    assert carry(tickets, left_s=lambda: left_s) == ran
    assert [each.trial for each in tickets.waiting()] == [1][len(ran) - 1 :]


def test_a_trial_that_was_cut_off_gets_all_the_time_of_a_carrier(tickets: Tickets) -> None:
    put(tickets, 0)
    put(tickets, 1, needs_all=True)
    put(tickets, 2)
    assert carry(tickets) == [0, 2]
    assert tickets.is_closed(ME)
    assert carry(tickets, OTHER) == [1]


def test_a_trial_that_asks_to_run_again_gets_all_the_time_of_another_carrier(tickets: Tickets) -> None:
    class CutOff(Done):
        def wait(self) -> int:
            again_file(self.folder, self.job_id).touch()
            self.code = 1
            return 1

    (ticket,) = put(tickets, 0)
    waits = handle(tickets, ticket)
    CutOff.ran = []
    Carrier(tickets, ME, 1, 0.0, CutOff).run()
    assert [each.needs_all for each in tickets.waiting()] == [True]
    assert waits.state() is JobState.PENDING
    assert carry(tickets, OTHER) == [0]
    assert tickets.is_taken_by(OTHER, ticket)
    waits.cancel()


def test_a_move_that_was_done_and_answered_by_an_error_loses_no_trial(
    tickets: Tickets, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tickets, 0, 1)
    rename = os.rename

    def failing(source: Path, target: Path) -> None:
        rename(source, target)
        monkeypatch.setattr(os, "rename", rename)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "rename", failing)
    monkeypatch.setattr("ax_moo_launchers.carriers.carrier.TRY_AGAIN_SECONDS", 0)
    assert carry(tickets) == [0, 1]


def test_a_carrier_ends_when_the_sweep_is_over_or_its_folder_is_gone(tickets: Tickets) -> None:
    put(tickets, 0)
    end_carriers(tickets.folder.parent.parent)
    assert Carrier(tickets, ME, math.inf, math.inf, Done).run() == 0
    assert [each.trial for each in tickets.waiting()] == [0]
    tickets.go_on()
    assert carry(tickets) == [0]
    tickets.folder.rename(tickets.folder.with_name("moved"))
    assert Carrier(tickets, ME, math.inf, 0.0, Done).run() == 0
    assert not tickets.folder.exists()


def a_ride(folder: Path, code: str, **more: Any) -> Ride:
    """A trial whose process runs this code."""

    def fork(of_trial: Path, out: Path, err: Path, environ: dict[str, str]) -> Process:
        del of_trial, out, err
        command = [sys.executable, "-c", code, str(folder)]
        return subprocess.Popen(command, env=environ, start_new_session=True)

    made = Ride(folder, "w-1", fork=fork, **more)
    made.begin(ME, 0)
    return made


def test_a_trial_hears_of_the_signals_that_slurm_sends_to_its_carrier_alone(tmp_path: Path) -> None:
    code = """
import pathlib, signal, sys
came = []
for number in (signal.SIGUSR2, signal.SIGTERM):
    signal.signal(number, lambda number, frame: came.append(number))
pathlib.Path(sys.argv[1], "ready").touch()
while len(came) < 2:
    signal.pause()
"""

    def told() -> set[int]:
        return {signal.SIGUSR2, signal.SIGTERM} if (tmp_path / "ready").exists() else set()

    assert a_ride(tmp_path, code, to_pass_on=told).wait() == 0


def test_a_process_that_does_not_end_after_its_result_keeps_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ax_moo_launchers.carriers.ride._LATE_S", 0)
    hangs = a_ride(tmp_path, "import time; time.sleep(60)")
    hangs.on_late = cancel_file(tmp_path, "w-1").touch
    result_file(tmp_path, "w-1").touch()
    hangs.wait()
    assert (hangs.is_late, hangs.reason) == (True, "cancelled")


def test_a_fork_of_which_its_parent_could_not_tell_is_ended_before_the_trial_begins_cold() -> None:
    code = """
import subprocess
from pathlib import Path
from ax_moo_launchers.carriers.warmth import Warmth

class Silent:
    def about(self):
        return {"left_out": {}, "missing": []}

    def age(self):
        return 0.0

    def why_other(self, environ):
        return None

    def ask(self, request):
        self.fork = subprocess.Popen(["sleep", "60"])
        raise TimeoutError("no answer in time")

    def close(self):
        pass

warmth, silent = Warmth(Path("nowhere")), Silent()
warmth._parent = silent
assert warmth.start(Path("trial"), Path("out"), Path("err"), {}) is None
assert silent.fork.wait(0) is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_trial_leaves_is_ended_and_what_the_imports_of_the_parent_have_started_is_not() -> None:
    code = """
import subprocess, psutil
from ax_moo_launchers.carriers.left_processes import adopt_left_processes, end_left_processes

adopt_left_processes()
parent, trial = (subprocess.Popen(["sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE) for _ in range(2))
for each in (parent, trial):
    each.stdout.readline()
(of_parent,), (of_trial,) = (psutil.Process(each.pid).children() for each in (parent, trial))
end_left_processes(but={parent.pid})
assert trial.wait(0) is not None
assert not of_trial.is_running() or of_trial.status() == psutil.STATUS_ZOMBIE
assert parent.poll() is None
assert of_parent.status() != psutil.STATUS_ZOMBIE
end_left_processes(but=set())
assert parent.wait(0) is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def ends(pid: int) -> bool:
    """Whether the process, which is no child of ours, ends within a minute; whoever reaps it may take its time."""
    try:
        process = psutil.Process(pid)
        wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "its end", 60)
    except TimeoutError:
        return False
    except psutil.NoSuchProcess:
        pass
    return True


def test_a_trial_dies_with_its_carrier(tmp_path: Path) -> None:
    trial = """
import os, pathlib, sys, time
from ax_moo_launchers.job.carried import take_own_id
take_own_id()
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""
    starts_it = """
import os, subprocess, sys
environ = {**os.environ, "AX_MOO_CARRIER_PID": str(os.getpid())}
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], env=environ, start_new_session=True).wait()
"""
    dies = subprocess.Popen([sys.executable, "-c", starts_it, trial, str(tmp_path / "pid")])
    pid = int(wait_for_file(tmp_path / "pid"))
    dies.kill()
    dies.wait()
    assert ends(pid)


def test_a_trial_whose_sweeper_was_killed_before_its_ticket_gets_one(tickets: Tickets, tmp_path: Path) -> None:
    (ticket,) = put(tickets, 0)
    tickets.withdraw(ticket)
    CarriersQueue({"submitit_folder": str(tmp_path / "%j"), "trials_per_job": 2}, tmp_path).adopt(
        handle(tickets, ticket)
    )
    assert tickets.waiting() == [ticket]


def test_a_fresh_sweep_looks_at_a_trial_of_the_earlier_one_and_does_not_queue_it(tickets: Tickets) -> None:
    class Launcher:
        def attach(self, job: Job) -> JobHandle:
            raise AssertionError(f"{job} is taken over")

    (ticket,) = put(tickets, 0)
    tickets.withdraw(ticket)
    look = looker(cast(AsyncLauncher, Launcher()))
    assert look(handle(tickets, ticket).job).state() is JobState.PENDING
    assert tickets.waiting() == []


def test_the_task_ids_of_an_array_are_those_of_its_trials_in_any_order(tmp_path: Path) -> None:
    for numbers, ids in (([3, 9, 5], "3,9,5%3"), ([3, 4, 5], "3-5%3")):
        executor = open_executor(tmp_path, {})
        executor._make_array(numbers)
        assert executor.parameters["additional_parameters"]["array"] == ids


def handle(tickets: Tickets, ticket: Ticket) -> CarriedHandle:
    folder = tickets.folder_of(ticket)
    record = {QUEUE: f"../{CARRIERS}/queue", TICKET: ticket.name}
    job_file(folder, ticket.job_id).write_text(json.dumps(record))
    return CarriedHandle(Job(ticket.job_id, str(folder), SLURM), SlurmWatcher())


def test_a_trial_that_is_cancelled_before_it_begins_uses_up_no_retry(tickets: Tickets) -> None:
    (ticket,) = put(tickets, 0)
    waits = handle(tickets, ticket)
    waits.cancel()
    assert waits.state() is JobState.LOST
    assert (waits.result().error, waits.result().fault) == ("cancelled", Fault.PREEMPTED)
    assert tickets.waiting() == []


def test_a_trial_is_lost_whose_cancellation_nobody_may_see_for_long(tickets: Tickets) -> None:
    (waits,) = put(tickets, 0)
    asked = handle(tickets, waits)
    cancel_file(tickets.folder_of(waits), waits.job_id).touch()  # as the command says that ends such a job
    assert asked.state() is JobState.LOST
    assert tickets.waiting() == []


def test_a_lost_trial_needs_no_carrier(tickets: Tickets) -> None:
    asked_for: list[int] = []

    def submit(folder: Path, number: int) -> list[str]:
        del folder
        asked_for.append(number)
        return [f"{len(asked_for)}_{each}" for each in range(number)]

    fleet = Fleet(SlurmWatcher(), submit)
    lost, other = put(tickets, 0, 1)
    fleet.cover(tickets, more=2)
    for ticket in (lost, other):
        fleet.add(handle(tickets, ticket))
    handle(tickets, lost).cancel()
    fleet.cover(tickets, more=1)
    assert asked_for == [2]


@pytest.mark.parametrize(
    ("end", "error", "fault"),
    [
        ({"exit_codes": [9], "seconds": 99.0}, "exit code 9, no result written", None),
        ({"exit_codes": [-9], "seconds": 2.0}, "killed by signal 9 (SIGKILL), no result written", Fault.DIED_AT_START),
        ({"exit_codes": [-9], "reason": "OUT_OF_MEMORY"}, "OUT_OF_MEMORY, no result written", Fault.OUT_OF_MEMORY),
    ],
)
def test_a_trial_that_died_in_its_slurm_job_is_lost_and_says_why(
    tickets: Tickets, end: dict[str, Any], error: str, fault: Fault | None
) -> None:
    (ticket,) = put(tickets, 0)
    tickets.take(ticket, ME)
    folder = tickets.folder_of(ticket)
    (folder / f"{ticket.job_id}_claim.json").write_text(json.dumps({"carrier": ME, "node": "n1", "place": 0}))
    exit_file(folder, ticket.job_id).write_text(json.dumps(end))
    died = handle(tickets, ticket)
    assert died.state() is JobState.LOST
    assert (died.result().error, died.result().fault, died.result().node) == (error, fault, "n1")


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"trials_per_job": 0}, "trials_per_job: must be auto, or a whole number of at least 1"),
        ({"trials_per_job": "all"}, "trials_per_job: must be auto, or a whole number of at least 1"),
        ({"idle_s": -1}, "idle_s: must be a number of at least 0"),
        ({"trials_per_job": 2, "tasks_per_node": 2}, "trials_per_job: must be 1 if tasks_per_node is 2, got 2"),
        ({"trials_per_job": "auto", "nodes": 2}, "trials_per_job: must be 1 if nodes is 2, got 'auto'"),
        ({"trials_per_job": 2, "preload": ["no_such"]}, "hydra.launcher.preload: there is no module 'no_such' here"),
    ],
)
def test_a_mistake_is_refused(tmp_path: Path, params: dict[str, Any], why: str) -> None:
    def check() -> None:
        check_params(params, FIELDS["async_slurm"])
        CarriersQueue({"submitit_folder": str(tmp_path), **params}, tmp_path).check_params(params)

    with pytest.raises(ConfigError, match=why):
        check()


@pytest.mark.parametrize(
    ("membership", "file", "text"),
    [
        ("0::/job_1", "job_1/memory.events", "low 0\noom 5\noom_kill 3\n"),
        ("4:cpu:/\n3:memory:/job_1", "memory/job_1/memory.oom_control", "under_oom 0\noom_kill 3\n"),
    ],
)
def test_the_kernels_count_of_processes_that_took_too_much_is_read(
    tmp_path: Path, membership: str, file: str, text: str
) -> None:
    (tmp_path / "membership").write_text(f"{membership}\n")
    assert memory_kills(tmp_path / "membership", tmp_path) == 0
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert memory_kills(tmp_path / "membership", tmp_path) == 3
