"""Ours and not ours: only what bears our sign is ever moved or deleted, and what stays is told.

Real strangers on real file systems, mounts and users among them. What is there is compared whole.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import test_store
from conftest import FILE, TOOL, wait_until
from test_store import HELLO, HOUR, IS_ROOT, become, find_collectors, names, needs_root, open_path

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, Sequence

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Collect = Callable[..., None]
    Tree = Dict[str, object]  # by path below a folder

pytestmark = pytest.mark.once
collect = test_store.collect
USER = 65534  # an ordinary one, where we are root
CLEAR_ALL = ("--tmpenv", "clear", "--all")
CODE = ("-c", "# conda execute", "# env: [hello-conda]", "# run_with: sh", "", "hello-conda")
LIKE_OURS = f"{'ab' * 10}.4321.1700000000123456789"  # as move_to_trash() gives it
DIGEST = "d1" * 32


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


def wait_until_gone(*paths: Path) -> None:
    """Wait for a collection, of which one may not have seen the beginning."""
    wait_until(lambda: not any(path.exists() for path in paths), 10)


def put(path: Path, content: str = "precious\n") -> Path:
    """Write a file, in folders that are made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def make_old(folder: Path) -> None:
    """Date what lies below a folder, and itself, 1000 hours back."""
    when = time.time() - 1000 * HOUR
    for parent, folders, files in os.walk(str(folder)):
        for name in [*files, *folders, "."]:
            os.utime(os.path.join(parent, name), (when, when), follow_symlinks=False)  # noqa: PTH118


# -- an env-dir of somebody else's


def make_home(folder: Path) -> None:
    for path in (".bashrc", ".scripts/backup.sh", ".trash/x", "20261124013345123456/data.csv", ".leases/car.txt"):
        put(folder / path)


def make_environment(folder: Path) -> None:
    for path in ("conda-meta/history", "bin/python"):
        put(folder / path)


def make_foreign_log(folder: Path) -> None:
    put(folder / "usage.tsv", "date\tkWh\n2026-11-24\t7.5\n")


FOREIGN = {
    "a home": make_home,
    "a link to a home": make_home,
    "an environment": make_environment,
    "conda's envs": lambda folder: make_environment(folder / "science"),
    "an environment of ours": lambda folder: [make_environment(folder), put(folder / conda_execute.MARKER, "{}")],
    "a log of another's": make_foreign_log,
    "a disk with photos": lambda folder: [put(folder / "photos/a.jpg"), (folder / "lost+found").mkdir()],
    "one file": lambda folder: put(folder / "notes.txt"),
    "a dangling link": lambda folder: [folder.mkdir(), (folder / ("ab" * 10)).symlink_to("nowhere")],
}
WAYS = [CODE, ("-f", "a.sh"), CLEAR_ALL, ("--tmpenv", "create", "hello-conda"), ("a.sh",)]


