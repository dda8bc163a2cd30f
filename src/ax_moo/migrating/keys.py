"""The keys of another sweeper as ours: directions, budget, sampler, constraints, the first points."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ax_moo.migrating.document import Path, at
from ax_moo.migrating.entries import Entry, Item, Note
from ax_moo.migrating.parameters import first_values, parameters
from ax_moo.migrating.peers import Peer
from ax_moo.migrating.sweeps import INCLUDES_END, INTERPOLATION
from ax_moo.other_sweepers import SAMPLER_METHODS, successor
from ax_moo.problem.objectives import DEFAULT_NAME
from ax_moo.sweep.settings import RULES, STOP_RULES

_SECTIONS = (
    "sampler",
    "optuna_config",
    "optuna_config.sampler",
    "ax_config",
    "ax_config.early_stop",
    "ax_config.experiment",
    "ax_config.client",
    "optim",
)
_SPACES = ("params", "search_space", "parametrization", "ax_config.params")
_UNKNOWN = "ours has no such key"
_UNKNOWN_DIRECTION = Entry("direction", "maximize or minimize", remark="choose one: the sweep does not begin before")
"""``???`` would leave the default, by which the sweep minimises: OmegaConf merges it with nothing."""


class Keys:
    """Translates the keys of one sweeper; ``resolved`` gives the value of a path with its interpolations resolved."""

    def __init__(self, peer: Peer, sweeper: Mapping[str, Any], resolved: Callable[[Path], Any]) -> None:
        self._peer = peer
        self._sweeper = sweeper
        self._resolved = resolved

    def items(self) -> Iterator[Item]:
        """What the sweeper's keys become, in their order; a key whose value is null becomes nothing."""
        for path, value in _flat(self._sweeper, ()):
            dotted = ".".join(path)
            if value is None or dotted in ("_target_", "_recursive_", "_convert_", "defaults"):
                continue
            translate = _SPECIAL.get(dotted)
            yield from translate(self, path, value) if translate else self._plain(path, value)

    def _plain(self, path: Path, value: Any) -> Iterator[Item]:
        """A key whose value stays the same, or none at all."""
        dotted = ".".join(path)
        found = successor(dotted)
        key = found.key if found else dotted
        if key in RULES:
            value = _as_number(value)
            is_taken = (isinstance(value, str) and INTERPOLATION in value) or RULES[key].holds(value)
            if is_taken:
                yield Entry(key, value, path)
            else:
                yield Note(dotted, value, f"{key} {RULES[key].complaint(value)}", path)
        else:
            yield Note(dotted, value, _reason(found.remedy) if found else _UNKNOWN, path)

    def space(self, path: Path, value: Any) -> Iterator[Item]:
        if path != ("params",) and self._sweeper.get("params") is not None:  # each of the others then takes these alone
            yield Note(".".join(path), value, "params is given already", path)
            return
        if isinstance(value, str) and INTERPOLATION in value:
            ranges = self._peer.range_includes_end
            yield Entry("params", value, path, f"check the ends of ranges: {INCLUDES_END}" if ranges else "")
            return
        if not isinstance(value, Mapping):
            yield Note(".".join(path), value, "params must be a mapping of keys to sweeps", path)
            return
        is_grid = any(method == "grid" for method in self.methods())
        found = parameters(
            value,
            path,
            range_includes_end=self._peer.range_includes_end and not is_grid,
            lists_are_choices=path[-1] == "parametrization",
        )
        items = list(found)
        yield Entry("params", items, path)
        if points := first_values(value):
            yield from _first_point(points, [item.key for item in items if isinstance(item, Entry)], path)

    def methods(self) -> Iterator[str]:
        """Our method for each place where the config names a sampler."""
        for path in (("sampler", "_target_"), ("sampler",), ("optuna_config", "sampler")):
            name = at(self._sweeper, path)
            if isinstance(name, str):
                yield SAMPLER_METHODS.get(name.rpartition(".")[2], "auto")

    def sampler(self, path: Path, value: Any) -> Iterator[Item]:
        method = SAMPLER_METHODS.get(str(value).rpartition(".")[2], "auto")
        yield Entry("method", method, path, "" if method != "auto" else f"in place of Optuna's sampler {value}")

    def direction(self, path: Path, value: Any) -> Iterator[Item]:
        directions = self._resolved(path) if isinstance(value, str) else value
        if isinstance(directions, Mapping):
            yield Note(".".join(path), value, "write objectives: {NAME: {direction: maximize}}", path)
            yield _UNKNOWN_DIRECTION
        elif not isinstance(directions, list):
            yield Entry("direction", value, path)
        elif not directions:
            yield Note(".".join(path), value, "it names no direction; write direction: maximize, or minimize", path)
            yield _UNKNOWN_DIRECTION
        elif len(directions) == 1:
            yield Entry("direction", directions[0], path)
        else:
            names = [f"objective_{number}" for number in range(1, len(directions) + 1)]
            each = {name: {"direction": _last_word(one)} for name, one in zip(names, directions, strict=True)}
            yield Entry(
                "objectives", each, path, "the numbers that the application returns, in this order; rename them"
            )

    def minimize(self, path: Path, value: Any) -> Iterator[Item]:
        if at(self._sweeper, (*path[:-1], "objective_name")) in (None, DEFAULT_NAME):
            yield from self._direction(path, value, {False: "maximize"})

    def objective_name(self, path: Path, value: Any) -> Iterator[Item]:
        beside = (*path[:-1], "minimize")
        minimize, name = (self._resolved(each) for each in (beside, path))
        if not isinstance(minimize, bool | None) or INTERPOLATION in str(name):
            reason = "write objectives: {NAME: {direction: maximize}}, or minimize"
            for each, found in ((path, value), (beside, at(self._sweeper, beside))):
                if found is not None:
                    yield Note(".".join(each), found, reason, each)
            yield _UNKNOWN_DIRECTION
        elif name != DEFAULT_NAME:
            yield Entry("objectives", {name: {"direction": "maximize" if minimize is False else "minimize"}}, path)

    def maximize(self, path: Path, value: Any) -> Iterator[Item]:
        yield from self._direction(path, value, {True: "maximize"})

    def _direction(self, path: Path, value: Any, words: Mapping[bool, str]) -> Iterator[Item]:
        """The direction, where it is not the default of both; none at all where Hydra alone can tell it."""
        found = self._resolved(path)
        if not isinstance(found, bool):
            yield Note(".".join(path), value, "write direction: maximize, or minimize", path)
            yield _UNKNOWN_DIRECTION
        elif found in words:
            yield Entry("direction", words[found], path)

    def initial_trials(self, path: Path, value: Any) -> Iterator[Item]:
        n_trials = self._sweeper.get("n_trials", 20)
        method = next(self.methods(), "auto")
        if method != "auto":
            yield Note(".".join(path), value, f"method {method} has no model that it precedes", path)
        elif isinstance(value, int) and isinstance(n_trials, int) and value > n_trials:
            yield Entry("n_initial", n_trials, path, f"was {value}, more than there are trials")
        else:
            yield from self._plain(path, value)

    def no_improvement(self, path: Path, value: Any) -> Iterator[Item]:
        rule = STOP_RULES["no_improvement"]
        if not rule.holds(value) and INTERPOLATION not in str(value):
            yield Note(".".join(path), value, f"no_improvement {rule.complaint(value)}", path)
            return
        remark = "counted in trials; the Ax sweeper counts rounds of up to max_batch_size trials"
        yield Entry("stop_when", {"no_improvement": value}, path, remark)

    def constraints(self, path: Path, value: Any) -> Iterator[Item]:
        texts = value if isinstance(value, list) else [value]
        relative = [text for text in texts if "%" in str(text)]
        if kept := [text for text in texts if text not in relative]:
            yield Entry(path[-1], kept, path)
        if relative:
            yield Note(".".join(path), relative, "a bound cannot be relative to a status quo; give a number", path)

    def point(self, path: Path, value: Any) -> Iterator[Item]:
        yield Entry("initial", [value], path)

    def nothing(self, path: Path, value: Any) -> Iterator[Item]:
        yield from ()


