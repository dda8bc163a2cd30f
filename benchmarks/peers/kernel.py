"""The C++ kernel that BoTorch compiles at the first model-based candidate, once for each user."""

import subprocess
import sys

COMPILE = "from botorch.acquisition.multi_objective import logei; logei._try_load_fused_kernel()"


def compile_kernel() -> None:
    """Have it compiled before anything is measured, so that no peer is charged for it."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", COMPILE], check=True)
