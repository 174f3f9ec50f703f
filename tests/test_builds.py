"""Builds: an env that is marked is whole and on the disk, of packages that were checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import channel as channel_program
import pytest
from channel import Package, info_files
from conftest import (
    BUILT,
    HELLO,
    MARKER,
    TOOL,
    check_env,
    check_unchanged,
    empty,
    list_tree,
    make_conda,
    mounted,
    names,
    needs_root,
    put,
    read_files,
    wait_until,
)
from servers import Server, make_channel

import conda_execute

resource = pytest.importorskip("resource", reason="locks, limits, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from channel import Files
    from conftest import Environ, Run, Write


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


STRACE = shutil.which("strace")


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
    made = [i for i in made if not Path(calls[i].split('"')[-2]).name.startswith((".conda-execute", "frozen"))]
    # By descriptor for a file system, or all of them.
    synced = [i for i in find("syncfs(") if is_on(env_dir, calls[i])] + find("sync(")
    assert made and [i for i in synced if max(made) < i < marked], "nothing syncs what was built"
    assert [i for i in find("fsync(", f"<{new}>") + find("fdatasync(", f"<{new}>") if i < marked]
    assert [i for i in find("fsync(", f"<{(prefix / MARKER).parent}>") if marked < i < started]


def is_on(folder: Path, call: str) -> bool:
    path = Path(call[call.index("<") + 1 : call.rindex(">")])
    return path.exists() and path.stat().st_dev == folder.stat().st_dev


MKFS = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin")


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


@pytest.mark.once
@pytest.mark.parametrize("limit", [0, 30, 200, 500, 1000, 1500])
def test_a_full_disk_is_told_and_the_next_run_is_fine(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, limit: int
) -> None:
    """No file may grow beyond the limit: the kernel answers EFBIG where a full disk answers ENOSPC."""
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")
    script = write("a.sh", "hello-conda", "hello-conda =1.0", "activated")
    done = run(script, preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)))
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0", "activated"])
    assert (done.returncode, done.stdout) == (125, "")
    assert "File too large" in done.stderr or "rattler could not build the environment" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (prefix / conda_execute.MARKER).exists()
    assert run(script).stdout == "hello-conda 1.0\n"
    check_env(prefix)


@needs_root
def test_a_disk_that_is_full_is_told_and_the_next_run_is_fine(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    script = write("a.py", "import pip; print(pip.__name__)", "pip")
    with mounted(env_dir, "-t", "tmpfs", "-o", "size=2m,mode=755", "none"):
        done = run(script)
        assert (done.returncode, done.stdout) == (125, "")
        assert "No space left on device" in done.stderr
        wait_until(lambda: names(env_dir / ".trash") == [])
        assert not (env_dir / conda_execute.find_name(["pip"])).exists()
        subprocess.run(["mount", "-o", "remount,size=200m", str(env_dir)], check=True)
        assert run(script).stdout == "pip\n"


@needs_root
def test_a_full_disk_is_named_with_what_frees_room(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    environ.update(CONDA_EXECUTE_ENV_DIR=str(tmp_path / "small" / "envs"))
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=300k", "none"):
        done = run(write("a.py", "", "python", "numpy"))
        assert done.returncode == 125
        line = f"rattler could not build the environment: the disk of {tmp_path}/small/envs is full: 0 MB and "
        assert line in done.stderr, done.stderr
        assert '  "conda-tmpenv clear --min-age 1" removes envs that nobody uses; packages are' in done.stderr


@needs_root
def test_a_full_disk_of_packages_alone_is_named_with_what_has_another(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    """As of a home with a quota, beside an env-dir on scratch."""
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "small" / "cache")
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=60k", "none"):
        put(tmp_path / "small" / "ballast", "x" * 50_000)
        done = run(write("a.py", "", "python", "numpy"))
        assert f"the disk of {tmp_path}/small/cache is full: 0 MB and " in done.stderr, done.stderr
    assert "\n  free some, or have RATTLER_CACHE_DIR name a folder on another disk\n" in done.stderr


@needs_root
@pytest.mark.once
def test_a_disk_without_inodes_is_told_wherever_they_end(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    environ.update(CONDA_EXECUTE_ENV_DIR=str(tmp_path / "small" / "envs"))
    script = write("a.sh", "hello-conda", "hello-conda")
    for inodes in range(9, 16):
        with mounted(tmp_path / "small", "-t", "tmpfs", "-o", f"nr_inodes={inodes},mode=755", "none"):
            done = run(script)
            assert (done.returncode, done.stdout) == (125, ""), inodes
            assert "No space left on device" in done.stderr
            assert "install conda" not in done.stderr and "a bug" not in done.stderr
            assert "conda-tmpenv clear" in done.stderr or conda_execute.OWN_FOLDER in done.stderr


# -- memory and processes


def test_an_engine_that_is_killed_is_told_as_one_that_had_too_little_memory(
    run: Run, write: Write, environ: Environ, channel: str, tmp_path: Path, env_dir: Path
) -> None:
    """Schedulers do that to the largest process of a job. Nobody else is told that it failed."""
    files: Files = {"bin/.deadly-post-link.sh": b"#!/bin/sh\nkill -9 $PPID\nsleep 60\n"}
    deadly = Package("deadly", "1.0", files, noarch="generic")
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "deadly", deadly) + "," + channel
    done = run(write("a.sh", "", "deadly"))
    assert (done.returncode, done.stdout) == (125, "")
    line = "rattler could not build the environment: it was killed, as happens where memory runs out\n  see "
    assert line in done.stderr, done.stderr
    assert '"conda-tmpenv create --script SCRIPT" on a login node' in done.stderr
    assert list((env_dir / ".leases").glob("*.failed")) == []


LIMITED = """\
import resource, sys, threading
import conda_execute
with open("/proc/self/statm") as f:
    size = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (4 << 20),) * 2)  # less than the stack of a thread
