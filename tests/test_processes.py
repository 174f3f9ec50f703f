"""Processes: an env stays while anything runs in it, whatever it has made of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    BARE,
    CLEAR_ALL,
    FILE,
    HELLO,
    HELLO_1,
    HOUR,
    LOOP,
    STAYING,
    USER,
    Scene,
    every_locking,
    give_away,
    names,
    needs_root,
    open_path,
    set_age,
)
from hosts import hasten

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from conftest import Collect, Environ, Run, Start, Write


DAEMON = """\
import os, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.closerange(0, 4096)
with open(os.environ["READY"] + ".part", "w") as f:
    f.write("%d\\n" % os.getpid())
os.rename(f.name, os.environ["READY"])
while not os.path.exists(os.environ["STOP"]):
    time.sleep(0.02)
"""
SHELL_DAEMON = """\
# bash's own program and libraries are the machine's: nothing of the environment but its name is left
setsid -f bash -c '
for fd in /proc/$$/fd/*; do [ "${fd##*/}" = 255 ] || eval "exec ${fd##*/}>&-"; done 2>&-
cd /; echo $$ > "$READY"; LOOP'
""".replace("LOOP", LOOP)
EXECS = """\
exec python -c '
import os, time
os.closerange(3, 4096)
open(os.environ["READY"], "w").write("%d\\n" % os.getpid())
while not os.path.exists(os.environ["STOP"]):
    time.sleep(0.02)
'
"""
SCRIPT, SHELL = "runs on", "leaves a daemon of the machine's programs"
WAYS = {
    SCRIPT: ("a.sh", STAYING, "hello-conda", ""),
    "goes on as a daemon": ("a.py", DAEMON, "python", ""),
    SHELL: ("a.sh", SHELL_DAEMON, "hello-conda", "# run_with: bash\n"),
    "execs another program": ("a.sh", EXECS, "python", ""),
    "execs with an empty environment": ("a.sh", BARE, "hello-conda", ""),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@pytest.mark.once
@every_locking
@every_way
def test_an_env_stays_while_anything_runs_in_it_and_goes_once_that_is_gone(
    start: Start, write: Write, collect: Collect, env_dir: Path, scene: Scene, way: tuple[str, str, str, str]
) -> None:
    name, code, spec, more = way
    start("-q", write(name, code, spec, more=more))
    scene.wait()
    prefix = env_dir / conda_execute.find_name([spec])
    collect("0")
    collect("0.0001", CONDA_PREFIX=str(env_dir))
    assert (prefix / conda_execute.MARKER).exists()
    scene.end()
    collect("0")
    assert not prefix.exists()
    assert names(env_dir / ".trash") == []


@pytest.mark.parametrize("through_link", [True, False], ids=["started through a symlink", "collected through one"])
@pytest.mark.parametrize("way", [WAYS[SCRIPT], WAYS[SHELL]], ids=["script", "daemon"])
def test_an_env_is_the_same_through_a_symlink(
    start: Start, write: Write, collect: Collect, env_dir: Path, tmp_path: Path, environ: Environ, scene: Scene,
    way: tuple[str, str, str, str], through_link: bool,
) -> None:  # fmt: skip
    name, code, spec, more = way
    link, elsewhere = tmp_path / "link", tmp_path / "elsewhere"
    env_dir.mkdir()
    elsewhere.mkdir()
    link.symlink_to(env_dir)
    (elsewhere / "b").symlink_to(write(name, code, spec, more=more))
    folders = [str(link), str(env_dir)][:: 1 if through_link else -1]
    start("-q", "b", cwd=elsewhere, env={**environ, "CONDA_EXECUTE_ENV_DIR": folders[0]})
    scene.wait()
    for folder in folders:
        collect("0", CONDA_EXECUTE_ENV_DIR=folder)
        assert (env_dir / HELLO / conda_execute.MARKER).exists()
    scene.end()
    collect("0", CONDA_EXECUTE_ENV_DIR=folders[1])
    assert not (env_dir / HELLO).exists()


def test_a_script_without_any_environment_is_named_by_its_lease(
    start: Start, run: Run, write: Write, scene: Scene
) -> None:
    script = write("a.sh", BARE, "hello-conda")
    start("-q", script)
    pid = scene.wait()
    done = run("-f", script)
    assert done.returncode == 125
    found = re.search(r"found process ([0-9, ]+)", done.stderr)
    assert found is not None
    assert str(pid) in found[1].split(", ")  # beside a child that has the lease from it, at times


HIDDEN = """\
import ctypes, os, time
os.closerange(3, 1024)
os.setgid(12345)
os.setuid(12345)
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: not even its own user may look into it
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.once
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


@pytest.mark.once
def test_what_ran_before_this_kernel_was_started_runs_no_more_on_a_disk_of_its_own(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    """As after a reboot of a laptop, whose env was named to somebody who used it by hand."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    assert run("--tmpenv", "create", "--script", script).returncode == 0
    [mark] = env_dir.glob(f".leases/{HELLO_1}.shared/*")
    before = mark.rename(mark.with_name("n1-3f9a07c2.71.ended-5"))
    assert run("-f", script, tool=hasten(tmp_path, BUILDER_GRACE_S=1)).returncode == 125
    set_age(before, time.clock_gettime(time.CLOCK_BOOTTIME) / HOUR + 1)
    assert run("-f", script).stdout == "hello-conda 1.0\n"
    assert not before.exists()


@pytest.mark.once
@pytest.mark.parametrize("words", [["timeout", "60"], ["sh", "-c", '"$@"; true', "sh"]], ids=["timeout", "a shell"])
def test_who_names_an_env_to_clear_it_does_not_run_in_it(
    run: Run, write: Write, environ: Environ, env_dir: Path, words: list[str]
) -> None:
    """The words of a program that starts conda-tmpenv are those of conda-tmpenv."""
    run("-q", write("a.sh", "hello-conda", "hello-conda"))
    command = [*words, sys.executable, str(FILE), "--tmpenv", "clear", str(env_dir / HELLO)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"remove {env_dir / HELLO}\n"), done.stderr
