"""Engines: from specs and channels to an environment, with real solves, links and failures."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
from conftest import CONDA, ENGINES, NO_CONDA, ROOT, SHUTDOWN_POLL_S

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Rows = Callable[[], "list[list[str]]"]

every_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)
EXAMPLE = """\
#!/usr/bin/env python

# conda execute
# env:
#  - python >=3
#  - numpy

import numpy as np

print(np.random.poisson(size=5))
"""


def is_five_numbers(text: str) -> bool:
    return text[0] == "[" and text[-2:] == "]\n" and len(text[1:-2].split()) == 5 and text.count("\n") == 1


def entries(folder: Path) -> list[str]:
    """Return the environments that lie in env-dir, whole or not."""
    return sorted(path.name for path in folder.iterdir() if len(path.name) == 20)


@every_engine
def test_the_announcements_example_runs_and_its_second_run_builds_nothing(
    run: Run, tmp_path: Path, env_dir: Path, rows: Rows
) -> None:
    (tmp_path / "my_script.py").write_text(EXAMPLE)
    prefix = env_dir / "ea977067a8fbeb21a594"
    said = f"Using specification: \nenv: [python >=3, numpy]\nrun_with: [/usr/bin/env, python]\n\nPrefix: {prefix}\n\n"
    first = run("-v", "my_script.py")
    assert is_five_numbers(first.stdout), first.stderr
    assert first.stderr.startswith(said)
    second = run("-v", "my_script.py")
    assert is_five_numbers(second.stdout)
    assert second.stderr == said
    assert [row[1] for row in rows()] == ["create", "run", "run"]
    assert {row[2] for row in rows()} == {prefix.name}


@every_engine
def test_packages_are_linked_for_the_place_where_they_lie(run: Run, write: Write, env_dir: Path) -> None:
    """A prefix that is renamed after linking would still name its old place in such files."""
    script = write(
        "where.sh", 'cat "$CONDA_PREFIX/share/hello-conda/prefix.txt"; entry-point-demo', "hello-conda", "entry-point"
    )
    done = run(script)
    prefix = str(env_dir / entries(env_dir)[0])
    assert done.stdout.splitlines() == [prefix, prefix], done.stderr


@every_engine
def test_a_failed_solve_prints_the_engines_explanation_and_leaves_no_prefix(
    run: Run, write: Write, env_dir: Path, engine: str
) -> None:
    done = run(write("bad.sh", "exit 0", "no-such-dependency"))
    assert done.returncode == 125
    assert done.stdout == ""
    assert f": {engine.split('-')[0]} could not build the environment" in done.stderr
    if engine != "conda-classic":  # whose whole explanation is that it could not
        assert "a-package-that-is-not-there >=9" in done.stderr
    assert "Traceback" not in done.stderr
    assert entries(env_dir) == []


@every_engine
def test_an_unknown_version_is_told(run: Run, write: Write, env_dir: Path) -> None:
    done = run(write("bad.sh", "exit 0", "hello-conda =3.0"))
    assert (done.returncode, done.stdout, entries(env_dir)) == (125, "", [])
    assert "hello-conda" in done.stderr


@every_engine
def test_an_unreachable_channel_is_told(run: Run, write: Write, env_dir: Path) -> None:
    more = "# channels:\n#  - file:///nowhere\n#  - nodefaults\n"
    done = run(write("bad.sh", "exit 0", "hello-conda", more=more))
    assert (done.returncode, done.stdout, entries(env_dir)) == (125, "", [])
    assert "file:///nowhere" in done.stderr


@every_engine
def test_the_cause_of_a_solve_that_fails_is_told_in_one_paragraph(run: Run, write: Write) -> None:
    done = run("-q", write("bad.sh", "exit 0", "hello-conda =1.0", "hello-conda =2.0"))
    assert done.returncode == 125
    assert "hello-conda" in done.stderr
    assert "\n\n" not in done.stderr


@every_engine
def test_conda_does_not_know_of_the_environment(run: Run, write: Write, home: Path) -> None:
    known = home / ".conda" / "environments.txt"
    before = known.read_text() if known.exists() else ""
    assert run(write("hello.sh", "hello-conda", "hello-conda")).returncode == 0
    assert (known.read_text() if known.exists() else "") == before


@every_engine
def test_default_packages_of_condarc_stay_out(run: Run, write: Write, home: Path, env_dir: Path) -> None:
    (home / ".condarc").write_text("create_default_packages: [hello-conda]\n")
    assert run(write("a.sh", "exit 0", "activated")).returncode == 0
    assert not (env_dir / entries(env_dir)[0] / "bin" / "hello-conda").exists()


@every_engine
def test_the_channels_of_the_block_come_first_and_nodefaults_leaves_the_others_out(
    run: Run, write: Write, environ: Environ, channel: str
) -> None:
    environ["CONDA_CHANNELS"] = "file:///nowhere"
    more = f"# channels:\n#  - {channel}\n#  - nodefaults\n"
    done = run(write("hello.sh", "hello-conda", "hello-conda =1.0", more=more))
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@every_engine
def test_the_channel_in_front_of_a_spec_is_searched(run: Run, write: Write, environ: Environ, channel: str) -> None:
    environ["CONDA_CHANNELS"] = channel + "/../empty"
    for subdir in ("noarch", "linux-64"):
        folder = Path(urlparse(channel).path).parent / "empty" / subdir
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "repodata.json").write_text('{"packages": {}, "packages.conda": {}}')
    done = run(write("hello.sh", "hello-conda", f"{channel}::hello-conda =1.0"))
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@every_engine
def test_pip_requirements_are_installed_with_the_environments_own_pip(
    run: Run, write: Write, tmp_path: Path, environ: Environ
) -> None:
    wheel = make_wheel(tmp_path / "wheels")
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheel.parent))
    code = "import from_pypi, sys; print(from_pypi.__file__.startswith(sys.prefix))"
    done = run(write("a.py", code, "python", "pip:\n#     - from-pypi >=1"))
    assert done.stdout == "True\n", done.stderr


def test_pip_sees_nothing_beyond_the_environment(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    """What PYTHONPATH shows would count as installed, and be gone without it."""
    wheel = make_wheel(tmp_path / "wheels")
    elsewhere = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", str(elsewhere), str(wheel)], check=True)
    find = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}
    environ.update(find, PYTHONPATH=str(elsewhere), PIP_TARGET=str(tmp_path / "target"), PIP_USER="1")
    script = write("a.py", "import from_pypi; print(from_pypi.__file__)", "python", "pip:\n#     - from-pypi")
    run("-q", script)
    del environ["PYTHONPATH"]
    assert "/tmp_envs/" in run(script).stdout


def make_wheel(folder: Path) -> Path:
    """Write a wheel of one empty module."""
    from zipfile import ZipFile

    folder.mkdir()
    path = folder / "from_pypi-1.0-py3-none-any.whl"
    info = "from_pypi-1.0.dist-info/"
    with ZipFile(path, "w") as archive:
        archive.writestr("from_pypi.py", "")
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: from-pypi\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    return path


def test_a_failed_pip_is_told_and_leaves_no_prefix(run: Run, write: Write, env_dir: Path, environ: Environ) -> None:
    environ["PIP_NO_INDEX"] = "1"
    done = run(write("a.py", "", "python", "pip:\n#     - no-such-requirement"))
    assert (done.returncode, entries(env_dir)) == (125, [])
    assert "pip could not install the requirements" in done.stderr
    assert "no-such-requirement" in done.stderr


def test_pip_requirements_bring_pip_and_python_with_them(
    run: Run, write: Write, plan: Callable[..., dict[str, object]]
) -> None:
    script = write("a.sh", "", "pip:\n#     - rich")
    assert plan(script)["env"] == []
    assert plan(script)["pip"] == ["rich"]


def test_offline_builds_from_what_is_at_hand(run: Run, write: Write) -> None:
    done = run("--offline", write("hello.sh", "hello-conda", "hello-conda =2.0"))
    assert done.stdout == "hello-conda 2.0\n", done.stderr


@pytest.fixture
def server(channel: str) -> Iterator[str]:
    """Serve the channel over HTTP, and return its address."""
    folder = urlparse(channel).path
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=partial(http.serve_forever, SHUTDOWN_POLL_S))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("engine", ENGINES[:2], indirect=True)
def test_offline_asks_no_network(run: Run, write: Write, environ: Environ, server: str, tmp_path: Path) -> None:
    """What was downloaded once is found again; the package that was not is refused, not asked for."""
    cache = str(tmp_path / "cache")
    environ.update(CONDA_CHANNELS=server, RATTLER_CACHE_DIR=cache, CONDA_PKGS_DIRS=cache)
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


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
@pytest.mark.parametrize("engine", ["conda-classic"], indirect=True)
def test_the_environment_list_of_a_real_conda_stays_as_it_was(run: Run, write: Write, environ: Environ) -> None:
    def listed() -> object:
        return json.loads(
            subprocess.run([CONDA, "env", "list", "--json"], env=environ, stdout=subprocess.PIPE, check=True).stdout
        )["envs"]

    before = listed()
    assert run(write("hello.sh", "hello-conda", "hello-conda")).returncode == 0
    assert listed() == before


# -- which engine


def make_program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_auto_takes_the_first_engine_there_is(tmp_path: Path) -> None:
    """Take away one after the other, from $CONDA_EXE to micromamba on PATH."""
    given = make_program(tmp_path / "a", "conda")
    on_path = [make_program(tmp_path / "b", name) for name in ("conda", "mamba", "micromamba")]
    beside = make_program(tmp_path / "c", "conda")
    mamba = make_program(tmp_path / "d", "mamba")
    environ = {"CONDA_EXE": given, "MAMBA_EXE": mamba, "PATH": str(tmp_path / "b")}
    found = []
    for gone in (given, on_path[0], beside, mamba, on_path[1], on_path[2]):
        found.append(conda_execute.find_engine("auto", environ, str(tmp_path / "c" / "python")))
        Path(gone).unlink()
    found.append(conda_execute.find_engine("auto", environ, str(tmp_path / "c" / "python")))
    expected = [("conda", given), ("conda", on_path[0]), ("conda", beside), ("mamba", mamba), ("mamba", on_path[1])]
    assert found == [*expected, ("micromamba", on_path[2]), ("rattler", "")]


@pytest.mark.parametrize("kind", ["conda", "mamba", "micromamba"])
def test_an_engine_that_is_asked_for_and_missing_is_an_error(
    kind: str, run: Run, write: Write, environ: Environ
) -> None:
    environ["CONDA_EXECUTE_ENGINE"] = kind
    done = run(write("a.sh", "", "hello-conda"))
    assert done.returncode == 125
    assert f"expected the engine {kind}, found none in CONDA_EXE, MAMBA_EXE and PATH" in done.stderr


def test_a_program_named_by_a_variable_is_taken_for_what_it_is(tmp_path: Path) -> None:
    program = make_program(tmp_path, "micromamba")
    assert conda_execute.find_engine("auto", {"CONDA_EXE": program}, "") == ("micromamba", program)


@pytest.mark.parametrize(
    "program, flags", [("conda", ["--no-default-packages", "--json"]), ("mamba", []), ("micromamba", [])]
)
def test_metadata_stands_where_no_program_reads_it_as_an_option(program: str, flags: list[str], tmp_path: Path) -> None:
    asked = conda_execute.Metadata(specs=["a >1", "b"], pip=[], channels=["c", "nodefaults"])
    builder = conda_execute.Lock(str(tmp_path / "lock"), conda_execute.Progress(False, True))
    order = conda_execute.Order(asked, conda_execute.Config(), (program, program), "/p", True, builder)
    expected = [program, "create", "--prefix", "/p", "--yes", *flags, "--offline", "--override-channels", "--channel=c"]
    assert conda_execute.format_create(order) == [*expected, "--", "a >1", "b"]


def test_mambas_entry_leaves_the_list_of_environments(home: Path) -> None:
    path = home / ".conda" / "environments.txt"
    path.parent.mkdir()
    path.write_text("/one\n/two\n/three\n")
    conda_execute.unregister("/two")
    assert path.read_text() == "/one\n/three\n"


# -- py-rattler for a machine that has nothing


def bare_venv(folder: Path, *options: str) -> str:
    subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], check=True)
    return str(folder / "bin" / "python")


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


def test_the_home_of_whoever_runs_the_tests_is_out_of_reach(home: Path) -> None:
    code = "import os, conda_execute; print(conda_execute.read_config(os.environ, '').env_dir)"
    command = [sys.executable, "-c", code]
    env_dir = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert env_dir == f"{home}/.conda/tmp_envs\n"
