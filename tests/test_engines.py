"""Orders, Engines, Failures, Progress: from specs to an environment, by real solves; why one fails, in words."""

from __future__ import annotations

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import pytest
from conftest import CONDA, FILE, NO_CONDA, ROOT, entries, every_engine, make_conda, names, set_age, wait_until
from hosts import hasten
from servers import serving

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Rows, Run, Write


MEND = "mend it, or add the channel that has it"
EXAMPLE = """\
#!/usr/bin/env python

# conda execute
# env:
#  - python >=3
#  - numpy

import numpy as np

print(np.random.poisson(size=5))
"""


def is_five_numbers(text: str) -> bool:
    return text[0] == "[" and text[-2:] == "]\n" and len(text[1:-2].split()) == 5 and text.count("\n") == 1


@every_engine
def test_the_announcements_example_runs_and_its_second_run_builds_nothing(
    run: Run, tmp_path: Path, env_dir: Path, rows: Rows
) -> None:
    (tmp_path / "my_script.py").write_text(EXAMPLE)
    prefix = env_dir / "ea977067a8fbeb21a594"
    said = f"Using specification: \nenv: [python >=3, numpy]\nrun_with: [/usr/bin/env, python]\n\nPrefix: {prefix}\n\n"
    first = run("-v", "my_script.py")
    assert is_five_numbers(first.stdout), first.stderr
    assert first.stderr.startswith(said)
    second = run("-v", "my_script.py")
    assert is_five_numbers(second.stdout)
    assert second.stderr == said
    assert [row[1] for row in rows()] == ["create", "run", "run"]
    assert {row[2] for row in rows()} == {prefix.name}


@every_engine
def test_packages_are_linked_for_the_place_where_they_lie(run: Run, write: Write, env_dir: Path) -> None:
    """A prefix that is renamed after linking would still name its old place in such files."""
    script = write(
        "where.sh", 'cat "$CONDA_PREFIX/share/hello-conda/prefix.txt"; entry-point-demo', "hello-conda", "entry-point"
    )
    done = run(script)
    prefix = str(env_dir / entries(env_dir)[0])
    assert done.stdout.splitlines() == [prefix, prefix], done.stderr


@every_engine
def test_a_failed_solve_prints_the_engines_explanation_and_leaves_no_prefix(
    run: Run, write: Write, env_dir: Path, engine: str
) -> None:
    done = run(write("bad.sh", "exit 0", "no-such-dependency"))
    assert done.returncode == 125
    assert done.stdout == ""
    assert f": {engine.split('-')[0]} could not build the environment" in done.stderr
    if engine != "conda-classic":  # whose whole explanation is that it could not
        assert "a-package-that-is-not-there >=9" in done.stderr
    assert "Traceback" not in done.stderr
    assert entries(env_dir) == []


@every_engine
def test_an_unreachable_channel_is_told(run: Run, write: Write, env_dir: Path) -> None:
    more = "# channels:\n#  - file:///nowhere\n#  - nodefaults\n"
    done = run(write("bad.sh", "exit 0", "hello-conda", more=more))
    assert (done.returncode, done.stdout, entries(env_dir)) == (125, "", [])
    assert "file:///nowhere" in done.stderr


@every_engine
def test_the_cause_of_a_solve_that_fails_is_told_in_one_paragraph(run: Run, write: Write) -> None:
    done = run("-q", write("bad.sh", "exit 0", "hello-conda =1.0", "hello-conda =2.0"))
    assert done.returncode == 125
    assert "hello-conda" in done.stderr
    assert "\n\n" not in done.stderr


@every_engine
def test_conda_does_not_know_of_the_environment(run: Run, write: Write, home: Path) -> None:
    known = home / ".conda" / "environments.txt"
    before = known.read_text() if known.exists() else ""
    assert run(write("hello.sh", "hello-conda", "hello-conda")).returncode == 0
    assert (known.read_text() if known.exists() else "") == before


@every_engine
def test_default_packages_of_condarc_stay_out(run: Run, write: Write, home: Path, env_dir: Path) -> None:
    (home / ".condarc").write_text("create_default_packages: [hello-conda]\n")
    assert run(write("a.sh", "exit 0", "activated")).returncode == 0
    assert not (env_dir / entries(env_dir)[0] / "bin" / "hello-conda").exists()


