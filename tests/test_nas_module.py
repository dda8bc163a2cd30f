"""The network has the tutorial's size, and learns."""

import pytest
import torch

from nas.architecture import mlp, num_params
from nas.module import OPTIMIZERS, Classifier

pytestmark = pytest.mark.hydra_free


@pytest.mark.parametrize(("h1", "h2"), [(1, 1), (16, 128), (128, 16), (64, 32)])
def test_num_params_counts_the_weights_and_biases_of_three_layers(h1: int, h2: int) -> None:
    assert num_params(mlp(h1, h2, dropout=0.1)) == 784 * h1 + h1 + h1 * h2 + h2 + 10 * h2 + 10


def test_each_image_gets_ten_logits() -> None:
    assert mlp(8, 8, 0.0)(torch.rand(3, 28, 28)).shape == (3, 10)


def test_dropout_is_off_in_evaluation() -> None:
    network, images = mlp(32, 32, 0.5), torch.rand(4, 28, 28)
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_the_learning_rate(name: str) -> None:
    optimizer = Classifier(mlp(4, 4, 0.0), learning_rate=0.02, optimizer=name).configure_optimizers()
    assert type(optimizer).__name__.lower() == name
    assert optimizer.param_groups[0]["lr"] == 0.02


def test_val_acc_counts_images_not_classes() -> None:
    model = Classifier(mlp(4, 4, 0.0), 0.1)
    logits = torch.eye(10)[[0, 0, 0, 1]]
    assert model.val_acc(logits, torch.tensor([0, 0, 0, 2])) == pytest.approx(0.75)
