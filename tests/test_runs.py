"""Runs: from a script of any kind to its environment and command; why it is built is said."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from channel import MACHINE_PROGRAMS, machine_programs
from conftest import FAKE_CONDA, ROOT, make_conda

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run, Write

    Script = Callable[..., Path]
    Plan = Callable[..., "dict[str, object]"]


# -- why it is built


def find_prefix(run: Run, script: Path) -> Path:
    return Path(json.loads(run("-n", "--json", script).stdout)["prefix"])


def said(run: Run, *words: object) -> str:
    """Return why an environment was built, or "" where it was not."""
    done = run(*words)
    assert done.returncode == 0, done.stderr
    line = done.stderr.partition("conda-execute: building ")[2].partition("\n")[0]
    return line.rpartition(" (")[2].rstrip(")")


def test_the_line_that_says_what_is_built_says_why(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    script = write("a.sh", "", "hello-conda")
    assert said(run, script) == "first use"
    assert said(run, script) == ""
    assert said(run, "-f", script) == "--force-env"
    assert (
        said(run, write("a.sh", "", "hello-conda <2", "words")) == "changed: + hello-conda <2, + words, - hello-conda"
    )
    shutil.rmtree(str(find_prefix(run, script) / "bin"))
    assert said(run, script) == "the one here was not whole"
    assert run("--tmpenv", "clear", "--all").returncode == 0
    assert said(run, script) == "it was removed since its last use"
    moved = tmp_path / "moved"
    shutil.move(environ["CONDA_EXECUTE_ENV_DIR"], str(moved))
    before, environ["CONDA_EXECUTE_ENV_DIR"] = environ["CONDA_EXECUTE_ENV_DIR"], str(moved)
    assert said(run, script).startswith(f"the one here was made in {before}/")


def test_what_changed_is_said_of_channels_too_and_without_their_secrets(run: Run, write: Write, channel: str) -> None:
    script = write("a.sh", "", "words", more=f"# channels: [{channel}, nodefaults]\n")
    assert said(run, script) == "first use"
    write("a.sh", "", "words", more=f"# channels: [{channel}, 'file://u:secret@{channel[7:]}', nodefaults]\n")
    done = run(script)
    assert "(changed: + file://***@/" in done.stderr and "secret" not in done.stderr


def test_sixty_packages_are_not_all_named_before_anything_happens(run: Run, write: Write) -> None:
    script = write("a.sh", "", "words", *(f"no-such-package-{i}" for i in range(60)))
    line = run(script).stderr.split("\n")[0]
    assert "no-such-package-10 and 49 more (first use)" in line and len(line) < 400


TERMS = {
    "another channel": ({"CONDA_CHANNELS": "a"}, {"CONDA_CHANNELS": "b"}, False),
    "another proxy": ({}, {"https_proxy": "http://p"}, False),
    "another conda": ({"CONDA_EXE": "/a"}, {"CONDA_EXE": "/b"}, False),
    "another cache": ({"RATTLER_CACHE_DIR": "/tmp/job1"}, {"RATTLER_CACHE_DIR": "/tmp/job2"}, True),
    "another shell": ({"CONDA_PREFIX": "/a", "CONDA_SHLVL": "1"}, {"CONDA_EXECUTE_DEBUG": "1"}, True),
}


@pytest.mark.once
@pytest.mark.parametrize("kind", TERMS)
def test_a_failure_concerns_those_who_would_ask_the_same(kind: str) -> None:
    one, other, is_same = TERMS[kind]
    config = conda_execute.Config(env_dir="/e", max_unused_hours=25, engine="auto", condarc=conda_execute.Condarc({}))
    found = [conda_execute.hash_build_inputs(config, False, variables) for variables in (one, other)]
    assert (found[0] == found[1]) == is_same
    assert conda_execute.hash_build_inputs(config, True, one) != found[0]


BATCHES = {
    "Slurm": ({"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}, "7"),
    "Slurm, requeued": ({"SLURM_ARRAY_JOB_ID": "7", "SLURM_RESTART_COUNT": "2"}, "72"),
    "Slurm, no array": ({"SLURM_JOB_ID": "7"}, ""),
    "LSF": ({"LSB_JOBID": "7", "LSB_JOBINDEX": "3"}, "7"),
    "LSF, no array": ({"LSB_JOBID": "7", "LSB_JOBINDEX": "0"}, ""),
    "Grid Engine": ({"JOB_ID": "7", "SGE_TASK_ID": "3"}, "7"),
    "Grid Engine, no array": ({"JOB_ID": "7", "SGE_TASK_ID": "undefined"}, ""),
    "a variable of that name": ({"JOB_ID": "7"}, ""),
    "PBS": ({"PBS_JOBID": "7[3].server"}, "7"),
    "PBS, no array": ({"PBS_JOBID": "7.server"}, ""),
}


@pytest.mark.once
@pytest.mark.parametrize("kind", BATCHES)
def test_an_array_of_jobs_is_told_by_its_scheduler(kind: str) -> None:
    environ, batch = BATCHES[kind]
    assert conda_execute.find_job_array(environ) == batch


def test_the_plan_names_the_dialect(plan: Plan, conda_script: Script, tmp_path: Path, channel: str) -> None:
    (tmp_path / "yaml.py").write_text("# conda execute\n# env: [python]\n")
    (tmp_path / "pep.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    toml = conda_script("sh ${SCRIPT}")
    found = [plan(path) for path in ("yaml.py", "pep.py", toml)]
    assert [one["dialect"] for one in found] == ["conda-execute", "pep723", "conda-script"]
    assert [one["run_with"] for one in found] == [["python"], ["python"], ["sh ${SCRIPT}"]]
    assert found[2]["channels"] == [channel, "nodefaults"]
    assert found[2]["command"] == ["sh ${SCRIPT}"]


# -- scripts of each kind


def test_a_pep_723_script_runs_with_its_requirements(run: Run, tmp_path: Path) -> None:
    """The requirement is met by what conda installed: no index is asked."""
    (tmp_path / "a.py").write_text(
        '#!/usr/bin/env -S uv run --script\n# /// script\n# dependencies = ["numpy"]\n# [tool.conda]\n'
        '# dependencies = ["numpy"]\n# ///\nimport numpy, sys\nprint(sys.argv[1:], numpy.zeros(2))\n'
    )
    done = run("--offline", "a.py", "x")
    assert done.stdout == "['x'] [0. 0.]\n", done.stderr


def test_the_channels_of_a_conda_script_are_all_that_is_searched(run: Run, conda_script: Script) -> None:
    path = conda_script("sh ${SCRIPT}")
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join([text[0], '# channels = ["file:///nowhere"]\n', *text[2:]]))
    done = run(path)
    assert done.returncode == 125
    assert "file:///nowhere" in done.stderr


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


def test_an_env_dir_whose_name_no_encoding_has_works_like_any(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    """Paths are bytes on the way out, whatever Python is told of the encoding."""
    make_conda(environ, tmp_path, FAKE_CONDA)
    (tmp_path / "go").touch()
    env_dir = os.fsencode(tmp_path) + b"/envs \xff\xc3\xa9"
    environ.update(CONDA_EXECUTE_ENV_DIR=os.fsdecode(env_dir), PYTHONIOENCODING="ascii", LC_ALL="C")
    script = write("a.sh", "echo a", "words")
    prefix = env_dir + b"/" + conda_execute.find_name(["words"]).encode()

    def start(*words: object, **more: str) -> bytes:
        done = run(*words, text=False, env={**environ, **more})
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr and b"a bug of" not in done.stderr
        return bytes(done.stdout)

    began = time.time()
    assert start("--tmpenv", "name", "words") == prefix + b"\n"
    assert start("-v", script) == start("-v", script) == b"a\n"
    assert start("--tmpenv", "create", "words") == prefix + b"\n"
    assert start("--tmpenv", "create", "hello-conda").rpartition(b"/")[0] == env_dir
    assert prefix.rpartition(b"/")[2] in start("--tmpenv", "list")
    assert json.loads(start("--tmpenv", "list", "--json"))[0]["last_use"] >= int(began)
    assert os.fsencode(json.loads(start("-n", "--json", script))["prefix"]) == prefix
    start("-n", script)
    for more in (["--dry-run"], []):
        assert start("--tmpenv", "clear", "--all", *more).count(env_dir + b"/") == 2
    assert not os.path.exists(prefix)  # noqa: PTH110
