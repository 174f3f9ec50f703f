"""Locks, Locking: what a lock says is done or refused, never half of it; it is written whole, and old ones tell so."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import url2pathname

import pytest
from conftest import (
    ALLOWED,
    BUILT,
    CONDA,
    ENGINES,
    HELLO,
    NO_CONDA,
    PROFILE,
    ROOT,
    TOOL,
    entries,
    failed,
    find_steps,
    imported,
    kill_at,
    list_tree,
    names,
    needs_root,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st

import conda_execute
from conda_execute import Error, LockFile, Metadata, check_lock, find_name, format_flow, format_lock, parse_lock

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Call, Environ, Run, Script, Start, Write

    Lock = Callable[..., Path]

SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
OTHER = "win-64"
HINT = "conda-execute --lock SCRIPT writes it anew, --no-lock looks past it"
FOREIGN = "write it if another program made the lock; " + HINT
SHA256, MD5 = "ab" * 32, "cd" * 16
URL = f"https://conda.anaconda.org/conda-forge/{SUBDIR}/hello-conda-1.0-0.conda"
PACKAGE = f"{URL}#{SHA256}"
HEAD = f"# platform: {SUBDIR}\n# metadata: {HELLO}\n"
PIP = f"https://conda.anaconda.org/conda-forge/noarch/pip-1.0-0.conda#{SHA256}"


def make_metadata(specs: list[str], pip: list[str] | None = None, channels: list[str] | None = None) -> Metadata:
    pip, channels = pip or [], channels or []
    name = find_name(specs, pip, channels)
    return Metadata(name=name, dialect="conda-execute", specs=specs, pip=pip, channels=channels, run_with=[])


@pytest.fixture
def lock(write: Write, tmp_path: Path) -> Lock:
    """Return a function that writes a script and, beside it, a lock; it returns the path of the latter."""

    def function(content: str | bytes, *specs: str) -> Path:
        write("a.sh", "echo ran", *(specs or ["hello-conda"]))
        path = tmp_path / f"a.sh.{SUBDIR}.lock"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return function


# -- the text


def explicit(*lines: str, end: str = "\n") -> str:
    return HEAD + "@EXPLICIT\n" + "\n".join(lines) + end


BAD = {
    "a lock of another platform": (
        explicit(PACKAGE).replace(f"platform: {SUBDIR}", f"platform: {OTHER}"),
        "1:13", f'expected a lock for {SUBDIR}, found "{OTHER}"', HINT,
    ),
    "no platform": (
        explicit(PACKAGE).partition("\n")[2],
        "1:1", f'expected "# platform: {SUBDIR}" above @EXPLICIT, found none', FOREIGN,
    ),
    "no metadata": (
        explicit(PACKAGE).replace(f"# metadata: {HELLO}\n", ""),
        "1:1", f'expected "# metadata: {HELLO}" above @EXPLICIT, found none', FOREIGN,
    ),
    "platform and metadata below @EXPLICIT": (
        f"@EXPLICIT\n{HEAD}{PACKAGE}\n",
        "1:1", f'expected "# platform: {SUBDIR}" above @EXPLICIT, found none', FOREIGN,
    ),
    "empty": ("", "1:1", f'expected "# platform: {SUBDIR}" above @EXPLICIT, found none', FOREIGN),
    "torn in a URL": (
        explicit(PACKAGE, URL[:30], end=""), "5:1", "expected an end of the line, found the end of the file", HINT,
    ),
    "torn behind a hash": (
        explicit(PACKAGE, end=""), "4:1", "expected an end of the line, found the end of the file", HINT,
    ),
    "torn in its head": (HEAD, "3:1", 'expected "@EXPLICIT" and packages below it, found the end of the file', HINT),
    "torn above the packages": (
        HEAD + "@EXPLICIT\n", "4:1", 'expected "@EXPLICIT" and packages below it, found the end of the file', HINT,
    ),
    "torn between packages": (
        explicit(PIP), "1:1", 'expected a package for all that the script asks for, found none for "hello-conda"', HINT,
    ),
    "Windows line ends": (
        explicit(PACKAGE).replace("\n", "\r\n"),
        f"1:{len(SUBDIR) + 13}", "expected lines that end as on Unix, found a Windows line end",
        'save it so; "*.lock -text" in .gitattributes keeps git from changing them',
    ),
    "no URL": (explicit("hello-conda =1.0"), "4:1", 'expected the URL of a package, found "hello-conda =1.0"', HINT),
    "a relative path": (
        explicit(f"{SUBDIR}/hello-conda-1.0-0.conda#{SHA256}"), "4:1", "expected the URL of a package, found", HINT,
    ),
    "an absolute path": (
        explicit(f"/c/{SUBDIR}/hello-conda-1.0-0.conda#{SHA256}"), "4:1", "expected the URL of a package, found", HINT,
    ),
    "another scheme": (explicit(PACKAGE.replace("https", "ftp")), "4:1", "expected the URL of a package, found", HINT),
    "no package's URL": (
        explicit(f"https://h/{SUBDIR}/hello.zip#{SHA256}"), "4:1", "expected the URL of a package, found", HINT,
    ),
    "a blank in a URL": (explicit(PACKAGE.replace("/hello", "/ hello")), "4:1", "expected the URL of a package", HINT),
    "two versions": (
        explicit(PACKAGE, PACKAGE.replace("1.0", "2.0").replace(SUBDIR, "noarch")),
        "5:1", "expected one hello-conda, found", HINT,
    ),
    "a package twice": (explicit(PACKAGE, PACKAGE), "5:1", "expected one hello-conda, found", HINT),
    "an option with a value": (
        explicit("--channel=x", PACKAGE), "4:1", 'expected the URL of a package, found "--channel=x"', HINT,
    ),
    "an option": (explicit("-y"), "4:1", 'expected the URL of a package, found "-y"', HINT),
    "a second @EXPLICIT": (
        explicit(PACKAGE, "@EXPLICIT"), "5:1", 'expected the URL of a package, found "@EXPLICIT"', HINT,
    ),
    "a package above @EXPLICIT": (
        HEAD + PACKAGE + "\n@EXPLICIT\n" + PIP + "\n", "3:1", 'expected "@EXPLICIT" above the packages, found', HINT,
    ),
    "no @EXPLICIT": (HEAD + PACKAGE + "\n", "3:1", 'expected "@EXPLICIT" above the packages, found', HINT),
    "no hash": (
        explicit(URL), f"4:{len(URL) + 1}", "expected the hash of the package, found the end of the line", HINT,
    ),
    "a short hash": (explicit(PACKAGE[:-1]), f"4:{len(URL) + 1}", 'expected the hash of the package, found "#ab', HINT),
    "a hash in capitals": (
        explicit(f"{URL}#{SHA256.upper()}"), f"4:{len(URL) + 1}", 'expected the hash of the package, found "#AB', HINT,
    ),
    "MD5 that is called SHA-256": (
        explicit(f"{URL}#sha256:{MD5}"), f"4:{len(URL) + 1}", 'expected the hash of the package, found "#sha256:', HINT,
    ),
    "a package for another platform": (
        explicit(PACKAGE.replace(SUBDIR, OTHER)), "4:1", f"expected a package for {SUBDIR} or noarch, found", HINT,
    ),
    "10 MiB": (
        explicit(PACKAGE) + "#:\n" * (10 << 20 >> 1), "1:1", "expected a lock below 10 MiB, found more", HINT,
    ),
    "10 MiB on one line": (b"\x1b" * (10 << 20), "1:1", "expected a lock below 10 MiB, found more", HINT),
    "not UTF-8": (
        explicit(PACKAGE).encode() + b"# caf\xe9\n", "5:6", "expected UTF-8, found the byte 0xe9",
        "save the file as UTF-8",
    ),
    "UTF-16": (
        explicit(PACKAGE).encode("utf-16"), "1:1",
        f'expected "# platform: {SUBDIR}" above @EXPLICIT, found none', FOREIGN,
    ),
    "a control character": (
        explicit(PACKAGE + "\x1b[2J"), f"4:{len(PACKAGE) + 1}", "expected text and spaces, found the character U+001B",
        "remove it",
    ),
    "a line end of Unicode's": (
        explicit(f"# pip: rich==1 --hash=sha256:{SHA256}\u2028-r x", PIP, PACKAGE), "4:94",
        "expected text and spaces, found the character U+2028", "begin a new line in its place",
    ),
    "pip: an option": (
        explicit("# pip: -r x", PACKAGE), "4:1", "expected a requirement with hashes", HINT,
    ),
    "pip: no hash": (
        explicit("# pip: rich==13.9.4", PACKAGE), "4:1",
        'expected a requirement with hashes such as "--hash=sha256:..." behind it, and no option, '
        'found "# pip: rich==13.9.4"', HINT,
    ),
    "pip: another hash": (
        explicit(f"# pip: rich==13.9.4 --hash=md5:{MD5}", PACKAGE), "4:1", "expected a requirement with hashes", HINT,
    ),
    "pip: an option behind": (
        explicit(f"# pip: rich==1 -r x --hash=sha256:{SHA256}", PACKAGE), "4:1",
        "expected a requirement with hashes", HINT,
    ),
    "pip: an option at the end": (
        explicit(f"# pip: rich==1 --hash=sha256:{SHA256} --pre", PACKAGE), "4:1",
        "expected a requirement with hashes", HINT,
    ),
    "pip: nothing": (
        explicit("# pip:", PACKAGE), "4:1", "expected a requirement with hashes", HINT,
    ),
    "pip: above @EXPLICIT": (
        f"{HEAD}# pip: rich\n@EXPLICIT\n{PACKAGE}\n", "3:1", "expected a requirement with hashes", HINT,
    ),
    "pip: no pip": (
        explicit(PACKAGE, f"# pip: rich==1 --hash=sha256:{SHA256}"), "1:1",
        'expected a package for all that the script asks for, found none for "pip"', HINT,
    ),
    "a merge conflict": (
        explicit("<<<<<<< HEAD", PACKAGE), "4:1", 'expected the URL of a package, found "<<<<<<< HEAD"',
        "settle the conflict that git has marked here",
    ),
    "of something else": (
        explicit(PACKAGE).replace(HELLO, "0" * 20), "2:13",
        f'expected the lock of what the script asks for today ({HELLO}), found that of "{"0" * 20}"', HINT,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "place", "message", "hint"), BAD.values(), ids=list(BAD))
def test_a_lock_that_is_none_is_an_error_with_its_line_and_nothing_is_built(
    run: Run, lock: Lock, env_dir: Path, content: str | bytes, place: str, message: str, hint: str
) -> None:
    lock(content)
    done = run("-q", "a.sh")
    first, source, caret, said = done.stderr.splitlines()
    assert first.startswith(f"conda-execute: a.sh.{SUBDIR}.lock:{place}: {message}"), first
    assert source.startswith("  " + place.partition(":")[0] + " | ") and caret.endswith("^")
    assert (done.returncode, done.stdout, said) == (125, "", "  " + hint)
    assert [one for one in names(env_dir) if len(one) == 20] == []


def test_what_a_run_would_refuse_a_dry_run_refuses(run: Run, lock: Lock) -> None:
    lock(explicit("-y"))
    assert 'expected the URL of a package, found "-y"' in run("-n", "a.sh").stderr


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a dangling link", "unreadable"])
def test_a_lock_that_cannot_be_read_is_an_error(
    run: Run, run_as_user: Run, lock: Lock, kind: str, env_dir: Path
) -> None:
    path = lock("")
    if kind == "unreadable":
        path.chmod(0)
    else:
        path.unlink()
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(str(path))
    elif kind == "a dangling link":
        path.symlink_to("nowhere")
    done = (run_as_user if kind == "unreadable" else run)("-q", "a.sh")
    found = {"a dangling link": "No such file or directory", "unreadable": "Permission denied"}.get(kind)
    found = f"that can be read, found: {found}" if found else "in a file, found a folder, pipe or device"
    assert done.stderr.startswith(f"conda-execute: {path.name}: expected a lock {found}\n  ")
    hint = HINT.partition(" ")[2]  # behind the way that the file was started
    assert done.stderr.endswith(("move it to another place" if found.startswith("in a file") else hint) + "\n")
    assert (done.returncode, done.stdout) == (125, "")


requirement_texts = st.text("abz019-_. []=<>!~;@#:/\"'\\+é,%", min_size=1, max_size=30)
spec_texts = st.text("abz019-_. []=<>!~*|,'\":/\\^$()+é", min_size=1, max_size=30)


def accept(parse: Callable[..., str], text: str) -> str:
    """Return what is made of a text where it is accepted; let hypothesis look for another where it is not."""
    try:
        return str(parse(conda_execute.Text.of(text, conda_execute.Line("a.py", 1, text), 0)))
    except Error:
        assume(False)
        raise


words = st.one_of(
    spec_texts.map(lambda one: (conda_execute.parse_spec, one)),
    requirement_texts.map(lambda one: (conda_execute.parse_requirement, one)),
    st.text("abz019-_/.:é$ {}#", min_size=1).map(lambda one: (conda_execute.parse_channel, one)),
    st.sampled_from(
        [
            (conda_execute.parse_spec, "numpy[version='>=1.2', build=\"py*\"]"),
            (conda_execute.parse_requirement, 'rich[a,b] >=1; python_version < "3"'),
            (conda_execute.parse_requirement, "rich @ https://h/a%20b.whl#x"),
            (conda_execute.parse_channel, "https://h/t/${TOKEN}/c"),
        ]
    ),
)


@PROFILE
@given(st.lists(words, min_size=1, max_size=4))
@example([(conda_execute.parse_requirement, r'a; b == "\\"')])
def test_what_a_lock_lists_is_read_back(items: list[tuple[Callable[..., str], str]]) -> None:
    found = [accept(*one) for one in items]
    lock = LockFile("a.lock", f"# env: {format_flow(found)}\n@EXPLICIT\n".encode())
    assert lock.find_listed("env") == found


part = st.text("abcxyz019_.", min_size=1, max_size=8)
packages = st.lists(
    st.tuples(part, part, part, st.sampled_from([SUBDIR, "noarch"]), st.sampled_from([SHA256, MD5])),
    min_size=1, max_size=20, unique_by=lambda one: one[0],
)  # fmt: skip
pins = st.lists(st.tuples(st.from_regex("[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True), part), max_size=5)


@PROFILE
@given(packages, pins, st.lists(spec_texts, max_size=3))
def test_what_is_written_is_read_back(
    found: list[tuple[str, str, str, str, str]], pinned: list[tuple[str, str]], specs: list[str]
) -> None:
    metadata = make_metadata([accept(conda_execute.parse_spec, one) for one in specs])
    rows = [
        ("https://host/{3}/{0}-{1}-{2}.conda#{5}{4}").format(*one, "sha256:" * (len(one[4]) == 64)) for one in found
    ]
    written = [f"{name}=={version} --hash=sha256:{SHA256}" for name, version in pinned]
    lock = LockFile("a.lock", format_lock(metadata, "conda 1", SUBDIR, rows, written))
    check_lock(lock, metadata, SUBDIR)
    parse_lock(lock, SUBDIR)
    parse_lock(lock, SUBDIR)  # a build that is tried again does so
    assert [one.url for one in lock.packages] == [row.partition("#")[0] for row in rows]
    assert [(one.name, one.digest) for one in lock.packages] == [(one[0], one[4]) for one in found]
    assert [one.algorithm for one in lock.packages] == ["md5" if len(one[4]) == 32 else "sha256" for one in found]
    assert (lock.pip, lock.find_listed("env")) == (written, metadata.specs)


def read(content: bytes, metadata: Metadata) -> None:
    lock = LockFile("a.lock", content)
    check_lock(lock, metadata, SUBDIR)
    parse_lock(lock, SUBDIR)
    conda_execute.check_whole(lock, metadata)


GOOD = explicit(PIP, PACKAGE, f"# pip: rich==1 --hash=sha256:{SHA256}").encode()


@PROFILE
@given(st.binary(), st.integers(0, len(GOOD)), st.integers(0, 30), st.booleans())
@example(b"", 0, 0, True)
def test_any_bytes_are_a_lock_or_an_error(noise: bytes, at: int, length: int, is_mixed: bool) -> None:
    try:
        read(GOOD[:at] + noise + GOOD[at + length :] if is_mixed else noise, make_metadata(["hello-conda"]))
    except Error as e:
        assert "a.lock:" in str(e) and "\n\n" not in str(e)


def test_a_lock_that_was_cut_anywhere_is_no_lock() -> None:
    metadata = make_metadata(["hello-conda"], ["rich"])
    whole = GOOD.replace(HELLO.encode(), metadata.name.encode())
    read(whole, metadata)
    for length in range(len(whole)):
        with pytest.raises(Error):
            read(whole[:length], metadata)


def test_reading_is_fast_and_linear() -> None:
    def measure(lines: int) -> float:
        rows = [URL.replace("hello", f"package-{i}") + f"#sha256:{SHA256}" for i in range(lines)]
        lock = LockFile("a.lock", explicit(*rows).encode())
        start = time.process_time()
        parse_lock(lock, SUBDIR)
        assert len(lock.packages) == lines
        return time.process_time() - start

    measure(100)
    times = {lines: min(measure(lines) for _ in range(3)) for lines in (1000, 8000)}
    assert times[1000] < 0.5
    assert times[8000] < 8 * 4 * times[1000]


def test_of_all_requirements_those_of_the_script_come_last() -> None:
    """pip reports them first, and a lock that lost its end would not be found out."""
    metadata = make_metadata(["hello-conda"], ["Rich >=1", "httpx"])
    rows = [f"{name}==1 --hash=sha256:{SHA256}" for name in ("rich", "httpx", "pygments", "idna")]
    text = format_lock(metadata, "conda 1", SUBDIR, [PIP, PACKAGE], rows).decode()
    assert [line.partition("==")[0] for line in text.splitlines()[-4:]] == [
        "# pip: pygments", "# pip: idna", "# pip: rich", "# pip: httpx",
    ]  # fmt: skip
    read(text.encode(), metadata)
    with pytest.raises(Error, match='found none for "httpx"'):
        read((text.rpartition("# pip")[0]).encode(), metadata)


@pytest.mark.parametrize("words", [["-"], ["-c", "# conda execute", "# env: [hello-conda]", "# run_with: sh", "", "x"]])
def test_of_what_is_no_file_no_lock_can_be_demanded(run: Run, words: list[str]) -> None:
    done = run("--locked", *words, stdin=None, input="# conda execute\n# env: [hello-conda]\n# run_with: sh\n")
    where = "-c" if words[1:] else "standard input"
    assert failed(done, f"{where}: expected a lock for {SUBDIR}, found none\n  {conda_execute.LOCK_PLACE}")


# -- a lock that is old


def test_a_lock_says_spec_by_spec_what_came_and_went(run: Run, write: Write, lock: Lock) -> None:
    asked = ["numpy >=2\n#  - hello-conda", "pip:\n#     - rich >=13\n#     - httpx"]
    more = "# channels: [bioconda, conda-forge]\n# exclude-newer: 2026-11-02\n"
    lock(
        f'# platform: {SUBDIR}\n# metadata: {"1" * 20}\n# env: [hello-conda, "numpy >=1,<2", scipy]\n'
        f"# requirements: [rich >=12, httpx]\n# channels: [conda-forge]\n# exclude-newer: [2026-11-01]\n@EXPLICIT\n"
    )
    name = find_name(["numpy >=2", "hello-conda"], ["rich >=13", "httpx"], ["bioconda", "conda-forge"], "2026-11-02")
    write("a.sh", "", *asked, more=more)
    assert failed(
        run("a.sh"),
        f"a.sh.{SUBDIR}.lock:2:13: expected the lock of what the script asks for today ({name}), found an older one "
        "(+ numpy >=2, - numpy >=1,<2, - scipy, + requirements rich >=13, - requirements rich >=12, "
        "+ channels bioconda, + exclude-newer 2026-11-02, - exclude-newer 2026-11-01)\n"
        f"  2 | # metadata: {'1' * 20}\n    |             ^\n  {HINT}",
    )


@pytest.mark.parametrize(
    "specs", [["hello-conda  >=1.0"], ["hello-conda>=1.0"], ["hello-conda >=1.0", "hello-conda >=1.0"]]
)
def test_words_that_name_the_same_environment_have_the_same_lock(run: Run, write: Write, specs: list[str]) -> None:
    assert run("--lock", write("a.sh", "hello-conda", "hello-conda >=1.0")).returncode == 0
    assert run("-q", "--locked", write("a.sh", "hello-conda", *specs)).stdout == "hello-conda 2.0\n"


def test_another_order_of_channels_is_another_lock(run: Run, write: Write, channel: str, tmp_path: Path) -> None:
    def write_with(*channels: str) -> Path:
        return write("a.sh", "", "hello-conda", more=f"# channels: [{', '.join(channels)}, nodefaults]\n")

    (tmp_path / "empty" / "noarch").mkdir(parents=True)
    (tmp_path / "empty" / "noarch" / "repodata.json").write_text("{}")
    empty = f"file://{tmp_path}/empty"
    assert run("--lock", write_with(channel, empty)).returncode == 0
    done = run(write_with(empty, channel))
    assert done.returncode == 125 and ", found an older one (channels in another order)\n" in done.stderr


def test_a_blank_in_a_requirement_is_told_too(lock: Lock) -> None:
    """pip's requirements count as they are written, but for runs of blanks."""
    old, new = make_metadata(["a"], ["rich  >=1"]), make_metadata(["a"], ["rich>=1"])
    lock_file = LockFile("a.lock", format_lock(old, "conda 1", SUBDIR, [], []))
    check_lock(lock_file, make_metadata(["a"], ["rich >=1"]), SUBDIR)
    with pytest.raises(Error, match=r"found an older one \(\+ requirements rich>=1, - requirements rich >=1\)"):
        check_lock(lock_file, new, SUBDIR)


