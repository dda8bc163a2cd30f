"""Which launchers are hydra-submitit-launcher's own, and what a class of the user's that derives from one has changed.

A class is recognized by its name: Hydra 1.3 may load a plug-in's module twice, and then its classes exist twice.
"""

from typing import Any

from ax_moo_launchers.files import LOCAL, SLURM

_MODULE = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
_OURS = "hydra_plugins.async_submitit_launcher."
_KINDS = {"LocalLauncher": LOCAL, "SlurmLauncher": SLURM}
_OF_THE_JOB = {"__call__", "checkpoint"}
_HOW_IT_IS_SHOWN_OR_PICKLED = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"),
    *("__annotations__", "__firstlineno__", "__static_attributes__", "__repr__", "__str__", "__hash__", "__eq__"),
    *("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"),
}


def kind_of(launcher: Any) -> str | None:
    """The scheduler of a stock launcher and of a class that derives from one; None for any other launcher."""
    stock = _stock_class(launcher)
    return None if stock is None else _KINDS[stock.__qualname__]


def has_own_job(launcher: Any) -> bool:
    """Whether the launcher changes what its jobs do; only with the launcher itself do they do that."""
    return bool(_changed(launcher) & _OF_THE_JOB)


def why_in_rounds(launcher: Any) -> str:
    """What a class of the user's changes of how jobs are submitted, so that only its launch can; empty if nothing."""
    if _launches_otherwise_than_it_submits(launcher):
        return f"{type(launcher).__name__} has its own launch, and a sweep that does not wait calls submit"
    changed = sorted(_changed(launcher) - _OF_THE_JOB)
    if not changed:
        return ""
    return (
        f"{type(launcher).__name__} has its own {' and '.join(changed)}, and of {_stock_class(launcher).__qualname__} "
        "only __call__ and checkpoint can be changed"
    )


def _launches_otherwise_than_it_submits(launcher: Any) -> bool:
    """Whether a class that derives from one of our launchers changes launch, and submits as ours does."""
    classes = type(launcher).__mro__
    if not any(cls.__module__.startswith(_OURS) for cls in classes):
        return False
    launch, submit = ([name in vars(cls) for cls in classes].index(True) for name in ("launch", "submit"))
    return launch < submit


def _stock_class(launcher: Any) -> Any:
    found = (cls for cls in type(launcher).__mro__ if cls.__module__ == _MODULE and cls.__qualname__ in _KINDS)
    return next(found, None)


def _changed(launcher: Any) -> set[str]:
    """The members of the stock class that the object, or a class before the stock one, has as well."""
    stock = _stock_class(launcher)
    if stock is None:
        return set()
    classes = type(launcher).__mro__
    own = [launcher, *classes[: classes.index(stock)]]
    return {name for each in own for name in vars(each) if hasattr(stock, name)} - _HOW_IT_IS_SHOWN_OR_PICKLED
