"""Many hosts, one env-dir: nothing in use is removed, nothing is built twice, whatever the locks are worth.

HOSTS_ROUNDS=30 starts on a missing env more often than the suite does.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
from channel import Package, hello_conda
from conftest import FILE, SHUTDOWN_POLL_S, TOOL, make_env, set_age, wait_until
from hosts import CLOCK_S, LOCKLESS, LOCKS, Host, check_machine, compile_preload
from test_store import find_collectors
from test_whole import make_channel

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Rows = Callable[[], "list[list[str]]"]
    MakeHost = Callable[..., Host]
    Begin = Callable[..., "tuple[subprocess.Popen[str], Path]"]

pytestmark = pytest.mark.once
every_lock = pytest.mark.parametrize("locks", LOCKS, indirect=True)
not_one_lock = pytest.mark.parametrize("locks", ["none", "own"], indirect=True)
ROUNDS = int(os.environ.get("HOSTS_ROUNDS", "3"))
SEED = 20261128
HOUR = 3600
DAY_H = 24
DEAD_S = 4  # in place of ten minutes
HELLO = conda_execute.find_name(["hello-conda =1.0"])
MARKER = conda_execute.MARKER
JOB = 'echo $$ > "$READY.part"; mv "$READY.part" "$READY"; while [ ! -e "$STOP" ]; do sleep 0.02; done; hello-conda'


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


def collect(where: Host, keep: str = "25") -> None:
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


def let_pass(where: Host, env_dir: Path, hours: float) -> None:
    """Let env-dir believe that this time has passed; on a host, which may know it by heart."""
    done = where.run(sys.executable, "-c", PASS, env_dir, hours)
    assert (done.returncode, done.stderr) == (0, "")


def count_builds(texts: list[str]) -> int:
    return sum(text.count("conda-execute: building ") for text in texts)


# -- the hosts of these tests

WHO = """\
import os
boot_id = open("/proc/sys/kernel/random/boot_id").read().strip()
print(os.uname().nodename, boot_id, os.getpid(), os.readlink("/proc/self"))
print(*sorted(int(pid) for pid in os.listdir("/proc") if pid.isdigit()))
"""
PROBE = """\
import errno, fcntl, sys
f = open("lock", "a")
try:
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("had", flush=True)
except OSError as e:
    print(errno.errorcode[e.errno], flush=True)