def check_refused(done: subprocess.CompletedProcess[str], env_dir: object, holds: list[str]) -> None:
    """It says where, what is there, and what to write into which file."""
    assert (done.returncode, done.stdout) == (125, ""), done
    assert str(env_dir) in done.stderr
    assert any(name in done.stderr for name in holds)
    assert "env-dir" in done.stderr and "condarc" in done.stderr
    assert "Traceback" not in done.stderr and "bug" not in done.stderr


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_folder_that_holds_something_and_is_not_ours_is_refused_as_env_dir(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "elsewhere" if "link to" in kind else env_dir
    FOREIGN[kind](folder)
    make_old(folder)
    if folder != env_dir:
        env_dir.symlink_to(folder)
    write("a.sh", "hello-conda", "hello-conda")
    before, around = list_tree(folder), names(tmp_path)
    for words in WAYS:
        check_refused(run(*words), env_dir, names(folder))
        run("--tmpenv", "list")
        wait_until(lambda: not find_collectors(tmp_path))
        assert list_tree(folder) == before
    assert names(tmp_path) == around


def test_the_users_home_is_refused_as_env_dir_by_condarc_too(
    run: Run, write: Write, home: Path, environ: Environ
) -> None:
    make_home(home)
    put(home / ".condarc", "conda-execute:\n    env-dir: ~\n")
    before = list_tree(home)
    done = run(write("a.sh", "hello-conda", "hello-conda"), env={**environ, "CONDA_EXECUTE_ENV_DIR": ""})
    check_refused(done, home, names(home))
    assert list_tree(home) == before


def test_a_file_in_the_place_of_env_dir_is_left_and_named(run: Run, write: Write, env_dir: Path) -> None:
    put(env_dir)
    write("a.sh", "hello-conda", "hello-conda")
    for words in WAYS:
        check_refused(run(*words), env_dir, ["file", "File"])
        assert env_dir.read_text() == "precious\n"


ROOT_OF_ITS_OWN = """\
# ROOT COMMAND...: run it where / is a new folder that can be written to, which has in it all that the old one has
root=$1; shift
PATH=$PATH:/usr/sbin:/sbin
mount -t tmpfs -o mode=755 none "$root" || exit 77
for path in /*; do
    if [ -L "$path" ]; then cp -P "$path" "$root/"; fi
    if [ -d "$path" ] && [ ! -L "$path" ]; then mkdir "$root$path"; mount --rbind "$path" "$root$path"; fi
done
ls -A "$root" > "$root.before"
chroot "$root" "$@"; code=$?
ls -A "$root" > "$root.after"
exit $code
"""


@needs_root
def test_the_root_of_all_is_refused_as_env_dir(run: Run, write: Write, environ: Environ, tmp_path: Path) -> None:
    script, root = write("a.sh", "hello-conda", "hello-conda"), tmp_path / "root"
    root.mkdir()
    put(tmp_path / "own.sh", ROOT_OF_ITS_OWN)
    for words in ([str(script)], ["-f", str(script)], CLEAR_ALL):
        command = ["unshare", "-m", "sh", str(tmp_path / "own.sh"), str(root), sys.executable, str(TOOL), *words]
        variables = {**environ, "CONDA_EXECUTE_ENV_DIR": "/"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        if done.returncode == 77 or "unshare" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert Path(f"{root}.after").read_text() == Path(f"{root}.before").read_text()
        check_refused(done, "conda-execute: /: ", ["bin", "boot", "dev", "etc"])


def test_what_file_systems_put_into_a_folder_themselves_is_nothing(run: Run, write: Write, env_dir: Path) -> None:
    (env_dir / "lost+found").mkdir(parents=True)
    for path in (".snapshot/hourly/a.txt", ".nfs00000000029c12b4000003e7"):
        put(env_dir / path)
    before = list_tree(env_dir)
    for words in (["a.sh"], ["-f", "a.sh"]):
        write("a.sh", "hello-conda", "hello-conda")
        done = run(*words)
        assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    assert run(*CLEAR_ALL).returncode == 0
    check_unchanged(before, list_tree(env_dir))


# -- strangers in a store of ours

STRANGERS = [
    "20261124013345123456/data.csv", f"{'c0' * 10}/conda-meta/history", f"{'c0' * 10}/bin/python",
    f"{'c1' * 10}/conda-meta/numpy-1.0-0.json", "ab" * 10, "notes.txt", "work/chapter.tex", f"{'AB' * 10}/upper",
    ".trash/x", ".trash/thesis/chapter.tex", f".trash/{'ab' * 10}", f".trash/{'ab' * 10}.4321", ".trash/.hidden/x",
    f".trash/{'ab' * 10}.12.2026", f".trash/{LIKE_OURS[1:]}", f".trash/a{LIKE_OURS}/x", f".trash/.{LIKE_OURS}",
    f".trash/{LIKE_OURS.upper()}/x", f".trash/{LIKE_OURS} (copy)/x", f".trash/{'xy' * 10}.4321.1700000000123456789/x",
    f".trash/{'ab' * 10}.pid.1700000000123456789/x", f".trash/{'ab' * 10}.-1.1700000000123456789",
    ".scripts/backup.sh", ".scripts/mine/a.sh", f".scripts/{DIGEST[1:]}/a.sh", f".scripts/{DIGEST}d/a.sh",
    f".scripts/{'D1' * 32}/a.sh", f".scripts/{'xy' * 32}/a.sh", f".scripts/{'d2' * 32}", ".leases/notes.txt",
]  # fmt: skip
LINKS = ["ac" * 10, ".trash/a link", f".scripts/{DIGEST}", ".scripts/a link", ".leases/a link"]


@pytest.fixture
def strangers(run: Run, write: Write, env_dir: Path, tmp_path: Path) -> Tree:
    """Put what is not ours everywhere into a store of ours, and return it as list_tree() does."""
    run("-q", write("a.sh", "hello-conda", "hello-conda"))
    wait_until(lambda: not find_collectors(tmp_path))
    model, photos = tmp_path / "model", put(tmp_path / "outside" / "photos" / "a.jpg").parent
    for path in STRANGERS:
        put(model / path, f"precious {path}\n")
    (model / ("ee" * 10)).mkdir()
    (model / ("ef" * 10)).symlink_to("nowhere")
    for path in LINKS:
        (model / path).symlink_to(photos)
    for folder in (photos, model):
        make_old(folder)
    shutil.copytree(str(model), str(env_dir), symlinks=True, dirs_exist_ok=True)
    return list_tree(model)


def check_strangers(strangers: Tree, env_dir: Path) -> None:
    check_unchanged(strangers, list_tree(env_dir))
    assert (env_dir.parent / "outside" / "photos" / "a.jpg").read_text() == "precious\n"


@pytest.mark.parametrize("call", ["collection", "clear --all", "build", "run", "--force-env", "list"])
def test_of_what_strangers_left_in_a_store_nothing_is_touched(
    run: Run, write: Write, collect: Collect, env_dir: Path, tmp_path: Path, strangers: Tree, call: str
) -> None:
    """Ours goes, as ever: the env, the rubbish that is called like ours, what is kept of a script."""
    ours = [put(env_dir / ".trash" / LIKE_OURS / "x").parent, put(env_dir / ".scripts" / ("fe" * 32) / "a.sh").parent]
    make_old(ours[1])
    calls = {
        "clear --all": lambda: run(*CLEAR_ALL),
        "build": lambda: run(write("b.sh", "", "hello-conda =1.0")),
        "run": lambda: run("a.sh"),
        "--force-env": lambda: run("-f", "a.sh"),
        "list": lambda: run("--tmpenv", "list"),
    }
    for _ in range(2):  # what the first leaves behind is no sign for the second
        if call == "collection":
            collect("0")
        else:
            done = calls[call]()
            assert done.returncode == 0, done.stderr
            wait_until(lambda: not find_collectors(tmp_path))
        check_strangers(strangers, env_dir)
    collect("0")
    check_strangers(strangers, env_dir)
    wait_until_gone(env_dir / HELLO, *ours)


LED_ASTRAY = [(name, "a folder") for name in (".trash", ".scripts", ".leases")]
LED_ASTRAY += [(".trash", "a file"), (".leases", "new")]


@pytest.mark.parametrize("folder, target", LED_ASTRAY)
def test_a_link_in_the_place_of_a_folder_of_ours_leads_nobody_out_of_the_store(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, environ: Environ, folder: str, target: str
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    run("-q", script)
    wait_until(lambda: not find_collectors(tmp_path))
    outside, link = tmp_path / "outside", env_dir / folder
    for path in (f"{LIKE_OURS}/x", f"{DIGEST}/a.sh", ".due-0", ".due-25", f"{HELLO}.build", HELLO, "letter.txt"):
        put(outside / path)
    make_old(outside)
    shutil.rmtree(str(link), ignore_errors=True)
    link.symlink_to({"a folder": outside, "a file": outside / "letter.txt", "new": outside / "new"}[target])
    before, at_once = list_tree(outside), {**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "0"}
    for words in ([script], CODE, ["-f", script], ["--tmpenv", "name", "x"], CLEAR_ALL):
        done = run(*words, env=at_once)
        wait_until(lambda: not find_collectors(tmp_path))
        assert list_tree(outside) == before
        assert link.is_symlink()
        assert done.returncode == 0 or (done.returncode == 125 and str(link) in done.stderr), done.stderr
        assert "bug" not in done.stderr


IN_THE_WAY = {
    "a folder": lambda path: put(path / "data.csv"),
    "an environment": make_environment,
    "a file": put,
    "a link to a folder": lambda path: path.symlink_to(put(path.parent.parent / "outside" / "data.csv").parent),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_not_ours_in_the_place_of_an_env_is_named_and_left(
    run: Run, write: Write, collect: Collect, env_dir: Path, tmp_path: Path, kind: str
) -> None:
    """However often it is tried: a lock file that an attempt has left is no sign of a half-made env."""
    script = write("a.sh", "hello-conda", "hello-conda")
    run("-q", write("b.sh", "", "hello-conda =1.0"))
    IN_THE_WAY[kind](env_dir / HELLO)
    before, outside = {HELLO: None, **list_tree(env_dir)}, list_tree(tmp_path / "outside")
    before = {path: entry for path, entry in before.items() if path.startswith(HELLO)}
    for words in ([script], ["-f", script], CLEAR_ALL, ["--tmpenv", "create", "hello-conda"], (), [script]):
        if words:
            done = run(*words)
        else:
            collect("0")
        if words and words != CLEAR_ALL:
            assert (done.returncode, done.stdout) == (125, ""), done.stderr
            assert str(env_dir / HELLO) in done.stderr
            assert "bug" not in done.stderr
        check_unchanged(before, list_tree(env_dir))
        assert list_tree(tmp_path / "outside") == outside


BLAMES = """\
#!/bin/sh
echo "CondaVerificationError: the package located at MYPKG appears to be corrupted: MYPKG/src/thesis.txt"; exit 1
"""


@pytest.mark.parametrize("inside", [True, False], ids=["env-dir is in there", "env-dir is elsewhere"])
def test_a_folder_of_the_users_that_an_engine_names_is_no_damaged_package(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, inside: bool
) -> None:
    """Though it looks like an unpacked one: it is in no cache."""
    mine, program = tmp_path / "mypkg", put(tmp_path / "conda", BLAMES.replace("MYPKG", str(tmp_path / "mypkg")))
    program.chmod(0o755)
    listed = '{"paths": [{"_path": "bin/gone", "path_type": "hardlink"}]}'
    for path, content in {"info/index.json": "{}", "info/paths.json": listed, "src/thesis.txt": "precious\n"}.items():
        put(mine / path, content)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(program))
    if inside:
        environ["CONDA_EXECUTE_ENV_DIR"] = str(mine / "env-dir")
    before, script = list_tree(mine), write("a.sh", "hello-conda", "hello-conda")
    for words in ([script], ["-f", script]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (125, ""), done.stderr
        assert "appears to be corrupted" in done.stderr
        check_unchanged(before, list_tree(mine))


# -- what cannot be removed, and what may not

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
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert not any(path.exists() for path in three)
    assert names(env_dir / ".trash") == []


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


def give_away(folder: Path) -> None:
    """Give a folder, and all below it, to the ordinary user, where that is not us."""
    if IS_ROOT:
        for path in [folder, *map(folder.joinpath, list_tree(folder))]:
            os.chown(str(path), USER, USER, follow_symlinks=False)


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


# -- a store that is half made


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_first_run_that_was_killed_at_any_step_leaves_an_env_dir_of_ours(
    run: Run, write: Write, env_dir: Path, environ: Environ, tmp_path: Path
) -> None:
    """What one killed before the log was there has made is no stranger's folder to the next."""
    script = write("a.sh", "hello-conda", "hello-conda")
    for name, count in find_steps(env_dir, environ, tmp_path, "-q", script)[:12]:
        shutil.rmtree(str(env_dir), ignore_errors=True)
        kill_at(name, count, environ, "-q", script)
        done = run(script)
        assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), (name, count, done.stderr)
        wait_until(lambda: not find_collectors(tmp_path))


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


HIDDEN = """\
import ctypes, os, time
os.closerange(3, 1024)
os.setgid(12345)
os.setuid(12345)
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: not even its own user may look into it
print("ready", flush=True)
time.sleep(60)
"""


@needs_root
def test_a_process_that_may_not_be_looked_into_keeps_its_env(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, environ: Environ
) -> None:
    """Another user's, that hides itself: its words alone can be read.

    Our user keeps root's group, which a /proc that hides the processes of others hides none from.
    """
    python, tool = "/usr/bin/python3", shutil.copy(str(FILE), str(tmp_path))
    if not shutil.which("setpriv") or not Path(python).exists():
        pytest.skip("needs setpriv, and a Python that an ordinary user can reach")
    run(write("a.sh", "hello-conda", "hello-conda"))
    give_away(env_dir)
    open_path(tmp_path)
    clear = ["setpriv", f"--reuid={USER}", "--clear-groups", python, tool, *CLEAR_ALL]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environ}
    prefix = env_dir / HELLO
    words = [sys.executable, "-c", HIDDEN, str(prefix / "bin" / "hello-conda")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
            done = subprocess.run(clear, **pipes)  # type: ignore[call-overload]
            assert (done.returncode, prefix.exists()) == (125, True), done.stderr
            assert f"process {child.pid}" in done.stderr
        finally:
            child.kill()
    assert subprocess.run(clear, **pipes).returncode == 0  # type: ignore[call-overload]
    assert not prefix.exists()


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
