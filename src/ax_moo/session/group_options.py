"""Options of config groups that look like numbers: ``fold=0,1`` chooses among files, whose names are texts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader

from ax_moo.search_space.grammar import create_parser, parse_override
from ax_moo.search_space.parameters import identity
from ax_moo.search_space.space import Choice, Fixed, Parameter, SearchSpace
from ax_moo.system.errors import ConfigError


def with_option_names(space: SearchSpace, loader: ConfigLoader) -> SearchSpace:
    """The space with the name of an option in place of each value that can only mean it."""
    parameters = tuple(_named(each, meanings(loader, each.name)) for each in space.parameters)
    return dataclasses.replace(space, parameters=parameters)


def initial_with_option_names(points: Any, loader: ConfigLoader) -> Any:
    """The same for the points of ``hydra.sweeper.initial``; what is no point is left to its own check."""
    if not isinstance(points, Sequence) or isinstance(points, str):
        return points
    return [
        {name: _name_of(value, meanings(loader, str(name))) for name, value in point.items()}
        if isinstance(point, Mapping)
        else point
        for point in points
    ]


def meanings(loader: ConfigLoader, name: str) -> Mapping[Any, str]:
    """The options of a config group by what Hydra reads where they are written without quotes."""
    options = loader.get_group_options(name.lstrip("+").split("@")[0])
    parser, found = create_parser(), dict[Any, str]()
    for option in sorted(options, key=lambda option: (len(option), option), reverse=True):  # 1 has precedence over 01
        try:
            value = parse_override(f"key={option}", parser, option).value()
            found[identity(value)] = option
        except (ConfigError, TypeError):
            continue
    return found


def _named(parameter: Parameter, names: Mapping[Any, str]) -> Parameter:
    match parameter:
        case Choice():
            values = tuple(_name_of(value, names) for value in parameter.values)
            if values == parameter.values:
                return parameter
            return dataclasses.replace(parameter, values=values, is_ordered=False)
        case Fixed():
            return dataclasses.replace(parameter, value=_name_of(parameter.value, names))
    return parameter


def _name_of(value: Any, names: Mapping[Any, str]) -> Any:
    if value is None or isinstance(value, (str, list, tuple, dict)):
        return value
    return names.get(identity(value), value)
