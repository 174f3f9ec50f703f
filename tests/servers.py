"""Servers of a company, all on this machine: channels behind names, passwords, tokens and certificates, and a proxy.

Each notes what it is asked. What names end in ".test" only the proxy finds: here; any other it notes and refuses.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
from channel import Package, write_index, write_package
from conftest import ROOT, SHUTDOWN_POLL_S, wait_until

if TYPE_CHECKING:
    from typing import Callable, Collection, Iterator

    import trustme

PASSWORD, TOKEN = "pw-4711-secret", "tk-2357-secret"  # noqa: S105
NOTES = "COMPANY_PROXY_NOTES"  # the file that has a line for each request: USER METHOD HOST:PORT PATH
USERS = "COMPANY_PROXY_USERS"  # USER:PASSWORD, with commas between


def split_path(path: str) -> tuple[str, str]:
    """Return the channel that a path is of, without "/", and where in the channel it leads."""
    found = re.match(r"/(.*?)/?((?:noarch|(?:linux|osx|win)-\w+)/.*)", path)
    return (found[1], found[2]) if found else (path[1:], "")


class Handler(SimpleHTTPRequestHandler):
    """Answer with what a folder's channel has, whatever the channel is called."""

    server: Server

    def translate_path(self, path: str) -> str:
        return str(Path(self.server.folder, split_path(path.split("?")[0])[1]))

    def send_head(self) -> object:  # type: ignore[override]
        self.server.asked.append(self.path)
        refusal = self.server.find_refusal(self.path, self.headers.get("Authorization", ""))
        if refusal:
            self.server.refused.append(self.path)
            self.send_response(refusal)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if self.server.is_mad or self.server.is_stale and self.headers.get("If-Modified-Since"):
            self.server.refused.append(self.path)
            self.send_response(304)
            self.end_headers()
            return None
        if not self.server.is_stale:
            del self.headers["If-Modified-Since"]
        change = self.server.changes.get(Path(self.path).name)
        return self.send_changed(change) if change else super().send_head()

    def send_changed(self, change: Callable[[bytes], bytes]) -> BytesIO:
        content = change(Path(self.translate_path(self.path)).read_bytes())
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return BytesIO(content)

    def log_message(self, *words: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A server of a channel, which may want a password, or a token in the path."""

    daemon_threads = True

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.forget()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def forget(self) -> None:
        """Ask for nothing, and know nothing of what was asked."""
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.password = self.token = ""
        self.opens: dict[str, str] = {}  # by channel
        self.changes: dict[str, Callable[[bytes], bytes]] = {}  # what is made of a file's content, by its name
        self.is_stale = self.is_mad = False  # "not modified" is the answer to who asks that, or to anything

    def find_refusal(self, path: str, given: str) -> int:
        """Return the status that a request is refused with, 0 where it is not."""
        code = next((code for code in (401, 403, 404, 410) if f"/{code}/" in path), 0)
        password = self.opens.get(split_path(path)[0], self.password)
        wanted = "Basic " + base64.b64encode(password.encode()).decode()
        is_open = (not password or given == wanted) and (f"/t/{self.token}/" if self.token else "/") in path
        return code or 401 * (not is_open)

    @property
    def channels(self) -> list[str]:
        """Return the channels that somebody asked for, without "/", each once."""
        return list(dict.fromkeys(split_path(path)[0] for path in self.asked))

    @property
    def files(self) -> set[str]:
        """Return the files that somebody asked for."""
        return {path.rpartition("/")[2] for path in self.asked}

    def handle_error(self, request: object, address: object) -> None:
        """Say nothing: who asked did not like our certificate, or has gone."""


@contextmanager
def serving(folder: str, certificate: trustme.LeafCert | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    with Server(folder) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.url = f"https://{host}:{server.server_port}"
        thread = threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(channel: str) -> Iterator[Server]:
    """Serve the channel of these tests."""
    with serving(urlparse(channel).path) as server:
        yield server


def find_secrets(env_dir: Path, *texts: str, secrets: Collection[str] = (PASSWORD, TOKEN)) -> list[str]:
    """Return what was said and has a secret in it, and the files below env-dir that have one."""
    found = [text for text in texts if any(secret in text for secret in secrets)]
    for path in filter(Path.is_file, env_dir.rglob("*")):
        found += [str(path)] * any(secret.encode() in path.read_bytes() for secret in secrets)
    return found


class Proxy:
    """A proxy in a process of its own, whose users are told apart by name."""

    def __init__(self, port: int, notes: Path, users: dict[str, str]) -> None:
        self.port, self.notes, self.users = port, notes, users

    def find_url(self, user: str) -> str:
        """Return what a user writes into a variable or condarc."""
        return f"http://{user}:{self.users[user]}@127.0.0.1:{self.port}"

    def find_asked(self, user: str) -> list[str]:
        """Return what a user asked for: METHOD HOST:PORT PATH."""
        lines = self.notes.read_text("utf-8").splitlines()
        return [line.partition(" ")[2] for line in lines if line.split(" ")[0] == user]

    def clear(self) -> None:
        os.truncate(str(self.notes), 0)


@contextmanager
def proxying(folder: Path, users: dict[str, str]) -> Iterator[Proxy]:
    """Start the proxy of PyPI's proxy.py, with the plugin below."""
    notes, port = folder / "notes", folder / "port"
    notes.touch()
    environ = {**os.environ, NOTES: str(notes), USERS: ",".join(map(":".join, users.items()))}
    environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    argv = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(port)]
    argv += ["--num-workers", "1", "--num-acceptors", "1", "--plugins", "proxy_plugin.Plugin", "--log-level", "ERROR"]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(argv, env=environ, stdout=output, stderr=output, cwd=str(folder))
    try:
        wait_until(lambda: port.exists() and port.read_text().strip())
        yield Proxy(int(port.read_text()), notes, users)
    finally:
        process.terminate()
        process.wait()


def make_channel(folder: Path, *packages: Package) -> str:
    """Make a channel of a few packages, and return its URL."""
    for package in packages:
        write_package(package, folder)
    write_index(folder, packages)
    return folder.as_uri()


class Index:
    """An index of PyPI's kind on the loopback, in JSON (PEP 691), that says when files were uploaded (PEP 700).

    `uploads` has that time of each file of a folder, "" for a file of which it is not said.
    """

    def __init__(self, folder: Path, uploads: dict[str, str]) -> None:
        files: dict[str, list[dict[str, object]]] = {}
        for name, uploaded in uploads.items():
            digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            said = {"upload-time": uploaded, "size": (folder / name).stat().st_size} if uploaded else {}
            project = name.partition("-")[0].replace("_", "-")
            files.setdefault(project, []).append(
                {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": digest}, **said}
            )

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                *_, kind, name = self.path.strip("/").split("/")
                known = name in (uploads if kind == "files" else files)
                page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files.get(name)}
                body = (folder / name).read_bytes() if kind == "files" and known else json.dumps(page).encode()
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"
        threading.Thread(target=partial(self.server.serve_forever, SHUTDOWN_POLL_S), daemon=True).start()


class HeldWeb:
    """The packages of a channel over http, with answers that wait for a word."""

    def __init__(self, folder: str) -> None:
        asked, go_on = self.asked, self.go_on = threading.Event(), threading.Event()

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                go_on.wait(60)
                del self.headers["If-Modified-Since"]  # rattler takes no 304 for an answer
                super().do_GET()

            do_HEAD = do_GET

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=partial(self.server.serve_forever, SHUTDOWN_POLL_S), daemon=True).start()
