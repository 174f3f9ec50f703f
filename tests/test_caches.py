"""Caches: engines keep what they fetch where the user says, or in env-dir where that cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, become, needs_root, wait_until

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from conftest import Environ, Run, Start, Write


def test_a_cache_that_cannot_be_written_to_is_replaced_by_one_in_env_dir_and_that_is_said(
    run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    for name in ("RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        environ.pop(name)
    done = run(write("a.sh", "hello-conda", "hello-conda"), env={**environ, "HOME": "/dev/null/home"})
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    line = f"/dev/null/home/.cache/rattler/cache cannot be written to: packages are kept in {env_dir}/.packages\n"
    assert done.stderr.count(line) == 1
    assert [path.name for path in (env_dir / ".packages").iterdir()] == ["pkgs"]  # a folder needs no index kept


PLACES = {
    "its own variable": ({"RATTLER_CACHE_DIR": "/r", "CONDA_PKGS_DIRS": "/p", "XDG_CACHE_HOME": "/x"}, "/r"),
    "pkgs_dirs": ({"CONDA_PKGS_DIRS": "/p,/q", "XDG_CACHE_HOME": "/x"}, "/p/rattler"),
    "the desktop's": ({"XDG_CACHE_HOME": "/x"}, "/x/rattler/cache"),
    "the home's": ({}, "{home}/.cache/rattler/cache"),
}


@pytest.mark.parametrize("variables, expected", PLACES.values(), ids=PLACES)
def test_rattler_keeps_packages_and_indexes_in_one_place(variables: Environ, expected: str, home: Path) -> None:
    found = conda_execute.find_caches("rattler", variables, conda_execute.Condarc(variables))
    assert found[0] == expected.replace("{home}", str(home))


@needs_root
@pytest.mark.parametrize("is_named", [False, True], ids=["no env-dir", "env-dir"])
def test_a_user_without_home_and_name_is_told_which_variable_to_set_or_needs_none(
    is_named: bool, tmp_path: Path, environ: Environ, write: Write
) -> None:
    tool, folder = tmp_path / FILE.name, tmp_path / "theirs"
    shutil.copy(str(FILE), str(tool))
    folder.mkdir()
    os.chown(str(folder), 4244, 4244)
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        above.chmod(above.stat().st_mode | 0o055) if above.stat().st_uid == 0 and len(above.parts) > 2 else None
    for name in ("HOME", "USERPROFILE", "CONDA_EXECUTE_ENV_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        environ.pop(name, "")
    environ.update({"CONDA_EXECUTE_ENV_DIR": str(folder / "envs")} if is_named else {})
    command = [sys.executable, str(tool), str(write("a.sh", "hello-conda", "hello-conda"))]

    def leave() -> None:
        become(4244)

    try:
        done = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, preexec_fn=leave)
    except PermissionError:
        pytest.skip("an ordinary user cannot reach this Python")
    if "can't open file" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("an ordinary user cannot reach this Python")
    if is_named:
        assert done.stdout == "hello-conda 2.0\n", done.stderr
        assert f"there is no home: packages are kept in {folder}/envs/.packages\n" in done.stderr
    else:
        assert done.returncode == 125
        assert "expected a home in which env-dir can be, found none for user 4244\n" in done.stderr
        assert "  set HOME, or CONDA_EXECUTE_ENV_DIR to a folder of yours\n" in done.stderr


def test_an_orphaned_engine_keeps_the_package_cache_to_itself(
    start: Start, run: Run, write: Write, slow_conda: Path
) -> None:
    """Conda does not lock its package cache: no second conda runs before the first has ended."""
    child = start("-q", write("a.sh", "hello-conda", "hello-conda"))
    wait_until(lambda: slow_conda.exists())
    child.kill()
    child.wait()
    assert run("-q", write("b.sh", "hello-conda", "hello-conda =1.0")).stdout == "hello\n"
    words = [line.split()[0] for line in slow_conda.read_text().splitlines()]
    assert words in (["start", "start", "end"], ["start", "end"] * 2)
