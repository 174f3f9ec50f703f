"""Store: nothing is built twice, nothing that runs is removed, nothing is lost to a kill.

Real processes on a real engine. STORE_RACES=500 runs the races longer than the suite does.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import conftest
import pytest
from conftest import FILE, ROOT, TOOL, make_env, set_age
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import conda_execute

resource = pytest.importorskip("resource", reason="the store is tested by what POSIX has: limits, forks, signals")

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Rows = Callable[[], "list[list[str]]"]
    Start = Callable[..., "subprocess.Popen[str]"]
    Collect = Callable[..., None]

RACES = int(os.environ.get("STORE_RACES", "30"))
KILLS = int(os.environ.get("STORE_KILLS", "20"))
SEED = 20260704
HOUR = 3600
HELLO = conda_execute.find_name(["hello-conda"])
HEADER = conda_execute.LOG_HEADER
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
every_lock = pytest.mark.parametrize("locks", ["flock", "files"], indirect=True)
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: to mount, or to give files away")
NO_LOCKS = """\
import errno
import fcntl


def flock(fd, operation):
    raise OSError(errno.ENOLCK, "No locks available")


fcntl.flock = flock
"""


@pytest.fixture(autouse=True)
def locks(request: pytest.FixtureRequest, python: list[str], lockless: str) -> str:
    """Return how locks are held; "files": in every Python that the test starts, flock(2) fails for real."""
    kind: str = getattr(request, "param", "flock")
    if kind == "files":
        python[0] = lockless
    return kind


@pytest.fixture(scope="session")
def lockless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an interpreter in which flock(2) fails, for the collectors and engines too, which it starts with -I."""
    venv = tmp_path_factory.mktemp("lockless")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(NO_LOCKS)
    spec = importlib.util.find_spec("rattler")
    assert spec is not None and spec.origin is not None
    (packages / "rattler").symlink_to(Path(spec.origin).parent)
    return str(venv / "bin" / "python")


@pytest.fixture
def start(environ: Environ, tmp_path: Path, python: list[str]) -> Iterator[Start]:
    """Return a function that starts a run and leaves it running, to the end of the test at most."""
    children: list[subprocess.Popen[str]] = []

    def function(*words: object, **options: object) -> subprocess.Popen[str]:
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        child = subprocess.Popen([python[0], str(TOOL), *map(str, words)], **{**pipes, **options})  # type: ignore[call-overload]
        children.append(child)
        return child

    yield function
    for child in children:
        child.kill()
        child.communicate()


wait_until = partial(conftest.wait_until, bound_s=120)


def is_alive(pid: int) -> bool:
    """Answer whether a process still runs; one that its parent has not heard of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def find_collectors(folder: Path) -> list[int]:
    """Return the detached processes that are at work on any env-dir below a folder."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):  # noqa: PTH208
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            ours = os.fsencode(FILE) in words and b"collect" in words and os.getsid(pid) != os.getsid(0)
            if ours and b"CONDA_EXECUTE_ENV_DIR=" + os.fsencode(folder) in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


