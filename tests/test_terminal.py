"""Terminal: a shell with job control deals with a run as if it had started the script itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect  # type: ignore[import-untyped]
import pytest
from conftest import TOOL, wait_until

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run, Write


pytestmark = [pytest.mark.once, pytest.mark.warm]
PROMPT = "ready> "
# With "activated" a shell runs the activation scripts on the way to the script.
both_ways = pytest.mark.parametrize("more", [(), ("activated",)], ids=["no scripts", "activation scripts"])


class Shell:
    """An interactive bash in a terminal of 24 lines and 80 columns, in which "ce" is conda-execute."""

    def __init__(self, environ: Environ, folder: Path) -> None:
        environ = {**environ, "TERM": "linux", "LC_ALL": "C.UTF-8", "PS1": PROMPT}
        words = ["--norc", "--noprofile", "--noediting", "-i"]
        self.child = pexpect.spawn("bash", words, env=environ, cwd=str(folder), encoding="utf-8", timeout=60)
        self.see(PROMPT)
        self.do(f"alias ce='{sys.executable} {TOOL} -q'")

    def see(self, text: str) -> None:
        self.child.expect_exact(text)

    def type(self, line: str) -> None:
        """Type a line, and read past its echo."""
        self.child.sendline(line)
        self.see(f"{line}\r\n")

    def do(self, line: str) -> str:
        """Return what a command prints before the shell is ready again."""
        self.type(line)
        return self.end()

    def end(self) -> str:
        self.see(PROMPT)
        return str(self.child.before).replace("\r\n", "\n")

    def code(self) -> int:
        return int(self.do("echo $?"))


@pytest.fixture
def shell(environ: Environ, tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(environ, tmp_path)
    yield shell
    shell.child.close(force=True)


@pytest.fixture
def build(run: Run, write: Write) -> Callable[..., Path]:
    """Return a function that writes a script and has its environment built."""

    def function(name: str, code: str, *specs: str) -> Path:
        script = write(name, "true", *specs, more="# run_with: sh\n")
        done = run("-q", script)
        assert (done.returncode, done.stderr) == (0, "")
        return write(name, code, *specs)

    return function


# -- keys

HANDLERS = """\
import os, signal, sys
def show(number, frame):
    os.write(1, b"got " + signal.Signals(number).name.encode() + b"\\n")
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), show)
os.write(1, b"waiting\\n")
for line in sys.stdin:
    os.write(1, b"read " + line.encode())
    if line == "end\\n":
        sys.exit(7)
