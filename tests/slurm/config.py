"""The files that the daemons of a cluster are configured by."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/memory")
_MOST_JOBS = 10_000


def limits_by_cgroup() -> bool:
    """Whether jobs can be held to their memory as on most clusters, after which accounting says OUT_OF_MEMORY.

    Slurm 22.05 can do it without systemd by version 1 of cgroups. Elsewhere Slurm looks at the jobs' memory once a
    second, and accounting only says that a job that had too much was killed.
    """
    return os.access(_CGROUP, os.W_OK)


def remove_cgroups(nodes: Sequence[str], first_job: int) -> None:
    """What killed steps have left in the tree of cgroups, which all clusters of this machine share."""
    for node in nodes:
        for job in (_CGROUP / f"slurm_{node}").glob("uid_*/job_*"):
            if 0 <= int(job.name.removeprefix("job_")) - first_job < _MOST_JOBS:
                for folder, _, _ in os.walk(job, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)


def write_config(
    folder: Path,
    hostname: str,
    ports: Mapping[str, int],
    nodes: Sequence[str],
    accounting: bool,
    first_job: int,
    cpus: int = 8,
) -> None:
    for name in ("state", *nodes):
        (folder / name).mkdir()
    sizes = {"cpus": cpus, "memory": 4000 * cpus}
    values = {**ports, **sizes, "host": hostname, "dir": folder, "first": first_job}
    for name, text in _texts(nodes, accounting).items():
        path = folder / name
        path.write_text(text.format_map(values))
        path.chmod({"slurmdbd.conf": 0o600, "prolog": 0o755}.get(name, 0o644))


def _texts(nodes: Sequence[str], accounting: bool) -> dict[str, str]:
    """By file name; {...} is to be filled in."""
    by_cgroup = limits_by_cgroup()
    slurm = [_SLURM, _BY_CGROUP if by_cgroup else _BY_POLLING, _ACCOUNTING if accounting else _NO_ACCOUNTING]
    slurm += [_NODE.replace("NODE", node) for node in nodes]
    slurm.append(_PARTITIONS.replace("NODES", ",".join(nodes)))
    gres = [f"NodeName={node} Name=gpu File=/dev/tty[{2 * i + 1}-{2 * i + 2}]\n" for i, node in enumerate(nodes)]
    cgroup = "CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\n" if by_cgroup else ""
    return {
        "slurm.conf": "".join(slurm),
        "prolog": _PROLOG,
        "gres.conf": "".join(gres),
        "cgroup.conf": f"CgroupAutomount=no\n{cgroup}",
        "slurmdbd.conf": _SLURMDBD,
    }


_SLURM = """\
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
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=4000
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MinJobAge=300
FirstJobId={first}
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
Prolog={dir}/prolog
"""
_BY_CGROUP = """\
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/none
"""
_BY_POLLING = """\
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
"""
_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStorageTRES=gres/gpu
AccountingStoragePass={dir}/munge.socket
"""
_NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\n"
_NODE = """\
NodeName=NODE NodeHostname={host} NodeAddr=127.0.0.1 Port={NODE} CPUs={cpus} RealMemory={memory} Gres=gpu:2
"""
_PARTITIONS = """\
PartitionName=gpu Nodes=NODES Default=YES MaxTime=60 State=UP PriorityTier=1 GraceTime=30
PartitionName=taken Nodes=NODES MaxTime=60 State=UP PriorityTier=1 PreemptMode=CANCEL
PartitionName=urgent Nodes=NODES MaxTime=60 State=UP PriorityTier=2 PreemptMode=OFF
"""
_PROLOG = """\
#!/bin/sh
[ ! -e {dir}/broken-$SLURMD_NODENAME ]
"""
_SLURMDBD = """\
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
"""
