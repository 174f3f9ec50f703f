"""Links: a script is a command that needs nothing of us to start, and hands over when anything is not as it was.

LINK_SHELL=/bin/mksh runs what other files say of runs through links by another shell than this machine's /bin/sh.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    BUILT,
    CLEAR_ALL,
    FILE,
    HELLO,
    MARKER,
    RACES,
    SEED,
    STAYING,
    Scene,
    find_collectors,
    let_pass,
    needs_root,
    put,
    set_age,
    wait_until,
)
from test_activation import (  # noqa: F401
    test_a_script_with_activation_scripts_is_still_the_process_that_was_started,
    test_activation_scripts_and_variables_of_packages_take_effect,
    test_an_activation_script_that_dies_of_a_signal_takes_the_run_along,
    test_an_environment_may_lie_in_a_folder_of_any_name,
    test_the_environment_of_the_caller_is_left,
    test_traps_and_functions_of_activation_are_not_in_the_way_of_the_script,
    test_variables_may_hold_what_shells_read,
    test_what_activation_prints_is_no_result_and_a_closed_stderr_keeps_none_from_running,
)
from test_collection import test_an_env_in_use_past_its_age_is_looked_at_again  # noqa: F401
from test_launch import (  # noqa: F401
    test_a_signal_reaches_the_script_itself,
    test_the_interpreter_is_the_environments_whatever_its_path,
    test_the_working_directory_is_the_callers,
)
from test_processes import (
    test_a_script_without_any_environment_is_named_by_its_lease,  # noqa: F401
    test_an_env_is_the_same_through_a_symlink,  # noqa: F401
    test_an_env_stays_while_anything_runs_in_it_and_goes_once_that_is_gone,  # noqa: F401
)

import conda_execute

pytest.importorskip("fcntl", reason="links are for POSIX")
pytestmark = pytest.mark.once
if not conda_execute.find_link_host():
    pytest.skip("needs Linux, and to see all processes in /proc", allow_module_level=True)

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Collect, Environ, Run, Script, Start, Write

    Link = Callable[..., "subprocess.CompletedProcess[str]"]

SHELLS = {"dash": [], "bash": [], "busybox": [], "zsh": [], "mksh": []}
STARTED = "import time:"  # what a Python says of itself when it is told to


@pytest.fixture
def make_link(run: Run, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a link of a script."""

    def function(script: Path, *options: str, name: str = "", **more: object) -> Path:
        link = tmp_path / "bin" / (name or f"link-{script.name}")
        link.parent.mkdir(exist_ok=True)
        done = run("-q", "--link", *options, script, link, **more)
        assert (done.returncode, done.stdout) == (0, f"{link}\n"), done.stderr
        wait_until(lambda: not find_collectors(tmp_path))  # whose stamp says when it is time for the next
        return link

    return function


