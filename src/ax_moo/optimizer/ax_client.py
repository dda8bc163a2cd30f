"""AxOptimizer: Ax as a sweep's optimizer. A sweep imports Ax here only; the page's analyses have their own process.

Ax's client is a cache. Everything in it comes from the problem, the settings and the trials in the journal: a new
client that is told the same trials proposes the same candidates.
"""

import keyword
import logging
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ax_moo.optimizer import ax_internals
from ax_moo.optimizer.base import Candidate, Method, SearchSpaceExhausted
from ax_moo.optimizer.encoding import EncodedParameter, SpaceEncoding
from ax_moo.optimizer.one_thread import one_thread
from ax_moo.optimizer.points import grid_point, key, number_of_points
from ax_moo.problem.problem import ParameterConstraint, Problem
from ax_moo.system.text import error_line
from ax_moo.trial import CompletedTrial, Outcome, Parameterization, Trial

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sympy
    from ax.adapter.registry import Generators
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
    from ax.api.utils.generation_strategy_dispatch import choose_generation_strategy
    from ax.api.utils.structs import GenerationStrategyDispatchStruct
    from ax.exceptions.core import DataRequiredError, OptimizationComplete
    from ax.exceptions.core import UnsupportedError as AxUnsupportedError
    from ax.exceptions.generation_strategy import MaxParallelismReachedException
    from ax.generation_strategy.generation_strategy import GenerationNode, GenerationStrategy
    from ax.generation_strategy.generator_spec import GeneratorSpec
    from botorch.acquisition.multi_objective import logei
    from botorch.exceptions.errors import UnsupportedError as BotorchUnsupportedError

# BoTorch would compile a C++ kernel at the first candidate. That takes half a minute, and a process that is killed
# meanwhile leaves a lock for which every later process waits for ever.
logei._load_attempted = True

log = logging.getLogger(__name__)

# On a surrogate of the MNIST search (48 trials, 5 seeds) these options reach the same hypervolume as Ax's own with half
# the CPU time.
LIGHT_SEARCH = {"num_restarts": 4, "raw_samples": 256, "options": {"maxiter_alternating": 16}}
# In a constrained space a random walk finds the starting points; it has an eighth of its default length here.
SHORT_WALK = {"num_restarts": 4, "raw_samples": 256, "options": {"n_burnin": 1000, "n_thinning": 4}}


