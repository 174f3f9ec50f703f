"""The file as a house: what a reader may expect of conda_execute.py from top to bottom."""

from __future__ import annotations

import ast
import doctest
import os
import pydoc
import re
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, ROOT

import conda_execute

if TYPE_CHECKING:
    from typing import Iterator

SOURCE = FILE.read_text("utf-8")
TREE = ast.parse(SOURCE)
BANNER = "# ---- "
CHAPTERS = [line.strip("# -") for line in SOURCE.split("\n") if line.startswith(BANNER)]
needs_tools = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="mypy and ruff are installed for CPython 3.11 and newer"
)


def functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(TREE) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def find_chapter(line: int) -> int:
    """Return the number of the chapter that a line of the file stands in; 0 is what stands above the first."""
    return sum(one.startswith(BANNER) for one in SOURCE.split("\n")[:line])


def test_the_module_says_which_chapters_it_has_in_their_order() -> None:
    manual = (conda_execute.__doc__ or "").partition("Chapters")[2].partition("Licence")[0]
    assert re.findall(r"^    ([A-Za-z-]+(?: [a-z]+)*)  ", manual, re.M) == CHAPTERS


def test_no_chapter_is_longer_than_350_lines_and_each_says_what_it_owns() -> None:
    lines = SOURCE.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith(BANNER)]
    sizes = {lines[i]: end - i for i, end in zip(starts, [*starts[1:], len(lines)])}
    assert {banner: size for banner, size in sizes.items() if size > 350} == {}
    for i in starts:
        assert len(lines[i]) == 88
        about = 1 + lines[i + 2].startswith("# ")
        assert [line[:2] for line in lines[i + 1 : i + 1 + about]] == ["# "] * about
        assert lines[i + 1 + about] == ""


def test_a_chapter_calls_only_what_stands_above_it() -> None:
    defined = {node.name: node for node in TREE.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    found = []
    for name, node in defined.items():
        inner = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
        local = {one.id for one in inner if isinstance(one.ctx, ast.Store)}
        local |= {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
        below = {one.id for one in inner if one.id in defined and one.id not in local}
        found += [(name, one) for one in below if find_chapter(defined[one].lineno) > find_chapter(node.lineno)]
    assert found == []


def test_every_chapter_is_what_a_file_of_tests_is_about() -> None:
    """Its first line names the chapters, then says what they promise; what is about none stands for itself."""
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").glob("test_*.py")]
    first = [(ast.get_docstring(ast.parse(text)) or "").split("\n")[0] for text in texts]
    named = {chapter for line in first for chapter in re.split(", | and ", line.partition(": ")[0])}
    assert [chapter for chapter in CHAPTERS if chapter not in named] == []


def test_every_function_fits_on_a_screen() -> None:
    sizes = {node.name: node.end_lineno - node.lineno + 1 for node in functions() if node.end_lineno}
    assert {name: size for name, size in sizes.items() if size > 40} == {}
    ordered = sorted(sizes.values())
    assert statistics.median(ordered) <= 10
    assert ordered[len(ordered) * 9 // 10] <= 30


def test_the_file_is_small() -> None:
    assert SOURCE.count("\n") <= 9742


def test_only_the_standard_library_is_imported() -> None:
    names = {name.name.split(".")[0] for node in ast.walk(TREE) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module.split(".")[0] for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom) and node.module}
    # rattler is imported where it builds, and installed where it is missing; conda imports us as its plugin.
    engine = {"rattler", "conda"}
    known = getattr(sys, "stdlib_module_names", names | {"_sha2", "_sha256"})  # CPython 3.10 and newer
    assert names - engine <= set(known) | {"_sha2", "_sha256"}


def test_what_a_warm_run_needs_alone_is_imported_at_the_top() -> None:
    top = [name.name for node in TREE.body if isinstance(node, ast.Import) for name in node.names]
    assert top == ["atexit", "os", "sys", "time"]  # the first is a part of each CPython


def test_the_grammar_is_one_that_older_pythons_read_too_so_that_they_can_be_told() -> None:
    """What cannot even read it shows the first line that it cannot read, which says what is needed."""
    ast.parse(SOURCE, feature_version=(3, 6))
    with pytest.raises(SyntaxError) as caught:
        ast.parse(SOURCE, feature_version=(3, 5))
    assert "which takes 3.8 or newer" in SOURCE.split("\n")[(caught.value.lineno or 0) - 1]


def test_every_function_is_annotated_and_no_exception_is_caught_blindly() -> None:
    assert [node.name for node in functions() if node.returns is None] == []
    handlers = [node.type for node in ast.walk(TREE) if isinstance(node, ast.ExceptHandler)]
    assert None not in handlers
    blind = [h for h in handlers if isinstance(h, ast.Name) and h.id in ("Exception", "BaseException")]
    raising = [node for node in ast.walk(TREE) if isinstance(node, ast.ExceptHandler) and node.type in blind]
    [hook] = [node for node in functions() if node.name == "conda_subcommands"]  # which must never end conda
    silent = [h for h in raising if not any(isinstance(node, ast.Raise) for node in ast.walk(h))]
    assert [h for h in silent if h not in ast.walk(hook)] == []


def test_the_examples_in_docstrings_are_true() -> None:
    results = doctest.testmod(conda_execute)
    assert results.attempted > 5
    assert results.failed == 0


def test_help_is_the_manual_and_what_is_public() -> None:
    text = pydoc.render_doc(conda_execute, renderer=pydoc.plaintext)
    assert re.findall(r"^    (?:class )?(\w+)\(", text, re.M) == ["Error", "bootstrap", "main", "prefix_of", "run"]
    manual = (conda_execute.__doc__ or "").partition("Public:")[2].partition("All else may change")[0]
    assert set(re.findall(r"^    (\w+)", manual, re.M)) == set(conda_execute.__all__)
    assert len(text.splitlines()) < 250


def test_nothing_else_is_visible_at_the_top() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git checkout")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    top = {path.split("/")[0] for path in done.stdout.splitlines()}
    allowed = {"conda_execute.py", "tests", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= allowed


@needs_tools
def test_mypy_is_content() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", os.devnull], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()


@needs_tools
def test_ruff_is_content() -> None:
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode()