@every_engine
def test_the_channels_of_the_block_come_first_and_nodefaults_leaves_the_others_out(
    run: Run, write: Write, environ: Environ, channel: str
) -> None:
    environ["CONDA_CHANNELS"] = "file:///nowhere"
    more = f"# channels:\n#  - {channel}\n#  - nodefaults\n"
    done = run(write("hello.sh", "hello-conda", "hello-conda =1.0", more=more))
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@every_engine
def test_the_channel_in_front_of_a_spec_is_searched(run: Run, write: Write, environ: Environ, channel: str) -> None:
    environ["CONDA_CHANNELS"] = channel + "/../empty"
    for subdir in ("noarch", "linux-64"):
        folder = Path(urlparse(channel).path).parent / "empty" / subdir
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "repodata.json").write_text('{"packages": {}, "packages.conda": {}}')
    done = run(write("hello.sh", "hello-conda", f"{channel}::hello-conda =1.0"))
    assert done.stdout == "hello-conda 1.0\n", done.stderr


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
@pytest.mark.parametrize("engine", ["conda-classic"], indirect=True)
def test_the_environment_list_of_a_real_conda_stays_as_it_was(run: Run, write: Write, environ: Environ) -> None:
    def listed() -> object:
        return json.loads(
            subprocess.run([CONDA, "env", "list", "--json"], env=environ, stdout=subprocess.PIPE, check=True).stdout
        )["envs"]

    before = listed()
    assert run(write("hello.sh", "hello-conda", "hello-conda")).returncode == 0
    assert listed() == before


# -- why one failed


MISSING = {
    "a typo": (["hello-condaa"], 'no package is "hello-condaa" (there is hello-conda)', []),
    "two typos": (
        ["words", "hello-condaa", "wordz"],
        'no package is "hello-condaa" (there is hello-conda); no package is "wordz" (there is words); see line 5 too',
        ["words"],
    ),
    "a version": (
        ["words", "hello-conda =9"],
        'no package is "hello-conda =9" (there is hello-conda 2.0, hello-conda 1.0)',
        ["words"],
    ),
    "nothing near": (["qqqqqqqqq"], 'no package is "qqqqqqqqq"', []),
}  # fmt: skip


@pytest.mark.parametrize("specs, why, before", MISSING.values(), ids=MISSING)
def test_a_spec_that_nothing_meets_is_named_with_its_place_and_what_comes_near(
    specs: list[str], why: str, before: list[str], run: Run, write: Write, channel: str
) -> None:
    script = write("a.sh", "", *specs)
    done = run(script)
    number, spec = 3 + len(before), specs[len(before)]
    first, *rest = done.stderr.split("\n")[1:]
    assert first == f"conda-execute: {script}:{number}:6: rattler could not build the environment: {why}"
    assert rest[:3] == [f"  {number} | #  - {spec}", "    |      ^", f"  {MEND}; it searched {channel}"]
    assert rest[3].startswith("  Cannot solve the request because of: ")
    assert done.returncode == 125


@every_engine
def test_every_engine_is_told_of_at_the_spec_that_it_is_about(
    run: Run, write: Write, env_dir: Path, engine: str
) -> None:
    kind = engine.split("-")[0]
    for specs, number in (
        (["words", "no-such-thing-at-all"], 4),
        (["words", "hello-conda =9"], 4),
        (["python =9.9"], 3),
    ):
        script = write("a.sh", "", *specs)
        done = run(script)
        assert f"conda-execute: {script}:{number}:6: {kind} could not build the environment" in done.stderr, done.stderr
        assert f"  {number} | #  - {specs[-1]}\n    |      ^\n" in done.stderr
        assert (done.returncode, done.stdout, entries(env_dir)) == (125, "", [])


NETWORK = {
    "a password": ("401/ch", "{url}/401/ch wants a password or token, and got none that it takes"),
    "no channel": ("404/ch", "{url}/404/ch is not there"),
    "nobody": ("", "http://127.0.0.1:9/ch could not be reached"),
}


