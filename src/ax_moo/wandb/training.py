"""The W&B run of one training: it belongs to the sweep's group, and it ends properly however the training ends."""

import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ax_moo.system import redaction
from ax_moo.system.signals import recorded
from ax_moo.system.text import error_line
from ax_moo.wandb.run_state import joined_sweep
from ax_moo.wandb.service import GRACE, QUIET_AND_BOUNDED, modes_to_try, tear_down
from ax_moo.wandb.settings import TrainingRunSettings, trial_run_id

if TYPE_CHECKING:
    from ax_moo.wandb.training_logger import TrainingLogger

log = logging.getLogger(__name__)

TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 255
"""The exit code by which W&B itself records a Ctrl-C."""


@contextmanager
def training_run(
    settings: TrainingRunSettings, config: DictConfig | Mapping[str, Any] | None = None
) -> Iterator["TrainingLogger | None"]:
    """The W&B run of this training as a Lightning logger, or None, after one warning, where W&B does not work.

    ``config`` is uploaded as the run's config. Hydra's job gives the trial and the folder of its sweep. The sweep's
    name is the config's ``sweep_name``, or else the folder's name, as in the sweep's own run.

    The run ends with the block: with exit code 0, or with 1 after an exception. After SIGTERM or submitit's requeue it
    ends as preempted, and the requeued trial continues the same run. The logger's class is that of the Lightning
    (``pytorch_lightning`` or ``lightning.pytorch``) that was imported before the first call.
    """
    # Lightning takes seconds to import.
    from ax_moo.wandb.training_logger import TrainingLogger, rank

    run = _start(settings, config) if rank() == 0 else None
    if run is None:
        yield None
        return
    logger = TrainingLogger(run, settings.finish_timeout)
    # Lightning wraps this handler in its own while it trains. Under submitit, whose handler ignores SIGTERM, that
    # handler decides; _leave is called only where no handler is set.
    with recorded(signal.SIGTERM, default=_leave) as came:
        try:
            yield logger
        except BaseException as error:
            code = _exit_code(error, signal.SIGTERM in came)
            logger.close(code, preempted=code == TERMINATED)
            raise
        logger.close(0)


def summarize(logger: Any, outcome: Mapping[str, float]) -> None:
    """Write the objectives as plain numbers into the run's summary, where W&B's tables and sweeps read them.

    The function does nothing for None and for a logger that is not from ``training_run``.
    """
    from ax_moo.wandb.training_logger import TrainingLogger

    if isinstance(logger, TrainingLogger):
        logger.summarize(outcome)


def _start(settings: TrainingRunSettings, config: Any) -> Any:
    """Start the run, or return None. A run that cannot start online is kept offline for ``wandb sync``."""
    modes = modes_to_try(settings.mode)
    # The variable may name the service of a parent process, which ends before this process does.
    os.environ.pop("WANDB_SERVICE", None)
    if "online" not in modes:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        import wandb
    except ImportError:
        log.warning("W&B is not installed; training goes on without it. pip install hydra-ax-moo[wandb]")
        return None
    reasons: list[str] = []
    for mode in modes:
        try:
            run = _init(wandb, settings, config, mode)
        except Exception as error:
            reasons.append(error_line(error))
            tear_down(wandb, settings.finish_timeout + GRACE)
        else:
            _tell(run, mode, reasons)
            return run
    log.warning("W&B: %s; training goes on without it", reasons[0])
    return None


def _init(wandb: Any, settings: TrainingRunSettings, config: Any, mode: str) -> Any:
    # A silent session never asks for an API key, even on a terminal.
    wandb.setup(wandb.Settings(silent=True))
    logged = _nested(config)
    redaction.learn_environment(os.environ)
    identity = RunIdentity.of(settings, logged.get("sweep_name"))
    identity.folder.mkdir(parents=True, exist_ok=True)
    with _secrets_not_in_argv(settings.where):
        return wandb.init(
            project=settings.project,
            entity=settings.entity,
            tags=[str(tag) for tag in settings.tags] or None,
            config=uploaded_config(logged, settings.where) | identity.config,
            id=identity.id,
            name=identity.name,
            group=identity.group,
            job_type=identity.job_type,
            dir=str(identity.folder),
            resume="allow" if identity.id else None,
            allow_val_change=True,
            mode=mode,
            settings=wandb.Settings(**_client_settings(settings, identity)),
        )


