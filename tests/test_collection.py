"""Collection: what is unused, damaged or in the trash goes, and nothing that runs.

STORE_RACES=500 runs the races longer than the suite does.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from channel import PLACEHOLDER, SITE_PACKAGES, Package
from conftest import (
    BUILT,
    CLEAR_ALL,
    HELLO,
    HELLO_1,
    MARKER,
    RACES,
    SEED,
    STAYING,
    TOOL,
    Old,
    Scene,
    empty,
    find_collectors,
    let_pass,
    let_pass_stamps,
    make_env,
    make_wheel,
    mounted,
    names,
    needs_root,
    put,
    read_files,
    set_age,
    wait_until,
    wait_until_gone,
)
from servers import make_channel

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from channel import Files
    from conftest import Collect, Environ, Rows, Run, Start, Write


# -- age


@pytest.mark.once
@pytest.mark.parametrize("locking, races", [("flock", RACES), ("files", RACES // 10)], indirect=["locking"])
def test_a_starter_that_races_with_a_collector_always_runs(
    run: Run, write: Write, send: Callable[[float, float], Callable[[], str]], races: int
) -> None:
    moments, script = random.Random(SEED), write("a.sh", "sleep 0.01; hello-conda", "hello-conda =1.0")
    run("-q", script)
    removed = 0
    for _ in range(races):
        wait = send(0, moments.uniform(0.015, 0.05))
        done = run(script)
        assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr
        assert wait() == "0\n"
        removed += "built" in done.stderr
    print(f"the starter had to build in {removed} of {races} races")
    assert 0 < removed < races or races < 50


def test_an_env_goes_when_it_was_unused_for_longer_than_the_setting(
    run: Run, write: Write, collect: Collect, env_dir: Path, rows: Rows
) -> None:
    run("-q", write("a.sh", "", "hello-conda"))
    let_pass(env_dir, 24)
    collect("25")
    assert names(env_dir / HELLO)
    let_pass(env_dir, 1.1)
    collect("25")
    assert not (env_dir / HELLO).exists()
    assert rows()[-1][1:3] == ["remove", HELLO]


@pytest.mark.parametrize("keep", ["0.5", "0.01", "1e-4", "0"])
def test_a_shortened_setting_takes_effect_at_the_next_call(collect: Collect, env_dir: Path, keep: str) -> None:
    """Fractions of an hour as well, and 0: at once."""
    young, old = make_env(env_dir, "a" * 20, float(keep) / 2 - 0.01), make_env(env_dir, "b" * 20, float(keep) + 0.01)
    collect("25")
    assert young.exists() and old.exists()
    collect(keep)
    assert young.exists() and not old.exists()


def test_an_env_in_use_past_its_age_is_looked_at_again(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene
) -> None:
    start("-q", write("a.sh", STAYING, "hello-conda"))
    scene.wait()
    let_pass(env_dir, 30)
    collect("25")
    assert (env_dir / HELLO).exists()
    scene.end()
    let_pass(env_dir, 0.5)
    collect("25")
    assert not (env_dir / HELLO).exists()


@pytest.mark.once
def test_every_call_of_any_kind_collects(run: Run, write: Write, env_dir: Path, tmp_path: Path) -> None:
    script = write("a.sh", "", "hello-conda")
    run("-q", script)
    for i, words in enumerate([["-q", script], ["--tmpenv", "list"], ["--tmpenv", "name", "x"]]):
        old = make_env(env_dir, f"{i}" * 20, 30)
        let_pass(env_dir, 1)
        shutil.rmtree(str(env_dir / ".leases"))  # with all stamps
        (env_dir / ".leases").mkdir()
        run(*words)
        wait_until(lambda old=old: not old.exists())  # type: ignore[misc]
        wait_until(lambda: not find_collectors(tmp_path))


@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="needs strace")
def test_to_learn_that_nothing_is_due_takes_one_stat_and_no_process(
    run: Run, write: Write, environ: Environ, tmp_path: Path, collect: Collect
) -> None:
    script, log = write("a.sh", "exit 0", "hello-conda"), tmp_path / "strace"
    run("-q", script)
    wait_until(lambda: not find_collectors(tmp_path))
    subprocess.run(["strace", "-f", "-o", str(log), sys.executable, str(TOOL), str(script)], env=environ, check=True)
    lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()]  # without the pid
    assert not [line for line in lines if line.startswith(("clone", "fork", "vfork"))]
    stamps = [line for line in lines if "/.leases/.due" in line]
    assert len(stamps) == 1
    assert "stat" in stamps[0].split("(")[0]


@pytest.fixture
def large(env_dir: Path) -> Path:
    """Make an env past its age whose removal takes a while."""
    prefix = make_env(env_dir, "f" * 20, 100)
    for i in range(50):
        (prefix / f"{i}").mkdir()
        for j in range(200):
            os.mkdir(str(prefix / f"{i}" / f"{j}"))  # noqa: PTH102
    return prefix


@pytest.mark.once
def test_neither_a_script_nor_a_pipe_waits_for_a_removal(
    run: Run, write: Write, environ: Environ, tmp_path: Path, env_dir: Path, large: Path
) -> None:
    """The process that removes is stopped while it is at it: the pipe must end all the same."""
    script = write("a.sh", "echo $$", "hello-conda")
    run("-q", script, env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "1000"})
    with (tmp_path / "inherited").open("w") as f:
        os.set_inheritable(f.fileno(), True)
        code = f"{sys.executable} {TOOL} {script} | cat"
        child = subprocess.Popen(["sh", "-c", code], env=environ, stdout=subprocess.PIPE, pass_fds=[f.fileno()])
        wait_until(lambda: not large.exists())
        found = find_collectors(tmp_path)
        os.kill(found[0], signal.SIGSTOP)
        try:
            assert child.wait(60) == 0
            pid = int(child.communicate()[0])
            opened = {os.readlink(str(path)) for path in Path(f"/proc/{found[0]}/fd").iterdir()}
            assert {path for path in opened if not path.startswith(str(env_dir))} <= {os.devnull}
            assert os.readlink(f"/proc/{found[0]}/cwd") == "/"
            assert os.getsid(found[0]) not in (os.getsid(0), pid)
            assert names(env_dir / ".trash")
        finally:
            os.kill(found[0], signal.SIGCONT)
    wait_until(lambda: not large.exists() and names(env_dir / ".trash") == [])


def test_a_removal_that_was_killed_is_ended_by_a_later_one(
    collect: Collect, run: Run, env_dir: Path, large: Path, tmp_path: Path
) -> None:
    run("--tmpenv", "name", "x")
    wait_until(lambda: names(env_dir / ".trash"))
    for pid in find_collectors(tmp_path):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find_collectors(tmp_path))
    assert not large.exists()
    let_pass_stamps(env_dir)
    collect()
    assert names(env_dir / ".trash") == []


def test_a_clock_that_was_ahead_stops_no_collection(collect: Collect, env_dir: Path) -> None:
    """A stamp that lies further ahead than the setting reaches was written by a clock that was wrong."""
    make_env(env_dir, "a" * 20)
    collect("25")
    for stamp in env_dir.glob(".leases/.due*"):
        set_age(stamp, -1e5)
    old = make_env(env_dir, "b" * 20, 100)
    collect("25")
    assert not old.exists()


YEAR_H = 24 * 366


@pytest.mark.once
def test_a_marker_of_the_future_is_dated_and_its_env_goes_in_time(
    run: Run, collect: Collect, env_dir: Path, old: Old
) -> None:
    """As a clock that was wrong has left it."""
    set_age(old.marker, -73 * YEAR_H)
    let_pass_stamps(env_dir)
    collect("25")
    wait_until(lambda: abs(old.marker.stat().st_mtime - time.time()) < 300, 10)
    old.check()
    let_pass(env_dir, 24)
    collect("25")
    old.check()
    let_pass(env_dir, 26)
    collect("25")
    wait_until_gone(old.prefix)


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("what", ["inodes", "bytes"])
def test_where_the_disk_has_no_room_left_an_env_past_its_age_is_deleted(
    small_disk: Callable[[], Path], run: Run, env_dir: Path, collect: Collect, old: Old, what: str
) -> None:
    collect("1000")
    let_pass(env_dir, 100)
    for stamp in env_dir.glob(".leases/.due*"):
        stamp.unlink()
    if what == "bytes":
        small_disk()
    else:
        (env_dir / "filler").mkdir()
        with pytest.raises(OSError, match="No space left"):
            for i in range(1000):
                (env_dir / "filler" / f"{i}").touch()
    run("--tmpenv", "name", "x")
    wait_until_gone(old.prefix)
    wait_until(lambda: names(env_dir / ".trash") == [], 10)


# -- damage


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


@pytest.mark.once
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


@pytest.mark.once
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


NOT_BY_AGE = "1e6"  # hours after which an env goes
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
    run: Run, write: Write, env_dir: Path, cache: Path, collect_here: Collect, lose: Callable[[Path], object]
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda", "python")
    prefix = env_dir / conda_execute.find_name(["hello-conda", "python"])
    run(script)
    collect_here(NOT_BY_AGE)
    assert (prefix / MARKER).exists()
    before, links = read_files(prefix / "share"), sorted(os.listdir(prefix / "bin"))  # noqa: PTH208
    lose(prefix)
    collect_here(NOT_BY_AGE)
    assert not (prefix / MARKER).exists()
    done = run(script)
    assert (done.stdout, BUILT in done.stderr) == ("hello-conda 2.0\n", True), done.stderr
    assert (read_files(prefix / "share"), sorted(os.listdir(prefix / "bin"))) == (before, links)  # noqa: PTH208


@pytest.mark.once
def test_an_env_that_lost_a_file_stays_while_something_runs_in_it(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, collect_here: Collect
) -> None:
    script = write("a.sh", 'echo > ready; read line; hello-conda; exit "$1"', "hello-conda")
    command = [sys.executable, str(TOOL), "-q", str(script), "7"]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdin=subprocess.PIPE) as child:
        wait_until((tmp_path / "ready").exists)
        inode = (env_dir / HELLO).stat().st_ino
        (env_dir / HELLO / "share" / "hello-conda" / "prefix.txt").unlink()
        collect_here(NOT_BY_AGE)
        done = run(script, "8")
        assert (env_dir / HELLO).stat().st_ino == inode
        assert done.returncode == 125 and f"process {child.pid}" in done.stderr
        child.communicate(b"\n")
    assert child.returncode == 7
    assert BUILT in run(script, stdin=None, input="\n").stderr


CLEAN = b'#!/bin/sh\ncd "$PREFIX/share/cleaner" && rm gone emptied && : > emptied\n'


@pytest.mark.once
def test_what_a_package_or_pip_changed_while_the_env_was_built_is_no_loss(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, channel: str, collect_here: Collect
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
    collect_here(NOT_BY_AGE)
    done = run(script)
    assert (done.stdout, done.stderr) == (f"{prefix}\n", "")


@pytest.mark.once
def test_byte_code_that_python_wrote_anew_is_no_loss(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, channel: str, collect_here: Collect
) -> None:
    """A linker that writes the prefix into a module outdates the byte code that the package brought."""
    paths = [f"{SITE_PACKAGES}/own.py", f"{SITE_PACKAGES}/__pycache__/own.{sys.implementation.cache_tag}.pyc"]
    files: Files = dict(zip(paths, [f"print('{PLACEHOLDER}')\n".encode(), b"of another source\n"]))
    environ["CONDA_CHANNELS"] = f"{make_channel(tmp_path / 'own', Package('own', '1.0', files, ['python']))},{channel}"
    script, prefix = write("a.py", "import own", "python", "own"), env_dir / conda_execute.find_name(["python", "own"])
    assert run(script).stdout == f"{prefix}\n"
    assert (prefix / paths[1]).stat().st_size != len(files[paths[1]])
    collect_here(NOT_BY_AGE)
    assert (prefix / MARKER).exists()
    assert run(script).stderr == ""


@pytest.mark.once
@pytest.mark.parametrize("code", ["EIO", "ESTALE", "ETIMEDOUT", "EACCES"])
def test_an_env_that_cannot_be_looked_at_for_a_moment_is_not_taken_for_damaged(
    code: str, unbound: conda_execute.Store, env_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = env_dir / HELLO_1 / "conda-meta" / "a-1-0.json"
    record.write_text('{"files": ["bin/a"], "paths_data": {"paths": [{"_path": "bin/a", "path_type": "hardlink"}]}}')
    (env_dir / HELLO_1 / "bin").mkdir()
    (env_dir / HELLO_1 / "bin" / "a").write_text("a")
    unbound.write_marker(HELLO_1, [("brings", "bin/a")])
    originals = {name: getattr(os, name) for name in ("stat", "lstat")}

    def fail(name: str, path: object, **options: object) -> object:
        if str(path).endswith("/bin/a"):
            raise OSError(getattr(errno, code), "", path)
        return originals[name](path, **options)

    for name in originals:
        monkeypatch.setattr(os, name, partial(fail, name))
    assert conda_execute.count_files(str(env_dir / HELLO_1))[0] == 1
    assert unbound.find_marker(HELLO_1)


# -- trash


def make_trash(env_dir: Path, count: int) -> list[Path]:
    """Fill the trash with what a process that is gone has moved there."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    paths = [env_dir / ".trash" / f"{i:020x}.{gone.pid}.{time.time_ns()}" for i in range(count)]
    for path in paths:
        for name in ("conda-meta/history", "bin/a", "lib/b", "share/c"):
            put(path / name)
    return paths


