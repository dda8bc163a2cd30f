"""How long 48 trials of log-normal durations take on 4 slots, beside other tools: ``python benchmarks/makespan.py``.

The durations are the same for all, by the number of the trial. The ideal is what slots that never wait would need.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measuring.attempts import Attempts
from measuring.durations import ideal, log_normal
from measuring.environments import environment
from measuring.process_tree import CommandFailed, Run, run
from measuring.result import Cell, Figure, Result, Table, begin, finish
from measuring.slot_time import PARTS, Worked, overhead_per_trial, slot_time
from peers.kernel import compile_kernel

HERE = Path(__file__).parent
SLEEPER = str(HERE / "applications/sleeper.py")
SPACE = ("x=interval(0,1)", "y=interval(0,1)")
THRESHOLDS = {"near": 1.5, "far": 1.0}
OPTUNA = ("hydra-core==1.3.8", "hydra-optuna-sweeper==1.3.0", "hydra-submitit-launcher==1.2.0", "optuna==2.10.1")
TRAINING = "+training"
"""At the end of a tool's name: its trials import torch and Lightning, as trainings do, and then sleep."""

IMPORTS = ("torch", "pytorch_lightning")
OURS = ("auto", "sobol")
TOOLS = {
    "auto": "ours, method=auto",
    "sobol": "ours, method=sobol",
    "optuna": "hydra-optuna-sweeper, submitit_local",
    "ax": "Ax run_trials",
    f"auto{TRAINING}": "ours, method=auto, with imports",
    f"optuna{TRAINING}": "hydra-optuna-sweeper, submitit_local, with imports",
}


@dataclass(frozen=True)
class Work:
    """The work that every tool gets."""

    durations: Sequence[float]
    slots: int
    seed: int
    report: bool = True

    @property
    def ideal(self) -> float:
        return ideal(self.durations, self.slots)


@dataclass(frozen=True)
class Measured:
    """``makespan`` and ``first`` are seconds from the start of the command until the last and the first trial worked.

    ``parts`` and ``overheads`` are of our sweeps only.
    """

    makespan: float
    first: float
    command: Run
    parts: Mapping[str, float]
    overheads: Sequence[float] = ()


def measure(tool: str, work: Work, folder: Path) -> Measured:
    records = folder / "records"
    records.mkdir(parents=True)
    durations = folder / "durations.json"
    durations.write_text(json.dumps(work.durations))
    common = [f"durations={durations}", f"records={records}"]
    name, training, _ = tool.partition(TRAINING)
    common += [f"imports=[{','.join(IMPORTS)}]"] if training else []
    command = COMMANDS.get(name, _ours)(tool, work, folder, common)
    # A cache of its own: the application has never been searched before.
    ran = run(command, HERE, folder / "output", {"XDG_CACHE_HOME": str(folder / "cache")} if name in OURS else {})
    worked = {int(path.stem): _worked(path) for path in records.glob("*.json")}
    if sorted(worked) != list(range(len(work.durations))):
        raise CommandFailed(f"{tool} has run only the trials {sorted(worked)}")
    makespan = max(each.ended for each in worked.values()) - ran.began
    first = min(each.began for each in worked.values()) - ran.began
    if name not in OURS:
        return Measured(makespan, first, ran, {})
    parts = slot_time(folder / "sweep", worked, work.slots, ran.began)
    return Measured(makespan, first, ran, parts, overhead_per_trial(folder / "sweep", worked))


def _worked(record: Path) -> Worked:
    row = json.loads(record.read_text())
    return Worked(row["began"], row["ended"])


def _ours(tool: str, work: Work, folder: Path, common: Sequence[str]) -> list[str]:
    objectives = ", ".join(f"{name}: {{direction: minimize, threshold: {at}}}" for name, at in THRESHOLDS.items())
    return [
        *(sys.executable, SLEEPER, "-m", "hydra/sweeper=ax_moo", "hydra/launcher=async_local", *SPACE, *common),
        *_budget(work, folder),
        f"hydra.sweeper.method={tool.removesuffix(TRAINING)}",
        f"hydra.sweeper.seed={work.seed}",
        f"hydra.sweeper.report={str(work.report).lower()}",
        f"+hydra.sweeper.objectives={{{objectives}}}",
    ]


