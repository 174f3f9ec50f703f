"""Bring the README up to date: python tests/pictures.py

Writes what --help says into it, and draws tests/pictures: records real runs of conda_execute.py in a terminal, on the
small channel of tests/channel.py, and writes what that showed as SVG. Nothing is drawn by hand: the screens are those
of pyte, a terminal that is a library; rich writes them down. The first run moves as it did, once, and stays at its end,
which is all that one sees who has asked for less motion. A picture loads nothing: the font is the reader's own.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import channel
import pexpect
import pyte
from rich.console import Console
from rich.text import Text
from run import SCRIPT

if TYPE_CHECKING:
    from typing import List, Tuple

    Screen = Tuple[str, ...]
    Frames = List[Tuple[float, Screen]]  # each screen, and for how long it was seen, in s

ROOT = Path(__file__).resolve().parent.parent
START = ROOT / "tests" / "start.py"
FIRST_LINES = "First lines that work here:\n"
COLUMNS, ROWS = 80, 40
HOME = "/home/me"  # stands for the folder of the recording
READ_S = 1.2  # before a command, to read what the last one said
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
WIDTH = 720  # in a page that has room for it
ONE = """\
<svg width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONT; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>""".replace("FONT", FONT)
ALL = """\
<svg viewBox="0 0 {width} {height}" width="{shown}" role="img" xmlns="http://www.w3.org/2000/svg">
<title>{title}</title>
<style>
{moves}
@media (prefers-reduced-motion: reduce) {{ .frame {{ animation: none !important; }} }}
</style>
{frames}
</svg>
"""


class Picture(NamedTuple):
    """What is typed one after the other, and whether the way to the end is shown."""

    title: str
    commands: tuple[str, ...]
    moves: bool = False


PICTURES = {
    "first-run": Picture("the first run, and the second", ("conda-execute my_script.py",) * 2, True),
    "list": Picture("which environments there are", ("conda-execute -q turn.pl one two three", "conda-tmpenv list")),
    "error": Picture("a package that is not there", ("conda-execute typo.py",)),
}


def make_home(folder: Path) -> dict[str, str]:
    """Fill the folder of a person who has the tool and a channel; return the variables."""
    (folder / "bin").mkdir()
    for name, words in (("conda-execute", ""), ("conda-tmpenv", " --tmpenv")):
        program, start = folder / "bin" / name, shlex.join([sys.executable, str(START)])
        program.write_text(f'#!/bin/sh\nexec {start}{words} "$@"\n')
        program.chmod(0o755)
    (folder / "my_script.py").write_text(SCRIPT)
    shutil.copy(str(ROOT / "tests" / "examples" / "conda-execute.pl"), str(folder / "turn.pl"))
    (folder / "typo.py").write_text(SCRIPT.replace("numpy\n", "numpi\n", 1))
    return {
        "CONDA_CHANNELS": channel.build(folder / "channel"),
        "CONDA_EXECUTE_ENGINE": "rattler",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": f"{folder}/bin:/usr/bin:/bin",
        "TERM": "xterm",
    }


def record(folder: Path, environ: dict[str, str], commands: tuple[str, ...]) -> Frames:
    """Type the commands in a terminal; return what it showed."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    frames: Frames = []

    def show(seconds: float) -> None:
        lines = [line.rstrip() for line in screen.display]
        used = max(i for i, line in enumerate(lines) if line) + 1
        frames.append((seconds, tuple(lines[:used])))

    for command in commands:
        stream.feed(f"$ {command}\r\n".encode())
        show(READ_S)
        child = pexpect.spawn("/bin/sh", ["-c", command], 120, cwd=folder, env=environ, dimensions=(ROWS, COLUMNS))
        since = time.monotonic()
        while True:
            try:
                chunk = child.read_nonblocking(1 << 16)
            except pexpect.EOF:
                break
            frames[-1] = (frames[-1][0] + time.monotonic() - since, frames[-1][1])
            since = time.monotonic()
            stream.feed(chunk.replace(str(folder).encode(), HOME.encode()))
            show(0)
        child.close()
    return [*frames[:-1], (READ_S, frames[-1][1])]


