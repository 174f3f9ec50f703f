"""What every test stands on: a home of its own, a real channel, and each engine that this machine has."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import channel as channel_program
import pytest
from hypothesis import HealthCheck, settings

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, Sequence

    Run = Callable[..., "subprocess.CompletedProcess[str]"]
    Environ = Dict[str, str]
    Write = Callable[..., Path]
    Tree = Dict[str, object]  # by path below a folder
    Script = Callable[..., Path]
    Call = Callable[..., "subprocess.CompletedProcess[str]"]
    Collect = Callable[..., None]
    Start = Callable[..., "subprocess.Popen[str]"]
pytest_plugins = ["hosts", "servers"]
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
every_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_root = pytest.mark.skipif(
    not IS_ROOT, reason="needs root: to mount, to give files away, or to become another user"
)
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("short", max_examples=400, deadline=None, suppress_health_check=CHECKS)
settings.register_profile("long", max_examples=200_000, deadline=None, suppress_health_check=CHECKS)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
RACES = int(os.environ.get("STORE_RACES", "20"))
SEED = 20260704
HOUR = 3600
DAY_H = 24
HELLO = conda_execute.find_name(["hello-conda"])
HELLO_1 = conda_execute.find_name(["hello-conda =1.0"])
MARKER = conda_execute.MARKER
HEADER = conda_execute.LOG_HEADER
BUILT = "conda-execute: built "
CLEAR_ALL = ("--tmpenv", "clear", "--all")


def pytest_configure() -> None:
    """Have the signals that a caller ignores, as a shell does for what runs behind it, end programs again."""
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"):
        number = getattr(signal, name, signal.SIGTERM)
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, where another CPython of this machine runs them, the tests that are not about Python."""
    if ONCE in os.environ:
        skip = pytest.mark.skip(reason="not about Python: another CPython of this machine runs it")
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(skip)


# -- where a test runs


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


# -- runs


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
def conda_script(tmp_path: Path, channel: str) -> Script:
    """Return a function that writes a script with a conda-script block, an entrypoint and dependencies."""

    def function(entrypoint: str, code: str = "", more: str = 'hello-conda = "*"', name: str = "a.sh") -> Path:
        head = [f'channels = ["{channel}"]', f"entrypoint = {json.dumps(entrypoint)}", "[dependencies]"]
        block = "".join(f"# {line}\n" for line in [*head, *more.split("\n")])
        path = tmp_path / name
        path.write_text(f"# /// conda-script\n{block}# /// end-conda-script\n\n{code}\n", "utf-8")
        return path

    return function


@pytest.fixture
def plan(run: Run) -> Callable[..., dict[str, object]]:
    """Return a function that gives what --dry-run --json prints for a script."""
    return lambda script, *args: json.loads(run("--dry-run", "--json", script, *args).stdout)


@pytest.fixture
def rows(env_dir: Path) -> Callable[[], list[list[str]]]:
    """Return a function that reads the rows of usage.tsv, without the header."""
    return lambda: [line.split("\t") for line in (env_dir / "usage.tsv").read_text("utf-8").splitlines()[1:]]


@pytest.fixture
def start(environ: Environ, tmp_path: Path, python: list[str]) -> Iterator[Start]:
    """Return a function that starts a run and leaves it running, to the end of the test at most."""
    children: list[subprocess.Popen[str]] = []

    def function(*words: object, **options: object) -> subprocess.Popen[str]:
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        child = subprocess.Popen([python[0], str(TOOL), *map(str, words)], **{**pipes, **options})  # type: ignore[call-overload]
        children.append(child)
        return child

    yield function
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def call(environ: Environ, tmp_path: Path) -> Call:
    """Return a function that runs Python code which has imported the file, in the folder of the scripts."""

    def function(code: str, **options: object) -> subprocess.CompletedProcess[str]:
        variables = {**environ, "PYTHONPATH": str(ROOT)}
        options = {"cwd": tmp_path, "env": variables, "timeout": 120, "capture_output": True, "text": True, **options}
        head = "import asyncio, os, signal, sys, threading, time\nimport conda_execute\n"
        return subprocess.run([sys.executable, "-c", head + code], **options)  # type: ignore[call-overload]

    return function


def failed(done: subprocess.CompletedProcess[str], text: str, code: int = 125) -> bool:
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"conda-execute: {text}\n")
    return True


