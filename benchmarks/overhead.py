"""What a trial costs beyond its work, cold and warm, with and without W&B: ``python benchmarks/overhead.py``."""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from measuring.attempts import Attempts
from measuring.process_tree import CommandFailed, Run, run
from measuring.result import Cell, Figure, Result, Table, begin, finish

from ax_moo.storage import journal
from ax_moo.trial import completed

HERE = Path(__file__).parent
APPLICATION = str(HERE / "applications/lightning_sleeper.py")
KINDS = {
    "cold": ("off", False),
    "warm": ("auto", False),
    "cold, W&B offline": ("off", True),
    "warm, W&B offline": ("auto", True),
}
ABOUT = """\
An application that imports torch and Lightning, one trial after another, each of which sleeps for {seconds:g} s. Wall
clock is from the end of one trial to the end of the next, less the sleep. CPU is that of all processes in the same
time, the sweeper's and the controllers' among them; the benchmark adopts orphans, so that none is missing. Medians over
{trials} trials after the first {first}, beside which Ax is imported, and which cannot be warm yet."""


@dataclass(frozen=True)
class Costs:
    """Seconds of each trial beyond its work."""

    wall: Sequence[float]
    cpu: Sequence[float]


def measure(kind: str, options: argparse.Namespace, folder: Path) -> Costs:
    warm, wandb = KINDS[kind]
    records = folder / "records"
    records.mkdir(parents=True)
    command = [
        *(sys.executable, APPLICATION, "-m", "hydra/sweeper=ax_moo", "hydra/launcher=async_local", "x=interval(0,1)"),
        *(f"records={records}", f"seconds={options.seconds}", f"wandb={str(wandb).lower()}"),
        *(
            f"hydra.sweep.dir={folder / 'sweep'}",
            f"hydra.sweeper.n_trials={options.trials + options.first}",
            "hydra.sweeper.n_jobs=1",
        ),
        *("hydra.sweeper.method=sobol", "hydra.sweeper.report=false"),
        f"hydra.launcher.warm={warm}",
    ]
    # A cache of its own: what an earlier sweep has left there does not count.
    ran = run(command, HERE, folder / "output", {"XDG_CACHE_HOME": str(folder / "cache")}, samples=True)
    return costs(folder / "sweep", records, ran, options.first)


def costs(sweep: Path, records: Path, ran: Run, first: int) -> Costs:
    ends = sorted((trial.time, trial.index) for trial in completed(journal.trials(sweep)))
    if len(ends) <= first:
        raise CommandFailed(f"only {len(ends)} trials have completed in {sweep}")
    wall, cpu = [], []
    for (before, _), (end, index) in list(pairwise(ends))[first - 1 :]:
        record = json.loads((records / f"{index}.json").read_text())
        wall.append(end - before - (record["ended"] - record["began"]))
        cpu.append(ran.cpu_until(end) - ran.cpu_until(before))
    return Costs(wall, cpu)


def main() -> None:
    options = _options()
    before = begin()
    attempt, measured = Attempts(), dict[str, Costs]()
    with tempfile.TemporaryDirectory() as name:
        for number, kind in enumerate(options.kinds.split(";")):
            found = attempt(kind, partial(measure, kind, options, Path(name, str(number))))
            measured |= {kind: found} if found else {}
    finish(dataclasses.replace(result(options, measured), missing=attempt.missing), before, options.json)


def result(options: argparse.Namespace, measured: Mapping[str, Costs]) -> Result:
    rows: list[list[Cell]] = [
        [kind, _median(m.wall), min(m.wall), max(m.wall), _median(m.cpu)] for kind, m in measured.items()
    ]
    table = Table(["trial", "wall clock s", "least", "most", "CPU s"], rows)
    about = ABOUT.format(seconds=options.seconds, trials=options.trials, first=options.first).replace("\n", " ")
    given = {"trials": options.trials, "first": options.first, "seconds": options.seconds}
    raw = {kind: dataclasses.asdict(m) for kind, m in measured.items()}
    return Result("overhead", "What a trial costs beyond its work", about, [table], _figures(measured), given, raw)


def _figures(measured: Mapping[str, Costs]) -> list[Figure]:
    if not {"cold", "warm"} <= measured.keys():
        return []
    ratio = _median(measured["cold"].cpu) / _median(measured["warm"].cpu)
    figures = [
        Figure.at_most(0.5, "seconds of a warm trial beyond its work", _median(measured["warm"].wall)),
        Figure.at_least(8, "times less CPU, a warm trial than a cold one", ratio),
    ]
    if "warm, W&B offline" in measured:
        seconds = _median(measured["warm, W&B offline"].wall)
        figures.append(Figure.at_most(1.5, "seconds of a warm trial beyond its work, with W&B offline", seconds))
    return figures


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8, help="that count, of each kind")
    parser.add_argument("--first", type=int, default=3, help="trials that do not count, at least 1")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a trial sleeps")
    parser.add_argument("--kinds", default=";".join(KINDS), help="separated by semicolons")
    parser.add_argument("--json", type=Path, help="write the result there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
