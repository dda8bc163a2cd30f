"""Linear algebra with one thread while Ax computes, without an effect on the jobs that start meanwhile."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the calling thread's linear algebra to one thread within the block.

    For the small matrices of a sweep two threads are slower than one, and on a busy machine much slower.
    OMP_NUM_THREADS and torch.set_num_threads would change the whole process, and with it the jobs that it starts
    meanwhile. OpenMP has a limit for each thread. BLAS has one for the process, which is restored after the block.
    """
    import torch

    torch.get_num_threads()  # torch sets its number of threads at a thread's first use of it: before the limit
    with _libraries().limit(limits=1):
        yield


@functools.cache
def _libraries() -> Any:
    """The loaded OpenMP and BLAS libraries; finding them takes 30 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
