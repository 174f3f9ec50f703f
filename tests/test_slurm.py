"""A Slurm cluster: the tasks of an array share what one of them builds, whatever becomes of that one.

The cluster is these tests' own, of hosts that share the files of this machine: see tests/hosts.py.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from channel import Package
from conftest import TOOL, wait_until
from hosts import Host, check_machine
from servers import HeldWeb, make_channel

from conda_execute import MARKER

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run, Write
    from servers import Server

    Submit = Callable[..., "Array"]

pytestmark = pytest.mark.once
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
PROGRAMS = {name: str(shutil.which(name)) for name in NEEDED if shutil.which(name)}  # before PATH is cleared
START_S = 30
NAME = socket.gethostname().partition(".")[0]  # slurmctld runs where SlurmctldHost says only
NODES = ("n1", "n2", "n3")
HOSTS = f"127.0.0.1 localhost {NAME} {' '.join(NODES)}\n"
# All listen where their /etc/hosts says, on loopback, each at a port of its own. A requeued task starts when its
# credential has expired.
CONF = """\
ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthInfo=socket={folder}/munge.socket,cred_expire=8
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
NodeName=n1 NodeAddr=127.0.0.1 Port={ports[1]} CPUs=24
NodeName=n2 NodeAddr=127.0.0.1 Port={ports[2]} CPUs=24
NodeName=n3 NodeAddr=127.0.0.1 Port={ports[3]} CPUs=24
PartitionName=main Nodes=ALL Default=YES LLN=YES
"""
BUILDING = "building ([0-9a-f]{20}) with "
START = ("sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')  # HOSTS PROGRAM ARG ...


class Slurm:
    """A cluster, of which nothing is outside a folder; closing the stack ends it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.log = folder, folder / "log"
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        self.variables = {**mine, "SLURM_CONF": f"{folder}/slurm.conf"}
        self.configure()
        hosts = {}
        for number, name in enumerate([NAME, *NODES], 1):
            hosts[name] = Host(name, number, folder / "shared", self.variables, "shared")
            stack.callback(hosts[name].close)
        files = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "pid", "log", "seed")]
        self.start(hosts[NAME], "munged", f"--socket={folder}/munge.socket", *files).wait(START_S)  # it goes on behind
        self.start(hosts[NAME], "slurmctld", "-D")
        for name in NODES:
            self.start(hosts[name], "slurmd", "-D")

    def configure(self) -> None:
        """Write all that the programs have to know."""
        self.folder.chmod(0o755)  # munged insists that its socket can be reached
        for name in ("shared", "state", *NODES):
            (self.folder / name).mkdir(mode=0o755)
        (self.folder / "munge.key").touch(mode=0o600)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "hosts").write_text(HOSTS)
        with ExitStack() as stack:
            servers = [stack.enter_context(socket.create_server(("", 0))) for _ in range(4)]
            ports = [server.getsockname()[1] for server in servers]
        (self.folder / "slurm.conf").write_text(CONF.format(name=NAME, ports=ports, folder=self.folder))

    def start(self, host: Host, name: str, *words: str) -> subprocess.Popen[str]:
        with self.log.open("ab") as log:
            return host.start(*START, self.folder / "hosts", PROGRAMS[name], *words, stdout=log, stderr=log)

    def call(self, name: str, *words: object, **more: str) -> str:
        """Return what a command prints, also if it fails."""
        command, out = [PROGRAMS[name], *map(str, words)], subprocess.PIPE
        done = subprocess.run(command, env={**self.variables, **more}, stdout=out, stderr=subprocess.STDOUT, text=True)
        return done.stdout.strip()


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    check_machine("shared")
    if missing := [name for name in NEEDED if name not in PROGRAMS]:
        pytest.skip("needs Slurm and MUNGE: there is no " + ", ".join(missing))
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as folder, ExitStack() as stack:  # as sockets' paths
        slurm, deadline = Slurm(Path(folder), stack), time.monotonic() + START_S
        while slurm.call("scontrol", "--oneliner", "show", "nodes").count(" State=IDLE ") < len(NODES):
            if time.monotonic() > deadline:
                pytest.skip("Slurm does not start here:\n" + "".join(slurm.log.open(errors="replace").readlines()[-9:]))
            time.sleep(0.1)
        yield slurm


