"""Folders: only what nobody else can write to is used or made; what cannot be emptied stays alone and is named.

Real owners, modes, mounts and file systems.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    CLEAR_ALL,
    HELLO,
    MARKER,
    TOOL,
    bare_venv,
    find_collectors,
    give_away,
    list_tree,
    names,
    needs_root,
    plant,
    put,
    unmount,
    wait_until,
    wait_until_gone,
)

import conda_execute

fcntl = pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")
grp = pytest.importorskip("grp")

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Collect, Environ, Run, Write


# -- whose it is


STRANGER = 12345
FOREIGN_GROUP = next(gid for gid in range(4242, 5000) if gid not in {group.gr_gid for group in grp.getgrall()})


def give(path: Path, uid: int) -> None:
    """Give a file or a folder with all that is in it to a user."""
    for one in [path, *path.rglob("*")]:
        os.chown(one, uid, uid, follow_symlinks=False)


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
    "of a stranger": (lambda path: os.chown(path, STRANGER, -1), f"found one of user {STRANGER}"),
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


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757], ids=oct)
def test_an_env_dir_that_anyone_may_write_to_is_refused(run: Run, write: Write, env_dir: Path, mode: int) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    env_dir.chmod(mode)
    text = f"conda-execute: {env_dir}: expected an env-dir of yours or root's, found one that anyone may write to\n"
    for words in ([script], ["--tmpenv", "list"], ["--tmpenv", "create", "x"], ["--tmpenv", "clear", "--all"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith(text)
        assert done.stderr.endswith(f"{conda_execute.OWN_FOLDER}\n")
    env_dir.chmod(0o775)
    assert run(script).returncode == 0


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


# -- what is made


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


# -- what it takes to empty one


SPECS = {conda_execute.find_name([spec]): spec for spec in ("hello-conda", "words", "activated")}


@pytest.fixture
def three(run: Run, env_dir: Path, tmp_path: Path) -> list[Path]:
    """Build three environments; the first of them, by name, is the one that comes first."""
    for spec in SPECS.values():
        run("--tmpenv", "create", spec)
    wait_until(lambda: not find_collectors(tmp_path))
    return [env_dir / name for name in sorted(SPECS)]


def check_left(done: subprocess.CompletedProcess[str], three: list[Path], why: str) -> None:
    """Two of three are gone, and it is told which one stays and why."""
    assert done.returncode == 125, done
    assert not three[1].exists() and not three[2].exists()
    assert re.search(f"{three[0].name}.*{why}", done.stderr, re.DOTALL), done.stderr
    assert three[1].name not in done.stderr and three[2].name not in done.stderr
    assert "bug" not in done.stderr


def check_gone(done: subprocess.CompletedProcess[str], env_dir: Path, three: list[Path]) -> None:
    none = "conda-execute: there is no environment\n"  # where the trash alone had something
    assert done.returncode == 0 and done.stderr in ("", none), done.stderr
    assert not any(path.exists() for path in three)
    assert names(env_dir / ".trash") == []


@pytest.mark.once
@needs_root
@pytest.mark.parametrize("what, collected", [("share", False), ("share", True), (".", False)])
def test_one_of_three_that_is_immutable_stays_alone_and_is_named(
    run: Run, collect: Collect, env_dir: Path, tmp_path: Path, three: list[Path], what: str, collected: bool
) -> None:
    done = subprocess.run(["chattr", "+i", str(three[0] / what)], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("no file can be made immutable here: " + done.stderr.strip())
    try:
        if collected:
            collect("0")
            wait_until_gone(*three[1:])
            wait_until(lambda: not find_collectors(tmp_path))
        check_left(run(*CLEAR_ALL), three, "Operation not permitted")
    finally:
        subprocess.run(["chattr", "-R", "-i", str(env_dir)], stderr=subprocess.DEVNULL, check=True)
    check_gone(run(*CLEAR_ALL), env_dir, three)


@pytest.mark.once
@needs_root
@pytest.mark.parametrize(
    "kind, way",
    [("a disk", "cleared"), ("a disk", "collected"), ("a folder", "cleared"), ("a folder", "built anew")],
)
def test_a_mount_below_an_idle_env_is_not_crossed_and_is_named(
    run: Run, write: Write, collect: Collect, env_dir: Path, tmp_path: Path, three: list[Path],
    mount_below: Callable[[str, Path], Path], kind: str, way: str,
) -> None:  # fmt: skip
    """A folder that is mounted once more has the same device number."""
    photo, spec = mount_below(kind, three[0] / "data"), SPECS[three[0].name]
    if way == "collected":
        collect("0")
        wait_until_gone(*three[1:])
        wait_until(lambda: not find_collectors(tmp_path))
    elif way == "built anew":
        run("-f", write("a.sh", "", spec))
    assert photo.exists()
    done = run(*CLEAR_ALL)
    assert photo.exists()
    check_left(done, three, "mount")
    unmount(env_dir)
    check_gone(run(*CLEAR_ALL), env_dir, three)
    assert photo.exists()


@pytest.mark.once
@needs_root
def test_one_of_three_that_is_anothers_stays_alone_and_is_named(
    run_as_user: Run, env_dir: Path, three: list[Path]
) -> None:
    give_away(env_dir)
    for path in [three[0], *map(three[0].joinpath, list_tree(three[0]))]:
        os.chown(str(path), 0, 0, follow_symlinks=False)
    check_left(run_as_user(*CLEAR_ALL), three, "Permission denied")
    assert (three[0] / conda_execute.MARKER).exists()
    give_away(env_dir)
    check_gone(run_as_user(*CLEAR_ALL), env_dir, three)


@pytest.mark.once
@pytest.mark.parametrize("collected", [False, True], ids=["cleared", "collected"])
def test_folders_without_write_bit_keep_no_idle_env(
    run_as_user: Run, env_dir: Path, tmp_path: Path, three: list[Path], environ: Environ, collected: bool
) -> None:
    for folder in (three[0] / "share", three[0] / "conda-meta", three[1]):
        (folder / "deep" / "deeper").mkdir(parents=True)
        (folder / "deep" / "deeper" / "file").touch()
        (folder / "deep" / "deeper").chmod(0o500)
        (folder / "deep").chmod(0)
        folder.chmod(0o555)
    (three[0] / "bin").chmod(0)
    give_away(env_dir)
    if collected:
        run_as_user("--tmpenv", "name", "x", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "0"})
        wait_until_gone(*three)
        wait_until(lambda: names(env_dir / ".trash") == [], 10)
    else:
        check_gone(run_as_user(*CLEAR_ALL), env_dir, three)


@pytest.mark.once
def test_one_of_three_whose_lease_is_a_link_stays_alone_and_is_named(
    run: Run, env_dir: Path, tmp_path: Path, three: list[Path]
) -> None:
    letter, lease = put(tmp_path / "outside" / "letter.txt"), env_dir / ".leases" / three[0].name
    lease.unlink()
    lease.symlink_to(letter)
    check_left(run(*CLEAR_ALL), three, "link")
    assert (letter.read_text(), lease.is_symlink()) == ("precious\n", True)
    lease.unlink()
    check_gone(run(*CLEAR_ALL), env_dir, three)


@pytest.mark.once
@pytest.mark.parametrize("words", [CLEAR_ALL, ("-f", "a.sh")], ids=" ".join)
def test_the_callers_own_env_stays(
    run: Run, write: Write, env_dir: Path, three: list[Path], environ: Environ, words: tuple[str, ...]
) -> None:
    """As in a shell that has activated it."""
    write("a.sh", "hello-conda", "hello-conda")
    marker = (env_dir / HELLO / conda_execute.MARKER).read_bytes()
    done = run(*words, env={**environ, "CONDA_PREFIX": str(env_dir / HELLO)})
    assert done.returncode == 125, done.stderr
    assert re.search(f"{HELLO}.*process [0-9]+", done.stderr, re.DOTALL)
    assert (env_dir / HELLO / conda_execute.MARKER).read_bytes() == marker
    assert [path.exists() for path in three] == [path.name == HELLO or words != CLEAR_ALL for path in three]


@pytest.mark.once
@needs_root
def test_an_env_whose_marker_may_not_be_looked_at_is_no_half_made_one(
    run_as_user: Run, run: Run, write: Write, env_dir: Path
) -> None:
    """Only "no such file" means that there is no marker."""
    run(write("a.sh", "hello-conda", "hello-conda"))
    prefix = env_dir / HELLO
    give_away(env_dir)
    (prefix / "conda-meta").chmod(0)
    assert run_as_user("--tmpenv", "collect").returncode == 0
    assert prefix.exists()
