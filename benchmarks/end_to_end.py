"""The main job beside the tutorial's way, from the command to its end: ``python benchmarks/end_to_end.py``.

Ours is ``python train.py -m hydra/sweeper=ax_moo``. The tutorial's way is Ax's Orchestrator, with a cold process for
each training. Both search the same space, train the same networks on the same images, and run as many at a time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from measuring.attempts import Attempts
from measuring.machine import ROOT
from measuring.process_tree import Run, run
from measuring.result import Cell, Figure, Result, Table, begin, finish
from nas_surrogate import share_of_frontier
from peers.kernel import compile_kernel

from ax_moo.storage import journal
from ax_moo.trial import completed

TRAINING = str(ROOT / "benchmarks/applications/one_training.py")
NAMES = {"ours": "ours: train.py -m hydra/sweeper=ax_moo", "orchestrator": "Ax's Orchestrator, cold processes"}
PARAMETERS: list[dict[str, Any]] = [
    {"name": "model.hidden_size_1", "bounds": [16, 128], "parameter_type": "int", "scaling": "log"},
    {"name": "model.hidden_size_2", "bounds": [16, 128], "parameter_type": "int", "scaling": "log"},
    {"name": "model.learning_rate", "bounds": [1e-4, 1e-2], "parameter_type": "float", "scaling": "log"},
    {"name": "trainer.max_epochs", "bounds": [1, 4], "parameter_type": "int"},
    {"name": "model.dropout", "bounds": [0.0, 0.5], "parameter_type": "float"},
    {"name": "data.batch_size", "values": [32, 64, 128, 256], "parameter_type": "int", "is_ordered": True},
]
PREPARE = (
    "from hydra import compose, initialize_config_dir\n"
    "import sys\n"
    "with initialize_config_dir(version_base='1.3', config_dir=sys.argv[1]):\n"
    "    config = compose('config', sys.argv[2:])\n"
    "from nas.data import load\n"
    "load(config.data)\n"
)
ABOUT = """\
The main job: {trials} trainings of the application on its digits, {slots} at a time, from the start of the command to
its end. The tutorial's way is Ax's Orchestrator (Client.run_trials) with a cold process for each training. The images
are made, and the C++ kernel that BoTorch compiles once for each user is compiled, before either begins; the application
was never searched before, so that no list of its imports is kept. The share of the frontier's hypervolume is that of
the points which were tried, on a surrogate of this search and without noise; one run says little about it."""


@dataclass(frozen=True)
class Measured:
    command: Run
    points: Sequence[Mapping[str, Any]]


def measure_ours(options: argparse.Namespace, folder: Path) -> Measured:
    command = [
        *(sys.executable, "train.py", "-m", "hydra/sweeper=ax_moo", f"hydra.sweep.dir={folder / 'sweep'}"),
        *(f"hydra.sweeper.n_trials={options.trials}", f"hydra.sweeper.n_jobs={options.slots}"),
        *(
            f"hydra.sweeper.seed={options.seed}",
            f"hydra.sweeper.report={str(options.report).lower()}",
            *options.overrides,
        ),
    ]
    # A cache of its own: the application has never been searched before.
    environ = {"XDG_CACHE_HOME": str(folder / "cache")}
    prepare_images(options, environ)
    ran = run(command, ROOT, folder / "output", environ)
    return Measured(ran, [trial.parameterization for trial in completed(journal.trials(folder / "sweep"))])


def measure_orchestrator(options: argparse.Namespace, folder: Path) -> Measured:
    records = folder / "records"
    records.mkdir()
    specification = {
        "parameters": PARAMETERS,
        "objective": "val_acc, -num_params",
        "constraints": ["val_acc >= 0.94", "num_params <= 80000"],
        "metrics": ["val_acc", "num_params"],
        "command": [
            *(sys.executable, TRAINING, f"{records}/{{number}}.json", f"{folder}/{{number}}", *options.overrides)
        ],
        "records": str(records),
        "n_trials": options.trials,
        "parallelism": options.slots,
        "seed": options.seed,
    }
    path = folder / "specification.json"
    path.write_text(json.dumps(specification))
    prepare_images(options, {})
    compile_kernel(options.trials)
    command = [sys.executable, "-m", "peers.ax_run_trials", str(path)]
    ran = run(command, ROOT / "benchmarks", folder / "output")
    finished = [path.with_suffix(".point") for path in records.glob("*.json")]
    return Measured(ran, [json.loads(point.read_text()) for point in finished])


def prepare_images(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PREPARE, str(ROOT / "conf"), *options.overrides]
    subprocess.run(command, env={**os.environ, **environ}, check=True)


WAYS: Mapping[str, Callable[[argparse.Namespace, Path], Measured]] = {
    "ours": measure_ours,
    "orchestrator": measure_orchestrator,
}


def main() -> None:
    options = _options()
    before = begin()
    attempt, measured = Attempts(), dict[str, Measured]()
    for way in WAYS:
        with tempfile.TemporaryDirectory() as name:
            found = attempt(NAMES[way], partial(WAYS[way], options, Path(name)))
            measured |= {way: found} if found else {}
    finish(replace(result(options, measured), missing=attempt.missing), before, options.json)


def result(options: argparse.Namespace, measured: Mapping[str, Measured]) -> Result:
    rows: list[list[Cell]] = [
        [NAMES[way], len(m.points), m.command.wall, m.command.cpu, share_of_frontier(m.points, "wide")]
        for way, m in measured.items()
    ]
    table = Table(["way", "trials", "wall clock s", "CPU s", "share of the hypervolume"], rows)
    figures = []
    if measured.keys() == WAYS.keys():
        factor = measured["orchestrator"].command.wall / measured["ours"].command.wall
        figures.append(Figure.at_least(3, "times faster than Ax's Orchestrator with cold processes", factor))
    given = {name: getattr(options, name) for name in ("trials", "slots", "seed", "report", "overrides")}
    raw = {way: {"wall": m.command.wall, "cpu": m.command.cpu, "points": m.points} for way, m in measured.items()}
    about = ABOUT.format(**given).replace("\n", " ")
    return Result("end_to_end", "The main job, end to end", about, [table], figures, given, raw)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-report", dest="report", action="store_false", help="leave out our page")
    parser.add_argument("--json", type=Path, help="write the result there")
    parser.add_argument("overrides", nargs="*", help="of the application, such as data.num_train=512")
    return parser.parse_args()


if __name__ == "__main__":
    main()
