"""Config: condarc and variables, read as conda reads them, without starting it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import CONDA, NO_CONDA

import conda_execute

if TYPE_CHECKING:
    from conftest import Run, Write


def config(**variables: str) -> conda_execute.Config:
    return conda_execute.read_config({**os.environ, **variables}, "/nowhere/python")


def message(**variables: str) -> str:
    with pytest.raises(conda_execute.Error) as caught:
        config(**variables)
    return conda_execute.format_error(caught.value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root prefix that looks like one to conda."""
    folder = tmp_path / "miniconda"
    (folder / "bin").mkdir(parents=True)
    (folder / "conda-meta").mkdir()
    (folder / "conda-meta" / "history").touch()
    (folder / "bin" / "conda").write_text("#!/bin/sh\nexit 99\n")
    (folder / "bin" / "conda").chmod(0o755)
    return folder


def test_without_any_configuration_environments_lie_beside_the_users(home: Path) -> None:
    found = config()
    assert (found.env_dir, found.max_unused_hours, found.engine) == (f"{home}/.conda/tmp_envs", 25, "auto")


def test_with_a_conda_environments_lie_beside_its_own(root: Path) -> None:
    assert config(CONDA_EXE=str(root / "bin" / "conda")).env_dir == f"{root}/tmp_envs"
    assert config(PATH=str(root / "bin")).env_dir == f"{root}/tmp_envs"


