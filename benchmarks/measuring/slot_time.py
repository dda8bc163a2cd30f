"""Where the slots' time went in a sweep of ours: from its journal, and from when each trial says that it worked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ax_moo.storage import journal
from ax_moo.trial import Trial, TrialStatus

PARTS = {
    "command": "until the sweep had begun: Python, Hydra, the config",
    "candidate": "a slot was free, and no candidate was there",
    "submission": "a candidate was there, and its job was not submitted yet",
    "job start": "from the submission to the application's first line",
    "work": "the trial worked",
    "job end": "from the application's last line until the sweep had seen the end",
    "end": "no trial was left to start",
}


@dataclass(frozen=True)
class Worked:
    """When a trial's application began and ended."""

    began: float
    ended: float


def slot_time(folder: Path, work: Mapping[int, Worked], slots: int, began: float) -> dict[str, float]:
    """Seconds of all slots together, by part: ``slots`` times the time until the last trial was seen to end.

    A trial takes the slot that has been free longest. A candidate is there when the journal has its trial as STAGED; in
    the first round, which is submitted as a whole, when the last of them has.
    """
    header = journal.header(folder)
    if header is None:
        raise FileNotFoundError(f"{folder} holds no sweep")
    return split(list(journal.events(folder)), header["time"], work, slots, began)


def split(
    events: Sequence[Trial], opened: float, work: Mapping[int, Worked], slots: int, began: float
) -> dict[str, float]:
    parts = dict.fromkeys(PARTS, 0.0)
    ends = {event.index: event.time for event in events if event.status.is_finished}
    staged = {event.index: event.time for event in events if event.status is TrialStatus.STAGED}
    first_end = min(ends.values())
    free = [began] * slots
    for running in (event for event in events if event.status is TrialStatus.RUNNING):
        free.sort()
        ready = staged[running.index]
        if running.time <= first_end:
            ready = max(time for time in staged.values() if time <= running.time)
        worked = work[running.index]
        moments = {
            "command": opened,
            "candidate": ready,
            "submission": running.time,
            "job start": worked.began,
            "work": worked.ended,
            "job end": ends[running.index],
        }
        now = free[0]
        for part, moment in moments.items():
            parts[part] += max(0.0, moment - now)
            now = max(now, moment)
        free[0] = now
    parts["end"] = sum(max(free) - each for each in free)
    return parts


def overhead_per_trial(folder: Path, work: Mapping[int, Worked]) -> list[float]:
    """Of each trial, the seconds between its submission and the sweep's notice of its end in which it did not work."""
    last = {trial.index: trial for trial in journal.trials(folder)}
    spans = {index: trial.time - (trial.start_time or trial.time) for index, trial in last.items()}
    return [spans[index] - (worked.ended - worked.began) for index, worked in work.items()]