def imported(environ: Environ, *words: str, python: str = sys.executable) -> set[str]:
    """Return the modules that Python itself says it imports."""
    done = subprocess.run([python, "-X", "importtime", *words], env=environ, stderr=subprocess.PIPE, check=True)
    return {
        line.rsplit("|", 1)[1].strip() for line in done.stderr.decode().splitlines() if line.startswith("import time:")
    }


ALLOWED = {"atexit", "conda_execute", "fcntl", "_sha2", "_sha256", "_signal", "__future__"}


# -- waiting


def wait_until(condition: Callable[[], object], bound_s: float = 120) -> None:
    """Wait for what must come, for so long at most."""
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)


def wait_until_gone(*paths: Path) -> None:
    """Wait for a collection, of which one may not have seen the beginning."""
    wait_until(lambda: not any(path.exists() for path in paths), 10)


def is_alive(pid: int) -> bool:
    """Answer whether a process still runs; one that its parent has not heard of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def find_collectors(folder: Path) -> list[int]:
    """Return the detached processes that are at work on any env-dir below a folder."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):  # noqa: PTH208
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            ours = os.fsencode(FILE) in words and b"collect" in words and os.getsid(pid) != os.getsid(0)
            if ours and b"CONDA_EXECUTE_ENV_DIR=" + os.fsencode(folder) in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


