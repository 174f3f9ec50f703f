"""Code that lies in no file: on the command line, and on standard input."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from conftest import ROOT, TOOL, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Rows = Callable[[], "list[list[str]]"]

BLOCK = ["# conda execute", "# env:", "#  - hello-conda =1.0", ""]
PYTHON = ["# conda execute", "# env:", "#  - python", "# run_with: python", ""]


def kept(env_dir: Path, name: str, *lines: str) -> Path:
    return env_dir / ".scripts" / hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest() / name


def failed(done: subprocess.CompletedProcess[str], text: str, code: int = 125) -> bool:
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"conda-execute: {text}\n")
    return True


def is_reading(pid: int) -> bool:
    """Answer whether a process waits for more on its standard input: read(0, ...), as proc(5) shows it on x86-64."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[:2] == ["0", "0x0"]
    except OSError:
        return False


# -- the command line


@pytest.mark.warm
def test_each_word_is_a_line(run: Run, env_dir: Path) -> None:
    code = [*BLOCK, "", "echo 'a  b'", "if true; then\necho two", "fi", ' echo " c" ']
    done = run("-q", "-c", *code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a  b\ntwo\n c\n", "")
    assert kept(env_dir, "code", *code).read_text() == "\n".join(code) + "\n"


@pytest.mark.parametrize(
    "words",
    [
        ["-q", "-n", "-c", *BLOCK],
        ["-c", *BLOCK, "-q", "-n"],
        ["-qc", "-n", *BLOCK],
        ["-q", "-cn", *BLOCK],
        ["-c", BLOCK[0], "-n", *BLOCK[1:], "--quiet"],
        ["-c", "-qn", "--", *BLOCK],
        ["-c", "\n".join(BLOCK), "-qn"],
    ],
    ids=" ".join,
)
def test_options_stand_before_and_behind_the_lines(run: Run, env_dir: Path, words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"Command: sh {kept(env_dir, 'code', *BLOCK)}\n")


@pytest.mark.parametrize("first", ["-- conda execute", "--\tconda execute"])
def test_a_line_may_begin_with_a_minus_if_it_has_a_blank(run: Run, first: str) -> None:
    lines = [first, "-- env:", "--  - hello-conda", "--", "-- run_with: sh"]
    plan = json.loads(run("-n", "--json", "-c", *lines[:3], *lines[4:]).stdout)
    assert (plan["env"], plan["run_with"]) == (["hello-conda"], ["sh"])


@pytest.mark.warm
def test_behind_two_minuses_all_words_are_lines(run: Run) -> None:
    done = run("-q", "-c", "--", *BLOCK, "cat <<'--help'", "-v", "--", "-", "--help")
    assert done.stdout == "-v\n--\n-\n"


LINES = '; "--" stands before lines that begin with "-"'
WRONG = {
    "unknown": (["-c", *BLOCK, "-x"], f'expected a known option, found "-x"\n  --help lists the options{LINES}'),
    "one letter": (["-c", "--code"], f'expected a known option, found "--code"\n  --help lists the options{LINES}'),
    "near": (["-c", "a", "--quite"], f'expected a known option, found "--quite"\n  write --quiet{LINES}'),
    "json": (["-c", *BLOCK, "--json"], "expected --dry-run with --json, found none\n  write --dry-run --json"),
}


@pytest.mark.parametrize("words, text", WRONG.values(), ids=WRONG)
def test_what_only_looks_like_a_line_is_a_wrong_command_line(run: Run, words: list[str], text: str) -> None:
    assert failed(run(*words), text, 2)


@pytest.mark.parametrize("words", [[""], ["-"], ["", "", ""], ["echo 1"]])
def test_code_without_a_block_is_told(run: Run, env_dir: Path, words: list[str]) -> None:
    text = (
        '-c: expected a comment block that begins with "# conda execute", found none\n'
        '  write "# conda execute", "# env:" and "#  - python" on three lines of their own'
    )
    assert failed(run("-c", *words), text)
    assert not env_dir.exists()


@pytest.mark.warm
def test_code_that_is_not_utf_8_arrives_as_it_is(run: Run, env_dir: Path) -> None:
    done = run("-q", "-c", *BLOCK, os.fsdecode(b"printf '\xe9\xff'"), text=False)
    assert done.stdout == b"\xe9\xff"


@pytest.mark.warm
def test_the_input_of_code_from_the_command_line_is_its_own(run: Run) -> None:
    assert run("-q", "-c", *BLOCK, "cat", stdin=None, input="one\ntwo\n").stdout == "one\ntwo\n"


def test_equal_code_shares_its_file(run: Run, env_dir: Path, rows: Rows) -> None:
    for _ in range(2):
        run("-q", "-c", *BLOCK, "echo 1")
    run("-q", "-", stdin=None, input="\n".join([*BLOCK, "echo 1", ""]))
    path = kept(env_dir, "code", *BLOCK, "echo 1")
    assert [row[5] for row in rows()] == [*[str(path)] * 3, str(path.with_name("stdin"))]
    assert len(list((env_dir / ".scripts").iterdir())) == 1


# -- standard input


@pytest.mark.warm
@pytest.mark.parametrize(
    "words, args", [(["-c"], ""), (["-"], ""), (["-", "a b", "-v", "-"], " a b -v -"), (["-c", "-q"], "")]
)
def test_code_comes_from_standard_input(run: Run, env_dir: Path, words: list[str], args: str) -> None:
    lines = [*BLOCK, 'hello-conda "$0" "$@"']
    done = run("-q", *words, stdin=None, input="\n".join([*lines, ""]))
    assert done.stdout == f"hello-conda 1.0 {kept(env_dir, 'stdin', *lines)}{args}\n"


def test_nothing_of_the_input_is_left_for_the_script(run: Run) -> None:
    done = run("-q", "-", stdin=None, input="\n".join([*BLOCK, "cat", "echo end", ""]))
    assert (done.stdout, done.stderr) == ("end\n", "")


@pytest.mark.warm
def test_code_on_standard_input_may_be_any_bytes(run: Run, env_dir: Path) -> None:
    code = "\n".join([*BLOCK, "head -c 3 \"$0\"", "exit", ""]).encode() + b"\0\xff\xfe\n"
    done = run("-q", "-", stdin=None, input=code, text=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"# c", b"")
    assert (env_dir / ".scripts" / hashlib.sha256(code).hexdigest() / "stdin").read_bytes() == code


@pytest.mark.warm
def test_code_may_be_large(run: Run) -> None:
    code = "\n".join([*BLOCK, "echo 1", "exit", ""]) + "#" * (20 << 20)
    assert run("-q", "-", stdin=None, input=code).stdout == "1\n"


@pytest.mark.warm
def test_a_pipe_that_does_not_block_is_read_to_its_end(environ: Environ) -> None:
    out, into = os.pipe()
    os.set_blocking(out, False)
    child = subprocess.Popen([sys.executable, str(TOOL), "-q", "-"], stdin=out, stdout=subprocess.PIPE, env=environ)
    for line in [*BLOCK, "echo 1"]:
        os.write(into, line.encode() + b"\n")
    wait_until(lambda: is_reading(child.pid) or child.poll() is not None)
    os.write(into, b"echo 2\n")
    os.close(into)
    os.close(out)
    assert child.communicate(timeout=60)[0] == b"1\n2\n"


@pytest.mark.parametrize("word", ["-", "-c"])
def test_a_closed_standard_input_is_told(environ: Environ, tmp_path: Path, word: str) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, str(TOOL), word]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert failed(done, "expected a script on standard input, found it closed")


