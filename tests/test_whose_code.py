"""Promise 11: only code of the user's, of root's or of the env itself runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, TOOL, wait_until
from test_engines import bare_venv
from test_store import needs_root

import conda_execute

fcntl = pytest.importorskip("fcntl", reason="owners, modes and locks of POSIX")
grp = pytest.importorskip("grp")

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Tuple

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Way = Tuple[List[str], Path, Dict[str, str]]  # how it is started, where, under which variables

HELLO = conda_execute.find_name(["hello-conda"])
MARKER = conda_execute.MARKER
STRANGER = 12345
TELL = """\
import posix
fd = posix.open({!r}, posix.O_CREAT | posix.O_WRONLY | posix.O_APPEND)
posix.write(fd, __name__.encode() + b" ")
posix.close(fd)
"""
FOREIGN_GROUP = next(gid for gid in range(4242, 5000) if gid not in {group.gr_gid for group in grp.getgrall()})


@pytest.fixture
def pwned(tmp_path: Path) -> Path:
    """Return the file that strange code writes to when it runs."""
    return tmp_path / "pwned"


def plant(folder: Path, name: str, pwned: Path) -> None:
    """Leave a module that tells that it was imported, when Python has hardly begun too."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(TELL.format(str(pwned)))


def give(path: Path, uid: int) -> None:
    """Give a file or a folder with all that is in it to a user."""
    for one in [path, *path.rglob("*")]:
        os.chown(one, uid, uid, follow_symlinks=False)


# -- folders of others

PRIVATE = Path("cp{}{}-".format(*sys.version_info) + conda_execute.find_subdir(sys.platform, os.uname().machine))
OWNERS = {
    "all of it": lambda folder: give(folder, STRANGER),
    "what is in it": lambda folder: give(folder / PRIVATE, STRANGER),
    "the package alone": lambda folder: give(folder / PRIVATE / "rattler", STRANGER),
    "all may write to it": lambda folder: folder.chmod(0o777),
    "all may write to what is in it": lambda folder: (folder / PRIVATE).chmod(0o777),
    "a group may write to the package": lambda folder: open_to_group(folder / PRIVATE / "rattler"),
}


def open_to_group(path: Path) -> None:
    os.chown(path, -1, FOREIGN_GROUP)
    path.chmod(path.stat().st_mode | 0o020)


@needs_root
@pytest.mark.parametrize("own", OWNERS.values(), ids=list(OWNERS))
def test_a_py_rattler_that_another_left_beside_env_dir_is_never_imported(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, pwned: Path, own: Callable[[Path], object]
) -> None:
    """As anybody can in /tmp and /scratch, where each may make folders."""
    tmp_path.chmod(0o1777)
    environ["CONDA_EXECUTE_ENGINE"] = "auto"
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    folder = Path(f"{env_dir}-rattler")
    plant(folder / PRIVATE / "rattler", "__init__", pwned)
    own(folder)
    done = run(write("a.sh", "hello-conda", "hello-conda"), python=bare_venv(tmp_path / "bare", "--without-pip"))
    assert not pwned.exists()
    assert done.returncode == 125 or done.stdout == "hello-conda 2.0\n"
    assert "Traceback" not in done.stderr


DEFECTS = {
    "of a stranger": (lambda path: os.chown(path, STRANGER, -1), str(STRANGER)),
    "anyone may write": (lambda path: path.chmod(path.stat().st_mode | 0o002), "anyone may write"),
    "a group may write": (open_to_group, "group"),
}
PLACES = ["", ".leases", HELLO, f"{HELLO}/bin", f"{HELLO}/conda-meta", f"{HELLO}/{MARKER}", ".scripts", ".scripts/*"]


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("spoil, whose", DEFECTS.values(), ids=list(DEFECTS))
def test_what_another_could_have_changed_is_refused_with_whose_it_is(
    run: Run, env_dir: Path, spoil: Callable[[Path], object], whose: str
) -> None:
    words = ["-q", "-c", "# conda execute", "# env:", "#  - hello-conda", "# run_with: sh", "", "hello-conda"]
    assert run(*words).stdout == "hello-conda 2.0\n"
    wrong = {}
    for place in PLACES:
        path = next(env_dir.glob(place)) if place else env_dir
        before = path.stat()
        spoil(path)
        done = run(*words)
        os.chown(path, before.st_uid, before.st_gid)
        path.chmod(before.st_mode)
        first, *more = done.stderr.splitlines() or [""]
        is_told = str(path) in first and whose in first and more and more[-1].startswith("  ")
        if (done.returncode, done.stdout) != (125, "") or not is_told:
            wrong[place] = done.stdout + done.stderr
    assert wrong == {}
    assert run(*words).stdout == "hello-conda 2.0\n"


@needs_root
def test_a_group_of_the_users_own_may_write(run: Run, write: Write, env_dir: Path) -> None:
    """As it may where each user has a group, and a umask of 002."""
    script = write("a.sh", "hello-conda", "hello-conda")
    run("-q", script)
    for place in ("", ".leases", HELLO, f"{HELLO}/{MARKER}"):
        os.chown(env_dir / place, os.getuid(), os.getgid())
        (env_dir / place).chmod((env_dir / place).stat().st_mode | 0o020)
        assert run(script).stdout == "hello-conda 2.0\n"


def wait_for_lease(pid: int, env_dir: Path) -> None:
    """Wait until a process has opened the lease, and so is behind its first looks."""

    def opened() -> set[str]:
        return {os.path.realpath(path) for path in Path(f"/proc/{pid}/fd").iterdir()}

    wait_until(lambda: str(env_dir / ".leases" / HELLO) in opened())


