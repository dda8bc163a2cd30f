"""Tells the user how a sweep begins, and what of its config means nothing here."""

import logging
from collections import Counter
from pathlib import Path

from ax_moo.jobs.blocking import BlockingLauncherAdapter
from ax_moo.jobs.launcher import AsyncLauncher
from ax_moo.sweep.resuming.resume import PreviousRun
from ax_moo.sweep.settings import Settings
from ax_moo.system.text import quoted

log = logging.getLogger(__name__)


def say_how_it_begins(
    settings: Settings, launcher: AsyncLauncher, folder: Path, previous_run: PreviousRun | None
) -> None:
    if previous_run is None:
        how = f"ax-moo resume {quoted(folder)} goes on with it"
        log.info("A sweep of %d trials begins in %s (%s)", settings.n_trials, folder, how)
    else:
        counts = Counter(str(trial.status).lower() for trial in previous_run.trials)
        found = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        log.info("The sweep in %s goes on; so far: %s", folder, found or "no trial")
    if settings.n_initial is not None and not settings.method.has_model:
        log.info("n_initial=%d means nothing with method=%s, which has no model", settings.n_initial, settings.method)
    if launcher.max_jobs is not None and launcher.max_jobs < settings.n_jobs and not launcher.is_blocking:
        log.info("n_jobs=%d is lowered to %d, one job for each GPU", settings.n_jobs, launcher.max_jobs)
    if isinstance(launcher, BlockingLauncherAdapter):
        log.warning("%s; hydra/launcher=async_local keeps n_jobs running", launcher.manner)
