"""What all tests share: Hydra's plug-ins found once, one thread per process, a Slurm cluster, and no skips in CI."""

import functools
import gc
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.version import VersionBase
from slow import pytest_collection_modifyitems  # noqa: F401  the mark slow
from slurm.cluster import SlurmCluster, running
from slurm.packages import why_not_here
from xdist.scheduler import LoadScopeScheduling

os.environ["OMP_NUM_THREADS"] = "1"
# What jobs import is remembered from test to test, but not from what the user of this machine has run.
os.environ["XDG_CACHE_HOME"] = _CACHE = tempfile.mkdtemp(prefix="cache-of-tests-")

# Until all tests are collected: the collector takes a fifth of the time of imports such as Ax's.
gc.disable()

# Hydra 1.4 looks for plug-ins when it is first asked; its own fixtures put that state aside and back.
Plugins.instance()

IN_CI = os.environ.get("CI") == "true"

# A background job of a script ignores Ctrl-C, and one of nohup the end of its terminal, as would what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
if IN_CI:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header() -> str:
    return f"hydra-core {version('hydra-core')}, omegaconf {version('omegaconf')}"


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Under pytest-xdist each half of the Slurm tests has a process and a cluster, one more has the clusters that
    tests break on purpose, and what a module's tests share is made once.

    Slurm tests mostly wait for Slurm, so that two rows of them leave less of the processors unused than one.

    In place of xdist_group marks, which pytest-xdist 3.8 does not see under pytest 9.2.
    """
    return _InGroups(config, log)


class _InGroups(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if _mentions(self.config.rootpath / file, "fragile_cluster", "cluster_without_accounting", "kill_points"):
            return "clusters to break" if "slurm" in file else file
        if "slurm" in nodeid.lower():
            return "launchers on slurm" if "test_launcher" in file else "slurm"
        return file if _mentions(self.config.rootpath / file, 'scope="module"') else nodeid


@functools.cache
def _mentions(file: Path, *words: str) -> bool:
    text = file.read_text()
    return any(word in text for word in words)


def pytest_sessionfinish(session: pytest.Session) -> None:
    shutil.rmtree(_CACHE, ignore_errors=True)
    if IN_CI and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if IN_CI and _skipped(config):
        terminalreporter.write_line(f"{_skipped(config)} skipped, and CI must run all tests", red=True)


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter else 0


@pytest.fixture(autouse=True)
def _as_hydra_found_it() -> Iterator[None]:
    """Hydra, where a test runs it in this process, leaves a version base behind, and silences every logger."""
    base = VersionBase.instance().getbase()
    yield
    VersionBase.instance().version_base = base
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """Two nodes with two GPUs each; ``SLURM_CONF`` points at them until the tests are over."""
    with _cluster_to_use() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def fragile_cluster() -> Iterator[SlurmCluster]:
    """A cluster for the tests of one module to break; each leaves it as it was (``restore``)."""
    with _cluster_to_use() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster_without_accounting() -> Iterator[SlurmCluster]:
    with _cluster_to_use(accounting=False) as cluster:
        yield cluster


@contextmanager
def _cluster_to_use(accounting: bool = True) -> Iterator[SlurmCluster]:
    obstacle = why_not_here()
    if obstacle and not IN_CI:
        pytest.skip(obstacle)
    assert obstacle is None, f"{obstacle}, and CI must run these tests"
    with running(accounting) as cluster, pytest.MonkeyPatch.context() as patch:
        for key, value in cluster.environ.items():
            patch.setenv(key, value)
        yield cluster