sys.exit(conda_execute.report_errors({}))
"""
LIMITS = {
    "no thread": ("conda_execute.start_thread, print", "found: Resource temporarily unavailable\n"),
    "no memory": ("lambda: len(bytearray(1 << 30))", "expected memory to work with, found none left\n"),
}


@pytest.mark.parametrize("work, line", LIMITS.values(), ids=LIMITS)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_limit_of_memory_is_told_in_words(work: str, line: str) -> None:
    command = [sys.executable, "-c", LIMITED.format(work)]
    done = subprocess.run(command, cwd=str(Path(TOOL).parent.parent), stderr=subprocess.PIPE, text=True)
    assert done.returncode == 125, done.stderr
    assert line + '  see "ulimit -a", and how much memory the job asked for' in done.stderr


# -- what was asked for is there


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
    run: Run, write: Write, environ: Environ, env_dir: Path, cache: Path, server: Server,
    damage: Callable[[Path], object],
) -> None:  # fmt: skip
    environ["CONDA_CHANNELS"] = server.url
    run("-q", write("a.sh", "", "hello-conda =1.0"))
    damage(cache / "pkgs" / "hello-conda-1.0-0")
    done = run(write("b.sh", 'hello-conda; cat "$PREFIX/share/hello-conda/prefix.txt"', "hello-conda =1.0", "words"))
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0", "words"])
    assert done.stdout == f"hello-conda 1.0\n{prefix}\n", done.stderr
    assert server.asked.count("/noarch/hello-conda-1.0-0.tar.bz2") == 2


def info_of_old(package: Package) -> Files:
    """Return what conda-build wrote before it wrote paths.json and timestamps."""
    files = info_files(package)
    index = json.loads(files["info/index.json"])
    del files["info/paths.json"], index["timestamp"]
    return {**files, "info/index.json": json.dumps(index).encode()}


@pytest.mark.once
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


@pytest.mark.once
def test_under_offline_nothing_in_the_cache_is_dropped(
    run: Run, write: Write, environ: Environ, cache: Path, server: Server
) -> None:
    """Since it cannot be had again."""
    environ["CONDA_CHANNELS"] = server.url
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    shutil.rmtree(cache / "pkgs" / "hello-conda-1.0-0" / "share")
    before = read_files(cache / "pkgs")
    run("--offline", "-f", script)
    after = read_files(cache / "pkgs")
    assert {path for path in before if path not in after} == set()


@pytest.mark.once
def test_an_engine_that_reports_success_without_the_packages_is_not_believed(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    """As conda does under download_only."""
    code = 'mkdir -p "$3/conda-meta"; > "$3/conda-meta/history"; echo \'{"success": true}\'\n'
    make_conda(environ, tmp_path, code)
    done = run(write("a.sh", "exit 0", "hello-conda"))
    assert (done.returncode, (env_dir / HELLO / MARKER).exists()) == (125, False)
    assert "hello-conda" in done.stderr.split("building", 1)[-1].partition("\n")[2]


BLAMES = """\
echo "CondaVerificationError: the package located at FOLDER/mypkg appears to be corrupted: FOLDER/mypkg/src/thesis.txt"
exit 1
"""


@pytest.mark.once
@pytest.mark.parametrize("inside", [True, False], ids=["env-dir is in there", "env-dir is elsewhere"])
def test_a_folder_of_the_users_that_an_engine_names_is_no_damaged_package(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, inside: bool
) -> None:
    """Though it looks like an unpacked one: it is in no cache."""
    mine = tmp_path / "mypkg"
    listed = '{"paths": [{"_path": "bin/gone", "path_type": "hardlink"}]}'
    for path, content in {"info/index.json": "{}", "info/paths.json": listed, "src/thesis.txt": "precious\n"}.items():
        put(mine / path, content)
    make_conda(environ, tmp_path, BLAMES)
    if inside:
        environ["CONDA_EXECUTE_ENV_DIR"] = str(mine / "env-dir")
    before, script = list_tree(mine), write("a.sh", "hello-conda", "hello-conda")
    for words in ([script], ["-f", script]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "appears to be corrupted" in done.stderr
        check_unchanged(before, list_tree(mine))


# -- the folder


@pytest.mark.once
def test_a_build_that_fails_in_a_deep_folder_fails_once(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    """The note of its builder is longer than most."""
    deep = str(tmp_path.joinpath(*["d" * 200] * 3))
    script = write("a.sh", "hello-conda", "nothing-of-the-kind")
    done = run(script, env={**environ, "CONDA_EXECUTE_ENV_DIR": deep})
    assert done.returncode == 125
    assert done.stderr.count("conda-execute: building ") == 1
    assert "nothing-of-the-kind" in done.stderr.partition("could not build")[2]


def test_an_engine_that_cannot_link_into_such_a_folder_says_so(run: Run, write: Write, environ: Environ) -> None:
    """rattler: the prefix is written into files as text."""
    environ["CONDA_EXECUTE_ENV_DIR"] += os.fsdecode(b"\xff")
    done = run(write("a.sh", "exit 0", "hello-conda"), errors="surrogateescape")
    assert (done.returncode, done.stdout) == (125, "")
    assert "UTF-8" in done.stderr and "a bug of" not in done.stderr and "Traceback" not in done.stderr
