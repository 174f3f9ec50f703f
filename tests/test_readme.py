"""The README is right: its commands exist, its transcripts are what happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import run as run_program
from conftest import ROOT

import conda_execute

if TYPE_CHECKING:
    from conftest import Run

README = (ROOT / "README.md").read_text("utf-8")


def test_help_is_what_the_readme_shows() -> None:
    commands = [some[0].replace("FILE", "conda_execute.py") for some in conda_execute.COMMANDS]
    lines = [conda_execute.format_first_line(one, "linux") for one in commands]
    assert f"```\n$ conda-execute --help\n{conda_execute.format_usage(lines)}```\n" in README
    assert f"```\n$ conda-tmpenv --help\n{conda_execute.TMPENV_USAGE}```\n" in README


def test_the_example_of_the_readme_is_the_one_that_the_first_command_runs() -> None:
    assert f"```\n$ cat my_script.py\n{run_program.SCRIPT}\n$ python conda_execute.py my_script.py\n" in README
    for line in run_program.SCRIPT.splitlines():
        assert line in (conda_execute.__doc__ or "")


def test_the_example_of_the_readme_runs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my_script.py").write_text(run_program.SCRIPT)
    done = run("my_script.py")
    assert len(done.stdout.strip("[]\n").split()) == 5, done.stderr


def test_the_lock_of_the_readme_is_what_is_written(run: Run, tmp_path: Path) -> None:
    """All commands of the section run, but for other platforms, for which the small channel has no such packages."""
    part = README[README.index("## Locks") : README.index("## Command line")]
    shown = part.split("```")[1].partition("my_script.py.linux-64.lock\n# ")[2].splitlines()
    commands = [line.partition("  #")[0].split()[2:] for line in part.splitlines() if line.startswith("    python ")]
    assert len(commands) == 4
    (tmp_path / "my_script.py").write_text(run_program.SCRIPT)
    done = run(*part.partition("$ python conda_execute.py ")[2].partition("\n")[0].split())
    path = Path(done.stdout.rstrip("\n"))
    written = path.read_text().partition("# ")[2].splitlines()
    at = shown.index("@EXPLICIT")
    subdir = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
    same = [line.replace("linux-64", subdir) for line in shown[:at] if not line.startswith(("# engine", "# created"))]
    assert path == tmp_path / f"my_script.py.{subdir}.lock"
    assert same == [line for line in written[:at] if not line.startswith(("# engine", "# created"))]
    assert [line.split(":")[0] for line in shown[: at + 1]] == [line.split(":")[0] for line in written[: at + 1]]
    assert all("#sha256:" in line for line in [*written[at + 1 :], *shown[at + 1 :: 2]])
    for command in commands[:3]:
        done = run("-q", *command)
        numbers = done.stdout.strip("[]\n").split()
        assert done.returncode == 0 and len(numbers) == (1 if "--lock" in command else 5), done.stderr


def test_ci_calls_the_two_commands_of_the_readme_and_nothing_else() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("python3 ")]
    assert commands == ["python3 tests/run.py example", "python3 tests/run.py test"]
    for command in commands:
        assert f"    {command} " in README


def test_the_block_of_the_readme_is_read_as_the_readme_says() -> None:
    block = README[README.index("## The block") :].split("```")[1]
    metadata = conda_execute.parse_metadata(block.encode(), "README.md", "linux-64")
    assert metadata.specs == ["python >=3.9", "numpy =1.26*", "conda-forge::gdal"]
    assert (metadata.pip, metadata.channels) == (["rich >=13"], ["conda-forge", "nodefaults"])
    assert metadata.run_with == ["python", "-u"]


def test_blocks_of_other_tools_are_read_as_the_readme_says() -> None:
    part = README[README.index("## Scripts of other tools") :].split("```")
    pep, script = (conda_execute.parse_metadata(part[i].encode(), "README.md", "linux-64") for i in (1, 3))
    assert (pep.dialect, pep.specs, pep.pip) == ("pep723", ["python >=3.9", "numpy =1.26*"], ["rich >=13"])
    assert (pep.channels, pep.run_with) == (["conda-forge"], ["python"])
    assert (script.dialect, script.specs) == ("conda-script", ["gcc >=13", "libopenblas"])
    assert script.channels == ["conda-forge", "nodefaults"]
    for key in conda_execute.DEPENDENCY_KEYS:
        assert f"`{key}`" in part[4]


def test_the_names_of_selectors_are_those_of_the_readme() -> None:
    for name in conda_execute.find_selectors("linux-64"):
        assert f"`{name}`" in README


def test_suffixes_and_shells_are_those_of_the_readme() -> None:
    for suffix, program in conda_execute.SUFFIXES.items():
        assert f"`{suffix}`" in README.replace("`.R`", "`.r`") and program in README
    for shell in conda_execute.SHELLS:
        assert f"`{shell}`" in README


def test_every_exit_code_and_setting_is_documented() -> None:
    source = (ROOT / "conda_execute.py").read_text("utf-8")
    for code in ("2", "125", "126", "127", "130"):
        assert f"| {code} | " in README
        assert code in (conda_execute.__doc__ or "") and code in source
    for key in conda_execute.SETTINGS:
        assert f"    {key}: " in README
        assert "CONDA_EXECUTE_" + key.upper().replace("-", "_") in README


def test_the_program_for_both_commands_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tests" / "run.py")], stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"tests/run.py example" in done.stderr
