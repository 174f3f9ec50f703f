"""Envs: nothing is built twice, who waits is told for whom, and a kill costs no build.

Real processes on a real engine.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import HELLO, SEED, check_env, every_locking, make_store, names, wait_until

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from conftest import Rows, Run, Start, Write


@every_locking
def test_64_processes_at_once_build_a_missing_env_once(start: Start, write: Write, rows: Rows) -> None:
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    crowd = [start(script, i) for i in range(64)]
    found = [child.communicate(timeout=120) for child in crowd]
    assert [output for output, _ in found] == [f"hello-conda 1.0 {i}\n" for i in range(64)]
    assert sum(text.count("conda-execute: built ") for _, text in found) == 1
    check_rows(rows(), {"create": 1, "run": 64}, str(script))


@pytest.mark.once
def test_64_processes_at_once_build_each_of_8_envs_once(start: Start, write: Write, rows: Rows) -> None:
    scripts = [write(f"{i}.sh", f"hello-conda {i}", f"hello-conda >=1.{i}") for i in range(8)]
    crowd = [start(scripts[i % 8]) for i in range(64)]
    found = [child.communicate(timeout=120) for child in crowd]
    assert [output for output, _ in found] == [f"hello-conda 2.0 {i % 8}\n" for i in range(64)]
    for script in scripts:
        check_rows([row for row in rows() if row[5] == str(script)], {"create": 1, "run": 8}, str(script))
    check_rows(rows(), {"create": 8, "run": 64})


def check_rows(rows: list[list[str]], events: dict[str, int], script: str = "") -> None:
    """The rows are whole, and there are as many of each event as expected."""
    assert {event: [row[1] for row in rows].count(event) for event in events} == events
    for row in rows:
        assert len(row) == 6
        assert abs(int(row[0]) - time.time()) < 300
        assert len(row[2]) == 20
        assert int(row[3]) > 0
        assert row[4] == conda_execute.HOST_ID
        assert row[5] == script or not script


def test_who_waits_says_for_whom(start: Start, write: Write, slow_conda: Path, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    builder = start(script)
    wait_until(lambda: slow_conda.exists())
    waiter = start(script)
    _, text = waiter.communicate(timeout=90)
    prefix = env_dir / HELLO
    who = f"process {builder.pid} on {conda_execute.HOST_ID}, which builds {prefix}"
    assert text == f"conda-execute: waiting for {who}\n"
    builder.communicate()


# -- nothing is lost to a kill


KILLS = int(os.environ.get("STORE_KILLS", "20"))


@pytest.mark.once
@pytest.mark.parametrize("locking, kills", [("flock", KILLS), ("files", 5)], indirect=["locking"])
def test_after_a_kill_of_the_builder_the_next_run_ends_with_a_good_env(
    start: Start, run: Run, write: Write, env_dir: Path, kills: int
) -> None:
    """The kill comes at a random moment of a run that builds, or just when its prefix is there."""
    moments, script = random.Random(SEED), write("a.sh", "hello-conda; hello-conda", "hello-conda =1.0", "activated")
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0", "activated"])
    run(script)  # which fills the package cache
    shutil.rmtree(str(prefix))
    began = time.monotonic()
    run(script)
    took_s = time.monotonic() - began
    unfinished = 0
    for kill in range(kills):
        shutil.rmtree(str(prefix), ignore_errors=True)
        child = start("-q", script)
        if kill % 2:
            wait_until(lambda: prefix.exists() or child.poll() is not None)  # noqa: B023
            child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(moments.uniform(0.1 * took_s, took_s))
        child.kill()
        child.communicate()
        wrecked = prefix.exists() and not (prefix / conda_execute.MARKER).exists()
        unfinished += wrecked
        done = run(script)
        assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n" * 2), done.stderr
        assert ("built" in done.stderr) or not wrecked
        check_env(prefix)
    print(f"{unfinished} of {kills} kills left a wreck")
    assert unfinished > 0 or kills < 50
    wait_until(lambda: names(env_dir / ".trash") == [])


@every_locking
def test_the_next_build_waits_until_the_engine_of_a_killed_conda_execute_has_ended(
    start: Start, run: Run, write: Write, slow_conda: Path, env_dir: Path, locking: str
) -> None:
    moments, script = random.Random(SEED), write("a.sh", "hello-conda", "hello-conda")
    for _ in range(4 if locking == "flock" else 2):
        slow_conda.write_text("")
        child = start("-q", script)
        wait_until(lambda: "start" in slow_conda.read_text())
        time.sleep(moments.uniform(0, 0.3))
        child.kill()
        child.wait()
        done = run(script)
        assert done.stdout == "hello\n", done.stderr
        words = [line.split()[0] for line in slow_conda.read_text().splitlines()]
        assert words in (["start", "end"], ["start", "start", "end"], ["start", "end"] * 2)  # the engine is ended too
        shutil.rmtree(str(env_dir / HELLO))


def test_who_waits_for_a_builder_that_is_killed_is_in_nobodys_way(
    start: Start, write: Write, slow_conda: Path, env_dir: Path
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    builder = start("-q", script)
    wait_until((env_dir / HELLO).exists)
    crowd = [start(script) for _ in range(4)]
    for child in crowd:
        assert child.stderr is not None and "waiting for" in child.stderr.readline()
    builder.kill()
    builder.wait()
    found = [child.communicate(timeout=90) for child in crowd]
    assert [output for output, _ in found] == ["hello\n"] * 4, found
    assert sum("conda-execute: built " in text for _, text in found) == 1


def test_force_env_lets_nobody_in_before_the_old_env_is_out_of_the_way(
    run: Run, write: Write, env_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for others and the removal a starter must not find the environment ready."""
    run("-q", write("a.sh", "", "hello-conda"))
    store, entered = make_store(env_dir), []
    move = store.move_to_trash

    def move_late(name: str, suffix: str = "") -> None:
        other = make_store(env_dir).lock(name)
        entered.append(other.take(exclusive=False) and bool(store.find_marker(name)))
        other.release()
        move(name, suffix)

    monkeypatch.setattr(store, "move_to_trash", move_late)
    monkeypatch.setattr(store, "collect_if_due", lambda: None)
    store.obtain(HELLO, True, lambda builder: None).release()
    assert entered == [False]
