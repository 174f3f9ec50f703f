"""Log: no row is lost or torn, any bytes are read, and damage removes nothing and stops nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    HEADER,
    HELLO,
    HELLO_1,
    HOUR,
    ROOT,
    SEED,
    make_env,
    make_store,
    mounted,
    names,
    needs_root,
    write_row,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import conda_execute

pytest.importorskip("fcntl", reason="locks, owners and signals of POSIX")

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Collect, Environ, Rows, Run, Write


def test_a_path_with_tabs_newlines_and_backslashes_is_one_field(run: Run, write: Write, env_dir: Path) -> None:
    run("-q", write("a\tb\nc\\d\\te.sh", "", "hello-conda"))
    lines = (env_dir / "usage.tsv").read_bytes().split(b"\n")
    assert [len(line.split(b"\t")) for line in lines] == [6, 6, 6, 1]
    assert lines[1].endswith(rb"/a\tb\nc\\d\\te.sh")


def make_damage(path: Path, kind: str) -> None:
    """Leave a log in one of the ways in which logs are found."""
    old = write_row("a" * 20, 100) + write_row("b" * 20, 100)
    contents = {
        "empty": b"",
        "binary": bytes(random.Random(SEED).randrange(256) for _ in range(9999)),
        "a torn last line": HEADER + old + write_row("a" * 20, 0)[:30],
        "a torn time": HEADER + old + b"9",
        "a line of 1 MiB": HEADER + old + b"x" * (1 << 20) + b"\n" + old,
        "a row of 1 MiB": HEADER + old + write_row("a" * 20, 100)[:-1] + b"x" * (1 << 20) + b"\n",
        "wrong columns": HEADER + b"1\trun\n\t\t\t\t\t\n\t\t\t\t\t\t\t\n" + old + b"x\t" * 6 + b"\n",
        "times in the past": HEADER + b"0\trun\t%s\t1\th\t/a\n" % (b"a" * 20) * 3,
        "negative times": HEADER + b"-5\trun\t%s\t1\th\t/a\n" % (b"a" * 20) + old,
        "times of 400 digits": HEADER + old + b"%s\trun\t%s\t1\th\t/a\n" % (b"9" * 400, b"a" * 20),
        "times of 5000 digits": HEADER + old + b"%s\trun\t%s\t1\th\t/a\n" % (b"9" * 5000, b"a" * 20),
        "no header": old,
        "a header in the middle": old + HEADER + old,
        "Windows's line ends": (HEADER + old).replace(b"\n", b"\r\n"),
        "no line ends": (HEADER + old).replace(b"\n", b""),
        "zeros": bytes(1 << 16),
    }
    path.unlink()
    if kind in contents:
        path.write_bytes(contents[kind])
    elif kind == "a directory":
        path.mkdir()
    elif kind == "a symlink to elsewhere":
        (path.parent.parent / "elsewhere").write_bytes(HEADER + old)
        path.symlink_to(path.parent.parent / "elsewhere")
    elif kind == "a symlink to nowhere":
        path.symlink_to("nowhere")
    elif kind == "a symlink to itself":
        path.symlink_to(path)
    elif kind == "unreadable":
        path.write_bytes(HEADER + old)
        path.chmod(0)


DAMAGES = [
    "missing", "empty", "binary", "a torn last line", "a torn time", "a line of 1 MiB", "a row of 1 MiB",
    "wrong columns", "times in the past", "negative times", "times of 400 digits", "times of 5000 digits", "no header",
    "a header in the middle", "Windows's line ends", "no line ends", "zeros", "a directory", "a symlink to elsewhere",
    "a symlink to nowhere", "a symlink to itself", "unreadable",
]  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_log_causes_no_removal_and_stops_nothing(
    run: Run, write: Write, collect: Collect, env_dir: Path, kind: str
) -> None:
    """The marker's time counts: a fresh one keeps an env that the log calls old; collection still works."""
    fresh, old = make_env(env_dir, "a" * 20), make_env(env_dir, "b" * 20, 100)
    make_damage(env_dir / "usage.tsv", kind)
    collect("25")
    assert fresh.exists()
    assert not old.exists()
    assert names(env_dir / ".trash") == []
    done = run("-q", write("a.sh", "hello-conda", "hello-conda =1.0"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello-conda 1.0\n", "")
    listed = run("--tmpenv", "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "a" * 20 in listed.stdout
    assert fresh.exists()


def test_times_in_the_future_cause_no_removal_and_stop_no_other(collect: Collect, env_dir: Path) -> None:
    ahead, old = make_env(env_dir, "a" * 20, 100), make_env(env_dir, "b" * 20, 100)
    (env_dir / "usage.tsv").write_bytes(HEADER + write_row(ahead.name, -1e6) + write_row(old.name, 100))
    collect("25")
    assert ahead.exists()
    assert not old.exists()


def test_a_fresh_row_counts_where_the_marker_is_old(collect: Collect, env_dir: Path) -> None:
    """The marker of another user's env cannot be dated by who runs it."""
    used = make_env(env_dir, "a" * 20, 100)
    (env_dir / "usage.tsv").write_bytes(HEADER + write_row(used.name, 1) + b"1\trun\ttorn")
    collect("25")
    assert used.exists()


APPENDER = """\
import sys, time
import conda_execute
store = conda_execute.Store(sys.argv[1], 90000.0, conda_execute.Progress(False, True))
sys.stdin.readline()
for i in range(int(sys.argv[4])):
    assert store.append("run", sys.argv[2], "/%s/%d" % (sys.argv[3], i))
    time.sleep(0.0005)
"""


def test_a_log_beyond_1_mib_is_rewritten_and_no_row_is_lost(
    env_dir: Path, environ: Environ, rows: Rows, send: Callable[[float, float], Callable[[], str]]
) -> None:
    """Eight processes append while others rewrite the log again and again; 20 rows of each environment stay."""
    kept, count, environ = make_env(env_dir, "a" * 20), 1000, {**environ, "PYTHONPATH": str(ROOT)}
    others = [make_env(env_dir, f"{i:020}") for i in range(8)]
    filler = b"".join(write_row(kept.name, 1, "/same") + write_row("b" * 20, 1, "/gone") for _ in range(14000))
    (env_dir / "usage.tsv").write_bytes(HEADER + filler + write_row(kept.name, 0, "/last"))
    send(25, 0)()
    commands = [[sys.executable, "-c", APPENDER, str(env_dir), others[i].name, f"{i}", f"{count}"] for i in range(8)]
    appenders = [subprocess.Popen(command, env=environ, stdin=subprocess.PIPE) for command in commands]
    for appender in appenders:
        assert appender.stdin is not None
        appender.stdin.write(b"\n")
        appender.stdin.close()
    while any(appender.poll() is None for appender in appenders):
        for letter in "cdef":  # something to remove, which takes a while
            make_env(env_dir, letter * 20, 100)
        with (env_dir / "usage.tsv").open("ab", buffering=0) as f:
            f.write(filler)  # so that the log has to be rewritten again
        send(25, 0)()
    assert [appender.wait() for appender in appenders] == [0] * 8
    send(25, 0)()
    found = [row[5] for row in rows()]
    expected = {f"/{i}/{j}" for i in range(8) for j in range(count - 18, count)} | {"/same", "/last"}
    assert expected - set(found) == set()
    assert "/gone" not in found
    assert (env_dir / "usage.tsv").stat().st_size < 1 << 20
    assert (env_dir / "usage.tsv").read_bytes().startswith(HEADER)
    left = {"README", ".leases", ".trash", kept.name, "usage.tsv", *(one.name for one in others)}
    assert set(names(env_dir)) <= left


def test_a_log_below_1_mib_is_left_as_it_is(collect: Collect, env_dir: Path) -> None:
    make_env(env_dir, "a" * 20)
    content = HEADER + b"".join(write_row("b" * 20, 1, f"/{i}") for i in range(9000))
    (env_dir / "usage.tsv").write_bytes(content)
    collect("25")
    assert (env_dir / "usage.tsv").read_bytes() == content


LOG_ROWS = st.builds(
    write_row, st.sampled_from(["a" * 20, "b" * 20, ""]), st.integers(-10, 10), st.text(st.characters(codec="utf-8")),
    st.sampled_from(["create", "run", "remove"]),
)  # fmt: skip


def read_log(content: bytes) -> list[dict[str, dict[str | bytes, tuple[int, bytes]]]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "usage.tsv").write_bytes(content)
        uses = make_store(Path(folder)).read_uses()
        return [uses.scripts, uses.hosts]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LOG_ROWS), st.data())
def test_any_prefix_of_a_log_is_readable(rows: list[bytes], data: st.DataObject) -> None:
    """It says what the whole rows in it say."""
    whole = HEADER + b"".join(rows)
    end = data.draw(st.integers(0, len(whole)))
    complete = whole[: whole.rfind(b"\n", 0, end) + 1]
    assert read_log(whole[:end]) == read_log(complete)


DIGITS = st.builds(lambda digit, count: digit * count, st.sampled_from([b"1", b"0", b"\xb2"]), st.integers(0, 6000))
FIELDS = st.one_of(st.binary(max_size=9), DIGITS, st.sampled_from([b"run", b"a" * 20, b"/a"]))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(), st.lists(st.lists(FIELDS, max_size=7).map(b"\t".join)).map(b"\n".join)))
def test_any_bytes_are_read_as_a_log(content: bytes) -> None:
    for uses in (uses for table in read_log(content + b"\n") for uses in table.values()):
        for when, row in uses.values():
            assert float(when) >= 0
            assert row.count(b"\t") == 5


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec="utf-8")), st.text(max_size=5000, alphabet="a\t\n\\é"))
def test_a_row_is_one_line_of_six_fields_below_4096_bytes(short: str, long: str) -> None:
    for script in (short, long, short + "\udcff"):
        row = conda_execute.format_use(1, "run", "a" * 20, 2**22, "h" * 64, script)
        assert len(row) < 4096
        assert (row.count(b"\n"), row.count(b"\t"), row[-1:]) == (1, 5, b"\n")
        if len(row) < 3000:
            assert conda_execute.unescape(row[:-1].split(b"\t")[5]) == script


