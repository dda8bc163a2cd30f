"""Which sweeper a config was written for, and what that sweeper does where the config says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ax_moo.system.errors import ConfigError


@dataclass(frozen=True)
class Peer:
    """A sweeper: its name in ``hydra/sweeper``, the keys that only it has, and defaults of it that are not ours."""

    name: str
    package: str
    keys: frozenset[str]
    defaults: Mapping[str, int]
    range_includes_end: bool = False


PEERS = (
    Peer(
        "optuna",
        "hydra_optuna_sweeper",
        frozenset(
            ("sampler", "direction", "storage", "study_name", "search_space", "custom_search_space", "optuna_config")
        ),
        {"n_jobs": 2},
        range_includes_end=True,
    ),
    Peer("ax", "hydra_ax_sweeper", frozenset(("ax_config", "max_batch_size")), {"n_trials": 10, "n_jobs": 5}),
    Peer(
        "nevergrad",
        "hydra_nevergrad_sweeper",
        frozenset(("optim", "parametrization")),
        {"n_trials": 80, "n_jobs": 10},
    ),
)
OURS = "ax_moo"


def named(name: Any) -> Peer | None:
    return next((peer for peer in PEERS if peer.name == name), None)


def peer_of(sweeper: Mapping[str, Any], chosen: object, sampler: object) -> Peer:
    """The sweeper that the config's choices of hydra/sweeper and its ``sampler``, or the keys of ``sweeper`` tell.

    Raises:
        ConfigError: they tell none, or it is ours.
    """
    target = str(sweeper.get("_target_", ""))
    if chosen == OURS or OURS in target:
        raise ConfigError("is a config of hydra/sweeper=ax_moo already; there is nothing to migrate")
    if peer := named(chosen):
        return peer
    if sampler is not None:
        return PEERS[0]
    for peer in PEERS:
        if peer.package in target or peer.keys & set(sweeper):
            return peer
    alone = (
        "; params alone are ours as they are, but Optuna's range(1, 3) is range(1, 4) here"
        if "params" in sweeper
        else ""
    )
    raise ConfigError(
        "does not tell which sweeper it is for; give the file that has 'override /hydra/sweeper: optuna', ax or"
        f" nevergrad in its defaults, or the sweeper's own keys below hydra.sweeper{alone}"
    )
