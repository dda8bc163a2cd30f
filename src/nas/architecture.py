"""The network: an MLP with two hidden layers for 28x28 images of ten classes."""

from torch import nn

PIXELS = 28 * 28
CLASSES = 10


def mlp(hidden_size_1: int, hidden_size_2: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(PIXELS, hidden_size_1),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden_size_1, hidden_size_2),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden_size_2, CLASSES),
    )


def num_params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
