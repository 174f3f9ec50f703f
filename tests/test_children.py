"""Children: a caller's signals, descriptors and forks change no program, and its exit code reaches us."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from channel import Package
from conftest import FAKE_CONDA, FILE, HELLO, MARKER, ROOT, TOOL, make_conda, needs_proc, wait_until
from servers import make_channel

import conda_execute

fcntl = pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")
resource = pytest.importorskip("resource")

if TYPE_CHECKING:
    from conftest import Call, Environ, Rows, Run, Write


# -- SIGCHLD, and other signals


def ignore_children() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_a_pip_that_fails_is_no_success_where_the_caller_ignores_its_children(
    write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    """With SIGCHLD ignored, which exec hands on, wait(2) knows no exit code."""
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    write("pip.py", "print(1)", "python", "pip:\n#     - no-such-requirement")
    code = f"trap '' CHLD; exec {sys.executable} {FILE} pip.py"
    done = subprocess.run(["bash", "-c", code], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (125, ""), done.stderr
    assert "no-such-requirement" in done.stderr
    assert not (env_dir / conda_execute.find_name(["python"], ["no-such-requirement"]) / MARKER).exists()


REAPERS = {
    "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "reaped by a handler": """
def reap(number, frame):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, reap)
""",
}
CALLS = {
    "the main thread": "print(conda_execute.run('a.sh'))\n",
    "another thread": """
