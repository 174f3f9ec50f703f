"""Packages: an environment from a lock is of what the lock has, wherever that lies by now, or it is not made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import channel as channel_program
import pytest
from channel import PLACEHOLDER, Package
from conftest import CONDA, ENGINES, MAMBA, NO_CHANNEL, NO_CONDA, list_tree
from servers import Server, make_channel, serving

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run, Write

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason=NO_CHANNEL)]

SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
# Of conda one solver will do: none of them is asked.
each_engine = pytest.mark.parametrize("engine", [one for one in ENGINES if one.id != "conda-classic"], indirect=True)
SPECS = ("hello-conda", "entry-point", "scripted", "tree")
ARCHIVES = {"python": ".conda", "entry-point": ".tar.bz2", "hello-conda": ".conda", "scripted": ".tar.bz2", "tree": ".conda"}


def tree() -> Package:
    """Make a package of files of all kinds."""
    files = {
        "bin/tree": f"#!/bin/sh\necho {PLACEHOLDER}\n".encode(),
        "bin/to-tree": "tree",
        "lib/tree/empty": b"",
        "lib/tree/more/text": b"text\n",
        "lib/tree/folder": "more",
        "lib/tree/nowhere": "../../not/there",
    }
    return Package("tree", "1.0", files, suffix=".conda")


def scripted(trace: Path) -> Package:
    """Make a package that leaves a trace when it is linked."""
    return Package("scripted", "1.0", {"bin/.scripted-post-link.sh": f"#!/bin/sh\n: > '{trace}'\n".encode()}, build="h_0")


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a channel; `trace` beside it is what a script of its packages makes."""
    folder = tmp_path_factory.mktemp("company")
    packages = [channel_program.python(), channel_program.entry_point(), channel_program.hello_conda("2.0", ".conda")]
    packages += [channel_program.pip(), tree(), scripted(folder / "trace")]
    make_channel(folder / "channel", *packages)
    return folder / "channel"


@pytest.fixture
def trace(company: Path) -> Path:
    (company.parent / "trace").unlink(missing_ok=True)
    return company.parent / "trace"


@pytest.fixture(scope="session")
def company_web(company: Path) -> Iterator[Server]:
    with serving(str(company)) as server:
        yield server


@pytest.fixture
def web(company_web: Server) -> Server:
    """Return the server of the channel, which has forgotten all."""
    company_web.forget()
    return company_web


@pytest.fixture(autouse=True)
def own_caches(environ: Environ, tmp_path: Path, web: Server) -> None:
    """Give each test caches of its own, and the channel of the company."""
    environ.update(CONDA_CHANNELS=web.url + "/chan", **find_caches(tmp_path / "cache"))


def find_caches(folder: Path) -> Environ:
    return {"CONDA_PKGS_DIRS": str(folder), "RATTLER_CACHE_DIR": str(folder / "rattler")}


