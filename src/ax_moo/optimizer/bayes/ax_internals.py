"""All private names of Ax that we use. A test checks that they exist.

Ax's client has no public access to its experiment, its strategy, or the node that made a candidate.
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
    """The client's generation strategy: the nodes that make candidates, with their options and models."""
    return client._generation_strategy


def node_name(run: "GeneratorRun") -> Any:
    """The node that made the candidates of a generator run; None if no node did."""
    return run._generation_node_name
