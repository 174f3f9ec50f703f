"""Packages: an environment from a lock is of what the lock has, wherever that lies by now, or it is not made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import channel as channel_program
import pytest
import rattler
from channel import PLACEHOLDER, Package
from conftest import (
    CONDA,
    ENGINES,
    IS_ROOT,
    MAMBA,
    NO_CHANNEL,
    NO_CONDA,
    TOOL,
    list_tree,
    make_wheel,
    names,
    needs_proc,
)
from servers import PASSWORD, TOKEN, HeldWeb, Server, find_secrets, make_channel, serving

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run, Start, Write

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason=NO_CHANNEL)]

SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
# Of conda one solver will do: none of them is asked.
each_engine = pytest.mark.parametrize("engine", [one for one in ENGINES if one.id != "conda-classic"], indirect=True)
SPECS = ("hello-conda", "entry-point", "scripted", "tree")
ARCHIVES = {
    "python": ".conda",
    "entry-point": ".tar.bz2",
    "hello-conda": ".conda",
    "scripted": ".tar.bz2",
    "tree": ".conda",
}


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
    return Package(
        "scripted", "1.0", {"bin/.scripted-post-link.sh": f"#!/bin/sh\n: > '{trace}'\n".encode()}, build="h_0"
    )


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
    run: Run, script: Path, lock: Path, web: Server, trace: Path, elsewhere: Environ, engine: str
) -> None:
    web.changes = {f"{SCRIPTED}.tar.bz2": flip, "tree-1.0-0.conda": flip}
    done = run(script)
    assert (done.returncode, done.stdout, trace.exists()) == (125, "", False)
    told = [f"{one}: {web.url}/chan/{SUBDIR}/{one}\n" in done.stderr for one in web.changes]
    assert all(told) if engine == "rattler" else any(told)  # the others stop at the first
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
    assert any(one in done.stderr for one in (new.rpartition("/")[2], f"{SCRIPTED}.tar.bz2: ", 'none for "scripted"'))


# -- Trees


# What engines keep, each in its own way: books, byte code that conda and mamba compile, a sign for backups, ours.
BOOKS = ("conda-meta", ".conda-execute", "CACHEDIR.TAG", conda_execute.MARKER)


def find_tree(prefix: Path) -> dict[str, object]:
    """Return the links of a prefix, and mode and hash of each file, with a mark for its path: each has its own.

    Each engine writes entry points itself, mamba for the group too; conda copies what an absolute link leads to.
    """
    found: dict[str, object] = {}
    for path, entry in list_tree(prefix).items():
        if path.split("/")[0] in BOOKS or "__pycache__" in path or (prefix / path).is_dir() and entry[1] is None:
            continue
        if isinstance(entry, str) and entry.startswith("/"):
            entry = oct((prefix / path).stat().st_mode), (prefix / path).read_bytes()
        if isinstance(entry, tuple):
            content = entry[1].replace(str(prefix).encode(), PLACEHOLDER.encode())
            is_made = path.startswith("bin/") and b"sys.exit(main())" in content
            content = b" ".join(content.split()) if is_made else content
            entry = int(entry[0], 8) & (0o111 if is_made else 0o777), hashlib.sha256(content).hexdigest()
        found[path] = entry
    return found


def find_prefix(env_dir: Path) -> Path:
    [prefix] = [path for path in env_dir.iterdir() if len(path.name) == 20]
    return prefix


@pytest.fixture
def solved(environ: Environ, run: Run, script: Path, tmp_path: Path, web: Server) -> Callable[[], dict[str, object]]:
    """Return a function that gives the tree which rattler makes from a solve, after it has written the lock."""

    def function() -> dict[str, object]:
        own = {**environ, "CONDA_EXECUTE_ENGINE": "rattler", "CONDA_EXECUTE_ENV_DIR": str(tmp_path / "solved")}
        done = run("--lock", script, env={**own, **find_caches(tmp_path / "solving")})
        assert done.returncode == 0, done.stderr
        return find_tree(find_prefix(tmp_path / "solved"))

    return function


@each_engine
def test_each_engine_makes_the_same_files_from_a_lock_as_from_a_solve(
    run: Run,
    script: Path,
    solved: Callable[[], dict[str, object]],
    env_dir: Path,
    engine: str,
    trace: Path,
    web: Server,
) -> None:
    before = solved()
    trace.unlink()
    done = run(script)
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    assert find_tree(find_prefix(env_dir)) == before
    assert {"bin/entry-point-demo", "bin/to-tree", "lib/tree/folder", "lib/tree/nowhere", "lib/tree/empty"} <= set(
        before
    )
    assert trace.exists()


RESTORERS = {
    "conda classic": [CONDA, "create", "--solver", "classic", "--no-default-packages"],
    "conda rattler": [CONDA, "create", "--solver", "rattler", "--no-default-packages"],
    "mamba": [MAMBA, "create", "--no-rc"],
    "micromamba": [str(Path(MAMBA).parent / "micromamba") if MAMBA else "", "create", "--no-rc"],
}


@pytest.mark.parametrize("words", RESTORERS.values(), ids=list(RESTORERS))
def test_others_restore_the_same_files_from_a_lock(
    words: list[str], script: Path, solved: Callable[[], dict[str, object]], environ: Environ, elsewhere: Environ,
    tmp_path: Path,
) -> None:  # fmt: skip
    if not Path(words[0]).is_file():
        pytest.skip(f"needs a real {words[0] or 'conda, mamba or micromamba'}")
    before, prefix = solved(), tmp_path / "restored"
    command = [*words, "--yes", "--prefix", str(prefix), "--file", f"{script}.{SUBDIR}.lock"]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert find_tree(prefix) == before


@each_engine
def test_records_say_of_each_package_what_conda_would(
    run: Run, script: Path, lock: Path, web: Server, elsewhere: Environ, env_dir: Path
) -> None:
    assert run(script).stdout == "hello-conda 2.0\n"
    lines = []
    depends: dict[str, list[str]] = {}
    for path in (find_prefix(env_dir) / "conda-meta").glob("*.json"):
        record = json.loads(path.read_text())
        lines.append(f"{record['url']}#sha256:{record['sha256']}")
        depends[record["name"]] = record["depends"]
        assert re.fullmatch(rf"{web.url}/chan(/noarch|/{SUBDIR})?", record["channel"]), record["name"]
        assert record["fn"] == record["url"].rpartition("/")[2]
        assert record["files"] or record["name"] == "nothing"
    assert sorted(lines) == sorted(line for line in lock.read_text().splitlines() if "://" in line)
    assert depends["entry-point"] == ["python"]


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
@each_engine
def test_conda_lists_the_packages_of_a_lock_as_it_has_them(
    run: Run, script: Path, lock: Path, environ: Environ, env_dir: Path
) -> None:
    assert run(script).stdout == "hello-conda 2.0\n"
    words = [CONDA, "list", "--prefix", str(find_prefix(env_dir))]
    listed = subprocess.run([*words, "--explicit", "--sha256"], env=environ, capture_output=True, text=True, check=True)
    locked = [line.replace("sha256:", "") for line in lock.read_text().splitlines() if "://" in line]
    found = [line.replace("sha256:", "") for line in listed.stdout.splitlines() if "://" in line]
    assert sorted(found) == sorted(locked)
    table = subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^scripted +1\.0 +h_0", table, re.M), table


# -- Without a network


@contextmanager
def alone(words: list[str]) -> Iterator[list[str]]:
    """Have a command run where there is no network but loopback, which is down, or skip the test."""
    prefix = ["unshare", "--net", "--"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net", "--"]
    try:
        subprocess.run([*prefix, "true"], check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs unshare(1), and the right to have a network of one's own")
    yield [*prefix, *words]


@each_engine
def test_offline_lists_all_that_no_cache_has_with_urls_and_asks_for_nothing(
    run: Run, script: Path, lock: Path, web: Server, elsewhere: Environ, env_dir: Path
) -> None:
    done = run("--offline", script)
    assert (done.returncode, done.stdout, web.asked) == (125, "", []), done.stderr
    files = [line.partition("#")[0] for line in lock.read_text().splitlines() if "://" in line]
    assert f"expected {len(files)} packages of the lock" in done.stderr
    for url in files:
        assert f"{url.rpartition('/')[2]}: {url}\n" in done.stderr
    assert "--offline forbids to fetch them" in done.stderr


@each_engine
def test_what_was_built_with_a_network_is_built_anew_and_runs_without_any(
    run: Run, script: Path, lock: Path, environ: Environ, env_dir: Path, elsewhere: Environ, tmp_path: Path
) -> None:
    done = run("--tmpenv", "create", "--script", script)
    assert done.returncode == 0, done.stderr
    for more in ({}, {"CONDA_EXECUTE_ENV_DIR": str(tmp_path / "anew")}):
        with alone([sys.executable, str(TOOL), "--offline", str(script)]) as words:
            done = subprocess.run(words, env={**environ, **more}, capture_output=True, text=True, timeout=120)
        assert done.stdout == "hello-conda 2.0\n", done.stderr
    assert find_tree(find_prefix(env_dir)) == find_tree(find_prefix(tmp_path / "anew"))


# -- Places


@pytest.fixture
def other(company: Path) -> Iterator[Server]:
    """Serve the channel at another place too."""
    with serving(str(company)) as server:
        yield server


def find_channels(*servers: Server) -> set[str]:
    return {f"{server.server_port}/{channel}" for server in servers for channel in server.channels}


GONE = {
    "refused": "http://127.0.0.1:1/chan",
    "no such host": "http://nobody.invalid/chan",
    "404": "WEB/404/chan",
    "410": "WEB/410/chan",
    "a page": "WEB/page",
    "a folder": "file:///not/there/chan",
}


@each_engine
@pytest.mark.parametrize("gone", GONE.values(), ids=list(GONE))
def test_a_package_that_is_gone_is_found_in_the_channels_by_name_and_hash(
    run: Run, script: Path, lock: Path, web: Server, other: Server, elsewhere: Environ, gone: str, env_dir: Path
) -> None:
    text = lock.read_text()
    lock.write_text(text.replace(f"{web.url}/chan/{SUBDIR}/", f"{gone.replace('WEB', web.url)}/{SUBDIR}/"))
    pages = {f"{SCRIPTED}.tar.bz2", "tree-1.0-0.conda"} if gone == "WEB/page" else set()
    web.changes = dict.fromkeys(pages, lambda content: b"<html>moved</html>")
    elsewhere["CONDA_CHANNELS"] = f"{web.url}/empty/404,{other.url}/label"
    done = run(script)
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    record = json.loads((find_prefix(env_dir) / "conda-meta" / f"{SCRIPTED}.json").read_text())
    assert record["url"] + "#sha256:" + record["sha256"] in lock.read_text().splitlines()


@each_engine
def test_a_package_that_is_nowhere_is_listed_with_all_places_that_were_asked(
    run: Run, script: Path, lock: Path, web: Server, other: Server, elsewhere: Environ
) -> None:
    lock.write_text(lock.read_text().replace(f"{web.url}/chan/{SUBDIR}/tree", f"{web.url}/404/{SUBDIR}/tree"))
    elsewhere["CONDA_CHANNELS"] = f"{web.url}/410,{other.url}/404/label"
    done = run(script)
    assert (done.returncode, done.stdout) == (125, "")
    places = ", ".join(
        f"{url}/{SUBDIR}/tree-1.0-0.conda" for url in (f"{web.url}/404", f"{web.url}/410", f"{other.url}/404/label")
    )
    assert f"tree-1.0-0.conda: {places}\n" in done.stderr
    assert any("tree" in path for path in other.asked) and len(web.asked) < 60


PUBLIC = "https://conda.anaconda.org/conda-forge"
MIRRORS = {
    "channel_alias": (PUBLIC, "channel_alias: {url}/alias", "alias/conda-forge"),
    "custom_channels": (PUBLIC, "custom_channels: {conda-forge: '{url}/mirror'}", "mirror/conda-forge"),
    "custom_channels of a label": (
        PUBLIC + "/label/old", "custom_channels: {conda-forge: '{url}/mirror'}", "mirror/conda-forge/label/old"),
    "custom_multichannels": (PUBLIC, "custom_multichannels: {conda-forge: ['{url}/multi']}", "multi"),
    "default_channels": ("https://repo.anaconda.com/pkgs/main", "default_channels: ['{url}/main']", "main"),
}  # fmt: skip


@each_engine
@pytest.mark.parametrize("public, condarc, asked", MIRRORS.values(), ids=list(MIRRORS))
def test_where_condarc_has_another_place_the_public_host_is_not_asked(
    run: Run, script: Path, lock: Path, web: Server, elsewhere: Environ, home: Path, public: str, condarc: str,
    asked: str,
) -> None:  # fmt: skip
    lock.write_text(lock.read_text().replace(web.url + "/chan", public))
    (home / ".condarc").write_text(condarc.replace("{url}", web.url) + f"\nchannels: ['{web.url}/{asked}']\n")
    del elsewhere["CONDA_CHANNELS"]
    with serving("/nowhere") as proxy:
        elsewhere.update(HTTPS_PROXY=proxy.url, https_proxy=proxy.url)
        done = run(script)
        assert done.stdout == "hello-conda 2.0\n", done.stderr
        assert (web.channels, proxy.asked) == ([asked], [])


FORBIDDEN = {
    "denylist_channels": "denylist_channels: ['{url}/chan']",
    "allowlist_channels": "allowlist_channels: ['{other}/label']",
}


@each_engine
@pytest.mark.parametrize("condarc", FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_a_place_that_condarc_forbids_is_not_asked_though_a_lock_has_it(
    run: Run, script: Path, lock: Path, web: Server, other: Server, elsewhere: Environ, home: Path, condarc: str
) -> None:
    (home / ".condarc").write_text(condarc.replace("{url}", web.url).replace("{other}", other.url) + "\n")
    elsewhere["CONDA_CHANNELS"] = f"{other.url}/label"
    done = run(script)
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    assert (web.asked, other.channels) == ([], ["label"])


# -- Secrets


# What condarc says, what ~/.netrc says, and what the server wants.
WAYS = {
    "a token": (f"channels: ['{{url}}/t/{TOKEN}/chan']", "", "", TOKEN),
    "a password": (f"channels: ['http://bob:{PASSWORD}@{{host}}/chan']", "", f"bob:{PASSWORD}", ""),
    "netrc": ("channels: ['{url}/chan']", f"machine 127.0.0.1 login bob password {PASSWORD}\n", f"bob:{PASSWORD}", ""),
}


class Watch(threading.Thread):
    """Looks again and again at the command lines of all processes for the secrets, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.is_over, self.seen, self.rounds = threading.Event(), set(), 0
        self.secrets = (TOKEN.encode(), PASSWORD.encode())

    def run(self) -> None:
        while not self.is_over.wait(0.01):
            self.rounds += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    line = path.read_bytes()
                    self.seen.update({line} if any(secret in line for secret in self.secrets) else set())


