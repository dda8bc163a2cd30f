"""The private names of Ax that we use, all of them here; a test checks that they exist.

Ax's client has no public way to its experiment and strategy, and no name for the node that made a candidate.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ax.api.client import Client
    from ax.core.experiment import Experiment
    from ax.core.generator_run import GeneratorRun
    from ax.generation_strategy.generation_strategy import GenerationStrategy


def experiment(client: "Client") -> "Experiment":
    """The client's trials and data."""
    return client._experiment


def strategy(client: "Client") -> "GenerationStrategy":
    """The nodes that make the client's candidates, with the options and the models of each."""
    return client._generation_strategy


def node_name(run: "GeneratorRun") -> Any:
    """The node that made the candidates of a run; None where no node did."""
    return run._generation_node_name
