"""TOML: what the reader accepts is what tomli reads; what it does not read it refuses, by name.

The official corpus (toml-test) comes out of the sdist of tomlkit, once, into .venv.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli
from conftest import PROFILE, ROOT
from hypothesis import given
from hypothesis import strategies as st

import conda_execute

if TYPE_CHECKING:
    from typing import Any


SDIST = "tomlkit==0.15.2"  # with toml-test for TOML 1.1
CORPUS = ROOT / ".venv" / ("toml-test-of-" + SDIST)
# How a message names what TOML has and blocks do not need.
UNREAD = (
    "found a multi-line string",
    "found a date or time",
    "found a number that is not plain digits",
    "found the character U+",
    "found too many in each other",
)


def read(data: bytes) -> dict[Any, Any]:
    """Return what the reader makes of a whole file."""
    raws = data.replace(b"\r\n", b"\n").split(b"\n")
    lines = [conda_execute.read_line("file.toml", number, raw, blank="\t") for number, raw in enumerate(raws, 1)]
    return conda_execute.parse_toml(lines, lambda path: path != ["theirs"])


def select(node: Any, path: list[str]) -> Any:
    """Return of what tomli reads what the blocks of scripts look at."""
    if isinstance(node, list) and len(path) < 3:
        return [select(one, path) for one in node]
    if not isinstance(node, dict) or len(path) > 2:
        return node
    kept = {key: select(value, [*path, key]) for key, value in node.items() if conda_execute.is_read([*path, key])}
    return {key: value for key, value in kept.items() if value not in ({}, [{}])}


def check_that_nothing_is_hidden(text: str) -> bool:
    """Assert that of an accepted block all is read that is looked at; answer whether it is accepted.

    What is not looked at may be text that tomli refuses: then there is nothing to compare with.
    """
    raws = enumerate(text.encode("utf-8", "surrogatepass").split(b"\n"), 1)
    try:
        lines = [conda_execute.read_line("file.toml", number, raw, blank="\t") for number, raw in raws]
        ours = as_plain(conda_execute.parse_toml(lines, conda_execute.is_read))
    except conda_execute.Error:
        return False
    try:
        theirs = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return True
    assert select(ours, []) == select(theirs, []), text
    return True


def read_ours(text: str) -> Any:
    """Return what the reader makes of a file of which it looks at [tool.ours] alone."""
    lines = [conda_execute.Line("file.toml", number, raw) for number, raw in enumerate(text.split("\n"), 1)]
    return conda_execute.parse_toml(lines, lambda path: path[:1] in ([], ["tool"]) and path[1:2] in ([], ["ours"]))


def as_plain(node: Any) -> Any:
    """Return what tomli would give for what our reader gave: it keeps every scalar as it is written."""
    if isinstance(node, dict):
        return {str(key): as_plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_plain(item) for item in node]
    if conda_execute.is_string(node):
        return str(node)
    return tomli.loads(f"x = {node}")["x"]


def check_that_tomli_agrees(data: bytes) -> str:
    """Assert that what is accepted is read as tomli reads it; return the message of what is refused."""
    try:
        ours = as_plain(read(data))
    except conda_execute.Error as error:
        shown = conda_execute.format_error(error)
        assert all(line.strip() and line.isprintable() for line in shown.split("\n")), shown
        return error.message
    text = data.decode("utf-8").replace("\r\n", "\n")
    try:
        theirs = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise AssertionError(f"accepted what tomli refuses:\n{text}\n{error}") from None
    assert ours == theirs, text
    return ""


@pytest.fixture(scope="module")
def corpus() -> Path:
    """Return the folder of the official corpus; skip where PyPI cannot be reached."""
    if not CORPUS.exists():
        CORPUS.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CORPUS.parent) as work:
            argv = ["-m", "pip", "download", "--no-deps", "--no-binary", "tomlkit", "--dest", work, SDIST]
            done = subprocess.run([sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                pytest.skip("cannot get the corpus from PyPI: " + done.stdout.strip().split("\n")[-1])
            with tarfile.open(next(Path(work).glob("*.tar.gz"))) as archive:
                members = [one for one in archive.getmembers() if "/toml-test/tests/" in one.name and one.isreg()]
                for member in members:
                    member.name = member.name.split("/toml-test/tests/")[1]
                archive.extractall(Path(work, "tests"), members)
            Path(work, "tests").rename(CORPUS)
    return CORPUS


def list_files(corpus: Path, kind: str) -> list[Path]:
    """Return the files that TOML 1.1 has as valid or invalid."""
    names = (corpus / "files-toml-1.1.0").read_text("utf-8").split()
    return [corpus / name for name in names if name.startswith(kind) and name.endswith(".toml")]


def test_a_valid_file_is_read_as_tomli_reads_it_or_refused_by_the_name_of_what_is_not_read(corpus: Path) -> None:
    messages = {str(path): check_that_tomli_agrees(path.read_bytes()) for path in list_files(corpus, "valid/")}
    assert len(messages) > 200
    assert {path: text for path, text in messages.items() if text and not any(one in text for one in UNREAD)} == {}
    assert sum(not text for text in messages.values()) > 120


def test_an_invalid_file_is_refused(corpus: Path) -> None:
    messages = {str(path): check_that_tomli_agrees(path.read_bytes()) for path in list_files(corpus, "invalid/")}
    assert len(messages) > 400
    assert [path for path, text in messages.items() if not text] == []


def test_what_is_not_looked_at_may_be_any_file_and_hides_nothing(corpus: Path) -> None:
    ours, others = "[tool.ours]\nx = ['y']\n", ""
    for path in list_files(corpus, "valid/"):
        text = path.read_text("utf-8").replace("\r\n", "\n")
        assert read_ours(f"[tool.theirs]\n{text}\n{ours}") == {"tool": {"ours": {"x": ["y"]}}}, path
        assert read_ours(f"{ours}[tool.theirs]\n{text}") == {"tool": {"ours": {"x": ["y"]}}}, path
        if not any(line.lstrip().startswith("[") for line in text.split("\n")):
            others += "[[tool.theirs]]\n" + text + "\n"
    assert len(others) > 10_000
    assert read_ours(others + ours + others) == {"tool": {"ours": {"x": ["y"]}}}


values = st.recursive(
    st.sampled_from(
        ["1979-05-27", "1e3", "'a]'", '"}\\""', '"""\n[tool.ours]\n"a""""', "'''\n[tool.ours]\n'''", "x y"]
    ),
    lambda some: st.one_of(
        st.lists(some, max_size=3).map(lambda items: "[\n" + ', # ] "\n'.join(items) + "]"),
        st.lists(some, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{i} = {one}" for i, one in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)


@PROFILE
@given(values)
def test_a_value_that_is_not_looked_at_ends_where_it_ends(value: str) -> None:
    ours = {"tool": {"ours": {"x": "1"}}}
    assert read_ours(f"tool.theirs.a = {value}  # c\ntool.ours.x = 1") == ours
    assert read_ours(f"[tool.theirs]\na = {value}\n[tool.ours]\nx = 1") == ours
    assert read_ours(f"tool = {{ theirs.a = {value}, ours = {{ x = 1 }} }}") == ours


TABLES = ("conda", "pixi", "uv", "uv.sources", "uv.pip", "ruff", "ruff.uv", "'conda'", "x.y", "pixi.target.linux")
MIXED_KEYS = ("x", "tool.uv.sources", "uv.index", "conda.x", "pixi", "tool.ruff", "tool.x.y")
MIXED = [
    *(f"[tool.{name}]" for name in TABLES),
    *(f"[[tool.{name}]]" for name in ("uv.index", "uv.x", "ruff", "pixi")),
    *(f"{key} = {value}" for key in MIXED_KEYS for value in ("1e3", "{ x = 1 }", '"""', "'a", "[", "['x'")),
    "[tool]", "[ tool . 'uv' . sources ]", "[project]", "[", "tool = {", "uv = { sources.x = 1 },", "ruff = [", "]",
    "}", "],", "},", '"""', "'''", "'", "# ]", "1,", "x", "",
]  # fmt: skip


@PROFILE
@given(st.lists(st.sampled_from(MIXED), max_size=9).map("\n".join))
def test_no_table_hides_in_what_is_not_looked_at(text: str) -> None:
    check_that_nothing_is_hidden(text)


REFUSED = {
    'x = """a"""': "a multi-line string",
    "x = '''a'''": "a multi-line string",
    "x = 1979-05-27": 'a date or time ("1979-05-27")',
    "x = 1979-05-27T07:32:00Z": 'a date or time ("1979-05-27T07:32:00Z")',
    "x = 07:32:00.5": 'a date or time ("07:32:00.5")',
    "x = 1e3": 'a number that is not plain digits ("1e3")',
    "x = 1e-3": 'a number that is not plain digits ("1e-3")',
    "x = 0xff": 'a number that is not plain digits ("0xff")',
    "x = -inf": 'a number that is not plain digits ("-inf")',
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(conda_execute.Error) as caught:
        read(text.encode())
    assert caught.value.message.endswith(", found " + REFUSED[text])


PIECES = [
    *" \t\n\r#=.,[]{}'\"\\-_+:~0123456789aetfx", "é", "\u00a0", "\0", "\n", "\n", "a", "b", "a.b", "[a]", "[a.b]",
    "[[a]]", "[[a.b]]", " = ", "a = ", "b = ", "1", "0", "-1", "1_0", "1.5", "true", "false", "inf", "1e3", "''", '""',
    '"x"', "'y'", '"\\t"', '"\\x41"', '"\\u00e9"', '"\\e"', "[1, 2]", "{a = 1}", "{a.b = 1, }", ", ", "\n# c\n", '"""',
    "1979-05-27",
]  # fmt: skip
VALUES = [
    "1", "true", '"x"', "'y'", "[]", "[1, 'a']", "{}", "{a = 1}", "{a.b = 1}", "[{a = 1}]", "[\n1,\n]", "{\na=1,\n}",
]  # fmt: skip
KEYS = ["a", "b", "c", "a.b", "a.c", "a.b.c", '"a"', "'b'.c", "a . b"]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
statements = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.builds("[{}]".format, st.sampled_from(KEYS)),
    st.builds("[[{}]]".format, st.sampled_from(KEYS)),
)


@PROFILE
@given(texts)
def test_arbitrary_text_is_read_as_tomli_reads_it_or_refused(text: str) -> None:
    check_that_tomli_agrees(text.encode("utf-8", "surrogatepass"))


@PROFILE
@given(st.lists(statements, max_size=7))
def test_tables_grow_and_close_as_tomli_has_it(lines: list[str]) -> None:
    """Both ways: of statements that are all within the subset none is refused that tomli reads."""
    text = "\n".join(lines)
    message = check_that_tomli_agrees(text.encode())
    if message:
        with pytest.raises(tomli.TOMLDecodeError):
            tomli.loads(text)


def test_a_scalar_is_text_as_it_is_written() -> None:
    assert read(b"a = 3.10\nb = 1_000\nc = true\nd = '3.10'\n") == {"a": "3.10", "b": "1_000", "c": "true", "d": "3.10"}


LARGE = {
    "lists in lists": (b"x = ", b"[", 100_000, b""),
    "tables in tables": (b"x = ", b"{a=", 100_000, b""),
    "a million blanks": (b"x = [", b" \n", 1_000_000, b"]"),
    "a list of 200,000 strings": (b"x = [", b"'a',\n", 200_000, b"]"),
    "a long string": (b'x = "', b"\\x41", 250_000, b'"'),
    "a long key": (b"", b"a.", 100_000, b"a = 1"),
    "100,000 quotes": (b"x = ", b"'", 100_000, b""),
    "100,000 tables of one list": (b"", b"[[a]]\n", 100_000, b""),
    "100,000 tables of others": (b"", b"[theirs]\nx = 1e3\n", 100_000, b""),
    "lists in lists of others": (b"theirs = ", b"[", 500_000, b""),
    "500,000 quotes of others": (b"theirs = ", b'"', 500_000, b""),
    "backslashes of others": (b'theirs = """', b"\\", 500_000, b""),
}


@pytest.mark.once
@pytest.mark.parametrize("what", LARGE)
def test_reading_takes_linear_time(what: str) -> None:
    start, piece, times, end = LARGE[what]
    try:
        read(start + piece * times + end)
    except conda_execute.Error as error:
        assert len(conda_execute.format_error(error)) < 1000