@pytest.fixture
def collect_here(run: Run, environ: Environ) -> Collect:
    """Return a function that collects under this setting, as the process in the background would."""

    def function(keep: str = "25") -> None:
        done = run("--tmpenv", "collect", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": keep})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    return function


@pytest.fixture
def collect(run: Run, environ: Environ, tmp_path: Path) -> Collect:
    """Return a function that makes any call under this setting, and waits for the collection it starts."""

    def function(keep: str = "0", **more: str) -> None:
        done = run("--tmpenv", "name", "x", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": keep, **more})
        assert (done.returncode, done.stderr) == (0, "")
        wait_until(lambda: not find_collectors(tmp_path))

    return function


# -- scripts that run until they are told to end


LOOP = 'while [ ! -e "$STOP" ]; do sleep 0.02; done'
STAYING = 'echo $$ > "$READY"; ' + LOOP
BARE = 'exec env -i READY="$READY" STOP="$STOP" PATH="$PATH" sh -c \'echo $$ > "$READY"; LOOP\''.replace("LOOP", LOOP)


class Scene:
    """A script that does not end before it is told to, and where it says who it is."""

    def __init__(self, folder: Path, environ: Environ) -> None:
        self.ready, self.stop = folder / "ready", folder / "stop"
        environ.update(READY=str(self.ready), STOP=str(self.stop))

    def wait(self) -> int:
        wait_until(lambda: self.ready.exists() and self.ready.read_text().endswith("\n"))
        return int(self.ready.read_text())

    def end(self) -> None:
        pid = self.wait()
        self.stop.touch()
        wait_until(lambda: not is_alive(pid))


@pytest.fixture
def scene(tmp_path: Path, environ: Environ) -> Iterator[Scene]:
    scene = Scene(tmp_path, environ)
    yield scene
    scene.stop.touch()


# -- what lies in env-dir, and how old it is


def make_store(env_dir: Path, keep_h: float = 25) -> conda_execute.Store:
    return conda_execute.Store(str(env_dir), keep_h * HOUR, conda_execute.Progress(False, True))


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


def let_pass(env_dir: Path, hours: float) -> None:
    """Let env-dir believe that this time has passed: in its markers, its log and its stamps."""
    for path in [
        path for one in (f"*/{conda_execute.MARKER}", ".leases/.*", ".leases/*.l*/*") for path in env_dir.glob(one)
    ]:
        when = path.stat().st_mtime - hours * HOUR
        os.utime(str(path), (when, when))
    log = env_dir / "usage.tsv"
    lines = [line.split(b"\t", 1) for line in log.read_bytes().splitlines(keepends=True)[1:]]
    log.write_bytes(HEADER + b"".join(b"%d\t%s" % (int(when) - hours * HOUR, rest) for when, rest in lines))


def let_pass_stamps(env_dir: Path) -> None:
    for path in env_dir.glob(".leases/.*"):
        set_age(path, 100)


def write_row(name: str, age_h: float = 0, script: str = "/a.sh", event: str = "run") -> bytes:
    return conda_execute.format_use(int(time.time() - age_h * HOUR), event, name, 7, "here", script)


COLLECTOR = """\
import os, sys, time
import conda_execute
store = conda_execute.Store(sys.argv[1], float(sys.argv[2]), conda_execute.Progress(False, True))
for line in sys.stdin:
    if os.fork() == 0:
        time.sleep(float(line))
        store.collect()
        os._exit(0)
    print(os.wait()[1], flush=True)
"""


@pytest.fixture
def send(env_dir: Path, environ: Environ, python: list[str]) -> Iterator[Callable[[float, float], Callable[[], str]]]:
    """Return a function that has env-dir collected, under a setting in hours and after a delay in s.

    It returns at once, and what it returns waits for the end. What collects is a process that has
    started Python already, so that its moment is known.
    """
    started: dict[float, subprocess.Popen[str]] = {}

    def function(keep_h: float, delay_s: float) -> Callable[[], str]:
        if keep_h not in started:
            variables = {**environ, "PYTHONPATH": os.pathsep.join([str(ROOT), environ.get("PYTHONPATH", "")])}
            started[keep_h] = subprocess.Popen(
                [python[0], "-c", COLLECTOR, str(env_dir), str(keep_h * HOUR)], env=variables,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            )  # fmt: skip
        child = started[keep_h]
        assert child.stdin is not None and child.stdout is not None
        print(delay_s, file=child.stdin, flush=True)
        return child.stdout.readline

    yield function
    for child in started.values():
        child.communicate()


# -- files


def put(path: Path, content: str = "precious\n") -> Path:
    """Write a file, in folders that are made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, sorted; nothing where there is none."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def entries(folder: Path) -> list[str]:
    """Return the environments that lie in env-dir, whole or not."""
    return sorted(path.name for path in folder.iterdir() if len(path.name) == 20)


def list_tree(folder: Path) -> Tree:
    """Return what lies below a folder: the target of each link, the mode and content of all else."""
    found: Tree = {}
    for parent, folders, files in os.walk(str(folder)):
        for path in (Path(parent, name) for name in folders + files):
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
            entry = os.readlink(str(path)) if path.is_symlink() else (oct(path.stat().st_mode), content)
            found[str(path.relative_to(folder))] = entry
    return found


def check_unchanged(before: Tree, after: Tree) -> None:
    """All that was there is there; there may be more."""
    assert {path: (entry, after.get(path)) for path, entry in before.items() if after.get(path) != entry} == {}


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path from there."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def empty(path: Path) -> None:
    """Leave nothing in a file, and its other links as they are."""
    new = path.with_name("new")
    new.touch(path.stat().st_mode & 0o777)
    new.replace(path)


def check_env(prefix: Path) -> None:
    """Nothing of the packages is missing."""
    assert (prefix / "share" / "hello-conda" / "prefix.txt").read_text() == f"{prefix}\n"
    found = {path.name for path in (prefix / "conda-meta").glob("*.json")}
    assert found == {"activated-1.0-0.json", "hello-conda-1.0-0.json"}
    assert (prefix / "etc" / "conda" / "activate.d" / "activated.sh").exists()


@pytest.fixture
def cache(environ: Environ, tmp_path: Path) -> Path:
    """Give this test a package cache of its own, to damage."""
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")
    return tmp_path / "cache"


class Old:
    """An environment that is there, and who looks whether it, or a newer one, still is."""

    def __init__(self, run: Run, script: Path, prefix: Path, environ: Environ, nothing: str) -> None:
        self.run, self.script, self.prefix, self.marker = run, script, prefix, prefix / conda_execute.MARKER
        self.unable = {**environ, "CONDA_CHANNELS": nothing, "CONDA_EXECUTE_ENGINE": "rattler"}
        done = run("-q", script)
        assert done.returncode == 0, done.stderr
        self.content = self.marker.read_bytes()

    def check(self, since: float = float("inf")) -> None:
        """With an engine that can build nothing it runs: as it was, or as it was built since then."""
        done = self.run("-q", self.script, env=self.unable)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", ""), done.stderr
        assert (self.prefix / "share" / "hello-conda" / "prefix.txt").read_text() == f"{self.prefix}\n"
        content = self.marker.read_bytes()
        found = re.search(rb'created"?: *([0-9]+)', content)
        assert content == self.content or (found and int(found.group(1)) >= int(since))
        self.content = content


@pytest.fixture
def old(run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path) -> Old:
    """Build an environment, and make a channel that has nothing to build another of."""
    for subdir in ("noarch", conda_execute.find_subdir("linux", os.uname().machine)):
        put(tmp_path / "nothing" / subdir / "repodata.json", '{"packages": {}, "packages.conda": {}}')
    nothing = (tmp_path / "nothing").as_uri()
    old = Old(run, write("a.sh", "hello-conda", "hello-conda"), env_dir / HELLO, environ, nothing)
    wait_until(lambda: not find_collectors(tmp_path))
    return old


# -- locks that fail


NO_LOCKS = """\
import errno
import fcntl


def flock(fd, operation):
    raise OSError(errno.ENOLCK, "No locks available")


fcntl.flock = flock
"""
every_locking = pytest.mark.parametrize("locking", ["flock", "files"], indirect=True)


@pytest.fixture(autouse=True)
def locking(request: pytest.FixtureRequest, python: list[str]) -> str:
    """Return how locks are held; "files": in every Python that the test starts, flock(2) fails for real."""
    kind: str = getattr(request, "param", "flock")
    if kind == "files":
        python[0] = request.getfixturevalue("lockless")
    return kind


@pytest.fixture(scope="session")
def lockless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an interpreter in which flock(2) fails, for the collectors and engines too, which it starts with -I."""
    venv = tmp_path_factory.mktemp("lockless")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    [packages] = venv.glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(NO_LOCKS)
    spec = importlib.util.find_spec("rattler")
    assert spec is not None and spec.origin is not None
    (packages / "rattler").symlink_to(Path(spec.origin).parent)
    return str(venv / "bin" / "python")


# -- engines, wheels and Pythons


def make_conda(environ: Environ, folder: Path, code: str) -> None:
    """Make a shell script the engine; FOLDER in it is where it lies."""
    (folder / "conda").write_text("#!/bin/sh\n" + code.replace("FOLDER", str(folder)))
    (folder / "conda").chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(folder / "conda"))


FAKE_CONDA = """\
# conda create --prefix PREFIX ...: makes an env of the last word, and tells where another is at work
grep -qs create "/proc/$(cat FOLDER/engine)/cmdline" && echo collision >> FOLDER/log
echo $$ > FOLDER/engine
echo start >> FOLDER/log
mkdir -p "$3/conda-meta" "$3/bin"
for word; do :; done
[ "$word" = words ] || while [ ! -e FOLDER/go ]; do echo > FOLDER/started; sleep 0.01; done
printf '{"name": "%s", "version": "1.0", "build": "0", "files": []}' "$word" > "$3/conda-meta/$word-1.0-0.json"
"""
SLOW_CONDA = """\
# conda create --prefix PREFIX ...: takes its time, and notes when it starts and ends
prefix=$3
mkdir "$prefix" || { echo "collision at $prefix" >> FOLDER/log; exit 1; }
echo "start $$" >> FOLDER/log
echo $$ > "$prefix/owner"
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.03; done
[ "$(cat "$prefix/owner")" = $$ ] || { echo "collision at $prefix" >> FOLDER/log; exit 1; }
mkdir "$prefix/conda-meta" "$prefix/bin"
echo '{}' > "$prefix/conda-meta/hello-conda-1-0.json"
printf '#!/bin/sh\\necho hello\\n' > "$prefix/bin/hello-conda"
chmod +x "$prefix/bin/hello-conda"
echo "end $$" >> FOLDER/log
"""


@pytest.fixture
def slow_conda(environ: Environ, tmp_path: Path) -> Path:
    """Make a program the engine that is a process of its own, and takes 0.3 s; return its log."""
    make_conda(environ, tmp_path, SLOW_CONDA)
    return tmp_path / "log"


def make_wheel(folder: Path, name: str = "from_pypi", version: str = "1.0", code: str = "") -> Path:
    """Write a wheel of one module."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with ZipFile(str(path), "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def bare_venv(folder: Path, *options: str) -> str:
    subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], check=True)
    return str(folder / "bin" / "python")


# -- disks and mounts


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Have something mounted on a folder, or skip the test."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], stderr=subprocess.PIPE)
    if done.returncode:
        pytest.skip("mount: " + done.stderr.decode().strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def mount_below(tmp_path: Path) -> Iterator[Callable[[str, Path], Path]]:
    """Return a function that mounts a disk, or a folder once more, on a new folder; and returns where else it is."""

    def function(kind: str, folder: Path) -> Path:
        source = tmp_path / "elsewhere"
        source.mkdir()
        folder.mkdir()
        disk = [["-t", "tmpfs", "none", str(source)]] if kind == "a disk" else []
        for words in [*disk, ["--bind", str(source), str(folder)]]:
            done = subprocess.run(["mount", *words], stderr=subprocess.PIPE, text=True)
            if done.returncode:
                pytest.skip("mount: " + done.stderr.strip())
        return put(source / "photos" / "a.jpg")

    yield function
    unmount(tmp_path)


def unmount(folder: Path) -> None:
    """Unmount what is mounted below a folder, wherever it has been moved."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines()[::-1]:
        if line.split()[4].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[4]], check=True)


