"""What the keys of Hydra's other sweepers are called here: for ``ax-moo migrate``, and for messages about unknown keys.

All keys lie below ``hydra.sweeper``, and are those of the released versions of hydra-optuna-sweeper, hydra-ax-sweeper,
hydra-nevergrad-sweeper and Hydra's own ``basic``.
"""

from typing import NamedTuple


class Successor(NamedTuple):
    """What takes the place of a key. ``key`` is ours where the value stays the same, and None where it does not."""

    remedy: str
    """Completes the sentence "KEY is another sweeper's: ..."."""
    key: str | None = None


def _same(key: str) -> Successor:
    return Successor(f"write {key}", key)


_OBJECTIVE = "write objectives: {NAME: {direction: maximize}}, or minimize, with the name of the metric"
_OBJECTIVES = "name the metrics, and give each its direction, in objectives"
_NOT_NEEDED = "leave it out"
_SAMPLERS_OWN = "leave it out, because it belongs to Optuna's sampler"
_NOISE = "leave it out, because noise is estimated; an exact metric is returned as (value, 0.0)"

OPTUNA: dict[str, Successor] = {
    "direction": Successor(_OBJECTIVES),  # one direction for one objective is a key of ours
    "sampler": Successor("write method: auto, fast, sobol, random or grid"),
    "sampler._target_": Successor("write method: auto, fast, sobol, random or grid"),
    "sampler._partial_": Successor(_NOT_NEEDED),
    "sampler.seed": _same("seed"),
    "sampler.n_startup_trials": _same("n_initial"),
    "sampler.x0": Successor("write initial: [{KEY: VALUE, ...}], a list of points"),
    "sampler.search_space": Successor("write method: grid, which visits every point of params"),
    "sampler.constraints_func": Successor("return the metric, and write a bound on it in outcome_constraints"),
    "storage": Successor("leave it out, because every trial is in sweep.jsonl in hydra.sweep.dir"),
    "study_name": Successor("name the folder of the sweep with hydra.sweep.dir; the same folder goes on with it"),
    "search_space": Successor("write params: {KEY: 'interval(0, 1)'}, or mappings with type, bounds and values"),
    "custom_search_space": Successor("write params, and parameter_constraints where one depends on another"),
    "optuna_config": Successor("write its keys directly below hydra.sweeper"),
    "optuna_config.sampler": Successor("write method: auto, fast, sobol, random or grid"),
    "optuna_config.seed": _same("seed"),
    "optuna_config.direction": Successor(_OBJECTIVES),
    "optuna_config.storage": Successor("leave it out, because every trial is in sweep.jsonl in hydra.sweep.dir"),
    "optuna_config.study_name": Successor("name the folder of the sweep with hydra.sweep.dir"),
    "optuna_config.n_trials": _same("n_trials"),
    "optuna_config.n_jobs": _same("n_jobs"),
}

AX: dict[str, Successor] = {
    "max_batch_size": _same("n_jobs"),
    "ax_config": Successor("write its keys directly below hydra.sweeper"),
    "ax_config.max_trials": _same("n_trials"),
    "ax_config.early_stop.max_epochs_without_improvement": _same("stop_when.no_improvement"),
    "ax_config.early_stop.minimize": Successor("leave it out; objectives say it"),
    "ax_config.early_stop.epsilon": Successor("leave it out; any improvement counts"),
    "ax_config.experiment.name": Successor("name the folder of the sweep with hydra.sweep.dir"),
    "ax_config.experiment.objective_name": Successor(_OBJECTIVE),
    "ax_config.experiment.minimize": Successor(_OBJECTIVE),
    "ax_config.experiment.parameter_constraints": _same("parameter_constraints"),
    "ax_config.experiment.outcome_constraints": _same("outcome_constraints"),
    "ax_config.experiment.status_quo": Successor("write initial: [{KEY: VALUE, ...}], a list of points"),
    "ax_config.client.verbose_logging": Successor("leave it out; hydra.job_logging says what is logged"),
    "ax_config.client.random_seed": _same("seed"),
    "ax_config.params": _same("params"),
    "ax_config.is_noisy": Successor(_NOISE),
}

NEVERGRAD: dict[str, Successor] = {
    "optim.optimizer": Successor("write method: auto, fast, sobol, random or grid"),
    "optim.budget": _same("n_trials"),
    "optim.num_workers": _same("n_jobs"),
    "optim.noisy": Successor(_NOISE),
    "optim.maximize": Successor(_OBJECTIVE),
    "optim.seed": _same("seed"),
    "optim.max_failure_rate": _same("max_failure_rate"),
    "optim.on_failure": Successor("write max_failure_rate, the share of trials that may fail"),
    "parametrization": Successor("write params: {KEY: 'interval(0, 1)'}, or mappings with type, bounds and values"),
    "version": Successor(_NOT_NEEDED),
}

