"""CPU time that our plug-ins cost every Hydra application: ``python benchmarks/import_cost.py``.

Hydra imports all plug-ins of the environment at its start. Each run is a process of its own that has imported Hydra
already; the smallest of several counts, because everything else on the machine only adds to it.
"""

import json
import subprocess
import sys

PLUGINS = (
    "hydra_plugins.ax_moo_sweeper.sweeper",
    "hydra_plugins.ax_moo_sweeper.command_line",
    "hydra_plugins.async_submitit_launcher.launcher",
)
RUNS = 7

IMPORT = """
import importlib, json, sys, time
import hydra, hydra.core.plugins, hydra.plugins.launcher, hydra.plugins.sweeper

before, begin = set(sys.modules), time.process_time()
for name in sys.argv[1:]:
    importlib.import_module(name)
milliseconds = 1000 * (time.process_time() - begin)
print(json.dumps([milliseconds, sorted(set(sys.modules) - before)]))
"""


def measure(*modules: str) -> tuple[float, list[str]]:
    """Milliseconds of one import of these modules, and the modules that it brought in."""
    done = subprocess.run([sys.executable, "-c", IMPORT, *modules], check=True, capture_output=True, text=True)
    milliseconds, brought = json.loads(done.stdout)
    return milliseconds, brought


def main() -> None:
    for modules in (*((plugin,) for plugin in PLUGINS), PLUGINS):
        best = min(measure(*modules)[0] for _ in range(RUNS))
        print(f"{best:5.1f} ms  {' + '.join(name.removeprefix('hydra_plugins.') for name in modules)}")


if __name__ == "__main__":
    main()
