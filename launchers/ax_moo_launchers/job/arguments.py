"""The arguments with which the user has started a script, which may have taken some of them out of ``sys.argv``."""

import os
import sys


def given_arguments(file: str, module: str | None) -> tuple[str, ...]:
    """The arguments of the script; those of ``sys.argv`` if another program, such as a profiler, has started it."""
    started, rest = _program(sys.orig_argv[1:])
    is_ours = started is not None and started in (module, f"{module}".removesuffix(".__main__"))
    if is_ours or (started is not None and module is None and _is_the_end_of(started, file)):
        return tuple(rest)
    return tuple(sys.argv[1:])


def _program(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The script or the module that Python was told to run, and its arguments."""
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("-") or option == "-":
            return option, rest
        if option.startswith("--"):
            del rest[: option == "--check-hash-based-pycs"]
            continue
        for at, letter in enumerate(option):
            attached = option[at + 1 :]
            if letter in "mc":
                return (attached, rest) if attached else (rest[0] if rest else None, rest[1:])
            if letter in "WX":
                del rest[: not attached]
                break
    return None, []


def _is_the_end_of(started: str, file: str) -> bool:
    """Whether a path is that of the file or its folder; it may be relative to a working directory that was left."""
    end = os.sep + os.path.normpath(started).lstrip("./")
    return file.endswith(end) or os.path.dirname(file).endswith(end)