@pytest.mark.once
def test_three_rebuilds_at_once_empty_one_trash(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path
) -> None:
    specs = ["hello-conda", "hello-conda =1.0", "words"]
    scripts = [write(f"{i}.sh", f"echo {i}", spec) for i, spec in enumerate(specs)]
    for script in scripts:
        run("-q", script)
    for _ in range(3):
        make_trash(env_dir, 60)
        children = [start("-q", "-f", script) for script in scripts]
        done = [(child.communicate(timeout=60), child.returncode) for child in children]
        assert done == [((f"{i}\n", ""), 0) for i in range(3)]
    collect("1000")
    wait_until(lambda: names(env_dir / ".trash") == [], 10)


# -- what is in its way


@pytest.mark.once
def test_trash_that_another_one_has_just_emptied_is_no_trouble(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    store.make()
    monkeypatch.setattr(conda_execute, "list_names", lambda folder: [f"{HELLO}.71.1764040000000000000"])
    assert store.empty_trash() == []


def test_a_caller_that_ignores_its_children_stops_no_run(run: Run, write: Write, env_dir: Path) -> None:
    """With SIGCHLD ignored, which exec hands on, the kernel keeps no exit code to wait for."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    old = make_env(env_dir, "a" * 20, 100)
    let_pass_stamps(env_dir)
    done = run(script, preexec_fn=partial(signal.signal, signal.SIGCHLD, signal.SIG_IGN))
    assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr
    wait_until(lambda: not old.exists())


def test_a_machine_that_has_no_room_for_a_process_stops_no_run(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, environ: Environ
) -> None:
    """Popen fails in Python itself, since limits do not bind root."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    code = f"import subprocess\ndef popen(*words, **options):\n    raise BlockingIOError({errno.EAGAIN}, 'no room')\n"
    code += "subprocess.Popen = popen\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    let_pass_stamps(env_dir)
    done = run(script, env={**environ, "PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr


@needs_root
def test_an_env_that_cannot_be_moved_keeps_no_other(collect: Collect, env_dir: Path) -> None:
    """A mount point cannot be renamed."""
    stuck = [make_env(env_dir, letter * 20, 100) for letter in "05af"]
    with mounted(stuck[0], "-t", "tmpfs", "none"), mounted(stuck[3], "-t", "tmpfs", "none"):
        collect("25")
        assert [path.exists() for path in stuck] == [True, False, False, True]
        assert list(env_dir.glob(".leases/.due*")), "or every call would start a collection"


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("kind", ["a file", "a folder", "a mount"])
def test_what_cannot_be_deleted_fails_no_run_and_no_build(
    run: Run, write: Write, collect: Collect, env_dir: Path, old: Old, kind: str,
    mount_below: Callable[[str, Path], Path],
) -> None:  # fmt: skip
    stuck, *others = make_trash(env_dir, 3)
    if kind == "a mount":
        mount_below("a disk", stuck / "data")
    else:
        if kind == "a file":
            shutil.rmtree(str(stuck))
            put(stuck)
        if subprocess.run(["chattr", "-R", "+i", str(stuck)], stderr=subprocess.DEVNULL).returncode:
            pytest.skip("no file can be made immutable here")
    try:
        other = write("b.sh", "hello-conda", "hello-conda =1.0")
        for words in ([old.script], ["-f", old.script], [other], ["--tmpenv", "create", "words"]):
            done = run(*words)
            assert done.returncode == 0, done.stderr
        collect("1000")
        wait_until_gone(*others)
        assert stuck.exists()
        assert run("--tmpenv", "list").returncode == 0
        done = run(*CLEAR_ALL)
        assert done.returncode == 125, done
        assert stuck.name in done.stderr
        assert names(env_dir / ".trash") == [stuck.name]
    finally:
        subprocess.run(["chattr", "-R", "-i", str(stuck)], stderr=subprocess.DEVNULL)


@pytest.mark.once
@pytest.mark.parametrize("files", ["x", "-1", ""])
def test_a_marker_whose_number_of_files_is_none_is_of_a_damaged_env(env_dir: Path, files: str) -> None:
    marker = make_env(env_dir, HELLO) / conda_execute.MARKER
    marker.write_bytes(marker.read_bytes() + f"files: {files}\n".encode())
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    assert store.remove_marker_if_damaged(HELLO)
    assert not marker.exists()


@pytest.mark.once
def test_a_marker_that_is_a_link_to_nowhere_is_none(env_dir: Path) -> None:
    marker = make_env(env_dir, HELLO) / conda_execute.MARKER
    marker.unlink()
    marker.symlink_to("/nowhere")
    store = conda_execute.Store(str(env_dir), 90000, conda_execute.Progress(False, True))
    assert (store.last_use(HELLO), store.find_marker(HELLO)) == (0, {})


@pytest.mark.once
def test_only_what_could_be_put_back_is(env_dir: Path) -> None:
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    store.make()
    strange = env_dir / ".trash" / (".scripts." + "a" * 64 + ".71.1764040000000000000.aside")
    strange.mkdir()
    assert store.empty_trash() == []
    assert strange.exists()


@pytest.mark.once
def test_who_clears_waits_for_a_collector_that_is_just_looking(env_dir: Path) -> None:
    make_env(env_dir, HELLO, 1)
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    looking = store.lock(f"{HELLO}.build")
    assert looking.take(exclusive=True)
    timer = threading.Timer(0.2, looking.release)
    timer.start()
    store.remove(HELLO, float("inf"))
    timer.join()
    assert not (env_dir / HELLO).exists()
