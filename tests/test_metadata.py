"""Metadata, Tables: what scripts of every kind ask for, and what their authors are told where the block is wrong.

metadata/valid has scripts with what they yield on linux-64 in NAME.json, metadata/invalid
has scripts with the whole message in NAME.txt.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
import rattler
from conftest import PROFILE
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

import conda_execute
from conda_execute import Error, find_name, find_run_with, format_error, parse_metadata

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ

    Script = Callable[..., Path]
    Plan = Callable[..., "dict[str, object]"]


CORPUS = Path(__file__).parent / "metadata"
SUBDIR = "linux-64"


def list_scripts(folder: str) -> list[Path]:
    """Return the scripts of a corpus, without the files that say what they yield."""
    return [path for path in sorted((CORPUS / folder).iterdir()) if path.suffix not in (".json", ".txt")]


def name_of(path: Path) -> str:
    return path.name


def read_yield(path: Path) -> dict[str, object]:
    """Return what a script asks for, its command and the name of its environment."""
    data = path.read_bytes()
    metadata = parse_metadata(data, path.name, SUBDIR)
    return {
        **({"notes": metadata.notes} if metadata.notes else {}),
        "dialect": metadata.dialect,
        "specs": metadata.specs,
        "pip": metadata.pip,
        "channels": metadata.channels,
        "run_with": find_run_with(data, path.name, metadata, path.name),
        "name": conda_execute.name_metadata(metadata),
        **({"exclude_newer": metadata.exclude_newer} if metadata.exclude_newer else {}),
    }


@pytest.mark.parametrize("folder", ["valid", "invalid"])
def test_the_corpora_are_there(folder: str) -> None:
    assert len(list_scripts(folder)) >= 60


@pytest.mark.parametrize("path", list_scripts("valid"), ids=name_of)
def test_a_valid_script_yields_what_its_json_says(path: Path) -> None:
    expected = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    assert read_yield(path) == {"dialect": "conda-execute", **expected}


@pytest.mark.parametrize("path", list_scripts("invalid"), ids=name_of)
def test_an_invalid_script_is_refused_in_the_words_of_its_txt(path: Path) -> None:
    with pytest.raises(Error) as caught:
        read_yield(path)
    assert format_error(caught.value) + "\n" == path.with_name(path.name + ".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", list_scripts("invalid"), ids=name_of)
def test_a_message_is_one_paragraph_that_names_the_file(path: Path) -> None:
    first, *others = path.with_name(path.name + ".txt").read_text(encoding="utf-8").splitlines()
    assert first.startswith(f"conda-execute: {path.name}:")
    assert all(line.startswith("  ") and line.strip() and line.isprintable() for line in others)


PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-32")
# As conda-build reads them.
SELECTORS = {
    "linux": "linux-64 linux-aarch64",
    "osx": "osx-64 osx-arm64",
    "win": "win-64 win-32",
    "unix": "linux-64 linux-aarch64 osx-64 osx-arm64",
    "not win": "linux-64 linux-aarch64 osx-64 osx-arm64",
    "not unix": "win-64 win-32",
    "x86": "linux-64 osx-64 win-64 win-32",
    "x86_64": "linux-64 osx-64 win-64",
    "arm64": "osx-arm64",
    "aarch64": "linux-aarch64",
    "win32": "win-32",
    "win64 or linux64": "linux-64 win-64",
    "linux and not aarch64": "linux-64",
    "osx and arm64 or win": "osx-arm64 win-64 win-32",
    "win or osx and arm64": "osx-arm64 win-64 win-32",
    "not osx and not win": "linux-64 linux-aarch64",
    "not not osx": "osx-64 osx-arm64",
}


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_selector_keeps_an_item_on_these_platforms_only(selector: str) -> None:
    script = f"# conda execute\n# env:\n#  - always\n#  - sometimes  # [{selector}]\n".encode()
    kept = [platform for platform in PLATFORMS if "sometimes" in parse_metadata(script, "script", platform).specs]
    assert kept == SELECTORS[selector].split()


SAME = {
    "conda-execute": """
        # conda execute
        # env:
        #  - python >=3.9
        #  - conda-forge::gdal
        #  - numpy 1.26.*
        #  - pip:
        #     - rich >=13
        #     - httpx[http2]
        # channels: [conda-forge, bioconda, nodefaults]
        """,
    "tool.conda": """
        # /// script
        # dependencies = ["rich >=13", "httpx[http2]"]
        # tool.conda.dependencies = ["python>=3.9", "numpy 1.26.*", "conda-forge::gdal"]
        # tool.conda.channels = ["conda-forge", "bioconda", "nodefaults"]
        # ///
        """,
    "tool.pixi": """
        # /// script
        # requires-python = ">=3.9"
        # dependencies = ["httpx[http2]"]
        # [tool.pixi.workspace]
        # channels = ["conda-forge", "bioconda"]
        # [tool.pixi.dependencies]
        # gdal = { channel = "conda-forge" }
        # [tool.pixi.target.linux]
        # dependencies.numpy = "1.26.*"
        # pypi-dependencies.rich = ">=13"
        # ///
        """,
    "conda-script": """
        # /// conda-script
        # channels = ["conda-forge", "bioconda"]
        # entrypoint = "python ${SCRIPT}"
        # [dependencies]
        # python = ">=3.9"
        # gdal = { channel = "conda-forge" }
        # [tool.pixi.dependencies]
        # numpy = "1.26.*"
        # [tool.pixi.pypi-dependencies]
        # rich = ">=13"
        # httpx = { extras = ["http2"] }
        # /// end-conda-script
        """,
}


@pytest.mark.parametrize("dialect", SAME)
def test_equal_metadata_has_one_name_in_each_dialect(dialect: str) -> None:
    metadata = parse_metadata(dedent(SAME[dialect]).encode(), "script.py", SUBDIR)
    name = find_name(metadata.specs, metadata.pip, metadata.channels)
    specs = ["python >=3.9", "conda-forge::gdal", "numpy 1.26.*"]
    assert name == find_name(specs, ["rich >=13", "httpx[http2]"], ["conda-forge", "bioconda", "nodefaults"])


@pytest.mark.parametrize("key", conda_execute.PIXI_KEYS)
@pytest.mark.parametrize("table", ["", ".workspace", ".target.unix"])
def test_a_key_of_pixi_that_is_not_read_is_an_error_that_says_what_it_would_have_changed(table: str, key: str) -> None:
    if (table, key) == (".workspace", "exclude-newer"):  # which is read
        key = "pypi-exclude-newer"
    script = f"# /// script\n# [tool.pixi{table}]\n# {key} = 1\n# ///\n".encode()
    with pytest.raises(Error) as caught:
        parse_metadata(script, "script.py", SUBDIR)
    assert caught.value.message.endswith(f"in [tool.pixi{table}], found {json.dumps(key)}")
    assert caught.value.hint.startswith(f"it would have changed {conda_execute.PIXI_KEYS[key]}: leave it out")


# -- what a dialect says of machines


numbers = st.sampled_from(["3", "3.8", "3.9", "3.9.0", "3.9.1", "3.10", "3.10.2", "3.11", "3.12.1", "4"])
specifiers = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["==", "!=", "<=", ">=", "<", ">"]), numbers),
    st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), numbers),
    st.builds("~={}".format, numbers.filter(lambda number: "." in number)),
)
PYTHONS = [f"3.{minor}.{micro}" for minor in range(7, 14) for micro in range(4)] + ["4.0.0", "2.7.18"]


def versions_of(spec: str) -> str:
    """Return what a spec of python says of its version."""
    assert spec.startswith("python")
    return spec[len("python ") :] or "*"


@PROFILE
@given(st.lists(specifiers, max_size=3))
def test_requires_python_selects_what_pep_440_selects(terms: list[str]) -> None:
    script = f"# /// script\n# requires-python = '{', '.join(terms)}'\n# ///\n".encode()
    [spec] = conda_execute.parse_metadata(script, "a.py", "linux-64").specs
    ours = rattler.VersionSpec(versions_of(spec))
    theirs = SpecifierSet(",".join(terms))
    for version in PYTHONS:
        assert ours.matches(rattler.Version(version)) == theirs.contains(version), (spec, version)


@pytest.mark.parametrize(
    "when, glibc, cuda, kept",
    [
        ("__glibc", "2.28", "", True),
        ("__glibc", "", "", False),
        ("__glibc >=2.28", "2.28", "", True),
        ("__glibc>=2.28", "2.9", "", False),
        ("__glibc >= 2.17, < 2.30", "2.28", "", True),
        ("__glibc >=2.17,<2.28", "2.28", "", False),
        ("__cuda", "", "", False),
        ("__cuda", "", "12.4", True),
        ("__cuda 12.*", "", "12.4", True),
        ("__cuda =12", "", "12.4", True),
        ("__cuda =12", "", "13.0", False),
        ("__cuda ==12", "", "12.0", True),
        ("__cuda ==12", "", "12.4", False),
        ("__cuda 12.4", "", "12.4", True),
        ("__cuda !=12.*", "", "12.4", False),
        ("__cuda >12", "", "12.4", True),
        ("__cuda <=12", "", "12.4", False),
    ],
)
def test_when_asks_for_virtual_packages(
    plan: Plan, conda_script: Script, environ: Environ, when: str, glibc: str, cuda: str, kept: bool
) -> None:
    environ.update(CONDA_OVERRIDE_GLIBC=glibc, CONDA_OVERRIDE_CUDA=cuda)
    path = conda_script("sh ${SCRIPT}", "", f'hello-conda = "*"\nnumpy = {{ when = "{when}" }}')
    assert plan(path)["env"] == ["hello-conda", "numpy"] if kept else ["hello-conda"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_glibc_is_the_machines(plan: Plan, conda_script: Script) -> None:
    generic = [one.into_generic() for one in rattler.VirtualPackage.detect()]
    found = {one.name.normalized: one for one in generic}
    version = conda_execute.detect_virtual_package("__glibc")
    assert version == (str(found["__glibc"].version) if "__glibc" in found else "")


@pytest.mark.parametrize(
    "subdir, kept",
    [("linux-64", "linux unix"), ("osx-arm64", "osx unix"), ("win-64", "win")],
)
def test_when_asks_for_the_platform(plan: Plan, conda_script: Script, environ: Environ, subdir: str, kept: str) -> None:
    environ["CONDA_SUBDIR"] = subdir
    more = "\n".join(f'{name} = {{ when = "__{name}" }}' for name in ("linux", "osx", "unix", "win"))
    assert plan(conda_script("sh ${SCRIPT}", "", more))["env"] == kept.split()