class Array:
    """The tasks of a job, by the logs that they write."""

    def __init__(self, job: str, logs: list[Path], env_dir: Path) -> None:
        self.job, self.logs, self.env_dir = job, logs, env_dir

    def read(self) -> list[str]:
        return [log.read_text() if log.exists() else "" for log in self.logs]

    def find(self, pattern: str) -> list[int]:
        """Return the number of each task that wrote this, as often as it did."""
        return [i for i, text in enumerate(self.read(), 1) for _ in re.findall(pattern, text, re.M)]

    def await_builder(self) -> int:
        """Return the number of the task for which all others wait."""
        wait_until(lambda: len(self.find("waiting for")) == len(self.logs) - 1 and self.find(BUILDING))
        [builder] = self.find(BUILDING)
        return builder

    def check_end(self, code: int, builds: int = 1, gone: int = 0) -> list[str]:
        """All end with this code, but the one that is gone, and have one env or none; return what they wrote."""
        others = {i for i in range(1, len(self.logs) + 1) if i != gone}
        wait_until(lambda: others <= set(self.find("^ended ")))
        texts = self.read()
        assert set(self.find(rf"^ended {code}\n\Z")) - {gone} == others, texts
        assert (len(self.find(BUILDING)), self.find("Traceback")) == (builds, []), texts
        names = set(re.findall(BUILDING, "".join(texts)))
        assert {path.parts[-3] for path in self.env_dir.glob(f"*/{MARKER}")} == (set() if code else names)
        return [texts[i - 1] for i in others]


@pytest.fixture
def submit(slurm: Slurm, environ: Environ, env_dir: Path, tmp_path: Path) -> Iterator[Submit]:
    """Return a function that submits an array: of a job that runs this script, or of the script if it has a shebang."""
    job, script, arrays = tmp_path / "job.sh", tmp_path / "a.py", []
    job.write_text('#!/bin/sh\n"$@"\necho "ended $?"\n')

    def function(text: str, count: int = 24) -> Array:
        script.write_text(text)
        command = [script] if text.startswith("#!") else [job, sys.executable, TOOL, script]
        words = [f"--array=1-{count}", "--parsable", "--requeue", "--open-mode=append", f"--output={tmp_path}/%a.log"]
        number = slurm.call("sbatch", *words, f"--chdir={tmp_path}", *command, **environ)
        assert number.isdigit(), number
        arrays.append(Array(number, [tmp_path / f"{i}.log" for i in range(1, count + 1)], env_dir))
        return arrays[-1]

    yield function
    for array in arrays:
        print(*array.read(), sep="\n")  # which is shown where a test fails
        slurm.call("scancel", array.job)
    wait_until(lambda: not slurm.call("squeue", "--noheader"))


BLOCK = "# conda execute\n# env:\n#  - python >=3\n#  - {}\n"
PEP_723 = '# /// script\n# requires-python = ">=3"\n# [tool.conda]\n# dependencies = ["hello-conda =1.0"]\n# ///\n'
CONDA_SCRIPT = (
    '# /// conda-script\n# channels = ["CHANNEL"]\n# entrypoint = "python ${SCRIPT} ${CACHE}"\n'
    '# [dependencies]\n# hello-conda = "=1.0"\n# python = ">=3"\n# /// end-conda-script\n'
)
DIALECTS = {"conda execute": BLOCK.format("hello-conda =1.0"), "PEP 723": PEP_723, "conda-script": CONDA_SCRIPT}
SLOW = b'#!/bin/sh\ncd "${PREFIX%/*/*}"\n: > begun\nwhile [ -e hold ]; do sleep 0.05; done\n'
CODE = "import os, subprocess\nprint(os.uname()[1], subprocess.check_output('hello-conda').decode(), end='')\n"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_array_builds_its_missing_env_once(submit: Submit, channel: str, dialect: str) -> None:
    texts = submit(DIALECTS[dialect].replace("CHANNEL", channel) + CODE).check_end(0)
    assert {text.splitlines()[-2] for text in texts} == {f"{node} hello-conda 1.0" for node in NODES}


