"""The Lightning module: it trains the network and measures its accuracy."""

from collections.abc import Callable

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from nas.architecture import CLASSES

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

Batch = tuple[Tensor, Tensor]


class Classifier(LightningModule):
    """Trains with cross entropy; ``val_acc`` is the fraction of validation images that are classified correctly."""

    def __init__(self, network: nn.Module, learning_rate: float, optimizer: str = "adam") -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        # "micro" is the accuracy over all images. The default, "macro", is the mean over the classes.
        self.val_acc = MulticlassAccuracy(num_classes=CLASSES, average="micro")

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self(images), labels)
        # self.log takes as long as the step itself, so it is called only for steps that the logger writes.
        if (self.global_step + 1) % self.trainer.log_every_n_steps == 0:
            self.log("train_loss", loss, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, labels = batch
        logits = self(images)
        self.val_acc(logits, labels)
        self.log("val_loss", nn.functional.cross_entropy(logits, labels), batch_size=len(labels))
        self.log("val_acc", self.val_acc, batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return OPTIMIZERS[self.optimizer](self.parameters(), lr=self.learning_rate)
