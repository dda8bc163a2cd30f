"""A sweep's problem as Ax's client is configured with it: parameters, constraints, objectives, and the names of all."""

import builtins
import keyword
import re
import warnings
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Any

from ax_moo.optimizer.bayes import ax_internals
from ax_moo.optimizer.bayes.magnitudes import told, told_measured
from ax_moo.optimizer.encoding import EncodedParameter, SpaceEncoding
from ax_moo.problem.problem import ParameterConstraint, Problem
from ax_moo.system.errors import NoException
from ax_moo.system.text import error_line
from ax_moo.trial import Outcome, Parameterization

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sympy
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig


class AxError(NoException):
    """An error of Ax in the problem's names; the message is the whole line about it."""


class AxProblem:
    """The problem in the names and coordinates in which Ax searches."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.encoding = SpaceEncoding(problem)
        self.parameter_alias = aliases([axis.name for axis in self.encoding.axes], "parameter")
        self.metric_alias = aliases(problem.metric_names, "metric")
        self._bound_alias = self._bound_aliases()

    def client(self, seed: int | None) -> Client:
        """A new client that is configured with the problem and has no trials."""
        client = Client(random_seed=seed)
        client.configure_experiment(
            [self._parameter(axis) for axis in self.encoding.axes],
            parameter_constraints=[self._constraint(c) for c in self.encoding.constraints],
        )
        for axis in self.encoding.axes:
            if axis.is_rounded:
                ax_internals.experiment(client).search_space.parameters[self.parameter_alias[axis.name]].set_digits(0)
        client.configure_optimization(self._objective(), self._outcome_constraints())
        return client

    def aliased(self, arm: Parameterization) -> dict[str, Any]:
        """An arm with Ax's names for the parameters."""
        return {self.parameter_alias[name]: value for name, value in arm.items()}

    def unaliased(self, parameters: Parameterization) -> dict[str, Any]:
        """An arm with the names of the search space."""
        return {axis.name: parameters[self.parameter_alias[axis.name]] for axis in self.encoding.axes}

    def in_own_names(self, text: str) -> str:
        """A text of Ax with the problem's names: no message shows a name that the user has not given."""
        pairs = (*self.parameter_alias.items(), *self.metric_alias.items())
        own = {alias: name for name, alias in pairs if alias != name}
        if not own:
            return text
        return re.sub(rf"(?<!\w)({'|'.join(map(re.escape, own))})(?!\w)", lambda found: own[found[0]], text)

    @contextmanager
    def own_names(self) -> Iterator[None]:
        """Within the block, an error of Ax names the parameters and metrics as the user does."""
        try:
            yield
        except Exception as error:
            line = error_line(error)
            if (translated := self.in_own_names(line)) != line:
                raise AxError(translated) from error
            raise

    def raw_data(self, outcome: Outcome) -> dict[str, Any]:
        """What Ax is told of an outcome."""
        data = {alias: told_measured(outcome[name]) for name, alias in self.metric_alias.items()}
        return data | {alias: data[self.metric_alias[name]] for name, alias in self._bound_alias.items()}

    def _bound_aliases(self) -> dict[str, str]:
        """Ax's names for the objectives that have a bound against their direction.

        Ax takes a bound on an objective for its threshold, so that such a bound is one on a further metric, which has
        the objective's values.
        """
        bounded = [o.name for o in self._problem.objectives if o.name in self._problem.bounded_objectives]
        taken = set(self.metric_alias.values())
        return {name: _free(f"{self.metric_alias[name]}_bound", taken) for name in bounded}

    def _parameter(self, axis: EncodedParameter) -> RangeParameterConfig | ChoiceParameterConfig:
        name = self.parameter_alias[axis.name]
        if axis.bounds is not None:
            scaling = "log" if axis.log_scale else "linear"
            return RangeParameterConfig(name, axis.bounds, axis.value_type, scaling=scaling)
        return ChoiceParameterConfig(name, list(axis.values), axis.value_type, is_ordered=axis.is_ordered)

    def _constraint(self, constraint: ParameterConstraint) -> str:
        left = " + ".join(f"{weight!r} * {self.parameter_alias[name]}" for name, weight in constraint.terms)
        return f"{left} <= {constraint.bound!r}"

    def _objective(self) -> str:
        signs = [("-" if o.minimize else "") + self.metric_alias[o.name] for o in self._problem.objectives]
        return ", ".join(signs)

    def _outcome_constraints(self) -> list[str]:
        thresholds = [
            f"{self.metric_alias[o.name]} {'<=' if o.minimize else '>='} {told(o.threshold)!r}"
            for o in self._problem.objectives
            if o.threshold is not None
        ]
        names = {**self.metric_alias, **self._bound_alias}
        constraints = [f"{names[c.metric]} {c.op} {told(c.bound)!r}" for c in self._problem.outcome_constraints]
        return thresholds + constraints


def aliases(names: Sequence[str], kind: str) -> dict[str, str]:
    """Names that Ax can parse in expressions: a name itself if SymPy reads it as a symbol, else a numbered name."""
    own = {name for name in names if _is_symbol(name)}
    return {name: name if name in own else _numbered(kind, i, own) for i, name in enumerate(names)}


def _numbered(kind: str, number: int, taken: Container[str]) -> str:
    return _free(f"{kind}_{number}", taken)


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _is_symbol(name: str) -> bool:
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        return False
    return not any(keyword.iskeyword(part) or hasattr(sympy, part) or _is_builtin(part) for part in name.split("."))


def _is_builtin(name: str) -> bool:
    """Whether SymPy reads the name as one of Python's functions."""
    return isinstance(getattr(builtins, name, None), BuiltinFunctionType)