"""


@both_ways
@pytest.mark.parametrize("key, code, says", [("\x03", 130, "^C"), ("\x1c", 131, "Quit")], ids=["interrupt", "quit"])
def test_a_key_ends_the_script(
    shell: Shell, build: Callable[..., Path], more: tuple[str], key: str, code: int, says: str
) -> None:
    build("a.sh", "echo waiting; read forever; echo on", "hello-conda", *more)
    shell.type("ulimit -c 0; ce a.sh")
    shell.see("waiting\r\n")
    shell.child.send(key)
    output = shell.end()
    assert says in output and "on" not in output.split()
    assert shell.code() == code


@both_ways
def test_a_script_may_answer_the_keys_itself(shell: Shell, build: Callable[..., Path], more: tuple[str]) -> None:
    build("a.py", HANDLERS, "python", *more)
    shell.type("ce a.py SIGINT SIGQUIT")
    shell.see("waiting\r\n")
    for key, name in (("\x03", "SIGINT"), ("\x1c", "SIGQUIT"), ("\x03", "SIGINT")):
        shell.child.send(key)
        shell.see(f"got {name}\r\n")
    shell.child.sendline("end")
    assert shell.end() == "end\nread end\n"
    assert shell.code() == 7


@both_ways
def test_ctrl_z_stops_the_script_and_fg_continues_it(
    shell: Shell, build: Callable[..., Path], more: tuple[str]
) -> None:
    build("a.py", HANDLERS, "python", *more)
    shell.type("ce a.py SIGCONT")
    shell.see("waiting\r\n")
    for _ in range(2):
        shell.child.send("\x1a")
        assert "Stopped" in shell.end()
        assert shell.code() == 128 + signal.SIGTSTP
        assert re.search(r"\[1\]\+ +\d+ Stopped", shell.do("jobs -l"))
        shell.type("fg")
        shell.see("got SIGCONT\r\n")
        shell.child.sendline("one")
        shell.see("read one\r\n")
    shell.child.sendline("end")
    shell.end()
    assert shell.code() == 7


@both_ways
def test_a_script_may_answer_ctrl_z_itself(shell: Shell, build: Callable[..., Path], more: tuple[str]) -> None:
    build("a.py", HANDLERS, "python", *more)
    shell.type("ce a.py SIGTSTP")
    shell.see("waiting\r\n")
    shell.child.send("\x1a")
    shell.see("got SIGTSTP\r\n")
    shell.child.sendline("end")
    shell.end()
    assert shell.code() == 7


@both_ways
def test_the_end_of_the_input_is_the_scripts(shell: Shell, build: Callable[..., Path], more: tuple[str]) -> None:
    build("a.sh", "cat; echo end; exit 3", "hello-conda", *more)
    shell.type("ce a.sh")
    shell.child.sendline("one")
    shell.see("one\r\none\r\n")
    shell.child.sendeof()
    assert "end\n" in shell.end()
    assert shell.code() == 3


@pytest.mark.cold
def test_ctrl_c_in_an_activation_script_ends_the_run(shell: Shell, build: Callable[..., Path], env_dir: Path) -> None:
    build("a.sh", "echo script", "hello-conda")
    folder = next(env_dir.glob("*/conda-meta")).parent / "etc" / "conda" / "activate.d"
    folder.mkdir(parents=True)
    (folder / "a.sh").write_text("echo waiting; read -r forever\n")
    shell.type("ce a.sh")
    shell.see("waiting\r\n")
    shell.child.sendintr()
    assert "script" not in shell.end()
    assert shell.code() == 130


# -- jobs


@both_ways
def test_the_script_is_the_job(shell: Shell, build: Callable[..., Path], more: tuple[str]) -> None:
    """One process, which leads its group, and the terminal is that group's."""
    code = (
        "import os\n"
        "print(os.getpid() == os.getpgrp() == os.tcgetpgrp(0), [os.isatty(fd) for fd in range(3)])\n"
        "print(os.getppid(), os.getsid(0))\n"
    )
    build("a.py", code, "python", *more)
    assert shell.do("ce a.py") == f"True [True, True, True]\n{shell.child.pid} {shell.child.pid}\n"


@both_ways
def test_a_background_job_is_stopped_when_it_reads_and_killed_by_its_number(
    shell: Shell, build: Callable[..., Path], more: tuple[str], tmp_path: Path
) -> None:
    build("a.sh", "echo $$ > pid; read line; echo got $line", "hello-conda", *more)
    pid = re.findall(r"\[1\] (\d+)", shell.do("ce a.sh &"))[0]
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() == f"{pid}\n")
    while "Stopped" not in shell.do("jobs"):
        pass
    shell.type("fg")
    shell.see("a.sh\r\n")
    shell.child.sendline("one")
    assert "got one\n" in shell.end()
    (tmp_path / "pid").unlink()
    shell.do("ce a.sh &")
    while "Stopped" not in shell.do("jobs"):
        pass
    pid = (tmp_path / "pid").read_text()
    shell.do("kill %1")  # the shell may hear of its end late
    wait_until(lambda: not conda_execute.find_start(int(pid)))


HANGUP = """\
import signal, sys, time
def show(*ignored):
    open("seen", "w").write("hangup\\n")
    sys.exit()
signal.signal(signal.SIGHUP, show)
print("waiting", flush=True)
time.sleep(600)
"""


@both_ways
def test_a_hangup_reaches_the_script(
    shell: Shell, build: Callable[..., Path], more: tuple[str], tmp_path: Path
) -> None:
    build("a.py", HANGUP, "python", *more)
    shell.type("ce a.py")
    shell.see("waiting\r\n")
    shell.child.close(force=False)
    wait_until(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text() == "hangup\n")