def test_an_empty_input_is_told(run: Run) -> None:
    text = (
        'standard input: expected a comment block that begins with "# conda execute", found none\n'
        '  write "# conda execute", "# env:" and "#  - python" on three lines of their own'
    )
    assert failed(run("-"), text)


def type_at(words: list[str], environ: Environ, cwd: Path) -> pexpect.spawn:
    return pexpect.spawn(sys.executable, words, env=environ, cwd=str(cwd), timeout=60, echo=False)


@pytest.mark.warm
def test_code_is_typed_at_a_terminal_and_ended_by_ctrl_d(environ: Environ, tmp_path: Path) -> None:
    child = type_at([str(TOOL), "-q", "-", "a"], environ, tmp_path)
    for line in [*BLOCK, 'hello-conda "$1"', "cat", "echo end"]:
        child.sendline(line)
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.before, child.exitstatus) == (b"hello-conda 1.0 a\r\nend\r\n", 0)


def test_ctrl_c_ends_the_typing(environ: Environ, tmp_path: Path, env_dir: Path) -> None:
    child = type_at([str(TOOL), "-"], environ, tmp_path)
    child.sendline(BLOCK[0])
    wait_until(lambda: is_reading(child.pid))
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert (child.before, child.exitstatus) == (b"conda-execute: interrupted\r\n", 130)
    assert not env_dir.exists()


