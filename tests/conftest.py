"""What all tests share: Hydra's plug-ins found once, one thread per process, a Slurm cluster, and no skips in CI."""

import os
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from hydra.core.plugins import Plugins
from slurm.cluster import SlurmCluster, why_not_here

os.environ["OMP_NUM_THREADS"] = "1"

# Hydra 1.4 looks for plug-ins when it is first asked; its own fixtures put that state aside and back.
Plugins.instance()

IN_CI = os.environ.get("CI") == "true"


def pytest_report_header() -> str:
    return f"hydra-core {version('hydra-core')}, omegaconf {version('omegaconf')}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-xdist one process has the Slurm cluster, and what a module's tests share is made once."""
    for item in items:
        if item.get_closest_marker("slurm"):
            item.add_marker(pytest.mark.xdist_group("slurm"))
        elif _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))


def _shares_a_fixture(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(definition[-1].scope in ("module", "class") for definition in definitions)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if IN_CI and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if IN_CI and _skipped(config):
        terminalreporter.write_line(f"{_skipped(config)} skipped, and CI must run all tests", red=True)


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter else 0


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """Two nodes with two GPUs each; ``SLURM_CONF`` points at them until the tests are over."""
    obstacle = why_not_here()
    if obstacle and not IN_CI:
        pytest.skip(obstacle)
    assert obstacle is None, f"{obstacle}, and CI must run these tests"
    cluster = SlurmCluster()
    cluster.start()
    with pytest.MonkeyPatch.context() as patch:
        for key, value in cluster.environ.items():
            patch.setenv(key, value)
        yield cluster
    cluster.stop()
