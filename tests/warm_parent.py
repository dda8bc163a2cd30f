"""A program that is a parent for the forks of a test: it answers a line of JSON with the fork's exit code."""

import json
import os
import sys
import time

from ax_moo_launchers.warm.modules import Modules
from ax_moo_launchers.warm.preloaded import Preloaded


def main() -> None:
    wish = json.loads(sys.argv[1])
    requests, answers = os.dup(0), os.dup(1)
    loaded = Preloaded(Modules(**wish["modules"]), more=wish.get("more", ()), own_variables=("OWN",))
    if loaded.is_spoilt and wish.get("times", 0) < 3:
        wish = {
            **wish,
            "times": wish.get("times", 0) + 1,
            "modules": {**wish["modules"], "left_out": loaded.modules.left_out},
        }
        os.dup2(requests, 0)
        os.dup2(answers, 1)
        os.execv(sys.executable, [*sys.orig_argv[:-1], json.dumps(wish)])
    about = {"left_out": loaded.modules.left_out, "missing": loaded.missing}
    with os.fdopen(requests) as reading, os.fdopen(answers, "w") as writing:
        print(json.dumps(about), file=writing, flush=True)
        while line := reading.readline():
            request = json.loads(line)
            why = loaded.why_unfit()
            print(json.dumps(why if why else _code(loaded, **request)), file=writing, flush=True)


def _code(loaded: Preloaded, module: str, arguments: list[str], environ: dict[str, str], out: str) -> int:
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    fork = loaded.start(module, arguments, environ, (nothing, output, output))
    while fork.poll() is None:
        time.sleep(0.001)
    os.close(nothing)
    os.close(output)
    assert fork.returncode is not None
    return fork.returncode


if __name__ == "__main__":
    main()
