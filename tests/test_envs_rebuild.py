"""Envs: a rebuild leaves the old environment or the new one, whatever becomes of it.

Real kills on a real engine. TIDY_KILLS=200 interrupts more rebuilds than the suite does.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, HELLO, SEED, Old, find_steps, give_away, kill_at, names, needs_root, put, wait_until

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Collect, Environ, Run, Start, Write

pytestmark = pytest.mark.once

KILLS = int(os.environ.get("TIDY_KILLS", "12"))
YEAR_H = 24 * 366
DELETES = ("unlink", "unlinkat", "rmdir")
needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")


# -- a rebuild ends with an environment, the old one or the new one


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


def test_a_list_of_environments_that_is_no_utf_8_fails_no_build_by_mamba(
    run: Run, home: Path, tmp_path: Path, old: Old, engine_that: Callable[..., None]
) -> None:
    content, listed = b"/opt/caf\xe9\n/opt/b\n", home / ".conda" / "environments.txt"
    listed.parent.mkdir()
    (tmp_path / "shared.txt").write_bytes(content)
    listed.symlink_to(tmp_path / "shared.txt")
    engine_that('echo "$2" >> ~/.conda/environments.txt\n', "micromamba")
    done = run("-q", "-f", old.script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", "")
    assert listed.is_symlink()
    assert listed.read_bytes() == content
