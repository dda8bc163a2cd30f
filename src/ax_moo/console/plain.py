"""What is printed with Rich: text that shows itself and does nothing else, on a console that never ends the process."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ax_moo.system.terminal import shows_output
from ax_moo.system.text import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def open_console(width_in_pipe: int | None = 200) -> "Console":
    """A console for tables that are printed once. It is wide in a pipe, where Rich would break paths at 80 columns."""
    from rich.console import Console

    class Quiet(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            """The stream may be an object of the application's, with failures of its own."""
            with suppress(OSError, ValueError):
                super().print(*objects, **options)

        def on_broken_pipe(self) -> None:
            """Rich would end the process, whatever else it has to do."""
            self.quiet = True

    return Quiet(width=None if shows_output() else width_in_pipe)


def shown(value: object, style: str = "") -> "Text":
    """A value as it is: without markup, links or colours, and without control characters."""
    from rich.text import Text

    return Text(visible(value), style)