@needs_proc
@each_engine
@pytest.mark.parametrize("condarc, netrc, password, token", WAYS.values(), ids=list(WAYS))
def test_a_lock_has_no_secret_and_is_obeyed_with_those_of_who_runs_it(
    run: Run, script: Path, web: Server, environ: Environ, home: Path, tmp_path: Path, env_dir: Path, condarc: str,
    netrc: str, password: str, token: str,
) -> None:  # fmt: skip
    (tmp_path / "temporary").mkdir()
    (home / ".condarc").write_text(condarc.replace("{url}", web.url).replace("{host}", web.url[len("http://") :]))
    (home / ".netrc").write_text(netrc)
    (home / ".netrc").chmod(0o600)
    del environ["CONDA_CHANNELS"]
    environ["TMPDIR"] = str(tmp_path / "temporary")
    web.password, web.token = password, token
    watch = Watch()
    watch.start()
    made = run("-v", "--lock", script)
    lock = Path(f"{script}.{SUBDIR}.lock")
    assert made.returncode == 0, made.stderr
    environ.update(find_caches(tmp_path / "other"), CONDA_EXECUTE_ENV_DIR=str(tmp_path / "second"))
    web.asked.clear()
    web.refused.clear()
    done = run("-v", script)
    assert done.stdout.endswith("hello-conda 2.0\n"), done.stderr
    assert len(web.asked) >= len(find_files(lock))
    assert not token or web.refused == [], "asked without what condarc has"
    environ.update(find_caches(tmp_path / "third"), CONDA_EXECUTE_ENV_DIR=str(tmp_path / "fourth"))
    web.changes = {"tree-1.0-0.conda": flip}
    failed = run("-v", script)
    assert failed.returncode == 125
    watch.is_over.set()
    watch.join()
    assert (watch.seen, watch.rounds > 9) == (set(), True)
    texts = [one.stdout + one.stderr for one in (made, done, failed)] + [lock.read_text("utf-8")]
    for folder in (env_dir, tmp_path / "second", tmp_path / "fourth", tmp_path / "temporary"):
        assert find_secrets(folder, *texts) == []
    assert not [name for name in names(tmp_path / "temporary") if "lock" in name or "secret" in name]


