"""One thread for Ax's linear algebra, which jobs must not inherit."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block linear algebra of the calling thread has one thread.

    Two are slower than one for the small matrices of a sweep, and on a busy machine slower by far. OMP_NUM_THREADS and
    torch.set_num_threads would tell the whole process, and with it the jobs that it starts meanwhile. OpenMP's number
    is that of the calling thread. BLAS has one for the process, which is as before after the block.
    """
    import torch

    torch.get_num_threads()  # At a thread's first use of it torch sets its number of threads.
    with _libraries().limit(limits=1):
        yield


@functools.cache
def _libraries() -> Any:
    """OpenMP and BLAS as they are loaded; the search for them takes 30 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
