"""Promise 12: the caller's state does not change what we conclude, and is as it was afterwards."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from channel import Package
from conftest import FILE, ROOT, TOOL, wait_until
from test_whole import make_channel

import conda_execute

fcntl = pytest.importorskip("fcntl")
resource = pytest.importorskip("resource", reason="signals, forks, descriptors and limits of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Rows = Callable[[], "list[list[str]]"]
    Call = Callable[..., "subprocess.CompletedProcess[str]"]

HELLO = conda_execute.find_name(["hello-conda"])
MARKER = conda_execute.MARKER
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@pytest.fixture
def call(environ: Environ, tmp_path: Path) -> Call:
    """Return a function that runs Python code which has imported the file, in the folder of the scripts."""

    def function(code: str, **options: object) -> subprocess.CompletedProcess[str]:
        variables = {**environ, "PYTHONPATH": str(ROOT)}
        options = {"cwd": tmp_path, "env": variables, "timeout": 120, "capture_output": True, "text": True, **options}
        head = "import asyncio, os, signal, sys, threading, time\nimport conda_execute\n"
        return subprocess.run([sys.executable, "-c", head + code], **options)  # type: ignore[call-overload]

    return function


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


FAKE = """\
# conda create --prefix PREFIX ...: makes an env of the last word, and tells where another is at work
grep -qs create "/proc/$(cat FOLDER/engine)/cmdline" && echo collision >> FOLDER/log
echo $$ > FOLDER/engine
echo start >> FOLDER/log
mkdir -p "$3/conda-meta" "$3/bin"
for word; do :; done
[ "$word" = words ] || while [ ! -e FOLDER/go ]; do echo > FOLDER/started; sleep 0.01; done
printf '{"name": "%s", "version": "1.0", "build": "0", "files": []}' "$word" > "$3/conda-meta/$word-1.0-0.json"
"""
every_reaper = pytest.mark.parametrize("reaper", REAPERS.values(), ids=list(REAPERS))
every_caller = pytest.mark.parametrize("caller", CALLS.values(), ids=list(CALLS))


def make_conda(environ: Environ, folder: Path, code: str) -> None:
    """Make a shell script the engine; FOLDER in it is where it lies."""
    (folder / "conda").write_text("#!/bin/sh\n" + code.replace("FOLDER", str(folder)))
    (folder / "conda").chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(folder / "conda"))


@every_reaper
@every_caller
def test_an_engine_that_fails_is_no_success_for_a_caller_whose_children_are_reaped(
    call: Call, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, reaper: str, caller: str
) -> None:
    """It is long dead when what it printed comes to an end, since a child of its own holds the pipe."""
    make_conda(environ, tmp_path, FAKE + "echo oh no; sleep 0.2 & exit 1\n")
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


IMPORTS = {
    "a signal handler": """
def handle(number, frame):
    open("go", "w").close()
    import own
signal.signal(signal.SIGALRM, handle)
""",
    "what sys.stderr is": """
class Stream:
    def write(self, text):
        open("go", "w").close()
        import own
        return len(text)
    def flush(self):
        pass
    def isatty(self):
        return False
sys.stderr = Stream()
""",
}


@pytest.mark.parametrize("work", IMPORTS.values(), ids=list(IMPORTS))
def test_the_callers_code_that_runs_while_we_do_has_its_own_imports(
    call: Call, write: Write, tmp_path: Path, work: str
) -> None:
    (tmp_path / "own.py").write_text("print('imported', flush=True)\n")
    alarm = "kill -ALRM $PPID; " if "SIGALRM" in work else ""
    write("a.sh", alarm + "while [ ! -e go ]; do sleep 0.01; done; exit 3", "hello-conda")
    done = call(work + "print(conda_execute.run('a.sh'))\n")
    assert (done.returncode, done.stdout) == (0, "imported\n3\n"), done.stderr


# -- forks, threads, loops

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
        make_conda(environ, tmp_path, FAKE)
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
    make_conda(environ, tmp_path, FAKE)
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


THREADS = """
def work():
    codes.append(conda_execute.run("a.sh"))
