"""SearchSpace: made from Hydra's sweep syntax, it turns a trial's values into the overrides of its job."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from ax_moo.search_space.grammar import check_encodable, create_parser, encode, key_of, parse_override, sweep_meant_by
from ax_moo.search_space.parameters import Choice, Fixed, Parameter, Range, plain
from ax_moo.search_space.parsing import PARAMS, given_as, read_entry, read_override, resolved
from ax_moo.system.dataclass_records import from_record
from ax_moo.system.errors import ConfigError
from ax_moo.system.redaction import without_secrets
from ax_moo.system.rules import a_mapping, check
from ax_moo.system.text import did_you_mean
from ax_moo.trial import Parameterization, ParameterValue

__all__ = ["Choice", "Fixed", "Parameter", "Range", "SearchSpace"]

_KINDS: dict[str, type[Range] | type[Choice] | type[Fixed]] = {"range": Range, "choice": Choice, "fixed": Fixed}


@dataclass(frozen=True)
class SearchSpace:
    """The parameters to search over, and the plain overrides that every job gets unchanged."""

    parameters: tuple[Parameter, ...]
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for index, name in enumerate(self.names):
            if name in self.names[:index]:
                raise ConfigError(f"{name}: duplicate parameter; give it once")

    @classmethod
    def from_config(
        cls, params: Mapping[str, Any], arguments: Sequence[str], config_loader: Any = None
    ) -> "SearchSpace":
        """``params`` is ``hydra.sweeper.params``; ``arguments`` are the raw task overrides, which take precedence.

        The order of the values in ``shuffle(...)``, ``sort(range(...))`` or a range that runs downwards has no meaning
        in a search and is not kept.
        """
        parser = create_parser(config_loader)
        configured = _read_params(params, parser)
        swept, plain_ones = _read_arguments(arguments, parser)
        decided = {*(parameter.name for parameter in swept), *map(key_of, plain_ones)}
        # A parameter with + is not in the application's config, so a job that deletes it there would fail.
        added = {parameter.name for parameter in configured if parameter.prefix}
        overrides = [each.input_line for each in plain_ones if not (each.is_delete() and key_of(each) in added)]
        kept = [parameter for parameter in configured if parameter.name not in decided]
        space = cls((*kept, *swept), tuple(overrides))
        _check_searchable(space)
        return space

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the parameters that have no fixed value."""
        return tuple(each.name for each in self.parameters if not isinstance(each, Fixed))

    def to_overrides(self, parameterization: Parameterization) -> tuple[str, ...]:
        """The task overrides of the job that runs this parameterization."""
        values = {name: value for name, value in parameterization.items() if name in self.names}
        point = self.complete(values, "parameterization")
        swept = (f"{each.prefix}{each.name}={encode(point[each.name])}" for each in self.parameters)
        return (*self.overrides, *swept)

    @cached_property
    def shown_parameters(self) -> tuple[Parameter, ...]:
        """The parameters with the secrets hidden that are fixed; the values that are searched over are shown."""
        return tuple(_shown(each) if isinstance(each, Fixed) else each for each in self.parameters)

    def shown(self, point: Parameterization) -> dict[str, ParameterValue]:
        """The point with the secrets hidden that are fixed."""
        fixed = {each.name: each.value for each in self.shown_parameters if isinstance(each, Fixed)}
        return {name: fixed.get(name, value) for name, value in point.items()}

    def complete(self, point: Mapping[str, Any], where: str) -> dict[str, ParameterValue]:
        """The point with each value in its parameter's own type, and with the fixed parameters added."""
        given = {str(name).lstrip("+"): value for name, value in point.items()}
        for name in given:
            if name not in self.names:
                raise ConfigError(f"{where}.{name}: unknown parameter; {did_you_mean(name, self.names)}")
        complete = {}
        for parameter in self.parameters:
            name = parameter.name
            if name not in given and isinstance(parameter, Fixed):
                complete[name] = parameter.value
                continue
            if name not in given:
                raise ConfigError(f"{where}: the parameter {name!r} is missing; give it a value")
            try:
                complete[name] = parameter.accept(given[name])
            except ValueError as error:
                raise ConfigError(f"{where}.{name}: {error}; give a value of the search space") from None
        return complete

    def contains(self, parameterization: Parameterization) -> bool:
        try:
            self.complete(parameterization, "")
        except ConfigError:
            return False
        return set(parameterization) == set(self.names)

    def grid(self) -> Iterator[dict[str, ParameterValue]]:
        """Every point; the first parameter changes slowest. ConfigError if the space is not finite."""
        columns = [_values(parameter) for parameter in self.parameters]
        return (_point(self.names, columns, index) for index in range(self.grid_size()))

    def grid_size(self) -> int:
        return math.prod(_count(_values(parameter)) for parameter in self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """The search space as JSON can hold it; ``from_dict`` turns it back into an equal search space."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        parameters = [{"type": kinds[type(each)], **dataclasses.asdict(each)} for each in self.parameters]
        return {"parameters": plain(parameters, "parameters"), "overrides": list(self.overrides)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SearchSpace":
        parameters: list[Parameter] = [from_record(_KINDS[entry["type"]], entry) for entry in data["parameters"]]
        return cls(tuple(parameters), tuple(data["overrides"]))


def _shown(parameter: Fixed) -> Fixed:
    shown = without_secrets({parameter.name: parameter.value})[parameter.name]
    return parameter if shown == parameter.value else dataclasses.replace(parameter, value=shown)


def _read_params(params: Mapping[str, Any], parser: OverridesParser) -> list[Parameter]:
    params = check(PARAMS, resolved(params), a_mapping("{lr: 'tag(log, interval(1e-4, 1e-1))'}"))
    parameters: list[Parameter] = []
    for key, entry in params.items():
        where = f"{PARAMS}.{key}"
        with given_as(where, str(key).lstrip("+~")):
            parameters.append(read_entry(str(key), entry, parser))
            _check_writable(parameters[-1])
        if parameters[-1].name in [parameter.name for parameter in parameters[:-1]]:
            raise ConfigError(f"{where}: duplicate parameter {parameters[-1].name}; give it once")
    return parameters


def _read_arguments(arguments: Sequence[str], parser: OverridesParser) -> tuple[list[Parameter], list[Override]]:
    """The swept parameters, and the overrides without a sweep."""
    parsed = [parse_override(argument, parser, argument) for argument in arguments]
    swept: list[Parameter] = []
    for override in parsed:
        if override.is_sweep_override():
            with given_as(str(override.input_line), key_of(override)):
                swept.append(read_override(override))
                _check_writable(swept[-1])
    plain_ones = [override for override in parsed if not override.is_sweep_override()]
    names = [parameter.name for parameter in swept]
    assigned = [key_of(override) for override in plain_ones if not override.is_delete()]
    for name in names:
        if names.count(name) > 1 or name in assigned:
            raise ConfigError(f"{name}: duplicate parameter on the command line; give it once")
    return swept, plain_ones


def near_sweeps(space: SearchSpace) -> Iterator[str]:
    """What to write for each single value that was probably meant to be a sweep."""
    given = [override.lstrip("+").partition("=")[::2] for override in space.overrides]
    given += [(each.name, encode(each.value)) for each in space.parameters if isinstance(each, Fixed)]
    for name, text in given:
        if sweep := sweep_meant_by(text):
            yield f"{name}={text} is one value; write {name}={sweep}"


def _check_searchable(space: SearchSpace) -> None:
    if not any(isinstance(parameter, (Range, Choice)) for parameter in space.parameters):
        if near := next(near_sweeps(space), None):
            raise ConfigError(f"{PARAMS}: there is no parameter to search over; {near}")
        fixed = f" ({', '.join(space.names)}: fixed to one value)" if space.names else ""
        raise ConfigError(
            f"{PARAMS}: there is no parameter to search over{fixed}; give one there, such as"
            " lr: tag(log, interval(1e-4, 1e-1)), or on the command line: 'lr=tag(log, interval(1e-4, 1e-1))'"
        )


def _check_writable(parameter: Parameter) -> None:
    if not isinstance(parameter, Range):
        for value in _values(parameter):
            check_encodable(parameter.name, value)


def _values(parameter: Parameter) -> Sequence[ParameterValue]:
    if isinstance(parameter, Range):
        return parameter.values()
    return parameter.values if isinstance(parameter, Choice) else (parameter.value,)


def _count(values: Sequence[ParameterValue]) -> int:
    # len() of a range fails above 2**63.
    return (values[-1] - values[0]) // values.step + 1 if isinstance(values, range) else len(values)


def _point(names: Sequence[str], columns: Sequence[Sequence[Any]], index: int) -> dict[str, ParameterValue]:
    values = []
    for column in reversed(columns):
        index, position = divmod(index, _count(column))
        values.append(column[position])
    return dict(zip(names, reversed(values), strict=True))