def _optuna(tool: str, work: Work, folder: Path, common: Sequence[str]) -> list[str]:
    packages = (
        [f"{name.replace('_', '-')}=={version(name).split('+')[0]}" for name in IMPORTS]
        if tool.endswith(TRAINING)
        else []
    )
    python = str(environment("optuna", *OPTUNA, *packages))
    return [
        *(python, SLEEPER, "-m", "hydra/sweeper=optuna", "hydra/launcher=submitit_local", *SPACE, *common),
        *_budget(work, folder),
        "hydra.sweeper.direction=[minimize,minimize]",
        f"hydra.sweeper.sampler.seed={work.seed}",
    ]


def _budget(work: Work, folder: Path) -> list[str]:
    trials = [f"hydra.sweeper.n_trials={len(work.durations)}", f"hydra.sweeper.n_jobs={work.slots}"]
    return [*trials, f"hydra.sweep.dir={folder / 'sweep'}"]


def _ax(tool: str, work: Work, folder: Path, common: Sequence[str]) -> list[str]:
    specification = {
        "parameters": [{"name": name, "bounds": [0.0, 1.0], "parameter_type": "float"} for name in ("x", "y")],
        "objective": ", ".join(f"-{name}" for name in THRESHOLDS),
        "constraints": [f"{name} <= {at}" for name, at in THRESHOLDS.items()],
        "metrics": list(THRESHOLDS),
        "command": [sys.executable, SLEEPER, "number={number}", f"hydra.run.dir={folder}/{{number}}", *common],
        "records": str(folder / "records"),
        "n_trials": len(work.durations),
        "parallelism": work.slots,
        "seed": work.seed,
    }
    compile_kernel(len(work.durations))
    path = folder / "specification.json"
    path.write_text(json.dumps(specification))
    return [sys.executable, "-m", "peers.ax_run_trials", str(path)]


COMMANDS: dict[str, Callable[[str, Work, Path, Sequence[str]], list[str]]] = {"optuna": _optuna, "ax": _ax}


