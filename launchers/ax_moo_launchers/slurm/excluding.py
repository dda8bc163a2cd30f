"""Excluding nodes from a job, as long as it can run on others."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ax_moo_launchers.slurm import commands, refusals
from ax_moo_launchers.slurm.additional import additional, chosen
from ax_moo_launchers.slurm.sbatch import Refused

log = logging.getLogger(__name__)

T = TypeVar("T")


def submitted_without(nodes: Sequence[str], params: Mapping[str, Any], submit: Callable[[Mapping[str, Any]], T]) -> T:
    """What ``submit`` returns for params that exclude the nodes, or the last of them if Slurm takes no other job."""
    left = worth_excluding(nodes, params)
    while True:
        try:
            submitted = submit(with_excluded(params, left))
        except Refused as error:
            message = str(error)
            if not left or refusals.passes(message) or refusals.is_of_arrays(message):
                raise
            left = left[1:]
        else:
            _say_not_excluded(tuple(node for node in nodes if node not in left))
            return submitted


@functools.cache
def _say_not_excluded(nodes: tuple[str, ...]) -> None:
    for node in nodes:
        log.info("No other node takes the job now: it may run on node %s after all", node)


def worth_excluding(nodes: Sequence[str], params: Mapping[str, Any]) -> tuple[str, ...]:
    """The last of these nodes, so many that a node of the job's partition is left that takes jobs now.

    Slurm itself accepts a job whose other nodes are all down or drained, and lets it wait without limit.
    """
    if not nodes:
        return ()
    usable = commands.usable_nodes(chosen(params, "partition"))
    usable -= commands.node_names(chosen(params, "exclude"))
    while nodes and usable and not usable - set(nodes):
        nodes = nodes[1:]
    return tuple(nodes)


def with_excluded(params: Mapping[str, Any], nodes: Sequence[str]) -> dict[str, Any]:
    """The params with these nodes excluded beside those that the user excludes."""
    if not nodes:
        return dict(params)
    more = additional(params)
    excluded = ",".join([*filter(None, [chosen(params, "exclude")]), *nodes])
    if "exclude" in more:  # it replaces the launcher's own key
        return {**params, "additional_parameters": {**more, "exclude": excluded}}
    return {**params, "exclude": excluded}
