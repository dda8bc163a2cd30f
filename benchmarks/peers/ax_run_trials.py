"""A search as Ax's tutorials run it: its Orchestrator with a Runner and a Metric, a cold process for each trial.

    python -m peers.ax_run_trials SPECIFICATION.json

The specification: ``parameters`` (arguments of Ax's RangeParameterConfig or ChoiceParameterConfig), ``objective`` and
``constraints`` in Ax's words, ``command`` (``{number}`` is the trial's), ``records`` (the folder in which each trial
leaves NUMBER.json with its metrics), ``metrics``, ``n_trials``, ``parallelism``, ``seed``. A trial's
parameterization is left in NUMBER.point beside its metrics.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.api.protocols.metric import IMetric
from ax.api.protocols.runner import IRunner
from ax.core.trial_status import TrialStatus


class ProcessRunner(IRunner):
    def __init__(self, command: list[str], logs: Path) -> None:
        self.command, self.logs = command, logs
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def run_trial(self, trial_index: int, parameterization: Mapping[str, Any]) -> dict[str, Any]:
        command = [part.replace("{number}", str(trial_index)) for part in self.command]
        overrides = [f"{name}={value}" for name, value in parameterization.items()]
        (self.logs / f"{trial_index}.point").write_text(json.dumps(parameterization))
        with open(self.logs / f"{trial_index}.log", "wb") as log:
            process = subprocess.Popen([*command, *overrides], stdout=log, stderr=log)
        self.processes[trial_index] = process
        return {"pid": process.pid}

    def poll_trial(self, trial_index: int, trial_metadata: Mapping[str, Any]) -> TrialStatus:
        code = self.processes[trial_index].poll()
        if code is None:
            return TrialStatus.RUNNING
        return TrialStatus.FAILED if code else TrialStatus.COMPLETED

    def stop_trial(self, trial_index: int, trial_metadata: Mapping[str, Any]) -> dict[str, Any]:
        self.processes[trial_index].terminate()
        return {}


class RecordedMetric(IMetric):
    def __init__(self, name: str, records: Path) -> None:
        super().__init__(name)
        self.metric, self.records = name, records

    def fetch(self, trial_index: int, trial_metadata: Mapping[str, Any]) -> tuple[int, float]:
        return 0, json.loads((self.records / f"{trial_index}.json").read_text())[self.metric]


def main(specification: Mapping[str, Any]) -> None:
    records = Path(specification["records"])
    client = Client(random_seed=specification["seed"])
    client.configure_experiment(parameters=[_parameter(each) for each in specification["parameters"]])
    client.configure_optimization(specification["objective"], specification["constraints"])
    client.configure_runner(ProcessRunner(specification["command"], records))
    client.configure_metrics([RecordedMetric(name, records) for name in specification["metrics"]])
    client.run_trials(max_trials=specification["n_trials"], parallelism=specification["parallelism"])


def _parameter(arguments: Mapping[str, Any]) -> ChoiceParameterConfig | RangeParameterConfig:
    return (ChoiceParameterConfig if "values" in arguments else RangeParameterConfig)(**arguments)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
