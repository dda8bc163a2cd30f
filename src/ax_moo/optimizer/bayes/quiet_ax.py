"""Ax without its messages to programmers."""

import logging
import warnings


def quiet_ax() -> None:
    """Silence Ax's warnings, which are for its callers, and its loggers.

    Each module of Ax has a logger with its own level and handler. Ax's own function for this would also silence our
    loggers, because their names begin with the same letters.
    """
    warnings.filterwarnings("ignore", module=r"(ax|botorch|gpytorch|linear_operator)(\.|$)")
    for name in list(logging.root.manager.loggerDict):
        if name == "ax" or name.startswith("ax."):
            logging.getLogger(name).setLevel(logging.ERROR)
