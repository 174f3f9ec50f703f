"""The ways in: the dropped file, -m, the installed command, and a shebang."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, ROOT

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ

    Write = Callable[..., Path]


def output(command: list[str], environ: Environ, cwd: Path) -> str:
    return subprocess.run(
        command, env=environ, cwd=cwd, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def test_the_dropped_file_runs_from_anywhere(environ: Environ, write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "my repository"
    folder.mkdir()
    shutil.copy(FILE, folder)
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert (
        output([sys.executable, "my repository/conda_execute.py", "a.sh", "x"], environ, tmp_path)
        == "hello-conda 1.0 x\n"
    )
    assert output(
        [sys.executable, str(folder / "conda_execute.py"), str(script)], environ, Path("/")
    ) == "hello-conda 1.0 \n".replace(" \n", "\n")


def test_the_module_runs_from_the_working_directory(environ: Environ, write: Write, tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert output([sys.executable, "-m", "conda_execute", "a.sh", "-v"], environ, tmp_path) == "hello-conda 1.0 -v\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a virtual environment into which the project was installed by pip."""
    source = tmp_path_factory.mktemp("source")
    for name in ("conda_execute.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", str(source)]
    done = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode and "No matching distribution found for setuptools" in done.stdout:
        pytest.skip("needs a package index that has setuptools")
    assert done.returncode == 0, done.stdout
    return venv / "bin"


def test_the_installed_command_runs(installed: Path, environ: Environ, write: Write, tmp_path: Path) -> None:
    install_rattler_for(installed, environ)
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert output([str(installed / "conda-execute"), str(script), "--x"], environ, tmp_path) == "hello-conda 1.0 --x\n"
    assert (
        output([str(installed / "python"), "-m", "conda_execute", str(script)], environ, tmp_path)
        == "hello-conda 1.0\n"
    )


def test_a_script_with_the_shebang_runs_itself(installed: Path, environ: Environ, write: Write, tmp_path: Path) -> None:
    install_rattler_for(installed, environ)
    environ["PATH"] = f"{installed}:{environ['PATH']}"
    script = write("a script.sh", 'hello-conda "$@"', "hello-conda =1.0", first="#!/usr/bin/env conda-execute\n")
    assert output([str(script), "a b"], environ, tmp_path) == "hello-conda 1.0 a b\n"
    link = tmp_path / "link"
    link.symlink_to(script)
    assert output([str(link)], environ, Path("/")) == "hello-conda 1.0\n"


def install_rattler_for(installed: Path, environ: Environ) -> None:
    """Let the bare virtual environment use the py-rattler of the one that runs the tests."""
    import rattler

    environ["PYTHONPATH"] = str(Path(rattler.__file__).parent.parent)
