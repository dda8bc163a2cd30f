"""`ax-moo doctor`, in environments that it has to tell apart."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from ax_moo_command import ax_moo, ax_moo_from_cold

from ax_moo.cli import doctor

SHELL = "#!/bin/sh\n"


def examined(cwd: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and what was found by the names of the doctor."""
    ended = ax_moo_from_cold("doctor", "--json", cwd=cwd)
    found = json.loads(ended.out)
    assert found["works"] == (ended.code == 0), ended.err
    return ended.code, {check["name"]: check for check in found["checks"]}


def put_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(SHELL + script)
    (folder / name).chmod(0o755)


@pytest.mark.one_hydra
def test_where_sweeps_work_every_essential_check_does(tmp_path: Path) -> None:
    code, found = examined(tmp_path)
    assert code == 0
    essential = [name for name, check in found.items() if check["essential"]]
    plugins = ["hydra/sweeper=ax_moo", "hydra/launcher=async_local", "hydra/launcher=async_slurm"]
    assert essential == ["Python", "Hydra", *plugins, "Ax"]
    assert found[f"file locks in {tmp_path}"]["works"]
    assert all(check["advice"] for check in found.values() if not check["works"])


@pytest.mark.one_hydra
def test_the_table_says_what_is_found_and_ends_with_a_sentence(tmp_path: Path) -> None:
    ended = ax_moo("doctor", cwd=tmp_path)
    assert re.search(r"│ ok +│ hydra/sweeper=ax_moo +│ found by Hydra +│ +│", ended.out)
    assert ended.out.endswith("sweeps work on this machine\n")


def test_a_plug_in_that_breaks_hydras_discovery_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "hydra_plugins" / "broken" / "__init__.py"
    broken.parent.mkdir(parents=True)
    broken.write_text("raise ValueError('this was written for another Ax')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(tmp_path)]).strip(":"))
    code, found = examined(tmp_path)
    assert (code, found["Hydra's plug-ins"]["found"]) == (1, "ValueError: this was written for another Ax")
    assert str(broken) in found["Hydra's plug-ins"]["advice"]
    assert "hydra/sweeper=ax_moo" not in found


def test_without_slurm_the_other_launcher_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [check] = doctor.scheduler()
    assert not check.works
    assert check.found.startswith("not on PATH: sbatch, squeue, ")
    assert "async_local works here" in check.advice


@pytest.mark.parametrize(
    ("sacct", "works", "found"),
    [
        ("exit 0\n", True, "answers"),
        ("echo 'Slurm accounting storage is disabled' >&2; exit 1\n", False, "is not set up"),
        ("echo 'Connection refused' >&2; exit 1\n", False, "sacct does not answer"),
    ],
)
def test_a_cluster_with_and_without_accounting_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sacct: str, works: bool, found: str
) -> None:
    for name in ("sbatch", "squeue", "scancel", "srun"):
        put_program(tmp_path / "bin", name, "exit 0\n")
    put_program(tmp_path / "bin", "scontrol", "echo 'Slurmctld(primary) at head is UP'\n")
    put_program(tmp_path / "bin", "sacct", sacct)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    [commands, controller, accounting] = doctor.scheduler()
    assert (commands.works, controller.works, accounting.works) == (True, True, works)
    assert accounting.found == found


@pytest.mark.slurm
@pytest.mark.one_hydra
@pytest.mark.usefixtures("slurm_cluster")
def test_a_slurm_cluster_with_accounting_works() -> None:
    assert [check.works for check in doctor.scheduler()] == [True, True, True]


def test_gpus_are_those_that_the_mask_lets_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(tmp_path / "bin", "nvidia-smi", "echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    gpus, cuda = doctor.gpus()
    assert (gpus.works, gpus.found) == (False, "1 (0); CUDA_VISIBLE_DEVICES lets through none")
    assert "torch is built for" in cuda.found


def test_a_wandb_key_is_found_in_the_environment_and_in_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not doctor.wandb().works
    (tmp_path / "netrc").write_text("machine wandb.example.org login user password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    assert doctor.wandb().found == "installed, with an API key for wandb.example.org"
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert "WANDB_API_KEY" in doctor.wandb().found
    assert "secret" not in doctor.wandb().found


def test_a_lock_that_botorchs_compiler_has_left_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    left = tmp_path / "py311_cpu" / "logei_fused_ext" / "lock"
    left.parent.mkdir(parents=True)
    left.touch()
    assert doctor.kernel_lock().works
    os.utime(left, (0, 0))
    assert not doctor.kernel_lock().works
    assert str(left) in doctor.kernel_lock().found