@needs_root
def test_a_log_that_has_no_room_stops_no_run(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    with mounted(env_dir, "-t", "tmpfs", "-o", "size=1m,mode=755", "none"):
        run(script)
        with suppress(OSError), (env_dir / "filler").open("wb") as f:
            f.write(b"x" * (2 << 20))
        with suppress(OSError), (env_dir / "usage.tsv").open("ab", buffering=0) as f:
            while f.write(b"x"):
                pass
        done = run("-v", script)
        assert done.stdout == "hello-conda 1.0\n"
        assert f"could not write to {env_dir}/usage.tsv" in done.stderr


# -- how many rows are kept, and of whom


@pytest.mark.once
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


@pytest.mark.once
@pytest.mark.parametrize("event, users", [("create", {"n2-00", "n3-00"}), ("remove", {"n3-00"})])
def test_who_used_an_env_before_it_was_made_or_removed_is_none_of_its_users(event: str, users: set[str]) -> None:
    uses = [("run", "n1-00"), (event, "n2-00"), ("run", "n3-00")]
    rows = [conda_execute.format_use(i, what, "a" * 20, i, host, "/a.py") for i, (what, host) in enumerate(uses)]
    assert set(conda_execute.Uses(b"".join(rows)).hosts["a" * 20]) == users


def add_row(store: conda_execute.Store, event: str, host: str, age_h: float) -> None:
    row = conda_execute.format_use(int(time.time() - age_h * HOUR), event, HELLO_1, 7, host, "/a.sh")
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


@pytest.mark.once
@pytest.mark.parametrize("kind", LOGS)
def test_an_env_goes_before_30_days_only_where_the_log_tells_of_every_use(
    kind: str, unbound: conda_execute.Store, env_dir: Path
) -> None:
    rows, goes = LOGS[kind]
    for row in rows:
        add_row(unbound, *row)
    unbound.collect()
    assert (env_dir / HELLO_1).exists() != goes


@pytest.mark.once
def test_rows_of_a_clock_that_is_ahead_are_dated_anew_and_not_forgotten(
    unbound: conda_execute.Store, env_dir: Path
) -> None:
    add_row(unbound, "create", "n1-3f9a07c2", -30)
    unbound.compact_log(unbound.path("usage.tsv"))
    [[when, row]] = unbound.read_uses().hosts[HELLO_1].values()
    assert abs(when - time.time()) < 60
    assert b"\tn1-3f9a07c2\t" in row


def test_a_pipe_in_the_place_of_the_log_holds_nobody_up(run: Run, write: Write, env_dir: Path) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    run(script)
    (env_dir / "usage.tsv").unlink()
    os.mkfifo(str(env_dir / "usage.tsv"))
    assert run(script, timeout=60).stdout == "hello-conda 2.0\n"
    assert HELLO in run("--tmpenv", "list", timeout=60).stdout
