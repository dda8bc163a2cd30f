import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ax_moo.errors import ConfigError
from ax_moo.lock import LOCK_FILE, held

pytestmark = pytest.mark.hydra_free

HOLD = """
import sys
from pathlib import Path
from ax_moo.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    with held(tmp_path):
        holder = json.loads((tmp_path / LOCK_FILE).read_text())
    assert (holder["host"], holder["pid"]) == (socket.gethostname(), os.getpid())


def test_a_second_process_is_refused_and_told_who_holds_it_until_that_one_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=rf"process {other.pid} on {socket.gethostname()}"), held(tmp_path):
            pass
        other.kill()
        other.wait()
    with held(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()
