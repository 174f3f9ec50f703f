"""Specs, Engines, pip: what is newer than a date is not taken, whoever takes it, or the build fails.

The channel has dated 1.0, built in 2024; 2.0, built in 2024 and published in 2025; 3.0, of 2026.
"""

from __future__ import annotations

import datetime
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
import rattler
from channel import Package
from conftest import CONDA, MAMBA, NO_CONDA, NO_MAMBA, PROFILE, common_folder, entries, make_wheel
from hypothesis import given
from hypothesis import strategies as st
from servers import Index, make_channel

import conda_execute
from conda_execute import Error, find_cutoff

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run, Write

    Plan = Callable[..., "dict[str, object]"]

# Before 0.27 py-rattler knows when a package was built, not when it was published.
KNOWS_PUBLISHED = "timestamp_policy" in inspect.signature(rattler.solve).parameters
needs_published = pytest.mark.skipif(not KNOWS_PUBLISHED, reason="needs py-rattler 0.27")
CHARACTERS = st.text("0123456789-+:.TtZz ", max_size=30)


def find_date(date: str) -> str:
    block = f'# conda execute\n# env: [python]\n# exclude-newer: "{date}"\n'
    return conda_execute.parse_metadata(block.encode(), "a.py", "linux-64").exclude_newer


# -- what is a date


@given(st.datetimes(datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29)), st.integers(-1439, 1439))
@PROFILE
def test_a_moment_in_any_zone_is_that_moment_in_utc(moment: datetime.datetime, minutes: int) -> None:
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    said = moment.replace(tzinfo=zone).isoformat()
    assert find_date(said) == said
    whole = moment.replace(tzinfo=zone, microsecond=0).astimezone(datetime.timezone.utc)
    assert find_cutoff(said) == whole.isoformat().replace("+00:00", "Z")


@given(st.dates(max_value=datetime.date(9999, 12, 30)))
@PROFILE
def test_a_day_counts_up_to_its_end_in_utc(day: datetime.date) -> None:
    assert find_date(str(day)) == str(day)
    assert find_cutoff(str(day)) == f"{day + datetime.timedelta(days=1)}T00:00:00Z"