# -- Many, at once, and cut short


@each_engine
def test_a_lock_may_have_md5_and_any_order(
    run: Run, script: Path, lock: Path, company: Path, elsewhere: Environ, trace: Path, web: Server
) -> None:
    text = lock.read_text()
    for path in company.glob("*/*-*.*"):
        content = path.read_bytes()
        text = text.replace("sha256:" + hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest())  # noqa: S324
    assert "sha256:" not in text
    head, _, packages = text.partition("@EXPLICIT\n")
    lock.write_text(head + "@EXPLICIT\n" + "".join(sorted(packages.splitlines(keepends=True), reverse=True)))
    done = run(script)
    assert (done.stdout, trace.exists()) == ("hello-conda 2.0\n", True), done.stderr
    trace.unlink()
    elsewhere.update(find_caches(Path(elsewhere["CONDA_PKGS_DIRS"]).with_name("third")))
    web.changes = {f"{SCRIPTED}.tar.bz2": flip}
    lock.write_text(text)
    done = run("--force-env", script)
    assert (done.returncode, trace.exists()) == (125, False)
    assert f"{SCRIPTED}.tar.bz2: {web.url}/chan" in done.stderr


@each_engine
def test_of_those_that_build_at_once_with_one_cache_each_builds(
    start: Start, script: Path, lock: Path, elsewhere: Environ, tmp_path: Path
) -> None:
    variables = [{**elsewhere, "CONDA_EXECUTE_ENV_DIR": str(tmp_path / f"envs-{i}")} for i in range(4)]
    children = [start(script, env=one) for one in variables]
    told = [child.communicate(timeout=120) for child in children]
    assert [out for out, _ in told] == ["hello-conda 2.0\n"] * 4, told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_while_it_fetches_leaves_nothing_half_in_the_cache(
    start: Start, run: Run, script: Path, lock: Path, company: Path, web: Server, elsewhere: Environ, tmp_path: Path,
    number: signal.Signals,
) -> None:  # fmt: skip
    held, text = HeldWeb(str(company)), lock.read_text()
    lock.write_text(text.replace(f"{web.url}/chan/{SUBDIR}/tree", f"{held.url}/{SUBDIR}/tree"))
    child = start(script)
    assert held.asked.wait(60)
    child.send_signal(number)
    child.communicate(timeout=60)
    assert child.returncode != 0
    pkgs = tmp_path / "other" / "rattler" / "pkgs"
    assert not [name for name in names(pkgs) if name.endswith(".part") or name.startswith("tree")]
    held.go_on.set()
    held.server.shutdown()
    lock.write_text(text)
    assert run(script).stdout == "hello-conda 2.0\n"


