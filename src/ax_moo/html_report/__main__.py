"""``python -m ax_moo.html_report DIR [--whole]`` writes the page in a process of its own, beside the sweep."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from ax_moo.html_report.writing import refresh_report, write_report

NICENESS = 10


def main(folder: str, whole: bool) -> None:
    with suppress(OSError):
        os.nice(NICENESS)
    (write_report if whole else refresh_report)(Path(folder))


main(sys.argv[1], "--whole" in sys.argv[2:])
