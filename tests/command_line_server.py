"""The process whose forks run the commands of tests.

It is run as ``python command_line_server.py FOLDER LOCK MODULE...``, and returns when it listens at ``FOLDER/socket``.
LOCK is the descriptor of the lock that it holds until then.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

SOCKET = "socket"
GREETING = b"ready\n"
LOCK = Path(tempfile.gettempdir(), f"forks-{os.getuid()}.lock")
"""Held by whoever starts a server or removes its folder."""

_FIRST_CLIENT_S = 60.0
"""How long the server waits for the process that started it. That process may have been killed."""


def serve(folder: Path, lock: int, *imported: str) -> None:
    import hydra  # noqa: F401
    from hydra.core.plugins import Plugins

    import ax_moo.session.run  # noqa: F401

    gc.disable()
    for name in imported:
        importlib.import_module(name)
    gc.enable()
    Plugins.instance()
    gc.freeze()  # each fork would otherwise collect, and so copy, the objects of every import
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen()
    inode = (folder / SOCKET).stat().st_ino
    if os.fork():
        os._exit(0)  # exit handlers would remove what the imports have made for the forks
    os.close(lock)
    os.setsid()
    if _answer(listener):
        _remove(listener, folder, inode)


def _answer(listener: socket.socket) -> bool:
    """Run what is asked for. This returns True when nobody is connected any more, and False in a fork at its end."""
    clients = selectors.SelectSelector()  # the descriptor of an epoll would be shared with the forks
    clients.register(listener, selectors.EVENT_READ)
    ready = clients.select(_FIRST_CLIENT_S)
    while ready:
        for key, _ in ready:
            _reap()
            if key.fileobj is listener:
                _welcome(listener, clients)
            elif not (request := _request(key)):
                clients.unregister(key.fileobj)
                _close(key)
            elif os.fork() == 0:
                listener.close()
                for other in clients.get_map().values():
                    if other.data and other is not key:
                        _close(other)
                _run(json.loads(request), key)
                return False
        if len(clients.get_map()) == 1:
            break
        ready = clients.select()
    return True


def _welcome(listener: socket.socket, clients: selectors.BaseSelector) -> None:
    connection, _ = listener.accept()
    try:
        connection.sendall(GREETING)
    except OSError:  # the process was killed
        connection.close()
        return
    clients.register(connection, selectors.EVENT_READ, connection.makefile("rw"))


def _request(client: selectors.SelectorKey) -> str:
    """The line that was sent, empty if the process has ended."""
    try:
        line: str = client.data.readline()
    except OSError:
        return ""
    return line


def _close(client: selectors.SelectorKey) -> None:
    with contextlib.suppress(OSError):
        client.data.close()
    client.fileobj.close()  # type: ignore[union-attr]


def _remove(listener: socket.socket, folder: Path, inode: int) -> None:
    """Remove the folder, unless it is another server's by now."""
    with listener, open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = folder / SOCKET
        if address.exists() and address.stat().st_ino == inode:
            shutil.rmtree(folder)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(request: dict[str, object], client: selectors.SelectorKey) -> None:
    """Wait for the command in one more fork, and note how it ended."""
    files = Path(str(request["files"]))
    pid = os.fork()
    if pid == 0:
        _close(client)
        _become(request, files)
        return
    with contextlib.suppress(OSError):
        print(pid, file=client.data, flush=True)
    _close(client)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(FileNotFoundError):  # the command has outlived the tests
        aside = files / "code.new"
        aside.write_text(str(code))
        aside.rename(files / "code")
    os._exit(0)


def _become(request: dict[str, object], files: Path) -> None:
    """End this process as ``python app.py`` would."""
    os.setsid()
    # Tests run in the background of a script ignore Ctrl-C, and hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(files / name, os.O_WRONLY), number)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[arg-type]
    if "KILL_AT" in os.environ:
        importlib.import_module("kill_points").arm(os.environ.pop("KILL_AT"))
    sys.argv = list(request["arguments"])  # type: ignore[arg-type]
    sys.orig_argv = [sys.executable, *sys.argv]
    script = Path(sys.argv[0]).absolute()
    path = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(script.parent), *(entry for entry in path if entry not in sys.path)]
    random.seed()
    code: object = None
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        code = end.code
        if not isinstance(code, int | None):
            raise
    _exit_without_taking_apart(code or 0)


def _exit_without_taking_apart(code: int) -> None:
    """Exit as Python does, but leave the modules as they are: taking Ax apart object by object takes 0.3 s of CPU."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
