"""What a W&B server keeps of its clients' runs, and how it answers their GraphQL."""

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class FakeRun:
    """A run as the server knows it; ``id`` is the last part of its path."""

    id: str
    entity: str
    project: str
    display_name: str = ""
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    sweep: str | None = None
    tags: list[str] = field(default_factory=list)
    config_record: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    state: str = "running"
    exitcode: int | None = None
    preempting: bool = False
    starts: int = 0
    created: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    @property
    def config(self) -> dict[str, Any]:
        """The config as the user gave it."""
        return {key: entry["value"] for key, entry in self.config_record.items() if key != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream("wandb-history.jsonl")]

    def stream(self, name: str) -> list[str]:
        return self.streams.get(name, [])

    def receive(self, body: dict[str, Any]) -> None:
        """One request to the run's ``file_stream``."""
        for name, chunk in body.get("files", {}).items():
            if name == "wandb-summary.json":
                self.summary = json.loads(chunk["content"][-1])
                continue
            lines = self.streams.setdefault(name, [])
            lines[chunk["offset"] :] = chunk["content"]
        self.preempting = self.preempting or bool(body.get("preempting"))
        if body.get("complete"):
            self.exitcode = body.get("exitcode")
            failed = "preempted" if self.preempting else "failed"
            self.state = "finished" if self.exitcode == 0 else failed


