"""A real Slurm cluster on this machine: two nodes with two schedulable GPUs each, and accounting.

To try something by hand, as root on Debian: ``python -m tests.slurm.cluster`` starts one, prints what to export, and
stops it on Ctrl-C.

Nothing of the machine's own Slurm, munge or database is touched: every daemon has its files in one folder, its own
port, and ends with the process that started it.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurmdbd", "munge", "mariadb-server")
_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "sacct", "slurmdbd", "munged", "mariadbd")
_START_S = 60.0


def why_not_here() -> str | None:
    """Why this machine cannot run the cluster, or None."""
    if os.geteuid() != 0:
        return "the Slurm cluster needs root"
    if not Path("/etc/debian_version").exists():
        return "the Slurm cluster needs Debian's packages"
    return None


class SlurmCluster:
    """``start`` it, point ``SLURM_CONF`` (``environ``) at it, and ``stop`` it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.hostname = socket.gethostname().split(".")[0]
        self.ports = dict(zip(("ctld", "dbd", "sql", "n1", "n2"), _free_ports(5), strict=True))
        self.environ = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        install()
        self.folder.chmod(0o755)
        self._write_config()
        try:
            self._start_munge()
            self._start_database()
            self._start("slurmdbd", "slurmdbd", "-D")
            self._wait("slurmdbd", lambda: _succeeds(self._run("sacctmgr", "-n", "list", "cluster")))
            self.start_controller()
            for node in ("n1", "n2"):
                self._start(node, "slurmd", "-D", "-N", node)
            self._wait("both nodes", lambda: self._idle_nodes() == 2)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self._end_jobs()
        for name in reversed(list(self._daemons)):
            self._end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_jobs(self) -> None:
        """Each job has a process of Slurm's that stays where its node's daemon ends first."""
        self._run("scancel", "--user=root")
        deadline = time.monotonic() + 10
        while self._run("squeue", "-h").stdout and time.monotonic() < deadline:
            time.sleep(0.2)

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-i")
        self._wait("slurmctld", lambda: _succeeds(self._run("scontrol", "ping")))

    def stop_controller(self) -> None:
        self._end("slurmctld")

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        files = [f"--{kind}-file={self.folder}/munged.{kind}" for kind in ("pid", "seed", "log")]
        # --force: munged would rather not have its socket below /tmp.
        socket_option = f"--socket={self.folder}/munge.socket"
        self._start("munged", "munged", "--foreground", "--force", f"--key-file={key}", socket_option, *files)
        self._wait("munged", (self.folder / "munge.socket").exists)

    def _start_database(self) -> None:
        data = self.folder / "database"
        install_db = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root"]
        subprocess.run([*install_db, "--auth-root-authentication-method=socket"], check=True, capture_output=True)
        unix_socket = self.folder / "database.socket"
        options = [f"--datadir={data}", f"--socket={unix_socket}", f"--port={self.ports['sql']}", "--user=root"]
        self._start("mariadbd", "mariadbd", "--no-defaults", "--bind-address=127.0.0.1", *options)
        client = ["mariadb", "--no-defaults", f"--socket={unix_socket}", "--user=root", "-e"]
        self._wait("mariadbd", lambda: _succeeds(subprocess.run([*client, "select 1"], capture_output=True)))
        grant = "create database slurm; grant all on slurm.* to slurm@'127.0.0.1' identified by 'slurm'"
        subprocess.run([*client, grant], check=True, capture_output=True)

    def _write_config(self) -> None:
        for name in ("state", "n1", "n2"):
            (self.folder / name).mkdir()
        values = {**self.ports, "host": self.hostname, "dir": self.folder}
        for name, text in _CONFIG.items():
            path = self.folder / name
            path.write_text(text.format_map(values))
            path.chmod(0o600 if name == "slurmdbd.conf" else 0o644)

    def _start(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            # A test run that is killed takes its daemons with it.
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(2)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, **self.environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)

    def _idle_nodes(self) -> int:
        return self._run("sinfo", "-h", "-N", "-o", "%T").stdout.split().count("idle")

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not ready():
            dead = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
            if dead or time.monotonic() > deadline:
                outputs = "\n".join(
                    f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}"
                    for path in sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
                )
                raise RuntimeError(f"{what} did not come up (ended: {dead})\n{outputs}")
            time.sleep(0.1)


def install() -> None:
    """Debian's packages, where they are missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if all(shutil.which(program, path=path) for program in _PROGRAMS):
        return
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environ, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"apt-get {command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _succeeds(done: "subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]") -> bool:
    return done.returncode == 0


_CONFIG = {
    "slurm.conf": """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/munge.socket
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/%n
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd-%n.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MinJobAge=300
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStorageTRES=gres/gpu
AccountingStoragePass={dir}/munge.socket
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=8 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=8 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=gpu Nodes=n1,n2 Default=YES MaxTime=60 State=UP OverSubscribe=NO
""",
    "slurmdbd.conf": """\
AuthType=auth/munge
AuthInfo=socket={dir}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser=root
LogFile={dir}/slurmdbd.log
PidFile={dir}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
""",
    "gres.conf": """\
NodeName=n1 Name=gpu File=/dev/tty[1-2]
NodeName=n2 Name=gpu File=/dev/tty[3-4]
""",
    "cgroup.conf": "CgroupAutomount=no\n",
}


def main() -> None:
    cluster = SlurmCluster()
    cluster.start()
    print(*(f"export {key}={value}" for key, value in cluster.environ.items()), sep="\n", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
