"""Text, YAML and Block: every block is read as PyYAML reads it or refused, and in linear time.

HYPOTHESIS_PROFILE=long looks for a long while (see PROFILE).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import PROFILE
from hypothesis import given
from hypothesis import strategies as st

import conda_execute

if TYPE_CHECKING:
    from typing import Any


# -- a second reader, which shares no code with the first


CORPUS = Path(__file__).parent / "metadata"
SCRIPTS = [
    path.read_bytes()
    for path in sorted(CORPUS.glob("*valid/*"))
    if path.suffix not in (".json", ".txt") and path.stat().st_size < 5000
]
MARKER = rb"(?i:rem|@rem|dnl)|(?!(?:-|\.|:|/)\s)[#/\-;%!'\":.\\]{1,8}"
HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*(" + MARKER + rb")\s*[ \t]conda execute\s*:?\s*")


def read_text(script: bytes) -> str:
    """Return the text behind the markers of a script's only block."""
    lines = script.split(b"\n")
    (header,) = [i for i, line in enumerate(lines) if HEADER.fullmatch(line) and (i == 0 or line[:1] != b"\xef")]
    marker = HEADER.fullmatch(lines[header])[1]  # type: ignore[index]
    end = rb"(?![^ \t])" * marker.isalpha()
    member = re.compile(rb"[ \t]*(?i:" + re.escape(marker) + rb")" + end + rb"(.*)", re.DOTALL)
    text = ""
    for line in lines[header + 1 :]:
        match = member.fullmatch(line.rstrip(b"\r"))
        if not match:
            break
        text += match[1].decode("utf-8") + "\n"
    return text


def as_plain(node: Any) -> Any:
    """Return a tree of dict, list and str."""
    if isinstance(node, dict):
        return {str(key): as_plain(value) for key, value in node.items()}
    return [as_plain(item) for item in node] if isinstance(node, list) else str(node)


def check_that_pyyaml_agrees(script: bytes) -> bool:
    """Assert that what the parser accepts is what PyYAML reads; answer whether it accepts."""
    try:
        dialect, lines = conda_execute.find_block(script, "script")
        ours = conda_execute.parse_yaml(lines) if dialect == "conda-execute" else {}
    except conda_execute.Error:
        return False
    if dialect != "conda-execute":
        return False
    text = read_text(script)
    try:
        theirs = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise AssertionError(f"accepted what PyYAML refuses:\n{text}\n{error}") from None
    assert as_plain(ours) == ({} if theirs is None else theirs), text
    return True


def check_that_only_error_is_raised(script: bytes) -> None:
    """Assert that a script yields metadata, command and name, or an Error that can be shown where it points."""
    try:
        metadata = conda_execute.parse_metadata(script, "script", "linux-64")
        conda_execute.find_run_with(script, "script", metadata, "script")
    except conda_execute.Error as error:
        check_that_error_is_shown(error, script)
        return
    name = conda_execute.find_name(metadata.specs, metadata.pip, metadata.channels)
    assert re.fullmatch("[0-9a-f]{20}", name)
    for word in [*metadata.specs, *metadata.pip, *metadata.channels]:
        assert word.isprintable()
        assert word[:1] not in ("", "-", "@")


def check_that_error_is_shown(error: conda_execute.Error, script: bytes) -> None:
    """Assert that a message is short lines of printable text, and that its line and column exist."""
    shown = conda_execute.format_error(error)
    assert all(line.strip() and line.isprintable() and len(line) < 500 for line in shown.split("\n")), shown
    if re.fullmatch(r"script:\d+:\d+", error.place):
        number, column = map(int, error.place.split(":")[1:])
        line = script.split(b"\n")[number - 1].decode("utf-8", "replace").rstrip("\r")
        line = line[line.startswith("\ufeff") and number == 1 :]  # no editor counts it
        source = error.source.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        assert line.rstrip() == source.rstrip()
        assert 1 <= column <= len(line) + 1


# -- what it is given


SPECIAL = list(" \t\n\r#:-,[]{}'\"\\&*!|>%@`?=<~.0aé\u00a0\u2028\ufeff\x00")
PIECES = [
    *SPECIAL, "  ", ": ", "- ", " #", "#", "env", "env:", "channels:", "run_with:", "pip:", "- pip:", "python",
    "numpy >=1", "a", "b c", "''", '""', "\\x41", "\\u00e9", "\\n", "[a, b]", "[", "]", "# [win]", "---", "...",
    "# [linux and not win]", "://", "::", "null", "3.10", "yes", "<<", "x: y", "? ", "key : v", "a:b",
    "\n#", "\n# ", "\n#  - ", "\n#   ",
]  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
scalars = st.one_of(
    st.sampled_from(["a", "b c", "'it''s'", '"\\t"', "-x", "?x", ":x", "a:b", "a#b", "", "[a, b]", "[a,"]), pieces
)
lines = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", " ", " ", "  ", "   ", "    "]),
    st.sampled_from(["", "- ", "- ", "-  ", "-", "- - ", "- b: ", "? "]),
    st.sampled_from(["", "env:", "a:", "a: ", "b: ", "c :", "'d': ", "e: # x"]),
    scalars,
)
markers = st.sampled_from(["#", "//", "--", ";", "%", "'", "REM", "::", "  #", "\t//"])
newlines = st.sampled_from(["\n", "\n", "\r\n"])


