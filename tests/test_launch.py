"""Launch: the script's arguments, streams, signals, exit code and environment are its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from conftest import FILE, TOOL

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Write = Callable[..., Path]


@pytest.fixture
def start(environ: Environ, tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Return a function that starts a run and leaves it running."""

    def function(*words: object, **options: object) -> subprocess.Popen[bytes]:
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": environ, "cwd": tmp_path, **options}
        return subprocess.Popen([sys.executable, str(TOOL), "-q", *map(str, words)], **options)  # type: ignore[call-overload]

    return function


@pytest.mark.warm
@pytest.mark.parametrize("code", [0, 1, 2, 42, 125, 255])
def test_the_exit_code_is_the_scripts(run: Run, write: Write, code: int) -> None:
    assert run(write("a.sh", f"exit {code}", "hello-conda")).returncode == code


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGKILL"])
def test_a_signal_reaches_the_script_itself(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, name: str
) -> None:
    """The process that was started is the script: the same pid, and the death of the signal."""
    child = start(write("a.sh", "echo $$; read forever", "hello-conda"))
    assert child.stdout is not None
    assert int(child.stdout.readline()) == child.pid
    child.send_signal(getattr(signal, name))
    assert child.wait(60) == -getattr(signal, name)
    child.communicate()


def test_a_closed_pipe_ends_the_script_as_it_ends_any_program(run: Run, write: Write, environ: Environ) -> None:
    """Python ignores SIGPIPE, and what it execs would inherit that."""
    script = write("a.sh", "while :; do echo y; done", "hello-conda", more="# run_with: bash\n")
    code = f"{sys.executable} {TOOL} -q {script} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], env=environ, stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"y\n%d\n" % (128 + signal.SIGPIPE)


def test_stdin_is_the_scripts(run: Run, write: Write) -> None:
    done = run(write("a.sh", "cat", "hello-conda"), stdin=None, input="one\ntwo\n")
    assert done.stdout == "one\ntwo\n"


OPEN = """\
import os
found = ""
for fd in range(3):
    try:
        os.fstat(fd)
        found += str(fd)
    except OSError:
        pass
open("open", "w").write(found)
os._exit(7)
"""


@pytest.mark.parametrize("closed, left", [("<&-", "12"), (">&-", "02"), ("2>&-", "01"), ("<&- >&- 2>&-", "")])
def test_closed_descriptors_stay_closed_and_stop_nobody(
    write: Write, environ: Environ, tmp_path: Path, closed: str, left: str
) -> None:
    script = write("a.py", OPEN, "python")
    for options in ("-q", "-v"):
        command = f"exec {sys.executable} {TOOL} {options} {script} {closed}"
        assert subprocess.run(["sh", "-c", command], env=environ, cwd=tmp_path, stderr=subprocess.PIPE).returncode == 7
        assert (tmp_path / "open").read_text() == left


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stderr_that_takes_nothing_stops_no_script(run: Run, write: Write) -> None:
    script = write("a.sh", "exit 7", "hello-conda")
    with Path("/dev/full").open("w") as full:
        assert run("-v", script, stderr=full).returncode == 7
        assert run("gone.py", stderr=full).returncode == 125


def test_a_pipe_is_no_script(run: Run, tmp_path: Path) -> None:
    os.mkfifo(str(tmp_path / "pipe"))
    done = run("pipe")
    assert done.returncode == 125
    assert "expected a script in a file, found a pipe or device" in done.stderr


@pytest.mark.parametrize("level", ["\u00b2", "1" * 5000, "x", "-1", ""])
def test_a_level_of_shells_that_is_none_counts_as_the_first(level: str) -> None:
    config = conda_execute.Config(root="", condarc=conda_execute.Condarc({}))
    start = {"CONDA_SHLVL": level, "CONDA_PREFIX": "/outer", "PATH": "/bin"}
    environ = conda_execute.activate(start, "/prefix", config)
    assert environ["CONDA_SHLVL"] == "1"


@pytest.mark.parametrize("content", ["[]", '{"env_vars": null}', "1", "{", '{"env_vars": {"a b": "c"}}'])
def test_a_state_file_that_is_none_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "state").write_text(content)
    assert conda_execute.read_variables(str(tmp_path)) == {}


def test_debug_shows_a_traceback(run: Run, environ: Environ) -> None:
    assert "Traceback" not in run("gone.py").stderr
    environ["CONDA_EXECUTE_DEBUG"] = "1"
    assert run("gone.py").stderr.startswith("Traceback")


