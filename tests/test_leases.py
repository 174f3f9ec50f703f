"""Leases: what holds one is never in doubt, by flock(2) or by marks, whoever died or left something in the way."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    BARE,
    DAY_H,
    HELLO,
    HELLO_1,
    STAYING,
    Scene,
    find_collectors,
    let_pass,
    let_pass_stamps,
    make_conda,
    needs_root,
    set_age,
    wait_until,
)

import conda_execute

resource = pytest.importorskip("resource", reason="locks, limits, owners and signals of POSIX")

if TYPE_CHECKING:
    from conftest import Collect, Environ, Run, Start, Write


@pytest.mark.warm
def test_the_lease_stays_open_in_the_script_on_a_high_descriptor(run: Run, write: Write, env_dir: Path) -> None:
    done = run("-q", write("a.sh", "ls -l /proc/$$/fd", "hello-conda"))
    leases = [line for line in done.stdout.splitlines() if f"{env_dir}/.leases/" in line]
    assert len(leases) == 1
    assert int(leases[0].split(" -> ")[0].split()[-1]) >= 256


@pytest.mark.parametrize("limit", [256, 64, 20])
def test_a_low_limit_of_descriptors_stops_no_run_and_loses_no_lease(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene, run: Run, limit: int
) -> None:
    """The limit of a shell on macOS is 256."""
    run("-q", write("b.sh", "", "hello-conda"))
    script = write("a.sh", BARE, "hello-conda")
    child = start(script, preexec_fn=partial(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, limit)))
    wait_until(lambda: scene.ready.exists() or child.poll() is not None)
    assert child.poll() is None
    collect("0")
    assert (env_dir / HELLO).exists()
    scene.end()


# -- marks


@pytest.mark.parametrize("locking", ["files"], indirect=True)
@pytest.mark.parametrize("is_built", [False, True], ids=["building", "warm"])
def test_that_lock_files_are_used_is_said_once_with_verbose(run: Run, write: Write, is_built: bool) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    if is_built:
        assert "lock" not in run(script).stderr
    done = run("-v", script)
    assert done.stdout == "hello-conda 1.0\n"
    assert done.stderr.count("no file locks") == 1


@pytest.mark.parametrize("locking", ["files"], indirect=True)
def test_the_mark_of_a_process_that_was_killed_is_taken_over(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path, scene: Scene
) -> None:
    script = write("a.sh", STAYING, "hello-conda")
    child = start("-q", script)
    scene.wait()
    assert find_marks(env_dir, HELLO)
    assert run("-f", script).returncode == 125
    child.kill()
    child.wait()
    assert find_marks(env_dir, HELLO)
    collect("0")
    assert not (env_dir / HELLO).exists()
    assert find_marks(env_dir, HELLO) == []


def find_marks(env_dir: Path, name: str) -> list[Path]:
    """Return the marks of who holds the lease of an environment."""
    return sorted(env_dir.glob(f".leases/{name}.*/*"))


@pytest.mark.parametrize("locking", ["files"], indirect=True)
def test_the_mark_of_a_killed_builder_is_taken_over(
    start: Start, run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    engine: Environ = {}
    make_conda(engine, tmp_path, 'mkdir "$3"; exec sleep 600\n')
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0"])
    child = start(script, env={**environ, **engine}, start_new_session=True)
    wait_until(prefix.exists)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = run(script, timeout=60)
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("locking", ["files"], indirect=True)
def test_the_mark_of_a_live_process_counts_whatever_the_kernel_forgets(
    start: Start, write: Write, slow_conda: Path, env_dir: Path
) -> None:
    """The time of /proc/PID is when the kernel cached it, not when the process began."""
    program = slow_conda.parent / "conda"
    program.write_text(program.read_text().replace("sleep 0.03", "sleep 0.32"))
    script = write("a.sh", "hello-conda", "hello-conda")
    builder = start("-q", script)
    wait_until(lambda: slow_conda.exists())
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + 2.5)
    Path("/proc/sys/vm/drop_caches").write_text("2\n")
    waiter = start(script)
    assert (waiter.communicate(timeout=90)[0], builder.communicate(timeout=90)[0]) == ("hello\n", "hello\n")
    assert [line.split()[0] for line in slow_conda.read_text().splitlines()] == ["start", "end"]


@pytest.mark.parametrize("locking", ["files"], indirect=True)
def test_the_mark_of_another_host_counts_for_30_days(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene
) -> None:
    child = start("-q", write("a.sh", STAYING, "hello-conda"))
    scene.wait()
    child.kill()
    child.wait()
    marks = find_marks(env_dir, HELLO)
    assert len(marks) == 1
    mark = marks[0].with_name(marks[0].name.replace(conda_execute.HOST_ID, "elsewhere.example.org"))
    assert mark != marks[0]
    os.rename(marks[0], mark)
    let_pass(env_dir, 29 * 24)
    set_age(mark, 29 * 24)
    collect("25")
    assert (env_dir / HELLO).exists()
    set_age(mark, 31 * 24)
    let_pass_stamps(env_dir)
    collect("25")
    assert not (env_dir / HELLO).exists()


# -- what stands in their way


def plant(env_dir: Path, name: str, kind: str) -> Path:
    """Put something in the way of what is kept in .leases."""
    path = env_dir / ".leases" / name
    if kind == "a link to nowhere":
        path.symlink_to("nowhere")
    elif kind == "a link to a folder":
        (env_dir.parent / "precious").mkdir(exist_ok=True)
        path.symlink_to(env_dir.parent / "precious")
    elif kind == "a fifo":
        os.mkfifo(str(path))
    elif kind == "a file":
        path.write_bytes(b"[" * 200000)
    else:
        path.mkdir()
        (path / "a folder").mkdir()
        (path / "n1.x").touch()
    return path


@pytest.mark.once
@pytest.mark.parametrize("kind", ["a link to nowhere", "a link to a folder", "a fifo", "a file", "a folder"])
@pytest.mark.parametrize("name", ["shared", "exclusive", "build.exclusive", "x.failed"])
def test_nothing_in_the_way_of_a_mark_keeps_anybody_waiting_or_is_followed(
    kind: str, name: str, run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    config = conda_execute.read_config(os.environ, "")
    name = name.replace("x.", conda_execute.hash_build_inputs(config, False, {}) + ".")
    wait_until(lambda: not find_collectors(env_dir))
    shutil.rmtree(str(env_dir / ".leases" / f"{HELLO_1}.{name}"), ignore_errors=True)  # of the script that has just run
    plant(env_dir, f"{HELLO_1}.{name}", kind)
    precious = env_dir.parent / "precious" / "n1.71.5-3"
    if precious.parent.exists():
        precious.touch()
        set_age(precious, 40 * DAY_H)
    for words in (["-f", script], [script]):
        done = run(*words, timeout=60)
        assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr
    wait_until(lambda: not find_collectors(env_dir))
    done = run("--tmpenv", "clear", "--all", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert precious.exists() or not precious.parent.exists()


@pytest.mark.once
def test_two_locks_of_one_process_never_share_a_mark(unbound: conda_execute.Store) -> None:
    """Though one descriptor is moved away, and another lock gets its number."""
    first = unbound.lock("a").wait(exclusive=False)
    os.close(first.fd)
    first.fd = -1
    second = unbound.lock("a").wait(exclusive=False)
    assert first.mark and second.mark and first.mark != second.mark


@pytest.mark.once
@pytest.mark.parametrize("ahead_h", [-48, 48])
def test_a_mark_of_a_time_that_is_wrong_keeps_no_builder_waiting(
    ahead_h: float, unbound: conda_execute.Store, env_dir: Path
) -> None:
    folder = env_dir / ".leases" / f"{HELLO_1}.build.exclusive"
    folder.mkdir()
    (folder / "n1-3f9a07c2.71.5-3").touch()
    note = env_dir / ".leases" / f"{HELLO_1}.build"
    note.write_text("process 71 on n1-3f9a07c2, which builds")
    with unbound.lock(f"{HELLO_1}.build") as lock:
        assert not lock.take(exclusive=True)
        for path in (note, *folder.iterdir()):
            set_age(path, -ahead_h)
        assert lock.take(exclusive=True)


@pytest.mark.once
@pytest.mark.parametrize("mode, age_h", [("shared", 29 * DAY_H), ("exclusive", 0)])
def test_marks_of_1_1_count_and_stay_where_their_processes_find_them(
    mode: str, age_h: float, unbound: conda_execute.Store, env_dir: Path
) -> None:
    mark = env_dir / ".leases" / f"{HELLO_1}.{mode}.n1.example.org.71.4242-5"
    mark.touch()
    set_age(mark, age_h)
    unbound.old_marks = None  # as another process would find it
    with unbound.lock(HELLO_1) as lock:
        assert not lock.take(exclusive=True)
        assert lock.blocker == "process 71 on n1.example.org"
        assert mark.exists()
        set_age(mark, 31 * DAY_H)
        assert lock.take(exclusive=True)


@pytest.mark.once
@pytest.mark.parametrize("code", ["EIO", "EINVAL", "EACCES", "ESTALE", "ENOLCK"])
def test_whatever_flock_answers_marks_take_its_place(
    code: str, unbound: conda_execute.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(getattr(errno, code), "")

    monkeypatch.setattr(conda_execute.fcntl, "flock", flock)
    with unbound.lock("a").wait(exclusive=False), unbound.lock("a") as other:
        assert not other.take(exclusive=True)
        assert other.blocker == f"process {os.getpid()} on {conda_execute.HOST_ID}"


@pytest.mark.once
def test_a_lock_that_finds_no_room_for_its_mark_is_let_go_of(
    unbound: conda_execute.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process that goes on after the error would keep all others waiting."""

    def leave_mark(folder: str, pid: int, start: str = "") -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(conda_execute, "find_flock_scope", lambda folder: "kernel")
    monkeypatch.setattr(conda_execute, "leave_mark", leave_mark)
    with pytest.raises(conda_execute.Error, match="expected room for a lock file"):
        unbound.lock("a").wait(exclusive=False)
    monkeypatch.undo()
    with unbound.lock("a") as other:
        assert other.take(exclusive=True)
