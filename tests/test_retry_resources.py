"""More of a resource for the next attempt of a trial whose job ran out of it."""

import re
from typing import Any

import pytest

from ax_moo.system.errors import ConfigError
from ax_moo.trial import Fault
from ax_moo_launchers.params import SLURM, check_params
from ax_moo_launchers.slurm import commands, retry_resources

pytestmark = pytest.mark.hydra_free

MEMORY, TIME = Fault.OUT_OF_MEMORY, Fault.TIME_LIMIT
GIVEN = {"mem_gb": 4, "timeout_min": 30, "cpus_per_task": 2, "retry_resources": {"mem_gb": 2, "timeout_min": 1.5}}


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "call", lambda command: (-1, "", "no such command"))


@pytest.mark.parametrize(
    ("faults", "mem_gb", "timeout_min"),
    [
        ((), 4, 30),
        ((MEMORY,), 8, 30),
        ((TIME,), 4, 45),
        ((MEMORY, Fault.PREEMPTED, MEMORY, TIME), 16, 45),
        ((MEMORY,) * 7, 32, 30),
        ((TIME, TIME), 4, 68),
        ((Fault.PREEMPTED, Fault.NODE_FAILED, Fault.DIED_AT_START), 4, 30),
    ],
)
def test_an_attempt_gets_more_of_what_earlier_ones_ran_out_of(
    faults: tuple[Fault, ...], mem_gb: int, timeout_min: int
) -> None:
    expected = {**GIVEN, "mem_gb": mem_gb, "timeout_min": timeout_min}
    assert retry_resources.for_attempt(GIVEN, faults) == expected


@pytest.mark.parametrize(
    ("text", "factor", "more"),
    [("4G", 2, "8G"), ("4GB", 1.5, "6G"), ("3G", 1.5, "4608M"), ("500", 2, "1000"), ("1T", 1.25, "1310720M")],
)
def test_sizes_are_multiplied_in_slurms_units(text: str, factor: float, more: str) -> None:
    given = {"mem_per_cpu": text, "retry_resources": {"mem_per_cpu": factor}}
    assert retry_resources.for_attempt(given, [MEMORY])["mem_per_cpu"] == more


def test_no_attempt_gets_more_than_its_partition_allows_nor_less_than_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = ["gpu* 1:00:00 6144", "gpu* 1:00:00 5000", "long 2-00:00:00 64000", "short 20:00 2048", "free infinite 9999"]
    monkeypatch.setattr(commands, "call", lambda command: (0, "\n".join(rows), ""))
    faults = [MEMORY, TIME, TIME]

    def of(partition: str | None) -> tuple[Any, Any]:
        params = retry_resources.for_attempt({**GIVEN, "partition": partition}, faults)
        return params["mem_gb"], params["timeout_min"]

    assert of(None) == (6, 60)
    assert of("long") == (8, 68)
    assert of("short") == (4, 30)
    assert of("free") == (8, 68)
    assert of("gpu,long") == (8, 68)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"mem_gb": 0.5}, "retry_resources: must be a mapping from mem_gb, mem_per_cpu, mem_per_gpu, timeout_min to"),
        ({"mem_gb": 9}, "factors from 1 to 8, or null, got"),
        ({"mem_gb": "2"}, "factors from 1 to 8"),
        ({"mem_gb": True}, "factors from 1 to 8"),
        ({"mem_gb": float("nan")}, "factors from 1 to 8"),
        ({"cpus_per_task": 2}, "must be a mapping from mem_gb"),
        ([2], "must be a mapping from mem_gb"),
        ({"mem_per_cpu": 2}, "retry_resources.mem_per_cpu: needs a value to multiply, and hydra.launcher.mem_per_cpu"),
        ({"mem_per_gpu": 2}, "hydra.launcher.mem_per_gpu: must be a size such as 4G"),
    ],
)
def test_mistakes_are_found_before_the_first_job(factors: Any, message: str) -> None:
    params = {"mem_gb": 4, "mem_per_cpu": None, "mem_per_gpu": "much", "retry_resources": factors}
    params["additional_parameters"] = {}
    with pytest.raises(ConfigError, match=re.escape(message)):
        _check(params)


def _check(params: dict[str, Any]) -> None:
    check_params(params, SLURM)
    retry_resources.check(params)


def test_a_value_that_depends_on_the_trial_is_checked_with_the_trials_own() -> None:
    retry_resources.check({"additional_parameters": {}, "retry_resources": {"mem_gb": 2}})
    retry_resources.check({"mem_gb": None, "retry_resources": {"mem_gb": 2}})  # the options depend on the trial


@pytest.mark.parametrize(
    ("option", "key", "more"),
    [
        ({"mem": "2G"}, "mem_gb", 4),
        ({"mem": 2048}, "mem_gb", 4),
        ({"mem-per-cpu": "1G"}, "mem_per_cpu", "2G"),
        ({"mem_per_gpu": "3GB"}, "mem_per_gpu", "6G"),
        ({"mem-per-g": "3GB"}, "mem_per_gpu", "6G"),
    ],
)
def test_a_size_among_the_options_is_the_one_that_is_multiplied(option: dict[str, Any], key: str, more: Any) -> None:
    """sbatch takes it in place of that of the launcher's key."""
    given = {key: 1, "additional_parameters": {**option, "hold": True}, "retry_resources": {key: 2}}
    retry_resources.check(given)
    params = retry_resources.for_attempt(given, [MEMORY])
    assert (params[key], params["additional_parameters"]) == (more, {"hold": True})


@pytest.mark.parametrize(
    ("key", "options", "message"),
    [
        ("mem_gb", {"mem": 0}, "additional_parameters.mem is 0, which is all of a node's memory; leave mem_gb out"),
        ("mem_gb", {"mem": "much"}, "additional_parameters.mem: must be a size such as 4G"),
        ("timeout_min", {"time": "UNLIMITED"}, "additional_parameters.time sets no limit to multiply; set one, or"),
        ("timeout_min", {"time": 0}, "additional_parameters.time sets no limit to multiply"),
    ],
)
def test_an_option_that_cannot_be_multiplied_is_refused(key: str, options: dict[str, Any], message: str) -> None:
    params = {"mem_gb": 4, "timeout_min": 5, "additional_parameters": options, "retry_resources": {key: 2}}
    with pytest.raises(ConfigError, match=re.escape(message)):
        _check(params)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("mem_gb", "SBATCH_MEM_PER_NODE"),
        ("mem_per_cpu", "SBATCH_MEM_PER_CPU"),
        ("mem_per_gpu", "SBATCH_MEM_PER_GPU"),
        ("timeout_min", "SBATCH_TIMELIMIT"),
    ],
)
def test_a_variable_that_sbatch_prefers_is_refused_beside_a_factor(
    monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    monkeypatch.setenv(name, "5")
    with pytest.raises(ConfigError, match=f"no effect while the environment variable {name} is set.*unset it"):
        _check({key: 4, "additional_parameters": {}, "retry_resources": {key: 2}})
