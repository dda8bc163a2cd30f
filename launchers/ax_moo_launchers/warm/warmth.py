"""Warm trials: when there is a parent for them, and why there is none."""

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.parent_process import ParentProcess

log = logging.getLogger(__name__)

_WAIT_S = 30.0
"""How long trials wait for the parent's imports: about as long as they would need for their own. Then they are cold."""

_SAY_S = 1.0
_IMPORTS_S = 600.0
_MOST_PARENTS, _MOST_DEATHS = 8, 2
_AGAIN_S = 1.0
"""How long the successor of a parent that did not answer may take for an answer: the sweep does nothing meanwhile."""


class Warmth(ABC):
    """The parent of trials, as soon as it is known what they import.

    Whatever goes wrong means that trials begin cold, and one line says why.
    """

    def __init__(
        self,
        modules_file: Path,
        can_fork: bool = True,
        say: Callable[[str], None] = log.info,
        end_forks: Callable[[], None] = lambda: None,
    ) -> None:
        """``modules_file`` has the list of what trials import, as soon as one has written it.

        ``end_forks`` ends the fork that a lost parent has made, perhaps, and could not tell of.
        """
        self.modules_file = modules_file
        self.sweep = ""
        self._say_line = say
        self._end_forks = end_forks
        self._parent: ParentProcess | None = None
        self._is_new = False
        self._parents, self._deaths, self._was_quiet = 0, 0, False
        self._left_out: dict[str, str] = {}
        self._said: set[str] = set()
        self._has_given_up = not (can_fork and sys.platform.startswith("linux"))

    @abstractmethod
    def _start(self, left_out: Mapping[str, str]) -> ParentProcess:
        """Start a parent that does not import these modules. OSError or ValueError: there can be none."""

    def is_ready(self) -> bool:
        """Whether a trial that is started now begins as soon as it can: False while a parent is at its imports."""
        if self._has_given_up or not (self._parent or self._begin()):
            return True
        assert self._parent is not None
        try:
            about = self._about(self._parent)
        except BrokenPipeError as error:
            return self._after_death(f"their parent process does not answer ({error})")
        except (OSError, ValueError) as error:
            self._give_up(f"their parent process does not answer ({error})")
            return True
        if about is not None and "unfit" in about:
            self._give_up(str(about["unfit"]))
            return True
        if about is not None and self._is_new:
            self._is_new = False
            self._say_about(about)
        return about is not None or self._has_waited(self._parent)

    def fork(self, request: Mapping[str, Any], environ: Mapping[str, str]) -> int | None:
        """The pid of a fork of the parent; None if the trial has to begin cold."""
        if self._has_given_up or not self.is_ready() or self._parent is None or self._is_new:
            return None
        try:
            self._parent.sweep = self.sweep
            answer: dict[str, Any] = {"unfit": self._parent.why_other(environ)}
            if answer["unfit"] is None:
                answer = self._parent.ask({**request, "environ": dict(environ)})
        except (OSError, ValueError) as error:
            answer = {"unfit": f"their parent process does not answer ({error})"}
            if isinstance(error, TimeoutError) and self._is_quiet_again():
                self._give_up(str(answer["unfit"]))
                return None
        if "pid" in answer:
            return int(answer["pid"])
        self._begin_anew(str(answer.get("unfit")))
        return None

    def _is_quiet_again(self) -> bool:
        was_quiet, self._was_quiet = self._was_quiet, True
        return was_quiet

    def close(self) -> None:
        """End the parent; its forks live on."""
        if self._parent is not None:
            self._parent.close()
            self._parent = None

    def _begin(self) -> bool:
        if Modules.read(self.modules_file) is None:
            return False
        self._parents += 1
        try:
            self._parent, self._is_new = self._start(self._left_out), True
            self._parent.answer_s = _AGAIN_S if self._was_quiet else None
        except (OSError, ValueError) as error:
            self._give_up(f"no parent process can be started for them ({error})")
            return False
        return True

    def _about(self, parent: ParentProcess) -> dict[str, Any] | None:
        about = parent.about()
        if about is None and parent.age() > _IMPORTS_S:
            raise TimeoutError(f"its imports have taken more than {_IMPORTS_S:g} s")
        return about

    def _has_waited(self, parent: ParentProcess) -> bool:
        if parent.age() < _WAIT_S:
            if parent.age() > _SAY_S:
                self._say(f"Trials wait for the imports of their parent process, at most {_WAIT_S:g} s")
            return False
        self._say(f"Trials start cold until their parent process has done its imports: {_WAIT_S:g} s were not enough")
        return True

    def _after_death(self, why: str) -> bool:
        """Begin again after somebody has killed a parent at its imports; an import that ends one ends them all."""
        self._deaths += 1
        if self._deaths > _MOST_DEATHS:
            self._give_up(why)
            return True
        self.close()
        return not self._begin()

    def _begin_anew(self, why: str) -> None:
        """The next trials have another parent."""
        if self._parents >= _MOST_PARENTS:
            self._give_up(why)
            return
        self.close()
        self._end_forks()
        self._say_line(f"A trial starts cold: {why}; later ones have a new parent process")
        self._begin()

    def _give_up(self, why: str) -> None:
        self.close()
        self._end_forks()
        self._has_given_up = True
        self._say_line(f"Trials start cold: {why}")

    def _say_about(self, about: Mapping[str, Any]) -> None:
        self._left_out = dict(about["left_out"])
        for name in about["missing"]:
            self._say(f"hydra.launcher.preload: {name} cannot be imported, and is left out")
        for name, why in self._left_out.items():
            if not why.startswith("imports "):
                self._say(f"Trials import {name} themselves: it {why}")

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self._say_line(words)
