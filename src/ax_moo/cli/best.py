"""``ax-moo export DIR --best``: the command line of one trial's training, to be run once more."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from ax_moo.cli.folder import open_folder
from ax_moo.problem.frontier import pareto_trials
from ax_moo.results.retraining import ONE_RUN, command_of, given_overrides, nearest_to_ideal
from ax_moo.storage.folder import SweepFolder
from ax_moo.system.errors import ConfigError
from ax_moo.system.redaction import HIDDEN, command_without_secrets, note_searched
from ax_moo.system.terminal import say, say_as_error
from ax_moo.system.text import quoted, visible
from ax_moo.trial import Trial


def print_command(folder: Path, number: int | None, out: Path | None) -> None:
    """Print the command of the trial with this number, or of the best; what else there is to say is on stderr."""
    if out is not None:
        raise ConfigError(f"-o {out}: the command of a trial is printed; leave -o out, or leave --best and --trial out")
    sweep = open_folder(folder)
    trial = _best(sweep) if number is None else _numbered(sweep.trials, number)
    given = given_overrides(sweep.path, sweep.sweep_id, [trial.index])
    command = command_of(trial, sweep.problem, sweep.about, given.get(trial.index))
    if "training" not in sweep.about:
        _note("the program was not recorded: these are the overrides of the training")
    elif ONE_RUN not in command:
        command = f"{command} {ONE_RUN}"
    note_searched(sweep.problem.search_space.searched)
    shown = command_without_secrets(command)
    if shown != command:
        _note(f"{HIDDEN} stands for a secret; write it in before you run the command")
    cwd = sweep.about.get("cwd")
    is_elsewhere = isinstance(cwd, str) and Path(cwd) != Path.cwd()
    if visible(shown) != shown:  # the same words, with the characters that a terminal would not show escaped
        shown = " ".join(map(quoted, shlex.split(shown)))
    say(f"cd {quoted(cwd)} && {shown}" if is_elsewhere else shown)


def _best(sweep: SweepFolder) -> Trial:
    best = nearest_to_ideal(sweep.trials, sweep.problem)
    if best is None:
        raise ConfigError(f"{sweep.path} has no completed trial that meets the constraints; choose one with --trial N")
    front = [trial.index for trial in pareto_trials(sweep.trials, sweep.problem)]
    if len(front) > 1:
        others = ", ".join(str(index) for index in front if index != best.index)
        why = "is nearest to the best value of every objective" if sweep.problem.is_multi_objective else "is the first"
        _note(f"trial {best.index} of the frontier {why}; its other trials, for --trial N: {others}")
    return best


def _numbered(trials: Sequence[Trial], number: int) -> Trial:
    for trial in trials:
        if trial.index == number:
            return trial
    numbers = f"from 0 to {trials[-1].index}" if trials else "none yet"
    raise ConfigError(f"--trial {number}: the sweep has no such trial; its trials are {numbers}")


def _note(text: str) -> None:
    say_as_error(f"# {text}")