thread = threading.Thread(target=lambda: print(conda_execute.run('a.sh')))
thread.start()
thread.join()
""",
}
every_reaper = pytest.mark.parametrize("reaper", REAPERS.values(), ids=list(REAPERS))
every_caller = pytest.mark.parametrize("caller", CALLS.values(), ids=list(CALLS))


@every_reaper
@every_caller
def test_an_engine_that_fails_is_no_success_for_a_caller_whose_children_are_reaped(
    call: Call, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, reaper: str, caller: str
) -> None:
    """It is long dead when what it printed comes to an end, since a child of its own holds the pipe."""
    make_conda(environ, tmp_path, FAKE_CONDA + "echo oh no; sleep 0.2 & exit 1\n")
    (tmp_path / "go").touch()
    write("a.sh", "exit 3", "hello-conda")
    done = call(f"{reaper}\n{caller}")
    assert ("oh no" in done.stderr, done.stdout) == (True, ""), done.stderr
    assert not (env_dir / HELLO).exists()


@every_reaper
@every_caller
def test_the_exit_code_of_a_script_reaches_a_caller_whose_children_are_reaped(
    call: Call, write: Write, reaper: str, caller: str
) -> None:
    """Cold and warm, and what the caller does at the signal is what it did."""
    write("a.sh", "sleep 0.01; exit 3", "hello-conda")
    check = "\nassert signal.getsignal(signal.SIGCHLD) is before\n"
    done = call(reaper + "\nbefore = signal.getsignal(signal.SIGCHLD)\n" + caller * 2 + check)
    assert (done.returncode, done.stdout) == (0, "3\n3\n"), done.stderr


REAPING_THREAD = """
def reap():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.001)
threading.Thread(target=reap, daemon=True).start()
"""


@every_caller
def test_an_exit_code_that_another_thread_took_is_never_said_to_be_0(call: Call, write: Write, caller: str) -> None:
    """It is 3, or an error."""
    write("a.sh", "exit 3", "hello-conda")
    done = call(REAPING_THREAD + caller)
    assert done.stdout == "3\n" or (done.stdout == "" and "conda_execute.Error" in done.stderr), done.stderr


def test_an_entrypoint_ends_at_what_fails_where_the_caller_ignores_its_children(
    run: Run, tmp_path: Path, channel: str
) -> None:
    script = tmp_path / "a.sh"
    entrypoint = json.dumps("sh -c 'exit 7' && echo went on")
    head = f'# channels = ["{channel}"]\n# entrypoint = {entrypoint}\n# [dependencies]\n# hello-conda = "*"\n'
    script.write_text(f"# /// conda-script\n{head}# /// end-conda-script\n")
    for _ in range(2):
        done = run(script, preexec_fn=ignore_children)
        assert (done.returncode, done.stdout) == (7, ""), done.stderr


RELEASED = "echo $PPID > pid.part; mv pid.part pid; while [ ! -e go ]; do sleep 0.01; done; exit 3"


@needs_proc
def test_a_run_ends_when_the_process_that_reports_the_exit_code_was_killed(
    write: Write, environ: Environ, tmp_path: Path
) -> None:
    """The caller has no part in the pipe that would keep it from its end."""
    write("a.sh", RELEASED, "hello-conda")
    code = f"import conda_execute, signal\n{REAPERS['ignored']}\nprint('ended', conda_execute.run('a.sh'))\n"
    child = subprocess.Popen(
        [sys.executable, "-c", code], env={**environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        assert b"--report" in Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert child.communicate(timeout=15)[0].startswith("ended ")
    finally:
        (tmp_path / "go").touch()
        child.kill()
        child.communicate()


# In Python, since shells do as they like with SIGCHLD.
STATUS = "print(*(line for line in open('/proc/self/status') if line[:6] in ('SigBlk', 'SigIgn')), sep='', end='')"
BLOCKED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1}


def find_mask(numbers: set[signal.Signals]) -> int:
    return sum(1 << (number - 1) for number in numbers)


@needs_proc
@pytest.mark.parametrize("specs", [["python"], ["python", "activated"]], ids=["no shell between", "a shell between"])
def test_the_script_has_the_signals_that_the_caller_ignores_and_blocks(
    run: Run, write: Write, specs: list[str]
) -> None:
    """And they harm no build; bash unblocks SIGCHLD."""
    script, ignored = write("a.py", STATUS, *specs), find_mask({signal.SIGCHLD, signal.SIGUSR2})
    blocked = find_mask(BLOCKED - ({signal.SIGCHLD} if "activated" in specs else set()))

    def prepare() -> None:
        ignore_children()
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, BLOCKED)

    for _ in range(2):
        done = run("-q", script, preexec_fn=prepare)
        found = {key: int(value, 16) for key, value in (line.split() for line in done.stdout.splitlines())}
        assert (found["SigBlk:"] & blocked, found["SigIgn:"] & ignored) == (blocked, ignored), done.stderr


def test_ctrl_c_in_run_waits_for_a_script_that_takes_its_time(write: Write, environ: Environ, tmp_path: Path) -> None:
    """As a shell does, whose child decides what an interrupt means."""
    trap = "trap 'sleep 1; echo > handled; exit 7' INT; echo > ready"
    write("a.sh", trap + "; while :; do sleep 0.02; done", "hello-conda")
    code = "try:\n    print(conda_execute.run('a.sh'))\nexcept KeyboardInterrupt:\n    print('stopped')\n"
    child = subprocess.Popen(
        [sys.executable, "-c", "import conda_execute\n" + code], env={**environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, text=True, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    wait_until((tmp_path / "ready").exists)
    os.killpg(child.pid, signal.SIGINT)
    output = child.communicate(timeout=60)[0]
    assert (tmp_path / "handled").exists()
    assert output in ("7\n", "stopped\n")


# -- forks


HOLD = '#!/bin/sh\necho > "{0}/started"; while [ ! -e "{0}/go" ]; do sleep 0.01; done\n'
FORK = """
def fork():
    while not os.path.exists("started"):
        time.sleep(0.005)
    pid = os.fork()
    if pid == 0:
        time.sleep(25)
        os._exit(0)
    open("pid", "w").write("%d\\n" % pid)
    open("go", "w").close()
