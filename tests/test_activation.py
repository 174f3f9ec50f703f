"""Activation: a script sees what "conda activate PREFIX" would have left in the shell that started it.

Each case is a shell in which conda's hook was evaluated and something was done `before`. `start` and
`end` were recorded from conda 26.7.1. With a real conda (CONDA_EXE) the recordings are held against it,
and the tool against a shell that activates the environment and runs the script; without one the tool is
held against the recordings.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from conftest import CONDA, HELLO, NO_CONDA

import conda_execute

if TYPE_CHECKING:
    from typing import Dict, Iterator, Optional

    from conftest import Environ, Run, Start, Write

    Changes = Dict[str, Optional[str]]  # None: the variable is gone

pytestmark = pytest.mark.warm

# In these the tool may differ from a shell that activates and starts the script; and PREFIX is the tool's own.
OF_SHELLS = {"_": "a shell tells a program the path by which it was found"}
WHERE_WE_DIFFER = """
The environment comes first in PATH, and what is left leaves it, wherever and how often it stood there: a script
finds its own programs. The variables of what is left are taken back, which conda does at "conda deactivate" alone.
"{stacked_env}" is the environment, whatever it is stacked upon. env_vars.d has *.json, and nothing else counts.
"""
# What conda's hook leaves in a shell; some of it is younger than some condas.
HOOKED: Changes = {
    "CONDA_EXE": "@ROOT/bin/conda",
    "_CONDA_EXE": "@ROOT/bin/conda",
    "_CONDA_ROOT": "@ROOT",
    "CONDA_PYTHON_EXE": "@ROOT/bin/python",
    "_CE_M": "",
    "_CE_CONDA": "",
    "CONDA_SHLVL": "0",
    "PATH": "@ROOT/condabin:/usr/bin:/bin",
}
# It prints what the activation left to be read from stdin, and the variables it was started with to a file.
SCRIPT = 'cat "/proc/$$/environ" > "$1"\necho script\ncat\n'


class Case(NamedTuple):
    """A shell, and what a script started in it sees; @NEW, @OUTER, @OVER, @ROOT and @DIR stand for folders."""

    before: str = ""
    start: Changes = {}
    end: Changes = {}
    files: dict[str, str] = {}
    stdin: str = ""
    stdout: str = "script\n"
    noise: str = ""  # what scripts of activation print: with conda before that, with us on stderr
    code: int = 0
    ours: Changes | None = None  # where the tool differs from conda: see WHERE_WE_DIFFER


def active(prefix: str, level: int, path: str, **more: str) -> Changes:
    """Return what conda exports for an active environment."""
    names = ("CONDA_PREFIX", "CONDA_DEFAULT_ENV")
    prompt = {"CONDA_PROMPT_MODIFIER": f"({prefix}) "}
    return {**dict.fromkeys(names, prefix), **prompt, "CONDA_SHLVL": str(level), "PATH": path, **more}


REST = "@ROOT/condabin:/usr/bin:/bin"
FRESH = active("@NEW", 1, f"@NEW/bin:{REST}")
IN_OUTER = active("@OUTER", 1, f"@OUTER/bin:{REST}")
OUT_OF_OUTER = active("@NEW", 2, f"@NEW/bin:{REST}", CONDA_PREFIX_1="@OUTER")
IN_NEW = FRESH
ACTIVATE, DEACTIVATE = "etc/conda/activate.d", "etc/conda/deactivate.d"
SAY = 'echo "${BASH_SOURCE[0]##*/etc/conda/} $CONDA_SHLVL"\n'
SHELLS = {
    "a fresh shell": Case(end=FRESH),
    "inside another environment": Case("conda activate @OUTER", IN_OUTER, OUT_OF_OUTER),
    "inside two environments": Case(
        "conda activate @OUTER; conda activate @OVER",
        active("@OVER", 2, f"@OVER/bin:{REST}", CONDA_PREFIX_1="@OUTER"),
        active("@NEW", 3, f"@NEW/bin:{REST}", CONDA_PREFIX_2="@OVER"),
    ),
    "inside an environment that is stacked upon another": Case(
        "conda activate @OUTER; conda activate --stack @OVER",
        active("@OVER", 2, f"@OVER/bin:@OUTER/bin:{REST}", CONDA_PREFIX_1="@OUTER", CONDA_STACKED_2="true"),
        active("@NEW", 3, f"@NEW/bin:@OUTER/bin:{REST}", CONDA_PREFIX_2="@OVER"),
    ),
    "inside the base environment": Case(
        "conda activate base",
        {**active("@ROOT", 1, f"@ROOT/bin:{REST}"), "CONDA_DEFAULT_ENV": "base", "CONDA_PROMPT_MODIFIER": "(base) "},
        active("@NEW", 2, f"@NEW/bin:{REST}", CONDA_PREFIX_1="@ROOT"),
    ),
    "inside itself": Case("conda activate @NEW", IN_NEW, {}),
    "inside itself, within another": Case("conda activate @OUTER; conda activate @NEW", OUT_OF_OUTER, {}),
    "inside another, within itself": Case(
        "conda activate @NEW; conda activate @OUTER",
        active("@OUTER", 2, f"@OUTER/bin:{REST}", CONDA_PREFIX_1="@NEW"),
        active("@NEW", 3, f"@NEW/bin:{REST}", CONDA_PREFIX_2="@OUTER"),
    ),
    "inside another that is stacked upon itself": Case(
        "conda activate @NEW; conda activate --stack @OUTER",
        active("@OUTER", 2, f"@OUTER/bin:@NEW/bin:{REST}", CONDA_PREFIX_1="@NEW", CONDA_STACKED_2="true"),
        active("@NEW", 3, f"@NEW/bin:@NEW/bin:{REST}", CONDA_PREFIX_2="@OUTER"),
    ),
    "where another environment was left again": Case(
        "conda activate @OUTER; conda deactivate",
        {"CONDA_PREFIX": "", "CONDA_DEFAULT_ENV": "", "CONDA_PROMPT_MODIFIER": ""},
        FRESH,
    ),
    "where CONDA_PREFIX alone is set": Case("export CONDA_PREFIX=@OUTER", {"CONDA_PREFIX": "@OUTER"}, FRESH),
    "where PATH was put before the environment's": Case(
        "conda activate @OUTER; PATH=/x:$PATH",
        {**IN_OUTER, "PATH": f"/x:@OUTER/bin:{REST}"},
        {**OUT_OF_OUTER, "PATH": f"/x:@NEW/bin:{REST}"},
        ours={**OUT_OF_OUTER, "PATH": f"@NEW/bin:/x:{REST}"},
    ),
    "where the environment is twice in PATH": Case(
        "conda activate @OUTER; PATH=/x:@OUTER/bin:$PATH",
        {**IN_OUTER, "PATH": f"/x:@OUTER/bin:@OUTER/bin:{REST}"},
        {**OUT_OF_OUTER, "PATH": f"/x:@NEW/bin:@OUTER/bin:{REST}"},
        ours={**OUT_OF_OUTER, "PATH": f"@NEW/bin:/x:{REST}"},
    ),
    "where the environment is in PATH with a slash": Case(
        "conda activate @OUTER; PATH=@OUTER/bin/:/usr/bin:/bin",
        {**IN_OUTER, "PATH": "@OUTER/bin/:/usr/bin:/bin"},
        {**OUT_OF_OUTER, "PATH": "@NEW/bin:/usr/bin:/bin"},
    ),
    "where the environment is no longer in PATH": Case(
        "conda activate @OUTER; PATH=/usr/bin:/bin",
        {**IN_OUTER, "PATH": "/usr/bin:/bin"},
        {**OUT_OF_OUTER, "PATH": "@NEW/bin:/usr/bin:/bin"},
    ),
    "where it is in PATH already": Case(
        "PATH=$PATH:@NEW/bin", {"PATH": f"{REST}:@NEW/bin"}, {**FRESH, "PATH": f"@NEW/bin:{REST}:@NEW/bin"}
    ),
    "inside itself, where PATH was put before it": Case(
        "conda activate @NEW; PATH=/x:$PATH",
        {**IN_NEW, "PATH": f"/x:@NEW/bin:{REST}"},
        {},
        ours={"PATH": f"@NEW/bin:/x:{REST}"},
    ),
    "inside itself, where PATH has lost it": Case(
        "conda activate @NEW; PATH=/usr/bin:/bin",
        {**IN_NEW, "PATH": "/usr/bin:/bin"},
        {"PATH": "@NEW/bin:/usr/bin:/bin"},
    ),
}
NAMES = {
    "in a folder called envs": Case(
        "export CONDA_EXECUTE_ENV_DIR=@DIR/envs",
        {"CONDA_EXECUTE_ENV_DIR": "@DIR/envs"},
        {**FRESH, "CONDA_DEFAULT_ENV": "@NAME", "CONDA_PROMPT_MODIFIER": "(@NAME) "},
    ),
    "in a folder with spaces": Case(
        "export CONDA_EXECUTE_ENV_DIR='@DIR/a  b'",
        {"CONDA_EXECUTE_ENV_DIR": "@DIR/a  b"},
        {**FRESH, "A": "1"},
        {f"@NEW/{ACTIVATE}/a.sh": "export A=1\n"},
    ),
    "with no prompt, by a variable": Case(
        "export CONDA_CHANGEPS1=false", {"CONDA_CHANGEPS1": "false"}, {**FRESH, "CONDA_PROMPT_MODIFIER": ""}
    ),
    "with no prompt, by condarc": Case(
        end={**FRESH, "CONDA_PROMPT_MODIFIER": ""}, files={"@HOME/.condarc": "changeps1: false\n"}
    ),
    "with a prompt of its own, by a variable": Case(
        "export CONDA_ENV_PROMPT='[{name}|{prefix}|{default_env}]'",
        {"CONDA_ENV_PROMPT": "[{name}|{prefix}|{default_env}]"},
        {**FRESH, "CONDA_PROMPT_MODIFIER": "[@NAME|@NEW|@NEW]"},
    ),
    "with a prompt of its own, by condarc": Case(
        end={**FRESH, "CONDA_PROMPT_MODIFIER": "@NAME> "}, files={"@HOME/.condarc": "env_prompt: '{name}> '\n"}
    ),
    "with a prompt that shows the stack": Case(
        "export CONDA_ENV_PROMPT='<{stacked_env}>'; conda activate @OUTER; conda activate --stack @OVER",
        {
            **active("@OVER", 2, f"@OVER/bin:@OUTER/bin:{REST}", CONDA_PREFIX_1="@OUTER", CONDA_STACKED_2="true"),
            "CONDA_ENV_PROMPT": "<{stacked_env}>",
            "CONDA_PROMPT_MODIFIER": "<@OVER,@OUTER>",
        },
        {
            **active("@NEW", 3, f"@NEW/bin:@OUTER/bin:{REST}", CONDA_PREFIX_2="@OVER"),
            "CONDA_PROMPT_MODIFIER": "<@NEW,@OUTER>",
        },
        ours={
            **active("@NEW", 3, f"@NEW/bin:@OUTER/bin:{REST}", CONDA_PREFIX_2="@OVER"),
            "CONDA_PROMPT_MODIFIER": "<@NEW>",
        },
    ),
}
VARIABLES = {
    "of several files, the last one wins": Case(
        end={**FRESH, "A": "1", "B": "2", "C": "2"},
        files={
            "@NEW/etc/conda/env_vars.d/10-a.json": '{"A": "1", "B": "1"}',
            "@NEW/etc/conda/env_vars.d/20-b.json": '{"B": "2", "C": "2"}',
        },
    ),
    "of a file that is not called .json": Case(
        end={**FRESH, "A": "1"}, files={"@NEW/etc/conda/env_vars.d/a": '{"A": "1"}'}, ours=FRESH
    ),
    "of the environment, before those of packages": Case(
        end={**FRESH, "A": "state", "B": "package"},
        files={
            "@NEW/etc/conda/env_vars.d/a.json": '{"A": "package", "B": "package", "C": "package"}',
            "@NEW/conda-meta/state": '{"env_vars": {"A": "state", "C": "***unset***"}}',
        },
    ),
    "that are unset stay as the caller has them": Case(
        "export A=mine",
        {"A": "mine"},
        FRESH,
        {"@NEW/conda-meta/state": '{"env_vars": {"A": "***unset***"}}'},
    ),
    "that hide the caller's": Case(
        "export A=mine",
        {"A": "mine"},
        {**FRESH, "A": "1", "__CONDA_SHLVL_0_A": "mine"},
        {"@NEW/conda-meta/state": '{"env_vars": {"A": "1"}}'},
    ),
    "that hide the caller's, inside another environment": Case(
        "export A=mine; conda activate @OUTER",
        {**IN_OUTER, "A": "mine"},
        {**OUT_OF_OUTER, "A": "1", "__CONDA_SHLVL_1_A": "mine"},
        {"@NEW/conda-meta/state": '{"env_vars": {"A": "1"}}'},
    ),
    "that equal the caller's": Case(
        "export A=1",
        {"A": "1"},
        {**FRESH, "__CONDA_SHLVL_0_A": "1"},
        {"@NEW/conda-meta/state": '{"env_vars": {"A": "1"}}'},
    ),
    "in lower case become upper case": Case(
        end={**FRESH, "LOWER_CASE": "1"}, files={"@NEW/etc/conda/env_vars.d/a.json": '{"lower_Case": "1"}'}
    ),
    "in lower case, where the caller has one in upper case": Case(
        "export A=mine",
        {"A": "mine"},
        {**FRESH, "A": "1"},
        {"@NEW/conda-meta/state": '{"env_vars": {"a": "1"}}'},
    ),
    "in lower case, where the caller has one in lower case": Case(
        "export a=mine",
        {"a": "mine"},
        {**FRESH, "A": "1", "__CONDA_SHLVL_0_A": "mine"},
        {"@NEW/conda-meta/state": '{"env_vars": {"a": "1"}}'},
    ),
    "that are no text": Case(
        end={**FRESH, "N": "1", "T": "True", "NONE": ""},
        files={"@NEW/etc/conda/env_vars.d/a.json": '{"N": 1, "T": true, "NONE": null}'},
    ),
    "with blanks and shell characters": Case(
        end={**FRESH, "A": 'a  b $HOME `id` "\\'},
        files={"@NEW/etc/conda/env_vars.d/a.json": '{"A": "a  b $HOME `id` \\"\\\\"}'},
    ),
    "cannot replace PATH": Case(end=FRESH, files={"@NEW/etc/conda/env_vars.d/a.json": '{"PATH": "/x"}'}),
    "of the environment that is left": Case(
        "export A=mine; conda activate @OUTER",
        {**IN_OUTER, "A": "outer", "B": "outer", "__CONDA_SHLVL_0_A": "mine"},
        OUT_OF_OUTER,
        {"@OUTER/conda-meta/state": '{"env_vars": {"A": "outer", "B": "outer"}}'},
        ours={**OUT_OF_OUTER, "A": "mine", "B": None},
    ),
    "of both environments": Case(
        "export A=mine; conda activate @OUTER",
        {**IN_OUTER, "A": "outer", "__CONDA_SHLVL_0_A": "mine"},
        {**OUT_OF_OUTER, "A": "new", "__CONDA_SHLVL_1_A": "outer"},
        {
            "@OUTER/conda-meta/state": '{"env_vars": {"A": "outer"}}',
            "@NEW/conda-meta/state": '{"env_vars": {"A": "new"}}',
        },
    ),
    "are not set again inside the environment": Case(
        "conda activate @NEW; export A=mine; unset B",
        {**IN_NEW, "A": "mine"},
        {},
        {"@NEW/conda-meta/state": '{"env_vars": {"A": "1", "B": "1"}}'},
    ),
}
SCRIPTS = {
    "run in the order of their names, and see the new environment": Case(
        end={**FRESH, "A": "b"},
        files={
            f"@NEW/{ACTIVATE}/b.sh": SAY + "export A=b\n",
            f"@NEW/{ACTIVATE}/a.sh": SAY + "export A=a\n",
            f"@NEW/{ACTIVATE}/B.sh": SAY,
            f"@NEW/{ACTIVATE}/c.txt": SAY,
            f"@NEW/{ACTIVATE}/d.fish": SAY,
        },
        noise="activate.d/B.sh 1\nactivate.d/a.sh 1\nactivate.d/b.sh 1\n",
    ),
    "of the environment that is left run before, in reverse order": Case(
        "conda activate @OUTER; export B=1",
        {**IN_OUTER, "B": "1"},
        {**OUT_OF_OUTER, "B": None},
        {
            f"@OUTER/{DEACTIVATE}/a.sh": SAY + "unset B\n",
            f"@OUTER/{DEACTIVATE}/b.sh": SAY,
            f"@NEW/{ACTIVATE}/a.sh": SAY,
            f"@NEW/{DEACTIVATE}/a.sh": SAY,
        },
        noise="deactivate.d/b.sh 1\ndeactivate.d/a.sh 1\nactivate.d/a.sh 2\n",
    ),
    "of an environment that stays below a stacked one do not run": Case(
        "conda activate @OUTER; conda activate --stack @OVER",
        active("@OVER", 2, f"@OVER/bin:@OUTER/bin:{REST}", CONDA_PREFIX_1="@OUTER", CONDA_STACKED_2="true"),
        active("@NEW", 3, f"@NEW/bin:@OUTER/bin:{REST}", CONDA_PREFIX_2="@OVER"),
        {f"@OUTER/{DEACTIVATE}/a.sh": SAY, f"@OVER/{DEACTIVATE}/b.sh": SAY},
        noise="deactivate.d/b.sh 2\n",
    ),
    "run again inside the environment": Case(
        "conda activate @NEW >/dev/null",
        {**IN_NEW, "COUNT": "x"},
        {"COUNT": "xyx"},
        {
            f"@NEW/{ACTIVATE}/a.sh": SAY + "export COUNT=${COUNT}x\n",
            f"@NEW/{DEACTIVATE}/a.sh": SAY + "export COUNT=${COUNT}y\n",
        },
        noise="deactivate.d/a.sh 1\nactivate.d/a.sh 1\n",
    ),
    "that use what only bash has": Case(
        end={**FRESH, "A": "2 b", "B": "yes"},
        files={
            f"@NEW/{ACTIVATE}/a.sh": (
                'list=(a b)\nlist+=("c d")\nexport A="$(( ${#list[@]} - 1 )) ${list[1]}"\n'
                '[[ "$CONDA_PREFIX" == */* ]] && export B=yes\nread -r first < <(echo one) && [ "$first" = one ]\n'
            )
        },
    ),
    "that set what they do not export": Case(
        end=FRESH, files={f"@NEW/{ACTIVATE}/a.sh": "A=1\ncat() { echo function; }\nalias cat=false\n"}
    ),
    "that return with an error": Case(
        end={**FRESH, "B": "1"},
        files={f"@NEW/{ACTIVATE}/a.sh": "return 3\nexport A=1\n", f"@NEW/{ACTIVATE}/b.sh": "export B=1\n"},
    ),
    "that fail": Case(end={**FRESH, "A": "1"}, files={f"@NEW/{ACTIVATE}/a.sh": "false\nexport A=1$UNSET\nfalse\n"}),
    "that are no shell": Case(
        end={**FRESH, "B": "1"},
        files={f"@NEW/{ACTIVATE}/a.sh": "if (( ) fi\n", f"@NEW/{ACTIVATE}/b.sh": "export B=1\n"},
    ),
    "that exit": Case(files={f"@NEW/{ACTIVATE}/a.sh": "exit 3\n"}, stdout="", code=3),
    "that have the shell stop at errors": Case(
        files={f"@NEW/{ACTIVATE}/a.sh": "set -e\n", f"@NEW/{ACTIVATE}/b.sh": "false\n"}, stdout="", code=1
    ),
    "that print": Case(end=FRESH, files={f"@NEW/{ACTIVATE}/a.sh": "echo hello; echo hello >&2\n"}, noise="hello\n"),
    "that change PATH": Case(
        end={**FRESH, "PATH": f"/x:@NEW/bin:{REST}"}, files={f"@NEW/{ACTIVATE}/a.sh": "PATH=/x:$PATH\n"}
    ),
    "that read stdin": Case(
        end={**FRESH, "A": "one"},
        files={f"@NEW/{ACTIVATE}/a.sh": "read -r A\nexport A\n"},
        stdin="one\ntwo\n",
        stdout="script\ntwo\n",
    ),
    "that have arguments of their own": Case(
        end={**FRESH, "A": "2"}, files={f"@NEW/{ACTIVATE}/a.sh": "set -- a b\nexport A=$#\n"}
    ),
    "that drop their arguments": Case(end=FRESH, files={f"@NEW/{ACTIVATE}/a.sh": "shift\n"}),
    "run in a shell that reads no BASH_ENV": Case(
        "export BASH_ENV=@DIR/bash_env",
        {"BASH_ENV": "@DIR/bash_env"},
        FRESH,
        {f"@NEW/{ACTIVATE}/a.sh": ":\n", "@DIR/bash_env": "echo sourced\n"},
    ),
    "leave the functions that a shell exports": Case(
        "greet() { echo hi; }; export -f greet",
        {"BASH_FUNC_greet%%": "() {  echo hi\n}"},
        FRESH,
        {f"@NEW/{ACTIVATE}/a.sh": ":\n"},
    ),
    "see the functions that a shell exports": Case(
        "greet() { echo hi; }; export -f greet",
        {"BASH_FUNC_greet%%": "() {  echo hi\n}"},
        {**FRESH, "A": "hi"},
        {f"@NEW/{ACTIVATE}/a.sh": "export A=$(greet)\n"},
    ),
    "that unset what the new environment sets as it was": Case(
        "export A=1; conda activate @OUTER",
        {**IN_OUTER, "A": "1"},
        {**OUT_OF_OUTER, "__CONDA_SHLVL_1_A": "1"},
        {f"@OUTER/{DEACTIVATE}/a.sh": "unset A\n", "@NEW/conda-meta/state": '{"env_vars": {"A": "1"}}'},
    ),
    "that change PATH when they are left": Case(
        "conda activate @OUTER",
        IN_OUTER,
        OUT_OF_OUTER,
        {f"@OUTER/{DEACTIVATE}/a.sh": "PATH=/x:$PATH\n"},
    ),
    "that change PATH when they run again": Case(
        "conda activate @NEW",
        {**IN_NEW, "PATH": f"/y:@NEW/bin:{REST}"},
        {"PATH": f"/y:/y:@NEW/bin:{REST}"},
        {f"@NEW/{ACTIVATE}/a.sh": "PATH=/y:$PATH\n", f"@NEW/{DEACTIVATE}/a.sh": "PATH=/x:$PATH\n"},
        ours={"PATH": f"/y:@NEW/bin:/y:{REST}"},
    ),
}
CASES = {
    f"{kind} {name}": case
    for kind, cases in (("shell:", SHELLS), ("environment:", NAMES), ("variables", VARIABLES), ("scripts", SCRIPTS))
    for name, case in cases.items()
}
each_case = pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])


class Place:
    """The folders, the files and the script of a case."""

    def __init__(self, case: Case, folder: Path, home: Path, root: str, environ: Environ) -> None:
        name = conda_execute.find_name(["hello-conda"])
        self.folders = {"@DIR": str(folder), "@HOME": str(home), "@ROOT": root, "@NAME": name}
        self.folders.update({"@OUTER": str(folder / "outer"), "@OVER": str(folder / "over")})
        env_dir = self.fill(case.start.get("CONDA_EXECUTE_ENV_DIR") or environ["CONDA_EXECUTE_ENV_DIR"])
        self.folders["@NEW"] = f"{env_dir}/{name}"
        names = [name for name in environ if name.startswith(("CONDA", "RATTLER")) or name in ("HOME", "PATH")]
        self.environ = {name: environ[name] for name in names}
        self.environ.update(CONDA_EXECUTE_ENV_DIR=env_dir, PWD=str(folder), SHLVL="1", LC_ALL="C.UTF-8")

    def fill(self, text: str) -> str:
        for name, path in self.folders.items():
            text = text.replace(name, path)
        return text

    def expect(self, environ: Environ, changes: Changes) -> Changes:
        """Return of recorded changes those that are some, in these variables."""
        filled = {name: None if value is None else self.fill(value) for name, value in changes.items()}
        return {name: value for name, value in filled.items() if environ.get(name) != value}

    def write(self, path: str, text: str) -> Path:
        file = Path(self.fill(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def place(case: Case, tmp_path: Path, home: Path, environ: Environ, run: Run, write: Write) -> Iterator[Place]:
    """Return the place of a case, in which its environments are built; leave the new one as it was built."""
    root = str(Path(CONDA).parent.parent) if CONDA else str(tmp_path / "root")
    place = Place(case, tmp_path, home, root, environ)
    done = run("-q", write("script.sh", SCRIPT, "hello-conda"), "seen", env=place.environ)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("@OUTER", "@OVER"):
        place.write(f"{name}/conda-meta/history", "")
    for path, text in case.files.items():
        place.write(path, text)
    yield place
    prefix = Path(place.fill("@NEW"))
    shutil.rmtree(prefix / "etc", ignore_errors=True)
    with suppress(FileNotFoundError):
        (prefix / "conda-meta" / "state").unlink()


def read(path: Path) -> Environ:
    """Return the variables in a file."""
    pairs = path.read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def compare(before: Environ, after: Environ) -> Changes:
    """Return what changed, but for what is a shell's own."""
    names = {*before, *after} - {*OF_SHELLS}
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def start_script(case: Case, place: Place, run: Run, start: Environ) -> tuple[Changes, str, int]:
    """Return how the variables changed, the output and the exit code of the script that conda-execute starts."""
    seen = place.write("@DIR/seen", "")
    done = run("-q", "script.sh", "seen", env=start, stdin=None, input=case.stdin)
    changes = compare(start, read(seen) or start)
    assert not changes or changes.pop("PREFIX") == place.fill("@NEW")
    assert case.noise in done.stderr
    return changes, done.stdout, done.returncode