SWAPS = {
    "the prefix": lambda env_dir: give(env_dir / HELLO, STRANGER),
    "its programs": lambda env_dir: give(env_dir / HELLO / "bin", STRANGER),
    "the marker": lambda env_dir: os.chown(env_dir / HELLO / MARKER, STRANGER, -1),
    "env-dir": lambda env_dir: os.chown(env_dir, STRANGER, -1),
    "another env-dir": lambda env_dir: swap(env_dir),
}


def swap(env_dir: Path) -> None:
    """Put a stranger's env-dir into the place of the user's."""
    shutil.copytree(env_dir, f"{env_dir}.new", symlinks=True)
    give(Path(f"{env_dir}.new"), STRANGER)
    env_dir.rename(f"{env_dir}.old")
    Path(f"{env_dir}.new").rename(env_dir)


@pytest.mark.once
@needs_root
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("change", SWAPS.values(), ids=list(SWAPS))
def test_what_changes_hands_before_the_lease_is_held_is_refused(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    run("-q", script)
    with (env_dir / ".leases" / HELLO).open("r+b") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        child = subprocess.Popen([sys.executable, str(TOOL), str(script)], env=environ, cwd=tmp_path, **pipes)  # type: ignore[call-overload]
        wait_for_lease(child.pid, env_dir)
        change(env_dir)
        fcntl.flock(lease, fcntl.LOCK_UN)
    output, text = child.communicate(timeout=60)
    assert (child.returncode, output) == (125, b""), text
    assert str(STRANGER).encode() in text


# -- what is made is the user's alone


@pytest.mark.once
@pytest.mark.parametrize("mask", [0, 0o002, 0o022], ids=oct)
def test_nothing_that_is_made_can_be_written_to_by_others_whatever_the_umask(
    run: Run, write: Write, environ: Environ, home: Path, mask: int
) -> None:
    """In a home where nothing is there yet; the script has the umask of the caller."""
    for name in ("CONDA_EXECUTE_ENV_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        del environ[name]
    specs = ["hello-conda", "entry-point", "activated"]
    script = write("a.sh", "umask; PYTHONDONTWRITEBYTECODE=1 entry-point-demo > /dev/null; hello-conda", *specs)
    words = ["-q", "-c", "# conda execute", "# env: [words]", "# run_with: sh", "", "umask"]
    expected = f"{mask:04o}\n"
    options = {"preexec_fn": partial(os.umask, mask)}
    assert run("-q", script, **options).stdout == expected + "hello-conda 2.0\n"
    assert run(script, **options).stdout == expected + "hello-conda 2.0\n"
    assert run(*words, **options).stdout == expected
    assert run("--tmpenv", "collect", **options).returncode == 0
    made = [path for path in home.rglob("*") if not path.is_symlink()]
    assert {"hello-conda", ".scripts", "usage.tsv"} <= {path.name for path in made}
    assert {str(path) for path in made if path.stat().st_mode & 0o022} == set()


@pytest.mark.once
@pytest.mark.skipif(not shutil.which("setfacl"), reason="needs setfacl")
def test_nothing_that_is_made_below_a_default_acl_can_be_written_to_by_others(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    """It takes the place of the umask: acl(5)."""
    script = write("a.sh", "hello-conda", "hello-conda", "activated")
    command = ["setfacl", "-d", "-m", "g::rwx,o::rwx,m::rwx", str(tmp_path)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    for _ in range(2):
        done = run(script)
        assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    made = [path for path in [env_dir, *env_dir.rglob("*")] if not path.is_symlink()]
    assert env_dir / conda_execute.find_name(["hello-conda", "activated"]) in made
    assert {str(path) for path in made if path.stat().st_mode & 0o022} == set()


# -- neighbours

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
    assert start("-c", *good.read_text().splitlines()[:-1], "# run_with: sh", "", "hello-conda") == "hello-conda 2.0\n"
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


# -- variables that are no names

NOT_NAMES = ["CONDA_A;touch pwned;B", "CONDA_$(touch pwned)", "CONDA_`touch pwned`", "CONDA_A\ntouch pwned\nB"]
NOT_NAMES += ["CONDA_A[$(touch pwned)0]", "CONDA_PREFIX_1;touch pwned;A", "CONDA_A&touch pwned&B"]


@pytest.fixture(params=["none", "one to leave"])
def outer(request: pytest.FixtureRequest, tmp_path: Path, environ: Environ) -> None:
    """Have no environment activated, or one with scripts and variables of its own."""
    if request.param != "none":
        folder = tmp_path / "outer" / "etc" / "conda"
        for kind in ("activate.d", "deactivate.d", "env_vars.d"):
            (folder / kind).mkdir(parents=True)
        (folder / "deactivate.d" / "a.sh").write_text("export LEFT=yes\n")
        (folder / "env_vars.d" / "a.json").write_text('{"A;touch pwned;B": "1", "$(touch pwned)": "1", "GOOD": "1"}')
        environ.update({"CONDA_PREFIX": str(tmp_path / "outer"), "CONDA_SHLVL": "1", "GOOD": "1"})
        environ.update({"A;touch pwned;B": "2", "__CONDA_SHLVL_0_A;touch pwned;B": "3"})


def test_a_variable_whose_name_is_shell_code_runs_nothing(
    run: Run, write: Write, environ: Environ, pwned: Path, outer: None
) -> None:
    """Where scripts of activation are sourced, and variables with them."""
    script = write("a.sh", 'echo "$ACTIVATED"', "activated")
    ran = []
    for name in NOT_NAMES:
        done = run(script, env={**environ, name: "1"})
        assert (done.returncode, done.stdout) == (0, "yes\n"), f"{name}: {done.stderr}"
        ran += [name for path in pwned.parent.glob("pwned*") if not path.unlink()]  # type: ignore[func-returns-value]
    assert ran == []
