"""Name: equal metadata has one name, in whatever words and dialect, and the name never changes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ENGINES, PROFILE
from hypothesis import given
from hypothesis import strategies as st

import conda_execute
from conda_execute import find_name

if TYPE_CHECKING:
    from typing import Any, Callable

    from conftest import Run

    Script = Callable[..., Path]
    Plan = Callable[..., "dict[str, object]"]


# Each of these is a folder on somebody's disk: one that changes makes all of them build again.
VECTORS = [
    # the announcement's
    ("ea977067a8fbeb21a594", ["python >=3", "numpy"], [], []),
    # order, duplicates and runs of white space make no difference
    ("ea977067a8fbeb21a594", ["numpy", "python >=3"], [], []),
    ("ea977067a8fbeb21a594", ["numpy", "python >=3", "numpy", "python >=3"], [], []),
    ("ea977067a8fbeb21a594", [" python \t >=3\n", "numpy "], [], []),
    # nor does white space between a name and the operator behind it
    ("ea977067a8fbeb21a594", ["python>=3", "numpy"], [], []),
    ("ea977067a8fbeb21a594", ["python>=3", "python >=3", "numpy"], [], []),
    ("49eebbe11a8b5b6e856e", ["conda-forge::python=3.11=*_cpython"], [], []),
    ("49eebbe11a8b5b6e856e", ["conda-forge::python =3.11=*_cpython"], [], []),
    ("7dbd45b34e7cb846efa9", ["https://h/a=b::numpy!=1.2,<2"], [], []),
    ("7dbd45b34e7cb846efa9", ["https://h/a=b::numpy !=1.2,<2"], [], []),
    # what stands in brackets is as it is written
    ("fc40705c009d19da2239", ["numpy[version='>=1.2',build=py*]"], [], []),
    ("21fd473583bfa522afe1", ["numpy[version='>= 1.2',build=py*]"], [], []),
    # white space inside a version, case and spelling do
    ("7a52637183f0622e3686", ["python >= 3", "numpy"], [], []),
    ("08f6f549967a5ada4acf", ["Python >=3", "numpy"], [], []),
    # one spec, none, and one beyond ASCII
    ("11a4a60b518bf24989d4", ["python"], [], []),
    ("e3b0c44298fc1c149afb", [], [], []),
    ("6d942f269d69ec13f82e", ["pythön"], [], []),
    # requirements
    ("2e14f77cb8f535901017", ["python"], ["rich"], []),
    ("0f99c0335f81d55702b0", ["python"], ["rich >=13", "httpx"], []),
    ("0e7e41564955fae2d27a", ["python"], ["rich>=13", "httpx"], []),
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


# Of these with a date, and with the SHA-256 of a lock.
NO_LOCK, NULL = "", "0" * 64
MORE_VECTORS = [
    ("32500f85321dcd2b4d15", ["python"], [], [], "2026-11-01", NO_LOCK),
    ("1c74a57f494ebbf81000", ["python"], [], [], "2026-11-01T00:00:00Z", NO_LOCK),  # as written
    ("a10364c31f8143c0c12b", ["python >=3", "numpy"], [], [], "", NULL),
    ("a10364c31f8143c0c12b", ["numpy", "python>=3"], [], [], "", NULL),
    ("c6da33c1062593d4bd86", ["python >=3", "numpy"], [], [], "", NULL[1:] + "1"),
    (
        "9b4e022f0a2703e6eb36",
        ["python >=3", "numpy"],
        ["rich >=13", "httpx"],
        ["conda-forge", "bioconda"],
        "2026-11-01",
        NULL,
    ),
]


@pytest.mark.parametrize(("name", "specs", "pip", "channels", "date", "lock"), MORE_VECTORS)
def test_a_date_and_a_lock_are_of_the_name(
    name: str, specs: list[str], pip: list[str], channels: list[str], date: str, lock: str
) -> None:
    assert find_name(specs, pip, channels, date, lock) == name


def test_a_comment_in_a_lock_changes_the_name(plan: Plan, run: Run, write: Script) -> None:
    """What is hashed is the file: whether a line matters is not asked."""
    script = write("a.sh", "", "hello-conda")
    path = Path(run("--lock", script).stdout.rstrip("\n"))
    before = plan(script)["name"]
    assert before == find_name(["hello-conda"], lock=hashlib.sha256(path.read_bytes()).hexdigest())
    path.write_text("# seen by me\n" + path.read_text())
    assert plan(script)["name"] not in (before, find_name(["hello-conda"]))


spec_words = st.lists(st.sampled_from(["python", ">=3", "numpy", "=1.26*", "py_0"]), min_size=1, max_size=3)
blanks = st.text(" \t\n", min_size=1, max_size=3)


@PROFILE
@given(st.lists(spec_words, min_size=1, max_size=6), st.data())
def test_a_name_ignores_order_duplicates_and_runs_of_white_space(specs: list[list[str]], data: Any) -> None:
    plain = [" ".join(words) for words in specs]
    other = [data.draw(blanks).join(words) for words in data.draw(st.permutations(specs + specs[:2]))]
    assert conda_execute.find_name(plain) == conda_execute.find_name(other)
    assert conda_execute.find_name(["python"], plain) == conda_execute.find_name(["python"], other)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_equal_metadata_in_different_dialects_has_one_environment(
    run: Run, conda_script: Script, tmp_path: Path, channel: str, env_dir: Path
) -> None:
    code = "import sys; print(sys.prefix)"
    (tmp_path / "yaml.py").write_text(
        "# conda execute\n# env:\n#  - python >=3\n#  - hello-conda =1.0\n"
        f"# channels: [{channel}, nodefaults]\n\n{code}\n"
    )
    (tmp_path / "pep.py").write_text(
        '# /// script\n# requires-python = ">=3"\n# [tool.conda]\n# dependencies = ["hello-conda =1.0"]\n'
        f'# channels = ["{channel}", "nodefaults"]\n# ///\n{code}\n'
    )
    conda_script("python ${SCRIPT}", code, 'hello-conda = "=1.0"\npython = ">=3"', "toml.py")
    outputs = {run(name).stdout for name in ("yaml.py", "pep.py", "toml.py")}
    assert len(outputs) == 1
    assert outputs.pop().startswith(str(env_dir))
    assert len(list(env_dir.glob("?" * 20))) == 1
