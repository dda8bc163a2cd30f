"""How this process began: for a trial that should have begun cold, or that has imported more than its parent."""

import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from ax_moo.jobs.environment import of_every_trial
from ax_moo.system.signals import hold_back, warning_signal
from ax_moo_launchers.job_environment import GPU_MASKS
from ax_moo_launchers.warm.modules import Modules, installed

_AT_IMPORT = ("OMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "GOTO_", "GOMP_", "MALLOC_", "NPY_", "PYTORCH_")
"""Beginnings of variables that libraries which are not Python read when they are loaded."""

_FOR_LIBRARIES = (
    *_AT_IMPORT,
    *("NUMEXPR_", "CUDA_", "CUBLAS_", "NCCL_", "TORCH", "TF_", "XLA_", "JAX_", "HF_", "TRANSFORMERS_", "TOKENIZERS_"),
    *("MPL", "NUMBA_", "RAY_", "POLARS_", "ARROW_", "ATEN_", "DNNL_", "ONEDNN_", "TBB_", "NVIDIA_", "HSA_"),
)
"""Beginnings of variables that libraries read once, when they are loaded or first used."""

_FOR_PYTHON = "PYTHON"
"""The beginning of those that Python reads at its start, so that no change by a trial has an effect in it."""


class _Origin:
    modules: Modules | None = None
    imported: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    environ: Mapping[str, str] = {}
    loggers: Collection[str] = ()


def note(
    modules: Modules,
    imported: frozenset[str],
    read: frozenset[str],
    environ: Mapping[str, str],
    loggers: Collection[str],
) -> None:
    """This process is a fork of one that has imported these modules, whose imports have read these variables.

    A cold start would have had ``environ``. The loggers are those that a task function's imports make.
    """
    _Origin.modules, _Origin.imported, _Origin.read, _Origin.environ = modules, imported, read, dict(environ)
    _Origin.loggers = loggers


def with_its_loggers(task_function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function as if it made its imports itself: a log that disables loggers would not have found theirs yet."""

    def run(config: Any) -> Any:
        for name in _Origin.loggers:
            if isinstance(logger := logging.root.manager.loggerDict.get(name), logging.Logger):
                logger.disabled = False
        return task_function(config)

    return run if _Origin.loggers else task_function


def begin_cold_unless(env_set: Mapping[str, object]) -> None:
    """Begin anew as a process without imports, unless the parent's were made as with these variables set."""
    modules, own = _Origin.modules, _texts(env_set)
    if modules is None or not any(
        own.get(name) != modules.env_set.get(name) and is_read(name, _Origin.read) for name in {*own, *modules.env_set}
    ):
        return
    hold_back(warning_signal())  # as it was at the start of this process
    os.execve(sys.executable, sys.orig_argv, dict(_Origin.environ))


def is_read(variable: str, read: Collection[str]) -> bool:
    """Whether imports may have looked at a variable; of libraries that are not Python only the manuals know it."""
    return variable in read or variable.startswith((*_FOR_LIBRARIES, _FOR_PYTHON))


def is_read_at_import(variable: str, read: Collection[str]) -> bool:
    """The same without those that libraries read when they are used, such as CUBLAS_WORKSPACE_CONFIG."""
    return variable in read or variable.startswith(_AT_IMPORT)


def remember(
    path: Path,
    before: tuple[str, ...],
    env_set: Mapping[str, object],
    at_start: Mapping[str, str],
    sweep: str = "",
) -> None:
    """Keep the list of what this trial has imported, for the parent of later ones, unless it is known already.

    ``before`` are the names of the modules, and ``at_start`` the environment, with which the task function began.
    The trial has completed, and does not fail for a list: any object may be in ``sys.modules``.
    """
    with suppress(Exception):
        _remember(path, before, env_set, at_start, sweep)


def _remember(
    path: Path, before: tuple[str, ...], env_set: Mapping[str, object], at_start: Mapping[str, str], sweep: str
) -> None:
    known, changed = _Origin.modules, _changed(at_start)
    # Most forks have imported no more than their parent, and each file costs a look.
    own = installed(name for name in tuple(sys.modules) if name not in _Origin.imported)
    if known is not None and not changed and not own:
        return
    # What the parent has imported is there from the start, and keeps its place in the list.
    listed, earlier = known or Modules(), frozenset(before)
    first = dict.fromkeys((*listed.before, *(n for n in own if n in earlier and n not in listed.after)))
    rest = dict.fromkeys((*listed.after, *(n for n in own if n not in earlier and n not in listed.before)))
    known = known or Modules.read(path)
    left_out = known.left_out if known else {}
    common = of_every_trial(_texts(env_set))
    found = Modules(tuple(first), tuple(rest), common, {**listed.changed, **changed}, left_out, sweep)
    if known is None or not _is_covered(found, known):
        found.write(path)


def _is_covered(found: Modules, known: Modules) -> bool:
    names = {*known.before, *known.after, *known.left_out}
    settings = (found.env_set, found.changed) == (known.env_set, known.changed)
    return settings and {*found.before, *found.after} <= names


def _changed(at_start: Mapping[str, str]) -> dict[str, str]:
    now = dict(os.environ)
    return {
        name: value
        for name, value in now.items()
        if name.startswith(_FOR_LIBRARIES) and name not in GPU_MASKS and at_start.get(name) != value
    }


def _texts(env_set: Mapping[str, object]) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in env_set.items()}
    except OmegaConfBaseException:
        return {}  # Hydra fails the trial for it
