"""Kinds: a file that is no text is called what it is, with what to do; a block in front of any bytes counts."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import py_compile
import sys
import tarfile
import zipapp
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import failed
from hypothesis import given
from hypothesis import strategies as st

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Run, Write

TEXT = "# conda execute\n# env:\n#  - hello-conda\nhello-conda\n"
CELL = {"cell_type": "code", "source": TEXT.splitlines(keepends=True)}


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as f:
        f.writestr("a.py", TEXT)


def make_zipapp(path: Path) -> None:
    folder = path.with_name("app")
    folder.mkdir()
    (folder / "__main__.py").write_text(TEXT)
    zipapp.create_archive(folder, path, "/usr/bin/env python3")


def make_tar(path: Path) -> None:
    with tarfile.open(path, "w") as f:
        entry = tarfile.TarInfo("a.py")
        entry.size = len(TEXT)
        f.addfile(entry, io.BytesIO(TEXT.encode()))


def make_tar_of_a_letter(path: Path) -> None:
    with tarfile.open(path, "w") as f:
        f.addfile(tarfile.TarInfo("a"))


def make_pyc(path: Path) -> None:
    source = path.with_name("source.py")
    source.write_text("x = 1\n")
    py_compile.compile(str(source), str(path))


def write_bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


UNPACK, OTHER = conda_execute.UNPACK, conda_execute.OTHER
NOTEBOOK = 'make a script of it with "jupyter nbconvert --to script NOTEBOOK", and put a block on top'
EMPTY = "check the path, and what should have written it"
PAGE, LOCK, READER = conda_execute.PAGE, conda_execute.LOCK, conda_execute.READER
# How each is made, what it is called, and what is said to do.
FILES = {
    "notebook": (write_bytes(json.dumps({"cells": [CELL], "nbformat": 4}, indent=1).encode()), "a notebook", NOTEBOOK),
    "notebook on one line": (
        write_bytes(json.dumps({"nbformat": 4, "cells": [CELL]}).encode()),
        "a notebook",
        NOTEBOOK,
    ),
    "zip": (make_zip, "a zip archive", UNPACK),
    "zipapp": (make_zipapp, "an archive", UNPACK),
    "tar": (make_tar, "an archive", UNPACK),
    "tar of a name like wide characters": (make_tar_of_a_letter, "an archive", UNPACK),
    "gzip": (write_bytes(gzip.compress(TEXT.encode())), "a gzip archive", UNPACK),
    "bzip2": (write_bytes(bz2.compress(TEXT.encode())), "a bzip2 archive", UNPACK),
    "xz": (write_bytes(lzma.compress(TEXT.encode())), "an xz archive", UNPACK),
    "zstd": (write_bytes(b"(\xb5/\xfd\x04\x00"), "a zstd archive", UNPACK),
    "compiled Python": (make_pyc, "compiled Python", "run the .py that it was made of"),
    "PNG": (write_bytes(b"\x89PNG\r\n\x1a\n"), "an image", OTHER),
    "JPEG": (write_bytes(b"\xff\xd8\xff\xe0"), "an image", OTHER),
    "PDF": (write_bytes(b"%PDF-1.7\n%\xe2\xe3\n"), "a PDF", OTHER),
    "SQLite": (write_bytes(b"SQLite format 3\0\x10\0"), "a binary file", OTHER),
    "XML": (write_bytes(b'<?xml version="1.0"?>\n<a/>\n'), "an XML file", OTHER),
    "RTF": (write_bytes(b"{\\rtf1\\ansi # conda execute}\n"), "a document in RTF", "save it as plain text"),
    "CR": (
        write_bytes(TEXT.replace("\n", "\r").encode()),
        "lines that end in CR alone",
        "save it with line ends of Unix",
    ),
    "web page": (write_bytes(b"\n<!DOCTYPE html>\n<html><body># conda execute</body></html>"), "a web page", PAGE),
    "web page with a mark": (write_bytes(b"\xef\xbb\xbf<HTML>"), "a web page", PAGE),
    "program of Windows": (write_bytes(b"MZ\x90\0\x03"), "a program or library of Windows", conda_execute.PROGRAM),
    "Git LFS": (
        write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
        "a pointer of Git LFS",
        'write "git lfs pull" to get the file itself',
    ),
    "a lock": (write_bytes(b"# platform: linux-64\r\n@EXPLICIT\r\n"), "a lock, which @EXPLICIT begins", LOCK),
    "what conda lists": (
        write_bytes(b"# This file may be used to create an environment using:\n# platform: linux-64\na=1=0\n"),
        "a list of packages of conda's",
        LOCK,
    ),
    "JSON": (write_bytes(b'{\n  "name": "x"}\n'), "data in JSON", READER),
    "half a web page": (write_bytes(b"<head>\n<title>x</title>"), "a web page", PAGE),
    "a comment of HTML": (write_bytes(b"<!-- x --><p>"), "a web page", PAGE),
    "an address that is none": (write_bytes(b"404: Not Found"), "an error of a web server", PAGE),
    "a link of Windows": (write_bytes(b"L\0\0\0\1\x14\2\0" + bytes(99)), "a binary file", OTHER),
    "nothing": (write_bytes(b""), "nothing in it", EMPTY),
    "blank lines": (write_bytes(b"\n \r\n\t"), "nothing in it", EMPTY),
}


@pytest.mark.parametrize("make, kind, hint", FILES.values(), ids=FILES)
def test_a_file_that_is_no_script_is_called_what_it_is(
    make: Callable[[Path], object], kind: str, hint: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    make(path)
    assert failed(run(path), f"{path}: expected a script, found {kind}\n  {hint}")


@pytest.mark.skipif(sys.platform != "linux", reason="what a program begins with")
def test_a_program_is_called_what_it_is(run: Run) -> None:
    path = Path(sys.executable).resolve()
    assert failed(
        run(path), f"{path}: expected a script, found a program or library of Linux\n  {conda_execute.PROGRAM}"
    )


ENCODINGS = {
    "UTF-16": ["utf-16", "utf-16-le", "utf-16-be"],
    "UTF-32": ["utf-32", "utf-32-le", "utf-32-be"],
}
SAVE = 'save it as UTF-8, in PowerShell with "Out-File -Encoding utf8"'


@pytest.mark.parametrize("name, codec", [(name, one) for name, codecs in ENCODINGS.items() for one in codecs])
def test_a_text_of_wide_characters_is_called_that_everywhere(name: str, codec: str, run: Run, tmp_path: Path) -> None:
    path, specs = tmp_path / "a.ps1", tmp_path / "specs.txt"
    path.write_bytes(TEXT.encode(codec))
    text = f"{path}: expected text in UTF-8, found {name}\n  {SAVE}"
    assert failed(run(path), text)
    assert failed(run("--tmpenv", "name", "--script", path), text)
    specs.write_bytes("hello-conda\n".encode(codec))
    assert failed(run("--tmpenv", "name", "--file", specs), text.replace(str(path), str(specs)))


def test_a_mark_in_front_of_wide_characters_tells_them_without_ascii() -> None:
    assert conda_execute.find_encoding("é ü".encode("utf-16")) == "UTF-16"
    assert conda_execute.find_encoding("漢字".encode("utf-32")) == "UTF-32"
    assert conda_execute.find_encoding("漢字".encode()) == "UTF-8"


def test_a_folder_is_called_that(run: Run, tmp_path: Path) -> None:
    assert failed(
        run(tmp_path), f"{tmp_path}: expected a script in a file, found a folder\n  name a script that is in it"
    )


TAILS = {
    "bytes": bytes(range(256)) * 40,
    "an archive": gzip.compress(b"x" * 1000),
    "a zip": b"PK\x03\x04" + b"\0" * 30 + b"PK\5\6" + b"\0" * 18,
    "a page": b"<!doctype html>\n<html>",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_a_block_in_front_of_any_bytes_counts(tail: bytes, run: Run, write: Write) -> None:
    path = write("a.sh", "hello-conda\nexit 7", "hello-conda =1.0")
    path.write_bytes(path.read_bytes() + b"\n" + tail)
    done = run("-q", path)
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello-conda 1.0\n", "")


def test_a_script_without_block_is_not_taken_for_a_binary_file_for_what_it_carries(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.sh"
    path.write_bytes(b"#!/bin/sh\nexit 1\n" + bytes(range(256)))
    assert "expected a comment block" in run(path).stderr


@given(st.text(alphabet=st.characters(min_codepoint=1, codec="ascii"), min_size=1).filter(str.strip))
def test_what_is_ascii_is_no_wide_text_and_no_binary_file(text: str) -> None:
    assert conda_execute.find_encoding(text.encode()) == "UTF-8"
    assert conda_execute.find_kind(text.encode())[0] not in ("a binary file", "compiled Python", "nothing in it")


DATA = ["pixi.toml", "pixi.lock", "conda-lock.yml", "table.CSV", "constraints.txt", "setup.cfg", "compose.yaml"]


@pytest.mark.parametrize("name", DATA)
def test_a_file_that_is_named_like_data_is_called_that_unless_a_block_stands_in_it(
    name: str, run: Run, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text("a:\n  dependencies: [b]\n")
    assert failed(run(path), f"{path}: expected a script, found data, as its name says\n  {READER}")
    path.write_text("# conda-execute\n# env: [hello-conda]\n")
    assert f"{path}:1:8: expected" in run(path).stderr
    path.write_text("# conda execute\n# env: [hello-conda]\n# run_with: hello-conda\n")
    assert run("-n", path).returncode == 0


def test_php_is_no_web_page(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.php").write_text("<?php\n")
    assert "expected a comment block" in run(tmp_path / "a.php").stderr