sys.stdin.read()
"""
DATES = """\
import os, time
open("dated", "w").close()
time.sleep(0.01)
print(time.time(), os.stat("dated").st_mtime)
os.utime("dated")
print(time.time(), os.stat("dated").st_mtime)
"""


def test_a_host_has_a_name_a_boot_id_and_processes_of_its_own(host: MakeHost) -> None:
    a, b = host("n1"), host("n1")
    left, _ = a.start("sleep", "60"), b.start("sleep", "60")
    found = []
    for one in (a, b):
        done = one.run(sys.executable, "-c", WHO)
        who, pids = done.stdout.splitlines()
        name, boot_id, pid, myself = who.split()
        assert (name, boot_id, myself, len(pids.split())) == ("n1", one.boot_id, pid, 3), done.stderr
        found.append(int(pid))
    assert a.boot_id != b.boot_id
    assert abs(found[0] - found[1]) > 100
    assert left.poll() is None


@every_lock
def test_a_lock_is_for_all_hosts_or_for_one_or_not_to_be_had(host: MakeHost, locks: str) -> None:
    def probe(where: Host) -> str:
        child = where.start(sys.executable, "-I", "-c", PROBE, stdin=subprocess.PIPE)
        assert child.stdout is not None
        return child.stdout.readline().strip()

    a, b = host("n1"), host("n2")
    found = [probe(a), probe(a), probe(b)]
    values = {"shared": ["had", "EAGAIN", "EAGAIN"], "none": ["ENOSYS"] * 3, "own": ["had", "EAGAIN", "had"]}
    assert found == values[locks]


@every_lock
def test_what_one_host_writes_another_reads_and_it_is_the_same_file(host: MakeHost, tmp_path: Path) -> None:
    a, b = host("n1"), host("n2")
    found = set()
    for one in (a, b, a):
        done = one.run("sh", "-c", 'echo "$1" >> log; stat -c %i log', "sh", one.name, env={"PATH": "/usr/bin:/bin"})
        found.add(int(done.stdout))
    assert found == {(tmp_path / "log").stat().st_ino}
    assert (tmp_path / "log").read_text() == "n1\nn2\nn1\n"


@pytest.mark.parametrize("clock_s", [DAY_H * HOUR, -DAY_H * HOUR], ids=["ahead", "behind"])
def test_a_clock_may_be_wrong_and_files_are_dated_by_the_right_one(host: MakeHost, clock_s: int) -> None:
    done = host("n1", clock_s).run(sys.executable, "-I", "-c", DATES)
    for line in done.stdout.splitlines():
        here, dated = map(float, line.split())
        assert abs(here - time.time() - clock_s) < 30
        assert abs(dated - time.time()) < 30
    assert len(done.stdout.splitlines()) == 2, done.stderr


def test_a_host_that_is_killed_takes_all_with_it_and_no_other(host: MakeHost, tmp_path: Path) -> None:
    a, b = host("n1"), host("n2")
    children = [one.start("sh", "-c", f"setsid sleep 600 & : > {one.name}; wait") for one in (a, b)]
    wait_until(
        lambda: all((tmp_path / name).exists() and len(one.find_pids()) == 2 for name, one in [("n1", a), ("n2", b)])
    )
    pids = a.find_pids()
    a.pause()
    a.kill()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert children[0].wait(10) != 0
    assert len(b.find_pids()) == 2 and children[1].poll() is None


# -- nothing in use is removed


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


def check_refusal(done: subprocess.CompletedProcess[str], env_dir: Path, name: str, pid: str) -> None:
    """It is refused, and the message names host and process, the one of usage.tsv."""
    assert done.returncode == 125, done.stdout
    text = done.stderr.replace(str(env_dir), "")
    assert re.search(rf"\b{name}\b", text), done.stderr
    assert re.search(rf"\b{pid}\b", text), done.stderr


@every_lock
def test_a_job_stays_in_its_env_whatever_other_hosts_do(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, rows: Rows
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    script = write("a.sh", JOB, "hello-conda =1.0")
    job = start_job(a, tmp_path, script)
    inode = (env_dir / HELLO).stat().st_ino
    [pid] = [row[3] for row in rows() if row[1] == "run"]
    assert pid == (tmp_path / "ready").read_text().strip()
    let_pass(b, env_dir, 30)
    for one in (b, c):
        collect(one)
        collect(one, "0.0001")
    assert (env_dir / HELLO / MARKER).exists()
    check_refusal(execute(b, "--tmpenv", "clear", "--all"), env_dir, "n1", pid)
    check_refusal(execute(c, "--force-env", script, tool=hasten(tmp_path, MOMENT_S=1)), env_dir, "n1", pid)
    collect(b, "0")
    assert (env_dir / HELLO / MARKER).exists()
    assert (env_dir / HELLO).stat().st_ino == inode
    end_job(job, tmp_path)


@pytest.mark.parametrize("jobs, others", [("shared", "own"), ("own", "shared"), ("shared", "none"), ("none", "shared")])
def test_a_job_stays_in_its_env_though_another_host_has_other_locks(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, jobs: str, others: str
) -> None:
    """As between a file server, to which the folder is a disk of its own, and those who mount it."""
    a, b = host("n1", locks=jobs), host("n2", locks=others)
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass(b, env_dir, 30)
    for _ in range(2):
        collect(b)
        assert (env_dir / HELLO / MARKER).exists()
    assert execute(b, "--tmpenv", "clear", "--all").returncode == 125
    assert (env_dir / HELLO / MARKER).exists()
    end_job(job, tmp_path)


@every_lock
def test_a_job_stays_in_its_env_though_another_host_has_the_same_name(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    a, b = host("n1"), host("n1")
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass(b, env_dir, 30)
    for _ in range(2):  # the first may have taken away what told of the job
        collect(b)
        assert (env_dir / HELLO / MARKER).exists()
    assert execute(b, "--tmpenv", "clear", "--all").returncode == 125
    assert (env_dir / HELLO / MARKER).exists()
    end_job(job, tmp_path)


def test_what_was_idle_everywhere_goes_at_once_where_locks_are_shared(
    host: MakeHost, write: Write, env_dir: Path
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    use_on(a, b, script=write("a.sh", "hello-conda", "hello-conda =1.0"))
    let_pass(c, env_dir, 24)
    collect(c)
    assert (env_dir / HELLO / MARKER).exists()
    let_pass(c, env_dir, 2)
    collect(c)
    assert not (env_dir / HELLO).exists()


@not_one_lock
def test_what_was_idle_everywhere_goes_after_30_days_where_no_lock_says_so(
    host: MakeHost, write: Write, env_dir: Path
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    use_on(a, b, script=write("a.sh", "hello-conda", "hello-conda =1.0"))
    for hours in (26, 29 * DAY_H - 26):
        let_pass(c, env_dir, hours)
        collect(c)
        assert (env_dir / HELLO / MARKER).exists()
    let_pass(c, env_dir, 2 * DAY_H)
    collect(c)
    assert not (env_dir / HELLO).exists()


@not_one_lock
def test_what_tells_of_uses_does_not_pile_up(host: MakeHost, write: Write, env_dir: Path) -> None:
    a, script = host("n1"), write("a.sh", "hello-conda", "hello-conda =1.0")
    counts = []
    for uses in (1, 5):
        use_on(*[a] * uses, script=script)
        collect(a)
        counts.append(len([*(env_dir / ".leases").rglob("*")]))
    assert counts[0] == counts[1]
    assert (env_dir / HELLO / MARKER).exists()


def use_on(*hosts: Host, script: Path) -> None:
    """Have each host use a script's env, and end with it."""
    for one in hosts:
        done = execute(one, "-q", script, timeout=30)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0\n", ""), done.stderr
    settle(*hosts)


# -- nothing is built twice


