"""Loads the data set into tensors in memory, and cuts batches from them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig
from torch import Tensor

from nas import digits, mnist


class Batches:
    """Shuffled or ordered batches of images in [0, 1] with their labels.

    Each batch is cut out of one tensor. A DataLoader collates image by image, which takes longer than a step of a
    network this small.
    """

    def __init__(self, images: Tensor, labels: Tensor, batch_size: int, shuffle: bool) -> None:
        self.images, self.labels = images, labels
        self.batch_size, self.shuffle = batch_size, shuffle

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.labels)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        for rows in torch.split(order, self.batch_size):
            # The images stay bytes until here, which saves three quarters of the memory in each parallel trial.
            yield self.images[rows].float().div_(255), self.labels[rows]


@dataclass(frozen=True)
class ImageData:
    train: Batches
    val: Batches


def load(config: DictConfig) -> ImageData:
    """Load the data set that the config names from ``data.dir``; it is created there if it does not exist."""
    folder = Path(config.dir).expanduser() if config.dir else default_dir()
    if config.name == "mnist":
        arrays = mnist.load(folder, config.url, dict(config.checksums))
    else:
        arrays = digits.load(folder, config.num_train, config.num_val)
    train_images, train_labels, val_images, val_labels = map(torch.from_numpy, arrays)
    return ImageData(
        Batches(train_images, train_labels, config.batch_size, shuffle=True),
        Batches(val_images, val_labels, batch_size=1024, shuffle=False),
    )


def default_dir() -> Path:
    """The user's cache directory for this project."""
    import pooch  # imported here, because a user's own data.dir does not need it

    return Path(pooch.os_cache("hydra-ax-moo"))