class Backend:
    """Runs, artifacts and sweeps, and the resolvers of the queries about them."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.url = ""
        self.runs: dict[str, FakeRun] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.sweeps: dict[str, dict[str, Any]] = {}
        self.projects: set[tuple[str, str]] = set()
        self.views: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def resolvers(self) -> dict[str, Any]:
        return {
            "viewer": self._viewer,
            "serverInfo": lambda: {"features": [], "cliVersionInfo": {}, "latestLocalVersionInfo": None},
            "entity": lambda name: {"id": name, "name": name, "organization": {}},
            "organization": lambda name: {"featureFlags": []},
            "model": self._project,
            "project": self._known_project,
            "models": self._projects_of,
            "upsertModel": self._upsert_project,
            "upsertBucket": self._upsert_run,
            "createRunFiles": self._create_files,
            "markRunFilesUploaded": lambda input: {"success": True},
            "createArtifact": self._create_artifact,
            "createArtifactManifest": self._create_manifest,
            "updateArtifactManifest": self._create_manifest,
            "createArtifactFiles": self._create_artifact_files,
            "commitArtifact": self._commit_artifact,
            "useArtifact": lambda input: {"artifact": self.artifacts.get(input["artifactID"])},
            "upsertSweep": self._upsert_sweep,
            "upsertView": self._upsert_view,
        }

    def _viewer(self) -> dict[str, Any]:
        return {
            "id": "user",
            "entity": self.entity,
            "username": self.entity,
            "name": self.entity,
            "email": "user@example.org",
            "flags": "{}",
            "teams": {"edges": [{"node": {"name": self.entity}}]},
        }

    def _known_project(self, name: str | None, entityName: str | None = None) -> dict[str, Any] | None:
        known = (entityName or self.entity, name or "uncategorized") in self.projects
        return self._project(name, entityName) if known else None

    def _projects_of(self, entityName: str, after: Any = None, first: int = 50) -> dict[str, Any]:
        names = sorted(name for entity, name in self.projects if entity == entityName)
        return _connection([self._project(name, entityName) for name in names], after, first)

    def _upsert_project(self, input: dict[str, Any]) -> dict[str, Any]:
        project = self._project(input.get("name"), input.get("entityName"))
        self.projects.add((project["entityName"], project["name"]))
        return {"project": project, "inserted": True}

    def _project(self, name: str | None, entityName: str | None = None) -> dict[str, Any]:
        project, entity = name or "uncategorized", entityName or self.entity

        def run(name: str, missingOk: bool = False) -> dict[str, Any] | None:
            found = self.runs.get(name)
            return _run_record(found) if found else None

        def runs(filters: Any = None, after: Any = None, first: int = 50, order: Any = None) -> dict[str, Any]:
            return _connection(self._runs(entity, project, filters), after, first)

        return {
            "id": project,
            "__typename": "Project",
            "createdAt": "2026-01-01T00:00:00Z",
            "isBenchmark": False,
            "internalId": base64.b64encode(b"ProjectInternalId:1").decode(),
            "name": project,
            "entityName": entity,
            "entity": {"id": entity, "name": entity},
            "readOnly": False,
            "runCount": lambda filters=None: len(self._runs(entity, project, filters)),
            "bucket": run,
            "run": run,
            "runs": runs,
            "sweep": lambda sweepName=None, name=None, **_: self.sweeps.get(sweepName or name),
        }

    def _runs(self, entity: str, project: str, filters: str | None) -> list[dict[str, Any]]:
        there = [run for run in self.runs.values() if (run.entity, run.project) == (entity, project)]
        return [_run_record(run) for run in there if _matches(run, json.loads(filters or "{}"))]

    def _upsert_run(self, input: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            name = input.get("name") or _run_name(input["id"])
            inserted = name not in self.runs
            project, entity = input.get("modelName") or "uncategorized", input.get("entityName") or self.entity
            run = self.runs.setdefault(name, FakeRun(name, entity, project, display_name=name))
            self.projects.add((run.entity, run.project))
        run.starts += input.get("host") is not None
        run.display_name = input.get("displayName") or run.display_name
        run.group = input.get("groupName") or run.group
        run.job_type = input.get("jobType") or run.job_type
        run.notes = input.get("notes") or run.notes
        run.sweep = input.get("sweep") or run.sweep
        run.tags = input["tags"] if input.get("tags") is not None else run.tags
        run.state = input.get("state") or run.state
        run.config_record |= json.loads(input.get("config") or "{}")
        run.summary |= json.loads(input.get("summaryMetrics") or "{}")
        return {"bucket": _run_record(run), "inserted": inserted}

    def _create_files(self, input: dict[str, Any]) -> dict[str, Any]:
        base = f"{self.url}/storage/run/{input['runName']}"
        files = [{"name": name, "uploadUrl": f"{base}/{name}"} for name in input["files"]]
        return {"runID": input["runName"], "uploadHeaders": [], "files": files}

    def _create_artifact(self, input: dict[str, Any]) -> dict[str, Any]:
        names = {"name": input["artifactCollectionName"], "type": input["artifactTypeName"]}
        artifact = {
            **names,
            "id": f"artifact{len(self.artifacts)}",
            "digest": input["digest"],
            "runName": input.get("runName"),
            "state": "PENDING",
            "files": {},
            "artifactSequence": {"id": names["name"], "name": names["name"], "latestArtifact": None},
        }
        self.artifacts[artifact["id"]] = artifact
        return {"artifact": artifact}

    def _create_manifest(self, input: dict[str, Any]) -> dict[str, Any]:
        artifact = input.get("artifactID") or input["artifactManifestID"]
        url = f"{self.url}/storage/artifact/{artifact}/manifest.json"
        file = {"id": f"{artifact}-manifest", "uploadUrl": url, "uploadHeaders": []}
        return {"artifactManifest": {"id": artifact, "file": file}}

    def _create_artifact_files(self, input: dict[str, Any]) -> dict[str, Any]:
        nodes = []
        for file in input["artifactFiles"]:
            url = f"{self.url}/storage/artifact/{file['artifactID']}/{file['name']}"
            node = {"storagePath": file["name"], "uploadUrl": url, "uploadHeaders": []}
            nodes.append({"node": node | {"name": file["name"], "artifact": {"id": file["artifactID"]}}})
        return {"files": {"edges": nodes}}

    def _commit_artifact(self, input: dict[str, Any]) -> dict[str, Any]:
        artifact = self.artifacts[input["artifactID"]]
        artifact["state"] = "COMMITTED"
        return {"artifact": artifact}

    def _upsert_sweep(self, input: dict[str, Any]) -> dict[str, Any]:
        name = input.get("id") or f"sweep{len(self.sweeps)}"
        project = self._upsert_project({"name": input.get("projectName"), **input})["project"]
        sweep = self.sweeps.setdefault(name, {"id": name, "name": name, "project": project, "state": "PENDING"})
        sweep |= {key: value for key, value in input.items() if value is not None and key != "id"}
        for run in self.runs.values():
            if input.get("priorRunsFilters") and _matches(run, json.loads(input["priorRunsFilters"])):
                run.sweep = name
        return {"sweep": sweep, "configValidationWarnings": []}

    def _upsert_view(self, input: dict[str, Any]) -> dict[str, Any]:
        project = self._project(input.get("projectName"), input.get("entityName"))
        view = {**input, "id": f"view{len(self.views)}", "project": project}
        self.views.append(view)
        return {"view": view, "inserted": True}


def _run_name(storage_id: str) -> str:
    return base64.b64decode(storage_id).decode().split(":")[2]


def _run_record(run: FakeRun) -> dict[str, Any]:
    history, events = run.stream("wandb-history.jsonl"), run.stream("wandb-events.jsonl")

    def full_history(samples: int = 500, minStep: int = 0, maxStep: int = 2**62) -> list[str]:
        return [line for line in history if minStep <= json.loads(line)["_step"] < maxStep][:samples]

    def sampled_history(specs: list[str]) -> list[list[dict[str, Any]]]:
        wanted = [set(json.loads(spec).get("keys", ())) for spec in specs]
        return [[row for row in run.history if keys <= row.keys()] for keys in wanted]

    def parquet_history(liveKeys: list[str]) -> dict[str, Any]:
        return {"parquetUrls": [], "liveData": run.history}

    return {
        "id": base64.b64encode(f"Run:v1:{run.id}".encode()).decode(),
        "name": run.id,
        "projectId": "1",
        "displayName": run.display_name,
        "description": run.notes,
        "notes": run.notes,
        "sweepName": run.sweep,
        "state": run.state,
        "group": run.group,
        "jobType": run.job_type,
        "tags": run.tags,
        "config": json.dumps(run.config_record),
        "wandbConfig": lambda keys: json.dumps(run.config_record.get("_wandb", {}).get("value", {})),
        "summaryMetrics": json.dumps(run.summary),
        "systemMetrics": "{}",
        "readOnly": False,
        "createdAt": run.created,
        "heartbeatAt": run.created,
        "user": {"name": run.entity, "username": run.entity},
        "project": {
            "id": run.project,
            "name": run.project,
            "entity": {"id": run.entity, "name": run.entity},
        },
        "historyLineCount": len(history),
        "eventsLineCount": len(events),
        "logLineCount": len(run.stream("output.log")),
        "historyTail": json.dumps(history[-1:]),
        "eventsTail": json.dumps(events[-1:]),
        "historyKeys": _history_keys(run),
        "history": full_history,
        "sampledHistory": sampled_history,
        "parquetHistory": parquet_history,
        "fileCount": len(run.files),
    }


def _history_keys(run: FakeRun) -> dict[str, Any]:
    rows = run.history
    keys = {key: {"typeCounts": [{"type": "number", "count": len(rows)}]} for row in rows for key in row}
    return {"keys": keys, "lastStep": rows[-1]["_step"] if rows else -1, "sets": []}


def _connection(nodes: list[dict[str, Any]], after: str | None, first: int) -> dict[str, Any]:
    begin = int(after or 0)
    end = min(begin + first, len(nodes))
    edges = [{"node": node, "cursor": str(index + 1)} for index, node in enumerate(nodes[begin:end], begin)]
    return {
        "edges": edges,
        "pageInfo": {"__typename": "PageInfo", "endCursor": str(end), "hasNextPage": end < len(nodes)},
    }


def _matches(run: FakeRun, condition: dict[str, Any]) -> bool:
    """The part of W&B's filter language that selects runs by equality."""
    known = {"group": run.group, "state": run.state, "jobType": run.job_type, "name": run.id}
    known |= {"display_name": run.display_name, "displayName": run.display_name}
    for key, wanted in condition.items():
        if key == "$and":
            if not all(_matches(run, part) for part in wanted):
                return False
        elif key == "$or":
            if not any(_matches(run, part) for part in wanted):
                return False
        elif key == "tags":
            if not set(wanted["$in"] if isinstance(wanted, dict) else [wanted]) & set(run.tags):
                return False
        elif (known[key] not in wanted["$in"]) if isinstance(wanted, dict) else (known[key] != wanted):
            return False
    return True