@every_lock
def test_three_hosts_that_start_at_once_build_a_missing_env_once(host: MakeHost, write: Write, env_dir: Path) -> None:
    moments, hosts = random.Random(SEED), [host("n1"), host("n2"), host("n3")]
    for i in range(ROUNDS):
        spec = f"hello-conda >=1.{i}"
        name = conda_execute.find_name([spec])
        script = write(f"{i}.sh", 'hello-conda; stat -c %i "$CONDA_PREFIX"', spec)
        crowd: list[subprocess.Popen[str]] = []
        for one in hosts:
            time.sleep(moments.uniform(0, 0.3) if crowd and i % 3 else 0)
            crowd.append(one.start(sys.executable, TOOL, script))
        found = [child.communicate(timeout=120) for child in crowd]
        texts = [text for _, text in found]
        assert [child.returncode for child in crowd] == [0] * 3, texts
        assert [output for output, _ in found] == [f"hello-conda 2.0\n{(env_dir / name).stat().st_ino}\n"] * 3, texts
        assert (env_dir / name / MARKER).exists()
        assert sum(text.count(f"conda-execute: building {name} ") for text in texts) == 1, texts


SLOW = b"""\
#!/bin/sh
folder=${PREFIX%/*/*} host=$(uname -n)
: > "$folder/built-on-$host"
while [ -e "$folder/hold-$host" ]; do sleep 0.05; done
"""


@pytest.fixture(scope="session")
def slow_channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a channel of one package, which takes as long to link as a file is there."""
    slow = Package("slow", "1.0", {"bin/.slow-post-link.sh": SLOW}, noarch="generic")
    return make_channel(tmp_path_factory.mktemp("slow") / "channel", hello_conda("1.0", ".conda"), slow)


class Builder:
    """A builder on n1 that takes as long as the test likes, and one on n2 that waits for it, and may then take long."""

    def __init__(self, host: MakeHost, begin: Begin, tmp_path: Path, script: Path, tool: Path) -> None:
        self.folder, self.hosts = tmp_path, [host("n1"), host("n2")]
        self.hold("n1").touch()
        self.child, self.text = begin(self.hosts[0], script, tool=tool)
        wait_until(lambda: self.is_at_it("n1") or self.child.poll() is not None)
        self.waiter, self.waiters_text = begin(self.hosts[1], script, tool=tool)
        wait_until(lambda: "waiting for" in self.waiters_text.read_text() or self.waiter.poll() is not None, 20)
        assert (self.child.poll(), self.waiter.poll()) == (None, None), self.read()

    def hold(self, name: str) -> Path:
        """Return the file that keeps a host's build from ending."""
        return self.folder / f"hold-{name}"

    def is_at_it(self, name: str) -> bool:
        """Answer whether a host's build has come to its last step."""
        return (self.folder / f"built-on-{name}").exists()

    def read(self) -> list[str]:
        return [self.text.read_text(), self.waiters_text.read_text()]

    def take_long(self) -> None:
        """Let more time pass than it takes to be given up."""
        end = time.monotonic() + DEAD_S + 1
        wait_until(lambda: time.monotonic() > end)

    def wait(self) -> None:
        """Wait until the waiter has what it waited for, built by whomever, within the time of the dead and some."""
        output, _ = self.waiter.communicate(timeout=DEAD_S + 30)
        assert (self.waiter.returncode, output) == (0, "hello-conda 1.0\n"), self.read()

    def go_on(self, fails: bool) -> None:
        """Let the first builder go on after a pause, its engine ending well or killed meanwhile."""
        for pid in self.hosts[0].find("--rattler") if fails else ():
            os.kill(pid, signal.SIGKILL)
        self.hold("n1").unlink()
        self.hosts[0].go_on()

    def check_end(self) -> None:
        """The first builder has the env of the other, or says what was wrong."""
        output, _ = self.child.communicate(timeout=60)
        assert (self.child.returncode, output) in [(0, "hello-conda 1.0\n"), (125, "")], self.read()
        assert "Traceback" not in self.text.read_text()


@pytest.fixture
def builder(host: MakeHost, begin: Begin, write: Write, environ: Environ, slow_channel: str, tmp_path: Path) -> Builder:
    environ["CONDA_CHANNELS"] = slow_channel
    script = write("a.sh", "hello-conda", "hello-conda", "slow")
    return Builder(host, begin, tmp_path, script, hasten(tmp_path, DEAD_S=DEAD_S))


SLOW_NAME = conda_execute.find_name(["hello-conda", "slow"])


@every_lock
def test_who_waits_for_a_host_that_dies_goes_on_after_ten_minutes(builder: Builder, env_dir: Path) -> None:
    """However long it takes: while it lives, others wait."""
    builder.take_long()
    assert (builder.child.poll(), builder.waiter.poll()) == (None, None), builder.read()
    assert re.search(r"waiting for .*\bn1\b", builder.waiters_text.read_text())
    builder.hosts[0].kill()
    builder.wait()
    assert count_builds(builder.read()) == 2
    assert (env_dir / SLOW_NAME / MARKER).exists()


@not_one_lock
def test_a_builder_that_was_taken_for_dead_leaves_alone_what_another_has_built(builder: Builder, env_dir: Path) -> None:
    builder.hosts[0].pause()
    builder.wait()
    inode = (env_dir / SLOW_NAME).stat().st_ino
    builder.go_on(fails=True)
    builder.check_end()
    assert (env_dir / SLOW_NAME / MARKER).exists()
    assert (env_dir / SLOW_NAME).stat().st_ino == inode