def join_frames(frames: Frames) -> Frames:
    """Return the frames without those that nobody could see."""
    joined: Frames = []
    for seconds, screen in frames:
        if joined and (joined[-1][1] == screen or joined[-1][0] < 0.05):
            seconds += joined.pop()[0]
        joined.append((seconds, screen))
    return joined


def draw_screen(screen: Screen, rows: int, title: str, name: str) -> str:
    """Return an SVG of one screen."""
    with tempfile.TemporaryFile("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, legacy_windows=False)
        for line in [*screen, *[""] * (rows + 1 - len(screen))]:
            console.print(Text(line, "bold green" if line.startswith("$ ") else ""), no_wrap=True, crop=True)
        return console.export_svg(title=title, code_format=ONE, unique_id=name)


def draw(title: str, frames: Frames) -> str:
    """Return an SVG that shows the frames one after the other, and then the last."""
    whole, rows, at = sum(seconds for seconds, _ in frames), max(len(screen) for _, screen in frames), 0.0
    moves, groups = [], []
    for i, (seconds, screen) in enumerate(frames):
        start, end = 100 * at / whole, 100 * (at + seconds) / whole
        at += seconds
        drawn = draw_screen(screen, rows, title, f"frame-{i}")
        last = i == len(frames) - 1
        hidden = "" if last else ' opacity="0"'
        groups.append(f'<g class="frame" id="frame-{i}"{hidden}>\n{drawn}\n</g>')
        if len(frames) > 1:
            steps = (0, int(i == 0)), (start, 1), (end, int(last)), (100, int(last))
            keys = " ".join(f"{percent:.2f}% {{ opacity: {opacity}; }}" for percent, opacity in steps)
            moves.append(f"@keyframes move-{i} {{ {keys} }}")
            moves.append(f"#frame-{i} {{ animation: move-{i} {whole:.1f}s step-end both; }}")
    width, height = (drawn.partition(f'{side}="')[2].partition('"')[0] for side in ("width", "height"))
    return ALL.format(
        width=width, height=height, shown=WIDTH, title=title, moves="\n".join(moves), frames="\n".join(groups)
    )


def write(target: Path) -> None:
    """Record all pictures, in their order: each finds what those before it have made."""
    target.mkdir(exist_ok=True)
    folder = Path("/tmp").resolve() / str(os.getpid())  # lines have room for a short name alone
    folder.mkdir(0o700)
    try:
        environ = make_home(folder)
        for name, picture in PICTURES.items():
            frames = join_frames(record(folder, environ, picture.commands))
            frames = frames[1:] if picture.moves else frames[-1:]  # the first shows a command alone
            svg = "\n".join(line.strip() for line in draw(picture.title, frames).splitlines() if line.strip())
            (target / f"{name}.svg").write_text(svg + "\n", "utf-8")
    finally:
        shutil.rmtree(str(folder))


def write_help(readme: Path) -> None:
    """Have a README show what --help says today, but for the end of that, which is about one machine."""
    text = readme.read_text("utf-8")
    for name, words in (("conda-execute", ["--help"]), ("conda-tmpenv", ["--tmpenv", "--help"])):
        said = subprocess.run([sys.executable, str(START), *words], stdout=subprocess.PIPE, check=True).stdout.decode()
        before, command, rest = text.partition(f"$ {name} --help\n")
        shown, fence, after = rest.partition("```\n")
        end = shown.partition(FIRST_LINES)[2]
        text = before + command + "".join(said.partition(FIRST_LINES)[:2]) + end + fence + after
    readme.write_text(text, "utf-8")


if __name__ == "__main__":
    write(ROOT / "tests" / "pictures")
    write_help(ROOT / "README.md")
