"""The W&B run of one training: its place in the sweep, and its end whatever becomes of the training or of W&B."""

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only
from pytorch_lightning.utilities.exceptions import SIGTERMException

from ax_moo.system.redaction import HIDDEN, override_without_secrets
from ax_moo.system.text import error_line
from ax_moo.wandb.run_state import joined_sweep
from ax_moo.wandb.service import GRACE, QUIET_AND_BOUNDED, modes_to_try, tear_down
from ax_moo.wandb.settings import trial_run_id
from ax_moo.wandb.training_logger import TrialLogger
from nas.checks import InvalidConfig

log = logging.getLogger(__name__)

MODES = ("online", "offline", "disabled", "auto")
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 255
"""The exit code by which W&B itself records a Ctrl-C."""


@contextmanager
def wandb_run(config: DictConfig) -> Iterator[Logger | None]:
    """The W&B run of this training as a Lightning logger; None where W&B does not work, which is logged once.

    The run ends with the block: with exit code 0, with 1 after an exception, and as preempted when the training was
    told to go away (SIGTERM, or submitit's requeue), so that the requeued trial goes on with the same run.
    """
    run = _start(config) if rank_zero_only.rank == 0 else None
    if run is None:
        yield None
        return
    logger = TrialLogger(run, config.logger.finish_timeout)
    with _sigterm_noticed() as terminated:
        try:
            yield logger
        except BaseException as error:
            code = _exit_code(error, terminated.is_set())
            logger.close(code, preempted=code == TERMINATED)
            raise
        logger.close(0)


def finish_summary(logger: Logger | None, outcome: Mapping[str, float]) -> None:
    """Write the objectives as plain numbers into the run's summary, where W&B's tables and sweeps read them."""
    if isinstance(logger, TrialLogger):
        logger.summarize(outcome)


def _start(config: DictConfig) -> Any:
    """A started run, or None. An online run that cannot start is kept offline, to be uploaded by ``wandb sync``."""
    modes = _modes(config)
    # A process that uses W&B hands its service down to its children, and dies before they do.
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
            run = _init(wandb, config, mode)
        except Exception as error:
            reasons.append(error_line(error))
            tear_down(wandb, config.logger.finish_timeout + GRACE)
        else:
            _tell(run, mode, reasons)
            return run
    log.warning("W&B: %s; training goes on without it", reasons[0])
    return None


def _modes(config: DictConfig) -> tuple[str, ...]:
    """The modes to try, one after the other."""
    mode = config.logger.mode
    if mode not in MODES:
        raise InvalidConfig(f"logger.mode={mode}: it must be {', '.join(MODES[:-1])} or {MODES[-1]}.")
    for key in ("init_timeout", "finish_timeout"):
        seconds = config.logger[key]
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise InvalidConfig(f"logger.{key}={seconds}: it must be a number of seconds above 0.")
    return modes_to_try(mode)


def _init(wandb: Any, config: DictConfig, mode: str) -> Any:
    # A silent session never asks for an API key, also where there is a terminal.
    wandb.setup(wandb.Settings(silent=True))
    with _secrets_not_in_argv():
        return wandb.init(**_arguments(config), mode=mode, settings=wandb.Settings(**_settings(config)))


@contextmanager
def _secrets_not_in_argv() -> Iterator[None]:
    """W&B uploads the arguments of the process that starts a run."""
    arguments = sys.argv
    sys.argv = [without_secrets(each) for each in arguments]
    try:
        yield
    finally:
        sys.argv = arguments


def _tell(run: Any, mode: str, reasons: list[str]) -> None:
    if reasons:
        log.warning("W&B: %s; the run is kept on disk, for wandb sync %s", reasons[0], Path(run.dir).parent)
    elif mode == "online":
        log.info("W&B run %s", run.url)


def _arguments(config: DictConfig) -> dict[str, Any]:
    options = config.logger
    identity = RunIdentity.of(config)
    identity.folder.mkdir(parents=True, exist_ok=True)
    return {
        "project": options.project,
        "entity": options.entity,
        "tags": list(options.tags) or None,
        "config": _nested_config(config) | identity.config,
        "id": identity.id,
        "name": identity.name,
        "group": identity.group,
        "job_type": identity.job_type,
        "dir": str(identity.folder),
        "resume": "allow" if identity.id else None,
        "allow_val_change": True,
    }


def _settings(config: DictConfig) -> dict[str, Any]:
    options = config.logger
    timeouts = {name: float(options[name]) for name in ("init_timeout", "finish_timeout")}
    own: Any = OmegaConf.to_container(options.settings, resolve=True)
    return {**QUIET_AND_BOUNDED, **timeouts, "sweep_id": _wandb_sweep(config), **own}


def _wandb_sweep(config: DictConfig) -> str | None:
    """The W&B sweep of hydra.sweeper.wandb.sweep=true."""
    identity = RunIdentity.of(config)
    return joined_sweep(identity.folder, config.logger.project) if identity.id else None


def _nested_config(config: DictConfig) -> dict[str, Any]:
    container: Any = OmegaConf.to_container(config, resolve=True)
    # Settings may hold an API key.
    return {**container, "logger": {**container["logger"], "settings": None}}


def _exit_code(error: BaseException, terminated: bool) -> int:
    if terminated or isinstance(error, SIGTERMException):
        return TERMINATED
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, SystemExit):
        code = error.code if error.code is None or isinstance(error.code, int) else 1
        # submitit ends a job that it has requeued by sys.exit(-1).
        return TERMINATED if code == -1 else code or 0
    return 1


@contextmanager
def _sigterm_noticed() -> Iterator[threading.Event]:
    """An event that says whether SIGTERM came, under whatever else handles it.

    A handler that was there before (submitit's, which lets SIGTERM pass) is called and decides. Without one the
    signal would kill the process before its run could end; it becomes SystemExit instead. Lightning puts its own
    handler around this one while it trains.
    """
    noticed = threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield noticed
        return

    def notice(signum: int, frame: Any) -> None:
        noticed.set()
        if not callable(before):
            raise SystemExit(TERMINATED)
        before(signum, frame)

    signal.signal(signal.SIGTERM, notice)
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class RunIdentity:
    """``id`` is None where W&B is to make one up; W&B adds the folder ``wandb`` to ``folder``."""

    folder: Path
    id: str | None = None
    name: str | None = None
    group: str | None = None
    job_type: str = "training"
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: DictConfig) -> "RunIdentity":
        options = config.logger
        if not HydraConfig.initialized():
            return cls(Path.cwd(), name=options.name, group=options.group)
        hydra = HydraConfig.get()
        if hydra.mode != RunMode.MULTIRUN:
            return cls(Path(hydra.runtime.output_dir), name=options.name, group=options.group)
        folder = Path(os.path.abspath(os.path.join(hydra.runtime.cwd, hydra.sweep.dir)))
        sweep = str(OmegaConf.select(config, "sweep_name") or folder.name)
        trial = int(hydra.job.num)
        return cls(
            folder,
            id=trial_run_id(sweep, folder, trial),
            name=f"{sweep}-{trial}",
            group=options.group or sweep,
            job_type="trial",
            config={"trial": trial, "overrides": [without_secrets(each) for each in hydra.overrides.task]},
        )


def without_secrets(override: str) -> str:
    """The override without what W&B is not to be told: settings of its client may be anything, an API key too."""
    key, assigned, _ = override.partition("=")
    is_setting = assigned and re.fullmatch(r"\+{0,2}logger\.settings(\..*)?", key)
    return f"{key}={HIDDEN}" if is_setting else override_without_secrets(override)
