"""What all tests share: Hydra's plug-ins found once, one thread per process, and a Slurm cluster."""

import os
from collections.abc import Iterator

import pytest
from hydra.core.plugins import Plugins
from slurm.cluster import SlurmCluster, why_not_here

os.environ["OMP_NUM_THREADS"] = "1"

# Hydra 1.4 looks for plug-ins when it is first asked; its own fixtures put that state aside and back.
Plugins.instance()


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[SlurmCluster]:
    """Two nodes with two GPUs each; ``SLURM_CONF`` points at them until the tests are over."""
    obstacle = why_not_here()
    if obstacle and os.environ.get("CI") != "true":
        pytest.skip(obstacle)
    assert obstacle is None, f"{obstacle}, and CI must run these tests"
    cluster = SlurmCluster()
    cluster.start()
    with pytest.MonkeyPatch.context() as patch:
        for key, value in cluster.environ.items():
            patch.setenv(key, value)
        yield cluster
    cluster.stop()