def test_a_lock_and_what_is_said_of_it_have_no_password() -> None:
    before, now = (make_metadata(["a"], [], [f"https://me:{word}@host/t/tk-1/c"]) for word in ("secret", "secret2"))
    content = format_lock(before, "conda 1", SUBDIR, [], [])
    assert b"secret" not in content and b"tk-1" not in content
    check_lock(LockFile("a.lock", content), before, SUBDIR)
    with pytest.raises(Error) as failure:
        check_lock(LockFile("a.lock", content), now, SUBDIR)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("content", [explicit(PACKAGE).replace(HELLO, "0" * 20), "\0", "", explicit("-y")])
def test_lock_writes_a_new_one_whatever_the_old_one_is(run: Run, lock: Lock, content: str) -> None:
    path = lock(content)
    done = run("--lock", "a.sh")
    assert (done.returncode, done.stdout) == (0, f"{path}\n"), done.stderr
    assert run("-q", "--locked", "a.sh").stdout == "ran\n"


def test_no_lock_looks_past_one_and_locked_demands_one(run: Run, lock: Lock, env_dir: Path, environ: Environ) -> None:
    path = lock("nothing")
    assert run("-q", "--no-lock", "a.sh").stdout == "ran\n"
    assert entries(env_dir) == [HELLO]
    path.unlink()
    assert failed(
        run("--locked", "a.sh"),
        f"a.sh: expected a lock for {SUBDIR}, found none\n  write it: conda-execute --lock SCRIPT",
    )
    done = run("--locked", "a.sh", env={**environ, "SLURM_JOB_ID": "7"})  # which may be a copy
    assert "  write it: conda-execute --lock SCRIPT; a scheduler runs a copy: submit a job that says " in done.stderr
    assert run("-q", "a.sh").stdout == "ran\n"