def _client_settings(settings: TrainingRunSettings, identity: "RunIdentity") -> dict[str, Any]:
    timeouts = {"init_timeout": float(settings.init_timeout), "finish_timeout": float(settings.finish_timeout)}
    # The W&B sweep of hydra.sweeper.wandb.sweep=true.
    sweep = joined_sweep(identity.folder, settings.project) if identity.id else None
    return {**QUIET_AND_BOUNDED, **timeouts, "sweep_id": sweep, **settings.settings}


@contextmanager
def _secrets_not_in_argv(where: str) -> Iterator[None]:
    """A context in which sys.argv has no secrets, because W&B uploads the arguments of the process."""
    arguments = sys.argv
    sys.argv = _arguments_without_secrets(arguments, where)
    try:
        yield
    finally:
        sys.argv = arguments


def _tell(run: Any, mode: str, reasons: list[str]) -> None:
    if reasons:
        log.warning("W&B: %s; the run is kept on disk, upload it with: wandb sync %s", reasons[0], Path(run.dir).parent)
    elif mode == "online":
        log.info("W&B run %s", run.url)


def uploaded_config(config: Any, where: str) -> dict[str, Any]:
    """The config as W&B gets it: resolved, and without secrets."""
    return _without_secrets(_nested(config), where)


def _nested(config: Any) -> dict[str, Any]:
    """The config as plain values; a config that cannot be resolved here keeps its interpolations."""
    if not OmegaConf.is_config(config):
        return dict(config or {})
    container: Any
    try:
        container = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:
        container = OmegaConf.to_container(config)
    return dict(container)


def _without_secrets(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The config without secrets, and without the values of the W&B client's ``settings``, such as an API key."""
    key, _, rest = where.partition(".")
    node = config.get(key)
    cleared: dict[str, Any] = redaction.without_secrets(config)
    if isinstance(node, Mapping):
        cleared[key] = (
            _without_secrets(node, rest) if rest else cleared[key] | dict.fromkeys(node.keys() & {"settings"})
        )
    return cleared


def _arguments_without_secrets(arguments: Sequence[str], where: str) -> list[str]:
    """The words of a command line without the values that ``_without_secrets`` removes from the config."""
    shown = redaction.arguments_without_secrets(arguments)
    return [_without_settings(word, hidden, where) for word, hidden in zip(arguments, shown, strict=True)]


def _without_settings(override: str, shown: str, where: str) -> str:
    key, assigned, _ = override.partition("=")
    is_setting = assigned and re.fullmatch(rf"\+{{0,2}}{re.escape(where)}\.settings(\..*)?", key)
    return f"{key}={redaction.HIDDEN}" if is_setting else shown


def _exit_code(error: BaseException, terminated: bool) -> int:
    from ax_moo.wandb.training_logger import SIGTERMException

    if terminated or isinstance(error, SIGTERMException):
        return TERMINATED
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        code = error.code if error.code is None or isinstance(error.code, int) else 1
        # submitit ends a job that it has requeued with sys.exit(-1).
        return TERMINATED if code == -1 else code or 0
    return 1


def _leave(number: int, frame: Any) -> None:
    """End the process with the signal's exit code, after the block has ended the run."""
    raise SystemExit(TERMINATED)


@dataclass(frozen=True)
class RunIdentity:
    """The run's place in W&B. W&B chooses the id where ``id`` is None, and adds ``wandb`` to ``folder``."""

    folder: Path
    id: str | None = None
    name: str | None = None
    group: str | None = None
    job_type: str = "training"
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: TrainingRunSettings, sweep_name: object = None) -> "RunIdentity":
        if not HydraConfig.initialized():
            return cls(Path.cwd(), name=settings.name, group=settings.group)
        hydra = HydraConfig.get()
        if hydra.mode != RunMode.MULTIRUN:
            return cls(Path(hydra.runtime.output_dir), name=settings.name, group=settings.group)
        folder = Path(os.path.abspath(os.path.join(hydra.runtime.cwd, hydra.sweep.dir)))
        sweep = str(sweep_name or folder.name)
        trial = int(hydra.job.num)
        overrides = _arguments_without_secrets(list(hydra.overrides.task), settings.where)
        return cls(
            folder,
            id=trial_run_id(sweep, folder, trial),
            name=f"{sweep}-{trial}",
            group=settings.group or os.environ.get("WANDB_RUN_GROUP") or sweep,
            job_type="trial",
            config={"trial": trial, "overrides": overrides},
        )
