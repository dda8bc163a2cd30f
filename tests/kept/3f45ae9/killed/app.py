"""Trial 1 fails, the first job of trial 2 is killed, trials 3 and 4 run until the file ``go-N`` is there."""

import os
import signal
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=None, config_name=None)
def main(config: DictConfig) -> dict[str, float]:
    project, trial = Path(hydra.utils.get_original_cwd()), HydraConfig.get().job.num
    begun = os.open(project / "begun", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(begun, f"{trial}\n".encode())
    if trial == 1:
        raise ValueError("a learning rate of this size does not train")
    if trial == 2 and (project / "begun").read_text().split().count("2") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while trial in (3, 4) and not (project / f"go-{trial}").exists():
        time.sleep(0.05)
    return {"near": config.lr**2, "far": (config.wd - 1) ** 2}


if __name__ == "__main__":
    main()