def test_what_is_told_of_a_build_says_that_the_lock_is_why(run: Run, write: Write, tmp_path: Path) -> None:
    script = write("a.sh", "echo ran", "hello-conda")

    def why(*options: str) -> str:
        done = run(*options, script)
        [line] = [line for line in done.stderr.splitlines() if "building" in line]
        return line.rpartition("(")[2].rstrip(")")

    assert why("--lock") == "first use"
    assert why() == "its lock is new"
    path = tmp_path / f"a.sh.{SUBDIR}.lock"
    path.write_text(path.read_text().replace("@EXPLICIT", "# seen by me\n@EXPLICIT"))
    assert why() == "its lock has changed"
    write("a.sh", "echo ran", "hello-conda =1.0")
    assert why("--no-lock") == "changed: + hello-conda =1.0, - hello-conda"


# -- ways in


def find_locked(env_dir: Path) -> Path:
    """Return the one environment that was built of a lock."""
    [marker] = [path for path in env_dir.glob(f"*/{conda_execute.MARKER}") if b"\nlock: " in path.read_bytes()]
    return marker.parent.parent


@pytest.mark.parametrize("way", ["run", "prefix_of", "bootstrap", "create", "name", "dry-run", "-v", "marker"])
def test_every_way_in_obeys_a_lock(
    run: Run, call: Call, write: Write, environ: Environ, env_dir: Path, tmp_path: Path, way: str
) -> None:
    script = write("a.sh", "echo $CONDA_PREFIX", "hello-conda")
    if way == "bootstrap":
        code = "import conda_execute; conda_execute.bootstrap()\nimport sys; print(sys.prefix)"
        script = write("a.py", code, "python")
    path = Path(run("--lock", script).stdout.rstrip("\n"))
    name = find_name(
        ["python" if way == "bootstrap" else "hello-conda"], lock=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    prefix = f"{env_dir / name}\n"
    if way == "run":
        assert call("conda_execute.run('a.sh')").stdout == prefix
    elif way == "prefix_of":
        assert call("print(conda_execute.prefix_of('a.sh'))").stdout == prefix
    elif way == "bootstrap":
        variables = {**environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, str(script)], env=variables, stdout=subprocess.PIPE, text=True)
        assert done.stdout == prefix
    elif way in ("create", "name"):
        assert run("--tmpenv", way, "--script", script, "--locked").stdout == prefix
        assert run("--tmpenv", way, "--script", script).stdout == prefix
        assert run("--tmpenv", way, "--script", script, "--no-lock").stdout == f"{env_dir / HELLO}\n"
        assert (env_dir / name).exists() == (way == "create")
        path.unlink()
        assert "expected a lock for" in run("--tmpenv", way, "--script", script, "--locked").stderr
    elif way == "dry-run":
        found = json.loads(run("-n", "--json", "a.sh").stdout)
        assert (found["lock"], found["name"], found["exists"]) == (str(path), name, False)
        found = json.loads(run("-n", "--json", "--no-lock", script).stdout)
        assert (found["lock"], found["name"], found["exists"]) == (None, HELLO, True)
    elif way == "-v":
        assert f"\nlock: [{path}]\n\nPrefix: {prefix}" in run("-v", script).stderr
        assert "lock:" not in run("-v", "--no-lock", script).stderr
    else:
        run(script)
        lines = (env_dir / name / conda_execute.MARKER).read_text().splitlines()
        assert f"lock: {hashlib.sha256(path.read_bytes()).hexdigest()}" in lines


