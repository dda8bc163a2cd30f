"""Environments of the peers: each is made once, in the user's cache folder, from pinned versions."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measuring.machine import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydra-ax-moo/benchmarks"
CONSTRAINTS = ROOT / "constraints.txt"
"""These keep torch at its build for the CPU in an environment that needs it."""
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def environment(name: str, *requirements: str) -> Path:
    """The interpreter of an environment with these requirements, which must name their versions."""
    text = "\n".join([sys.version, *requirements])
    folder = CACHE / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    python, installed = folder / "bin/python", folder / "installed"
    if not installed.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making the environment {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([python, *PIP, "-c", str(CONSTRAINTS), *requirements], check=True)
        installed.write_text(text)
    return python