@not_one_lock
@pytest.mark.parametrize("fails", [False, True], ids=["and ends well", "and fails"])
def test_a_builder_that_was_taken_for_dead_leaves_alone_what_another_builds(
    builder: Builder, env_dir: Path, fails: bool
) -> None:
    builder.hold("n2").touch()
    builder.hosts[0].pause()
    wait_until(lambda: builder.is_at_it("n2") or builder.waiter.poll() is not None)
    assert builder.waiter.poll() is None, builder.read()
    inode = (env_dir / SLOW_NAME).stat().st_ino
    builder.go_on(fails)
    wait_until(lambda: "waiting for" in builder.text.read_text() or builder.child.poll() is not None)
    assert (env_dir / SLOW_NAME).stat().st_ino == inode
    assert not (env_dir / SLOW_NAME / MARKER).exists()
    builder.hold("n2").unlink()
    builder.wait()
    builder.check_end()
    assert (env_dir / SLOW_NAME / MARKER).exists()
    assert (env_dir / SLOW_NAME).stat().st_ino == inode


# -- a build that fails


class Web:
    """The packages of a channel over http, with answers that wait for a word."""

    def __init__(self, folder: str) -> None:
        asked, go_on = self.asked, self.go_on = threading.Event(), threading.Event()

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                go_on.wait(60)
                del self.headers["If-Modified-Since"]  # rattler takes no 304 for an answer
                super().do_GET()

            do_HEAD = do_GET

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=partial(self.server.serve_forever, SHUTDOWN_POLL_S), daemon=True).start()


