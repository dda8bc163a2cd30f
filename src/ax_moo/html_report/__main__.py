"""``python -m ax_moo.html_report DIR [--whole]`` writes the page in a process of its own, beside the sweep."""

import sys
from pathlib import Path

from ax_moo.html_report.observer import be_nice
from ax_moo.html_report.writing import refresh_report, write_report


def main(folder: str, whole: bool) -> None:
    be_nice()
    (write_report if whole else refresh_report)(Path(folder))


main(sys.argv[1], "--whole" in sys.argv[2:])
