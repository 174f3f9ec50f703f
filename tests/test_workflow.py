"""The public CI: what it runs, and that it is written as its makers and a security linter want it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_pythons
import yaml
from conftest import ROOT

pytestmark = pytest.mark.once
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def check(program: str, *words: object) -> None:
    """Run a program that lies beside this Python, and show what it says if it is not content."""
    path = shutil.which(program, path=str(Path(sys.executable).parent))
    if not path:
        pytest.skip(f"needs {program}, which is installed for CPython 3.11 and newer")
    command = [path, *map(str, words), str(WORKFLOW)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


def test_it_has_the_form_of_a_workflow() -> None:
    check("check-jsonschema", "--builtin-schema", "vendor.github-workflows")


def test_it_may_do_no_more_than_it_needs_and_runs_what_was_reviewed() -> None:
    check("zizmor", "--offline", "--persona=pedantic", "--no-progress")


def test_it_runs_on_each_system_and_cpython_that_we_promise() -> None:
    matrix = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["tests"]["strategy"]["matrix"]
    assert [image.partition("-")[0] for image in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == test_pythons.VERSIONS
