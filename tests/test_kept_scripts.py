"""Scripts that are kept: they go when they are old, and never before who runs them has ended."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT, TOOL, wait_until
from test_store import NO_LOCKS, mounted, needs_root

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Start = Callable[..., Path]
    Collect = Callable[..., None]

pytestmark = pytest.mark.once

RACES = int(os.environ.get("STORE_RACES", "100"))
HOUR = 3600
BLOCK = ["# conda execute", "# env:", "#  - hello-conda =1.0", ""]
LOOP = ["touch ready", "while [ ! -e stop ]; do sleep 0.01; done", "touch ended"]
PYTHON = ["# conda execute", "# env:", "#  - python", "# run_with: python -u", ""]
PYTHON_LOOP = ["import os, time", "open('ready', 'w')", "while not os.path.exists('stop'): time.sleep(0.01)"]
ALWAYS = {"CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "0"}
# env-dir, content, count: each time, let what is kept be old, and start it as launch() does.
STARTER = """\
import os, sys
import conda_execute
store = conda_execute.Store(sys.argv[1], 0, conda_execute.Progress(False, True))
content = sys.argv[2].encode()
path = conda_execute.script_path(store, content, "code")
script = conda_execute.Script(content, path, "-c")
failures = 0
for _ in range(int(sys.argv[3])):
    try:
        os.utime(os.path.dirname(path), (1, 1))
    except FileNotFoundError:
        pass
    pid = os.fork()
    if pid == 0:
        script.keep(store)
        os.execv("/bin/sh", ["sh", path])
    failures += os.waitpid(pid, 0)[1] != 0
print(failures)
"""
# env-dir, time: remove whatever was last used before it, for ever; tell of the first removal.
REMOVER = """\
import sys
import conda_execute
store = conda_execute.Store(sys.argv[1], 0, conda_execute.Progress(False, True))
removed = 0
while True:
    for name in filter(lambda name: name.startswith(".scripts"), store.find_names()):
        try:
            store.remove(name, float(sys.argv[2]))
        except conda_execute.Error:
            continue
        removed += 1
        print(removed, flush=True)
    store.empty_trash()
