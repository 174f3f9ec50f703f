"""run() and prefix_of(): for programs that go on, in their own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import CONDA, NO_CONDA, ROOT

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ

    Write = Callable[..., Path]

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


@pytest.fixture(autouse=True)
def here(environ: Environ, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make this process one of the user whom other tests start processes for."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def find_descriptors(env_dir: Path) -> list[str]:
    """Return the files below env-dir and home that this process has open."""
    folders = (str(env_dir), os.environ["HOME"])
    paths = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return [path for path in paths if path.startswith(folders)]


@pytest.mark.warm
@pytest.mark.parametrize("code", [0, 1, 2, 42, 125, 255])
def test_the_exit_code_is_the_scripts_and_the_caller_goes_on(write: Write, code: int) -> None:
    script = write("a.sh", f'test "$1" = "a b" && exit {code}; exit 77', "hello-conda")
    assert conda_execute.run(str(script), ["a b"]) == code
    assert conda_execute.run(script, ("a b",)) == code


@pytest.mark.warm
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT", "SIGPIPE"])
def test_the_death_of_a_signal_is_128_and_its_number(write: Write, name: str) -> None:
    script = write("a.sh", f"kill -{name[3:]} $$", "hello-conda")
    assert conda_execute.run(str(script)) == 128 + getattr(signal, name)


def test_a_child_reads_and_writes_what_the_caller_does(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    assert conda_execute.run(str(write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")), ["x", "--help"]) == 0
    assert capfd.readouterr().out == "hello-conda 1.0 x --help\n"


@needs_proc
def test_a_lease_is_held_while_the_child_runs_and_no_longer(write: Write, env_dir: Path) -> None:
    script = write("a.sh", "echo > started; read line < fifo", "hello-conda")
    os.mkfifo("fifo")
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(conda_execute.run(str(script))))
    thread.start()
    deadline = time.monotonic() + 60
    while not Path("started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    name = conda_execute.find_name(["hello-conda"])
    store = conda_execute.Store(str(env_dir), 0, conda_execute.Progress(False, True))
    with store.lock(name) as other:
        assert not other.take(exclusive=True)
    assert len(find_descriptors(env_dir)) == 2  # the lease, and its copy for the child
    Path("fifo").write_text("\n")
    thread.join(60)
    assert codes == [0]
    assert find_descriptors(env_dir) == []
    with store.lock(name) as other:
        assert other.take(exclusive=True)


@needs_proc
@pytest.mark.parametrize(
    "specs, more, message",
    [
        (["hello-conda"], "# run_with: nothing\n", 'a.sh: expected "nothing" in '),
        (["no-such-dependency"], "", "could not build the environment\n"),
        (["hello-conda"], "# runwith: sh\n", "a.sh:4:3: expected one of the keys env, channels, run_with"),
    ],
    ids=["no command", "no environment", "no block"],
)
@pytest.mark.parametrize(
    "engine",
    [
        "rattler",
        pytest.param("conda-classic", marks=pytest.mark.skipif(not CONDA, reason=NO_CONDA)),
    ],
    indirect=True,
)
def test_a_failure_is_an_error_that_says_all_and_holds_nothing(
    write: Write, env_dir: Path, specs: list[str], more: str, message: str
) -> None:
    """A caller may well try again, with the error still in its hands."""
    script = write("a.sh", "exit 3", *specs, more=more)
    errors = []
    for _ in range(2):
        for call in (conda_execute.run, conda_execute.prefix_of):
            if call is conda_execute.run or "run_with" not in more:
                with pytest.raises(conda_execute.Error) as caught:
                    call(str(script))
                errors.append(caught.value)
    assert all(str(error).startswith("conda-execute: ") and message in str(error) for error in errors)
    assert "\n\n" not in str(errors[0])
    assert find_descriptors(env_dir) == []
    assert conda_execute.run(str(write("a.sh", "exit 3", "hello-conda"))) == 3


def test_a_script_that_is_not_there_is_an_error() -> None:
    for call in (conda_execute.run, conda_execute.prefix_of):
        with pytest.raises(conda_execute.Error, match="expected a script that can be read, found: No such file"):
            call("gone.py")


@needs_proc
def test_several_at_once_from_threads(write: Write, env_dir: Path) -> None:
    """One builds, the others wait for it; signals and what is open stay as they were."""
    script = write("a.sh", "exit $1", "hello-conda")
    codes: list[object] = []

    def work(code: int) -> None:
        try:
            codes.append(conda_execute.run(str(script), [str(code)]))
        except BaseException as e:  # a failure of the test, which a thread would swallow
            codes.append(e)

    threads = [threading.Thread(target=work, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(codes, key=str) == list(range(8))
    assert find_descriptors(env_dir) == []


def test_what_a_caller_does_at_a_signal_is_as_before(write: Write) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    conda_execute.prefix_of(str(write("a.sh", "", "hello-conda")))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


@pytest.mark.warm
def test_the_variables_of_the_caller_stay_as_they_were(write: Write) -> None:
    before = dict(os.environ)
    conda_execute.run(str(write("a.sh", "", "activated")))
    assert dict(os.environ) == before


def test_the_prefix_of_a_script_is_built_and_dated(write: Write, env_dir: Path) -> None:
    script = write("a.sh", "exit 3", "hello-conda")
    prefix = conda_execute.prefix_of(script)
    assert prefix == str(env_dir / conda_execute.find_name(["hello-conda"]))
    marker = Path(prefix, conda_execute.MARKER)
    os.utime(marker, (0, 0))
    assert conda_execute.prefix_of(str(script)) == prefix
    assert marker.stat().st_mtime > time.time() - 60


@pytest.mark.warm
def test_what_is_printed_is_the_callers_alone(write: Write) -> None:

    script = write("a.sh", "exit 3", "hello-conda")
    code = f"import conda_execute; print(conda_execute.run({str(script)!r}))"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"3\n"
