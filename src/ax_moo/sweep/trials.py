"""The trials of a running sweep, with the counts that its loop needs in every round."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from ax_moo.sweep.nodes import blames_node
from ax_moo.trial import Outcome, Trial, TrialStatus


class Trials(Collection[Trial]):
    """Each trial in its last state, by number.

    The counts change as a trial enters a state, so that no question of the loop looks at all trials: a round costs the
    same after ten trials and after ten thousand.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._by_number: dict[int, Trial] = {}
        self._by_status: Counter[TrialStatus] = Counter()
        self._by_nobodys_fault = 0
        self._on_bad_nodes: dict[int, Trial] = {}
        self.next_number = 0
        """One more than the largest: a number that was used is not used again, whatever the count of trials is."""
        self.has_had_job = False
        """Whether any trial has ever had a job."""
        self.outcome: Outcome | None = None
        """That of one trial; all have an SEM for the same metrics."""
        for trial in trials:
            self.enter(trial)

    def enter(self, trial: Trial) -> None:
        """Put a trial in the place of its former state."""
        before = self._by_number.get(trial.index)
        if before is not None:
            self._count(before, -1)
        self._by_number[trial.index] = trial
        self._count(trial, 1)
        self.next_number = max(self.next_number, trial.index + 1)
        self.has_had_job = self.has_had_job or bool(trial.job or trial.previous_attempts)
        self.outcome = self.outcome or trial.outcome
        if blames_node(trial):
            self._on_bad_nodes[trial.index] = trial

    def __getitem__(self, number: int) -> Trial:
        return self._by_number[number]

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._by_number.values())

    def __contains__(self, trial: object) -> bool:
        return isinstance(trial, Trial) and self._by_number.get(trial.index) == trial

    def count(self, status: TrialStatus) -> int:
        return self._by_status[status]

    @property
    def finished(self) -> int:
        return sum(number for status, number in self._by_status.items() if status.is_finished)

    @property
    def judged(self) -> int:
        """The finished trials without those that failed by nobody's fault, which say nothing about the others."""
        return self.finished - self._by_nobodys_fault

    @property
    def failed(self) -> int:
        """The trials that failed by a fault of theirs."""
        return self._by_status[TrialStatus.FAILED] - self._by_nobodys_fault

    @property
    def on_bad_nodes(self) -> Collection[Trial]:
        """The trials of which an attempt was lost with its node to blame."""
        return self._on_bad_nodes.values()

    def _count(self, trial: Trial, number: int) -> None:
        self._by_status[trial.status] += number
        if trial.status is TrialStatus.FAILED and trial.fault is not None and trial.fault.is_nobodys:
            self._by_nobodys_fault += number