@every_engine
@pytest.mark.parametrize("path, what", NETWORK.values(), ids=NETWORK)
def test_every_engine_is_told_of_in_words_where_the_network_is_to_blame(
    path: str, what: str, run: Run, write: Write, engine: str, channel: str, environ: Environ
) -> None:
    for name in [name for name in environ if name.lower().endswith("_proxy")]:
        del environ[name]
    environ.update(CONDA_REMOTE_MAX_RETRIES="0", MAMBA_REMOTE_MAX_RETRIES="0")
    with serving(channel[len("file://") :]) as server:
        url = f"{server.url}/{path}" if path else "http://127.0.0.1:9/ch"
        done = run(write("a.sh", "", "words", more=f"# channels: ['{url}', nodefaults]\n"))
    expected = f"{engine.split('-')[0]} could not build the environment: {what.format(url=server.url)}\n"
    assert expected in done.stderr, done.stderr


PAGES = {
    "a web page": lambda content: b"<!DOCTYPE html><html><body>Welcome, log in</body></html>",
    "half of an index": lambda content: content[: len(content) // 2],
}  # fmt: skip


@every_engine
@pytest.mark.parametrize("change", PAGES.values(), ids=PAGES)
def test_an_answer_that_is_no_index_is_told_as_such_by_every_engine_without_a_traceback(
    change: Any, run: Run, write: Write, channel: str, environ: Environ, engine: str
) -> None:
    if engine == "mamba" and change is PAGES["half of an index"]:
        pytest.skip("mamba takes half of an index for an empty one")
    environ.update(CONDA_REMOTE_MAX_RETRIES="0", MAMBA_REMOTE_MAX_RETRIES="0")
    with serving(channel[len("file://") :]) as server:
        server.changes = {path.name: change for path in Path(urlparse(channel).path).glob("*/repodata*")}
        done = run(write("a.sh", "", "words", more=f"# channels: ['{server.url}', nodefaults]\n"))
    assert f": {server.url} answers with what is no index or package, such as a web page\n" in done.stderr, done.stderr
    assert "log in where the network wants that" in done.stderr
    assert "Traceback" not in done.stderr


BROKEN = {
    "a package that is gone": (
        None,
        "/noarch/hello-conda-2.0-0.conda is not there\n  its channel lists it all the same",
    ),
    "a package that is a page": (
        PAGES["a web page"],
        " answers with what is no index or package, such as a web page\n",
    ),
}


@pytest.mark.parametrize("change, expected", BROKEN.values(), ids=BROKEN)
def test_a_package_that_does_not_come_is_told_with_its_channel(
    change: Any, expected: str, run: Run, write: Write, channel: str, environ: Environ, tmp_path: Path
) -> None:
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")
    folder = tmp_path / "channel"
    shutil.copytree(urlparse(channel).path, str(folder), symlinks=True)
    if not change:
        for path in folder.glob("noarch/hello-conda-2.0*"):
            path.unlink()
    with serving(str(folder)) as server:
        server.changes = {"hello-conda-2.0-0.conda": change} if change else {}
        done = run(write("a.sh", "", "hello-conda =2.0", more=f"# channels: ['{server.url}', nodefaults]\n"))
    assert done.returncode == 125 and expected in done.stderr, done.stderr


CERTIFICATES = {
    "certificate not valid yet: verification time 1 (UNIX)": "has a certificate that is not valid today",
    "certificate expired: verification time 1 (UNIX)": "has a certificate that is not valid today",
    "SSL: CERTIFICATE_VERIFY_FAILED certificate has expired": "has a certificate that is not valid today",
    "invalid certificate: Other(OtherError(CaUsedAsEndEntity))": "shows the certificate of an authority as its own",
    "certificate not valid for name x": "answers with a certificate of another host",
}


@pytest.mark.parametrize("words", CERTIFICATES)
def test_what_is_wrong_with_a_certificate_is_told(
    words: str, run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    make_conda(environ, tmp_path, f"echo 'for url (https://host.test/a)'; echo 'Caused by: {words}'; exit 1")
    done = run(write("a.sh", "", "words"))
    assert f": host.test {CERTIFICATES[words]}\n" in done.stderr, done.stderr


def test_of_a_traceback_what_was_raised_is_told() -> None:
    words = "before\nTraceback (most recent call last):\n  File 'a', line 1\n    a\n    ^\n\nOSError: b\nafter\n  this"
    assert conda_execute.format_explanation(words, 1) == "before\nOSError: b\nafter\n  this"


def test_of_pips_tries_the_last_is_told() -> None:
    words = "".join(f"WARNING: Retrying (Retry(total={left}, connect=None)) after\n" for left in (2, 1, 0))
    assert conda_execute.format_explanation(words, 1) == "WARNING: Retrying (Retry(total=0, connect=None)) after"


@pytest.mark.once
def test_whose_password_was_refused_is_told(run: Run, write: Write, channel: str, home: Path, environ: Environ) -> None:
    for name in [name for name in environ if name.lower().endswith("_proxy")]:
        del environ[name]
    with serving(channel[len("file://") :]) as server:
        host = server.url[len("http://") :]

        def fail(user: str = "") -> str:
            more = f"# channels: ['http://{user}{host}/401/ch', nodefaults]\n"
            return run("-q", write("a.sh", "", "words", more=more)).stderr.split("\n")[1]

        assert fail().endswith("; ~/.netrc has none for 127.0.0.1")
        assert fail("me:wrong-one@").endswith("; what its URL has was refused")
        (home / ".netrc").write_text("machine 127.0.0.1 login me password wrong-one\n")
        assert fail().endswith("; what ~/.netrc has for 127.0.0.1 was refused")


def test_a_proxy_is_told_with_where_it_is_set(run: Run, write: Write, environ: Environ, home: Path) -> None:
    for name in [name for name in environ if name.lower().endswith("_proxy")]:
        del environ[name]
    more = "# channels: ['http://channel.test/ch', nodefaults]\n"
    (home / ".condarc").write_text("channels: []\nproxy_servers:\n  http: http://127.0.0.1:9\n")
    done = run(write("a.sh", "", "words", more=more))
    assert f"; set is proxy_servers in {home}/.condarc:3\n" in done.stderr, done.stderr
    environ["http_proxy"] = "http://me:secret@127.0.0.1:9"
    done = run(write("a.sh", "", "words", more=more))
    assert f"; set is http_proxy=http://***@127.0.0.1:9 and proxy_servers in {home}/.condarc:3\n" in done.stderr


PASSWORD = " wants a password or token, and got none that it takes"
WORDS = {
    "dns": (
        "error sending request for url (https://h/ch/noarch/x)\nCaused by: dns error",
        "https://h/ch could not be reached",
    ),
    "conda's": (
        "HTTP 000 CONNECTION FAILED for url <https://h/ch/linux-64/repodata.json>",
        "https://h/ch could not be reached",
    ),
    "mamba's": (
        "Transfer finalized, status: 401 [https://h/ch/noarch/repodata.json]",
        "https://h/ch" + PASSWORD,
    ),
    "certificate": (
        "HTTPSConnectionPool(host='h', port=443): (Caused by SSLError('certificate verify failed'))",
        "h has a certificate that nothing here vouches for",
    ),
    "proxy": (
        "for url (https://h/ch/x)\nCaused by: tunnel error: proxy authentication required 407",
        "the proxy in front of https://h/ch refused",
    ),
    "a certificate of another host, as conda has it": (
        "HTTPSConnectionPool(host='h', port=443): (Caused by SSLError('Hostname mismatch, certificate is not valid')",
        "h answers with a certificate of another host",
    ),
    "as mamba has it": (
        "Download error (60) SSL peer certificate [https://h/x]\nSSL: no alternative certificate subject name matches",
        "h answers with a certificate of another host",
    ),
    "http where https was asked": (
        "HTTPSConnectionPool(host='h', port=80): (Caused by SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version')",
        "h does not speak https there",
    ),
    "the same by rattler": (
        "for url (https://h/ch/x)\nCaused by: received corrupt message of type InvalidContentType",
        "https://h/ch does not speak https there",
    ),
    "missing": (
        "HTTP status client error (404 Not Found) for url (https://h/ch/noarch/repodata.json)",
        "https://h/ch is not there",
    ),
    "another host": ("HTTP status client error (403 Forbidden) for url (https://cdn/x)", "cdn" + PASSWORD),
    "none": ("Cannot solve: numpy 401 needs https", ""),
    "a server in trouble": (
        "HTTP status server error (503 Service Unavailable) for url (https://h/ch/x)",
        "https://h/ch answers with an error of its own",
    ),
    "a folder that is not there": (
        "could not find subdir 'noarch' in channel 'file:///srv/ch/'",
        "the network is not there",
    ),
    "pip's help": (
        "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/topics/dependency-resolution/#connection",
        "",
    ),
    "pip's tries": (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError()': /simple/a/"
        "\nERROR: No matching distribution found for a",
        "pypi.org could not be reached",
    ),
    "a compiler": ("error: 403 lines\n[Errno 2] No such file or directory: 'gcc'\nsee https://h/ch", ""),
    "a package of such a name": ("not available: connect 404, see https://h/ch", ""),
}


@pytest.mark.parametrize("text, meaning", WORDS.values(), ids=WORDS)
def test_what_engines_say_of_the_network_is_told_in_words(text: str, meaning: str) -> None:
    order = conda_execute.Fields(specs=["connect =404"], pip=[], channel_urls=["https://h/ch"])
    for is_pip in (False, True):
        found, hint = conda_execute.find_trouble(text, order, is_pip)  # type: ignore[arg-type]
        assert found == meaning and bool(hint) == bool(meaning)
        assert "condarc" not in hint or not is_pip


def test_a_full_disk_is_told_offline_too(tmp_path: Path) -> None:
    config = conda_execute.read_config({**os.environ, "CONDA_EXECUTE_ENV_DIR": str(tmp_path)}, "")
    progress = conda_execute.Progress(False, False)
    order: Any = conda_execute.Fields(specs=[], pip=[], channel_urls=[], engine="rattler", prefix=str(tmp_path / "a"))
    vars(order).update(config=config, progress=progress, offline=True, program="", cutoff="")
    error = conda_execute.explain("rattler could not build it", "os error 28)", 1, order)
    assert "is full" in error.message and "removes envs that nobody uses" in error.hint


@pytest.mark.parametrize(
    "words",
    [
        "what():  Resource temporarily unavailable",
        "ImportError: rattler.abi3.so: failed to map segment from shared object",
        "memory allocation of 33554432 bytes failed",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "OSError: [Errno 12] Cannot allocate memory",
        "MemoryError",
    ],
)
def test_what_engines_say_of_memory_is_told_in_words_and_to_nobody_else(words: str) -> None:
    order: Any = conda_execute.Fields(specs=[], pip=[], cutoff="", offline=True, program="/opt/mamba", engine="mamba")
    order.progress = conda_execute.Progress(False, False)
    error = conda_execute.explain("mamba could not build it", words, 134, order)
    assert error.message == "mamba could not build it: memory ran out, or the number of processes"
    assert error.hint.startswith('see "ulimit -a"') and not error.is_for_all
    assert not conda_execute.explain("mamba could not build it", words, 1, order).is_for_all


@pytest.mark.once
def test_a_variable_that_keeps_an_engine_from_being_loaded_is_named(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    script = write("a.sh", "", "words")
    environ.update(LD_LIBRARY_PATH=str(tmp_path / "lib"))
    make_conda(environ, tmp_path, "echo conda: error while loading shared libraries: libz.so.1; exit 127")
    done = run("-q", script)
    what = f"conda could not build the environment: it cannot be loaded, while LD_LIBRARY_PATH={tmp_path}/lib is set"
    assert done.stderr.splitlines()[:2] == [f"conda-execute: {what}", '  write "unset LD_LIBRARY_PATH", and try again']
    del environ["LD_LIBRARY_PATH"]
    assert "cannot be loaded" not in run("-q", script).stderr


@pytest.mark.once
def test_an_engine_that_crashes_is_named_with_the_signal_and_another_one(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    make_conda(environ, tmp_path, "kill -SEGV $$")
    done = run("-q", write("a.sh", "", "words"))
    said = f"{tmp_path}/conda crashed, with code 139 (SIGSEGV)"
    hint = '  write "conda-tmpenv doctor", or "export CONDA_EXECUTE_ENGINE=rattler"'
    first, second, *_ = done.stderr.splitlines()
    assert (first, second) == (f"conda-execute: conda could not build the environment: {said}", hint)


# -- while it works


class Screen:
    """A terminal of so many columns, and all that was written to it."""

    def __init__(self, columns: int) -> None:
        self.fd, self.end = pty.openpty()
        self.resize(columns)
        self.text = ""

    def resize(self, columns: int) -> None:
        ioctl(self.end, termios.TIOCSWINSZ, pack("HHHH", 24, columns, 0, 0))

    def read(self, until: str) -> str:
        while until not in self.text:
            self.text += os.read(self.fd, 1 << 16).decode()
        return self.text


STEPS = """
import conda_execute, sys, time
say = conda_execute.Progress("-v" in sys.argv, "-q" in sys.argv)
say.detail("a package")
say.step("rattler: 3 of 60 packages, 45.2 MB, downloading a-package-with-a-long-name")
input()
say.tick()
say.line("done")
"""


def show_steps(screen: Screen, *words: str, **variables: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(FILE.parent), **variables}
    command = [sys.executable, "-c", STEPS, *words]
    return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stderr=screen.end, text=True)


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_the_live_line_is_as_wide_as_the_terminal_is_by_now_and_is_erased(columns: int) -> None:
    screen = Screen(columns)
    child = show_steps(screen)
    first = screen.read("0 s, rattler")
    screen.resize(columns // 2)
    child.communicate("\n", timeout=60)
    text = screen.read("done\r\n")
    assert "\n" not in first
    lines = [one for one in text.replace("\r\n", "").split("\r\x1b[K") if one]
    widths = [min(columns - 1, 79), min(columns // 2 - 1, 79), len("conda-execute: done")]
    assert [len(one) for one in lines] == widths
    assert lines[0].endswith("..." if columns < 80 else "a-long-name")
    assert lines[-1] == "conda-execute: done"


QUIET = {
    "-q": (["-q"], {}, ""),
    "a terminal that cannot": ([], {"TERM": "dumb"}, "conda-execute: done\r\n"),
    "-v": (["-v"], {}, "a package\r\nconda-execute: done\r\n"),
}


@pytest.mark.parametrize("words, variables, text", QUIET.values(), ids=QUIET)
def test_nothing_is_shown_in_place_where_that_is_not_wanted_or_cannot_be(
    words: list[str], variables: dict[str, str], text: str
) -> None:
    screen = Screen(80)
    child = show_steps(screen, *words, **variables)
    child.communicate("\n", timeout=60)
    os.close(screen.end)
    found = ""
    try:
        while True:
            found += os.read(screen.fd, 1 << 16).decode()
    except OSError:  # the end of a terminal
        pass
    assert found == text


def test_a_log_is_told_how_far_it_is_less_and_less_often(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(conda_execute.time, "monotonic", lambda: now[0])
    say = conda_execute.Progress(False, False)
    say.step("conda: solving numpy")
    for _ in range(600):
        now[0] += 1
        say.tick()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"conda-execute: after {s} s, conda: solving numpy" for s in (30, 60, 120, 240, 480)]


def test_the_time_goes_on_while_an_engine_says_nothing(write: Write, environ: Environ, tmp_path: Path) -> None:
    make_conda(environ, tmp_path, "sleep 2.5\nexit 3\n")
    environ["TERM"] = "xterm"
    screen = Screen(80)
    command = [sys.executable, str(FILE), str(write("a.sh", "", "words"))]
    child = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stderr=screen.end)
    text = screen.read("ended with code 3")
    assert child.wait() == 125
    assert all(f"\r\x1b[K{s} s, conda: solving words" in text for s in (0, 1, 2))


ENGINE = """\
[ "$1" = create ] || exit 9
exec sleep 300
"""


def test_an_engine_that_gives_no_sign_of_life_is_ended(
    write: Write, environ: Environ, tmp_path: Path, env_dir: Path
) -> None:
    make_conda(environ, tmp_path, ENGINE)
    tool = hasten(tmp_path, SILENT_S=2)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(tool), str(write("a.sh", "", "words"))],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{tmp_path / 'conda'}: expected some sign of life within 0 minutes, found none, and ended it" in done.stderr
    assert time.monotonic() - start < 30
    wait_until(lambda: not any(b"sleep\x00300" in path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")))


# -- which engine


def make_program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_auto_takes_the_first_engine_there_is(tmp_path: Path) -> None:
    """Take away one after the other, from $CONDA_EXE to micromamba on PATH."""
    given = make_program(tmp_path / "a", "conda")
    on_path = [make_program(tmp_path / "b", name) for name in ("conda", "mamba", "micromamba")]
    beside = make_program(tmp_path / "c", "conda")
    mamba = make_program(tmp_path / "d", "mamba")
    environ = {"CONDA_EXE": given, "MAMBA_EXE": mamba, "PATH": str(tmp_path / "b")}
    found = []
    for gone in (given, on_path[0], beside, mamba, on_path[1], on_path[2]):
        found.append(conda_execute.find_engine("auto", environ, str(tmp_path / "c" / "python")))
        Path(gone).unlink()
    found.append(conda_execute.find_engine("auto", environ, str(tmp_path / "c" / "python")))
    expected = [("conda", given), ("conda", on_path[0]), ("conda", beside), ("mamba", mamba), ("mamba", on_path[1])]
    assert found == [*expected, ("micromamba", on_path[2]), ("rattler", "")]


@pytest.mark.parametrize("kind", ["conda", "mamba", "micromamba"])
def test_an_engine_that_is_asked_for_and_missing_is_an_error(
    kind: str, run: Run, write: Write, environ: Environ
) -> None:
    environ["CONDA_EXECUTE_ENGINE"] = kind
    done = run(write("a.sh", "", "hello-conda"))
    assert done.returncode == 125
    assert f"expected the engine {kind}, found none in CONDA_EXE, MAMBA_EXE and PATH" in done.stderr


def test_a_program_named_by_a_variable_is_taken_for_what_it_is(tmp_path: Path) -> None:
    program = make_program(tmp_path, "micromamba")
    assert conda_execute.find_engine("auto", {"CONDA_EXE": program}, "") == ("micromamba", program)


# -- the list of environments


def test_mambas_entry_leaves_the_list_of_environments(home: Path) -> None:
    path = home / ".conda" / "environments.txt"
    path.parent.mkdir()
    path.write_text("/one\n/two\n/three\n")
    conda_execute.unregister("/two")
    assert path.read_text() == "/one\n/three\n"


OURS = b"/home/me/tmp_envs/ea977067a8fbeb21a594"
LISTS = {
    "no UTF-8": b"/opt/caf\xe9\n/opt/b\n",
    "other line ends": b"/opt/a\r\n\r\n/opt/b\n\n",
    "no end": b"/opt/a\n/opt/b",
    "names like ours": OURS + b"0\n/x" + OURS + b"\n" + OURS + b"/envs/a\n",
    "nothing": b"",
}


@pytest.fixture
def environments(home: Path) -> Path:
    (home / ".conda").mkdir()
    return home / ".conda" / "environments.txt"


@pytest.mark.once
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_environments_without_ours_is_left_alone(environments: Path, kind: str) -> None:
    environments.write_bytes(LISTS[kind])
    set_age(environments, 1)
    before = environments.stat()
    conda_execute.unregister(os.fsdecode(OURS))
    after = environments.stat()
    assert environments.read_bytes() == LISTS[kind]
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(environments.parent) == ["environments.txt"]


@pytest.mark.once
@pytest.mark.parametrize("is_link", [False, True], ids=["a file", "a link"])
@pytest.mark.parametrize("kind", LISTS)
def test_of_a_list_of_environments_our_line_goes_alone(
    environments: Path, tmp_path: Path, kind: str, is_link: bool
) -> None:
    path = tmp_path / "shared.txt" if is_link else environments
    if is_link:
        environments.symlink_to(path)
    first, newline, rest = LISTS[kind].partition(b"\n")
    path.write_bytes(first + newline + OURS + b"\n" + rest)
    path.chmod(0o640)
    conda_execute.unregister(os.fsdecode(OURS))
    assert environments.is_symlink() == is_link
    assert path.read_bytes() == LISTS[kind]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(environments.parent) == ["environments.txt"]


@pytest.mark.once
def test_where_there_is_no_list_of_environments_none_is_made(environments: Path) -> None:
    conda_execute.unregister(os.fsdecode(OURS))
    assert names(environments.parent) == []


def test_the_home_of_whoever_runs_the_tests_is_out_of_reach(home: Path) -> None:
    code = "import os, conda_execute; print(conda_execute.read_config(os.environ, '').env_dir)"
    command = [sys.executable, "-c", code]
    env_dir = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert env_dir == f"{home}/.conda/tmp_envs\n"
