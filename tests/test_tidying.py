"""Tidying fails no run, and a rebuild leaves the old environment or the new one, whatever becomes of it.

Real kills on a real engine. TIDY_KILLS=200 interrupts more rebuilds than the suite does.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import test_ours
import test_store
from conftest import FILE, wait_until
from test_ours import CLEAR_ALL, find_steps, give_away, kill_at, put, wait_until_gone
from test_store import HELLO, SEED, find_collectors, let_pass, let_pass_stamps, mounted, names, needs_root, set_age

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Start = Callable[..., "subprocess.Popen[str]"]
    Collect = Callable[..., None]

start, collect = test_store.start, test_store.collect
run_as_user, mount_below = test_ours.run_as_user, test_ours.mount_below
pytestmark = pytest.mark.once
KILLS = int(os.environ.get("TIDY_KILLS", "12"))
YEAR_H = 24 * 366
DELETES = ("unlink", "unlinkat", "rmdir")
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


# -- a rebuild ends with an environment, the old one or the new one


class Old:
    """An environment that is there, and who looks whether it, or a newer one, still is."""

    def __init__(self, run: Run, script: Path, prefix: Path, environ: Environ, nothing: str) -> None:
        self.run, self.script, self.prefix, self.marker = run, script, prefix, prefix / conda_execute.MARKER
        self.unable = {**environ, "CONDA_CHANNELS": nothing, "CONDA_EXECUTE_ENGINE": "rattler"}
        done = run("-q", script)
        assert done.returncode == 0, done.stderr
        self.content = self.marker.read_bytes()

    def check(self, since: float = float("inf")) -> None:
        """With an engine that can build nothing it runs: as it was, or as it was built since then."""
        done = self.run("-q", self.script, env=self.unable)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", ""), done.stderr
        assert (self.prefix / "share" / "hello-conda" / "prefix.txt").read_text() == f"{self.prefix}\n"
        content = self.marker.read_bytes()
        found = re.search(rb'created"?: *([0-9]+)', content)
        assert content == self.content or (found and int(found.group(1)) >= int(since))
        self.content = content


@pytest.fixture
def old(run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path) -> Old:
    """Build an environment, and make a channel that has nothing to build another of."""
    for subdir in ("noarch", conda_execute.find_subdir("linux", os.uname().machine)):
        put(tmp_path / "nothing" / subdir / "repodata.json", '{"packages": {}, "packages.conda": {}}')
    nothing = (tmp_path / "nothing").as_uri()
    old = Old(run, write("a.sh", "hello-conda", "hello-conda"), env_dir / HELLO, environ, nothing)
    wait_until(lambda: not find_collectors(tmp_path))
    return old


def test_a_rebuild_that_is_interrupted_at_any_moment_costs_no_env(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path, old: Old
) -> None:
    """By each signal, sent to conda-execute alone or, as a terminal does, to its engine too."""
    moments, times_s = random.Random(SEED), []
    for _ in range(3):
        began = time.monotonic()
        assert run("-q", "-f", old.script).returncode == 0
        times_s.append(time.monotonic() - began)
    took_s = min(times_s)  # one that something else has slowed down would let the others end before the signal
    old.check(0)
    ended = 0
    for kill in range(KILLS):
        since, child = time.time(), start("-q", "-f", old.script, start_new_session=True)
        number = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM][kill % 3]
        with suppress(subprocess.TimeoutExpired):
            child.wait(moments.uniform(0.2 * took_s, 1.1 * took_s))
        ended += child.poll() is not None
        with suppress(ProcessLookupError):
            (os.killpg if kill // 3 % 2 else os.kill)(child.pid, number)
        child.wait(60)
        old.check(since)
    print(f"{ended} of {KILLS} rebuilds were faster than the signal")
    assert ended < KILLS * 2 / 3
    assert run("-q", "-f", old.script).returncode == 0
    collect("1000")
    wait_until(lambda: names(env_dir / ".trash") == [], 10)


@needs_strace
def test_a_rebuild_that_was_killed_at_any_step_costs_no_env(
    env_dir: Path, environ: Environ, tmp_path: Path, collect: Collect, old: Old
) -> None:
    words = ("-q", "-f", old.script)
    found = find_steps(env_dir, environ, tmp_path, *words)
    steps = [step for step in found if step[0] not in ("write", "openat", *DELETES)]
    assert {name for name, _ in steps} & {"rename", "renameat", "renameat2"}
    old.check(0)
    for name, count in steps + [step for step in found if step[0] in DELETES][:3]:
        since = time.time()
        kill_at(name, count, environ, *words)
        old.check(since)
    collect("1000")
    wait_until(lambda: names(env_dir / ".trash") == [], 10)


@needs_strace
@pytest.mark.parametrize("name", DELETES)
def test_what_is_half_deleted_is_never_put_back(run: Run, environ: Environ, old: Old, name: str) -> None:
    """The new env is there, the old one on its way out: who removes the new one by hand gets another, and whole."""
    for count in (1, 3):
        kill_at(name, count, environ, "-q", "-f", old.script, tracer=("strace", "-f"))  # whoever it is that deletes
        shutil.rmtree(str(old.prefix), ignore_errors=True)
        assert run("-q", old.script).returncode == 0
        old.check(0)


def test_a_rebuild_of_what_cannot_be_had_costs_no_env(run: Run, old: Old) -> None:
    for _ in range(2):
        done = run("-f", old.script, env=old.unable)
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "hello-conda" in done.stderr
        old.check()


ENGINE = """\
#!/bin/sh
# conda create --prefix PREFIX ...: puts there what an engine has built, and then
case " $* " in *" create "*) ;; *) exit 0;; esac
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2" && cd "$2" && cp -R BUILT/. . || exit 1
"""


@pytest.fixture
def engine_that(environ: Environ, tmp_path: Path, old: Old) -> Callable[..., None]:
    """Return a function that makes a program the engine, which has its way with what it has built."""

    def function(code: str, kind: str = "conda") -> None:
        built = tmp_path / "built"
        shutil.copytree(str(old.prefix), str(built), symlinks=True)
        for path in built.glob("conda-meta/*"):
            path.unlink() if path.suffix != ".json" or path.name == "conda-execute.json" else None
        subprocess.run(["chmod", "-R", "a+rX", str(built)], check=True)  # records are for their owner alone
        program = put(tmp_path / "engines" / kind, ENGINE.replace("BUILT", str(built)) + code)
        program.chmod(0o755)
        environ.update({"CONDA_EXECUTE_ENGINE": kind, "CONDA_EXE" if kind == "conda" else "MAMBA_EXE": str(program)})

    return function


@pytest.fixture
def small_disk(env_dir: Path) -> Iterator[Callable[[], Path]]:
    """Put env-dir on a disk of its own, and return a function that fills it with one file."""

    def fill() -> Path:
        subprocess.run(["sh", "-c", f"cat /dev/zero > {env_dir}/filler"], stderr=subprocess.DEVNULL)
        return env_dir / "filler"

    with mounted(env_dir, "-t", "tmpfs", "-o", "size=4m,nr_inodes=500,mode=755", "none"):
        yield fill


@needs_root
@pytest.mark.parametrize("since", ["since the engine ended", "all the time"])
def test_a_disk_that_is_full_when_a_rebuild_ends_costs_no_env(
    run: Run, env_dir: Path, collect: Collect, small_disk: Callable[[], Path], old: Old,
    engine_that: Callable[..., None], since: str,
) -> None:  # fmt: skip
    engine_that(f"cat /dev/zero > {env_dir}/filler\nexit 0\n")
    if since == "all the time":
        small_disk()
    for _ in range(2):
        done = run("-f", old.script)
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "No space left on device" in done.stderr
        assert "not empty" not in done.stderr and "bug" not in done.stderr
        old.check()
    small_disk().unlink()
    collect("1000")
    old.check()
    wait_until(lambda: names(env_dir / ".trash") == [], 10)


WRECKS = {
    "went on writing": "( i=0; while [ $i -lt 30000 ] && : > $i; do i=$((i + 1)); done ) >&- 2>&- &\n",
    "made a folder that may not be entered": "mkdir -p a/b/c; chmod 0 a/b\n",
    "made a file immutable": "touch stuck; chattr +i stuck || exit 0\n",
}


@pytest.mark.parametrize("how", WRECKS)
def test_the_wreck_of_a_rebuild_is_in_the_way_of_no_env(
    run: Run, env_dir: Path, old: Old, engine_that: Callable[..., None], how: str
) -> None:
    engine_that(WRECKS[how] + "echo it was not to be; exit 1\n")
    try:
        done = run("-f", old.script)
        if done.returncode == 0:
            pytest.skip("no file can be made immutable here")
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "it was not to be" in done.stderr and "not empty" not in done.stderr
        old.check()
    finally:
        subprocess.run(["chattr", "-R", "-i", str(env_dir)], stderr=subprocess.DEVNULL)


WRITER = """\
setsid sh -c 'echo $$ > FOLDER/part; mv FOLDER/part FOLDER/writer
i=0; while [ $i -lt 3000 ]; do : > late$i; i=$((i + 1)); sleep 0.01; done' > /dev/null 2>&1 &
while [ ! -e FOLDER/writer ]; do sleep 0.01; done
echo it was not to be; exit 1
"""


def test_what_a_failed_engine_left_running_in_a_session_of_its_own_is_ended(
    run: Run, tmp_path: Path, old: Old, engine_that: Callable[..., None]
) -> None:
    engine_that(WRITER.replace("FOLDER", str(tmp_path)))
    done = run("-f", old.script)
    pid = int((tmp_path / "writer").read_text())
    try:
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "it was not to be" in done.stderr
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    old.check()


def test_an_engine_that_says_8_mb_without_an_end_of_line_is_heard_out(
    run: Run, old: Old, engine_that: Callable[..., None]
) -> None:
    engine_that("head -c 8000000 /dev/zero | tr '\\0' x; printf ', it was not to be'; exit 1\n")
    done = run("-f", old.script)
    assert (done.returncode, done.stdout) == (125, ""), done.stderr[-1000:]
    assert "xxx, it was not to be\n" in done.stderr
    old.check()


@pytest.mark.parametrize("words", [[], ["-f"]], ids=["a build", "a rebuild"])
def test_a_trash_that_goes_while_an_env_is_built_fails_no_build(
    run: Run, env_dir: Path, old: Old, engine_that: Callable[..., None], words: list[str]
) -> None:
    engine_that(f"rm -rf {env_dir}/.trash\nexit 0\n")
    if not words:
        shutil.rmtree(str(old.prefix))
    done = run(*words, old.script)
    assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    assert "built" in done.stderr and "bug" not in done.stderr


def test_of_two_that_rebuilds_have_set_aside_the_newer_is_put_back(env_dir: Path, old: Old) -> None:
    """Whatever the numbers of their processes, as text or as numbers."""
    for number, pid, time_ns in (("older", 9, 1700000000123456789), ("newer", 10, 1700000001123456789)):
        aside = env_dir / ".trash" / f"{HELLO}.{pid}.{time_ns}.aside"
        shutil.copytree(str(old.prefix), str(aside), symlinks=True)
        put(aside / "which", number)
    shutil.rmtree(str(old.prefix))
    old.check()
    assert (old.prefix / "which").read_text() == "newer"


@needs_root
@pytest.mark.parametrize("mode", [0o711, 0o700], ids=oct)
def test_a_home_of_somebody_elses_that_may_not_be_read_stops_no_build(
    run_as_user: Run, env_dir: Path, tmp_path: Path, old: Old, engine_that: Callable[..., None], mode: int
) -> None:
    engine_that("exit 0\n")
    give_away(env_dir)
    os.chown(str(tmp_path / "user"), 0, 0)
    (tmp_path / "user").chmod(mode)
    done = run_as_user("-f", old.script)
    assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr


def test_a_home_that_is_not_there_stops_no_build_and_is_not_made(
    run: Run, environ: Environ, tmp_path: Path, old: Old, engine_that: Callable[..., None]
) -> None:
    engine_that("exit 0\n")
    done = run("-f", old.script, env={**environ, "HOME": str(tmp_path / "nonexistent")})
    assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    assert not (tmp_path / "nonexistent").exists()


MEMBERS, GROUP = (4243, 4244), 4242


@needs_root
def test_a_store_of_a_group_is_refused_and_the_way_that_is_named_works_for_each_member(
    run_as_user: Run, environ: Environ, tmp_path: Path, old: Old, engine_that: Callable[..., None]
) -> None:
    engine_that("exit 0\n")
    store = tmp_path / "project" / "tmp_envs"
    store.mkdir(parents=True)
    os.chown(str(store), MEMBERS[0], GROUP)
    store.chmod(0o2775)
    python = run_as_user.args[0]  # type: ignore[attr-defined]

    def start(uid: int, env_dir: str) -> subprocess.CompletedProcess[str]:
        def become_member() -> None:
            os.umask(0o002)
            os.setgroups([GROUP])
            os.setgid(uid)
            os.setuid(uid)

        (tmp_path / str(uid)).mkdir(exist_ok=True)
        os.chown(str(tmp_path / str(uid)), uid, uid)
        env = {**environ, "HOME": str(tmp_path / str(uid)), "USER": f"u{uid}", "CONDA_EXECUTE_ENV_DIR": env_dir}
        command = [python, str(tmp_path / FILE.name), str(old.script)]
        pipe = subprocess.PIPE
        return subprocess.run(command, env=env, stdout=pipe, stderr=pipe, text=True, preexec_fn=become_member)

    for uid in MEMBERS:
        done = start(uid, str(store))
        assert (done.returncode, done.stdout) == (125, "")
        assert "found one of user" in done.stderr or "found one that its group may write to" in done.stderr
        assert done.stderr.endswith(f"env-dir: {store}/$USER\n")
    for uid in MEMBERS:
        assert start(uid, f"{store}/$USER").stdout == "hello-conda 2.0\n"
    assert sorted(os.listdir(str(store))) == [f"u{uid}" for uid in MEMBERS]  # noqa: PTH208


# -- tidying


def make_trash(env_dir: Path, count: int) -> list[Path]:
    """Fill the trash with what a process that is gone has moved there."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    paths = [env_dir / ".trash" / f"{i:020x}.{gone.pid}.{time.time_ns()}" for i in range(count)]
    for path in paths:
        for name in ("conda-meta/history", "bin/a", "lib/b", "share/c"):
            put(path / name)
    return paths


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


