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


# What asks the kernel more than the interpreter is left out on all but the oldest, and the one that runs this.
CHAPTERS = (
    *("block", "collection", "commands", "conda_tmpenv", "dates", "envs", "folders", "hints", "launch", "leases"),
    *("locking", "locks", "log", "packages", "processes", "scripts_urls", "store"),
)
KERNEL = [f"--ignore=tests/test_{name}.py" for name in CHAPTERS]
WHOLE = ("3.8",)


def find_python(version: str) -> str:
    """Return the interpreter of a version, such as "3.8", from pyenv or PATH, or ""."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}") or ""


@pytest.mark.skipif(INNER in os.environ, reason="this is one of the runs that it starts")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_suite_passes_on_cpython(version: str, tmp_path: Path) -> None:
    if version == HERE:
        pytest.skip("this is the CPython that runs this test")
    python = find_python(version)
    if not python or subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"no CPython {version} on this machine")
    inner = run.make_venv(python)
    command = [str(inner), "-m", "pytest", "-q", "-o", f"cache_dir={tmp_path}", *([] if version in WHOLE else KERNEL)]
    # Much of it is waiting, so two run at once; what minds that runs once more on its own.
    for more in (["-n", "2"], ["--last-failed"]):
        done = subprocess.run([*command, *more], cwd=ROOT, env=ENVIRON, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        if done.returncode == 0:
            return
    pytest.fail(f"the suite fails on CPython {version}")