@given(
    st.one_of(CHARACTERS, st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?[+-].{5}\Z"))
)
@PROFILE
def test_what_is_taken_for_a_date_is_one_to_datetime_too(text: str) -> None:
    try:
        find_date(text)
    except Error:
        return
    assert len(text) == 10 or text[10] in "Tt"
    whole = text[:19].upper() + text[-6:].upper().replace("Z", "+00:00")[-6:] if len(text) > 10 else text
    datetime.datetime.fromisoformat(whole)
    assert find_cutoff(text)[-1] == "Z" and len(find_cutoff(text)) == 20


# -- engines


@pytest.fixture
def find_version(run: Run, write: Write) -> Callable[[str], str]:
    """Return a function that builds with a date, and gives the version of the package that was taken."""

    def function(date: str) -> str:
        done = run(write("a.sh", "dated", "dated", more=f"# exclude-newer: {date}\n"))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return function


def test_nothing_from_after_the_date_is_taken(find_version: Callable[[str], str]) -> None:
    assert find_version("2025-12-31T23:59:59Z") == "dated 2.0\n"
    assert find_version("2026-01-01T00:00:00Z") == "dated 3.0\n"
    assert find_version("2026-01-01T01:59:59+02:00") == "dated 2.0\n"


@needs_published
def test_what_counts_is_when_it_was_published_rather_than_when_it_was_built(find_version: Callable[[str], str]) -> None:
    assert find_version("2024-12-30") == "dated 1.0\n"
    assert find_version("2024-12-31") == "dated 2.0\n"


def test_a_date_that_is_yet_to_come_is_told_once(run: Run, write: Write) -> None:
    script = write("a.sh", "dated", "dated", more="# exclude-newer: 2999-01-01\n")
    done = run(script)
    assert done.stdout == "dated 3.0\n"
    assert "conda-execute: exclude-newer 2999-01-01 is yet to come: until then it excludes nothing\n" in done.stderr
    assert run(script).stderr == ""


def test_what_others_need_is_not_taken_either(run: Run, write: Write, env_dir: Path) -> None:
    done = run(write("a.sh", "dated", "needs-dated", more="# exclude-newer: 2025-06-01\n"))
    assert done.stdout == "dated 2.0\n", done.stderr
    script = write("b.sh", "dated", "needs-dated-3", more="# exclude-newer: 2025-06-01\n")
    done = run(script)
    assert done.returncode == 125
    assert f"conda-execute: {script}:3:6: rattler could not build the environment\n" in done.stderr
    assert "  see exclude-newer: nothing from after 2025-06-02T00:00:00Z is taken\n" in done.stderr
    assert "dated 3.0 is excluded because the package is uploaded after the cutoff date" in done.stderr


def test_a_package_of_no_date_is_not_taken_by_rattler(run: Run, write: Write) -> None:
    assert run(write("a.sh", "echo yes", "undated")).stdout == "yes\n"
    done = run(write("b.sh", "echo no", "undated", more="# exclude-newer: 2025-06-01\n"))
    assert (done.returncode, done.stdout) == (125, "")
    assert "undated 1.0 is excluded because the package has no timestamp" in done.stderr


def find_release(program: str) -> list[int]:
    """Return the version of a program as numbers, none where there is no such program."""
    if not program:
        return []
    words = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return [int(part) for part in words[-1].split(".")[:2]]


CONDA_RELEASE = find_release(CONDA)
LACKING = [
    pytest.param("conda-classic", id="conda", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    pytest.param("conda-rattler", id="conda with a solver", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    pytest.param("mamba", id="mamba", marks=pytest.mark.skipif(not MAMBA, reason=NO_MAMBA)),
]


@pytest.mark.once
@pytest.mark.parametrize("engine", LACKING, indirect=True)
def test_an_engine_that_has_no_way_for_it_builds_nothing_and_says_which_has(
    run: Run, write: Write, engine: str, env_dir: Path
) -> None:
    if engine == "conda-classic" and CONDA_RELEASE >= [26, 9]:
        pytest.skip("this conda has a way for it")
    script = write("a.sh", "dated", "dated", more="# exclude-newer: 2025-06-01\n")
    done = run(script)
    assert (done.returncode, done.stdout, entries(env_dir)) == (125, "", [])
    assert f"{script}:4:18: " in done.stderr
    assert "could not build the environment: it has no way to exclude what is newer than a date\n" in done.stderr
    hint = "  set CONDA_EXECUTE_ENGINE=rattler; or have conda 26.9 or newer, and set CONDA_SOLVER=classic\n"
    assert hint in done.stderr


@pytest.mark.once
@pytest.mark.skipif(CONDA_RELEASE < [26, 9], reason="needs a conda of 26.9 or newer: set CONDA_EXE to one")
@pytest.mark.parametrize("engine", ["conda-classic"], indirect=True)
def test_conda_does_as_rattler_but_takes_packages_of_no_date(
    run: Run, write: Write, find_version: Callable[[str], str]
) -> None:
    assert find_version("2025-12-31T23:59:59Z") == "dated 2.0\n"
    assert find_version("2026-01-01T00:00:00Z") == "dated 3.0\n"
    assert find_version("2024-12-30") == "dated 1.0\n"
    assert find_version("2024-12-31") == "dated 2.0\n"
    assert run(write("b.sh", "echo yes", "undated", more="# exclude-newer: 2025-06-01\n")).stdout == "yes\n"
    done = run(write("c.sh", "dated", "needs-dated-3", more="# exclude-newer: 2025-06-01\n"))
    assert "  see exclude-newer: nothing from after 2025-06-02T00:00:00Z is taken\n" in done.stderr


# -- pip


@pytest.fixture(scope="session")
def new_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a channel that has a pip of 26 or newer, from PyPI."""
    with common_folder(tmp_path_factory, "new-pip") as folder:
        if not (folder / "channel").exists():
            argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "pip>=26"]
            done = subprocess.run(argv, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                pytest.skip("needs a package index that has pip 26 for this Python")
            [wheel] = folder.glob("pip-*.whl")
            with ZipFile(str(wheel)) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                files = {f"site-packages/{name}": archive.read(name) for name in names}
            entry_points = ["pip = pip._internal.cli.main:main"]
            version = wheel.name.split("-")[1]
            pip = Package("pip", version, dict(files), ["python"], "python", "py_0", entry_points)
            make_channel(folder / "channel", pip)
        return (folder / "channel").as_uri()


def make_sdist(folder: Path) -> str:
    """Write a source distribution whose module has the version of what built it, and two wheels of that."""
    import tarfile

    build = """\
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "from_source-1.0-py3-none-any.whl", "from_source-1.0.dist-info"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.writestr("from_source.py", "print('built by VERSION')")
        wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: from_source\\nVersion: 1.0\\n")
        wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "/RECORD", "")
    return name
"""
    for version in ("1.0", "2.0"):
        make_wheel(folder, "backend", version, build.replace("VERSION", version))
    source = folder / "from_source-1.0"
    source.mkdir()
    (source / "pyproject.toml").write_text('[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n')
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: from_source\nVersion: 1.0\n")
    with tarfile.open(str(folder / "from_source-1.0.tar.gz"), "w:gz") as archive:
        archive.add(str(source), source.name)
    return "from_source-1.0.tar.gz"


@pytest.fixture
def index(tmp_path: Path, environ: Environ) -> Index:
    """Have an index on the loopback that is the only one of this user."""
    folder = tmp_path / "files"
    names = [make_wheel(folder, "from_pypi", version, f"print({version})").name for version in ("1.0", "2.0")]
    names += [make_wheel(folder, "of_no_date").name, make_sdist(folder)]
    times = ["2024-01-01T00:00:00.000000Z", "2025-01-01T00:00:00.000000Z", "", "2024-01-01T00:00:00.000000Z"]
    uploads = dict(zip(names, times))
    uploads.update({f"backend-{n}-py3-none-any.whl": time for n, time in zip(("1.0", "2.0"), times)})
    index = Index(folder, uploads)
    for name in [name for name in environ if name.startswith("PIP_")]:
        del environ[name]
    environ.update(PIP_INDEX_URL=index.url, PIP_CONFIG_FILE=os.devnull)
    return index


@pytest.mark.once
@pytest.mark.usefixtures("index")
def test_pip_takes_nothing_from_after_the_date_not_even_to_build_with(
    run: Run, write: Write, environ: Environ, tmp_path: Path, new_pip: str
) -> None:
    environ.update(CONDA_CHANNELS=f"{environ['CONDA_CHANNELS']},{new_pip}", CONDA_CHANNEL_PRIORITY="disabled")
    code = "import from_pypi, from_source"
    pip = "pip:\n#     - from-pypi\n#     - from-source"
    done = run(write("a.py", code, "python", "pip >=26", pip))
    assert done.stdout == "2.0\nbuilt by 2.0\n", done.stderr
    environ["XDG_CACHE_HOME"] = str(tmp_path)  # in its own cache pip has what it built for anybody
    done = run(write("b.py", code, "python", "pip >=26", pip, more="# exclude-newer: 2024-12-31T23:59:59Z\n"))
    assert done.stdout == "1.0\nbuilt by 1.0\n", done.stderr
    done = run(
        write("c.py", "", "python", "pip >=26", "pip:\n#     - of-no-date", more="# exclude-newer: 2026-12-31\n")
    )
    assert done.returncode == 125
    assert "does not provide upload-time metadata" in done.stderr


@pytest.mark.once
@pytest.mark.usefixtures("index")
def test_a_pip_that_has_no_way_for_it_installs_nothing(run: Run, write: Write, env_dir: Path, channel: str) -> None:
    script = write("a.py", "", "python", "pip <26", "pip:\n#     - from-pypi", more="# exclude-newer: 2025-06-01\n")
    done = run(script)
    assert (done.returncode, entries(env_dir)) == (125, [])
    assert f"{script}:7:18: pip could not install the requirements of env: it has no way to " in done.stderr
    assert '\n  ask for "pip >=26" of conda; that is of January 2026, so the date can be no earlier\n' in done.stderr


# -- what is said of it


def test_a_date_is_in_the_name_the_marker_the_plan_and_the_reason_of_a_build(
    run: Run, write: Write, plan: Plan, env_dir: Path
) -> None:
    plain, dated = (
        write("a.sh", "dated", "dated"),
        write("b.sh", "dated", "dated", more="# exclude-newer: 2025-06-01\n"),
    )
    said, name = plan(dated), conda_execute.find_name(["dated"], date="2025-06-01")
    assert (said["exclude_newer"], said["name"], plan(plain)["exclude_newer"]) == ("2025-06-01", name, None)
    assert "\nexclude-newer: [2025-06-01]\n" in run("-n", dated).stdout
    assert "exclude-newer" not in run("-n", plain).stdout
    run(dated)
    assert "exclude-newer: 2025-06-01\n" in (env_dir / name / conda_execute.MARKER).read_text("utf-8")
    write("b.sh", "dated", "dated", more="# exclude-newer: 2026-06-01\n")
    assert "(changed: + 2026-06-01, - 2025-06-01)\n" in run(dated).stderr


def test_conda_tmpenv_obeys_the_date_of_a_script(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "dated", "dated", more="# exclude-newer: 2025-06-01\n")
    prefix = run("--tmpenv", "create", "--script", script).stdout.strip()
    assert Path(prefix).parent == env_dir
    assert subprocess.run([f"{prefix}/bin/dated"], stdout=subprocess.PIPE, text=True).stdout == "dated 2.0\n"
    assert run("--tmpenv", "name", "--script", script).stdout.strip() == prefix


def test_the_lock_of_another_date_is_stale_and_one_of_this_date_needs_no_index(run: Run, write: Write) -> None:
    script = write("a.sh", "dated", "dated", more="# exclude-newer: 2025-06-01\n")
    assert run("--lock", script).returncode == 0
    assert run("--locked", script).stdout == "dated 2.0\n"
    write("a.sh", "dated", "dated", more="# exclude-newer: 2026-06-01\n")
    done = run(script)
    assert done.returncode == 125
    assert "(+ exclude-newer 2026-06-01, - exclude-newer 2025-06-01)" in done.stderr
    assert run("--no-lock", script).stdout == "dated 3.0\n"
    write("a.sh", "dated", "dated")
    assert "(- exclude-newer 2025-06-01)" in run(script).stderr


@pytest.mark.once
@pytest.mark.parametrize("engine", LACKING, indirect=True)
def test_from_a_lock_an_engine_builds_that_has_no_way_for_dates(run: Run, write: Write, environ: Environ) -> None:
    script = write("a.sh", "dated", "dated", more="# exclude-newer: 2025-06-01\n")
    done = run("--lock", script, env={**environ, "CONDA_EXECUTE_ENGINE": "rattler"})
    assert done.returncode == 0, done.stderr
    done = run("--force-env", script)
    assert done.stdout == "dated 2.0\n", done.stderr