@pytest.fixture
def collect(run: Run, environ: Environ, tmp_path: Path) -> Collect:
    """Return a function that makes any call under this setting, and waits for the collection it starts."""

    def function(keep: str = "0", **more: str) -> None:
        done = run("--tmpenv", "name", "x", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": keep, **more})
        assert (done.returncode, done.stderr) == (0, "")
        wait_until(lambda: not find_collectors(tmp_path))

    return function


def write_row(name: str, age_h: float = 0, script: str = "/a.sh", event: str = "run") -> bytes:
    return conda_execute.format_use(int(time.time() - age_h * HOUR), event, name, 7, "here", script)


def let_pass(env_dir: Path, hours: float) -> None:
    """Let env-dir believe that this time has passed: in its markers, its log and its stamps."""
    for path in [*env_dir.glob(f"*/{conda_execute.MARKER}"), *env_dir.glob(".leases/.*")]:
        when = path.stat().st_mtime - hours * HOUR
        os.utime(str(path), (when, when))
    log = env_dir / "usage.tsv"
    lines = [line.split(b"\t", 1) for line in log.read_bytes().splitlines(keepends=True)[1:]]
    log.write_bytes(HEADER + b"".join(b"%d\t%s" % (int(when) - hours * HOUR, rest) for when, rest in lines))


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, sorted; nothing where there is none."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def make_store(env_dir: Path, keep_h: float = 25) -> conda_execute.Store:
    return conda_execute.Store(str(env_dir), keep_h * HOUR, conda_execute.Progress(False, True))


COLLECTOR = """\
import os, sys, time
import conda_execute
store = conda_execute.Store(sys.argv[1], float(sys.argv[2]), conda_execute.Progress(False, True))
for line in sys.stdin:
    if os.fork() == 0:
        time.sleep(float(line))
        store.collect()
        os._exit(0)
    print(os.wait()[1], flush=True)
"""


@pytest.fixture
def send(env_dir: Path, environ: Environ, python: list[str]) -> Iterator[Callable[[float, float], Callable[[], str]]]:
    """Return a function that has env-dir collected, under a setting in hours and after a delay in s.

    It returns at once, and what it returns waits for the end. What collects is a process that has
    started Python already, so that its moment is known.
    """
    started: dict[float, subprocess.Popen[str]] = {}

    def function(keep_h: float, delay_s: float) -> Callable[[], str]:
        if keep_h not in started:
            variables = {**environ, "PYTHONPATH": os.pathsep.join([str(ROOT), environ.get("PYTHONPATH", "")])}
            started[keep_h] = subprocess.Popen(
                [python[0], "-c", COLLECTOR, str(env_dir), str(keep_h * HOUR)], env=variables,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            )  # fmt: skip
        child = started[keep_h]
        assert child.stdin is not None and child.stdout is not None
        print(delay_s, file=child.stdin, flush=True)
        return child.stdout.readline

    yield function
    for child in started.values():
        child.communicate()


# -- nothing is built twice


@every_lock
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
        assert row[4] == conda_execute.HOST
        assert row[5] == script or not script


def test_who_waits_says_for_whom(start: Start, write: Write, slow_conda: Path, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    builder = start(script)
    wait_until(lambda: slow_conda.exists())
    waiter = start(script)
    _, text = waiter.communicate(timeout=90)
    prefix = env_dir / HELLO
    who = f"process {builder.pid} on {conda_execute.HOST}, which builds {prefix}"
    assert text == f"conda-execute: waiting for {who}\n"
    builder.communicate()


# -- nothing is lost to a kill


@pytest.mark.once
@pytest.mark.parametrize("locks, kills", [("flock", KILLS), ("files", 5)], indirect=["locks"])
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


def check_env(prefix: Path) -> None:
    """Nothing of the packages is missing."""
    assert (prefix / "share" / "hello-conda" / "prefix.txt").read_text() == f"{prefix}\n"
    found = {path.name for path in (prefix / "conda-meta").glob("*.json")}
    assert found == {"activated-1.0-0.json", "hello-conda-1.0-0.json"}
    assert (prefix / "etc" / "conda" / "activate.d" / "activated.sh").exists()


SLOW_CONDA = """\
#!/bin/sh
# conda create --prefix PREFIX ...: takes its time, and notes when it starts and ends
prefix=$3
mkdir "$prefix" || { echo "collision at $prefix" >> LOG; exit 1; }
echo "start $$" >> LOG
echo $$ > "$prefix/owner"
for i in 1 2 3 4 5 6 7 8 9 10; do sleep DELAY; done
[ "$(cat "$prefix/owner")" = $$ ] || { echo "collision at $prefix" >> LOG; exit 1; }
mkdir "$prefix/conda-meta" "$prefix/bin"
echo '{}' > "$prefix/conda-meta/hello-conda-1-0.json"
printf '#!/bin/sh\\necho hello\\n' > "$prefix/bin/hello-conda"
chmod +x "$prefix/bin/hello-conda"
echo "end $$" >> LOG
"""


@pytest.fixture
def slow_conda(environ: Environ, tmp_path: Path) -> Path:
    """Make a program the engine that is a process of its own, and takes 0.3 s; return its log."""
    log, program = tmp_path / "log", tmp_path / "conda"
    program.write_text(SLOW_CONDA.replace("LOG", str(log)).replace("DELAY", "0.03"))
    program.chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(program))
    return log


@every_lock
def test_the_next_build_waits_until_the_engine_of_a_killed_conda_execute_has_ended(
    start: Start, run: Run, write: Write, slow_conda: Path, env_dir: Path, locks: str
) -> None:
    moments, script = random.Random(SEED), write("a.sh", "hello-conda", "hello-conda")
    for _ in range(4 if locks == "flock" else 2):
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


def test_an_orphaned_engine_keeps_the_package_cache_to_itself(
    start: Start, run: Run, write: Write, slow_conda: Path
) -> None:
    """Conda does not lock its package cache: no second conda runs before the first has ended."""
    child = start("-q", write("a.sh", "hello-conda", "hello-conda"))
    wait_until(lambda: slow_conda.exists())
    child.kill()
    child.wait()
    assert run("-q", write("b.sh", "hello-conda", "hello-conda =1.0")).stdout == "hello\n"
    words = [line.split()[0] for line in slow_conda.read_text().splitlines()]
    assert words in (["start", "start", "end"], ["start", "end"] * 2)


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


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Have something mounted on a folder, or skip the test."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], stderr=subprocess.PIPE)
    if done.returncode:
        pytest.skip("mount: " + done.stderr.decode().strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


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
def test_a_log_that_has_no_room_stops_no_run(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    with mounted(env_dir, "-t", "tmpfs", "-o", "size=1m,mode=755", "none"):
        run(script)
        with suppress(OSError), (env_dir / "filler").open("wb") as f:
            f.write(b"x" * (2 << 20))
        with suppress(OSError), (env_dir / "usage.tsv").open("ab", buffering=0) as f:
            while f.write(b"x"):
                pass
        done = run("-v", script)
        assert done.stdout == "hello-conda 1.0\n"
        assert f"could not write to {env_dir}/usage.tsv" in done.stderr


# -- nothing that runs is removed

LOOP = 'while [ ! -e "$STOP" ]; do sleep 0.02; done'
DAEMON = """\
import os, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.closerange(0, 4096)
with open(os.environ["READY"] + ".part", "w") as f:
    f.write("%d\\n" % os.getpid())
os.rename(f.name, os.environ["READY"])
while not os.path.exists(os.environ["STOP"]):
    time.sleep(0.02)
"""
SHELL_DAEMON = """\
# bash's own program and libraries are the machine's: nothing of the environment but its name is left
setsid -f bash -c '
for fd in /proc/$$/fd/*; do [ "${fd##*/}" = 255 ] || eval "exec ${fd##*/}>&-"; done 2>&-
cd /; echo $$ > "$READY"; LOOP'
""".replace("LOOP", LOOP)
EXECS = """\
exec python -c '
import os, time
os.closerange(3, 4096)
open(os.environ["READY"], "w").write("%d\\n" % os.getpid())
while not os.path.exists(os.environ["STOP"]):
    time.sleep(0.02)
'
"""
BARE = 'exec env -i READY="$READY" STOP="$STOP" PATH="$PATH" sh -c \'echo $$ > "$READY"; LOOP\''.replace("LOOP", LOOP)
SCRIPT, SHELL = "runs on", "leaves a daemon of the machine's programs"
WAYS = {
    SCRIPT: ("a.sh", 'echo $$ > "$READY"; ' + LOOP, "hello-conda", ""),
    "goes on as a daemon": ("a.py", DAEMON, "python", ""),
    SHELL: ("a.sh", SHELL_DAEMON, "hello-conda", "# run_with: bash\n"),
    "execs another program": ("a.sh", EXECS, "python", ""),
    "execs with an empty environment": ("a.sh", BARE, "hello-conda", ""),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


class Scene:
    """A script that does not end before it is told to, and where it says who it is."""

    def __init__(self, folder: Path, environ: Environ) -> None:
        self.ready, self.stop = folder / "ready", folder / "stop"
        environ.update(READY=str(self.ready), STOP=str(self.stop))

    def wait(self) -> int:
        wait_until(lambda: self.ready.exists() and self.ready.read_text().endswith("\n"))
        return int(self.ready.read_text())

    def end(self) -> None:
        pid = self.wait()
        self.stop.touch()
        wait_until(lambda: not is_alive(pid))


@pytest.fixture
def scene(tmp_path: Path, environ: Environ) -> Iterator[Scene]:
    scene = Scene(tmp_path, environ)
    yield scene
    scene.stop.touch()


@pytest.mark.once
@every_lock
@every_way
def test_an_env_stays_while_anything_runs_in_it_and_goes_once_that_is_gone(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene, way: tuple[str, str, str, str]
) -> None:
    name, code, spec, more = way
    start("-q", write(name, code, spec, more=more))
    scene.wait()
    prefix = env_dir / conda_execute.find_name([spec])
    collect("0")
    collect("0.0001", CONDA_PREFIX=str(env_dir))
    assert (prefix / conda_execute.MARKER).exists()
    scene.end()
    collect("0")
    assert not prefix.exists()
    assert names(env_dir / ".trash") == []


@pytest.mark.parametrize("through_link", [True, False], ids=["started through a symlink", "collected through one"])
@pytest.mark.parametrize("way", [WAYS[SCRIPT], WAYS[SHELL]], ids=["script", "daemon"])
def test_an_env_is_the_same_through_a_symlink(
    start: Start, write: Write, collect: Collect, env_dir: Path, tmp_path: Path, environ: Environ, scene: Scene,
    way: tuple[str, str, str, str], through_link: bool,
) -> None:  # fmt: skip
    name, code, spec, more = way
    link, elsewhere = tmp_path / "link", tmp_path / "elsewhere"
    env_dir.mkdir()
    elsewhere.mkdir()
    link.symlink_to(env_dir)
    (elsewhere / "b").symlink_to(write(name, code, spec, more=more))
    folders = [str(link), str(env_dir)][:: 1 if through_link else -1]
    start("-q", "b", cwd=elsewhere, env={**environ, "CONDA_EXECUTE_ENV_DIR": folders[0]})
    scene.wait()
    for folder in folders:
        collect("0", CONDA_EXECUTE_ENV_DIR=folder)
        assert (env_dir / HELLO / conda_execute.MARKER).exists()
    scene.end()
    collect("0", CONDA_EXECUTE_ENV_DIR=folders[1])
    assert not (env_dir / HELLO).exists()


def test_a_script_without_any_environment_is_named_by_its_lease(
    start: Start, run: Run, write: Write, scene: Scene
) -> None:
    script = write("a.sh", BARE, "hello-conda")
    start("-q", script)
    pid = scene.wait()
    done = run("-f", script)
    assert done.returncode == 125
    assert f"found process {pid}" in done.stderr  # and a child that has the lease from it, at times


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


@pytest.mark.once
@pytest.mark.parametrize("locks, races", [("flock", RACES), ("files", RACES // 10)], indirect=["locks"])
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


# -- collection


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
    start("-q", write("a.sh", WAYS[SCRIPT][1], "hello-conda"))
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


def let_pass_stamps(env_dir: Path) -> None:
    for path in env_dir.glob(".leases/.*"):
        set_age(path, 100)


# -- the log


def test_a_path_with_tabs_newlines_and_backslashes_is_one_field(run: Run, write: Write, env_dir: Path) -> None:
    run("-q", write("a\tb\nc\\d\\te.sh", "", "hello-conda"))
    lines = (env_dir / "usage.tsv").read_bytes().split(b"\n")
    assert [len(line.split(b"\t")) for line in lines] == [6, 6, 6, 1]
    assert lines[1].endswith(rb"/a\tb\nc\\d\\te.sh")


def make_damage(path: Path, kind: str) -> None:
    """Leave a log in one of the ways in which logs are found."""
    old = write_row("a" * 20, 100) + write_row("b" * 20, 100)
    contents = {
        "empty": b"",
        "binary": bytes(random.Random(SEED).randrange(256) for _ in range(9999)),
        "a torn last line": HEADER + old + write_row("a" * 20, 0)[:30],
        "a torn time": HEADER + old + b"9",
        "a line of 1 MiB": HEADER + old + b"x" * (1 << 20) + b"\n" + old,
        "a row of 1 MiB": HEADER + old + write_row("a" * 20, 100)[:-1] + b"x" * (1 << 20) + b"\n",
        "wrong columns": HEADER + b"1\trun\n\t\t\t\t\t\n\t\t\t\t\t\t\t\n" + old + b"x\t" * 6 + b"\n",
        "times in the past": HEADER + b"0\trun\t%s\t1\th\t/a\n" % (b"a" * 20) * 3,
        "negative times": HEADER + b"-5\trun\t%s\t1\th\t/a\n" % (b"a" * 20) + old,
        "times of 400 digits": HEADER + old + b"%s\trun\t%s\t1\th\t/a\n" % (b"9" * 400, b"a" * 20),
        "times of 5000 digits": HEADER + old + b"%s\trun\t%s\t1\th\t/a\n" % (b"9" * 5000, b"a" * 20),
        "no header": old,
        "a header in the middle": old + HEADER + old,
        "Windows's line ends": (HEADER + old).replace(b"\n", b"\r\n"),
        "no line ends": (HEADER + old).replace(b"\n", b""),
        "zeros": bytes(1 << 16),
    }
    path.unlink()
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "a directory":
        path.mkdir()
    elif kind == "a symlink to elsewhere":
        (path.parent.parent / "elsewhere").write_bytes(HEADER + old)
        path.symlink_to(path.parent.parent / "elsewhere")
    elif kind == "a symlink to nowhere":
        path.symlink_to("nowhere")
    elif kind == "a symlink to itself":
        path.symlink_to(path)
    elif kind == "unreadable":
        path.write_bytes(HEADER + old)
        path.chmod(0)


DAMAGES = [
    "missing", "empty", "binary", "a torn last line", "a torn time", "a line of 1 MiB", "a row of 1 MiB",
    "wrong columns", "times in the past", "negative times", "times of 400 digits", "times of 5000 digits", "no header",
    "a header in the middle", "Windows's line ends", "no line ends", "zeros", "a directory", "a symlink to elsewhere",
    "a symlink to nowhere", "a symlink to itself", "unreadable",
]  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_log_causes_no_removal_and_stops_nothing(
    run: Run, write: Write, collect: Collect, env_dir: Path, kind: str
) -> None:
    """The marker's time counts: a fresh one keeps an env that the log calls old; collection still works."""
    fresh, old = make_env(env_dir, "a" * 20), make_env(env_dir, "b" * 20, 100)
    make_damage(env_dir / "usage.tsv", kind)
    collect("25")
    assert fresh.exists()
    assert not old.exists()
    assert names(env_dir / ".trash") == []
    done = run("-q", write("a.sh", "hello-conda", "hello-conda =1.0"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0\n", "")
    listed = run("--tmpenv", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "a" * 20 in listed.stdout
    assert fresh.exists()


def test_times_in_the_future_cause_no_removal_and_stop_no_other(collect: Collect, env_dir: Path) -> None:
    ahead, old = make_env(env_dir, "a" * 20, 100), make_env(env_dir, "b" * 20, 100)
    (env_dir / "usage.tsv").write_bytes(HEADER + write_row(ahead.name, -1e6) + write_row(old.name, 100))
    collect("25")
    assert ahead.exists()
    assert not old.exists()


def test_a_fresh_row_counts_where_the_marker_is_old(collect: Collect, env_dir: Path) -> None:
    """The marker of another user's env cannot be dated by who runs it."""
    used = make_env(env_dir, "a" * 20, 100)
    (env_dir / "usage.tsv").write_bytes(HEADER + write_row(used.name, 1) + b"1\trun\ttorn")
    collect("25")
    assert used.exists()


def test_a_clock_that_was_ahead_stops_no_collection(collect: Collect, env_dir: Path) -> None:
    """A stamp that lies further ahead than the setting reaches was written by a clock that was wrong."""
    make_env(env_dir, "a" * 20)
    collect("25")
    for stamp in env_dir.glob(".leases/.due*"):
        set_age(stamp, -1e5)
    old = make_env(env_dir, "b" * 20, 100)
    collect("25")
    assert not old.exists()


APPENDER = """\
import sys, time
import conda_execute
store = conda_execute.Store(sys.argv[1], 90000.0, conda_execute.Progress(False, True))
sys.stdin.readline()
for i in range(int(sys.argv[4])):
    assert store.append("run", sys.argv[2], "/%s/%d" % (sys.argv[3], i))
    time.sleep(0.0005)
"""


def test_a_log_beyond_1_mib_is_rewritten_and_no_row_is_lost(
    env_dir: Path, environ: Environ, rows: Rows, send: Callable[[float, float], Callable[[], str]]
) -> None:
    """Eight processes append while others rewrite the log again and again; 20 rows of each environment stay."""
    kept, count, environ = make_env(env_dir, "a" * 20), 1000, {**environ, "PYTHONPATH": str(ROOT)}
    others = [make_env(env_dir, f"{i:020}") for i in range(8)]
    filler = b"".join(write_row(kept.name, 1, "/same") + write_row("b" * 20, 1, "/gone") for _ in range(14000))
    (env_dir / "usage.tsv").write_bytes(HEADER + filler + write_row(kept.name, 0, "/last"))
    send(25, 0)()
    commands = [[sys.executable, "-c", APPENDER, str(env_dir), others[i].name, f"{i}", f"{count}"] for i in range(8)]
    appenders = [subprocess.Popen(command, env=environ, stdin=subprocess.PIPE) for command in commands]
    for appender in appenders:
        assert appender.stdin is not None
        appender.stdin.write(b"\n")
        appender.stdin.close()
    while any(appender.poll() is None for appender in appenders):
        for letter in "cdef":  # something to remove, which takes a while
            make_env(env_dir, letter * 20, 100)
        with (env_dir / "usage.tsv").open("ab", buffering=0) as f:
            f.write(filler)  # so that the log has to be rewritten again
        send(25, 0)()
    assert [appender.wait() for appender in appenders] == [0] * 8
    send(25, 0)()
    found = [row[5] for row in rows()]
    expected = {f"/{i}/{j}" for i in range(8) for j in range(count - 18, count)} | {"/same", "/last"}
    assert expected - set(found) == set()
    assert "/gone" not in found
    assert (env_dir / "usage.tsv").stat().st_size < 1 << 20
    assert (env_dir / "usage.tsv").read_bytes().startswith(HEADER)
    left = {"README", ".leases", ".trash", kept.name, "usage.tsv", *(one.name for one in others)}
    assert set(names(env_dir)) <= left


def test_a_log_below_1_mib_is_left_as_it_is(collect: Collect, env_dir: Path) -> None:
    make_env(env_dir, "a" * 20)
    content = HEADER + b"".join(write_row("b" * 20, 1, f"/{i}") for i in range(9000))
    (env_dir / "usage.tsv").write_bytes(content)
    collect("25")
    assert (env_dir / "usage.tsv").read_bytes() == content


LOG_ROWS = st.builds(
    write_row, st.sampled_from(["a" * 20, "b" * 20, ""]), st.integers(-10, 10), st.text(st.characters(codec="utf-8")),
    st.sampled_from(["create", "run", "remove"]),
)  # fmt: skip


def read_log(content: bytes) -> list[dict[str, dict[str | bytes, tuple[int, bytes]]]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "usage.tsv").write_bytes(content)
        uses = make_store(Path(folder)).read_uses()
        return [uses.scripts, uses.hosts]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LOG_ROWS), st.data())
def test_any_prefix_of_a_log_is_readable(rows: list[bytes], data: st.DataObject) -> None:
    """It says what the whole rows in it say."""
    whole = HEADER + b"".join(rows)
    end = data.draw(st.integers(0, len(whole)))
    complete = whole[: whole.rfind(b"\n", 0, end) + 1]
    assert read_log(whole[:end]) == read_log(complete)


DIGITS = st.builds(lambda digit, count: digit * count, st.sampled_from([b"1", b"0", b"\xb2"]), st.integers(0, 6000))
FIELDS = st.one_of(st.binary(max_size=9), DIGITS, st.sampled_from([b"run", b"a" * 20, b"/a"]))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(), st.lists(st.lists(FIELDS, max_size=7).map(b"\t".join)).map(b"\n".join)))
def test_any_bytes_are_read_as_a_log(content: bytes) -> None:
    for uses in (uses for table in read_log(content + b"\n") for uses in table.values()):
        for when, row in uses.values():
            assert float(when) >= 0
            assert row.count(b"\t") == 5


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec="utf-8")), st.text(max_size=5000, alphabet="a\t\n\\é"))
def test_a_row_is_one_line_of_six_fields_below_4096_bytes(short: str, long: str) -> None:
    for script in (short, long, short + "\udcff"):
        row = conda_execute.format_use(1, "run", "a" * 20, 2**22, "h" * 64, script)
        assert len(row) < 4096
        assert (row.count(b"\n"), row.count(b"\t"), row[-1:]) == (1, 5, b"\n")
        if len(row) < 3000:
            assert conda_execute.unescape(row[:-1].split(b"\t")[5]) == script


# -- where there are no locks


@pytest.mark.parametrize("locks", ["files"], indirect=True)
@pytest.mark.parametrize("is_built", [False, True], ids=["building", "warm"])
def test_that_lock_files_are_used_is_said_once_with_verbose(run: Run, write: Write, is_built: bool) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    if is_built:
        assert "lock" not in run(script).stderr
    done = run("-v", script)
    assert done.stdout == "hello-conda 1.0\n"
    assert done.stderr.count("no file locks") == 1


@pytest.mark.parametrize("locks", ["files"], indirect=True)
def test_the_mark_of_a_process_that_was_killed_is_taken_over(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path, scene: Scene
) -> None:
    script = write("a.sh", WAYS[SCRIPT][1], "hello-conda")
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


@pytest.mark.parametrize("locks", ["files"], indirect=True)
def test_the_mark_of_a_killed_builder_is_taken_over(
    start: Start, run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    program = tmp_path / "conda"
    program.write_text('#!/bin/sh\nmkdir "$3"; exec sleep 600\n')
    program.chmod(0o755)
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    prefix = env_dir / conda_execute.find_name(["hello-conda =1.0"])
    engine = {"CONDA_EXECUTE_ENGINE": "conda", "CONDA_EXE": str(program)}
    child = start(script, env={**environ, **engine}, start_new_session=True)
    wait_until(prefix.exists)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    done = run(script, timeout=60)
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("locks", ["files"], indirect=True)
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


@pytest.mark.parametrize("locks", ["files"], indirect=True)
def test_the_mark_of_another_host_counts_for_30_days(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene
) -> None:
    child = start("-q", write("a.sh", WAYS[SCRIPT][1], "hello-conda"))
    scene.wait()
    child.kill()
    child.wait()
    marks = find_marks(env_dir, HELLO)
    assert len(marks) == 1
    mark = marks[0].with_name(marks[0].name.replace(conda_execute.HOST, "elsewhere.example.org"))
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


# -- an env-dir of somebody else's


@pytest.fixture
def shared(run: Run, write: Write, env_dir: Path) -> Iterator[Path]:
    """Have a script built and run, then make env-dir read-only; return the script."""
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    run("-q", script)
    with mounted(env_dir, "--bind", str(env_dir)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(env_dir)], check=True)
        yield script


@needs_root
def test_a_read_only_env_dir_runs_what_it_has(run: Run, shared: Path, env_dir: Path, rows: Rows) -> None:
    before = rows()
    done = run(shared, "x", env={**os.environ, "CONDA_EXECUTE_ENV_DIR": str(env_dir)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0 x\n", "")
    done = run("-v", shared)
    assert f"conda-execute: could not write to {env_dir}/usage.tsv\n" in done.stderr
    assert rows() == before


@needs_root
def test_a_read_only_env_dir_that_lacks_an_env_says_what_is_wrong(
    run: Run, write: Write, shared: Path, env_dir: Path
) -> None:
    done = run(write("b.sh", "", "hello-conda"), timeout=60)
    assert (done.returncode, done.stdout) == (125, "")
    text = "expected an env-dir that can be written to, found: Read-only file system"
    assert done.stderr == f"conda-execute: {env_dir}: {text}\n  {conda_execute.OWN_FOLDER}\n"
    done = run("-f", shared, timeout=60)
    assert (done.returncode, done.stdout) == (125, "")
    assert text in done.stderr


@needs_root
def test_a_read_only_env_dir_is_listed_and_not_collected(run: Run, shared: Path, collect: Collect) -> None:
    collect("0")
    name = conda_execute.find_name(["hello-conda =1.0"])
    assert name in run("--tmpenv", "list").stdout
    done = run("--tmpenv", "clear", "--all")
    assert done.returncode == 125
    assert "Read-only file system" in done.stderr


@needs_root
def test_an_ordinary_user_runs_what_an_administrator_built(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, environ: Environ, rows: Rows
) -> None:
    """In env-dir they may write nothing; their runs keep the environment all the same."""
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    run("-q", script)
    before = rows()
    user = tmp_path / "home"
    user.mkdir()
    os.chown(str(user), 12345, 12345)
    open_path(tmp_path)
    python = next(filter(partial(can_start, 12345), [sys.executable, "/usr/bin/python3"]), "")
    if not python:
        pytest.skip("an ordinary user cannot reach any Python here")
    environ["HOME"] = str(user)
    done = run(script, "x", preexec_fn=partial(become, 12345), python=python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0 x\n", "")
    assert rows() == before
    done = run(write("b.sh", "", "hello-conda"), preexec_fn=partial(become, 12345), python=python)
    assert done.returncode == 125
    assert "expected an env-dir that can be written to, found: Permission denied" in done.stderr


def open_path(path: Path) -> None:
    """Let everyone pass through the folders above a path that the tests made."""
    while path.parent != Path(tempfile.gettempdir()) and path != path.parent:
        path.chmod(path.stat().st_mode | 0o055)
        path = path.parent
    path.chmod(path.stat().st_mode | 0o055)


def become(uid: int) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def can_start(uid: int, python: str) -> bool:
    command = [python, str(TOOL), "--version"]
    try:
        return subprocess.run(command, preexec_fn=partial(become, uid), stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757], ids=oct)
def test_an_env_dir_that_anyone_may_write_to_is_refused(run: Run, write: Write, env_dir: Path, mode: int) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    env_dir.chmod(mode)
    text = f"conda-execute: {env_dir}: expected an env-dir of yours or root's, found one that anyone may write to\n"
    for words in ([script], ["--tmpenv", "list"], ["--tmpenv", "create", "x"], ["--tmpenv", "clear", "--all"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith(text)
        assert done.stderr.endswith(f"{conda_execute.OWN_FOLDER}\n")
    env_dir.chmod(0o775)
    assert run(script).returncode == 0


@needs_root
def test_an_env_dir_of_a_stranger_is_refused(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    os.chown(str(env_dir), 12345, 12345)
    done = run(script)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{env_dir}: expected an env-dir of yours or root's, found one of user 12345\n" in done.stderr


# -- rubbish, and odd circumstances


def test_an_env_dir_is_made_for_its_owner_alone_to_write_to(run: Run, write: Write, env_dir: Path) -> None:
    """Whatever the umask is: what is made under 0 would be refused at the next run."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    for _ in range(2):
        done = run("-q", script, preexec_fn=partial(os.umask, 0))
        assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr
    assert env_dir.stat().st_mode & 0o022 == 0


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


@pytest.mark.once
@pytest.mark.parametrize("gone", [".leases", ".trash", "README", "usage.tsv"])
def test_what_is_missing_in_env_dir_is_made_again(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path, scene: Scene, gone: str
) -> None:
    run("-q", write("b.sh", "", "hello-conda"))
    shutil.rmtree(str(env_dir / gone)) if (env_dir / gone).is_dir() else (env_dir / gone).unlink()
    old = make_env(env_dir, "a" * 20, 100)
    if gone in (".leases", ".trash"):
        shutil.rmtree(str(env_dir / gone))
    start("-q", write("a.sh", BARE, "hello-conda"))
    scene.wait()
    collect("0")
    collect("0")
    assert (env_dir / HELLO).exists()
    wait_until(lambda: not old.exists())
    scene.end()
    collect("0")
    assert not (env_dir / HELLO).exists()


def make_rubbish(path: Path) -> None:
    """Leave what a build that was killed may leave."""
    (path / "conda-meta" / "deep").mkdir(parents=True)
    (path / conda_execute.MARKER).with_suffix(".part").mkdir()
    (path / "conda-meta" / "deep").chmod(0)
    path.chmod(0o500)
    (path.parent / ".leases" / f"{path.name}.build").touch()


def test_a_half_made_env_makes_way_for_a_whole_one(run: Run, write: Write, env_dir: Path) -> None:
    make_store(env_dir).make()
    make_rubbish(env_dir / HELLO)
    done = run("-q", write("a.sh", "hello-conda", "hello-conda"), timeout=60)
    assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    wait_until(lambda: names(env_dir / ".trash") == [])


def test_a_half_made_env_is_listed_and_collected(run: Run, collect: Collect, env_dir: Path, environ: Environ) -> None:
    old, other = make_env(env_dir, "a" * 20, 100), env_dir / "not-an-env"
    other.mkdir()
    make_rubbish(env_dir / ("0" * 20))
    listed = run("--tmpenv", "list", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "1000"}, timeout=60)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "half-made" in listed.stdout
    collect("25")
    collect("0")
    assert not old.exists() and other.exists()
    assert set(names(env_dir)) == {".leases", ".trash", "README", "not-an-env", "usage.tsv"}
    assert names(env_dir / ".trash") == []


@needs_root
def test_an_env_that_cannot_be_moved_keeps_no_other(collect: Collect, env_dir: Path) -> None:
    """A mount point cannot be renamed."""
    stuck = [make_env(env_dir, letter * 20, 100) for letter in "05af"]
    with mounted(stuck[0], "-t", "tmpfs", "none"), mounted(stuck[3], "-t", "tmpfs", "none"):
        collect("25")
        assert [path.exists() for path in stuck] == [True, False, False, True]
        assert list(env_dir.glob(".leases/.due*")), "or every call would start a collection"
