"""Commands: shebang, run_with and entrypoint mean what they mean to the kernel, to env and to a shell."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import PROFILE
from hypothesis import given
from hypothesis import strategies as st

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Run, Write


# -- the language of entrypoints


ENTRY = ["a", " ", "&&", "&", "$(", ")", "${SCRIPT}", "${CACHE}", "$", "'", '"', "|", "=", "\\", "\n", "A=", "é", "("]


@PROFILE
@given(st.lists(st.sampled_from(ENTRY), max_size=12).map("".join))
def test_an_entrypoint_is_read_or_refused_where_it_is_wrong(entrypoint: str) -> None:
    line = conda_execute.Line("script", 1, f'"{entrypoint}"')
    text = conda_execute.Text.of("/" + entrypoint, line, -1)
    try:
        commands = conda_execute.parse_commands(text, 0, 0)[0]
    except conda_execute.Error as error:
        assert 1 <= int(error.place.split(":")[2]) <= len(line.text) + 1
        conda_execute.format_error(error)
        return
    assert all(commands)


@PROFILE
@given(st.text("ab \t\n'\"*#~\\(={}", max_size=12))
def test_words_of_an_entrypoint_are_those_of_shlex_without_escapes(entrypoint: str) -> None:
    """Both ways, but that a program is no assignment."""
    reader = shlex.shlex("/" + entrypoint, posix=True)
    reader.whitespace_split, reader.escape, reader.commenters = True, "", ""
    text = conda_execute.Text.of("/" + entrypoint, conda_execute.Line("script", 1, ""), 0)
    try:
        ours = conda_execute.find_entrypoint_words(conda_execute.parse_commands(text, 0, 0)[0][0], {}, "", "")
    except conda_execute.Error:
        with pytest.raises(ValueError, match="No closing quotation"):
            list(reader)
    else:
        assert ours == list(reader)


# -- shebangs


@pytest.mark.warm
def test_options_of_the_shebang_reach_the_interpreter(run: Run, write: Write) -> None:
    code = "import sys; print(sys.flags.dont_write_bytecode, sys.flags.isolated)"
    for first in (
        "#!/usr/bin/env -S python -B -I\n",
        "#!/usr/bin/env python -B -I\n",
        "#!/usr/bin/env -S LANG=C python -B -I\n",
    ):
        assert run(write("a", code, "python", first=first)).stdout == "1 1\n"


@pytest.mark.warm
@pytest.mark.parametrize(
    "first",
    [
        "#!/usr/bin/env conda-execute\n",
        "#!/usr/bin/env conda execute\n",
        "#!/usr/bin/env -S python conda_execute.py\n",
        "#!/usr/bin/env -S python -m conda_execute -v\n",
    ],
)
def test_a_shebang_that_is_conda_execute_does_not_run_the_script(run: Run, write: Write, first: str) -> None:
    assert run(write("a.sh", "echo once", "hello-conda", first=first)).stdout == "once\n"


SHOW = """sh -c 'printf "<%s>" "$0" "$@"'"""


@pytest.mark.warm
@pytest.mark.parametrize(
    "rest",
    [
        f"-S {SHOW} zero",
        f"-S {SHOW} zero 'a b' \"c d\" e\\\\f",
        f"-S {SHOW} 'a   b'  \tc\td",
        f"-S A=1 B='2 3' {SHOW} zero",
        "-S -u HOME sh -c 'echo \"home <$HOME>\"'",
        "-S -i A=1 sh -c 'echo \"<$A$HOME>\"'",
        "-S --ignore-environment sh -c 'echo \"<$HOME>\"'",
        "-S -C / sh -c pwd",
        "-S --chdir=/ sh -c pwd",
        "-vS sh -e",
        "--split-string=sh -e",
    ],
)
def test_env_reads_its_line_as_it_does_for_the_kernel(
    run: Run, write: Write, environ: Environ, tmp_path: Path, rest: str
) -> None:
    script = write("a", "echo code", "hello-conda", first=f"#!/usr/bin/env {rest}\n")
    words = {"cwd": tmp_path, "env": environ, "stdout": subprocess.PIPE, "text": True, "check": True}
    expected = subprocess.run([str(script), "x"], **words)  # type: ignore[call-overload]
    done = run("-q", script, "x")
    assert (done.stdout, done.returncode) == (expected.stdout, 0), done.stderr


@pytest.mark.warm
def test_python_i_goes_on_with_what_is_typed(run: Run, write: Write) -> None:
    for options in ({"first": "#!/usr/bin/env -S python -i\n"}, {"more": "# run_with: python -i\n"}):
        done = run("-q", write("a.py", "x = 40", "python", **options), stdin=None, input="print(x + 2)\n")
        assert done.stdout == "42\n"


@pytest.mark.warm
def test_python_u_does_not_buffer(run: Run, write: Write) -> None:
    code = "import sys; print(type(sys.stdout.buffer).__name__)"
    assert run("-q", write("a.py", code, "python")).stdout == "BufferedWriter\n"
    for options in ({"first": "#!/usr/bin/python -u\n"}, {"more": "# run_with: python -u\n"}):
        assert run("-q", write("a.py", code, "python", **options)).stdout == "FileIO\n"


# -- run_with


@pytest.mark.warm
def test_a_command_with_a_relative_path_lies_beside_the_script(run: Run, write: Write, tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "show"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    script = write("a.txt", "", "hello-conda", more='# run_with: ["./tools/show", "hello world"]\n')
    assert run(script, "x", cwd="/").stdout == f"hello world {script} x\n"


@pytest.mark.warm
@pytest.mark.parametrize("command", ["../tools/show", "./../tools/show", "/usr/bin/env ../tools/show"])
def test_a_relative_command_is_found_from_wherever_the_script_is_called(
    run: Run, tmp_path: Path, write: Write, command: str
) -> None:
    for folder in ("tools", "scripts", "elsewhere"):
        (tmp_path / folder).mkdir()
    tool = tmp_path / "tools" / "show"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    write("scripts/a.txt", "", "hello-conda", more=f"# run_with: {command}\n")
    assert run("-q", "../scripts/a.txt", "x", cwd=tmp_path / "elsewhere").stdout == "../scripts/a.txt x\n"
    assert run("-q", "a.txt", "x", cwd=tmp_path / "scripts").stdout == "a.txt x\n"
