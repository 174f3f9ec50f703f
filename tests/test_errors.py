"""Errors and Text: what a person is told has no secret in it, no control character, and stops no run."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import HELLO_1, find_collectors, wait_until
from hosts import hasten
from servers import PASSWORD, TOKEN, find_secrets

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Run, Write
    from servers import Server


TMPENV = ("--help", "list", "list --json", "name python")


@pytest.fixture
def address(server: Server) -> str:
    """Return the address of the channel with a name, a password and a token in it, behind which a folder may stand."""
    server.token = TOKEN
    return server.url.replace("//", f"//bob:{PASSWORD}@") + f"/t/{TOKEN}/"


WAYS = {
    "in the block": lambda address, environ: f"# channels: [{address}, nodefaults]\n",
    "in a variable": lambda address, environ: environ.update(CONDA_CHANNELS=address) or "",
    "in front of a spec": lambda address, environ: environ.update(CONDA_CHANNELS=address) or "",
}
KINDS = {"it works": "", "401": "401/", "403": "403/", "404": "404/", "no such package": "", "nobody answers": "gone"}
CASES = [(kind, "in the block") for kind in KINDS]
CASES += [(kind, way) for kind in ("it works", "no such package") for way in WAYS if way != "in the block"]


@pytest.mark.once
@pytest.mark.parametrize("kind, way", CASES)
def test_no_secret_of_a_channel_is_shown_or_stored(
    kind: str, way: str, run: Run, write: Write, environ: Environ, env_dir: Path, address: str
) -> None:
    url = address + KINDS[kind]
    if kind == "nobody answers":
        url = f"http://bob:{PASSWORD}@127.0.0.1:9/t/{TOKEN}/main"
    more = WAYS[way](url, environ)
    spec = "nothing-of-the-kind" if kind == "no such package" else "hello-conda =1.0"
    spec = f"{url}::{spec}" if way == "in front of a spec" else spec
    script = write("a.sh", "hello-conda", spec, more=more)
    commands = [["-n", script], ["-n", "--json", script], ["-v", script], [script], ["-f", script]]
    commands += [["--tmpenv", "list"], ["--tmpenv", "list", "--json"], ["--tmpenv", "clear", "--all"]]
    texts = []
    for words in commands:
        done = run(*words, env={**environ, "CONDA_EXECUTE_DEBUG": "1"} if words == [script] else environ)
        texts += [done.stdout, done.stderr]
        if words == ["-v", script] and way != "in front of a spec":
            assert (done.returncode == 0) == (kind == "it works"), done.stderr
    assert find_secrets(env_dir, *texts) == []


@pytest.mark.once
@pytest.mark.parametrize(
    "text, shown",
    [
        ("https://me:a%40b@host:8080/x", "https://***@host:8080/x"),
        ("https://me:a@b@host/x", "https://***@host/x"),
        ("(http://host/t/abc/pkgs/main)", "(http://host/t/***/pkgs/main)"),
        ('"url": "ftp://u:p@h/t/x"', '"url": "ftp://***@h/t/***"'),
        ("file:///home/t/abc", "file:///home/t/abc"),
        ("http://host/raw?token=a&b=c#sha256=ab is", "http://host/raw?***#sha256=ab is"),
        ("is it at http://host/x? or y", "is it at http://host/x? or y"),
        ("a 403\nAuthorization: Bearer abc\nb", "a 403\nAuthorization: ***\nb"),
        ("me@host.org wrote a://b", "me@host.org wrote a://b"),
        ("https://a:b@c https://d:e@f", "https://***@c https://***@f"),
    ],
)
def test_passwords_and_tokens_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert conda_execute.mask(text) == shown


@pytest.mark.parametrize("length", [10, 40, 55, 80, 200])
@pytest.mark.parametrize("margin", [0, 30, 70, 120])
def test_of_what_is_cut_no_part_of_a_password_is_left(length: int, margin: int) -> None:
    """Whether a message cuts it, or the line that is shown below."""
    password = "7" * length
    url = f"https://me:{password}@host.example/channel"
    line = conda_execute.Line("a.py", 1, "#" * margin + url)
    for at in range(0, len(line.raw), 5):
        text = str(line.expected(at, "a channel", found=conda_execute.quote(url)))
        assert "77" not in text
        assert text.splitlines()[1].strip() != "1 |"


def test_a_password_is_masked_as_it_is_written_and_as_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_execute, "SECRETS", set())
    conda_execute.learn_secrets(["https://me:p%40ssword@host/t/to-ken/main", "https://me:ab@host/"])
    assert conda_execute.mask("p%40ssword p@ssword to-ken ab") == "*** *** *** ab"


@pytest.mark.once
def test_names_and_words_of_others_are_shown_without_control_characters(
    run: Run, write: Write, env_dir: Path, tmp_path: Path
) -> None:
    script, tool = write("a.sh", "hello-conda", "hello-conda =1.0"), hasten(tmp_path, BUILDER_GRACE_S=1)
    run("-q", script)
    wait_until(lambda: not find_collectors(env_dir))
    folder = env_dir / ".leases" / f"{HELLO_1}.shared"
    folder.mkdir(exist_ok=True)
    (folder / "\x1b[31mn1-3f9a07c2.71.5-3").touch()
    for words in (["-f", script], ["--tmpenv", "clear", "--all"]):
        done = run(*words, timeout=60, tool=tool)
        assert done.returncode == 125
        assert "found process 71 on ?[31mn1-3f9a07c2\n" in done.stderr
        assert f"rm -r {env_dir / HELLO_1}\n" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stderr_that_takes_nothing_stops_no_script(run: Run, write: Write) -> None:
    script = write("a.sh", "exit 7", "hello-conda")
    with Path("/dev/full").open("w") as full:
        assert run("-v", script, stderr=full).returncode == 7
        assert run("gone.py", stderr=full).returncode == 125


@pytest.mark.once
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["-n", "a.sh"], *(["--tmpenv", *one.split()] for one in TMPENV)]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stdout_that_takes_nothing_is_named(
    words: list[str], buffered: str, run: Run, write: Write, environ: Environ
) -> None:
    write("a.sh", "exit 7", "hello-conda")
    environ["PYTHONUNBUFFERED"] = buffered
    text = "expected standard output to take what is printed, found: No space left on device"
    with Path("/dev/full").open("w") as full:
        done = run(*words, stdout=full)
    assert done.returncode == 125
    assert done.stderr == f"conda-execute: {text}\n  have it lead to another place: > FILE\n"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_limit_of_open_files_is_told_apart_from_memory(number: int) -> None:
    assert "ulimit -n" in conda_execute.find_scarce_hint(OSError(number, ""))
