"""The suite on every other CPython of this machine, each in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import run
from conftest import ONCE, ROOT

INNER = "CONDA_EXECUTE_TESTS_ON_ONE_PYTHON"
# Tests marked with "once" are about the kernel, not the interpreter; of the other stress tests a few rounds are enough.
ENVIRON = {"STORE_RACES": "10", "STORE_KILLS": "5", **os.environ, INNER: "1", ONCE: "1"}
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
HERE = "{}.{}".format(*sys.version_info)
VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


# What asks the kernel more than the interpreter is left out on all but the one that runs this.
CHAPTERS = (
    *("activation", "block", "builds", "channels_company", "collection", "commands", "conda_tmpenv", "dates"),
    *("doctor", "envs", "folders", "hints", "launch"),
    *("leases", "links", "locking", "locks", "log", "packages", "processes", "scripts_urls", "store"),
)
KERNEL = [f"--ignore=tests/test_{name}.py" for name in CHAPTERS]


def find_python(version: str) -> str:
    """Return the interpreter of a version, such as "3.8", from pyenv or PATH, or ""."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}") or ""


def require_python(version: str) -> str:
    """Return the interpreter of a version, or skip the test."""
    python = find_python(version)
    if not python or subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"no CPython {version} on this machine")
    return python


@pytest.mark.skipif(INNER in os.environ, reason="this is one of the runs that it starts")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_suite_passes_on_cpython(version: str, tmp_path: Path) -> None:
    if version == HERE:
        pytest.skip("this is the CPython that runs this test")
    python = require_python(version)
    inner = run.make_venv(python)
    command = [str(inner), "-m", "pytest", "-q", "-o", f"cache_dir={tmp_path}", *KERNEL]
    # Much of it is waiting, so two run at once; what minds that runs once more on its own.
    for more in (["-n", "2"], ["--last-failed"]):
        done = subprocess.run([*command, *more], cwd=ROOT, env=ENVIRON, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        if done.returncode == 0:
            return
    pytest.fail(f"the suite fails on CPython {version}")


def start_on(version: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    python = require_python(version)
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    return subprocess.run([python, *words], env=environ, cwd=ROOT, **pipes)  # type: ignore[call-overload]


OLD = ["3.6", "3.7"]
IMPORT = "import conda_execute; conda_execute."
WAYS = {
    "a file": ["conda_execute.py", "a.py"], "a module": ["-m", "conda_execute", "a.py"],
    "help": ["conda_execute.py", "--help"], "tmpenv": ["conda_execute.py", "--tmpenv", "list"],
}  # fmt: skip


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("words", WAYS.values(), ids=WAYS)
def test_a_python_that_is_too_old_is_told_so(version: str, words: list[str], tmp_path: Path) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text("#!/bin/sh\n")
    newer.chmod(0o755)
    done = start_on(version, *words, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (125, "")
    text = f": expected CPython 3.8 or newer, found {version}."
    assert done.stderr.startswith("conda-execute: ") and text in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1:] == [f"  start it with {newer}"]
    done = start_on(version, *words, PATH=str(tmp_path), CONDA_PYTHON_EXE=sys.executable)
    assert done.stderr.splitlines()[1:] == [f"  start it with {sys.executable}"]
    shims = tmp_path / "shims"
    shims.mkdir()
    for name, code in {"python3.13": "exit 127", "python3.12": "exit 1", "python": "exit 2"}.items():
        (shims / name).write_text(f"#!/bin/sh\n{code}\n")  # one that is not installed, one that is too old, a third
        (shims / name).chmod(0o755)
    done = start_on(version, *words, PATH=f"{shims}{os.pathsep}{tmp_path}", CONDA_PYTHON_EXE=find_python(version))
    assert done.stderr.splitlines()[1:] == [f"  start it with {newer}"]
    done = start_on(version, *words, PATH="/nowhere")
    assert done.stderr.splitlines()[1:] == ["  start it with a newer one, which conda brings too, in its bin folder"]


@pytest.mark.parametrize("version", OLD)
def test_other_programs_of_such_a_python_are_told_so_too(version: str, tmp_path: Path) -> None:
    for call in ("run('a.py')", "prefix_of('a.py')"):
        done = start_on(version, "-c", IMPORT + call, HOME=str(tmp_path))
        assert f"Error: conda-execute: {find_python(version)}: expected CPython 3.8 or newer" in done.stderr
    script = tmp_path / "a.py"
    script.write_text(f"{IMPORT}bootstrap()\n# conda execute\n# env:\n#  - python\n")
    done = start_on(version, str(script), PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout) == (125, "")
    assert ": expected CPython 3.8 or newer" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("version", ["2.7", "3.5"])
def test_a_python_that_cannot_read_the_file_shows_a_line_that_says_what_is_needed(version: str) -> None:
    done = start_on(version, "conda_execute.py", "a.py")
    assert done.returncode == 1
    assert "this is no Python for conda-execute, which takes 3.8 or newer" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("SyntaxError")
