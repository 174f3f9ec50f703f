"""Commands: shebang, run_with and entrypoint mean what they mean to the kernel, to env and to a shell."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, PROFILE, failed
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


RELATIVE = {
    "a virtual environment": "#!.venv/bin/python",
    "a virtual environment, with a blank": "#! .venv/bin/python ",
    "a virtual environment, with CR LF": "#!.venv/bin/python\r",
    "the script's folder": "#!./python -B",
    "a folder above": "#!../x/python",
    "a link's place": "#!bin/../.venv/bin/python",
    "what a shell would expand": "#!~/.venv/bin/python",
    "env": "#!/usr/bin/env .venv/bin/python",
    "env -S": "#!/usr/bin/env -S A=1 ./python -B",
    "env, itself relative": "#!bin/env python",
}


def write_tool(path: Path, says: str) -> None:
    """Write a program that says who it is, and with what it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {says} "$@"\n')
    path.chmod(0o755)


@pytest.mark.warm
@pytest.mark.parametrize("head", ["# conda execute\n# env: [python]\n", "# /// script\n# dependencies = []\n# ///\n"])
@pytest.mark.parametrize("first", RELATIVE.values(), ids=list(RELATIVE))
def test_a_shebang_names_a_program_of_the_environment_and_never_a_place(
    run: Run, tmp_path: Path, env_dir: Path, first: str, head: str
) -> None:
    for name in (".venv/bin/python", "python", "x/python", "bin/env", "work/python", "~/.venv/bin/python"):
        write_tool(tmp_path / "work" / name, "that of a place")
        write_tool(tmp_path / name, "that of a place")
    script = tmp_path / "work" / "a"
    script.write_bytes(f"{first}\n{head}import sys; print(sys.executable)\n".encode())
    for cwd, path in ((script.parent, "a"), (tmp_path, "work/a"), ("/", script)):
        done = run("-q", path, cwd=cwd)
        assert done.stdout.startswith(f"{env_dir}/") and done.stdout.endswith("/bin/python\n"), done.stderr


@pytest.mark.warm
@pytest.mark.parametrize("first", ["#!./tool", "#!bin/tool -x", "#!/usr/bin/env -S ./tool", "#!/usr/bin/env bin/tool"])
def test_a_program_that_lies_beside_the_script_alone_is_no_program_for_a_shebang(
    run: Run, write: Write, tmp_path: Path, first: str
) -> None:
    for name in ("tool", "bin/tool"):
        write_tool(tmp_path / name, "tool")
    done = run("-q", write("a", "", "hello-conda", first=first + "\n"))
    assert (done.returncode, done.stdout) == (127, "")
    assert 'expected "tool" in ' in done.stderr and "or name another command with run_with" in done.stderr
    done = run("-q", write("a", "", "hello-conda", first=first + "\n", more="# run_with: ./tool\n"))
    assert done.stdout == f"tool {tmp_path}/a\n"  # as the hint says


@pytest.mark.warm
@pytest.mark.parametrize("first", ["#!./sh", "#!bin/sh", "#!/usr/bin/env ./sh"])
def test_a_shell_of_the_machine_is_none_that_lies_about(run: Run, write: Write, tmp_path: Path, first: str) -> None:
    for name in ("sh", "bin/sh"):
        write_tool(tmp_path / name, "that of a place")
    assert run("-q", write("a", "echo a", "hello-conda", first=first + "\n")).stdout == "a\n"


@pytest.mark.warm
def test_the_program_that_a_pep_723_script_names_is_missed_in_words_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("#!bin/python2.7\n# /// script\n# dependencies = []\n# ///\n")
    done = run("-q", "a")
    assert done.returncode == 127
    assert "to its conda packages, or name another command in the shebang" in done.stderr


@pytest.mark.parametrize("words", [["slurm_script"], ["-"], ["-c", "CODE"], ["-n", "slurm_script"], ["-v", "link"]])
def test_nothing_is_run_or_built_where_nothing_says_how(
    run: Run, write: Write, tmp_path: Path, env_dir: Path, words: list[str]
) -> None:
    """A scheduler takes the suffix away; sh would do what stands in backticks."""
    script = write("slurm_script", "print('`touch done`')", "python", first="#!/usr/bin/env conda-execute\n")
    (tmp_path / "link").symlink_to("slurm_script")
    code = script.read_text()
    done = run(*[word.replace("CODE", code) for word in words], stdin=None, input=code)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.endswith('\n  write "# run_with: python" above this line\n')
    assert not (tmp_path / "done").exists() and not env_dir.exists()
    script.write_text(code.replace("# env:", "# run_with: python\n# env:"))
    assert run("-q", script).stdout == "`touch done`\n"  # as the hint says


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


