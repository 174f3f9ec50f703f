"""What stands above the chapters: imports come from the standard library alone, and a warm run has next to none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import ALLOWED, FILE, HELLO, TOOL, bare_venv, imported, plant, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Tuple

    from conftest import Call, Environ, Run, Write

    Way = Tuple[List[str], Path, Dict[str, str]]  # how it is started, where, under which variables
    Script = Callable[..., Path]


# -- next to nothing


@pytest.mark.warm
def test_a_warm_run_imports_next_to_nothing(run: Run, write: Write, environ: Environ) -> None:
    script = write("hello.sh", "exit 0", "hello-conda", more='# run_with: sh "-e"\n')
    run(script)
    bare = imported(environ, "-c", "pass")
    warm = imported(environ, str(TOOL), str(script))
    assert warm - bare <= ALLOWED


@pytest.mark.warm
def test_a_warm_run_with_scripts_and_variables_of_packages_imports_as_little(
    run: Run, write: Write, environ: Environ
) -> None:
    script = write("hello.sh", 'echo "$ACTIVATED_VAR"', "activated")
    assert run("-q", script).stdout == "from env_vars.d\n"
    assert imported(environ, str(TOOL), str(script)) - imported(environ, "-c", "pass") <= ALLOWED | {"_json"}


@pytest.mark.warm
def test_a_warm_run_of_any_dialect_imports_next_to_nothing(
    run: Run, conda_script: Script, environ: Environ, tmp_path: Path
) -> None:
    (tmp_path / "pep.py").write_text("# /// script\n# dependencies = []\n# ///\n")
    bare = imported(environ, "-c", "pass")
    for path in (tmp_path / "pep.py", conda_script("sh ${SCRIPT}")):
        run(path)
        assert imported(environ, str(TOOL), str(path)) - bare <= {*ALLOWED, "bisect", "_bisect"}


def test_a_warm_run_that_names_channels_imports_as_little(run: Run, write: Write, environ: Environ) -> None:
    environ["CONDA_CHANNEL_ALIAS"], name = environ.pop("CONDA_CHANNELS").rsplit("/", 1)
    script = write("a.sh", "exit 0", "hello-conda", more=f"# channels:\n#  - {name}\n#  - nodefaults\n")
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert imported(environ, str(TOOL), str(script)) - imported(environ, "-c", "pass") <= ALLOWED


def test_importing_the_module_imports_next_to_nothing(environ: Environ, tmp_path: Path) -> None:
    shutil.copy(TOOL, tmp_path)
    environ["PYTHONPATH"] = str(tmp_path)
    bare = imported(environ, "-c", "pass")
    assert imported(environ, "-c", "import conda_execute") - bare <= {"conda_execute", *ALLOWED}


# -- from nowhere else


# CPython 3.10 and newer know them; these are what such a program may come to need.
SOME = """
__future__ _bisect _ctypes _datetime _hashlib _json _pickle _posixsubprocess _queue _random _sha1 _sha2 _sha256
_sha512 _socket _ssl _struct argparse array ast asyncio atexit base64 binascii bisect bz2 calendar codecs collections
concurrent configparser contextlib copy ctypes dataclasses datetime difflib dis email encodings enum errno fcntl fnmatch
functools getpass glob grp gzip hashlib heapq hmac html http importlib inspect io ipaddress itertools json keyword
linecache locale logging lzma math mimetypes multiprocessing numbers opcode operator pathlib pickle pkgutil platform
posixpath pprint pwd queue quopri random re reprlib resource runpy secrets select selectors shlex shutil signal site
socket sre_compile ssl stat string stringprep struct subprocess sysconfig tarfile tempfile textwrap threading token
tokenize traceback types typing unicodedata urllib uuid warnings weakref zipfile zipimport zlib zoneinfo
"""
NAMES = sorted({*getattr(sys, "stdlib_module_names", SOME.split()), "rattler", "conda", "pip"} - {"sys", "builtins"})
STARTER = "import sys\nfrom conda_execute import main\nsys.exit(main())\n"
CONDA_SCRIPT = """\
# /// conda-script
# channels = ["{}"]
# entrypoint = "hello-conda && hello-conda"
# [dependencies]
# hello-conda = "*"
# /// end-conda-script
"""
BOOTSTRAP = "import conda_execute; conda_execute.bootstrap()\n"


@pytest.fixture
def neighbours(tmp_path: Path, pwned: Path) -> Path:
    """Return a folder with a module for every name of the standard library, and the file itself."""
    folder = tmp_path / "neighbours"
    for name in NAMES:
        plant(folder, name, pwned)
    shutil.copy(FILE, folder)
    return folder


def leave_out_what_python_needs(folder: Path, environ: Environ) -> None:
    """Take away the modules that -m imports before a first line of ours; what has been imported stays so."""
    (folder.parent / "empty").mkdir()
    (folder.parent / "empty" / "nothing.py").touch()
    code = "import runpy, sys; runpy.run_module('nothing', alter_sys=True); print(*sys.modules)"
    options = {"cwd": folder.parent / "empty", "env": environ, "stdout": subprocess.PIPE, "check": True}
    needed = subprocess.run([sys.executable, "-c", code], **options).stdout.decode().split()  # type: ignore[call-overload]
    for path in folder.glob("*.py"):
        if path.stem in {name.split(".")[0] for name in needed}:
            path.unlink()


@pytest.fixture(params=["the dropped file", "-m", "a console script", "PYTHONPATH of the children"])
def way(request: pytest.FixtureRequest, neighbours: Path, environ: Environ, tmp_path: Path) -> Way:
    python, elsewhere = sys.executable, tmp_path / "elsewhere"
    elsewhere.mkdir()
    if request.param == "the dropped file":
        return [python, str(neighbours / FILE.name)], elsewhere, {}
    if request.param == "-m":
        leave_out_what_python_needs(neighbours, environ)
        return [python, "-m", "conda_execute"], neighbours, {}
    if request.param == "a console script":
        shutil.move(str(neighbours / FILE.name), str(elsewhere))
        (neighbours / "conda-execute").write_text(STARTER)
        return [python, str(neighbours / "conda-execute")], tmp_path, {"PYTHONPATH": str(elsewhere)}
    shutil.move(str(neighbours / FILE.name), str(elsewhere))
    return [python, "-I", str(elsewhere / FILE.name)], elsewhere, {"PYTHONPATH": str(neighbours)}


def test_no_neighbour_is_imported_in_the_place_of_a_module(
    write: Write, environ: Environ, env_dir: Path, pwned: Path, channel: str, way: Way
) -> None:
    """By any call, its children or its collector."""
    command, cwd, more = way
    good, bad = write("a.sh", "hello-conda", "hello-conda"), write("b.sh", "", "no-such-dependency")

    def start(*words: object, code: int = 0, **variables: str) -> str:
        options = {"cwd": cwd, "env": {**environ, **more, **variables}, "capture_output": True, "text": True}
        done = subprocess.run([*command, *map(str, words)], timeout=120, **options)  # type: ignore[call-overload]
        assert not pwned.exists(), f"{words}: {pwned.read_text()}"
        assert done.returncode == code, done.stderr
        return str(done.stdout)

    assert "usage" in start("--help")
    assert HELLO in start("-n", "--json", good)
    for _ in range(2):
        assert start("-v", good) == "hello-conda 2.0\n"
    assert start("-c", *good.read_text().splitlines()[:-2], "# run_with: sh", "", "hello-conda") == "hello-conda 2.0\n"
    start(bad, code=125)
    script = good.with_name("c.sh")
    script.write_text(CONDA_SCRIPT.format(channel))
    assert start(script, "x") == "hello-conda 2.0\nhello-conda 2.0 x\n"
    assert HELLO in start("--tmpenv", "list", "--json")
    start("--tmpenv", "collect")
    start("--tmpenv", "name", "x", CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR="0")
    wait_until(lambda: pwned.exists() or not (env_dir / HELLO).exists())
    assert not pwned.exists(), pwned.read_text()


def test_no_neighbour_is_imported_by_what_bootstrap_starts(
    environ: Environ, env_dir: Path, tmp_path: Path, pwned: Path, neighbours: Path
) -> None:
    block = "# conda execute\n# env:\n#  - {}\n\n"
    scripts = {spec: neighbours / f"script-{spec}.py" for spec in ("python", "no-such-dependency")}
    for spec, script in scripts.items():
        script.write_text(BOOTSTRAP + block.format(spec) + "import sys\nprint(sys.prefix)\n")
    name = conda_execute.find_name(["python"])
    for spec, code in (("python", 0), ("python", 0), ("no-such-dependency", 125)):
        command = [sys.executable, str(scripts[spec])]
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert not pwned.exists(), pwned.read_text()
        assert (done.returncode, done.stdout) == (code, "" if code else f"{env_dir / name}\n"), done.stderr


def test_no_neighbour_is_imported_by_the_pip_that_is_to_bring_py_rattler(
    write: Write, environ: Environ, tmp_path: Path, pwned: Path, neighbours: Path
) -> None:
    environ.update(CONDA_EXECUTE_ENGINE="auto", PYTHONPATH=str(neighbours), PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    command = [bare_venv(tmp_path / "bare", "--without-pip"), "-I", str(FILE), str(write("a.sh", "", "hello-conda"))]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert not pwned.exists(), pwned.read_text()
    assert done.returncode == 125 and "expected pip, to install py-rattler with" in done.stderr


IMPORTS = {
    "a signal handler": """
def handle(number, frame):
    open("go", "w").close()
    import own
signal.signal(signal.SIGALRM, handle)
""",
    "what sys.stderr is": """
class Stream:
    def write(self, text):
        open("go", "w").close()
        import own
        return len(text)
    def flush(self):
        pass
    def isatty(self):
        return False
sys.stderr = Stream()
""",
}


@pytest.mark.parametrize("work", IMPORTS.values(), ids=list(IMPORTS))
def test_the_callers_code_that_runs_while_we_do_has_its_own_imports(
    call: Call, write: Write, tmp_path: Path, work: str
) -> None:
    (tmp_path / "own.py").write_text("print('imported', flush=True)\n")
    alarm = "kill -ALRM $PPID; " if "SIGALRM" in work else ""
    write("a.sh", alarm + "while [ ! -e go ]; do sleep 0.01; done; exit 3", "hello-conda")
    done = call(work + "print(conda_execute.run('a.sh'))\n")
    assert (done.returncode, done.stdout) == (0, "imported\n3\n"), done.stderr