@pytest.fixture
def small_disk(env_dir: Path) -> Iterator[Callable[[], Path]]:
    """Put env-dir on a disk of its own, and return a function that fills it with one file."""

    def fill() -> Path:
        subprocess.run(["sh", "-c", f"cat /dev/zero > {env_dir}/filler"], stderr=subprocess.DEVNULL)
        return env_dir / "filler"

    with mounted(env_dir, "-t", "tmpfs", "-o", "size=4m,nr_inodes=500,mode=755", "none"):
        yield fill


# -- other users, and code of theirs


USER = 65534  # an ordinary one, where we are root


def become(uid: int) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def can_start(uid: int, python: str) -> bool:
    command = [python, str(TOOL), "--version"]
    try:
        return subprocess.run(command, preexec_fn=partial(become, uid), stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def open_path(path: Path) -> None:
    """Let everyone pass through the folders above a path that the tests made."""
    while path.parent != Path(tempfile.gettempdir()) and path != path.parent:
        path.chmod(path.stat().st_mode | 0o055)
        path = path.parent
    path.chmod(path.stat().st_mode | 0o055)


def give_away(folder: Path) -> None:
    """Give a folder, and all below it, to the ordinary user, where that is not us."""
    if IS_ROOT:
        for path in [folder, *map(folder.joinpath, list_tree(folder))]:
            os.chown(str(path), USER, USER, follow_symlinks=False)


@pytest.fixture
def run_as_user(run: Run, environ: Environ, tmp_path: Path) -> Run:
    """Return a function that runs a copy of the tool as an ordinary user: as us, unless we are root."""
    if not IS_ROOT:
        return run
    home, tool = tmp_path / "user", Path(shutil.copy(str(FILE), str(tmp_path)))
    home.mkdir()
    give_away(home)
    open_path(tmp_path)
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")  # files in it are linked, and would be given away too
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    options.update(cwd=tmp_path, preexec_fn=partial(become, USER), timeout=60)

    def start(python: str, *words: object, env: Environ = environ) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, str(tool), *map(str, words)], env={**env, "HOME": str(home)}, **options)  # type: ignore[call-overload]

    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if start(python, "--version").returncode == 0:
                return partial(start, python)
        except OSError:
            continue
    pytest.skip("an ordinary user cannot reach any Python here")


