"""A real Slurm cluster on this machine: two nodes with two schedulable GPUs each, and accounting unless without.

To try something by hand, as root on Debian: ``python -m tests.slurm.cluster`` starts one, prints what to export, and
stops it on Ctrl-C.

Nothing of the machine's own Slurm, munge or database is touched, and any number of clusters can run at once: every
daemon has its files in one folder, its own port, and ends with the process that started it.
"""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .config import remove_cgroups, write_config
from .daemons import Daemons, kill_steps
from .packages import install
from .services import start_database, start_munge

NODES = ("n1", "n2")


class SlurmCluster:
    """``start`` it, point ``SLURM_CONF`` (``environ``) at it, and ``stop`` it."""

    def __init__(self, accounting: bool = True, cpus: int = 8) -> None:
        """Each node has so many CPUs, whatever this machine has."""
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.accounting = accounting
        self.cpus = cpus
        self.ports = dict(zip(("ctld", "dbd", "sql", *NODES), _free_ports(5), strict=True))
        self.environ = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        # Cgroups are known by their jobs' numbers, and are shared by all clusters of this machine.
        self._first_job = secrets.randbelow(60_000_000) + 1
        self._daemons = Daemons(self.folder, self.environ)

    def start(self) -> None:
        install()
        self.folder.chmod(0o755)
        hostname = socket.gethostname().split(".")[0]
        write_config(self.folder, hostname, self.ports, NODES, self.accounting, self._first_job, self.cpus)
        try:
            start_munge(self._daemons)
            if self.accounting:
                start_database(self._daemons, self.ports["sql"])
                self.start_accounting()
            self.start_controller()
            for node in NODES:
                self._start_node(node)
            self._wait_for_nodes()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.end_jobs()
        self._daemons.end_all()
        for node in NODES:
            kill_steps(self._node_log(node))  # they outlive their node's daemon
        remove_cgroups(NODES, self._first_job)
        shutil.rmtree(self.folder, ignore_errors=True)

    def restore(self) -> None:
        """All daemons up and no job running, whatever a test has done."""
        if self.accounting and not self._daemons.is_up("slurmdbd"):
            self.start_accounting()
        if not self._daemons.is_up("slurmctld"):
            self.start_controller()
        for node in NODES:
            if not self._daemons.is_up(node):
                self._start_node(node)
        self.end_jobs()
        self._daemons.wait("both nodes", self._are_in_service)

    def end_jobs(self) -> None:
        """Those that ended while the controller was away may be completing for another minute."""
        self.call("scancel", "--user=root")
        deadline = time.monotonic() + 10
        while self.call("squeue", "-h", "-t", "R,PD").stdout and time.monotonic() < deadline:
            time.sleep(0.2)

    def free_nodes(self) -> None:
        """No job left on any node; after ``end_jobs`` one may still be completing, and keep its node for minutes."""
        self.end_jobs()
        deadline = time.monotonic() + 15
        while self.call("squeue", "-h").stdout and time.monotonic() < deadline:
            time.sleep(0.2)
        if self.call("squeue", "-h").stdout:
            for node in NODES:
                self.call("scontrol", "update", f"nodename={node}", "state=down", "reason=freed")
                self.call("scontrol", "update", f"nodename={node}", "state=resume")
        self._wait_for_nodes()

    def start_controller(self) -> None:
        self._daemons.start("slurmctld", "slurmctld", "-D", "-i")
        self._daemons.wait("slurmctld", lambda: self._daemons.succeeds("scontrol", "ping"))

    def stop_controller(self) -> None:
        self._daemons.end("slurmctld")

    def start_accounting(self) -> None:
        self._daemons.start("slurmdbd", "slurmdbd", "-D")
        self._daemons.wait("slurmdbd", lambda: self._daemons.succeeds("sacctmgr", "-n", "list", "cluster"))

    def stop_accounting(self) -> None:
        """sacct fails from here on; what happens meanwhile is accounted for later."""
        self._daemons.end("slurmdbd")

    def lose_node(self, node: str) -> None:
        """The node vanishes with all that runs there, as when its power goes, and the controller gets to know."""
        self._daemons.kill(node)
        kill_steps(self._node_log(node))
        # It would find out by itself after SlurmdTimeout, which has to be longer than a busy machine takes to answer.
        self.call("scontrol", "update", f"nodename={node}", "state=down", "reason=vanished")

    def break_node(self, node: str) -> None:
        """No job can be started there: the cluster's prolog fails."""
        (self.folder / f"broken-{node}").touch()

    def repair_nodes(self) -> None:
        for node in NODES:
            (self.folder / f"broken-{node}").unlink(missing_ok=True)
        self._daemons.wait("both nodes", self._are_in_service)

    def return_node(self, node: str) -> None:
        self._start_node(node)
        self._wait_for_nodes()

    def preempt(self, job_id: str) -> None:
        """Something more urgent needs the GPUs of the job's node; it is over at once.

        Slurm sends the job the signal that it asked for, and half a minute later takes the node away.
        """
        node = self.call("squeue", "-h", "-o", "%N", "-j", job_id).stdout.strip()
        urgent = ["--partition=urgent", "--gpus-per-node=2", f"--nodelist={node}", "--output=/dev/null", "--wrap=true"]
        self.call("sbatch", *urgent).check_returncode()

    def let_start(self, job_id: str) -> None:
        """Start a job that was requeued: Slurm would make it wait for two minutes."""
        deadline = time.monotonic() + 60
        while "PENDING" not in self.call("squeue", "-h", "-o", "%T", "-j", job_id).stdout:
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is not waiting")
            time.sleep(0.1)
        # A node refuses a start in the very second in which it was told that the job's former life is over.
        time.sleep(2)
        self.call("scontrol", "update", f"jobid={job_id}", "StartTime=now")

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One of Slurm's commands, asking this cluster."""
        return self._daemons.run(*command)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start_node(self, node: str) -> None:
        self._daemons.start(node, "slurmd", "-D", "-N", node)

    def _node_log(self, node: str) -> Path:
        return self.folder / f"slurmd-{node}.log"

    def _wait_for_nodes(self) -> None:
        self._daemons.wait("both nodes", self._has_both_nodes)

    def _has_both_nodes(self) -> bool:
        states = self._node_states()
        return len(states) == len(NODES) and set(states.values()) <= {"idle", "mixed", "allocated", "completing"}

    def _are_in_service(self) -> bool:
        """Whether both nodes take jobs. Slurm drains a node whose step could not end, as without a controller."""
        for node, state in self._node_states().items():
            if state.startswith("drain"):
                self.call("scontrol", "update", f"nodename={node}", "state=resume")
        return self._has_both_nodes()

    def _node_states(self) -> dict[str, str]:
        lines = self.call("sinfo", "-h", "-N", "-p", "gpu", "-o", "%N %T").stdout.splitlines()
        return dict(line.split() for line in lines)


@contextlib.contextmanager
def running(accounting: bool = True, cpus: int = 8) -> Iterator[SlurmCluster]:
    cluster = SlurmCluster(accounting, cpus)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def main() -> None:
    with running() as cluster, contextlib.suppress(KeyboardInterrupt):
        print(*(f"export {key}={value}" for key, value in cluster.environ.items()), sep="\n", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
