"""Run all benchmarks, one after the other, and write docs/benchmarks.md: ``make benchmarks``.

A benchmark that was measured at the commit that is checked out is not measured again, so that a run that was
interrupted goes on. It writes ``benchmarks/results/NAME.json``.
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
    names = [name for name in options.names or ORDER if (HERE / f"{name}.py").exists()]
    failed = [name for name in names if (options.again or not is_done(name, commit())) and not measure(name)]
    write_pages(read_all())
    for name in failed:
        print(f"{name} has failed: python benchmarks/{name}.py", file=sys.stderr)
    return 1 if failed else 0


def is_done(name: str, at: str, folder: Path = RESULTS) -> bool:
    """Whether there is a result of this commit; a change that is not committed may be any change."""
    path = folder / f"{name}.json"
    done = path.exists() and json.loads(path.read_text())["commit"] == at and bool(at) and not at.endswith("+")
    if done:
        print(f"{name}: measured before, at {at}", file=sys.stderr)
    return done


def measure(name: str) -> bool:
    """Whether the benchmark has ended well."""
    print(f"{name}: begins at {time.strftime('%H:%M:%S')}", file=sys.stderr)
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(RESULTS / f"{name}.json")]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="measure also what was measured at this commit")
    parser.add_argument("names", nargs="*", help=f"which; all of them without a name: {', '.join(ORDER)}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
