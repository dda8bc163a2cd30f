"""The C++ kernel that BoTorch compiles at the first model-based candidate, once for each user."""

import subprocess
import sys

COMPILE = "from botorch.acquisition.multi_objective import logei; logei._try_load_fused_kernel()"


INITIAL = 5
"""Trials of Ax's initial design, which has no model."""


def compile_kernel(n_trials: int) -> None:
    """Have it compiled before a search of that many trials is measured, so that no peer is charged for it."""
    if n_trials > INITIAL:
        subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILE], check=True)
