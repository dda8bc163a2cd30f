"""All private names of Hydra that we use. A test checks that they exist."""

import argparse
import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any


def returned(job_return: Any) -> Any:
    """The value that a job returned, or the exception that ended it; the public ``return_value`` raises it."""
    return job_return._return_value


def element_value(element: Any) -> Any:
    """The value of one element of a choice; the public ``Override.value()`` takes whole overrides only."""
    from hydra.core.override_parser.types import Override

    return Override._convert_value(element)


def element_text(element: Any) -> str:
    """A value as an override spells it; the public ``Override.get_value_string()`` needs a parsed override."""
    from hydra.core.override_parser.types import Override

    return str(Override._get_value_element_as_str(element))


def known_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """A command line as Hydra reads it; the config does not hold options such as ``--config-path``.

    One that Hydra refuses is another program's, such as ``pytest -rA``, and has none of Hydra's options.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            parsed: argparse.Namespace = parser.parse_known_args(arguments)[0]
        except SystemExit:  # a usage text, or the version
            parsed = parser.parse_args([])
    return parsed


def hydra_context(config_folder: str) -> Any:
    """The HydraContext that Hydra passes to a launcher, for an application whose configs are in this folder."""
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.types import HydraContext

    loader = ConfigLoaderImpl(create_config_search_path(config_folder))
    return HydraContext(config_loader=loader, callbacks=Callbacks())


def hydra_class() -> Any:
    """The class whose methods ``get_mode`` and ``compose_config`` Hydra's main function calls."""
    from hydra._internal.hydra import Hydra

    return Hydra