@st.composite
def blocks(draw: Any) -> bytes:
    """Draw a script that is a block and a line below it."""
    marker, newline = draw(markers), draw(newlines)
    body = draw(st.lists(lines, max_size=7))
    text = newline.join([f"{marker} conda execute", *(marker + line for line in body), "", "end"])
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutants(draw: Any) -> bytes:
    """Draw a script of the corpora with a few characters or lines put in, taken out or replaced."""
    script = draw(st.sampled_from(SCRIPTS))
    start = max(0, script.find(b"conda execute"))
    for _ in range(draw(st.integers(1, 4))):
        at = start + draw(st.integers(-5, 250))
        at = min(max(at, 0), len(script))
        piece = draw(st.sampled_from(PIECES)).encode("utf-8")
        kind = draw(st.sampled_from(["insert", "insert", "delete", "replace", "drop line", "copy line", "join lines"]))
        if kind in ("insert", "delete", "replace"):
            gone = 0 if kind == "insert" else draw(st.integers(1, 4))
            script = script[:at] + (b"" if kind == "delete" else piece) + script[at + gone :]
            continue
        rows = script.split(b"\n")
        row = script.count(b"\n", 0, at)
        new = {"drop line": [], "copy line": [rows[row]] * 2, "join lines": [b"".join(rows[row : row + 2])]}[kind]
        script = b"\n".join([*rows[:row], *new, *rows[row + 1 + (kind == "join lines") :]])
    return script


@PROFILE
@given(blocks())
def test_what_is_accepted_is_what_pyyaml_reads(script: bytes) -> None:
    check_that_pyyaml_agrees(script)


@PROFILE
@given(mutants())
def test_a_mutant_of_a_real_script_is_read_as_pyyaml_reads_it_or_refused(script: bytes) -> None:
    check_that_pyyaml_agrees(script)
    check_that_only_error_is_raised(script)


@PROFILE
@given(blocks())
def test_a_block_yields_metadata_or_an_error_that_can_be_shown(script: bytes) -> None:
    check_that_only_error_is_raised(script)


@PROFILE
@given(st.binary(max_size=200), st.sampled_from([b"", b"# conda execute\n#", b"#!x\n// conda execute:\n//env:\n//- "]))
def test_arbitrary_bytes_yield_metadata_or_an_error_that_can_be_shown(noise: bytes, start: bytes) -> None:
    check_that_only_error_is_raised(start + noise)
    check_that_only_error_is_raised(start + noise.replace(b"\n", b"\n#"))


# -- blocks of PEP 723


# The expression that the PEP gives as what counts.
PEP_723 = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
PEP_LINES = ["# /// script", "# ///", "#", "# a", "# /// other", "# /// a b", "", "x", "# /// script ", "#a", "# /// "]


@PROFILE
@given(st.lists(st.sampled_from(PEP_LINES), max_size=12))
def test_blocks_of_pep_723_are_those_of_its_expression(lines: list[str]) -> None:
    text = "\n".join(lines)
    theirs = [match["content"] for match in PEP_723.finditer(text) if match["type"] == "script"]
    found = conda_execute.find_pep_723(text.encode().split(b"\n"))
    assert ["".join(f"{line}\n" for line in lines[start:end]) for start, _, _, end in found] == theirs


# -- time


