"""A W&B server on 127.0.0.1 for wandb's own client to talk to, and the ways in which such a server fails."""

import contextlib
import gzip
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from wandb_backend import Backend, FakeRun
from wandb_graphql import UnknownQuery, answer

Fault = Literal["refuse", "silent", "500", "429"]
API_KEY = "local0fake0key0" + "0" * 30


class FakeWandb:
    """The server; ``fault`` makes it fail from then on, None makes it work again.

    ``runs`` maps a run's id to what the server knows of it; ``requests`` lists what was asked, GraphQL by the name of
    the operation.
    """

    def __init__(self, entity: str = "team") -> None:
        self.backend = Backend(entity)
        self.requests: list[str] = []
        self._fault: Fault | None = None
        self._awake = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    @property
    def runs(self) -> dict[str, FakeRun]:
        return self.backend.runs

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        self._awake.set()
        self._awake = threading.Event()
        if fault == "refuse":
            self._close()
        elif self._server is None:
            self._open()

    def start(self) -> "FakeWandb":
        self._open()
        return self

    def stop(self) -> None:
        self._awake.set()
        self._close()

    def environment(self) -> dict[str, str]:
        """The environment of a process that is to use this server, with nothing of the user's own W&B in it."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        return kept | {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": API_KEY,
            "WANDB_ERROR_REPORTING": "false",
            "NETRC": os.devnull,
        }

    def _open(self) -> None:
        handler = type("Handler", (_Handler,), {"wandb": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = self._server.server_address[1]
        self.backend.url = self.url
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    """``HTTP/1.0``: one request a connection, so that a fault takes effect at once."""

    wandb: FakeWandb

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""

    def _handle(self) -> None:
        wandb = self.wandb
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        if wandb.fault == "silent":
            wandb._awake.wait()
        elif wandb.fault in ("500", "429"):
            self._reply(int(wandb.fault), b"{}")
        elif path == "/graphql":
            self._graphql(json.loads(body))
        elif path.endswith("/file_stream"):
            self._file_stream(path, body)
        elif path.startswith("/storage/"):
            self._storage(path, body)
        else:
            wandb.requests.append(path)
            self._reply(404, b"{}")

    def _graphql(self, request: dict[str, Any]) -> None:
        query = request["query"]
        self.wandb.requests.append(request.get("operationName") or " ".join(query.split())[:60])
        try:
            data = answer(query, request.get("variables") or {}, self.wandb.backend.resolvers())
        except UnknownQuery as error:
            self._reply(400, json.dumps({"errors": [{"message": str(error)}]}).encode())
        else:
            self._reply(200, json.dumps({"data": data}).encode())

    def _file_stream(self, path: str, body: bytes) -> None:
        self.wandb.requests.append("file_stream")
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        _, entity, project, run_id = path.rsplit("/", 1)[0].rsplit("/", 3)
        run = self.wandb.runs.setdefault(run_id, FakeRun(run_id, entity, project))
        run.receive(json.loads(body))
        self._reply(200, b'{"exitcode": null, "limits": {}}')

    def _storage(self, path: str, body: bytes) -> None:
        _, _, kind, owner, name = path.split("/", 4)
        backend = self.wandb.backend
        files = backend.runs[owner].files if kind == "run" else backend.artifacts[owner]["files"]
        if self.command == "PUT":
            self.wandb.requests.append(f"PUT {name}")
            files[name] = body
            self._reply(200, b"")
        else:
            self._reply(200 if name in files else 404, files.get(name, b""))

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(name="wandb_server")
def provide_wandb_server() -> Iterator[FakeWandb]:
    """A server of the test's own; the test fails if one of its clients left a process behind."""
    with running_server() as server:
        yield server


@pytest.fixture(name="server", scope="module")
def provide_server() -> Iterator[FakeWandb]:
    """One server for all tests of a module."""
    with running_server() as server:
        yield server


@contextlib.contextmanager
def running_server() -> Iterator[FakeWandb]:
    """A server whose clients must all have ended with the block."""
    server = FakeWandb().start()
    yield server
    _, alive = psutil.wait_procs(_service_processes(server.url), timeout=10)
    server.stop()
    for process in alive:
        process.kill()
    assert not alive


def _service_processes(url: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            if process.info["name"] == "wandb-core" and process.environ().get("WANDB_BASE_URL") == url:
                found.append(process)
    return found
