"""The README is right: its commands run, its transcripts are what happens, what it names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import channel as channel_program
import pytest
import run as run_program
from conftest import FILE, NO_CHANNEL, ROOT, TOOL

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Dict

    from conftest import Environ, Run

    Plan = Callable[..., Dict[str, object]]

README = (ROOT / "README.md").read_text("utf-8")
CODE = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
TEXT = re.sub(r"^```\w*\n.*?^```$", "", README, flags=re.M | re.S)
HELP = conda_execute.USAGE + conda_execute.TMPENV_USAGE
OPTIONS = {"--tmpenv", *re.findall(r"--[a-z][a-z-]+", HELP)}
SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
needs_channel = pytest.mark.skipif(os.name == "nt", reason=NO_CHANNEL)
# What is typed in a terminal, and cannot be run here.
NOT_RUN = {
    "python3 tests/run.py example": "CI does nothing but this and the next",
    "python3 tests/run.py test": "it would run itself",
    "CONDA_EXE=/opt/miniforge3/bin/conda python3 tests/run.py test": "it would run itself",
    "PYTHON tests/channel.py /tmp/channel": "every test here stands on what it makes",
    "CONDA_CHANNELS=file:///tmp/channel PYTHON conda_execute.py .venv/my_script.py": "CI does so: run.py example",
}
# Options of other tools, and of their commands, that the text names.
OTHERS = {
    "--prefix",
    "--file",
    "--explicit",
    "--sha256",
    "--md5",
    "--require-hashes",
    "--no-deps",
    "--script",
    "--hash",
    "--array",
    "--export",
}


def find_section(title: str) -> str:
    """Return what stands below a heading, up to the next of its rank."""
    head = re.search(rf"^(#+) {re.escape(title)}\n", README, re.M)
    assert head, title
    return re.split(rf"^#{{2,{len(head.group(1))}}} ", README[head.end() :], maxsplit=1, flags=re.M)[0]


def is_in_help(words: str) -> bool:
    """Answer whether the tool has the options and the command of these words by now, as its own help says."""
    options = [one.partition("=")[0] for one in re.findall(r"(?<!\S)--[a-z][a-z-]+", words)]
    command = re.match(r"conda-tmpenv ([a-z]+) *(-?)(\S*)", words)
    usage = re.findall(rf"conda-tmpenv .*?\b{command.group(1)}\b(.*)", HELP) if command else []
    has_command = not command or any(not command.group(3) or command.group(2) or "SCRIPT" in line for line in usage)
    return has_command and all(one in OPTIONS for one in options)


# -- transcripts


class Step(NamedTuple):
    """A command of a transcript, and what it prints; nothing is said of that where there is none."""

    command: str
    output: str


def parse_transcript(text: str) -> list[Step]:
    """Return the commands, which stand behind "$ "; of a command, what stands behind "  #" is for the reader."""
    steps = []
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        steps.append(Step(re.split(r"  +#", command)[0].rstrip(), output))
    return steps


TRANSCRIPTS = [parse_transcript(text) for kind, text in CODE if kind == "console"]
OTHER_TOOLS = """\
#!/bin/sh
echo "NAME $*"
"""


def test_there_are_transcripts_and_each_has_commands() -> None:
    assert len(TRANSCRIPTS) > 5 and all(TRANSCRIPTS)
    assert "$ " not in "".join(text for kind, text in CODE if kind != "console")


@pytest.fixture(scope="session")
def other_tools(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a channel of what stands for the tools that the README opens in a script's environment."""
    folder = tmp_path_factory.mktemp("other") / "channel"
    files: dict[str, dict[str, bytes | str]] = {
        "ipython": {"bin/ipython": OTHER_TOOLS.replace("NAME", "ipython").encode()},
        "jupyterlab": {"bin/jupyter": OTHER_TOOLS.replace("NAME", "jupyter").encode()},
        "pytest": {f"{channel_program.SITE_PACKAGES}/pytest.py": b"print('pytest')\n"},
    }
    packages = [channel_program.Package(name, "1.0", files[name], noarch="generic") for name in files]
    for package in packages:
        channel_program.write_package(package, folder)
    channel_program.write_index(folder, packages)
    return folder.as_uri()