threading.Thread(target=fork).start()
print(conda_execute.run("a.sh"))
"""


@pytest.mark.parametrize("kind", ["rattler", "conda"])
def test_a_fork_while_an_env_is_built_keeps_no_lock_of_ours(
    call: Call, run: Run, write: Write, environ: Environ, tmp_path: Path, channel: str, kind: str
) -> None:
    """The fork has each descriptor that was open, and lives on; a lease may well be of use to it."""
    slow = Package("slow", "1.0", {"bin/.slow-post-link.sh": HOLD.format(tmp_path).encode()}, noarch="generic")
    if kind == "rattler":
        environ["CONDA_CHANNELS"] = f"{make_channel(tmp_path / 'own', slow)},{channel}"
    else:
        make_conda(environ, tmp_path, FAKE_CONDA)
    write("a.sh", "exit 3", "slow")
    other = write("b.sh", "exit 4", "words")
    done = call(FORK, stderr=subprocess.DEVNULL, stdout=(tmp_path / "output").open("w"), capture_output=False)
    assert (done.returncode, (tmp_path / "output").read_text()) == (0, "3\n")
    pid = int((tmp_path / "pid").read_text())
    try:
        for lock in (tmp_path / "tmp_envs" / ".leases").glob("*.build"):
            with lock.open("r+b") as f:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert run(other, timeout=10).returncode == 4
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


WORKER = """
thread = threading.Thread(target=lambda: print(conda_execute.run("a.sh")))
thread.start()
while not os.path.exists("pid"):
    time.sleep(0.005)
pid = os.fork()
if pid == 0:
    barrier = threading.Barrier(4)
    def work(i):
        barrier.wait()
        __import__("own%d" % i)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    os._exit(sum("own%d" % i in sys.modules for i in range(4)))
print(os.waitpid(pid, 0)[1] >> 8, flush=True)
open("go", "w").close()
thread.join()
"""


def test_a_fork_while_another_thread_runs_a_script_imports_what_it_likes(
    call: Call, write: Write, tmp_path: Path
) -> None:
    """Its threads have the numbers of those that it does not have."""
    for i in range(4):
        (tmp_path / f"own{i}.py").touch()
    write("a.sh", RELEASED, "hello-conda")
    done = call(WORKER)
    assert (done.returncode, done.stdout, done.stderr.count("No module")) == (0, "4\n3\n", 0), done.stderr


def test_a_fork_while_prefix_of_builds_does_not_count_as_one_that_runs_in_the_env(
    call: Call, run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    make_conda(environ, tmp_path, FAKE_CONDA)
    script = write("a.sh", "exit 3", "hello-conda")
    done = call(
        FORK.replace("run(", "prefix_of("),
        stderr=subprocess.DEVNULL, stdout=(tmp_path / "output").open("w"), capture_output=False,
    )  # fmt: skip
    assert (done.returncode, (tmp_path / "output").read_text()) == (0, f"{env_dir / HELLO}\n")
    pid = int((tmp_path / "pid").read_text())
    try:
        done = run("-f", script)
        assert done.returncode == 3, done.stderr
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


# -- descriptors


@pytest.mark.parametrize("limit", [64, 32, 16, 10])
def test_a_low_limit_of_descriptors_stops_no_build_or_is_named(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, limit: int
) -> None:
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")  # so that there is something to do
    script = write("a.sh", "hello-conda", "hello-conda", "activated")
    lower = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, limit))
    done = run(script, preexec_fn=lower)
    if done.returncode:
        assert (done.returncode, done.stdout) == (125, "")
        assert "open files" in done.stderr or "descriptors" in done.stderr
        assert "a bug of" not in done.stderr and "Traceback" not in done.stderr
        assert not list(env_dir.glob(f"*/{MARKER}"))
    assert run(script).stdout == "hello-conda 2.0\n"


MANY = 1100  # more than select(2) can wait for
LIMIT = 5000


@pytest.mark.skipif(
    0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < LIMIT, reason=f"needs {LIMIT} descriptors in one process"
)
@pytest.mark.parametrize("kind", ["rattler", "conda"])
def test_a_caller_with_more_descriptors_than_select_knows_builds_and_runs(
    call: Call, write: Write, environ: Environ, tmp_path: Path, kind: str
) -> None:
    if kind == "conda":
        make_conda(environ, tmp_path, FAKE_CONDA)
        (tmp_path / "go").touch()
    write("a.sh", "exit 3", "hello-conda")
    higher = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    opened = f"opened = [os.open(os.devnull, os.O_RDONLY) for _ in range({MANY})]\n"
    done = call(opened + "print(conda_execute.run('a.sh'))\n", preexec_fn=higher)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


# Of the pairs no CPython makes anything else than of what is in them.
CLOSED = [
    pytest.param(words, id=" ".join(words), marks=[pytest.mark.once] if count == 2 else [])
    for count in (1, 2, 3)
    for words in itertools.combinations(["<&-", ">&-", "2>&-"], count)
]


@needs_proc
@pytest.mark.parametrize("closed", CLOSED)
def test_of_two_that_start_at_once_with_closed_descriptors_one_builds(
    write: Write, environ: Environ, env_dir: Path, tmp_path: Path, rows: Rows, closed: tuple[str, ...]
) -> None:
    """And none of the first three descriptors is a lock's, which children would get others in the place of."""
    make_conda(environ, tmp_path, FAKE_CONDA)
    script = write("a.sh", 'echo >> "$1"', "hello-conda")
    code = f'exec {sys.executable} {TOOL} -q {script} "$0" {" ".join(closed)}'
    pair = [subprocess.Popen(["sh", "-c", code, f"{tmp_path}/ran{i}"], env=environ) for i in range(2)]
    wait_until((tmp_path / "started").exists)
    for child in pair:
        wait_until(lambda child=child: has_open(child.pid, env_dir))  # type: ignore[misc]
    low = [os.path.realpath(f"/proc/{child.pid}/fd/{fd}") for child in pair for fd in range(3)]
    (tmp_path / "go").touch()
    assert [child.wait(60) for child in pair] == [0, 0]
    assert (tmp_path / "ran0").exists() and (tmp_path / "ran1").exists()
    assert [row[1] for row in rows()].count("create") == 1
    assert [path for path in low if path.startswith((str(env_dir), environ["HOME"])) or "pipe:" in path] == []