OF_ANY_KEY: dict[str, Successor] = {
    "sampler": Successor(_SAMPLERS_OWN),
    "optuna_config.sampler": Successor(_SAMPLERS_OWN),
    "optuna_config": Successor(_NOT_NEEDED),
    "ax_config": Successor(_NOT_NEEDED),
    "ax_config.early_stop": Successor("write stop_when: {no_improvement: N}"),
    "ax_config.experiment": Successor("leave it out, or say it with objectives and outcome_constraints"),
    "optim": Successor("leave it out, because it belongs to Nevergrad's optimizer"),
}
"""The successors of keys below these that have none of their own."""

_MOVED_UP = {
    key.removeprefix(section): found
    for section, keys in (("ax_config.", AX), ("optim.", NEVERGRAD))
    for key, found in keys.items()
    if key.startswith(section)
}
"""The same keys where somebody has written them directly below ``hydra.sweeper``, as the others' messages say."""
_OF_A_DIRECTION = dict.fromkeys(
    ("minimize", "maximize", "directions", "objective_name", "metric"), Successor(_OBJECTIVE)
)
"""What such a key is called in Ax's, Optuna's and W&B's own interfaces: left out, the sweep would minimise."""

SUCCESSORS: dict[str, Successor] = {**_MOVED_UP, **_OF_A_DIRECTION, **OPTUNA, **AX, **NEVERGRAD}

OBJECTIVE_FIELDS: dict[str, Successor] = {
    "minimize": Successor("write direction: minimize or maximize"),
    "maximize": Successor("write direction: minimize or maximize"),
    "goal": Successor("write direction: minimize or maximize"),
    "bound": Successor("write threshold, or a bound in outcome_constraints"),
}
"""The fields of an objective: those of Ax's ``ObjectiveProperties`` and of W&B's sweeps."""

PARAMETER_FIELDS: dict[str, Successor] = {
    "low": Successor("write bounds: [LOW, HIGH]"),
    "high": Successor("write bounds: [LOW, HIGH]"),
    "lower": Successor("write bounds: [LOWER, UPPER]"),
    "upper": Successor("write bounds: [LOWER, UPPER]"),
    "min": Successor("write bounds: [MIN, MAX]"),
    "max": Successor("write bounds: [MIN, MAX]"),
    "log": _same("log_scale"),
    "choices": _same("values"),
    "options": _same("values"),
    "integer": Successor("write value_type: int"),
    "cast": _same("value_type"),
    "q": _same("step"),
    "init": Successor("write it into hydra.sweeper.initial, a list of points"),
    "digits": Successor(_NOT_NEEDED),
    "is_fidelity": Successor(_NOT_NEEDED),
    "is_task": Successor(_NOT_NEEDED),
    "target_value": Successor(_NOT_NEEDED),
    "sort_values": Successor(_NOT_NEEDED),
    "dependents": Successor(_NOT_NEEDED),
}
"""The fields of a parameter: Optuna's ``search_space``, Nevergrad's ``parametrization``, Ax's ``params``."""

PARAMETER_TYPES: dict[str, str] = {
    "int": "write type: range with value_type: int",
    "float": "write type: range",
    "categorical": "write type: choice",
    "uniform": "write type: range",
    "log_uniform": "write type: range with log_scale: true",
    "loguniform": "write type: range with log_scale: true",
    "discrete": "write type: choice, or a range with a step",
}
"""Values of a parameter's ``type`` in other sweepers."""

SAMPLER_METHODS: dict[str, str] = {
    "RandomSampler": "random",
    "random": "random",
    "GridSampler": "grid",
    "grid": "grid",
    "BruteForceSampler": "grid",
    "QMCSampler": "sobol",
    "qmc": "sobol",
}
"""Our ``method`` for an Optuna sampler, by its class or by its name in the group; any other one becomes ``auto``."""


def successor(key: str) -> Successor | None:
    """What takes the place of a dotted key below ``hydra.sweeper``; None where no other sweeper has such a key."""
    if key in SUCCESSORS:
        return SUCCESSORS[key]
    parents = [key.rsplit(".", cut)[0] for cut in range(1, key.count(".") + 1)]
    return next((OF_ANY_KEY[parent] for parent in parents if parent in OF_ANY_KEY), None)