class AxOptimizer:
    """The optimizer of one sweep, with Ax's client behind ask and tell.

    It is not thread-safe: one thread owns it. The same seed and the same order of calls give the same candidates, also
    when a :meth:`replay` stands for the first calls.
    """

    def __init__(
        self,
        problem: Problem,
        method: str = Method.AUTO,
        seed: int | None = None,
        n_initial: int | None = None,
        initial: Sequence[Parameterization] = (),
    ) -> None:
        self._problem = problem
        self._method = str(method)
        self._seed = seed
        self._n_initial = n_initial
        self._initial = list(initial)
        self._encoding = SpaceEncoding(problem)
        self._parameter_alias = aliases([axis.name for axis in self._encoding.axes], "parameter")
        self._metric_alias = aliases(problem.metric_names, "metric")
        self._number_of_points = number_of_points(problem)
        self._proposed: set[str] = set()
        self._ax_index: dict[int, int] = {}
        self._told: set[int] = set()
        _quiet_ax()
        self._client = self._configure()
        self._has_strategy = False
        self._acquisition_options = self._acquisition_options_to_try()

    @property
    def client(self) -> Client:
        """The Ax client that proposes the candidates."""
        return self._client

    @property
    def metric_in_ax(self) -> Mapping[str, str]:
        """Ax's name for each metric of the problem."""
        return self._metric_alias

    @property
    def parameter_in_ax(self) -> Mapping[str, str]:
        """Ax's name for each searched parameter."""
        return self._parameter_alias

    @property
    def trial_of_ax(self) -> Mapping[int, int]:
        """The sweep's trial number for each trial index of Ax."""
        return {ax_index: index for index, ax_index in self._ax_index.items()}

    def in_ax(self, parameterization: Parameterization) -> dict[str, Any]:
        """A parameterization with Ax's names and in the coordinates in which Ax searches."""
        return self._aliased(self._encoding.to_arm(parameterization))

    def analysis_client(self) -> Client:
        """The client for Ax's analyses: whatever the sweep's method, its strategy has a model of all data.

        The analyses take the model from the strategy's current node. In a sweep this node often has no model: always
        with sobol, random and grid, and with the other methods before the first model-based candidate.
        """
        node = GenerationNode(name="MBM", generator_specs=[GeneratorSpec(Generators.BOTORCH_MODULAR)])
        self._client.set_generation_strategy(GenerationStrategy(name="analysis", nodes=[node]))
        self._has_strategy = False
        return self._client

    def replay(self, trials: Iterable[Trial]) -> None:
        """Bring a new optimizer to the state after these trials, given in their last states, were asked and told.

        The trials are told in the given order, which must be the order of their completions.
        """
        for trial in sorted(trials, key=lambda trial: trial.index):
            self.accept(trial)
        for trial in trials:
            if trial.status.is_finished:
                self.tell(trial)

    def accept(self, trial: Trial) -> None:
        """Take note of a trial that another optimizer has proposed."""
        self._attach(trial.index, trial.arm or self._encoding.to_arm(trial.parameterization))
        self._proposed.add(key(trial.parameterization))

    def ask(self, index: int) -> Candidate | None:
        """A candidate for the trial of this number; None means to ask again when another trial has finished.

        Raises:
            SearchSpaceExhausted: every point has been tried.
        """
        for point in self._initial:
            if key(point) not in self._proposed:
                return self._propose(index, point, "initial")
        if self._method == Method.GRID:
            point = grid_point(self._problem, self._proposed, len(self._proposed))
            return self._propose(index, point, self._method)
        if len(self._proposed) == self._number_of_points:
            # Ax would search for another point for minutes.
            raise SearchSpaceExhausted(f"all {self._number_of_points} points were tried")
        try:
            with one_thread():
                ((ax_index, parameters),) = self._generate().items()
        except (DataRequiredError, MaxParallelismReachedException):
            return None
        except OptimizationComplete as error:
            raise SearchSpaceExhausted(str(error)) from None
        except Exception as error:
            return self._ask_sobol(index, error)
        self._ax_index[index] = ax_index
        return self._candidate(self._unaliased(parameters), self._node_of(ax_index))

    def tell(self, trial: Trial) -> None:
        """Tell Ax about a finished trial; to tell it twice is harmless.

        A trial without an outcome is no longer pending in Ax, and its point is not proposed again.
        """
        if trial.index in self._told:
            return
        self._told.add(trial.index)
        ax_index = self._ax_index[trial.index]
        if measured := CompletedTrial.of(trial):
            self._client.attach_data(ax_index, self._raw_data(measured.outcome))
            # As complete_trial, which also looks through the data of all trials to log which metrics are missing.
            ax_internals.experiment(self._client).trials[ax_index].mark_completed()
        else:
            self._client.mark_trial_abandoned(ax_index)

    def _configure(self) -> Client:
        client = Client(random_seed=self._seed)
        client.configure_experiment(
            [self._parameter(axis) for axis in self._encoding.axes],
            parameter_constraints=[self._constraint(c) for c in self._encoding.constraints],
        )
        client.configure_optimization(self._objective(), self._outcome_constraints())
        return client

    def _parameter(self, axis: EncodedParameter) -> RangeParameterConfig | ChoiceParameterConfig:
        name = self._parameter_alias[axis.name]
        if axis.bounds is not None:
            scaling = "log" if axis.log_scale else "linear"
            return RangeParameterConfig(name, axis.bounds, axis.value_type, scaling=scaling)
        return ChoiceParameterConfig(name, list(axis.values), axis.value_type, is_ordered=axis.is_ordered)

    def _constraint(self, constraint: ParameterConstraint) -> str:
        left = " + ".join(f"{weight!r} * {self._parameter_alias[name]}" for name, weight in constraint.terms)
        return f"{left} <= {constraint.bound!r}"

    def _objective(self) -> str:
        signs = [("-" if o.minimize else "") + self._metric_alias[o.name] for o in self._problem.objectives]
        return ", ".join(signs)

    def _outcome_constraints(self) -> list[str]:
        thresholds = [
            f"{self._metric_alias[o.name]} {'<=' if o.minimize else '>='} {o.threshold!r}"
            for o in self._problem.objectives
            if o.threshold is not None
        ]
        constraints = [f"{self._metric_alias[c.metric]} {c.op} {c.bound!r}" for c in self._problem.outcome_constraints]
        return thresholds + constraints

    def _generate(self) -> dict[int, Any]:
        if not self._has_strategy:
            self._client.set_generation_strategy(self._strategy())
            self._has_strategy = True
        while True:
            self._set_acquisition_options()
            try:
                generated: dict[int, Any] = self._client.get_next_trials(1)
            except (AxUnsupportedError, BotorchUnsupportedError):
                # Ax chooses the optimizer of the acquisition by the kind of space; each accepts different options.
                if not self._acquisition_options:
                    raise
                self._acquisition_options = self._acquisition_options[1:]
                continue
            if not generated:
                raise DataRequiredError("Ax has no candidate yet")
            return generated

    def _acquisition_options_to_try(self) -> list[dict[str, Any]]:
        """Options for the acquisition's optimizer, the best first; when all are refused, Ax's own options are used."""
        if self._method != Method.AUTO or not self._problem.is_multi_objective:
            return []
        return [SHORT_WALK, LIGHT_SEARCH] if self._encoding.constraints else [LIGHT_SEARCH]

    def _set_acquisition_options(self) -> None:
        node = ax_internals.strategy(self._client).nodes_by_name.get("MBM")
        for spec in node.generator_specs if node is not None else ():
            options = self._acquisition_options[:1]
            spec.generator_gen_kwargs = {"model_gen_options": {"optimizer_kwargs": options[0]}} if options else {}

    def _strategy(self) -> GenerationStrategy:
        if self._method in (Method.SOBOL, Method.RANDOM):
            generator = Generators.SOBOL if self._method == Method.SOBOL else Generators.UNIFORM
            spec = GeneratorSpec(generator_enum=generator, generator_kwargs={"seed": self._seed})
            node = GenerationNode(name=self._method, generator_specs=[spec], should_deduplicate=True)
            return GenerationStrategy(name=self._method, nodes=[node])
        return choose_generation_strategy(
            GenerationStrategyDispatchStruct(
                method="fast",
                initialization_budget=self._n_initial,
                initialization_random_seed=self._seed,
                # Only the first candidate of a sweep is the centre. Without this, a replayed strategy would begin with
                # the centre node, and lag one node behind the strategy of a sweep that was not interrupted.
                initialize_with_center=not self._ax_index,
                # No slot waits for the first results: more Sobol points are proposed until a model has data.
                allow_exceeding_initialization_budget=True,
            )
        )

    def _ask_sobol(self, index: int, error: Exception) -> Candidate:
        """A Sobol point instead of a candidate, because the model failed numerically."""
        log.warning("The model has no candidate (%s); the trial gets a Sobol point instead", error_line(error))
        experiment = ax_internals.experiment(self._client)
        sobol = Generators.SOBOL(experiment=experiment, seed=self._seed, init_position=len(experiment.trials))
        (arm,) = sobol.gen(1).arms
        return self._attach(index, self._unaliased(arm.parameters), "Sobol")

    def _propose(self, index: int, parameterization: Parameterization, node: str) -> Candidate:
        self._attach(index, self._encoding.to_arm(parameterization), node)
        self._proposed.add(key(parameterization))
        return Candidate(dict(parameterization), node)

    def _attach(self, index: int, arm: Parameterization, node: str = "") -> Candidate:
        self._ax_index[index] = self._client.attach_trial(self._aliased(arm))
        return self._candidate(arm, node)

    def _candidate(self, arm: Parameterization, node: str) -> Candidate:
        parameterization = self._encoding.to_parameterization(arm)
        self._proposed.add(key(parameterization))
        return Candidate(parameterization, node, arm if self._encoding.lose_precision else None)

    def _aliased(self, arm: Parameterization) -> dict[str, Any]:
        return {self._parameter_alias[name]: value for name, value in arm.items()}

    def _unaliased(self, parameters: Parameterization) -> dict[str, Any]:
        return {axis.name: parameters[self._parameter_alias[axis.name]] for axis in self._encoding.axes}

    def _raw_data(self, outcome: Outcome) -> dict[str, Any]:
        return {self._metric_alias[name]: outcome[name] for name in self._problem.metric_names}

    def _node_of(self, ax_index: int) -> str:
        runs = ax_internals.experiment(self._client).trials[ax_index].generator_runs
        return str(ax_internals.node_name(runs[0])) if runs else ""


def _quiet_ax() -> None:
    """Silence Ax's warnings, which are for its callers, and its loggers.

    Each module of Ax has a logger with its own level and handler. Ax's own function for this would also silence our
    loggers, because their names begin with the same letters.
    """
    warnings.filterwarnings("ignore", module=r"(ax|botorch|gpytorch|linear_operator)(\.|$)")
    for name in list(logging.root.manager.loggerDict):
        if name == "ax" or name.startswith("ax."):
            logging.getLogger(name).setLevel(logging.ERROR)


def aliases(names: Sequence[str], kind: str) -> dict[str, str]:
    """Names that Ax can parse in expressions: a name itself if SymPy reads it as a symbol, else a numbered name."""
    return {name: name if _is_symbol(name) else f"{kind}_{i}" for i, name in enumerate(names)}


def _is_symbol(name: str) -> bool:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        return False
    return not any(keyword.iskeyword(part) or hasattr(sympy, part) for part in name.split("."))