@pytest.fixture
def script(write: Write) -> Path:
    return write("a.sh", "hello-conda", *SPECS)


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a lock and the caches of each engine, after a build that wrote it."""
    return tmp_path_factory.mktemp("locked")


@pytest.fixture
def lock(run: Run, script: Path, web: Server, trace: Path, engine: str, locked: Path, tmp_path: Path) -> Path:
    """Write a lock of the script, and fill the caches of its engine, as a build in another env-dir does."""
    made, path = locked / engine, Path(f"{script}.{SUBDIR}.lock")
    if not made.exists():
        done = run("--lock", script)
        assert (done.returncode, done.stdout) == (0, f"{path}\n"), done.stderr
        shutil.copytree(tmp_path / "cache", made, symlinks=True)
        shutil.copy(path, locked / f"{engine}.lock")
        shutil.rmtree(tmp_path / "tmp_envs")
        trace.unlink()
        web.forget()
    else:
        shutil.copytree(made, tmp_path / "cache", symlinks=True)
        shutil.copy(locked / f"{engine}.lock", path)
    return path


@pytest.fixture
def elsewhere(environ: Environ, tmp_path: Path) -> Environ:
    """Have new, empty caches: those of another machine."""
    environ.update(find_caches(tmp_path / "other"))
    return environ


def find_files(lock: Path) -> list[str]:
    return sorted(line.partition("#")[0].rpartition("/")[2] for line in lock.read_text().splitlines() if "://" in line)


def flip(content: bytes, at: int = -10) -> bytes:
    """Return bytes of which one bit is another."""
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def flip_file(path: Path, at: int = -10) -> None:
    """Change a bit of a file, and leave its other links as they are."""
    new = path.with_name("new")
    new.write_bytes(flip(path.read_bytes(), at))
    shutil.copymode(path, new)
    new.replace(path)


def find_cached(tmp_path: Path, *names: str) -> list[Path]:
    """Return where a file of a cached package is, in the layout of each engine: cache/, cache/HOST/CHANNEL/SUBDIR/."""
    return [one for one in (tmp_path / "cache").rglob(names[0]) for one in [Path(one, *names[1:])] if one.is_file()]


# -- What is asked, and what is checked


@each_engine
def test_beside_a_lock_only_packages_are_asked_for_and_each_once(
    run: Run, script: Path, lock: Path, web: Server, elsewhere: Environ
) -> None:
    done = run(script)
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    asked = sorted(path.rpartition("/")[2] for path in web.asked if not path.startswith("HEAD"))
    assert asked == find_files(lock)


@each_engine
def test_a_build_from_caches_asks_for_nothing(run: Run, script: Path, lock: Path, web: Server, trace: Path) -> None:
    done = run(script)
    assert (done.stdout, web.asked, trace.exists()) == ("hello-conda 2.0\n", [], True), done.stderr


SCRIPTED = "scripted-1.0-h_0"
DAMAGES = {
    "a file": (SCRIPTED, "bin", ".scripted-post-link.sh"),
    "the list of files": (SCRIPTED, "info", "paths.json"),
    "the archive": (SCRIPTED + ".tar.bz2",),
}


@each_engine
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("is_offline", [False, True], ids=["online", "offline"])
def test_a_damaged_package_of_a_cache_is_found_and_said(
    run: Run, script: Path, lock: Path, web: Server, trace: Path, tmp_path: Path, damage: tuple[str, ...],
    is_offline: bool, engine: str,
) -> None:  # fmt: skip
    paths = find_cached(tmp_path, *damage)
    if engine == "rattler" and len(damage) == 1:
        assert not paths, "rattler keeps no archives"
        return
    [path] = paths
    flip_file(path)
    done = run(*["--offline"] * is_offline, script)
    assert f"the package cache has a damaged {path.parents[len(damage) - 2] if damage[1:] else path}" in done.stderr
    if is_offline and engine == "rattler":
        assert (done.returncode, trace.exists()) == (125, False)
        assert f"{SCRIPTED}.tar.bz2: {web.url}/chan/{SUBDIR}/{SCRIPTED}.tar.bz2\n" in done.stderr
    else:
        assert (done.stdout, trace.exists()) == ("hello-conda 2.0\n", True), done.stderr
    assert {path.rpartition("/")[2] for path in web.asked} <= {f"{SCRIPTED}.tar.bz2"} and not (web.asked and is_offline)


@each_engine
def test_a_damaged_package_that_is_damaged_again_on_its_way_is_an_error(
    run: Run, script: Path, lock: Path, web: Server, trace: Path, tmp_path: Path
) -> None:
    """Such as by a proxy that breaks files."""
    [path] = find_cached(tmp_path, SCRIPTED, "bin", ".scripted-post-link.sh")
    flip_file(path)
    for archive in find_cached(tmp_path, f"{SCRIPTED}.tar.bz2"):
        archive.unlink()
    web.changes = {f"{SCRIPTED}.tar.bz2": flip}
    done = run(script)
    assert (done.returncode, done.stdout, trace.exists()) == (125, "", False)
    assert f"{SCRIPTED}.tar.bz2: {web.url}/chan/{SUBDIR}/{SCRIPTED}.tar.bz2\n" in done.stderr
    assert 0 < len(web.asked) < 10
    web.forget()
    assert run(script).stdout == "hello-conda 2.0\n"


@each_engine
def test_what_a_server_sends_is_checked(
    run: Run, script: Path, lock: Path, web: Server, trace: Path, elsewhere: Environ
) -> None:
    web.changes = {f"{SCRIPTED}.tar.bz2": flip, "tree-1.0-0.conda": flip}
    done = run(script)
    assert (done.returncode, done.stdout, trace.exists()) == (125, "", False)
    assert f"{SCRIPTED}.tar.bz2: {web.url}/chan/{SUBDIR}/{SCRIPTED}.tar.bz2\n" in done.stderr
    assert f"tree-1.0-0.conda: {web.url}/chan/{SUBDIR}/tree-1.0-0.conda\n" in done.stderr
    assert "hello-conda-2.0-0.conda: " not in done.stderr


CHANGES = {
    "a URL": (f"{SCRIPTED}.tar.bz2", "scripted-1.0-h_1.tar.bz2"),
    "a hash": ("#sha256:" + "{digest}", "#sha256:" + "{other}"),
    "the name of another": (f"{SUBDIR}/{SCRIPTED}.tar.bz2", f"{SUBDIR}/tree-1.0-0.conda"),
}


@each_engine
@pytest.mark.parametrize("old, new", CHANGES.values(), ids=list(CHANGES))
def test_a_lock_that_was_changed_is_found(
    run: Run, script: Path, lock: Path, web: Server, trace: Path, old: str, new: str, company: Path
) -> None:
    digest = hashlib.sha256((company / SUBDIR / f"{SCRIPTED}.tar.bz2").read_bytes()).hexdigest()
    known = {"{digest}": digest, "{other}": "0" + digest[1:] if digest[0] != "0" else "1" + digest[1:]}
    for name, value in known.items():
        old, new = old.replace(name, value), new.replace(name, value)
    assert lock.read_text().count(old) == 1
    lines = [line for line in lock.read_text().split("\n") if "tree-1.0" not in line or "tree" not in new]
    lock.write_text("\n".join(lines).replace(old, new))
    done = run(script)
    assert (done.returncode, done.stdout, trace.exists()) == (125, "", False)
    assert new.rpartition("/")[2] in done.stderr or f"{SCRIPTED}.tar.bz2: " in done.stderr
