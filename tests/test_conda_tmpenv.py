"""conda-tmpenv: what a person, and another program, sees of the environments and may do to them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped]
import pytest
from conftest import (
    HEADER,
    HELLO,
    TOOL,
    failed,
    find_collectors,
    let_pass,
    make_conda,
    make_env,
    names,
    wait_until,
    write_row,
)

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable, Iterator

    from conftest import Environ, Rows, Run, Write

    Tmpenv = Callable[..., "subprocess.CompletedProcess[str]"]


SIZE = r" +\d+\.\d MB"
HEADING = ["NAME", "SIZE", "UNUSED", "FOR", "PROCESSES", "SCRIPTS"]


@pytest.fixture
def tmpenv(run: Run, tmp_path: Path) -> Tmpenv:
    """Return a function that runs conda-tmpenv, and waits for a collection that it may start."""

    def function(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        done = run("--tmpenv", *words, **options)
        wait_until(lambda: not find_collectors(tmp_path))
        return done

    return function


@pytest.fixture
def busy(write: Write, environ: Environ, tmp_path: Path) -> Iterator[int]:
    """Have a script run in the environment HELLO; return its process."""
    script = write("busy.sh", "echo ready; read forever", "hello-conda")
    child = subprocess.Popen(
        [sys.executable, str(TOOL), "-q", str(script)], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    yield child.pid
    child.kill()
    child.communicate()


# -- list


def test_list_shows_name_size_age_processes_and_scripts_the_last_used_first(
    tmpenv: Tmpenv, write: Write, env_dir: Path, busy: int, tmp_path: Path
) -> None:
    make_env(env_dir, "a" * 20, 3)
    make_env(env_dir, "b" * 20, 24)
    (env_dir / ("b" * 20) / "file").write_bytes(b"x" * 2500000)
    done = tmpenv("list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == HEADING
    script = str(tmp_path / "busy.sh")[-20:]
    assert re.fullmatch(f"{HELLO}{SIZE} +0.0 h +{busy} +.*{re.escape(script)}", lines[1])
    assert lines[2].split() == ["a" * 20, "0.0", "MB", "3.0", "h", "-", "-"]
    assert lines[3].split() == ["b" * 20, "2.5", "MB", "24.0", "h", "-", "-"]
    assert len(lines) == 4


@pytest.fixture
def long_rows(env_dir: Path, environ: Environ) -> Iterator[list[str]]:
    """Have an environment of 20 scripts with long paths and five processes; return the paths."""
    make_env(env_dir, "a" * 20, 3)
    rows = [write_row("a" * 20, 3, f"/a/very/{'long/' * 40}script-{i}.py") for i in range(123)]
    (env_dir / "usage.tsv").write_bytes(HEADER + b"".join(rows))
    variables = {**environ, "CONDA_PREFIX": str(env_dir / ("a" * 20))}
    sleepers = [subprocess.Popen(["sleep", "60"], env=variables) for _ in range(5)]
    yield [str(sleeper.pid) for sleeper in sleepers]
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.wait()


def on_terminal(environ: Environ, columns: int, *words: str, **variables: str) -> list[str]:
    """Return the lines that conda-tmpenv writes to a terminal of so many columns."""
    child = pexpect.spawn(
        sys.executable, [str(TOOL), "--tmpenv", *words], env={**environ, "COLUMNS": "", **variables},
        dimensions=(24, columns), encoding="utf-8", timeout=60,
    )  # fmt: skip
    output = str(child.read())
    child.close()
    return output.replace("\r\n", "\n").splitlines()


@pytest.mark.once
@pytest.mark.parametrize("columns", [75, 80, 200])
def test_the_list_is_as_wide_as_the_terminal_and_marks_what_it_cuts(
    long_rows: list[str], environ: Environ, columns: int
) -> None:
    """In the middle, whatever the number of scripts and processes; the variable COLUMNS says it, too."""
    for shown in (
        on_terminal(environ, columns, "list", PYTHONIOENCODING="utf-8"),
        on_terminal(environ, 132, "list", PYTHONIOENCODING="utf-8", COLUMNS=str(columns)),
    ):
        assert re.search(rf" {long_rows[0]} \+4 +/a/\S*…\S*-\d+\.py \+19$", shown[1])
        assert len(shown[1]) == columns and len(shown[0]) <= columns
    [_, row] = on_terminal(environ, columns, "list", PYTHONIOENCODING="ascii")
    assert len(row) == columns and re.search(r"/\S*\.\.\.\S*\d\.py \+19$", row)


@pytest.mark.once
def test_a_terminal_that_has_room_for_all_shows_all(long_rows: list[str], environ: Environ) -> None:
    [_, row] = on_terminal(environ, 10000, "list")
    assert row.count("script-") == 20 and "+19" not in row


def test_into_a_pipe_nothing_of_the_list_is_cut(tmpenv: Tmpenv, long_rows: list[str], environ: Environ) -> None:
    environ["COLUMNS"] = "40"
    [_, row] = tmpenv("list").stdout.splitlines()
    assert ", ".join(long_rows) in row
    assert row.count(f", /a/very/{'long/' * 40}script-") == 19


def test_the_columns_of_the_list_stand_below_their_headings(tmpenv: Tmpenv, env_dir: Path, environ: Environ) -> None:
    """An unfinished environment, and one of many years, are as wide as any."""
    make_env(env_dir, "a" * 20, 20 * 365 * 24)
    (env_dir / ("b" * 20)).mkdir()
    (env_dir / ".leases" / ("b" * 20 + ".build")).touch()
    environ["CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR"] = "1e6"
    done = tmpenv("list")
    lines = done.stdout.splitlines()
    column = lines[0].index("PROCESSES")
    assert {line[column - 1] for line in lines[1:]} == {" "}
    assert {line[column] for line in lines[1:]} == {"-"}


def test_list_json_is_an_array_of_the_same(tmpenv: Tmpenv, env_dir: Path, busy: int, tmp_path: Path) -> None:
    make_env(env_dir, "a" * 20, 3)
    done = tmpenv("list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = json.loads(done.stdout)
    size = (env_dir / ("a" * 20) / conda_execute.MARKER).stat().st_size
    assert first["name"] == HELLO
    assert first["prefix"] == str(env_dir / HELLO)
    assert first["size"] > 1000
    assert abs(first["last_use"] - time.time()) < 60
    assert first["processes"] == [busy]
    assert first["scripts"] == [str(tmp_path / "busy.sh")]
    assert second == {
        "name": "a" * 20, "prefix": str(env_dir / ("a" * 20)), "size": size, "processes": [], "scripts": [],
        "links": [], "last_use": second["last_use"],
    }  # fmt: skip
    assert abs(time.time() - 3 * 3600 - second["last_use"]) < 60


@pytest.mark.parametrize("exists", [True, False], ids=["empty", "no env-dir"])
def test_an_empty_list_is_a_list(tmpenv: Tmpenv, env_dir: Path, exists: bool) -> None:
    if exists:
        env_dir.mkdir()
    done = tmpenv("list", "--json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [], "")
    done = tmpenv("list")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, HEADING, "")
    assert env_dir.exists() == exists


def test_the_scripts_of_the_list_are_written_as_they_are_named(
    tmpenv: Tmpenv, run: Run, write: Write, tmp_path: Path
) -> None:
    script = write("a\tb\nc\\te \x1b[31mé.sh", "", "hello-conda")
    run("-q", script)
    assert json.loads(tmpenv("list", "--json").stdout)[0]["scripts"] == [str(script)]
    assert tmpenv("list").stdout.endswith("a b c\\te ?[31mé.sh\n")


CHURN = """\
import os
while True:
    for i in range(999):
        open(str(i), "w").close()
    for i in range(999):
        os.unlink(str(i))
