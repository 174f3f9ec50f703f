"""Promise 13: an env that is marked is whole, on the disk, in its own place, for its own machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import channel as channel_program
import pytest
from channel import PLACEHOLDER, SITE_PACKAGES, Package, info_files, write_package
from conftest import CONDA, NO_CONDA, SHUTDOWN_POLL_S, TOOL
from rattler.index import index_fs
from test_engines import make_wheel
from test_launch import ALLOWED, imported
from test_store import mounted, needs_root, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from channel import Files
    from conftest import Environ, Run

    Write = Callable[..., Path]

pytestmark = pytest.mark.once

HELLO = conda_execute.find_name(["hello-conda"])
MARKER = conda_execute.MARKER
BUILT = "conda-execute: built "
STRACE, SETARCH = shutil.which("strace"), shutil.which("setarch")
MKFS = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin")


def make_channel(folder: Path, *packages: Package) -> str:
    """Make a channel of a few packages, and return its URL."""
    for package in packages:
        write_package(package, folder)
    asyncio.run(index_fs(folder))
    return folder.as_uri()


@pytest.fixture
def cache(environ: Environ, tmp_path: Path) -> Path:
    """Give this test a package cache of its own, to damage."""
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def look(run: Run, environ: Environ) -> Callable[[], None]:
    """Return a function that collects, under a setting by which nothing is too old."""

    def function() -> None:
        done = run("--tmpenv", "collect", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "1e6"})
        assert (done.returncode, done.stderr) == (0, "")

    return function


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path from there."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# -- on the disk before it is marked


def read_calls(log: Path) -> list[str]:
    """Return the system calls that strace saw, in the order in which they ended."""
    calls, begun = [], {}
    for line in log.read_text(errors="replace").splitlines():
        pid, call = line.split(None, 1)
        if call.endswith("<unfinished ...>"):
            begun[pid] = call[: -len("<unfinished ...>")]
        elif call.startswith("<... "):
            calls.append(begun.pop(pid, "") + call.split(" resumed>", 1)[1])
        else:
            calls.append(call)
    return calls


@pytest.mark.once
@pytest.mark.skipif(not STRACE, reason="needs strace")
def test_an_env_is_on_the_disk_before_its_marker_and_that_before_the_script_starts(
    write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    script, log, prefix = write("a.sh", "exit 0", "hello-conda"), tmp_path / "strace", env_dir / HELLO
    trace = "trace=openat,link,linkat,rename,renameat,renameat2,sync,syncfs,fsync,fdatasync,execve"
    options = ["-f", "-y", "-s", "999", "-e", trace, "-o", str(log)]
    command = [str(STRACE), *options, sys.executable, str(TOOL), str(script)]
    subprocess.run(command, env=environ, check=True, timeout=120)
    calls = [call for call in read_calls(log) if "= -1 " not in call]

    def find(start: str, *parts: str) -> list[int]:
        return [i for i, call in enumerate(calls) if call.startswith(start) and all(part in call for part in parts)]

    started = find("execve", f'"{script}"')[-1]
    marked = find("rename", f', "{prefix / MARKER}"')[0]
    new = calls[marked].split('"')[1]
    made = [i for i in find("openat", f'"{prefix}/', "O_CREAT") + find("link", f'"{prefix}/') if i < started]
    made = [i for i in made if not Path(calls[i].split('"')[-2]).name.startswith(("conda-execute", "frozen"))]
    # By descriptor for a file system, or all of them.
    synced = [i for i in find("syncfs(") if is_on(env_dir, calls[i])] + find("sync(")
    assert made and [i for i in synced if max(made) < i < marked], "nothing syncs what was built"
    assert [i for i in find("fsync(", f"<{new}>") + find("fdatasync(", f"<{new}>") if i < marked]
    assert [i for i in find("fsync(", f"<{(prefix / MARKER).parent}>") if marked < i < started]


def is_on(folder: Path, call: str) -> bool:
    path = Path(call[call.index("<") + 1 : call.rindex(">")])
    return path.exists() and path.stat().st_dev == folder.stat().st_dev


@needs_root
@pytest.mark.once
@pytest.mark.skipif(not MKFS, reason="needs mkfs.ext4")
@pytest.mark.parametrize("disks", [1, 2], ids=["one file system", "the package cache on another"])
def test_a_machine_that_loses_its_power_right_after_a_build_loses_no_file_of_a_marked_env(
    run: Run, write: Write, environ: Environ, tmp_path: Path, disks: int
) -> None:
    """A copy of the disk without a sync is what a crash leaves; what another fsyncs takes the marker's name along."""
    places, images = [tmp_path / "0", tmp_path / "1"][:disks], [tmp_path / "0.img", tmp_path / "1.img"][:disks]
    env_dir = places[0] / "envs"
    environ.update(CONDA_EXECUTE_ENV_DIR=str(env_dir), RATTLER_CACHE_DIR=str(places[-1] / "cache"))
    first, script = write("0.sh", "", "words"), write("a.sh", "hello-conda", "hello-conda =1.0", "activated")
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0", "activated"])
    for image in images:
        subprocess.run(["truncate", "-s", "32M", str(image)], check=True)
        subprocess.run([str(MKFS), "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)], check=True)
    with ExitStack() as stack:
        for place, image in zip(places, images):
            stack.enter_context(mounted(place, "-o", "loop", str(image)))
        run("-q", first)  # after which there is no collection for a while
        wait_until(lambda: list(env_dir.glob(".leases/.due*")))
        os.sync()
        assert run(script).stdout == "hello-conda 1.0\n"
        for place, image in zip(places, images):
            with (place / "of another").open("w") as other:
                other.write("x")
                other.flush()
                os.fsync(other.fileno())
            subprocess.run(["cp", str(image), f"{image}.copy"], check=True)
        expected = read_files(prefix)
    with ExitStack() as stack:
        for place, image in zip(places, images):
            stack.enter_context(mounted(place, "-o", "loop", f"{image}.copy"))
        if (prefix / MARKER).exists():
            found = read_files(prefix)
            assert {path for path in expected if found.get(path) != expected[path]} == set()
        assert run(script).stdout == "hello-conda 1.0\n"
        assert run(write("b.sh", "hello-conda", "hello-conda =1.0", "words")).stdout == "hello-conda 1.0\n"


# -- the marker


def test_the_marker_is_text_and_no_record_of_a_package(run: Run, write: Write, environ: Environ, env_dir: Path) -> None:
    """Conda, mamba and rattler take every *.json in conda-meta for one."""
    script = write("a.sh", "exit 0", "hello-conda")
    run("-q", script)
    prefix = env_dir / HELLO
    records = [json.loads(path.read_text()) for path in prefix.glob("conda-meta/*.json")]
    assert [record.get("name") for record in records] == ["hello-conda"]
    assert MARKER == "conda-meta/conda-execute"
    first, *lines = (prefix / MARKER).read_text("utf-8").splitlines()
    assert first == f"conda-execute {conda_execute.__version__}"
    assert f"prefix: {prefix}" in lines
    subdir = conda_execute.find_subdir(sys.platform, os.uname().machine)
    assert f"platform: {subdir}" in lines
    assert [line for line in lines if line.startswith("created: ") and line[9:].isdigit()]
    assert imported(environ, str(TOOL), str(script)) - imported(environ, "-c", "pass") <= ALLOWED


@pytest.mark.parametrize("key, value", [("prefix", "/elsewhere/" + HELLO), ("platform", "linux-sparc")])
def test_a_marker_of_another_place_or_platform_is_none(
    run: Run, write: Write, env_dir: Path, key: str, value: str
) -> None:
    script, marker = write("a.sh", "hello-conda", "hello-conda"), env_dir / HELLO / MARKER
    run("-q", script)
    lines = [f"{key}: {value}" if line.startswith(f"{key}: ") else line for line in marker.read_text().splitlines()]
    marker.write_text("\n".join(lines) + "\n")
    done = run(script)
    assert (done.stdout, BUILT in done.stderr) == ("hello-conda 2.0\n", True)
    assert BUILT not in run(script).stderr


@pytest.mark.parametrize("content", [b"", b"\n", b"conda-exe", b"conda-execute 1.3.0", b"conda-execute 1.3.0\nenv: a"])
def test_a_marker_that_was_cut_off_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "marker").write_bytes(content)
    assert conda_execute.read_marker(str(tmp_path / "marker")) == {}


def test_conda_is_told_whose_env_it_is(run: Run, write: Write, env_dir: Path) -> None:
    """CEP 22; this file is no record either."""
    run("-q", write("a.sh", "", "hello-conda"))
    frozen = json.loads((env_dir / HELLO / "conda-meta" / "frozen").read_text("utf-8"))
    assert "conda-execute" in frozen["message"]


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
def test_a_real_conda_reads_an_env_and_does_not_change_it(
    run: Run, write: Write, env_dir: Path, environ: Environ
) -> None:
    run("-q", write("a.sh", "", "hello-conda =1.0"))
    prefix = str(env_dir / conda_execute.find_name(["hello-conda =1.0"]))
    options = {"env": environ, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([CONDA, "list", "-p", prefix], **options)  # type: ignore[call-overload]
    assert done.returncode == 0 and "hello-conda" in done.stdout
    done = subprocess.run([CONDA, "install", "-p", prefix, "-y", "words"], **options)  # type: ignore[call-overload]
    assert done.returncode and not Path(prefix, "bin", "show").exists(), done.stdout


# -- moved, copied, restored; another machine

WAYS = {
    "moved": ["mv", "OLD", "NEW"],
    "copied": ["cp", "-a", "OLD", "NEW"],
    "restored": ["sh", "-c", "mkdir NEW && tar -C OLD -cf - . | tar -C NEW -xf -"],
}
SHOW = 'cat "$CONDA_PREFIX/share/hello-conda/prefix.txt"; entry-point-demo'
SHOWN = conda_execute.find_name(["hello-conda", "entry-point"])


@pytest.mark.once
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_an_env_dir_in_a_new_place_is_built_anew(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, way: list[str]
) -> None:
    script, new = write("a.sh", SHOW, "hello-conda", "entry-point"), tmp_path / "new"
    assert run("-q", script).stdout.splitlines() == [str(env_dir / SHOWN)] * 2
    command = [word.replace("OLD", str(env_dir)).replace("NEW", str(new)) for word in way]
    subprocess.run(command, check=True)
    environ["CONDA_EXECUTE_ENV_DIR"] = str(new)
    for is_built in (True, False):
        done = run(script)
        assert done.stdout.splitlines() == [str(new / SHOWN)] * 2, done.stderr
        assert (BUILT in done.stderr) == is_built


@pytest.mark.parametrize("linked_first", [True, False], ids=["by the link first", "by its own name first"])
def test_an_env_dir_behind_a_link_is_one_and_outlives_the_link(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, linked_first: bool
) -> None:
    script, link = write("a.sh", SHOW, "hello-conda", "entry-point"), tmp_path / "link"
    env_dir.mkdir()
    link.symlink_to(env_dir)
    for i, folder in enumerate([link, env_dir, link][not linked_first :]):
        done = run(script, env={**environ, "CONDA_EXECUTE_ENV_DIR": str(folder)})
        assert (done.returncode, BUILT in done.stderr) == (0, not i), done.stderr
    link.unlink()
    done = run(script)
    assert [os.path.realpath(line) for line in done.stdout.splitlines()] == [str(env_dir / SHOWN)] * 2, done.stderr


@pytest.mark.once
@pytest.mark.skipif(
    not SETARCH or subprocess.run([SETARCH, "i686", "true"]).returncode != 0 or os.uname().machine != "x86_64",
    reason="needs an x86_64 whose setarch shows another machine",
)
@pytest.mark.parametrize("machines", [["x86_64", "i686"], ["i686", "x86_64"]], ids=["x86_64 first", "i686 first"])
def test_two_kinds_of_machine_on_one_env_dir_have_an_env_each(
    write: Write, environ: Environ, env_dir: Path, tmp_path: Path, machines: list[str]
) -> None:
    """The first has it as ever, the other the folder that is called like its subdir."""
    script = write("a.sh", 'hello-conda; echo "$CONDA_PREFIX"', "hello-conda")
    subdirs = {"x86_64": "linux-64", "i686": "linux-32"}

    def start(machine: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [str(SETARCH), machine, sys.executable, str(TOOL), *map(str, words)]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    own = {machines[0]: env_dir / HELLO, machines[1]: env_dir / subdirs[machines[1]] / HELLO}
    times = {}
    for is_built in (True, False):
        for machine in machines:
            plan = json.loads(start(machine, "-n", "--json", script).stdout)
            assert (plan["prefix"], plan["exists"]) == (str(own[machine]), not is_built)
            done = start(machine, script)
            assert (done.stdout, BUILT in done.stderr) == (f"hello-conda 2.0\n{own[machine]}\n", is_built), done.stderr
            times.setdefault(machine, own[machine].stat().st_mtime_ns)
            assert own[machine].stat().st_mtime_ns == times[machine]
    assert start(machines[0], "--tmpenv", "clear", "--all").returncode == 0
    assert [own[machine].exists() for machine in machines] == [False, True]


# -- files that go after the build


def empty(path: Path) -> None:
    """Leave nothing in a file, and its other links as they are."""
    new = path.with_name("new")
    new.touch(path.stat().st_mode & 0o777)
    new.replace(path)


def hollow(path: Path) -> None:
    """Leave nothing in a file, nor in the package cache, which has it too."""
    os.truncate(path, 0)


def purge(prefix: Path) -> None:
    """Do what scratch disks do by age; packages date their files years back."""
    subprocess.run(["find", str(prefix.parent), "-type", "f", "-mtime", "+28", "-delete"], check=True)
    assert not (prefix / "bin" / "hello-conda").exists()


def cut(prefix: Path) -> None:
    (prefix / "bin" / "python").unlink()
    (prefix / "bin" / "python").symlink_to("/gone/python")


LOSSES = {
    "an age purge": ("sh", "hello-conda", purge),
    "an age purge around python": ("python", "print(1)", purge),
    "the interpreter": ("print", "", lambda prefix: (prefix / "bin" / "print").unlink()),
    "all of the interpreter's bytes": ("print", "", lambda prefix: empty(prefix / "bin" / "print")),
    "what the interpreter's link leads to": ("python", "print(1)", cut),
    "what leads on from there": ("python", "print(1)", lambda prefix: next(prefix.glob("bin/python3.*")).unlink()),
}


@pytest.mark.parametrize("program, code, lose", LOSSES.values(), ids=list(LOSSES))
def test_a_run_builds_anew_what_lost_its_interpreter_or_its_oldest_files(
    run: Run, write: Write, env_dir: Path, program: str, code: str, lose: Callable[[Path], object]
) -> None:
    specs = ["hello-conda", "words", "python"]
    script = write("a", code, *specs, more=f"# run_with: {program}\n")
    first = run(script)
    assert first.stdout, first.stderr
    lose(env_dir / conda_execute.find_name(specs))
    done = run(script)
    assert (done.returncode, done.stdout, BUILT in done.stderr) == (0, first.stdout, True), done.stderr
    assert BUILT not in run(script).stderr


@pytest.mark.parametrize("program", ["bash", "sh"], ids=["the file", "a link to it"])
def test_an_env_that_brought_a_shell_never_falls_back_to_the_machines(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, program: str
) -> None:
    shells: dict[str, bytes | str] = {"bin/bash": b'#!/bin/sh\nOWN=yes exec /bin/sh "$@"\n', "bin/sh": "bash"}
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "own", Package("shell", "1.0", shells, noarch="generic"))
    script = write("a.sh", "echo $OWN", "shell", first=f"#!/usr/bin/env {program}\n")
    assert run(script).stdout == "yes\n"
    (env_dir / conda_execute.find_name(["shell"]) / "bin" / "bash").unlink()
    done = run(script)
    assert (done.stdout, BUILT in done.stderr) == ("yes\n", True)


GONE = {
    "a file": lambda prefix: (prefix / "share" / "hello-conda" / "prefix.txt").unlink(),
    "a file's bytes": lambda prefix: empty(prefix / "share" / "hello-conda" / "prefix.txt"),
    "a file's bytes in the cache too": lambda prefix: hollow(prefix / "bin" / "hello-conda"),
    "a folder": lambda prefix: shutil.rmtree(prefix / "share"),
    "a link": lambda prefix: (prefix / "bin" / "python3").unlink(),
}


@pytest.mark.once
@pytest.mark.parametrize("lose", GONE.values(), ids=list(GONE))
def test_a_collection_finds_what_went_anywhere_and_the_next_run_builds_anew(
    run: Run, write: Write, env_dir: Path, cache: Path, look: Callable[[], None], lose: Callable[[Path], object]
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda", "python")
    prefix = env_dir / conda_execute.find_name(["hello-conda", "python"])
    run(script)
    look()
    assert (prefix / MARKER).exists()
    before, links = read_files(prefix / "share"), sorted(os.listdir(prefix / "bin"))  # noqa: PTH208
    lose(prefix)
    look()
    assert not (prefix / MARKER).exists()
    done = run(script)
    assert (done.stdout, BUILT in done.stderr) == ("hello-conda 2.0\n", True), done.stderr
    assert (read_files(prefix / "share"), sorted(os.listdir(prefix / "bin"))) == (before, links)  # noqa: PTH208


def test_an_env_that_lost_a_file_stays_while_something_runs_in_it(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, look: Callable[[], None]
) -> None:
    script = write("a.sh", 'echo > ready; read line; hello-conda; exit "$1"', "hello-conda")
    command = [sys.executable, str(TOOL), "-q", str(script), "7"]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdin=subprocess.PIPE) as child:
        wait_until((tmp_path / "ready").exists)
        inode = (env_dir / HELLO).stat().st_ino
        (env_dir / HELLO / "share" / "hello-conda" / "prefix.txt").unlink()
        look()
        done = run(script, "8")
        assert (env_dir / HELLO).stat().st_ino == inode
        assert done.returncode == 125 and f"process {child.pid}" in done.stderr
        child.communicate(b"\n")
    assert child.returncode == 7
    assert BUILT in run(script, stdin=None, input="\n").stderr


CLEAN = b'#!/bin/sh\ncd "$PREFIX/share/cleaner" && rm gone emptied && : > emptied\n'


def test_what_a_package_or_pip_changed_while_the_env_was_built_is_no_loss(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, channel: str, look: Callable[[], None]
) -> None:
    info = "site-packages/from_pypi-0.9.dist-info/"
    files = {"site-packages/from_pypi.py": b"1\n", "site-packages/old.py": b"1\n", info + "INSTALLER": b"conda\n"}
    files[info + "METADATA"] = b"Metadata-Version: 2.1\nName: from-pypi\nVersion: 0.9\n"
    record = "".join(path.partition("/")[2] + ",,\n" for path in [*files, info + "RECORD"])
    old = Package("from-pypi", "0.9", {**files, info + "RECORD": record.encode()}, ["python"], "python", "py_0")
    names = ("gone", "emptied", "kept", "is-empty")
    shared = {f"share/cleaner/{name}": b"" if name == "is-empty" else b"1\n" for name in names}
    shared["share/cleaner/to-nowhere"] = "nowhere"  # type: ignore[assignment]
    cleaner = Package("cleaner", "1.0", {"bin/.cleaner-post-link.sh": CLEAN, **shared}, (), "generic")
    environ["CONDA_CHANNELS"] = f"{make_channel(tmp_path / 'own', old, cleaner)},{channel}"
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(make_wheel(tmp_path / "wheels").parent))
    specs = ["python", "from-pypi", "cleaner"]
    script = write("a.py", "import from_pypi, sys; print(sys.prefix)", *specs, "pip:\n#     - from-pypi >=1")
    prefix = env_dir / conda_execute.find_name(specs, ["from-pypi >=1"])
    assert run(script).stdout == f"{prefix}\n"
    assert not list(prefix.rglob("old.py")) and not (prefix / "share" / "cleaner" / "gone").exists()
    look()
    done = run(script)
    assert (done.stdout, done.stderr) == (f"{prefix}\n", "")


def test_byte_code_that_python_wrote_anew_is_no_loss(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, channel: str, look: Callable[[], None]
) -> None:
    """A linker that writes the prefix into a module outdates the byte code that the package brought."""
    paths = [f"{SITE_PACKAGES}/own.py", f"{SITE_PACKAGES}/__pycache__/own.{sys.implementation.cache_tag}.pyc"]
    files: Files = dict(zip(paths, [f"print('{PLACEHOLDER}')\n".encode(), b"of another source\n"]))
    environ["CONDA_CHANNELS"] = f"{make_channel(tmp_path / 'own', Package('own', '1.0', files, ['python']))},{channel}"
    script, prefix = write("a.py", "import own", "python", "own"), env_dir / conda_execute.find_name(["python", "own"])
    assert run(script).stdout == f"{prefix}\n"
    assert (prefix / paths[1]).stat().st_size != len(files[paths[1]])
    look()
    assert (prefix / MARKER).exists()
    assert run(script).stderr == ""


# -- what was asked for is there


@pytest.fixture
def server(channel: str) -> Iterator[tuple[str, list[str]]]:
    """Serve the channel over HTTP; return its address, and what was asked for so far."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            asked.append(self.path)

        def send_head(self) -> object:
            del self.headers["If-Modified-Since"]  # a 304 is another story
            return super().send_head()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=urlparse(channel).path)) as http:
        thread = threading.Thread(target=partial(http.serve_forever, SHUTDOWN_POLL_S))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", asked
        http.shutdown()
        thread.join()


DAMAGES = {
    "a file is gone": lambda package: (package / "bin" / "hello-conda").unlink(),
    "a file is empty": lambda package: empty(package / "bin" / "hello-conda"),
    "the list of files is gone": lambda package: (package / "info" / "paths.json").unlink(),
    "the list of files is empty": lambda package: empty(package / "info" / "paths.json"),
    "a folder is gone": lambda package: shutil.rmtree(package / "share"),
}


@pytest.mark.once
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_package_in_the_cache_is_dropped_and_fetched_again_once(
    run: Run, write: Write, environ: Environ, env_dir: Path, cache: Path, server: tuple[str, list[str]],
    damage: Callable[[Path], object],
) -> None:  # fmt: skip
    environ["CONDA_CHANNELS"], asked = server
    run("-q", write("a.sh", "", "hello-conda =1.0"))
    damage(cache / "pkgs" / "hello-conda-1.0-0")
    done = run(write("b.sh", 'hello-conda; cat "$PREFIX/share/hello-conda/prefix.txt"', "hello-conda =1.0", "words"))
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0", "words"])
    assert done.stdout == f"hello-conda 1.0\n{prefix}\n", done.stderr
    assert asked.count("/noarch/hello-conda-1.0-0.tar.bz2") == 2


def info_of_old(package: Package) -> Files:
    """Return what conda-build wrote before it wrote paths.json and timestamps."""
    files = info_files(package)
    index = json.loads(files["info/index.json"])
    del files["info/paths.json"], index["timestamp"]
    return {**files, "info/index.json": json.dumps(index).encode()}


def test_a_package_of_old_is_built_once_and_kept_in_the_cache(
    run: Run, write: Write, environ: Environ, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_program, "info_files", info_of_old)
    old = [Package(name, "1.0", {f"bin/{name}": f"#!/bin/sh\necho {name}\n".encode()}) for name in ("old", "older")]
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "own", *old)
    done = run(write("a.sh", "old; older", "old", "older"))
    assert (done.stdout, done.stderr.count(BUILT), "damaged" in done.stderr) == ("old\nolder\n", 1, False), done.stderr
    before = read_files(cache / "pkgs")
    assert "old-1.0-0/info/index.json" in before and "old-1.0-0/info/paths.json" not in before
    done = run("--offline", write("b.sh", "old", "old"))
    assert (done.stdout, read_files(cache / "pkgs")) == ("old\n", before), done.stderr


def test_under_offline_nothing_in_the_cache_is_dropped(
    run: Run, write: Write, environ: Environ, cache: Path, server: tuple[str, list[str]]
) -> None:
    """Since it cannot be had again."""
    environ["CONDA_CHANNELS"], _ = server
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    shutil.rmtree(cache / "pkgs" / "hello-conda-1.0-0" / "share")
    before = read_files(cache / "pkgs")
    run("--offline", "-f", script)
    after = read_files(cache / "pkgs")
    assert {path for path in before if path not in after} == set()


def test_an_engine_that_reports_success_without_the_packages_is_not_believed(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    """As conda does under download_only."""
    program = tmp_path / "conda"
    program.write_text('#!/bin/sh\nmkdir -p "$3/conda-meta"; > "$3/conda-meta/history"; echo \'{"success": true}\'\n')
    program.chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(program))
    done = run(write("a.sh", "exit 0", "hello-conda"))
    assert (done.returncode, (env_dir / HELLO / MARKER).exists()) == (125, False)
    assert "hello-conda" in done.stderr.split("building", 1)[-1].partition("\n")[2]


ASIDE = {"target": "DIR", "prefix": "DIR", "root": "DIR", "user": "1", "dry-run": "1"}
SETTINGS = {
    "PIP_PYTHON": {"PIP_PYTHON": "PYTHON"},
    "variables": {f"PIP_{key.upper().replace('-', '_')}": value for key, value in ASIDE.items()},
    "a file that a variable names": {"PIP_CONFIG_FILE": "HOME/pip.conf"},
    "the file of the user": {"XDG_CONFIG_HOME": "HOME"},
}


@pytest.mark.once
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_no_setting_of_pip_sends_a_requirement_elsewhere(
    run: Run, write: Write, environ: Environ, home: Path, tmp_path: Path, settings: Environ
) -> None:
    """But where packages come from is the user's to say: the file has it."""
    wheels, other = make_wheel(tmp_path / "wheels").parent, tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)

    def fill(text: str) -> str:
        text = text.replace("DIR", str(tmp_path / "aside")).replace("HOME", str(home))
        return text.replace("PYTHON", str(other / "bin" / "python"))

    lines = [f"{key} = {fill(value)}\n" for key, value in ASIDE.items()]
    (home / "pip").mkdir()
    for path in (home / "pip.conf", home / "pip" / "pip.conf"):
        path.write_text("".join(["[global]\nfind-links = ", str(wheels), "\n[install]\n", *lines]))
    environ.update({key: fill(value) for key, value in settings.items()}, PIP_NO_INDEX="1")
    environ.pop("PIP_FIND_LINKS", "")
    if not {"PIP_CONFIG_FILE", "XDG_CONFIG_HOME"} & set(settings):
        environ["PIP_FIND_LINKS"] = str(wheels)
    code = "import from_pypi, sys; print(from_pypi.__file__.startswith(sys.prefix))"
    done = run(write("a.py", code, "python", "pip:\n#     - from-pypi >=1"))
    assert done.stdout == "True\n", done.stderr
    assert not (tmp_path / "aside").exists()
