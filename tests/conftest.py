"""What every test stands on: a home of its own, a real channel, and each engine that this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import channel as channel_program
import pytest

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator

    Run = Callable[..., "subprocess.CompletedProcess[str]"]
    Environ = Dict[str, str]

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "conda_execute.py"
TOOL = ROOT / "tests" / "start.py"  # what starts it as an installed one starts
# Real programs to test with, taken before the environment is cleared.
CONDA = os.environ.get("CONDA_EXE", "")
MAMBA = os.environ.get("MAMBA_EXE", "")
SHUTDOWN_POLL_S = 0.01  # of an HTTP server; the end of a test would wait for half a second
ONCE = "CONDA_EXECUTE_TESTS_WITHOUT_ONCE"
NO_CONDA = "needs a real conda: set CONDA_EXE to one"
NO_MAMBA = "needs a real mamba or micromamba: set MAMBA_EXE to one"
NO_CHANNEL = "needs the channel of tests/channel.py, whose packages are made of symlinks and shell scripts"
ENGINES = [
    pytest.param("rattler", id="rattler"),
    pytest.param("conda-classic", id="conda-classic", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    pytest.param("conda-rattler", id="conda-rattler", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    pytest.param("mamba", id="mamba", marks=pytest.mark.skipif(not MAMBA, reason=NO_MAMBA)),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, where another CPython of this machine runs them, the tests that are not about Python."""
    if ONCE in os.environ:
        skip = pytest.mark.skip(reason="not about Python: another CPython of this machine runs it")
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(skip)


def wait_until(condition: Callable[[], object], bound_s: float = 60) -> None:
    """Wait for what must come, for so long at most."""
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Keep a test from the real home, the real env-dir and any conda of this machine."""
    for name in list(os.environ):
        if name.startswith(("CONDA", "_CONDA", "MAMBA", "XDG_", "PYTHON")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    if os.name == "posix":  # Windows finds its own programs by no other way
        monkeypatch.setenv("PATH", "/usr/bin:/bin")


@contextmanager
def common_folder(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """Have a folder that all workers of pytest-xdist share, to oneself while it is filled."""
    import fcntl

    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"common-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of the channel that tests/channel.py builds."""
    if os.name == "nt":
        pytest.skip(NO_CHANNEL)
    with common_folder(tmp_path_factory, "channel") as folder:
        return channel_program.build(folder / "channel")


@pytest.fixture(scope="session")
def package_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a virtual environment into which the project was installed by pip."""
    with common_folder(tmp_path_factory, "installed") as folder:
        if not (folder / "venv" / "bin" / "conda-execute").exists():
            install(folder / "source", folder / "venv")
    return folder / "venv" / "bin"


def install(source: Path, venv: Path) -> None:
    """Install the project by pip into a new virtual environment, from a copy of it."""
    source.mkdir(exist_ok=True)
    for name in ("conda_execute.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", str(source)]
    done = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode and "No matching distribution found for setuptools" in done.stdout:
        pytest.skip("needs a package index that has setuptools")
    assert done.returncode == 0, done.stdout


def make_env(env_dir: Path, name: str, age_h: float = 0) -> Path:
    """Make what passes for an environment, last used some hours ago, in a store."""
    conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True)).make()
    marker = env_dir / name / conda_execute.MARKER
    marker.parent.mkdir(parents=True)
    subdir = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
    marker.write_bytes(conda_execute.format_marker([("prefix", str(env_dir / name)), ("platform", subdir)]))
    set_age(marker, age_h)
    return env_dir / name


def set_age(path: Path, age_h: float) -> None:
    when = time.time() - age_h * 3600
    os.utime(str(path), (when, when))


@pytest.fixture(scope="session")
def warm_env_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the env-dir of all tests marked with "warm": a build takes twenty times as long as a run."""
    return tmp_path_factory.mktemp("warm") / "tmp_envs"


@pytest.fixture
def env_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    marks = request.node.get_closest_marker
    if marks("warm") and not marks("cold"):
        return Path(request.getfixturevalue("warm_env_dir"))
    return tmp_path / "tmp_envs"


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Return the engine of this test: rattler, unless the test is parametrized with others."""
    return getattr(request, "param", "rattler")


@pytest.fixture
def environ(engine: str, channel: str, package_cache: Path, env_dir: Path, nowhere: None) -> Environ:
    """Return the variables of a user who has this engine and this channel."""
    kind, _, solver = engine.partition("-")
    variables = {
        "CONDA_CHANNELS": channel,
        "CONDA_EXECUTE_ENV_DIR": str(env_dir),
        "CONDA_EXECUTE_ENGINE": kind,
        "CONDA_PKGS_DIRS": str(package_cache / kind),
        "RATTLER_CACHE_DIR": str(package_cache / "rattler"),
    }
    if kind == "conda":
        variables.update(CONDA_EXE=CONDA, CONDA_SOLVER=solver)
    elif kind == "mamba":
        variables.update(MAMBA_EXE=MAMBA, CONDA_EXECUTE_ENGINE="micromamba" if "micro" in MAMBA else "mamba")
    return {**os.environ, **variables}


@pytest.fixture
def python() -> list[str]:
    """Return the interpreter that starts conda-execute, the only item of a list: a fixture may name another."""
    return [sys.executable]


@pytest.fixture
def run(environ: Environ, tmp_path: Path, python: list[str]) -> Run:
    """Return a function that runs conda_execute.py as a user would, in an empty folder."""

    def function(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, "timeout": 300, **options}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        start = [str(options.pop("python", python[0])), str(options.pop("tool", TOOL))]
        return subprocess.run([*start, *map(str, words)], **options)  # type: ignore[call-overload]

    return function


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a script with a block for these specs, and the code below it."""

    def function(name: str, code: str, *specs: str, first: str = "", more: str = "") -> Path:
        block = "".join(f"#  - {spec}\n" for spec in specs)
        path = tmp_path / name
        path.write_text(f"{first}# conda execute\n# env:\n{block}{more}\n{code}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return function


@pytest.fixture
def rows(env_dir: Path) -> Callable[[], list[list[str]]]:
    """Return a function that reads the rows of usage.tsv, without the header."""
    return lambda: [line.split("\t") for line in (env_dir / "usage.tsv").read_text("utf-8").splitlines()[1:]]


@pytest.fixture
def plan(run: Run) -> Callable[..., dict[str, object]]:
    """Return a function that gives what --dry-run --json prints for a script."""
    return lambda script, *args: json.loads(run("--dry-run", "--json", script, *args).stdout)
