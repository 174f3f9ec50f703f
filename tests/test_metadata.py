"""What scripts of every kind ask for, and what their authors are told where the block is wrong.

metadata/valid has scripts with what they yield on linux-64 in NAME.json, metadata/invalid
has scripts with the whole message in NAME.txt.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conda_execute import Error, find_command, find_name, format_error, parse_metadata

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
        "dialect": metadata.dialect,
        "specs": metadata.specs,
        "pip": metadata.pip,
        "channels": metadata.channels,
        "run_with": find_command(data, path.name, metadata.run_with),
        "name": find_name(metadata.specs, metadata.pip, metadata.channels),
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


# Each of these is a folder on somebody's disk: one that changes makes all of them build again.
VECTORS = [
    # the announcement's
    ("ea977067a8fbeb21a594", ["python >=3", "numpy"], [], []),
    # order, duplicates and runs of white space make no difference
    ("ea977067a8fbeb21a594", ["numpy", "python >=3"], [], []),
    ("ea977067a8fbeb21a594", ["numpy", "python >=3", "numpy", "python >=3"], [], []),
    ("ea977067a8fbeb21a594", [" python \t >=3\n", "numpy "], [], []),
    # white space inside a version, case and spelling do
    ("7a21cb9e731491ae0115", ["python>=3", "numpy"], [], []),
    ("7a52637183f0622e3686", ["python >= 3", "numpy"], [], []),
    ("08f6f549967a5ada4acf", ["Python >=3", "numpy"], [], []),
    # one spec, none, and one beyond ASCII
    ("11a4a60b518bf24989d4", ["python"], [], []),
    ("e3b0c44298fc1c149afb", [], [], []),
    ("6d942f269d69ec13f82e", ["pythön"], [], []),
    # requirements
    ("2e14f77cb8f535901017", ["python"], ["rich"], []),
    ("0f99c0335f81d55702b0", ["python"], ["rich >=13", "httpx"], []),
    ("246e5205dc19e35c9bb3", [], ["rich"], []),
    ("217eda006d34a64f2a94", ["python", "rich"], [], []),
    # channels, whose order counts
    ("1534a31b2899e3b0d48a", ["python"], [], ["conda-forge"]),
    ("d767e64026c90eb8da5f", ["python"], [], ["conda-forge", "bioconda"]),
    ("8f3ee0363187afa622e9", ["python"], [], ["bioconda", "conda-forge"]),
    ("dd8cd211b07198a58b47", ["python"], [], ["conda-forge", "conda-forge"]),
    ("f54483fbe36b9084d813", ["python"], [], ["conda-forge", "nodefaults"]),
    ("c44737325e48dae6301b", ["python"], [], ["Conda-Forge"]),
    ("48321b886372ad6d2503", ["python"], [], ["https://conda.anaconda.org/conda-forge"]),
    # all of them
    ("632b96c79d5bb6f28eb8", ["python >=3", "numpy"], ["rich >=13", "httpx"], ["conda-forge", "bioconda"]),
    (
        "b90b84ce276c47a86cbe",
        ["conda-forge::gdal", "numpy[version='>=1.2']"],
        ["httpx[http2] >=0.20"],
        ["file:///srv/channel"],
    ),
    # requirements in another order, twice, and with other white space
    ("0f99c0335f81d55702b0", ["python"], ["httpx", "rich  >=13", "httpx"], []),
]


@pytest.mark.parametrize(("name", "specs", "pip", "channels"), VECTORS)
def test_the_name_of_an_environment_never_changes(
    name: str, specs: list[str], pip: list[str], channels: list[str]
) -> None:
    assert find_name(specs, pip, channels) == name
