"""The README's pictures: the program draws them of what happens today, and they load nothing and tell of no machine."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import NO_CHANNEL, ROOT

if os.name == "nt":
    pytest.skip(NO_CHANNEL, allow_module_level=True)

import pictures

pytestmark = pytest.mark.once
SHOWN = ROOT / "tests" / "pictures"
NAMES = list(pictures.PICTURES)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder into which the program has just drawn all pictures."""
    folder = tmp_path_factory.mktemp("drawn")
    pictures.write(folder)
    return folder


def read_end(path: Path) -> str:
    """Return the text that a picture ends with, of numbers only that there are some."""
    last = path.read_text("utf-8").rpartition('class="frame"')[2]
    rows: dict[str, list[str]] = {}
    for at, text in re.findall(r'<text class="[^"]*-r\d+"[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', last):
        rows.setdefault(at, []).append(unescape(text).replace("\xa0", " "))
    text = "\n".join("".join(row).rstrip() for row in rows.values())
    return re.sub(r" +", " ", re.sub(r"\b\d+(\.\d+)*\b", "0", text)).strip()


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_shows_what_happens_today(name: str, drawn: Path) -> None:
    """Where not: python tests/pictures.py"""
    text = read_end(SHOWN / f"{name}.svg")
    assert text.startswith("$ ") and len(text) > 100
    assert text == read_end(drawn / f"{name}.svg")


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_loads_nothing_and_tells_of_no_machine(name: str, drawn: Path) -> None:
    for path in (SHOWN / f"{name}.svg", drawn / f"{name}.svg"):
        text = path.read_text("utf-8")
        ElementTree.fromstring(text)
        assert not re.search(r"@font-face|@import|<script|<image|href=|url\((?!#)", text)
        assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"/tmp|/root|/var/|/Users", text)
        assert not re.search(r"/home/(?!me/)", text)


def test_the_first_run_moves_and_keeps_still_for_who_asks_for_that(drawn: Path) -> None:
    text = (drawn / "first-run.svg").read_text("utf-8")
    assert text.count('class="frame"') == text.count("@keyframes") > 2
    assert text.count('class="frame" id="frame-0" opacity="0"') == 1 and "prefers-reduced-motion: reduce" in text
    last = text.count('class="frame"') - 1
    assert f'id="frame-{last}">' in text  # seen where nothing moves


def test_the_readme_shows_all_of_them() -> None:
    shown = re.findall(r"!\[(.+)\]\((tests/pictures/.*)\)", (ROOT / "README.md").read_text("utf-8"))
    assert sorted(path for _, path in shown) == sorted(f"tests/pictures/{name}.svg" for name in NAMES)
    assert sorted(path.name for path in SHOWN.iterdir()) == sorted(f"{name}.svg" for name in NAMES)


def test_the_help_of_the_readme_is_brought_up_to_date(tmp_path: Path) -> None:
    readme, text = tmp_path / "README.md", (ROOT / "README.md").read_text("utf-8")
    readme.write_text(text.replace("  -q, --quiet ", "  -s, --silent ").replace("\nclear    remove", "\nclear    free"))
    assert readme.read_text() != text
    pictures.write_help(readme)
    assert readme.read_text("utf-8") == text