TELL = """\
import posix
fd = posix.open({!r}, posix.O_CREAT | posix.O_WRONLY | posix.O_APPEND)
posix.write(fd, __name__.encode() + b" ")
posix.close(fd)
"""


@pytest.fixture
def pwned(tmp_path: Path) -> Path:
    """Return the file that strange code writes to when it runs."""
    return tmp_path / "pwned"


def plant(folder: Path, name: str, pwned: Path) -> None:
    """Leave a module that tells that it was imported, when Python has hardly begun too."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(TELL.format(str(pwned)))


# -- kills at any step


QUIET = ["-qq", "-y", "-e", "signal=none"]
CHANGES = "mkdir,mkdirat,openat,rename,renameat,renameat2,unlink,unlinkat,rmdir,utimensat,ftruncate,write"


def find_steps(env_dir: Path, environ: Environ, tmp_path: Path, *words: object) -> list[tuple[str, int]]:
    """Run the tool; return which calls of its main thread change env-dir: the name, and the how manieth of it."""
    log, seen, steps = tmp_path / "strace", {}, []
    command = ["strace", *QUIET, "-o", str(log), "-e", "trace=" + CHANGES, sys.executable, str(TOOL), *map(str, words)]
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for line in log.read_text(errors="replace").splitlines():
        name = line.partition("(")[0]
        seen[name] = seen.get(name, 0) + 1
        if str(env_dir) in line and (name != "openat" or "O_CREAT" in line):
            steps.append((name, seen[name]))
    assert steps
    return steps


def kill_at(name: str, count: int, environ: Environ, *words: object, tracer: Sequence[str] = ("strace",)) -> None:
    """Run the tool, and kill it when its main thread (with -f: any of its processes) is about to make this call."""
    inject = ["-e", "trace=" + name, "-e", f"inject={name}:signal=SIGKILL:when={count}", "-o", os.devnull]
    command = [*tracer, *QUIET, *inject, sys.executable, str(TOOL), *map(str, words)]
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
