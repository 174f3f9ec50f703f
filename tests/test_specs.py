"""Specs: every engine reads them alike, and none takes one for an option."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rattler
from conftest import CONDA, NO_CONDA

import conda_execute

if TYPE_CHECKING:
    from conftest import Run, Write


def list_specs() -> list[str]:
    folder = Path(__file__).parent / "metadata" / "valid"
    paths = [*folder.glob("conda-script*.json"), *folder.glob("pep723*.json")]
    return sorted({spec for path in paths for spec in json.loads(path.read_text("utf-8"))["specs"]})


def test_rattler_reads_every_spec_that_toml_yields() -> None:
    specs = list_specs()
    assert len(specs) > 20
    for spec in specs:
        assert rattler.MatchSpec(spec).name


READ = """
import json, sys
from conda.models.match_spec import MatchSpec
print(json.dumps([[one.name, str(one.version or "*")] for one in map(MatchSpec, json.load(sys.stdin))]))
"""


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
def test_conda_reads_every_spec_that_toml_yields_as_rattler_does() -> None:
    specs = list_specs()
    python = str(Path(CONDA).parent / "python")
    done = subprocess.run([python, "-c", READ], input=json.dumps(specs), stdout=subprocess.PIPE, text=True, check=True)
    versions = [f"{major}.{minor}.{micro}" for major in (1, 2, 3) for minor in range(30) for micro in range(5)]
    for spec, (name, version) in zip(specs, json.loads(done.stdout)):
        ours = rattler.MatchSpec(spec)
        assert ours.name is not None and ours.name.normalized == name
        found = [rattler.VersionSpec(str(one)) for one in (ours.version or "*", version)]
        for number in map(rattler.Version, versions):
            assert found[0].matches(number) == found[1].matches(number), spec


@pytest.mark.parametrize("spec", ["--file=/etc/passwd", "-c", "'@EXPLICIT'", '"a\\nb"', '"a\\x01"'])
def test_metadata_that_an_engine_could_misread_is_refused_before_any_engine_runs(
    run: Run, write: Write, spec: str, env_dir: Path
) -> None:
    done = run("-v", write("a.sh", "", "hello-conda", spec))
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected a match spec" in done.stderr
    assert not env_dir.exists()


@pytest.mark.parametrize(
    "program, flags", [("conda", ["--no-default-packages", "--json"]), ("mamba", []), ("micromamba", [])]
)
def test_metadata_stands_where_no_program_reads_it_as_an_option(program: str, flags: list[str], tmp_path: Path) -> None:
    asked = conda_execute.Metadata(specs=["a >1", "b"], pip=[], channels=["c", "nodefaults"])
    builder = conda_execute.Lock(str(tmp_path / "lock"), conda_execute.Progress(False, True))
    order = conda_execute.BuildOrder(asked, conda_execute.Config(), (program, program), "/p", True, builder)
    expected = [program, "create", "--prefix", "/p", "--yes", *flags, "--offline", "--override-channels", "--channel=c"]
    assert conda_execute.format_create(order) == [*expected, "--", "a >1", "b"]