def test_an_array_whose_spec_does_not_exist_fails_with_the_words_of_one_engine(
    submit: Submit, environ: Environ, channel: str
) -> None:
    web = HeldWeb(channel.replace("file://", ""))  # which answers when all wait for the one that asks
    environ.update(CONDA_CHANNELS=web.url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    array = submit(BLOCK.format("no-such-package-at-all"))
    builder = array.await_builder()
    web.go_on.set()
    texts = array.check_end(125)
    web.server.shutdown()
    web.server.server_close()
    reason = texts[builder - 1].split("\n", 1)[1]
    assert "no-such-package-at-all" in reason and all(reason in text for text in texts)


@pytest.mark.parametrize("how", ["scancel", "scontrol requeue"])
def test_if_the_task_that_builds_is_ended_another_builds(
    slurm: Slurm, submit: Submit, environ: Environ, channel: str, tmp_path: Path, how: str
) -> None:
    slow = Package("slow", "1.0", {"bin/.slow-post-link.sh": SLOW}, ["hello-conda =1.0"], noarch="generic")
    environ["CONDA_CHANNELS"] = make_channel(tmp_path / "slow", slow) + "," + channel
    (tmp_path / "hold").touch()
    array = submit(BLOCK.format("slow") + CODE)
    builder = array.await_builder()
    wait_until((tmp_path / "begun").exists)
    slurm.call(*how.split(), f"{array.job}_{builder}")
    wait_until(lambda: len(array.find(BUILDING)) == 2)
    (tmp_path / "hold").unlink()
    texts = array.check_end(0, builds=2, gone=builder if how == "scancel" else 0)
    assert all(" hello-conda 1.0\n" in text for text in texts)


def test_a_schedulers_copies_of_a_script_share_its_cache(submit: Submit, channel: str, env_dir: Path) -> None:
    first, block = f"#!/usr/bin/env -S {sys.executable} {TOOL}\n", CONDA_SCRIPT.replace("CHANNEL", channel)
    code = "import sys\nprint(sys.argv[0], file=open(sys.argv[1] + '/copies', 'a'))\nprint('ended 0')\n"
    submit(first + block + code, 8).check_end(0)
    [cache] = env_dir.glob("*/.cache/*")
    assert len(set((cache / "copies").read_text().splitlines())) == 8


def test_srun_starts_a_script_on_each_node_of_a_job(submit: Submit, write: Write) -> None:
    script = write("b.py", CODE, "python >=3", "hello-conda =1.0")
    command = f"srun --nodes=3 --ntasks=3 {sys.executable} {TOOL} {script}"
    [text] = submit(f'#!/bin/sh\n#SBATCH --nodes=3 --ntasks=3\n{command}\necho "ended $?"\n', 1).check_end(0)
    lines = [line for line in text.splitlines() if line.endswith(" hello-conda 1.0")]
    assert sorted(lines) == [f"{node} hello-conda 1.0" for node in NODES], text


def test_a_node_without_network_runs_what_was_built_where_there_is_one(
    run: Run, submit: Submit, write: Write, environ: Environ, server: Server, tmp_path: Path
) -> None:
    environ.update(CONDA_CHANNELS=server.url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    script = write("b.py", CODE, "python >=3", "hello-conda =1.0")
    command = f"unshare --net {sys.executable} {TOOL} {script}"
    job = f'#!/bin/sh\n{command}\necho "ended $?"\n'
    [text] = submit(job, 1).check_end(125)
    assert f"{server.url} could not be reached\n" in text
    assert '"conda-tmpenv create --script SCRIPT" on a login node builds it for all nodes\n' in text
    assert run("--tmpenv", "create", "--script", script).returncode == 0
    (tmp_path / "1.log").unlink()
    array = submit(job, 1)
    wait_until(lambda: bool(array.find("^ended ")))
    assert re.fullmatch("n[123] hello-conda 1.0\nended 0\n", array.read()[0]), array.read()
