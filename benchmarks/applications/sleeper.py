"""A trial that sleeps for as long as ``durations`` says for its number, and returns two objectives of x and y.

It needs nothing but Hydra, and imports first what ``imports`` names. It leaves NUMBER.json in ``records``: when it
began and ended, and what it returned.
"""

import importlib
import json
import time
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

ConfigStore.instance().store(
    "sleeper",
    {"x": 0.5, "y": 0.5, "number": "${hydra:job.num}", "durations": "???", "records": "???", "imports": []},
)


@hydra.main(version_base="1.3", config_path=None, config_name="sleeper")
def main(config: DictConfig) -> list[float]:
    for name in config.imports:
        importlib.import_module(name)
    began = time.time()
    number = int(config.number)
    time.sleep(json.loads(Path(config.durations).read_text())[number])
    outcome = [config.x**2 + config.y, (config.x - 1) ** 2 + (config.y - 0.5) ** 2]
    record = {"began": began, "ended": time.time(), "near": outcome[0], "far": outcome[1]}
    path = Path(config.records, f"{number}.json")
    path.with_suffix(".tmp").write_text(json.dumps(record))
    path.with_suffix(".tmp").rename(path)
    return outcome


if __name__ == "__main__":
    main()