@pytest.fixture
def run(run: Run, environ: Environ, tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    """Return a function that runs a script through a link of it, unless it is called with another option than -q.

    The first time makes the link, by the very function that it takes the place of here.
    """

    def function(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = find_command(run, [*map(str, words)], tmp_path, options.get("env", environ))
        if not command:
            return run(*words, **options)
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, "timeout": 300, **options}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.run(command, **options)  # type: ignore[call-overload]

    return function


@pytest.fixture
def start(start: Start, run: Run, environ: Environ, tmp_path: Path) -> object:
    """Return a function that starts a script through a link of it, and leaves it running."""
    children: list[subprocess.Popen[str]] = []

    def function(*words: object, **options: object) -> subprocess.Popen[str]:
        folder = Path(str(options.get("cwd", tmp_path)))
        command = find_command(run, [*map(str, words)], folder, options.get("env", environ))
        assert command, words
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        children.append(subprocess.Popen(command, **{**pipes, **options}))  # type: ignore[call-overload]
        return children[-1]

    yield function
    for child in children:
        child.kill()
        child.communicate()


def find_command(run: Run, words: list[str], folder: Path, env: object) -> list[str]:
    """Return the words that start a script through its link, made if need be; none where other words stand there."""
    words = words[1:] if words[0] == "-q" else words
    script = folder / words[0]
    if words[0].startswith("-") or not script.is_file():
        return []
    link = folder / f"{script.name}.link"
    if not link.exists():
        done = run("-q", "--link", script, link, env=env)
        assert (done.returncode, done.stdout) == (0, f"{link}\n"), done.stderr
    return [*([os.environ["LINK_SHELL"]] if "LINK_SHELL" in os.environ else []), str(link), *words[1:]]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return the command of each shell, under the name that /bin/sh has, by which they know what is asked of them."""
    program = shutil.which(request.param, path="/usr/bin:/bin:/usr/local/bin")
    if not program:
        pytest.skip(f"needs {request.param}")
    (tmp_path / request.param).mkdir()
    (tmp_path / request.param / "sh").symlink_to(program)
    return [str(tmp_path / request.param / "sh")]


@pytest.fixture
def call(environ: Environ, tmp_path: Path) -> Link:
    """Return a function that runs a command, and takes what comes of it."""

    def function(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        options = {"cwd": tmp_path, "env": environ, "stdin": subprocess.DEVNULL, "timeout": 60, **options}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.run([*words], **{**pipes, **options})  # type: ignore[call-overload]

    return function


# -- every shell

SEE = """\
import os, sys
out = open(os.environ.get("SEEN", "seen"), "wb")
out.write(b"\\0".join(map(os.fsencode, [str(os.getpid()), os.getcwd(), *sys.argv])) + b"\\1")
out.write(b"\\0".join(b"=".join(pair) for pair in sorted(os.environb.items())))
"""
OF_SHELLS = {"_", "SHLVL", "PWD", "OLDPWD", "PPID", "LC_CTYPE", "LOGNAME"}


def read_seen(path: Path) -> tuple[list[bytes], dict[bytes, bytes]]:
    words, variables = path.read_bytes().split(b"\1", 1)
    found = dict(one.split(b"=", 1) for one in variables.split(b"\0"))
    return words.split(b"\0"), {name: found[name] for name in found if name.decode() not in OF_SHELLS}


def test_a_script_sees_what_it_would_without_its_link(
    shell: list[str], call: Link, run: Run, write: Write, make_link: Callable[..., Path], environ: Environ,
    tmp_path: Path,
) -> None:  # fmt: skip
    script = write("a.py", SEE, "python")
    link = make_link(script)
    odd = ["", "a b", "it's", '"$HOME" `id` \\', "*", "-x", "--", os.fsdecode(b"\xff\xfe"), "a\nb", "caf\u00e9"]
    outer, active = tmp_path / "outer", {}
    outer.mkdir()
    path = f"/usr/bin:{outer}/bin::/bin:{outer}/bin"
    active = {"CONDA_PREFIX": str(outer), "CONDA_SHLVL": "1", "CONDA_DEFAULT_ENV": "outer", "PATH": path}
    prefix = next(tmp_path.glob("tmp_envs/*/conda-meta")).parent
    inside = {**active, "CONDA_PREFIX": str(prefix), "PATH": f"{prefix}/bin:/usr/bin"}
    for more in (
        {},
        active,
        inside,
        {**active, "CONDA_SHLVL": "3"},
        {"CONDA_SHLVL": "0"},
        {"prefix": "x", "line": "y"},
    ):
        case = {**environ, **more, "LC_ALL": "C.UTF-8"}
        (tmp_path / "seen").unlink(missing_ok=True) if sys.version_info > (3, 8) else None
        done = call(*shell, link, *odd, env={**case, "PYTHONPROFILEIMPORTTIME": ""})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), more
        words, variables = read_seen(tmp_path / "seen")
        assert run("--no-lock", script, *odd, env=case).returncode == 0
        expected, expected_variables = read_seen(tmp_path / "seen")
        variables.pop(b"PYTHONPROFILEIMPORTTIME")
        assert (words[1:], variables) == (expected[1:], expected_variables), more
        assert words[2] == os.fsencode(script)


STATES = {
    "nounset": ["-u"], "errexit": ["-e"], "noglob": ["-f"], "noclobber": ["-C"], "all of them": ["-euCf"],
}  # fmt: skip


@pytest.mark.parametrize("options", STATES.values(), ids=list(STATES))
def test_options_of_a_shell_are_in_no_way(
    shell: list[str], call: Link, write: Write, make_link: Callable[..., Path], environ: Environ, options: list[str]
) -> None:
    link = make_link(write("a.sh", 'echo "$@"', "hello-conda"))
    environ.update(IFS="/-c", PYTHONPROFILEIMPORTTIME="1")
    done = call(*shell, *options, link, "a  b", "*")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a  b *\n", "")


def test_a_link_needs_no_variable_and_no_stream(
    shell: list[str], call: Link, write: Write, make_link: Callable[..., Path], environ: Environ
) -> None:
    environ.pop("CONDA_EXECUTE_ENV_DIR")
    (Path(environ["HOME"]) / ".condarc").write_text(f"channels: ['{environ['CONDA_CHANNELS']}']\n")
    link = make_link(
        write(
            "a.sh",
            'echo "$#"; for fd in 0 1 2; do [ -e /proc/$$/fd/$fd ] && echo $fd >> open; done; exit 7',
            "hello-conda",
        )
    )
    done = call(*shell, link, "a", env={})
    assert (done.returncode, done.stdout, done.stderr) == (7, "1\n", "")
    (link.parent.parent / "open").unlink()
    done = call("/bin/sh", "-c", '"$@" <&- >&- 2>&-', "sh", *shell, link, env={})
    assert done.returncode == 7
    assert not (link.parent.parent / "open").exists()


def test_the_lease_is_open_and_no_descriptor_of_the_callers_is_lost(
    shell: list[str], call: Link, write: Write, make_link: Callable[..., Path], environ: Environ, env_dir: Path
) -> None:
    link = make_link(write("a.sh", "ls -l /proc/$$/fd | sed -n 's/.* \\([0-9]*\\) -> /\\1 /p'", "hello-conda"))
    lease = env_dir / ".leases" / HELLO
    environ["PYTHONPROFILEIMPORTTIME"] = "1"
    found = call(*shell, link).stdout.splitlines()
    assert f"9 {lease}" in found
    code = 'exec 9</dev/null 8<"$0" 5</dev/zero; exec "$@" 9<&9 8<&8 5<&5'
    found = call("/bin/sh", "-c", code, __file__, *shell, link).stdout.splitlines()
    assert {"9 /dev/null", f"8 {__file__}", "5 /dev/zero", f"7 {lease}"} <= set(found)
    taken = " ".join(f"{fd}</dev/null" for fd in range(3, 10))
    environ.pop("PYTHONPROFILEIMPORTTIME")
    found = call("/bin/sh", "-c", f'"$@" {taken}', "sh", *shell, link).stdout.splitlines()
    assert {f"{fd} /dev/null" for fd in range(3, 10)} <= set(found)
    assert [one for one in found if one.endswith(f" {lease}") and int(one.split()[0]) > 9]


ACTIVE = ["hello-conda", "activated"]


def test_activation_scripts_are_sourced_and_variables_of_packages_set(
    shell: list[str],
    call: Link,
    run: Run,
    write: Write,
    make_link: Callable[..., Path],
    environ: Environ,
    tmp_path: Path,
) -> None:
    script = write("a.sh", "env | sort | grep -v -e ^_= -e SHLVL= -e PWD= -e LOGNAME= > seen", *ACTIVE)
    run("-q", "--no-lock", script)
    prefix = next(tmp_path.glob("tmp_envs/*/conda-meta")).parent
    put(prefix / "etc/conda/env_vars.d/own.json", '{"OWN": "it\'s", "GIVEN": "x", "small": "y"}')
    environ.update(GIVEN="before", small="before")
    run("--no-lock", script)
    expected = (tmp_path / "seen").read_text()
    assert "OWN=it's" in expected and "__CONDA_SHLVL_0_GIVEN=before" in expected and "SMALL=y" in expected
    link = make_link(script)
    environ["PYTHONPROFILEIMPORTTIME"] = "1"
    assert call(*shell, link).stderr == ""
    assert (tmp_path / "seen").read_text().replace("PYTHONPROFILEIMPORTTIME=1\n", "") == expected


# -- what is not as it was


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def replace_by_older(script: Path) -> None:
    put(script.with_name("older"), script.read_text().replace("hello-conda\n", "hello-conda =1.0\n", 1))
    set_age(script.with_name("older"), 1000)
    script.with_name("older").replace(script)


def purge(prefix: Path) -> None:
    subprocess.run(["find", str(prefix), "-type", "f", "-mtime", "+28", "-delete"], check=True)


def by_env(change: Callable[[Path], object]) -> Callable[..., object]:
    return lambda script, prefix, environ: change(prefix)


def by_script(change: Callable[[Path], object]) -> Callable[..., object]:
    return lambda script, prefix, environ: change(script)


def by_lease(change: Callable[[Path], object]) -> Callable[..., object]:
    return lambda script, prefix, environ: change(prefix.parent / ".leases" / prefix.name)


def take_away(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


OF_NO_MATTER = {
    "the script was touched": by_script(Path.touch),
    "its code was edited": by_script(lambda script: edit(script, "exit 7", ": more; exit 7")),
    "it is as old as can be": by_script(lambda script: set_age(script, 1e5)),
    "the machine has another language": lambda script, prefix, environ: environ.update(LC_ALL="nowhere"),
}
CHANGES = {
    "the block was edited": by_script(lambda script: edit(script, "hello-conda\n", "hello-conda =2.0\n")),
    "a line was added to it": by_script(lambda script: edit(script, "hello-conda\n\n", "hello-conda\n#  - words\n\n")),
    "its shebang was": by_script(lambda script: edit(script, "#!/usr/bin/env sh", "#!/usr/bin/env bash")),
    "an older file took its place": by_script(replace_by_older),
    "the env is gone": by_env(shutil.rmtree),
    "its marker is": by_env(lambda prefix: (prefix / MARKER).unlink()),
    "its marker is of another prefix": by_env(lambda prefix: edit(prefix / MARKER, "prefix: /", "prefix: /x/")),
    "its oldest files went": by_env(purge),
    "it was moved away": by_env(lambda prefix: prefix.rename(prefix.with_name("x"))),
    "the store is in another place": by_env(lambda prefix: prefix.parent.rename(prefix.parent.with_name("elsewhere"))),
    "a lock was written": lambda script, prefix, environ: subprocess.run(
        [sys.executable, str(FILE), "--lock", str(script)], env=environ, check=True, stdout=subprocess.DEVNULL
    ),
    "variables were set for the env": by_env(lambda prefix: put(prefix / "conda-meta/state", '{"env_vars": {}}')),
    "an activation script was put into it": by_env(lambda prefix: put(prefix / "etc/conda/activate.d/a.sh", "A=1")),
    "another store is asked for": lambda script, prefix, environ: environ.update(
        CONDA_EXECUTE_ENV_DIR=str(prefix.parent.with_name("other"))
    ),
    "a collector was killed": by_lease(lambda lease: Path(f"{lease}.linked").rename(f"{lease}.leaving")),
    "a collector was killed, and left a file": by_lease(lambda lease: Path(f"{lease}.leaving").touch()),
    "the host was started anew": by_lease(lambda lease: shutil.rmtree(f"{lease}.linked")),
    "it is time to collect": by_lease(lambda lease: [set_age(one, 1) for one in lease.parent.glob(".due*")]),
    "all leases are gone": by_lease(lambda lease: shutil.rmtree(lease.parent)),
    "an env is active that sets variables": lambda script, prefix, environ: environ.update(
        CONDA_SHLVL="1", CONDA_PREFIX=str(put(script.with_name("o") / "conda-meta/state", "{}").parent.parent)
    ),
    "an env is active that would be left by scripts": lambda script, prefix, environ: environ.update(
        CONDA_SHLVL="1",
        CONDA_PREFIX=str(put(script.with_name("o") / "etc/conda/deactivate.d/a.sh", "").parents[3]),
    ),
    "an env is active whose folder PATH may say otherwise": lambda script, prefix, environ: environ.update(
        CONDA_SHLVL="1", CONDA_PREFIX="/x", PATH=f"/x/../x/bin:{environ['PATH']}"
    ),
    "nobody knows how many envs are active": lambda script, prefix, environ: environ.update(
        CONDA_SHLVL="1x", CONDA_PREFIX="/x"
    ),
}  # fmt: skip


@pytest.fixture
def linked(write: Write, make_link: Callable[..., Path]) -> tuple[Path, Path]:
    """Return a script, and a link of it."""
    script = write("a.sh", "hello-conda; exit 7", "hello-conda", first="#!/usr/bin/env sh\n")
    return script, make_link(script)


def check_link(call: Link, link: Path, environ: Environ, hands_over: bool) -> str:
    done = call(link, env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert (done.returncode, done.stdout.split(" ")[0]) == (7, "hello-conda"), done.stderr
    assert (STARTED in done.stderr) == hands_over, done.stderr
    return done.stderr


@pytest.mark.parametrize("change", OF_NO_MATTER.values(), ids=list(OF_NO_MATTER))
def test_what_is_of_no_matter_keeps_a_link_from_nothing(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, change: Callable[..., object]
) -> None:
    change(linked[0], env_dir / HELLO, environ)
    check_link(call, linked[1], environ, hands_over=False)


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_link_hands_over_what_is_not_as_it_was_and_is_true_again(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, tmp_path: Path,
    change: Callable[..., object],
) -> None:  # fmt: skip
    script, link = linked
    check_link(call, link, environ, hands_over=False)
    change(script, env_dir / HELLO, environ)
    check_link(call, link, environ, hands_over=True)
    wait_until(lambda: not find_collectors(tmp_path))
    stays = "CONDA_SHLVL" in environ  # the caller's own: not for a link to change
    check_link(call, link, environ, hands_over=stays)


def without_tool(link: Path) -> Path:
    """Let a link have nobody to hand over to, which it says at once."""
    link.write_bytes(re.sub(rb"(?m)^ce_tool=.*", b"ce_tool=/nowhere", link.read_bytes()))
    return link


def test_an_env_dir_that_a_variable_names_is_that_of_this_run(
    call: Link, run: Run, write: Write, environ: Environ, tmp_path: Path
) -> None:
    """As of jobs that each have a folder of their own, which goes with them."""
    environ.pop("CONDA_EXECUTE_ENV_DIR")
    put(Path(environ["HOME"]) / ".condarc", "conda-execute:\n  env-dir: ${JOB}/envs\n")
    script = write("a.sh", 'echo "$CONDA_PREFIX"', "hello-conda")
    environ["JOB"] = str(tmp_path / "one")
    run("-q", "--link", script, "link")
    for job in ("one", "two"):
        wait_until(lambda: not find_collectors(tmp_path))
        environ["JOB"] = str(tmp_path / job)
        assert call("./link").stdout == f"{tmp_path / job}/envs/{HELLO}\n"


def test_every_shell_finds_what_is_not_as_it_was(
    shell: list[str], call: Link, write: Write, make_link: Callable[..., Path]
) -> None:
    """Also in a line that ends the file, that holds what shells expand, or differs by a blank at its end."""
    script = write("a.sh", "", "hello-conda", first='#!/usr/bin/env sh\n# it\'s "$HOME" `id` \\ %s *\n')
    text = script.read_text().rstrip("\n")
    for end in ("", "\n", "\n\nexit 0\n"):
        script.write_text(text + end)
        link = without_tool(make_link(script))
        for new in (
            text + "\n# - x",
            text + " " + end,
            text + "\n#" + end,
            text[:-1] + end,
            text.replace("it's", "its"),
        ):
            script.write_text(text + end)
            assert call(*shell, link).returncode == 0
            script.write_text(new)
            assert call(*shell, link).returncode == 125, new


@needs_root
@pytest.mark.parametrize("options", ["--uts", "--pid --fork --mount-proc"], ids=["host", "pid namespace"])
def test_where_a_collector_here_could_not_see_it_a_link_hands_over(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, options: str
) -> None:
    code = 'hostname elsewhere; exec "$@"' if "uts" in options else 'exec "$@"'
    command = ["unshare", *options.split(), "sh", "-c", code, "sh", linked[1]]
    if call("unshare", *options.split(), "true").returncode:
        pytest.skip("no namespace can be made here")
    done = call(*command, env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert (done.returncode, STARTED in done.stderr) == (7, True)
    assert len(list((env_dir / ".leases" / f"{HELLO}.linked").iterdir())) == 2
    check_link(call, linked[1], environ, hands_over=False)


@needs_root
def test_where_proc_hides_processes_a_link_hands_over(call: Link, linked: tuple[Path, Path], environ: Environ) -> None:
    """Root sees them all, so that this takes root without the rights that root has there."""
    code = 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --bounding-set -all --inh-caps -all "$@"'
    command = ["unshare", "--mount", "sh", "-c", code, "sh", "setpriv", "--reuid=0", linked[1]]
    done = call(*command, env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
    if done.returncode in (1, 32, 127):
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 7, done.stderr


@needs_root
@pytest.mark.parametrize("what", ["", ".leases", HELLO, f"{HELLO}/bin", f"{HELLO}/{MARKER}"])
def test_an_env_of_another_user_is_not_entered_without_a_look(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, what: str
) -> None:
    os.chown(str(env_dir / what), 65534, 65534)
    done = call(linked[1], env=environ)
    assert done.returncode == 125
    assert "of user nobody (65534)" in done.stderr


@pytest.mark.parametrize("what", [".leases", HELLO, f"{HELLO}/bin"])
def test_what_lies_behind_a_symlink_is_not_entered_without_a_look(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, tmp_path: Path, what: str
) -> None:
    (env_dir / what).rename(tmp_path / "moved")
    (env_dir / what).symlink_to(tmp_path / "moved")
    done = call(linked[1], env=environ)
    assert (done.returncode, "found a link to" in done.stderr) == (125, True), done.stderr


# -- what a link is, and where it lies


def test_a_link_lies_where_users_have_their_commands(run: Run, write: Write, environ: Environ, call: Link) -> None:
    script = write("my_script.py", "print(42)", "python")
    done = run("--link", script)
    place = Path(environ["HOME"]) / ".local" / "bin" / "my_script"
    assert (done.returncode, done.stdout) == (0, f"{place}\n")
    assert (
        done.stderr.splitlines()[-1]
        == f"conda-execute: {place.parent} is not in PATH: call it by its path, or add that"
    )
    assert call("my_script", env={**environ, "PATH": f"{place.parent}:/usr/bin:/bin"}).stdout == "42\n"
    second = place.read_text().splitlines()[1]
    assert second.startswith("# conda-execute link: ") and "delete this file" in second
    assert str(script) in place.read_text().splitlines()[3]
    assert place.stat().st_mode & 0o777 == 0o755
    place.chmod(0o644)
    assert run("--link", script).returncode == 0
    assert place.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name, found", [("test", 'its own "test"'), ("ls", "/bin/ls"), ("-x", ""), ("free-name", "")])
def test_what_a_shell_finds_in_front_of_a_link_is_named(
    run: Run, write: Write, environ: Environ, tmp_path: Path, name: str, found: str
) -> None:
    write("a.sh", "hello-conda", "hello-conda")
    environ["PATH"] = f"/bin:{tmp_path}"
    done = run("--link", "a.sh", f"./{name}")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / name}\n")
    text = f"a shell finds {found} first: call it by its path, or name another: --link SCRIPT PATH"
    assert done.stderr.splitlines()[-1].startswith(f"conda-execute: {text}" if found else BUILT), done.stderr


def test_what_a_link_hides_is_named(run: Run, write: Write, environ: Environ, tmp_path: Path) -> None:
    write("a.sh", "hello-conda", "hello-conda")
    environ["PATH"] = f"{tmp_path}:/bin"
    done = run("--link", "a.sh", "./ls")
    assert done.stderr.endswith("it hides /bin/ls: delete it, or name another: --link SCRIPT PATH\n"), done.stderr


def test_a_link_may_lie_anywhere_and_be_reached_by_any_way(
    run: Run, write: Write, environ: Environ, call: Link, tmp_path: Path
) -> None:
    script = write("a.sh", 'echo "$0"', "hello-conda")
    (tmp_path / "folder").mkdir()
    for word, place in (("folder", "folder/a"), ("new/", "new/a"), ("x", "x"), ("./-l", "-l")):
        done = run("-q", "--link", "a.sh", word)
        assert (done.returncode, done.stdout) == (0, f"{tmp_path / place}\n"), done.stderr
    (tmp_path / "other").symlink_to("x")
    for words in (["./x"], ["./other"], ["folder/../x"], [tmp_path / "other"], ["sh", "x"], ["sh", "./-l"]):
        done = call(*words, env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
        assert (done.stdout, done.stderr) == (f"{script}\n", ""), words
    edit(script, "hello-conda", "hello-conda =1.0")
    assert BUILT in call("./other").stderr
    assert (tmp_path / "other").is_symlink()
    assert call("./x", env={**environ, "PYTHONPROFILEIMPORTTIME": "1"}).stderr == ""


@pytest.mark.parametrize("word, folder", [("gone/x", "gone"), ("/dev/null/x", "/dev/null"), ("gone/in/", "gone/in")])
def test_a_link_in_a_folder_that_is_not_there_is_refused(
    run: Run, write: Write, tmp_path: Path, word: str, folder: str
) -> None:
    write("a.sh", "hello-conda", "hello-conda")
    done = run("--link", "a.sh", word)
    text = f"conda-execute: {tmp_path / folder}: expected a folder for the link, found none\n"
    assert (done.returncode, done.stdout, done.stderr[: len(text)]) == (125, "", text)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("kind", ["a file", "a folder", "a symlink to nowhere", "a script of a shell"])
def test_what_is_no_link_of_ours_is_never_overwritten(run: Run, write: Write, tmp_path: Path, kind: str) -> None:
    script, path = write("a.sh", "hello-conda", "hello-conda"), tmp_path / "path"
    if kind == "a folder":
        put(path / "a")
        done = run("--link", script, path)
        assert (path / "a").read_text() == "precious\n"
    elif kind == "a symlink to nowhere":
        path.symlink_to("nowhere")
        done = run("--link", script, path)
        assert path.is_symlink() and not (tmp_path / "nowhere").exists()
    else:
        put(path, "#!/bin/sh\n# conda-execute\n" if kind == "a script of a shell" else "precious\n")
        before = path.read_bytes()
        done = run("--link", script, path)
        assert path.read_bytes() == before
    assert done.returncode == 125 and "expected a path that is free, or a link of ours" in done.stderr


@pytest.mark.parametrize(
    "name", ["it's", "a\nb", "`touch pwned`", "$(touch pwned)", os.fsdecode(b"\xff"), "a\\nb", "%s"]
)
def test_nothing_in_a_path_is_run(
    run: Run, call: Link, environ: Environ, tmp_path: Path, write: Write, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    script = write("a.sh", 'printf "%s\\n" "$0"', "hello-conda").rename(folder / "a.sh")
    environ["CONDA_EXECUTE_ENV_DIR"] = str(folder / "envs")
    if name == os.fsdecode(b"\xff"):  # which rattler cannot read
        environ["CONDA_EXECUTE_ENV_DIR"] = str(tmp_path / "envs")
    if "\n" not in name:
        done = run("--link", script, folder / "link", text=False)
        assert (done.returncode, done.stdout) == (0, os.fsencode(folder / "link") + b"\n"), done.stderr
        found = call(folder / "link", text=False)
        assert found.stdout == os.fsencode(script) + b"\n", found.stderr
    else:  # which no marker can hold: its env is built anew at each run
        environ["CONDA_EXECUTE_ENV_DIR"] = str(tmp_path / "envs")
        run("--link", script, folder / "link")
        assert call(folder / "link").stdout == f"{script}\n"
    assert not list(tmp_path.rglob("pwned"))


def test_a_link_of_another_script_is_replaced_in_words(
    run: Run, call: Link, linked: tuple[Path, Path], write: Write
) -> None:
    other = write("b.sh", "echo b", "hello-conda")
    done = run("--link", other, linked[1])
    assert f"{linked[1]} was a link of another script: " in done.stderr and f"{linked[0]}\n" in done.stderr
    assert call(linked[1]).stdout == "b\n"
    assert "another script" not in run("--link", other, linked[1]).stderr


def test_a_link_that_cannot_be_written_is_told_before_anything_is_built(
    run: Run, run_as_user: Run, linked: tuple[Path, Path], write: Write, tmp_path: Path
) -> None:
    other, folder = write("b.sh", "echo b", "hello-conda =1.0"), tmp_path / "folder"
    folder.mkdir()
    link = linked[1].rename(folder / "x")
    folder.chmod(0o555)
    try:
        done = run_as_user("--link", other, link)
    finally:
        folder.chmod(0o755)
    text = f"conda-execute: {folder}: expected a folder that can be written to, found one that cannot\n  "
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(text) and len(done.stderr.splitlines()) == 2, done.stderr


def test_a_script_that_has_moved_is_told_of(call: Link, linked: tuple[Path, Path], tmp_path: Path) -> None:
    script, link = linked
    script.rename(tmp_path / "moved.sh")
    done = call(link)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f'conda-execute: {link}: expected the script "{script}" of this link, found none\n')
    assert done.stderr.endswith(" --link SCRIPT LINK with its new place, or delete the link\n")


def test_a_link_needs_conda_execute_for_nothing_until_it_has_to_hand_over(
    shell: list[str], call: Link, write: Write, environ: Environ, tmp_path: Path, env_dir: Path
) -> None:
    tool, script = shutil.copy(str(FILE), str(tmp_path)), write("a.sh", "exit 7", "hello-conda")
    done = call(sys.executable, tool, "--link", script, tmp_path / "link")
    assert done.returncode == 0, done.stderr
    Path(tool).unlink()
    assert call(*shell, tmp_path / "link").returncode == 7
    shutil.rmtree(str(env_dir / HELLO))
    done = call(*shell, tmp_path / "link")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {tmp_path}/link: expected {tool}, found none that may be read\n")
    assert "--link SCRIPT LINK; or delete it" in done.stderr


LONG = "# a line of a licence\n" * 200
OBSTACLES = {
    "a header of 40 KB": lambda write, conda_script: write("a.sh", "exit 7", "hello-conda", first=LONG * 10 + "\n"),
    "an entrypoint of two commands": lambda write, conda_script: conda_script("true && sh ${SCRIPT}", "exit 7"),
    "an entrypoint with ${CACHE}": lambda write, conda_script: conda_script("sh ${SCRIPT} ${CACHE}", "exit 7"),
}


@pytest.mark.parametrize("make", OBSTACLES.values(), ids=list(OBSTACLES))
def test_what_a_shell_cannot_start_by_itself_is_said_when_the_link_is_made(
    run: Run, call: Link, write: Write, conda_script: Script, tmp_path: Path, make: Callable[..., Path]
) -> None:
    done = run("--link", make(write, conda_script), "link")
    assert done.returncode == 0
    assert "it starts by way of conda-execute each time: " in done.stderr
    assert call("./link").returncode == 7
    assert call("./link").returncode == 7


@pytest.mark.parametrize("kind", ["200 lines of licence", "conda-script", "PEP 723", "CRLF", "latin-1"])
def test_every_kind_of_header_is_read_again(
    shell: list[str],
    run: Run,
    call: Link,
    write: Write,
    conda_script: Script,
    environ: Environ,
    tmp_path: Path,
    kind: str,
) -> None:
    """In a language in which bash takes any bytes for text; in one of UTF-8 it hands over where others stand there."""
    environ["LC_ALL"] = "C"
    code = 'echo x "$@"; exit 7\n'
    if kind == "conda-script":
        script = conda_script("sh ${SCRIPT} x", code.replace("x ", ""))
    elif kind == "PEP 723":
        script = put(
            tmp_path / "a.py", "# /// script\n# dependencies = []\n# ///\n# x\n\nprint('x y'); raise SystemExit(7)\n"
        )
    else:
        script = write("a.sh", code, "hello-conda", first=LONG + "\n" if "200" in kind else "")
        text = script.read_bytes()
        text = text.replace(b"\n", b"\r\n", 3) if kind == "CRLF" else b"# caf\xe9\n\n" * (kind == "latin-1") + text
        script.write_bytes(text)
    done = run("-q", "--link", script, "link")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    link, before = tmp_path / "link", script.read_bytes()
    for changed in (False, True):  # where conda-execute would have to take over, it has gone
        done = call(*shell, without_tool(link), "y")
        assert (done.returncode, done.stdout) == ((125, "") if changed else (7, "x y\n")), done.stderr
        rows = before.split(b"\n")
        number = next(i for i, row in enumerate(rows) if b"hello" in row or b"dependencies" in row)
        script.write_bytes(b"\n".join([*rows[:number], rows[number] + b" ", *rows[number + 1 :]]))


def test_a_lock_is_part_of_a_link(
    run: Run, call: Link, write: Write, environ: Environ, make_link: Callable[..., Path]
) -> None:
    script = write("a.sh", "hello-conda; exit 7", "hello-conda")
    [lock] = run("--lock", script).stdout.splitlines()
    for options in ([], ["--locked"], ["--no-lock"]):
        link = make_link(script, *options, name=f"link{len(options)}{options}")
        check_link(call, link, environ, hands_over=False)
        content = Path(lock).read_text()
        Path(lock).write_text(content.replace("# created: ", "# created: x"))
        check_link(call, link, environ, hands_over=options != ["--no-lock"])
        check_link(call, link, environ, hands_over=False)
        Path(lock).unlink()
        if options == ["--locked"]:
            assert "expected a lock" in call(link).stderr
        else:
            check_link(call, link, environ, hands_over=not options)
        Path(lock).write_text(content)


@pytest.mark.parametrize(
    "words, found",
    [
        (["--link", "-c", "x"], "expected one of --link and -c, found both"),
        (["--link", "a.sh", "b", "c"], 'expected nothing behind SCRIPT PATH with --link, found "c"'),
        (["--link", "--lock", "a.sh"], "expected one of --link and --lock, found both"),
        (["--link", "-n", "a.sh"], "expected one of --link and --dry-run, found both"),
        (["--link"], "expected a script, found none"),
    ],
)
def test_what_can_be_no_link_is_refused(run: Run, write: Write, words: list[str], found: str) -> None:
    write("a.sh", "hello-conda", "hello-conda")
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert found in done.stderr


def test_what_the_command_line_adds_is_part_of_a_link(
    run: Run, call: Link, write: Write, environ: Environ, tmp_path: Path, make_link: Callable[..., Path], env_dir: Path
) -> None:
    script = write("a.sh", "exit 1", "hello-conda")
    tool = tmp_path / "tool's"
    tool.write_text('#!/bin/sh\nhello-conda; words a; shift; echo "$@"; exit 7\n')
    tool.chmod(0o755)
    link = make_link(script, "--with", "words", "--with", "hello-conda <3", "--run-with", "\"./tool's\" 'a b'")
    shutil.rmtree(str(next(env_dir.glob("*/conda-meta")).parent))
    (tmp_path / "elsewhere").mkdir()
    for hands_over in (True, False):
        done = call(link, "c", cwd=tmp_path / "elsewhere", env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
        assert (done.returncode, STARTED in done.stderr) == (7, hands_over), done.stderr
        assert done.stdout.splitlines()[-1] == f"{script} c"


def test_links_are_listed_and_outlive_their_env(
    run: Run, call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path
) -> None:
    script, link = linked
    row = run("--tmpenv", "list").stdout.splitlines()[1]
    assert row.endswith(f"{script}, link {link}")
    assert run("--tmpenv", "show", script).stdout.splitlines()[-4:][0].split() == ["links", str(link)]
    assert run(*CLEAR_ALL).returncode == 0
    row = run("--tmpenv", "list").stdout.splitlines()[1]
    assert row.split()[:5] == [HELLO, "0.0", "MB", "removed", "-"] and row.endswith(f"link {link}")
    check_link(call, link, environ, hands_over=True)
    link.unlink()
    assert str(link) not in run("--tmpenv", "list", "--json").stdout


# -- who collects


def test_an_env_that_links_alone_use_is_as_old_as_their_last_use(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, collect: Collect
) -> None:
    let_pass(env_dir, 30)
    call(linked[1], env=environ)  # hands over, since it is time to collect
    wait_until(lambda: not find_collectors(env_dir.parent))
    let_pass(env_dir, 24)
    check_link(call, linked[1], environ, hands_over=False)
    [use] = (env_dir / ".leases" / f"{HELLO}.linked").iterdir()
    assert time.time() - use.stat().st_mtime < 60 < time.time() - (env_dir / HELLO / MARKER).stat().st_mtime
    collect("1")
    assert (env_dir / HELLO).exists()
    set_age(use, 2)
    collect("1.5")
    assert not (env_dir / HELLO).exists()
    assert not list((env_dir / ".leases").glob(f"{HELLO}.l*"))
    assert BUILT in call(linked[1]).stderr
    check_link(call, linked[1], environ, hands_over=False)


def test_what_another_host_runs_through_a_link_keeps_its_env_for_30_days(
    linked: tuple[Path, Path], env_dir: Path, collect: Collect, call: Link, environ: Environ
) -> None:
    [use] = (env_dir / ".leases" / f"{HELLO}.linked").iterdir()
    foreign = use.with_name("n1,0,1")
    foreign.touch()
    for path in (use, foreign):
        set_age(path, 30)
    let_pass(env_dir, 30)
    booted = conda_execute.find_boot(str(env_dir))
    collect("25")
    assert (env_dir / HELLO).exists() == (booted < time.time() - 30 * 3600)
    if booted > time.time() - 30 * 3600:  # a disk of this kernel's alone: nothing outlives its start
        return
    assert foreign.exists()


@needs_root
@pytest.mark.parametrize("is_idle", [True, False], ids=["idle", "in use"])
def test_a_host_that_clears_tells_others_what_none_of_its_links_runs(
    call: Link, write: Write, run: Run, env_dir: Path, environ: Environ, scene: Scene, tmp_path: Path, is_idle: bool
) -> None:
    """Which is what the message tells to do."""
    if call("unshare", "--uts", "true").returncode:
        pytest.skip("no namespace can be made here")
    script = write("a.sh", STAYING, "hello-conda")
    run("-q", "--link", script, "link")
    there = ["unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"]
    scene.stop.touch()
    assert call(*there, "./link").returncode == 0  # hands over
    scene.stop.unlink()
    scene.ready.unlink()
    child = subprocess.Popen([*there, "./link"], cwd=tmp_path, env=environ)
    scene.wait()
    if is_idle:
        scene.stop.touch()
        child.wait()
    done = run(*CLEAR_ALL)
    assert done.returncode == 125 and "found a link on elsewhere" in done.stderr or not is_idle, done.stderr
    call(*there, sys.executable, FILE, "--tmpenv", "clear")
    assert run(*CLEAR_ALL).returncode == (0 if is_idle else 125)
    scene.stop.touch()
    child.wait()


def test_an_env_in_use_is_left_and_its_links_are_as_they_were(
    call: Link, start: Start, write: Write, run: Run, env_dir: Path, scene: Scene, environ: Environ, tmp_path: Path
) -> None:
    script = write("a.sh", STAYING, "hello-conda")
    start("-q", script)
    pid = scene.wait()
    for words in (CLEAR_ALL, ("-f", script), (*CLEAR_ALL, "--dry-run")):
        done = run(*words)
        assert (done.returncode, f"process {pid}" in done.stderr) == (125, True), done.stderr
    scene.stop.touch()
    done = call(f"{script}.link", env={**environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert (done.returncode, done.stderr) == (0, "")


def test_who_may_not_remove_an_env_lets_no_link_into_one_that_another_is_about_to_move(
    call: Link, linked: tuple[Path, Path], environ: Environ, env_dir: Path, run: Run
) -> None:
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    locks = [store.lock(f"{HELLO}.build"), store.lock(HELLO)]
    store.lock_idle(HELLO, locks, 10)  # it has looked, and found nobody
    assert run(*CLEAR_ALL).returncode == 125
    assert not (env_dir / ".leases" / f"{HELLO}.linked").exists()
    for lock in locks:
        lock.release()
    check_link(call, linked[1], environ, hands_over=True)
    check_link(call, linked[1], environ, hands_over=False)


def test_arguments_make_no_collector_of_a_script(start: Start, write: Write, run: Run, scene: Scene) -> None:
    start("-q", write("a.sh", STAYING, "hello-conda"), "--tmpenv", "collect")
    pid = scene.wait()
    done = run(*CLEAR_ALL)
    assert (done.returncode, f"process {pid}" in done.stderr) == (125, True), done.stderr


@needs_root
def test_a_lease_is_one_by_whatever_mount_it_is_reached(
    call: Link, write: Write, run: Run, environ: Environ, env_dir: Path, tmp_path: Path, scene: Scene
) -> None:
    script, other = write("a.sh", STAYING, "hello-conda"), tmp_path / "other"
    other.mkdir()
    run("-q", "--link", script, "first")
    code = 'mount --bind "$1" "$2" && "$3" "$4" -q --link "$5" second && exec ./second'
    command = ["unshare", "--mount", "sh", "-c", code, "sh", env_dir, other, sys.executable, FILE, script]
    variables = {**environ, "CONDA_EXECUTE_ENV_DIR": str(other)}
    child = subprocess.Popen([*map(str, command)], cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: scene.ready.exists() or child.poll() is not None)
        if child.poll() is not None:
            pytest.skip("no namespace can be made here")
        done = run(*CLEAR_ALL)
        assert (done.returncode, f"process {child.pid}" in done.stderr) == (125, True), done.stderr
    finally:
        child.kill()
        child.wait()


def test_a_link_and_a_collector_that_race_never_meet_in_an_env(
    call: Link,
    linked: tuple[Path, Path],
    environ: Environ,
    env_dir: Path,
    send: Callable[[float, float], Callable[[], str]],
) -> None:
    """The collector takes away whatever nobody uses; the link has to run in a whole env, or to build it."""
    moments, over = random.Random(SEED), 0
    races = max(RACES // 3, 10)
    for _ in range(races):
        wait = send(0, moments.uniform(0, 0.02))
        time.sleep(moments.uniform(0, 0.02))
        done = call(linked[1], env=environ)
        assert (done.returncode, done.stdout) == (7, "hello-conda 2.0\n"), done.stderr
        assert wait() == "0\n"
        over += bool(done.stderr)
    print(f"the link had to hand over in {over} of {races} races")
    assert 0 < over < races or races < 50


def test_who_forks_and_ends_all_the_time_is_seen(
    write: Write, start: Start, env_dir: Path, collect: Collect, scene: Scene
) -> None:
    """Each process of this chain lives for a moment, and has the lease open."""
    chain = 'if [ -e "$STOP" ]; then exit; fi; [ -e "$READY" ] || echo $$ > "$READY"; sh "$0" & exit'
    start("-q", write("a.sh", chain, "hello-conda"))
    wait_until(scene.ready.exists)
    for _ in range(5):
        store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
        assert store.find_processes().get(HELLO)
    scene.stop.touch()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_lease_that_cannot_be_opened_ends_no_shell(
    shell: list[str], call: Link, linked: tuple[Path, Path], tmp_path: Path, environ: Environ, env_dir: Path
) -> None:
    lease, environ["PYTHONPROFILEIMPORTTIME"] = env_dir / ".leases" / HELLO, "1"
    inject = ["-o", tmp_path / "strace", "-P", lease, "-e", "inject=openat:error=ENFILE:when=1"]
    done = call("strace", *inject, *shell, linked[1], env=environ)
    assert (done.returncode, STARTED in done.stderr) == (7, True), done.stderr


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_a_link_starts_no_process_and_no_program_before_the_scripts_own(
    call: Link, write: Write, make_link: Callable[..., Path], tmp_path: Path, environ: Environ
) -> None:
    link, log = make_link(write("a.py", "pass", "python")), tmp_path / "strace"
    environ["PYTHONPROFILEIMPORTTIME"] = ""
    assert call("strace", "-f", "-o", log, "-e", "trace=process,openat", link).returncode == 0
    lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()]
    execs = [line for line in lines if line.startswith("execve(")]
    before = lines[: lines.index(execs[1])]
    assert (len(execs), "/bin/python" in execs[1]) == (2, True), execs
    assert not [line for line in before if re.match("clone|fork|vfork", line)]


def test_what_a_link_says_can_be_read(run: Run, linked: tuple[Path, Path]) -> None:
    """The code is below 60 lines; the rest is what it compares, and what it is about."""
    lines = (conda_execute.LINK_CODE + conda_execute.LINK_HAND_OVER + conda_execute.LINK_START).splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) < 60
    text = linked[1].read_text()
    assert max(map(len, text.splitlines())) <= 160
    assert "conda_execute.py" in text and str(linked[0]) in text