LOCKS = {"~/.conda-execute.lock": "package cache", ".leases/NAME.build": "builder's", ".leases/NAME": "lease"}


@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o644], ids=oct)
@pytest.mark.parametrize("lock", LOCKS, ids=LOCKS.get)
def test_a_lock_file_of_another_user_is_no_obstacle_or_is_named(
    run_as_user: Run, env_dir: Path, tmp_path: Path, old: Old, engine_that: Callable[..., None], lock: str, mode: int
) -> None:
    engine_that("exit 0\n")
    path = tmp_path / "user" / lock[2:] if lock[0] == "~" else env_dir / lock.replace("NAME", HELLO)
    give_away(env_dir)
    path.unlink() if path.exists() else None
    put(path, "process 4321 on elsewhere, which fills the package cache for /root/tmp_envs")
    path.chmod(mode)
    for words in (["-f", old.script], [old.script]):
        done = run_as_user(*words)
        assert done.returncode == 0 or (done.returncode == 125 and str(path) in done.stderr), done.stderr
        assert done.returncode == 0 or "\n  " in done.stderr
        assert not re.search("Invalid argument|Bad file descriptor|bug|Traceback|4321", done.stderr)
        shutil.rmtree(str(old.prefix), ignore_errors=True)


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


# -- the list of environments that conda keeps

