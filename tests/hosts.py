"""Hosts that share a folder: namespaces of this machine, for tests that one host cannot do.

A host has processes, mounts, a host name and a boot id of its own; network and files are the machine's. The locks of
the shared folder are one for all hosts, or none, or each host's own: see LOCKS. Linux and root alone can have them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import FILE, HELLO_1, HOUR, TOOL, make_env, set_age, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator, Mapping

    from conftest import Environ

    Begin = Callable[..., "tuple[subprocess.Popen[str], Path]"]
    MakeHost = Callable[..., "Host"]

LOCKS = ("shared", "none", "own")  # what flock(2) is worth between hosts
LOCKLESS, CLOCK_S = "HOST_LOCKLESS", "HOST_CLOCK_S"
# What a preloaded library makes of flock(2) on files of a folder, and of the time of day: files are dated by the
# kernel, as by a server. (libfaketime dates files too, and time.sleep() fails under it.)
PRELOAD = """\
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int flock(int fd, int operation) {
    const char *folder = getenv("HOST_LOCKLESS");
    char link[40], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (!folder || readlink(link, path, sizeof path - 1) < 0 || strncmp(path, folder, strlen(folder)))
        return syscall(SYS_flock, fd, operation);
    errno = ENOSYS;
    return -1;
}

static long shift(void) { const char *text = getenv("HOST_CLOCK_S"); return text ? atol(text) : 0; }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int code = syscall(SYS_clock_gettime, clock, now);
    if (!code && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift();
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    int code = clock_gettime(CLOCK_REALTIME, &found);
    if (!code && now) { now->tv_sec = found.tv_sec; now->tv_usec = found.tv_nsec / 1000; }
    return code;
}

time_t time(time_t *now) {
    struct timespec found;
    time_t seconds = clock_gettime(CLOCK_REALTIME, &found) ? -1 : found.tv_sec;
    if (now) *now = seconds;
    return seconds;
}
"""
# The first process of a host: NAME BOOT-ID FIRST-PID. It ends, and the host with it, when its input does.
# "trap": the kernel reaps what processes leave behind.
INIT = """\
echo "$1" > /proc/sys/kernel/hostname
mount --bind "$2" /proc/sys/kernel/random/boot_id
(echo "$3" > /proc/sys/kernel/ns_last_pid) 2>/dev/null || :
trap '' CHLD
echo ready
exec cat >/dev/null 2>&1
"""


def compile_preload(folder: Path) -> Path:
    """Return the library that PRELOAD is the source of, or skip the test."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if not compiler:
        pytest.skip("needs a C compiler: for a flock(2) that fails, or a clock that is wrong")
    source, library = folder / "host.c", folder / "host.so"
    source.write_text(PRELOAD)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    return library