@pytest.mark.parametrize(
    "words", [["--locked", "--no-lock", "--script", "a.sh"], ["--locked", "x"], ["--no-lock", "x"]]
)
def test_conda_tmpenv_has_locks_of_scripts_alone(run: Run, write: Write, words: list[str]) -> None:
    write("a.sh", "", "hello-conda")
    done = run("--tmpenv", "create", *words)
    found = '"--no-lock"' if "--script" in words else f'"{words[0]}"'
    hint = "conda-tmpenv --help says more" if "--script" in words else "write a script: specs alone do not have that"
    assert failed(done, f"expected nothing else behind create, found {found}\n  {hint}", 2)


WRONG = {
    "-c": (["--lock", "-c", "x"], "expected one of --lock and -c, found both"),
    "dry-run": (["--lock", "-n", "a.sh"], "expected one of --lock and --dry-run, found both"),
    "json": (["--lock", "--json", "a.sh"], "expected --dry-run with --json, found none"),
    "locked": (["--lock", "--locked", "a.sh"], "expected one of --lock and --locked, found both"),
    "no-lock": (["--lock", "--no-lock", "a.sh"], "expected one of --lock and --no-lock, found both"),
    "both": (["--locked", "--no-lock", "a.sh"], "expected one of --locked and --no-lock, found both"),
    "standard input": (["--lock", "-"], "expected a script in a file, found standard input"),
    "arguments": (["--lock", "a.sh", "x"], 'expected nothing behind SCRIPT with --lock, found "x"'),
    "platform alone": (["--platform", "osx-64", "a.sh"], "expected --lock with --platform, found none"),
    "platform twice": (
        ["--lock", *["--platform", "osx-64"] * 2, "a.sh"],
        'expected a platform that conda knows, once, found "osx-64"',
    ),
    "platform unknown": (
        ["--lock", "--platform", "osx64", "a.sh"],
        'expected a platform that conda knows, once, found "osx64"\n  write it like --platform osx-64 for each',
    ),
    "platform noarch": (["--lock", "--platform", "noarch", "a.sh"], "expected a platform that conda knows, once"),
    "no value": (["--lock", "--platform"], "expected SUBDIR behind --platform, found nothing"),
    "no script": (["--lock"], "expected a script, found none"),
}


