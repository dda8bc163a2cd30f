"""The blocking launch of both launchers, under sweepers that wait for a whole batch of jobs."""

import logging
import signal
import sys
from collections.abc import Sequence

from hydra.core.utils import JobReturn, filter_overrides

from ax_moo.jobs.launcher import JobRequest
from ax_moo.system import signals
from ax_moo.system.errors import ConfigError
from ax_moo.system.terminal import never_fail, say_as_error
from ax_moo_launchers.batch import Batch, Handle
from hydra_plugins.async_submitit_launcher._base import AsyncSubmititLauncher

log = logging.getLogger(__name__)


def launch(launcher: AsyncSubmititLauncher, overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run a job for each list of overrides, and return the results in order. ``first`` is the number of the first job.

    A config mistake ends the process with exit code 2. Ctrl-C, SIGTERM and SIGHUP cancel the jobs, and then end the
    process as they do without a launcher.
    """
    never_fail()
    requests = [JobRequest(first + i, tuple(each)) for i, each in enumerate(overrides)]
    try:
        with signals.sigterm_as_ctrl_c():
            return _run_batch(launcher, requests)
    except ConfigError as error:
        say_as_error(f"hydra/launcher={launcher.name}: {error}")
        sys.exit(2)
    except signals.Terminated as terminated:
        signal.raise_signal(terminated.number)
        raise


def _run_batch(launcher: AsyncSubmititLauncher, requests: Sequence[JobRequest]) -> Sequence[JobReturn]:
    launcher.check()
    launcher.check_trials([request.overrides for request in requests])
    log.info("%s sweep output dir : %s", launcher.name, launcher.config.hydra.sweep.dir)
    limit = _most_at_once(launcher)
    if limit is not None and limit < len(requests):
        log.info("%d jobs, at most %d at once (hydra.launcher.max_parallel)", len(requests), limit)

    def announced(some: Sequence[JobRequest]) -> Sequence[Handle]:
        handles = launcher.submit(some)
        for request in some:
            log.info("\t#%d : %s", request.trial, " ".join(filter_overrides(request.overrides)))
        return handles

    try:
        return Batch(requests, announced, launcher.cancel_command, limit, launcher.is_ready).run()
    except BaseException:
        launcher.close()
        raise
    finally:
        # What was prepared stays for the sweeper's next batch, and ends with this process.
        launcher.end_ready_jobs()


def _most_at_once(launcher: AsyncSubmititLauncher) -> int | None:
    """How many jobs of a blocking launch run at once; None for all. A sweep has its own n_jobs."""
    wanted: int | None = launcher.params.get("max_parallel")
    if wanted is None:
        return launcher.queue.default_parallel
    if launcher.max_jobs is not None and launcher.max_jobs < wanted:
        log.info("max_parallel=%d is lowered to %d, as many jobs as the GPUs take", wanted, launcher.max_jobs)
        return launcher.max_jobs
    return wanted
