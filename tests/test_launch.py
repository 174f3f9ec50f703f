"""Launch: the script's arguments, streams, signals, exit code and interpreter are its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, TOOL

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Run, Start, Write


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGKILL"])
def test_a_signal_reaches_the_script_itself(start: Start, write: Write, name: str) -> None:
    """The process that was started is the script: the same pid, and the death of the signal."""
    child = start("-q", write("a.sh", "echo $$; read forever", "hello-conda"), stdin=subprocess.PIPE)
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


def test_a_pipe_is_no_script(run: Run, tmp_path: Path) -> None:
    os.mkfifo(str(tmp_path / "pipe"))
    done = run("pipe")
    assert done.returncode == 125
    assert "expected a script in a file, found a pipe or device" in done.stderr


@pytest.mark.warm
def test_the_working_directory_is_the_callers(run: Run, write: Write, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    done = run(write("a.sh", "pwd", "hello-conda"), cwd=tmp_path / "elsewhere")
    assert done.stdout == f"{tmp_path}/elsewhere\n"


def test_force_env_names_the_processes_that_are_in_the_way(start: Start, run: Run, write: Write) -> None:
    script = write("a.sh", "echo ready; read forever", "hello-conda")
    child = start("-q", script, stdin=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    done = run("-f", script)
    assert done.returncode == 125
    assert f"expected nobody to run in it, found process {child.pid}\n" in done.stderr
    child.communicate("\n")
    assert run("-f", script, stdin=None, input="\n").stdout == "ready\n"


# -- which interpreter


@pytest.mark.warm
def test_the_interpreter_is_the_environments_whatever_its_path(run: Run, write: Write, env_dir: Path) -> None:
    code = "import sys; print(sys.executable)"
    for first in ("#!/usr/bin/python3\n", "#!/usr/bin/env python3\n", "#!/home/pi/berryconda3/bin/python3\n"):
        done = run(write("a", code, "python", first=first))
        assert done.stdout.startswith(str(env_dir)), done.stderr
        assert done.stdout.endswith("/bin/python3\n")


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
        package = '"perl"' if "perl" in word else "the package that brings it"
        done = run("-q", write("a", "", "hello-conda", first=first))
        assert done.returncode == 127
        assert f"expected {word} in {prefix}, found none\n  add {package} to env" in done.stderr


@pytest.mark.warm
@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("helo-conda -u", 'there is "hello-conda"; or add the package that brings it to env, or name'),
        ("Rscript", 'add "r-base" to env, or name another command with run_with; --force-env mends'),
        ("/usr/bin/nice -n 5 hello-conda", 'is run by: sh -c \'/usr/bin/nice -n 5 hello-conda "$0" "$@"\''),
    ],
)
def test_what_the_environment_lacks_is_told_with_what_is_near_it(
    run: Run, write: Write, command: str, hint: str
) -> None:
    done = run("-q", write("a.sh", "", "hello-conda", more=f"# run_with: {command}\n"))
    assert done.returncode == 127 and hint in done.stderr, done.stderr


@pytest.mark.warm
def test_a_file_beside_the_script_that_may_not_be_executed_is_told_with_what_lets_it(
    run: Run, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 7\n", "utf-8")
    script = write("a.sh", "", "hello-conda", more="# run_with: ./tool\n")
    done = run(script)
    assert done.returncode == 126 and done.stderr.endswith(f'  write "chmod +x {tmp_path}/tool"\n'), done.stderr
    (tmp_path / "tool").chmod(0o755)
    assert run(script).returncode == 7


# -- scripts that call conda-execute


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