@pytest.mark.warm
def test_the_working_directory_is_the_callers(run: Run, write: Write, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    done = run(write("a.sh", "pwd", "hello-conda"), cwd=tmp_path / "elsewhere")
    assert done.stdout == f"{tmp_path}/elsewhere\n"


@pytest.mark.warm
def test_the_lease_stays_open_in_the_script_on_a_high_descriptor(run: Run, write: Write, env_dir: Path) -> None:
    done = run("-q", write("a.sh", "ls -l /proc/$$/fd", "hello-conda"))
    leases = [line for line in done.stdout.splitlines() if f"{env_dir}/.leases/" in line]
    assert len(leases) == 1
    assert int(leases[0].split(" -> ")[0].split()[-1]) >= 256


def test_force_env_names_the_processes_that_are_in_the_way(
    start: Callable[..., subprocess.Popen[bytes]], run: Run, write: Write
) -> None:
    script = write("a.sh", "echo ready; read forever", "hello-conda")
    child = start(script)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    done = run("-f", script)
    assert done.returncode == 125
    assert f"expected nobody to run in it, found process {child.pid}\n" in done.stderr
    child.communicate(b"\n")
    assert run("-f", script, stdin=None, input="\n").stdout == "ready\n"


# -- run_with, shebang, suffix


@pytest.mark.warm
def test_the_interpreter_is_the_environments_whatever_its_path(run: Run, write: Write, env_dir: Path) -> None:
    code = "import sys; print(sys.executable)"
    for first in ("#!/usr/bin/python3\n", "#!/usr/bin/env python3\n", "#!/home/pi/berryconda3/bin/python3\n"):
        done = run(write("a", code, "python", first=first))
        assert done.stdout.startswith(str(env_dir)), done.stderr
        assert done.stdout.endswith("/bin/python3\n")


@pytest.mark.warm
def test_options_of_the_shebang_reach_the_interpreter(run: Run, write: Write) -> None:
    code = "import sys; print(sys.flags.dont_write_bytecode, sys.flags.isolated)"
    for first in (
        "#!/usr/bin/env -S python -B -I\n",
        "#!/usr/bin/env python -B -I\n",
        "#!/usr/bin/env -S LANG=C python -B -I\n",
    ):
        assert run(write("a", code, "python", first=first)).stdout == "1 1\n"


@pytest.mark.warm
def test_a_command_with_a_relative_path_lies_beside_the_script(run: Run, write: Write, tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "show"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    script = write("a.txt", "", "hello-conda", more='# run_with: ["./tools/show", "hello world"]\n')
    assert run(script, "x", cwd="/").stdout == f"hello world {script} x\n"


@pytest.mark.warm
@pytest.mark.parametrize(
    "first",
    [
        "#!/usr/bin/env conda-execute\n",
        "#!/usr/bin/env conda execute\n",
        "#!/usr/bin/env -S python conda_execute.py\n",
        "#!/usr/bin/env -S python -m conda_execute -v\n",
    ],
)
def test_a_shebang_that_is_conda_execute_does_not_run_the_script(run: Run, write: Write, first: str) -> None:
    assert run(write("a.sh", "echo once", "hello-conda", first=first)).stdout == "once\n"


SHOW = """sh -c 'printf "<%s>" "$0" "$@"'"""


@pytest.mark.warm
@pytest.mark.parametrize(
    "rest",
    [
        f"-S {SHOW} zero",
        f"-S {SHOW} zero 'a b' \"c d\" e\\\\f",
        f"-S {SHOW} 'a   b'  \tc\td",
        f"-S A=1 B='2 3' {SHOW} zero",
        "-S -u HOME sh -c 'echo \"home <$HOME>\"'",
        "-S -i A=1 sh -c 'echo \"<$A$HOME>\"'",
        "-S --ignore-environment sh -c 'echo \"<$HOME>\"'",
        "-S -C / sh -c pwd",
        "-S --chdir=/ sh -c pwd",
        "-vS sh -e",
        "--split-string=sh -e",
    ],
)
def test_env_reads_its_line_as_it_does_for_the_kernel(
    run: Run, write: Write, environ: Environ, tmp_path: Path, rest: str
) -> None:
    script = write("a", "echo code", "hello-conda", first=f"#!/usr/bin/env {rest}\n")
    words = {"cwd": tmp_path, "env": environ, "stdout": subprocess.PIPE, "text": True, "check": True}
    expected = subprocess.run([str(script), "x"], **words)  # type: ignore[call-overload]
    done = run("-q", script, "x")
    assert (done.stdout, done.returncode) == (expected.stdout, 0), done.stderr


@pytest.mark.warm
def test_the_interpreter_is_never_the_machines(
    run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    """It would run without what env asks for; the message says what to add."""
    (tmp_path / "bin").mkdir()
    for name in ("python", "python3", "perl"):
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    environ["PATH"] = f"{tmp_path}/bin:{environ['PATH']}"
    prefix = env_dir / conda_execute.find_name(["hello-conda"])
    for first, word in (
        ("#!/usr/bin/python3\n", '"/usr/bin/python3"'),
        ("#!/usr/bin/env python3\n", '"python3"'),
        ("#!/usr/bin/env -S A=1 perl -w\n", '"perl"'),
        ("#!/bin/../bin/perl\n", '"/bin/../bin/perl"'),
    ):
        done = run("-q", write("a", "", "hello-conda", first=first))
        assert done.returncode == 127
        assert f"expected {word} in {prefix}, found none\n  add the package that brings it to env" in done.stderr


@pytest.mark.warm
def test_python_i_goes_on_with_what_is_typed(run: Run, write: Write) -> None:
    for options in ({"first": "#!/usr/bin/env -S python -i\n"}, {"more": "# run_with: python -i\n"}):
        done = run("-q", write("a.py", "x = 40", "python", **options), stdin=None, input="print(x + 2)\n")
        assert done.stdout == "42\n"


@pytest.mark.warm
def test_python_u_does_not_buffer(run: Run, write: Write) -> None:
    code = "import sys; print(type(sys.stdout.buffer).__name__)"
    assert run("-q", write("a.py", code, "python")).stdout == "BufferedWriter\n"
    for options in ({"first": "#!/usr/bin/python -u\n"}, {"more": "# run_with: python -u\n"}):
        assert run("-q", write("a.py", code, "python", **options)).stdout == "FileIO\n"


@pytest.mark.warm
@pytest.mark.parametrize("command", ["../tools/show", "./../tools/show", "/usr/bin/env ../tools/show"])
def test_a_relative_command_is_found_from_wherever_the_script_is_called(
    run: Run, tmp_path: Path, write: Write, command: str
) -> None:
    for folder in ("tools", "scripts", "elsewhere"):
        (tmp_path / folder).mkdir()
    tool = tmp_path / "tools" / "show"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    write("scripts/a.txt", "", "hello-conda", more=f"# run_with: {command}\n")
    assert run("-q", "../scripts/a.txt", "x", cwd=tmp_path / "elsewhere").stdout == "../scripts/a.txt x\n"
    assert run("-q", "a.txt", "x", cwd=tmp_path / "scripts").stdout == "a.txt x\n"


# -- a script that is its own caller

CALLS = 20  # a loop is one when it has come so far; a command that is asked once more says so


@pytest.fixture
def calls(tmp_path: Path, environ: Environ) -> Path:
    """Return the file to which each start of conda-execute adds a line; the command, under three names, is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    code = f'echo "$*" >> {tmp_path}/calls\n[ $(wc -l < {tmp_path}/calls) -lt {CALLS} ] || exit 99\n'
    for name, words in (("conda-execute", ""), ("conda", "shift\n"), ("python", "shift\n")):
        (folder / name).write_text(f'#!/bin/sh\n{code}{words}exec {sys.executable} {TOOL} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "ce").symlink_to("conda-execute")
    (folder / "conda_execute.py").symlink_to(FILE)
    (folder / "tool.py").symlink_to(FILE)
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    return tmp_path / "calls"


def call(script: Path, environ: Environ, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script by its shebang, or by the words before it."""
    options = {"cwd": script.parent, "env": environ, "text": True, "timeout": 60}
    return subprocess.run([*words, str(script), "x"], capture_output=True, **options)  # type: ignore[call-overload]


@pytest.mark.warm
@pytest.mark.parametrize(
    "first",
    [
        "/usr/bin/env conda-execute",
        "/usr/bin/env -S conda-execute -v",
        "/usr/bin/env -S conda-execute -q --",
        "/usr/bin/env --split-string=conda-execute",
        "/usr/bin/env -vS conda-execute",
        "/usr/bin/env -S A=1 conda-execute -q",
        "/usr/bin/env -S -u A 'conda-execute'",
        "/usr/bin/env -S conda execute",
        "/usr/bin/env -S conda execute -q",
        "/usr/bin/env -S python BIN/conda_execute.py",
        "/usr/bin/env -S python -m conda_execute",
        "BIN/conda-execute",
        "BIN/conda-execute -q",
    ],
)
def test_a_script_that_calls_conda_execute_runs_once(
    write: Write, environ: Environ, calls: Path, tmp_path: Path, first: str
) -> None:
    first = first.replace("BIN", str(tmp_path / "bin"))
    module = first.endswith("-m conda_execute")
    if module:
        wrapper = tmp_path / "bin" / "python"
        wrapper.write_text(wrapper.read_text().replace("shift\n", "shift; shift\n"))
    script = write("a.sh", 'echo once "$@"', "hello-conda", first=f"#!{first}\n")
    done = call(script, environ)
    assert (done.stdout, done.returncode) == ("once x\n", 0), done.stderr
    assert len(calls.read_text().splitlines()) == 1


@pytest.mark.warm
@pytest.mark.parametrize("first", ["/usr/bin/env ce", "/usr/bin/env -S ce -q", "/usr/bin/env -S ./bin/ce", "BIN/ce"])
def test_a_link_to_conda_execute_of_another_name_does_not_start_itself_again(
    write: Write, environ: Environ, calls: Path, tmp_path: Path, first: str
) -> None:
    script = write("a.sh", "echo once", "hello-conda", first=f"#!{first.replace('BIN', str(tmp_path / 'bin'))}\n")
    done = call(script, environ)
    assert len(calls.read_text().splitlines()) == 1
    assert done.returncode in (125, 127)
    assert "run_with" in done.stderr


@pytest.mark.warm
def test_a_link_to_a_script_that_calls_conda_execute_runs_it_once(
    write: Write, environ: Environ, calls: Path, tmp_path: Path
) -> None:
    write("a.sh", 'echo once "$0"', "hello-conda", first="#!/usr/bin/env conda-execute\n")
    link = tmp_path / "b.sh"
    link.symlink_to("a.sh")
    assert call(link, environ).stdout == f"once {link}\n"
    assert len(calls.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    ["./a.sh", "../FOLDER/a.sh", "./link.sh", "./bin/ce", "conda-execute", "conda-execute -q", "conda execute"],
)
@pytest.mark.parametrize("first", ["", "#!/usr/bin/env conda-execute\n"], ids=["no shebang", "a shebang"])
def test_a_command_that_is_the_script_or_conda_execute_is_refused(
    write: Write, environ: Environ, calls: Path, tmp_path: Path, env_dir: Path, command: str, first: str
) -> None:
    """Also where the environment itself brings conda-execute."""
    more = f"# run_with: {command.replace('FOLDER', tmp_path.name)}\n"
    script = write("a.sh", "echo once", "hello-conda")
    assert call(script, environ, "conda-execute", "-q").stdout == "once\n"
    for name in ("conda-execute", "conda"):
        (env_dir / conda_execute.find_name(["hello-conda"]) / "bin" / name).symlink_to(tmp_path / "bin" / name)
    calls.unlink()
    write("a.sh", "echo once", "hello-conda", first=first, more=more)
    (tmp_path / "link.sh").symlink_to("a.sh")
    done = call(script, environ, "conda-execute", "-q")
    assert len(calls.read_text().splitlines()) == 1
    assert (done.stdout, done.returncode) in (("", 125), ("", 126))  # 126: it has no shebang
    assert "run_with" in done.stderr


WRAPPERS = {
    "run_with": ("a.txt", "echo once", {"more": "# run_with: ./wrapper\n"}),
    "shebang": ("a.txt", "echo once", {"first": "#!/usr/bin/env -S ./wrapper\n"}),
    "the script itself": ("a.sh", 'exec conda-execute -q "$0" "$@"', {}),
    "the script itself, without exec": ("a.sh", 'conda-execute -q "$0" "$@"', {}),
}


@pytest.mark.warm
@pytest.mark.parametrize("name, code, options", WRAPPERS.values(), ids=list(WRAPPERS))
def test_a_wrapper_that_calls_conda_execute_on_the_same_script_comes_to_an_end(
    write: Write, environ: Environ, calls: Path, tmp_path: Path, name: str, code: str, options: dict[str, str]
) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\nexec conda-execute -q "$@"\n')
    wrapper.chmod(0o755)
    script = write(name, code, "hello-conda", **options)
    done = call(script, environ, "conda-execute", "-q")
    assert len(calls.read_text().splitlines()) < CALLS
    assert (done.stdout, done.returncode) == ("", 125)
    assert script.name in done.stderr


@pytest.mark.warm
def test_a_script_may_start_itself_with_other_arguments(
    write: Write, environ: Environ, calls: Path, tmp_path: Path
) -> None:
    code = 'echo "$#"; [ $# = 4 ] || exec "$0" "$@" x'
    script = write("a.sh", code, "hello-conda", first="#!/usr/bin/env -S conda-execute -q\n")
    assert call(script, environ).stdout == "1\n2\n3\n4\n"


# -- the environment that the script sees


def shown(output: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in output.split("\0") if "=" in line)


@pytest.mark.warm
def test_the_environment_is_activated(run: Run, write: Write, env_dir: Path) -> None:
    env = shown(run(write("a.sh", "env -0", "hello-conda")).stdout)
    prefix = str(env_dir / conda_execute.find_name(["hello-conda"]))
    assert {env[name] for name in ("PREFIX", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")} == {prefix}
    assert env["PATH"] == f"{prefix}/bin:/usr/bin:/bin"
    assert (env["CONDA_SHLVL"], env["CONDA_PROMPT_MODIFIER"]) == ("1", f"({prefix}) ")


@pytest.mark.warm
def test_activation_scripts_and_variables_of_packages_take_effect(run: Run, write: Write, env_dir: Path) -> None:
    done = run("-q", write("a.sh", "env -0", "activated"))
    env = shown(done.stdout)
    assert (env["ACTIVATED"], env["ACTIVATED_VAR"]) == ("yes", "from env_vars.d")
    assert env["ACTIVATED_PREFIX"] == env["CONDA_PREFIX"]


@pytest.mark.warm
def test_a_script_with_activation_scripts_is_still_the_process_that_was_started(
    start: Callable[..., subprocess.Popen[bytes]], write: Write
) -> None:
    child = start(write("a.sh", "echo $$ $#; exit 7", "activated"), "a b", "c")
    output, _ = child.communicate()
    assert (output, child.returncode) == (b"%d 2\n" % child.pid, 7)


@pytest.mark.warm
def test_the_environment_of_the_caller_is_left(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    """As "conda activate" in an activated shell: its entries leave PATH, its scripts are undone."""
    outer = tmp_path / "outer"
    scripts = outer / "etc" / "conda" / "deactivate.d"
    scripts.mkdir(parents=True)
    (scripts / "a.sh").write_text("unset OUTER\necho a >> $LOG\n")
    (scripts / "b.sh").write_text("echo b >> $LOG\n")
    log = tmp_path / "log"
    environ.update(CONDA_PREFIX=str(outer), CONDA_SHLVL="1", OUTER="1", LOG=str(log), PATH=f"{outer}/bin:/usr/bin:/bin")
    env = shown(run("-q", write("a.sh", "env -0", "hello-conda")).stdout)
    assert log.read_text() == "b\na\n"
    assert "OUTER" not in env
    assert (env["CONDA_SHLVL"], env["CONDA_PREFIX_1"]) == ("2", str(outer))
    assert str(outer) not in env["PATH"]


@pytest.mark.warm
def test_values_reach_the_script_whatever_they_hold(run: Run, write: Write, environ: Environ) -> None:
    environ["ODD"] = 'it\'s "$HOME" `id` \\ \n*'
    assert shown(run("-q", write("a.sh", "env -0", "activated")).stdout)["ODD"] == environ["ODD"]


def test_variables_of_the_environments_state_file_hide_the_callers(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "state").write_text('{"env_vars": {"A": "new", "B": "***unset***"}}')
    config, start = conda_execute.Config(root="", condarc=conda_execute.Condarc({})), {"A": "old", "B": "kept"}
    found = conda_execute.activate(start, str(tmp_path), config)
    assert {one: found[one] for one in found if one[-1] in "AB"} == {**start, "A": "new", "__CONDA_SHLVL_0_A": "old"}


@pytest.mark.warm
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("given", ["", "C.UTF-8"])
def test_the_locale_is_the_callers_and_not_what_python_makes_of_it(
    run: Run, write: Write, environ: Environ, given: str
) -> None:
    """In the C locale Python sets LC_CTYPE for itself, and what it execs would inherit that (PEP 538)."""
    start = {name: value for name, value in environ.items() if not name.startswith(("LC_", "LANG"))}
    start.update({"LANG": "C", "LC_CTYPE": given} if given else {"LANG": "C"})
    script = write("a.sh", 'echo "$LC_CTYPE"', "hello-conda")
    done = run("-q", script, env=start)
    assert done.stdout == given + "\n"


# -- what a warm run costs, counted

ALLOWED = {"conda_execute", "fcntl", "_sha2", "_sha256", "_signal", "__future__"}


@pytest.mark.warm
def test_a_warm_run_imports_next_to_nothing(run: Run, write: Write, environ: Environ) -> None:
    script = write("hello.sh", "exit 0", "hello-conda", more='# run_with: sh "-e"\n')
    run(script)
    bare = imported(environ, "-c", "pass")
    warm = imported(environ, str(TOOL), str(script))
    assert warm - bare <= ALLOWED


def imported(environ: Environ, *words: str, python: str = sys.executable) -> set[str]:
    """Return the modules that Python itself says it imports."""
    done = subprocess.run([python, "-X", "importtime", *words], env=environ, stderr=subprocess.PIPE, check=True)
    return {
        line.rsplit("|", 1)[1].strip() for line in done.stderr.decode().splitlines() if line.startswith("import time:")
    }


@pytest.mark.warm
def test_a_warm_run_with_scripts_and_variables_of_packages_imports_as_little(
    run: Run, write: Write, environ: Environ
) -> None:
    script = write("hello.sh", 'echo "$ACTIVATED_VAR"', "activated")
    assert run("-q", script).stdout == "from env_vars.d\n"
    assert imported(environ, str(TOOL), str(script)) - imported(environ, "-c", "pass") <= ALLOWED | {"_json"}


@pytest.mark.parametrize("text", ["{", '{"A" 1}', '{"A": "1"} x', "", '"A"', "[1]", '{"A": "\\ud"}', "\0", "nul"])
def test_variables_in_a_file_that_is_no_json_object_are_none(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "etc" / "conda" / "env_vars.d"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(text)
    (folder / "b.json").write_text('{"B": "\\u00e9"}')
    assert conda_execute.read_variables(str(tmp_path)) == {"B": "\u00e9"}


@pytest.mark.warm
@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="needs strace")
def test_a_warm_run_starts_no_process_and_opens_no_file_that_it_need_not(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    script = write("hello.sh", "exit 0", "hello-conda")
    run(script)
    environ["LC_ALL"] = "C.UTF-8"  # in the C locale it has to see what Python made of LC_CTYPE
    environ.pop("LC_CTYPE", None)
    log = tmp_path / "strace"
    calls = "trace=execve,clone,fork,vfork,clone3,openat"
    subprocess.run(
        ["strace", "-f", "-e", calls, "-o", str(log), sys.executable, str(TOOL), str(script)], env=environ, check=True
    )
    lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()]  # without the pid
    assert not [line for line in lines if line.startswith(("clone", "fork", "vfork"))]
    assert sum(line.startswith("execve(") for line in lines) == 2
    ours = lines[next(i for i, line in enumerate(lines) if str(script) in line and "openat" in line) :]
    ours = ours[: next(i for i, line in enumerate(ours) if "execve(" in line)]
    opened = [
        line.split('"')[1] for line in ours if "openat" in line and "ENOENT" not in line and "O_DIRECTORY" not in line
    ]
    env_dir = environ["CONDA_EXECUTE_ENV_DIR"]
    name = conda_execute.find_name(["hello-conda"])
    marker = f"{env_dir}/{name}/{conda_execute.MARKER}"
    assert opened == [str(script), f"{env_dir}/.leases/{name}", marker, f"{env_dir}/usage.tsv"]


def test_ctrl_c_while_building_exits_with_130_and_leaves_nothing(
    start: Callable[..., subprocess.Popen[bytes]], write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    """The engine is a program that never ends; it must be gone afterwards too."""
    program = tmp_path / "conda"
    program.write_text('#!/bin/sh\nmkdir -p "$3/conda-meta"; echo $$ > pid; exec sleep 600\n')
    program.chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(program))
    child = start(write("a.sh", "", "hello-conda"), stderr=subprocess.PIPE)
    pid = env_dir / "pid"
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text().strip() and psutil.Process(child.pid).status() == "sleeping"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, text = child.communicate(timeout=60)
    assert (child.returncode, text) == (130, b"conda-execute: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not (env_dir / conda_execute.find_name(["hello-conda"])).exists()
