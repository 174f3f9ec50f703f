"""For other programs: with bootstrap(), a script that any Python starts goes on in its environment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, ROOT
from test_pythons import require_python

import conda_execute

if TYPE_CHECKING:
    from typing import Any, Callable

    from conftest import Environ

    Script = Callable[..., Path]
    Start = Callable[..., "subprocess.CompletedProcess[str]"]


FIRST = "import conda_execute; conda_execute.bootstrap()\n"
BLOCK = "# conda execute\n# env:\n#  - python\n\n"
SHOW = "import json, os, sys\nprint(json.dumps([sys.prefix, os.getpid(), sys.argv, __name__, __package__]))\n"
NAME = conda_execute.find_name(["python"])
HAS_ORIG_ARGV = sys.version_info >= (3, 10)
needs_orig_argv = pytest.mark.skipif(not HAS_ORIG_ARGV, reason="sys.orig_argv came with CPython 3.10")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a blank in its name that has the file beside the scripts."""
    folder = tmp_path / "my scripts"
    folder.mkdir()
    shutil.copy(FILE, folder)
    return folder


@pytest.fixture
def script(folder: Path) -> Script:
    """Return a function that writes a script: what stands in front of its block, and behind it."""

    def function(name: str = "a.py", code: str = SHOW, first: str = FIRST, block: str = BLOCK) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(first + block + code, encoding="utf-8")
        return path

    return function