@pytest.fixture
def web(slow_channel: str, environ: Environ) -> Iterator[Web]:
    web = Web(urlparse(slow_channel).path)
    environ.update(CONDA_CHANNELS=web.url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    yield web
    web.go_on.set()
    web.server.shutdown()
    web.server.server_close()


CROWDS = [("shared", 3, 3), ("none", 3, 3), ("own", 3, 3), ("shared", 1, 8), ("none", 1, 8)]


@pytest.mark.parametrize(
    "locks, hosts, count", CROWDS, indirect=["locks"], ids=[f"{kind}-{n}-hosts" for kind, n, _ in CROWDS]
)
def test_all_who_wait_for_a_build_that_fails_fail_with_its_words(
    host: MakeHost, begin: Begin, write: Write, web: Web, hosts: int, count: int
) -> None:
    machines = [host(f"n{i}") for i in range(hosts)]
    script = write("a.sh", "", "hello-conda", "no-such-package-at-all")
    crowd = [begin(machines[0], script)]
    wait_until(lambda: web.asked.is_set() or crowd[0][0].poll() is not None)
    crowd += [begin(machines[i % hosts], script) for i in range(1, count)]
    wait_until(
        lambda: all("waiting for" in text.read_text() or child.poll() is not None for child, text in crowd[1:]), 30
    )
    web.go_on.set()
    found = [(child.communicate(timeout=60)[0], child.returncode) for child, _ in crowd]
    texts = [text.read_text() for _, text in crowd]
    assert found == [("", 125)] * count, texts
    assert count_builds(texts) == 1, texts
    reason = texts[0].split("\n", 1)[1]
    assert "no-such-package-at-all" in reason
    assert [text for text in texts if reason not in text] == []
    again = execute(machines[-1], script)
    assert (again.returncode, count_builds([again.stderr])) == (125, 1), again.stderr


# -- clocks


@pytest.mark.parametrize("clock_s", [DAY_H * HOUR, -DAY_H * HOUR], ids=["ahead", "behind"])
def test_a_host_whose_clock_is_wrong_removes_nothing_and_runs_scripts(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, clock_s: int
) -> None:
    a, wrong = host("n1"), host("n2", clock_s)
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass(a, env_dir, 3)
    recent, old = make_env(env_dir, "a" * 20, age_h=1), make_env(env_dir, "b" * 20, age_h=30)
    collect(wrong, "2")
    assert all((path / MARKER).exists() for path in (env_dir / HELLO, recent, old))
    script = write("b.sh", "hello-conda", "hello-conda =2.0")
    for _ in range(2):  # it is built, and it is there
        done = execute(wrong, "-q", script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", "")
    settle(a, wrong)
    collect(wrong, "2")
    assert old.exists()
    collect(a, "2")
    assert not old.exists()
    assert (env_dir / HELLO / MARKER).exists() and (recent / MARKER).exists()
    assert (env_dir / conda_execute.find_name(["hello-conda =2.0"]) / MARKER).exists()
    end_job(job, tmp_path)


# -- what others have left

STRANGERS = [
    b"h" * 64, b"node-1.rack-2.example.org", b"-n-.1--2", b"n\xf6de-\xff", "knöten".encode(), b"1.2.3.4", b"n1-3f9a",
]  # fmt: skip


def leave_rows(env_dir: Path, name: str) -> None:
    """Leave the rows of hosts with strange names, and such as were torn."""
    row = b"%d\trun\t%s\t71\t%s\t/a.sh\n"
    whole = [row % (time.time(), name.encode(), stranger) for stranger in STRANGERS]
    torn = [one[: len(one) // 2] + b"\n" for one in whole] + [whole[0][:-20]]
    with (env_dir / "usage.tsv").open("ab") as f:
        f.write(b"".join(whole + torn))


def leave_marks(env_dir: Path, name: str, missing: str) -> None:
    """Leave marks and notes as other hosts and former versions wrote them; that of a builder an hour ago."""
    leases = env_dir / ".leases"
    for i, stranger in enumerate(STRANGERS):
        for stem in (f"{name}.shared", f"{missing}.exclusive", f"{missing}.build.exclusive"):
            (leases / f"{stem}.{os.fsdecode(stranger)}.71.{i}-5").touch()
    for one in (name, missing):
        (leases / f"{one}.build").write_text("process 71 on n1, which builds /elsewhere")
    for junk in (f"{name}.", f"{name}.shared", f"{name}.shared.n1", f"{name}.build.shared..-", f"{name}.{'x' * 200}"):
        (leases / junk).touch()
    for path in leases.glob(f"{missing}.*"):
        set_age(path, 1)


@every_lock
def test_what_strange_hosts_have_left_stops_no_run_and_keeps_its_env_for_30_days(
    host: MakeHost, write: Write, env_dir: Path, locks: str
) -> None:
    a, b = host("n1"), host("n2")
    script, other = write("a.sh", "hello-conda", "hello-conda =1.0"), write("b.sh", "hello-conda", "hello-conda ==1.0")
    use_on(a, script=script)
    leave_rows(env_dir, HELLO)
    leave_marks(env_dir, HELLO, conda_execute.find_name(["hello-conda ==1.0"]))
    use_on(b, script=script)
    use_on(b, script=other)
    listed = execute(b, "--tmpenv", "list")
    assert (listed.returncode, listed.stderr) == (0, "") and HELLO in listed.stdout
    for hours in (26, 29 * DAY_H - 26):
        let_pass(b, env_dir, hours)
        collect(b)
        assert (env_dir / HELLO / MARKER).exists() or locks == "shared"
    let_pass(b, env_dir, 2 * DAY_H)
    collect(b)
    assert not (env_dir / HELLO).exists()
    use_on(b, script=script)


# -- who somebody is, and what a lock is worth

MOUNTS = {
    "a local disk": (["/ ext4 rw"], "kernel"),
    "memory": (["/ ext4 rw", "/scratch tmpfs rw,size=1k"], "kernel"),
    "NFS": (["/ ext4 rw", "/scratch nfs4 rw,vers=4.2,local_lock=none"], "all"),
    "NFS without locks": (["/ ext4 rw", "/scratch nfs rw,vers=3,nolock,local_lock=all"], ""),
    "NFS whose flock is local": (["/ ext4 rw", "/scratch nfs rw,vers=3,local_lock=flock"], ""),
    "Lustre": (["/ ext4 rw", "/scratch lustre rw,flock,lazystatfs"], "all"),
    "Lustre with local locks": (["/ ext4 rw", "/scratch lustre rw,localflock,lazystatfs"], ""),
    "Lustre without locks": (["/ ext4 rw", "/scratch lustre rw,lazystatfs"], ""),
    "GPFS": (["/ ext4 rw", "/scratch gpfs rw"], "all"),
    "Ceph": (["/ ext4 rw", "/scratch ceph rw,name=x"], "all"),
    "GFS2 with local locks": (["/ ext4 rw", "/scratch gfs2 rw,localflocks"], ""),
    "sshfs": (["/ ext4 rw", "/scratch fuse.sshfs rw,user_id=0"], ""),
    "a share of Windows": (["/ ext4 rw", "/scratch cifs rw,vers=3.1.1"], ""),
    "a folder of the host of a virtual machine": (["/ ext4 rw", "/scratch virtiofs rw"], ""),
    "another mount on top": (["/ ext4 rw", "/scratch ext4 rw", "/scratch nfs4 rw,local_lock=none"], "all"),
    "another folder's mount": (["/ ext4 rw", "/scratch-2 fuse.sshfs rw", "/scratch/envs/x fuse.sshfs rw"], "kernel"),
    "no list of mounts": ([], ""),
}


@pytest.mark.parametrize("kind", MOUNTS)
def test_what_a_lock_is_worth_is_told_by_type_and_options(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, worth = MOUNTS[kind]
    mounts = [(place, name, options.split(",")) for place, name, options in map(str.split, lines)]
    monkeypatch.setattr(conda_execute, "read_mounts", lambda: mounts)
    monkeypatch.setattr(conda_execute, "NFS_SERVER", "/nowhere")
    assert conda_execute.find_worth("/scratch/envs") == worth


def test_a_disk_that_an_nfs_server_may_export_is_not_its_own_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clients' locks do not meet flock(2) on the server."""
    monkeypatch.setattr(conda_execute, "read_mounts", lambda: [("/", "xfs", ["rw"])])
    monkeypatch.setattr(conda_execute, "NFS_SERVER", str(tmp_path))
    assert conda_execute.find_worth("/home/me/tmp_envs") == ""


@pytest.mark.parametrize("name", ["n1", "n" * 64, "a.b-c.example.org", "kn\xf6te\udcff n", "", "a/../b\tc\nd"])
def test_a_host_is_called_so_that_a_row_and_a_file_name_can_hold_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", name, "", "", "")))
    host = conda_execute.find_host()
    assert re.fullmatch(r"[A-Za-z0-9_.-]{0,64}-[0-9a-f]{8}", host)
    mark = f"/e/.leases/ea97.shared/{host}.71.4242-900"
    assert conda_execute.find_holder(mark) == (host, 71, "4242")


def test_hosts_of_one_name_differ_by_their_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = open

    def boot(number: int) -> str:
        (tmp_path / "boot_id").write_text(f"{number}\n")
        monkeypatch.setattr("builtins.open", lambda path, *words: original(tmp_path / "boot_id", *words))
        return conda_execute.find_host()

    assert boot(1) != boot(2)
    assert boot(1).rpartition("-")[0] == boot(2).rpartition("-")[0]


# -- the log


def test_of_an_env_with_many_jobs_the_log_keeps_few_rows_and_who_was_there_first() -> None:
    rows = [conda_execute.format_use(1, "create", "a" * 20, 1, "n0-00", "/first.py")]
    rows.append(conda_execute.format_use(2, "run", "a" * 20, 1, "lonely-00", "/second.py"))
    rows += [
        conda_execute.format_use(3 + i, "run", "a" * 20, i, f"n{i % 50}-00", f"/spool/job{i}/slurm_script")
        for i in range(15000)
    ]
    uses = conda_execute.Uses(b"".join(rows))
    assert len(set(uses.of("a" * 20))) <= 2 * conda_execute.MAX_USES + 1
    assert rows[0][:-1] in [row for _, row in uses.of("a" * 20)]
    assert len(uses.hosts["a" * 20]) == conda_execute.MAX_USES
    assert {"lonely-00", "n49-00", "n48-00"} <= set(uses.hosts["a" * 20])


@pytest.mark.parametrize("event, users", [("create", {"n2-00", "n3-00"}), ("remove", {"n3-00"})])
def test_who_used_an_env_before_it_was_made_or_removed_is_none_of_its_users(event: str, users: set[str]) -> None:
    uses = [("run", "n1-00"), (event, "n2-00"), ("run", "n3-00")]
    rows = [conda_execute.format_use(i, what, "a" * 20, i, host, "/a.py") for i, (what, host) in enumerate(uses)]
    assert set(conda_execute.Uses(b"".join(rows)).hosts["a" * 20]) == users


# -- what was found by trying to break it


@pytest.fixture
def unbound(env_dir: Path, monkeypatch: pytest.MonkeyPatch) -> conda_execute.Store:
    """Return an env-dir of which nobody knows what a lock in it is worth, with an environment in it."""
    monkeypatch.setattr(conda_execute, "find_worth", lambda folder: "")
    store = conda_execute.Store(str(env_dir), HOUR * 25, conda_execute.Progress(False, True))
    store.make()
    make_env(env_dir, HELLO, 30)
    (env_dir / ".leases" / conda_execute.UNSHARED).touch()
    set_age(env_dir / ".leases" / conda_execute.UNSHARED, 300)
    return store


def add_row(store: conda_execute.Store, event: str, host: str, age_h: float) -> None:
    row = conda_execute.format_use(int(time.time() - age_h * HOUR), event, HELLO, 7, host, "/a.sh")
    with Path(store.path("usage.tsv")).open("ab") as f:
        f.write(row)


LOGS = {
    "a host that leaves marks": ([("create", "n1-3f9a07c2", 40), ("run", "n1-3f9a07c2", 30)], True),
    "a host of before marks were left": ([("create", "n2-00000000", 400), ("run", "n1-3f9a07c2", 310)], False),
    "a version that leaves none": ([("create", "n2-00000000", 40), ("run", "n1", 30)], False),
    "a log that has lost its beginning": ([("run", "n2-00000000", 30)], False),
    "no log": ([], False),
    "a use that is not noted": ([("create", "n2-00000000", 40)], False),
}


@pytest.mark.parametrize("kind", LOGS)
def test_an_env_goes_before_30_days_only_where_the_log_tells_of_every_use(
    kind: str, unbound: conda_execute.Store, env_dir: Path
) -> None:
    rows, goes = LOGS[kind]
    for row in rows:
        add_row(unbound, *row)
    unbound.collect()
    assert (env_dir / HELLO).exists() != goes


def test_rows_of_a_clock_that_is_ahead_are_dated_anew_and_not_forgotten(
    unbound: conda_execute.Store, env_dir: Path
) -> None:
    add_row(unbound, "create", "n1-3f9a07c2", -30)
    unbound.compact_log(unbound.path("usage.tsv"))
    [[when, row]] = unbound.read_uses().hosts[HELLO].values()
    assert abs(when - time.time()) < 60
    assert b"\tn1-3f9a07c2\t" in row


def plant(env_dir: Path, name: str, kind: str) -> Path:
    """Put something in the way of what is kept in .leases."""
    path = env_dir / ".leases" / name
    if kind == "a link to nowhere":
        path.symlink_to("nowhere")
    elif kind == "a link to a folder":
        (env_dir.parent / "precious").mkdir(exist_ok=True)
        path.symlink_to(env_dir.parent / "precious")
    elif kind == "a fifo":
        os.mkfifo(str(path))
    elif kind == "a file":
        path.write_bytes(b"[" * 200000)
    else:
        path.mkdir()
        (path / "a folder").mkdir()
        (path / "n1.x").touch()
    return path


@pytest.mark.parametrize("kind", ["a link to nowhere", "a link to a folder", "a fifo", "a file", "a folder"])
@pytest.mark.parametrize("name", ["shared", "exclusive", "build.exclusive", "x.failed"])
def test_nothing_in_the_way_of_a_mark_keeps_anybody_waiting_or_is_followed(
    kind: str, name: str, run: Run, write: Write, env_dir: Path
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    run("-q", script)
    name = name.replace("x.", conda_execute.find_terms(conda_execute.read_config(os.environ, ""), False, {}) + ".")
    wait_until(lambda: not find_collectors(env_dir))
    shutil.rmtree(str(env_dir / ".leases" / f"{HELLO}.{name}"), ignore_errors=True)  # of the script that has just run
    plant(env_dir, f"{HELLO}.{name}", kind)
    precious = env_dir.parent / "precious" / "n1.71.5-3"
    if precious.parent.exists():
        precious.touch()
        set_age(precious, 40 * DAY_H)
    for words in (["-f", script], [script]):
        done = run(*words, timeout=60)
        assert (done.returncode, done.stdout) == (0, "hello-conda 1.0\n"), done.stderr
    wait_until(lambda: not find_collectors(env_dir))
    done = run("--tmpenv", "clear", "--all", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert precious.exists() or not precious.parent.exists()


def test_names_and_words_of_others_are_shown_without_control_characters(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    script, tool = write("a.sh", "hello-conda", "hello-conda =1.0"), hasten(tmp_path, MOMENT_S=1)
    run("-q", script)
    wait_until(lambda: not find_collectors(env_dir))
    folder = env_dir / ".leases" / f"{HELLO}.shared"
    folder.mkdir(exist_ok=True)
    (folder / "\x1b[31mn1-3f9a07c2.71.5-3").touch()
    for words in (["-f", script], ["--tmpenv", "clear", "--all"]):
        done = run(*words, timeout=60, tool=tool)
        assert done.returncode == 125
        assert "found process 71 on ?[31mn1-3f9a07c2\n" in done.stderr
        assert f"rm -r {env_dir / HELLO}\n" in done.stderr


def test_two_locks_of_one_process_never_share_a_mark(unbound: conda_execute.Store) -> None:
    """Though one descriptor is moved away, and another lock gets its number."""
    first = unbound.lock("a").wait(exclusive=False)
    os.close(first.fd)
    first.fd = -1
    second = unbound.lock("a").wait(exclusive=False)
    assert first.mark and second.mark and first.mark != second.mark


@pytest.mark.parametrize("ahead_h", [-48, 48])
def test_a_mark_of_a_time_that_is_wrong_keeps_no_builder_waiting(
    ahead_h: float, unbound: conda_execute.Store, env_dir: Path
) -> None:
    folder = env_dir / ".leases" / f"{HELLO}.build.exclusive"
    folder.mkdir()
    (folder / "n1-3f9a07c2.71.5-3").touch()
    note = env_dir / ".leases" / f"{HELLO}.build"
    note.write_text("process 71 on n1-3f9a07c2, which builds")
    with unbound.lock(f"{HELLO}.build") as lock:
        assert not lock.take(exclusive=True)
        for path in (note, *folder.iterdir()):
            set_age(path, -ahead_h)
        assert lock.take(exclusive=True)


@pytest.mark.parametrize("mode, age_h", [("shared", 29 * DAY_H), ("exclusive", 0)])
def test_marks_of_1_1_count_and_stay_where_their_processes_find_them(
    mode: str, age_h: float, unbound: conda_execute.Store, env_dir: Path
) -> None:
    mark = env_dir / ".leases" / f"{HELLO}.{mode}.n1.example.org.71.4242-5"
    mark.touch()
    set_age(mark, age_h)
    unbound.old_marks = None  # as another process would find it
    with unbound.lock(HELLO) as lock:
        assert not lock.take(exclusive=True)
        assert lock.rival == "process 71 on n1.example.org"
        assert mark.exists()
        set_age(mark, 31 * DAY_H)
        assert lock.take(exclusive=True)


def test_a_dry_run_of_clear_names_who_is_in_the_way_on_another_host(run: Run, write: Write, env_dir: Path) -> None:
    run("-q", write("a.sh", "hello-conda", "hello-conda =1.0"))
    wait_until(lambda: not find_collectors(env_dir))
    folder = env_dir / ".leases" / f"{HELLO}.shared"
    folder.mkdir(exist_ok=True)
    (folder / "n1-3f9a07c2.71.5-3").touch()
    for words in (["--dry-run"], []):
        done = run("--tmpenv", "clear", "--all", *words)
        assert (done.returncode, done.stdout) == (125, "")
        assert "found process 71 on n1-3f9a07c2\n" in done.stderr


@pytest.mark.parametrize("code", ["EIO", "EINVAL", "EACCES", "ESTALE", "ENOLCK"])
def test_whatever_flock_answers_marks_take_its_place(
    code: str, unbound: conda_execute.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(getattr(errno, code), "")

    monkeypatch.setattr(conda_execute.fcntl, "flock", flock)
    with unbound.lock("a").wait(exclusive=False), unbound.lock("a") as other:
        assert not other.take(exclusive=True)
        assert other.rival == f"process {os.getpid()} on {conda_execute.HOST}"


TERMS = {
    "another channel": ({"CONDA_CHANNELS": "a"}, {"CONDA_CHANNELS": "b"}, False),
    "another proxy": ({}, {"https_proxy": "http://p"}, False),
    "another conda": ({"CONDA_EXE": "/a"}, {"CONDA_EXE": "/b"}, False),
    "another cache": ({"RATTLER_CACHE_DIR": "/tmp/job1"}, {"RATTLER_CACHE_DIR": "/tmp/job2"}, True),
    "another shell": ({"CONDA_PREFIX": "/a", "CONDA_SHLVL": "1"}, {"CONDA_EXECUTE_DEBUG": "1"}, True),
}


@pytest.mark.parametrize("kind", TERMS)
def test_a_failure_concerns_those_who_would_ask_the_same(kind: str) -> None:
    one, other, is_same = TERMS[kind]
    config = conda_execute.Config(env_dir="/e", keep_hours=25, engine="auto", condarc=conda_execute.Condarc({}))
    found = [conda_execute.find_terms(config, False, variables) for variables in (one, other)]
    assert (found[0] == found[1]) == is_same
    assert conda_execute.find_terms(config, True, one) != found[0]


BATCHES = {
    "Slurm": ({"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}, "7"),
    "Slurm, requeued": ({"SLURM_ARRAY_JOB_ID": "7", "SLURM_RESTART_COUNT": "2"}, "72"),
    "Slurm, no array": ({"SLURM_JOB_ID": "7"}, ""),
    "LSF": ({"LSB_JOBID": "7", "LSB_JOBINDEX": "3"}, "7"),
    "LSF, no array": ({"LSB_JOBID": "7", "LSB_JOBINDEX": "0"}, ""),
    "Grid Engine": ({"JOB_ID": "7", "SGE_TASK_ID": "3"}, "7"),
    "Grid Engine, no array": ({"JOB_ID": "7", "SGE_TASK_ID": "undefined"}, ""),
    "a variable of that name": ({"JOB_ID": "7"}, ""),
    "PBS": ({"PBS_JOBID": "7[3].server"}, "7"),
    "PBS, no array": ({"PBS_JOBID": "7.server"}, ""),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_an_array_of_jobs_is_told_by_its_scheduler(kind: str) -> None:
    environ, batch = BATCHES[kind]
    assert conda_execute.find_batch(environ) == batch


@pytest.mark.parametrize("code", ["EIO", "ESTALE", "ETIMEDOUT", "EACCES"])
def test_an_env_that_cannot_be_looked_at_for_a_moment_is_not_taken_for_damaged(
    code: str, unbound: conda_execute.Store, env_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = env_dir / HELLO / "conda-meta" / "a-1-0.json"
    record.write_text('{"files": ["bin/a"], "paths_data": {"paths": [{"_path": "bin/a", "path_type": "hardlink"}]}}')
    (env_dir / HELLO / "bin").mkdir()
    (env_dir / HELLO / "bin" / "a").write_text("a")
    unbound.mark(HELLO, [("brings", "bin/a")])
    originals = {name: getattr(os, name) for name in ("stat", "lstat")}

    def fail(name: str, path: object, **options: object) -> object:
        if str(path).endswith("/bin/a"):
            raise OSError(getattr(errno, code), "", path)
        return originals[name](path, **options)

    for name in originals:
        monkeypatch.setattr(os, name, partial(fail, name))
    assert conda_execute.survey(str(env_dir / HELLO))[0] == 1
    assert unbound.find_marker(HELLO)


def test_a_build_that_fails_in_a_deep_folder_fails_once(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    """The note of its builder is longer than most."""
    deep = str(tmp_path.joinpath(*["d" * 200] * 3))
    script = write("a.sh", "hello-conda", "nothing-of-the-kind")
    done = run(script, env={**environ, "CONDA_EXECUTE_ENV_DIR": deep})
    assert done.returncode == 125
    assert done.stderr.count("conda-execute: building ") == 1
    assert "nothing-of-the-kind" in done.stderr.partition("could not build")[2]


def test_what_ran_before_this_kernel_was_started_runs_no_more_on_a_disk_of_its_own(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    """As after a reboot of a laptop, whose env was named to somebody who used it by hand."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    assert run("--tmpenv", "create", "--script", script).returncode == 0
    [mark] = env_dir.glob(f".leases/{HELLO}.shared/*")
    before = mark.rename(mark.with_name("n1-3f9a07c2.71.ended-5"))
    assert run("-f", script, tool=hasten(tmp_path, MOMENT_S=1)).returncode == 125
    set_age(before, time.clock_gettime(time.CLOCK_BOOTTIME) / HOUR + 1)
    assert run("-f", script).stdout == "hello-conda 1.0\n"
    assert not before.exists()