MANY = 300


def test_a_lock_of_many_packages_is_built_in_the_time_that_many_take(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    folder = tmp_path / "many"
    many = [Package(f"one-{i}", "1.0", {f"share/{i}": b"%d" % i}, noarch="generic") for i in range(MANY)]
    url = make_channel(folder, channel_program.hello_conda("1.0", ".tar.bz2"), *many)
    script = write("many.sh", "hello-conda", "hello-conda")
    environ["CONDA_CHANNELS"] = url
    assert run("--lock", script).returncode == 0
    lock = Path(f"{script}.{SUBDIR}.lock")
    lines = [f"{url}/noarch/{path.name}#sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
             for path in (folder / "noarch").glob("one-*.tar.bz2")]  # fmt: skip
    few = lock.read_text() + "".join(lines[:30])
    took = []
    for text in (few, lock.read_text() + "".join(lines)):
        lock.write_text(text)
        since = time.monotonic()
        done = run(script)
        took.append(time.monotonic() - since)
        assert done.stdout == "hello-conda 1.0\n", done.stderr
    assert took[1] < took[0] * 10


@each_engine
@pytest.mark.parametrize("is_named_in", ["condarc", "CONDA_PKGS_DIRS"])
def test_the_caches_that_a_person_names_are_used(
    run: Run, script: Path, lock: Path, web: Server, environ: Environ, home: Path, tmp_path: Path, is_named_in: str
) -> None:
    del environ["RATTLER_CACHE_DIR"]
    if is_named_in == "condarc":
        folder = environ.pop("CONDA_PKGS_DIRS")
        (home / ".condarc").write_text(f"pkgs_dirs: ['{folder}']\n")
    done = run("--offline", script)
    assert (done.stdout, web.asked) == ("hello-conda 2.0\n", []), done.stderr


@each_engine
def test_a_cache_that_cannot_be_written_to_is_no_hindrance(
    run_as_user: Run, script: Path, lock: Path, web: Server, environ: Environ, tmp_path: Path, engine: str
) -> None:
    """The engines themselves read it, but for rattler, which knows one cache alone."""
    if IS_ROOT and engine != "rattler":
        pytest.skip("root can write everywhere, and an ordinary user cannot start this engine")
    cache = tmp_path / "cache"
    environ["CONDA_EXECUTE_ENV_DIR"] = str(tmp_path / "user" / "envs")
    environ["RATTLER_CACHE_DIR"] = str(cache / "rattler")
    for path in [cache, *cache.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555 | 0o044 | (0o111 if path.is_dir() else 0))
    (tmp_path / "user").mkdir(exist_ok=True)
    done = run_as_user(script)
    assert done.stdout == "hello-conda 2.0\n", done.stderr


@each_engine
def test_what_has_the_name_of_a_package_and_is_another_is_left_to_others(
    run: Run, script: Path, lock: Path, web: Server, environ: Environ, tmp_path: Path, company: Path, trace: Path
) -> None:
    """No damage is told of it, and none of it gets into the environment."""
    other = Package("tree", "1.0", {"bin/tree": b"#!/bin/sh\necho other\n"}, suffix=".conda")
    shutil.rmtree(tmp_path / "cache")
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "others", other)
    second = script.with_name("b.sh")
    second.write_text("# conda execute\n# env:\n#  - tree\n\ntree\n")
    done = run(second)
    assert done.stdout == "other\n", done.stderr
    environ["CONDA_CHANNELS"] = web.url + "/chan"
    done = run(script)
    assert (done.stdout, "damaged" in done.stderr) == ("hello-conda 2.0\n", False), done.stderr
    assert run(second).stdout == "other\n"


