"""Options, Command line: what they take, messages and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from conftest import ROOT, failed, make_conda, wait_until

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Rows, Run, Start, Write


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
    assert (done.returncode, done.stdout, done.stderr) == (0, conda_execute.format_usage(sys.platform), "")


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").stdout == f"conda-execute {conda_execute.__version__}\n"


WRONG = {
    "no script": ([], "expected a script, found none\n  write conda-execute SCRIPT; --help says more"),
    "only options": (["-v"], "expected a script, found none\n  write conda-execute SCRIPT; --help says more"),
    "near miss": (["--verbos", "a.py"], 'expected a known option, found "--verbos"\n  write --verbose'),
    "unknown": (["-x", "a.py"], 'expected a known option, found "-x"\n  --help lists the options'),
    "abbreviated": (["--force", "a.py"], 'expected a known option, found "--force"\n  write --force-env'),
    "letters exchanged": (["--qiuet", "a.py"], 'expected a known option, found "--qiuet"\n  write --quiet'),
    "with a value": (["--quite=1", "a.py"], 'expected a known option, found "--quite=1"\n  write --quiet'),
    "a letter with two dashes": (["--c", "x"], 'expected a known option, found "--c"\n  --help lists the options'),
    "three dashes": (["---quiet", "a"], 'expected a known option, found "---quiet"\n  write --quiet'),
    "bundle": (["-vx", "a.py"], 'expected a known option, found "-x"\n  --help lists the options'),
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
    "-p",
    "--prefix",
    "-m",
    "--no-capture-output",
    "--python",
    "--online",
]


@pytest.mark.parametrize("option", FOREIGN)
def test_an_option_that_is_near_none_gets_no_proposal(run: Run, option: str) -> None:
    done = run(option, "x", "a.py")
    text = f'conda-execute: expected a known option, found "{option}"\n  --help lists the options\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


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


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every file")
def test_a_script_that_may_not_be_read_is_told(run: Run, hello: Path) -> None:
    hello.chmod(0)
    text = f"{hello}: expected a script that can be read, found: Permission denied\n  {CHECK}"
    assert failed(run(hello), text)


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
    hint = "add the package that brings it to env, or name another command with run_with"
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
