"""What a person is told while an environment is built, and when that fails; where an engine keeps what it fetches."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
import time
import zipfile
from fcntl import ioctl
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING

import pytest
from conftest import ENGINES, FILE, wait_until
from servers import serving
from test_hosts import hasten
from test_store import IS_ROOT, become
from test_tidying import mounted

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Write = Callable[..., Path]

every_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root, who can become another user")


def find_prefix(run: Run, script: Path) -> Path:
    return Path(json.loads(run("-n", "--json", script).stdout)["prefix"])


def said(run: Run, *words: object) -> str:
    """Return why an environment was built, or "" where it was not."""
    done = run(*words)
    assert done.returncode == 0, done.stderr
    line = done.stderr.partition("conda-execute: building ")[2].partition("\n")[0]
    return line.rpartition(" (")[2].rstrip(")")


# -- why


def test_the_line_that_says_what_is_built_says_why(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    script = write("a.sh", "", "hello-conda")
    assert said(run, script) == "first use"
    assert said(run, script) == ""
    assert said(run, "-f", script) == "--force-env"
    assert (
        said(run, write("a.sh", "", "hello-conda <2", "words")) == "changed: + hello-conda <2, + words, - hello-conda"
    )
    shutil.rmtree(str(find_prefix(run, script) / "bin"))
    assert said(run, script) == "the one here was not whole"
    assert run("--tmpenv", "clear", "--all").returncode == 0
    assert said(run, script) == "it was removed since its last use"
    moved = tmp_path / "moved"
    shutil.move(environ["CONDA_EXECUTE_ENV_DIR"], str(moved))
    before, environ["CONDA_EXECUTE_ENV_DIR"] = environ["CONDA_EXECUTE_ENV_DIR"], str(moved)
    assert said(run, script).startswith(f"the one here was made in {before}/")


def test_what_changed_is_said_of_channels_too_and_without_their_secrets(run: Run, write: Write, channel: str) -> None:
    script = write("a.sh", "", "words", more=f"# channels: [{channel}, nodefaults]\n")
    assert said(run, script) == "first use"
    write("a.sh", "", "words", more=f"# channels: [{channel}, 'file://u:secret@{channel[7:]}', nodefaults]\n")
    done = run(script)
    assert "(changed: + file://***@/" in done.stderr and "secret" not in done.stderr


def test_sixty_packages_are_not_all_named_before_anything_happens(run: Run, write: Write) -> None:
    script = write("a.sh", "", "words", *(f"no-such-package-{i}" for i in range(60)))
    line = run(script).stderr.split("\n")[0]
    assert "no-such-package-10 and 49 more (first use)" in line and len(line) < 400


# -- why not

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
    assert rest[:3] == [f"  {number} | #  - {spec}", "    |      ^", f"  it searched {channel}"]
    assert rest[3].startswith("  Cannot solve the request because of: ")
    assert done.returncode == 125


def test_a_requirement_that_no_index_has_is_named_with_its_place(run: Run, write: Write, environ: Environ) -> None:
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS="/nowhere")
    script = write("a.py", "", "python", "pip", "pip:\n#     - no-such-requirement >=3")
    done = run(script)
    assert f"conda-execute: {script}:6:9: pip could not install the requirements of env\n" in done.stderr
    assert "  ERROR: No matching distribution found for no-such-requirement>=3\n" in done.stderr


@every_engine
def test_every_engine_is_told_of_at_the_spec_that_it_is_about(run: Run, write: Write, engine: str) -> None:
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


@needs_root
def test_a_full_disk_is_named_with_what_frees_room(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    environ.update(CONDA_EXECUTE_ENV_DIR=str(tmp_path / "small" / "envs"))
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=300k", "none"):
        done = run(write("a.py", "", "python", "numpy"))
        assert done.returncode == 125
        line = f"rattler could not build the environment: the disk of {tmp_path}/small/envs is full: 0 MB and "
        assert line in done.stderr, done.stderr
        assert '  "conda-tmpenv clear --min-age 1" removes envs that nobody uses; packages are' in done.stderr


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
    "a compiler": ("error: 403 lines\n[Errno 2] No such file or directory: 'gcc'\nsee https://h/ch", ""),
    "a package of such a name": ("not available: connect 404, see https://h/ch", ""),
}


@pytest.mark.parametrize("text, meaning", WORDS.values(), ids=WORDS)
def test_what_engines_say_of_the_network_is_told_in_words(text: str, meaning: str) -> None:
    order = conda_execute.Record(specs=["connect =404"], pip=[], channels_asked=["https://h/ch"])
    for is_pip in (False, True):
        found, hint = conda_execute.find_trouble(text, order, is_pip)  # type: ignore[arg-type]
        assert found == meaning and bool(hint) == bool(meaning)
        assert "condarc" not in hint or not is_pip


def make_dist(folder: Path, name: str, version: str) -> Path:
    """Write a wheel of one module that says its version."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(str(path), "w") as wheel:
        wheel.writestr(f"{name}.py", f"print({version!r})\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def test_what_pip_replaces_of_the_channels_is_named(run: Run, write: Write, tmp_path: Path, environ: Environ) -> None:
    environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(make_dist(tmp_path / "wheels", "numpy", "0.0.1").parent))
    done = run(write("a.py", "import numpy", "python", "pip", "numpy", "pip:\n#     - numpy <1"))
    assert done.stdout == "0.0.1\n", done.stderr
    [line] = [one for one in done.stderr.split("\n") if "replaced" in one]
    words = line.split()
    assert line.startswith("conda-execute: pip has replaced what the env had from its channels: numpy ")
    assert words[-3:-2] != ["0.0.1"] and words[-2:] == ["by", "0.0.1"]


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
say.note("a package")
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
    engine = tmp_path / "conda"
    engine.write_text("#!/bin/sh\nsleep 2.5\nexit 3\n")
    engine.chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(engine), TERM="xterm")
    screen = Screen(80)
    command = [sys.executable, str(FILE), str(write("a.sh", "", "words"))]
    child = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stderr=screen.end)
    text = screen.read("ended with code 3")
    assert child.wait() == 125
    assert all(f"\r\x1b[K{s} s, conda: solving words" in text for s in (0, 1, 2))