_SPECIAL: dict[str, Callable[[Keys, Path, Any], Iterator[Item]]] = {
    **dict.fromkeys(_SPACES, Keys.space),
    **dict.fromkeys(("sampler._target_", "sampler", "optuna_config.sampler"), Keys.sampler),
    **dict.fromkeys(("direction", "optuna_config.direction"), Keys.direction),
    "sampler.n_startup_trials": Keys.initial_trials,
    "sampler._partial_": Keys.nothing,
    "ax_config.experiment.minimize": Keys.minimize,
    "ax_config.experiment.objective_name": Keys.objective_name,
    "ax_config.experiment.status_quo": Keys.point,
    "ax_config.experiment.parameter_constraints": Keys.constraints,
    "ax_config.experiment.outcome_constraints": Keys.constraints,
    "ax_config.early_stop.max_epochs_without_improvement": Keys.no_improvement,
    "ax_config.early_stop.minimize": Keys.nothing,
    "optim.maximize": Keys.maximize,
    "version": Keys.nothing,
}


def _first_point(points: Mapping[str, Any], names: Sequence[str], path: Path) -> Iterator[Item]:
    if set(names) <= set(points):
        yield Entry("initial", [{name: points[name] for name in names}])
    else:
        without = next(name for name in names if name not in points)
        reason = f"a point of hydra.sweeper.initial needs a value for every parameter, also for {without}"
        yield Note("init", dict(points), reason)


def _flat(value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, inner in value.items():
        here = (*path, key)
        if isinstance(inner, Mapping) and ".".join(here) in _SECTIONS:
            yield from _flat(inner, here)
        else:
            yield here, inner


def _reason(remedy: str) -> str:
    return remedy.removeprefix("leave it out, because ").removeprefix("leave it out; ")


def _last_word(direction: Any) -> Any:
    """The word in Optuna's spellings, such as ``Direction.maximize``; an interpolation as it is."""
    return direction if INTERPOLATION in str(direction) else str(direction).rpartition(".")[2].lower()


def _as_number(value: Any) -> Any:
    """A whole number written as text, such as '20', as the number that OmegaConf makes of it for a typed key."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