"""


@pytest.mark.once
def test_list_bears_files_that_come_and_go(tmpenv: Tmpenv, env_dir: Path) -> None:
    """A script that runs writes byte code and temporary files into its environment."""
    prefix = make_env(env_dir, "a" * 20)
    with subprocess.Popen([sys.executable, "-c", CHURN], cwd=prefix) as writer:
        done = [tmpenv("list") for _ in range(20)]
        writer.kill()
    assert {(one.returncode, one.stderr) for one in done} == {(0, "")}


def test_a_reader_that_has_seen_enough_of_the_list_is_no_failure(env_dir: Path, environ: Environ) -> None:
    for i in range(100):
        make_env(env_dir, f"{i:020}")
    code = f"{sys.executable} {TOOL} --tmpenv list | head -n 1"
    done = subprocess.run(["sh", "-c", code], env=environ, capture_output=True)
    assert (done.stdout.decode().split(), done.stderr) == (HEADING, b"")


# -- create, name


def test_name_prints_the_prefix_and_builds_nothing(tmpenv: Tmpenv, env_dir: Path) -> None:
    done = tmpenv("name", "numpy", "python >=3")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{env_dir}/ea977067a8fbeb21a594\n", "")
    assert not env_dir.exists()


def test_create_builds_once_and_prints_the_prefix_alone(tmpenv: Tmpenv, env_dir: Path, rows: Rows) -> None:
    first = tmpenv("create", "hello-conda")
    assert (first.returncode, first.stdout) == (0, f"{env_dir / HELLO}\n")
    assert "conda-execute: built " in first.stderr
    assert (env_dir / HELLO / "bin" / "hello-conda").exists()
    again = tmpenv("create", "hello-conda")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    assert [row[1:3] for row in rows()].count(["create", HELLO]) == 1


def test_create_is_a_use(tmpenv: Tmpenv, env_dir: Path) -> None:
    """Who has just been told of a prefix finds it there."""
    tmpenv("create", "hello-conda")
    let_pass(env_dir, 24)
    assert tmpenv("create", "hello-conda").stderr == ""
    let_pass(env_dir, 2)
    tmpenv("list")
    assert (env_dir / HELLO).exists()


def test_specs_of_a_file_are_one_a_line(tmpenv: Tmpenv, env_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "specs.txt"
    path.write_text("# what is needed\n\n  numpy  # for numbers\npython  >=3\n")
    assert tmpenv("name", "--file", path).stdout == f"{env_dir}/ea977067a8fbeb21a594\n"
    path.write_text("numpy\n")
    assert tmpenv("name", "python >=3", "--file", path).stdout == f"{env_dir}/ea977067a8fbeb21a594\n"
    assert tmpenv("name", "--file", path, "python >=3").stdout == f"{env_dir}/ea977067a8fbeb21a594\n"
    path.write_text("numpy\n--file=/etc/passwd\n")
    done = tmpenv("name", "--file", path)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {path}:2:1: expected a match spec")


def test_a_script_names_the_env_that_it_runs_in(tmpenv: Tmpenv, run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", 'echo "$CONDA_PREFIX"', "hello-conda")
    assert tmpenv("name", "--script", script).stdout == f"{env_dir / HELLO}\n"
    assert tmpenv("create", "--script", script).stdout == f"{env_dir / HELLO}\n"
    done = run(script)
    assert (done.stdout, done.stderr) == (f"{env_dir / HELLO}\n", "")


FILES = {
    "a byte order mark, CR LF": b"\xef\xbb\xbfpython >=3\r\nnumpy\r\n", "CR": b"python >=3\rnumpy\r",
    "tabs": b"# a\tb\n\tpython >=3\t\nnumpy # c\td\n", "blanks": "python >=3\u00a0\nnumpy # \u200d\n".encode(),
    "Latin-1 in a comment": b"python >=3\nnumpy  # caf\xe9\n",
}  # fmt: skip


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_of_specs_is_read_whatever_editor_wrote_it(
    content: bytes, tmpenv: Tmpenv, env_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "specs.txt"
    path.write_bytes(content)
    assert tmpenv("name", "--file", path).stdout == f"{env_dir}/ea977067a8fbeb21a594\n"


def test_a_spec_that_is_no_utf_8_is_refused(tmpenv: Tmpenv, tmp_path: Path) -> None:
    path = tmp_path / "specs.txt"
    path.write_bytes(b"numpy\ncaf\xe9\n")
    done = tmpenv("name", "--file", path)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {path}:2:1: expected a match spec")


@pytest.mark.parametrize("option", ["--file", "--script"])
def test_a_file_that_is_not_there_is_told(tmpenv: Tmpenv, option: str) -> None:
    done = tmpenv("name", option, "/no/such/file")
    assert (done.returncode, done.stdout) == (125, "")
    assert "/no/such/file" in done.stderr
    assert "No such file or directory" in done.stderr


def test_a_spec_that_is_a_file_is_answered_with_the_option_for_it(tmpenv: Tmpenv, tmp_path: Path) -> None:
    for name in ("environment.yaml", "requirements.in"):
        (tmp_path / name).touch()
    for name in ("environment.yaml", "requirements.in", "no-such.yml", "none.txt"):
        text = f'the command line:1:1: expected a match spec, found the file "{name}"\n  1 | {name}\n    | ^\n'
        assert failed(tmpenv("name", name, cwd=tmp_path), f'{text}  write --file "{name}"')
    (tmp_path / "numpy").write_text("no script")
    assert tmpenv("name", "ruamel.yaml", "tornado.py *", "numpy", cwd=tmp_path).returncode == 0
    (tmp_path / "a.ipynb").write_text('{"cells": [], "nbformat": 4}')
    assert "jupyter nbconvert --to script" in tmpenv("name", "a.ipynb", cwd=tmp_path).stderr


SCRIPTS = {
    "a.py": "# conda execute\n# env: [hello-conda]\n", "./no-suffix": "# conda execute\n# env: [hello-conda]\n",
    "plot.smk": "# conda execute\n# env: [hello-conda]\n",
    "tool": "// /// conda-script\n// channels = ['a']\n// entrypoint = 'x'\n// [dependencies]\n// hello-conda = '*'\n"
    "// /// end-conda-script\n",
    "pep": "# /// script\n# dependencies = []\n# ///\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_word_that_is_a_script_is_seen_as_one(tmpenv: Tmpenv, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SCRIPTS[name])
    done = tmpenv("name", name)
    assert done.returncode == 0 and done.stdout == tmpenv("name", "--script", name).stdout, done.stderr


def test_a_script_without_a_block_is_told_so_and_not_looked_for_as_a_package(tmpenv: Tmpenv, tmp_path: Path) -> None:
    (tmp_path / "discord.py").write_text("print(1)\n")
    assert "expected a comment block that begins with" in tmpenv("create", "discord.py").stderr


@pytest.mark.parametrize(
    "words", ["a.py numpy", "numpy a.py", "a.py b.py", "numpy --script a.py", "a.py --file x", "a.py --script b.py"]
)
def test_specs_beside_a_script_are_told_how_to_be_added(tmpenv: Tmpenv, tmp_path: Path, words: str) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(SCRIPTS["a.py"])
    done = tmpenv("name", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith('conda-execute: expected specs or one script, found "')
    assert lines[1].startswith("  write --with SPEC for what is to be added")


def test_specs_are_added_to_those_of_a_script(tmpenv: Tmpenv, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "", "hello-conda")
    name = conda_execute.find_name(["hello-conda", "words", "python >=3"])
    for words in ([script], ["--script", script]):
        assert tmpenv("name", *words, "--with", "words", "--with", "python>=3").stdout == f"{env_dir / name}\n"


def test_a_file_of_specs_that_is_none_is_told(tmpenv: Tmpenv, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# platform: linux-64\n@EXPLICIT\nhttps://host/a-1-0.conda#00\n")
    done = tmpenv("name", "--file", tmp_path / "a.txt")
    assert done.returncode == 125
    assert '"conda create --prefix PREFIX --file FILE" restores' in done.stderr.splitlines()[3]
    text = "no.txt: expected a list of specs that can be read, found: No such file or directory"
    assert failed(tmpenv("name", "--file", "no.txt"), text + "\n  check the path, and quotes around its blanks")
    assert "list of specs that can be read, found: Is a directory" in tmpenv("name", "--file", tmp_path).stderr


def test_a_file_of_specs_may_be_a_pipe(tmpenv: Tmpenv, env_dir: Path) -> None:
    with subprocess.Popen(["echo", "hello-conda"], stdout=subprocess.PIPE) as child:
        assert tmpenv("name", "--file", "/dev/stdin", stdin=child.stdout).stdout == f"{env_dir / HELLO}\n"


def test_what_conda_lists_is_a_file_of_specs(tmpenv: Tmpenv, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# This file may be used to create an environment using:\n# platform: linux-64\na=1=h0_0\n")
    assert tmpenv("name", "--file", path).stdout == tmpenv("name", "a=1=h0_0").stdout != ""


def test_an_option_is_told_as_it_was_typed(tmpenv: Tmpenv) -> None:
    text = 'conda-execute: expected nothing else behind name, found "%s"\n  conda-tmpenv --help says more\n'
    assert tmpenv("name", "-n", "x", "python").stderr.startswith(text.split("%s")[0] + '-n"')
    assert tmpenv("name", "--dry-run", "python").stderr == text % "--dry-run"
    assert tmpenv("name", "python", "--min-age", "1").stderr == text % "--min-age"


def test_a_create_that_fails_prints_no_prefix(tmpenv: Tmpenv, env_dir: Path) -> None:
    done = tmpenv("create", "no-such-dependency")
    assert (done.returncode, done.stdout) == (125, "")
    assert "could not build the environment" in done.stderr
    assert [name for name in names(env_dir) if len(name) == 20] == []


MISSING = {
    "nope.py": 'check the path, and quotes around its blanks; a package of that name is written "nope.py *"',
    "./nope.py": "check the path, and quotes around its blanks", "/x/nope.py": "check the path, and quotes around",
    "my_script": 'there is my_script.sh; a package of that name is written "my_script *"',
    "my_scrpt.sh": "there is my_script.sh; a package",
}  # fmt: skip


@pytest.mark.parametrize("word, hint", MISSING.items(), ids=MISSING)
@pytest.mark.parametrize("command", ["create", "name"])
def test_a_script_that_is_not_there_is_taken_for_no_package(
    tmpenv: Tmpenv, write: Write, env_dir: Path, command: str, word: str, hint: str
) -> None:
    write("my_script.sh", "", "hello-conda")
    done = tmpenv(command, word)
    text = f'conda-execute: expected a script or specs, found no file "{word}"\n  {hint}'
    assert (done.returncode, done.stdout, done.stderr[: len(text)]) == (2, "", text)
    assert not env_dir.exists()


@pytest.mark.parametrize("spec", ["nope.py *", "nope.py =1", "conda-forge::nope.py", "ruamel.yaml", "samtools"])
def test_a_package_may_be_called_as_a_script_is(tmpenv: Tmpenv, tmp_path: Path, spec: str) -> None:
    (tmp_path / "samtools.sh").write_text("a script without a block\n")
    assert tmpenv("name", spec).returncode == 0


# -- clear


def clear(tmpenv: Tmpenv, *words: object, **options: object) -> list[str]:
    """Return what clear prints, after a look at what --dry-run prints: that it would."""
    dry = tmpenv("clear", "--dry-run", *words, **options)
    done = tmpenv("clear", *words, **options)
    assert (done.returncode, done.stderr) == (dry.returncode, dry.stderr)
    assert dry.stdout.splitlines() == [f"would {line}" for line in done.stdout.splitlines()]
    return done.stdout.splitlines()


AGES = {"a": 1, "b": 20, "c": 30, "d": 100, "e": 0}
CLEARED = {"": "cd", "--min-age 2": "bcd", "--min-age 0.5": "abcd", "--min-age 1000": "", "--all": "abcde"}


@pytest.mark.parametrize("words, gone", CLEARED.items(), ids=CLEARED)
def test_clear_removes_what_is_idle_and_old_enough(tmpenv: Tmpenv, env_dir: Path, words: str, gone: str) -> None:
    prefixes = {letter: make_env(env_dir, letter * 20, age) for letter, age in AGES.items()}
    assert clear(tmpenv, *words.split()) == [f"remove {prefixes[letter]}" for letter in gone]
    assert names(env_dir / ".trash") == []
    assert "".join(letter for letter in AGES if not prefixes[letter].exists()) == gone


@pytest.mark.once
def test_clear_does_not_race_with_the_collection_that_a_call_starts(tmpenv: Tmpenv, env_dir: Path) -> None:
    for _ in range(8):
        prefixes = [make_env(env_dir, f"{i:020}", 100) for i in range(9)]
        done = tmpenv("clear")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"remove {prefix}" for prefix in prefixes]
        for stamp in env_dir.glob(".leases/.due*"):
            stamp.unlink()


def test_clear_names_the_processes_in_the_way_and_leaves_their_env(tmpenv: Tmpenv, env_dir: Path, busy: int) -> None:
    idle = make_env(env_dir, "f" * 20, 1)
    for words in (["--dry-run"], []):
        done = tmpenv("clear", "--all", *words)
        assert done.returncode == 125
        assert done.stdout == "would " * bool(words) + f"remove {idle}\n"
        expected = f"conda-execute: {env_dir / HELLO}: expected nobody to run in it, found process {busy}\n"
        assert done.stderr.startswith(expected)
    assert (env_dir / HELLO).exists() and not idle.exists()


def test_clear_leaves_an_env_that_is_being_built(
    tmpenv: Tmpenv, write: Write, environ: Environ, env_dir: Path, tmp_path: Path
) -> None:
    code = 'mkdir -p "$3"\nread forever < FOLDER/fifo\nmkdir -p "$3/conda-meta"\n'
    make_conda(environ, tmp_path, code + 'echo "{}" > "$3/conda-meta/hello-conda-1-0.json"\n')
    fifo = tmp_path / "fifo"
    os.mkfifo(str(fifo))
    script = write("a.sh", "echo ran", "hello-conda")
    builder = subprocess.Popen([sys.executable, str(TOOL), "-q", str(script)], env=environ, stdout=subprocess.PIPE)
    wait_until((env_dir / HELLO).exists)
    for words in (["--all"], []):
        done = tmpenv("clear", *words)
        assert (done.returncode, done.stdout) == (125, "")
        assert f"process {builder.pid}" in done.stderr
    fifo.write_text("go on\n")
    assert builder.communicate(timeout=60)[0] == b"ran\n"


def test_clear_of_nothing_is_no_failure(tmpenv: Tmpenv, env_dir: Path) -> None:
    done = tmpenv("clear", "--all")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "conda-execute: there is no environment\n")
    assert not env_dir.exists()


def test_clear_removes_what_is_named_whatever_its_age(
    tmpenv: Tmpenv, run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    script = write("s.sh", "", "hello-conda")
    run("-q", script)
    prefixes = {letter: make_env(env_dir, letter * 20, age) for letter, age in AGES.items()}
    assert clear(tmpenv, "b" * 20, "eeee", prefixes["d"], "b" * 20) == [f"remove {prefixes[one]}" for one in "bed"]
    assert clear(tmpenv, script) == [f"remove {env_dir / HELLO}"]
    assert sorted(one for one in names(env_dir) if len(one) == 20) == ["a" * 20, "c" * 20]
    assert names(env_dir / ".trash") == []
    assert run("-q", script).returncode == 0


NO_NAMES = ["../x", ".trash", "usage.tsv", ".leases", "..", ".", "/", "", "numpy", "aaa", "b" * 19, ".scripts", "~"]


@pytest.mark.parametrize("word", NO_NAMES)
def test_what_is_no_environment_is_told_so_and_nothing_is_removed(tmpenv: Tmpenv, env_dir: Path, word: str) -> None:
    make_env(env_dir, "a" * 20, 3)
    (env_dir / ".trash").mkdir(exist_ok=True)
    for words in (["show", word], ["clear", "a" * 20, word]):
        assert failed(
            tmpenv(*words, cwd=env_dir),
            f'expected an environment, or a script, found "{word}"\n'
            "  write a name as conda-tmpenv list shows it, or four letters or more of it, or the path of a script",
        )
    assert (env_dir / ("a" * 20)).exists() and (env_dir / "usage.tsv").exists()


def test_the_first_of_two_names_is_none(tmpenv: Tmpenv, env_dir: Path) -> None:
    for name in ("abcd1" + "0" * 15, "abcd2" + "0" * 15):
        make_env(env_dir, name)
    done = tmpenv("clear", "abcd")
    assert (done.returncode, done.stdout) == (125, "")
    assert 'expected one environment that begins with "abcd", found 2 of them' in done.stderr
    assert tmpenv("clear", "abcd2").stdout == f"remove {env_dir}/abcd2{'0' * 15}\n"


def test_a_script_without_an_environment_is_told_so(tmpenv: Tmpenv, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "", "hello-conda")
    for command in ("show", "clear"):
        text = f"{script}: expected an environment of this script, found none\n"
        assert failed(
            tmpenv(command, script),
            f"{text}  it is built by its first run, or: conda-tmpenv create --script SCRIPT",
        )
    script.write_text("nothing")
    assert "expected a comment block" in tmpenv("show", script).stderr
    assert not env_dir.exists()


def test_of_a_script_that_has_changed_the_last_environment_is_meant_and_said_so(
    tmpenv: Tmpenv, run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "", "hello-conda")
    run("-q", script)
    write("a.sh", "", "hello-conda", "words")
    new = conda_execute.find_name(["hello-conda", "words"])
    done = tmpenv("clear", script)
    assert done.stdout == f"remove {env_dir / HELLO}\n"
    assert done.stderr == f"conda-execute: {script} asks for {new} by now; this is what it ran in last\n"


def test_clear_of_a_named_one_that_is_in_use_names_who_is_in_the_way(
    tmpenv: Tmpenv, env_dir: Path, busy: int, tmp_path: Path
) -> None:
    idle = make_env(env_dir, "f" * 20, 1)
    for words in (["--dry-run"], []):
        done = tmpenv("clear", tmp_path / "busy.sh", "f" * 20, *words)
        assert (done.returncode, done.stdout) == (125, "would " * bool(words) + f"remove {idle}\n")
        assert f"{env_dir / HELLO}: expected nobody to run in it, found process {busy}\n" in done.stderr
    assert (env_dir / HELLO).exists()


# -- show


def shown(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what show prints, by its headings."""
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        heading, text = line[:15].strip(), line[15:]
        last = heading or last  # type: ignore[has-type]  # noqa: F821
        found[last] = f"{found[last]} {text}" if last in found else text
    return found


