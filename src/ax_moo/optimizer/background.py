"""The optimizer in a thread of its own, so that fitting a model never delays the sweep's loop."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ax_moo.optimizer.base import Candidate, Optimizer, SearchSpaceExhausted
from ax_moo.optimizer.interruptible import Interruptible
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import error_line
from ax_moo.trial import Trial

log = logging.getLogger(__name__)


class BackgroundOptimizer:
    """Prepares one candidate at a time; asks and tells reach the optimizer in the order of the calls here.

    The optimizer is also built in the thread, because importing Ax takes seconds.
    """

    def __init__(self, build: Callable[[], Optimizer]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ask")
        self._work = Interruptible()
        self._optimizer = self._thread.submit(lambda: self._work.run(build))
        self._candidate: Future[Candidate | None] | None = None
        self._ready = threading.Event()
        self._waits_for_more_than: int | None = None
        self._asked_with = 0
        self.gave_up: Exception | None = None
        """Why there will be no more candidates: SearchSpaceExhausted, or the exception of the optimizer."""

    def __enter__(self) -> "BackgroundOptimizer":
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._work.end()  # because Python waits for the thread at the end of the process

    @property
    def is_busy(self) -> bool:
        """Whether a candidate is being prepared, or is ready and not taken."""
        return self._candidate is not None

    @property
    def is_computing(self) -> bool:
        return self._candidate is not None and not self._candidate.done()

    @property
    def knows(self) -> int | None:
        """How many finished trials the candidate knows that was asked for and not taken; None where there is none."""
        return self._asked_with if self.is_busy else None

    @property
    def is_waiting(self) -> bool:
        """Whether the optimizer needs more results before it can propose again."""
        return self._waits_for_more_than is not None

    def ask(self, index: int, finished: int) -> None:
        """Prepare a candidate, unless one is being prepared or the optimizer waits for more results."""
        if self.is_busy or self.gave_up:
            return
        if self._waits_for_more_than is not None and finished <= self._waits_for_more_than:
            return
        self._waits_for_more_than = None
        self._asked_with = finished
        self._candidate = self._thread.submit(self._timed_ask, index, finished)
        self._candidate.add_done_callback(lambda _: self._ready.set())

    def _timed_ask(self, index: int, knows: int) -> Candidate | None:
        optimizer = self._optimizer.result()
        begin = time.perf_counter()
        candidate = self._asked(optimizer, index)
        return candidate and dataclasses.replace(candidate, seconds=round(time.perf_counter() - begin, 3), knows=knows)

    def _asked(self, optimizer: Optimizer, index: int) -> Candidate | None:
        try:
            return self._work.run(lambda: optimizer.ask(index))
        except SearchSpaceExhausted:
            raise
        except Exception:
            if not self._work.is_over:
                log.exception("Ax has no candidate for trial %d", index)
            raise

    def take(self) -> Candidate | None:
        """The candidate when it is ready, else None; each candidate is returned once.

        Raises:
            ConfigError: the optimizer could not be built, because Ax cannot be loaded or refuses the problem.
        """
        if self._candidate is None or not self._candidate.done():
            return None
        future, self._candidate = self._candidate, None
        if error := self._optimizer.exception():
            raise ConfigError(f"Ax cannot be used here ({error_line(error)})") from error
        try:
            candidate = future.result()
        except Exception as error:
            self.gave_up = error
            return None
        if candidate is None:
            self._waits_for_more_than = self._asked_with
        return candidate

    def wait(self, seconds: float) -> None:
        """Sleep for that long, or until a candidate becomes ready.

        A ready candidate ends only one wait: a loop that takes no more candidates would otherwise spin.
        """
        self._ready.wait(seconds)
        self._ready.clear()

    def tell(self, trial: Trial) -> None:
        """Tell the optimizer about a finished trial."""
        self._thread.submit(self._tell, trial)

    def _tell(self, trial: Trial) -> None:
        try:
            self._optimizer.result().tell(trial)
        except Exception:
            # The journal has the outcome. The sweep goes on, with an optimizer that does not know this outcome.
            log.exception("Ax did not take the outcome of trial %d", trial.index)