before = set(os.listdir("/proc/self/fd"))
for _ in range(2):
    codes, threads = [], [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(codes), set(codes), set(os.listdir("/proc/self/fd")) - before)
"""


@needs_proc
def test_64_threads_run_at_once_and_leave_no_descriptor(call: Call, write: Write, rows: Rows) -> None:
    """Which is no script that starts itself again and again."""
    write("a.sh", "exit 3", "hello-conda")
    done = call(THREADS)
    assert done.stdout == "64 {3} set()\n" * 2, done.stderr
    assert [row[1] for row in rows()].count("create") == 1


@pytest.mark.parametrize("work", ["print(conda_execute.run('a.sh'))", "print(conda_execute.prefix_of('a.sh'))"])
def test_a_running_event_loop_stops_no_build(call: Call, write: Write, env_dir: Path, work: str) -> None:
    """As in Jupyter."""
    write("a.sh", "exit 3", "hello-conda")
    done = call(f"async def main():\n    {work}\nasyncio.run(main())\n")
    assert (done.returncode, done.stdout) == (0, "3\n" if "run(" in work else f"{env_dir / HELLO}\n"), done.stderr


def test_bootstrap_in_a_running_event_loop_goes_on_in_its_env(environ: Environ, env_dir: Path, tmp_path: Path) -> None:
    block = "# conda execute\n# env:\n#  - python\n\n"
    main = "async def main():\n    conda_execute.bootstrap()\n    print(sys.prefix)\n"
    (tmp_path / "a.py").write_text(f"{block}import asyncio, sys\nimport conda_execute\n{main}asyncio.run(main())\n")
    command, variables = [sys.executable, "a.py"], {**environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == f"{env_dir / conda_execute.find_name(['python'])}\n", done.stderr


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
        make_conda(environ, tmp_path, FAKE)
        (tmp_path / "go").touch()
    write("a.sh", "exit 3", "hello-conda")
    higher = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    opened = f"opened = [os.open(os.devnull, os.O_RDONLY) for _ in range({MANY})]\n"
    done = call(opened + "print(conda_execute.run('a.sh'))\n", preexec_fn=higher)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


REFUSED = """
before, refused = set(os.listdir("/proc/self/fd")), 0
for _ in range(20):
    try:
        conda_execute.prefix_of("a.sh")
    except conda_execute.Error as e:
        refused += "may write" in str(e)
print(refused, set(os.listdir("/proc/self/fd")) - before)
"""


@needs_proc
def test_an_env_that_is_refused_leaves_no_descriptor(call: Call, run: Run, write: Write, env_dir: Path) -> None:
    run("-q", write("a.sh", "", "hello-conda"))
    (env_dir / HELLO / "bin").chmod(0o777)
    assert call(REFUSED).stdout == "20 set()\n"


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
    make_conda(environ, tmp_path, FAKE)
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
    make_conda(environ, tmp_path, FAKE)
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


# -- what is as it was

STATE = """
def look():
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    mask = os.umask(0o22)
    os.umask(mask)
    streams = [sys.stdin, sys.stdout, sys.stderr, sys.__stderr__]
    hooks = [sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook, list(sys.path_hooks)]
    limits = [sys.getrecursionlimit(), signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getcwd(), mask]
    return [handlers, streams, hooks, limits, list(sys.path), list(sys.meta_path), list(sys.argv), dict(os.environ)]
