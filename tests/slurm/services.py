"""What Slurm's own daemons need: munge, and for accounting a database."""

import secrets
import subprocess

from .daemons import Daemons


def start_munge(daemons: Daemons) -> None:
    folder = daemons.folder
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    files = [f"--{kind}-file={folder}/munged.{kind}" for kind in ("pid", "seed", "log")]
    # --force: munged would rather not have its socket below /tmp.
    socket = f"--socket={folder}/munge.socket"
    daemons.start("munged", "munged", "--foreground", "--force", f"--key-file={key}", socket, *files)
    daemons.wait("munged", (folder / "munge.socket").exists)


def start_database(daemons: Daemons, port: int) -> None:
    data, socket = daemons.folder / "database", daemons.folder / "database.socket"
    # Each server empties its folder of temporary tables when it starts, and /tmp is every server's.
    temporary = daemons.folder / "tables"
    temporary.mkdir()
    install_db = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--tmpdir={temporary}", "--user=root"]
    subprocess.run([*install_db, "--auth-root-authentication-method=socket"], check=True, capture_output=True)
    options = [f"--datadir={data}", f"--tmpdir={temporary}", f"--socket={socket}", f"--port={port}", "--user=root"]
    daemons.start("mariadbd", "mariadbd", "--no-defaults", "--bind-address=127.0.0.1", *options)
    client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "-e"]
    daemons.wait("mariadbd", lambda: daemons.succeeds(*client, "select 1"))
    grant = "create database slurm; grant all on slurm.* to slurm@'127.0.0.1' identified by 'slurm'"
    subprocess.run([*client, grant], check=True, capture_output=True)
