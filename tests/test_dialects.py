"""The three dialects run alike: one environment for equal metadata, and the language of entrypoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rattler
from channel import MACHINE_PROGRAMS, machine_programs
from conftest import CONDA, ENGINES, NO_CONDA, ROOT, TOOL
from test_launch import ALLOWED, imported

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Plan = Callable[..., "dict[str, object]"]
    Script = Callable[..., Path]


@pytest.fixture
def script(tmp_path: Path, channel: str) -> Script:
    """Return a function that writes a script with a conda-script block, an entrypoint and dependencies."""

    def function(entrypoint: str, code: str = "", more: str = 'hello-conda = "*"', name: str = "a.sh") -> Path:
        head = [f'channels = ["{channel}"]', f"entrypoint = {json.dumps(entrypoint)}", "[dependencies]"]
        block = "".join(f"# {line}\n" for line in [*head, *more.split("\n")])
        path = tmp_path / name
        path.write_text(f"# /// conda-script\n{block}# /// end-conda-script\n\n{code}\n", "utf-8")
        return path

    return function


# -- one environment


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_equal_metadata_in_different_dialects_has_one_environment(
    run: Run, script: Script, tmp_path: Path, channel: str, env_dir: Path
) -> None:
    code = "import sys; print(sys.prefix)"
    (tmp_path / "yaml.py").write_text(
        "# conda execute\n# env:\n#  - python >=3\n#  - hello-conda =1.0\n"
        f"# channels: [{channel}, nodefaults]\n\n{code}\n"
    )
    (tmp_path / "pep.py").write_text(
        '# /// script\n# requires-python = ">=3"\n# [tool.conda]\n# dependencies = ["hello-conda =1.0"]\n'
        f'# channels = ["{channel}", "nodefaults"]\n# ///\n{code}\n'
    )
    script("python ${SCRIPT}", code, 'hello-conda = "=1.0"\npython = ">=3"', "toml.py")
    outputs = {run(name).stdout for name in ("yaml.py", "pep.py", "toml.py")}
    assert len(outputs) == 1
    assert outputs.pop().startswith(str(env_dir))
    assert len(list(env_dir.glob("?" * 20))) == 1


def test_the_plan_names_the_dialect(plan: Plan, script: Script, tmp_path: Path, channel: str) -> None:
    (tmp_path / "yaml.py").write_text("# conda execute\n# env: [python]\n")
    (tmp_path / "pep.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    toml = script("sh ${SCRIPT}")
    found = [plan(path) for path in ("yaml.py", "pep.py", toml)]
    assert [one["dialect"] for one in found] == ["conda-execute", "pep723", "conda-script"]
    assert [one["run_with"] for one in found] == [["python"], ["python"], ["sh ${SCRIPT}"]]
    assert found[2]["channels"] == [channel, "nodefaults"]
    assert found[2]["command"] == ["sh ${SCRIPT}"]


def test_a_pep_723_script_runs_with_its_requirements(run: Run, tmp_path: Path) -> None:
    """The requirement is met by what conda installed: no index is asked."""
    (tmp_path / "a.py").write_text(
        '#!/usr/bin/env -S uv run --script\n# /// script\n# dependencies = ["numpy"]\n# [tool.conda]\n'
        '# dependencies = ["numpy"]\n# ///\nimport numpy, sys\nprint(sys.argv[1:], numpy.zeros(2))\n'
    )
    done = run("--offline", "a.py", "x")
    assert done.stdout == "['x'] [0. 0.]\n", done.stderr


def test_bootstrap_goes_on_in_the_environment_of_any_dialect(
    script: Script, environ: Environ, tmp_path: Path, env_dir: Path
) -> None:
    """As what it was started as: no entrypoint is run."""
    code = f"import sys\nsys.path.append({str(ROOT)!r})\nimport conda_execute\nconda_execute.bootstrap()\n"
    code += "print(sys.prefix, sys.argv)"
    pep = tmp_path / "pep.py"
    pep.write_text(f"# /// script\n# dependencies = []\n# ///\n{code}\n")
    toml = script("hello-conda && python ${SCRIPT}", code, 'hello-conda = "*"\npython = "*"', "toml.py")
    for path in (pep, toml):
        argv = [sys.executable, str(path), "a b"]
        done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, text=True, timeout=60)
        assert done.stdout.startswith(str(env_dir))
        assert done.stdout.endswith(f" {[str(path), 'a b']}\n")


def test_the_channels_of_a_conda_script_are_all_that_is_searched(run: Run, script: Script) -> None:
    path = script("sh ${SCRIPT}")
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join([text[0], '# channels = ["file:///nowhere"]\n', *text[2:]]))
    done = run(path)
    assert done.returncode == 125
    assert "file:///nowhere" in done.stderr


@pytest.mark.warm
def test_a_warm_run_of_any_dialect_imports_next_to_nothing(
    run: Run, script: Script, environ: Environ, tmp_path: Path
) -> None:
    (tmp_path / "pep.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    bare = imported(environ, "-c", "pass")
    for path in (tmp_path / "pep.py", script("sh ${SCRIPT}")):
        run(path)
        assert imported(environ, str(TOOL), str(path)) - bare <= {*ALLOWED, "bisect", "_bisect"}


# -- specs that every engine reads alike


def list_specs() -> list[str]:
    folder = Path(__file__).parent / "metadata" / "valid"
    paths = [*folder.glob("conda-script*.json"), *folder.glob("pep723*.json")]
    return sorted({spec for path in paths for spec in json.loads(path.read_text("utf-8"))["specs"]})


def test_rattler_reads_every_spec_that_toml_yields() -> None:
    specs = list_specs()
    assert len(specs) > 20
    for spec in specs:
        assert rattler.MatchSpec(spec).name


READ = """
import json, sys
from conda.models.match_spec import MatchSpec
print(json.dumps([[one.name, str(one.version or "*")] for one in map(MatchSpec, json.load(sys.stdin))]))
"""


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
def test_conda_reads_every_spec_that_toml_yields_as_rattler_does() -> None:
    specs = list_specs()
    python = str(Path(CONDA).parent / "python")
    done = subprocess.run([python, "-c", READ], input=json.dumps(specs), stdout=subprocess.PIPE, text=True, check=True)
    versions = [f"{major}.{minor}.{micro}" for major in (1, 2, 3) for minor in range(30) for micro in range(5)]
    for spec, (name, version) in zip(specs, json.loads(done.stdout)):
        ours = rattler.MatchSpec(spec)
        assert ours.name is not None and ours.name.normalized == name
        found = [rattler.VersionSpec(str(one)) for one in (ours.version or "*", version)]
        for number in map(rattler.Version, versions):
            assert found[0].matches(number) == found[1].matches(number), spec


# -- when


@pytest.mark.parametrize(
    "when, glibc, cuda, kept",
    [
        ("__glibc", "2.28", "", True),
        ("__glibc", "", "", False),
        ("__glibc >=2.28", "2.28", "", True),
        ("__glibc>=2.28", "2.9", "", False),
        ("__glibc >= 2.17, < 2.30", "2.28", "", True),
        ("__glibc >=2.17,<2.28", "2.28", "", False),
        ("__cuda", "", "", False),
        ("__cuda", "", "12.4", True),
        ("__cuda 12.*", "", "12.4", True),
        ("__cuda =12", "", "12.4", True),
        ("__cuda =12", "", "13.0", False),
        ("__cuda ==12", "", "12.0", True),
        ("__cuda ==12", "", "12.4", False),
        ("__cuda 12.4", "", "12.4", True),
        ("__cuda !=12.*", "", "12.4", False),
        ("__cuda >12", "", "12.4", True),
        ("__cuda <=12", "", "12.4", False),
    ],
)
def test_when_asks_for_virtual_packages(
    plan: Plan, script: Script, environ: Environ, when: str, glibc: str, cuda: str, kept: bool
) -> None:
    environ.update(CONDA_OVERRIDE_GLIBC=glibc, CONDA_OVERRIDE_CUDA=cuda)
    path = script("sh ${SCRIPT}", "", f'hello-conda = "*"\nnumpy = {{ when = "{when}" }}')
    assert plan(path)["env"] == ["hello-conda", "numpy"] if kept else ["hello-conda"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_glibc_is_the_machines(plan: Plan, script: Script) -> None:
    generic = [one.into_generic() for one in rattler.VirtualPackage.detect()]
    found = {one.name.normalized: one for one in generic}
    version = conda_execute.detect_version("__glibc")
    assert version == (str(found["__glibc"].version) if "__glibc" in found else "")


@pytest.mark.parametrize(
    "subdir, kept",
    [("linux-64", "linux unix"), ("osx-arm64", "osx unix"), ("win-64", "win")],
)
def test_when_asks_for_the_platform(plan: Plan, script: Script, environ: Environ, subdir: str, kept: str) -> None:
    environ["CONDA_SUBDIR"] = subdir
    more = "\n".join(f'{name} = {{ when = "__{name}" }}' for name in ("linux", "osx", "unix", "win"))
    assert plan(script("sh ${SCRIPT}", "", more))["env"] == kept.split()


# -- entrypoints

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
    '"${SCRIPT} y" \'${SCRIPT}\'': ["SCRIPT y", "${SCRIPT}"],
    "A=1": ["A=1"],
    "$(print a)": ["a"],
    "$(print 'a  b\\tc')": ["a", "b", "c"],
    '"$(print \'a  b\')"': ["a  b"],
    "x$(print ' a b ')y": ["x", "a", "b", "y"],
    "$(print '') b": ["b"],
    '"$(print \'\')"': [""],
    "x$(print '')": ["x"],
    "$(print '')$(print '')": [],
    '"$(print \'a\\n\\n\')"': ["a\n"],
    '"$(print \'a\\r\\n\')"': ["a"],
    "$(print $(print a))b": ["ab"],
    "$(print a && print b)": ["ab"],
    "$(print \"$(print 'a b')\")": ["a", "b"],
    "$(print '$HOME;*')": ["$HOME;*"],
}


@pytest.mark.warm
@pytest.mark.parametrize("words", WORDS)
def test_words_of_an_entrypoint(run: Run, script: Script, words: str) -> None:
    path = script("show " + words, more='words = "*"')
    done = run("-q", path, "an argument", "")
    assert done.stdout.replace(str(path), "SCRIPT").split("\0") == [*WORDS[words], "an argument", "", ""], done.stderr


@pytest.mark.warm
def test_arguments_go_to_the_last_command_alone(run: Run, script: Script) -> None:
    assert run("-q", script("show a&&show b", more='words = "*"'), "c").stdout == "a\0b\0c\0"


@pytest.mark.warm
def test_a_command_of_which_nothing_is_left_is_none(run: Run, script: Script) -> None:
    done = run("-q", script("$(print '') && show a && $(print '')", more='words = "*"'), "c")
    assert (done.returncode, done.stdout) == (0, "a\0")


@pytest.mark.warm
@pytest.mark.parametrize("before", ["", "hello-conda first && ", "show $(hello-conda) && "])
def test_the_last_command_is_what_the_process_becomes(
    run: Run, script: Script, environ: Environ, before: str
) -> None:
    path = script(before + "sh ${SCRIPT}", "echo $$ $#; exit 7", 'hello-conda = "*"\nwords = "*"')
    run(path)
    child = subprocess.Popen([sys.executable, str(TOOL), str(path), "a b", ""], env=environ, stdout=subprocess.PIPE)
    output, _ = child.communicate()
    assert output.endswith(b"%d 2\n" % child.pid)
    assert child.returncode == 7


@pytest.mark.warm
def test_what_every_machine_has_need_not_come_from_the_environment(run: Run, script: Script) -> None:
    entrypoint = "mkdir -p ${CACHE}/a && test -d ${CACHE}/a && show done"
    assert run("-q", script(entrypoint, more='words = "*"')).stdout == "done\0"


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
        ("python", 127),
        ("print '' && /gone", 127),
        ("/gone", 127),
        ("/dev/null && show a", 126),
        ("show $(print '\\377')", 125),
    ],
)
def test_what_fails_ends_the_entrypoint_with_its_code(run: Run, script: Script, entrypoint: str, code: int) -> None:
    done = run("-q", script(entrypoint, more='words = "*"'))
    assert (done.returncode, done.stdout) == (code, "")
    assert ("conda-execute: " in done.stderr) == (code in (125, 126, 127))


@pytest.mark.warm
def test_a_program_is_the_environments_and_never_the_machines(run: Run, script: Script) -> None:
    done = run("-q", script("perl -v && show a", more='words = "*"'))
    assert done.returncode == 127
    assert 'expected "perl" in ' in done.stderr


@pytest.mark.warm
def test_commands_run_in_the_activated_environment_and_the_callers_folder(
    run: Run, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    entrypoint = "sh -c 'pwd; echo $ACTIVATED $ACTIVATED_VAR' && sh -c 'pwd; echo $ACTIVATED' "
    done = run("-q", script(entrypoint, more='activated = "*"'), cwd=tmp_path / "elsewhere")
    here = f"{tmp_path}/elsewhere"
    assert done.stdout == f"{here}\nyes from env_vars.d\n{here}\nyes\n"


@pytest.mark.warm
def test_the_runner_adds_nothing_to_the_variables(run: Run, script: Script, environ: Environ) -> None:
    """In the C locale Python sets LC_CTYPE (PEP 538)."""
    show = "sh -c 'echo $LC_CTYPE.$LANG'"
    for name in [name for name in environ if name.startswith("LC_")]:
        del environ[name]
    environ["LANG"] = "C"
    assert run("-q", script(f"{show} && {show} && sh -c 'echo $0' \"$({show})\"")).stdout == ".C\n" * 3


@pytest.mark.warm
def test_stdin_is_the_commands_but_not_of_those_whose_output_is_words(run: Run, script: Script) -> None:
    entrypoint = "sh -c 'read a; echo $a' && sh -c 'echo $0; read b; echo $b' $(sh -c 'read a || echo none')"
    done = run("-q", script(entrypoint), stdin=None, input="one\ntwo\n")
    assert done.stdout == "one\nnone\ntwo\n"


@pytest.mark.warm
def test_the_lease_is_held_by_every_command(run: Run, script: Script, env_dir: Path) -> None:
    entrypoint = "sh -c 'ls -l /proc/$$/fd' && sh -c 'ls -l /proc/$$/fd' "
    done = run("-q", script(entrypoint))
    assert sum(f"{env_dir}/.leases/" in line for line in done.stdout.splitlines()) == 2


@pytest.mark.warm
def test_the_cache_stays_and_goes_by_what_the_script_says_not_by_where_it_lies(run: Run, script: Script) -> None:
    """A scheduler runs copies of it."""
    code = "echo x >> $1/file; wc -l < $1/file"
    one, copy = (script("sh ${SCRIPT} ${CACHE}", code, name=name) for name in ("one.sh", "slurm_script"))
    other = script("sh ${SCRIPT} ${CACHE}", code + "  # changed", name="other.sh")
    assert [run("-q", path).stdout.strip() for path in (one, one, copy, other)] == ["1", "2", "3", "1"]


def test_the_cache_goes_with_the_environment(run: Run, script: Script, env_dir: Path) -> None:
    path = script("sh ${SCRIPT} ${CACHE}", "echo x >> $1/file; echo $1")
    cache = Path(run("-q", path).stdout.strip())
    assert cache.is_dir() and env_dir in cache.parents
    assert run("--tmpenv", "clear", "--all").returncode == 0
    assert not cache.exists()


def test_a_script_that_has_no_cache_makes_none(run: Run, script: Script, env_dir: Path) -> None:
    run("-q", script("sh ${SCRIPT}"))
    assert list(env_dir.glob("*/.cache")) == []


@pytest.mark.warm
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("whom", ["process", "group"])
def test_a_signal_ends_the_command_that_runs_and_what_runs_it(
    run: Run, script: Script, environ: Environ, tmp_path: Path, name: str, whom: str
) -> None:
    path = script("sh -c 'echo $$; exec sleep 600' && show a", more='words = "*"')
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


# -- examples

EXAMPLES = {
    "conda-execute.py": (["1", "2.5"], "3.5\n", 0),
    "pep-723.py": (["1", "2.5"], "3.5\n", 0),
    "conda-script.sh": (["a b", "c"], "A B\nC\n", 0),
    "conda-script.c": (["a b", "c"], "2 words\n", 2),
    "conda-execute.pl": (["a", "b"], "b-a\n", 0),
}
HAVE = {package.name for package in machine_programs()}
NEED = {"conda-script.c": "gcc", "conda-execute.pl": "perl"}


def test_there_is_an_example_of_each_kind() -> None:
    assert {path.name for path in (ROOT / "tests" / "examples").iterdir()} == set(EXAMPLES)
    assert set(NEED.values()) == set(MACHINE_PROGRAMS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(run: Run, environ: Environ, channel: str, tmp_path: Path, name: str) -> None:
    """The local channel is what these know as conda-forge."""
    if name in NEED and NEED[name] not in HAVE:
        pytest.skip(f"needs {NEED[name]} in /usr/bin, which the channel repacks")
    (tmp_path / "conda-forge").symlink_to(channel[len("file://") :])
    environ["CONDA_CHANNEL_ALIAS"] = tmp_path.as_uri()
    args, output, code = EXAMPLES[name]
    for _ in range(2):
        done = run("-q", ROOT / "tests" / "examples" / name, *args)
        assert (done.stdout, done.returncode) == (output, code), done.stderr