"""


def kept(env_dir: Path, *lines: str) -> Path:
    """Return the folder of what "-c LINE ..." keeps."""
    return env_dir / ".scripts" / hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def let_pass(env_dir: Path, hours: float) -> None:
    """Let env-dir believe that its scripts are this much older, and the next collection due."""
    for folder in (env_dir / ".scripts").iterdir():
        when = folder.stat().st_mtime - hours * HOUR
        os.utime(str(folder), (when, when))


@pytest.fixture
def collect(run: Run, environ: Environ) -> Collect:
    """Return a function that collects under this setting, as a process in the background would."""

    def function(keep: str = "25") -> None:
        done = run("--tmpenv", "collect", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": keep})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    return function


@pytest.fixture
def start(environ: Environ, tmp_path: Path, env_dir: Path) -> Iterator[Start]:
    """Return a function that starts code which runs to the end of the test; it returns the folder of the code."""
    children = []

    def function(*lines: str, **variables: str) -> Path:
        command = [sys.executable, str(TOOL), "-q", "-c", *lines]
        children.append(subprocess.Popen(command, env={**environ, **variables}, cwd=str(tmp_path)))
        wait_until((tmp_path / "ready").exists)
        return kept(env_dir, *lines)

    yield function
    (tmp_path / "stop").touch()
    assert [child.wait(60) for child in children] == [0] * len(children)


# -- old ones


def test_what_is_old_goes_and_what_is_young_stays(run: Run, collect: Collect, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK, "echo old")
    let_pass(env_dir, 24)
    collect()
    assert kept(env_dir, *BLOCK, "echo old").exists()
    let_pass(env_dir, 1.1)
    run("-q", "-c", *BLOCK, "echo young")
    collect()
    assert [path.name for path in (env_dir / ".scripts").iterdir()] == [kept(env_dir, *BLOCK, "echo young").name]
    assert list((env_dir / ".trash").iterdir()) == []


def test_a_use_makes_it_young_again(run: Run, collect: Collect, env_dir: Path) -> None:
    for _ in range(2):
        run("-q", "-c", *BLOCK)
        let_pass(env_dir, 24)
        collect()
    assert kept(env_dir, *BLOCK).exists()


def test_the_next_call_of_any_kind_collects(run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    wait_until(lambda: list((env_dir / ".leases").glob(".due-*")))
    let_pass(env_dir, 26)
    for stamp in (env_dir / ".leases").glob(".due-*"):
        os.utime(str(stamp), (1, 1))
    run("--tmpenv", "list")
    wait_until(lambda: not kept(env_dir, *BLOCK).exists())


def test_no_file_is_left_behind_for_each(run: Run, collect: Collect, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK, "echo 0")
    collect()
    before = sorted(path.name for path in (env_dir / ".leases").iterdir())
    for i in range(1, 4):
        run("-q", "-c", *BLOCK, f"echo {i}")
    let_pass(env_dir, 30)
    collect()
    assert sorted(path.name for path in (env_dir / ".leases").iterdir()) == before
    assert list((env_dir / ".scripts").iterdir()) == []


def test_what_is_none_of_them_is_left_and_stops_nothing(collect: Collect, run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    (env_dir / ".scripts" / "file").touch()
    (env_dir / ".scripts" / ("x" * 64)).mkdir()
    (env_dir / ".scripts" / "link").symlink_to("/")
    (kept(env_dir, *BLOCK) / ".7.part").touch()
    for path in (env_dir / ".scripts").iterdir():
        os.utime(str(path), (1, 1), follow_symlinks=False)
    collect()
    assert sorted(path.name for path in (env_dir / ".scripts").iterdir()) == ["file", "link", "x" * 64]
    assert Path("/usr").exists()


# -- ones in use

RUNNING = {"a shell that still reads it": [*BLOCK, *LOOP], "Python, on its command line": [*PYTHON, *PYTHON_LOOP]}


@pytest.mark.parametrize("lines", RUNNING.values(), ids=RUNNING)
def test_what_runs_stays_until_it_has_ended(
    run: Run, start: Start, collect: Collect, env_dir: Path, tmp_path: Path, lines: list[str]
) -> None:
    folder = start(*lines)
    let_pass(env_dir, 30)
    collect("0")
    assert (folder / "code").exists()
    done = run("--tmpenv", "clear", "--all")
    assert done.returncode == 125
    assert f"conda-execute: {folder}: expected nobody to run in it, found process " in done.stderr
    assert (folder / "code").exists()
    (tmp_path / "stop").touch()
    wait_until(lambda: run("--tmpenv", "clear", "--all").returncode == 0)
    assert not folder.exists()


def test_what_runs_stays_where_env_dir_is_reached_by_a_link(
    start: Start, collect: Collect, env_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(env_dir)
    env_dir.mkdir()
    folder = start(*PYTHON, *PYTHON_LOOP, CONDA_EXECUTE_ENV_DIR=str(tmp_path / "link"))
    let_pass(env_dir, 30)
    collect("0")
    assert (folder / "code").exists()


def test_a_script_in_use_stays_when_its_setting_is_0(run: Run, environ: Environ, env_dir: Path) -> None:
    for i in range(5):
        done = run("-q", "-c", *BLOCK, f"echo {i}", env={**environ, **ALWAYS})
        assert (done.returncode, done.stdout) == (0, f"{i}\n")


@pytest.fixture(params=["flock", "files"])
def races(request: pytest.FixtureRequest, environ: Environ, tmp_path: Path) -> int:
    """Return how many races to run; where there are only lock files, fewer."""
    environ["PYTHONPATH"] = str(ROOT)
    if request.param == "flock":
        return RACES * 5
    (tmp_path / "sitecustomize.py").write_text(NO_LOCKS)
    environ["PYTHONPATH"] += os.pathsep + str(tmp_path)
    return RACES


@pytest.mark.once
@pytest.mark.parametrize("used_before", ["10", "inf"], ids=["the old", "all"])
def test_no_script_is_taken_away_between_its_writing_and_its_start(
    races: int, environ: Environ, env_dir: Path, used_before: str
) -> None:
    conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True)).make()
    pipe = subprocess.PIPE
    remover = subprocess.Popen([sys.executable, "-c", REMOVER, str(env_dir), used_before], env=environ, stdout=pipe)
    starters = [[sys.executable, "-c", STARTER, str(env_dir), "exit 0 #" + name, str(races)] for name in "ab"]
    children = [subprocess.Popen(command, env=environ, stdout=pipe) for command in starters]
    outputs = [child.communicate(timeout=300)[0] for child in children]
    assert remover.poll() is None
    remover.kill()
    removed = remover.communicate()[0].count(b"\n")
    print(f"removed {removed} times in {2 * races} starts")
    assert outputs == [b"0\n", b"0\n"]
    assert removed > 0 or races < 500  # a few may all miss


# -- list, clear, odd circumstances


@pytest.mark.parametrize("folder", ["", ".leases", ".scripts", ".trash", "usage.tsv"])
def test_who_looks_around_in_env_dir_is_in_nobodys_way(run: Run, env_dir: Path, folder: str) -> None:
    run("-q", "-c", *BLOCK)
    command = ["sh", "-c", 'exec 8< "$0" 9<&8; echo; read end', str(env_dir / folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as child:
        assert child.stdout is not None and child.stdout.readline() == b"\n"
        done = run("--tmpenv", "clear", "--all")
        assert (done.returncode, done.stdout.count("remove "), done.stderr) == (0, 2, "")
        child.communicate(b"\n")


def test_list_does_not_show_them(run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    lines = run("--tmpenv", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", conda_execute.find_name(["hello-conda =1.0"])]


@pytest.mark.parametrize("words", [["--all"], ["--min-age", "1"], []], ids=" ".join)
def test_a_dry_run_prints_what_clear_removes(run: Run, collect: Collect, env_dir: Path, words: list[str]) -> None:
    for word in ("old", "young"):
        run("-q", "-c", *BLOCK, "echo " + word)
    let_pass(env_dir, 30)
    os.utime(str(kept(env_dir, *BLOCK, "echo young")))  # no run: it would collect the old one
    lines = [run("--tmpenv", "clear", *words, *more).stdout for more in (["--dry-run"], [])]
    assert lines[0] == lines[1]
    assert f"remove {kept(env_dir, *BLOCK, 'echo old')}\n" in lines[0]
    assert kept(env_dir, *BLOCK, "echo young").exists() == (words != ["--all"])
    assert not kept(env_dir, *BLOCK, "echo old").exists()


def test_a_dry_run_names_who_is_in_the_way_as_clear_does(run: Run, start: Start, env_dir: Path) -> None:
    folder = start(*BLOCK, *LOOP)
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    pid = min(store.find_processes()[f".scripts/{folder.name}"])  # the shell, at times with a child of it
    text = f"conda-execute: {folder}: expected nobody to run in it, found process {pid}"
    for more in (["--dry-run"], []):
        assert text in run("--tmpenv", "clear", "--all", *more).stderr


@needs_root
def test_a_read_only_env_dir_runs_what_it_keeps_and_says_that_it_keeps_no_more(run: Run, env_dir: Path) -> None:
    assert run("-q", "-c", *BLOCK, "echo 1").stdout == "1\n"
    with mounted(env_dir, "--bind", str(env_dir)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(env_dir)], check=True)
        done = run("-c", *BLOCK, "echo 1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        done = run("-c", *BLOCK, "echo 2")
        assert (done.returncode, done.stdout) == (125, "")
        text = "expected an env-dir that can be written to, found: Read-only file system"
        assert done.stderr == f"conda-execute: {env_dir}: {text}\n  {conda_execute.OWN_FOLDER}\n"
        done = run("--tmpenv", "clear", "--all", timeout=60)
        assert done.returncode == 125
        assert "Read-only file system" in done.stderr


def test_something_else_in_their_place_is_told(run: Run, env_dir: Path) -> None:
    run("--tmpenv", "create", "hello-conda =1.0")
    (env_dir / ".scripts").touch()
    done = run("-c", *BLOCK)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{env_dir}: expected an env-dir that can be written to, found: " in done.stderr
