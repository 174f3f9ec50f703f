"""Scripts: code from the command line and standard input runs from a file that is kept while it is in use.

STORE_RACES=500 runs the races longer than the suite does.
"""

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
from conftest import HOUR, NO_LOCKS, ROOT, TOOL, failed, mounted, needs_root, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Collect, Environ, Rows, Run

    Start = Callable[..., Path]


BLOCK = ["# conda execute", "# env:", "#  - hello-conda =1.0", "# run_with: sh", ""]
IN_PYTHON = ["# conda execute", "# env:", "#  - python", "# run_with: python", ""]


def kept_folder(env_dir: Path, *lines: str) -> Path:
    """Return the folder of what "-c LINE ..." keeps."""
    return env_dir / ".scripts" / hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def kept(env_dir: Path, name: str, *lines: str) -> Path:
    return kept_folder(env_dir, *lines) / name


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


NONE = (
    'expected a comment block that begins with "# conda execute", found none\n'
    '  write "# conda execute", "# env:" and "#  - python" on lines of their own'
)
NOTHING = "expected a script, found nothing in it\n  check the path, and what should have written it"


@pytest.mark.parametrize("words, text", [([""], NOTHING), (["-"], NONE), (["", "", ""], NOTHING), (["echo 1"], NONE)])
def test_code_without_a_block_is_told(run: Run, env_dir: Path, words: list[str], text: str) -> None:
    assert failed(run("-c", *words), "-c: " + text)
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
    code = "\n".join([*BLOCK, 'head -c 3 "$0"', "exit", ""]).encode() + b"\0\xff\xfe\n"
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
    hint = "see what should have written it, or write conda-execute -c LINE ... or conda-execute - < FILE"
    for word in ("-", "-c"):
        done = run(word)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith("conda-execute: expected a script on standard input, found nothing\n  see what")
        assert done.stderr.endswith(hint[-6:] + "\n")


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
    lines = ["#!/usr/bin/env -S sh 'a", *BLOCK[:3]]
    text = (
        "%s:1:18: expected a closing ' in the command, found none\n"
        "  1 | #!/usr/bin/env -S sh 'a\n    |                  ^\n  close the quote"
    )
    assert failed(run("-c", *lines), text % "-c")
    assert failed(run("-", stdin=None, input="\n".join(lines)), text % "standard input")


@pytest.mark.warm
@pytest.mark.parametrize("word", ["-c", "-"])
def test_a_traceback_names_a_file_that_has_the_line(run: Run, env_dir: Path, word: str) -> None:
    lines = [*IN_PYTHON, "def fail():", "    raise ValueError('so it is')", "fail()"]
    if word == "-c":
        done = run("-q", "-c", *lines)
    else:
        done = run("-q", "-", stdin=None, input="".join(line + "\n" for line in lines))
    path = kept(env_dir, "code" if word == "-c" else "stdin", *lines)
    assert done.returncode == 1
    assert f'  File "{path}", line 7, in fail\n    raise ValueError(' in done.stderr
    assert path.read_text().splitlines()[6] == "    raise ValueError('so it is')"


@pytest.mark.warm
@pytest.mark.parametrize(
    "head", [[*BLOCK[:3], "# run_with: sh -e", ""], ["#!/bin/sh -e", *BLOCK[:3], ""]], ids=["run_with", "shebang"]
)
def test_run_with_and_a_shebang_count(run: Run, head: list[str]) -> None:
    done = run("-q", "-c", *head, "false", "echo no")
    assert (done.returncode, done.stdout) == (1, "")


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
        done = run("--tmpenv", command, "--script", "-", "-q", stdin=None, input="\n".join(BLOCK[:3]))
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


# -- how long they are kept


