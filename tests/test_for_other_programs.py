"""For other programs: run() and prefix_of() in a process that goes on, and conda's hook."""

from __future__ import annotations

import json
import os
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
from conftest import ALLOWED, CONDA, HELLO, NO_CONDA, ROOT, imported, make_conda, needs_proc, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Call, Environ, Rows, Run, Write, wait_until

    Conda = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(environ: Environ, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make this process one of the user whom other tests start processes for."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


in_process = pytest.mark.usefixtures("here")


def find_descriptors(env_dir: Path) -> list[str]:
    """Return the files below env-dir and home that this process has open."""
    folders = (str(env_dir), os.environ["HOME"])
    paths = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return [path for path in paths if path.startswith(folders)]


@in_process
@pytest.mark.warm
@pytest.mark.parametrize("code", [0, 1, 2, 42, 125, 255])
def test_the_exit_code_is_the_scripts_and_the_caller_goes_on(write: Write, code: int) -> None:
    script = write("a.sh", f'test "$1" = "a b" && exit {code}; exit 77', "hello-conda")
    assert conda_execute.run(str(script), ["a b"]) == code
    assert conda_execute.run(script, ("a b",)) == code


@in_process
@pytest.mark.warm
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT", "SIGPIPE"])
def test_the_death_of_a_signal_is_128_and_its_number(write: Write, name: str) -> None:
    script = write("a.sh", f"kill -{name[3:]} $$", "hello-conda")
    assert conda_execute.run(str(script)) == 128 + getattr(signal, name)


@in_process
def test_an_env_whose_interpreter_has_gone_is_built_anew_for_who_uses_it_without_us(write: Write) -> None:
    """A login node, an IDE: nothing runs that would notice."""
    script = write("a.py", "", "python")
    program = Path(conda_execute.prefix_of(str(script)), "bin", "python")
    program.unlink()
    assert Path(conda_execute.prefix_of(bytes(script)), "bin", "python") == program  # type: ignore[arg-type]
    assert program.exists()


@in_process
@pytest.mark.warm
def test_arguments_are_a_list_or_none_at_all(write: Write) -> None:
    script = write("a.sh", 'exit "$#"', "hello-conda")
    assert [conda_execute.run(str(script), args) for args in (None, [], [Path("x"), b"y"])] == [0, 0, 2]
    with pytest.raises(conda_execute.Error, match='expected a list of arguments, found "x y"\n  write it in brackets'):
        conda_execute.run(str(script), "x y")


@in_process
def test_a_child_reads_and_writes_what_the_caller_does(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    assert conda_execute.run(str(write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")), ["x", "--help"]) == 0
    assert capfd.readouterr().out == "hello-conda 1.0 x --help\n"


@in_process
@needs_proc
def test_a_lease_is_held_while_the_child_runs_and_no_longer(write: Write, env_dir: Path) -> None:
    script = write("a.sh", "echo > started; read line < fifo", "hello-conda")
    os.mkfifo("fifo")
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(conda_execute.run(str(script))))
    thread.start()
    wait_until(Path("started").exists)
    name = conda_execute.find_name(["hello-conda"])
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    with store.lock(name) as other:
        assert not other.take(exclusive=True)
    assert len(find_descriptors(env_dir)) == 2  # the lease, and its copy for the child
    Path("fifo").write_text("\n")
    thread.join(60)
    assert codes == [0]
    assert find_descriptors(env_dir) == []
    with store.lock(name) as other:
        assert other.take(exclusive=True)


@in_process
@needs_proc
@pytest.mark.parametrize(
    "specs, more, message",
    [
        (["hello-conda"], "# run_with: nothing\n", 'a.sh: expected "nothing" in '),
        (["no-such-dependency"], "", "could not build the environment\n"),
        (["hello-conda"], "# runwith: sh\n", "a.sh:4:3: expected one of the keys env, channels, run_with"),
    ],
    ids=["no command", "no environment", "no block"],
)
@pytest.mark.parametrize(
    "engine",
    [
        "rattler",
        pytest.param("conda-classic", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    ],
    indirect=True,
)
def test_a_failure_is_an_error_that_says_all_and_holds_nothing(
    write: Write, env_dir: Path, specs: list[str], more: str, message: str
) -> None:
    """A caller may well try again, with the error still in its hands."""
    script = write("a.sh", "exit 3", *specs, more=more)
    errors = []
    for _ in range(2):
        for call in (conda_execute.run, conda_execute.prefix_of):
            if call is conda_execute.run or "run_with" not in more:
                with pytest.raises(conda_execute.Error) as caught:
                    call(str(script))
                errors.append(caught.value)
    assert all(str(error).startswith("conda-execute: ") and message in str(error) for error in errors)
    assert "\n\n" not in str(errors[0])
    assert find_descriptors(env_dir) == []
    assert conda_execute.run(str(write("a.sh", "exit 3", "hello-conda"))) == 3


@in_process
def test_a_script_that_is_not_there_is_an_error() -> None:
    for call in (conda_execute.run, conda_execute.prefix_of):
        with pytest.raises(conda_execute.Error, match="expected a script that can be read, found: No such file"):
            call("gone.py")


@in_process
@needs_proc
def test_several_at_once_from_threads(write: Write, env_dir: Path) -> None:
    """One builds, the others wait for it; signals and what is open stay as they were."""
    script = write("a.sh", "exit $1", "hello-conda")
    codes: list[object] = []

    def work(code: int) -> None:
        try:
            codes.append(conda_execute.run(str(script), [str(code)]))
        except BaseException as e:  # a failure of the test, which a thread would swallow
            codes.append(e)

    threads = [threading.Thread(target=work, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(codes, key=str) == list(range(8))
    assert find_descriptors(env_dir) == []


@in_process
def test_what_a_caller_does_at_a_signal_is_as_before(write: Write) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    conda_execute.prefix_of(str(write("a.sh", "", "hello-conda")))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


@in_process
@pytest.mark.warm
def test_the_variables_of_the_caller_stay_as_they_were(write: Write) -> None:
    before = dict(os.environ)
    conda_execute.run(str(write("a.sh", "", "activated")))
    assert dict(os.environ) == before


@in_process
def test_the_prefix_of_a_script_is_built_and_dated(write: Write, env_dir: Path) -> None:
    script = write("a.sh", "exit 3", "hello-conda")
    prefix = conda_execute.prefix_of(script)
    assert prefix == str(env_dir / conda_execute.find_name(["hello-conda"]))
    marker = Path(prefix, conda_execute.MARKER)
    os.utime(marker, (0, 0))
    assert conda_execute.prefix_of(str(script)) == prefix
    assert marker.stat().st_mtime > time.time() - 60


@in_process
@pytest.mark.warm
def test_what_is_printed_is_the_callers_alone(write: Write) -> None:

    script = write("a.sh", "exit 3", "hello-conda")
    code = f"import conda_execute; print(conda_execute.run({str(script)!r}))"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"3\n"


# -- what is as it was


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


# -- conda's plugin hook


needs_conda = pytest.mark.skipif(not CONDA, reason=NO_CONDA)
by_conda = pytest.mark.parametrize("engine", ["conda-classic"], indirect=True)


def test_the_hook_is_what_pluggys_decorator_would_leave() -> None:
    """HookimplOpts of pluggy, under the name of conda's project: it is found by this attribute alone."""
    expected = ["wrapper", "hookwrapper", "optionalhook", "tryfirst", "trylast", "specname"]
    hook = vars(conda_execute.conda_subcommands)["conda_impl"]
    assert list(hook) == expected
    assert not any(hook.values())
    assert [name for name, value in vars(conda_execute).items() if hasattr(value, "conda_impl")] == [
        "conda_subcommands"
    ]


def test_conda_finds_the_hook_where_the_project_is_installed(installed: Path) -> None:
    code = (
        "import importlib.metadata as m; "
        "print([(p.name, p.load().__name__) for d in m.distributions() for p in d.entry_points if p.group == 'conda'])"
    )
    found = subprocess.run([str(installed / "python"), "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    assert found.stdout == "[('conda-execute', 'conda_execute')]\n"


@pytest.fixture
def plugin(installed: Path, environ: Environ, tmp_path: Path) -> Environ:
    """Let the machine's conda find the project as it lies in another Python's site-packages."""
    (package,) = installed.parent.glob("lib/*/site-packages/conda_execute.py")
    folder = tmp_path / "plugin"
    folder.mkdir()
    shutil.copy(package, folder)
    (info,) = package.parent.glob("conda_execute-*.dist-info")
    shutil.copytree(info, folder / info.name)
    environ["PYTHONPATH"] = str(folder)
    return environ


@pytest.fixture
def conda(plugin: Environ, tmp_path: Path) -> Conda:
    """Return a function that runs the machine's conda."""

    def function(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        options = {"env": plugin, "cwd": tmp_path, "input": "", "timeout": 300, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.run([CONDA, *map(str, words)], **{**pipes, **options})  # type: ignore[call-overload, no-any-return]

    return function


@needs_conda
@by_conda
def test_what_stands_behind_the_script_is_the_scripts(conda: Conda, write: Write) -> None:
    script = write("a script.sh", "printf '<%s>' \"$@\"; cat; exit 3", "hello-conda")
    done = conda("execute", "-q", script, "--help", "--json", "--", "-v", "a b", "", input="typed")
    assert (done.stdout, done.stderr, done.returncode) == ("<--help><--json><--><-v><a b><>typed", "", 3)


@needs_conda
@by_conda
def test_exit_codes_are_those_of_the_console_script(conda: Conda, write: Write) -> None:
    for code in (0, 1, 125):
        assert conda("execute", write("a.sh", f"exit {code}", "hello-conda")).returncode == code
    assert conda("execute", "gone.sh").returncode == 125
    assert conda("execute", write("a.sh", "", "hello-conda", more="# run_with: nothing\n")).returncode == 127
    for words in (["execute"], ["execute", "--nope"], ["tmpenv", "nope"], ["tmpenv", "list", "--all"]):
        done = conda(*words)
        assert (done.returncode, done.stdout, done.stderr[:15]) == (2, "", "conda-execute: "), words


@needs_conda
@by_conda
def test_help_and_lists_are_ours(conda: Conda, write: Write) -> None:
    assert conda("execute", "--help").stdout.startswith(conda_execute.USAGE)
    assert conda("tmpenv", "--help").stdout == conda_execute.TMPENV_USAGE
    assert json.loads(conda("tmpenv", "list", "--json").stdout) == []
    conda("execute", write("a.sh", "", "hello-conda"))
    (env,) = json.loads(conda("tmpenv", "list", "--json").stdout)
    assert env["name"] == conda_execute.find_name(["hello-conda"])
    assert "execute" in conda("commands").stdout.split()


@needs_conda
@by_conda
@pytest.mark.parametrize("spec", ["hello-conda", "activated"])
def test_the_environment_that_a_script_sees_has_nothing_of_condas_process(
    conda: Conda, plugin: Environ, installed: Path, write: Write, tmp_path: Path, spec: str
) -> None:
    script = write("a.sh", "env -0", spec)
    conda("execute", script)
    by_script = subprocess.run(
        [str(installed / "conda-execute"), str(script)], env=plugin, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert sorted(conda("execute", script).stdout.split("\0")) == sorted(by_script.stdout.split("\0"))


@needs_conda
@by_conda
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_conda_reaches_the_script_that_it_became(plugin: Environ, write: Write, name: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    child = subprocess.Popen(
        [CONDA, "execute", str(write("a.sh", "echo $$; read line", "hello-conda"))], env=plugin, **pipes
    )  # type: ignore[call-overload]
    assert int(child.stdout.readline()) == child.pid
    child.send_signal(getattr(signal, name))
    assert child.wait(60) == -getattr(signal, name)
    child.communicate()


@needs_conda
@by_conda
@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_conda_execute_builds_exits_as_the_console_script_does(
    plugin: Environ, write: Write, env_dir: Path, tmp_path: Path, name: str, code: int
) -> None:
    """The engine is a program that never ends."""
    environ = dict(plugin)
    make_conda(environ, tmp_path, 'mkdir -p "$3/conda-meta"; echo $$ > pid; exec sleep 600\n')
    words = [CONDA, "execute", "-q", str(write("a.sh", "", "hello-conda"))]
    child = subprocess.Popen(words, env=environ, cwd=tmp_path, stderr=subprocess.PIPE)
    wait_until(lambda: (env_dir / "pid").exists() and (env_dir / "pid").read_text().strip())
    child.send_signal(getattr(signal, name))
    _, text = child.communicate(timeout=60)
    assert (child.returncode, text[:15]) == (code, b"conda-execute: ")
    assert not (env_dir / conda_execute.find_name(["hello-conda"])).exists()


@needs_conda
@by_conda
def test_the_shell_function_hands_all_on(plugin: Environ, write: Write, tmp_path: Path) -> None:
    """In a shell that "conda init" has prepared, conda is a function; here also with an environment activated."""
    script = write("a.sh", "printf '<%s>' \"$@\"; cat; exit 3", "hello-conda")
    run = f"echo typed | conda execute -q '{script}' --help --json -- -v; echo $?"
    code = f'eval "$({CONDA} shell.bash hook)"; type -t conda; {run}; conda activate base; {run}'
    done = subprocess.run(["bash", "-c", code], env=plugin, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "function\n" + "<--help><--json><--><-v>typed\n3\n" * 2


@needs_conda
@by_conda
def test_every_other_command_of_conda_is_as_before(conda: Conda, plugin: Environ) -> None:
    """It imports the module, and with it nothing that conda has not imported by itself."""
    without = {name: value for name, value in plugin.items() if name != "PYTHONPATH"}
    assert conda("--version").stdout == conda("--version", env=without).stdout
    python = str(Path(os.path.realpath(CONDA)).parent / "python")
    words = (CONDA, "info", "--base")
    bare, full = (imported(variables, *words, python=python) for variables in (without, plugin))
    assert full - bare <= {"conda_execute", *ALLOWED}
