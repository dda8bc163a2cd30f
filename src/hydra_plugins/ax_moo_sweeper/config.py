"""Registers the config of ``hydra/sweeper=ax_moo``, with its keys and their defaults."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf


def _wandb() -> dict[str, Any]:
    return {"enabled": False, "project": None, "entity": None, "group": None, "mode": "auto", "sweep": False}


# The class only lists fields: the methods of a dataclass would cost every Hydra application a millisecond.
@dataclass(init=False, repr=False, eq=False)
class AxMooSweeperConf:
    """The keys and their defaults. They are untyped on purpose: ``ax_moo`` checks them with better messages."""

    _target_: str = "hydra_plugins.ax_moo_sweeper.sweeper.AxMooSweeper"
    _recursive_: bool = False
    objectives: Any = field(default_factory=dict)
    direction: Any = None
    outcome_constraints: Any = field(default_factory=list)
    params: Any = field(default_factory=dict)
    parameter_constraints: Any = field(default_factory=list)
    n_trials: Any = 20
    n_jobs: Any = 4
    timeout_hours: Any = None
    method: Any = "auto"
    n_initial: Any = None
    initial: Any = field(default_factory=list)
    seed: Any = None
    lookahead: Any = "auto"
    max_failure_rate: Any = 0.5
    retries: Any = 1
    stop_when: Any = None
    resume: Any = "auto"
    report: Any = True
    progress: Any = "auto"
    wandb: Any = field(default_factory=_wandb)


def register() -> None:
    """Store the config under two names.

    An application's own ``conf/hydra/sweeper/ax_moo.yaml`` hides the first name, and names the second one in its
    defaults list. The config is stored as a mapping, because Hydra refuses an unknown key of a dataclass: a misspelt
    key in a YAML file would not reach ``ax_moo.session.unknown_keys``, which names the right one. Nor is it a struct,
    so that a key that is new to it, as each of ``objectives`` and ``params`` is, needs no plus on the command line. Its
    ``_recursive_`` keeps Hydra from making objects of values that have a ``_target_``.
    """
    defaults: dict[str, Any] = {}
    for key in fields(AxMooSweeperConf):
        defaults[key.name] = key.default if key.default_factory is MISSING else key.default_factory()
    node = OmegaConf.create(defaults, flags={"struct": False})
    store = ConfigStore.instance()
    known = store.repo.get("hydra", {}).get("sweeper", {})
    for name in ("ax_moo", "ax_moo_defaults"):
        # A job inherits what its sweep has registered, and Hydra 1.4 complains of a second registration.
        if f"{name}.yaml" not in known:
            store.store(group="hydra/sweeper", name=name, node=node, provider="hydra-ax-moo")


register()
