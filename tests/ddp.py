"""A sweep of two trials with two ranks each, by Lightning's DDP, and what must be left of it."""

import json
from pathlib import Path

import psutil
from sweeping import SWEEP_DIR, run_sweep, write_app
from waiting import wait_until_none_is_left

from ax_moo.wandb.settings import trial_run_id

APP = """
import json
import os
from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment

from ax_moo.lightning import SweepCallback


class Layer(LightningModule):
    def __init__(self, rate):
        super().__init__()
        self.layer, self.rate = torch.nn.Linear(1, 1), rate

    def training_step(self, batch, number):
        return self.layer(batch).sum()

    def validation_step(self, batch, number):
        self.log("rate", self.rate, batch_size=1, sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.rate)


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")  # the nodes of the test cluster have no address
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    place = SLURMEnvironment(auto_requeue=False) if tasks > 1 else LightningEnvironment()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    callback = SweepCallback(metrics=["rate"])
    trainer = Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, plugins=[place], callbacks=[callback], **quiet
    )
    data = torch.utils.data.DataLoader(torch.ones(2, 1))
    trainer.fit(Layer(config.x), data, data)
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / f"run-of-{trainer.global_rank}").write_text(os.environ.get("WANDB_RUN_ID", ""))
    with open(folder / "ranks", "a") as file:
        file.write(json.dumps([config.x, trainer.global_rank, trainer.world_size]) + "\\n")
    return config.x + 1000 * trainer.global_rank


if __name__ == "__main__":
    main()
"""
WANDB = ("hydra.sweeper.wandb.enabled=true", "hydra.sweeper.wandb.mode=offline")
OPTIONS = (
    *WANDB,
    "+x=interval(0,1)",
    "hydra.sweeper.n_trials=2",
    "hydra.sweeper.n_jobs=2",
    "hydra.sweeper.method=sobol",
)


def check_every_trial_has_its_own_result_once(project: Path, *options: str) -> None:
    swept = run_sweep(write_app(project, APP), *OPTIONS, *options)
    assert swept.code == 0, swept.err
    assert [(row["trial"], row["status"], row.get("attempt", 1)) for row in swept.last] == [
        (0, "COMPLETED", 1),
        (1, "COMPLETED", 1),
    ]
    for row in swept.last:
        x, folder = row["parameterization"]["x"], swept.folder / str(row["trial"])
        assert row["outcome"] == {"objective": x}
        lines = [json.loads(line) for line in (folder / "ranks").read_text().splitlines()]
        assert sorted(lines) == [[x, 0, 2], [x, 1, 2]]
        runs = [(folder / f"run-of-{rank}").read_text() for rank in (0, 1)]
        assert runs == [trial_run_id(SWEEP_DIR, swept.folder, row["trial"]), ""], "two processes cannot be one run"
        assert (folder / "metrics.jsonl").read_text().count("\n") == 1
    wait_until_none_is_left(
        lambda: [each for each in psutil.process_iter(["cmdline"]) if str(project) in str(each.info["cmdline"])], 30
    )