# -- Records without hashes, and pip


def test_a_lock_of_records_without_hashes_is_an_error(run: Run, script: Path, env_dir: Path) -> None:
    assert run(script).returncode == 0
    [path] = (find_prefix(env_dir) / "conda-meta").glob("tree-*.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in record.items() if key not in ("sha256", "md5")}))
    done = run("--lock", script)
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected a record with URL and hash of each package, found none of tree\n" in done.stderr
    assert "--force-env --lock" in done.stderr and not Path(f"{script}.{SUBDIR}.lock").exists()
    assert run("--force-env", "--lock", script).returncode == 0


def make_sdist(folder: Path, tree: Path) -> None:
    """Write a folder that pip builds a distribution of with nothing from elsewhere, and an sdist of that."""
    code = """\
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    info = "built_here-1.0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, "built_here-1.0-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("built_here.py", "")
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: built-here\\nVersion: 1.0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return "built_here-1.0-py3-none-any.whl"
"""
    tree.mkdir()
    (tree / "back.py").write_text(code)
    (tree / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: built-here\nVersion: 1.0\n")
    table = '[build-system]\nrequires = []\nbuild-backend = "back"\nbackend-path = ["."]\n'
    (tree / "pyproject.toml").write_text(table + '[project]\nname = "built-here"\nversion = "1.0"\n')
    with tarfile.open(folder / "built_here-1.0.tar.gz", "w:gz") as archive:
        archive.add(tree, "built_here-1.0")


@pytest.fixture
def wheels(tmp_path: Path, environ: Environ) -> Path:
    """Return a folder of wheels and an sdist, where pip finds all that it is asked for."""
    folder = make_wheel(tmp_path / "wheels").parent
    make_wheel(folder, "needed")
    make_wheel(folder, "with_extra")
    with ZipFile(folder / "with_extra-1.0-py3-none-any.whl", "a") as wheel, pytest.warns(UserWarning):
        more = 'Provides-Extra: more\nRequires-Dist: needed; extra == "more"\n'
        wheel.writestr(
            "with_extra-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: with_extra\nVersion: 1.0\n{more}"
        )
    make_sdist(folder, tmp_path / "tree")
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(folder))
    return folder


PINS = {
    "a wheel": ("from-pypi", ["from_pypi==1.0"]),
    "an extra": ("with-extra[more]", ["needed==1.0", "with_extra==1.0"]),
    "a URL": ("from-pypi @ URL/from_pypi-1.0-py3-none-any.whl", ["from_pypi @ URL/from_pypi-1.0-py3-none-any.whl"]),
    "an sdist": ("built-here", ["built-here==1.0"]),
    "a marker that does not hold": ("from-pypi; sys_platform == 'win32'", []),
    "what conda has": ("pip", []),
}


@pytest.mark.parametrize("requirement, pins", PINS.values(), ids=list(PINS))
def test_what_pip_has_installed_is_locked_with_hashes(
    run: Run, write: Write, wheels: Path, requirement: str, pins: list[str], tmp_path: Path, environ: Environ
) -> None:
    script = write("a.py", "print('ran')", "python", f"pip:\n#     - {requirement.replace('URL', wheels.as_uri())}")
    done = run("--lock", script)
    assert done.returncode == 0, done.stderr
    lines = [line for line in Path(done.stdout.strip()).read_text().splitlines() if line.startswith("# pip: ")]
    found = {line[len("# pip: ") :].partition(" --hash=sha256:")[0]: line[-64:] for line in lines}
    assert sorted(found) == [pin.replace("URL", wheels.as_uri()) for pin in pins]
    assert set(found.values()) <= {hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels.iterdir()}
    done = run(script)
    assert done.stdout == "ran\n", done.stderr
    for path in [path for path in wheels.iterdir() if hashlib.sha256(path.read_bytes()).hexdigest() in found.values()]:
        flip_file(path, 40)
    if found:
        done = run("--force-env", script)
        assert (done.returncode, done.stdout) == (125, "")
        assert sorted(found)[0].split("=")[0].split(" ")[0] in done.stderr.split("HASHES")[1]


def test_a_folder_has_no_hash_and_what_to_do_is_said(run: Run, write: Write, wheels: Path, tmp_path: Path) -> None:
    script = write("a.py", "", "python", f"pip:\n#     - built-here @ {(tmp_path / 'tree').as_uri()}")
    done = run("--lock", script)
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected a hash of each PyPI requirement, found none of built-here @ file:///" in done.stderr
    assert "name a version, or the URL of a wheel or sdist, in its place" in done.stderr


def test_an_old_pip_is_told_to_be_one(run: Run, write: Write, wheels: Path, env_dir: Path) -> None:
    """Of one that cannot report the marker says so; one that an older file of ours has made says nothing."""
    script = write("a.py", "", "python", "pip:\n#     - from-pypi")
    assert run(script).returncode == 0
    marker = find_prefix(env_dir) / conda_execute.MARKER
    marker.write_text("".join(line for line in marker.read_text().splitlines(keepends=True) if "pin:" not in line))
    done = run("--lock", script)
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected a pip that says what it installs" in done.stderr and "add pip >=22.2 to env" in done.stderr


@pytest.mark.parametrize("version, expected", [("22.1.2", False), ("22.2", True), ("9.0.3", False), ("26.0b1", True)])
def test_which_pip_reports(version: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "pip.json").write_text(json.dumps({"name": "pip", "version": version}))
    assert conda_execute.has_report(str(tmp_path)) is expected


def test_a_bit_that_changes_what_a_list_of_files_means_is_found_wherever_it_is(company: Path, tmp_path: Path) -> None:
    """Each byte in turn: what is not found leaves the same files, with the same placeholders."""
    folder = tmp_path / "tree"
    rattler.rattler.extract(str(company / SUBDIR / "tree-1.0-0.conda"), str(folder))
    path = folder / "info" / "paths.json"
    whole = path.read_bytes()
    assert conda_execute.is_unpacked_whole(str(folder))

    def find_meaning(content: bytes) -> list[tuple[object, ...]]:
        keys = ("_path", "path_type", "prefix_placeholder", "file_mode", "no_link")
        return [tuple(map(one.get, keys)) for one in json.loads(content)["paths"]]

    for at in range(len(whole)):
        path.write_bytes(flip(whole, at))
        if conda_execute.is_unpacked_whole(str(folder)):
            assert find_meaning(path.read_bytes()) == find_meaning(whole), path.read_bytes()[at - 20 : at + 20]