ENGINE = """\
#!/bin/sh
[ "$1" = create ] || exit 9
exec sleep 300
"""


def test_an_engine_that_gives_no_sign_of_life_is_ended(
    write: Write, environ: Environ, tmp_path: Path, env_dir: Path
) -> None:
    engine = tmp_path / "conda"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    environ.update(CONDA_EXECUTE_ENGINE="conda", CONDA_EXE=str(engine))
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
    assert f"{engine}: expected some sign of life within 0 minutes, found none, and ended it" in done.stderr
    assert time.monotonic() - start < 30
    wait_until(lambda: not any(b"sleep\x00300" in path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")))


# -- where it is kept


def test_a_cache_that_cannot_be_written_to_is_replaced_by_one_in_env_dir_and_that_is_said(
    run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    for name in ("RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        environ.pop(name)
    done = run(write("a.sh", "hello-conda", "hello-conda"), env={**environ, "HOME": "/dev/null/home"})
    assert done.stdout == "hello-conda 2.0\n", done.stderr
    line = f"/dev/null/home/.cache/rattler/cache cannot be written to: packages are kept in {env_dir}/.packages\n"
    assert done.stderr.count(line) == 1
    assert [path.name for path in (env_dir / ".packages").iterdir()] == ["pkgs"]  # a folder needs no index kept


PLACES = {
    "its own variable": ({"RATTLER_CACHE_DIR": "/r", "CONDA_PKGS_DIRS": "/p", "XDG_CACHE_HOME": "/x"}, "/r"),
    "pkgs_dirs": ({"CONDA_PKGS_DIRS": "/p,/q", "XDG_CACHE_HOME": "/x"}, "/p/rattler"),
    "the desktop's": ({"XDG_CACHE_HOME": "/x"}, "/x/rattler/cache"),
    "the home's": ({}, "{home}/.cache/rattler/cache"),
}


@pytest.mark.parametrize("variables, expected", PLACES.values(), ids=PLACES)
def test_rattler_keeps_packages_and_indexes_in_one_place(variables: Environ, expected: str, home: Path) -> None:
    found = conda_execute.find_caches("rattler", variables, conda_execute.Condarc(variables))
    assert found[0] == expected.replace("{home}", str(home))


@needs_root
@pytest.mark.parametrize("is_named", [False, True], ids=["no env-dir", "env-dir"])
def test_a_user_without_home_and_name_is_told_which_variable_to_set_or_needs_none(
    is_named: bool, tmp_path: Path, environ: Environ, write: Write
) -> None:
    tool, folder = tmp_path / FILE.name, tmp_path / "theirs"
    shutil.copy(str(FILE), str(tool))
    folder.mkdir()
    os.chown(str(folder), 4244, 4244)
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        above.chmod(above.stat().st_mode | 0o055) if above.stat().st_uid == 0 and len(above.parts) > 2 else None
    for name in ("HOME", "USERPROFILE", "CONDA_EXECUTE_ENV_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        environ.pop(name, "")
    environ.update({"CONDA_EXECUTE_ENV_DIR": str(folder / "envs")} if is_named else {})
    command = [sys.executable, str(tool), str(write("a.sh", "hello-conda", "hello-conda"))]

    def leave() -> None:
        become(4244)

    try:
        done = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, preexec_fn=leave)
    except PermissionError:
        pytest.skip("an ordinary user cannot reach this Python")
    if "can't open file" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("an ordinary user cannot reach this Python")
    if is_named:
        assert done.stdout == "hello-conda 2.0\n", done.stderr
        assert f"there is no home: packages are kept in {folder}/envs/.packages\n" in done.stderr
    else:
        assert done.returncode == 125
        assert "expected a home in which env-dir can be, found none for user 4244\n" in done.stderr
        assert "  set HOME, or CONDA_EXECUTE_ENV_DIR to a folder of yours\n" in done.stderr


def test_an_unset_variable_that_plays_no_part_stops_nothing(home: Path) -> None:
    (home / ".condarc").write_text("envs_dirs: [/scratch/$NOT_SET/envs]\n")
    found = conda_execute.read_config({"CONDA_EXECUTE_ENV_DIR": "/there"}, "/nowhere/python")
    assert found.env_dir == "/there"
    with pytest.raises(conda_execute.Error) as caught:
        conda_execute.read_config({}, "/nowhere/python")
    assert "condarc:1:13: expected variables that are set, found $NOT_SET" in str(caught.value)


def test_the_root_of_a_micromamba_leads_to_its_envs(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    found = conda_execute.read_config({"MAMBA_ROOT_PREFIX": str(tmp_path / "root")}, "/nowhere/python")
    assert found.env_dir == f"{tmp_path}/root/tmp_envs"
