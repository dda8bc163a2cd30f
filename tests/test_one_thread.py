"""How many threads Ax has, and how many everybody else."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.hydra_free

SCRIPT = """
import sys, threading
import numpy
put = []
sys.addaudithook(lambda event, args: put.append(args[0].decode()) if event == "os.putenv" else None)

def threads():
    import numpy, threadpoolctl, torch
    return torch.get_num_threads(), {pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}

def ask():
    from fakes import TWO_OBJECTIVES, problem
    from ax_moo.optimizer.bayes.ax_client import AxOptimizer

    class Watched(AxOptimizer):
        def _generate(self):
            print("Ax:", threads()[0], set(threads()[1].values()))
            return super()._generate()

    Watched(problem(objectives=TWO_OBJECTIVES), seed=1).ask(0)

def in_a_thread(work):
    # Each thread has a number of its own, which it gets from the process's at its first use of torch.
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]

torch, pools = in_a_thread(threads)
in_a_thread(ask)
now_torch, now_pools = in_a_thread(threads)
print("others:", now_torch - torch, [path for path, number in pools.items() if now_pools[path] != number])
print("environment:", [name for name in put if not name.startswith("KMP_")])
"""


def test_ax_has_one_thread_and_the_jobs_of_this_process_as_many_as_before() -> None:
    """A job inherits the environment while Ax is imported, and one that runs in this process has torch's state.

    sklearn sets what only OpenMP of other makers than GNU reads (KMP_...).
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert said.stdout.splitlines() == ["Ax: 1 {1}", "others: 0 []", "environment: []"], said.stderr
