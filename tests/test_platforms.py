"""Windows and macOS, as far as Linux can show them; the public CI runs the suite on both.

What can't happen here has a stand-in, and each says so: it shows that the words, constants and
structures are those of the documents, not that Windows does what they say.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Any

    from conftest import Environ, Rows, Run, Start, Write

NAME = conda_execute.find_name(["hello-conda"])
# Stand-in: without fcntl as on Windows, but Popen's flags for Windows alone are noted, not obeyed.
NO_FCNTL = """\
import os
import subprocess
import sys

sys.modules["fcntl"] = None


class Popen(subprocess.Popen):
    def __init__(self, *words, creationflags=0, **options):
        if creationflags:
            with open(os.environ["FLAGS"], "a") as f:
                print(creationflags, file=f)
        super().__init__(*words, **options)


subprocess.Popen = Popen
"""


@pytest.fixture
def no_fcntl(environ: Environ, tmp_path: Path) -> Path:
    """Take fcntl from every Python that the test starts; return where the flags of processes are noted."""
    folder = tmp_path / "no-fcntl"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_FCNTL)
    environ.update(PYTHONPATH=str(folder), FLAGS=str(tmp_path / "flags"))
    return tmp_path / "flags"


# -- where there is no fcntl


def test_without_fcntl_one_of_several_builds_and_all_run(
    start: Start, write: Write, env_dir: Path, no_fcntl: Path, rows: Rows
) -> None:
    script = write("a.sh", "exit 7", "hello-conda")
    children = [start(script) for _ in range(6)]
    assert [child.wait(120) for child in children] == [7] * 6
    assert [row[1] for row in rows()].count("create") == 1
    assert [row[1] for row in rows()].count("run") == 6


def test_without_fcntl_a_mark_keeps_what_runs_and_goes_with_it(
    start: Start, run: Run, write: Write, env_dir: Path, no_fcntl: Path
) -> None:
    script = write("a.sh", "echo ready; read line", "hello-conda")
    child = start(script, stdin=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    marks = [path.name for path in (env_dir / ".leases").glob(NAME + ".shared/*")]
    assert len(marks) == 1
    assert f".{child.pid}." in marks[0]
    assert "expected nobody to run in it" in run("-f", script).stderr
    assert run("--tmpenv", "clear", "--all").returncode == 125
    child.communicate("\n")
    assert run("--tmpenv", "clear", "--all").returncode == 0
    assert not (env_dir / NAME).exists()


def test_without_fcntl_collecting_is_a_process_of_its_own(
    run: Run, write: Write, environ: Environ, env_dir: Path, no_fcntl: Path
) -> None:
    run(write("a.sh", "", "hello-conda"))
    environ["CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR"] = "0"
    run("--tmpenv", "list")
    wait_until(lambda: not (env_dir / NAME).exists())
    flags = {int(line) for line in no_fcntl.read_text().split()}
    # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP (Process Creation Flags, learn.microsoft.com)
    assert flags == {0x00000008 | 0x00000200}


def test_two_threads_of_one_process_hold_two_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_execute, "fcntl", None)
    store = conda_execute.Store(str(tmp_path), 3600, conda_execute.Progress(False, True))
    store.make()
    first, second, third = (store.lock("name") for _ in range(3))
    assert first.take(exclusive=False)
    assert second.take(exclusive=False)
    assert not third.take(exclusive=True)
    first.release()
    assert not third.take(exclusive=True)
    second.release()
    assert third.take(exclusive=True)
    assert not store.lock("name").take(exclusive=False)
    third.release()
    assert [path.name for path in (tmp_path / ".leases").glob("name*")] == ["name"]


def test_without_fcntl_an_engine_is_started_with_no_descriptor_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """subprocess refuses pass_fds on Windows."""
    monkeypatch.setattr(conda_execute, "fcntl", None)
    say = conda_execute.Progress(False, True)
    with conda_execute.Lock(str(tmp_path / "lock"), say) as lock:
        config = conda_execute.Config(env_dir=str(tmp_path), condarc=conda_execute.Condarc({}))
        asked = conda_execute.Metadata(specs=["x"], pip=[], channels=[])
        order = conda_execute.BuildOrder(asked, config, ("conda", ""), str(tmp_path), False, lock)
        given: list[object] = []
        original = subprocess.Popen

        def popen(*words: object, **options: Any) -> subprocess.Popen[bytes]:
            given.append(options.get("pass_fds", []))
            return original(*words, **options)  # type: ignore[call-overload, no-any-return]

        monkeypatch.setattr(subprocess, "Popen", popen)
        assert conda_execute.run_engine(["/bin/echo", "x"], {}, order) == (0, "x")
    assert given == [[]]


# -- which processes run


class Kernel:
    """Stand-in for kernel32: its processes are a table of pid to exit code and time of creation."""

    ACCESS_DENIED, INVALID_PARAMETER, STILL_ACTIVE = 5, 87, 259  # System Error Codes; GetExitCodeProcess

    def __init__(self, table: dict[int, tuple[int, int]], denied: tuple[int, ...] = ()) -> None:
        self.table, self.denied, self.error, self.open = table, denied, 0, set()  # type: ignore[var-annotated]

    def OpenProcess(self, access: int, inherit: bool, pid: int) -> int:
        assert (access, inherit) == (0x1000, False)  # PROCESS_QUERY_LIMITED_INFORMATION, enough for both below
        self.error = self.ACCESS_DENIED if pid in self.denied else self.INVALID_PARAMETER
        self.open |= {pid} & set(self.table)
        return pid if pid in self.table else 0

    def GetExitCodeProcess(self, process: int, code: Any) -> int:
        code._obj.value = self.table[process][0]
        return 1

    def GetProcessTimes(self, process: int, *times: Any) -> int:
        assert [ctypes.sizeof(time._obj) for time in times] == [8] * 4  # FILETIME
        times[0]._obj.value = self.table[process][1]
        return 1

    def CloseHandle(self, process: int) -> int:
        self.open.remove(process)
        return 1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel({10: (259, 1234), 11: (0, 1234)}, denied=(12,))
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: kernel.error, raising=False)
    return kernel


def test_on_windows_a_process_is_known_by_its_creation_time(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [conda_execute.find_start_on_windows(pid) for pid in (10, 11, 12, 13)]
    assert found == ["1234", "", "0", ""]
    assert kernel.open == set()
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        asked = [(10, ""), (10, "1234"), (10, "99"), (11, "1234"), (12, "1234"), (13, "1234"), (13, "")]
        running = [conda_execute.is_running(pid, start) for pid, start in asked]
    # Of another user's process we may know nothing: it counts as the one that was meant.
    assert running == [True, True, False, False, True, False, False]


def test_where_there_is_no_proc_a_process_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS."""

    def open_(path: str, *words: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(conda_execute, "open", open_, raising=False)
    child = subprocess.Popen(["sleep", "60"])
    assert conda_execute.is_running(child.pid, "1")
    child.kill()
    child.wait()
    assert not conda_execute.is_running(child.pid, "1")


def test_where_there_is_no_proc_the_log_says_who_runs_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS. A row need not have a script: conda-tmpenv create takes specs."""
    store = conda_execute.Store(str(tmp_path), 3600, conda_execute.Progress(False, True))
    name, kept = "a" * 20, ".scripts" + os.sep + "b" * 64
    store.append("run", name, "")
    store.append("run", name, str(tmp_path / kept / "code"))
    is_folder = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path != "/proc/self" and is_folder(path))
    found = store.find_processes()
    assert (found[name], found[kept]) == ({os.getpid()}, {os.getpid()})


def test_the_log_has_no_text_mode(tmp_path: Path) -> None:
    """On Windows too: for a path, FileIO asks for O_BINARY, without which the C library there writes CR LF."""
    store = conda_execute.Store(str(tmp_path), 3600, conda_execute.Progress(False, True))
    assert store.append("run", "name", "a.py")
    content = (tmp_path / "usage.tsv").read_bytes()
    assert content.startswith(conda_execute.LOG_HEADER)
    assert (content.count(b"\n"), content.count(b"\r")) == (2, 0)


# -- programs and their start


def test_on_windows_programs_lie_where_conda_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of PATH in conda/activate.py; the system of MSYS2 is the first that is there."""
    prefix = str(tmp_path)
    (tmp_path / "Library" / "ucrt64" / "bin").mkdir(parents=True)
    (tmp_path / "Library" / "clang64" / "bin").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        found = conda_execute.find_bin_dirs(prefix)
    parts = ["Library/ucrt64/bin", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin"]
    assert found == [prefix, *(f"{prefix}/{part}" for part in parts)]
    assert conda_execute.find_bin_dirs(prefix) == [f"{prefix}/bin"]


def test_on_windows_a_program_has_a_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python.exe", "conda.bat", "tool.cmd", "both.exe", "both.bat", "both"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        names = ["python", "conda", "tool", "both", "python.exe", "gone"]
        found = [conda_execute.which(name, str(tmp_path)) for name in names]
    assert [Path(path).name for path in found] == ["python.exe", "conda.bat", "tool.cmd", "both.exe", "python.exe", ""]


@pytest.mark.parametrize("code, left", [(0, 0), (7, 7), (0xC0000005, -0x3FFFFFFB)], ids=["0", "7", "a crash"])
def test_on_windows_a_child_takes_the_place_of_exec(monkeypatch: pytest.MonkeyPatch, code: int, left: int) -> None:
    """Stand-in for subprocess.Popen; sys.exit hands the system a C int, whose bits are those of the code."""
    before = signal.getsignal(signal.SIGINT)
    given: list[object] = []

    class Popen:
        def __init__(self, argv: list[str], env: dict[str, str], pass_fds: list[int]) -> None:
            given.extend([argv, env, pass_fds, signal.getsignal(signal.SIGINT)])

        def wait(self) -> int:
            return code

    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(conda_execute, "fcntl", None)
    try:
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as caught:
            patch.setattr(os, "name", "nt")
            conda_execute.launch(["python.exe", "a.py"], {"A": "b"}, None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.code == left
    assert ctypes.c_uint32(left).value == code
    assert given == [["python.exe", "a.py"], {"A": "b"}, [], signal.SIG_IGN]  # Ctrl-C is for the child


def fake_cmd(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> list[str]:
    """Let a stand-in for cmd.exe obey "call", "echo" and "set" as cmd.exe /u does; return what it is told."""
    told: list[str] = []

    def run(line: str, env: dict[str, str], stdin: int, stdout: int) -> subprocess.CompletedProcess[bytes]:
        told.append(line)
        assert line.startswith('cmd.exe /d /u /c "') and line.endswith('"')
        assert (stdin, stdout) == (subprocess.DEVNULL, subprocess.PIPE)
        output, variables = b"", dict(env)
        for command in line[len('cmd.exe /d /u /c "') : -1].split(" & "):
            word, _, rest = command.partition(" ")
            if word == "call" and known[rest.strip('"')] == "exit":
                return subprocess.CompletedProcess([], 3, output)
            if word == "call":
                name, _, value = known[rest.strip('"')].partition("=")
                variables[name] = value
                output += b"a program that writes bytes\r\n"
            elif word == "echo":
                output += (rest + " \r\n").encode("utf-16-le")
            else:
                lines = "".join(f"{name}={value}\r\n" for name, value in variables.items())
                output += lines.encode("utf-16-le")
        return subprocess.CompletedProcess([], 1, output)

    monkeypatch.setattr(subprocess, "run", run)
    return told


def test_on_windows_batch_files_leave_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    told = fake_cmd(monkeypatch, {"C:\\a b\\1.bat": "NEW=ü = x", "C:\\2.bat": "OLD="})
    found = conda_execute.run_batch(["C:\\a b\\1.bat", "C:\\2.bat"], {"OLD": "x", "KEPT": "y=z", "=C:": "C:\\"})
    assert found == {"NEW": "ü = x", "OLD": "", "KEPT": "y=z"}
    assert len(told) == 1


def test_on_windows_a_batch_file_that_exits_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmd(monkeypatch, {"1.bat": "exit"})
    with pytest.raises(conda_execute.Error, match="expected activation scripts to come to their end"):
        conda_execute.run_batch(["1.bat"], {})


def test_a_first_line_is_written_as_the_kernel_of_the_platform_reads_it() -> None:
    one, several = "conda-execute", "conda execute"
    for platform in ("linux", "freebsd14"):
        assert conda_execute.format_first_line(several, platform) == "#!/usr/bin/env -S conda execute"
    assert conda_execute.format_first_line(several, "darwin") == "#!/usr/bin/env conda execute"
    assert conda_execute.format_first_line(one, "linux") == "#!/usr/bin/env conda-execute"
    assert list(conda_execute.find_first_lines("win32")) == []
    assert "  none; start a script with" in conda_execute.format_usage([])


@pytest.mark.parametrize("limit, least", [(256, 200), (1024, 900), (64, 50), (20, 10)])
def test_a_lease_stands_as_high_as_the_limit_of_open_files_allows(
    run: Run, write: Write, limit: int, least: int
) -> None:
    """256 is what macOS gives a shell."""
    done = run(
        "-q", write("a.sh", "ls -l /proc/$$/fd", "hello-conda"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )  # fmt: skip
    leases = [line for line in done.stdout.splitlines() if "/.leases/" in line]
    assert len(leases) == 1, done.stderr
    assert least <= int(leases[0].split(" -> ")[0].split()[-1]) < limit