def test_a_root_that_is_not_writable_is_not_used(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # the tests may run as root
    assert config(CONDA_EXE=str(root / "bin" / "conda")).env_dir == f"{home}/.conda/tmp_envs"


@pytest.mark.parametrize("variable", ["CONDA_ENVS_DIRS", "CONDA_ENVS_PATH"])
def test_envs_dirs_come_from_the_variable(variable: str) -> None:
    assert config(**{variable: "/first/envs:/second/envs"}).env_dir == "/first/tmp_envs"


def test_envs_dirs_come_from_condarc_and_the_stronger_file_wins(home: Path, tmp_path: Path) -> None:
    (home / ".condarc").write_text("envs_dirs:\n  - ~/weak/envs\n")
    assert config().env_dir == f"{home}/weak/tmp_envs"
    (tmp_path / "strong").write_text("envs_dirs: [$SCRATCH/envs]\n")
    assert config(CONDARC=str(tmp_path / "strong"), SCRATCH="/scratch/me").env_dir == "/scratch/me/tmp_envs"


def test_settings_come_from_every_place_where_conda_looks(home: Path, root: Path, tmp_path: Path) -> None:
    """Each file is stronger than the ones before; CONDARC is the strongest, a variable stronger still."""
    places = [
        root / ".condarc",
        root / "condarc.d" / "a.yml",
        tmp_path / "xdg" / "conda" / "condarc",
        home / ".config" / "conda" / ".condarc",
        home / ".conda" / "condarc.d" / "z.yaml",
        home / ".condarc",
        tmp_path / "active" / ".condarc",
        tmp_path / "named",
    ]
    variables = {
        "CONDA_EXE": str(root / "bin" / "conda"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "CONDA_PREFIX": str(tmp_path / "active"),
        "CONDARC": str(tmp_path / "named"),
    }
    for hours, path in enumerate(places, 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"conda-execute:\n  remove-if-unused-for: {hours}\n")
        assert config(**variables).max_unused_hours == hours, path
    assert config(CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR="0.5", **variables).max_unused_hours == 0.5


def test_keys_of_one_section_are_merged_over_files(home: Path, root: Path) -> None:
    (root / ".condarc").write_text("conda-execute:\n  engine: conda\n  remove-if-unused-for: 3\n")
    (home / ".condarc").write_text("conda-execute:\n  engine: rattler\n")
    found = config(CONDA_EXE=str(root / "bin" / "conda"))
    assert (found.engine, found.max_unused_hours) == ("rattler", 3)


def test_lists_of_mappings_are_merged_over_files_for_whoever_refuses_them(tmp_path: Path) -> None:
    paths = [tmp_path / "weak", tmp_path / "strong"]
    for path in paths:
        path.write_text("custom_multichannels:\n  a:\n    - x: y\n")
    found = conda_execute.Condarc({}, map(str, paths)).table("custom_multichannels")
    assert found == {"a": [{"x": "y"}]}


@pytest.mark.parametrize(
    "value, expected",
    [
        ("/there/envs", "/there/envs"),
        ("~/envs", "{home}/envs"),
        ("$SCRATCH/envs", "/scratch/me/envs"),
        ("${SCRATCH}/envs", "/scratch/me/envs"),
        ("$SCRATCH-old/envs", "/scratch/me-old/envs"),
        ("$SCRATCH.d/envs", "/scratch/me.d/envs"),
        ('"{config.envs_dirs[0]}/x"', "{home}/.conda/envs/x"),
    ],
)
def test_env_dir_is_expanded(value: str, expected: str, home: Path) -> None:
    (home / ".condarc").write_text(f"conda-execute:\n  env-dir: {value}\n")
    assert config(SCRATCH="/scratch/me").env_dir == expected.replace("{home}", str(home))


FOREIGN = """\
# all that YAML can do, in keys that are none of our business
%s
anchors: &a [1, {b: c}]
alias: *a
text: |
  conda-execute:
    engine: nonsense
folded: >-
  channels: [
multi: "a
  b: [ c
  d"
? complex
: value
!!str tagged: !!int 3
proxy_servers:
\thttp: tabs are no YAML, and none of our business either
conda-execute:
  engine: rattler
plain: one
  two
"""


def test_foreign_yaml_around_the_section_is_read_past(home: Path) -> None:
    (home / ".condarc").write_text("\ufeff" + FOREIGN.replace("%s", "---"), encoding="utf-8")
    assert config().engine == "rattler"


def test_a_condarc_that_cannot_be_read_is_as_good_as_none(home: Path) -> None:
    (home / ".condarc").mkdir()
    assert config().engine == "auto"


FLOW = """\
# one flow mapping
{
  "channels":["a"],
  anything: [{deep: [[1], {er: }]}],
  conda-execute: {engine: rattler, remove-if-unused-for: 3},
}
"""


@pytest.mark.parametrize(
    "text",
    [
        FLOW,
        "--- " + FLOW.partition("\n")[2],
        '{\n"conda-execute":\n{"engine": "rattler"}}\n',
        "  conda-execute:\n    engine: rattler\n  a: b\n",
    ],
)
def test_a_file_that_is_one_flow_mapping_or_indented_is_read(text: str, home: Path) -> None:
    (home / ".condarc").write_text(text)
    assert config().engine == "rattler"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n...\n", "{}", "~"])
def test_a_file_that_says_nothing_is_none(text: str, home: Path) -> None:
    (home / ".condarc").write_text(text)
    assert config().engine == "auto"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32"])
def test_a_file_of_wide_characters_is_refused(codec: str, home: Path) -> None:
    (home / ".condarc").write_bytes("channels: [a]\n".encode(codec))
    text = f"conda-execute: {home}/.condarc: expected text in UTF-8, found {codec[:6].upper()}\n  save it as UTF-8"
    assert message().startswith(text)


SETTING = '  write "KEY: VALUE", or for a list "KEY:" and below it one "  - VALUE" a line'
SECTION = '  write "conda-execute:" where other keys of condarc begin'
BAD = {
    "another language": (
        "conda-execute = rattler\n",
        '1:1: expected a setting of condarc, as YAML has it, found "conda-execute = rattler"\n'
        "  1 | conda-execute = rattler\n    | ^\n" + SETTING,
    ),
    "sections of another language": (
        "# mine\n[conda-execute]\nengine = rattler\n",
        '2:1: expected a setting of condarc, as YAML has it, found "[conda-execute]"\n'
        "  2 | [conda-execute]\n    | ^\n" + SETTING,
    ),
    "a list": (
        "- conda-execute:\n    engine: rattler\n",
        '1:1: expected a setting of condarc, as YAML has it, found "- conda-execute:"\n'
        "  1 | - conda-execute:\n    | ^\n" + SETTING,
    ),
    "what env-dir depends on": (
        "envs_dirs = /envs\n",
        '1:1: expected a setting of condarc, as YAML has it, found "envs_dirs = /envs"\n'
        "  1 | envs_dirs = /envs\n    | ^\n" + SETTING,
    ),
    "another language beside keys": (
        "channels: [a]\nconda-execute = rattler\n",
        '2:1: expected a setting of condarc, as YAML has it, found "conda-execute = rattler"\n'
        "  2 | conda-execute = rattler\n    | ^\n" + SETTING,
    ),
    "one flow mapping, a key in it": (
        "{channels: [a],\n  conda-execute: {engines: x}}\n",
        '2:19: expected one of the keys env-dir, remove-if-unused-for, engine in conda-execute, found "engines"\n'
        "  2 |   conda-execute: {engines: x}}\n    |                   ^\n"
        '  write "engine"',
    ),
    "one flow mapping, a key twice": (
        "{conda-execute: {engine: conda, engine: rattler}}\n",
        '1:33: expected each key once, found "engine" again\n'
        "  1 | {conda-execute: {engine: conda, engine: rattler}}\n"
        "    |                                 ^\n"
        "  merge the two",
    ),
    "one flow mapping, not closed": (
        "{conda-execute: {}\n",
        '1:19: expected "}" before the block ends, found none\n  1 | {conda-execute: {}\n'
        '    |                   ^\n  write "}" there',
    ),
    "one flow mapping and more": (
        "{conda-execute: {}}\noffline: true\n",
        '2:1: expected nothing behind the last "}", found "offline: true"\n  2 | offline: true\n    | ^\n  remove it',
    ),
    "engine": (
        "conda-execute:\n  engine: pixi\n",
        '2:11: expected one of auto, conda, mamba, micromamba, rattler for engine, found "pixi"\n'
        "  2 |   engine: pixi\n"
        "    |           ^\n"
        '  write "auto" for the first there is',
    ),
    "hours": (
        "channels: [a]\nconda-execute:\n  remove-if-unused-for: 1 day\n",
        '3:25: expected hours for remove-if-unused-for, found "1 day"\n'
        "  3 |   remove-if-unused-for: 1 day\n"
        "    |                         ^\n"
        "  write a number from 0 on, such as 25 or 0.5",
    ),
    "negative hours": (
        "conda-execute: {}\n".replace("{}", "\n  remove-if-unused-for: -1"),
        '2:25: expected hours for remove-if-unused-for, found "-1"\n'
        "  2 |   remove-if-unused-for: -1\n"
        "    |                         ^\n"
        "  write a number from 0 on, such as 25 or 0.5",
    ),
    "relative": (
        "conda-execute:\n  env-dir: envs\n",
        '2:12: expected an absolute path for env-dir, found "envs"\n'
        "  2 |   env-dir: envs\n"
        "    |            ^\n"
        '  begin it with "/", "~" or "{config.envs_dirs[0]}"',
    ),
    "variable": (
        "conda-execute:\n  env-dir: $NOWHERE/envs\n",
        "2:12: expected variables that are set, found $NOWHERE, which is not\n"
        "  2 |   env-dir: $NOWHERE/envs\n"
        "    |            ^\n"
        "  set it, or write the path out",
    ),
    "unknown key": (
        "conda-execute:\n  env_dir: /envs\n",
        '2:3: expected one of the keys env-dir, remove-if-unused-for, engine in conda-execute, found "env_dir"\n'
        "  2 |   env_dir: /envs\n"
        "    |   ^\n"
        '  write "env-dir"',
    ),
    "empty": (
        "conda-execute:\n  engine:\n",
        "2:3: expected one value for engine, found none\n  2 |   engine:\n    |   ^\n"
        '  write "engine: auto", or leave it out',
    ),
    "no folder": (
        "conda-execute:\n  env-dir:\n",
        "2:3: expected one value for env-dir, found none\n  2 |   env-dir:\n    |   ^\n"
        '  write "env-dir: ~/tmp_envs", or leave it out',
    ),
    "a near miss of the section": (
        "channels: [a]\nconda_execute:\n  engine: conda\n",
        '2:1: expected "conda-execute:" above the settings of conda-execute, found "conda_execute:"\n'
        "  2 | conda_execute:\n    | ^\n" + SECTION,
    ),
    "a setting that is not indented": (
        "conda-execute:\nenv-dir: /scratch/x\n",
        "2:1: expected env-dir below conda-execute:, found it on its own\n  2 | env-dir: /scratch/x\n    | ^\n"
        "  indent it, a line below conda-execute:",
    ),
    "a near miss with a value": (
        "Conda-Excute: {engine: conda}\n",
        '1:1: expected "conda-execute:" above the settings of conda-execute, found "Conda-Excute: {engine: conda}"\n'
        "  1 | Conda-Excute: {engine: conda}\n    | ^\n" + SECTION,
    ),
    "the section below another": (
        "channels:\n  - a\n conda-execute:  # ours\n   engine: conda\n",
        '3:2: expected "conda-execute:" above the settings of conda-execute, found "conda-execute:  # ours"\n'
        "  3 |  conda-execute:  # ours\n    |  ^\n" + SECTION,
    ),
    "list": (
        "conda-execute:\n  engine: [conda, mamba]\n",
        "2:3: expected one value for engine, found several\n  2 |   engine: [conda, mamba]\n    |   ^\n"
        '  write "engine: auto", or leave it out',
    ),
    "no section": (
        "conda-execute: on\n",
        '1:1: expected settings under conda-execute, found "on"\n'
        "  1 | conda-execute: on\n    | ^\n"
        '  write one "key: value" a line below it',
    ),
    "tab": (
        "conda-execute:\n\tengine: conda\n",
        "2:1: expected text and spaces, found a tab\n  2 |  engine: conda\n    | ^\n  write spaces in its place",
    ),
}


@pytest.mark.parametrize("text, expected", BAD.values(), ids=BAD)
def test_a_bad_value_names_its_file_and_line(text: str, expected: str, home: Path) -> None:
    (home / ".condarc").write_text(text)
    assert message() == f"conda-execute: {home}/.condarc:{expected}"


def test_keys_of_conda_and_its_other_tools_are_no_near_misses(home: Path) -> None:
    keys = "conda-build", "conda_build", "conda-exec", "execute_threads"
    text = "".join(f"{key}:\n  engine: x\n" for key in keys) + "custom_channels:\n  conda-executor: https://host\n"
    (home / ".condarc").write_text(text + "conda-execute:\n  engine: rattler\n")
    assert config().engine == "rattler"


def test_one_flow_mapping_that_is_too_deep_is_refused(home: Path) -> None:
    (home / ".condarc").write_text("{conda-execute: " + "{a: " * 100_000)
    assert f'{home}/.condarc:1:97: expected plain text, found a flow mapping ("{{")' in message()


def test_a_bad_variable_is_named() -> None:
    expected = "conda-execute: environment variable CONDA_EXECUTE_ENGINE:1:1: expected one of auto,"
    assert message(CONDA_EXECUTE_ENGINE="pixi").startswith(expected)


def test_a_bad_value_ends_the_run_with_125(run: Run, write: Write, home: Path, environ: dict[str, str]) -> None:
    del environ["CONDA_EXECUTE_ENGINE"]
    (home / ".condarc").write_text("conda-execute:\n  engine: pixi\n")
    done = run(write("a.sh", "", "hello-conda"))
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{home}/.condarc:2:11: " in done.stderr


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
def test_a_conda_that_fails_at_what_is_no_setting_is_told_with_its_place(
    run: Run, write: Write, home: Path, environ: dict[str, str]
) -> None:
    (home / ".condarc").write_text("channels = conda-forge\n")
    environ.update(CONDA_EXE=CONDA, CONDA_EXECUTE_ENGINE="conda")
    done = run(write("a.sh", "", "hello-conda"))
    assert done.returncode == 125
    assert (
        f"conda-execute: {home}/.condarc:1:1: conda could not build the environment: "
        'expected a setting of condarc, as YAML has it, found "channels = conda-forge"\n'
        "  1 | channels = conda-forge\n    | ^\n" + SETTING
    ) in done.stderr
    assert "TypeError" in done.stderr


def test_configuration_starts_no_conda(root: Path) -> None:
    """The conda of this root exits with 99 when it is started; nothing notices."""
    assert config(CONDA_EXE=str(root / "bin" / "conda")).env_dir == f"{root}/tmp_envs"


def test_an_unset_variable_that_plays_no_part_stops_nothing(home: Path) -> None:
    (home / ".condarc").write_text("envs_dirs: [/scratch/$NOT_SET/envs]\n")
    found = conda_execute.read_config({"CONDA_EXECUTE_ENV_DIR": "/there"}, "/nowhere/python")
    assert found.env_dir == "/there"
    with pytest.raises(conda_execute.Error) as caught:
        conda_execute.read_config({}, "/nowhere/python")
    assert "condarc:1:13: expected variables that are set, found $NOT_SET" in str(caught.value)


def test_the_root_of_a_micromamba_leads_to_its_envs(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    found = conda_execute.read_config({"MAMBA_ROOT_PREFIX": str(tmp_path / "root")}, "/nowhere/python")
    assert found.env_dir == f"{tmp_path}/root/tmp_envs"