# -- run_with of a link


LINKS = {
    "a link": ({"bin/s": "../real/s.txt"}, "bin/s", {"real/tool"}, "real/tool"),
    "beside both": ({"bin/s": "../real/s.txt"}, "bin/s", {"bin/tool", "real/tool"}, "bin/tool"),
    "beside the link alone": ({"bin/s": "../real/s.txt"}, "bin/s", {"bin/tool"}, "bin/tool"),
    "a chain": ({"bin/s": "../opt/s", "opt/s": "../real/s.txt"}, "bin/s", {"real/tool"}, "real/tool"),
    "an absolute one": ({"bin/s": "TMP/real/s.txt"}, "bin/s", {"real/tool"}, "real/tool"),
    "a linked folder": ({"bin": "real"}, "bin/s.txt", {"real/tool"}, "real/tool"),
    "a link in a linked folder": ({"bin": "opt", "opt/s": "../real/s.txt"}, "bin/s", {"real/tool"}, "real/tool"),
    "a link that is called like the tool": ({"bin/tool": "../real/s.txt"}, "bin/tool", {"real/tool"}, "real/tool"),
    "a tool's link that leads nowhere": (
        {"bin/s": "../real/s.txt", "bin/tool": "gone"},
        "bin/s",
        {"real/tool"},
        "real/tool",
    ),  # fmt: skip
    "a folder of that name": ({"bin/s": "../real/s.txt"}, "bin/s", {"bin/tool/x", "real/tool"}, "real/tool"),
}


def make_links(tmp_path: Path, links: dict[str, str], tools: set[str]) -> None:
    for name in ("bin", "opt", "real"):
        if name not in links:
            (tmp_path / name).mkdir(exist_ok=True)
    for name in tools:
        write_tool(tmp_path / name, name)
    for name, target in links.items():
        (tmp_path / name).symlink_to(target.replace("TMP", str(tmp_path)))


@pytest.mark.warm
@pytest.mark.parametrize("links, script, tools, expected", LINKS.values(), ids=list(LINKS))
def test_what_run_with_names_lies_beside_the_link_or_else_beside_the_file(
    run: Run, write: Write, tmp_path: Path, links: dict[str, str], script: str, tools: set[str], expected: str
) -> None:
    make_links(tmp_path, links, tools)
    write("real/s.txt", "", "hello-conda", more="# run_with: ./tool\n")
    for cwd, path in ((tmp_path, script), ("/", tmp_path / script)):
        done = run("-q", path, "x", cwd=cwd)
        assert done.stdout == f"{expected} {path} x\n", done.stderr


@pytest.mark.warm
def test_a_path_that_leads_nowhere_names_each_place(run: Run, write: Write, tmp_path: Path) -> None:
    make_links(tmp_path, {"bin/s": "../real/s.txt"}, set())
    write("real/s.txt", "", "hello-conda", more="# run_with: ../x/tool\n")
    hint = "put it there, or write the name alone of a program in env"
    where = {"bin/s": f"{tmp_path}/bin or {tmp_path}/real", "real/s.txt": f"{tmp_path}/real"}
    for script, folders in where.items():
        assert failed(run("-q", script), f'{script}: expected "../x/tool" in {folders}, found none\n  {hint}', 127)
    write_tool(tmp_path / "x" / "tool", "tool")
    assert run("-q", "bin/s").stdout == "tool bin/s\n"
    write("real/s.txt", "", "hello-conda", more="# run_with: hello-conda\n")
    assert run("-q", "bin/s").stdout == "hello-conda 2.0 bin/s\n"


@pytest.mark.warm
@pytest.mark.parametrize("command", ["./s", "./s.txt", "../bin/s", "../real/s.txt", "./ce"])
@pytest.mark.parametrize("script", ["bin/s", "real/s.txt"])
def test_neither_the_script_nor_its_link_nor_conda_execute_runs_the_script(
    run: Run, write: Write, tmp_path: Path, script: str, command: str
) -> None:
    make_links(tmp_path, {"bin/s": "../real/s.txt", "real/ce": str(FILE), "real/s": "../bin/s"}, set())
    write("real/s.txt", "", "hello-conda", more=f"# run_with: {command}\n")
    hint = "name what runs the script, or leave run_with out"
    assert failed(run("-q", script), f'{script}: expected another program, found "{command}"\n  {hint}')
