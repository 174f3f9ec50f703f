"""The local channel that the tests and the README's transcripts use, installed by py-rattler."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import channel as channel_program
import pytest
import rattler
from channel import PLACEHOLDER, STAMP, ChannelError, build
from conftest import NO_CHANNEL
from rattler.exceptions import SolverError

if TYPE_CHECKING:
    from typing import Callable

    Output = Callable[..., str]

pytestmark = [pytest.mark.skipif(os.name == "nt", reason=NO_CHANNEL), pytest.mark.once]
SPECS = ["python", "numpy", "pip", "entry-point", "activated", "hello-conda=1.0"]
DRAW = "import numpy, sys; print(sys.prefix, len(numpy.random.poisson(size=5)))"


async def solve(channel: str, specs: list[str]) -> list[rattler.RepoDataRecord]:
    """Solve specs for this machine."""
    machine = rattler.VirtualPackage.detect()
    return await rattler.solve([channel], specs, virtual_packages=machine)


async def install(channel: str, specs: list[str], prefix: Path, cache: Path) -> None:
    """Solve specs and link what they need into prefix."""
    records = await solve(channel, specs)
    await rattler.install(records, prefix, cache_dir=cache, show_progress=False)


@pytest.fixture(scope="session")
def prefix(channel: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install everything that can be installed, once."""
    folder = tmp_path_factory.mktemp("env")
    asyncio.run(install(channel, SPECS, folder / "prefix", folder / "cache"))
    return folder / "prefix"


@pytest.fixture
def output(prefix: Path) -> Output:
    """Return a function that runs a command of the prefix and returns what it prints."""

    def run(name: str, *args: str) -> str:
        command = [str(prefix / "bin" / name), *args]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    return run


def test_its_python_and_numpy_belong_to_the_prefix(prefix: Path, output: Output) -> None:
    assert output("python", "-c", DRAW) == f"{prefix} 5"


def test_an_entry_point_runs_in_the_prefix(prefix: Path, output: Output) -> None:
    assert output("entry-point-demo") == str(prefix)


def test_its_pip_belongs_to_the_prefix(prefix: Path, output: Output) -> None:
    assert f"from {prefix}/lib/" in output("pip", "--version")


def test_hello_conda_prints_its_version_and_args(output: Output) -> None:
    assert output("hello-conda", "a", "b c") == "hello-conda 1.0 a b c"


def test_the_prefix_is_written_into_files_that_ask_for_it(prefix: Path) -> None:
    text = (prefix / "share/hello-conda/prefix.txt").read_text("utf-8")
    assert text == f"{prefix}\n"
    assert PLACEHOLDER not in text


def test_the_newest_hello_conda_is_preferred(channel: str) -> None:
    (record,) = asyncio.run(solve(channel, ["hello-conda"]))
    assert record.file_name == "hello-conda-2.0-0.conda"


def test_both_package_formats_occur(channel: str) -> None:
    records = asyncio.run(solve(channel, SPECS))
    assert {record.file_name.rpartition(".")[2] for record in records} == {"bz2", "conda"}


def test_a_missing_dependency_is_explained(channel: str) -> None:
    with pytest.raises(SolverError, match="a-package-that-is-not-there >=9"):
        asyncio.run(solve(channel, ["no-such-dependency"]))


def test_a_complete_channel_is_left_as_it_is(tmp_path: Path) -> None:
    build(tmp_path / "channel")
    before = (tmp_path / "channel" / STAMP).stat()
    build(tmp_path / "channel")
    assert (tmp_path / "channel" / STAMP).stat() == before


@pytest.mark.once
def test_a_channel_of_other_inputs_is_replaced_and_nothing_is_left_over(tmp_path: Path) -> None:
    build(tmp_path / "channel")
    digest = (tmp_path / "channel" / STAMP).read_text("utf-8")
    (tmp_path / "channel" / STAMP).write_text("of another day", "utf-8")
    build(tmp_path / "channel")
    assert (tmp_path / "channel" / STAMP).read_text("utf-8") == digest
    assert [path.name for path in tmp_path.iterdir()] == ["channel"]


@pytest.mark.once
def test_builds_at_once_make_one_channel_and_leave_nothing_over(tmp_path: Path) -> None:
    command = [sys.executable, channel_program.__file__, str(tmp_path / "channel")]
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    urls = {made.communicate()[0].decode().strip() for made in builds}
    assert [made.returncode for made in builds] == [0, 0, 0]
    assert urls == {(tmp_path / "channel").as_uri()}
    assert [path.name for path in tmp_path.iterdir()] == ["channel"]


def test_a_folder_that_is_no_channel_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ChannelError, match="left alone"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
