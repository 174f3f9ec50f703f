"""Options, Command line: what they take, messages and exit codes."""

from __future__ import annotations

import ast
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from conftest import FILE, ROOT, failed, make_conda, wait_until

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Rows, Run, Script, Start, Write


STATEMENTS = [node.end_lineno or 0 for node in ast.parse(FILE.read_text("utf-8")).body]


@pytest.mark.parametrize("end", [*STATEMENTS[8:-2:40], STATEMENTS[-2]])
def test_a_copy_of_the_file_that_was_cut_off_never_succeeds(write: Write, tmp_path: Path, end: int) -> None:
    """A full disk, or a quota, may end it behind a definition, where Python finds nothing wrong."""
    part = tmp_path / "conda_execute.py"
    part.write_text("".join(FILE.read_text("utf-8").splitlines(keepends=True)[:end]), "utf-8")
    script = write("a.py", "", "hello-conda", first="import conda_execute; conda_execute.bootstrap()\n")
    done = subprocess.run([sys.executable, part, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (125, "")
    assert "this copy of conda_execute.py has been cut off: get the whole file again\n" in done.stderr
    if end not in STATEMENTS[-8:]:  # what is imported may well be whole
        assert subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True).returncode == 1


@pytest.fixture
def hello(write: Write) -> Path:
    return write("hello.sh", 'hello-conda "$@"', "hello-conda =1.0")


@pytest.mark.warm
def test_what_stands_behind_the_script_is_the_scripts(run: Run, hello: Path) -> None:
    words = ["-v", "--help", "--", "--json", "a b", "", "*", "-"]
    done = run(hello, *words)
    assert done.stdout == "hello-conda 1.0 " + " ".join(words) + "\n"


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["-vh"], ["--help", "script.py"]])
def test_help_is_printed_to_stdout(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(conda_execute.USAGE)


def first_lines(run: Run, **options: object) -> list[str]:
    return str(run("--help", **options).stdout).partition("work here:\n")[2].splitlines()


def test_the_first_lines_of_the_help_work(
    run: Run, write: Write, environ: Environ, installed: Path, tmp_path: Path
) -> None:
    """From this folder, with these programs: of each that is shown a script is made and started."""
    bare = f"  #!/usr/bin/env -S python {FILE}"
    (tmp_path / "bin").mkdir()
    environ["PATH"] = f"{tmp_path}/bin:{environ['PATH']}"
    assert bare not in first_lines(run)
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert first_lines(run) == [bare]
    environ["PATH"] = f"{installed}:{environ['PATH']}"
    shutil.copy(FILE, tmp_path)
    lines = first_lines(run, tool=tmp_path / "conda_execute.py")
    assert [line.partition("env ")[2] for line in lines] == [
        "conda-execute", "-S python conda_execute.py", "-S python -m conda_execute",
    ]  # fmt: skip
    for line in lines:
        script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0", first=f"{line.strip()}\n")
        done = subprocess.run([str(script), "x y"], env=environ, cwd=tmp_path, capture_output=True, text=True)
        assert done.stdout == "hello-conda 1.0 x y\n", (line, done.stderr)


def test_no_first_line_works_where_nothing_that_it_names_is(run: Run, environ: Environ, tmp_path: Path) -> None:
    """Another program called conda-execute, as that of 2015, is none of ours."""
    (tmp_path / "conda-execute").write_text("#!/bin/sh\necho conda-execute 0.7.0\n")
    (tmp_path / "conda-execute").chmod(0o755)
    environ["PATH"] = str(tmp_path)
    assert first_lines(run) == ['  none; start a script with "import conda_execute; conda_execute.bootstrap()"']


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout == f"conda-execute {conda_execute.__version__}\n"


NO_SCRIPT = 'write conda-execute SCRIPT, or "-" for one that comes on standard input; --help says more'
WRONG = {
    "no script": ([], "expected a script, found none\n  " + NO_SCRIPT),
    "only options": (["-v"], "expected a script, found none\n  " + NO_SCRIPT),
    "near miss": (["--verbos", "a.py"], 'expected a known option, found "--verbos"\n  write --verbose'),
    "unknown": (["-x", "a.py"], 'expected a known option, found "-x"\n  --help lists the options'),
    "abbreviated": (["--force", "a.py"], 'expected a known option, found "--force"\n  write --force-env'),
    "letters exchanged": (["--qiuet", "a.py"], 'expected a known option, found "--qiuet"\n  write --quiet'),
    "with a value": (["--quite=1", "a.py"], 'expected a known option, found "--quite=1"\n  write --quiet'),
    "a letter with two dashes": (["--c", "x"], 'expected a known option, found "--c"\n  --help lists the options'),
    "three dashes": (["---quiet", "a"], 'expected a known option, found "---quiet"\n  write --quiet'),
    "bundle": (["-vx", "a.py"], 'expected a known option, found "-x"\n  --help lists the options'),
    "one dash": (["-with", "a", "a.py"], 'expected a known option, found "-with"\n  write --with'),
    "one dash, known letters": (["-help"], 'expected a known option, found "-help"\n  write --help'),
    "one dash, a command": (["-list"], 'expected a known option, found "-list"\n  write conda-tmpenv list'),
    "the first letter": (["-w", "a", "a.py"], 'expected a known option, found "-w"\n  write --with'),
    "a command": (["--list"], 'expected a known option, found "--list"\n  write conda-tmpenv list'),
    "en dash": (["\u2013-lock", "a.py"], 'expected an option with hyphens, found "\u2013-lock"\n  write --lock'),
    "em dash": (["\u2014lock", "a.py"], 'expected an option with hyphens, found "\u2014lock"\n  write --lock'),
    "en dash, a letter": (["\u2013n", "a.py"], 'expected an option with hyphens, found "\u2013n"\n  write -n'),
    "no value": (["--with"], "expected SPEC behind --with, found nothing\n  write --with SPEC SCRIPT"),
    "an empty value": (
        ["--with", "", "a.py"],
        "expected SPEC behind --with, found nothing\n  write --with SPEC SCRIPT",
    ),
    "the script for a value": (
        ["--with", str(FILE)],
        f"expected a script, found none\n  --with took {FILE} for its SPEC: write --with SPEC {FILE}",
    ),
    "json alone": (["--json", "a.py"], "expected --dry-run with --json, found none\n  write --dry-run --json"),
}


@pytest.mark.parametrize("words, text", WRONG.values(), ids=WRONG)
def test_a_wrong_command_line_is_told_and_exits_with_2(run: Run, words: list[str], text: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"conda-execute: {text}\n")


# Of conda-tmpenv, conda run and create, python, uv, and the contrary of one of ours.
FOREIGN = [
    "--file",
    "--script",
    "--all",
    "--min-age",
    "-m",
    "--no-capture-output",
    "--online",
]


@pytest.mark.parametrize("option", FOREIGN)
def test_an_option_that_is_near_none_gets_no_proposal(run: Run, option: str) -> None:
    done = run(option, "x", "a.py")
    text = f'conda-execute: expected a known option, found "{option}"\n  --help lists the options\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


SPELLED = {
    "-p x a.sh": "leave it out: an environment lies in env-dir", "--prefix=x a.sh": "leave it out: an environment lies",
    "--name x a.sh": "leave it out: an environment is named by what is in it", "-y a.sh": "leave it out: nothing is",
    "--python 3.12 a.sh": 'write --with "python =3.12"', "-V": "write conda-execute --version",
    "--channel x a.sh": 'write "CHANNEL::NAME", or channels', "-q --tmpenv list": "write it in front of all else",
    "--run-with python -i a.sh": 'write --run-with "python -i", with all',
    "--run-with python -m pdb a.sh": 'write --run-with "python -m", with all',
    "--run-with jupyter lab a.sh": 'write --run-with "jupyter lab", with all',
    "--with numpy scikit-learn a.sh": "write --with numpy --with scikit-learn",
    "-n myenv python a.sh": "-n is --dry-run, and an environment is named by what is in it: write conda-execute SCRIPT",
    "-c conda-forge a.sh": "write conda-execute SCRIPT; channels stand below channels",
    "help": "write conda-execute --help;",
    "run a.sh x": "write conda-execute a.sh x;", "python a.sh": "write conda-execute a.sh;",
    "exec -n x a.sh": "write conda-execute a.sh;", "run": "write conda-execute SCRIPT;",
    "list": "write conda-tmpenv list;", "show a.sh": "write conda-tmpenv show a.sh;",
    "doctor": "write conda-tmpenv doctor;",
    "create python numpy": "write conda-tmpenv create python numpy;",
    "remove x": "write conda-tmpenv list, show or clear;",
    "lock a.sh": "write conda-execute --lock a.sh;", "add numpy": "packages stand in the block of a script",
    "--link a.sh -q": "options stand in front",
}  # fmt: skip


@pytest.mark.parametrize("words, hint", SPELLED.items(), ids=SPELLED)
def test_what_other_tools_have_in_a_command_line_is_answered_with_ours(
    run: Run, hello: Path, tmp_path: Path, words: str, hint: str
) -> None:
    hello.rename(tmp_path / "a.sh")
    before = set(tmp_path.iterdir())
    done = run(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1].startswith("  " + hint), done.stderr
    assert set(tmp_path.iterdir()) == before


def test_a_script_may_be_called_like_a_word_of_other_tools(run: Run, hello: Path, tmp_path: Path) -> None:
    hello.rename(tmp_path / "run")
    assert run("-q", "--run-with", "sh", "run", "a.sh").stdout == "hello-conda 1.0 a.sh\n"
    code = "# conda execute\n# env: [hello-conda]\nhello-conda"
    (tmp_path / "run.sh").touch()
    assert run("-q", "-c", "--run-with", "sh", code, "run.sh").returncode == 127  # a line of it


COPIED = {
    "list": "write {} --tmpenv list; nothing", "run a.sh": "write {} a.sh; nothing",
    "--tmpenv x": "{} --tmpenv --help says",
    "--tmpenv show xx": "write a name as {} --tmpenv list shows", "": "write {} SCRIPT, or",
    "--locked a.sh": "write it: {} --lock SCRIPT",
}  # fmt: skip


@pytest.mark.parametrize("words, hint", COPIED.items(), ids=COPIED)
def test_hints_are_typed_as_the_file_was_started_where_it_is_not_installed(
    run: Run, hello: Path, tmp_path: Path, environ: Environ, installed: Path, words: str, hint: str
) -> None:
    hello.rename(tmp_path / "a.sh")
    copy = tmp_path / "my tools" / "conda_execute.py"
    copy.parent.mkdir()
    shutil.copy(FILE, copy)
    done = run(*words.split(), tool=copy)
    start = f"{sys.executable} '{copy}'"
    assert done.stderr.splitlines()[1].startswith("  " + hint.format(start)), done.stderr
    environ["PATH"] = f"{installed}:{environ['PATH']}"
    lines = run(*words.split(), tool=copy).stderr.splitlines()
    own = hint.replace("{} --tmpenv", "conda-tmpenv").replace("{}", "conda-execute")
    assert lines[1].startswith("  " + own), lines


CHECK = "check the path, and quotes around its blanks"


def test_a_bug_exits_with_125_and_says_what_to_report(environ: Environ, tmp_path: Path) -> None:
    code = "import conda_execute as c; c.Invocation = lambda options: 1 / 0; c.sys.argv = ['c', 'a.py']; c.program()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 125
    assert done.stderr.startswith("Traceback")
    assert f"a bug of conda-execute {conda_execute.__version__} (Python {sys.version.split()[0]}" in done.stderr


def test_what_is_no_file_is_no_script(run: Run) -> None:
    text = f"gone.py: expected a script that can be read, found: No such file or directory\n  {CHECK}"
    assert failed(run("gone.py"), text)
    assert failed(run("/"), "/: expected a script in a file, found a folder\n  name a script that is in it")


@pytest.mark.parametrize(
    "word, hint",
    {
        "hello": "there is hello.sh", "helo.sh": "there is hello.sh", "HELLO.sh": "there is hello.sh",
        "in/hello.sh": "check the path, and",
        "~/at home.sh": "write '{}/at home.sh': no shell expands a \"~\" in quotes",
        "~/at hom.sh": "there is {}/at home.sh",
        "nothing.sh": "check the path, and",
        "ftp://h/a.sh": "check the path; a URL begins with https:// or http://",
        "https:/h/a.sh": "check the path; a URL",
        "github.com/me/tools/a.sh": "check the path; a URL begins", "./hello": "there is ./hello.sh",
    }.items(),
)  # fmt: skip
def test_a_path_that_is_nearly_right_is_answered_with_what_is_there(
    run: Run, hello: Path, home: Path, word: str, hint: str
) -> None:
    (home / "at home.sh").touch()
    done = run(word)
    first = f"conda-execute: {word}: expected a script that can be read, found: No such file or directory"
    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (125, "", first)
    assert done.stderr.splitlines()[1].startswith("  " + hint.format(home)), done.stderr


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every file")
def test_a_script_that_may_not_be_read_is_told(run: Run, hello: Path) -> None:
    hello.chmod(0)
    hint = f'write "chmod u+r {hello}", or have its owner let you read it'
    assert failed(run(hello), f"{hello}: expected a script that can be read, found: Permission denied\n  {hint}")


def test_a_script_whose_link_leads_nowhere_is_told_by_where_it_leads(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("gone.py")
    found = 'a.py: expected a script that can be read, found a link to "gone.py", which is not there'
    assert failed(run("a.py"), f"{found}\n  have it lead to where that is: ln -sf FILE a.py")


def test_a_script_without_a_block_is_told_what_to_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)\n")
    text = (
        'a.py: expected a comment block that begins with "# conda execute", found none\n'
        '  write "# conda execute", "# env:" and "#  - python" on lines of their own'
    )
    assert failed(run("a.py"), text)


def test_a_broken_block_shows_the_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("\n\n\n# conda execute\n# env:\n#   numpy\n")
    text = (
        'a.py:6:5: expected a list item ("- spec") under env, found "numpy"\n'
        "  6 | #   numpy\n"
        "    |     ^\n"
        '  write "#  - numpy"'
    )
    assert failed(run("a.py"), text)


@pytest.mark.warm
def test_a_missing_interpreter_is_told_and_exits_with_127(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.py", "", "hello-conda")
    done = run("-q", script)
    prefix = env_dir / str(json.loads(run("-n", "--json", write("b.sh", "", "hello-conda")).stdout)["name"])
    hint = 'add "python" to env, or name another command with run_with'
    hint += "; --force-env mends a damaged environment"
    assert failed(done, f'{script}: expected "python" in {prefix}, found none\n  {hint}', 127)


@pytest.mark.warm
@pytest.mark.parametrize("mode, error", [(0o755, "Exec format error"), (0o644, "Permission denied")])
def test_a_command_that_cannot_be_executed_exits_with_126(
    run: Run, write: Write, tmp_path: Path, mode: int, error: str
) -> None:
    (tmp_path / "tool").write_bytes(b"\0neither a program nor a script")
    (tmp_path / "tool").chmod(mode)
    done = run("-q", write("a.sh", "", "hello-conda", more="# run_with: ./tool\n"))
    assert done.returncode == 126
    assert f"{tmp_path}/tool: expected a command that can run, found: {error}" in done.stderr


@pytest.mark.warm
@pytest.mark.parametrize("command", ["env FOO=1 python3", "/usr/bin/env -u FOO python3", "/usr/bin/python3", "python3"])
def test_the_machines_interpreter_is_never_taken_for_the_environments(run: Run, write: Write, command: str) -> None:
    done = run("-q", write("a", "print(1)", "hello-conda", more=f"# run_with: {command}\n"))
    assert (done.returncode, done.stdout) == (127, "")
    assert "python3" in done.stderr


def test_an_env_dir_that_cannot_be_made_is_told(run: Run, hello: Path, environ: Environ) -> None:
    environ["CONDA_EXECUTE_ENV_DIR"] = "/dev/null/tmp_envs"
    done = run(hello)
    assert (done.returncode, done.stdout) == (125, "")
    text = "/dev/null/tmp_envs: expected an env-dir that can be written to, found: Not a directory"
    assert done.stderr.startswith(f"conda-execute: {text}\n")
    assert "CONDA_EXECUTE_ENV_DIR" in done.stderr


def test_quiet_says_nothing(run: Run, hello: Path) -> None:
    done = run("-q", hello)
    assert (done.stdout, done.stderr) == ("hello-conda 1.0\n", "")


def test_a_build_is_announced_and_a_ready_environment_is_not(run: Run, hello: Path) -> None:
    lines = run(hello).stderr.splitlines()
    assert [line.split(" ")[1] for line in lines] == ["building", "built"]
    assert run(hello).stderr == ""


def test_verbose_says_all_that_the_block_asks_for(run: Run, write: Write, channel: str) -> None:
    more = f"# channels: [{channel}]\n# run_with: sh -e\n"
    done = run("-v", write("a.sh", "exit 0", "hello-conda", more=more))
    expected = f"Using specification: \nenv: [hello-conda]\nchannels: [{channel}]\nrun_with: [sh, -e]\n\nPrefix: "
    assert done.stderr.startswith(expected)


def test_force_env_builds_anew(run: Run, hello: Path, env_dir: Path, rows: Rows) -> None:
    run(hello)
    prefix = env_dir / rows()[0][2]
    (prefix / "left-over").touch()
    assert run("-f", hello).stdout == "hello-conda 1.0\n"
    assert not (prefix / "left-over").exists()
    assert [row[1] for row in rows()] == ["create", "run", "create", "run"]
    wait_until(lambda: list((env_dir / ".trash").iterdir()) == [])


def test_dry_run_creates_nothing(run: Run, hello: Path, env_dir: Path) -> None:
    done = run("--dry-run", hello, "a")
    assert done.returncode == 0
    assert done.stdout.startswith("Using specification: \nenv: [hello-conda =1.0]\nrun_with: [sh]\n\nPrefix: ")
    assert f"\nEnvironment: rattler would build it\nCommand: sh {hello} a\n" in done.stdout
    assert not env_dir.exists()


def test_dry_run_prints_one_json_object(run: Run, hello: Path, env_dir: Path) -> None:
    before = json.loads(run("-n", "--json", hello, "a b").stdout)
    name = conda_execute.find_name(["hello-conda =1.0"])
    expected = {
        "script": str(hello),
        "dialect": "conda-execute",
        "env": ["hello-conda =1.0"],
        "pip": [],
        "channels": [],
        "run_with": ["sh"],
        "name": name,
        "prefix": str(env_dir / name),
        "exists": False,
        "engine": "rattler",
        "env_dir": str(env_dir),
        "command": ["sh", str(hello), "a b"],
        "exclude_newer": None,
        "lock": None,
    }
    assert before == expected
    run(hello)
    after = json.loads(run("-n", "--json", hello, "a b").stdout)
    assert after == {**expected, "exists": True, "command": ["/usr/bin/sh", str(hello), "a b"]}


def test_debug_shows_a_traceback(run: Run, environ: Environ) -> None:
    assert "Traceback" not in run("gone.py").stderr
    environ["CONDA_EXECUTE_DEBUG"] = "1"
    assert run("gone.py").stderr.startswith("Traceback")


def test_an_engine_that_fails_without_a_word_is_named(run: Run, hello: Path, environ: Environ, tmp_path: Path) -> None:
    make_conda(environ, tmp_path, "exit 1\n")
    done = run("-q", hello)
    assert done.returncode == 125
    assert f"\n  see whether {tmp_path}/" in done.stderr
    assert " --version works; CONDA_EXECUTE_ENGINE=rattler does without it\n" in done.stderr
    environ["CONDA_EXECUTE_ENGINE"] = "rattler"
    assert run("-q", hello).stdout == "hello-conda 1.0\n"


def test_ctrl_c_while_building_exits_with_130_and_leaves_nothing(
    start: Start, write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    """The engine is a program that never ends; it must be gone afterwards too."""
    make_conda(environ, tmp_path, 'mkdir -p "$3/conda-meta"; echo $$ > pid; exec sleep 600\n')
    child = start("-q", write("a.sh", "", "hello-conda"))
    pid = env_dir / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip() and psutil.Process(child.pid).status() == "sleeping")
    child.send_signal(signal.SIGINT)
    _, text = child.communicate(timeout=60)
    assert (child.returncode, text) == (130, "conda-execute: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert not (env_dir / conda_execute.find_name(["hello-conda"])).exists()


PYTHONS = {"WARNINGS": "error", "DEVMODE": "1", "OPTIMIZE": "2", "ASYNCIODEBUG": "1", "UNBUFFERED": "1"}


def test_what_python_is_told_by_variables_changes_no_outcome(run: Run, write: Write, environ: Environ) -> None:
    environ.update({f"PYTHON{key}": value for key, value in PYTHONS.items()})
    good, bad = write("a.sh", "hello-conda; exit 3", "hello-conda"), write("b.sh", "", "no-such-dependency")
    for script in (good, good, bad, "gone.sh"):
        done = run(script)
        assert (done.returncode, done.stdout) == ((3, "hello-conda 2.0\n") if script is good else (125, ""))
        assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr


# -- --with, --run-with

SHOW = 'echo "$CONDA_PREFIX $0 $*"; hello-conda'
INTERPRETER = "import sys; print('run by', sys.argv[1:])"


def name_of(*specs: str) -> str:
    return conda_execute.find_name(specs)


@pytest.mark.warm
def test_with_adds_specs_for_one_run_in_an_env_of_its_own_name(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", SHOW + "; words", "hello-conda")
    done = run("--with", "words", "--with", "hello-conda  =1.0", script, "x")
    prefix = env_dir / name_of("hello-conda", "words", "hello-conda =1.0")
    assert done.stdout.startswith(f"{prefix} {script} x\nhello-conda 1.0"), done.stderr
    assert run("-n", "--json", script).stdout.count(name_of("hello-conda")) == 2
    plan = json.loads(run("-n", "--json", "--with", "words", script).stdout)
    assert (plan["env"], plan["name"]) == (["hello-conda", "words"], name_of("hello-conda", "words"))
    assert "env: [hello-conda, words]\n" in run("-v", "-n", "--with", "words", script).stdout


@pytest.mark.warm
def test_a_run_that_has_all_of_with_already_is_one_without(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", SHOW, "hello-conda", "python >=3")
    for given in ("hello-conda", "python>=3"):
        assert json.loads(run("-n", "--json", "--with", given, script).stdout)["name"] == name_of(
            "hello-conda", "python >=3"
        )


@pytest.mark.warm
def test_run_with_takes_the_place_of_what_says_how_a_script_runs(run: Run, write: Write, tmp_path: Path) -> None:
    python = ["hello-conda", "python"]
    plain = write("a.sh", "", *python, first="#!/bin/bash\n", more="# run_with: nothing-there\n")
    nameless = write("a", "", *python)
    code = f"python -c \"{INTERPRETER}\" 'b c'"
    for script in (plain, nameless):
        done = run("-q", "--run-with", code, script, "-x", "d e")
        assert done.stdout == f"run by ['b c', '{script}', '-x', 'd e']\n", done.stderr
    text = "\n".join(["# conda execute", "# env: [hello-conda, python]"])
    for words, name, given in ((["-c", text], "code", {}), (["-"], "stdin", {"stdin": None, "input": text})):
        done = run("-q", "--run-with", code, *words, **given)
        assert done.stdout.startswith("run by ['b c', '") and done.stdout.endswith(f"/{name}']\n"), done.stderr


@pytest.mark.warm
def test_run_with_takes_the_place_of_an_entrypoint(run: Run, conda_script: Script, write: Write) -> None:
    more = 'hello-conda = "*"\npython = "*"'
    for entrypoint in ("hello-conda ${SCRIPT}", "hello-conda && touch ${CACHE}/x"):
        script = conda_script(entrypoint, "", more)
        options = ["-q", "--run-with", f'python -c "{INTERPRETER}"']
        assert run(*options, script, "x").stdout == f"run by ['{script}', 'x']\n"
        plan = json.loads(run("-n", "--json", *options, script).stdout)
        assert (plan["dialect"], plan["run_with"][:2]) == ("conda-script", ["python", "-c"])
        assert plan["command"][-1] == str(script)


@pytest.mark.warm
def test_run_with_takes_the_place_of_python(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_text("# /// script\n# dependencies = []\n# ///\nprint('ran')\n")
    done = run("-q", "--with", "hello-conda", "--run-with", "hello-conda", script, "x")
    assert done.stdout == f"hello-conda 2.0 {script} x\n"
    assert run("-q", "--run-with", "python -i", script, stdin=None, input="print(1 + 1)\n").stdout == "ran\n2\n"


@pytest.mark.warm
def test_a_path_in_run_with_leads_from_where_it_is_typed(run: Run, write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for place, text in ((folder, "beside the script"), (tmp_path, "here")):
        (place / "tool").write_text(f"#!/bin/sh\necho {text} $1\n")
        (place / "tool").chmod(0o755)
    script = write("folder/a.sh", "", "hello-conda", more="# run_with: ./tool\n")
    assert run("-q", script).stdout == f"beside the script {script}\n"
    assert run("-q", "--run-with", "./tool", script).stdout == f"here {script}\n"
    assert run("-q", "--run-with", "folder/tool", "-c", "# conda execute", "# env: [hello-conda]").stdout.startswith(
        "beside the script /"
    )
    done = run("-q", "--run-with", "./gone", script)
    assert failed(
        done,
        f'{script}: expected "./gone" in {tmp_path}, found none\n'
        "  put it there, or write the name alone of a program in env",
        127,
    )
    done = run("-q", "--run-with", "ipython", script)
    assert "add the package that brings it to this run, --with PACKAGE" in done.stderr


GIVEN = {
    "option": (["--with", "--no-pin"], "--with:1:1: expected a match spec, found \"--no-pin\""),
    "explicit": (["--with", "@EXPLICIT"], "--with:1:1: expected a match spec, found \"@EXPLICIT\""),
    "two lines": (["--with", "numpy\n@EXPLICIT"], "--with:1:1: expected a match spec without control characters"),
    "two": (["--with", "words python"], "--with:1:1: expected a version behind words, found \"python\""),
    "version": (["--with", "words", "--with", "python=>3"], "--with:1:1: expected a version behind python"),
    "file": (["--with", "https://h/c/noarch/a-1-0.conda"], "--with:1:1: expected a match spec, found the file"),
    "channel": (["--with", "-x::a"], "--with:1:1: expected a match spec, found \"-x::a\""),
    "no command": (["--run-with", " "], "--run-with:1:1: expected a command for "),
    "no program": (["--run-with", "'' x"], "--run-with:1:1: expected a command for "),
    "quote": (["--run-with", "python 'x"], "--run-with:1:1: expected a closing ' in the command, found none"),
    "ourselves": (["--run-with", "conda-execute -v"], "--run-with:1:1: expected a command for conda-execute to run"),
    "two lines of a command": (["--run-with", "python\n-i"], "--run-with:1:1: expected a command for "),
}  # fmt: skip


@pytest.mark.parametrize("words, text", GIVEN.values(), ids=GIVEN)
def test_what_is_wrong_in_with_and_run_with_is_shown(
    run: Run, hello: Path, env_dir: Path, words: list[str], text: str
) -> None:
    done = run(*words, hello)
    assert (done.returncode, done.stdout) == (125, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("conda-execute: " + text) and lines[2].rstrip().endswith("^"), done.stderr
    assert not env_dir.exists()


ONE_WITH, NO_PYPI = "write --with words --with ", "these are conda packages; those of PyPI stand below"
SEVERAL = {
    "words python": ONE_WITH + "python", "words,python": ONE_WITH + "python", "words, python": ONE_WITH + "python",
    "words python >=3": ONE_WITH + "'python >=3'", "python>3 <4": "write --with 'python >3,<4'", "pip:rich": NO_PYPI,
    "pip rich": NO_PYPI, "pip::rich==1": NO_PYPI, "rich[x]": NO_PYPI, "rich @ https://h/a": NO_PYPI, "./a.whl": NO_PYPI,
    "rich>=13": NO_PYPI,
}  # fmt: skip


@pytest.mark.parametrize("word, hint", SEVERAL.items(), ids=SEVERAL)
def test_a_hint_about_with_is_what_a_shell_takes(run: Run, hello: Path, word: str, hint: str) -> None:
    """Of two specs in one word, of one that is not quoted as it has to be, and of what is on PyPI."""
    done = run("-q", "--with", word, hello)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"\n  {hint}" in done.stderr
    if hint != NO_PYPI:
        words = shlex.split(hint.replace("write ", ""))
        assert run("-n", *words, hello).returncode == 0
        done = run("--tmpenv", "name", word)
        assert "\n  " + hint.replace("--with ", "") in done.stderr


APART = {
    "lock": (["--lock", "--with", "a", "x"], "expected one of --lock and --with, found both"),
    "run_with": (["--lock", "--run-with", "a", "x"], "expected one of --lock and --run-with, found both"),
    "twice": (["--run-with", "a", "--run-with", "b", "x"], "expected --run-with once, found it again"),
    "no script": (["--with", "a"], "expected a script, found none"),
    "equals": (["--with=a", "x"], 'expected a known option, found "--with=a"\n  write --with "a"'),
}


@pytest.mark.parametrize("words, text", APART.values(), ids=APART)
def test_with_and_run_with_where_they_make_no_sense(run: Run, words: list[str], text: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("conda-execute: " + text), done.stderr


def test_specs_of_block_and_command_line_both_hold(run: Run, write: Write) -> None:
    script = write("a.sh", "", "hello-conda >=2", "words")
    done = run("--with", "hello-conda =1.0", script)
    assert done.returncode == 125
    assert f"conda-execute: {script}:3:6: rattler could not build the environment: see --with too\n" in done.stderr
    assert "conda-execute: --with:1:1: rattler" in run("--with", "no-such-thing", script).stderr


def test_with_looks_past_a_lock_that_lacks_it_and_says_so(run: Run, hello: Path, env_dir: Path) -> None:
    lock = Path(run("--lock", hello).stdout.strip())
    line = f"conda-execute: looks past {lock}, which has nothing of what --with adds\n"
    done = run("--with", "words", hello)
    assert (done.stdout, done.stderr[: len(line)]) == ("hello-conda 1.0\n", line)
    assert "(changed: + words)" in done.stderr
    assert run("--with", "words", hello).stderr == line
    assert run("-q", "--with", "words", hello).stderr == ""
    assert json.loads(run("-n", "--json", "--no-lock", "--with", "words", hello).stdout)["lock"] is None
    assert json.loads(run("-n", "--json", "--with", "hello-conda =1.0", hello).stdout)["lock"] == str(lock)
    assert run("--locked", "--run-with", "sh", hello).stdout == "hello-conda 1.0\n"
    done = run("--locked", "--with", "words", hello)
    assert (done.returncode, done.stdout) == (125, "")
    assert "found one without what --with adds\n  leave out one of them" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a folder that somebody is in stays")
def test_help_and_runs_need_no_folder_to_be_in(write: Write, environ: Environ, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = write("a.sh", "hello-conda", "hello-conda")
    code = 'cd gone; rmdir ../gone; "$@"'
    for words in (["--help"], [str(script)]):
        (tmp_path / "gone").mkdir(exist_ok=True)
        command = ["sh", "-c", code, "sh", sys.executable, str(FILE), *words]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert done.returncode == 0 and ("usage" in done.stdout or "hello-conda 2.0" in done.stdout), done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a folder that somebody is in stays")
@pytest.mark.parametrize("words", [["a.sh"], ["--run-with", "cat", "../a.sh"], ["--run-with", "cat", "SCRIPT"]])
def test_a_working_directory_that_has_gone_is_told(
    words: list[str], write: Write, environ: Environ, tmp_path: Path
) -> None:
    script, code = write("a.sh", "hello-conda", "hello-conda"), 'mkdir gone; cd gone; rmdir ../gone; "$@"'
    words = [one.replace("SCRIPT", str(script)) for one in words]
    command = ["sh", "-c", code, "sh", sys.executable, str(FILE), *words]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    text = "expected a working directory, found: No such file or directory\n  it has been deleted: cd to another folder"
    assert failed(done, text)