@pytest.mark.parametrize("words, message", WRONG.values(), ids=list(WRONG))
def test_options_that_make_no_sense_are_errors_of_the_command_line(
    run: Run, write: Write, env_dir: Path, words: list[str], message: str
) -> None:
    write("a.sh", "echo ran", "hello-conda")
    done = run(*words, stdin=None, input="# conda execute\n# env: [hello-conda]\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"conda-execute: {message}"), done.stderr
    assert [one for one in names(env_dir) if len(one) == 20] == []


def test_a_url_has_no_lock(run: Run, write: Write) -> None:
    script = write("a.sh", "", "hello-conda")
    done = run("--lock", script.as_uri())
    assert failed(done, f"expected a script in a file, found {script.as_uri()}\n  {conda_execute.LOCK_PLACE}", 2)


def test_an_unknown_script_has_no_lock(run: Run) -> None:
    hint = "check the path, and quotes around its blanks"
    found = "expected a script that can be read, found: No such file or directory"
    assert failed(run("--lock", "a.sh"), f"a.sh: {found}\n  {hint}")


@pytest.mark.parametrize("kind", ["conda-execute", "pep723", "conda-script", "pixi"])
def test_scripts_of_all_kinds_have_locks(
    run: Run, write: Write, conda_script: Script, channel: str, tmp_path: Path, kind: str
) -> None:
    script = tmp_path / "a.py"
    code = "import subprocess\nsubprocess.run(['hello-conda'])\n"
    if kind == "conda-execute":
        script = write("a.sh", "hello-conda", "hello-conda")
    elif kind == "conda-script":
        script = conda_script("sh ${SCRIPT}", "hello-conda")
    elif kind == "pep723":
        script.write_text(
            f'# /// script\n# dependencies = []\n# [tool.conda]\n# dependencies = ["hello-conda"]\n# ///\n{code}'
        )
    else:
        table = (
            f'# [tool.pixi.workspace]\n# channels = ["{channel}"]\n# [tool.pixi.dependencies]\n# hello-conda = "*"\n'
        )
        script.write_text(f"# /// script\n# dependencies = []\n{table}# ///\n{code}")
    done = run("--lock", script)
    path = Path(done.stdout.rstrip("\n"))
    assert (done.returncode, path) == (0, script.with_name(f"{script.name}.{SUBDIR}.lock")), done.stderr
    assert "/hello-conda-2.0-0." in path.read_text()
    assert run("-q", "--locked", script).stdout == "hello-conda 2.0\n"


# -- writing it


def test_nothing_but_the_lock_is_written_beside_a_script(run: Run, write: Write, tmp_path: Path, env_dir: Path) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    write("a.sh", "", "hello-conda").rename(folder / "a.sh")
    before = list_tree(folder)
    done = run("--lock", "scripts/a.sh")
    assert done.stdout == f"{folder}/a.sh.{SUBDIR}.lock\n" and BUILT in done.stderr
    assert set(list_tree(folder)) - set(before) == {f"a.sh.{SUBDIR}.lock"}
    first = (folder / f"a.sh.{SUBDIR}.lock").read_text()
    assert (
        f"scripts/a.sh.{SUBDIR}.lock: as before; " in run("--lock", "scripts/a.sh").stderr
    )  # the environment is there
    assert (folder / f"a.sh.{SUBDIR}.lock").read_text() == first


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_mode_of_a_lock_is_as_umask_says(run: Run, write: Write, tmp_path: Path, mask: int, mode: int) -> None:
    run("--lock", write("a.sh", "", "hello-conda"), preexec_fn=lambda: os.umask(mask))
    assert stat.S_IMODE((tmp_path / f"a.sh.{SUBDIR}.lock").stat().st_mode) == mode


def test_the_lock_of_a_link_lies_beside_its_file_unless_one_lies_beside_the_link(
    run: Run, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    link, script = tmp_path / "bin" / "tool", write("a.sh", "echo ran", "hello-conda")
    link.symlink_to("../a.sh")
    own, beside = Path(f"{script}.{SUBDIR}.lock"), Path(f"{link}.{SUBDIR}.lock")
    assert run("--lock", link).stdout == f"{own}\n"
    assert run("-q", "--locked", link).stdout == "ran\n"
    own.rename(beside)
    assert json.loads(run("-n", "--json", link).stdout)["lock"] == str(beside)
    assert json.loads(run("-n", "--json", script).stdout)["lock"] is None
    assert run("--lock", link).stdout == f"{beside}\n" and not own.exists()


def test_a_lock_that_is_a_link_is_written_where_it_leads(run: Run, write: Write, tmp_path: Path) -> None:
    path, target = tmp_path / f"a.sh.{SUBDIR}.lock", tmp_path / "locks" / "shared.lock"
    target.parent.mkdir()
    path.symlink_to("locks/shared.lock")  # which is not there yet
    assert run("--lock", write("a.sh", "echo ran", "hello-conda")).stdout == f"{path}\n"
    assert path.is_symlink() and "@EXPLICIT" in target.read_text()
    assert run("-q", "--locked", "a.sh").stdout == "ran\n"


def test_a_folder_that_cannot_be_written_to_keeps_the_old_lock(
    run: Run, run_as_user: Run, write: Write, tmp_path: Path
) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    write("a.sh", "", "hello-conda").rename(folder / "a.sh")
    path = folder / f"a.sh.{SUBDIR}.lock"
    assert run(folder / "a.sh").returncode == 0
    path.write_text("old")
    folder.chmod(0o555)
    for record in tmp_path.glob("tmp_envs/*/conda-meta/*.json"):  # which rattler leaves to the builder alone
        record.chmod(0o644)
    try:
        done = run_as_user("--lock", folder / "a.sh")
    finally:
        folder.chmod(0o755)
    assert (done.returncode, done.stdout, path.read_text()) == (125, "", "old")
    text = f"{folder}: expected a folder that can be written to, found one that cannot\n  copy the script to a folder"
    assert text in done.stderr
    assert names(folder) == ["a.sh", path.name]


@needs_root
def test_a_lock_is_never_written_without_what_only_the_builder_may_read(
    run: Run, run_as_user: Run, write: Write, tmp_path: Path
) -> None:
    script = write("a.sh", "", "hello-conda")
    assert run(script).returncode == 0
    [record] = tmp_path.glob("tmp_envs/*/conda-meta/*.json")
    record.chmod(0o600)
    tmp_path.chmod(0o777)
    done = run_as_user("--lock", script)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{record}: expected records of packages that can be read" in done.stderr
    assert not (tmp_path / f"a.sh.{SUBDIR}.lock").exists()


def test_a_lock_of_another_name_or_platform_is_told_of_where_it_is_looked_for(
    run: Run, write: Write, tmp_path: Path
) -> None:
    script = write("a.sh", "hello-conda", "hello-conda")
    [lock] = run("--lock", script).stdout.splitlines()
    other = script.rename(tmp_path / "b.sh")
    run("--tmpenv", "clear", "--all")
    assert f"{lock} would be its lock under the name b.sh.{SUBDIR}.lock\n" in run(other).stderr
    text = f"expected a lock for {SUBDIR}, found none\n  {lock} would be its lock under the name b.sh.{SUBDIR}.lock\n"
    assert text in run("--locked", other).stderr
    foreign = Path(lock).rename(tmp_path / "b.sh.osx-arm64.lock")
    foreign.write_text(foreign.read_text().replace(f"# platform: {SUBDIR}", "# platform: osx-arm64"))
    text = f"{foreign} is for another platform: --lock writes one for {SUBDIR}\n"
    assert text in run("-f", other).stderr
    assert text not in run("-f", "--no-lock", other).stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_who_is_killed_while_he_writes_leaves_the_old_lock(
    run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    write("a.sh", "", "hello-conda").rename(folder / "a.sh")
    script, path = folder / "a.sh", folder / f"a.sh.{SUBDIR}.lock"
    assert run("--lock", script).returncode == 0
    whole = path.read_text()
    steps = find_steps(folder, environ, tmp_path, "--lock", script)
    assert {"openat", "rename"} <= {name for name, _ in steps}
    for name, count in steps:
        path.write_text("old")
        kill_at(name, count, environ, "--lock", script)
        assert path.read_text() == "old", (name, count)
        assert run("--lock", script).returncode == 0 and path.read_text() == whole


def test_several_that_write_one_lock_at_once_leave_a_whole_one(
    run: Run, start: Start, write: Write, tmp_path: Path
) -> None:
    script = write("a.sh", "echo ran", "hello-conda")
    children = [start("--lock", script) for _ in range(6)]
    assert [child.wait(120) for child in children] == [0] * 6
    assert run("-q", "--locked", script).stdout == "ran\n"
    assert [one for one in names(tmp_path) if one.endswith(".part")] == []


# -- locks of other programs


def find_archive(url: str) -> bytes:
    return Path(url2pathname(url.partition("://")[2])).read_bytes()


def write_as(kind: str, urls: list[str]) -> str:
    """Return what another program writes for these packages, with our two lines above."""
    lines = []
    for url in urls:
        data = find_archive(url)
        sha256, md5 = hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()
        lines.append(f"{url}#sha256:{sha256}" if "sha256" in kind else f"{url}#{md5}")
    if kind == "conda-lock":
        return "\n".join(
            [
                "# Generated by conda-lock.",
                f"# platform: {SUBDIR}",
                f"# input_hash: {SHA256}",
                f"# metadata: {HELLO}",
                "#",
            ]
            + ["@EXPLICIT", "#", *lines, ""]
        )
    head = [
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
    ]
    return "\n".join(
        [*head, f"# platform: {SUBDIR}", "# created-by: conda 26.7.1", f"# metadata: {HELLO}", "@EXPLICIT", *lines, ""]
    )


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("kind", ["conda list --sha256", "conda list --md5", "conda-lock"])
def test_a_lock_of_another_program_is_obeyed(run: Run, lock: Lock, channel: str, env_dir: Path, kind: str) -> None:
    [old] = (Path(url2pathname(channel.partition("://")[2])) / "noarch").glob("hello-conda-1.0-0.*")
    lock(write_as(kind, [f"{channel}/noarch/{old.name}"]))
    done = run("a.sh", "-q")
    assert done.stdout == "ran\n", done.stderr
    [record] = find_locked(env_dir).glob("conda-meta/*.json")
    assert record.name == "hello-conda-1.0-0.json"
    assert run("-q", "--no-lock", "a.sh").stdout == "ran\n"


@pytest.mark.skipif(not CONDA, reason=NO_CONDA)
@pytest.mark.parametrize("engine", [ENGINES[2]], indirect=True)
@pytest.mark.parametrize("option", ["--sha256", "--md5"])
def test_what_conda_lists_is_a_lock_with_two_lines_more(run: Run, lock: Lock, env_dir: Path, option: str) -> None:
    path = lock("")
    path.unlink()
    assert run("-q", "a.sh").stdout == "ran\n"
    command = [CONDA, "list", "--explicit", option, "--prefix", str(env_dir / HELLO)]
    listed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    path.write_text(listed.replace("@EXPLICIT", f"# metadata: {HELLO}\n@EXPLICIT"))
    assert run("-q", "--locked", "a.sh").stdout == "ran\n"


def test_the_requirements_that_conda_lock_appends_are_pins() -> None:
    row = f"rich @ https://files.pythonhosted.org/rich-13.9.4-py3-none-any.whl#sha256={SHA256}"
    lock = LockFile("a.lock", explicit(PIP, PACKAGE, f"# pip {row}", "# pipes are none").encode())
    parse_lock(lock, SUBDIR)
    assert lock.pip == [row]
    without = LockFile("a.lock", explicit(PIP, PACKAGE, f"# pip {row.partition('#')[0]}").encode())
    with pytest.raises(Error, match="expected a requirement with hashes"):
        parse_lock(without, SUBDIR)


def test_a_lock_without_the_requirements_of_its_script_is_none() -> None:
    """A marker may leave one out; names are compared as PyPI does."""
    metadata = make_metadata(["hello-conda"], ["Ruamel.Yaml[x] >=1", 'old; python_version < "3"'])
    content = explicit(PIP, PACKAGE).replace(HELLO, metadata.name)
    with pytest.raises(Error, match='found none for "Ruamel.Yaml'):
        read(content.encode(), metadata)
    read(f"{content}# pip: ruamel_yaml==1 --hash=sha256:{SHA256}\n".encode(), metadata)


# -- what it costs


def write_long(path: Path, url: str, lines: int) -> None:
    """Write a lock of so many lines, most of which are comments."""
    data = find_archive(url)
    more = "".join(f"# {URL.replace('hello', f'package-{i}')}#{SHA256}\n" for i in range(lines - 4))
    path.write_text(explicit(f"{url}#{hashlib.sha256(data).hexdigest()}") + more)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_warm_run_beside_a_lock_opens_one_file_more_and_imports_nothing(
    run: Run, write: Write, channel: str, environ: Environ, tmp_path: Path
) -> None:
    script, path = write("a.sh", "exit 0", "hello-conda"), tmp_path / f"a.sh.{SUBDIR}.lock"
    [package] = (Path(url2pathname(channel.partition("://")[2])) / "noarch").glob("hello-conda-1.0-0.*")

    def find_opened() -> list[str]:
        log = tmp_path / "strace"
        command = ["strace", "-qq", "-o", str(log), "-e", "trace=openat,open", sys.executable, str(TOOL), str(script)]
        subprocess.run(command, env=environ, check=True)
        paths = [line.split('"')[1] for line in log.read_text().splitlines() if '"' in line and "= -1" not in line]
        return sorted("/".join("NAME" if len(one) == 20 else one for one in path.split("/")) for path in paths)

    run(script)
    find_opened()
    without, modules = find_opened(), imported(environ, str(TOOL), str(script))
    write_long(path, f"{channel}/noarch/{package.name}", 200)
    assert run(script).returncode == 0
    assert sorted([*without, str(path)]) == find_opened()
    assert imported(environ, str(TOOL), str(script)) == modules
    assert modules - imported(environ, "-c", "pass") <= ALLOWED
