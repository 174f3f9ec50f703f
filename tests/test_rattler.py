"""rattler and rattler process: py-rattler is installed where it is missing, and asks no network offline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ENGINES, HELLO, bare_venv

if TYPE_CHECKING:
    from conftest import Call, Environ, Run, Write
    from servers import Server


# -- py-rattler for a machine that has nothing


@pytest.mark.once
def test_without_any_engine_py_rattler_is_installed_once_for_all_env_dirs(
    run: Run, write: Write, home: Path, tmp_path: Path, environ: Environ
) -> None:
    environ["CONDA_EXECUTE_ENGINE"] = "auto"
    python = bare_venv(tmp_path / "bare")
    script = write("hello.sh", "hello-conda", "hello-conda =1.0")
    first = run(script, python=python)
    if "pip could not install py-rattler" in first.stderr:
        pytest.skip("no package index can be reached")
    assert first.stdout == "hello-conda 1.0\n", first.stderr
    assert first.stderr.count(f"installing py-rattler from PyPI into {home}/.cache/conda-execute/rattler/") == 1
    environ["CONDA_EXECUTE_ENV_DIR"] += "-2"
    again = run(script, python=python)
    assert again.stdout == "hello-conda 1.0\n", again.stderr
    assert "installing" not in again.stderr


def test_without_engine_and_pip_the_ways_out_are_listed(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    environ["CONDA_EXECUTE_ENGINE"] = "auto"
    done = run(write("hello.sh", "hello-conda", "hello-conda"), python=bare_venv(tmp_path / "bare", "--without-pip"))
    assert done.returncode == 125
    assert "expected pip, to install py-rattler with, found none in this Python" in done.stderr
    ways = ["conda-forge.org/download", "CONDA_EXE", "MAMBA_EXE", "pip install py-rattler", "apt install python3-pip"]
    assert [way for way in ways if way not in done.stderr] == []


def test_offline_installs_no_py_rattler(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    environ["CONDA_EXECUTE_ENGINE"] = "auto"
    done = run("--offline", write("a.sh", "", "hello-conda"), python=bare_venv(tmp_path / "bare", "--without-pip"))
    assert done.returncode == 125
    assert "--offline forbids to install py-rattler" in done.stderr


# -- offline


def test_offline_builds_from_what_is_at_hand(run: Run, write: Write) -> None:
    done = run("--offline", write("hello.sh", "hello-conda", "hello-conda =2.0"))
    assert done.stdout == "hello-conda 2.0\n", done.stderr


@pytest.mark.parametrize("engine", ENGINES[:2], indirect=True)
def test_offline_asks_no_network(run: Run, write: Write, environ: Environ, server: Server, tmp_path: Path) -> None:
    """What was downloaded once is found again; the package that was not is refused, not asked for."""
    cache = str(tmp_path / "cache")
    environ.update(CONDA_CHANNELS=server.url, RATTLER_CACHE_DIR=cache, CONDA_PKGS_DIRS=cache)
    first = write("first.sh", "hello-conda", "hello-conda =1.0")
    assert run(first).stdout == "hello-conda 1.0\n"
    environ["CONDA_EXECUTE_ENV_DIR"] += "-other"
    again = run("--offline", first)
    assert again.stdout == "hello-conda 1.0\n", again.stderr
    other = run("--offline", write("other.sh", "hello-conda", "hello-conda =2.0"))
    assert (other.returncode, other.stdout) == (125, "")
    assert "hello-conda-2.0" in other.stderr
    if environ["CONDA_EXECUTE_ENGINE"] == "rattler":
        assert "--offline forbids to ask 127.0.0.1 for /noarch/hello-conda-2.0-0.conda" in other.stderr


# -- its process


@pytest.mark.once
def test_a_rattler_that_cannot_be_loaded_is_told_in_a_line_without_a_traceback(
    run: Run, write: Write, tmp_path: Path, environ: Environ, home: Path
) -> None:
    python = bare_venv(tmp_path / "bare")
    folder = re.findall("into ~/(.*)", run("--tmpenv", "doctor", python=python).stdout)[0]
    (home / folder / "rattler").mkdir(parents=True)
    (home / folder / "rattler" / "__init__.py").write_text("import gone\n")
    done = run("-q", write("a.sh", "", "words"), python=python)
    first, second, last = done.stderr.splitlines()
    assert first == "conda-execute: rattler could not be loaded"
    assert second == '  write "conda-tmpenv doctor", which says how to mend it'
    assert last == "  ModuleNotFoundError: No module named 'gone'"


@pytest.mark.parametrize("work", ["print(conda_execute.run('a.sh'))", "print(conda_execute.prefix_of('a.sh'))"])
def test_a_running_event_loop_stops_no_build(call: Call, write: Write, env_dir: Path, work: str) -> None:
    """As in Jupyter."""
    write("a.sh", "exit 3", "hello-conda")
    done = call(f"async def main():\n    {work}\nasyncio.run(main())\n")
    assert (done.returncode, done.stdout) == (0, "3\n" if "run(" in work else f"{env_dir / HELLO}\n"), done.stderr
