"""What is said about a searched key that the application's typed config does not take."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.utils import setup_globals
from hydra.types import RunMode

from ax_moo.search_space.space import SearchSpace
from ax_moo.session.job_config import check_composes
from ax_moo.system.errors import ConfigError
from ax_moo.system.hydra_internals import hydra_context


class Activation(enum.Enum):
    RELU = 1
    TANH = 2


@dataclass
class Optimizer:
    lr: float = 0.1
    nesterov: bool = False


@dataclass
class Application:
    n: int = 3
    activation: Activation = Activation.RELU
    optimizer: Optimizer = field(default_factory=Optimizer)


@pytest.fixture(autouse=True)
def _stored() -> Iterator[None]:
    store = ConfigStore.instance()
    store.store(name="typed_application", node=Application)
    yield
    del store.repo["typed_application.yaml"]


def why_refused(sweep: str) -> str:
    setup_globals()
    loader = hydra_context("pkg://hydra.conf").config_loader
    config = loader.load_configuration("typed_application", ["hydra.sweep.dir=sweep"], RunMode.MULTIRUN)
    with pytest.raises(ConfigError) as refused:
        check_composes(config, loader, SearchSpace.from_config({}, [sweep], loader), [sweep])
    return str(refused.value)


@pytest.mark.parametrize(
    ("sweep", "cause", "remedy"),
    [
        ("n=interval(0,2.5)", "'0.0' of type 'float' could not be converted to Integer", "write int(interval(0, 2))"),
        (
            "n=choice(1.5,2)",
            "'1.5' of type 'float' could not be converted to Integer",
            "values of the type that the key",
        ),
        ("optimizer.lr=choice(fast,slow)", "'fast' of type 'str' could not be converted to Float", "give values of"),
        ("optimizer.nesterov=interval(0,1)", "is not a valid bool", "write choice(true, false)"),
        ("optimizer=choice(1,2)", "int is not a subclass of Optimizer", "below it, such as optimizer.KEY"),
        ("activation=choice(GELU,RELU)", "Invalid value 'GELU', expected one of [RELU, TANH]", "give values of"),
    ],
)
def test_the_reason_and_what_to_write_are_said(sweep: str, cause: str, remedy: str) -> None:
    message = why_refused(sweep)
    assert message.startswith(f"{sweep}: the application's config does not accept it: ")
    assert cause in message
    assert remedy in message