@pytest.fixture
def start(environ: Environ, folder: Path) -> Start:
    """Return a function that starts Python in the folder of the scripts."""

    def function(*words: object, python: str = sys.executable, **options: Any) -> subprocess.CompletedProcess[str]:
        options = {"cwd": folder, "env": environ, "timeout": 120, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        return subprocess.run([python, *map(str, words)], **{**pipes, **options})

    return function


def shown(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return what SHOW prints, but for the process; the environment as its name."""
    assert done.returncode == 0, done.stderr
    prefix, _, *rest = json.loads(done.stdout.splitlines()[-1])
    return [Path(prefix).name, *rest]


# -- as it was started


@pytest.mark.warm
def test_a_script_goes_on_with_its_arguments(script: Script, start: Start) -> None:
    script()
    assert shown(start("a.py", "a b", "--help", "-c", ""))[:1] == [NAME]
    assert shown(start("a.py", "a b", "--help", "-c", ""))[1][1:] == ["a b", "--help", "-c", ""]


@pytest.mark.warm
def test_from_another_folder_and_through_a_link(script: Script, start: Start, tmp_path: Path) -> None:
    path = script()
    link = tmp_path / "link.py"
    link.symlink_to(path)
    for word in (path, link):
        assert shown(start(word, cwd="/")) == [NAME, [str(word)], "__main__", None]


@pytest.mark.warm
def test_a_module_of_a_package_stays_one(script: Script, start: Start) -> None:
    """Relative imports work in the environment too."""
    code = "from . import other\nfrom .other import X\n" + SHOW
    script("package/script.py", code)
    script("package/__main__.py", code)
    script("package/other.py", "X = 1\n", first="")
    for module, file in (("package.script", "script.py"), ("package", "__main__.py")):
        found = shown(start("-m", module, "-x", "y"))
        assert found[0] == NAME
        assert found[1][0].endswith("/package/" + file)
        assert found[1:] == [[found[1][0], "-x", "y"], "__main__", "package"]


@pytest.mark.warm
def test_a_folder_with_a_main_module_is_a_script(script: Script, start: Start, folder: Path) -> None:
    script("program/__main__.py")
    shutil.copy(FILE, folder / "program")
    assert shown(start("program", "x"))[:1] == [NAME]


FLAGS = "import sys\nprint(sys.flags.optimize, sys.flags.dev_mode, sys.warnoptions, sys.argv[1:])\n"


@pytest.mark.warm
@needs_orig_argv
def test_options_of_python_go_along(script: Script, start: Start) -> None:
    script(code=FLAGS)
    script("package/script.py", code=FLAGS)
    options = ["-u", "-X", "dev", "-O", "-W", "error"]
    for words in (["a.py"], ["-m", "package.script"]):
        assert start(*options, *words, "-X", "y").stdout.startswith("1 True ['default', 'error'] ['-X', 'y']\n")


@pytest.mark.warm
@needs_orig_argv
@pytest.mark.parametrize(
    "words",
    [
        ["-m", "pdb", "-c", "continue", "-c", "q"],
        ["-m", "cProfile", "-o", "profile"],
        ["-m", "trace", "--count", "-C", "counts"],
    ],
    ids=["pdb", "cProfile", "trace"],
)
def test_a_tool_of_pythons_own_comes_along(script: Script, start: Start, words: list[str]) -> None:
    script(code="import sys\nprint(sys.prefix, sys.orig_argv[1:])\n")
    done = start(*words, "a.py", "x", stdin=subprocess.DEVNULL)
    assert f"/{NAME} {[*words, 'a.py', 'x']}\n" in done.stdout


DEBUGGER = """\
import runpy, sys
sys.settrace(lambda frame, event, argument: None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.warm
def test_under_a_debugger_of_others_the_script_goes_on_without_it(script: Script, start: Start, folder: Path) -> None:
    """Such ones see to os.execve themselves."""
    script()
    (folder / "debugger.py").write_text(DEBUGGER)
    found = [NAME, ["a.py", "x"], "__main__", None]
    assert shown(start("debugger.py", "a.py", "x")) == found
    code = "import runpy; runpy.run_path('a.py', run_name='__main__')"
    assert shown(start("-c", code, "x")) == found


@pytest.mark.warm
@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_any_python_may_start_it(script: Script, start: Start, version: str) -> None:
    python = require_python(version)
    path = script()
    shown(start(path))  # builds the environment
    assert shown(start("a.py", "x", python=python))[1][1:] == ["x"]
    assert shown(start("-B", "a.py", "x", python=python))[0] == NAME


# -- its streams, its exit, its process


def test_exit_code_input_and_process_are_the_scripts(script: Script, environ: Environ, folder: Path) -> None:
    script(code="import os, sys\nprint(os.getpid(), sys.stdin.read())\nsys.exit(7)\n")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": environ, "cwd": folder}
    child = subprocess.Popen([sys.executable, "a.py"], **pipes)  # type: ignore[call-overload]
    output, _ = child.communicate(b"typed")
    assert (output, child.returncode) == (b"%d typed\n" % child.pid, 7)


@pytest.mark.warm
def test_a_signal_ends_the_script_itself(script: Script, start: Start) -> None:
    script(code="import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    assert start("a.py").returncode == -signal.SIGTERM


def test_what_was_printed_before_is_not_lost(script: Script, start: Start) -> None:
    """Not to exec, and not to a build that fails either."""
    script(first="import sys; sys.stdout.write('out '); sys.stderr.write('err ')\n" + FIRST, code="")
    assert start("a.py").stdout == "out out "
    assert start("a.py").stderr == "err err "
    script(first="import sys; sys.stdout.write('out ')\n" + FIRST, block=BLOCK.replace("python", "no-such-thing"))
    done = start("a.py")
    assert (done.returncode, done.stdout) == (125, "out ")


def test_nobody_to_read_what_was_printed_stops_no_script(script: Script, environ: Environ, folder: Path) -> None:
    first = "import sys; print('x'); sys.stdin.read()\n" + FIRST
    script(first=first, code="import sys\nsys.stderr.write('prefix ' + sys.prefix)\nsys.stdout = None\n")
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    child = subprocess.Popen([sys.executable, "a.py"], env=environ, cwd=folder, **pipes)  # type: ignore[call-overload]
    child.stdout.close()
    child.stdin.close()
    assert child.stderr.read().split(b"prefix ")[1].split(b"\n")[0].endswith(NAME.encode())
    child.wait(60)
    child.stderr.close()


# -- where nothing happens


def test_in_its_environment_a_script_goes_on_at_once(script: Script, start: Start, environ: Environ) -> None:
    """It reads the script and looks for the marker: no config, no lease, no row of the log."""
    path = script(first="import os, sys; bare = set(sys.modules)\n" + FIRST, code="print(set(sys.modules) - bare)\n")
    start("a.py")
    env_dir = Path(environ["CONDA_EXECUTE_ENV_DIR"])
    log = (env_dir / "usage.tsv").read_text()
    python = str(env_dir / NAME / "bin" / "python")
    modules = {"atexit", "conda_execute", "__future__", "fcntl", "_sha2", "_sha256"}
    assert set(start(path, python=python).stdout.strip("{}\n").replace("'", "").split(", ")) <= modules
    assert (env_dir / "usage.tsv").read_text() == log
    if shutil.which("strace"):
        trace = str(env_dir / "strace")
        calls = ["-f", "-e", "trace=openat,execve,clone,clone3,fork,vfork", "-o", trace]
        start(*calls, python, path, python="/usr/bin/strace")
        lines = Path(trace).read_text().splitlines()
        ours = [line for line in lines if "conda_execute" in line or str(path) in line or str(env_dir) + "/." in line]
        ours = [line for line in ours if "ENOENT" not in line and "pycache" not in line and "execve" not in line]
        # Python opens the script (twice where it looks for a zip file first) and the module; we open the script.
        assert len(ours) <= 4, ours


def test_who_imports_a_script_just_goes_on(script: Script, start: Start, folder: Path) -> None:
    """With a path given, too: nobody wants pytest to become the script."""
    for first in (FIRST, "import conda_execute; conda_execute.bootstrap(__file__)\n"):
        script("test_a.py", f"import sys\ndef test_it():\n    assert {NAME!r} not in sys.prefix\n", first)
        done = start("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_a.py")
        assert done.returncode == 0, done.stdout
        assert start("-c", "import test_a, sys; print(sys.prefix)").stdout == sys.prefix + "\n"
    assert not (folder.parent / "tmp_envs").exists()


SPAWN = """\
import multiprocessing, sys

def work(x):
    return sys.prefix

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(sorted(set(pool.map(work, range(4)))) == [sys.prefix])
    print(json.dumps([sys.prefix, os.getpid()]))
"""


@pytest.mark.warm
def test_the_processes_that_a_script_spawns_are_in_its_environment(script: Script, start: Start) -> None:
    script(code="import json, os\n" + SPAWN)
    done = start("a.py")
    assert done.stdout.startswith("True\n"), done.stderr
    assert shown(done) == [NAME]


@pytest.mark.warm
@pytest.mark.parametrize("given", ["__file__", "__import__('pathlib').Path(__file__)", "'a.py'"])
def test_a_path_that_is_given_names_the_script(script: Script, start: Start, given: str) -> None:
    script(first=f"import conda_execute; conda_execute.bootstrap({given})\n")
    assert shown(start("a.py", "x"))[0] == NAME
    assert shown(start("-B", "a.py", "x"))[1][1:] == ["x"]


@pytest.mark.warm
def test_a_block_in_another_file_leaves_the_script_what_it_is(script: Script, start: Start) -> None:
    script("other.py", "raise SystemExit('the wrong script')\n", first="")
    script(first="import conda_execute; conda_execute.bootstrap('other.py')\n", block="")
    assert shown(start("a.py", "x"))[0] == NAME


@pytest.mark.warm
@pytest.mark.parametrize("more", ["# run_with: bash -x\n", "# run_with: Rscript\n"])
def test_a_script_in_python_stays_one_whatever_its_block_runs_it_with(script: Script, start: Start, more: str) -> None:
    script(first="#!/usr/bin/env bash\n" + FIRST, block=BLOCK[:-1] + more + "\n")
    assert shown(start("a.py"))[0] == NAME


@pytest.mark.warm
def test_a_script_in_python_need_not_say_that_it_is_one(script: Script, start: Start) -> None:
    script("a", first=FIRST)
    assert shown(start("a"))[0] == NAME


# -- where it cannot go on


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (125, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_script_without_a_good_block_is_told_so(script: Script, start: Start) -> None:
    script(block="")
    assert 'expected a comment block that begins with "# conda execute", found none' in refused(start("a.py"))
    script(block=BLOCK.replace("env", "envs"))
    assert 'found "envs"' in refused(start("a.py"))


@pytest.mark.parametrize("words", [["-c", FIRST], ["-"], []], ids=["-c", "-", "stdin"])
def test_code_without_a_file_is_told_so(start: Start, words: list[str]) -> None:
    assert "expected a script in a file, found " in refused(start(*words, input=FIRST))


SESSION = "found an interactive session, which would be lost"
PROMPTS = {
    "at the prompt": "import conda_execute; conda_execute.bootstrap()\n",
    "a path": "import conda_execute; conda_execute.bootstrap('a.py')\n",
    "code.interact": "import code; code.interact()\nimport conda_execute; conda_execute.bootstrap()\n",
}
FROM_PROMPTS = {
    "exec": "exec('import conda_execute; conda_execute.bootstrap()\\nprint(1 + 1)')\n",
    "exec of a file": "exec(open('a.py').read())\n",
    "runpy": "import runpy; runpy.run_path('a.py', run_name='__main__')\n",
}


@pytest.mark.parametrize("typed", PROMPTS.values(), ids=PROMPTS)
def test_an_interactive_session_is_told_and_goes_on(script: Script, start: Start, env_dir: Path, typed: str) -> None:
    script()
    done = start("-i", input=typed + "print('goes', 'on')\n")
    assert (done.returncode, done.stdout.replace(">>> ", "").strip()) == (0, "goes on")
    assert SESSION in done.stderr and "Traceback" not in done.stderr
    assert 'for a prompt: conda-execute --run-with "python -i" SCRIPT' in done.stderr
    assert not env_dir.exists()


@pytest.mark.parametrize("typed", FROM_PROMPTS.values(), ids=FROM_PROMPTS)
def test_what_a_session_runs_ends_there_and_the_session_goes_on(
    script: Script, start: Start, env_dir: Path, typed: str
) -> None:
    """What stands behind bootstrap() would run in the wrong environment."""
    script(code="print(1 + 1)\n")
    done = start("-i", input=typed + "print('goes', 'on')\n")
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "Error: conda-execute: " in done.stderr and SESSION in done.stderr
    assert not env_dir.exists()


def test_a_bad_path_or_block_ends_no_session_either(script: Script, start: Start) -> None:
    script(block="")
    typed = "import conda_execute\nfor path in ('a.py', 'gone.py'): conda_execute.bootstrap(path)\n\nprint('on')\n"
    done = start("-i", input=typed)
    assert (done.returncode, done.stdout) == (0, "on\n")
    assert "expected a comment block" in done.stderr and "expected a script that can be read" in done.stderr


@pytest.mark.warm
@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_a_prompt_behind_a_script_is_in_its_environment(script: Script, start: Start, version: str) -> None:
    """Nobody has typed anything when the script begins."""
    python = require_python(version)
    path = script()
    shown(start(path))  # builds the environment
    done = start("-i", "a.py", python=python, input="print(sys.prefix, sys.argv)\n")
    assert done.stdout.splitlines()[-1].endswith(f"/{NAME} ['a.py']"), done.stderr


# -- installed, and not beside the script

SEEN = """\
import importlib.util, json, os, sys
seen = [os.environ.get("PYTHONPATH"), importlib.util.find_spec("not_yours"), sys.path, sys.argv[1:], __name__]
print(json.dumps([sys.prefix, 0, *seen]))
"""


@pytest.fixture
def lone(installed: Path, folder: Path) -> str:
    """Return the Python of a virtual environment that has the project installed, and a module of its own."""
    (folder / "conda_execute.py").unlink()
    (site,) = installed.parent.glob("lib/*/site-packages")
    (site / "not_yours.py").touch()
    return str(installed / "python")


@pytest.mark.warm
def test_an_installed_one_is_handed_over_alone(script: Script, start: Start, lone: str, env_dir: Path) -> None:
    """What the script sees is what it would see without us, whatever options Python has and whoever runs it."""
    path = script(code=SEEN)
    script("package/__main__.py", SEEN)
    python = str(env_dir / NAME / "bin" / "python")
    plain = path.with_name("plain.py")
    shown(start(path, python=lone))
    plain.write_text(SEEN)
    for words in (["a.py"], ["-I", "a.py"], ["-E", "-s", "a.py"]):
        found, bare = (
            shown(start(*words[:-1], one, "x", python=py)) for one, py in (("a.py", lone), ("plain.py", python))
        )
        if HAS_ORIG_ARGV or len(words) == 1:
            assert found == bare
        assert found[1:3] == [None, None]
    assert shown(start("-m", "package", "y", python=lone))[0] == NAME
    if HAS_ORIG_ARGV:
        done = start("-m", "pdb", "-c", "continue", "-c", "q", "a.py", python=lone, stdin=subprocess.DEVNULL)
        assert f"/{NAME}" in done.stdout and "ModuleNotFoundError" not in done.stdout + done.stderr
    copies = list((env_dir / NAME).glob("lib/python*/site-packages/conda_execute.py*"))
    assert [copy.read_bytes() == FILE.read_bytes() for copy in copies] == [True]


@pytest.mark.warm
def test_the_folder_that_python_is_started_in_is_not_searched(script: Script, start: Start) -> None:
    """It may hold the file that a ".pth" of the first Python names."""
    path = script(first=f"import sys\nif {NAME!r} not in sys.prefix: sys.path.append({str(ROOT)!r})\n" + FIRST)
    path.with_name("conda_execute.py").unlink()
    assert shown(start(path, cwd=ROOT))[0] == NAME


@pytest.mark.warm
def test_what_a_script_starts_finds_the_one_that_was_handed_over(script: Script, start: Start, lone: str) -> None:
    script(code="import json, os\n" + SPAWN)
    done = start("a.py", python=lone)
    assert done.stdout.startswith("True\n"), done.stderr
    script("b.py")
    script(code="import subprocess, sys\nsubprocess.run([sys.executable, 'b.py', 'x'])\n")
    assert shown(start("a.py", python=lone))[1][1:] == ["x"]


@pytest.mark.warm
def test_another_version_takes_its_place_and_a_package_of_the_environment_keeps_its(
    script: Script, start: Start, lone: str, env_dir: Path
) -> None:
    path = script(code="print(conda_execute.__version__)\n")
    start(path, python=lone)
    [copy] = (env_dir / NAME).glob("lib/python*/site-packages/conda_execute.py")
    old = copy.read_text().replace(f'__version__ = "{conda_execute.__version__}"', '__version__ = "0.9"')
    copy.write_text(old)
    assert start(path, python=lone).stdout == f"{conda_execute.__version__}\n"
    copy.write_text(old)
    info = copy.with_name("conda_execute-0.9.dist-info")
    info.mkdir()
    assert start(path, python=lone).stdout == "0.9\n"
    info.rmdir()


@pytest.mark.warm
def test_beside_the_script_nothing_is_handed_over(
    script: Script, start: Start, environ: Environ, env_dir: Path
) -> None:
    path = script()
    for copy in (env_dir / NAME).glob("lib/python*/site-packages/conda_execute.py"):
        copy.unlink()
    link = path.with_name("link.py")
    link.symlink_to(path)
    script("package/__main__.py")
    for words in (["a.py"], [str(link)], ["-m", "package"]):
        assert shown(start(*words))[0] == NAME
    shutil.move(str(path.with_name("conda_execute.py")), str(path.parent / "package"))
    environ["PYTHONPATH"] = str(path.parent / "package")
    assert shown(start("a.py"))[0] == NAME
    assert list((env_dir / NAME).glob("lib/python*/site-packages/conda_execute.py*")) == []


@pytest.mark.warm
def test_where_nothing_can_be_put_that_is_said(script: Script, start: Start, lone: str, env_dir: Path) -> None:
    path = script()
    start(path, python=lone)
    [copy] = (env_dir / NAME).glob("lib/python*/site-packages/conda_execute.py")
    copy.unlink()
    copy.mkdir()  # root may write into any folder
    done = start(path, python=lone)
    copy.rmdir()
    assert "could not put " in done.stderr and ": put it beside the script\n" in done.stderr


@pytest.mark.warm
def test_an_environment_without_python_is_told_so(script: Script, start: Start) -> None:
    script(block=BLOCK.replace("python", "hello-conda"))
    done = start("a.py")
    assert done.returncode == 127
    assert 'expected "python" in ' in done.stderr


def test_a_python_that_is_another_is_met_once(script: Script, start: Start, environ: Environ) -> None:
    """Here the environment's python is replaced by a program that becomes the machine's."""
    script()
    start("a.py")
    python = Path(environ["CONDA_EXECUTE_ENV_DIR"], NAME, "bin", "python")
    python.unlink()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    text = refused(start("a.py"))
    assert f"a.py: expected to be in {python.parent.parent} by now, found Python in {sys.prefix}\n" in text


@pytest.mark.warm
def test_a_pythonhome_that_is_another_keeps_no_script_in_a_loop(script: Script, start: Start, environ: Environ) -> None:
    script()
    environ["PYTHONHOME"] = os.pathsep.join([sys.base_prefix, sys.base_exec_prefix])
    start("a.py")
    done = start("a.py", timeout=30)
    assert done.returncode in (0, 125)


def test_a_script_that_changes_its_settings_stays_where_it_is(script: Script, start: Start, tmp_path: Path) -> None:
    code = "import os; os.environ.update(CONDA_EXECUTE_ENV_DIR=%r + str(os.getpid()), CONDA_PREFIX='/x')\n"
    script(first=code % str(tmp_path / "envs") + FIRST)
    assert shown(start("a.py"))[0] == NAME


ANEW = """\
import re, time
text = open(__file__).read()
open(__file__, "w").write(re.sub("# {2}- hello.*", "#" + "  - hello-conda !=%d" % time.time_ns(), text))
"""


def test_a_script_that_changes_its_block_is_not_started_for_ever(script: Script, start: Start) -> None:
    script(first=ANEW + FIRST, block=BLOCK[:-1] + "#  - hello-conda\n\n")
    assert "expected to be in " in refused(start("a.py"))


@pytest.mark.warm
def test_one_script_may_start_another_with_the_machines_python(script: Script, start: Start) -> None:
    script("b.py")
    script(code=f"import os\nos.execv({sys.executable!r}, ['python', 'b.py', 'x'])\n")
    assert shown(start("a.py"))[1][1:] == ["x"]
    script(code=f"import subprocess\nsubprocess.run([{sys.executable!r}, 'b.py', 'x'])\n")
    assert shown(start("a.py"))[1][1:] == ["x"]


def test_bootstrap_goes_on_in_the_environment_of_any_dialect(
    conda_script: Script, environ: Environ, tmp_path: Path, env_dir: Path
) -> None:
    """As what it was started as: no entrypoint is run."""
    code = f"import sys\nsys.path.append({str(ROOT)!r})\nimport conda_execute\nconda_execute.bootstrap()\n"
    code += "print(sys.prefix, sys.argv)"
    pep = tmp_path / "pep.py"
    pep.write_text(f"# /// script\n# dependencies = []\n# ///\n{code}\n")
    toml = conda_script("hello-conda && python ${SCRIPT}", code, 'hello-conda = "*"\npython = "*"', "toml.py")
    for path in (pep, toml):
        argv = [sys.executable, str(path), "a b"]
        done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, text=True, timeout=60)
        assert done.stdout.startswith(str(env_dir))
        assert done.stdout.endswith(f" {[str(path), 'a b']}\n")


def test_bootstrap_in_a_running_event_loop_goes_on_in_its_env(environ: Environ, env_dir: Path, tmp_path: Path) -> None:
    block = "# conda execute\n# env:\n#  - python\n\n"
    main = "async def main():\n    conda_execute.bootstrap()\n    print(sys.prefix)\n"
    (tmp_path / "a.py").write_text(f"{block}import asyncio, sys\nimport conda_execute\n{main}asyncio.run(main())\n")
    command, variables = [sys.executable, "a.py"], {**environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == f"{env_dir / conda_execute.find_name(['python'])}\n", done.stderr