@pytest.fixture(scope="module")
def me(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of who reads the README, with the script, the file and the commands in it."""
    folder = tmp_path_factory.mktemp("me")
    shutil.copy(str(FILE), str(folder))
    starts = {"python": "", "conda-execute": f" '{TOOL}'", "conda-tmpenv": f" '{TOOL}' --tmpenv"}
    (folder / ".local" / "bin").mkdir(parents=True)
    for name, words in starts.items():
        program = folder / ".local" / "bin" / name
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}'{words} \"$@\"\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def at_home(me: Path, environ: Environ, other_tools: str) -> Environ:
    """Return the variables of who reads the README: no setting but engine, channels and caches."""
    for name in ("my_script.py", "test_it.py"):
        (me / name).write_text(run_program.SCRIPT)
    for lock in me.glob("*.lock"):
        lock.unlink()
    del environ["CONDA_EXECUTE_ENV_DIR"]
    channels = f"{environ['CONDA_CHANNELS']},{other_tools}"
    return {**environ, "HOME": str(me), "PATH": f"{me}/.local/bin:/usr/bin:/bin", "CONDA_CHANNELS": channels}


def format_output(text: str, me: Path) -> str:
    """Return what a command printed as the README might show it: of numbers and dates only that there are some."""
    text = text.strip("\n").replace(str(me), "/home/me").replace(SUBDIR, "linux-64")
    return re.sub(r"\b\d+([.-]\d+)*\b", "0", re.sub(r"linux-64|sha256", lambda one: one.group().upper(), text))


def is_shown(shown: str, printed: str) -> bool:
    """Answer whether a text is the one that is shown, where a line of three points stands for any lines."""
    lines = (f"{line}\n" for line in shown.split("\n"))
    pattern = "".join(r"(.*\n)*?" if line == "...\n" else re.escape(line) for line in lines)
    return re.fullmatch(pattern, printed + "\n") is not None


@pytest.mark.once
@needs_channel
@pytest.mark.parametrize("steps", TRANSCRIPTS, ids=[steps[0].command for steps in TRANSCRIPTS])
def test_a_transcript_is_what_happens(steps: list[Step], at_home: Environ, me: Path) -> None:
    missing = [step.command for step in steps if not is_in_help(step.command)]
    if missing:
        pytest.skip(f"--help has no {missing[0]}")
    for command, output in steps:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        done = subprocess.run(["/bin/sh", "-c", command], cwd=me, env=at_home, timeout=120, **pipes)  # type: ignore[call-overload]
        assert done.returncode == 0, (command, done.stderr)
        if command == "conda-execute --help":  # its end is about this machine
            head, first = "First lines that work here:\n", r"  #!/usr/bin/env .*"
            assert output.partition(head)[:2] == done.stdout.partition(head)[:2]
            assert all(re.fullmatch(first, line) for line in output.partition(head)[2].splitlines())
        elif output:
            assert is_shown(format_output(output, me), format_output(done.stdout, me)), (command, done.stdout)


@needs_channel
@pytest.mark.once
def test_the_job_of_a_cluster_runs(at_home: Environ, me: Path) -> None:
    [job] = [text for kind, text in CODE if kind == "sh"]
    for command in ("conda-execute --lock my_script.py", job.replace("/home/me", str(me))):
        done = subprocess.run(["/bin/sh", "-c", command], cwd=me, env=at_home, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0
    assert format_output(done.stdout, me) == "[0 0 0 0 0]"


def test_a_transcript_that_is_wrong_is_found_out() -> None:
    steps = parse_transcript("$ a --b  # why\none\n...\nfour\n$ c\n")
    assert steps == [("a --b", "one\n...\nfour\n"), ("c", "")]
    assert is_shown("one\n...\nfour", "one\ntwo\nthree\nfour") and is_shown("one\n...\nfour", "one\nfour")
    assert not is_shown("one\n...\nfour", "one\ntwo") and not is_shown("one\n...\nfour", "two\nfour")
    assert format_output("[10 2] 1.5 s, ea977\n", ROOT) == "[0 0] 0 s, ea977"


def test_every_command_in_the_text_is_one_that_cannot_be_run_here() -> None:
    """All others stand in transcripts. What it starts is there."""
    found = {re.split(r"  +#", line.strip())[0] for line in re.findall(r"^    (\S.*)$", TEXT, re.M)}
    assert found == set(NOT_RUN)
    for command in found:
        [path] = [word for word in command.split() if word.startswith(("tests/", "conda_execute.py"))]
        assert (ROOT / path).is_file()


@needs_channel
def test_the_example_is_the_one_that_the_first_command_runs() -> None:
    [first, second] = TRANSCRIPTS[0]
    assert (first.command, first.output) == ("cat my_script.py", run_program.SCRIPT + "\n")
    assert second.command == "python conda_execute.py my_script.py"
    for line in run_program.SCRIPT.splitlines():
        assert line in (conda_execute.__doc__ or "")


def test_ci_calls_the_two_commands_and_nothing_else() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("python3 ")]
    assert commands == ["python3 tests/run.py example", "python3 tests/run.py test"]
    for command in commands:
        assert f"    {command} " in README


def test_the_program_for_both_commands_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tests" / "run.py")], stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"tests/run.py example" in done.stderr


# -- what it names


def test_every_option_is_named() -> None:
    for option in OPTIONS:
        assert option in README


def test_every_option_that_is_named_exists() -> None:
    found = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXT)) - OTHERS - OPTIONS
    assert found == set()


def test_every_path_and_every_heading_that_is_named_exists() -> None:
    for path in set(re.findall(r"`((?:tests|\.github|\.ci)/[\w./-]+)`", TEXT) + re.findall(r"\]\((\w[^):#]*)\)", TEXT)):
        assert (ROOT / path).exists(), path
    headings = [line.strip("# ").lower() for line in TEXT.splitlines() if line.startswith("#")]
    anchors = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    assert len(headings) == len(anchors)
    for anchor in re.findall(r"\]\(#([^)]*)\)", TEXT):
        assert anchor in anchors


@needs_channel
def test_the_keys_of_a_plan_are_those_of_the_readme(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(run_program.SCRIPT)
    sentence = README.partition("`--dry-run --json` prints one object: ")[2].partition(". ")[0]
    assert list(plan("a.py")) == re.findall(r"`(\w+)`", sentence)


def test_every_variable_that_is_named_is_read() -> None:
    """By its name, or as conda's form of a key of condarc; what CONDA_SOLVER says is conda's own affair."""
    source = FILE.read_text("utf-8")
    for name in set(re.findall(r"`\$?((?:CONDA|RATTLER|MAMBA|XDG|PIP)_[A-Z_]+)", TEXT)) - {"CONDA_SOLVER"}:
        start, key = ("CONDA_EXECUTE_" if "EXECUTE" in name else "CONDA_"), name.partition("_")[2]
        keys = {key.lower(), name[len(start) :].lower().replace("_", "-")}
        is_override = name.startswith("CONDA_OVERRIDE_") and f"__{name[15:].lower()}" in source
        assert name in source or is_override or keys.intersection(re.findall(r'"([a-z][a-z_-]+)"', source)), name


def test_every_exit_code_and_setting_is_documented() -> None:
    source = FILE.read_text("utf-8")
    for code in ("2", "125", "126", "127", "130"):
        assert f"| {code} | " in README
        assert code in (conda_execute.__doc__ or "") and code in source
    for key in conda_execute.SETTINGS:
        assert f"    {key}: " in README
        assert "CONDA_EXECUTE_" + key.upper().replace("-", "_") in README


def test_the_names_of_selectors_suffixes_and_shells_are_all_there() -> None:
    for name in conda_execute.find_selectors("linux-64"):
        assert f"`{name}`" in README
    for suffix, program in conda_execute.SUFFIXES.items():
        assert f"`{suffix}`" in README.replace("`.R`", "`.r`") and program in README
    for shell in conda_execute.SHELLS:
        assert f"`{shell}`" in README


# -- blocks


def test_the_first_block_is_read_as_the_readme_says() -> None:
    block = find_section("Write a script").split("```")[1]
    metadata = conda_execute.parse_metadata(block.encode(), "README.md", "linux-64")
    assert metadata.specs == ["python >=3.9", "numpy =1.26*", "conda-forge::gdal"]
    assert (metadata.pip, metadata.channels) == (["rich >=13"], ["conda-forge", "nodefaults"])
    assert metadata.run_with == ["python", "-u"]


def test_blocks_of_other_tools_are_read_as_the_readme_says() -> None:
    titles = "PEP 723", "conda-script", "Tables of pixi and uv"
    blocks = (find_section(title).split("```")[1] for title in titles)
    pep, script, pixi = (conda_execute.parse_metadata(block.encode(), "README.md", "linux-64") for block in blocks)
    assert (pep.dialect, pep.specs, pep.pip) == ("pep723", ["python >=3.9", "numpy =1.26*"], ["rich >=13"])
    assert (pep.channels, pep.run_with) == (["conda-forge"], ["python"])
    assert (script.dialect, script.specs) == ("conda-script", ["gcc >=13", "libopenblas"])
    assert script.channels == ["conda-forge", "nodefaults"]
    assert set(pixi.specs) == {"python >=3.11", "conda-forge::gdal >=3.8"}
    assert pixi.pip == ["httpx", "rich[jupyter] >=13"]
    for key in conda_execute.DEPENDENCY_KEYS:
        assert f"`{key}`" in find_section("conda-script")


def test_the_block_with_a_date_is_read() -> None:
    block = find_section("Dates").split("```")[1]
    metadata = conda_execute.parse_metadata(block.encode(), "README.md", "linux-64")
    assert metadata.exclude_newer == "2026-11-01"


# -- settings

PLACES = re.findall(r"^\| ((?:whose|without|with) .*) \| `(.*)` \|$", find_section("Settings"), re.M)


@needs_channel
@pytest.mark.parametrize(("what", "env_dir"), PLACES, ids=[what for what, _ in PLACES])
def test_env_dir_is_where_the_readme_says(
    what: str, env_dir: str, tmp_path: Path, plan: Plan, environ: Environ
) -> None:
    """A folder below tmp_path stands for the root of the machine."""
    home, start = tmp_path / "home" / "me", [("HOME", "/home/me"), *re.findall(r"`(CONDA_\w+)=([^`]+)`", what)]
    home.mkdir(parents=True)
    del environ["CONDA_EXECUTE_ENV_DIR"]
    environ.update(USER="me", **{name: f"{tmp_path}{value}" for name, value in start})
    (tmp_path / "a.py").write_text(run_program.SCRIPT)
    conda, line = re.search(r"conda is `/(.*?)`", what), re.search(r"`([a-z_-]+: [^`]+)`", what)
    if conda:
        history = tmp_path / conda.group(1) / "conda-meta" / "history"
        history.parent.mkdir(parents=True)
        history.touch()
        environ["CONDA_EXE"] = str(tmp_path / conda.group(1) / "bin" / "conda")
        if "may not write" in what:  # which root may everywhere
            history.unlink()
    if line:
        text = re.sub(r"(?<=[ [])/", f"{tmp_path}/", line.group(1))
        (home / ".condarc").write_text("conda-execute:\n  " * text.startswith("env-dir") + text + "\n")
    assert plan("a.py")["env_dir"] == str(tmp_path) + env_dir


@needs_channel
def test_condarcs_are_read_as_they_stand(tmp_path: Path, home: Path, plan: Plan, environ: Environ) -> None:
    (tmp_path / "a.py").write_text(run_program.SCRIPT)
    del environ["CONDA_EXECUTE_ENV_DIR"]
    del environ["CONDA_EXECUTE_ENGINE"]
    found = []
    for text in [text for kind, text in CODE if kind == "yaml"]:
        (home / ".condarc").write_text(text)
        found.append(plan("a.py")["env_dir"])
    assert found == [f"{home}/.conda/tmp_envs", "/apps/tmp_envs"]


def test_there_are_places_to_try() -> None:
    assert len(PLACES) > 5


# -- a bad day


def misspell(folder: Path, environ: Environ) -> None:
    replace(folder, "numpy\n", "numpi\n")


def replace(folder: Path, old: str, new: str) -> None:
    script = folder / "my_script.py"
    script.write_text(script.read_text().replace(old, new, 1))


def lose_network(folder: Path, environ: Environ) -> None:
    environ["CONDA_CHANNELS"] = "https://nowhere.invalid/channel"


def go_offline(folder: Path, environ: Environ) -> None:
    lose_network(folder, environ)
    environ["CONDA_OFFLINE"] = "1"


def open_env_dir(folder: Path, environ: Environ) -> None:
    folder.joinpath("tmp_envs").mkdir()
    folder.joinpath("tmp_envs").chmod(0o777)


def lock_before(folder: Path, environ: Environ) -> None:
    old = "# platform: SUBDIR\n# metadata: 0\n# env: [python >=3, numpy]\n@EXPLICIT\n".replace("SUBDIR", SUBDIR)
    (folder / f"my_script.py.{SUBDIR}.lock").write_text(old)
    replace(folder, "# env:\n", "# env:\n#  - hello-conda\n")


BAD_DAYS: dict[str, Callable[[Path, Environ], None]] = {
    'no package is "numpi" (there is numpy)': misspell,
    'expected "key: value", found ...': lambda folder, _: replace(folder, "numpy\n", "numpy\n# Print numbers\n"),
    "could not be reached": lose_network,
    "what the caches lack cannot be had offline": go_offline,
    "found an older one (+ hello-conda)": lock_before,
    "expected an env-dir of yours or root's": open_env_dir,
    'expected "tool" in ..., found none': lambda folder, _: replace(folder, "# env:", "# run_with: tool\n# env:"),
}
# Those that other files of tests have happen, as they stand in the source.
ELSEWHERE = {
    "has a certificate that nothing here vouches for": "has a certificate that nothing here vouches for",
    "wants a password or token": "wants a password or token",
    "the disk of ... is full": "the disk of %s is full",
    "expected nobody to run in it, found process 2462": "expected nobody to run in it",
}
TOLD = re.findall(r"^\| `(.*?)`", find_section("When something goes wrong"), re.M)


def test_every_message_of_a_bad_day_is_one_that_is_told() -> None:
    assert set(TOLD) == {*BAD_DAYS, *ELSEWHERE}
    source = FILE.read_text("utf-8")
    reasons = re.findall(r"`([^`:]+)[^`]*`", README.partition("read why, behind the specs: ")[2].partition("\n")[0])
    assert len(reasons) == 3 and [text for text in [*ELSEWHERE.values(), *reasons] if text not in source] == []


@pytest.mark.once
@needs_channel
@pytest.mark.parametrize("text", BAD_DAYS)
def test_a_bad_day_is_told_in_these_words(text: str, run: Run, tmp_path: Path, environ: Environ) -> None:
    (tmp_path / "my_script.py").write_text(run_program.SCRIPT)
    BAD_DAYS[text](tmp_path, environ)
    done = run("my_script.py")
    assert done.returncode in (125, 127)
    assert re.search(re.escape(text).replace(r"\.\.\.", ".*"), done.stderr), done.stderr
