"""Entrypoints: their commands run without a shell, in the activated environment, and end at what fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import TOOL

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Script = Callable[..., Path]


# What stands in an entrypoint, and the words that come of it.
WORDS = {
    "a  b\tc": ["a", "b", "c"],
    '"a  b" ""': ["a  b", ""],
    "a\"b c\"'d e'": ["ab cd e"],
    "'\"' \"'\"": ['"', "'"],
    "*": ["*"],
    "~ \\ a\\ b ( {a,b} # !": ["~", "\\", "a\\", "b", "(", "{a,b}", "#", "!"],
    "\"| & ; < > ` )\" '$HOME $(x)'": ["| & ; < > ` )", "$HOME $(x)"],
    "x${SCRIPT}": ["xSCRIPT"],
    "\"${SCRIPT} y\" '${SCRIPT}'": ["SCRIPT y", "${SCRIPT}"],
    "A=1": ["A=1"],
    "$(print a)": ["a"],
    "$(print 'a  b\\tc')": ["a", "b", "c"],
    "\"$(print 'a  b')\"": ["a  b"],
    "x$(print ' a b ')y": ["x", "a", "b", "y"],
    "$(print '') b": ["b"],
    "\"$(print '')\"": [""],
    "x$(print '')": ["x"],
    "$(print '')$(print '')": [],
    "\"$(print 'a\\n\\n')\"": ["a\n"],
    "\"$(print 'a\\r\\n')\"": ["a"],
    "$(print $(print a))b": ["ab"],
    "$(print a && print b)": ["ab"],
    "$(print \"$(print 'a b')\")": ["a", "b"],
    "$(print '$HOME;*')": ["$HOME;*"],
}


@pytest.mark.warm
@pytest.mark.parametrize("words", WORDS)
def test_words_of_an_entrypoint(run: Run, conda_script: Script, words: str) -> None:
    path = conda_script("show " + words, more='words = "*"')
    done = run("-q", path, "an argument", "")
    assert done.stdout.replace(str(path), "SCRIPT").split("\0") == [*WORDS[words], "an argument", "", ""], done.stderr


@pytest.mark.warm
def test_arguments_go_to_the_last_command_alone(run: Run, conda_script: Script) -> None:
    assert run("-q", conda_script("show a&&show b", more='words = "*"'), "c").stdout == "a\0b\0c\0"


@pytest.mark.warm
def test_a_command_of_which_nothing_is_left_is_none(run: Run, conda_script: Script) -> None:
    done = run("-q", conda_script("$(print '') && show a && $(print '')", more='words = "*"'), "c")
    assert (done.returncode, done.stdout) == (0, "a\0")


@pytest.mark.warm
@pytest.mark.parametrize("before", ["", "hello-conda first && ", "show $(hello-conda) && "])
def test_the_last_command_is_what_the_process_becomes(
    run: Run, conda_script: Script, environ: Environ, before: str
) -> None:
    path = conda_script(before + "sh ${SCRIPT}", "echo $$ $#; exit 7", 'hello-conda = "*"\nwords = "*"')
    run(path)
    child = subprocess.Popen([sys.executable, str(TOOL), str(path), "a b", ""], env=environ, stdout=subprocess.PIPE)
    output, _ = child.communicate()
    assert output.endswith(b"%d 2\n" % child.pid)
    assert child.returncode == 7


@pytest.mark.warm
def test_what_every_machine_has_need_not_come_from_the_environment(run: Run, conda_script: Script) -> None:
    entrypoint = "mkdir -p ${CACHE}/a && test -d ${CACHE}/a && show done"
    assert run("-q", conda_script(entrypoint, more='words = "*"')).stdout == "done\0"


@pytest.mark.warm
@pytest.mark.parametrize(
    "entrypoint, code",
    [
        ("sh -c 'exit 3' && show a", 3),
        ("sh -c 'kill -TERM $$' && show a", 128 + signal.SIGTERM),
        ("show a$(sh -c 'exit 4')", 4),
        ("show a$(sh -c 'exit 5' && print b)", 5),
        ("show a$(sh -c 'kill -KILL $$')", 128 + signal.SIGKILL),
        ("print '' && sh -c 'exit 6'", 6),
        ("python && show a", 127),
        ("python -u", 127),
        ("print '' && /gone", 127),
        ("/gone", 127),
        ("/dev/null && show a", 126),
        ("show $(print '\\377')", 125),
    ],
)
def test_what_fails_ends_the_entrypoint_with_its_code(
    run: Run, conda_script: Script, entrypoint: str, code: int
) -> None:
    done = run("-q", conda_script(entrypoint, more='words = "*"'))
    assert (done.returncode, done.stdout) == (code, "")
    assert ("conda-execute: " in done.stderr) == (code in (125, 126, 127))


@pytest.mark.warm
def test_a_program_is_the_environments_and_never_the_machines(run: Run, conda_script: Script) -> None:
    done = run("-q", conda_script("perl -v && show a", more='words = "*"'))
    assert done.returncode == 127
    assert 'expected "perl" in ' in done.stderr


@pytest.mark.warm
def test_commands_run_in_the_activated_environment_and_the_callers_folder(
    run: Run, conda_script: Script, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    entrypoint = "sh -c 'pwd; echo $ACTIVATED $ACTIVATED_VAR' && sh -c 'pwd; echo $ACTIVATED' "
    done = run("-q", conda_script(entrypoint, more='activated = "*"'), cwd=tmp_path / "elsewhere")
    here = f"{tmp_path}/elsewhere"
    assert done.stdout == f"{here}\nyes from env_vars.d\n{here}\nyes\n"


@pytest.mark.warm
def test_the_runner_adds_nothing_to_the_variables(run: Run, conda_script: Script, environ: Environ) -> None:
    """In the C locale Python sets LC_CTYPE (PEP 538)."""
    show = "sh -c 'echo $LC_CTYPE.$LANG'"
    for name in [name for name in environ if name.startswith("LC_")]:
        del environ[name]
    environ["LANG"] = "C"
    assert run("-q", conda_script(f"{show} && {show} && sh -c 'echo $0' \"$({show})\"")).stdout == ".C\n" * 3


@pytest.mark.warm
def test_stdin_is_the_commands_but_not_of_those_whose_output_is_words(run: Run, conda_script: Script) -> None:
    entrypoint = "sh -c 'read a; echo $a' && sh -c 'echo $0; read b; echo $b' $(sh -c 'read a || echo none')"
    done = run("-q", conda_script(entrypoint), stdin=None, input="one\ntwo\n")
    assert done.stdout == "one\nnone\ntwo\n"


@pytest.mark.warm
def test_the_lease_is_held_by_every_command(run: Run, conda_script: Script, env_dir: Path) -> None:
    entrypoint = "sh -c 'ls -l /proc/$$/fd' && sh -c 'ls -l /proc/$$/fd' "
    done = run("-q", conda_script(entrypoint))
    assert sum(f"{env_dir}/.leases/" in line for line in done.stdout.splitlines()) == 2


@pytest.mark.warm
def test_the_cache_stays_and_goes_by_what_the_script_says_not_by_where_it_lies(run: Run, conda_script: Script) -> None:
    """A scheduler runs copies of it."""
    code = "echo x >> $1/file; wc -l < $1/file"
    one, copy = (conda_script("sh ${SCRIPT} ${CACHE}", code, name=name) for name in ("one.sh", "slurm_script"))
    other = conda_script("sh ${SCRIPT} ${CACHE}", code + "  # changed", name="other.sh")
    assert [run("-q", path).stdout.strip() for path in (one, one, copy, other)] == ["1", "2", "3", "1"]


@pytest.mark.warm
def test_a_script_and_its_links_have_one_cache(run: Run, conda_script: Script, tmp_path: Path) -> None:
    """Each gets the path by which it was called."""
    script = conda_script("show ${SCRIPT} ${CACHE}", more='words = "*"', name="a.txt")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "s").symlink_to("../a.txt")
    (tmp_path / "b.sh").symlink_to("bin/s")
    (tmp_path / "linked").symlink_to("bin")
    paths = [script, *(tmp_path / name for name in ("bin/s", "b.sh", "linked/s"))]
    found = [run("-q", path).stdout.split("\0")[:2] for path in paths]
    assert [one[0] for one in found] == list(map(str, paths))
    assert len({one[1] for one in found}) == 1


def test_the_cache_goes_with_the_environment(run: Run, conda_script: Script, env_dir: Path) -> None:
    path = conda_script("sh ${SCRIPT} ${CACHE}", "echo x >> $1/file; echo $1")
    cache = Path(run("-q", path).stdout.strip())
    assert cache.is_dir() and env_dir in cache.parents
    assert run("--tmpenv", "clear", "--all").returncode == 0
    assert not cache.exists()


def test_a_script_that_has_no_cache_makes_none(run: Run, conda_script: Script, env_dir: Path) -> None:
    run("-q", conda_script("sh ${SCRIPT}"))
    assert list(env_dir.glob("*/.cache")) == []


@pytest.mark.warm
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("whom", ["process", "group"])
def test_a_signal_ends_the_command_that_runs_and_what_runs_it(
    run: Run, conda_script: Script, environ: Environ, tmp_path: Path, name: str, whom: str
) -> None:
    path = conda_script("sh -c 'echo $$; exec sleep 600' && show a", more='words = "*"')
    run("--tmpenv", "create", "--script", path)
    argv = [sys.executable, str(TOOL), "-q", str(path)]
    child = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    assert pid != child.pid
    (os.killpg if whom == "group" else os.kill)(child.pid, getattr(signal, name))
    assert child.wait(60) == -getattr(signal, name)
    assert child.stdout.read() == b""  # which ends when the command has ended too
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
