"""pip: the environment's own installs the requirements, there and nowhere else, whatever a person has set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import entries, every_engine, make_wheel

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run, Write


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


def test_pip_requirements_bring_pip_and_python_with_them(
    run: Run, write: Write, plan: Callable[..., dict[str, object]]
) -> None:
    script = write("a.sh", "", "pip:\n#     - rich")
    assert plan(script)["env"] == []
    assert plan(script)["pip"] == ["rich"]


def test_a_requirement_that_no_index_has_is_named_with_its_place_and_leaves_no_prefix(
    run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    script = write("a.py", "", "python", "pip", "pip:\n#     - no-such-requirement >=3")
    done = run(script)
    assert (done.returncode, entries(env_dir)) == (125, [])
    assert f"conda-execute: {script}:6:9: pip could not install the requirements of env\n" in done.stderr
    assert "  ERROR: No matching distribution found for no-such-requirement>=3\n" in done.stderr


def test_what_pip_replaces_of_the_channels_is_named(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    wheel = make_wheel(tmp_path / "wheels", "numpy", "0.0.1", "print('0.0.1')\n")
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheel.parent))
    done = run(write("a.py", "import numpy", "python", "pip", "numpy", "pip:\n#     - numpy <1"))
    assert done.stdout == "0.0.1\n", done.stderr
    [line] = [one for one in done.stderr.split("\n") if "replaced" in one]
    words = line.split()
    assert line.startswith("conda-execute: pip has replaced what the env had from its channels: numpy ")
    assert words[-3:-2] != ["0.0.1"] and words[-2:] == ["by", "0.0.1"]


ASIDE = {"target": "DIR", "prefix": "DIR", "root": "DIR", "user": "1", "dry-run": "1"}
SETTINGS = {
    "PIP_PYTHON": {"PIP_PYTHON": "PYTHON"},
    "variables": {f"PIP_{key.upper().replace('-', '_')}": value for key, value in ASIDE.items()},
    "a file that a variable names": {"PIP_CONFIG_FILE": "HOME/pip.conf"},
    "the file of the user": {"XDG_CONFIG_HOME": "HOME"},
}


@pytest.mark.once
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_no_setting_of_pip_sends_a_requirement_elsewhere(
    run: Run, write: Write, environ: Environ, home: Path, tmp_path: Path, settings: Environ
) -> None:
    """But where packages come from is the user's to say: the file has it."""
    wheels, other = make_wheel(tmp_path / "wheels").parent, tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)

    def fill(text: str) -> str:
        text = text.replace("DIR", str(tmp_path / "aside")).replace("HOME", str(home))
        return text.replace("PYTHON", str(other / "bin" / "python"))

    lines = [f"{key} = {fill(value)}\n" for key, value in ASIDE.items()]
    (home / "pip").mkdir()
    for path in (home / "pip.conf", home / "pip" / "pip.conf"):
        path.write_text("".join(["[global]\nfind-links = ", str(wheels), "\n[install]\n", *lines]))
    environ.update({key: fill(value) for key, value in settings.items()}, PIP_NO_INDEX="1")
    environ.pop("PIP_FIND_LINKS", "")
    if not {"PIP_CONFIG_FILE", "XDG_CONFIG_HOME"} & set(settings):
        environ["PIP_FIND_LINKS"] = str(wheels)
    code = "import from_pypi, sys; print(from_pypi.__file__.startswith(sys.prefix))"
    done = run(write("a.py", code, "python", "pip:\n#     - from-pypi >=1"))
    assert done.stdout == "True\n", done.stderr
    assert not (tmp_path / "aside").exists()
