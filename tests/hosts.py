"""Hosts that share a folder: namespaces of this machine, for tests that one host cannot do.

A host has processes, mounts, a host name and a boot id of its own; network and files are the machine's. The locks of
the shared folder are one for all hosts, or none, or each host's own: see LOCKS. Linux and root alone can have them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_until

if TYPE_CHECKING:
    from typing import Mapping

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