@pytest.mark.once
@each_case
def test_the_script_sees_what_was_recorded(case: Case, place: Place, run: Run) -> None:
    start = {name: value or "" for name, value in place.expect({}, {**place.environ, **HOOKED, **case.start}).items()}
    changes, stdout, code = start_script(case, place, run, start)
    assert (stdout, code) == (case.stdout, case.code)
    assert changes == place.expect(start, case.end if case.ours is None else case.ours)


SHELL = """\
eval "$("$0" shell.posix hook)"
cat /proc/self/environ > hooked
{before}
cat /proc/self/environ > start
conda activate '{prefix}'
sh script.sh seen
exit $?
"""


@pytest.mark.once
@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
@each_case
def test_the_script_sees_what_it_would_in_a_shell_with_conda(case: Case, place: Place, run: Run) -> None:
    environ = {**place.environ, "CONDA_AUTO_ACTIVATE_BASE": "false"}
    seen = place.write("@DIR/seen", "")
    words = ["bash", "-c", SHELL.format(before=place.fill(case.before), prefix=place.fill("@NEW")), CONDA]
    done = subprocess.run(
        words, cwd=seen.parent, env=environ, input=case.stdin, stdout=subprocess.PIPE, text=True, timeout=60
    )
    hooked, start = (read(seen.with_name(name)) for name in ("hooked", "start"))
    end = compare(start, read(seen) or start)
    assert compare(hooked, start) == place.expect(hooked, case.start), "the start is recorded as it is"
    assert (done.stdout, done.returncode) == (case.noise + case.stdout, case.code), "the output is recorded as it is"
    assert end == place.expect(start, case.end), "the end is recorded as it is"
    changes, *others = start_script(case, place, run, start)
    assert others == [done.stdout[len(case.noise) :], done.returncode]
    assert changes == (end if case.ours is None else place.expect(start, case.ours))


