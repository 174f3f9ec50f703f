"""Hosts: nothing that is in use on any of them is removed, whatever their locks and clocks are worth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import DAY_H, HELLO_1, HOUR, MARKER, find_collectors, make_env, set_age, wait_until
from hosts import (
    Host,
    collect_on,
    end_job,
    every_lock,
    execute,
    hasten,
    let_pass_on,
    not_one_lock,
    settle,
    start_job,
    use_on,
)

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Rows, Run, Write

    MakeHost = Callable[..., Host]

pytestmark = pytest.mark.once

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


def check_refusal(done: subprocess.CompletedProcess[str], env_dir: Path, name: str, pid: str) -> None:
    """It is refused, and the message names host and process, the one of usage.tsv."""
    assert done.returncode == 125, done.stdout
    text = done.stderr.replace(str(env_dir), "")
    assert re.search(rf"\b{name}\b", text), done.stderr
    assert re.search(rf"\b{pid}\b", text), done.stderr


JOB = 'echo $$ > "$READY.part"; mv "$READY.part" "$READY"; while [ ! -e "$STOP" ]; do sleep 0.02; done; hello-conda'


@every_lock
def test_a_job_stays_in_its_env_whatever_other_hosts_do(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, rows: Rows
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    script = write("a.sh", JOB, "hello-conda =1.0")
    job = start_job(a, tmp_path, script)
    inode = (env_dir / HELLO_1).stat().st_ino
    [pid] = [row[3] for row in rows() if row[1] == "run"]
    assert pid == (tmp_path / "ready").read_text().strip()
    let_pass_on(b, env_dir, 30)
    for one in (b, c):
        collect_on(one)
        collect_on(one, "0.0001")
    assert (env_dir / HELLO_1 / MARKER).exists()
    check_refusal(execute(b, "--tmpenv", "clear", "--all"), env_dir, "n1", pid)
    check_refusal(execute(c, "--force-env", script, tool=hasten(tmp_path, BUILDER_GRACE_S=1)), env_dir, "n1", pid)
    collect_on(b, "0")
    assert (env_dir / HELLO_1 / MARKER).exists()
    assert (env_dir / HELLO_1).stat().st_ino == inode
    end_job(job, tmp_path)


@pytest.mark.parametrize("jobs, others", [("shared", "own"), ("own", "shared"), ("shared", "none"), ("none", "shared")])
def test_a_job_stays_in_its_env_though_another_host_has_other_locks(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, jobs: str, others: str
) -> None:
    """As between a file server, to which the folder is a disk of its own, and those who mount it."""
    a, b = host("n1", locks=jobs), host("n2", locks=others)
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass_on(b, env_dir, 30)
    for _ in range(2):
        collect_on(b)
        assert (env_dir / HELLO_1 / MARKER).exists()
    assert execute(b, "--tmpenv", "clear", "--all").returncode == 125
    assert (env_dir / HELLO_1 / MARKER).exists()
    end_job(job, tmp_path)


@every_lock
def test_a_job_stays_in_its_env_though_another_host_has_the_same_name(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    a, b = host("n1"), host("n1")
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass_on(b, env_dir, 30)
    for _ in range(2):  # the first may have taken away what told of the job
        collect_on(b)
        assert (env_dir / HELLO_1 / MARKER).exists()
    assert execute(b, "--tmpenv", "clear", "--all").returncode == 125
    assert (env_dir / HELLO_1 / MARKER).exists()
    end_job(job, tmp_path)


def test_what_was_idle_everywhere_goes_at_once_where_locks_are_shared(
    host: MakeHost, write: Write, env_dir: Path
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    use_on(a, b, script=write("a.sh", "hello-conda", "hello-conda =1.0"))
    let_pass_on(c, env_dir, 24)
    collect_on(c)
    assert (env_dir / HELLO_1 / MARKER).exists()
    let_pass_on(c, env_dir, 2)
    collect_on(c)
    assert not (env_dir / HELLO_1).exists()


@not_one_lock
def test_what_was_idle_everywhere_goes_after_30_days_where_no_lock_says_so(
    host: MakeHost, write: Write, env_dir: Path
) -> None:
    a, b, c = host("n1"), host("n2"), host("n3")
    use_on(a, b, script=write("a.sh", "hello-conda", "hello-conda =1.0"))
    for hours in (26, 29 * DAY_H - 26):
        let_pass_on(c, env_dir, hours)
        collect_on(c)
        assert (env_dir / HELLO_1 / MARKER).exists()
    let_pass_on(c, env_dir, 2 * DAY_H)
    collect_on(c)
    assert not (env_dir / HELLO_1).exists()


@not_one_lock
def test_what_tells_of_uses_does_not_pile_up(host: MakeHost, write: Write, env_dir: Path) -> None:
    a, script = host("n1"), write("a.sh", "hello-conda", "hello-conda =1.0")
    counts = []
    for uses in (1, 5):
        use_on(*[a] * uses, script=script)
        collect_on(a)
        counts.append(len([*(env_dir / ".leases").rglob("*")]))
    assert counts[0] == counts[1]
    assert (env_dir / HELLO_1 / MARKER).exists()


# -- clocks


@pytest.mark.parametrize("clock_s", [DAY_H * HOUR, -DAY_H * HOUR], ids=["ahead", "behind"])
def test_a_host_whose_clock_is_wrong_removes_nothing_and_runs_scripts(
    host: MakeHost, write: Write, env_dir: Path, tmp_path: Path, clock_s: int
) -> None:
    a, wrong = host("n1"), host("n2", clock_s)
    job = start_job(a, tmp_path, write("a.sh", JOB, "hello-conda =1.0"))
    let_pass_on(a, env_dir, 3)
    recent, old = make_env(env_dir, "a" * 20, age_h=1), make_env(env_dir, "b" * 20, age_h=30)
    collect_on(wrong, "2")
    assert all((path / MARKER).exists() for path in (env_dir / HELLO_1, recent, old))
    script = write("b.sh", "hello-conda", "hello-conda =2.0")
    for _ in range(2):  # it is built, and it is there
        done = execute(wrong, "-q", script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 2.0\n", "")
    settle(a, wrong)
    collect_on(wrong, "2")
    assert old.exists()
    collect_on(a, "2")
    assert not old.exists()
    assert (env_dir / HELLO_1 / MARKER).exists() and (recent / MARKER).exists()
    assert (env_dir / conda_execute.find_name(["hello-conda =2.0"]) / MARKER).exists()
    end_job(job, tmp_path)


# -- what others have left


STRANGE_HOSTS = [
    b"h" * 64, b"node-1.rack-2.example.org", b"-n-.1--2", b"n\xf6de-\xff", "knöten".encode(), b"1.2.3.4", b"n1-3f9a",
]  # fmt: skip


def leave_rows(env_dir: Path, name: str) -> None:
    """Leave the rows of hosts with strange names, and such as were torn."""
    row = b"%d\trun\t%s\t71\t%s\t/a.sh\n"
    whole = [row % (time.time(), name.encode(), stranger) for stranger in STRANGE_HOSTS]
    torn = [one[: len(one) // 2] + b"\n" for one in whole] + [whole[0][:-20]]
    with (env_dir / "usage.tsv").open("ab") as f:
        f.write(b"".join(whole + torn))


def leave_marks(env_dir: Path, name: str, missing: str) -> None:
    """Leave marks and notes as other hosts and former versions wrote them; that of a builder an hour ago."""
    leases = env_dir / ".leases"
    for i, stranger in enumerate(STRANGE_HOSTS):
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
    leave_rows(env_dir, HELLO_1)
    leave_marks(env_dir, HELLO_1, conda_execute.find_name(["hello-conda ==1.0"]))
    use_on(b, script=script)
    use_on(b, script=other)
    listed = execute(b, "--tmpenv", "list")
    assert (listed.returncode, listed.stderr) == (0, "") and HELLO_1 in listed.stdout
    for hours in (26, 29 * DAY_H - 26):
        let_pass_on(b, env_dir, hours)
        collect_on(b)
        assert (env_dir / HELLO_1 / MARKER).exists() or locks == "shared"
    let_pass_on(b, env_dir, 2 * DAY_H)
    collect_on(b)
    assert not (env_dir / HELLO_1).exists()
    use_on(b, script=script)


def test_a_dry_run_of_clear_names_who_is_in_the_way_on_another_host(run: Run, write: Write, env_dir: Path) -> None:
    run("-q", write("a.sh", "hello-conda", "hello-conda =1.0"))
    wait_until(lambda: not find_collectors(env_dir))
    folder = env_dir / ".leases" / f"{HELLO_1}.shared"
    folder.mkdir(exist_ok=True)
    (folder / "n1-3f9a07c2.71.5-3").touch()
    for words in (["--dry-run"], []):
        done = run("--tmpenv", "clear", "--all", *words)
        assert (done.returncode, done.stdout) == (125, "")
        assert "found process 71 on n1-3f9a07c2\n" in done.stderr


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
    assert conda_execute.find_flock_scope("/scratch/envs") == worth


def test_a_disk_that_an_nfs_server_may_export_is_not_its_own_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clients' locks do not meet flock(2) on the server."""
    monkeypatch.setattr(conda_execute, "read_mounts", lambda: [("/", "xfs", ["rw"])])
    monkeypatch.setattr(conda_execute, "NFS_SERVER", str(tmp_path))
    assert conda_execute.find_flock_scope("/home/me/tmp_envs") == ""


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