def check_machine(locks: str) -> None:
    """Skip the test where there can be no hosts, or none with these locks."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("needs Linux and root: for namespaces and mounts")
    programs = ["unshare", "nsenter", *(["bindfs"] if locks == "own" else [])]
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip("needs " + " and ".join(missing))
    if locks == "own" and not Path("/dev/fuse").exists():
        pytest.skip("needs /dev/fuse: for a mount of each host's own")


class Host:
    """A host that shares a folder with others; processes of other hosts cannot be seen from it, nor its own from them.

    `name` need not be its own; `number` is, and its pids are about a thousand times that.
    """

    def __init__(self, name: str, number: int, shared: Path, variables: Mapping[str, str], locks: str) -> None:
        self.name, self.shared, self.variables = name, shared, variables
        self.children: list[subprocess.Popen[str]] = []
        self.boot_id = str(uuid.uuid4())
        boot_id = shared.parent / f"{shared.name}-boot-id-{number}"
        boot_id.write_text(self.boot_id + "\n")
        command = ["unshare", "--uts", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-e", "-c", INIT, "sh"]
        command += [name, str(boot_id), str(1000 * number)]
        pipe = subprocess.PIPE
        self.outside = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, universal_newlines=True)
        self.servers: list[subprocess.Popen[str]] = []
        assert self.outside.stdout is not None
        if self.outside.stdout.readline() != "ready\n":
            pytest.skip("unshare: " + self.outside.communicate()[1].strip())
        [self.init] = Path(f"/proc/{self.outside.pid}/task/{self.outside.pid}/children").read_text().split()
        self.namespace = Path(f"/proc/{self.init}/ns/pid").stat().st_ino
        if locks == "own":
            self.mount()

    def mount(self) -> None:
        """Have the folder served to this host alone, in its place, by a process that the host does not see."""
        folder = str(self.shared)
        command = ["nsenter", "--target", self.init, "--mount", "bindfs", "-f", folder, folder]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, universal_newlines=True)
        self.servers.append(server)
        mounts = Path(f"/proc/{self.init}/mountinfo")
        wait_until(lambda: f" {folder} " in mounts.read_text() or server.poll() is not None)
        if server.poll() is not None:
            reason = server.communicate()[1].strip()
            self.kill()
            pytest.skip("bindfs: " + reason)

    def start(self, *words: object, **options: object) -> subprocess.Popen[str]:
        """Start a program on this host, in the shared folder; its input is empty and its output a pipe."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        variables = {**self.variables, **options.pop("env", {})}  # type: ignore[dict-item]
        enter = ["nsenter", "--target", self.init, "--all", "env", "-C", str(self.shared)]
        options = {**pipes, "env": variables, "universal_newlines": True, **options}
        child: subprocess.Popen[str] = subprocess.Popen([*enter, *map(str, words)], **options)  # type: ignore[call-overload]
        self.children.append(child)
        return child

    def run(self, *words: object, timeout: float = 120, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a program on this host to its end."""
        child = self.start(*words, **options)
        output, text = child.communicate(timeout=timeout)
        return subprocess.CompletedProcess(child.args, child.returncode, output, text)

    def find_pids(self) -> list[int]:
        """Return the processes of this host but its first, by the machine's numbers."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
            with suppress(OSError):
                if Path(f"/proc/{pid}/ns/pid").stat().st_ino == self.namespace and pid != self.init:
                    found.append(int(pid))
        return found

    def find(self, *words: str) -> list[int]:
        """Return the processes of this host whose command line ends with these words."""
        ending, found = "".join(f"\0{word}" for word in words).encode() + b"\0", []
        for pid in self.find_pids():
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(ending):
                    found.append(pid)
        return found

    def pause(self) -> None:
        """Stop all that runs on this host, as if it had lost its network and its sense of time."""
        stopped: set[int] = set()
        while set(self.find_pids()) - stopped:
            for pid in set(self.find_pids()) - stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                stopped.add(pid)

    def go_on(self) -> None:
        """Let all that was stopped run on; nsenter stops with what it started."""
        for pid in [*self.find_pids(), *(child.pid for child in self.children if child.poll() is None)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """End this host without a word, and so all that runs on it."""
        os.kill(int(self.init), signal.SIGKILL)
        self.go_on()  # nsenter, so that it hears of the end
        wait_until(lambda: self.outside.poll() is not None)
        for server in self.servers:
            server.kill()

    def close(self) -> None:
        """End this host, and forget it."""
        if self.outside.poll() is None:
            self.kill()
        for child in [self.outside, *self.servers, *self.children]:
            child.communicate()


every_lock = pytest.mark.parametrize("locks", LOCKS, indirect=True)
not_one_lock = pytest.mark.parametrize("locks", ["none", "own"], indirect=True)


@pytest.fixture
def locks(request: pytest.FixtureRequest) -> str:
    """Return what flock(2) is worth in this test: one lock for all hosts, unless it is parametrized."""
    return getattr(request, "param", "shared")


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library that makes flock(2) fail, or a clock wrong."""
    return compile_preload(tmp_path_factory.mktemp("preload"))


@pytest.fixture
def host(
    request: pytest.FixtureRequest, environ: Environ, package_cache: Path, tmp_path: Path, locks: str
) -> Iterator[MakeHost]:
    """Return a function that makes a host of this name, with the test's folder and a package cache of its own."""
    hosts: list[Host] = []

    def function(name: str, clock_s: int = 0, locks: str = locks) -> Host:
        check_machine(locks)
        variables = {**environ, "READY": str(tmp_path / "ready"), "STOP": str(tmp_path / "stop")}
        variables["RATTLER_CACHE_DIR"] = str(package_cache / f"host-{len(hosts) + 1}")
        if locks == "none":
            variables[LOCKLESS] = str(tmp_path)
        if clock_s:
            variables[CLOCK_S] = str(clock_s)
        if locks == "none" or clock_s:
            variables["LD_PRELOAD"] = str(request.getfixturevalue("preload"))
        hosts.append(Host(name, len(hosts) + 1, tmp_path, variables, locks))
        return hosts[-1]

    yield function
    for one in hosts:
        one.close()


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Return a function that starts a run on a host, and returns it and the file that has what it says."""
    count = 0

    def function(where: Host, *words: object, tool: Path = TOOL) -> tuple[subprocess.Popen[str], Path]:
        nonlocal count
        count += 1
        path = tmp_path / f"stderr-{count}"
        with path.open("w") as f:
            return where.start(sys.executable, tool, *words, stderr=f), path

    return function


def hasten(tmp_path: Path, **constants: int) -> Path:
    """Return a copy of conda_execute.py in which some constants, in s, are shorter than a test can wait for."""
    source = FILE.read_text("utf-8")
    for name, seconds in constants.items():
        source, count = re.subn(rf"^{name} = \d+\b", f"{name} = {seconds}", source, flags=re.MULTILINE)
        assert count == 1, name
    path = tmp_path / "hasty" / FILE.name
    path.parent.mkdir()
    path.write_text(source, "utf-8")
    return path


def execute(where: Host, *words: object, tool: Path = TOOL, **options: object) -> subprocess.CompletedProcess[str]:
    return where.run(sys.executable, tool, *words, **options)  # type: ignore[arg-type]


def settle(*hosts: Host) -> None:
    """Wait for the collections that runs have started."""
    wait_until(lambda: not any(one.find("--tmpenv", "collect") for one in hosts))


def collect_on(where: Host, keep: str = "25") -> None:
    done = execute(where, "--tmpenv", "collect", env={"CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": keep})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


PASS = """\
import os, sys
from pathlib import Path
env_dir, past_s = Path(sys.argv[1]), int(float(sys.argv[2]) * 3600)
for path in [*env_dir.glob("*/conda-meta/conda-execute"), *env_dir.glob(".leases/**/*")]:
    when = path.stat().st_mtime - past_s
    os.utime(path, (when, when))
log = env_dir / "usage.tsv"
rows = [row.split(b"\\t", 1) for row in log.read_bytes().split(b"\\n")]
rows = [[b"%d" % (int(row[0]) - past_s), *row[1:]] if row[0].isdigit() else row for row in rows]
log.write_bytes(b"\\n".join(map(b"\\t".join, rows)))
"""


def let_pass_on(where: Host, env_dir: Path, hours: float) -> None:
    """Let env-dir believe that this time has passed; on a host, which may know it by heart."""
    done = where.run(sys.executable, "-c", PASS, env_dir, hours)
    assert (done.returncode, done.stderr) == (0, "")


def count_builds(texts: list[str]) -> int:
    return sum(text.count("conda-execute: building ") for text in texts)


def start_job(where: Host, tmp_path: Path, script: Path) -> subprocess.Popen[str]:
    """Start a script that runs until it is told to stop, and wait until it does run."""
    job = where.start(sys.executable, TOOL, "-q", script)
    wait_until(lambda: (tmp_path / "ready").exists() or job.poll() is not None)
    assert job.poll() is None, job.communicate()
    settle(where)
    return job


def end_job(job: subprocess.Popen[str], tmp_path: Path) -> None:
    """Have the job end, and find that it has missed nothing."""
    assert job.poll() is None
    (tmp_path / "stop").touch()
    assert (*job.communicate(timeout=60), job.returncode) == ("hello-conda 1.0\n", "", 0)


def use_on(*hosts: Host, script: Path) -> None:
    """Have each host use a script's env, and end with it."""
    for one in hosts:
        done = execute(one, "-q", script, timeout=30)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0\n", ""), done.stderr
    settle(*hosts)


@pytest.fixture
def unbound(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> conda_execute.Store:
    """Return an env-dir of which nobody knows what a lock in it is worth, with an environment in it."""
    monkeypatch.setattr(conda_execute, "find_flock_scope", lambda folder: "")
    store = conda_execute.Store(str(env_dir), HOUR * 25, conda_execute.Progress(False, True))
    store.make()
    make_env(env_dir, HELLO_1, 30)
    (env_dir / ".leases" / conda_execute.MARKS_NEEDED).touch()
    set_age(env_dir / ".leases" / conda_execute.MARKS_NEEDED, 300)
    return store