# -- what conda cannot be asked about


def seen(output: str) -> Environ:
    return dict(pair.split("=", 1) for pair in output.split("\0") if "=" in pair)


def test_a_shell_without_conda_is_told_of_the_environment_alone(
    run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    """No condabin, no CONDA_EXE: where there is no conda, there is none to name."""
    environ["LC_ALL"] = "C.UTF-8"
    found = seen(run("-q", write("a.sh", 'cat "/proc/$$/environ"', "hello-conda")).stdout)
    changes = compare(environ, found)
    prefix = str(env_dir / HELLO)
    assert changes == {
        **dict.fromkeys(("PREFIX", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"), prefix),
        "CONDA_PROMPT_MODIFIER": f"({prefix}) ",
        "CONDA_SHLVL": "1",
        "PATH": f"{prefix}/bin:/usr/bin:/bin",
    }


def change(run: Run, write: Write, environ: Environ, *specs: str) -> Changes:
    """Return how a run changes its caller's variables, but for what activation sets."""
    ours = ("PREFIX", "PATH", "CONDA_", "ACTIVATED")
    changes = compare(environ, seen(run("-q", write("a.sh", 'cat "/proc/$$/environ"', *specs)).stdout))
    return {name: value for name, value in changes.items() if not name.startswith(ours)}


both_ways = pytest.mark.parametrize("spec", ["hello-conda", "activated"], ids=["no scripts", "activation scripts"])


@both_ways
def test_variables_reach_the_script_whatever_their_names_and_values(
    run: Run, write: Write, environ: Environ, tmp_path: Path, spec: str
) -> None:
    odd = {"a.b": "1", "BASH_FUNC_greet%%": "() {  echo hi\n}", "1": "2", "ENV": "/nowhere", "COLUMNS": "7"}
    environ["ODD"] = 'it\'s "$HOME" `id` \\ \n*'
    environ.update(odd, LC_ALL="C.UTF-8", PWD=str(tmp_path), OLDPWD=str(tmp_path), SHLVL="7")
    assert change(run, write, environ, spec) == {}


@both_ways
@pytest.mark.parametrize("language", [{}, {"LANG": "C"}], ids=["no language", "C"])
def test_the_locale_is_the_callers(
    run: Run, write: Write, environ: Environ, tmp_path: Path, spec: str, language: Environ
) -> None:
    """Where the locale is C, Python sets LC_CTYPE to C.UTF-8 (PEP 538), for what it starts too."""
    for name in [name for name in environ if name.startswith(("LC_", "LANG"))]:
        del environ[name]
    environ.update(language, PWD=str(tmp_path), SHLVL="1")
    environ.pop("OLDPWD", None)
    assert change(run, write, environ, spec) == {}
    environ["LC_CTYPE"] = "C.UTF-8"
    assert change(run, write, environ, spec) == {}


@pytest.mark.once
@pytest.mark.parametrize("name", ["it's", '"two"', "`id`", "a\\b", "caf\u00e9", "-x", "*"])
def test_an_environment_may_lie_in_a_folder_of_any_name(
    run: Run, write: Write, environ: Environ, tmp_path: Path, name: str
) -> None:
    """conda itself breaks on some of these."""
    environ["CONDA_EXECUTE_ENV_DIR"] = str(tmp_path / name / "tmp_envs")
    done = run("-q", write("a.sh", "hello-conda; env -0", "activated", "hello-conda =1.0"))
    assert done.stdout.startswith("hello-conda 1.0\n"), done.stderr
    assert f"ACTIVATED_PREFIX={tmp_path / name}/tmp_envs/" in done.stdout


@pytest.mark.once
@pytest.mark.cold
def test_variables_may_hold_what_shells_read(run: Run, write: Write, environ: Environ) -> None:
    """conda itself breaks on the quote."""
    script = write("a.sh", "env -0", "activated")
    prefix = Path(seen(run("-q", script).stdout)["CONDA_PREFIX"])
    (prefix / "conda-meta" / "state").write_text('{"env_vars": {"A": "it\'s \\"$HOME\\" \\n `id` \\\\"}}')
    assert seen(run("-q", script).stdout)["A"] == 'it\'s "$HOME" \n `id` \\'


@pytest.mark.once
@pytest.mark.cold
def test_an_activation_script_that_dies_of_a_signal_takes_the_run_along(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "echo script", "activated")
    run("-q", script)
    folder = env_dir / conda_execute.find_name(["activated"]) / ACTIVATE
    (folder / "b.sh").write_text("kill -INT $$\n")
    done = run("-q", script)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")


NOUNSET = {
    "nounset": ("nounset", 'echo "$unset"'),
    "errexit": ("errexit", "false"),
    "others": ("noclobber:noglob:pipefail:posix", ': > "$CONDA_PREFIX/a"; : > "$CONDA_PREFIX/a"; . /nowhere'),
    "both": ("errexit:nounset", 'false; echo "$unset"'),
}


@pytest.mark.once
@pytest.mark.cold
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("options, code", NOUNSET.values(), ids=NOUNSET)
def test_options_of_the_callers_shell_end_no_activation_and_are_the_scripts(
    options: str, code: str, run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    """bash takes exported SHELLOPTS; activation scripts are not written for set -eu."""
    script = write("a.sh", "echo $ACTIVATED $SHELLOPTS", "hello-conda", "activated", more="# run_with: bash\n")
    assert run("-q", script).returncode == 0
    [prefix] = [path for path in env_dir.iterdir() if len(path.name) == 20]
    (prefix / "etc" / "conda" / "activate.d" / "z.sh").write_text(code + "\n")
    done = run("-q", script, env={**environ, "SHELLOPTS": options})
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[0] == "yes" and set(options.split(":")) <= set(words[1].split(":")), done.stdout


@both_ways
@pytest.mark.parametrize("name", ["SHELLOPTS", "POSIXLY_CORRECT"])
def test_what_tells_bash_its_options_is_the_callers(
    run: Run, write: Write, environ: Environ, tmp_path: Path, spec: str, name: str
) -> None:
    """Which is no wish of activation scripts', nor of what a shell makes of it."""
    environ.update({name: "errexit", "LC_ALL": "C.UTF-8", "PWD": str(tmp_path), "SHLVL": "1"})
    assert change(run, write, environ, spec) == {}


@pytest.mark.once
@pytest.mark.cold
def test_what_activation_prints_is_no_result_and_a_closed_stderr_keeps_none_from_running(
    run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "echo $ACTIVATED", "hello-conda", "activated")
    assert run("-q", script).stdout == "yes\n"
    [prefix] = [path for path in env_dir.iterdir() if len(path.name) == 20]
    (prefix / "etc" / "conda" / "activate.d" / "a.sh").write_text("echo noise; echo more >&2\n")
    done = run("-q", script)
    assert (done.stdout, done.stderr) == ("yes\n", "noise\nmore\n")
    closed = run("-q", script, preexec_fn=lambda: os.close(2), stderr=None)
    assert (closed.returncode, closed.stdout) == (0, "yes\n")


@pytest.mark.once
@pytest.mark.cold
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_traps_and_functions_of_activation_are_not_in_the_way_of_the_script(
    run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "echo $ACTIVATED", "hello-conda", "activated")
    assert run("-q", script).stdout == "yes\n"
    [prefix] = [path for path in env_dir.iterdir() if len(path.name) == 20]
    code = "trap 'echo D' DEBUG\nexec() { echo never; }\nshift() { echo never; }\nset() { echo never; }\n"
    (prefix / "etc" / "conda" / "activate.d" / "z.sh").write_text(code)
    done = run("-q", script)
    assert (done.stdout, done.returncode) == ("yes\n", 0)


# -- what a run does with it


def test_activation_scripts_and_variables_of_packages_take_effect(run: Run, write: Write, env_dir: Path) -> None:
    done = run("-q", write("a.sh", "env -0", "activated"))
    env = seen(done.stdout)
    assert (env["ACTIVATED"], env["ACTIVATED_VAR"]) == ("yes", "from env_vars.d")
    assert env["ACTIVATED_PREFIX"] == env["CONDA_PREFIX"]


def test_a_script_with_activation_scripts_is_still_the_process_that_was_started(start: Start, write: Write) -> None:
    child = start("-q", write("a.sh", "echo $$ $#; exit 7", "activated"), "a b", "c")
    output, _ = child.communicate()
    assert (output, child.returncode) == (f"{child.pid} 2\n", 7)


def test_the_environment_of_the_caller_is_left(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    """As "conda activate" in an activated shell: its entries leave PATH, its scripts are undone."""
    outer = tmp_path / "outer"
    scripts = outer / "etc" / "conda" / "deactivate.d"
    scripts.mkdir(parents=True)
    (scripts / "a.sh").write_text("unset OUTER\necho a >> $LOG\n")
    (scripts / "b.sh").write_text("echo b >> $LOG\n")
    log = tmp_path / "log"
    environ.update(CONDA_PREFIX=str(outer), CONDA_SHLVL="1", OUTER="1", LOG=str(log), PATH=f"{outer}/bin:/usr/bin:/bin")
    env = seen(run("-q", write("a.sh", "env -0", "hello-conda")).stdout)
    assert log.read_text() == "b\na\n"
    assert "OUTER" not in env
    assert (env["CONDA_SHLVL"], env["CONDA_PREFIX_1"]) == ("2", str(outer))
    assert str(outer) not in env["PATH"]


def test_variables_of_the_environments_state_file_hide_the_callers(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "state").write_text('{"env_vars": {"A": "new", "B": "***unset***"}}')
    config, start = conda_execute.Config(root="", condarc=conda_execute.Condarc({})), {"A": "old", "B": "kept"}
    found = conda_execute.activate(start, str(tmp_path), config)
    assert {one: found[one] for one in found if one[-1] in "AB"} == {**start, "A": "new", "__CONDA_SHLVL_0_A": "old"}


@pytest.mark.parametrize("level", ["\u00b2", "1" * 5000, "x", "-1", ""])
def test_a_level_of_shells_that_is_none_counts_as_the_first(level: str) -> None:
    config = conda_execute.Config(root="", condarc=conda_execute.Condarc({}))
    start = {"CONDA_SHLVL": level, "CONDA_PREFIX": "/outer", "PATH": "/bin"}
    environ = conda_execute.activate(start, "/prefix", config)
    assert environ["CONDA_SHLVL"] == "1"


@pytest.mark.parametrize("content", ["[]", '{"env_vars": null}', "1", "{", '{"env_vars": {"a b": "c"}}'])
def test_a_state_file_that_is_none_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "state").write_text(content)
    assert conda_execute.read_variables(str(tmp_path)) == {}


@pytest.mark.parametrize("text", ["{", '{"A" 1}', '{"A": "1"} x', "", '"A"', "[1]", '{"A": "\\ud"}', "\0", "nul"])
def test_variables_in_a_file_that_is_no_json_object_are_none(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "etc" / "conda" / "env_vars.d"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(text)
    (folder / "b.json").write_text('{"B": "\\u00e9"}')
    assert conda_execute.read_variables(str(tmp_path)) == {"B": "\u00e9"}


NOT_NAMES = ["CONDA_A;touch pwned;B", "CONDA_$(touch pwned)", "CONDA_`touch pwned`", "CONDA_A\ntouch pwned\nB"]
NOT_NAMES += ["CONDA_A[$(touch pwned)0]", "CONDA_PREFIX_1;touch pwned;A", "CONDA_A&touch pwned&B"]


@pytest.fixture(params=["none", "one to leave"])
def outer(request: pytest.FixtureRequest, tmp_path: Path, environ: Environ) -> None:
    """Have no environment activated, or one with scripts and variables of its own."""
    if request.param != "none":
        folder = tmp_path / "outer" / "etc" / "conda"
        for kind in ("activate.d", "deactivate.d", "env_vars.d"):
            (folder / kind).mkdir(parents=True)
        (folder / "deactivate.d" / "a.sh").write_text("export LEFT=yes\n")
        (folder / "env_vars.d" / "a.json").write_text('{"A;touch pwned;B": "1", "$(touch pwned)": "1", "GOOD": "1"}')
        environ.update({"CONDA_PREFIX": str(tmp_path / "outer"), "CONDA_SHLVL": "1", "GOOD": "1"})
        environ.update({"A;touch pwned;B": "2", "__CONDA_SHLVL_0_A;touch pwned;B": "3"})


def test_a_variable_whose_name_is_shell_code_runs_nothing(
    run: Run, write: Write, environ: Environ, pwned: Path, outer: None
) -> None:
    """Where scripts of activation are sourced, and variables with them."""
    script = write("a.sh", 'echo "$ACTIVATED"', "activated")
    ran = []
    for name in NOT_NAMES:
        done = run(script, env={**environ, name: "1"})
        assert (done.returncode, done.stdout) == (0, "yes\n"), f"{name}: {done.stderr}"
        ran += [name for path in pwned.parent.glob("pwned*") if not path.unlink()]  # type: ignore[func-returns-value]
    assert ran == []