def test_show_says_all_that_is_known_of_an_environment(
    tmpenv: Tmpenv, run: Run, write: Write, env_dir: Path, channel: str, tmp_path: Path
) -> None:
    more = f"# channels: [{channel}]\n# exclude-newer: 2099-01-01\n"
    write("a.sh", "", "hello-conda", more=more)
    run("-q", "a.sh")
    script = write("a.sh", "echo ready; read forever", "hello-conda =1.0", "words", more=more)
    lock = run("--lock", script).stdout.strip()
    run("-q", script)
    name = json.loads(run("-n", "--json", script).stdout)["name"]
    found = shown(tmpenv("show", "a.sh"))
    assert found.pop("size").endswith(" MB")
    built, used, removed = (found.pop(key) for key in ("built", "last use", "removed"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d with rattler \(its lock is new\)", built)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", used)
    assert re.fullmatch(r"by the first call after \S+ \S+, unless used then", removed)
    assert found == {
        "name": name, "prefix": f"{env_dir}/{name}", "env": "hello-conda =1.0, words", "channels": channel,
        "exclude-newer": "2099-01-01", "lock": lock, "scripts": str(script), "processes": "-",
        "packages": found["packages"],
    }  # fmt: skip
    assert re.match(rf"\d+ from {re.escape(channel)}: .*hello-conda 1\.0", found["packages"])
    for word in (name, name[:4], f"{env_dir}/{name}", f"{env_dir}/{name}/"):
        assert shown(tmpenv("show", word))["name"] == name
    os.unlink(lock)  # noqa: PTH108
    assert shown(tmpenv("show", name))["lock"].startswith("sha256 ")
    assert shown(tmpenv("show", script))["built"].endswith("(changed: + hello-conda =1.0, + words, - hello-conda)")


def test_show_json_is_an_object_of_the_same(
    tmpenv: Tmpenv, env_dir: Path, busy: int, tmp_path: Path, channel: str
) -> None:
    done = tmpenv("show", "--json", "busy.sh")
    assert (done.returncode, done.stderr) == (0, "")
    [row] = json.loads(tmpenv("list", "--json").stdout)
    found = json.loads(done.stdout)
    assert {key: found.pop(key) for key in row} == row
    assert row["processes"] == [busy] and row["scripts"] == [str(tmp_path / "busy.sh")]
    assert found.pop("removed_after") == row["last_use"] + 25 * 3600
    assert abs(found.pop("created") - time.time()) < 300
    [package] = [one for one in found.pop("packages") if one["name"] == "hello-conda"]
    assert package == {"name": "hello-conda", "version": "2.0", "build": package["build"], "channel": channel}
    assert found == {
        "state": "ready", "env": ["hello-conda"], "pip": [], "channels": [], "exclude_newer": None, "lock": None,
        "engine": "rattler", "reason": "first use", "pip_packages": [],
    }  # fmt: skip
    assert shown(tmpenv("show", HELLO))["processes"] == str(busy)


def test_show_of_what_is_not_whole_says_so(tmpenv: Tmpenv, run: Run, write: Write, env_dir: Path) -> None:
    (env_dir / ("b" * 20)).mkdir(parents=True)
    (env_dir / ".leases").mkdir()
    (env_dir / ".leases" / ("b" * 20 + ".build")).touch()
    found = shown(tmpenv("show", "bbbb"))
    assert found["state"] == "half-made: the next run that needs it builds it anew"
    assert set(found) == {"name", "prefix", "state", "size", "scripts", "processes"}
    assert json.loads(tmpenv("show", "bbbb", "--json").stdout)["removed_after"] is None


def test_show_names_what_pip_has_installed(tmpenv: Tmpenv, env_dir: Path) -> None:
    """And no password, nor what another version has written down in another way."""
    prefix = make_env(env_dir, "a" * 20)
    with (prefix / conda_execute.MARKER).open("a") as f:
        f.write("pin: rich==13.9.4 --hash=sha256:ab\npin: local @ file:///x\nengine: conda\ncreated: soon\n")
    assert shown(tmpenv("show", "aaaa"))["from PyPI"] == "rich==13.9.4, local @ file:///x"
    assert "built" not in shown(tmpenv("show", "aaaa"))


@pytest.mark.once
def test_show_fits_the_terminal(tmpenv: Tmpenv, env_dir: Path, environ: Environ) -> None:
    prefix = make_env(env_dir, "a" * 20)
    for i in range(60):
        record = {
            "name": f"package-{i:02}",
            "version": "1.0",
            "build": "0",
            "channel": "https://conda.anaconda.org/c/noarch",
        }
        (prefix / "conda-meta" / f"package-{i}-1.0-0.json").write_text(json.dumps(record))
    lines = on_terminal(environ, 60, "show", "aaaa")
    assert max(map(len, lines)) <= 60 or [line for line in lines if len(line) > 60] == [f"prefix         {prefix}"]
    text = " ".join(line[15:] for line in lines)
    assert "60 from c: package-00 1.0, package-01 1.0" in text
    assert sum("package-" in line for line in lines) < 30


# -- command lines


WRONG = [
    ["lst"], ["create"], ["name"], ["list", "python"], ["list", "--all"], ["show"], ["show", "a", "b"],
    ["show", "--all"], ["clear", "a", "--all"], ["clear", "a", "--min-age", "1"], ["name", "x", "--with", "y"],
    ["list", "--script", "a"],
    ["list", "--dry-run"], ["create", "x", "--dry-run"], ["create", "x", "--all"], ["name", "x", "--min-age", "1"],
    ["name", "--json", "x"], ["clear", "--json"], ["clear", "--file", "a"], ["clear", "--min-age"],
    ["clear", "--min-age", "soon"], ["clear", "--min-age", "nan"], ["clear", "--min-age", "-1"],
    ["clear", "--min-age", "1", "--all"], ["name", "x", "--script", "a"], ["name", "--file", "a", "--script", "b"],
    ["name", "--script", "a", "--script", "b"], ["create", "--file", "a", "--file", "b"],
    ["clear", "--min-age", "1", "--min-age", "2"], ["--json"], ["list", "--jso"], ["list", "-x"], ["clear", "--dry"],
]  # fmt: skip


def test_a_clear_that_removes_nothing_says_why(tmpenv: Tmpenv, env_dir: Path) -> None:
    tmpenv("create", "hello-conda")
    for words, age in (([], "25"), (["--dry-run"], "25"), (["--min-age", "0.5"], "0.5")):
        done = tmpenv("clear", *words)
        text = f"conda-execute: nothing was unused for {age} h; --all removes all in which nothing runs\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, "", text)
    assert tmpenv("clear", "--all").stderr == ""


def test_an_env_dir_that_nobody_can_write_to_is_told_by_clear(run_as_user: Run, tmpenv: Tmpenv, env_dir: Path) -> None:
    tmpenv("create", "hello-conda")
    env_dir.chmod(0o555)
    try:
        done = run_as_user("--tmpenv", "clear", "--all")
    finally:
        env_dir.chmod(0o755)
    assert (done.returncode, done.stdout) == (125, "")
    assert "expected an env-dir that can be written to, found one that cannot\n  " in done.stderr


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_told_and_exits_with_2(tmpenv: Tmpenv, env_dir: Path, words: list[str]) -> None:
    prefix = make_env(env_dir, "a" * 20)
    done = tmpenv(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("conda-execute: expected ")
    assert "usage:" not in done.stderr
    assert prefix.exists()


COMMANDS = {
    "info": "write show", "shwo": "write show", "lsit": "write list",
    "ls": "write list", "clean": "write clear", "remove": "write clear", "nam": "write name",
    "collec": "conda-tmpenv --help says more", "run": "conda-tmpenv --help says more",
    "env": "conda-tmpenv --help says more",
}  # fmt: skip


@pytest.mark.parametrize("command, hint", COMMANDS.items(), ids=COMMANDS)
def test_a_command_that_is_near_one_is_answered_with_that(tmpenv: Tmpenv, command: str, hint: str) -> None:
    text = f'conda-execute: expected one of list, show, create, name, clear, doctor, found "{command}"\n  {hint}\n'
    assert tmpenv(command).stderr == text


OPTIONS = {
    "clear --minage=3": 'write --min-age "3"', "list --jsn": "write --json",
    "name --frob x": "--help lists the options", "create -x x": "--help lists the options",
    "create -p x python": "leave it out: an environment lies in env-dir, named by what is in it",
    "create -n foo python": "leave it out: an environment is named by what is in it",
    "create python -y": "leave it out: nothing is asked", "-V": "write conda-execute --version",
    "create --python 3.12": 'write "python =3.12", with the version that you want',
    "create -c conda-forge python": 'write "CHANNEL::NAME", or channels in a block or an environment.yml',
    "--version": "write conda-execute --version", "create -f environment.yml": "write --file",
    "clear -a": "write --all", "clear -all": "write --all", "list -l": "--help lists the options",
    "create --lock a.sh": "write conda-execute --lock SCRIPT", "--list": "write conda-tmpenv list",
    "clear \u2014all": "write --all", "clear --min-age": "write --min-age HOURS",
    "create --script": "write --script SCRIPT", "clear --all --min-age 5": "leave one of them out",
    "clear --all a.sh": "leave one of them out",
}  # fmt: skip


@pytest.mark.parametrize("words, hint", OPTIONS.items(), ids=OPTIONS)
def test_an_option_that_is_near_one_is_answered_with_that(tmpenv: Tmpenv, words: str, hint: str) -> None:
    done = tmpenv(*words.split())
    assert (done.returncode, done.stderr.splitlines()[1:]) == (2, ["  " + hint])


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["list", "--help"]], ids=" ".join)
def test_help_is_printed_to_stdout(tmpenv: Tmpenv, words: list[str]) -> None:
    done = tmpenv(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, conda_execute.TMPENV_USAGE, "")


def test_options_may_stand_anywhere(tmpenv: Tmpenv, env_dir: Path) -> None:
    for words in ("name --quiet hello-conda", "--quiet name hello-conda", "name hello-conda --quiet"):
        assert tmpenv(*words.split()).stdout == f"{env_dir / HELLO}\n"
