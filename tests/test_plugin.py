"""conda's plugin hook: "conda execute" and "conda tmpenv", at no cost for every other command of conda."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import CONDA, NO_CONDA, TOOL
from test_launch import ALLOWED, imported

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ

    Write = Callable[..., Path]
    Conda = Callable[..., "subprocess.CompletedProcess[str]"]

needs_conda = pytest.mark.skipif(not CONDA, reason=NO_CONDA)
by_conda = pytest.mark.parametrize("engine", ["conda-classic"], indirect=True)


# -- on every machine


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


def test_importing_the_module_imports_next_to_nothing(environ: Environ, tmp_path: Path) -> None:
    shutil.copy(TOOL, tmp_path)
    environ["PYTHONPATH"] = str(tmp_path)
    bare = imported(environ, "-c", "pass")
    assert imported(environ, "-c", "import conda_execute") - bare <= {"conda_execute", *ALLOWED}


# -- with a real conda


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
    assert conda("execute", "--help").stdout == conda_execute.format_usage(sys.platform)
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
    program = tmp_path / "conda"
    program.write_text('#!/bin/sh\nmkdir -p "$3/conda-meta"; echo $$ > pid; exec sleep 600\n')
    program.chmod(0o755)
    words = [CONDA, "execute", "-q", str(write("a.sh", "", "hello-conda"))]
    environ = {**plugin, "CONDA_EXE": str(program)}
    child = subprocess.Popen(words, env=environ, cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not ((env_dir / "pid").exists() and (env_dir / "pid").read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
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
