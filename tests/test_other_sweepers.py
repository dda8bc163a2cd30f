"""Every key of the released Optuna, Ax and Nevergrad sweepers has a successor, and it is a key that exists."""

import dataclasses
import re
from pathlib import Path

import pytest

from ax_moo.other_sweepers import PARAMETER_FIELDS, SUCCESSORS, successor
from ax_moo.sweep.settings import OTHER_KEYS, Settings

pytestmark = pytest.mark.one_hydra

SAMPLERS = [
    "seed",
    "consider_prior",
    "prior_weight",
    "consider_magic_clip",
    "consider_endpoints",
    "n_startup_trials",
    "n_ei_candidates",
    "multivariate",
    "warn_independent_sampling",
    "x0",
    "sigma0",
    "independent_sampler",
    "consider_pruned_trials",
    "restart_strategy",
    "inc_popsize",
    "use_separable_cma",
    "source_trials",
    "population_size",
    "mutation_prob",
    "crossover_prob",
    "swapping_prob",
    "constraints_func",
    "deterministic_objective",
    "qmc_type",
    "scramble",
    "warn_asynchronous_seeding",
    "_target_",
    "_partial_",
]
OPTUNA = ["sampler", "direction", "storage", "study_name", "custom_search_space", "search_space"]
AX = [
    "max_trials",
    "early_stop",
    "early_stop.minimize",
    "early_stop.max_epochs_without_improvement",
    "early_stop.epsilon",
    "experiment",
    "experiment.name",
    "experiment.objective_name",
    "experiment.minimize",
    "experiment.parameter_constraints",
    "experiment.outcome_constraints",
    "experiment.status_quo",
    "client",
    "client.verbose_logging",
    "client.random_seed",
    "params",
    "is_noisy",
]
NEVERGRAD = ["optimizer", "budget", "num_workers", "noisy", "maximize", "seed", "max_failure_rate"]
KEYS = [
    *OPTUNA,
    *[f"sampler.{each}" for each in SAMPLERS],
    *["optuna_config", "optuna_config.seed", "optuna_config.sampler.seed"],
    *["max_batch_size", "ax_config", *[f"ax_config.{each}" for each in AX]],
    *[f"optim.{each}" for each in NEVERGRAD],
    *["parametrization", "version"],
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_another_sweeper_has_a_successor(key: str) -> None:
    assert successor(key) is not None


def test_a_successor_is_a_key_of_ours() -> None:
    ours = {"stop_when", *OTHER_KEYS, *(each.name for each in dataclasses.fields(Settings))}
    named = {each.key.split(".")[0] for each in SUCCESSORS.values() if each.key}
    assert named <= ours
    assert {each.key for each in PARAMETER_FIELDS.values() if each.key} <= {"log_scale", "values", "value_type", "step"}


def test_the_manual_has_every_key_of_another_sweeper_and_the_readme_leads_to_it() -> None:
    root = Path(__file__).parent.parent
    manual = (root / "docs/migrating.md").read_text(encoding="utf-8")
    keys = [key.rpartition(".")[2] for key in KEYS if not key.startswith("sampler.")]
    assert [key for key in keys if not re.search(rf"\b{key}\b", manual)] == []
    assert "`sampler.*`" in manual
    assert "(docs/migrating.md)" in (root / "README.md").read_text(encoding="utf-8")


def test_a_misspelt_key_has_none() -> None:
    assert successor("n_trial") is None
