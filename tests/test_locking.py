"""Locking: locks for platforms that are not this one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from channel import ELSEWHERE, Package
from conftest import PROFILE, entries, every_engine
from hypothesis import given
from hypothesis import strategies as st
from servers import PASSWORD, TOKEN, make_channel

from conda_execute import MACHINE, find_subdir, sort_records

if TYPE_CHECKING:
    from conftest import Environ, Run, Script, Write
    from servers import Server

SUBDIR = find_subdir(sys.platform, MACHINE)
PLATFORMS = [word for subdir in ELSEWHERE for word in ("--platform", subdir)]
SPECS = ("far", "words  # [linux]", "activated  # [osx]", "no-such-thing  # [osx and win]")


def read_lock(script: Path, subdir: str) -> list[str]:
    """Return the packages of a lock, in its order, each by the end of its URL."""
    lines = script.with_name(f"{script.name}.{subdir}.lock").read_text("utf-8").splitlines()
    urls = lines[lines.index("@EXPLICIT") + 1 :]
    return ["/".join(urlsplit(url).path.split("/")[-2:]) for url in urls]


@pytest.fixture
def caches(environ: Environ, tmp_path: Path) -> list[Path]:
    """Have package caches of this test's own."""
    environ.update(CONDA_PKGS_DIRS=str(tmp_path / "pkgs"), RATTLER_CACHE_DIR=str(tmp_path / "rattler"))
    return [tmp_path / "pkgs", tmp_path / "rattler"]


@every_engine
def test_each_engine_locks_the_same_for_each_of_some_platforms_and_makes_nothing_else(
    run: Run, write: Write, tmp_path: Path, env_dir: Path, home: Path, caches: list[Path]
) -> None:
    script = write("a.sh", "", *SPECS)
    done = run("--lock", *PLATFORMS, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(f"{script}.{subdir}.lock\n" for subdir in ELSEWHERE)
    for subdir in ELSEWHERE:
        name, suffix = ("activated", "") if "osx" in subdir else ("words", "") if "linux" in subdir else ("", "")
        found = read_lock(script, subdir)
        both = [f"{subdir}/near-1.0-0.tar.bz2", f"{subdir}/far-1.0-0.conda"]
        more = [f"noarch/{name}-1.0-0.tar.bz2"] if name else []
        assert sorted(found) == sorted(["noarch/hello-conda-1.0-0.tar.bz2", *both, *more])
        order = [one for one in found if one not in more]
        assert order == ["noarch/hello-conda-1.0-0.tar.bz2", *both]
    assert entries(env_dir) == []
    assert not (home / ".conda" / "environments.txt").exists()
    archives = [path for cache in caches for path in cache.rglob("*") if path.suffix in (".conda", ".bz2")]
    assert archives == [] == [path for cache in caches for path in cache.rglob("info")]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("a.sh")) == sorted(
        ["a.sh", *(f"a.sh.{subdir}.lock" for subdir in ELSEWHERE)]
    )


@every_engine
def test_what_a_cache_has_already_is_in_the_lock_too(run: Run, write: Write, home: Path, environ: Environ) -> None:
    """A list of condarc and that of a variable count both: conda says no hash of what it need not fetch."""
    del environ["CONDA_PKGS_DIRS"]
    (home / ".condarc").write_text(f"pkgs_dirs:\n  - {home}/pkgs\n", "utf-8")
    assert run(write("b.sh", "show done", "words", "hello-conda 1.*")).stdout == "done\0"
    script = write("a.sh", "", *SPECS)
    done = run("--lock", "--platform", "linux-aarch64", script)
    assert done.returncode == 0, done.stderr
    ours = ["linux-aarch64/far-1.0-0.conda", "linux-aarch64/near-1.0-0.tar.bz2"]
    assert sorted(read_lock(script, "linux-aarch64")) == sorted(
        [*ours, "noarch/hello-conda-1.0-0.tar.bz2", "noarch/words-1.0-0.tar.bz2"]
    )


@every_engine
def test_a_machine_of_another_platform_is_taken_to_be_a_usual_one_unless_a_variable_says_more(
    run: Run, write: Write, environ: Environ
) -> None:
    script = write("a.sh", "", "future")
    done = run("--lock", "--platform", "osx-arm64", script)
    assert done.returncode == 125
    assert "__osx" in done.stderr
    assert not Path(f"{script}.osx-arm64.lock").exists()
    environ["CONDA_OVERRIDE_OSX"] = "99.1"
    assert run("--lock", "--platform", "osx-arm64", script).returncode == 0
    assert read_lock(script, "osx-arm64") == ["osx-arm64/future-1.0-0.tar.bz2"]


@every_engine
def test_of_a_channel_without_the_platform_comes_what_is_for_every_one(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "own", Package("own", "1.0", {}, noarch="generic"))
    script = write("a.sh", "", "own")
    done = run("--lock", "--platform", "osx-64", script)
    assert done.returncode == 0, done.stderr
    assert read_lock(script, "osx-64") == ["noarch/own-1.0-0.tar.bz2"]
    done = run("--lock", "--platform", "osx-64", write("b.sh", "", "far"))
    assert done.returncode == 125
    assert "far" in done.stderr and ": for osx-64: " in done.stderr


