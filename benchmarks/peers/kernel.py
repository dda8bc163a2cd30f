"""The C++ kernel that BoTorch compiles at the first model-based candidate, once for each user."""

import os
import subprocess
import sys

from measuring.environments import CACHE

COMPILE = "from botorch.acquisition.multi_objective import logei; logei._try_load_fused_kernel()"
FOLDER = CACHE / "kernel"
"""The user's own is left alone."""

INITIAL = 5
"""Trials of Ax's initial design, which has no model."""


def compile_kernel(n_trials: int) -> None:
    """Have it compiled before a search of that many trials is measured, so that no peer is charged for it.

    A process that was killed while it compiled has left a lock, for which every later one would wait for ever.
    """
    os.environ["TORCH_EXTENSIONS_DIR"] = str(FOLDER)
    for lock in FOLDER.rglob("lock"):
        lock.unlink()
    if n_trials > INITIAL:
        subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILE], check=True)
