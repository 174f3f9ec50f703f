"""Envs, on many hosts: nothing is built twice, and who waits for a builder goes on when it dies, or fails as it did.

HOSTS_ROUNDS=30 starts on a missing env more often than the suite does.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
from channel import Package, hello_conda
from conftest import MARKER, TOOL, wait_until
from hosts import Host, count_builds, every_lock, execute, hasten, not_one_lock
from servers import HeldWeb, make_channel

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Write

    Begin = Callable[..., "tuple[subprocess.Popen[str], Path]"]
    MakeHost = Callable[..., Host]

pytestmark = pytest.mark.once

# -- nothing is built twice


ROUNDS = int(os.environ.get("HOSTS_ROUNDS", "3"))
SEED = 20261128


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


STALE_S = 4  # in place of ten minutes


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
        end = time.monotonic() + STALE_S + 1
        wait_until(lambda: time.monotonic() > end)

    def wait(self) -> None:
        """Wait until the waiter has what it waited for, built by whomever, within the time of the dead and some."""
        output, _ = self.waiter.communicate(timeout=STALE_S + 30)
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
    return Builder(host, begin, tmp_path, script, hasten(tmp_path, STALE_S=STALE_S))


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


@pytest.fixture
def web(slow_channel: str, environ: Environ) -> Iterator[HeldWeb]:
    web = HeldWeb(urlparse(slow_channel).path)
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
    host: MakeHost, begin: Begin, write: Write, web: HeldWeb, hosts: int, count: int
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