def test_a_lock_that_is_written_anew_says_what_has_changed(run: Run, write: Write) -> None:
    script = write("a.sh", "", "hello-conda =1.0")
    assert ".lock" not in run("--lock", script).stderr
    lock = next(script.parent.glob("a.sh.*.lock"))
    again = run("--lock", script)
    assert f"conda-execute: {lock}: as before; --force-env --lock asks the channels anew\n" in again.stderr
    done = run("--force-env", "--lock", script)
    assert f"conda-execute: {lock}: as before\n" in done.stderr and "would be its lock" not in done.stderr
    assert run("--lock", "--platform", "osx-64", script).returncode == 0
    assert ".lock: as before\n" in run("--lock", "--platform", "osx-64", script).stderr
    write("a.sh", "", "hello-conda =2.0", "words")
    done = run("--lock", script)
    files = "+ hello-conda-2.0-0.conda, + words-1.0-0.tar.bz2, - hello-conda-1.0-0.tar.bz2"
    assert f"conda-execute: {lock}: {files}\n" in done.stderr, done.stderr


def test_requirements_of_pypi_are_locked_on_such_a_machine_alone(run: Run, write: Write) -> None:
    script = write("a.sh", "", "words", "pip:\n#     - rich  # [win]")
    assert run("--lock", "--platform", "osx-arm64", script).returncode == 0
    done = run("--lock", "--platform", "win-64", script)
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected match specs alone for win-64, found requirements of PyPI\n" in done.stderr
    assert "  write --lock on such a machine: pip chooses for its own alone\n" in done.stderr


def test_a_script_that_is_for_another_platform_alone_can_be_locked_for_it(run: Run, write: Write) -> None:
    script = write("a.bat", "", "far  # [win]")
    done = run("--lock", "--platform", "win-64", script)
    assert done.returncode == 0, done.stderr
    assert len(read_lock(script, "win-64")) == 3


WHEN = """\
words = { version = "*", when = "__glibc >=2.28" }
activated = { version = "*", when = "__glibc >=2.29" }
dated = { version = "*", when = "__cuda >=12" }
hello-conda = "*\""""


def test_what_depends_on_the_machine_is_decided_by_what_that_machine_is_taken_to_have(
    run: Run, conda_script: Script, environ: Environ
) -> None:
    script = conda_script("sh ${SCRIPT}", more=WHEN)

    def find_names() -> list[str]:
        done = run("--lock", "--platform", "linux-aarch64", script)
        assert done.returncode == 0, done.stderr
        return [one.split("/")[1].rsplit("-", 2)[0] for one in read_lock(script, "linux-aarch64")]

    assert find_names() == ["hello-conda", "words"]
    environ.update(CONDA_OVERRIDE_GLIBC="2.17", CONDA_OVERRIDE_CUDA="12.4")
    assert find_names() == ["dated", "hello-conda"]


@every_engine
@pytest.mark.parametrize("kind", ["token", "password"])
def test_a_lock_has_no_secret_and_is_written_offline_from_the_index_that_is_there(
    run: Run, write: Write, environ: Environ, server: Server, kind: str, engine: str, caches: list[Path]
) -> None:
    location = server.url.partition("://")[2]
    server.password, server.token = (f"user:{PASSWORD}", "") if kind == "password" else ("", TOKEN)
    path = f"/t/{TOKEN}/ch" if kind == "token" else "/ch"
    environ["CONDA_CHANNELS"] = f"http://{server.password}{'@' * (kind == 'password')}{location}{path}"
    script = write("a.sh", "", *SPECS)
    done = run("--lock", "--platform", "linux-aarch64", script)
    lock = Path(f"{script}.linux-aarch64.lock")
    assert done.returncode == 0, done.stderr
    text = lock.read_text("utf-8")
    assert len(read_lock(script, "linux-aarch64")) == 4
    assert PASSWORD not in text + done.stderr and TOKEN not in text + done.stderr
    assert not [path for path in server.asked if path.endswith((".conda", ".bz2"))]
    lock.unlink()
    server.asked.clear()
    done = run("--offline", "--lock", "--platform", "linux-aarch64", script)
    assert done.returncode == 0, done.stderr
    assert lock.read_text("utf-8").split("@EXPLICIT")[1] == text.split("@EXPLICIT")[1]
    if engine != "mamba":  # which asks for shards in spite of --offline: 2.8.1
        assert server.asked == []


NAMES = st.sampled_from("abcdefgh")


@given(st.dictionaries(NAMES, st.lists(st.tuples(NAMES, st.sampled_from(["", " >=1", " 1.* *_0"])))))
@PROFILE
def test_a_package_stands_behind_those_that_it_depends_on_and_each_is_there_once(
    graph: dict[str, list[tuple[str, str]]],
) -> None:
    records = [{"name": name, "depends": [a + b for a, b in needs]} for name, needs in graph.items()]
    order = [str(one["name"]) for one in sort_records(records)]
    assert sorted(order) == sorted(graph)
    assert order == [str(one["name"]) for one in sort_records(records[::-1])]

    def find_reached(name: str) -> set[str]:
        reached, todo = set(), [name]
        while todo:
            new = {a for a, _ in graph[todo.pop()] if a in graph} - reached
            reached |= new
            todo += new
        return reached

    reached = {name: find_reached(name) for name in graph}
    for name, needs in graph.items():
        for need in {a for a, _ in needs if a in graph} - {name}:
            in_a_circle = name in reached[need]
            assert in_a_circle or order.index(need) < order.index(name)


def test_a_folder_in_the_place_of_a_lock_is_told_before_anything_is_built(
    run: Run, write: Write, env_dir: Path
) -> None:
    lock = Path(f"{write('a.sh', '', 'hello-conda')}.{SUBDIR}.lock")
    lock.mkdir()
    text = "expected a lock in a file, found a folder, pipe or device\n  move it to another place\n"
    for words in (["--lock", "a.sh"], ["a.sh"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.endswith(f"{lock.name}: {text}")
    assert not env_dir.exists()
