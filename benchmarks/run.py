"""Run all benchmarks, one after the other, and write docs/benchmarks.md: ``make benchmarks``.

A benchmark that was measured as a whole at the commit that is checked out is not measured again, so that a run that was
interrupted goes on; files that differ from the commit prevent that. Each writes ``benchmarks/results/NAME.json``.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from measuring.machine import ROOT, commit
from measuring.page import RESULTS, read_all, write_pages

HERE = Path(__file__).parent
ORDER = ("overhead", "makespan", "end_to_end", "lookahead", "suggest", "quality", "scale")


def main() -> int:
    options = _options()
    write_pages(read_all())
    names = options.names or ORDER
    failed = [name for name in names if (options.again or not is_done(name, commit())) and not is_measured(name)]
    for name in failed:
        print(f"{name} has failed: python benchmarks/{name}.py", file=sys.stderr)
    return 1 if failed else 0


def is_done(name: str, at: str, folder: Path = RESULTS) -> bool:
    """Whether there is a result of this commit; a change that is not committed may be any change."""
    path = folder / f"{name}.json"
    if not path.exists() or not at or at.endswith("+"):
        return False
    before = json.loads(path.read_text())
    done = before["commit"] == at and not before["missing"]
    if done:
        print(f"{name}: measured before, at {at}", file=sys.stderr)
    return done


def is_measured(name: str) -> bool:
    """Run a benchmark and write the pages, so that they show what an interrupted run has measured."""
    print(f"{name}: begins at {time.strftime('%H:%M:%S')}", file=sys.stderr)
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(RESULTS / f"{name}.json")]
    code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    write_pages(read_all())
    return code == 0


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="measure also what was measured at this commit")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", type=_known, help=f"which; all of them without a name: {', '.join(ORDER)}"
    )
    return parser.parse_args(arguments)


def _known(name: str) -> str:
    if name not in ORDER:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(ORDER)}")
    return name


if __name__ == "__main__":
    sys.exit(main())
