"""How the config of a job resolves: in the job ``${hydra:...}`` is its own config, and a resolver may know more."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from omegaconf.errors import InterpolationResolutionError


@contextmanager
def as_in_a_job(config: DictConfig) -> Iterator[None]:
    """Within the block ``${hydra:...}`` is the job's config, as Hydra has it when it resolves the folder."""
    hydra = HydraConfig.instance()
    before = hydra.cfg
    try:
        hydra.set_config(config)
        yield
    finally:
        hydra.cfg = before


def may_resolve_in_a_job(error: Exception) -> bool:
    """Whether the error is one of a resolver, such as of a variable that is not set here.

    Its subclasses are of a key that does not exist, has no value, or has a wrong type: mistakes in the config.
    """
    return type(error) is InterpolationResolutionError