@both_ways
@pytest.mark.parametrize("ignored", ["", "HUP", "INT QUIT", "TSTP TTOU"], ids=lambda names: names or "none")
def test_signals_that_the_caller_ignores_stay_ignored_and_no_others(
    build: Callable[..., Path], environ: Environ, tmp_path: Path, more: tuple[str], ignored: str
) -> None:
    """As nohup and shells in the background have it; the masks are those of a child of the same shell."""
    code = 'while read -r line; do case "$line" in SigIgn*|SigBlk*) echo "$line";; esac; done < "/proc/$$/status"'
    build("a.sh", code, "hello-conda", *more)
    trap = f"trap '' {ignored};" if ignored else ""
    code = f"{trap} sh a.sh; {sys.executable} {TOOL} -q a.sh; exit"
    done = subprocess.run(["bash", "-c", code], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode().splitlines()
    assert lines[2:] == lines[:2]


# -- the terminal

SIZE = """\
import os, signal
def show(*ignored):
    os.write(1, b"size %d %d\\n" % os.get_terminal_size())  # print() may be at work already
signal.signal(signal.SIGWINCH, show)
show()
input()
"""


@both_ways
def test_the_size_of_the_window_and_its_changes_reach_the_script(
    shell: Shell, build: Callable[..., Path], more: tuple[str]
) -> None:
    build("a.py", SIZE, "python", *more)
    shell.type("ce a.py")
    shell.see("size 80 24\r\n")
    for columns, lines in ((132, 50), (40, 10)):
        shell.child.setwinsize(lines, columns)
        shell.see(f"size {columns} {lines}\r\n")
    shell.child.sendline()
    shell.end()


FULL_SCREEN = """\
import curses
def main(screen):
    screen.addstr(5, 7, "in the middle of %d lines" % curses.LINES)
    screen.refresh()
    while True:
        key = screen.getkey()
        if key == "q":
            return
        screen.addstr(6, 7, "key " + repr(key))
        screen.refresh()
curses.wrapper(main)
"""
RAW = """\
import os, sys, termios, tty
old = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"raw\\r\\n")
while True:
    key = os.read(0, 1)
    if key == b"q":
        break
    os.write(1, repr(key).encode() + b"\\r\\n")
termios.tcsetattr(0, termios.TCSADRAIN, old)
"""


@both_ways
def test_a_full_screen_program_has_the_terminal_and_leaves_it_as_it_was(
    shell: Shell, build: Callable[..., Path], more: tuple[str]
) -> None:
    build("a.py", FULL_SCREEN, "python", *more)
    before = shell.do("stty -a")
    shell.type("ce a.py")
    shell.see("in the middle of 24 lines")
    shell.child.send("x")
    shell.see("key 'x'")
    shell.child.send("\x1b[A")  # a key of several bytes
    shell.child.send("q")
    shell.end()
    assert shell.code() == 0
    assert shell.do("stty -a") == before


@both_ways
def test_a_raw_terminal_gives_every_key_to_the_script(
    shell: Shell, build: Callable[..., Path], more: tuple[str]
) -> None:
    build("a.py", RAW, "python", *more)
    before = shell.do("stty -a")
    shell.type("ce a.py")
    shell.see("raw\r\n")
    for key in ("\x03", "\x1a", "\x1c", "\x04", "\r"):
        shell.child.send(key)
        shell.see(f"{key.encode()!r}\r\n")
    shell.child.send("q")
    shell.end()
    assert (shell.code(), shell.do("stty -a")) == (0, before)


@both_ways
def test_input_streams_line_by_line(
    build: Callable[..., Path], environ: Environ, tmp_path: Path, more: tuple[str]
) -> None:
    """Each line is answered before the next one is written: nobody reads ahead."""
    build("a.sh", 'while read -r line; do echo "got $line"; done', "hello-conda", *more)
    words = [sys.executable, str(TOOL), "-q", "a.sh"]
    with subprocess.Popen(
        words, env=environ, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        assert child.stdin and child.stdout
        for number in range(100):
            child.stdin.write(f"{number}\n")
            assert child.stdout.readline() == f"got {number}\n"
        child.stdin.close()
    assert child.returncode == 0


# -- how it ends


def test_every_exit_code_is_the_scripts(build: Callable[..., Path], environ: Environ, tmp_path: Path) -> None:
    build("a.sh", 'exit "$1"', "hello-conda")
    code = f'for i in $(seq 0 255); do {sys.executable} {TOOL} -q a.sh $i; [ $? = $i ] || echo "$i"; done'
    done = subprocess.run(["bash", "-c", code], env=environ, cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b""


@both_ways
@pytest.mark.parametrize(
    "name, code, says",
    [("TERM", 143, "Terminated"), ("SEGV", 139, "Segmentation fault"), ("KILL", 137, "Killed"), ("INT", 130, "")],
)
def test_the_shell_sees_of_which_signal_the_script_died(
    shell: Shell, build: Callable[..., Path], more: tuple[str], name: str, code: int, says: str
) -> None:
    build("a.sh", 'kill -"$1" $$', "hello-conda", *more)
    shell.do("ulimit -c 0")
    assert says in shell.do(f"ce a.sh {name}")
    assert shell.code() == code


# -- one script starts another

NESTED = """\
import os, subprocess, sys
print("outer", os.environ["CONDA_SHLVL"], flush=True)
code = subprocess.call([{python!r}, {tool!r}, "-q", "inner.py", *sys.argv[1:]])
print("inner ended with", code, flush=True)
sys.exit(code)
"""
INNER = (
    "import os, sys\n"
    'print("inner", os.environ["CONDA_SHLVL"], os.environ.get("CONDA_PREFIX_1") == os.environ["OUTER"], flush=True)\n'
)


@both_ways
@pytest.mark.parametrize(
    "other, level", [((), "inner 1 False"), (("hello-conda",), "inner 2 True")], ids=["the same env", "another env"]
)
def test_a_script_starts_another_one(
    shell: Shell, build: Callable[..., Path], more: tuple[str], other: tuple[str, ...], level: str
) -> None:
    start = 'import os; os.environ["OUTER"] = os.environ["CONDA_PREFIX"]\n'
    build("outer.py", start + NESTED.format(python=sys.executable, tool=str(TOOL)), "python", *more)
    build("inner.py", INNER + HANDLERS, "python", *more, *other)
    shell.type("ce outer.py SIGCONT")
    shell.see(f"outer 1\r\n{level}\r\nwaiting\r\n")
    shell.child.sendline("one")
    shell.see("read one\r\n")
    shell.child.send("\x1a")  # both stop, both go on
    assert "Stopped" in shell.end()
    shell.type("fg")
    shell.see("got SIGCONT\r\n")
    shell.child.sendline("end")
    shell.see("inner ended with 7\r\n")
    shell.end()
    assert shell.code() == 7


@both_ways
def test_ctrl_c_ends_a_script_and_those_that_it_started(
    shell: Shell, build: Callable[..., Path], more: tuple[str], tmp_path: Path
) -> None:
    command = f"{sys.executable} {TOOL} -q"
    build("third.sh", "echo $$ >> pids; echo waiting; read forever", "hello-conda", *more)
    build("second.sh", f"echo $$ >> pids; {command} third.sh; echo on", "hello-conda", *more)
    build("first.sh", f"echo $$ >> pids; {command} second.sh; echo on", "hello-conda =1.0")
    shell.type("ce first.sh")
    shell.see("waiting\r\n")
    shell.child.sendintr()
    assert "on" not in shell.end().split()
    assert shell.code() == 130
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 3
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@both_ways
def test_an_inner_script_that_replaces_the_outer_one_is_still_the_same_process(
    build: Callable[..., Path], run: Run, tmp_path: Path, more: tuple[str]
) -> None:
    build("inner.sh", 'echo $$ "$CONDA_SHLVL"; exit 5', "hello-conda", *more)
    code = f"echo $$; exec {sys.executable} {TOOL} -q inner.sh"
    done = run("-q", build("outer.sh", code, "hello-conda =1.0"))
    outer, inner, level = done.stdout.split()
    assert (inner, level, done.returncode) == (outer, "2", 5)
