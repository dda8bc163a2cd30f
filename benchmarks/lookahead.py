"""What ``hydra.sweeper.lookahead`` is worth, on short and on long trials, with the real loop and the real Ax.

    python benchmarks/lookahead.py

Time is simulated: a candidate costs what it costs, and jobs only have an end.
"""

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nas_surrogate
from measuring.durations import ideal, log_normal
from measuring.result import Cell, Figure, Result, Table, begin, finish
from simulated_sweep import Clock, Skipper, TimedJob, TimedLauncher, WatchedOptimizer

from ax_moo.jobs.launcher import JobHandle, JobRequest, JobResult
from ax_moo.optimizer.base import Lookahead
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.storage import journal
from ax_moo.sweep import loop
from ax_moo.sweep.loop import Sweep
from ax_moo.sweep.settings import Settings
from ax_moo.trial import Trial

SETTINGS = (Lookahead.NONE, Lookahead.ONE, Lookahead.AUTO)
ROUND_SECONDS = 0.02


class Training(TimedJob):
    """A job whose result is the surrogate's, with the noise of a training."""

    def result(self) -> JobResult:
        point = {key: float(value) for key, value in (each.split("=", 1) for each in self.request.own_overrides)}
        return JobResult(value=nas_surrogate.evaluate(point, seed=self.request.trial))


class Trainings(TimedLauncher):
    """A launcher of simulated trainings."""

    def submit(self, requests: Sequence[JobRequest]) -> Sequence[JobHandle]:
        super().submit(requests)
        for request in requests:
            simulated = self.jobs[request.trial]
            self.jobs[request.trial] = Training(request, simulated.worked, self.clock)
        return [self.jobs[request.trial] for request in requests]


def simulate(lookahead: Lookahead, durations: Sequence[float], slots: int, seed: int) -> dict[str, float]:
    """The makespan, the share of slot time without a candidate, and the share of the best frontier."""
    problem = nas_surrogate.problem()
    settings = Settings(n_trials=len(durations), n_jobs=slots, seed=seed, lookahead=lookahead)
    clock = Clock()
    launcher, optimizer = Trainings(durations, 0.0, clock), WatchedOptimizer(problem, settings)
    began = clock()
    with tempfile.TemporaryDirectory() as name:
        skipper, design = Skipper(launcher, optimizer, slots), InitialDesign(problem, settings.method, seed)
        Sweep(problem, settings, launcher, Path(name), optimizer.build, [skipper], clock=clock, design=design).run()
        trials = journal.trials(Path(name))
    makespan = max(job.worked.ended for job in launcher.jobs.values()) - began
    return {
        "over_ideal": makespan / ideal(durations, slots),
        "without_candidate": sum(trial.slot_wait_seconds or 0.0 for trial in trials) / (slots * makespan),
        "behind": statistics.mean(_is_behind(trial, trials) for trial in trials),
        "frontier": nas_surrogate.share_of_frontier([trial.parameterization for trial in trials]),
    }


def _is_behind(one: Trial, trials: Sequence[Trial]) -> bool:
    """Whether the trial's candidate did not know a result that was there when the trial started."""
    return one.start_time is not None and sum(each.time <= one.start_time for each in trials) > (one.knows or 0)


def main() -> None:
    options = _options()
    before = begin()
    # The import of Ax is not measured here. Rounds are short, because real time passes until time jumps.
    import ax_moo.optimizer.bayes.ax_client  # noqa: F401

    loop.POLL_SECONDS = ROUND_SECONDS
    measured = {median: {each: _mean(each, median, options) for each in SETTINGS} for median in options.medians}
    finish(result(options, measured), before, options.json)


def _mean(setting: Lookahead, median: float, options: argparse.Namespace) -> dict[str, float]:
    durations = [log_normal(options.trials, median, options.sigma, seed) for seed in range(options.seeds)]
    sweeps = [simulate(setting, each, options.slots, seed) for seed, each in enumerate(durations)]
    return {key: statistics.mean(sweep[key] for sweep in sweeps) for key in sweeps[0]}


def result(options: argparse.Namespace, measured: Mapping[float, Mapping[Lookahead, Mapping[str, float]]]) -> Result:
    about = (
        f"{options.trials} trials on {options.slots} slots in simulated time, mean of {options.seeds} seeds; durations "
        f"are log-normal (sigma {options.sigma:g}). The search is the application's, on its surrogate. Ax is imported "
        "before. A candidate is behind if a result was there when its trial started that it did not know."
    )
    columns = ["median s", "lookahead", "of the ideal", "no candidate, % of slot time", "behind, %", "of the frontier"]
    rows: list[list[Cell]] = [
        [
            median,
            str(setting),
            figures["over_ideal"],
            100 * figures["without_candidate"],
            100 * figures["behind"],
            figures["frontier"],
        ]
        for median, of_median in measured.items()
        for setting, figures in of_median.items()
    ]
    promised = [
        Figure.at_most(2, f"slots idle for lack of a candidate, auto, {median:g} s, %", _idle(of_median))
        for median, of_median in measured.items()
    ]
    raw = {f"{median:g} s": dict(of_median) for median, of_median in measured.items()}
    plain = {name: value for name, value in vars(options).items() if name != "json"}
    return Result("lookahead", "Lookahead", about, [Table(columns, rows)], promised, plain, raw)


def _idle(of_median: Mapping[Lookahead, Mapping[str, float]]) -> float:
    return 100 * of_median[Lookahead.AUTO]["without_candidate"]


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--medians", type=float, nargs="+", default=[2.0, 120.0], help="seconds")
    parser.add_argument("--sigma", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
