"""Finding this machine's GPUs, and choosing those of the next job."""

import logging
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ax_moo.system.errors import ConfigError
from ax_moo.system.text import in_yaml

log = logging.getLogger(__name__)

_DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")


class GpuPool:
    """Chooses GPUs for jobs, the least used first.

    The pool does not remember which GPUs are in use: the caller says it in each call, so that a job which has ended,
    however it ended, uses none.
    """

    def __init__(self, gpus: Sequence[str], jobs_per_gpu: int, gpus_per_job: int) -> None:
        self.gpus = list(gpus)
        self.jobs_per_gpu = jobs_per_gpu
        self.gpus_per_job = gpus_per_job
        self._warned = False

    def take(
        self, held: Sequence[Sequence[str]], fading: Sequence[Sequence[str]] = (), number: int | None = None
    ) -> tuple[str, ...]:
        """The GPUs for one more job, ``number`` of them if it needs another number than most.

        ``held`` are the GPUs of the running jobs, ``fading`` those of jobs that have written their results, but whose
        processes have not ended yet.
        """
        users = Counter(gpu for job in held for gpu in job)
        leaving = Counter(gpu for job in fading for gpu in job)
        # sorted() is stable: among equals the order of the list decides.
        taken = sorted(self.gpus, key=lambda gpu: (users[gpu], leaving[gpu]))[
            : self.gpus_per_job if number is None else number
        ]
        if any(users[gpu] >= self.jobs_per_gpu for gpu in taken):
            self._warn()
        return tuple(taken)

    def free(self, held: Sequence[Sequence[str]]) -> int:
        """The number of GPUs that take one more job."""
        users = Counter(gpu for job in held for gpu in job)
        return sum(users[gpu] < self.jobs_per_gpu for gpu in self.gpus)

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "More jobs than %d GPU(s) with hydra.launcher.jobs_per_gpu=%d take; they share the least used GPUs.",
                len(self.gpus),
                self.jobs_per_gpu,
            )


def open_pool(params: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> GpuPool | None:
    """The pool for the launcher's params; None if jobs keep the CUDA_VISIBLE_DEVICES that they inherit."""
    wanted, per_job = params.get("gpus"), params.get("gpus_per_node")
    if wanted == "none" or per_job == 0:
        return GpuPool([], 1, 0)
    gpus = visible = masked_gpus(environ)
    if isinstance(wanted, list):
        gpus = _chosen(wanted, visible)
    elif visible is None:
        gpus = installed_gpus()
    if not gpus:
        if per_job:
            log.warning("hydra.launcher.gpus_per_node is %d, but there is no GPU here; jobs run without one.", per_job)
        return None
    check_number(per_job or 1, gpus)
    return GpuPool(gpus, params.get("jobs_per_gpu") or 1, per_job or 1)


def check_number(per_job: int, gpus: Sequence[str]) -> None:
    if per_job > len(gpus):
        raise ConfigError(
            f"hydra.launcher.gpus_per_node: must be at most {len(gpus)}, the number of GPUs that can be used here"
            f" ({', '.join(gpus)}), got {per_job}"
        )


def masked_gpus(environ: Mapping[str, str]) -> list[str] | None:
    """The GPUs in CUDA_VISIBLE_DEVICES (ids, GPU- and MIG- UUIDs); None if it is not set.

    As in CUDA, the first invalid entry ends the list.
    """
    mask = environ.get("CUDA_VISIBLE_DEVICES")
    if mask is None:
        return None
    gpus: list[str] = []
    for entry in (part.strip() for part in mask.split(",")):
        if not re.fullmatch(r"\d+|(GPU|MIG)-\S+", entry):
            break
        gpus.append(entry)
    return list(dict.fromkeys(gpus))


def installed_gpus() -> list[str]:
    """The ids of this machine's GPUs, or the UUIDs of their MIG slices, found without importing torch."""
    command = ["nvidia-smi", "-L"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        # nvidia-smi is missing, hangs or fails. The driver also lists its devices.
        count = len(list(_DRIVER_FOLDER.iterdir())) if _DRIVER_FOLDER.is_dir() else 0
        return [str(index) for index in range(count)]
    slices = re.findall(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)", listing, re.MULTILINE)
    return slices or re.findall(r"^GPU (\d+):", listing, re.MULTILINE)


def _chosen(wanted: list[Any], visible: list[str] | None) -> list[str]:
    gpus = [str(gpu).strip() for gpu in wanted]
    for gpu, original in zip(gpus, wanted, strict=True):
        if isinstance(original, bool) or not re.fullmatch(r"\d+|(GPU|MIG)-\S+", gpu):
            raise ConfigError(
                f"hydra.launcher.gpus: must be ids such as 0, or UUIDs as nvidia-smi -L shows them, got"
                f" {in_yaml(original)}"
            )
        if gpus.count(gpu) > 1:
            raise ConfigError(f"hydra.launcher.gpus: GPU {gpu} is named twice; give jobs_per_gpu to share a GPU")
        if visible is not None and gpu not in visible:
            raise ConfigError(
                f"hydra.launcher.gpus: CUDA_VISIBLE_DEVICES hides GPU {gpu}; name GPUs as that mask does, valid: "
                f"{', '.join(visible) or 'none'}"
            )
    if not gpus:
        raise ConfigError("hydra.launcher.gpus: the list is empty; write none for jobs without a GPU")
    return gpus