def has_open(pid: int, env_dir: Path) -> bool:
    """Answer whether a process has come to the lock of those who build."""
    with suppress(OSError):
        opened = {os.path.realpath(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        return str(env_dir / ".leases" / f"{HELLO}.build") in opened
    return False


@pytest.mark.parametrize("closed", CLOSED)
def test_the_engine_of_a_killed_builder_keeps_the_lock_whatever_the_caller_had_closed(
    run: Run, write: Write, environ: Environ, tmp_path: Path, closed: tuple[str, ...]
) -> None:
    make_conda(environ, tmp_path, FAKE_CONDA)
    script, log, text = write("a.sh", "exit 3", "hello-conda"), tmp_path / "log", tmp_path / "text"
    first = subprocess.Popen(["sh", "-c", f"exec {sys.executable} {TOOL} -q {script} {' '.join(closed)}"], env=environ)
    wait_until((tmp_path / "started").exists)
    first.kill()
    first.wait()
    with text.open("w") as f:
        second = subprocess.Popen([sys.executable, str(TOOL), str(script)], env=environ, stderr=f)
        wait_until(lambda: "waiting for" in text.read_text() or log.read_text().count("start") > 1)
        (tmp_path / "go").touch()
        assert second.wait(60) == 3
    assert log.read_text().split() == ["start"] * 2


@pytest.mark.parametrize(
    "first, second, code, words", [("TERM", "HUP", 143, "stopped by SIGTERM"), ("INT", "TERM", 130, "interrupted")]
)
def test_a_second_signal_hastens_the_end_of_an_engine_and_changes_no_exit_code(
    environ: Environ, write: Write, tmp_path: Path, first: str, second: str, code: int, words: str
) -> None:
    undo = 'trap "touch FOLDER/told; sleep 60" TERM\n'
    make_conda(environ, tmp_path, undo + "echo $$ > FOLDER/pid; touch FOLDER/ready; while :; do sleep 0.1; done\n")
    command = [sys.executable, str(TOOL), str(write("a.sh", "", "hello-conda"))]
    child = subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until((tmp_path / "ready").exists)
    pid = int((tmp_path / "pid").read_text())
    child.send_signal(getattr(signal, "SIG" + first))
    wait_until((tmp_path / "told").exists)
    child.send_signal(getattr(signal, "SIG" + second))
    text = child.communicate(timeout=30)[1]
    assert child.returncode == code, text
    assert words in text
    assert not conda_execute.is_running(pid, "")
