"""Environment files: what environment.yml and requirements.txt ask for, as an environment and as a block to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import HELLO_1, PROFILE, failed
from hypothesis import given
from hypothesis import strategies as st

import conda_execute

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

YML = """\
# made by hand
---
name: demo  # of the project
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - numpy=1.26.4=py311h64a7726_0
  - pywin32  # [win]
  - "scipy[version='>=1.0']"
  - pip
  - pip:
    - rich==13.7
    - requests ; python_version < "3.12"
prefix: /home/me/envs/demo
"""
BLOCK = """\
  # conda execute
  # env:
  #  - python=3.11
  #  - numpy=1.26.4=py311h64a7726_0
  #  - pywin32
  #  - scipy[version='>=1.0']
  #  - pip
  #  - pip:
  #     - rich==13.7
  #     - requests ; python_version < "3.12"
  # channels:
  #  - conda-forge
  #  - nodefaults"""


@pytest.mark.parametrize("name", ["environment.yml", "py311.YAML"])
def test_an_environment_file_is_shown_as_a_block(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(YML)
    text = '"conda-tmpenv create --file FILE" makes its environment; in a script, this is:'
    assert failed(run(path), f"{path}: expected a script, found a conda environment file\n  {text}\n{BLOCK}")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_environment_of_a_file_is_that_of_a_script_with_its_block(
    newline: str, mark: str, run: Run, tmp_path: Path
) -> None:
    path, script = tmp_path / "environment.yml", tmp_path / "a.py"
    path.write_bytes((mark + YML.replace("\n", newline)).encode())
    script.write_text("#!/usr/bin/env python\n\n" + BLOCK + "\n\nprint()\n")
    named = run("--tmpenv", "name", "--file", path)
    assert (named.returncode, named.stderr) == (0, "")
    assert named.stdout == run("--tmpenv", "name", "--script", script).stdout


@pytest.mark.parametrize("key", ['"dependencies":', "'dependencies' :", "dependencies :"])
def test_a_key_is_one_in_quotes_and_before_a_blank(key: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(key + " [python]\n")
    assert run(path).stderr.endswith("in a script, this is:\n  # conda execute\n  # env:\n  #  - python\n")


def test_an_environment_file_may_come_on_standard_input(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("name: x\ndependencies: [python]\n")
    with path.open() as f:
        assert "standard input: expected a script, found a conda environment file" in run("-", stdin=f).stderr


LEGAL = {
    "a directive": "%YAML 1.2\n--- # made by hand\ndependencies: [a]\n",
    "the end of a document": "---\ndependencies:\n- a\n...\n",
    "no channels": "channels:\ndependencies: [a]\n",
    "no channels in brackets": "name:\nchannels: []\ndependencies: [a]\n",
    "pip in brackets": "dependencies: [a, {pip: [b, 'c >=1,<2']}]\n",
    "pip in brackets over lines": "dependencies: [\n  a,\n  { pip : [ b,\n    'c >=1,<2' ] },\n]\n",
}


@pytest.mark.parametrize("text", LEGAL.values(), ids=LEGAL)
def test_what_conda_reads_in_an_environment_file_is_read(text: str) -> None:
    metadata = conda_execute.parse_environment(text.encode(), "environment.yml")
    assert (metadata.specs, metadata.channels) == (["a"], [])
    assert metadata.pip == (["b", "c >=1,<2"] if "pip" in text else [])


# What is no list of specs in brackets, where, and what to write; nothing of it is lost by that.
IN_BRACKETS = {
    "brackets": ("[a, [b]]", "1:1", conda_execute.ONE_A_LINE),
    "braces": ("[a, {}]", "1:1", conda_execute.ONE_A_LINE),
    "a version": ("[a, {python: 3.9}]", "1:20", conda_execute.ONE_A_LINE),
    "more than pip": ("[a, {pip: [b], c: d}]", "1:30", conda_execute.ONE_A_LINE),
    "nothing for pip": ("[a, {pip: }]", "1:20", conda_execute.ONE_A_LINE),
    "pip without braces": ("[a, pip: [b]]", "1:22", conda_execute.ONE_A_LINE),
    "pip in braces behind a dash": ("\n- {pip: [b]}", "2:3", conda_execute.ONE_A_LINE),
}


@pytest.mark.parametrize("text, place, hint", IN_BRACKETS.values(), ids=IN_BRACKETS)
def test_other_brackets_are_told_with_what_to_write(text: str, place: str, hint: str) -> None:
    with pytest.raises(conda_execute.Error) as caught:
        conda_execute.parse_environment(f"dependencies: {text}\n".encode(), "a.yml")
    assert (caught.value.place, caught.value.hint) == ("a.yml:" + place, hint)


def test_create_builds_an_environment_file(run: Run, env_dir: Path, channel: str, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("name: x\ndependencies:\n- hello-conda =1.0\n")
    assert run("--tmpenv", "create", "--file", path).stdout == f"{env_dir / HELLO_1}\n"
    assert (env_dir / HELLO_1 / "bin" / "hello-conda").exists()
    path.write_text(f"channels: ['{channel}', nodefaults]\ndependencies: [hello-conda =1.0]\n")
    prefix = run("--tmpenv", "create", "--file", path).stdout.strip()
    assert prefix not in ("", str(env_dir / HELLO_1))
    lines = (env_dir / prefix / conda_execute.MARKER).read_text().splitlines()
    assert [line for line in lines if line.startswith("channel")] == [f"channel: {channel}", "channel: nodefaults"]


def test_specs_of_the_command_line_add_to_those_of_a_file(run: Run, env_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("dependencies: [numpy]\n")
    done = run("--tmpenv", "name", "python >=3", "--file", path)
    assert done.stdout == f"{env_dir}/ea977067a8fbeb21a594\n"


SAY = "expected a script, found a conda environment file, of which no block can be made: "
KEYS = "expected one of the keys name, prefix, channels, dependencies in a conda environment file, found "
# An environment.yml that no block can say; where, what is found, and what to do.
BAD = {
    "variables": (
        "variables:\n  A: b\ndependencies: [python]\n",
        f'1:1: {KEYS}"variables"\n  1 | variables:\n    | ^\n'
        "  leave it out: a block has nothing like it, but the script can set them",
    ),
    "platforms": (
        "dependencies: [python]\nplatforms: [linux-64]\n",
        f'2:1: {KEYS}"platforms"\n  2 | platforms: [linux-64]\n    | ^\n  leave it out: a block has nothing like it',
    ),
    "a key that is near": (
        "channel: [a]\ndependencies: [python]\n",
        f'1:1: {KEYS}"channel"\n  1 | channel: [a]\n    | ^\n  write "channels"',
    ),
}


@pytest.mark.parametrize("text, expected", BAD.values(), ids=BAD)
def test_what_no_block_can_say_is_told_with_its_line(text: str, expected: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(text)
    place, _, rest = expected.partition(" ")
    assert failed(run(path), f"{path}:{place} {SAY}{rest}")
    assert failed(run("--tmpenv", "name", "--file", path), f"{path}:{expected}")


# The same, of which the line alone is held here.
PLACES = {
    "a file of pip's": ("dependencies:\n- pip:\n  - -r requirements.txt\n", "3:5", '"-r requirements.txt"'),
    "a folder": ("dependencies:\n- pip:\n  - rich\n  - -e .\n", "4:5", '"-e ."'),
    "an address for pip": ("dependencies:\n- pip:\n  - git+https://host/x\n", "3:5", '"git+https://host/x"'),
    "an address": ("dependencies:\n- https://host/x.conda\n", "2:3", 'the file "https://host/x.conda"'),
    "an anchor": ("x: &a b\ndependencies:\n- python\n", "1:4", 'an anchor ("&a")'),
    "a folded text": ("name: >-\n  x\ndependencies: [python]\n", "1:7", "a block scalar"),
    "tabs": ("dependencies:\n\t- python\n", "2:1", "a tab"),
    "a version below a name": ("dependencies:\n- python: 3.9\n", "2:3", 'the key "python"'),
    "text": ("dependencies: python\n", "1:1", '"python"'),
    "nodefaults alone": ("channels: [nodefaults]\ndependencies: [python]\n", "1:12", "none"),
}


@pytest.mark.parametrize("text, place, found", PLACES.values(), ids=PLACES)
def test_what_no_block_can_say_is_an_error_with_line_and_column(
    text: str, place: str, found: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(text)
    for words, message in (([path], SAY), (["--tmpenv", "create", "--file", path], "")):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith(f"conda-execute: {path}:{place}: {message}expected ")
        assert f"found {found}" in done.stderr.splitlines()[0]


@pytest.mark.parametrize("text", ["", "# nothing\n", "name: x\n", "dependencies:\n", "dependencies: []\n"])
def test_an_environment_file_lists_something(text: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text(text)
    assert "a conda environment file" in run(path).stderr or "name" not in text
    hint = 'write "dependencies:" and "  - python" on two lines of their own'
    message = f"{path}: expected dependencies in a conda environment file, found none\n  {hint}"
    assert failed(run("--tmpenv", "name", "--file", path), message)


@pytest.mark.parametrize("head", ["", "# conda execute\n# env: [hello-conda]\n# run_with: sh\n\n"])
def test_any_other_yaml_is_a_script_if_it_has_a_block(head: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "compose.yml"
    path.write_text(head + "services:\n  a: dependencies\n")
    done = run("-n", path)
    assert done.returncode == (0 if head else 125)
    assert ("found data" in done.stderr) == (not head)


def test_an_environment_file_with_a_block_is_a_script(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "environment.yml"
    path.write_text("# conda execute\n# env: [hello-conda]\n# run_with: hello-conda\n\ndependencies: [python]\n")
    done = run("-q", path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "hello-conda")


# -- requirements.txt


@pytest.mark.parametrize(
    "name", ["requirements.txt", "test_requirements.txt", "requirements.in", "requirements/base.txt"]
)
def test_requirements_are_shown_below_pip(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("# of the project\nrich==13.7  # colours\n\nrequests[socks]>=2 ; sys_platform == 'linux'\n")
    text = (
        "in a script, this is:\n  # conda execute\n  # env:\n  #  - python\n  #  - pip:\n"
        "  #     - rich==13.7\n  #     - requests[socks]>=2 ; sys_platform == 'linux'"
    )
    assert failed(run(path), f"{path}: expected a script, found a list of PyPI requirements\n  {text}")


OPTIONS = {
    "another file": ("rich\n-r base.txt\n", "2:1", '"-r base.txt"'),
    "a folder": ("-e .\n", "1:1", '"-e ."'),
    "an index": ("--index-url https://host/simple\nrich\n", "1:1", '"--index-url https://host/simple"'),
    "a hash": ("rich==13.7 --hash=sha256:00\n", "1:1", '"rich==13.7 --hash=sha256:00"'),
    "a hash on the next line": ("a\nrich==13.7 \\\n  --hash=sha256:00\n", "2:1", '"rich==13.7 \\"'),
    "an address": ("git+https://host/x\n", "1:1", '"git+https://host/x"'),
    "an index in one word": ("-ihttps://host/simple\nrich\n", "1:1", '"-ihttps://host/simple"'),
    "constraints": ("-c pins.txt\nrich\n", "1:1", '"-c pins.txt"'),
}


@pytest.mark.parametrize("text, place, found", OPTIONS.values(), ids=OPTIONS)
def test_requirements_that_no_block_can_say_are_told_with_their_line(
    text: str, place: str, found: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    say = SAY.replace("a conda environment file", "a list of PyPI requirements") + "expected a PyPI requirement"
    first = run(path).stderr.splitlines()[0]
    assert first.startswith(f"conda-execute: {path}:{place}: {say}")
    assert first.endswith(f", found {found}")


# What each option changes, or where else that is said: whoever leaves it out knows.
OPTION_HINTS = {
    "--index-url https://host/simple": "anybody can register",
    "--extra-index-url=https://host/simple": "anybody can register",
    "-f https://host/wheels": "anybody can register",
    "--no-index": "pip.conf",
    "--pre": '">=2.0a0"',
    "--require-hashes": "--lock SCRIPT",
    "rich==13.7 --hash=sha256:00": "--lock SCRIPT",
    "--prefer-binary": "builds it where there is none",
    "-c pins.txt": "what a file of constraints says",
}


@pytest.mark.parametrize("text, hint", OPTION_HINTS.items(), ids=OPTION_HINTS)
def test_an_option_of_pip_is_never_just_left_out(text: str, hint: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text + "\nrich\n")
    assert hint in run(path).stderr.splitlines()[3]
    path = tmp_path / "environment.yml"
    path.write_text(f"dependencies:\n- pip:\n  - {text}\n")
    assert " --" in text or hint in run("--tmpenv", "name", "--file", path).stderr.splitlines()[3]


def test_requirements_of_powershell_are_called_what_they_are(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes("rich==13.7\r\n".encode("utf-16"))
    assert f"{path}: expected text in UTF-8, found UTF-16\n" in run(path).stderr


# -- any list as a block


texts = st.text(alphabet="ab1 :#'\"-[],{}&*!|>%@`?=<~;.", min_size=1, max_size=12)


@PROFILE
@given(st.lists(texts, max_size=3), st.lists(texts, max_size=3), st.lists(texts, max_size=3))
def test_a_block_says_what_it_was_made_of(specs: list[str], pip: list[str], channels: list[str]) -> None:
    """Items are those that a block may have, each in one spelling: see parse_one_line()."""

    def keep(parse: object, items: list[str]) -> list[str]:
        kept = []
        for item in items:
            line = conda_execute.Line("", 1, item)
            try:
                kept.append(str(parse(conda_execute.Text.of(item, line, 0))))  # type: ignore[operator]
            except conda_execute.Error:
                continue
        return kept

    specs, pip = keep(conda_execute.parse_spec, ["x", *specs]), keep(conda_execute.parse_requirement, pip)
    channels = keep(conda_execute.parse_channel, channels)
    if set(channels) == {"nodefaults"}:
        return
    asked = conda_execute.Metadata(specs=specs, pip=pip, channels=channels)
    block = "\n".join(conda_execute.format_block(asked))
    found = conda_execute.parse_metadata(block.encode(), "a.py", "linux-64")
    assert (found.specs, found.pip, found.channels) == (specs, pip, channels)
    plain = yaml.load("\n".join(line[2:] for line in block.split("\n")[1:]), Loader=yaml.BaseLoader)
    assert plain["env"] == [*specs, *([{"pip": pip}] if pip else [])]