OURS = b"/home/me/tmp_envs/ea977067a8fbeb21a594"
LISTS = {
    "no UTF-8": b"/opt/caf\xe9\n/opt/b\n",
    "other line ends": b"/opt/a\r\n\r\n/opt/b\n\n",
    "no end": b"/opt/a\n/opt/b",
    "names like ours": OURS + b"0\n/x" + OURS + b"\n" + OURS + b"/envs/a\n",
    "nothing": b"",
}


@pytest.fixture
def environments(home: Path) -> Path:
    (home / ".conda").mkdir()
    return home / ".conda" / "environments.txt"


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_environments_without_ours_is_left_alone(environments: Path, kind: str) -> None:
    environments.write_bytes(LISTS[kind])
    set_age(environments, 1)
    before = environments.stat()
    conda_execute.unregister(os.fsdecode(OURS))
    after = environments.stat()
    assert environments.read_bytes() == LISTS[kind]
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(environments.parent) == ["environments.txt"]


@pytest.mark.parametrize("is_link", [False, True], ids=["a file", "a link"])
@pytest.mark.parametrize("kind", LISTS)
def test_of_a_list_of_environments_our_line_goes_alone(
    environments: Path, tmp_path: Path, kind: str, is_link: bool
) -> None:
    path = tmp_path / "shared.txt" if is_link else environments
    if is_link:
        environments.symlink_to(path)
    first, newline, rest = LISTS[kind].partition(b"\n")
    path.write_bytes(first + newline + OURS + b"\n" + rest)
    path.chmod(0o640)
    conda_execute.unregister(os.fsdecode(OURS))
    assert environments.is_symlink() == is_link
    assert path.read_bytes() == LISTS[kind]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(environments.parent) == ["environments.txt"]


def test_where_there_is_no_list_of_environments_none_is_made(environments: Path) -> None:
    conda_execute.unregister(os.fsdecode(OURS))
    assert names(environments.parent) == []


def test_a_list_of_environments_that_is_no_utf_8_fails_no_build_by_mamba(
    run: Run, environments: Path, tmp_path: Path, old: Old, engine_that: Callable[..., None]
) -> None:
    (tmp_path / "shared.txt").write_bytes(LISTS["no UTF-8"])
    environments.symlink_to(tmp_path / "shared.txt")
    engine_that('echo "$2" >> ~/.conda/environments.txt\n', "micromamba")
    done = run("-q", "-f", old.script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", "")
    assert environments.is_symlink()
    assert environments.read_bytes() == LISTS["no UTF-8"]
