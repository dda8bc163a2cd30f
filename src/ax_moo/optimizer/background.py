"""The optimizer in a thread of its own, so that fitting a model never delays the sweep's loop."""

import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ax_moo.optimizer.base import Candidate, Optimizer, SearchSpaceExhausted, proposed
from ax_moo.optimizer.first_points.initial_design import InitialDesign
from ax_moo.optimizer.interruptible import Interruptible
from ax_moo.optimizer.telling import Telling
from ax_moo.system.errors import ConfigError
from ax_moo.system.text import error_line
from ax_moo.trial import Trial

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A candidate that was asked for and not taken, and how many finished trials it knows."""

    index: int
    knows: int
    candidate: "Future[Candidate | None]"
    is_designed: bool


class BackgroundOptimizer:
    """Prepares candidates one after the other; asks and tells reach the optimizer in the order of the calls here.

    The optimizer is also built in the thread, because importing Ax takes seconds. Meanwhile, and as long as it can, the
    ``design`` proposes the candidates, of which the optimizer is told.
    """

    def __init__(self, build: Callable[[], Optimizer], design: InitialDesign | None = None) -> None:
        self._build = build
        self._design = design
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ask")
        self._work = Interruptible()
        self._optimizer: Future[Optimizer] | None = None
        self._for_later: list[Callable[[], None]] = []
        self._tells: Telling | None = None
        self._has_proposed = False
        self._queue: deque[_Asked] = deque()
        self._ready = threading.Event()
        self._waits_for_more_than: int | None = None
        self.gave_up: Exception | None = None
        """Why there will be no more candidates: SearchSpaceExhausted, or the exception of the optimizer."""
        if design is None:
            self._start()

    def __enter__(self) -> "BackgroundOptimizer":
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._work.end()  # because Python waits for the thread at the end of the process

    def prepare(self, n_trials: int) -> None:
        """Begin to build the optimizer, unless the design is enough for this number of trials."""
        if self._design is None or not self._design.lasts_for(n_trials):
            self._start()

    def _start(self) -> None:
        if self._optimizer is not None:
            return
        self._optimizer = self._thread.submit(lambda: self._work.run(self._build))
        for work in self._for_later:
            self._thread.submit(work)
        self._for_later.clear()

    @property
    def is_computing(self) -> bool:
        return any(not asked.candidate.done() for asked in self._queue)

    @property
    def knows(self) -> tuple[int, ...]:
        """How many finished trials each candidate knows that was asked for and not taken."""
        return tuple(asked.knows for asked in self._queue)

    @property
    def is_waiting(self) -> bool:
        """Whether the optimizer needs more results before it can propose again."""
        return self._waits_for_more_than is not None

    def ask(self, index: int, finished: int) -> None:
        """Prepare a candidate for this trial, unless the optimizer waits for more results."""
        if self.gave_up:
            return
        if self._waits_for_more_than is not None and finished <= self._waits_for_more_than:
            return
        self._waits_for_more_than = None
        designed = self._designed(index, finished)
        candidate = designed or self._asked_for(index, finished)
        candidate.add_done_callback(lambda _: self._ready.set())
        self._queue.append(_Asked(index, finished, candidate, is_designed=designed is not None))

    def _designed(self, index: int, knows: int) -> "Future[Candidate | None] | None":
        """The design's candidate; None if only the optimizer has one."""
        if self._design is None:
            return None
        future: Future[Candidate | None] = Future()
        begin = time.perf_counter()
        try:
            candidate = self._design.ask()
        except SearchSpaceExhausted as error:
            future.set_exception(error)
            return future
        except Exception:
            log.exception("The initial design has no candidate for trial %d; Ax proposes it instead", index)
            self._design = None
            return None
        if candidate is None:
            return None
        seconds = round(time.perf_counter() - begin, 3)
        trial = proposed(index, candidate)
        self._design.accept(trial)  # now: the next one may be asked for before this one is taken
        self._tell_optimizer(lambda: self._accept(trial))
        future.set_result(dataclasses.replace(candidate, seconds=seconds, knows=knows))
        return future

    def _asked_for(self, index: int, knows: int) -> "Future[Candidate | None]":
        self._start()
        before = self._queue[-1].candidate if self._queue else None
        return self._thread.submit(self._timed_ask, index, knows, before)

    def _timed_ask(self, index: int, knows: int, before: "Future[Candidate | None] | None") -> Candidate | None:
        if before is not None and before.result() is None:
            return None  # a trial of this number would come before one that has no candidate
        optimizer = self._built()
        begin = time.perf_counter()
        candidate = self._asked(optimizer, index)
        return candidate and dataclasses.replace(candidate, seconds=round(time.perf_counter() - begin, 3), knows=knows)

    def _built(self) -> Optimizer:
        if self._optimizer is None:
            raise RuntimeError("the optimizer must be built before it is used")
        return self._optimizer.result()

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
        if not self._queue or not self._queue[0].candidate.done():
            return None
        asked = self._queue.popleft()
        try:
            candidate = asked.candidate.result()
        except Exception as error:
            self._queue.clear()
            if self._is_not_built and not self._has_proposed:
                raise ConfigError(f"Ax cannot be used here ({error_line(error)})") from error
            if self._is_not_built:
                log.error("Ax cannot be used here", exc_info=error)
            self.gave_up = error
            return None
        self._has_proposed = True
        if self._design is not None and candidate is not None and not asked.is_designed:
            self._design.accept(proposed(asked.index, candidate))
        if candidate is None:
            self._queue.clear()
            self._waits_for_more_than = asked.knows
        if self._queue and self._queue[0].candidate.done():
            self._ready.set()  # an earlier wait may have ended when it became ready
        return candidate

    @property
    def _is_not_built(self) -> bool:
        """Whether the optimizer could not be built."""
        optimizer = self._optimizer
        return optimizer is not None and optimizer.done() and optimizer.exception() is not None

    def wait(self, seconds: float) -> bool:
        """Sleep for that long, or until a candidate becomes ready, which is what this returns.

        A ready candidate ends only one wait: a loop that takes no more candidates would otherwise spin.
        """
        is_ready = self._ready.wait(seconds)
        self._ready.clear()
        return is_ready

    def tell(self, trial: Trial) -> None:
        """Tell the optimizer about a finished trial."""
        if self._design is not None:
            self._design.tell(trial)
        self._tell_optimizer(lambda: self._tell(trial))

    def _tell_optimizer(self, work: Callable[[], None]) -> None:
        if self._optimizer is None:
            self._for_later.append(work)
        else:
            self._thread.submit(work)

    def _accept(self, trial: Trial) -> None:
        if not self._is_not_built:
            self._telling().accept(trial)

    def _tell(self, trial: Trial) -> None:
        if not self._is_not_built:  # else the next candidate says why
            self._telling().tell(trial)

    def _telling(self) -> Telling:
        if self._tells is None:
            self._tells = Telling(self._built())
        return self._tells
