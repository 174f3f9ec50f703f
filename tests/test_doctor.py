"""Doctor: what is wrong comes first and with what to type; nothing else is wrong then, and nothing is made."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from conftest import (
    HELLO,
    TOOL,
    USER,
    bare_venv,
    find_collectors,
    give_away,
    list_tree,
    make_env,
    make_store,
    mounted,
    needs_root,
    open_path,
    put,
)
from hosts import CLOCK_S, hasten

import conda_execute

pytest.importorskip("fcntl", reason="owners, modes and mounts of POSIX")

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Callable

    from conftest import Environ, Run

    Break = Callable[["Machine"], object]
    Doctor = Callable[..., "subprocess.CompletedProcess[str]"]
SETTINGS = ("CONDA_EXECUTE_ENV_DIR", "CONDA_EXECUTE_ENGINE", "CONDA_CHANNELS", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS")
PASSWORD = "hunter2secret"


@pytest.fixture
def doctor(run: Run) -> Doctor:
    """Return a function that runs conda-tmpenv doctor."""
    return lambda *words, **options: run("--tmpenv", "doctor", *words, **options)


@pytest.fixture
def follow(environ: Environ, tmp_path: Path) -> Doctor:
    """Return a function that types in a shell what the first hint says, and runs doctor there again."""

    def function(
        done: subprocess.CompletedProcess[str], python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        typed = re.findall(r'^  .*?write "(.*?)"(?:$|[,; ])', done.stdout.partition("\n\n")[0], re.M)[0]
        code = f"{typed}\nexec {shlex.quote(python)} {shlex.quote(str(TOOL))} --tmpenv doctor"
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.run(["sh", "-c", code], env=environ, cwd=tmp_path, timeout=120, **pipes)  # type: ignore[call-overload,no-any-return]

    return function


def check_wrong(done: subprocess.CompletedProcess[str], text: str, count: int = 1) -> None:
    """This stands first, with a hint below it, and so many things are wrong at all."""
    assert (done.returncode, done.stderr) == (1, ""), done
    assert re.match("wrong: " + text, done.stdout), done.stdout
    assert len(re.findall("^wrong: ", done.stdout, re.M)) == count, done.stdout
    [first, *_] = done.stdout.partition("\n\n")[0].split("\nwrong: ")
    hints = [line for line in first.splitlines()[1:] if line.startswith("  ") and " | " not in line]
    assert hints, first
    assert "Traceback" not in done.stdout


def check_well(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("nothing is wrong\n\n"), done.stdout


def find_fact(done: subprocess.CompletedProcess[str], name: str) -> list[str]:
    return re.findall(f"^{re.escape(name)}: (.*)$", done.stdout, re.M)


# -- a machine on which nothing is wrong


def test_where_nothing_is_wrong_it_says_what_there_is_and_exits_with_0(
    doctor: Doctor, env_dir: Path, channel: str, environ: Environ
) -> None:
    make_env(env_dir, "a" * 20)
    done = doctor()
    check_well(done)
    assert find_fact(done, "env-dir") == [f"{env_dir} (environment variable CONDA_EXECUTE_ENV_DIR)"]
    assert find_fact(done, "remove-if-unused-for") == ["25 (the default)"]
    assert find_fact(done, "engine in effect") == ["rattler"]
    assert find_fact(done, "channels in effect") == [channel]
    assert find_fact(done, "environments")[0].startswith("1 whole, 0 not, ")
    assert re.fullmatch(r"\d+\.\d+\S* in .+", find_fact(done, "py-rattler")[0])
    assert find_fact(done, "conda-execute") == [f"{conda_execute.__version__} in {conda_execute.__file__}"]
    assert find_fact(done, "CONDA_CHANNELS") == [channel]
    for folder in (env_dir, environ["RATTLER_CACHE_DIR"]):
        assert re.search(f"{re.escape(str(folder))}: .* GB and [0-9]+ inodes are free\n", done.stdout)


def test_each_setting_of_condarc_has_its_file_and_line(
    doctor: Doctor, environ: Environ, home: Path, tmp_path: Path
) -> None:
    for name in SETTINGS:
        del environ[name]
    put(
        home / ".condarc",
        f"channels: [a, b]\nconda-execute:\n  env-dir: {tmp_path}/e\n  engine: rattler\noffline: no\n",
    )
    put(home / ".conda" / "condarc", '{"channel_alias": "https://mirror.example/x"}')
    put(home / ".config" / "conda" / "condarc", "envs_dirs: &here\n  - /a\nsolver: *here\n")
    done = doctor()
    check_well(done)
    files = [home / ".config" / "conda" / "condarc", home / ".conda" / "condarc", home / ".condarc"]
    assert find_fact(done, "condarc") == [", ".join(map(str, files)).replace(f"{home}/", "~/")]
    assert find_fact(done, "channels") == ["[a, b] (~/.condarc:1)"]
    assert find_fact(done, "env-dir") == [f"{tmp_path}/e (~/.condarc:3)"]
    assert find_fact(done, "engine") == ["rattler (~/.condarc:4)"]
    assert find_fact(done, "channel_alias") == ["https://mirror.example/x (~/.conda/condarc:1)"]
    assert find_fact(done, "solver") == ["not read here: ~/.config/conda/condarc:3:9"]
    assert find_fact(done, "channels in effect") == ["https://mirror.example/x/a, https://mirror.example/x/b"]


@pytest.mark.parametrize("exists", [True, False], ids=["used", "no env-dir"])
def test_it_makes_nothing_and_removes_nothing(doctor: Doctor, env_dir: Path, tmp_path: Path, exists: bool) -> None:
    """An environment past its age stays, nobody starts a collection."""
    if exists:
        make_env(env_dir, "a" * 20, 1000)
        put(env_dir / ".trash" / f"{'b' * 20}.7.{time.time_ns()}" / "file")
    before = list_tree(tmp_path)
    check_well(doctor())
    assert find_collectors(tmp_path) == []
    assert list_tree(tmp_path) == before
    assert env_dir.exists() == exists


def test_json_is_the_same(doctor: Doctor, environ: Environ) -> None:
    plain = doctor().stdout.splitlines()
    found = json.loads(doctor("--json").stdout)
    assert found["wrong"] == []
    free = re.compile(r"[\d.]+ GB and \d+ inodes")  # which others use meanwhile
    facts = [free.sub("", f"{name}: {value}") for name, value in found["facts"]]
    assert sorted(facts) == sorted(free.sub("", line) for line in plain[2:])
    environ["CONDA_EXECUTE_ENGIN"] = "rattler"
    done = doctor("--json")
    assert done.returncode == 1
    [wrong] = json.loads(done.stdout)["wrong"]
    assert wrong["message"].endswith("found CONDA_EXECUTE_ENGIN")
    assert "unset CONDA_EXECUTE_ENGIN" in wrong["hint"]


def test_it_needs_no_streams_and_no_home(doctor: Doctor, environ: Environ) -> None:
    del environ["HOME"]
    closed = doctor(stdin=None, preexec_fn=lambda: os.close(0))
    check_well(closed)
    assert doctor(stdout=None, stderr=None, preexec_fn=lambda: os.closerange(0, 3)).returncode == 0


def test_what_is_not_wrong_but_reaches_in_is_a_note(doctor: Doctor, environ: Environ, tmp_path: Path) -> None:
    environ.update(PERL5LIB="/x", HTTP_PROXY="http://proxy.example:1", CONDA_OFFLINE="1")
    done = doctor()
    check_well(done)
    notes = done.stdout.split("\n\n")[1].splitlines()[:3]
    assert [note[: note.index(":")] for note in notes] == ["note"] * 3
    assert [word for word in ("PERL5LIB", "HTTP_PROXY", "offline") if word in "".join(notes)] == [
        "PERL5LIB", "HTTP_PROXY", "offline",
    ]  # fmt: skip


@pytest.mark.once
def test_a_variable_that_comes_before_ssl_verify_is_a_note(doctor: Doctor, environ: Environ, home: Path) -> None:
    (home / ".condarc").write_text("ssl_verify: true\n")
    environ.update(REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE="/etc/other.pem")
    note = 'note: CURL_CA_BUNDLE comes before ssl_verify, true (~/.condarc:1): write "unset CURL_CA_BUNDLE" if'
    assert note in doctor().stdout


# -- one thing that is wrong, and how it is mended


class Machine:
    """What can be broken."""

    def __init__(self, home: Path, env_dir: Path, folder: Path, environ: Environ) -> None:
        self.home, self.env_dir, self.folder, self.environ = home, env_dir, folder, environ
        self.rc = home / ".condarc"

    def say(self, text: str) -> None:
        """Have a condarc, and no variable that is stronger."""
        for name in SETTINGS[:3]:
            self.environ.pop(name, None)
        put(self.rc, text)


@pytest.fixture
def machine(home: Path, env_dir: Path, tmp_path: Path, environ: Environ) -> Machine:
    return Machine(home, env_dir, tmp_path, environ)


def rc(text: str) -> Break:
    return lambda machine: machine.say(text)


def set_to(**variables: str) -> Break:
    return lambda machine: machine.environ.update(variables)


def lay(name: str, variable: str = "", content: str = "") -> Break:
    """Put a file there, and its path into a variable."""

    def breaks(machine: Machine) -> None:
        path = put(machine.folder / name, content)
        machine.environ.update({variable: str(path)} if variable else {})

    return breaks


def engine_that(code: str) -> Break:
    return lambda machine: program(machine, code)


def program(machine: Machine, code: str) -> None:
    path = put(machine.folder / "conda", code)
    path.chmod(0o755)
    machine.environ.update(CONDA_EXE=str(path), CONDA_EXECUTE_ENGINE="conda")


def leave_trash(machine: Machine) -> None:
    make_store(machine.env_dir).make()
    put(machine.env_dir / ".trash" / f"{'b' * 20}.7.{time.time_ns() - 10**13}" / "file")


def let_all_write(machine: Machine) -> None:
    make_store(machine.env_dir).make()
    machine.env_dir.chmod(0o777)


def forget_certificates(machine: Machine) -> None:
    machine.environ.update(dict.fromkeys(conda_execute.CERTIFICATES, ""))
    machine.say("ssl_verify: /etc/passwd\n")


# What is broken, and what is said of it: at its place, where it has one.
TYPED: dict[str, tuple[Break, str]] = {  # whose hint can be typed as it stands
    "another suffix": (lambda m: put(m.home / ".condarc.yml", ""), r"\S+/\.condarc\.yml: expected settings"),
    "CONDARC to nothing": (set_to(CONDARC="/nothing.yml"), "/nothing.yml: expected a file that conda reads in CONDARC"),
    "CONDARC of another name": (lay("my.cfg", "CONDARC"), r"\S+/my\.cfg: expected a file that conda reads in CONDARC"),
    "a variable near one": (set_to(CONDA_EXECUTE_ENGIN="rattler"), r"expected variables .*CONDA_EXECUTE_ENGIN\n"),
    "a variable near none": (set_to(CONDA_EXECUTE_X="1"), r"expected variables .*CONDA_EXECUTE_X\n"),
    "CONDA_EXE to nothing": (set_to(CONDA_EXE="/gone/conda"), "/gone/conda: expected a program in CONDA_EXE"),
    "an engine that fails": (
        engine_that("#!/bin/sh\necho broken by https://a:pw12345@b/; exit 3\n"), r"\S+/conda: expected .* code 3\n",
    ),
    "an engine that is none": (engine_that("\0\0"), r"\S+/conda: expected .*: Exec format error\n"),
    "an engine of no Python": (engine_that("#!/gone/python\n"), r"\S+/conda: expected .*is .#!/gone/python.\n"),
    "env-dir that all may write to": (let_all_write, r"\S+/tmp_envs: expected an env-dir .* anyone may write to"),
    "a folder in place of condarc": (
        lambda m: put(m.home / ".condarc" / "x", ""), r"\S+/\.condarc: expected a file, found a folder",
    ),
    "a trash that stays full": (leave_trash, r"\S+/\.trash: expected an empty trash"),
    "two values of a proxy": (
        set_to(https_proxy="http://a:1", HTTPS_PROXY="http://b:1"), "expected one value in https_proxy and HTTPS_PROXY",
    ),
}  # fmt: skip
BROKEN: dict[str, tuple[Break, str]] = {
    "a key near one": (rc("conda-execute:\n  env_dir: /x\n"), r"\S+/\.condarc:2:3: expected "),
    "a section near ours": (rc("conda_execute:\n  engine: x\n"), r"\S+/\.condarc:1:1: expected "),
    "a bad value": (rc("conda-execute:\n  engine: condq\n"), r"\S+/\.condarc:2:11: expected one of "),
    "no mapping": (rc("channels = conda-forge\n"), r"\S+/\.condarc:1:1: expected a setting of condarc"),
    "UTF-16": (lambda m: m.rc.write_bytes("channels: []\n".encode("utf-16")), r"\S+/\.condarc: expected "),
    "a relative env-dir": (set_to(CONDA_EXECUTE_ENV_DIR="here"), "environment variable CONDA_EXECUTE_ENV_DIR:1:1: "),
    "an unset variable": (rc("conda-execute: {env-dir: /$NONE/x}\n"), r"\S+/\.condarc:1:"),
    "no such engine": (set_to(CONDA_EXECUTE_ENGINE="micromamba"), "expected the engine micromamba, found none"),
    "env-dir is a file": (lambda m: put(m.env_dir), r"\S+/tmp_envs: expected an env-dir .*, found a file"),
    "env-dir below a file": (set_to(CONDA_EXECUTE_ENV_DIR="/etc/passwd/x"), "/etc/passwd: expected an env-dir "),
    "env-dir leads nowhere": (
        lambda m: m.env_dir.symlink_to("nothing"), r"\S+/tmp_envs: expected an env-dir .* link that leads nowhere",
    ),
    "env-dir of another": (lambda m: put(m.env_dir / "thesis.tex"), r"\S+/tmp_envs: expected .* holds thesis\.tex"),
    "a cache that is a file": (lay("c", "RATTLER_CACHE_DIR"), r"\S+/c: expected a package cache .*, found a file"),
    "no certificates": (
        set_to(REQUESTS_CA_BUNDLE="/gone.pem"), "environment variable REQUESTS_CA_BUNDLE:1:1: expected a file of cert",
    ),
    "certificates that are none": (forget_certificates, r"\S+/\.condarc:1:13: expected certificates in PEM"),
    "a folder of a channel that is not there": (
        rc("channels: ['file:///gone/a%20b']\n"), "/gone/a b: expected a folder for a channel, found none",
    ),
    "a forbidden channel": (rc("channels: [a]\ndenylist_channels: [a]\n"), r"\S+/\.condarc:2:21: expected no channel"),
    "a proxy that is no URL": (
        rc(f"proxy_servers:\n  https: me:{PASSWORD}@proxy:1\n"), r"\S+/\.condarc:2:10: expected a URL for the proxy",
    ),
    "a key twice": (
        lambda m: put(m.home / ".condarc", "offline: no\n\nsolver: x\noffline: no\n"),
        r'\S+/\.condarc:4:1: expected each key once, found "offline" again',
    ),
    "a folder called like an env": (
        lambda m: make_env(m.env_dir, "a" * 20) and put(m.env_dir / ("b" * 20) / "bin" / "x", ""),
        r"\S+/b{20}: expected room for an environment, found what conda-execute did not make",
    ),
    "what rattler has no way for": (rc("client_ssl_cert: /x\n"), r"\S+/\.condarc:1:1: expected no client_ssl_cert"),
}  # fmt: skip


def break_machine(machine: Machine, doctor: Doctor, breaks: Break, text: str) -> subprocess.CompletedProcess[str]:
    """Break one thing where there is a password, too; return what is said of it."""
    machine.environ["PIP_INDEX_URL"] = f"https://me:{PASSWORD}@host.example/simple"
    breaks(machine)
    before = list_tree(machine.folder)
    done = doctor()
    check_wrong(done, text)
    assert list_tree(machine.folder) == before
    assert PASSWORD not in done.stdout and "pw12345" not in done.stdout
    return done


@pytest.mark.once
@pytest.mark.parametrize("breaks, text", BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_stands_first_with_what_to_do(doctor: Doctor, machine: Machine, breaks: Break, text: str) -> None:
    break_machine(machine, doctor, breaks, text)


@pytest.mark.once
@pytest.mark.parametrize("breaks, text", TYPED.values(), ids=TYPED)
def test_what_is_to_be_typed_mends_it(
    doctor: Doctor, follow: Doctor, machine: Machine, breaks: Break, text: str
) -> None:
    done = break_machine(machine, doctor, breaks, text)
    command = put(machine.folder / "tools" / "conda-tmpenv", f'#!/bin/sh\nexec {sys.executable} {TOOL} --tmpenv "$@"\n')
    command.chmod(0o755)
    machine.environ["PATH"] = f"{command.parent}:{machine.environ['PATH']}"
    after = follow(done)
    assert (after.returncode, after.stderr.replace("conda-execute: there is no environment\n", "")) == (0, "")
    assert "nothing is wrong\n" in after.stdout, (done.stdout, after)


def test_several_things_that_are_wrong_are_told_at_once(doctor: Doctor, environ: Environ, env_dir: Path) -> None:
    environ.update(CONDA_EXE="/gone/conda", CONDARC="/gone.yml")
    put(env_dir / "photo.jpg")
    done = doctor()
    check_wrong(done, "/gone.yml: ", count=3)
    assert doctor().stdout.partition("env-dir's disk")[0] == done.stdout.partition("env-dir's disk")[0]


@pytest.mark.once
def test_an_engine_that_hangs_is_ended_with_all_that_it_started(environ: Environ, tmp_path: Path, run: Run) -> None:
    tool = hasten(tmp_path, ANSWER_S=1)
    conda = put(tmp_path / "conda", "#!/bin/sh\nsleep 1234 & sleep 1234\n")
    conda.chmod(0o755)
    environ.update(CONDA_EXE=str(conda), CONDA_EXECUTE_ENGINE="conda")
    begun = time.monotonic()
    check_wrong(run("--tmpenv", "doctor", tool=tool), r"\S+/conda: expected .*: nothing within 1 s")
    assert time.monotonic() - begun < 30


# -- py-rattler


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """Return a Python that has neither pip nor py-rattler."""
    return bare_venv(tmp_path / "bare", "--without-pip")


def test_without_engine_it_is_told_where_py_rattler_will_be(doctor: Doctor, tmp_path: Path, home: Path) -> None:
    done = doctor(python=bare_venv(tmp_path / "bare"))
    check_well(done)
    assert find_fact(done, "py-rattler")[0].startswith("none yet; the first build puts it into ~/.cache/conda-execute/")
    assert "note: the first build has to fetch py-rattler from PyPI" in done.stdout.splitlines()[2]
    assert not (home / ".cache").exists()


def test_without_engine_and_pip_nothing_can_be_built(doctor: Doctor, bare: str, environ: Environ) -> None:
    done = doctor(python=bare)
    check_wrong(done, r"\S+/python: expected pip, to install py-rattler with, found none")
    subprocess.run([bare, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)  # as the hint says
    check_well(doctor(python=bare))
    environ["CONDA_OFFLINE"] = "1"
    check_wrong(doctor(python=bare), "expected an engine, found none, and offline forbids")


def test_a_py_rattler_that_cannot_be_imported_goes(doctor: Doctor, follow: Doctor, home: Path, tmp_path: Path) -> None:
    python = bare_venv(tmp_path / "bare")
    folder = re.findall("into ~/(.*)", doctor(python=python).stdout)[0]
    put(home / folder / "rattler" / "__init__.py", "import gone\n")
    done = doctor(python=python)
    check_wrong(
        done, ".*expected a program that says its version, found: exit code 1\n.*\n(.*\n)*.*No module named 'gone'"
    )
    check_well(follow(done, python))
    assert not (home / folder).exists()


# -- other users, disks and clocks


def test_a_home_that_is_not_there_is_told(run_as_user: Run, environ: Environ) -> None:
    """A user whom no passwd entry names has no other."""
    for name in SETTINGS:
        environ.pop(name, None)
    done = run_as_user("--tmpenv", "doctor", env={**environ, "CONDA_EXECUTE_ENV_DIR": "~nobody-at-all/x"})
    check_wrong(done, "environment variable CONDA_EXECUTE_ENV_DIR:1:1: expected an absolute path")


CONDA = "#!/bin/sh\necho conda 26.7.1\n"  # for a Python that has no py-rattler, and no pip to install it


def test_what_may_not_be_read_or_written_is_told_and_mended(run_as_user: Run, machine: Machine) -> None:
    home = machine.folder / "user"
    home.mkdir(exist_ok=True)  # it is there where we are root
    program(machine, CONDA)
    machine.environ.update(HOME=str(home), CONDA_EXECUTE_ENV_DIR=str(home / "envs"))
    for name in ("envs", "pkgs"):
        (home / name).mkdir()
    rc = put(home / ".condarc", f"pkgs_dirs: ['{home}/pkgs']\n")
    del machine.environ["CONDA_PKGS_DIRS"]
    give_away(home)
    done = run_as_user("--tmpenv", "doctor")
    check_well(done)
    assert find_fact(done, "conda, by CONDA_EXE") == [f"{machine.folder}/conda: conda 26.7.1"]
    (home / "envs").chmod(0)
    (home / "pkgs").chmod(0o500)
    done = run_as_user("--tmpenv", "doctor")
    check_wrong(done, r"\S+/envs: expected an env-dir that can be written to", count=2)
    for typed in re.findall('write "(chmod .*?)"', done.stdout):
        subprocess.run(typed, shell=True, check=True)
    check_well(run_as_user("--tmpenv", "doctor"))
    rc.chmod(0)
    done = run_as_user("--tmpenv", "doctor")
    check_wrong(done, r"\S+/\.condarc: expected a condarc that can be read")
    for typed in re.findall('write "(chmod .*?)"', done.stdout):
        subprocess.run(typed, shell=True, check=True)
    check_well(run_as_user("--tmpenv", "doctor"))


@needs_root
def test_what_a_run_by_sudo_left_is_told_and_mended(run_as_user: Run, machine: Machine) -> None:
    home = machine.folder / "user"
    program(machine, CONDA)
    machine.environ.update(CONDA_EXECUTE_ENV_DIR=str(home / "envs"), CONDA_PKGS_DIRS=str(home / "pkgs"))
    make_store(home / "envs").make()
    put(home / ".conda-execute.lock").chmod(0o600)
    os.chown(str(home / "envs"), USER, USER)
    done = run_as_user("--tmpenv", "doctor")
    check_wrong(done, r"\S+/\.conda-execute\.lock: expected a lock that can be opened", count=2)
    for typed, chown in zip(re.findall('write "(.*?)"', done.stdout), ["", str(USER)]):
        subprocess.run(typed.replace("sudo ", "").replace("$(id -u)", chown), shell=True, check=True)
    check_well(run_as_user("--tmpenv", "doctor"))


@needs_root
def test_an_env_dir_of_others_is_theirs_or_refused(run_as_user: Run, machine: Machine) -> None:
    program(machine, CONDA)
    machine.environ["CONDA_PKGS_DIRS"] = str(machine.folder / "user")
    make_env(machine.env_dir, HELLO)
    open_path(machine.env_dir)
    machine.env_dir.chmod(0o755)
    done = run_as_user("--tmpenv", "doctor")
    check_well(done)
    assert "note: env-dir is another's" in done.stdout
    os.chown(str(machine.env_dir), USER + 1, USER + 1)
    check_wrong(run_as_user("--tmpenv", "doctor"), r"\S+/tmp_envs: expected an env-dir of yours or root's")


MOUNTS = {
    "noexec": ("noexec,mode=755,size=2g", "expected a disk whose programs may run, found one mounted noexec"),
    "little room": ("size=9m,mode=755", r"expected a disk with 1\.0 GB and 20000 inodes, found that 0\.0 GB"),
    "few inodes": ("size=2g,nr_inodes=900,mode=755", "expected a disk with .* and 89[0-9] inodes are free"),
    "read-only": ("ro,mode=755,size=2g", "expected an env-dir .*mounted read-only"),
}


@needs_root
@pytest.mark.parametrize("options, text", MOUNTS.values(), ids=MOUNTS)
def test_a_disk_that_will_not_do_is_told(doctor: Doctor, env_dir: Path, options: str, text: str) -> None:
    disk: AbstractContextManager[None] = mounted(env_dir, "-t", "tmpfs", "-o", options, "none")
    with disk:
        check_wrong(doctor(), rf"\S+/tmp_envs: {text}")
    check_well(doctor())


def test_a_clock_that_is_wrong_is_told(doctor: Doctor, env_dir: Path, environ: Environ, preload: Path) -> None:
    make_store(env_dir).make()
    environ.update({CLOCK_S: "3600", "LD_PRELOAD": str(preload)})
    check_wrong(
        doctor(), r"\S+/tmp_envs: expected a clock within 5 minutes of that of the disk, found it 60 minutes off"
    )
    environ[CLOCK_S] = "200"
    check_well(doctor())


@pytest.mark.parametrize("locking", ["files"], indirect=True)
def test_locks_that_cannot_be_had_are_a_note(run: Run, env_dir: Path, locking: str) -> None:
    make_store(env_dir).make()
    done = run("--tmpenv", "doctor")
    check_well(done)
    assert "note: no lock can be had in env-dir (No locks available)" in done.stdout


# -- secrets


SECRETS = {
    "a URL": f"channels: ['https://me:{PASSWORD}@h.example/c']\n",
    "a token": f"channels:\n  - https://h.example/t/{PASSWORD}/c\n",
    "a token of a variable": "channel_alias: https://h.example/t/${DOOR}\n",
    "no URL": f"proxy_servers:\n  http: me:{PASSWORD}@h.example:80\n",
    "a slash in it": f"proxy_servers:\n  http: http://me:a/{PASSWORD}@h.example:80\n",
    "a short one": "proxy_servers:\n  http: me:a7Q@h.example:80\n",
    "a key of its own": f"channel_settings:\n  - channel: x\n    auth: {PASSWORD}\n",
    "an unknown key": f"anaconda_token: {PASSWORD}\n",
    "a broken line": f"channels: https://me:{PASSWORD}@h.example/c\n  - x\n",
    "no setting": f"https://me:{PASSWORD}@h.example/c\n",
    "a bad alias": f"channel_alias: me:{PASSWORD}@h.example\n",
}


@pytest.mark.once
@pytest.mark.parametrize("condarc", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_no_secret_is_shown(doctor: Doctor, machine: Machine, condarc: str, words: list[str]) -> None:
    machine.say(condarc)
    machine.environ.update(DOOR=PASSWORD, CONDA_TOKEN=PASSWORD, https_proxy=f"me:{PASSWORD}@h.example:80")
    machine.environ.update(PIP_EXTRA_INDEX_URL=f"https://{PASSWORD}@h.example/simple", PIP_PASSWORD=PASSWORD)
    done = doctor(*words)
    assert "Traceback" not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr and "a7Q" not in done.stdout
    assert "***" in done.stdout


# -- what fails while it looks


def test_a_look_that_fails_is_one_more_thing_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environ: Environ
) -> None:
    """No such case is known, so one is made up."""

    def look_at_nothing(environ: Environ) -> None:
        raise ValueError("so it is")

    monkeypatch.setattr(conda_execute, "LOOKS", (look_at_nothing, *conda_execute.LOOKS))
    assert conda_execute.examine(environ, as_json=False) == 1
    output = capsys.readouterr().out
    assert output.startswith("wrong: expected to look at nothing, found: ValueError: so it is\n  see to it, or write ")
    assert "\nenvironments in: " in output
    with pytest.raises(ValueError, match="so it is"):
        conda_execute.examine({**environ, "CONDA_EXECUTE_DEBUG": "1"}, as_json=False)


def test_what_is_behind_it_on_the_command_line_is_refused(doctor: Doctor) -> None:
    done = doctor("a.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith('conda-execute: expected nothing else behind doctor, found "a.py"')