MIB = 1024 * 1024
OPEN, ENV = b"# conda execute\n", b"# conda execute\n# env: [python]\n"
LIST = b"# conda execute\n# env:\n"
PEP, END = b"# /// script\n", b"# /// end-conda-script\n"
SCRIPT = b"# /// conda-script\n# channels = ['c']\n# entrypoint = 'sh'\n# [dependencies]\n"
ENTRYPOINT, SCRIPT_END = b"# /// conda-script\n# channels = ['c']\n# entrypoint = '", b"# dependencies.a = '*'\n" + END
# What is large: how it begins, what is repeated how often, and how it ends.
LARGE = {
    "10 MiB without a block": (b"", b"x = 1  # nothing\n", 10 * MIB // 17, b""),
    "a million mentions on one line": (b"", b"# conda execute ", 1_000_000, b""),
    "300,000 mentions, one a line": (b"", b"print('conda execute')\n", 300_000, b""),
    "300,000 mentions in comments": (b"", b"# conda execute it\n", 300_000, b""),
    "100,000 blocks": (b"", b"# conda execute\n\n", 100_000, b""),
    "a spec of 1 MiB": (OPEN + b"# env: [", b"x", MIB, b"]\n"),
    "a key of 1 MiB": (ENV + b"# ", b"x", MIB, b": y\n"),
    "a line of blanks": (OPEN + b"# env:", b" ", MIB, b"#\n#  - python\n"),
    "a line of colons": (ENV + b"# ", b":", MIB, b"\n"),
    "a line of words and colons": (ENV + b"# ", b"a :b", MIB // 4, b"\n"),
    "a line of quotes": (OPEN + b"# env: [", b"'", MIB, b"]\n"),
    "a line of escapes": (OPEN + b'# env: ["', b"\\x41", MIB // 4, b'"]\n'),
    "a line of items": (OPEN + b"# env: [", b"python,", MIB // 7, b"]\n"),
    "a line of number signs": (OPEN + b"# env: [", b"a#", MIB // 2, b"]\n"),
    "a line of brackets": (OPEN + b"# env: ", b"[", MIB, b"\n"),
    "a spec of many words": (LIST + b"#  - python ", b"1 ", MIB // 2, b"\n"),
    "a spec of many versions": (LIST + b"#  - python ", b">=1, ", MIB // 5, b"<2\n"),
    "a command of many words": (ENV + b"# run_with: ", b"w ", MIB // 2, b"\n"),
    "a command of one long word": (ENV + b"# run_with: ", b"w", MIB, b"\n"),
    "a long selector": (LIST + b"#  - python  # [", b"not ", MIB // 4, b"linux]\n"),
    "a selector of many words": (LIST + b"#  - python  # [", b"win or ", MIB // 7, b"linux]\n"),
    "100,000 items": (LIST, b"#  - python >=3\n", 100_000, b""),
    "100,000 items with selectors": (LIST, b"#  - python >=3  # [linux]\n", 100_000, b""),
    "100,000 lines of a flow list": (OPEN + b"# env: [\n", b"#  python,\n", 100_000, b"# ]\n"),
    "100,000 lists of requirements": (LIST, b"#  - pip: [rich]\n", 100_000, b""),
    "100,000 channels": (ENV + b"# channels:\n", b"#  - c\n", 100_000, b""),
    "100,000 keys": (ENV + b"".join(b"# k%d: v\n" % i for i in range(100_000)), b"", 0, b""),
    "100,000 comments": (ENV, b"# # nothing\n", 100_000, b""),
    "300,000 openings of PEP 723": (b"", b"# /// script\n", 300_000, b""),
    "100,000 blocks of PEP 723": (b"", b"# /// script\n# a\n# ///\n\n", 100_000, b""),
    "100,000 openings of a conda-script": (b"", b"# /// conda-script\n", 100_000, b"# /// end-conda-script\n"),
    "100,000 requirements of PEP 723": (PEP + b"# dependencies = [\n", b"#  'rich',\n", 100_000, b"# ]\n# ///\n"),
    "a list of 1 MiB": (PEP + b"# dependencies = [", b"'x',", MIB // 4, b"]\n# ///\n"),
    "100,000 dependencies": (SCRIPT, b"".join(b"# k%d = '*'\n" % i for i in range(100_000)), 1, END),
    "a dependency with a long condition": (SCRIPT + b"# a = {when = '__cuda >=1", b",<2", MIB // 3, b"'}\n" + END),
    "a version of many numbers": (SCRIPT + b"# a = {when = '__cuda >=1", b".1", MIB // 2, b"'}\n" + END),
    "a python of many versions": (PEP + b"# requires-python = '", b">=1,", MIB // 4, b"'\n# ///\n"),
    "an entrypoint of many words": (ENTRYPOINT, b"a ", MIB // 2, b"'\n" + SCRIPT_END),
    "an entrypoint of one word": (ENTRYPOINT, b"a", MIB, b"'\n" + SCRIPT_END),
    "an entrypoint of many commands": (ENTRYPOINT, b"a && ", MIB // 5, b"a'\n" + SCRIPT_END),
    "an entrypoint of many commands inside": (ENTRYPOINT, b"$(a) ", MIB // 5, b"'\n" + SCRIPT_END),
    "an entrypoint of many openings": (ENTRYPOINT, b"$(", MIB // 2, b"'\n" + SCRIPT_END),
    "a shebang of 10 MiB": (b"#!/usr/bin/env -S python", b" x", 5 * MIB, b"\n" + ENV),
}
READ = """
import sys, conda_execute
script = open(sys.argv[1], "rb").read()
try:
    metadata = conda_execute.parse_metadata(script, "script", "linux-64")
    conda_execute.find_run_with(script, "script", metadata, "script")
    conda_execute.find_name(metadata.specs, metadata.pip, metadata.channels)
except conda_execute.Error as error:
    print(conda_execute.format_error(error))
"""
DEADLINE_S = 60  # linear time takes a second or two; quadratic time takes hours


@pytest.mark.once
@pytest.mark.parametrize("what", LARGE)
def test_reading_takes_linear_time(what: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    start, piece, times, end = LARGE[what]
    script.write_bytes(start + piece * times + end)
    root = str(Path(conda_execute.__file__).parent)
    argv = [sys.executable, "-c", READ, str(script)]
    subprocess.run(argv, env={**os.environ, "PYTHONPATH": root}, check=True, timeout=DEADLINE_S)