# -- messages and plans


def test_a_broken_block_names_where_the_code_came_from(run: Run) -> None:
    lines = ["# conda execute", "# env:", "#   numpy"]
    text = '%s:3:5: expected a list item ("- spec") under env, found "numpy"\n'
    text += '  3 | #   numpy\n    |     ^\n  write "#  - numpy"'
    assert failed(run("-c", *lines), text % "-c")
    assert failed(run("-", stdin=None, input="\n".join(lines)), text % "standard input")


def test_a_broken_first_line_names_where_the_code_came_from(run: Run) -> None:
    lines = ["#!/usr/bin/env -S sh 'a", *BLOCK]
    text = (
        "%s:1:18: expected a closing ' in the command, found none\n"
        "  1 | #!/usr/bin/env -S sh 'a\n    |                  ^\n  close the quote"
    )
    assert failed(run("-c", *lines), text % "-c")
    assert failed(run("-", stdin=None, input="\n".join(lines)), text % "standard input")


@pytest.mark.warm
@pytest.mark.parametrize("word", ["-c", "-"])
def test_a_traceback_names_a_file_that_has_the_line(run: Run, env_dir: Path, word: str) -> None:
    lines = [*PYTHON, "def fail():", "    raise ValueError('so it is')", "fail()"]
    if word == "-c":
        done = run("-q", "-c", *lines)
    else:
        done = run("-q", "-", stdin=None, input="".join(line + "\n" for line in lines))
    path = kept(env_dir, "code" if word == "-c" else "stdin", *lines)
    assert done.returncode == 1
    assert f'  File "{path}", line 7, in fail\n    raise ValueError(' in done.stderr
    assert path.read_text().splitlines()[6] == "    raise ValueError('so it is')"


@pytest.mark.warm
def test_run_with_counts(run: Run) -> None:
    assert run("-q", "-c", *BLOCK[:3], "# run_with: sh -e", "", "false", "echo no").returncode == 1


@pytest.mark.warm
def test_a_shebang_counts(run: Run) -> None:
    assert run("-q", "-c", "#!/bin/sh -e", *BLOCK, "false", "echo no").returncode == 1


@pytest.mark.parametrize("words", [["-c", *BLOCK], ["-"]], ids=["-c", "-"])
def test_dry_runs_create_nothing(run: Run, env_dir: Path, words: list[str]) -> None:
    name = "code" if words[0] == "-c" else "stdin"
    options = {} if words[0] == "-c" else {"stdin": None, "input": "".join(line + "\n" for line in BLOCK)}
    plan = json.loads(run("-n", "--json", *words, **options).stdout)
    path = str(kept(env_dir, name, *BLOCK))
    assert (plan["script"], plan["command"], plan["exists"]) == (path, ["sh", path], False)
    assert not env_dir.exists()


def test_conda_tmpenv_takes_a_script_from_standard_input(run: Run, env_dir: Path) -> None:
    for command in ("name", "create"):
        done = run("--tmpenv", command, "--script", "-", "-q", stdin=None, input="\n".join(BLOCK))
        assert (done.stdout, done.stderr) == (f"{env_dir}/{conda_execute.find_name(['hello-conda =1.0'])}\n", "")
    assert not (env_dir / ".scripts").exists()


@pytest.mark.warm
def test_code_of_a_library_call_runs_too(environ: Environ, tmp_path: Path, env_dir: Path) -> None:
    code = "import conda_execute as c; print(c.run('-', ['a']), flush=True)"
    lines = "".join(line + "\n" for line in [*BLOCK, 'hello-conda "$@"', "exit 3"])
    done = subprocess.run(
        [sys.executable, "-c", code], input=lines, env={**environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.stdout == "hello-conda 1.0 a\n3\n"
