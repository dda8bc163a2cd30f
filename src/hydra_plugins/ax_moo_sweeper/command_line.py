"""Reads the command line of a sweep before Hydra does, whose errors name no remedy and end the process with code 1."""

import sys
from collections.abc import Iterator, Sequence

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from hydra_plugins.ax_moo_sweeper._mistakes import end_for_a_mistake

_SWEEPER = "hydra/sweeper=ax_moo"
_SWEEPS = ("-m", "--multirun")
_MODE = "hydra.mode="
_NO_SWEEP = "hydra.mode=RUN"


class CommandLineCheck(SearchPathPlugin):
    """Hydra asks it for folders with configs, before it reads the command line. It has none."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Check the arguments of a process that begins a sweep; other processes do not pay for an import."""
        if any(each in _SWEEPS or (each.startswith(_MODE) and each != _NO_SWEEP) for each in sys.argv):
            from hydra_plugins.ax_moo_sweeper._composition import explain_what_does_not_compose

            explain_what_does_not_compose()
        if _SWEEPER in sys.argv:
            _check(list(_overrides(sys.argv[1:])))


def _check(overrides: Sequence[str]) -> None:
    from ax_moo.session.command_line import check_readable
    from ax_moo.system.errors import ConfigError

    try:
        check_readable(overrides)
    except ConfigError as error:
        end_for_a_mistake(str(error))


def _overrides(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments without Hydra's own options and their values."""
    before = ""
    for argument in arguments:
        is_value = before.startswith("-") and before not in ("-m", "--multirun") and "=" not in before
        if not argument.startswith("-") and not is_value:
            yield argument
        before = argument
