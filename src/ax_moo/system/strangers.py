"""Whether another user could have written a file or folder: what it says is then not run, and nobody killed for it.

The owner counts as the file system shows it. Rights that access control lists give are not looked at.
"""

import errno
import grp
import os
import pwd
import stat
import tempfile
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from pathlib import Path

TRUST = "AX_MOO_TRUST"
"""The variable by which ``ax-moo resume --trust`` tells the sweep's process which folder it may trust."""

_ROOT = 0
_trusted: set[str] = set()


def trust(folder: Path) -> None:
    """Let this process take what is in the folder of another user, and the files of its jobs, for its own."""
    _trusted.add(os.path.realpath(folder))


def take_trust(environ: MutableMapping[str, str], folder: Path) -> None:
    """Trust the folder if ``ax-moo resume --trust`` has said so; what this process starts is not told."""
    if environ.pop(TRUST, None) == os.path.realpath(folder):
        trust(folder)


def is_trusted(folder: Path) -> bool:
    return os.path.realpath(folder) in _trusted


def why_anothers(path: Path) -> str | None:
    """Who else owns the file or folder, or the link in its place; None for one's own, the system's, or none."""
    with suppress(OSError):  # whoever reads it says what is wrong
        for found in (os.lstat(path), os.stat(path)):
            if not _is_own(found, path):
                return f"{path} belongs to {_user(found.st_uid)}"
    return None


def why_written_by_others(path: Path) -> str | None:
    """Who could have changed the file or folder; a folder's group may: the files in it are their owners'."""
    with suppress(OSError):  # whoever reads it says what is wrong
        return why_anothers(path) or _why_open(os.stat(path), path)
    return None


def why_replaceable(folder: Path) -> str | None:
    """The folder above in which every user can put another one in its place; /tmp is sticky, which prevents that.

    Another user may own a folder above, as that of a project: what this user can put in place is another user's.
    """
    for above in Path(os.path.realpath(folder)).parents:
        mode = os.stat(above).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"every user can write to {above}, and put another folder in its place"
    return None


def read_own(path: Path) -> bytes:
    """The content of a file that nobody else can have written.

    Raises:
        PermissionError: another user can have written it.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if not _trusted:
            why = None if _is_own(found, path) else f"it belongs to {_user(found.st_uid)}"
            why = why or (found.st_mode & stat.S_IWOTH and "every user can write to it") or None
            if why is not None:
                raise PermissionError(errno.EPERM, why, str(path))
        return file.read()


def first_complaint(complaints: Iterable[str | None]) -> str | None:
    return next((each for each in complaints if each is not None), None)


def _is_own(found: os.stat_result, path: Path) -> bool:
    return found.st_uid in (os.geteuid(), _ROOT) or found.st_uid == _own_owner(path.parent)


def _own_owner(folder: Path) -> int | None:
    """The owner that the file system gives to this user's files: a server may map users to others."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        uid = os.fstat(file.fileno()).st_uid
        return uid if uid != _ROOT else None
    return None


def _why_open(found: os.stat_result, path: Path) -> str | None:
    is_file = stat.S_ISREG(found.st_mode)
    if found.st_mode & stat.S_IWOTH and (is_file or stat.S_ISDIR(found.st_mode)):
        return f"every user can write to {path}"
    if found.st_mode & stat.S_IWGRP and is_file and not _is_private(found.st_gid):
        return f"group {_group(found.st_gid)} can write to {path}"
    return None


def _is_private(group: int) -> bool:
    """Whether the group is the user's alone, as many systems give each user one of the same name."""
    try:
        me, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return group == os.getegid()
    return group == me.pw_gid and found.gr_name == me.pw_name and set(found.gr_mem) <= {me.pw_name}


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