before = look()
WORK
after = look()
print([i for i in range(len(before)) if before[i] != after[i]])
"""
WORKS = {
    "main --version": "conda_execute.main(['--version'])",
    "main of a wrong line": "assert conda_execute.main(['--nothing']) == 2",
    "main of a script that is not there": "assert conda_execute.main(['gone.sh']) == 125",
    "main of a build": "assert conda_execute.main(['--tmpenv', 'create', 'hello-conda']) == 0",
    "run": "assert conda_execute.run('a.sh') == 3",
    "prefix_of": "conda_execute.prefix_of('a.sh')",
    "a failed run": "try:\n    conda_execute.run('b.sh')\nexcept conda_execute.Error:\n    pass",
}


@pytest.mark.parametrize("work", WORKS.values(), ids=list(WORKS))
def test_the_interpreter_of_the_caller_is_as_it_was(call: Call, write: Write, work: str) -> None:
    write("a.sh", "exit 3", "hello-conda")
    write("b.sh", "exit 3", "no-such-dependency")
    done = call(STATE.replace("WORK", work), preexec_fn=partial(os.umask, 0))
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[]"]), done.stderr


def test_a_bug_of_the_callers_is_not_ours(call: Call) -> None:
    done = call("conda_execute.main(['--version']); 1/0")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


PYTHONS = {"WARNINGS": "error", "DEVMODE": "1", "OPTIMIZE": "2", "ASYNCIODEBUG": "1", "UNBUFFERED": "1"}


def test_what_python_is_told_by_variables_changes_no_outcome(run: Run, write: Write, environ: Environ) -> None:
    environ.update({f"PYTHON{key}": value for key, value in PYTHONS.items()})
    good, bad = write("a.sh", "hello-conda; exit 3", "hello-conda"), write("b.sh", "", "no-such-dependency")
    for script in (good, good, bad, "gone.sh"):
        done = run(script)
        assert (done.returncode, done.stdout) == ((3, "hello-conda 2.0\n") if script is good else (125, ""))
        assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr


# -- paths that no encoding has


def test_an_env_dir_whose_name_no_encoding_has_works_like_any(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    """Paths are bytes on the way out, whatever Python is told of the encoding."""
    make_conda(environ, tmp_path, FAKE)
    (tmp_path / "go").touch()
    env_dir = os.fsencode(tmp_path) + b"/envs \xff\xc3\xa9"
    environ.update(CONDA_EXECUTE_ENV_DIR=os.fsdecode(env_dir), PYTHONIOENCODING="ascii", LC_ALL="C")
    script = write("a.sh", "echo a", "words")
    prefix = env_dir + b"/" + conda_execute.find_name(["words"]).encode()

    def start(*words: object, **more: str) -> bytes:
        done = run(*words, text=False, env={**environ, **more})
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr and b"a bug of" not in done.stderr
        return bytes(done.stdout)

    began = time.time()
    assert start("--tmpenv", "name", "words") == prefix + b"\n"
    assert start("-v", script) == start("-v", script) == b"a\n"
    assert start("--tmpenv", "create", "words") == prefix + b"\n"
    assert start("--tmpenv", "create", "hello-conda").rpartition(b"/")[0] == env_dir
    assert prefix.rpartition(b"/")[2] in start("--tmpenv", "list")
    assert json.loads(start("--tmpenv", "list", "--json"))[0]["last_use"] >= int(began)
    assert os.fsencode(json.loads(start("-n", "--json", script))["prefix"]) == prefix
    start("-n", script)
    for more in (["--dry-run"], []):
        assert start("--tmpenv", "clear", "--all", *more).count(env_dir + b"/") == 2
    assert not os.path.exists(prefix)  # noqa: PTH110


def test_an_engine_that_cannot_link_into_such_a_folder_says_so(run: Run, write: Write, environ: Environ) -> None:
    """rattler: the prefix is written into files as text."""
    environ["CONDA_EXECUTE_ENV_DIR"] += os.fsdecode(b"\xff")
    done = run(write("a.sh", "exit 0", "hello-conda"), errors="surrogateescape")
    assert (done.returncode, done.stdout) == (125, "")
    assert "UTF-8" in done.stderr and "a bug of" not in done.stderr and "Traceback" not in done.stderr
