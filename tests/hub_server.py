"""A small Hub for tests: a real HTTP server on this machine that speaks what huggingface_hub asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_ThisIsTheSecretTokenOfTheTests0123"
OWNER = "ann"
LARGE = (".safetensors", ".onnx", ".png")


@dataclass
class Repo:
    """A repo: its commits, each with all of its files, and the branches that name them."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], branch: str = "main", message: str = "initial") -> str:
        content = [(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]
        sha = hashlib.sha1(json.dumps([content, len(self.commits)]).encode()).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        self.messages.append(message)
        return sha

    def files(self, revision: str = "main") -> dict[str, bytes] | None:
        return self.commits.get(self.branches.get(revision, revision))


@dataclass
class Hub:
    """The server's state, and what goes wrong at it."""

    endpoint: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    uploads: list[str] = field(default_factory=list)
    """sha256 of each large file that arrived."""
    stall_upload: int | None = None
    """The number of large files after which one more is read, but never answered."""
    stalled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    drop_once: str = ""
    """The name of a file of which half is sent once, before the connection is closed."""
    damage: str = ""
    """The name of a file that is sent with one byte changed."""
    complaint: tuple[int, str] | None = None
    """Status and words with which every commit is answered."""

    def repo(self, name: str) -> Repo:
        return self.repos[f"{OWNER}/{name}"]


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, values: Any = None, body: bytes | None = None, **headers: str) -> None:
        data = body if body is not None else json.dumps({} if values is None else values).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def error(self, status: int, words: str, code: str = "") -> None:
        headers = {"X_Error_Message": words} | ({"X_Error_Code": code} if code else {})
        self.answer(status, {"error": words}, **headers)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_one(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        given = self.headers.get("Authorization")
        if path.startswith("/lfs/"):
            self.lfs(path)
            return
        content = self.body()
        if given not in (None, f"Bearer {TOKEN}"):
            self.error(401, "Invalid credentials in Authorization header")
            return
        self.owner = given is not None
        for method, pattern, function in (
            ("GET", r"/api/whoami-v2", self.whoami),
            ("POST", r"/api/validate-yaml", self.validate),
            ("POST", r"/api/repos/create", self.create),
            ("GET", r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", self.info),
            ("POST", r"/api/models/([^/]+/[^/]+)/branch/(.+)", self.branch),
            ("POST", r"/api/models/([^/]+/[^/]+)/preupload/(.+)", self.preupload),
            ("POST", r"/api/models/([^/]+/[^/]+)/commit/(.+)", self.commit),
            ("POST", r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self.batch),
            ("GET|HEAD", r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.resolve),
        ):
            found = re.fullmatch(pattern, path)
            if found and self.command in method.split("|"):
                function(content, *found.groups())
                return
        self.error(404, f"no such page: {self.command} {path}")

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def visible(self, name: str) -> Repo | None:
        """The repo; an answer was given if there is none to be seen."""
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self.owner):
            self.error(404 if self.owner else 401, "Repository not found", "RepoNotFound")
            return None
        return repo

    def writable(self, name: str) -> Repo | None:
        repo = self.visible(name)
        if repo is not None and not self.owner:
            self.error(403, "You don't have the rights")
            return None
        return repo

    def whoami(self, _: bytes) -> None:
        if self.owner:
            self.answer(200, {"name": OWNER, "type": "user"})
        else:
            self.error(401, "Invalid credentials in Authorization header")

    def validate(self, content: bytes) -> None:
        text = json.loads(content)["content"]
        if "license: no-such" in text:
            self.answer(400, {"errors": [{"message": '"license" must be one of [mit, ...]'}], "warnings": []})
        else:
            self.answer(200, {"errors": [], "warnings": [{"message": "a warning of the server"}]})

    def create(self, content: bytes) -> None:
        wanted = json.loads(content)
        name = f"{wanted['organization']}/{wanted['name']}"
        if not self.owner:
            self.error(401, "Invalid username or password.")
        elif wanted["organization"] != OWNER:
            self.error(403, "You don't have the rights to create a model under this namespace")
        elif name in self.hub.repos:
            self.answer(409, {"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{name}"})
        else:
            private = bool(wanted.get("private")) or wanted.get("visibility") == "private"
            self.hub.repos[name] = Repo(private)
            self.hub.repos[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
            self.answer(200, {"url": f"{self.hub.endpoint}/{name}"})

    def info(self, _: bytes, name: str, revision: str | None) -> None:
        repo = self.visible(name)
        if repo is None:
            return
        files = repo.files(revision or "main")
        if files is None:
            self.error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            return
        siblings = []
        for path, data in files.items():
            about: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
            if path.endswith(LARGE):
                about["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(about)
        sha = repo.branches.get(revision or "main", revision)
        self.answer(200, {"id": name, "sha": sha, "private": repo.private, "siblings": siblings})

    def branch(self, _: bytes, name: str, branch: str) -> None:
        repo = self.writable(name)
        if repo is None:
            return
        if branch in repo.branches:
            self.error(409, "Reference already exists")
            return
        repo.branches[branch] = repo.branches["main"]
        self.answer(200)

    def preupload(self, content: bytes, name: str, revision: str) -> None:
        repo = self.writable(name)
        if repo is None:
            return
        files = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for each in json.loads(content)["files"]
        ]
        self.answer(200, {"files": files})

    def batch(self, content: bytes, name: str) -> None:
        if self.writable(name) is None:
            return
        objects = json.loads(content)["objects"]
        for each in objects:
            if each["oid"] not in self.hub.large:  # otherwise nothing is to be done
                address = f"{self.hub.endpoint}/lfs/{each['oid']}"
                each["actions"] = {"upload": {"href": address}, "verify": {"href": f"{address}/verify"}}
        self.answer(200, {"transfer": "basic", "objects": objects})

    def lfs(self, path: str) -> None:
        oid = path.split("/")[2]
        content = self.body()
        if path.endswith("/verify"):
            self.answer(200 if oid in self.hub.large else 404)
            return
        if self.hub.stall_upload is not None and len(self.hub.uploads) >= self.hub.stall_upload:
            self.hub.stalled.set()
            self.hub.over.wait()
            self.close_connection = True
            return
        if hashlib.sha256(content).hexdigest() != oid:
            self.error(400, "wrong sha256")
            return
        self.hub.large[oid] = content
        self.hub.uploads.append(oid)
        self.answer(200)

    def commit(self, content: bytes, name: str, branch: str) -> None:
        repo = self.writable(name)
        if repo is None:
            return
        if self.hub.complaint is not None:
            self.error(*self.hub.complaint)
            return
        files, message = dict(repo.files(branch) or {}), ""
        for line in map(json.loads, content.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = repo.commit(files, branch, message)
        self.answer(200, {"success": True, "commitOid": sha, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{sha}"})

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        repo = self.visible(name)
        if repo is None:
            return
        files = repo.files(revision)
        if files is None:
            self.error(404, "Invalid rev id", "RevisionNotFound")
            return
        if path not in files:
            self.error(404, "Entry not found", "EntryNotFound")
            return
        data = files[path]
        etag = hashlib.sha256(data).hexdigest() if path.endswith(LARGE) else git_sha1(data)
        headers = {
            "ETag": f'"{etag}"',
            "X_Repo_Commit": repo.branches.get(revision, revision),
            "Accept_Ranges": "bytes",
        }
        start = int(re.findall(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[0])
        if path == self.hub.damage:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if path == self.hub.drop_once and self.command == "GET":
            self.hub.drop_once = ""
            self.send_response(200)
            for key, value in {**headers, "Content_Length": str(len(data))}.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.answer(206 if start else 200, body=data[start:], **headers)


@contextmanager
def hub() -> Iterator[Hub]:
    """A Hub that runs for the time of the block."""
    state = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": state}))
    server.daemon_threads = True
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
