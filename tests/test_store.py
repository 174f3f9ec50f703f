"""Store: only what bears our sign is ever moved or deleted, and it is believed only in its own place.

Real strangers on real file systems, mounts and users among them. What is there is compared whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    ALLOWED,
    BARE,
    BUILT,
    CLEAR_ALL,
    CONDA,
    HELLO,
    HOUR,
    MARKER,
    NO_CONDA,
    TOOL,
    Scene,
    become,
    can_start,
    check_unchanged,
    find_collectors,
    find_steps,
    imported,
    kill_at,
    list_tree,
    make_env,
    make_store,
    mounted,
    names,
    needs_root,
    open_path,
    put,
    wait_until,
    wait_until_gone,
)

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Iterator

    from conftest import Collect, Environ, Rows, Run, Start, Tree, Write


# -- which folder may be env-dir


CODE = ("-c", "# conda execute", "# env: [hello-conda]", "# run_with: sh", "", "hello-conda")
LIKE_OURS = f"{'ab' * 10}.4321.1700000000123456789"  # as move_to_trash() gives it
DIGEST = "d1" * 32


def make_old(folder: Path) -> None:
    """Date what lies below a folder, and itself, 1000 hours back."""
    when = time.time() - 1000 * HOUR
    for parent, folders, files in os.walk(str(folder)):
        for name in [*files, *folders, "."]:
            os.utime(os.path.join(parent, name), (when, when), follow_symlinks=False)  # noqa: PTH118


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
    "empty folders": lambda folder: [(folder / name).mkdir(parents=True) for name in (".leases", "photos")],
    "links": lambda folder: [(folder / ".leases").mkdir(parents=True), (folder / ("ab" * 10)).symlink_to("..")],
    "an environment of ours, hollow": lambda folder: (folder / ("ab" * 10) / "conda-meta").mkdir(parents=True),
}
WAYS = [CODE, ("-f", "a.sh"), CLEAR_ALL, ("--tmpenv", "create", "hello-conda"), ("a.sh",)]


def check_refused(done: subprocess.CompletedProcess[str], env_dir: object, holds: list[str]) -> None:
    """It says where, what is there, and what to write into which file."""
    assert (done.returncode, done.stdout) == (125, ""), done
    assert str(env_dir) in done.stderr
    assert any(name in done.stderr for name in holds)
    assert "env-dir" in done.stderr and "condarc" in done.stderr
    assert "Traceback" not in done.stderr and "bug" not in done.stderr


@pytest.mark.once
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


@pytest.mark.once
def test_of_what_a_purge_leaves_without_any_file_all_is_built_anew(run: Run, write: Write, env_dir: Path) -> None:
    """As a scratch disk does after some weeks without a run: folders and links stay."""
    scripts = [write("a.py", "print(1)", "python >=3"), write("b.sh", "hello-conda", "hello-conda")]
    run(*CODE), [run(script) for script in scripts]
    for path in [path for path in env_dir.rglob("*") if path.is_file() and not path.is_symlink()]:
        path.unlink()
    assert (env_dir / conda_execute.find_name(["python >=3"]) / "bin" / "python").is_symlink()
    done = run(scripts[0])
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    wait_until(lambda: not find_collectors(env_dir))
    assert not (env_dir / HELLO).exists()  # hollow as it was
    assert [run(*CODE).stdout, run("-q", scripts[1]).stdout] == ["hello-conda 2.0\n"] * 2


@pytest.mark.once
def test_the_users_home_is_refused_as_env_dir_by_condarc_too(
    run: Run, write: Write, home: Path, environ: Environ
) -> None:
    make_home(home)
    put(home / ".condarc", "conda-execute:\n    env-dir: ~\n")
    before = list_tree(home)
    done = run(write("a.sh", "hello-conda", "hello-conda"), env={**environ, "CONDA_EXECUTE_ENV_DIR": ""})
    check_refused(done, home, names(home))
    assert list_tree(home) == before


@pytest.mark.once
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


@pytest.mark.once
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


@pytest.mark.once
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


# -- what is not ours in it


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


@pytest.mark.once
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


@pytest.mark.once
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


@pytest.mark.once
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


# -- markers


@pytest.mark.once
def test_the_marker_is_text_and_no_record_of_a_package(run: Run, write: Write, environ: Environ, env_dir: Path) -> None:
    """Conda, mamba and rattler take every *.json in conda-meta for one."""
    script = write("a.sh", "exit 0", "hello-conda")
    run("-q", script)
    prefix = env_dir / HELLO
    records = [json.loads(path.read_text()) for path in prefix.glob("conda-meta/*.json")]
    assert [record.get("name") for record in records] == ["hello-conda"]
    assert MARKER == "conda-meta/conda-execute"
    first, *lines = (prefix / MARKER).read_text("utf-8").splitlines()
    assert first == f"conda-execute {conda_execute.__version__}"
    assert f"prefix: {prefix}" in lines
    subdir = conda_execute.find_subdir(sys.platform, os.uname().machine)
    assert f"platform: {subdir}" in lines
    assert [line for line in lines if line.startswith("created: ") and line[9:].isdigit()]
    assert imported(environ, str(TOOL), str(script)) - imported(environ, "-c", "pass") <= ALLOWED


@pytest.mark.once
@pytest.mark.parametrize("key, value", [("prefix", "/elsewhere/" + HELLO), ("platform", "linux-sparc")])
def test_a_marker_of_another_place_or_platform_is_none(
    run: Run, write: Write, env_dir: Path, key: str, value: str
) -> None:
    script, marker = write("a.sh", "hello-conda", "hello-conda"), env_dir / HELLO / MARKER
    run("-q", script)
    lines = [f"{key}: {value}" if line.startswith(f"{key}: ") else line for line in marker.read_text().splitlines()]
    marker.write_text("\n".join(lines) + "\n")
    done = run(script)
    assert (done.stdout, BUILT in done.stderr) == ("hello-conda 2.0\n", True)
    assert BUILT not in run(script).stderr


@pytest.mark.parametrize("content", [b"", b"\n", b"conda-exe", b"conda-execute 1.3.0", b"conda-execute 1.3.0\nenv: a"])
def test_a_marker_that_was_cut_off_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "marker").write_bytes(content)
    assert conda_execute.read_marker(str(tmp_path / "marker")) == {}


@pytest.mark.once
def test_conda_is_told_whose_env_it_is(run: Run, write: Write, env_dir: Path) -> None:
    """CEP 22; this file is no record either."""
    run("-q", write("a.sh", "", "hello-conda"))
    frozen = json.loads((env_dir / HELLO / "conda-meta" / "frozen").read_text("utf-8"))
    assert "conda-execute" in frozen["message"]


@pytest.mark.once
@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
def test_a_real_conda_reads_an_env_and_does_not_change_it(
    run: Run, write: Write, env_dir: Path, environ: Environ
) -> None:
    run("-q", write("a.sh", "", "hello-conda =1.0"))
    prefix = str(env_dir / conda_execute.find_name(["hello-conda =1.0"]))
    options = {"env": environ, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run([CONDA, "list", "-p", prefix], **options)  # type: ignore[call-overload]
    assert done.returncode == 0 and "hello-conda" in done.stdout
    done = subprocess.run([CONDA, "install", "-p", prefix, "-y", "words"], **options)  # type: ignore[call-overload]
    assert done.returncode and not Path(prefix, "bin", "show").exists(), done.stdout


# -- moved, copied, restored; another machine


MOVES = {
    "moved": ["mv", "OLD", "NEW"],
    "copied": ["cp", "-a", "OLD", "NEW"],
    "restored": ["sh", "-c", "mkdir NEW && tar -C OLD -cf - . | tar -C NEW -xf -"],
}
SHOW = 'cat "$CONDA_PREFIX/share/hello-conda/prefix.txt"; entry-point-demo'
SHOWN = conda_execute.find_name(["hello-conda", "entry-point"])


@pytest.mark.once
@pytest.mark.parametrize("way", MOVES.values(), ids=list(MOVES))
def test_an_env_dir_in_a_new_place_is_built_anew(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, way: list[str]
) -> None:
    script, new = write("a.sh", SHOW, "hello-conda", "entry-point"), tmp_path / "new"
    assert run("-q", script).stdout.splitlines() == [str(env_dir / SHOWN)] * 2
    command = [word.replace("OLD", str(env_dir)).replace("NEW", str(new)) for word in way]
    subprocess.run(command, check=True)
    environ["CONDA_EXECUTE_ENV_DIR"] = str(new)
    for is_built in (True, False):
        done = run(script)
        assert done.stdout.splitlines() == [str(new / SHOWN)] * 2, done.stderr
        assert (BUILT in done.stderr) == is_built


@pytest.mark.once
@pytest.mark.parametrize("linked_first", [True, False], ids=["by the link first", "by its own name first"])
def test_an_env_dir_behind_a_link_is_one_and_outlives_the_link(
    run: Run, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, linked_first: bool
) -> None:
    script, link = write("a.sh", SHOW, "hello-conda", "entry-point"), tmp_path / "link"
    env_dir.mkdir()
    link.symlink_to(env_dir)
    for i, folder in enumerate([link, env_dir, link][not linked_first :]):
        done = run(script, env={**environ, "CONDA_EXECUTE_ENV_DIR": str(folder)})
        assert (done.returncode, BUILT in done.stderr) == (0, not i), done.stderr
    link.unlink()
    done = run(script)
    assert [os.path.realpath(line) for line in done.stdout.splitlines()] == [str(env_dir / SHOWN)] * 2, done.stderr


SETARCH = shutil.which("setarch")


@pytest.mark.once
@pytest.mark.skipif(
    not SETARCH or subprocess.run([SETARCH, "i686", "true"]).returncode != 0 or os.uname().machine != "x86_64",
    reason="needs an x86_64 whose setarch shows another machine",
)
@pytest.mark.parametrize("machines", [["x86_64", "i686"], ["i686", "x86_64"]], ids=["x86_64 first", "i686 first"])
def test_two_kinds_of_machine_on_one_env_dir_have_an_env_each(
    write: Write, environ: Environ, env_dir: Path, tmp_path: Path, machines: list[str]
) -> None:
    """The first has it as ever, the other the folder that is called like its subdir."""
    script = write("a.sh", 'hello-conda; echo "$CONDA_PREFIX"', "hello-conda")
    subdirs = {"x86_64": "linux-64", "i686": "linux-32"}

    def start(machine: str, *words: object) -> subprocess.CompletedProcess[str]:
        command = [str(SETARCH), machine, sys.executable, str(TOOL), *map(str, words)]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    own = {machines[0]: env_dir / HELLO, machines[1]: env_dir / subdirs[machines[1]] / HELLO}
    times = {}
    for is_built in (True, False):
        for machine in machines:
            plan = json.loads(start(machine, "-n", "--json", script).stdout)
            assert (plan["prefix"], plan["exists"]) == (str(own[machine]), not is_built)
            done = start(machine, script)
            assert (done.stdout, BUILT in done.stderr) == (f"hello-conda 2.0\n{own[machine]}\n", is_built), done.stderr
            times.setdefault(machine, own[machine].stat().st_mtime_ns)
            assert own[machine].stat().st_mtime_ns == times[machine]
    assert start(machines[0], "--tmpenv", "clear", "--all").returncode == 0
    assert [own[machine].exists() for machine in machines] == [False, True]


# -- what is missing, half made or read-only


@pytest.mark.once
@pytest.mark.parametrize("gone", [".leases", ".trash", "README", "usage.tsv"])
def test_what_is_missing_in_env_dir_is_made_again(
    start: Start, run: Run, write: Write, collect: Collect, env_dir: Path, scene: Scene, gone: str
) -> None:
    run("-q", write("b.sh", "", "hello-conda"))
    shutil.rmtree(str(env_dir / gone)) if (env_dir / gone).is_dir() else (env_dir / gone).unlink()
    old = make_env(env_dir, "a" * 20, 100)
    if gone in (".leases", ".trash"):
        shutil.rmtree(str(env_dir / gone))
    start("-q", write("a.sh", BARE, "hello-conda"))
    scene.wait()
    collect("0")
    collect("0")
    assert (env_dir / HELLO).exists()
    wait_until(lambda: not old.exists())
    scene.end()
    collect("0")
    assert not (env_dir / HELLO).exists()


def make_rubbish(path: Path) -> None:
    """Leave what a build that was killed may leave."""
    (path / "conda-meta" / "deep").mkdir(parents=True)
    (path / conda_execute.MARKER).with_suffix(".part").mkdir()
    (path / "conda-meta" / "deep").chmod(0)
    path.chmod(0o500)
    (path.parent / ".leases" / f"{path.name}.build").touch()


def test_a_half_made_env_makes_way_for_a_whole_one(run: Run, write: Write, env_dir: Path) -> None:
    make_store(env_dir).make()
    make_rubbish(env_dir / HELLO)
    done = run("-q", write("a.sh", "hello-conda", "hello-conda"), timeout=60)
    assert (done.returncode, done.stdout) == (0, "hello-conda 2.0\n"), done.stderr
    wait_until(lambda: names(env_dir / ".trash") == [])


def test_a_half_made_env_is_listed_and_collected(run: Run, collect: Collect, env_dir: Path, environ: Environ) -> None:
    old, other = make_env(env_dir, "a" * 20, 100), env_dir / "not-an-env"
    other.mkdir()
    make_rubbish(env_dir / ("0" * 20))
    listed = run("--tmpenv", "list", env={**environ, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": "1000"}, timeout=60)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "half-made" in listed.stdout
    collect("25")
    collect("0")
    assert not old.exists() and other.exists()
    assert set(names(env_dir)) == {".leases", ".trash", "README", "not-an-env", "usage.tsv"}
    assert names(env_dir / ".trash") == []


@pytest.mark.once
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


@pytest.fixture
def shared(run: Run, write: Write, env_dir: Path) -> Iterator[Path]:
    """Have a script built and run, then make env-dir read-only; return the script."""
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    run("-q", script)
    with mounted(env_dir, "--bind", str(env_dir)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(env_dir)], check=True)
        yield script


@needs_root
def test_a_read_only_env_dir_runs_what_it_has(run: Run, shared: Path, env_dir: Path, rows: Rows) -> None:
    before = rows()
    done = run(shared, "x", env={**os.environ, "CONDA_EXECUTE_ENV_DIR": str(env_dir)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0 x\n", "")
    done = run("-v", shared)
    assert f"conda-execute: could not write to {env_dir}/usage.tsv\n" in done.stderr
    assert rows() == before


@needs_root
def test_a_read_only_env_dir_that_lacks_an_env_says_what_is_wrong(
    run: Run, write: Write, shared: Path, env_dir: Path
) -> None:
    done = run(write("b.sh", "", "hello-conda"), timeout=60)
    assert (done.returncode, done.stdout) == (125, "")
    text = "expected an env-dir that can be written to, found: Read-only file system"
    assert done.stderr == f"conda-execute: {env_dir}: {text}\n  {conda_execute.OWN_FOLDER}\n"
    done = run("-f", shared, timeout=60)
    assert (done.returncode, done.stdout) == (125, "")
    assert text in done.stderr


@needs_root
def test_a_read_only_env_dir_is_listed_and_not_collected(run: Run, shared: Path, collect: Collect) -> None:
    collect("0")
    name = conda_execute.find_name(["hello-conda =1.0"])
    assert name in run("--tmpenv", "list").stdout
    done = run("--tmpenv", "clear", "--all")
    assert done.returncode == 125
    assert "found a file system that is mounted read-only\n" in done.stderr


@needs_root
def test_an_ordinary_user_runs_what_an_administrator_built(
    run: Run, write: Write, env_dir: Path, tmp_path: Path, environ: Environ, rows: Rows
) -> None:
    """They may write nothing there; what they may not read is told with what its owner can do."""
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    run("-q", script)
    before = rows()
    user = tmp_path / "home"
    user.mkdir()
    os.chown(str(user), 12345, 12345)
    open_path(tmp_path)
    python = next(filter(partial(can_start, 12345), [sys.executable, "/usr/bin/python3"]), "")
    if not python:
        pytest.skip("an ordinary user cannot reach any Python here")
    environ["HOME"] = str(user)
    done = run(script, "x", preexec_fn=partial(become, 12345), python=python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0 x\n", "")
    assert rows() == before
    done = run(write("b.sh", "", "hello-conda"), preexec_fn=partial(become, 12345), python=python)
    assert done.returncode == 125
    assert "expected an env-dir that can be written to, found: Permission denied" in done.stderr
    above = tmp_path / "above"
    (above / "tmp_envs").mkdir(parents=True)
    hello = env_dir / conda_execute.find_name(["hello-conda =1.0"]) / MARKER
    for path, mode in ((env_dir, "-R a+rX"), (env_dir / ".leases", "-R a+rX"), (hello, "-R a+rX"), (above, "a+x")):
        old = path.stat().st_mode & 0o777
        path.chmod(0o600)  # as a umask of 077 has it
        environ["CONDA_EXECUTE_ENV_DIR"] = str(above / "tmp_envs" if path == above else env_dir)
        done = run(script, "x", preexec_fn=partial(become, 12345), python=python)
        path.chmod(old)
        assert (done.returncode, done.stdout) == (125, "")
        assert f"conda-execute: {path}: expected " in done.stderr
        assert f'  have its owner write "chmod {mode} {path}", or ' in done.stderr


STORED = {
    ".leases": "a folder",
    ".trash": "a folder",
    ".scripts": "a folder",
    "README": "a file",
}


@pytest.mark.once
@pytest.mark.parametrize("name", STORED)
def test_what_is_of_another_kind_than_ours_is_named_and_mended_as_told(
    name: str, run: Run, write: Write, env_dir: Path
) -> None:
    make_store(env_dir).make()
    path, wanted = env_dir / name, STORED[name]
    shutil.rmtree(str(path), ignore_errors=True)
    path.unlink() if path.exists() else None
    path.write_text("") if wanted == "a folder" else path.mkdir()
    found = "a file" if wanted == "a folder" else "a folder"
    hint = f'write "rm -r {path}": it is made anew'
    message = f"{path}: expected {wanted} of conda-execute's, found {found}\n  {hint}\n"
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    done = run("-q", script)
    assert (done.returncode, done.stderr) == (125, f"conda-execute: {message}")
    assert f"wrong: {message}" in run("--tmpenv", "doctor").stdout
    subprocess.run(f"rm -r {path}", shell=True, check=True)
    assert run(script).stdout == "hello-conda 1.0\n"


@needs_root
def test_on_a_disk_mounted_noexec_nothing_is_built_and_no_run_says_that_there_is_no_program(
    run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    options = ("-t", "tmpfs", "-o", "mode=755,size=99m", "none")
    with mounted(env_dir, *options):
        subprocess.run(["mount", "-o", "remount,noexec", str(env_dir)], check=True)
        done = run("-q", script)
        message = f"conda-execute: {env_dir}: expected a disk whose programs may run, found one mounted noexec\n"
        assert (done.returncode, done.stderr.startswith(message)) == (125, True), done.stderr
        subprocess.run(["mount", "-o", "remount,exec", str(env_dir)], check=True)
        assert run("-q", "--run-with", "hello-conda", script).returncode == 0
        subprocess.run(["mount", "-o", "remount,noexec", str(env_dir)], check=True)
        done = run("-q", "--run-with", "hello-conda", script)
        assert done.returncode == 126
        assert 'expected "hello-conda" on a disk whose programs may run, found one mounted noexec' in done.stderr