RACES = int(os.environ.get("STORE_RACES", "100"))
LOOP = ["touch ready", "while [ ! -e stop ]; do sleep 0.01; done", "touch ended"]
UNBUFFERED = ["# conda execute", "# env:", "#  - python", "# run_with: python -u", ""]
PYTHON_LOOP = ["import os, time", "open('ready', 'w')", "while not os.path.exists('stop'): time.sleep(0.01)"]
ALWAYS = {"CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "0"}
# env-dir, content, count: each time, let what is kept be old, and start it as launch() does.
STARTER = """\
import os, sys
import conda_execute
store = conda_execute.Store(sys.argv[1], 0, conda_execute.Progress(False, True))
content = sys.argv[2].encode()
path = conda_execute.script_path(store, content, "code")
script = conda_execute.Script(content, path, "-c")
failures = 0
for _ in range(int(sys.argv[3])):
    try:
        os.utime(os.path.dirname(path), (1, 1))
    except FileNotFoundError:
        pass
    pid = os.fork()
    if pid == 0:
        script.save(store)
        os.execv("/bin/sh", ["sh", path])
    failures += os.waitpid(pid, 0)[1] != 0
print(failures)
"""
# env-dir, time: remove whatever was last used before it, for ever; tell of the first removal.
REMOVER = """\
import sys
import conda_execute
store = conda_execute.Store(sys.argv[1], 0, conda_execute.Progress(False, True))
removed = 0
while True:
    for name in filter(lambda name: name.startswith(".scripts"), store.find_names()):
        try:
            store.remove(name, float(sys.argv[2]))
        except conda_execute.Error:
            continue
        removed += 1
        print(removed, flush=True)
    store.empty_trash()
"""


def let_pass(env_dir: Path, hours: float) -> None:
    """Let env-dir believe that its scripts are this much older, and the next collection due."""
    for folder in (env_dir / ".scripts").iterdir():
        when = folder.stat().st_mtime - hours * HOUR
        os.utime(str(folder), (when, when))


@pytest.fixture
def start(environ: Environ, tmp_path: Path, env_dir: Path) -> Iterator[Start]:
    """Return a function that starts code which runs to the end of the test; it returns the folder of the code."""
    children = []

    def function(*lines: str, **variables: str) -> Path:
        command = [sys.executable, str(TOOL), "-q", "-c", *lines]
        children.append(subprocess.Popen(command, env={**environ, **variables}, cwd=str(tmp_path)))
        wait_until((tmp_path / "ready").exists)
        return kept_folder(env_dir, *lines)

    yield function
    (tmp_path / "stop").touch()
    assert [child.wait(60) for child in children] == [0] * len(children)


# -- old ones


@pytest.mark.once
def test_what_is_old_goes_and_what_is_young_stays(run: Run, collect_here: Collect, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK, "echo old")
    let_pass(env_dir, 24)
    collect_here()
    assert kept_folder(env_dir, *BLOCK, "echo old").exists()
    let_pass(env_dir, 1.1)
    run("-q", "-c", *BLOCK, "echo young")
    collect_here()
    assert [path.name for path in (env_dir / ".scripts").iterdir()] == [kept_folder(env_dir, *BLOCK, "echo young").name]
    assert list((env_dir / ".trash").iterdir()) == []


@pytest.mark.once
def test_a_use_makes_it_young_again(run: Run, collect_here: Collect, env_dir: Path) -> None:
    for _ in range(2):
        run("-q", "-c", *BLOCK)
        let_pass(env_dir, 24)
        collect_here()
    assert kept_folder(env_dir, *BLOCK).exists()


@pytest.mark.once
def test_the_next_call_of_any_kind_collects(run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    wait_until(lambda: list((env_dir / ".leases").glob(".due-*")))
    let_pass(env_dir, 26)
    for stamp in (env_dir / ".leases").glob(".due-*"):
        os.utime(str(stamp), (1, 1))
    run("--tmpenv", "list")
    wait_until(lambda: not kept_folder(env_dir, *BLOCK).exists())


@pytest.mark.once
def test_no_file_is_left_behind_for_each(run: Run, collect_here: Collect, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK, "echo 0")
    collect_here()
    before = sorted(path.name for path in (env_dir / ".leases").iterdir())
    for i in range(1, 4):
        run("-q", "-c", *BLOCK, f"echo {i}")
    let_pass(env_dir, 30)
    collect_here()
    assert sorted(path.name for path in (env_dir / ".leases").iterdir()) == before
    assert list((env_dir / ".scripts").iterdir()) == []


@pytest.mark.once
def test_what_is_none_of_them_is_left_and_stops_nothing(collect_here: Collect, run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    (env_dir / ".scripts" / "file").touch()
    (env_dir / ".scripts" / ("x" * 64)).mkdir()
    (env_dir / ".scripts" / "link").symlink_to("/")
    (kept_folder(env_dir, *BLOCK) / ".7.part").touch()
    for path in (env_dir / ".scripts").iterdir():
        os.utime(str(path), (1, 1), follow_symlinks=False)
    collect_here()
    assert sorted(path.name for path in (env_dir / ".scripts").iterdir()) == ["file", "link", "x" * 64]
    assert Path("/usr").exists()


# -- ones in use


RUNNING = {"a shell that still reads it": [*BLOCK, *LOOP], "Python, on its command line": [*UNBUFFERED, *PYTHON_LOOP]}


@pytest.mark.once
@pytest.mark.parametrize("lines", RUNNING.values(), ids=RUNNING)
def test_what_runs_stays_until_it_has_ended(
    run: Run, start: Start, collect_here: Collect, env_dir: Path, tmp_path: Path, lines: list[str]
) -> None:
    folder = start(*lines)
    let_pass(env_dir, 30)
    collect_here("0")
    assert (folder / "code").exists()
    done = run("--tmpenv", "clear", "--all")
    assert done.returncode == 125
    assert f"conda-execute: {folder}: expected nobody to run in it, found process " in done.stderr
    assert (folder / "code").exists()
    (tmp_path / "stop").touch()
    wait_until(lambda: run("--tmpenv", "clear", "--all").returncode == 0)
    assert not folder.exists()


@pytest.mark.once
def test_what_runs_stays_where_env_dir_is_reached_by_a_link(
    start: Start, collect_here: Collect, env_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(env_dir)
    env_dir.mkdir()
    folder = start(*UNBUFFERED, *PYTHON_LOOP, CONDA_EXECUTE_ENV_DIR=str(tmp_path / "link"))
    let_pass(env_dir, 30)
    collect_here("0")
    assert (folder / "code").exists()


@pytest.mark.once
def test_a_script_in_use_stays_when_its_setting_is_0(run: Run, environ: Environ, env_dir: Path) -> None:
    for i in range(5):
        done = run("-q", "-c", *BLOCK, f"echo {i}", env={**environ, **ALWAYS})
        assert (done.returncode, done.stdout) == (0, f"{i}\n")


@pytest.fixture(params=["flock", "files"])
def races(request: pytest.FixtureRequest, environ: Environ, tmp_path: Path) -> int:
    """Return how many races to run; where there are only lock files, fewer."""
    environ["PYTHONPATH"] = str(ROOT)
    if request.param == "flock":
        return RACES * 5
    (tmp_path / "sitecustomize.py").write_text(NO_LOCKS)
    environ["PYTHONPATH"] += os.pathsep + str(tmp_path)
    return RACES


@pytest.mark.once
@pytest.mark.parametrize("used_before", ["10", "inf"], ids=["the old", "all"])
def test_no_script_is_taken_away_between_its_writing_and_its_start(
    races: int, environ: Environ, env_dir: Path, used_before: str
) -> None:
    conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True)).make()
    pipe = subprocess.PIPE
    remover = subprocess.Popen([sys.executable, "-c", REMOVER, str(env_dir), used_before], env=environ, stdout=pipe)
    starters = [[sys.executable, "-c", STARTER, str(env_dir), "exit 0 #" + name, str(races)] for name in "ab"]
    children = [subprocess.Popen(command, env=environ, stdout=pipe) for command in starters]
    outputs = [child.communicate(timeout=300)[0] for child in children]
    assert remover.poll() is None
    remover.kill()
    removed = remover.communicate()[0].count(b"\n")
    print(f"removed {removed} times in {2 * races} starts")
    assert outputs == [b"0\n", b"0\n"]
    assert removed > 0 or races < 500  # a few may all miss


# -- list, clear, odd circumstances


@pytest.mark.once
@pytest.mark.parametrize("folder", ["", ".leases", ".scripts", ".trash", "usage.tsv"])
def test_who_looks_around_in_env_dir_is_in_nobodys_way(run: Run, env_dir: Path, folder: str) -> None:
    run("-q", "-c", *BLOCK)
    command = ["sh", "-c", 'exec 8< "$0" 9<&8; echo; read end', str(env_dir / folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}) as child:
        assert child.stdout is not None and child.stdout.readline() == b"\n"
        done = run("--tmpenv", "clear", "--all")
        assert (done.returncode, done.stdout.count("remove "), done.stderr) == (0, 2, "")
        child.communicate(b"\n")


@pytest.mark.once
def test_list_does_not_show_them(run: Run, env_dir: Path) -> None:
    run("-q", "-c", *BLOCK)
    lines = run("--tmpenv", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", conda_execute.find_name(["hello-conda =1.0"])]


@pytest.mark.once
@pytest.mark.parametrize("words", [["--all"], ["--min-age", "1"], []], ids=" ".join)
def test_a_dry_run_prints_what_clear_removes(run: Run, collect_here: Collect, env_dir: Path, words: list[str]) -> None:
    for word in ("old", "young"):
        run("-q", "-c", *BLOCK, "echo " + word)
    let_pass(env_dir, 30)
    os.utime(str(kept_folder(env_dir, *BLOCK, "echo young")))  # no run: it would collect the old one
    lines = [run("--tmpenv", "clear", *words, *more).stdout for more in (["--dry-run"], [])]
    assert lines[0] == lines[1].replace("remove ", "would remove ")
    assert f"remove {kept_folder(env_dir, *BLOCK, 'echo old')}\n" in lines[0]
    assert kept_folder(env_dir, *BLOCK, "echo young").exists() == (words != ["--all"])
    assert not kept_folder(env_dir, *BLOCK, "echo old").exists()


@pytest.mark.once
def test_a_dry_run_names_who_is_in_the_way_as_clear_does(run: Run, start: Start, env_dir: Path) -> None:
    folder = start(*BLOCK, *LOOP)
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    pid = min(store.find_processes()[f".scripts/{folder.name}"])  # the shell, at times with a child of it
    text = f"conda-execute: {folder}: expected nobody to run in it, found process {pid}"
    for more in (["--dry-run"], []):
        assert text in run("--tmpenv", "clear", "--all", *more).stderr


@pytest.mark.once
@needs_root
def test_a_read_only_env_dir_runs_what_it_keeps_and_says_that_it_keeps_no_more(run: Run, env_dir: Path) -> None:
    assert run("-q", "-c", *BLOCK, "echo 1").stdout == "1\n"
    with mounted(env_dir, "--bind", str(env_dir)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(env_dir)], check=True)
        done = run("-c", *BLOCK, "echo 1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        done = run("-c", *BLOCK, "echo 2")
        assert (done.returncode, done.stdout) == (125, "")
        text = "expected an env-dir that can be written to, found: Read-only file system"
        assert done.stderr == f"conda-execute: {env_dir}: {text}\n  {conda_execute.OWN_FOLDER}\n"
        done = run("--tmpenv", "clear", "--all", timeout=60)
        assert done.returncode == 125
        assert "found a file system that is mounted read-only\n" in done.stderr


@pytest.mark.once
def test_something_else_in_their_place_is_told(run: Run, env_dir: Path) -> None:
    run("--tmpenv", "create", "hello-conda =1.0")
    (env_dir / ".scripts").touch()
    done = run("-c", *BLOCK)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{env_dir}/.scripts: expected a folder of conda-execute's, found a file\n" in done.stderr