def simulate(method: str, work: Work, overhead: float) -> dict[str, float]:
    """The parts and the makespan of a sweep in simulated time, in a process of its own: it has to import Ax."""
    wanted = {
        "method": method,
        "overhead": overhead,
        "durations": work.durations,
        "slots": work.slots,
        "seed": work.seed,
    }
    command = [sys.executable, str(HERE / "simulated_sweep.py"), json.dumps(wanted)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    simulated: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return simulated


def main() -> None:
    options = _options()
    before = begin()
    work, longer = (
        Work(
            log_normal(options.trials, median, options.sigma, options.seed), options.slots, options.seed, options.report
        )
        for median in (options.median, options.long)
    )
    attempt, measured, simulated = Attempts(), dict[str, Measured](), dict[str, dict[str, float]]()
    with tempfile.TemporaryDirectory() as name:
        for tool in options.tools.split(","):
            found = attempt(TOOLS[tool], partial(measure, tool, work, Path(name, tool)))
            measured |= {tool: found} if found else {}
    overheads = [each for tool in measured if tool in OURS for each in measured[tool].overheads]
    overhead = statistics.median(overheads) if overheads else 0.0
    for method in filter(None, options.simulate.split(",")):
        parts = attempt(f"{TOOLS[method]}, simulated", partial(simulate, method, longer, overhead))
        simulated |= {method: parts} if parts else {}
    whole = result(options, work, measured, longer, simulated, overhead)
    finish(replace(whole, missing=attempt.missing), before, options.json)


def result(
    options: argparse.Namespace,
    work: Work,
    measured: Mapping[str, Measured],
    longer: Work,
    simulated: Mapping[str, Mapping[str, float]],
    overhead: float,
) -> Result:
    about = (
        f"{options.trials} trials on {options.slots} slots; a trial sleeps for a time drawn from a log-normal "
        f"distribution (sigma {options.sigma:g}), the same for every tool. Trials with imports also import torch and "
        "Lightning, as trainings do. The makespan is from the start of the "
        "command to the end of the last trial's work; the ideal is list scheduling of the same durations. CPU is that "
        "of all processes. The C++ kernel that BoTorch compiles once for each user, unless one prevents it as we do, "
        "was compiled before. In simulated time the real loop and the real Ax run; only the clock and the jobs, whose "
        f"overhead is taken to be the median measured here ({overhead:.2f} s), are simulated."
    )
    rows: list[list[Cell]] = [
        [TOOLS[tool], options.median, m.makespan, m.makespan / work.ideal, m.first, m.command.wall, m.command.cpu]
        for tool, m in measured.items()
    ]
    rows += [
        [
            f"{TOOLS[method]}, simulated",
            options.long,
            parts["makespan"],
            parts["makespan"] / longer.ideal,
            None,
            None,
            None,
        ]
        for method, parts in simulated.items()
    ]
    tables = [
        Table(["tool", "median s", "makespan s", "of the ideal", "first trial s", "whole command s", "CPU s"], rows),
        _parts_table({**{tool: m.parts for tool, m in measured.items() if m.parts}, **_renamed(simulated)}),
    ]
    raw = {
        "durations": work.durations,
        "ideal": work.ideal,
        "parts": {tool: m.parts for tool, m in measured.items()},
        "overheads": {tool: m.overheads for tool, m in measured.items()},
        "simulated": simulated,
    }
    figures = _figures(work, measured, longer, simulated)
    return Result("makespan", "Makespan", about, tables, figures, _plain(options), raw)


def _renamed(simulated: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    return {f"{method}, simulated": parts for method, parts in simulated.items()}


def _parts_table(columns: Mapping[str, Mapping[str, float]]) -> Table:
    """Where the slots' time went, in percent."""
    totals = {name: _slot_seconds(parts) for name, parts in columns.items()}
    rows: list[list[Cell]] = [
        [f"{part}: {meaning}", *(100 * columns[name][part] / totals[name] for name in columns)]
        for part, meaning in PARTS.items()
    ]
    return Table(["% of slot time", *columns], rows, "Where the time of the slots went:")


def _slot_seconds(parts: Mapping[str, float]) -> float:
    return sum(parts[part] for part in PARTS)


def _figures(
    work: Work, measured: Mapping[str, Measured], longer: Work, simulated: Mapping[str, Mapping[str, float]]
) -> list[Figure]:
    figures = []
    for tool in OURS:
        if tool in measured:
            makespan, parts = measured[tool].makespan, measured[tool].parts
            figures.append(Figure.at_most(1.15, f"makespan to the ideal, {tool}", makespan / work.ideal))
            idle = 100 * parts["candidate"] / _slot_seconds(parts)
            figures.append(Figure.at_most(2, f"slots idle for lack of a candidate, {tool}, %", idle))
        if tool in simulated:
            ratio = simulated[tool]["makespan"] / longer.ideal
            figures.append(Figure.at_most(1.03, f"makespan to the ideal, {tool}, long trials", ratio))
    pairs = ((tool, "optuna") for tool in OURS)
    for tool, peer in (*pairs, (f"auto{TRAINING}", f"optuna{TRAINING}")):
        if tool in measured and peer in measured:
            name = TOOLS[tool].removeprefix("ours, method=")
            factor = measured[peer].makespan / measured[tool].makespan
            figures.append(Figure.at_least(3, f"times faster than hydra-optuna-sweeper, {name}", factor))
    return figures


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name != "json"}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--median", type=float, default=2.0, help="of the durations, in seconds")
    parser.add_argument("--long", type=float, default=30.0, help="the median of the durations in simulated time")
    parser.add_argument("--sigma", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tools", default=",".join(TOOLS), help="separated by commas")
    parser.add_argument("--simulate", default=",".join(OURS), help="methods, separated by commas")
    parser.add_argument("--no-report", dest="report", action="store_false", help="leave out our page")
    parser.add_argument("--json", type=Path, help="write the result there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
