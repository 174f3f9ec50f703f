#!/usr/bin/env python
"""Run a script in the conda environment that the script itself describes.

    $ cat my_script.py
    #!/usr/bin/env python

    # conda execute
    # env:
    #  - python >=3
    #  - numpy

    import numpy as np

    print(np.random.poisson(size=5))

    $ python conda_execute.py my_script.py
    [1 2 0 1 0]

This file is the whole tool: put it beside your scripts. It needs CPython 3.8 or newer and
conda, mamba, micromamba or py-rattler; where there is none, it installs py-rattler for itself.
A script whose first line is "import conda_execute; conda_execute.bootstrap()" needs no command.

The block: a line "# conda execute" (any comment marker, a colon may follow) and the lines below
it with the same marker, up to the first without it. They hold a small YAML:
    env:       match specs; below "- pip:" PyPI requirements
    channels:  searched in this order before the configured ones; "nodefaults" leaves those out
    run_with:  the command, a string or a list; else the shebang, else what suits the suffix
    exclude-newer:  a date; nothing that was published after it is taken
"# [win]", "# [not osx]", "# [linux and arm64]" behind an item keep it there only.
In its place may stand a "# /// script" block (PEP 723; [tool.conda] has dependencies and channels)
or a "/// conda-script" block, whose entrypoint runs without a shell; [tool.pixi] is read in both.

Files below env-dir (condarc: conda-execute: env-dir)
    NAME/              a conda prefix; NAME is a hash of specs, requirements and channels, or of these and a lock
    NAME/conda-meta/conda-execute   written last, says of what, where and for which platform: without it the env does
                       not exist; one of another place or platform, or of which files have gone, is built anew
    NAME/.cache/       a folder for each content of a script whose entrypoint names ${CACHE}
    usage.tsv          a line a use: time (s since the epoch), event (create, run, remove), name,
                       pid, host, script; tabs, newlines and backslashes are escaped; host is its name and a hash
                       of its boot and pid namespace
    .leases/NAME       locked, shared, by what runs in the env; NAME.build by who builds it
    .leases/NAME.shared, NAME.exclusive   files HOST.PID.START-NUMBER of who has it, where it may not bind all hosts
    .leases/...        also what collectors, builders and hosts tell each other
    .scripts/SHA256/   scripts that came from -c, standard input or a URL
    .trash/            what is being deleted
    .packages/, .rattler/   packages and py-rattler, where the user's own caches cannot be written to
Beside a script, SCRIPT.SUBDIR.lock (--lock): its packages with their hashes, as "conda create --file" reads them too;
a run for that platform takes these and no others.
An env, or a kept script, that was unused for remove-if-unused-for (condarc; 25 hours) is removed by the next call,
never while anything runs in it; where locks do not bind all hosts that share env-dir, 30 days after its last use if
another host has used it. "--tmpenv list", or conda-tmpenv, shows what there is.

Exit codes: the script's own; 2 for a wrong command line, 125 when conda-execute itself fails, 126
when the command cannot be executed, 127 when it is not found, 130 after Ctrl-C while it builds or
waits. Public: the command line, the block, the files above, and
    main(argv) -> exit code        the command line
    bootstrap(path="")             go on in the environment of the calling script
    run(path, args) -> exit code   run a script as a child
    prefix_of(path) -> prefix      build the environment of a script if need be
    Error                          what the last two raise
All else may change.

Chapters, in the order of a run, and where to begin in each; each calls only what stands above it:
    Errors         what a person is told, and how: Error, format_error; passwords: mask
    Text           lines and scalars that know where they stand
    Hints          what a line of a block should be that cannot stand where it does
    YAML           the part of it that blocks and condarc use
    TOML           the part of it that blocks use
    Kinds          what a file is that is no script: KINDS, find_kind, check_encoding
    Block          finding the block of a script, its lines: find_block
    Specs          match specs, requirements, channels: parse_spec, parse_requirement, parse_channel
    Commands       shebang, suffix, run_with: find_run_with; the language of entrypoints
    Metadata       what a script asks for; keys of a "# conda execute" block: parse_conda_execute; find_selectors
    Tables         blocks in TOML: parse_pep_723, parse_conda_script; other tools' tables: parse_pixi, check_uv
    Environment files   environment.yml and requirements.txt: parse_environment; of a script: parse_metadata
    Name           the hash that names an env; the name of a platform, and what another is taken to have
    Locks          the text of a lock: LockFile, parse_lock, format_lock; whether it still holds: check_lock
    Folders        files and folders: reading, listing, deleting; owner and mode; programs of a prefix; start_anew
    Config         our settings, from condarc and variables: SETTINGS, read_config; engines that are programs: PROGRAMS
    Hosts          who shares a folder with us, and whom its file system's locks bind: find_flock_scope
    Processes      who is alive, and where it is at work
    Leases         a lock by flock (Lock.take_by_flock), by marks (Lock.find_blocker), and by both (Lock.take)
    Log            rows of usage.tsv
    Store          EnvDir: what is ours in it, markers, each env's and kept script's last use
    Collection     what goes, and when: collect_unused, remove; damage, trash, who still runs in it
    Envs           Store.obtain: a lease on an env, for which it is built, rebuilt or put back
    Progress       what a person sees of the work: Progress
    Children       programs that we wait for: Child; an engine: EngineProcess here, supervise and watch in a child
    Activation     the variables of an env: activate; its scripts: source_scripts
    Channels       for rattler alone: what condarc makes of channels and the network: CondarcChannels
    Orders         which engine builds what where: find_engine, BuildOrder
    Caches         where engines keep what they fetch
    Packages       those of a lock: find_places, find_cached
    Failures       why an engine failed, in words: explain
    Engines        starting one, up to its end or ours: run_engine; conda's command line: format_create
    pip            PyPI requirements
    rattler        py-rattler: finding it, the job that it gets: build_with_rattler
    rattler process   what it does in a process of its own: run_rattler
    Builds         from an order to a prefix that is whole, and on the disk: build_prefix; damaged caches
    Launch         becoming the command, or having it as a child
    Entrypoints    running the commands of a conda-script
    Scripts        where a script comes from; what is kept of it: Script.save; URLs
    Runs           Invocation: from options and a script to a lease, a command and its variables; build, marker
    Locking        writing a lock: lock_here, lock_elsewhere, write_lock
    Links          a script as a command of a shell's own: Link, put_link; its text: LINK_CODE
    Options        both command lines: help in USAGE, options in OPTIONS; those with a value in WITH_VALUE too
    Doctor         what there is on this machine, and what is wrong with it: examine, LOOKS
    conda-tmpenv   list, show, create, name, clear: run_tmpenv; which environment a word means: find_env
    Command line   main, and what the options of conda-execute do: execute
    For other programs   run, prefix_of, bootstrap, conda's hook

Licence: BSD-3-Clause. Home: https://github.com/conda-tools/conda-execute
"""

import atexit
import os
import sys
import time
from _frozen_importlib_external import PathFinder
from _thread import allocate_lock, get_ident


def refuse_part() -> None:  # a SyntaxError here says: this is no Python for conda-execute, which takes 3.8 or newer
    """End a process that did not get to program(): our file has been cut off, between two definitions maybe."""
    try:
        os.write(2, b"conda-execute: this copy of conda_execute.py has been cut off: get the whole file again\n")
    finally:
        os._exit(125)


if __name__ == "__main__":
    atexit.register(refuse_part)


class LibraryOnly:
    """While one of these is entered, what its thread imports comes from the standard library alone.

    A json.py beside this file, beside a script or in the working directory is not the json that is meant here;
    "from __future__ import annotations" would ask those too, so annotations that need it stand in quotes.
    """

    library = os.path.dirname(os.path.abspath(os.__file__))
    folders = [library, os.path.join(library, "lib-dynload"), os.path.join(sys.base_exec_prefix, "DLLs")]
    threads: "list[int]" = []  # a SyntaxError here says: this is no Python for conda-execute, which takes 3.8 or newer
    lock = allocate_lock()

    @classmethod
    def find_spec(cls, name: str, path: "object" = None, target: object = None) -> "Any":
        """Do as a finder on sys.meta_path does, in front of the one that searches sys.path."""
        if path is not None or get_ident() not in cls.threads:
            return None
        spec = PathFinder.find_spec(name, cls.folders)
        if not spec and cls.is_ours(sys._getframe(1)):
            raise ModuleNotFoundError("No module named %r in the standard library" % name, name=name)
        return spec

    @classmethod
    def is_ours(cls, frame: "Any") -> bool:
        """Answer whether we import, or the library for us: not a caller's signal handler, or his sys.stderr."""
        while frame and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        path = frame.f_code.co_filename if frame else ""
        return path == cls.is_ours.__code__.co_filename or path.startswith(cls.library) and "-packages" not in path

    def __enter__(self) -> None:
        with self.lock:
            if not self.threads:  # a new list, here and below: somebody may be on the way through this one
                finders: Any = list(sys.meta_path)
                finders.insert(finders.index(PathFinder) if PathFinder in finders else 0, LibraryOnly)
                sys.meta_path = finders
            self.threads.append(get_ident())

    def __exit__(self, *failure: object) -> None:
        with self.lock:
            self.threads.remove(get_ident())
            if not self.threads:
                sys.meta_path = [finder for finder in sys.meta_path if finder is not LibraryOnly]

    @classmethod
    def forget(cls) -> None:
        """Start afresh in a forked child, whose threads get the numbers of those that it does not have."""
        cls.lock = allocate_lock()
        cls.threads.clear()
        sys.meta_path = [finder for finder in sys.meta_path if finder is not LibraryOnly]


with LibraryOnly():
    import _signal  # type: ignore[import-not-found]

    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # CPython 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]
        except ImportError:  # a build that leaves hashing to OpenSSL
            from hashlib import sha256

    try:
        import fcntl
    except ImportError:  # Windows
        fcntl = None  # type: ignore[assignment]

MACHINE = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from subprocess import Popen
    from threading import Thread
    from types import TracebackType
    from typing import IO, Any, Callable, Collection, Dict, Iterable, Iterator, List, Mapping, NoReturn, Tuple, Union

    Item = Union["Text", Dict["Text", "Node"]]
    Node = Union["Text", List["Item"], Dict["Text", "Node"]]
    Parse = Callable[[int], Tuple[Any, int]]  # from a position to what stands there, and where that ends
    Word = List[Tuple[bool, Any]]  # parts, and whether each is split at blanks
    Command = List[Word]
    Environ = Mapping[str, str]
    Finding = Union[Tuple[str, str], "Error"]  # what there is, by its name, or what is wrong with it
    Found = Tuple[int, str, bytes, int]  # a block: the line that opens it, its dialect, its marker, where it ends
    Use = Tuple[int, bytes]  # its time, in s, and its row
    Build = Callable[["Lock"], None]  # into the prefix that is called like the environment

__all__ = ["Error", "bootstrap", "main", "prefix_of", "run"]  # so that help(conda_execute) is the manual
__version__ = "1.4.0"


# ---- Errors --------------------------------------------------------------------------
# What a person is told, on stderr and stdout, without secrets. Knows nothing of what failed.


class Error(Exception):
    """A failure that a person can mend: what was expected and found, where, what to do.

    `place` is "FILE" or "FILE:LINE:COLUMN", counted from 1; `source` is the line it names; `words` are
    those of an engine, told unless a person has read them already.
    """

    is_for_all = False  # of an engine, and so the same for all who ask
    words_shown = False
    words = ""

    def __init__(self, message: str, place: str = "", source: str = "", hint: str = "", code: int = 125) -> None:
        super().__init__(message)
        self.message, self.place, self.source, self.hint, self.code = message, place, source, hint, code

    def __str__(self) -> str:
        return format_error(self)


def format_error(error: Error, width: int = 100) -> str:
    """Return the paragraph that a person reads, with no blank line and no control character."""
    lines = ["conda-execute: " + (printable(error.place) + ": " if error.place else "") + error.message]
    if error.source:
        number, column = error.place.rsplit(":", 2)[1:]
        source = mask(error.source)  # then cut
        before = min(len(source), len(mask(error.source[: int(column) - 1])))
        start = max(0, before + 1 - width * 2 // 3) if len(source) > width else 0
        lines.append("  %s | %s" % (number, printable(source[start : start + width])))
        lines.append("  %s | %s^" % (" " * len(number), " " * (before - start)))
    lines += ["  " + error.hint] if error.hint else []
    lines += ["  " + printable(line) for line in error.words.split("\n") if not error.words_shown]
    return mask("\n".join(line for line in "\n".join(lines).split("\n") if line.strip()))


def printable(text: str) -> str:
    """Return text that a terminal shows as it is, a mark in the place of each control character.

    >>> printable("a\\tb\\x1b[31m")
    'a b?[31m'
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


SECRETS: "set[str]" = set()  # that are known by now: see learn_secrets()


def mask(text: str) -> str:
    """Return text without passwords, tokens and queries, as they stand in URLs: what is shown or stored has none.

    >>> mask("no https://me:secret@host/t/abc-1/main, no http//x@y, no http://host/a?token=b#c")
    'no https://***@host/t/***/main, no http//***@y, no http://host/a?***#c'
    """
    for secret in sorted(SECRETS, key=len, reverse=True):
        text = text.replace(secret, "***")
    rows = [row.partition("uthorization:") for row in text.split("\n")]  # a header that engines may print
    first, *rest = "\n".join(before + mark + " ***" * bool(mark) for before, mark, _ in rows).split("//")
    for part in rest:
        end = next((i for i, c in enumerate(part) if c.isspace() or c in "\\\"'`<>"), len(part))
        host, *path = part[:end].split("/")
        is_remote = host and not first.endswith("file:")
        path = ["***" if before == "t" and is_remote else one for before, one in zip(["", *path], path)]
        is_secret = "@" in host and not host.startswith("USER:PASSWORD@")  # as hints have it
        whole, mark, query = "/".join(["***" + host[host.rindex("@") :] if is_secret else host, *path]).partition("?")
        _, fragment, pin = query.partition("#")
        first += "//" + whole + mark + ("***" + fragment + pin if "=" in query else query) + part[end:]
    return first


def learn_secrets(texts: "Iterable[str]") -> None:
    """Remember the passwords and tokens of URLs, without scheme too: engines repeat them in forms of their own."""
    for word in (word for text in texts for word in text.split() if "://" in word or "@" in word):
        host, *path = word.rpartition("://")[2].split("/")
        tokens = [one for one, last in zip(path, ["", *path]) if last == "t" and "://" in word]
        for secret in filter(None, [host.rpartition("@")[0].partition(":")[2], *tokens]):
            from urllib.parse import unquote  # which imports re: a warm run has hardly any secret

            SECRETS.update(one for one in (secret, unquote(secret)) if len(one) > 3)


def format_shell(words: "Iterable[object]") -> str:
    """Return words as a person types them into a shell."""
    from shlex import quote as escape

    return printable(" ".join(escape(str(word)) for word in words))


def type_this(*words: object) -> str:
    """Return the hint to type a command, whatever is in its words."""
    return 'write "%s"' % format_shell(words)


def print_err(text: str, end: str = "\n") -> None:
    """Write to stderr at once; that nobody can read it any more ends no run."""
    if not sys.stderr:  # closed by the caller: print would turn to stdout
        return
    try:
        print(mask(text), end=end, file=sys.stderr, flush=True)
    except OSError:  # EPIPE, ENOSPC
        sys.stderr = open(os.devnull, "w")


def print_out(text: str) -> None:
    """Write a line to stdout, paths as the bytes that they are, whatever encoding the stream has."""
    stream = getattr(sys.stdout, "buffer", None)
    if not stream:  # closed, or a caller's own
        print(text, flush=True)
        return
    try:
        line = os.fsencode(text + "\n")
    except UnicodeEncodeError:  # text that the file system's encoding lacks
        line = (text + "\n").encode("utf-8", "surrogateescape")
    try:
        sys.stdout.flush()
        stream.write(line)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as e:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else what it still holds fails again as Python ends
        hint = "have it lead to another place: > FILE"
        raise Error("expected standard output to take what is printed, found: %s" % e.strerror, hint=hint) from None


def flush() -> None:
    """Write out what was printed so far, which exec and os._exit would lose; a closed pipe loses it anyhow."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # ValueError: closed; AttributeError: None, closed by the caller
            continue


def quote(text: str, width: int = 60) -> str:
    """Return text in double quotes, cut to what a message can hold; secrets that were cut could not be masked."""
    text = mask(text)
    return '"%s"' % printable(text if len(text) <= width else text[: width - 3] + "...")


def format_lines(*lines: str, place: str = "") -> str:
    """Return the hint to write lines in this one's place, or another; they are there to be copied, so hardly cut.

    >>> format_lines("#  - a", "#  - b")
    'write "#  - a" and "#  - b" on lines of their own'
    """
    width = 400 // (len(lines) if sum(map(len, lines)) > 400 else 1)
    *most, last = [quote(line, width) for line in lines]
    place = place or "on lines of their own" * bool(most)
    return ("write " + (", ".join(most) + " and " if most else "") + last + " " + place).rstrip()


# Words of one meaning, as people and other tools call keys, options and commands.
SYNONYMS = (
    "env dependencies requirements packages specs environment requires depends", "run_with command",
    "requires-python python-version python", "force-env force upgrade update refresh rebuild", "dry-run dry", "list ls",
    "clear remove rm delete prune", "show info describe", "conda conda-execute conda_execute conda-exec",
)  # fmt: skip
NEAR = 0.8  # as "chanel" and "channels" are; "clear" and "create" are less


def find_nearest(word: str, known: "Iterable[str]") -> str:
    """Return the known word that this one was probably meant to be, or "".

    >>> [find_nearest(word, ["env", "quiet", "offline"]) for word in ("evn", "--Quite", "packages", "end", "file")]
    ['env', 'quiet', 'env', '', '']
    """
    from difflib import get_close_matches

    meant = {one: one for one in known}
    for words in map(str.split, SYNONYMS):
        meant.update({other: one for one in words if one in meant for other in words if other not in meant})
    word = word.lower().lstrip("-")
    near = [one for one in meant if sorted(one) == sorted(word)] or get_close_matches(word, list(meant), 1, NEAR)
    return meant[near[0]] if near else ""


ELSEWHERE = 'on a cluster, "conda-tmpenv create --script SCRIPT" on a login node builds it for all nodes'
SCARCE = 'see "ulimit -a", and how much memory the job asked for; ' + ELSEWHERE
FREE_ROOM = '"conda-tmpenv clear --min-age 1" removes envs that nobody uses'
FEW_FILES = 'write "ulimit -n 1024" in a new shell: it is too low for what a program has open'


def find_scarce_hint(cause: OSError) -> str:
    """Return what to do where the machine has too little of something, "" for any other failure."""
    import errno

    is_full = cause.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    hints = {errno.EAGAIN: SCARCE, errno.ENOMEM: SCARCE, errno.EMFILE: FEW_FILES, errno.ENFILE: FEW_FILES}
    return FREE_ROOM if is_full else hints.get(cause.errno or 0, "")


def start_thread(work: "Callable[..., object]", *args: object) -> "Thread":
    """Start a thread that ends with the process, and return it; raise OSError where there may be no more of them."""
    import errno
    from threading import Thread

    thread = Thread(target=work, args=args, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the limit of processes, or of memory
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    return thread


def type_as_started(hint: str) -> str:
    """Return a hint with its commands as they are to be typed where this file was copied, and not installed."""
    import re
    import shutil

    python = os.path.basename(sys.executable)
    python = python if shutil.which(python) == sys.executable else sys.executable
    start = format_shell([python, sys.argv[0]])
    for name, words, follows in (
        ("conda-tmpenv", start + " --tmpenv", "--help|list|show|create|name|clear|doctor"),
        ("conda-execute", start, "-|SCRIPT|LINK"),
    ):
        if name in hint and __name__ == "__main__" and not shutil.which(name):
            pattern = r"(?<![\w/.-])%s(?= (?:%s))|(?<=write )%s(?= )" % (name, follows, name)
            hint = re.sub(pattern, lambda found, words=words: words, hint)  # type: ignore[misc]
    return hint


def report_error(error: Error) -> int:
    """Tell of an Error and return its exit code."""
    if os.environ.get("CONDA_EXECUTE_DEBUG"):
        import traceback

        print_err(traceback.format_exc(), end="")
    if "conda-" in error.hint:
        error.hint = type_as_started(error.hint)
    print_err(format_error(error))
    return error.code


# ---- Text ----------------------------------------------------------------------------
# Lines and scalars that know where they stand in a file. Knows no grammar.


CONFLICT_MARKS = ("<<<<<<< ", "======= ", ">>>>>>> ")
CONFLICT = "settle the conflict that git has marked here"
TEMPLATE = "templates are not read: write what it stands for"
# How lines begin that a batch system reads: Slurm, PBS, LSF, Grid Engine, Flux, Fujitsu's, Cobalt, Moab, OAR.
DIRECTIVES = ("#SBATCH", "#PBS", "#BSUB", "#$ ", "#FLUX:", "#PJM", "#COBALT", "#MSUB", "#OAR")
DIRECTIVE = "move this line above the block: it is the scheduler's"


class Line:
    """A line: its text, and where that stands in its file.

    `raw` is the whole line, `margin` the number of characters in front of `text`.
    """

    def __init__(self, path: str, number: int, raw: str, margin: int = 0) -> None:
        self.path, self.number, self.raw, self.margin, self.text = path, number, raw, margin, raw[margin:]
        self.indent = len(self.text) - len(self.text.lstrip(" "))
        self.is_blank = self.text[self.indent : self.indent + 1] in ("", "#")

    def find(self, at: int) -> "tuple[Line, int]":
        """Return the line that a position in the text is on, and the position in that."""
        return self, at

    def find_start(self, at: int) -> str:
        """Return what stands on its line in front of a position."""
        line, at = self.find(at)
        return line.raw[: line.margin + at]

    def expected(self, at: int, what: str, hint: str = "", found: str = "") -> Error:
        """Return an Error that points at a position in the text, and shows what is found there."""
        end = "the end of the " + ("block" if self.text[at:] == "\0" else "line")
        line, at = self.find(at)
        rest = line.text[at:].rstrip(" ")
        message = "expected %s, found %s" % (what, found or (quote(rest) if rest else end))
        hint = TEMPLATE if "{{" in line.raw or "{%" in line.raw else hint
        hint = CONFLICT if line.text.strip(" ").startswith(CONFLICT_MARKS[::2]) else hint
        hint = DIRECTIVE if line.raw.startswith(DIRECTIVES) else hint
        return Error(message, "%s:%d:%d" % (line.path, line.number, line.margin + at + 1), line.raw or " ", hint)


def read_raw(path: str, number: int, raw: bytes) -> Line:
    """Return a line for a message."""
    return Line(path, number, raw.decode("utf-8", "replace"))


def strip_mark(data: bytes) -> bytes:
    """Return the bytes of a file without the byte order mark that editors on Windows write."""
    return data[3 * data.startswith(b"\xef\xbb\xbf") :]


def split_lines(data: bytes) -> "list[bytes]":
    """Return the lines of a file, of Windows or not."""
    return data.replace(b"\r\n", b"\n").split(b"\n")


class Document(Line):
    """The lines of a block as one: in its text each ends in a newline, and all in a null character."""

    def __init__(self, lines: "list[Line]") -> None:
        super().__init__("", 0, "".join(line.text + "\n" for line in lines) + "\0")
        self.lines = lines
        self.is_block = False  # of which the keys are known
        self.deeper = 0  # levels that may follow a flow list of YAML, in a file whose comments select nothing
        self.kinds: dict[int, str] = {}  # of TOML's tables: see put_node()
        self.is_read: Callable[[list[Text]], bool]  # whether what has a path is: see parse_toml()

    def find(self, at: int) -> "tuple[Line, int]":
        before = self.text[:at].split("\n")[: len(self.lines)]
        return self.lines[len(before) - 1], len(before[-1])

    def find_rest(self, at: int) -> str:
        """Return what stands on a line from a position on."""
        return self.text[at : max(self.text.find("\n", at), at)]

    def find_column(self, at: int) -> int:
        """Return how many characters of its line stand before a position, -1 for the end of all lines."""
        return -1 if self.text[at] == "\0" else at - self.text.rfind("\n", 0, at) - 1


class Text(str):
    """A scalar, always text, that knows where it stands and the comment behind it."""

    line: Document  # or, where no grammar is at work, a Line
    at: int
    comment: "Text" = ""  # type: ignore[assignment]  # that has a place where there is one

    @classmethod
    def of(cls, value: str, line: "Any", at: int) -> "Text":
        text = cls(value)
        text.line, text.at = line, at
        return text

    def expected(self, what: str, hint: str = "", found: str = "") -> Error:
        return self.line.expected(self.at, what, hint, found or quote(self))

    def expected_at(self, i: int, what: str, hint: str) -> Error:
        """Return an Error that points at a character of a string, if no escape stands before it."""
        return self.line.expected(self.at + 1 + i, what, hint, quote(self[i:]) if self[i:] else "the end of the text")


def skip_blank(text: str, at: int, blank: str = " \t") -> int:
    """Return where something stands that is not blank, nor a comment to the end of its line if "#" is blank."""
    while text[at] in blank:
        at = text.index("\n", at) if text[at] == "#" else at + 1
    return at


# ---- Hints ---------------------------------------------------------------------------
# What a block's line that cannot stand where it does should be. Knows its keys, and no spec.

DASHES = ("- ", "-\n")
ONE_A_LINE = 'write one "- item" a line below the key, without brackets or braces'
COMMAS = "separate items by commas, put one with such characters in quotes, and close what was opened"
BULLETS = "*+•·–—−‐‑‒―‣⁃◦▪●○∙"  # what people and word processors write for the dash of an item
VERSION_STARTS = tuple("0123456789=<>!~*")
# What an item below each key is called, and one of them; "- pip:" stands in env alone.
ITEM_NAMES = {"env": "spec", "dependencies": "spec", "pip": "requirement", "channels": "channel", "run_with": "word"}
BLOCK_KEYS = ("env", "channels", "run_with", "exclude-newer")
GOES_ON = "remove line %d, which is blank; but if this is no part of the block, write a comment in words above it"
EXAMPLES = {"env": "python", "dependencies": "python", "pip": "rich", "channels": "conda-forge", "run_with": "python"}
# Keys of environment.yml that blocks do not have, and what takes their place.
FOREIGN_KEYS = {
    "name": "an env's name follows from what is in it", "prefix": "an env's place follows from env-dir",
    "variables": 'the script can set them, or "run_with: env NAME=VALUE python"',
    "platforms": 'selectors such as "# [linux]" stand behind items',
    "pip": 'requirements stand below "- pip:", the last item of env',
}  # fmt: skip


def format_spec(name: str, version: str, kind: str) -> str:
    """Return a spec or a requirement for what was written as "name: version"."""
    version = version.strip("'\" ")
    operator = "" if not version or version[0] in "=<>!~*" else "=" if kind == "env" else "=="
    return (name + " " + operator + version).strip(" ")


def mend_pair(text: str) -> str:
    """Return a line that begins with a key of blocks, and what is meant for a colon, with one; "" for any other.

    >>> mend_pair("env =[python]"), mend_pair("env"), mend_pair("environments")
    ('env: [python]', 'env:', '')
    """
    key = next((one for one in (*BLOCK_KEYS, "dependencies", "pip") if text.startswith(one)), "")
    rest = text[len(key) :].lstrip(" ")
    return (key + ": " + rest.lstrip(" :=")).rstrip(" ") if key and rest[:1] in ("", ":", "=", "[") else ""


def is_like_item(text: str) -> bool:
    """Answer whether what stands behind no dash is rather an item than prose: one word, or a name and a version."""
    words = text.split()
    has_version = words[1:] and words[1] != "=" and words[1][0] in "#=<>!~*0123456789"
    is_name = text[:1].isalnum() and words[0][-1] not in ".;,!?" and ":" not in words[0].replace("::", "")
    return is_name and words[0] not in BLOCK_KEYS and bool(has_version or len(words) == 1)


def is_like_bullet(text: str) -> bool:
    """Answer whether a line begins with what others write for the dash of an item.

    >>> [is_like_bullet(one) for one in ("\u2013 numpy", "*numpy", "*Note* that")]
    [True, True, False]
    """
    return text[0] in BULLETS and (text[1:2] == " " or is_like_item(text[1:]))


def may_be_item(text: str) -> bool:
    """Answer whether what stands where a key or an item can is rather an item."""
    return text[:1] == "-" or bool(text) and (is_like_bullet(text) or is_like_item(text))


def is_like_line(text: str) -> bool:
    """Answer whether a line alone is rather one of a block than prose: an item, or a key and what it may have.

    >>> [is_like_line(one) for one in ("- numpy", "- a list", "channels:", "env: see below", "- pip: [rich]")]
    [True, False, True, False, True]
    """
    bare = text[2 * text.startswith("- ") :].strip(" '\"")
    key, colon, value = bare.partition(":")
    value = value.strip(" ")
    if colon and key in (("pip",) if text.startswith("- ") else BLOCK_KEYS):
        return value[:1] in ("", "[", "#") or key in ("run_with", "exclude-newer") or is_like_item(value)
    return text.startswith("- ") and bool(bare) and is_like_item(bare.replace("://", ""))


# Commands that install packages, and where a block has those; what may stand in front; options with a value in vain.
INSTALLERS = {
    **{a + b: "env" for a in ("conda", "mamba", "micromamba") for b in (" install", " create")}, "pixi add": "env",
    "pip install": "pip", "pip3 install": "pip", "uv add": "pip", "poetry add": "pip",
}  # fmt: skip
IN_FRONT = ("sudo", "uv", "-m", "py", "python", "python3")
IDLE_OPTIONS = ("-n", "--name", "-p", "--prefix")


def split_install(text: str) -> "tuple[str, list[str], list[str]]":
    """Return below which key a command that installs packages would have them, those, and its channels; or nothing.

    >>> split_install("$ conda install -c conda-forge -y numpy 'python>=3.9'"), split_install("pip install -r FILE")
    (('env', ['numpy', 'python>=3.9'], ['conda-forge']), ('', [], []))
    """
    words = text.lstrip("$!%> ").replace("'", "").replace('"', "").replace("--channel=", "-c ").split()
    start = next((i for i, word in enumerate(words) if word not in IN_FRONT), 0)
    start -= words[start : start + 1] == ["install"]
    name = INSTALLERS.get(" ".join(words[start : start + 2]), "")
    items: list[str] = []
    channels: list[str] = []
    rest = iter(words[start + 2 :])
    for word in rest:
        if word in ("-c", "--channel") and name == "env":
            channels.append(next(rest, ""))
        elif word in IDLE_OPTIONS:
            next(rest, "")
        elif word[0] != "-":
            items.append(word)
        elif word not in ("-y", "-q", "-U", "--yes", "--quiet", "--upgrade", "--user", "--override-channels"):
            return "", [], []  # of which nothing is known: what it says could be lost
    return (name, items, channels) if name and items else ("", [], [])


def format_install(text: str, start: str) -> "list[str]":
    """Return the items of env that say what a command that installs packages does, the dash behind `start`."""
    name, items, _ = split_install(text)
    return [start + "- pip:"] * (name == "pip") + [start + "   " * (name == "pip") + "- " + item for item in items]


def find_install_hint(doc: Document, line: Line) -> str:
    """Return the hint for a line that is a command which installs packages, "" for any other."""
    start, text = line.raw[: line.margin], line.text.strip(" ")
    name, items, channels = split_install(text)
    if not name:
        return ""
    numbers = {one.text.strip(" "): one.number for one in doc.lines}
    dashes = next((one.indent for one in doc.lines if one.text.startswith("- ", one.indent)), doc.indent + 1)
    lines = format_install(text, start + " " * dashes)
    below = [start + " " * doc.indent + "channels:"] * ("channels:" not in numbers and bool(channels))
    below += [start + " " * dashes + "- " + one for one in channels]
    if "env:" not in numbers:
        head = [start + " " * doc.indent + "env:"] + [start + " " * dashes + "- python"] * (name == "pip")
        return format_lines(*head, *lines, *below)
    hint = format_lines(*lines, place="below line %d, and remove this line" % numbers["env:"])
    place = "below line %d" % numbers["channels:"] if "channels:" in numbers else "at the end of the block"
    return hint + ("; " + format_lines(*below, place=place) if below else "")


def find_end_hint(doc: Document, line: Line) -> str:
    """Return the hint for a line that is not of the block: that has ended above it, unless some stands below too."""
    if not line.margin:  # of a file
        return "remove this line"
    below = [one.text.strip(" ") for one in doc.lines if one.number > line.number]
    is_inside = any(mend_pair(text.strip("- ")) or text.startswith("- ") and is_like_item(text[2:]) for text in below)
    if find_install_hint(doc, line):
        return find_install_hint(doc, line)
    if is_inside or line is doc.lines[0]:
        return format_lines(line.raw[: line.margin] + " # " + line.text.strip(" "))  # a comment
    return "leave a blank line above this one if the block has ended"


def find_line_hint(doc: Document, pos: int, name: str = "", dashes: int = -1, is_first: bool = False) -> str:
    """Return the hint for a line that cannot stand where it does: itself where it can, if it is near that.

    `name` is that of the key above it, `dashes` where those of its items are, or would be for the first of them.
    """
    line, name = doc.find(pos)[0], name.replace("dependencies", "env")
    text, start = line.text.strip(" "), line.raw[: line.margin]
    is_bullet = is_like_bullet(text)
    text = "- " + text[1:].lstrip(" ") if is_bullet else text
    bare = text.lstrip("-").strip(" ")
    if mend_pair(bare) and not (name == "env" and bare.startswith("pip")):
        return format_lines(start + " " * doc.indent + mend_pair(bare))
    if line is doc.lines[0] and text[0] in "-[{":
        env = format_lines(start + " " * line.indent + "env:", place="above this line")
        return env if text[0] == "-" else ONE_A_LINE
    is_end = text[0] in "-=<>!~" and text.strip("-=<>!~")[:1].isalnum() and (not name or text[0] != "-")
    if is_end and line.indent > doc.indent or is_first and (name == "run_with" or text[0] == "["):
        like = 'write the command behind run_with, like "run_with: python -u"'
        return like if name == "run_with" and ": " in text else "write it at the end of the line above"
    item = text[2:].strip(" ") if text.startswith("- ") else text if name == "run_with" else bare
    before, _, value = item.partition(": ")
    item = format_spec(before, value, name) if name == "env" and value.strip("'\"")[:1] in VERSION_STARTS else item
    may_stand = is_like_item(item) or is_first and item[:1].isalnum() or item.startswith("pip:") or name == "run_with"
    if name and may_stand:
        hint = format_lines(start + " " * dashes + "- " + item)
        is_sure = is_bullet or "::" in item or set(item) & set("=<>") and set(item) & set("0123456789")
        is_prose = line.indent == doc.indent and not (is_first or is_sure)
        return "%s, or %s" % (find_end_hint(doc, line), hint) if is_prose else hint
    return find_end_hint(doc, line)


def expected_key(doc: Document, pos: int, indent: int, above: str = "") -> Error:
    """Return the Error for a line where only a key of the mapping can stand, or an item of the key above it."""
    column = "a key at column %d" % (doc.find(pos)[0].margin + indent + 1)
    what = '"key: value"' if doc.find_column(pos) == indent else column
    return doc.expected(pos, what, find_line_hint(doc, pos, above, indent + 1))


def expected_item(pos: int, key: Text, indent: int = -1) -> Error:
    """Return the Error for a line where only an item of the key's list can stand, its dash at an indentation."""
    doc = key.line
    line, at = doc.find(pos)
    dashes = doc.find(key.at)[1] + 1 if indent < 0 else indent
    what = 'a list item ("- %s") under %s' % (ITEM_NAMES.get(key, "item"), quote(key)[1:-1])
    if at > indent >= 0 or line.text.startswith("- ", at) and at != dashes:
        what += " at column %d" % (line.margin + dashes + 1)
    return doc.expected(pos, what, find_line_hint(doc, pos, key, dashes, is_first=indent < 0))


def refuse_below_item(pos: int, item: "Item", key: Text, indent: int) -> None:
    """Raise Error at what stands at the dash of an item or deeper, if it belongs below "pip:" and not into the list."""
    doc = key.line
    is_deeper, is_dash = doc.find_column(pos) > indent, doc.text.startswith(DASHES, pos)
    if isinstance(item, dict):
        inner, node = list(item.items())[-1]
        first = node[0] if isinstance(node, list) and node else None
        if is_deeper and is_dash or not node:
            raise expected_item(pos, inner, doc.find_column(first.at) - 2 if isinstance(first, Text) else -1)
    elif is_deeper and (
        is_dash and item.rstrip(" .,*=<>!~0123456789") == "pip" or item == "pip" and not mend_pair(doc.find_rest(pos))
    ):
        hint = format_lines(*[doc.find_start(item.at) + one for one in (item, "pip:") if one != "pip"])
        raise item.expected('"pip:" above the requirements', hint)


def expected_list(key: Text, found: str, items: "list[str]") -> Error:
    """Return the Error for a key with text or nothing in the place of its list, which should have these items."""
    (line, at), start, text = key.line.find(key.at), key.line.find_start(key.at), key.line.text
    below = skip_blank(text, text.index("\n", key.at) + 1)
    if not found and text.startswith(DASHES, below) and key.line.find_start(below) == start[:-2]:
        return expected_item(below, key)  # "- pip:", and its items not deeper
    dash = line.raw[: line.margin] + " " * (at + 1) + "- "
    lines = [line.raw[: line.raw.index(":", len(start)) + 1], *[dash + item for item in items or [EXAMPLES[key]]]]
    hint = ONE_A_LINE if "{" in start else format_lines(*lines)
    return key.expected('a list of "- %s" under %s' % (ITEM_NAMES[key], key), hint, found and quote(found) or "nothing")


def expected_text(item: "dict[Text, Node]", name: str) -> Error:
    """Return the Error for an item that is a mapping."""
    first, *others = item
    key = others[0] if others and (name, first) == ("env", "pip") else first
    node, start, hint = item[key], key.line.find_start(key.at), 'put text with ": " in quotes'
    if "{" in start:
        hint = ONE_A_LINE
    elif name in ("env", "pip") and isinstance(node, Text) and node[:1] in ("", *VERSION_STARTS):
        hint = format_lines(start + format_spec(key, node, name))
    elif name in ("env", "pip"):
        hint = 'a block has packages of conda, one "- item" a line, and those of PyPI below "- pip:"'
    return key.expected("a " + ITEM_NAMES[name], hint, "the key " + quote(key))


def unknown_key(key: Text, mapping: "dict[Text, Node]") -> Error:
    """Return the Error for a key that blocks do not have, below those of a mapping."""
    doc, above = key.line, list(mapping)[-1] if mapping else Text()
    near, rest = find_nearest(key, BLOCK_KEYS), doc.find_rest(key.at).rstrip(" ")
    hint = "write " + quote(near)
    if key in FOREIGN_KEYS:
        hint = "remove this line%s: %s" % (" and those deeper below it" * (rest[-1] == ":"), FOREIGN_KEYS[key])
    elif not near:
        hint = find_line_hint(doc, key.at, above if above and not mapping[above] else "", doc.indent + 1)
    return key.expected("one of the keys %s in the block" % ", ".join(BLOCK_KEYS), hint)


# ---- YAML ----------------------------------------------------------------------------
# The part of YAML that blocks and condarc are written in. Knows of keys only those of blocks and what items are called.

# What may not begin a plain scalar, and what it would be in full YAML.
INDICATORS = {
    "&": "an anchor", "*": "an alias", "!": "a tag", "|": "a block scalar", ">": "a block scalar", "%": "a directive",
    "{": "a flow mapping", "}": "a brace", "[": "a flow list", "]": "a bracket", ",": "a comma", "#": "a comment",
    "@": "a reserved character", "`": "a reserved character", "?": "a complex key", ":": "an empty key", "-": "an item",
}  # fmt: skip
ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
MAX_INDENT = 100  # deeper nesting serves nobody, and would exhaust the stack
MAX_KEY = 1024  # YAML 1.2, 7.4.2; PyYAML finds no colon behind a longer one


def parse_yaml(lines: "list[Line]", is_block: bool = False, deeper: int = 0) -> "dict[Text, Node]":
    """document := mapping; raise Error at the first thing that is outside the subset, or in a block no key of one."""
    for line in lines:
        if line.text[:4].rstrip() in ("---", "..."):
            raise line.expected(0, "one document without markers", "remove this line")
    doc = Document(lines)
    doc.is_block, doc.deeper = is_block, deeper
    mapping, end = parse_mapping(doc, doc.indent)
    if doc.text[end] != "\0":
        raise expected_key(doc, end, doc.indent, list(mapping)[-1])
    return mapping


def parse_mapping(doc: Document, pos: int) -> "tuple[dict[Text, Node], int]":
    """mapping := (key ":" value)+, the keys at one indentation."""
    mapping: dict[Text, Node] = {}
    indent = doc.find_column(pos)
    while doc.find_column(pos) >= indent >= 0:
        if doc.find_column(pos) > indent:
            raise expected_key(doc, pos, indent)
        key, pos = parse_key(doc, pos)
        if key in mapping:
            raise duplicate_key(key)
        if doc.is_block and indent == doc.indent and key not in BLOCK_KEYS:
            raise unknown_key(key, mapping)
        mapping[key], pos = parse_value(doc, pos, key)
    return mapping, pos


def duplicate_key(key: Text) -> Error:
    """Return the Error for a key that has its value already."""
    return key.expected("each key once", "merge the two", quote(key) + " again")


def parse_key(doc: Document, pos: int) -> "tuple[Text, int]":
    """key := scalar " "* ":" """
    is_key = doc.text[pos] not in "&*!|>%[]{},@`" and not doc.text.startswith(DASHES, pos)
    key, end = parse_scalar(doc, pos) if is_key else (Text(), pos)
    if not is_key or not is_key_end(doc.text, end):
        raise expected_key(doc, pos, doc.find_column(pos))
    end = skip_blank(doc.text, end)
    if end - pos > MAX_KEY:
        hint = find_end_hint(doc, doc.find(pos)[0])
        raise doc.expected(pos, "a key of at most %d characters" % MAX_KEY, hint, str(end - pos))
    return key, end + 1


def is_key_end(text: str, pos: int) -> bool:
    """Answer whether a colon stands here that makes what is in front of it a key."""
    return text.startswith((": ", ":\n"), skip_blank(text, pos))


def parse_value(doc: Document, pos: int, key: Text) -> "tuple[Node, int]":
    """value := scalar | flow list | list below, not left of the key | mapping below, right of the key | nothing"""
    value: Node
    pos = skip_blank(doc.text, pos)
    is_below = doc.text[pos] in "#\n"
    if not is_below:
        value, pos = parse_flow(doc, pos, doc.deeper) if doc.text[pos] == "[" else parse_scalar(doc, pos)
    key.comment, pos = parse_end(doc, pos)
    if not is_below:
        return value, pos
    indent, least = doc.find_column(pos), doc.find_column(key.at)
    if indent < least or indent == least and doc.text[pos] != "-":
        if indent == least and may_be_item(doc.find_rest(pos)):
            raise expected_item(pos, key)
        return Text.of("", doc, key.at), pos
    if indent > MAX_INDENT:
        raise doc.expected(pos, "an indentation of at most %d" % MAX_INDENT, "write it flatter", str(indent))
    if doc.text.startswith(DASHES, pos):
        return parse_list(doc, pos, key)
    if doc.text[pos] not in "[-" + BULLETS and is_key_end(doc.text, parse_scalar(doc, pos)[1]):
        return parse_mapping(doc, pos)
    raise expected_item(pos, key)


def parse_list(doc: Document, pos: int, key: Text) -> "tuple[list[Item], int]":
    """list := ("- " (scalar | mapping))+, the dashes at one indentation, the keys at one behind its dash"""
    items: list[Item] = []
    item: Item
    indent, least = doc.find_column(pos), doc.find_column(key.at)
    while doc.find_column(pos) == indent and doc.text.startswith(DASHES, pos):
        start = skip_blank(doc.text, pos + 1)
        if doc.text[start] in "\n#":
            raise doc.expected(start, "an item behind the dash", "remove this line", "nothing")
        item, pos = parse_scalar(doc, start)
        if is_key_end(doc.text, pos):
            item, pos = parse_mapping(doc, start)
        else:
            item.comment, pos = parse_end(doc, pos)
        items.append(item)
    column = doc.find_column(pos)
    if column >= indent:
        refuse_below_item(pos, items[-1], key, indent)
    if column > least or column == least and may_be_item(doc.find_rest(pos)):
        raise expected_item(pos, key, indent)
    return items, pos


def parse_items(
    doc: Document, pos: int, skip: "Callable[[Document, int], int]", parse: "Parse"
) -> "tuple[list[Any], int]":
    """items := ("[" | "{") (item ("," item)* ","?)? ("]" | "}"); `skip` passes over what may stand between them"""
    items: list[Any] = []
    text, closing = doc.text, "]" if doc.text[pos] == "[" else "}"
    end, pos = pos + 1, skip(doc, pos + 1)
    while text[pos] not in closing + "\0":
        item, pos = parse(pos)
        items.append(item)
        end, pos = pos, skip(doc, pos)
        if text[pos] == ",":
            end, pos = pos + 1, skip(doc, pos + 1)
        elif text[pos] not in closing + "\0":
            raise doc.expected(pos, '"," or "%s"' % closing, ONE_A_LINE if text[pos] == ":" else COMMAS)
    if text[pos] == "\0":
        raise doc.expected(end, '"%s" before the block ends' % closing, 'write "%s" there' % closing, "none")
    return items, pos + 1


def parse_flow(doc: Document, pos: int, deeper: int = 0) -> "tuple[Node, int]":
    """flow := items of "[" value "]" or of "{" pair "}", on one line or several; with `deeper` levels of them inside"""
    if doc.text[pos] == "[":
        return parse_items(doc, pos, skip_lines, lambda at: parse_flow_value(doc, at, deeper))
    mapping: dict[Text, Node] = {}
    return mapping, parse_items(doc, pos, skip_lines, lambda at: parse_flow_pair(doc, at, deeper, mapping))[1]


def parse_flow_value(doc: Document, pos: int, deeper: int, openings: str = "") -> "tuple[Any, int]":
    """value := scalar | flow, of which these, or where more levels may follow any, may open one"""
    if doc.text[pos] in (openings + "[{" * (deeper > 0) or "\0"):
        return parse_flow(doc, pos, deeper - 1)
    return parse_scalar(doc, pos, in_flow=True)


def parse_flow_pair(doc: Document, pos: int, deeper: int, mapping: "dict[Text, Node]") -> "tuple[Text, int]":
    """pair := scalar ":" value?, put into a mapping; return its key"""
    key, pos = parse_scalar(doc, pos, in_flow=True)
    if key in mapping:
        raise duplicate_key(key)
    if doc.text[skip_blank(doc.text, pos)] != ":":
        raise doc.expected(pos, "a colon and a space behind a key", 'write "key: value"')
    pos = skip_lines(doc, skip_blank(doc.text, pos) + 1)
    mapping[key], pos = (Text(), pos) if doc.text[pos] in ",}\0" else parse_flow_value(doc, pos, deeper, "[")
    return key, pos


def skip_lines(doc: Document, pos: int) -> int:
    """Return where something stands in a flow list that is no space, comment or end of line."""
    pos = skip_blank(doc.text, pos, " \n")
    while doc.text[pos] == "#" and doc.text[pos - 1] in " \n":
        end = doc.text.index("\n", pos)
        if doc.text[pos + 1 : end].lstrip(" ").startswith("["):
            raise doc.expected(pos, "no selector inside brackets", 'write one "- item" a line, each with its own')
        pos = skip_blank(doc.text, end, " \n")
    return pos


def parse_scalar(doc: Document, pos: int, in_flow: bool = False) -> "tuple[Text, int]":
    """scalar := single-quoted | double-quoted | plain, on one line"""
    text, first = doc.text, doc.text[pos]
    if first in "'\"":
        return parse_quoted(doc, pos)
    # "-", "?" and ":" are text where text follows; in flow lists only "-" is.
    is_text = text[pos + 1] not in " \n" and (first == "-" or first in "?:" and not in_flow)
    if first in INDICATORS and not is_text:
        rest = doc.find_rest(pos)
        word = rest.split(" ")[0].rstrip(",]") if first in "&*!%|>" else first
        hint = ONE_A_LINE if first in "{[" else "leave it out, or put all of the text in quotes"
        raise doc.expected(pos, "plain text", hint, "%s (%s)" % (INDICATORS[first], quote(word)))
    end = find_plain_end(text, pos, in_flow)
    return Text.of(text[pos:end], doc, pos), end


def find_plain_end(text: str, pos: int, in_flow: bool) -> int:
    """Return where a plain scalar ends: before ": " or " #", in a flow list also before ",?[]{}"."""
    end = pos
    while text[end] != "\n":
        if text[end] == "#" and end > pos and text[end - 1] == " " or in_flow and text[end] in ",?[]{}":
            break
        if text[end] == ":" and (text[end + 1] in " \n" or in_flow and text[end + 1] in ",[]{}"):
            break
        end += 1
    return pos + len(text[pos:end].rstrip(" "))


def parse_escape(doc: Document, pos: int, escapes: "Mapping[str, str]") -> "tuple[str, int]":
    """escape := "\\\\" (letter | [xuU] hex digits)"""
    letter = doc.text[pos + 1]
    digits = doc.text[pos + 2 : pos + 2 + HEX_DIGITS.get(letter, 0)]
    code = int(digits, 16) if digits and not digits.strip("0123456789abcdefABCDEF") else -1
    if letter in escapes:
        return escapes[letter], pos + 2
    if len(digits) == HEX_DIGITS.get(letter) and (0 <= code < 0xD800 or 0xE000 <= code < 0x110000):
        return chr(code), pos + 2 + len(digits)
    what = "an escape of " + ("YAML" if escapes is ESCAPES else "TOML")
    raise doc.expected(pos, what, 'write "\\\\" for a backslash, or use single quotes')


def parse_quoted(doc: Document, pos: int, escapes: "Mapping[str, str]" = ESCAPES) -> "tuple[Text, int]":
    """quoted := "'" (any | "''")* "'" | '"' (any | escape)* '"', on one line; the "''" is YAML's alone"""
    text, mark, parts, start = doc.text, doc.text[pos], [""], pos
    pos += 1
    while text[pos] != "\n":
        if mark == '"' and text[pos] == "\\":
            part, pos = parse_escape(doc, pos, escapes)
        elif text[pos] != mark:
            part, pos = text[pos], pos + 1
        elif mark == "'" and text[pos + 1] == "'" and escapes is ESCAPES:
            part, pos = "'", pos + 2
        else:
            return Text.of("".join(parts), doc, start), pos + 1
        parts.append(part)
    raise doc.expected(start, "a closing %s on this line" % mark, "close the quote", "none")


def parse_end(doc: Document, pos: int) -> "tuple[Text, int]":
    """end := (" "+ "#" comment)?; return the comment, whose place is its "#", and where the next line's text begins"""
    text, start = doc.text, skip_blank(doc.text, pos)
    if text[start] not in "#\n" or text[start] == "#" and text[start - 1] != " ":
        raise doc.expected(start, "the end of the line", "remove it, or put all of the value in one pair of quotes")
    end = text.index("\n", start)
    comment = "" if doc.deeper else text[start + 1 : end].strip(" ")
    return Text.of(comment, doc, start), skip_blank(text, end + 1)


# ---- TOML ----------------------------------------------------------------------------
# The part of TOML 1.1 that blocks are written in. Knows no key.

BARE_KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
TOML_ESCAPES = {letter: ESCAPES[letter] for letter in 'btnfre"\\'}


def parse_toml(lines: "list[Line]", is_read: "Callable[[list[Text]], bool]" = lambda path: True) -> "dict[Text, Node]":
    """document := (header | pair)*, each on a line of its own; raise Error at what is outside the subset.

    What has a path that `is_read` denies is left out, and may be any TOML.
    """
    doc = Document(lines)
    root: dict[Text, Node] = {}
    above: list[Text] = []
    table, pos = root, skip_toml(doc, 0)
    doc.is_read = is_read
    try:
        while doc.text[pos] != "\0":
            if doc.text[pos] == "[":
                table, above, pos = parse_header(doc, pos, root)
            elif is_read(above):
                pos = parse_pair(doc, pos, table, above)
            else:
                pos = skip_value(doc, pos, "\n")
            pos = skip_blank(doc.text, pos)
            if doc.text[pos] not in "#\n":
                raise doc.expected(pos, "the end of the line", "write one key a line, and text in quotes")
            pos = skip_toml(doc, pos)
    except RecursionError:
        message = "expected lists and tables that a person can read, found too many in each other"
        raise Error(message, lines[0].path) from None
    return root


def skip_toml(doc: Document, pos: int) -> int:
    """Return where something stands that is no blank, end of a line or comment."""
    return skip_blank(doc.text, pos, " \t\n#")


def parse_header(doc: Document, pos: int, root: "dict[Text, Node]") -> "tuple[dict[Text, Node], list[Text], int]":
    """header := "[" path "]" | "[[" path "]]"; return the table that it opens, and its path"""
    mark = "[[" if doc.text.startswith("[[", pos) else "["
    path, pos = parse_path(doc, pos + len(mark))
    if not doc.text.startswith("]" * len(mark), pos):
        raise doc.expected(pos, quote("]" * len(mark)), "close the header")
    if not doc.is_read(path):
        return {}, path, pos + len(mark)
    table = put_node(doc, root, path, "", [], "[[") if mark == "[[" else put_node(doc, root, path, "", {}, "")
    if mark == "[[":
        doc.kinds[id(table)] = mark
        table.append({})
        table = table[-1]
    doc.kinds[id(table)] = "["
    return table, path, pos + len(mark)


def put_node(doc: Document, table: "Any", path: "list[Text]", kind: str, node: "Node", old: str = "none") -> "Any":
    """Return what is at the end of a path: the node, put there, or what was opened there as `old` says.

    Tables on the way there are made of this kind. `doc.kinds` has by id how each was opened that may grow: "" by a
    longer header, else by ".", "[" or "[[".
    """
    for key in path[:-1]:
        if key not in table:
            table[key] = {}
            doc.kinds[id(table[key])] = kind
        table = table[key]
        if not kind and doc.kinds.get(id(table)) == "[[":
            table = table[-1]
        if doc.kinds.get(id(table)) not in ((kind,) if kind else ("", ".", "[")):
            raise duplicate_key(key)
    if path[-1] in table and doc.kinds.get(id(table[path[-1]])) != old:
        raise duplicate_key(path[-1])
    return table.setdefault(path[-1], node)


def parse_pair(doc: Document, pos: int, table: "dict[Text, Node]", above: "list[Text]") -> int:
    """pair := path "=" value, in the table that has the path above"""
    path, pos = parse_path(doc, pos)
    if doc.text[pos] != "=":
        raise doc.expected(pos, '"=" behind the key', find_pair_hint(doc, pos) or 'write "key = value"')
    pos = skip_blank(doc.text, pos + 1)
    if not doc.is_read(above + path):
        return skip_value(doc, pos, "\n,}")
    value, pos = parse_toml_value(doc, pos, above + path)
    put_node(doc, table, path, ".", value)
    return pos


def find_pair_hint(doc: Document, pos: int) -> str:
    """Return the hint to write what stands in YAML behind a key, "" where it is none: text, or a list, of lines too."""
    line, at = doc.find(pos)
    value, values = line.text[at + 1 :].strip(" "), []
    if line.text[at : at + 1] != ":" or value[:1] == "[" and value[-1:] != "]":
        return ""
    for below in doc.lines[doc.lines.index(line) + 1 :] if not value else ():
        if not below.text.lstrip(" ").startswith("- "):
            break
        values.append(below.text.strip(" -"))
    if value[:1] == "[":
        values = value.strip("[]").split(",")
    texts = ['"%s"' % one.strip(" '\"").replace('"', "'") for one in values or [value] if one.strip(" '\"")]
    is_list = values or not value
    shown = "[%s]" % ", ".join(texts) if is_list else "".join(texts) or '""'
    pair = line.raw[: line.margin + at].rstrip(" ") + " = " + shown
    more = " and of the items below it" * (bool(values) and not value)
    return format_lines(pair, place="in place of this line" + more)


def skip_value(doc: Document, pos: int, ends: str) -> int:
    """Return where the first of these characters is that is in no string, list, table or comment."""
    text, start, depth = doc.text, pos, 0
    while depth or text[pos] not in ends:
        c = text[pos]
        if c == "\0":
            raise doc.expected(start, "a value that ends in the block", "close what it opens", "none")
        if c == "#":
            pos = text.index("\n", pos)
        elif c in "'\"":
            pos = skip_string(text, pos)
        else:
            depth = max(0, depth + (c in "[{") - (c in "]}"))
            pos += 1
    return pos


def skip_string(text: str, pos: int) -> int:
    """Return where a string of TOML ends: at its quotes, or where no such string can go on."""
    mark = text[pos]
    mark, last = (mark * 3, "\0") if text.startswith(mark * 3, pos) else (mark, "\n\0")
    pos += len(mark)
    while text[pos] not in last:
        if text.startswith(mark, pos):
            pos += len(mark)
            while len(mark) > 1 and text[pos] == mark[0]:  # two quotes more may stand in front of the closing three
                pos += 1
            break
        pos += 2 if mark[0] == '"' and text[pos] == "\\" and text[pos + 1] not in last else 1
    return pos


def parse_path(doc: Document, pos: int) -> "tuple[list[Text], int]":
    """path := key ("." key)*; key := string | bare"""
    path: list[Text] = []
    while not path or doc.text[pos] == ".":
        start = pos = skip_blank(doc.text, pos + bool(path))
        if doc.text[pos] in "'\"":
            key, pos = parse_toml_value(doc, pos, path)
        else:
            while doc.text[pos] in BARE_KEY_CHARACTERS:
                pos += 1
            key = Text.of(doc.text[start:pos], doc, start)
        if pos == start:
            raise doc.expected(pos, "a key", 'write "key = value", and other characters in quotes')
        path.append(key)
        pos = skip_blank(doc.text, pos)
    return path, pos


def parse_toml_value(doc: Document, pos: int, above: "list[Text]") -> "tuple[Any, int]":
    """value := string | "[" list "]" | "{" table "}" | bare, at the path above"""
    first = doc.text[pos]
    if first in "'\"":
        if doc.text.startswith(first * 3, pos):
            raise doc.expected(pos, "text on one line", "write it in one pair of quotes", "a multi-line string")
        return parse_quoted(doc, pos, TOML_ESCAPES)
    if first not in "[{":
        return parse_bare(doc, pos)
    if first == "[":
        return parse_items(doc, pos, skip_toml, lambda at: parse_toml_value(doc, at, above))
    table: dict[Text, Node] = {}
    return table, parse_items(doc, pos, skip_toml, lambda at: ("", parse_pair(doc, at, table, above)))[1]


def is_string(node: object) -> bool:
    """Answer whether a value of TOML stands in quotes."""
    return isinstance(node, Text) and node.line.text[node.at] in "'\""


def parse_bare(doc: Document, pos: int) -> "tuple[Text, int]":
    """bare := "true" | "false" | integer ("." digits)?; the rest of what TOML has is refused by name"""
    end, found = pos, ""
    while doc.text[end] not in " \t\n\0#,=[]{}":
        end += 1
    word = doc.text[pos:end]
    whole, dot, fraction = word[word[:1] in ("+", "-") :].partition(".")
    parts = whole.split("_") + (fraction.split("_") if dot else [])
    is_plain = word.isascii() and all(map(str.isdigit, parts)) and (whole[0] != "0" or whole == "0")
    if is_plain or word in ("true", "false"):
        return Text.of(word, doc, pos), end
    if whole[:1].isdigit() or whole in ("inf", "nan"):
        is_date = ":" in whole or "-" in whole and "e" not in whole.lower()
        found = "%s (%s)" % ("a date or time" if is_date else "a number that is not plain digits", quote(word))
    raise doc.expected(pos, "a string, a number, a list or a table", "write text in quotes", found)


# ---- Kinds ---------------------------------------------------------------------------
# What a file is that is no script in UTF-8, and so holds no block. Knows no block.

UNPACK = "unpack it, and run a script that is in it"
PROGRAM = "start it as it is, or write a script with a block whose run_with names it"
PAGE = "get the file itself: the address that pages often call raw, without a login"
OTHER = "a block stands in the text of a script: name that"
READER = "name the script that reads it, and put the packages that it needs into the block of that"
LOCK = '"conda create --prefix PREFIX --file FILE" makes its environment; one of ours lies beside its script: run that'
# How the names of files end in which data stand, a script's or another tool's.
DATA_SUFFIXES = (".json", ".jsonl", ".toml", ".yml", ".yaml", ".csv", ".tsv", ".lock", ".ini", ".cfg",
                 "constraints.txt")  # fmt: skip
# What files are, what to do instead of running them, and what they begin with, in lower case and behind blanks.
KINDS = (
    ("a zip archive", UNPACK, b"pk\x03\x04"), ("a gzip archive", UNPACK, b"\x1f\x8b"),
    ("a bzip2 archive", UNPACK, b"bzh91ay&sy"), ("an xz archive", UNPACK, b"\xfd7zxz\0"),
    ("a zstd archive", UNPACK, b"\x28\xb5\x2f\xfd"), ("a 7z archive", UNPACK, b"7z\xbc\xaf\x27\x1c"),
    ("a program or library of Linux", PROGRAM, b"\x7felf"), ("a program or library of Windows", PROGRAM, b"mz\x90\0"),
    ("a program or library of macOS", PROGRAM, b"\xcf\xfa\xed\xfe"), ("a program", PROGRAM, b"\xca\xfe\xba\xbe"),
    ("a PDF", OTHER, b"%pdf-"), ("an image", OTHER, b"\x89png", b"gif8", b"\xff\xd8\xff"),
    ("an XML file", OTHER, b"<?xml"), ("a document in RTF", "save it as plain text", b"{\\rtf"),
    ("a link of conda-execute", "call it by its path: it is a command", b"#!/bin/sh\n# conda-execute link"),
    ("a pointer of Git LFS", 'write "git lfs pull" to get the file itself', b"version https://git-lfs."),
    ("an error of a web server", PAGE, b"404", b"not found"),
    ("a list of packages of conda's", LOCK, b"# this file may be used to create an environment"),
)  # fmt: skip
HEADER = b"conda execute"  # of a block
BINARY_WITHIN = 8000  # bytes, as git has it
# The marks in front of text in wide characters, and where the zeros of ASCII stand in it.
WIDE = {"UTF-32": ((b"\xff\xfe\0\0", b"\0\0\xfe\xff"), ("x000x000", "000x000x")),
        "UTF-16": ((b"\xff\xfe", b"\xfe\xff"), ("x0x0x0x0", "0x0x0x0x"))}  # fmt: skip


def find_encoding(data: bytes) -> str:
    """Return "UTF-16" or "UTF-32" for text in these, with a mark at its beginning or ASCII there, else "UTF-8"."""
    zeros = "".join("x0"[not byte] for byte in data[:8])
    for name, (marks, units) in WIDE.items():
        if data.startswith(marks) or len(zeros) > 3 and any(unit.startswith(zeros) for unit in units):
            return name
    return "UTF-8"


def check_encoding(data: bytes, path: str) -> None:
    """Refuse text of two or four bytes a character, as PowerShell 5 writes it."""
    found = find_encoding(data)
    if found != "UTF-8":
        hint = 'save it as UTF-8, in PowerShell with "Out-File -Encoding utf8"'
        raise Error("expected text in UTF-8, found " + found, path, hint=hint)


def find_kind(data: bytes) -> "tuple[str, str]":
    """Return what the bytes of a file are, and what to do, where they are no script; else twice nothing."""
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:BINARY_WITHIN].lower()
    notebook = 'make a script of it with "jupyter nbconvert --to script NOTEBOOK", and put a block on top'
    is_comment = head.startswith(b"<!--") and HEADER in head
    signs = (
        (not head, "nothing in it", "check the path, and what should have written it"),
        (head[:2] != b"#!" and b"@EXPLICIT" in data.splitlines(), "a lock, which @EXPLICIT begins", LOCK),
        *((head.startswith(tuple(starts)), kind, hint) for kind, hint, *starts in KINDS),
        (head.startswith(b"{") and b'"nbformat"' in data, "a notebook", notebook),
        (head[:1] == b"{" and head[1:].lstrip()[:1] == b'"', "data in JSON", READER),
        (head[:1] == b"<" and (head[1:2] == b"!" or head[1:2].isalpha()) and not is_comment, "a web page", PAGE),
        (head.startswith(b"ustar", 257) or b"PK\5\6" in data[-65557:], "an archive", UNPACK),  # a comment may follow
        (data[2:8] == b"\r\n\0\0\0\0", "compiled Python", "run the .py that it was made of"),
        (b"\r" in head and b"\n" not in data, "lines that end in CR alone", "save it with line ends of Unix"),
        (b"\0" in head and not head.startswith(b"#!"), "a binary file", OTHER),
    )
    return next(((kind, hint) for is_it, kind, hint in signs if is_it), ("", ""))


# ---- Block ---------------------------------------------------------------------------
# From the bytes of a script to the lines of its only block. Knows nothing of what they say.

# What opens a comment: these words, or any of these characters, but for what opens items, paths and the like.
MARKER_WORDS = ("rem", "@rem", "dnl")
MARKER_CHARACTERS = b"#/-;%!'\":.\\"
NOT_MARKERS = (b"", b"-", b".", b":", b"/")


def find_block(data: bytes, path: str) -> "tuple[str, list[Line]]":
    """Return the dialect and the lines of the script's only block, those that open and close it left out."""
    data = strip_mark(data)
    found, problem, raws = list(find_headers(data)), None, []
    if PEP_723 in data or CONDA_SCRIPT in data:
        raws = split_lines(data)
        found += find_pep_723(raws)
        try:
            found += find_conda_script(raws, path)
        except Error as e:
            if not path.lower().endswith((".py", ".pyw")):  # where a docstring may mention the line
                raise
            problem = e
    if not found:
        raise expected_block(data, path, problem)
    (number, dialect, marker, end), *others = sorted(found)
    if others:
        second = read_raw(path, others[0][0], split_lines(data)[others[0][0] - 1].rstrip())
        at = len(second.text) - len(second.text.lstrip())
        raise second.expected(at, "the block of line %d alone" % number, "remove one", "a second")
    if dialect == "conda-execute":
        lines, below, number_below = read_block(data, end, marker, path, number)
        refuse_rest(lines, below, number_below, marker, path)
        if not lines:
            refuse_empty_block(split_lines(data), number, marker, path)
        return dialect, lines
    if dialect == "pep723" and PEP_723_END in raws[number:end]:
        line = read_line(path, raws.index(PEP_723_END, number) + 1, PEP_723_END)
        once_more = "one more on line %d, up to which all is one block" % (end + 1)
        raise line.expected(0, 'one "# ///" in the block', "leave a blank line below this one", once_more)
    return dialect, [read_line(path, i + 1, raws[i], marker, "\t") for i in range(number, end)]


def find_marker(path: str) -> str:
    """Return what opens a comment in a script of this name."""
    return next((one for one, ends in MARKERS.items() if path.lower().endswith(ends)), "#")


def expected_block(data: bytes, path: str, problem: "Error | None") -> Error:
    """Return the Error for a file without block: what it is instead, else what its block may lack, else all."""
    check_encoding(data, path)
    kind, hint = find_kind(data)
    if not kind:
        refuse_near_header(split_lines(data), path)
        kind, hint = ("data, as its name says", READER) if path.lower().endswith(DATA_SUFFIXES) else ("", "")
    if kind:
        return Error("expected a script, found " + kind, path, hint=hint)
    mark = find_marker(path)
    for number, raw in enumerate(split_lines(data) if not problem else (), 1):
        at = raw.find(mark.encode() + b" " + HEADER)
        if at > 0 and raw[:at].strip() and raw[at + len(mark) + 1 :].rstrip(b" :") == HEADER:
            what, hint = quote(mark + " conda execute"), "remove what stands in front of it, on the lines below too"
            return read_raw(path, number, raw.rstrip()).expected(0, what + " at the beginning of its line", hint)
    message = 'expected a comment block that begins with "%s conda execute", found none' % mark
    hint = format_lines(mark + " conda execute", mark + " env:", mark + "  - python")
    return problem or Error(message, path, hint=hint)


def split_marker(raw: bytes) -> "tuple[bytes, bytes]":
    """Return what opens a comment at the beginning of a line, and the text behind it, if any of that is one."""
    text = raw.strip()
    word = text.split(None, 1)[0] if text else text
    if word.lower().decode("ascii", "replace") in MARKER_WORDS:
        return word, text[len(word) :].strip()
    bare = text.lstrip(MARKER_CHARACTERS + b"* \t")
    return text[: len(text) - len(bare)].strip(), bare


def find_end(raws: "list[bytes]", start: int, path: str, prefix: bytes, closing: bytes) -> int:
    """Return which line closes the block that one opens; raise Error at the first that neither does nor is of it."""
    marker, wanted, is_pep_723 = prefix.strip(), closing.decode("utf-8", "replace"), closing == PEP_723_END
    end = start + 1
    while end < len(raws) and (raws[end].startswith(prefix) or raws[end] == prefix.rstrip()):
        if (raws[end] if is_pep_723 else raws[end].rstrip()) == closing:
            if end > start + 1 or not is_pep_723:
                return end
            hint = format_lines("# dependencies = []", place="above this line")
            raise read_raw(path, end + 1, raws[end]).expected(0, "a key of the block", hint)
        if is_near_end(raws[end], marker):
            break
        end += 1
    last = min(end, len(raws) - 1)
    line, text = read_raw(path, last + 1, raws[last]), raws[last].strip()
    if is_near_end(text, marker):
        raise expected_exactly(line, wanted)
    if (not text or text.startswith(marker)) and any(is_near_end(raw, marker) for raw in raws[end:]):
        bare = text[len(marker) :].decode("utf-8", "replace").strip().encode()
        raise expected_exactly(line, ((prefix + bare) if bare else prefix.rstrip()).decode("utf-8", "replace"))
    hint = format_lines(wanted, place="%s this line" % ("above" if end == last else "below"))
    raise line.expected(0, quote(wanted) + " at the end of the block", hint, "" if text else "an empty line")


def is_near_end(raw: bytes, marker: bytes) -> bool:
    """Answer whether a line was meant to close a block."""
    bare = "".join(raw.decode("utf-8", "replace").split()).encode()
    rest = bare[len(marker) :].strip(b"/").lower()
    return bare.startswith(marker + b"//") and (not rest or rest.startswith(b"end"))


def refuse_near_header(raws: "list[bytes]", path: str) -> None:
    """Raise Error at a line that was probably meant to open a block, since keys stand below it."""
    for i, raw in enumerate(raws):
        if raw == PEP_723:
            find_end(raws, i, path, b"# ", PEP_723_END)  # it has one, and so another block has taken it in
            hint = "leave a blank line above this one"
            raise read_raw(path, i + 1, raw).expected(0, "a blank line between two blocks", hint)
        marker, text = split_marker(raw)
        if not (marker and b" " not in marker and text.startswith(KEYS_BELOW) or text == b"env:"):
            continue
        above = i - 1
        while above >= max(0, i - 9) and raws[above].strip():
            refuse_if_near(read_raw(path, above + 1, raws[above]), split_marker(raws[above])[1], marker)
            above -= 1
        has_items = text == b"env:" and i + 1 < len(raws) and split_marker(raws[i + 1])[0].endswith(b" -")
        if is_marker(marker) and (has_items or text.startswith(b"env: [")):
            header = (marker + b" " + HEADER).decode()
            hint = format_lines(header, place="above this line")
            raise read_raw(path, i + 1, raw).expected(0, quote(header) + " above the keys", hint)


def refuse_if_near(line: Line, text: bytes, marker: bytes) -> None:
    """Raise Error if a line, with this text behind its marker, nearly opens a block whose lines have another marker."""
    from difflib import SequenceMatcher

    words = text[:80].lower().replace(b"_", b" ").decode("utf-8", "replace").strip(" :-*/\xa0\u3000\u200b")
    indent, mark = len(line.raw) - len(line.raw.lstrip()), find_marker(line.path)
    start = line.raw[:indent] + marker.decode("utf-8", "replace") + " "
    headers = {"conda execute": start + "conda execute"}
    if "//" in line.raw:  # "pyproject" is of a draft of PEP 723
        headers.update(dict.fromkeys(("script", "pyproject"), PEP_723.decode()))
        headers["conda-script"] = start + "/// conda-script"
    for name, wanted in headers.items():
        if SequenceMatcher(None, words, name).ratio() <= 0.8 and not words.replace("-", " ").startswith(name + ":"):
            continue
        if wanted == PEP_723.decode() and marker != b"#":
            hint = "write %s and its keys in its place" % quote(start.strip() + " conda execute")
            raise line.expected(0, "a block for any language", hint, '"# /// script", which is for Python alone')
        if name == "conda execute" and not is_marker(marker) and line.raw.strip() != mark + " conda execute":
            hint = 'write "%s conda execute", and "%s" in front of each line of the block: block comments are not read'
            raise line.expected(indent, quote(mark + " conda execute"), hint % (mark, mark))
        if is_marker(marker) and line.raw != wanted:
            raise expected_exactly(line, wanted)


def expected_exactly(line: Line, wanted: str) -> Error:
    """Return the Error for a line that is nearly another one: it points at the difference."""
    at, found = len(os.path.commonprefix([line.raw, wanted])), line.raw.strip()
    is_blank, strange = "".join(found.split()) == "".join(wanted.split()), line.raw[at : at + 1]
    shown = quote(line.raw) + " with other blanks" if found and is_blank else quote(found) if found else "an empty line"
    if strange and not strange.isascii() and (strange.isspace() or not strange.isprintable()):
        shown = "the character U+%04X" % ord(strange)
    return line.expected(at, quote(wanted.strip()), format_lines(wanted), shown)


def refuse_empty_block(raws: "list[bytes]", number: int, marker: bytes, path: str) -> None:
    """Raise Error for a header below which no line of the block stands."""
    header, below = read_raw(path, number, raws[number - 1]), number
    while below < len(raws) and not raws[below].strip():
        below += 1
    if number < below < len(raws) and split_marker(raws[below])[1].startswith(KEYS_BELOW):
        line, what = read_raw(path, number + 1, raws[number]), "the keys right below the header"
        raise line.expected(0, what, "remove this line", "an empty line")
    refuse_near_header(raws, path)
    at, name = len(header.raw) - len(header.raw.lstrip()), marker.decode("utf-8", "replace")
    hint = format_lines(name + " env:", name + "  - python", place="below this line")
    raise header.expected(at, "the keys of the block below the header", hint, "none")


def find_headers(data: bytes) -> "Iterator[Found]":
    """Yield each line "MARKER conda execute", and where it ends."""
    at, end, number = data.find(HEADER), 0, 1
    while at >= 0:
        start = data.rfind(b"\n", end, at) + 1 or end
        number += data.count(b"\n", end, start)
        end = data.find(b"\n", at) % (len(data) + 1)  # -1 becomes the end of the data
        before, after = data[start:at], data[at + len(HEADER) : end]
        if after.strip() in (b"", b":") and before[-1:] in (b" ", b"\t") and is_marker(before.strip()):
            yield number, "conda-execute", before.strip(), end
        at = data.find(HEADER, end)


def is_marker(word: bytes) -> bool:
    """Answer whether a word opens a comment that runs to the end of its line.

    >>> [is_marker(word) for word in (b"#", b"//", b"REM", b"-", b"print(")]
    [True, True, True, False, False]
    """
    if word.isalpha() or word.startswith(b"@"):
        return word.decode("ascii", "replace").lower() in MARKER_WORDS
    return len(word) <= 8 and word not in NOT_MARKERS and not word.strip(MARKER_CHARACTERS)


def read_block(data: bytes, end: int, marker: bytes, path: str, number: int) -> "tuple[list[Line], bytes, int]":
    """Return the lines below the header up to the first without its marker, what begins there, and its number."""
    lines: list[Line] = []
    while end < len(data):
        start, number = end + 1, number + 1
        end = data.find(b"\n", start) % (len(data) + 1)
        raw = data[start:end].rstrip(b"\r")
        margin = find_margin(raw, marker)
        if margin is None:
            if (raw.decode("utf-8", "replace") + " ").startswith(CONFLICT_MARKS) and b"\n>>>>>>> " in data:
                raise read_raw(path, number, raw).expected(0, "a line of the block, or its end", CONFLICT)
            return lines, data[start : start + 2000], number
        line = read_line(path, number, raw, margin)
        if not line.is_blank:
            lines.append(line)
    return lines, b"", number


def find_margin(raw: bytes, marker: bytes) -> "bytes | None":
    """Return what stands in front of the text of a line that has the block's marker."""
    rest = raw.lstrip(b" \t")[len(marker) :]
    margin = raw[: len(raw) - len(rest)]
    is_word = marker.isalpha() and rest[:1] not in (b"", b" ", b"\t")
    return None if is_word or margin.strip().lower() != marker.lower() else margin


def refuse_rest(lines: "list[Line]", below: bytes, number: int, marker: bytes, path: str) -> None:
    """Raise Error at a line below the blank ones that ended a block, if it reads like the next one of that."""
    if not lines:
        return
    dashes = {line.indent for line in lines if line.text[line.indent :].startswith("- ")}
    is_open = lines[-1].text.rstrip(" ")[-1:] == ":"
    for at, raw in enumerate(raw.rstrip(b"\r") for raw in below.split(b"\n")[:9]):
        margin, bare = find_margin(raw, marker), raw.decode("utf-8", "replace").strip()
        if margin is None and bare:
            if is_like_line(bare[len(marker) :].strip()) and bare.encode("utf-8", "replace").startswith(marker):
                read_line(path, number + at, raw)  # a blank that is none in front of the marker
            return
        line = Line(path, number + at, raw.decode("utf-8", "replace"), len((margin or b"").decode("utf-8", "replace")))
        if at and not line.is_blank:
            is_item = line.text.startswith("- ", line.indent) and (is_open or line.indent in dashes)
            is_key = line.text[line.indent] != "-" and line.indent == lines[0].indent
            if (is_item or is_key) and is_like_line(line.text.strip(" ")):
                ended = "nothing more of the block, which line %d has ended" % number
                raise line.expected(line.indent, ended, GOES_ON % number)
            return


PEP_723, PEP_723_END = b"# /// script", b"# ///"
# How lines begin that stand below a header.
KEYS_BELOW = (b"env:", b"channels", b"run_with:", b"dependencies", b"[dependencies", b"requires-python", b"entrypoint",
              b"[tool.")  # fmt: skip
# The comment marker of a script whose name ends so; else "#". None of these is one of Python.
MARKERS = {
    "//": (".js", ".mjs", ".ts", ".c", ".h", ".cpp", ".cs", ".go", ".rs", ".java", ".kts", ".scala", ".swift"),
    "--": (".lua", ".sql", ".hs"), "REM": (".bat", ".cmd"), ";": (".scm", ".clj", ".lisp", ".nsi"),
    "%": (".m", ".tex"), "!": (".f90",), "'": (".vb", ".vbs"),
    "#": (".zsh", ".fish", ".ksh", ".csh", ".awk", ".php", ".tcl"),
}  # fmt: skip
CONDA_SCRIPT, CONDA_SCRIPT_END = b"/// conda-script", b"/// end-conda-script"


def find_pep_723(raws: "list[bytes]") -> "Iterator[Found]":
    """block := "# /// TYPE", lines "#" or "# text", the last "# ///" among them (PEP 723); yield those of scripts."""
    i = 0
    while i < len(raws):
        end = i + 1
        if raws[i].startswith(b"# /// ") and raws[i][6:].replace(b"-", b"x").isalnum():
            while end < len(raws) and raws[end][:2] in (b"#", b"# "):
                end += 1
            closing = max((k for k in range(i + 2, end) if raws[k] == b"# ///"), default=0)
            if closing and raws[i] == PEP_723:
                yield i + 1, "pep723", b"# ", closing
            end = closing + 1 if closing else end
        i = end


def find_conda_script(raws: "list[bytes]", path: str) -> "list[Found]":
    """block := PREFIX "/// conda-script", lines with that prefix, PREFIX "/// end-conda-script"

    A prefix has no letter or digit. Every other line that could open this or a block of PEP 723 counts as one, too.
    """
    ends = [i for i, raw in enumerate(raws) if raw.rstrip().endswith(CONDA_SCRIPT)]
    prefixes = {i: raws[i].rstrip()[: -len(CONDA_SCRIPT)] for i in ends}
    openings = [i for i in ends if prefixes[i] and not any(map(str.isalnum, prefixes[i].decode("utf-8", "replace")))]
    if not openings:
        return []
    first, prefix = openings[0], prefixes[openings[0]]
    end = find_end(raws, first, path, prefix, prefix + CONDA_SCRIPT_END)
    others = [i for i, raw in enumerate(raws) if raw == PEP_723 and not first < i < end]
    return [(i + 1, "conda-script", prefix, end) for i in [first, *openings[1:], *others]]


def read_line(path: str, number: int, raw: bytes, margin: bytes = b"", blank: str = " ") -> Line:
    """Return a line; refuse what YAML, a terminal and a person would each read in another way.

    `blank` is what may stand for a space: TOML has the tab.
    """
    line = Line(path, number, raw.decode("utf-8", "replace"), len(margin.decode("utf-8", "replace")))
    text = raw[len(margin) :].decode("utf-8", "surrogateescape")
    if text.replace(blank, " ").isprintable():
        return line
    at = next(i for i, c in enumerate(text) if c != blank and not c.isprintable())
    if "\udc80" <= text[at] <= "\udcff":  # a byte that is no UTF-8
        raise line.expected(at, "UTF-8", "save the file as UTF-8", "the byte 0x%02x" % (ord(text[at]) - 0xDC00))
    found = "a tab" if text[at] == "\t" else "the character U+%04X" % ord(text[at])
    hint = "write spaces in its place" if text[at].isspace() else "remove it"
    hint = hint if len((text[at] + ".").splitlines()) == 1 else "begin a new line in its place"
    raise line.expected(at, "text and spaces", hint, found)


# ---- Specs ---------------------------------------------------------------------------
# Specs, requirements and channels: what passes is no option, second line, @EXPLICIT or file to any engine.
# Knows no block, and no command line of an engine.

NAME_CHARACTERS = BARE_KEY_CHARACTERS + "."  # CEP 26
OPERATORS = "=<>!~"
# What pip takes for a file, whatever folder it is called in.
ARCHIVES = (".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".gz", ".bz2", ".xz", ".lz", ".lzma")
VERSION_CHARACTERS = NAME_CHARACTERS + OPERATORS + "+*|,^$() "
# Builds without a digit, as channels have them.
BUILDS = ("mkl", "openblas", "blis", "netlib", "accelerate", "cpu", "gpu", "cuda", "rocm", "eigen", "generic", "nompi",
          "mpich", "openmpi", "cpython", "pypy", "main", "conda_forge")  # fmt: skip
BUILD_LETTERS = ("py", "np", "pl", "r", "lua", "vc")  # in front of its digits
VERSION_OPERATORS = ("", "=", "==", "!=", "<", "<=", ">", ">=", "~=")
# Words between specs.
NO_SPECS = {"and", "or", "version", "with", "than", "newer", "later", "latest", "newest", "any"}
TURNED = {"=>": ">=", "=<": "<=", "=!": "!=", "=~": "~=", "<>": "!="}
# What word processors make of operators, quotes and hyphens.
LOOKALIKES = {ord(c): one for c, one in zip("≥≤≠⩾⩽＝＞＜–—", [">=", "<=", "!=", ">=", "<=", *"=><--"])}
LOOKALIKES.update(dict.fromkeys(map(ord, "“”„‘’«»"), ""))
SPEC_LIKE = 'write it like "python >=3.9"'
RANGE_LIKE = 'write it like "python >=3.9,<4", in brackets with the quotes'
FILE_LIKE = 'write it like "numpy =1.26", its channel below channels; or for pip "name @ URL" below "- pip:"'
KEYS_LIKE = 'write it like "numpy[version=\'>=1.2\']", with nothing behind it, or below "- pip:" if it has extras'
REQUIREMENT_LIKE = 'write it like "name >=1.2", or "name @ URL" for a file or a repository'
GIVEN = {"--with": "--with ", "the command line": ""}  # places of specs that a shell hands over, and what opens each
GIVEN_LIKE = 'these are conda packages; those of PyPI stand below "- pip:", in a block or an environment.yml'
NO_OPTION = '; it cannot be empty or begin with "-" or "@"'
# What requirements.txt and command lines have where an item stands here.
OPTION_HINTS = {
    "-r --requirement": 'write the lines of that file below "- pip:", one an item',
    "-e --editable": 'write it like "name @ file:///folder", with the whole path of the folder, below "- pip:"',
    "-c --constraint --channel": "remove it: channels stand below channels, "
    "what a file of constraints says, behind each name",
    "-i --index-url --extra-index-url -f --find-links --no-index --trusted-host": "set it in pip.conf, or a variable "
    "such as PIP_INDEX_URL, and only then remove it: else PyPI is asked for the names, where anybody can register them",
    "--pre": 'remove it, and write a version such as ">=2.0a0" behind what may be a pre-release',
    "@E": 'write specs: below @EXPLICIT stands what "conda create --prefix PREFIX --file FILE" restores',
    "--hash --require-hashes": 'write the requirement alone: hashes are those of a lock, which "--lock SCRIPT" writes',
    "--only-binary --no-binary --prefer-binary": "remove it: pip takes a wheel, and builds it where there is none",
}
OPTION_HINTS = {option: hint for options, hint in OPTION_HINTS.items() for option in options.split()}


def parse_one_line(text: Text, what: str, like: str) -> Text:
    """Return one line of text, each run of spaces made one, that is no option or directive, with its place."""
    if text[:1] in ("-", "@", ""):
        option = text[:2] if text[1:2] != "-" else text.replace("=", " ").split(" ")[0]
        raise text.expected(what, OPTION_HINTS.get(option, like + NO_OPTION))
    if not text.isprintable():
        raise text.expected(what + " without control characters", "write it on one line, without escapes")
    plain = text.translate(LOOKALIKES).replace("&gt;", ">").replace("&lt;", "<")
    if "@" not in text and plain != text and plain.isascii():
        raise text.expected(what + " in ASCII", format_items(text, [plain]) or like)
    return Text.of(" ".join(text.split()), text.line, text.at)


def format_items(text: Text, items: "list[str]") -> str:
    """Return the hint to write items in the place of one, as the list has them, or "" where it is written otherwise."""
    line, at = text.line.find(text.at)
    mark = line.text[at] if line.text[at : at + 1] in ("'", '"') else ""
    before, rest = line.find_start(at), line.text[at + len(mark) :]
    if not rest.startswith(text) or not items or sum(len(before + item) for item in items) > 400:
        return ""
    if before.endswith("- "):
        comment = rest[len(text + mark) :].strip(" ")
        return format_lines(*[before + item + ("  " + comment if comment else "") for item in items])
    if line.path in GIVEN:
        return "write " + " ".join(GIVEN[line.path] + format_shell([item]) for item in items)
    marks = [mark or '"' * ("," in item) for item in items]
    return "write %s in its place" % ", ".join(one + item + one for one, item in zip(marks, items))


def split_items(text: str) -> "list[str]":
    """Return the specs or requirements that stand in one text, as far as can be told."""
    items: list[str] = []
    for word in (text if set(text) & set("[;@") else text.replace(",", ", ")).split():
        is_name = word[0].isalpha() or word[0] == "_"
        if items and not (is_name and (items[-1][-1] == "," or not is_build(word, split_off(items[-1])[1]))):
            items[-1] += ("" if items[-1][-1] == "," else " ") + word
        else:
            items.append(word)
    return [item.rstrip(",") for item in items]


def mend_item(text: Text, parse: "Callable[[Text], Text]", like: str) -> str:
    """Return the hint to write what an item was probably meant to be, the first guess that passes, else `like`."""
    if not text.line.raw or len(text) > 400:  # a guess itself, or prose
        return like
    name, installed, channels = split_install(text)
    if name == ("pip" if parse is parse_requirement else "env"):
        below = "; below channels " + format_lines(*["- " + one for one in channels]) if channels else ""
        return (format_items(text, installed) or like) + below
    if name == "pip" and text.line.find_start(text.at).endswith("- "):
        return format_lines(*format_install(text, text.line.find_start(text.at)[:-2]))
    name, rest = split_off(text, NAME_CHARACTERS + "[],")
    bare, items, joined = rest.strip(" =:/@"), split_items(text), join_versions(rest)
    if parse is parse_requirement:
        joined = ",".join(one.replace("=", "==") if one[:1] == "=" != one[1:2] else one for one in joined.split(","))
    is_glued, has_operator = rest[:1] in (":", "/", "@") and "://" not in rest, joined[:1] in tuple(OPERATORS)
    guesses = [items if len(items) < 16 else [], [name + " " + joined] if has_operator else []]
    guesses += [[name]] * (bare in NO_SPECS) + [[name + (" =" if bare[:1].isdigit() else "::") + bare]] * is_glued
    guesses.append(["::".join(text.split("::")[-2:])])
    for guess in guesses:
        try:
            parsed = [parse(Text.of(item, Line("", 0, ""), 0)) for item in guess]
        except Error:
            continue
        if guess and not {item.split(" ")[0] for item in guess} & NO_SPECS:
            return format_items(text, list(map(str, parsed))) or like
    return like


def split_off(text: str, characters: str = NAME_CHARACTERS) -> "tuple[str, str]":
    """Return what a text begins with, such as a package's name, and what is behind it."""
    length = len(text) - len(text.lstrip(characters))
    return text[:length], text[length:]


def find_package(spec: str) -> str:
    """Return the package that a spec names, in lower case."""
    return split_off(spec.rpartition("::")[2])[0].lower()


def find_distribution(requirement: str) -> str:
    """Return the name of what a requirement asks for, as PyPI compares names.

    >>> find_distribution("Ruamel.YAML__x[jinja2] >=1")
    'ruamel-yaml-x'
    """
    name = split_off(requirement)[0].lower().replace("_", "-").replace(".", "-")
    return "-".join(filter(None, name.split("-")))


def find_marker_hint(text: Text) -> str:
    """Return the hint for a spec with a marker of PyPI's behind it, or with other specs."""
    before, *markers = map(str.strip, text.split(";"))
    items = [] if set(";".join(markers)) & set("'\"=<>") else [before, *markers]
    like = '; specs have no markers, but selectors such as "# [win]" behind them'
    return format_items(text, items) or (format_items(text, [before]) or "leave it out") + like


def parse_spec(text: Text, is_build_sure: bool = False) -> Text:
    """spec := (channel "::")? name (version build?)? ("[" key=value,... "]")?, as conda's MatchSpec"""
    spec = parse_one_line(text, "a match spec", SPEC_LIKE)
    channel, colons, rest = spec.rpartition("::")
    name, rest = split_off(rest)
    version, bracket, keys = rest.partition("[")
    strange = next(("%s (U+%04X)" % (c, ord(c)) for c in rest if not c.isascii()), "")
    if colons and " " not in channel:
        parse_channel(Text.of(channel, text.line, text.at), "::" + name + rest)
    is_word = name.lower() in ("yes", "no", "true", "false", "null")
    is_range = spec[:1] in tuple(OPERATORS) and "[" in text.line.find_start(text.at)
    are_keys = keys.endswith("]") and "=" in keys and "[" not in keys
    behind, (_, semicolon, marker) = "a version behind " + quote(name)[1:-1], text.partition(";")
    for is_fault, what, like, kind, found in (
        ("://" in rest or spec.endswith((".conda", ".tar.bz2")), "a match spec", FILE_LIKE, "the file ", spec),
        (" " in channel, "one match spec", SPEC_LIKE, "", text),
        ("::" in channel, 'one "channel::" in front of a name', SPEC_LIKE, "", text),
        (is_word or not name.strip("0123456789.-") or name[0] == "-", "a package name",
         RANGE_LIKE if is_range else SPEC_LIKE, "", name or spec),
        (bracket and not are_keys, '"[key=value]" at the end', KEYS_LIKE, "", bracket + keys),
        (semicolon, "a match spec", semicolon and find_marker_hint(text), "a marker of PyPI's, ", marker.lstrip()),
        (strange, "a match spec in ASCII", "write a letter of the alphabet in its place", "the character ", strange),
        (not is_version(version, is_build_sure), behind, 'write a version like ">=1.2,<2"', "", version.strip()),
    ):  # fmt: skip
        if is_fault:
            raise text.expected(what, mend_item(text, parse_spec, like), kind + quote(found))
    return spec


def parse_given(word: str, place: str) -> Text:
    """Return the spec that is a word of a command line, where no requirement of PyPI stands."""
    text, name = Text.of(word, Line(place, 1, word), 0), split_off(word)[0].lower()
    if name in ("pip", "pypi") and name + "::" == word[: len(name) + 2].lower():
        raise text.expected("a match spec", GIVEN_LIKE)
    try:
        return parse_spec(text)
    except Error as e:
        if name in ("pip", "pypi") or set(word) & set("@;[") or word[:1] in (".", "/") or word.endswith(".whl"):
            e.hint = GIVEN_LIKE
        raise


def join_versions(text: str) -> str:
    """Return versions with the commas between them that conda wants, and no blank behind an operator.

    >>> join_versions("> = 1.2 <2")
    '>=1.2,<2'
    """
    text = " ".join(text.replace(",", " ").split())
    for operator in OPERATORS:
        text = text.replace(operator + " ", operator)
    parts = [" " * (c in OPERATORS and before not in OPERATORS) + c for before, c in zip("=" + text, text)]
    return ",".join(TURNED.get(one[:2], one[:2]) + one[2:] for one in "".join(parts).split())


def is_version(text: str, is_build_sure: bool = False) -> bool:
    """version := ((term ("," | "|"))* term)? (" " build)?; term := operator? text ("=" build)?, in parentheses or not

    A build that is a regular expression has "^" and "$", and anything between.
    """
    if text.strip(VERSION_CHARACTERS) or text[:1] not in ("", " ", *OPERATORS) or text.count("^") != text.count("$"):
        return False
    ends = [] if "^" in text or not text.strip() else text.replace("|", ",").split(",")
    for i, term in enumerate(ends, 1):
        operator, rest = split_off(term.strip(" ()"), OPERATORS)
        version, *builds = rest.split() or [""]
        version, equal, build = version.partition("=")
        is_first = i == 1 and version[:1] in ("v", "V") and version[1:2].isdigit()
        is_plain = operator or version[:1] in tuple("0123456789*") or is_first
        if not is_plain or not version or operator not in VERSION_OPERATORS or bool(equal) != bool(build):
            return False
        if set(version.replace("!", "", 1) + build) & set(OPERATORS):  # "!" ends an epoch
            return False
        if builds and (i < len(ends) or len(builds) > 1 or not (is_build_sure or is_build(builds[0], text))):
            return False
    return True


def is_build(word: str, version: str) -> bool:
    """Answer whether the word behind a version, as that stands behind its name, is a build and no second spec.

    >>> [is_build(word, " 1.0") for word in ("py311h64a7726_0", "py27", "h1a2b3c4", "mkl", "0", "h5py", "numpy")]
    [True, True, True, True, True, False, False]
    """
    has_digit = any(map(str.isdigit, word))
    if "-" in word or set(word) & set(OPERATORS):
        return False
    if set(word) & set("*^") or has_digit and ("_" in word or word.isdigit()):
        return True
    has_hash = word[-8:-7] == "h" and not word[-7:].strip("0123456789abcdef")
    letters = "".join(" " if c.isdigit() else c for c in word[: -8 if has_hash else None]).split()
    return (
        version[:1] == " "
        and not set(version) & set("<>!~,|")
        and set(letters) <= {*BUILDS, *(BUILD_LETTERS if has_digit else ())}
    )


def is_number(text: str) -> bool:
    """Answer whether this is a part of a version that int() takes: it refuses 4,300 digits and more."""
    return text.isdecimal() and len(text) < 40


def parse_requires_python(text: Text) -> str:
    """Return the spec of python for a PEP 440 specifier set, in operators that conda and rattler read alike."""
    versions = []
    for term in filter(None, map(str.strip, text.split(","))):  # PEP 440's own reader passes over empty ones
        operator, version = split_off(term, OPERATORS)
        version = version.lstrip()
        release, is_version = version.split("."), not version.strip(NAME_CHARACTERS + "+*!")
        if operator == "~=" and release[1:] and is_number(release[-2]) and release[-1] != "*" and is_version:
            versions += [">=" + version, "<" + ".".join([*release[:-2], str(int(release[-2]) + 1)])]
        elif operator in ("==", "!=") + ("<=", ">=", "<", ">") * (release[-1] != "*") and is_version and version:
            versions.append(version if operator == "==" and release[-1] == "*" else operator + version)
        else:
            hint = 'write "==": no match spec compares text' if operator == "===" else 'write it like ">=3.9,<4"'
            raise text.expected("versions of python as PEP 440 has them", hint)
    return parse_spec(Text.of("python " + ",".join(versions), text.line, text.at)) if versions else "python"


def parse_requirement(text: Text) -> Text:
    """requirement := name ("[" extras "]")? (version | "@" URL)? (";" marker)?, PEP 508"""
    requirement = parse_one_line(text, "a PyPI requirement", REQUIREMENT_LIKE)
    name, rest = split_off(requirement)
    before, at, url = rest.split(";")[0].partition("@")
    versions = before.rpartition("]")[2].strip("() ")
    is_file = name.lower().endswith(ARCHIVES) or set("/\\") & set(before)
    terms = [split_off(one.strip(" "), OPERATORS) for one in versions.split(",")] if versions else []
    are_versions = all(
        operator in (*VERSION_OPERATORS[2:], "===") and one.strip(" ") and not set(one.strip(" ")) & set(" =<>~")
        for operator, one in terms
    )
    if find_distribution(name) == "python":
        versions = "=" * (versions[:1] == "=" != versions[1:2]) + versions
        hint = "leave it out" + (', and write requires-python = "%s"' % versions if versions else "")
        if text.line.find_start(text.at).endswith("- "):
            hint = "leave it out, and write %s below env" % quote("- " + ("python " + versions).strip(" "))
        raise text.expected("a package of PyPI, which has no python", hint)
    starts = ("", "[", ";", "@", "(", *OPERATORS)
    if is_file or not name[:1].isalnum() or rest.lstrip(" ")[:1] not in starts or not are_versions:
        raise text.expected("a PyPI requirement", mend_item(text, parse_requirement, REQUIREMENT_LIKE))
    scheme, colon, _ = url.strip(" ").partition(":")  # no letter of a drive is one, a variable may have one
    if at and (not colon or len(scheme) < 2 or set(scheme) & set("/\\ ")) and scheme[:1] != "$":
        hint = 'write it like "%s @ file:///folder", with the whole path of the folder or file'
        raise text.expected("a PyPI requirement", hint % (name + before).strip(), "no URL behind the @")
    marker = requirement.partition(" ;" if at else ";")[2]  # a URL may have one
    if marker.strip():
        check_marker(text, marker)
    return requirement


MARKERS_OF_PYPI = {
    "python_version", "python_full_version", "os_name", "sys_platform", "platform_release", "platform_system",
    "platform_version", "platform_machine", "platform_python_implementation", "implementation_name",
    "implementation_version", "extra", "and", "or", "in", "not",
}  # fmt: skip


def check_marker(text: Text, marker: str) -> None:
    """Raise Error for what cannot stand in a marker of PEP 508, which pip would say once all else is there."""
    parts = marker.replace('"', "'").split("'")  # what stands between two of these is a value
    words = "".join(c if c.isalnum() or c in "_." else " " for part in parts[::2] for c in [*part, " "]).split()
    strange = [one for one in words if one not in MARKERS_OF_PYPI]
    operators = "".join(c if c in OPERATORS else " " for part in parts[::2] for c in [*part, " "]).split()
    strange += [one for one in operators if one not in (*VERSION_OPERATORS[2:], "===")]
    if strange or len(parts) % 2 == 0:
        hint = "write it like \"; python_version >= '3.9'\" or \"; sys_platform == 'win32'\", values in quotes"
        raise text.expected("a marker of PEP 508", hint, quote(strange[0] if strange else marker.strip()))


def parse_channel(text: Text, spec: str = "") -> Text:
    """channel := name | URL | absolute path; a spec may stand behind it"""
    if "://" not in text:
        learn_secrets(["//://" + text])
    has_password = "@" in text and ":" in text.partition("@")[0]
    is_strange = "://" not in text and (has_password or ":/" in text and text[1:2] != ":")  # which a drive has
    if text[:1] in ("-", "@", ".", "~", "") or not text.isprintable() or set(text) & set(" ,") or is_strange:
        items = text.replace(",", " ").split()
        hint = "write it like %s, as a URL, or as the whole path of a folder" % quote("conda-forge" + spec)
        is_one = len(items) < 2 or items[0] == "conda" or not all(one[0].isalnum() and one[-1] != ":" for one in items)
        raise text.expected("a channel's name or URL", hint if is_one else format_items(text, items) or hint)
    return text


def parse_channels(texts: "list[Text]") -> "list[Text]":
    """Return channels, of which one at least can be searched."""
    channels = [parse_channel(text) for text in texts]
    if set(channels) == {"nodefaults"}:
        hint = format_items(texts[0], ["conda-forge", "nodefaults"])
        raise texts[0].expected("a channel beside nodefaults", hint, "none")
    return channels


def find_all_channels(channels: "Iterable[str]") -> "list[str]":
    """Return channels that are all that is searched."""
    return [*(one for one in channels if one != "nodefaults"), "nodefaults"]


# ---- Commands ------------------------------------------------------------------------
# What runs a script: shebang, suffix, run_with, and the language of entrypoints, which is no
# shell's. Knows no file.

SUFFIXES = {
    ".py": "python", ".r": "Rscript", ".sh": "sh", ".bash": "bash", ".pl": "perl", ".rb": "ruby", ".js": "node",
    ".mjs": "node", ".lua": "lua", ".jl": "julia", ".ps1": "pwsh",
}  # fmt: skip
# What runs a script, by the package that brings it; to shells the text of another script is dangerous.
INTERPRETERS = {
    "python": "python", "r-base": "Rscript", "nodejs": "node", "perl": "perl", "ruby": "ruby", "lua": "lua",
    "luajit": "luajit", "julia": "julia", "powershell": "pwsh", "php": "php", "octave": "octave", "deno": "deno run",
    "gawk": "gawk -f",
}  # fmt: skip
SHELL_INTERPRETERS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "tk": "tclsh"}
# What runs a command in an environment of its own.
RUNNERS = (
    "uv", "uvx", "pipx", "pixi", "hatch", "pdm", "rye", "poetry", "pip-run", "viv", "juv", "marimo",
    "conda", "conda-exec", "mamba", "micromamba",
)  # fmt: skip
SPLIT_FLAGS = ("-S", "-vS", "--split-string=", "--split-string")  # env(1)


def find_run_with(data: bytes, path: str, metadata: "Metadata", shown: str) -> "list[str]":
    """Return the words that run the script: the block's, the shebang's or the suffix's; no other is guessed."""
    words = metadata.run_with or parse_shebang(data, shown)
    suffix = os.path.splitext(path)[1].lower()
    if words and (metadata.run_with or not is_own_command(words)):
        if not metadata.run_with:
            refuse_runner(words, data, shown, metadata, SUFFIXES.get(suffix, "PROGRAM"))
        return words
    if suffix in SUFFIXES:
        return [SUFFIXES[suffix]]
    first = find_block(data, shown)[1][0]
    names = [*map(find_package, metadata.specs), *["python"] * bool(metadata.pip)]
    names = ["r-base" if name.startswith("r-") else name for name in names]
    found = [table[name] for table in (INTERPRETERS, SHELL_INTERPRETERS) for name in names if name in table]
    program = found[0] if found else "PROGRAM"
    margin = first.raw[: first.margin + first.indent].lstrip()
    hint = "write %s above this line" % quote(margin + "run_with: " + program)
    hint += ", PROGRAM being what runs it, such as python or sh" if program == "PROGRAM" else ""
    raise first.expected(first.indent, "a command that runs the script", hint, "none in run_with, shebang or suffix")


def refuse_runner(words: "list[str]", data: bytes, path: str, metadata: "Metadata", program: str) -> None:
    """Raise Error for a shebang that would run the script in another environment, of a program that is none of ours."""
    name = find_program_name(words[find_program_index(words)])
    names = {*map(find_package, metadata.specs), *map(find_distribution, metadata.pip)}
    if name in RUNNERS and not names & {name, name[:2] if name == "uvx" else name}:
        line = read_raw(path, 1, strip_mark(data).split(b"\n", 1)[0].rstrip())
        hint = 'write "#!/usr/bin/env conda-execute", or "run_with: %s" in the block' % program
        what = "a shebang that runs the script in the environment of its block"
        raise line.expected(max(0, line.raw.rfind(name)), what, hint)


def parse_shebang(data: bytes, path: str) -> "list[str]":
    """Return the words of the first line, "-S" of env left out, or none where it names no program.

    >>> parse_shebang(b"#!/usr/bin/env -S python -u", "my_script.py")
    ['/usr/bin/env', 'python', '-u']
    """
    first = os.fsdecode(strip_mark(data[:4096]).split(b"\n", 1)[0])
    words = first[2:].split() if first.startswith("#!") and "\0" not in first else []
    flag = next((one for one in SPLIT_FLAGS if len(words) > 1 and words[1].startswith(one)), "")
    if flag and is_env(words[0]):
        line = Line(path, 1, first.rstrip(), first.index(flag, first.index(words[0]) + len(words[0])) + len(flag))
        words = [words[0], *split_words(Text.of(line.text, line, 0))]
    return words if words and (find_program_index(words) or not is_env(words[0])) else []


def is_env(word: str) -> bool:
    """Answer whether a word is the program that finds the one behind it: /usr/bin/env."""
    return os.path.basename(word) == "env"


def find_program_index(words: "list[str]") -> int:
    """Return which word of a command is the program that "env" starts, else the first."""
    at = 1 if is_env(words[0]) and len(words) > 1 else 0
    while at and at < len(words) and (words[at].startswith("-") or "=" in words[at]):  # for env itself to read
        at += 2 if words[at] in ("-u", "--unset", "-C", "--chdir", "-P") else 1
    return at if at < len(words) else 0


def find_program_name(word: str) -> str:
    """Return the name of the program that a shebang names by a path, be it one of Windows.

    >>> find_program_name(".venv/bin/python"), find_program_name("C:\\\\Python311\\\\python.exe")
    ('python', 'python')
    """
    name = word.replace("\\", "/").rpartition("/")[2]
    return name[:-4] if name.lower().endswith(".exe") and os.name != "nt" else name


def is_own_command(words: "list[str]") -> bool:
    """Answer whether a command is conda-execute itself, in any of its forms."""
    names = [os.path.basename(word) for word in words]
    own = ("conda-execute", "conda-execute.exe", "conda_execute", "conda_execute.py")
    is_subcommand = "conda" in names and "execute" in names[names.index("conda") :]
    # Options may have it at their end: -mconda_execute, --split-string=conda-execute.
    return is_subcommand or any(name in own or name[:1] == "-" and name.endswith(own) for name in names)


def split_words(text: Text) -> "list[str]":
    """Split as a shell does, by spaces, quotes and backslashes; nothing is expanded.

    >>> split_words(Text("a 'b c' e\\\\ f"))
    ['a', 'b c', 'e f']
    """
    words: list[list[str]] = [[]]  # of parts: quotes leave an empty one, blanks none
    mark, i = "", 0  # the open quote
    while i < len(text):
        c, follower = text[i], text[i + 1 : i + 2]
        i += 1
        if c in " \t" and not mark:
            words.append([])
            continue
        if c == mark or not mark and c in "'\"":
            mark, c = "" if mark else c, ""
        elif c == "\\" and mark != "'" and follower and (not mark or follower in '"\\$`'):
            c, i = follower, i + 1
        words[-1].append(c)
    if mark:
        raise text.expected("a closing %s in the command" % mark, "close the quote", "none")
    return ["".join(word) for word in words if word]


NO_SHELL = "this is no shell: put such text in quotes, or run sh -c"


def find_shell_command(text: str) -> str:
    """Return the command by which a shell does a text and its interpreter, or last program, gets the script; or "".

    >>> print(find_shell_command("cd x && python -u | tee log"))
    sh -c 'cd x && python -u "$0" "$@" | tee log'
    """
    starts = [0, *(i + 1 for i, c in enumerate(text) if c == ";" or c == "&" == text[i - 1])]
    words = [find_program_name((text[i:].split() or [""])[0]).rstrip("0123456789.;&|") for i in starts]
    start = next((i for i, word in zip(starts, words) if word in SUFFIXES.values()), starts[-1])
    end = next((i for i in range(start, len(text)) if text[i] in "|<>;&"), len(text))
    end = len(text[:end].rstrip("0123456789")) if text[end : end + 1] in (">", "<") else end  # "2>&1"
    is_unsure = set(text.replace("&&", "").replace(">&", "")) & set("&`'") or not text[start:end].strip(" ")
    whole = text[:end].rstrip(" ") + ' "$0" "$@" ' + text[end:].strip(" ")
    return "" if is_unsure else "%s -c '%s'" % ("bash" if "source " in text else "sh", whole.rstrip(" "))


def is_for_shell(text: str, i: int) -> bool:
    """Answer whether a shell makes something of a character that stands in no quotes, but for globs."""
    c, behind = text[i], text[i + 1 : i + 2]
    if c == "\\":
        return behind.isalnum()
    if c == "~":
        return behind in ("", "/") and text[:i][-1:] in ("", " ")
    return c in "&|;<>`" or c == "$" and (behind.isalpha() or behind in tuple("_{("))


def refuse_operators(text: Text) -> Text:
    """Return the text of a command; raise Error for what a shell alone understands, outside quotes."""
    mark, is_escaped, start = "", False, text.line.find_start(text.at)
    for i, c in enumerate(text):
        if is_escaped or c == "\\" and mark != "'" and (mark or not is_for_shell(text, i)):
            is_escaped = not is_escaped
        elif c == mark or not mark and c in "'\"":
            mark = "" if mark else c
        elif not mark and is_for_shell(text, i):
            at = text.at + i + (text.line.text[text.at] in "'\"")
            command = find_shell_command(text)
            is_plain = start.endswith("run_with: ") and not set(text) & set(",[]{}'\"#")
            hint = format_lines(start + command) if command and start.endswith("run_with: ") else NO_SHELL
            if c == "\\" and is_plain:
                hint = format_lines("%s[%s]" % (start, ", ".join(text.split())))  # in which it is no more than itself
            elif text.startswith(("${SCRIPT}", "$SCRIPT"), i) or text[i:] == "&":
                hint = "leave it out: " + ("the script is the last word" if c == "$" else "a run has one command")
            raise text.line.expected(at, "words and quotes, since this is no shell", hint, quote(text[i:]))
    return text


VARIABLES = ("${SCRIPT}", "${CACHE}")
MAX_DEPTH = 64  # of "$(" in "$("


def parse_commands(text: Text, at: int, depth: int) -> "tuple[list[Command], int]":
    """commands := word+ ("&&" word+)*, up to the end of the text or the ")" of a "$(" """
    commands: list[Command] = [[]]
    while True:
        while text[at : at + 1].isspace():
            at += 1
        c = text[at : at + 1]
        is_end = c == (")" if depth else "")
        if not commands[-1] and (is_end or c == "&"):
            raise text.expected_at(at, "a command", "write one")
        if is_end:
            return commands, at + 1
        if text.startswith("&&", at):
            commands.append([])
            at += 2
        elif not c or c in "&|;<>`)":
            what = '")"' if not c else "words, quotes, ${NAME}, $(command) and &&"
            hint = NO_SHELL if c else 'write ")" there'
            raise text.expected_at(at, what, hint)
        else:
            start = at
            word, at = parse_word(text, at, depth)
            name, equal, _ = text[start:at].partition("=")
            if not commands[-1] and equal and name.isidentifier():
                hint = "remove %s: no variable can be set here" % quote(text[start:at])
                raise text.expected_at(start, "a program", hint)
            commands[-1].append(word)


def parse_word(text: Text, at: int, depth: int) -> "tuple[Word, int]":
    """word := (text | "'" text "'" | '"' (text | value)* '"' | value)+"""
    word: Word = []
    start, mark = at, ""
    while at < len(text) and (mark or not text[at].isspace() and text[at] not in "&|;<>`)"):
        c = text[at]
        if c == "$" and mark != "'":
            value, at = parse_substitution(text, at, depth)
            word.append((not mark and isinstance(value, list), value))
            continue
        if c == mark or not mark and c in "'\"":
            start, mark, c = at, "" if mark else c, ""
        word.append((False, c))
        at += 1
    if mark:
        raise text.expected_at(start, "a closing " + mark, "close the quote")
    return word, at


def parse_substitution(text: Text, at: int, depth: int) -> "tuple[Any, int]":
    """value := "${SCRIPT}" | "${CACHE}" | "$(" commands ")" """
    for name in VARIABLES:
        if text.startswith(name, at):
            return name, at + len(name)
    if text.startswith("$(", at) and depth < MAX_DEPTH:
        return parse_commands(text, at + 2, depth + 1)
    name, _ = split_off(text[at + 1 :].lstrip("{"))
    meant = "${%s}" % name.upper()
    found = text[at : text.index(name, at) + len(name)]
    hint = "write it flatter" if text.startswith("$(", at) else "put text with $ in single quotes"
    if meant in VARIABLES:
        hint = "write %s in place of %s" % (meant, quote(found + "}" * text.startswith(found + "}", at)))
    raise text.expected_at(at, "${SCRIPT}, ${CACHE} or $(command)", hint)


# ---- Metadata ------------------------------------------------------------------------
# What a script asks for; the keys of a "# conda execute" block. Text in, value or Error out: no file,
# clock or engine.


class Fields:
    """A value with the fields that its class names."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


KNOWN_SUBDIRS = (  # conda/base/constants.py
    "linux-32", "linux-64", "linux-aarch64", "linux-armv6l", "linux-armv7l", "linux-ppc64", "linux-ppc64le",
    "linux-riscv32", "linux-riscv64", "linux-s390x", "osx-64", "osx-arm64", "win-32", "win-64", "win-arm64",
    "freebsd-64", "zos-z", "emscripten-wasm32", "wasi-wasm32", "noarch",
)  # fmt: skip


def find_subdir(system: str, machine: str) -> str:
    """Return conda's name of a platform from sys.platform and the kernel's machine.

    >>> find_subdir("linux", "x86_64"), find_subdir("darwin", "arm64")
    ('linux-64', 'osx-arm64')
    """
    name = {"darwin": "osx", "win32": "win"}.get(system, system)
    arm = "aarch64" if name == "linux" else "arm64"
    names = {"x86_64": "64", "amd64": "64", "i386": "32", "i686": "32", "x86": "32", "arm64": arm, "aarch64": arm}
    return "%s-%s" % (name, names.get(machine.lower(), machine.lower()))


# What is taken to be on a machine of another platform, where CONDA_OVERRIDE_NAME says nothing else; "" for nothing.
VIRTUAL_PACKAGES = {
    "linux": {"__linux": "5.10", "__glibc": "2.28", "__unix": "0", "__cuda": ""},
    "osx": {"__osx": "13.0", "__unix": "0"}, "win": {"__win": "0", "__cuda": ""},
}  # fmt: skip


class Platform(str):
    """conda's name of a platform, such as "linux-64"; what else is to be known of it, this machine is asked for."""

    find_version: "Callable[[str], str]"  # of "__glibc" or "__cuda"; "" where there is none


class Metadata(Fields):
    """What a script asks for, in whichever dialect."""

    name: str  # of its environment
    dialect: str
    specs: "list[str]"
    pip: "list[str]"
    channels: "list[str]"
    run_with: "list[str]"  # empty where the block is silent; the entrypoint of a conda-script, as one word
    exclude_newer: str = ""  # the date after which nothing that was published is taken
    lock: "LockFile | None" = None  # that says what is built, in place of the specs
    notes: "list[str]" = []  # what is to be told of it while its environment is built
    may_be_file = False  # run_with is no shebang: a path in it leads from the script, one in a shebang nowhere
    folder = ""  # or from here: that of who wrote the command, where the script does not say it
    has_entrypoint = False  # run_with is one, in its own language


def find_key(mapping: "dict[Text, Node]", name: str) -> Text:
    """Return the key itself, which knows where it stands."""
    return next(key for key in mapping if key == name)


def check_keys(mapping: "dict[Text, Node]", known: "Collection[str]", where: str, hint: str = "", **hints: str) -> None:
    """Refuse keys that do not exist, with hints of their own for some, and selectors where nothing can be selected."""
    for key in mapping:
        if key not in known:
            near = "" if key in hints else find_nearest(key, known)
            hint = "write " + quote(near) if near else hints.get(key, hint)
            what = "one of the keys %s in %s" if len(known) > 1 else "the key %s alone in %s"
            raise key.expected(what % (", ".join(known), where), hint)
        if key.comment.startswith("["):
            hint = "remove it: selectors stand behind the items of a list"
            raise key.line.expected(key.comment.at, "no selector behind a key", hint)


def find_selectors(platform: Platform) -> "dict[str, bool]":
    """Return for each name that a selector may have whether it holds on a platform, such as "osx-arm64"."""
    system, _, machine = platform.partition("-")
    selectors = {name: name == system for name in ("linux", "osx", "win")}
    selectors.update(unix=system != "win", x86=machine in ("32", "64"), x86_64=machine == "64")
    names = ("arm64", "aarch64", "armv7l", "ppc64le", "riscv64", "s390x", "linux32", "linux64", "win32", "win64")
    return {**selectors, **{name: name in (machine, system + machine) for name in names}}


SYSTEMS = ("unix", "linux", "osx", "win")


def find_for_platform(table: "dict[Text, Node]", where: str, platform: Platform) -> "list[Text]":
    """Return the keys that hold on a platform, of those that each name some, and the one that names the fewest last."""
    system = platform.split("-")[0]
    for key in table:
        if key not in SYSTEMS and key not in KNOWN_SUBDIRS:
            raise key.expected("unix, linux, osx, win or a platform such as linux-64 in " + where, "write one of these")
    names = ("" if system == "win" else "unix", system, platform)
    return [find_key(table, name) for name in names if name in table]


def is_selected(item: Text, platform: Platform) -> bool:
    """Answer whether the selector behind an item is true: conda-build's names with "not", "and", "or"."""
    before, opening, comment = item.comment.partition("[")
    if not opening:
        return True
    selector, bracket, _ = comment.partition("]")
    words, selectors = selector.split(), find_selectors(platform)
    if before and bracket and words and set(words) <= {*selectors, "and", "or", "not"}:
        hint = "write " + quote("# [%s] %s" % (" ".join(words), before.strip()))  # conda-build reads it there as well
        raise item.line.expected(item.comment.at, "a selector in front of other words", hint)
    if before:
        return True
    parts = [[term.split() or [""] for term in part.split(" and ")] for part in " ".join(words).split(" or ")]
    if not bracket or any(name not in selectors or set(nots) - {"not"} for part in parts for *nots, name in part):
        what = 'a selector of names joined by "and", "or" and "not"'
        raise item.line.expected(item.comment.at, what, "the names are " + ", ".join(selectors))
    return any(all(selectors[name] != len(nots) % 2 for *nots, name in part) for part in parts)


def find_items(mapping: "dict[Text, Node]", name: str, platform: Platform) -> "list[Any]":
    """Return the items of a list that hold on a platform; "- pip:" may stand in env alone."""
    if name not in mapping:
        return []
    key, node = find_key(mapping, name), mapping[Text(name)]
    if isinstance(node, dict):
        raise expected_item(next(iter(node)).at, key)
    if not isinstance(node, list) or not node:
        found = str(node or "")
        texts = split_items(found) if name in ("env", "pip") else found.replace(",", " ").split()
        raise expected_list(key, found, (split_install("pip " + found)[1] if name == "pip" else []) or texts)
    items = []
    for item in node:
        if isinstance(item, list) or item == {}:
            raise key.expected("a %s in each place of %s" % (ITEM_NAMES[name], key), ONE_A_LINE, "brackets in brackets")
        head = next(iter(item)) if isinstance(item, dict) else item
        if isinstance(item, dict) and (len(item), name, head) != (1, "env", "pip"):
            raise expected_text(item, name)
        if is_selected(head, platform):
            items.append(item)
    return items


def parse_run_with(block: "dict[Text, Node]", platform: Platform) -> "list[str]":
    """Return the words of the command: a string is split, a list is not."""
    if "run_with" not in block:
        return []
    key, node = find_key(block, "run_with"), block[Text("run_with")]
    items = [] if isinstance(node, Text) else find_items(block, "run_with", platform)
    words = split_words(refuse_operators(node)) if isinstance(node, Text) else list(map(str, items))
    start = key.line.find_start(key.at)
    hint = format_lines(start + "run_with: python") + ", or leave it out"
    if not words and isinstance(node, list):
        hint = format_lines(start + " - python", place="below this line, without a selector")
    return check_command(words, key, "run_with", platform, hint)


def check_command(words: "list[str]", place: Text, name: str, platform: str, hint: str) -> "list[str]":
    """Return the words of a command; raise Error for none, and for our own, which would run itself for ever."""
    if is_own_command(words):
        own = "leave %s out, or name what runs the script" % name
        raise place.expected("a command for conda-execute to run", own, "conda-execute itself")
    variable, equal, _ = words[0].partition("=") if words else ("", "", "")
    if equal and variable.isidentifier():
        start = place.line.find_start(place.at) + "run_with: " if name == "run_with" else "--run-with "
        command = "env " + " ".join(words) if name == "run_with" else format_shell(["env " + " ".join(words)])
        raise place.expected("a program for " + name, format_lines(start + command), quote(words[0]))
    if not words or not words[0] or not "".join(words).isprintable():
        found = quote(" ".join(words)) if "".join(words) else "none"
        raise place.expected("a command for %s, on one line" % platform, hint, found)
    return words


def add_given(options: "Mapping[str, str]", metadata: Metadata, platform: str, folder: str) -> None:
    """Add to what a script asks for what the command line does; a path in its command leads from a folder."""
    texts = options["with"].split("\0") if "with" in options else []
    specs = [parse_given(one, "--with") for one in texts]
    metadata.specs += [one for one in specs if one not in metadata.specs]
    if "run-with" in options:
        text = Text.of(options["run-with"], Line("--run-with", 1, options["run-with"]), 0)
        hint = 'write it like --run-with "python -i", or leave it out'
        words = check_command(split_words(refuse_operators(text)), text, "--run-with", platform, hint)
        metadata.run_with, metadata.folder, metadata.may_be_file, metadata.has_entrypoint = words, folder, True, False


def parse_date(text: Text) -> Text:
    """date := YYYY "-" MM "-" DD ("T" HH ":" MM ":" SS ("." digits)? ("Z" | ("+" | "-") HH ":" MM))?, as in RFC 3339"""
    shape = "".join("0" if c in "0123456789" else c for c in text.upper())
    zone = shape[20:].lstrip("0") if shape[19:21] == ".0" else shape[19:]
    hint = 'write it like "2026-11-01", or "2026-11-01T12:00:00Z": a day or a moment, not how long ago'
    try:
        find_cutoff(text)
        is_date = shape == "0000-00-00" or shape[:19] == "0000-00-00T00:00:00" and zone in ("Z", "+00:00", "-00:00")
    except (ValueError, OverflowError):
        is_date, hint = False, "write one that is in the calendar" if shape == "0000-00-00" else hint
    if not is_date:
        raise text.expected("a date for exclude-newer", hint)
    return text


def find_cutoff(date: str) -> str:
    """Return up to when a date lets packages be published, in UTC as RFC 3339 has it; of a day, up to its end.

    That is what a day means to pixi, to conda (conda/conda#15761), and to uv but for the zone, which is the machine's.

    >>> find_cutoff("2026-11-30"), find_cutoff("2026-11-01T01:00:00+02:00")
    ('2026-12-01T00:00:00Z', '2026-10-31T23:00:00Z')
    """
    from _datetime import datetime, timedelta  # type: ignore[import-not-found]  # which is all of it, and cheap

    moment, zone = datetime.fromisoformat(date[:19].upper()), date[-6:]
    if len(date) == 10:
        moment += timedelta(days=1)
    elif zone[0] in "+-":
        offset = datetime.fromisoformat("2000-01-01T" + zone[1:]) - datetime(2000, 1, 1)
        moment += -offset if zone[0] == "+" else offset
    return str(moment.isoformat()) + "Z"


def parse_keys(block: "dict[Text, Node]", platform: Platform) -> Metadata:
    """Return what the keys of a block ask for on a platform."""
    specs, pip = [], []
    for item in find_items(block, "env", platform):
        if isinstance(item, dict):
            pip.extend([parse_requirement(one) for one in find_items(item, "pip", platform)])
        else:
            specs.append(parse_spec(item))
    if not specs and not pip:
        key = find_key(block, "env")
        item = key.line.find_start(key.at) + " - python"
        hint = format_lines(item, place="below this line, without a selector")
        raise key.expected("a spec for %s under env" % platform, hint, "none")
    channels = parse_channels(find_items(block, "channels", platform))
    words, date = parse_run_with(block, platform), ""
    if "exclude-newer" in block:
        key, node = find_key(block, "exclude-newer"), block[Text("exclude-newer")]
        if not isinstance(node, Text) or not node:
            hint = format_lines(key.line.find_start(key.at) + "exclude-newer: 2026-11-01")
            raise key.expected("a date", hint, "a list" if node else "nothing")
        date = parse_date(node)
    fields = {"specs": specs, "pip": pip, "channels": channels, "run_with": words, "exclude_newer": date}
    return Metadata(dialect="conda-execute", may_be_file=bool(words), **fields)


def parse_conda_execute(lines: "list[Line]", path: str, platform: Platform) -> Metadata:
    """Return what a "# conda execute" block asks for on a platform."""
    block = parse_yaml(lines, is_block=True)
    check_keys(block, BLOCK_KEYS, "the block")
    if "env" not in block:
        start = lines[0].raw[: lines[0].margin] + " " * lines[0].indent
        hint = format_lines(start + "env:", start + " - python", place="above this line")
        raise lines[0].expected(lines[0].indent, "env, a list of match specs, in the block", hint, "none")
    return parse_keys(block, platform)


# ---- Tables --------------------------------------------------------------------------
# What PEP 723 and conda-script blocks mean, and the tables of other tools in them. Text in, value or
# Error out: no file, clock or engine.

TYPES: "dict[type, str]" = {dict: "a table", list: "a list", Text: "a string", str: "a string or number"}


def find_typed(table: "dict[Text, Node]", name: str, kind: "type") -> "Any":
    """Return the value of a key, of this type, or an empty one where there is none; a list is one of strings."""
    node = table.get(Text(name))
    if node is None:
        return kind()
    if not isinstance(node, kind) or kind is Text and not is_string(node):
        found = quote(node) if isinstance(node, Text) else TYPES[type(node)]
        hint = "write it in quotes" if kind is Text else 'write it as ["..."]' if kind is list else ""
        hint = hint or (format_table(find_key(table, name), node) if name.endswith("dependencies") else "")
        hint = hint or "write a line [...%s], and below it one key a line" % name
        raise find_key(table, name).expected("%s for %s" % (TYPES[kind], name), hint, found)
    for item in node if isinstance(node, list) else []:
        if not is_string(item):
            where, found = (item, "") if isinstance(item, Text) else (find_key(table, name), TYPES[type(item)])
            raise where.expected("strings in the list " + name, "write each in quotes", found)
    return node


def format_table(key: Text, node: "Node") -> str:
    """Return the hint to write the table that a key should be: with a row for each name in its text or list."""
    line, at = key.line.find(key.at)
    path = line.text[: line.text.find("=", at)].strip(" ") or key
    headers = [one.text.strip(" ")[1:-1] for one in key.line.lines if one.number < line.number and one.text[:1] == "["]
    rows = ["[%s]" % ".".join([*headers[-1:], path])]
    for item in filter(is_string, node if isinstance(node, list) else [node]):
        channel, _, spec = str(item).rpartition("::")
        name, version = split_off(spec)
        version = '"%s"' % (version.strip(" ").replace('"', "'") or "*")
        inner = '{ version = %s, channel = "%s" }' % (version, channel) if channel else version
        rows.append("%s = %s" % (name or "NAME", inner))
    rows += ['NAME = "*"'] * (len(rows) == 1)
    lines = [line.raw[: line.margin] + row for row in rows]
    return format_lines(*lines, place="at the end of the block, and leave this out")


def refuse_below(tables: "dict[Text, Node]", names: "Collection[str]") -> None:
    """Raise Error at a key of the top of a block that stands below the header of a table, and so became one of that."""
    for node in tables.values():
        for key in [one for one in node if one in names] if isinstance(node, dict) else ():
            line, at = key.line.find(key.at)
            headers = [one for one in key.line.lines[: key.line.lines.index(line)] if one.text[one.indent :][:1] == "["]
            if at == line.indent and headers:
                found = "it below " + quote(headers[-1].text.strip(" "))
                hint = "move it above line %d, where the first of these begins" % headers[0].number
                raise key.expected(key + " above the tables of the block", hint, found)
        if isinstance(node, dict):
            refuse_below(node, names)


def is_met(text: Text, platform: Platform) -> bool:
    """when := "__unix" | "__linux" | "__osx" | "__win" | ("__glibc" | "__cuda") (version ("," version)*)?"""
    selectors = find_selectors(platform)
    if text[:2] == "__" and text[2:] in SYSTEMS:
        return selectors[text[2:]]
    hint = "write __unix, __linux, __osx, __win, or __glibc or __cuda and versions"
    error = text.expected('a virtual package, such as "__cuda >=12"', hint)
    name, rest = split_off(text)
    if name not in ("__glibc", "__cuda"):
        raise error
    found = platform.find_version(name) if name == "__cuda" or selectors["linux"] else ""
    answer, numbers = bool(found), [int(part) for part in found.split(".") if is_number(part)]
    for term in "".join(rest.split()).split(",") if rest.strip() else []:
        operator, version = split_off(term, OPERATORS)
        parts = version.split(".")
        is_open = operator == "=" or parts[-1] == "*"  # what is found may go on where this ends
        parts = parts[: len(parts) - (parts[-1] == "*")]
        if operator not in ("", "=", "==", "!=", "<", "<=", ">", ">=") or not all(map(is_number, parts)):
            raise error
        size = len(parts) if is_open else max(len(parts), len(numbers))
        has, wanted = ((one + [0] * size)[:size] for one in (numbers, list(map(int, parts))))  # 2.28 is 2.28.0
        order = "=" if has == wanted else "<" if has < wanted else ">"
        answer = answer and order in (operator or "=").replace("!=", "<>")
    return answer


DEPENDENCY_KEYS = ("version", "build", "build-number", "channel", "subdir", "md5", "sha256", "when")


def parse_dependency(name: Text, table: "dict[Text, Node]", platform: Platform) -> str:
    """Return the spec of a dependency, as a person would write it, or "" where its "when" is not met."""
    hint = "url, extras and flags mean nothing to some engines, and nothing is built from source here"
    check_keys(table, DEPENDENCY_KEYS, "the dependency " + name, hint)
    when = find_typed(table, "when", Text)
    keys = []
    for key in ("build-number", "subdir", "md5", "sha256"):
        value = find_typed(table, key, str if key == "build-number" else Text)
        if value.strip(NAME_CHARACTERS + OPERATORS):
            raise value.expected("letters and digits for " + key)
        keys += ["%s='%s'" % (key.replace("-", "_"), value)] if value else []
    version, build, channel = (find_typed(table, key, Text) for key in ("version", "build", "channel"))
    words = [name, version or "*", build] if build else [name, version] if version.strip("*") else [name]
    spec = (channel + "::" if channel else "") + " ".join(words) + ("[%s]" % ",".join(keys) if keys else "")
    if split_off(name)[1] or build.split() != [build] * bool(build):
        channel, colons, package = name.rpartition("::")
        hint = 'give it as a key: %s = { channel = "%s" }' % (package, channel) if colons else ""
        raise name.expected("the name, version and build of one package", hint or "write one package a line")
    spec = parse_spec(Text.of(spec, name.line, name.at), is_build_sure=bool(build))
    return spec if not when or is_met(when, platform) else ""


def parse_pypi_dependency(name: Text, table: "dict[Text, Node]", platform: Platform) -> str:
    """Return the requirement of a dependency from PyPI, as a person would write it."""
    hint = 'a "# /// script" block alone has a place for that: "%s @ URL" or "%s ; MARKER" in dependencies'
    index = "name the index in pip.conf, and leave this out"
    check_keys(table, ("version", "extras"), "the PyPI dependency " + name, hint % (name, name), index=index)
    version, extras = find_typed(table, "version", Text), find_typed(table, "extras", list)
    if any(split_off(one)[1] or not one for one in [name, *extras]):
        raise name.expected("the name and the extras of one package", 'write it like rich = { extras = ["jupyter"] }')
    versions = version.strip().strip("*") and version
    for term in map(str.strip, versions.split(",") if versions else []):
        operator, rest = split_off(term, OPERATORS)
        if not operator or not rest or rest.strip(NAME_CHARACTERS + "+*! "):
            hint = 'write "==%s"' % version if version[:1].isdigit() else 'write it like ">=1.2,<2"'
            raise version.expected("versions as PEP 440 has them", hint)
    extra = "[%s]" % ",".join(extras) if extras else ""
    return parse_requirement(Text.of((name + extra + " " + versions).rstrip(), name.line, name.at))


def parse_dependencies(
    table: "dict[Text, Node]", name: str, parse: "Callable[[Text, Dict[Text, Node], Platform], str]", platform: Platform
) -> "dict[str, str]":
    """Return what a table of dependencies asks for, by names in one spelling; "" where it is not for a platform."""
    found: dict[str, str] = {}
    for key, node in find_typed(table, name, dict).items():
        plain = key.lower() if parse is parse_dependency else find_distribution(key)
        if plain in found:
            raise duplicate_key(key)
        inner = node if isinstance(node, dict) else {Text.of("version", key.line, key.at): node}
        found[plain] = parse(key, inner, platform)
    return found


# What the keys of pixi that we do not read would have changed.
PIXI_KEYS = {
    key: what
    for what, keys in {
        "which packages are taken": "channel-priority conda-pypi-map constraints exclude-newer preview "
        "pypi-exclude-newer pypi-options run-dependencies s3-options solve-strategy system-requirements",
        "how the script runs, and where": "activation environments feature platforms requires-pixi tasks",
        "what is built from source": "build-dependencies dev host-dependencies package",
        "what pixi shows of it": "authors description name version",
    }.items()
    for key in keys.split()
}


def check_pixi_keys(table: "dict[Text, Node]", known: "Collection[str]", where: str) -> None:
    """Refuse what pixi reads and we do not, and say what it would have changed."""
    hint = "leave it out, or run the script with pixi"
    hints = {key: "it would have changed %s: %s" % (what, hint) for key, what in PIXI_KEYS.items()}
    check_keys(table, known, where, hint, **hints, project='write "workspace"')


def parse_pixi(pixi: "dict[Text, Node]", platform: Platform) -> "tuple[list[str], list[str], list[str]]":
    """Return the specs, requirements and channels of [tool.pixi] on a platform.

    As in pixi, what is said of a package for fewer platforms stands in place of what is said of it for more.
    """
    check_pixi_keys(pixi, ("workspace", "dependencies", "pypi-dependencies", "target"), "[tool.pixi]")
    workspace, targets = find_typed(pixi, "workspace", dict), find_typed(pixi, "target", dict)
    check_pixi_keys(workspace, ("channels", "exclude-newer"), "[tool.pixi.workspace]")
    channels: list[str] = [*parse_channels(find_typed(workspace, "channels", list))]
    if "channels" in workspace and not channels:
        raise find_key(workspace, "channels").expected("a channel", "name one, or leave channels out", "none")
    chosen = find_for_platform(targets, "[tool.pixi.target]", platform)
    specs: dict[str, str] = {}
    pip: dict[str, str] = {}
    for key in ["", *(key for key in targets if key not in chosen), *chosen]:
        table = find_typed(targets, key, dict) if key else pixi
        if key:
            check_pixi_keys(table, ("dependencies", "pypi-dependencies"), "[tool.pixi.target.%s]" % key)
        found = parse_dependencies(table, "dependencies", parse_dependency, platform)
        found_pip = parse_dependencies(table, "pypi-dependencies", parse_pypi_dependency, platform)
        if not key or key in chosen:
            specs.update(found)
            pip.update(found_pip)
    return list(filter(None, specs.values())), list(pip.values()), channels and find_all_channels(channels)


# Keys of uv that say where a package comes from, and such as narrow its versions.
UV_SOURCES = ("sources", "index", "index-url", "extra-index-url", "find-links", "no-index")
UV_VERSIONS = (
    "constraint-dependencies", "override-dependencies", "exclude-dependencies", "prerelease", "resolution",
    "exclude-newer-package",
)  # fmt: skip


def is_read(path: "list[Text]") -> bool:
    """Answer whether a path of a block is one that we look at, to refuse it if it is nearly ours: others are theirs."""
    if path[:1] != ["tool"] or not path[1:]:
        return True
    if path[1] == "uv":
        others = ("exclude-newer", "requires-python", "dependencies")
        return not path[2:] or path[2] in (*UV_SOURCES, *UV_VERSIONS, *others)
    return path[1].lower().replace("_", "-") in ("conda", "pixi", "uv", "conda-exec", "conda-execute", "condaexecute")


def check_uv(uv: "dict[Text, Node]") -> "list[str]":
    """Refuse what [tool.uv] says of where packages come from; return what is to be told of what it says else."""
    said = [key for key, node in uv.items() if key != "exclude-newer" and node and node != "false"]
    for key in said:
        if key in UV_SOURCES:
            raise key.expected("no other source of packages in [tool.uv]", UV_HINT)
    if not said:
        return []
    line, _ = said[0].line.find(said[0].at)
    what = "%s:%d: of [tool.uv] this is not read, by which uv may take other versions: %s"
    return [what % (line.path, line.number, ", ".join(said))]


def parse_tools(block: "dict[Text, Node]", dialect: str, platform: Platform) -> "tuple[dict[Text, Node], Metadata]":
    """Return the tables of tools, and what those of pixi and uv ask for."""
    tools = find_typed(block, "tool", dict)
    check_keys(tools, ("conda", "pixi", "uv"), "tool")
    first, *others = [name for name in tools if name != "uv"] or [""]
    if others:
        found = quote("[tool.%s]" % others[0])
        raise others[0].expected("one table of conda's packages", "merge it into [tool.%s]" % first, found)
    pixi, uv = find_typed(tools, "pixi", dict), find_typed(tools, "uv", dict)
    specs, pip, channels = parse_pixi(pixi, platform)
    tables = [one for one in (find_typed(pixi, "workspace", dict), uv) if "exclude-newer" in one]
    date, *dates = [parse_date(find_typed(one, "exclude-newer", Text)) for one in tables] or [Text()]
    if dates and dates[0] != date:
        raise dates[0].expected("one date", "remove this line, or write the same date in both tables")
    asked = {"specs": specs, "pip": pip, "channels": channels, "notes": check_uv(uv), "exclude_newer": date}
    return tools, Metadata(dialect=dialect, **asked)


PYTHONS = ("python", "pypy", "graalpy", "py", "pyw")
# Options of runners that say of packages what the block does not.
RUNNER_OPTIONS = ("--with", "--spec", "--index", "--extra-index", "--default-index", "--find-links", "--no-index")
TOP_HINT = "leave it out: it changes nothing for a script"
UV_HINT = 'write "NAME @ URL" in dependencies, or name an index in pip.conf, and leave this out: '
UV_HINT += "the bare name would be asked of PyPI, where anybody can register it"
TOP_HINTS = {
    **dict.fromkeys(UV_SOURCES, UV_HINT),
    **{key: 'write "tool.%s"' % key for key in ("conda", "pixi", "uv")},
    **{key: 'write "tool.pixi.%s"' % key for key in ("workspace", "target", "pypi-dependencies", "constraints")},
    **dict.fromkeys(("project", "run", "script"), "write what stands in it at the top of the block, without this line"),
    "pip": 'write "dependencies"',
    "channels": "write it below a line [tool.conda]",
    "exclude-newer": "write it below a line [tool.uv]",
    "entrypoint": "leave it out, or begin the block with /// conda-script",
    "run_with": "leave it out: the shebang says what runs the script",
    "requires-python": 'write python = ">=3.9" below a line [dependencies]',
}


def find_python_command(block: "list[Line]", data: bytes, path: str) -> "list[str]":
    """Return the words that run a script with a PEP 723 block; refuse one of another language."""
    words, suffix = parse_shebang(data, path), os.path.splitext(path)[1].lower()
    hint = 'a "# /// script" block is for Python: write "#!/usr/bin/env python", or a "# conda execute" block'
    first = read_raw(path, 1, strip_mark(data).split(b"\n", 1)[0].rstrip())
    if not words:
        if path.lower().endswith(sum(MARKERS.values(), ())) or SUFFIXES.get(suffix, "python") != "python":
            raise [*block, first][0].expected(0, "a script of Python around this block", hint, "one called *" + suffix)
        return ["python"]
    if is_own_command(words):
        return ["python"]
    every = [part for word in words for part in word.split()]
    names = [find_program_name(part).lower() for part in every]
    if not any("python" in name or name.rstrip("0123456789.") in PYTHONS + RUNNERS for name in names):
        raise first.expected(0, "a shebang of python, or of what reads such blocks", hint)
    is_runner = any(a == "-m" and b in RUNNERS for a, b in zip(every, every[1:]))
    if "python" in find_program_name(words[find_program_index(words)]).lower() and not is_runner:
        return words
    for strange in (one for one in every if one.startswith(RUNNER_OPTIONS)):
        hint = "write in the block what it names, and leave it out"
        raise first.expected(max(0, first.text.find(strange)), "packages and indexes in the block alone", hint)
    return ["python"]


def parse_pep_723(lines: "list[Line]", data: bytes, path: str, platform: Platform) -> Metadata:
    """Return what a "# /// script" block asks for."""
    block = parse_toml(lines, is_read)
    check_keys(block, ("requires-python", "dependencies", "tool"), "the block", TOP_HINT, **TOP_HINTS)
    refuse_below(block, {"requires-python"} - {*block})
    refuse_below({key: node for key, node in find_typed(block, "tool", dict).items() if key == "uv"}, {"dependencies"})
    tools, metadata = parse_tools(block, "pep723", platform)
    conda = find_typed(tools, "conda", dict)
    check_keys(conda, ("dependencies", "channels"), "[tool.conda]", "leave it out")
    specs = metadata.specs = [*metadata.specs, *map(parse_spec, find_typed(conda, "dependencies", list))]
    python = parse_requires_python(find_typed(block, "requires-python", Text))
    if python not in specs and (python != "python" or "python" not in map(find_package, specs)):
        specs.insert(0, python)
    metadata.pip = [*map(parse_requirement, find_typed(block, "dependencies", list)), *metadata.pip]
    metadata.channels += parse_channels(find_typed(conda, "channels", list))
    metadata.run_with = find_python_command(lines, data, path)
    return metadata


def find_entrypoint(block: "dict[Text, Node]", platform: Platform) -> Text:
    """Return the entrypoint for a platform: of several the one that is said of the fewest."""
    node: Any = block[Text("entrypoint")]
    if not isinstance(node, dict):
        return find_typed(block, "entrypoint", Text)  # type: ignore[no-any-return]
    names = find_for_platform(node, "entrypoint", platform)
    if not names:
        raise find_key(block, "entrypoint").expected("an entrypoint for " + platform, "add one", "none")
    return find_typed(node, names[-1], Text)  # type: ignore[no-any-return]


def parse_conda_script(lines: "list[Line]", path: str, platform: Platform) -> Metadata:
    """Return what a "/// conda-script" block asks for on a platform; it has its channels alone."""
    block = parse_toml(lines, is_read)
    check_keys(block, ("channels", "entrypoint", "dependencies", "tool"), "the block", TOP_HINT, **TOP_HINTS)
    refuse_below(block, {"channels", "entrypoint"} - {*block})
    for key, example in (("channels", '["conda-forge"]'), ("entrypoint", '"python ${SCRIPT}"')):
        if not block.get(Text(key)):
            raise Error("expected %s in the block, found none" % key, path, hint="write %s = %s" % (key, example))
    channels = find_all_channels(parse_channels(find_typed(block, "channels", list)))
    entrypoint = find_entrypoint(block, platform)
    parse_commands(entrypoint, 0, 0)
    if entrypoint in SUFFIXES.values():
        hint = format_items(entrypoint, [entrypoint + " ${SCRIPT}"])
        raise entrypoint.expected("a script behind " + entrypoint, hint)
    tools, metadata = parse_tools(block, "conda-script", platform)
    workspace = find_typed(find_typed(tools, "pixi", dict), "workspace", dict)
    for table, name in ((tools, "conda"), (workspace, "channels")):
        if name in table:
            hint = "write channels at the top of the block, packages below [dependencies]"
            raise find_key(table, name).expected("channels and packages where a conda-script has them", hint)
    specs = parse_dependencies(block, "dependencies", parse_dependency, platform)
    metadata.specs = [*filter(None, specs.values()), *metadata.specs]
    if not metadata.specs and not metadata.pip:
        hint = 'write [dependencies] and below it NAME = "*"'
        raise Error("expected a dependency for %s, found none" % platform, path, hint=hint)
    metadata.channels, metadata.run_with = channels, [str(entrypoint)]
    metadata.has_entrypoint = True
    if "${SCRIPT}" not in entrypoint:
        metadata.notes = [*metadata.notes, path + ": its entrypoint has no ${SCRIPT}, and so does not name the script"]
    return metadata


# ---- Environment files ---------------------------------------------------------------
# What environment.yml and requirements.txt ask for, and the block that says the same; from a script of any dialect
# to its metadata. Knows no command line.

YAML_SUFFIXES = (".yml", ".yaml")
FLOW_LEVELS = 1  # "dependencies: [python, {pip: [rich]}]"


def list_lines(data: bytes, path: str) -> "list[Line]":
    """Return the lines of a file that are not blank."""
    raws = strip_mark(data).split(b"\n")
    lines = [read_line(path, number, raw.rstrip(b"\r")) for number, raw in enumerate(raws, 1)]
    return [line for line in lines if not line.is_blank]


def parse_environment(data: bytes, path: str) -> Metadata:
    """Return what an environment.yml asks for; an environment of ours has no name or place of its own."""
    lines = list_lines(data, path)
    while lines and (lines[0].text[0] == "%" or lines[0].text.split(" #")[0].rstrip() == "---"):  # "%YAML 1.2"
        del lines[0]
    found = parse_yaml(lines[: -1 if lines and lines[-1].text.rstrip() == "..." else None], deeper=FLOW_LEVELS)
    known, hint = ("name", "prefix", "channels", "dependencies"), "leave it out: a block has nothing like it"
    check_keys(found, known, "a conda environment file", hint, variables=hint + ", but the script can set them")
    if not found.get(Text("dependencies")):
        message = "expected dependencies in a conda environment file, found none"
        raise Error(message, path, hint='write "dependencies:" and "  - python" on two lines of their own')
    key = find_key(found, "dependencies")
    block = {**{one: node for one, node in found.items() if node}, Text.of("env", key.line, key.at): found[key]}
    metadata = parse_keys(block, Platform())
    metadata.dialect = ""
    return metadata


def parse_requirements(data: bytes, path: str) -> Metadata:
    """Return what a requirements.txt asks for, which has more than requirements: options of pip, hashes."""
    pip = []
    for line in list_lines(data, path):
        text = Text.of(line.text.partition(" #")[0].strip(), line, line.indent)
        if text[0] != "-" and (" --" in text or text.endswith("\\")):
            raise text.expected("a PyPI requirement on one line", OPTION_HINTS["--hash"])
        pip.append(parse_requirement(text))
    return Metadata(dialect="", specs=["python"], pip=pip, channels=[], run_with=[])


def format_item(text: str) -> str:
    """Return text as YAML has it, in quotes where it would not be that text without.

    >>> format_item("rich >=13"), format_item("it's: x")
    ('rich >=13', "'it''s: x'")
    """
    is_plain = text[0] not in "&*!|>%@`'\"{}[],#?:-" and not (": " in text or " #" in text or text.endswith(":"))
    return text if is_plain else "'%s'" % text.replace("'", "''")


def format_block(metadata: Metadata) -> "list[str]":
    """Return the lines of a block that asks for the same, as comments of a script."""
    lines = ["conda execute", "env:", *(" - " + format_item(one) for one in metadata.specs)]
    lines += [" - pip:"] * bool(metadata.pip) + ["    - " + format_item(one) for one in metadata.pip]
    lines += ["channels:"] * bool(metadata.channels) + [" - " + format_item(one) for one in metadata.channels]
    return ["# " + line for line in lines]


def refuse_environment_file(data: bytes, path: str) -> None:
    """Raise Error for a list of packages that is no script, with the block that says the same if there is one."""
    name, keys = path.lower(), [raw.partition(b":")[0].rstrip().strip(b"'\"\xef\xbb\xbf") for raw in data.split(b"\n")]
    hint = "in a script, this is:"
    if find_encoding(data) != "UTF-8":  # which has been told
        return
    is_yaml = name.endswith(YAML_SUFFIXES) or keys[0] in (b"name", b"channels", b"dependencies")
    has_list = {b"dependencies", b" dependencies"} & set(keys)  # one blank too deep: inner keys are deeper
    if is_yaml and (has_list or os.path.basename(name).startswith("environment.")):
        parse, kind = parse_environment, "a conda environment file"
        hint = '"conda-tmpenv create --file FILE" makes its environment; ' + hint
    elif name.endswith((".txt", ".in")) and "requirements" in "/".join(name.split(os.sep)[-2:]) and data.strip():
        parse, kind = parse_requirements, "a list of PyPI requirements"
    else:
        return
    try:
        block = format_block(parse(data, path))
    except Error as e:
        e.message = "expected a script, found %s, of which no block can be made: %s" % (kind, e.message)
        raise
    raise Error("expected a script, found " + kind, path, hint="\n  ".join([hint, *block]))


def parse_metadata(
    data: bytes, path: str, subdir: str, find_version: "Callable[[str], str]" = lambda name: ""
) -> Metadata:
    """Return what the script's block asks for on a platform, such as "linux-64".

    `find_version` is asked for the machine's "__glibc" or "__cuda", where the block depends on it.
    """
    try:
        (dialect, lines), platform = find_block(data, path), Platform(subdir)
    except Error:
        refuse_environment_file(data, path)
        raise
    platform.find_version = find_version
    if dialect == "pep723":
        return parse_pep_723(lines, data, path, platform)
    if dialect == "conda-script":
        return parse_conda_script(lines, path, platform)
    return parse_conda_execute(lines, path, platform)


# ---- Name ----------------------------------------------------------------------------
# The name of an environment: equal metadata, equal name. Knows no file, clock or machine.


def join_words(text: str) -> str:
    """Return a text with one space in place of several."""
    return " ".join(text.split())


def unify(spec: str) -> str:
    """Return a spec with one space in place of several, and in front of an operator behind its name.

    >>> unify("conda-forge::python>=3,  <4")
    'conda-forge::python >=3, <4'
    """
    channel, colons, rest = join_words(spec).rpartition("::")
    name, version = split_off(rest)
    return channel + colons + name + " " * version.startswith(tuple(OPERATORS)) + version


def find_name(
    specs: "Iterable[str]", pip: "Iterable[str]" = (), channels: "Iterable[str]" = (), date: str = "", lock: str = ""
) -> str:
    """Return the 20 hex digits that name the environment; of a lock, its SHA-256 counts.

    >>> find_name(["python >=3", "numpy"])
    'ea977067a8fbeb21a594'
    """
    lines = sorted(set(map(unify, specs)))
    lines += ["pip:", *sorted(set(map(join_words, pip)))] if pip else []
    lines += ["channels:", *channels] if channels else []
    lines += ["exclude-newer:" + date] if date else []
    lines += ["lock:" + lock] if lock else []
    return str(sha256("\n".join(lines).encode("utf-8")).hexdigest()[:20])


def name_metadata(metadata: Metadata) -> str:
    """Return the name of the environment of what a script asks for."""
    lock = metadata.lock.digest if metadata.lock else ""
    return find_name(metadata.specs, metadata.pip, metadata.channels, metadata.exclude_newer, lock)


def find_assumed(subdir: str, environ: "Environ") -> "dict[str, str]":
    """Return the versions of the virtual packages that a machine of another platform is taken to have."""
    usual = VIRTUAL_PACKAGES.get(subdir.split("-")[0], {"__unix": "0"})
    return {name: environ.get("CONDA_OVERRIDE" + name[1:].upper(), version).strip() for name, version in usual.items()}


def is_hex(text: str, length: int) -> bool:
    """Answer whether a name is a hash of so many digits."""
    return len(text) == length and not text.strip("0123456789abcdef")


# ---- Locks ---------------------------------------------------------------------------
# What a lock says, which stock conda restores as well (CEP 23), and whether it still holds. Knows no file.

LOCK_TITLE = "conda-execute lock: the same packages again, here or by: conda create --prefix PREFIX --file THIS"
LOCK_LIMIT_BYTES = 10 << 20
PINS = ("# pip:", "# pip ")
EXPLICIT = "@EXPLICIT"
LOCK_PLACE = "a lock lies beside a script: of what comes by -c, standard input or a URL there is none"
LOCK_HINT = "conda-execute --lock SCRIPT writes it anew, --no-lock looks past it"


class Package(Fields):
    """A package of a lock: where it was, what its file is called, and the hash of that."""

    url: Text
    file: str
    stem: str  # of the file's name, which a cache calls the unpacked package
    algorithm: str  # "sha256" or "md5"
    digest: str

    @property
    def name(self) -> str:
        return self.stem.rsplit("-", 2)[0].lower()


class LockFile:
    """A lock: `head` has what its comments say, by key; `packages` and `pip` are what parse_lock() finds."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data, self.digest = path, data, sha256(data).hexdigest()
        self.packages: list[Package] = []
        self.pip: list[Text] = []  # requirements with their hashes, as pip reads them from a file
        self.head: dict[str, Text] = {}
        if len(data) >= LOCK_LIMIT_BYTES:
            raise self.expected("a lock below %d MiB" % (LOCK_LIMIT_BYTES >> 20), "more")
        head = (b"\n" + data).partition(b"\n" + EXPLICIT.encode())[0]
        for number, raw in enumerate(head.split(b"\n")):
            key, colon, value = raw.decode("utf-8", "replace").partition(":")
            if colon and key[:1] == "#":
                line = Line(path, number, key + colon + value)
                self.head[key.strip("# ")] = Text.of(value.strip(), line, len(line.raw) - len(value.lstrip()))

    def expected(self, what: str, found: str, key: str = "", hint: str = "") -> Error:
        """Return an Error that points at what the lock says by a key, or at its first line."""
        at = self.head.get(key) or Text.of("", read_raw(self.path, 1, self.data[:1000].split(b"\n", 1)[0]), 0)
        return at.expected(what, hint + LOCK_HINT, found)

    def find_listed(self, key: str) -> "list[str]":
        """Return what a comment lists, nothing where there is none."""
        text = self.head.get(key)
        if not text or not text.startswith("["):
            return []
        line = Line(self.path, text.line.number, text.line.raw, text.at)
        return list(map(str, parse_flow(Document([line]), 0)[0]))


def check_lock(lock: LockFile, metadata: Metadata, platform: str) -> None:
    """Raise Error unless a lock is of this platform, and of what a script asks for today."""
    for key, value in (("platform", platform), ("metadata", metadata.name)):
        if not lock.head.get(key):
            what, hint = '"# %s: %s" above %s' % (key, value, EXPLICIT), "write it if another program made the lock; "
            raise lock.expected(what, "none", hint=hint)
    if lock.head["platform"] != platform:
        raise lock.expected("a lock for " + platform, quote(lock.head["platform"]), "platform")
    if lock.head["metadata"] != metadata.name:
        what = "the lock of what the script asks for today (%s)" % metadata.name
        raise lock.expected(what, find_difference(lock, metadata), "metadata")


def find_asked(metadata: Metadata) -> "dict[str, list[str]]":
    """Return what a script asks for, by the keys of the head of a lock, without secrets."""
    date = [metadata.exclude_newer] if metadata.exclude_newer else []
    asked = {"env": metadata.specs, "requirements": metadata.pip, "channels": metadata.channels, "exclude-newer": date}
    return {key: list(map(mask, items)) for key, items in asked.items()}


def find_difference(lock: LockFile, metadata: Metadata) -> str:
    """Return what a lock is of where that is not what a script asks for today: "+" came since, "-" went."""
    asked, changes = find_asked(metadata), []
    for key, items in asked.items() if set(asked) & set(lock.head) else ():
        kind, tidy = ("", unify) if key == "env" else (key + " ", join_words)
        then, now = set(map(tidy, lock.find_listed(key))), set(map(tidy, items))
        changes += ["+ " + kind + one for one in sorted(now - then)] + ["- " + kind + one for one in sorted(then - now)]
    if not changes and "channels" in lock.head and lock.find_listed("channels") != asked["channels"]:
        changes = ["channels in another order"]
    return "an older one (%s)" % ", ".join(changes) if changes else "that of " + quote(lock.head["metadata"])


def parse_lock(lock: LockFile, platform: str) -> None:
    """Find the packages and requirements of a lock; raise Error at the first line that is none."""
    rows, names, is_explicit = lock.data.split(b"\n"), set(), False
    lock.packages, lock.pip = [], []
    for number, raw in enumerate(rows, 1):
        if raw.endswith(b"\r"):
            line = read_raw(lock.path, number, raw)
            hint = 'save it so; "*.lock -text" in .gitattributes keeps git from changing them'
            raise line.expected(len(line.text) - 1, "lines that end as on Unix", hint, "a Windows line end")
        line = read_line(lock.path, number, raw)
        text = Text.of(line.text.strip(" "), line, line.indent)
        if number == len(rows) and raw:
            raise text.expected("an end of the line", LOCK_HINT, "the end of the file")
        if text.startswith(PINS):
            lock.pip.append(parse_pin(text))
        elif text == EXPLICIT and not is_explicit:
            is_explicit = True
        elif not line.is_blank:
            package = parse_package(text, platform)
            if not is_explicit or package.name in names:
                what = "one %s" % package.name if is_explicit else '"%s" above the packages' % EXPLICIT
                raise text.expected(what, LOCK_HINT)
            names.add(package.name)
            lock.packages.append(package)
    if not lock.packages:
        raise Text.of("", line, 0).expected('"%s" and packages below it' % EXPLICIT, LOCK_HINT, "the end of the file")


def check_whole(lock: LockFile, metadata: Metadata) -> None:
    """Raise Error where a lock lacks what its script names: it was cut, or is of something else."""
    packages, pins = {one.name for one in lock.packages}, set(map(find_distribution, lock.pip))
    met = {*pins, *map(find_distribution, lock.find_listed("satisfied"))}
    lacking = [one for one in metadata.specs if find_package(one) not in packages and one[:2] != "__"]
    lacking += [one for one in metadata.pip if find_distribution(one) not in met and ";" not in one]
    lacking += ["pip"] if pins and "pip" not in packages else []
    if lacking:
        raise lock.expected("a package for all that the script asks for", "none for " + quote(lacking[0]))


def parse_package(text: Text, platform: str) -> Package:
    """package := URL "#" (MD5 | "sha256:"? SHA256)"""
    url, _, found = text.partition("#")
    digest = found[7:] if found.startswith("sha256:") else found
    algorithm = "sha256" if is_hex(digest, 64) else "md5" if is_hex(found, 32) else ""
    folder, _, file = url.rpartition("/")
    stem = file[: -len(".conda" if file.endswith(".conda") else ".tar.bz2")]
    is_file = file.endswith((".conda", ".tar.bz2")) and stem.count("-") > 1
    if not url.startswith(("https://", "http://", "file:///")) or not is_file or set(url) & set(" ?\\\"'"):
        raise text.expected("the URL of a package", LOCK_HINT)
    if folder.rpartition("/")[2] not in (platform, "noarch"):
        raise text.expected("a package for %s or noarch" % platform, LOCK_HINT)
    if not algorithm:
        raise text.line.expected(text.at + len(url), "the hash of the package", LOCK_HINT)
    learn_secrets([url])
    url = Text.of(url, text.line, text.at)
    return Package(url=url, file=file, stem=stem, algorithm=algorithm, digest=digest)


def parse_pin(text: Text) -> Text:
    """pin := "# pip" ":"? (REQUIREMENT (" --hash=sha256:" SHA256)+ | NAME " @ " URL "#sha256=" SHA256)

    The latter is conda-lock's.
    """
    requirement, *hashes = text[len("# pip:") :].split(" --hash=")
    try:
        named = parse_requirement(Text.of(requirement.strip(), text.line, text.at))
    except Error:
        named = Text()
    found = hashes or ["sha256:" + named.partition(" @ ")[2].rpartition("#sha256=")[2]]
    if not named or " -" in named or not all(one[:7] == "sha256:" and is_hex(one[7:], 64) for one in found):
        raise text.expected('a requirement with hashes such as "--hash=sha256:..." behind it, and no option', LOCK_HINT)
    return Text.of(" --hash=".join([named, *hashes]), text.line, text.at)


def format_flow(items: "Iterable[str]") -> str:
    r"""Return a list as YAML has it on one line.

    >>> format_flow(["python >=3", "numpy[version='1']"])
    '[python >=3, "numpy[version=\'1\']"]'
    """
    words = []
    for item in items:
        is_plain = not item.strip(VERSION_CHARACTERS.replace(",", "")) and item[:1].isalnum()
        words.append(item if is_plain else '"%s"' % item.replace("\\", r"\\").replace('"', r"\""))
    return "[%s]" % ", ".join(words)


def format_lock(metadata: Metadata, engine: str, platform: str, packages: "list[str]", pins: "list[str]") -> bytes:
    """Return the text of a lock whose packages are URLs with hashes, in the order in which they can be linked."""
    asked = ["%s: %s" % (key, format_flow(items)) for key, items in find_asked(metadata).items() if items]
    head = [LOCK_TITLE, "platform: " + platform, "metadata: " + metadata.name, *asked, "engine: " + engine]
    head.append("created: " + time.strftime("%Y-%m-%d", time.gmtime()))
    named, pinned = set(map(find_distribution, metadata.pip)), set(map(find_distribution, pins))
    satisfied = [one for one in metadata.pip if find_distribution(one) not in pinned]
    head += ["satisfied: " + format_flow(satisfied)] if satisfied else []  # by the packages, or not asked for here
    pins = sorted(pins, key=lambda pin: find_distribution(pin) in named)  # so that check_whole() misses what is cut off
    lines = [*("# " + one for one in head), EXPLICIT, *packages, *("# pip: " + one for one in pins)]
    return ("\n".join(lines) + "\n").encode("utf-8")


# ---- Folders -------------------------------------------------------------------------
# Files and folders: who can write to them, reading and deleting them, having them on the disk; where a prefix has
# its programs, and how this file is started anew. Knows nothing of env-dir.

# What file systems put into a folder by themselves.
OF_FILE_SYSTEMS = ("lost+found", ".snapshot", ".snapshots", ".zfs")
OF_FILE_SYSTEMS_TOO = (".nfs", ".fuse_hidden")  # and a number
OWN_FOLDER = "name a folder of yours: env-dir under conda-execute: in ~/.condarc, or CONDA_EXECUTE_ENV_DIR"


def list_files(folder: str, *suffixes: str) -> "list[str]":
    """Return what lies in a folder, sorted, those with these suffixes; nothing where there is no folder."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(suffixes or "")]
    except OSError:
        return []


def list_names(folder: str) -> "list[str]":
    """Return the names in a folder, sorted; none where there is no folder, or a link to one."""
    return [] if os.path.islink(folder) else [os.path.basename(path) for path in list_files(folder)]


def make_folder(path: str) -> None:
    """Create a folder, and those above it, that only the user may write to, whatever the umask."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path) or os.curdir)
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            if not os.path.isdir(path):
                raise


def write_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a file, and have it on the disk; unless `mode` says else only the user may write to it."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a file at once and have it on the disk, or leave what is there; raise OSError."""
    folder, name = os.path.split(path)
    part = os.path.join(folder, ".%s.%s.part" % (name, os.urandom(4).hex()))  # other hosts may do the same
    try:
        write_file(part, content, mode)
        os.replace(part, path)
    except OSError as e:
        try_to(os.unlink, part)
        raise OSError(e.errno, e.strerror, path) from None


def read_status(path: str) -> "os.stat_result | None":
    """Return what lstat(2) says of a path; None where it cannot be looked at."""
    try:
        return os.lstat(path)
    except OSError:
        return None


def read_time(path: str, otherwise: float) -> float:
    """Return when a file was changed last, in s; what else counts where it cannot be looked at."""
    found = read_status(path)
    return found.st_mtime if found else otherwise


def read_head(path: str, size: int = -1) -> bytes:
    """Return what a file begins with, or all of it; nothing where it cannot be read."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb", 0) as f:  # a pipe might never end
            return f.read(size) or b""
    except OSError:
        return b""


def format_user(uid: int) -> str:
    """Return "NAME (UID)", or the number alone of a user without name."""
    try:
        import pwd

        return "%s (%d)" % (pwd.getpwuid(uid).pw_name, uid)
    except (ImportError, KeyError):
        return str(uid)


def is_private(path: str, gid: int) -> bool:
    """Answer whether a path's group is the one that many systems give each user, and no access list lets others in."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(gid)
        lists = os.listxattr(path) if hasattr(os, "listxattr") else []  # acl(5)
    except (KeyError, OSError):
        return False
    is_own = user.pw_gid == gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return is_own and "system.posix_acl_access" not in lists


def unreadable(path: str, what: str) -> Error:
    """Return the Error for what root, or another, has made for himself alone, or for a folder above it."""
    mode = "-R a+rX" if os.path.lexists(path) else "a+x"
    while not os.path.lexists(path):
        path, what = os.path.dirname(path), "a folder"
    hint = 'have its owner write "chmod %s %s", or %s' % (mode, path, OWN_FOLDER)
    return Error("expected %s that you may read, found: Permission denied" % what, path, hint=hint)


def check_folder(path: str, what: str, link_too: bool = False) -> None:
    """Refuse a folder, or a file, in which others could leave what we would run; one that is not there is fine."""
    try:
        found = os.stat(path) if link_too else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:  # of a folder above it
        raise unreadable(path, what) from None
    hint = OWN_FOLDER
    if found.st_mode & 0o170000 == 0o120000:
        text, hint = "a link to " + quote(os.readlink(path)), "remove the link, or " + OWN_FOLDER
    elif not hasattr(os, "geteuid"):
        return
    elif found.st_uid not in (0, os.geteuid()):
        text = "one of user " + format_user(found.st_uid)
    elif found.st_mode & 0o002 or found.st_mode & 0o020 and not is_private(path, found.st_gid):
        text = "one that %s may write to" % ("anyone" if found.st_mode & 0o002 else "its group")
        if found.st_uid == os.geteuid() and not found.st_mode & 0o1000:  # sticky: everybody's, as /tmp is
            hint = 'write "chmod -R go-w %s" if nobody else had a reason to write there, or %s' % (path, OWN_FOLDER)
    elif not os.access(path, os.R_OK):
        raise unreadable(path, what)
    else:
        return
    if found.st_mode & 0o022 == 0o020 and link_too:  # a store of a group
        hint += "; to give each of a group one of his own in there: env-dir: %s/$USER" % path
    raise Error("expected %s of yours or root's, found %s" % (what, text), path, hint=hint)


def is_noexec(path: str) -> bool:
    """Answer whether no program may run from the file system that a path is on: see mount(8)."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_NOEXEC)
    except (OSError, AttributeError):  # not there; Windows, and macOS, which has no such flag
        return False


def read_mounts() -> "Iterator[tuple[str, str, list[str]]]":
    """Yield where each file system is mounted, its type and its options, as proc_pid_mountinfo(5) has them."""
    for line in read_head("/proc/self/mountinfo").split(b"\n")[:-1]:
        fields, _, behind = line.partition(b" - ")
        place, options = fields.split(b" ")[4:6]
        for code in (b"\\040", b"\\011", b"\\012", b"\\134") if b"\\" in place else ():
            place = place.replace(code, bytes([int(code[1:], 8)]))
        kind, _, more = behind.split(b" ", 2)
        yield os.fsdecode(place), os.fsdecode(kind), os.fsdecode(options + b"," + more).split(",")


def check_no_mount(path: str) -> None:
    """Raise OSError where a file system is mounted at or below a folder: what is in that is not ours to delete."""
    import errno

    start = os.path.realpath(path) + "/"
    for place, _, _ in read_mounts():
        if (place + "/").startswith(start):
            raise OSError(errno.EBUSY, "a file system is mounted at " + printable(place), path)


def remove_tree(path: str) -> None:
    """Delete a folder with all that is in it; raise OSError for what cannot be, once all else is gone."""
    check_no_mount(path)
    folders, causes = [path], []
    for folder in folders:  # which grows: parents before what is in them
        try_to(os.chmod, folder, 0o700)  # packages may have folders that nobody may write to
        try:
            with os.scandir(folder) as entries:
                inner = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError as e:
            causes += [] if isinstance(e, FileNotFoundError) else [e]  # another one deletes it too
            continue
        folders += [one for one, is_dir in inner if is_dir]
        causes += filter(None, [try_to(os.unlink, one) for one, is_dir in inner if not is_dir])
    causes += filter(None, [try_to(os.rmdir, folder) for folder in reversed(folders)])
    if causes:
        raise causes[0]


def try_to(act: "Callable[..., object]", *given: object) -> "OSError | None":
    """Do what need not succeed; return why it did not, or None, also where there is no file of the name."""
    try:
        act(*given)
    except OSError as e:
        return None if isinstance(e, FileNotFoundError) else e
    return None


def find_size(folder: str) -> int:
    """Return how many bytes lie below a folder; files shared with others by hard links count too."""
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sum(found.st_size for found in map(read_status, paths) if found)


def is_gone(path: str) -> bool:
    """Answer whether there is nothing of this name, which no other failure to look tells."""
    try:
        os.lstat(path)
    except OSError as e:
        return isinstance(e, (FileNotFoundError, NotADirectoryError))
    return False


def sync_disks(folders: "Iterable[str]") -> None:
    """Have on their disks what was written to the file systems of some folders: syncfs(2), else sync(2)."""
    import errno

    try:
        import ctypes

        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (ImportError, OSError, AttributeError, TypeError):  # a Python that was built without ctypes; macOS; Windows
        if hasattr(os, "sync"):
            os.sync()
        return
    synced = set()
    for folder in folders:
        try:
            fd = os.open(folder, os.O_RDONLY)
        except OSError:  # not there, or not ours to read, and so not written to by us
            continue
        device = os.fstat(fd).st_dev
        code = ctypes.get_errno() if device not in synced and syncfs(fd) else 0
        synced.add(device)
        os.close(fd)
        if code in (errno.ENOSYS, errno.EPERM, errno.EINVAL):  # of an old kernel, or of seccomp
            os.sync()
        elif code:
            raise OSError(code, os.strerror(code), folder)


# Starts a file as a script, from byte code where an import has left some: to compile this one takes 0.1 s.
AS_SCRIPT = "import sys; from _frozen_importlib_external import SourceFileLoader as Loader; "
AS_SCRIPT += '__file__ = sys.argv[0] = sys.argv.pop(1); exec(Loader("__main__", __file__).get_code("__main__"))'


def start_anew(*words: str) -> "list[str]":
    """Return the command by which a process of its own does a part of our work."""
    return [sys.executable, "-I", "-B", "-c", AS_SCRIPT, os.path.abspath(__file__), *words]


LOWEST_FD = 3  # below are the standard streams, open or not: a child gets others there


def lift_fd(fd: int) -> int:
    """Return a descriptor moved above those of the standard streams, which a caller may have closed."""
    if fd >= LOWEST_FD or not fcntl:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST_FD)
    finally:
        os.close(fd)


def which(name: str, path: str) -> str:
    """Return the first executable file of this name on a search path, or ""."""
    names = [name + suffix for suffix in ((".exe", ".bat", ".cmd", "") if os.name == "nt" else ("",))]
    files = (os.path.join(folder, one) for folder in path.split(os.pathsep) if folder for one in names)
    return next((file for file in files if os.access(file, os.X_OK) and os.path.isfile(file)), "")


def find_bin_dirs(prefix: str) -> "list[str]":
    """Return where an environment's programs are, in the order that activation gives PATH (conda/activate.py)."""
    if os.name != "nt":
        return [os.path.join(prefix, "bin")]
    systems = [os.path.join("Library", name, "bin") for name in ("ucrt64", "clang64", "mingw64", "clangarm64")]
    parts = [part for part in systems if os.path.isdir(os.path.join(prefix, part))][:1]
    parts += ["Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin"]
    return [prefix, *(os.path.normpath(os.path.join(prefix, part)) for part in parts)]


def find_site_packages(prefix: str) -> "list[str]":
    """Return the folders of an environment from which its Python imports."""
    folders = [os.path.join(prefix, "Lib")] if os.name == "nt" else list_files(os.path.join(prefix, "lib"))
    folders = [one for one in folders if os.path.basename(one).startswith(("python", "pypy", "Lib"))]
    sites = [os.path.join(one, "site-packages") for one in folders if not os.path.islink(one)]
    return [one for one in sites if os.path.isdir(one) and not os.path.islink(one)]


def which_in(prefix: str, name: str) -> str:
    """Return the program of this name in an environment, or ""."""
    return which(name, os.pathsep.join(find_bin_dirs(prefix)))


class JsonContext:
    """What json.JSONDecoder would tell its scanner."""

    strict, memo, object_hook, object_pairs_hook = True, {}, None, None  # type: ignore[var-annotated]
    parse_float, parse_int, parse_constant = float, int, str


def read_json(path: str) -> "dict[str, Any]":
    """Return the object in a JSON file, or an empty one; json would import re, and cost half a start of Python."""
    from _json import make_scanner

    try:
        with open(path, encoding="utf-8") as f:
            text = f.read().strip()
        content, end = make_scanner(JsonContext)(text, 0)  # type: ignore[arg-type]
    except (OSError, ValueError, StopIteration, RecursionError, SystemError):  # the last: CPython 3.11 cannot name it
        return {}
    return content if end == len(text) and isinstance(content, dict) else {}


# ---- Config --------------------------------------------------------------------------
# Where environments lie, how long they are kept, who builds them: condarc and variables, as conda reads
# them but without starting it. Knows no script.

# Engines that are programs, in the order in which they are taken, a row for each: the variable that may name it, and
# the options that its "create" has beside those of all; it is known by how its file's name begins.
PROGRAMS = {"conda": ("CONDA_EXE", ["--no-default-packages", "--json"]), "mamba": ("MAMBA_EXE", []),
            "micromamba": ("MAMBA_EXE", [])}  # fmt: skip
ENGINES = ("auto", *PROGRAMS, "rattler")
ENGINE_VARIABLES = tuple(dict.fromkeys(variable for variable, _ in PROGRAMS.values()))
SECTION = "conda-execute"  # of condarc
# Each, with its default, is a key of condarc, a variable CONDA_EXECUTE_KEY, and a field of Config.
SETTINGS = {"env-dir": "{config.envs_dirs[0]}/../tmp_envs", "remove-if-unused-for": "25", "engine": "auto"}
ON = ("true", "yes", "on", "y", "1")
OFF = ("false", "no", "off", "n", "0", "none", "null", "~", "")  # as conda's boolify() reads them
NULLS = ("null", "Null", "NULL", "~")  # YAML's words for none
ONE_FLOW = "{...}"  # in the place of a key: a file that is one flow mapping
MAX_FLOW = 20  # levels of lists and mappings in it; more would exhaust the stack
FINAL = "!final"  # behind a key that conda lets no stronger file change
HOURS_HINT = "write a number from 0 on, such as 25 or 0.5"


class Config(Fields):
    """The settings of a run: paths are absolute."""

    env_dir: str
    subdir: str  # of the platform for which all is done
    max_unused_hours: float
    engine: str
    condarc: "Condarc"


def find_root(environ: "Environ", executable: str) -> str:
    """Return the root prefix of the conda that would run, or ""."""
    paths = environ.get("PATH", ""), os.path.dirname(executable)
    for conda in filter(None, [environ.get("CONDA_EXE"), *(which("conda", path) for path in paths)]):
        root = os.path.dirname(os.path.dirname(os.path.realpath(conda)))
        if os.path.isdir(os.path.join(root, "conda-meta")):
            return root
    return environ.get("MAMBA_ROOT_PREFIX", "")


def list_condarcs(environ: "Environ", root: str) -> "list[str]":
    """Return the files that conda reads, the strongest last (SEARCH_PATH in conda/base/constants.py)."""
    folders = ["C:/ProgramData/conda"] if os.name == "nt" else ["/etc/conda", "/var/lib/conda"]
    folders += [root, os.path.join(environ.get("XDG_CONFIG_HOME", ""), "conda")]
    folders += [os.path.expanduser(folder) for folder in ("~/.config/conda", "~/.conda")]
    names = (".condarc", "condarc", "condarc.d")
    paths = [os.path.join(folder, name) for folder in folders if os.path.isabs(folder) for name in names]
    paths.append(os.path.expanduser("~/.condarc"))
    paths += [os.path.join(environ["CONDA_PREFIX"], name) for name in names if environ.get("CONDA_PREFIX")]
    paths.append(os.path.expanduser(environ.get("CONDARC", "")))
    found = ([path] if os.path.isfile(path) else list_files(path, ".yml", ".yaml") for path in paths)
    return [file for files in found for file in files]


class Condarc:
    """What conda's files say, key by key, and its variables; a key is read when it is asked for, since the rest of
    the files may be any YAML."""

    def __init__(self, environ: "Environ", paths: "Iterable[str]" = ()) -> None:
        self.environ = environ
        self.sections = [section for path in paths for section in read_sections(path)]  # the weakest first

    def find(self, names: "tuple[str, ...]", separator: str = ",") -> "list[tuple[Text, Node]]":
        """Return a key and its value wherever one of its names has any, the weakest first; "#!final" ends that."""
        found: list[tuple[Text, Node]] = []
        for name, path, rows in self.sections:
            is_whole = name in ("", ONE_FLOW) and any(one.encode() in raw for one in names for _, raw in rows)
            if name not in names and not is_whole:
                continue
            if not name:
                raise expected_setting(path, rows)
            for key, value in parse_section([read_line(path, number, raw) for number, raw in rows]).items():
                if key in names:
                    found.append((key, Text() if value in NULLS and not is_string(value) else value))
                    if key.comment == FINAL:
                        return found
        for variable in filter(self.environ.get, ("CONDA_" + name.upper() for name in names)):
            line = Line("environment variable " + variable, 1, self.environ[variable])
            items = [Text.of(part.strip(), line, line.raw.index(part)) for part in line.raw.split(separator)]
            found.append((Text.of(variable, line, 0), list(filter(None, items)) if items[1:] else items[0]))
        return found

    def find_strange(self) -> "List[Error]":
        """Return the Error of each place where something else than a setting stands."""
        return [expected_setting(path, rows) for name, path, rows in self.sections if not name]

    def text(self, *names: str) -> Text:
        """Return a setting that is one value, "" where there is none."""
        key, value = (self.find(names, separator="\n") or [(Text(), Text())])[-1]
        if not isinstance(value, Text):
            raise key.expected("one value for " + names[0], "write it on one line", TYPES[type(value)])
        return value

    def list(self, *names: str, separator: str = ",", more: "Iterable[Text]" = ()) -> "List[Text]":
        """Return a setting that is a list, each item once, in conda's order: the stronger file's first, but for "#!top"
        and "#!bottom" behind items; a value alone is a list of one. `more` is what a command line has on top."""
        found, values = self.find(names, separator), []
        for key, value in found:
            items = value if isinstance(value, list) else [value]
            texts = [item for item in items if isinstance(item, Text)]
            if len(texts) < len(items):
                raise key.expected("a list for " + names[0], 'write one "- item" a line below it', "tables")
            values.append(list(filter(None, texts)))
        values += [] if found and found[-1][0].comment == FINAL else [list(more)]
        ordered = [one for texts in values[::-1] for one in texts]
        first = [one for texts in values for one in texts if one.comment == "!top"]
        last = dict.fromkeys(one for one in ordered[::-1] if one.comment == "!bottom")
        return [one for one in dict.fromkeys(first + ordered) if one not in last] + list(last)[::-1]

    def is_on(self, name: str, default: bool = False) -> bool:
        """Answer whether a setting that is on or off is on."""
        text = self.text(name)
        if text and text.lower() not in ON + OFF:
            raise text.expected("true or false for " + name, "write one of them")
        return text.lower() in ON if text else default

    def table(self, *names: str) -> "Dict[Text, Node]":
        """Return a setting that is a mapping, of all files by key; where values are lists, the stronger one's first."""
        merged: dict[Text, Node] = {}
        for key, value in self.find(names):
            if not isinstance(value, dict) and value:
                found = quote(value) if isinstance(value, Text) else TYPES[type(value)]
                raise key.expected("settings under " + names[0], 'write one "key: value" a line below it', found)
            for name, one in (value if isinstance(value, dict) else {}).items():
                if name in merged and find_key(merged, name).comment == FINAL:
                    continue
                old = merged.pop(name, None)  # the key that stays is where the stronger value stands
                both = one + old if isinstance(one, list) and isinstance(old, list) else []
                merged[name] = [item for i, item in enumerate(both) if item not in both[:i]] or one
        return merged


def read_sections(path: str) -> "list[tuple[str, str, list[tuple[int, bytes]]]]":
    """Return each key of a file, the file, and the lines up to the next key with their numbers.

    A file that is one flow mapping, as JSON is, has one section; what stands where a key should has the key "".
    """
    data, margin = read_head(path), 0  # conda, too, reads past a file that it may not read
    check_encoding(data, path)
    sections: list[tuple[str, str, list[tuple[int, bytes]]]] = []
    for number, raw in enumerate(split_lines(strip_mark(data)), 1):
        raw = b"   " + raw[3:] if raw.startswith((b"---", b"...")) else raw  # text may stand behind these
        text = raw.lstrip(b" ")
        if text[:1] == b"#" or text.split(b" #")[0].strip() in (b"", b"~", b"null") or raw.startswith(b"%"):
            continue
        column = len(raw) - len(text)
        if not sections:
            margin, is_flow = column, text.startswith(b"{")
        if not sections or not is_flow and column <= margin and text[:1] not in (b"\t", b"-", b"]"):
            name, colon, _ = text.partition(b":")
            is_key = bool(colon) and column == margin and text[:1] not in b"\t-{[?"
            key = name.decode("utf-8", "replace").strip(" '\"") if is_key else ""
            sections.append((ONE_FLOW if is_flow else key, path, []))
        sections[-1][2].append((number, raw))
    return sections


def expected_setting(path: str, rows: "list[tuple[int, bytes]]") -> Error:
    """Return the Error for lines of a condarc that stand where a key should."""
    line = read_raw(path, *rows[0])
    hint = 'write "KEY: VALUE", or for a list "KEY:" and below it one "  - VALUE" a line'
    return line.expected(line.indent, "a setting of condarc, as YAML has it", hint)


def parse_section(lines: "list[Line]") -> "dict[Text, Node]":
    """section := key ":" anchor? value, which may stand alone on the line below the key, or one flow mapping"""
    value: Node
    doc = Document(lines)
    if doc.text[doc.indent] == "{":
        value, pos = parse_flow(doc, doc.indent, MAX_FLOW)
        if doc.text[parse_end(doc, pos)[1]] != "\0":
            raise doc.expected(parse_end(doc, pos)[1], 'nothing behind the last "}"', "remove it")
        return value  # type: ignore[return-value]
    key, pos = parse_key(doc, doc.indent)
    pos = skip_blank(doc.text, pos)
    if doc.text[pos] == "&":
        pos = skip_blank(doc.text, pos + len(doc.text[pos:].split()[0]))
    if doc.text[pos] in "|>":
        raise doc.expected(pos, "a value on one line, or a list", "write it so", "text over several lines")
    comment, below = parse_end(doc, pos) if doc.text[pos] in "#\n" else (Text(), pos)
    first = doc.text[below]
    if first in "[{" or first not in "-\0" and not is_key_end(doc.text, parse_scalar(doc, below)[1]):
        pos = below
    if first == "{":
        value, pos = parse_flow(doc, pos, MAX_FLOW)
        key.comment, pos = parse_end(doc, pos)
    else:
        value, pos = parse_value(doc, pos, key)
    key.comment = comment or key.comment
    if doc.text[pos] != "\0":
        raise expected_key(doc, pos, doc.indent)
    return {key: value}


def find_setting(key: str, own: "Dict[Text, Node]", environ: "Environ") -> Text:
    """Return a setting of ours from its variable, else condarc, else the default, with where it stands."""
    variable = "CONDA_EXECUTE_" + key.upper().replace("-", "_")
    given = environ.get(variable)
    if given or key not in own:
        line = Line("environment variable " + variable if given else "the default", 1, given or SETTINGS[key])
        return Text.of(line.raw, line, 0)
    value = own[Text(key)]
    if not isinstance(value, Text) or not value:
        hint = 'write "%s: %s", or leave it out' % (key, SETTINGS[key].replace("{config.envs_dirs[0]}/..", "~"))
        raise find_key(own, key).expected("one value for " + key, hint, "none" if value == "" else "several")
    return value


def expand(text: Text, environ: "Environ") -> str:
    """Return a path with "~", $NAME and ${NAME} filled in."""
    first, *parts = os.path.expanduser(text).split("$")
    for part in parts:
        name = part[1:].split("}")[0] if part.startswith("{") else split_off(part, NAME_CHARACTERS.rstrip(".-"))[0]
        if name and name not in environ:
            raise text.expected("variables that are set", "set it, or write the path out", "$%s, which is not" % name)
        rest = part[len(name) + 2 * part.startswith("{") :]
        first += environ[name] + rest if name else "$" + part
    return first


def find_envs_dir(root: str, condarc: Condarc, environ: "Environ") -> str:
    """Return what conda calls envs_dirs[0] (mockable_context_envs_dirs in conda/base/context.py)."""
    folders = [expand(folder, environ) for folder in condarc.list("envs_dirs", "envs_path", separator=os.pathsep)]
    history = os.path.join(root, "conda-meta", "history")  # which the root of a micromamba does not have
    if root and os.access(root if root == environ.get("MAMBA_ROOT_PREFIX") else history, os.W_OK):
        folders.append(os.path.join(root, "envs"))
    folder = [*folders, os.path.expanduser("~/.conda/envs")][0]
    return folder if folder.startswith("~") else os.path.abspath(folder)  # "~": a user without home


def parse_hours(text: str) -> float:
    """Return a number of hours, fractions allowed; -1 for what is none."""
    try:
        hours = float(text)
    except ValueError:
        return -1
    return hours if 0 <= hours < 1e9 else -1


def refuse_near_sections(condarc: Condarc) -> None:
    """Raise Error for a line that was probably meant to begin our section: a key at the top, or a heading elsewhere."""
    for name, path, rows in condarc.sections:
        is_opaque = name == ONE_FLOW or set(rows[0][1]) & set(b"|>")  # the lines below are no keys
        for i, (number, raw) in enumerate(rows[: 1 if is_opaque else None]):
            before, colon, value = raw.decode("utf-8", "replace").partition(":")
            key, is_heading = before.strip(" '\""), not i or not value.split(" #")[0].strip()
            is_like = key[:5].lower() == "conda" and len(key) > 11  # "conda-exec" is another tool's
            if colon and not i and key.replace("_", "-") in SETTINGS:
                line, hint = read_raw(path, number, raw), "indent it, a line below %s:" % SECTION
                raise line.expected(line.indent, "%s below %s:" % (key, SECTION), hint, "it on its own")
            if colon and is_like and is_heading and (i or name != SECTION) and find_nearest(key, [SECTION]):
                line = read_raw(path, number, raw)
                hint = format_lines(SECTION + ":", place="where other keys of condarc begin")
                raise line.expected(line.indent, '"%s:" above the settings of conda-execute' % SECTION, hint)


def read_config(environ: "Environ", executable: str) -> Config:
    """Return the settings; raise Error that names the file and line of a bad one."""
    root = find_root(environ, executable)
    condarc = Condarc(environ, list_condarcs(environ, root))
    refuse_near_sections(condarc)
    own = condarc.table(SECTION)
    check_keys(own, SETTINGS, SECTION)
    given = {key: find_setting(key, own, environ) for key in SETTINGS}
    env_dir, max_unused, engine = given["env-dir"], given["remove-if-unused-for"], given["engine"]
    if engine not in ENGINES:
        raise engine.expected("one of %s for engine" % ", ".join(ENGINES), 'write "auto" for the first there is')
    path, place = expand(env_dir, environ), "{config.envs_dirs[0]}"
    if place in path:
        path = path.replace(place, find_envs_dir(root, condarc, environ))
        if path.startswith("~"):
            hint = "set HOME, or CONDA_EXECUTE_ENV_DIR to a folder of yours"
            raise Error("expected a home in which env-dir can be, found none for user %d" % os.geteuid(), hint=hint)
    if not os.path.isabs(path) or set(path) & {os.pathsep, "\0", "\n"}:  # PATH and rows cannot hold these
        hint = "leave out what cannot stand in PATH: %s, ends of lines" % os.pathsep
        hint = hint if os.path.isabs(path) else 'begin it with "/", "~" or "{config.envs_dirs[0]}"'
        raise env_dir.expected("an absolute path for env-dir", hint)
    hours = parse_hours(max_unused)
    if hours < 0:
        raise max_unused.expected("hours for remove-if-unused-for", HOURS_HINT)
    asked = condarc.text("subdir")
    if asked and asked not in KNOWN_SUBDIRS:
        raise asked.expected("a platform that conda knows for subdir", "write one such as linux-64, or leave it out")
    path, subdir = os.path.normpath(path), str(asked or find_subdir(sys.platform, MACHINE))
    return Config(env_dir=path, subdir=subdir, max_unused_hours=hours, engine=str(engine), condarc=condarc)


# ---- Hosts ---------------------------------------------------------------------------
# Who they are who share a folder, and whom flock(2) in it binds. Knows no env.

# File systems that one kernel has, all of whose processes its locks bind.
OWN_TYPES = (
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2", "tmpfs", "ramfs",
    "overlay", "aufs", "vfat", "exfat", "ntfs3", "hfsplus", "squashfs",
)  # fmt: skip
# Those of many hosts on which flock(2) binds all of them: nfs(5), mount.lustre(8), gfs2(5); and the options that
# say otherwise. What is not listed here, sshfs and all else in fuse with it, may give each host locks of its own.
SHARED_TYPES = ("nfs", "nfs4", "lustre", "gpfs", "ceph", "gfs2", "ocfs2")
OWN_LOCKS = {"nolock", "local_lock=flock", "local_lock=all", "localflock", "localflocks", "noflock"}
NFS_SERVER = "/proc/fs/nfsd/threads"  # what it exports is a local disk here; its own flock does not bind its clients


def find_host() -> str:
    """Return who we are: the host's name, and a hash of it, its boot and our pid namespace, such as n1-3f9a07c2.

    Only processes of the same three can be seen from here; the same name with another hash is another host.
    Eight digits: of four, one pair in 65,536 would be taken for one, and of the dead by the other.
    """
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    boot = os.fsdecode(read_head("/proc/sys/kernel/random/boot_id"))  # random(4); "": no Linux, or little of /proc
    try:
        space = os.readlink("/proc/self/ns/pid")  # pid_namespaces(7)
    except OSError:  # whoever else has this root
        root = os.stat(os.sep)
        space = "%d %d" % (root.st_dev, root.st_ino)
    plain = "".join(c if c in NAME_CHARACTERS else "_" for c in name)[:64]
    return "%s-%s" % (plain, sha256(os.fsencode("\n".join([name, boot, space]))).hexdigest()[:8])


HOST_ID = find_host()


def find_link_host() -> str:
    """Return who we are as a shell can tell without starting anything, "HOST,BOOT,PID NAMESPACE"; "" where it cannot.

    Where not all processes can be seen (hidepid of proc(5)) nobody can tell who runs.
    """
    host, boot = (os.fsdecode(read_head("/proc/sys/kernel/" + one).strip()) for one in ("hostname", "random/boot_id"))
    if not host or not boot or set(host) - set(NAME_CHARACTERS) or not os.path.exists("/proc/1/stat"):
        return ""
    try:
        with open("/proc/self/ns/pid", "rb") as f:  # a shell reads no links; there the number stands since Linux 5.14
            space = os.fsdecode(read_head("/proc/self/fdinfo/%d" % f.fileno())).partition("ino:")[2].strip()
    except OSError:
        return ""
    return "%s,%s,%s" % (host, boot, space) if space else ""


def find_flock_scope(folder: str) -> str:
    """Return whom flock(2) in a folder binds: the "kernel" that alone has the disk, "all" hosts that have it, or ""."""
    path = os.path.realpath(folder) + "/"
    mounts = [mount for mount in read_mounts() if path.startswith(mount[0].rstrip("/") + "/")]
    mounts = [*reversed(mounts), ("", "", [])]  # the last at a place hides the others
    _, kind, options = max(mounts, key=lambda mount: len(mount[0]))
    if kind in OWN_TYPES:
        return "" if os.path.exists(NFS_SERVER) else "kernel"
    is_bound = kind in SHARED_TYPES and not OWN_LOCKS.intersection(options)
    return "all" if is_bound and (kind != "lustre" or "flock" in options) else ""


def find_boot(folder: str) -> float:
    """Return since when somebody may be at work in a folder: since the boot of the kernel that alone has it, or 0."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) if find_flock_scope(folder) == "kernel" else 0


# ---- Processes -----------------------------------------------------------------------
# Which processes are alive, and where each of them is at work. Knows no lock.


def read_process(pid: int, what: str) -> bytes:
    """Return a file of a process, or where a link of it leads (proc(5)); b"" where that is not ours to see."""
    path = "/proc/%d/%s" % (pid, what)
    try:
        return os.fsencode(os.readlink(path)) if what == "exe" or what.startswith("fd/") else read_head(path)
    except OSError:
        return b""


def read_open_file(pid: int, fd: str, leases: str) -> bytes:
    """Return the path of a file that a process has open; of a lease ours, where its mounts give it another path."""
    place = read_process(pid, "fd/" + fd)
    own = os.path.join(leases, os.path.basename(os.fsdecode(place)))
    if b"/.leases/" not in place or os.fsencode(own) == place:
        return place
    try:
        return os.fsencode(own) if os.path.samefile("/proc/%d/fd/%s" % (pid, fd), own) else place
    except OSError:  # one of another env-dir
        return place


def find_start_on_windows(pid: int) -> str:
    """Return what find_start does, in units of 100 ns."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    process = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not process:  # ERROR_INVALID_PARAMETER: there is none; else it is another user's
        return "" if ctypes.get_last_error() == 87 else "0"  # type: ignore[attr-defined]
    code, times = ctypes.c_ulong(), [ctypes.c_ulonglong() for _ in range(4)]
    runs = kernel.GetExitCodeProcess(process, ctypes.byref(code)) and code.value == 259  # STILL_ACTIVE
    runs = runs and kernel.GetProcessTimes(process, *map(ctypes.byref, times))
    kernel.CloseHandle(process)
    return str(times[0].value) if runs else ""


def find_start(pid: int) -> str:
    """Return when a process of this host began, in ticks (proc(5)); "" where it has ended, "0" where none may know."""
    if os.name == "nt":  # where os.kill would end it
        return find_start_on_windows(pid)
    fields = read_process(pid, "stat").rpartition(b")")[2].split()
    if fields:
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")  # a zombie runs nothing
    if pid >> 31 or isinstance(try_to(os.kill, pid, 0), ProcessLookupError):  # os.kill takes no larger number
        return ""
    return "0"  # another user's, or no /proc shows it


def is_running(pid: int, start: str) -> bool:
    """Answer whether the process of this host runs that had this number and began at this time."""
    found = find_start(pid)
    return found == "0" or found != "" and start in ("", "0", found)


def find_ancestors() -> "list[int]":
    """Return the processes that started this one, the nearest first."""
    found = [os.getppid()]
    while found[-1] > 1:
        found.append(int((read_process(found[-1], "stat").rpartition(b")")[2].split() or [b"", b"0"])[1]))
    return found


def read_paths_in_use(pid: int, leases: str, ancestors: "Collection[int]" = ()) -> "Iterator[bytes]":
    """Yield where a process has its executable, mapped files, environments, open files and words.

    Each source on its own: of other users' processes the last alone can be read. Of this process
    nothing but what it runs in counts: its leases are what it works with. Words of who started us are ours.
    """
    own = os.fsencode("/%s\0--tmpenv\0collect\0" % os.path.basename(__file__))  # not a script with such arguments
    if pid != os.getpid() and read_process(pid, "cmdline").endswith(own):
        return  # its environment is that of who started it
    yield read_process(pid, "exe")
    yield read_process(pid, "maps")
    variables = [part.partition(b"=") for part in read_process(pid, "environ").split(b"\0")]
    prefixes = [value for name, _, value in variables if name.startswith(b"CONDA_PREFIX") and value[:1] == b"/"]
    yield from (os.path.realpath(prefix) + b"/" for prefix in prefixes)
    if pid == os.getpid():
        return
    # Before the words: what is open up to exec(2) stands there then.
    yield from (read_open_file(pid, fd, leases) for fd in list_names("/proc/%d/fd" % pid))
    for _ in range(100):
        words = read_process(pid, "cmdline").split(b"\0")
        if words != [b""] or not os.path.exists("/proc/%d/exe" % pid):
            break
        time.sleep(0.001)  # in the midst of exec(2), which closes files before it sets the command line
    if pid not in ancestors:
        yield from words
        yield from (os.path.realpath(word) for word in words if b"/.scripts/" in word)


# ---- Leases --------------------------------------------------------------------------
# Locks that several processes hold or one, by flock(2) and by marks. Knows nothing of what is locked.

LOCK_POLL_S = 0.05  # a person notices more
SLOW_POLL_S = 0.5  # for those who wait long: on a network each look is several messages
STALE_S = 600  # what another host has not renewed for so long is of the dead
RENEW_S = STALE_S / 40
STALE_FLOCK_S = STALE_S / 10  # the same where we were given a lock that should bind that host
FOREIGN_LEASE_S = 30 * 86400  # how long a lease of another host counts, unless that takes it away
MARKS_NEEDED = ".unshared"  # in .leases: of an env-dir where flock(2) does not bind all hosts
MARK_NUMBERS = iter(range(1 << 62))  # of this process: a descriptor's would be another thread's when that is moved


def leave_mark(folder: str, pid: int, start: str = "") -> str:
    """Leave the mark of a process in PATH.MODE, and return its path."""
    mark = os.path.join(folder, "%s.%d.%s-%d" % (HOST_ID, pid, start or find_start(pid), next(MARK_NUMBERS)))
    if os.path.islink(folder) or not os.path.isdir(folder):  # nothing of ours
        try_to(os.unlink, folder)
    while True:
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_WRONLY, 0o644))
            return mark
        except FileNotFoundError:  # none yet, or it went with the last mark
            try:
                os.mkdir(folder, 0o755)
            except FileExistsError:
                pass


def find_holder(mark: str) -> "tuple[str, int, str]":
    """Return host, process and its start from the name of a mark; what is none is of a host without name.

    >>> find_holder("/e/.leases/ea97.shared/n1.example.org-3f9a07c2.71.4242-900")
    ('n1.example.org-3f9a07c2', 71, '4242')
    """
    parts = os.path.basename(mark).rpartition("-")[0].rsplit(".", 2)
    is_mark = len(parts) == 3 and parts[1].isdigit() and len(parts[1]) < 11
    host = parts[0].rpartition(".shared.")[2].rpartition(".exclusive.")[2]  # as versions before 1.2 have it
    return (host, int(parts[1]), parts[2]) if is_mark else ("", 0, "")


def list_marks(folder: str) -> "list[str]":
    """Return the marks in a folder: what has another name, or lies behind a link, is nothing of ours."""
    return [path for path in (os.path.join(folder, name) for name in list_names(folder)) if find_holder(path)[0]]


class Lock:
    """A lock on a file, shared or exclusive, that ends when it is released, or with the process that took it.

    By flock(2), where there is such: it belongs to the open file, so to every process that has a copy of the
    descriptor. And by a mark, a file PATH.MODE/HOST.PID.START-NUMBER, of who has it alone, or shares it where flock may
    not bind all hosts: each shows its own, then looks at those of others. Only who can see a process may declare
    it dead: another host's mark counts for FOREIGN_LEASE_S, one of who has the lock alone as long as it is renewed.
    `marks_needed` is a file that says for all hosts that marks are needed; `rival` is who was in the way.
    """

    is_announced = False  # that marks are needed
    opened: "set[int]" = set()  # by this process: a forked child is to have none of them
    opening = allocate_lock()  # of that, for threads

    def __init__(
        self, path: str, progress: "Progress", marks_needed: str = "", find_old: "Callable[[], dict[str, Any]]" = dict
    ) -> None:
        self.path, self.progress, self.marks_needed = path, progress, marks_needed
        self.find_old = find_old  # of marks that lie elsewhere
        self.mark, self.blocker, self.fd = "", "", -1
        self.is_taken, self.taken_s = False, 0.0  # when, by this host's clock
        self.seen: dict[str, float] = {}  # marks of other hosts, and their times
        self.made_folder: os.stat_result | None = None  # of a folder, at first sight
        self.noted, self.stop_fd = "", -1  # the latter of an engine: see EngineProcess
        self.renewal: object = None  # of our note, while that lasts
        for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # reading is enough for a shared lock
            try:
                with Lock.opening:
                    self.fd = lift_fd(os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644))
                    Lock.opened.add(self.fd)
                break
            except OSError as e:
                self.refuse(e, flags == os.O_RDONLY)

    def refuse(self, cause: OSError, is_last: bool) -> None:
        """Raise Error for a lock file that is in the way, OSError for what else is no matter of rights."""
        import errno

        is_there = is_last and os.path.lexists(self.path)  # no matter of a folder that may not be entered
        if cause.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR) or is_there and isinstance(cause, PermissionError):
            message = "expected a lock file that can be opened, found: %s" % cause.strerror
            hint = "remove it, or have its owner do so, while nothing runs that holds it: rm " + self.path
            raise Error(message, self.path, hint=hint)
        if cause.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
            raise cause  # else env-dir is somebody else's, or not there: nothing in it is removed by us

    def take(self, exclusive: bool) -> bool:
        """Take or change the lock if that can be done at once; answer whether it was."""
        if self.fd < 0:
            return not exclusive
        self.release_mark()
        self.blocker, self.taken_s = "", time.time()
        is_given = self.take_by_flock(exclusive)
        if is_given is None:
            self.require_marks()
        if is_given is not False and (exclusive or not is_given or self.needs_marks()):
            self.blocker = self.find_blocker(exclusive, bool(is_given))
        self.is_taken = is_given is not False and not self.blocker
        if not self.is_taken:
            self.release_mark()
            self.release_flock()
        return self.is_taken

    def take_by_flock(self, exclusive: bool) -> "bool | None":
        """Do as take() does, by flock(2) alone; return None where there is none."""
        if not fcntl:  # Windows
            return None
        try:
            fcntl.flock(self.fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as e:
            import errno

            if e.errno == errno.EBADF:  # NFS: an exclusive lock takes the right to write
                self.refuse(PermissionError(errno.EACCES, "it cannot be written to"), True)
            return None  # ENOLCK, ENOSYS, EOPNOTSUPP; EIO, EINVAL and EACCES of what does not do its best
        return True

    def needs_marks(self) -> bool:
        """Answer whether flock may not bind all hosts that have the folder; a block device is of this one alone."""
        if not self.marks_needed or os.path.exists(self.marks_needed) or os.path.exists(NFS_SERVER):
            return bool(self.marks_needed)
        return os.major(os.fstat(self.fd).st_dev) == 0 and not find_flock_scope(os.path.dirname(self.path))

    def require_marks(self) -> None:
        """Leave the sign that flock does not bind all hosts here, so that leases leave marks from now on."""
        if self.marks_needed and not os.path.exists(self.marks_needed):
            try_to(write_file, self.marks_needed, b"")  # where that cannot be, nothing is removed either

    def find_blocker(self, exclusive: bool, is_given: bool) -> str:
        """Show our mark, and return who stands against us by his, or by a note that he renews; "" for nobody."""
        now = self.announce("exclusive" if exclusive else "shared", is_given)
        for folder in [self.path + ".exclusive", self.path + ".shared"][: 1 + exclusive]:
            old = self.find_old().get(os.path.basename(folder), []) if exclusive else []
            for mark in [*list_marks(folder), *old]:
                if mark != self.mark and self.may_be_held(mark, folder.endswith(".shared"), is_given, now):
                    return "process %d on %s" % find_holder(mark)[1::-1]
        note = self.read_note() if exclusive and (not is_given or self.needs_marks()) else ""
        is_foreign = note.startswith("process ") and note.split(" ")[3:4] != [HOST_ID + ","]
        return note if is_foreign and abs(now - read_time(self.path, now)) < STALE_S else ""

    def announce(self, mode: str, is_given: bool) -> float:
        """Leave our mark, and return what time it is: on a network, the file server's.

        Raise Error for one that cannot be left, unless flock does without, or nobody may write here.
        """
        folder, is_shared = os.path.dirname(self.path), mode == "shared"
        if self.progress.verbose and not Lock.is_announced and is_shared:
            Lock.is_announced = True
            self.progress.line("%s has no file locks that bind all hosts: using lock files" % folder)
        try:
            self.mark = leave_mark("%s.%s" % (self.path, mode), os.getpid())
            return os.stat(self.mark).st_mtime
        except OSError as e:
            if not os.access(folder, os.W_OK) if is_shared else is_given:
                return time.time()
            message = "expected room for a lock file, by which other hosts see what runs here, found: %s" % e.strerror
            hint = 'free some on its disk: "conda-tmpenv clear" removes what is idle'
            self.release()  # who asked has no lock to release
            raise Error(message, self.path, hint=hint) from e

    def may_be_held(self, mark: str, is_shared: bool, is_given: bool, now: float) -> bool:
        """Answer whether the process that left a mark may still be there; take away a mark of the dead."""
        (host, pid, start), renewed = find_holder(mark), read_time(mark, 0)  # 0: it has just gone
        if host == HOST_ID:
            is_over = not is_running(pid, start)
        else:
            boot = find_boot(os.path.dirname(self.path)) if is_given else 0
            is_over = abs(now - renewed) >= FOREIGN_LEASE_S or renewed < boot
        if is_over:
            if host != HOST_ID or not is_shared:  # what shares may have left others behind: see Collector.sweep()
                try_to(os.unlink, mark)
            return False
        if host == HOST_ID or is_shared:
            return True
        if is_given and self.seen.setdefault(mark, renewed) < renewed:  # by somebody who has what we were given
            self.require_marks()
        return abs(now - renewed) < (STALE_FLOCK_S if is_given and not self.needs_marks() else STALE_S)

    def wait(self, exclusive: bool, is_over: "Callable[[], bool]" = bool) -> "Lock":
        """Take the lock when it can be had; say for whom we wait, unless it is a matter of moments.

        Return without it, which `is_taken` tells, when nobody needs it any more.
        """
        start, holder, pause_s = time.time(), "", LOCK_POLL_S
        if self.fd < 0 and exclusive:
            raise Error("expected a folder in which a lock file can be made, found none", self.path, hint=OWN_FOLDER)
        while not self.take(exclusive) and not is_over():
            if not holder:
                other = self.blocker or "another process to let go of " + self.path
                holder = self.read_note() or (other if time.time() > start + 1 else "")
                if holder:
                    self.progress.line("waiting for " + printable(holder))
            time.sleep(pause_s * (0.5 + os.urandom(1)[0] / 256))  # not in step with others
            pause_s = min(1.1 * pause_s, SLOW_POLL_S)
        return self

    def read_note(self) -> str:
        """Return what a holder of the lock says of itself: see note(). Opened anew, the file is the server's of now."""
        return os.fsdecode(read_head(self.path, 1 << 13).split(b"\0")[0])

    def note(self, what: str, folder: str = "") -> None:
        """Leave a note for those who wait, where that can be written, and renew it; an empty one withdraws it.

        `made_folder` becomes the status of a folder that we are about to make.
        """
        if self.fd < 0:
            return
        self.renewal = object() if what else None  # which ends the one before
        if not what and self.noted != self.read_note():  # who has taken us for dead left his own
            return
        self.noted, self.made_folder = what and "process %d on %s, which %s" % (os.getpid(), HOST_ID, what), None
        try:
            os.ftruncate(self.fd, 0)
            os.lseek(self.fd, 0, os.SEEK_SET)
            os.write(self.fd, os.fsencode(self.noted))
        except OSError:  # a full disk, somebody else's lock file
            self.noted = ""
        if what:
            start_thread(self.renew, self.renewal, self.mark, folder)

    def is_overwritten(self) -> bool:
        """Answer whether somebody has taken us for dead, and left a note in the place of ours."""
        return self.noted not in ("", self.read_note())

    def renew(self, renewal: object, mark: str, folder: str) -> None:
        """Show others that we are alive, while our note lasts; end our engine where one of them took us for dead."""
        renewed = time.time()
        while self.renewal is renewal:
            time.sleep(LOCK_POLL_S)
            if folder and not self.made_folder and not self.is_overwritten():
                self.made_folder = read_status(folder)
            if abs(time.time() - renewed) >= RENEW_S:
                if self.is_overwritten():
                    try_to(os.write, self.stop_fd, b"x")
                    return
                renewed = time.time()
                for place in (mark, self.path):
                    try_to(os.utime, place)

    def is_taken_over(self, folder: str, marker: str) -> bool:
        """Answer whether a folder that we make is another's by now, whom no lock of ours binds: with his marker in it,
        or since he took us for dead, and wrote a note of his own."""
        found = read_status(folder)
        is_ours = self.made_folder and found and os.path.samestat(self.made_folder, found)
        return not is_ours and (os.path.lexists(marker) or self.is_overwritten())

    def release_mark(self) -> None:
        if self.mark:
            try_to(os.unlink, self.mark)
            try_to(os.rmdir, os.path.dirname(self.mark))
            self.mark = ""

    def release_flock(self) -> None:
        """Let go of the lock, though a process that was forked meanwhile has a copy of the descriptor."""
        if self.fd >= 0 and fcntl:
            try_to(fcntl.flock, self.fd, fcntl.LOCK_UN)  # unless there are no such locks here

    def release(self, *failure: object) -> None:
        if self.renewal:
            self.note("")
        self.release_mark()
        self.release_flock()
        self.close()

    def abandon(self) -> None:
        """Let go of a shared lock, but leave a mark: of what may go on in there only our host can know the end."""
        if self.mark:  # to rename it takes no room
            stem, _, number = self.mark.rpartition("-")
            try_to(os.replace, self.mark, "%s.ended-%s" % (stem.rpartition(".")[0], number))
        else:  # where nothing can be written, nothing is removed either
            try_to(leave_mark, self.path + ".shared", os.getpid(), "ended")
        self.mark = ""
        self.close()

    def close(self) -> None:
        """Let go of the descriptor; a child that was given it has the lock now."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with Lock.opening:
                os.close(fd)
                Lock.opened.discard(fd)

    @classmethod
    def forget(cls) -> None:
        """Close in a forked child what its parent holds locks by, which would outlive them there."""
        for fd in cls.opened:
            try_to(os.close, fd)
        cls.opened.clear()
        cls.opening = allocate_lock()

    def __enter__(self) -> "Lock":
        return self

    __exit__ = release


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LibraryOnly.forget)
    os.register_at_fork(after_in_child=Lock.forget)


# ---- Log -----------------------------------------------------------------------------
# The rows of usage.tsv. Knows no file and no clock.

LOG_HEADER = b"time\tevent\tname\tpid\thost\tscript\n"  # by which an env-dir is known as ours, too: SIGNS
LOG_LIMIT_BYTES = 1 << 20
MAX_USES = 20  # of an environment, that are kept: a person looks at no more


def format_use(time_s: int, event: str, name: str, pid: int, host: str, script: str) -> bytes:
    r"""Return a row of less than 4096 bytes, which one write appends whole.

    >>> format_use(1, "run", "ea97", 7, "here", "/a\tb")
    b'1\trun\tea97\t7\there\t/a\\tb\n'
    """
    path = os.fsencode(script).replace(b"\\", rb"\\").replace(b"\t", rb"\t").replace(b"\n", rb"\n")
    return os.fsencode("%d\t%s\t%s\t%d\t%s\t" % (time_s, event, name, pid, host)) + path[:3800] + b"\n"


def unescape(script: bytes) -> str:
    """Return a path as it was before format_use() escaped it."""
    parts = [part.replace(rb"\t", b"\t").replace(rb"\n", b"\n") for part in script.split(rb"\\")]
    return os.fsdecode(b"\\".join(parts))


class Uses:
    """What a log says of each environment, by its name: the last uses by script and by host, each its time and row.

    Only what stands behind the last `create` or `remove` counts for hosts: up to then somebody saw that nobody ran
    in it. The last MAX_USES are kept, in their order: schedulers give each job a copy of its script, and its own name.
    """

    def __init__(self, log: bytes) -> None:
        self.creations: dict[str, Use] = {}
        self.scripts: dict[str, dict[bytes, Use]] = {}
        self.hosts: dict[str, dict[str, Use]] = {}
        for row in log.split(b"\n")[:-1]:  # the last may be on its way
            fields = row.split(b"\t")
            if len(fields) == 6 and fields[0].isdigit() and len(fields[0]) < 15:  # others are read past
                self.add((int(fields[0]), row), fields[1], os.fsdecode(fields[2]), os.fsdecode(fields[4]), fields[5])

    def add(self, use: "Use", event: bytes, name: str, host: str, script: bytes) -> None:
        if event in (b"create", b"remove"):
            self.hosts.pop(name, None)
            self.creations[name] = use
        if event == b"remove":
            del self.creations[name]
            return
        for table, key in ((self.scripts, script), (self.hosts, host)):
            uses: Any = table.setdefault(name, {})
            uses.pop(key, None)
            uses[key] = use
            if len(uses) > MAX_USES:  # the first two stay: that some host has been there may never be forgotten
                del uses[list(uses)[2]]

    def of(self, name: str) -> "list[Use]":
        """Return all that is kept of an environment."""
        by_host, by_script = self.hosts.get(name, {}), self.scripts.get(name, {})
        return [*by_host.values(), *by_script.values(), *([self.creations[name]] if name in self.creations else [])]


# ---- Store ---------------------------------------------------------------------------
# What lies in env-dir: prefixes, their markers, the log. Only what bears our sign is ever moved
# or deleted. Knows neither engines nor what a script says.

MARKER = "conda-meta/conda-execute"  # no suffix: conda, mamba and rattler take each *.json there for a package
SCRIPTS = ".scripts"
SCRIPT_GRACE_S = 5  # from keeping a script to the start of what reads it
BUILDER_GRACE_S = 10  # for which those who wait for a builder may hold a lease
CLOCK_S = 300  # by how much a clock may be wrong
MAX_TRIES = 9  # where another process may be in between each time
PLATFORM = ".platform-"  # and a subdir, in .leases: of the machines that env-dir itself belongs to
LINKED, LEAVING = ".linked", ".leaving"  # of what links may start, and of what they may not: see Links
STORE_README = b"""\
conda environments that conda-execute made for scripts; each lies under the hash of its metadata.
Deleting all of this is safe while no such script runs: what is needed is built again.
conda-execute: https://github.com/conda-tools/conda-execute
"""
OUR_FOLDERS = {".leases", ".trash", SCRIPTS, ".packages", ".rattler", *KNOWN_SUBDIRS}
SIGNS = {"usage.tsv": LOG_HEADER, "README": STORE_README}  # of an env-dir that is ours, as its files begin


def read_marker(path: str) -> "dict[str, list[str]]":
    """marker := "conda-execute" VERSION (KEY ": " VALUE)*, a line each; nothing where there is no file, or no marker"""
    try:
        with open(path, "rb") as f:
            first, *lines = os.fsdecode(f.read()).split("\n")
    except OSError as e:
        import errno

        if e.errno not in (errno.ENOENT, errno.ENOTDIR, getattr(errno, "ESTALE", 0)):  # which another host removed
            raise
        return {}
    found: dict[str, list[str]] = {}
    for line in lines[:-1] if first.startswith("conda-execute ") and lines[-1:] == [""] else ():
        key, _, value = line.partition(": ")
        found.setdefault(key, []).append(value)
    return found


def format_marker(fields: "Iterable[tuple[str, str]]") -> bytes:
    """Return what read_marker() reads."""
    lines = ["conda-execute " + __version__, *("%s: %s" % (key, value.replace("\n", " ")) for key, value in fields)]
    return os.fsencode("\n".join(lines) + "\n")


def read_records(prefix: str) -> "Iterator[dict[str, Any]]":
    """Yield what is recorded of each package in a prefix; a record that is damaged tells of no files."""
    yield from filter(None, map(read_json, list_files(os.path.join(prefix, "conda-meta"), ".json")))


def count_files(prefix: str) -> "tuple[int, str]":
    """Return how many of the files that packages brought are there and not empty, and the oldest of them."""
    count, oldest = 0, (float("inf"), "")
    for record in read_records(prefix):
        paths = (record.get("paths_data") or {}).get("paths") or []
        known = {one["_path"]: one for one in paths}
        for name in record.get("files") or []:
            try:
                found = os.stat(os.path.join(prefix, name))  # a link that leads nowhere counts for nothing
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # a passing trouble of its disk
                count += 1
                continue
            one = known.get(name, {})
            is_file = one.get("path_type") == "hardlink"
            # Linkers write a prefix into files, Python writes byte code anew; but what is lost is empty.
            count += bool(not is_file or found.st_size or not one.get("size_in_bytes"))
            oldest = min(oldest, (found.st_mtime, name)) if is_file else oldest
    return count, oldest[1]


def find_platform_dir(env_dir: str, subdir: str) -> str:
    """Return where environments of a platform lie: env-dir belongs to the machines of the platform that made it."""
    own = os.path.join(env_dir, subdir)
    for home in (env_dir, own):
        if os.path.exists(os.path.join(home, ".leases", PLATFORM + subdir)):
            return home
    is_taken = any(name.startswith(PLATFORM) for name in list_names(os.path.join(env_dir, ".leases")))
    return own if is_taken else env_dir


class EnvDir:
    """env-dir: where each environment lies under its name. Times are in s since the epoch."""

    def __init__(self, env_dir: str, max_unused_s: float, progress: "Progress", subdir: str = "") -> None:
        self.configured_dir, self.max_unused_s, self.progress = env_dir, max_unused_s, progress
        self.subdir = subdir or find_subdir(sys.platform, MACHINE)
        self.env_dir = find_platform_dir(env_dir, self.subdir)
        self.old_marks: dict[str, list[str]] | None = None
        self.ahead_s: float | None = None  # by how much this host's clock is ahead of the disk's

    def path(self, *parts: str) -> str:
        return os.path.join(self.env_dir, *parts)

    def lock(self, name: str) -> Lock:
        make_folder(self.path(".leases"))  # which may have been deleted
        return Lock(self.path(".leases", name), self.progress, self.path(".leases", MARKS_NEEDED), self.find_old_marks)

    def now(self) -> float:
        """Return the time of the disk, which may be a server's, in s; this host's where nothing can be touched."""
        if self.ahead_s is None:
            path = self.path(".leases")
            self.ahead_s = 0.0 if try_to(os.utime, path) else time.time() - read_time(path, time.time())
        return time.time() - self.ahead_s

    def require_marks(self) -> None:
        """Leave the sign that leases have to leave marks, where this host's locks may not bind all others."""
        if sys.platform == "linux" and not find_flock_scope(self.env_dir):
            with self.lock(".platform") as lock:
                lock.require_marks()

    def find_marker(self, name: str) -> "dict[str, list[str]]":
        """Return what the marker of a complete environment says, by key; nothing where there is none to believe.

        Not one of another place or platform, nor where one of the oldest files has gone, with which
        the purges of scratch disks begin. Only "no such file" means that there is no marker.
        """
        prefix, marker = self.path(name), read_marker(self.path(name, MARKER))
        [where], [platform], [oldest] = (marker.get(key, [""])[:1] for key in ("prefix", "platform", "oldest"))
        is_here = where == prefix or os.path.exists(where) and os.path.samefile(where, prefix)
        needed = [self.path(name, one) for one in (oldest, *marker.get("brings", []))]
        is_whole = is_here and platform == self.subdir and not any(map(is_gone, needed))
        return marker if is_whole and not os.path.islink(prefix) else {}

    def write_marker(self, name: str, fields: "list[tuple[str, str]]") -> None:
        """Declare an environment complete: last, at once, and on the disk after all of it and before its first use."""
        marker, (count, oldest) = self.path(name, MARKER), count_files(self.path(name))
        own = [("prefix", self.path(name)), ("platform", self.subdir), ("oldest", oldest), ("files", str(count))]
        replace_file(marker, format_marker(own + fields))  # those are of Invocation.build()
        if os.name != "nt":
            fd = os.open(os.path.dirname(marker), os.O_RDONLY)
            try:
                os.fsync(fd)  # of a folder: which names it holds
            finally:
                os.close(fd)

    def remove_marker_if_damaged(self, name: str) -> bool:
        """Take the marker from an environment of which files have gone; answer whether that was so."""
        with self.lock(name + ".build") as builder:
            files = self.find_marker(name).get("files", ["0"])[0]
            is_damaged = builder.take(exclusive=True)
            is_damaged = is_damaged and not (files.isdecimal() and count_files(self.path(name))[0] >= int(files))
            if is_damaged:
                try_to(os.unlink, self.path(name, MARKER))
            return is_damaged

    def check_owners(self, *names: str) -> None:
        """Refuse an env-dir, or what else in it is named, in which others could leave what we would run."""
        for folder in dict.fromkeys((self.configured_dir, self.env_dir)):
            check_folder(folder, "an env-dir", link_too=folder == self.configured_dir)
        for name in names:
            check_folder(self.path(name), "a folder")
        self.check_kinds(*OUR_FOLDERS.intersection(names))

    def check_kinds(self, *names: str) -> None:
        """Refuse a file that has the name of a folder of ours, or a folder that has the name of a file."""
        for name, path in ((name, self.path(name)) for name in names):
            wanted, found = ("a file", "a folder") if name in SIGNS else ("a folder", "a file")
            if os.path.isdir(path) == (name in SIGNS) and os.path.lexists(path):
                hint = type_this("rm", "-r", path) + ": it is made anew"
                raise Error("expected %s of conda-execute's, found %s" % (wanted, found), path, hint=hint)

    def is_ours(self) -> bool:
        """Answer whether env-dir bears our sign: the log, or where that is lost, the README."""
        heads = {name: read_head(self.path(name), 4096) for name in SIGNS}
        return any(heads[name].startswith(SIGNS[name]) for name in SIGNS) or bool(Uses(heads["usage.tsv"]).scripts)

    def refuse_others(self) -> None:
        """Raise Error for a folder that holds something and does not bear our sign."""
        try:
            names = sorted(os.listdir(self.env_dir))
        except FileNotFoundError:
            return
        except NotADirectoryError as e:
            raise self.cannot_write(e) from None
        names = [name for name in names if name not in OF_FILE_SYSTEMS and not name.startswith(OF_FILE_SYSTEMS_TOO)]
        special = {os.path.realpath(os.sep): "the root of all", os.path.realpath(os.path.expanduser("~")): "a home"}
        found = special.get(os.path.realpath(self.env_dir), "a folder")
        is_empty = names in ([], [".leases"])  # which a collector makes anew while somebody deletes env-dir
        is_empty = is_empty or self.is_hollow()
        if names == ["usage.tsv"]:  # whose first line may have found no room on the disk
            is_empty = LOG_HEADER.startswith(read_head(self.path(names[0]), len(LOG_HEADER)))
        if self.is_ours() or found == "a folder" and is_empty:
            return
        more = " and %d more" % (len(names) - 3) if names[3:] else ""
        found += " that holds " + ", ".join(map(printable, names[:3])) + more if names else ""
        found += ", of user " + format_user(os.stat(self.env_dir).st_uid)
        hint = 'write "conda-execute:" and below it "  env-dir: FOLDER" into ~/.condarc, or set CONDA_EXECUTE_ENV_DIR'
        message = "expected an env-dir that conda-execute made, or an empty one, found " + found
        raise Error(message, self.env_dir, hint=hint + "; FOLDER is one that is empty, or not there")

    def make(self, name: str = "") -> None:
        """Create env-dir and what conda-execute keeps in it, its sign first; refuse what is in the way."""
        self.check_owners(".leases", ".trash", SCRIPTS)
        self.check_kinds("README")  # a log that is none ends no run
        try:
            self.refuse_others()
            make_folder(self.env_dir)
            is_new = not self.is_ours()
            for file, content in SIGNS.items():
                if is_new or not os.path.lexists(self.path(file)):  # two at once write the same to the same place
                    write_file(self.path(file), content)
            for folder in (".leases", ".trash"):
                make_folder(self.path(folder))
            os.utime(self.path(".leases"))  # fails where nothing can be written
            self.record_platform()
            self.require_marks()
        except OSError as e:
            raise self.cannot_write(e) from None
        self.check_owners(".leases", ".trash", SCRIPTS)
        if is_noexec(self.env_dir):
            message = "expected a disk whose programs may run, found one mounted noexec"
            raise Error(message, self.env_dir, hint=OWN_FOLDER)
        path = self.path(name)  # a file server's client may still see what has just been removed, but does not list it
        if path in list_files(self.env_dir) and name not in self.find_names():
            kind = "a link" if os.path.islink(path) else "a folder" if os.path.isdir(path) else "a file"
            message = "expected room for an environment, found %s that conda-execute did not make" % kind
            raise Error(message, path, hint="move it to another place")

    def find_old_marks(self) -> "dict[str, list[str]]":
        """Return the marks that versions before 1.2 leave beside the lock files, by lock and mode; looked for once."""
        if self.old_marks is None:
            self.old_marks = {}
            for path in list_files(self.path(".leases")):
                for mode in (".shared", ".exclusive"):
                    name, _, holder = os.path.basename(path).partition(mode + ".")
                    if holder:
                        self.old_marks.setdefault(name + mode, []).append(path)
        return self.old_marks

    def record_platform(self) -> None:
        """Note which platform made env-dir; where that is another, ours is the folder called like it."""
        mark = PLATFORM + self.subdir
        if os.path.exists(self.path(".leases", mark)):
            return
        with self.lock(".platform").wait(exclusive=True):
            before, self.env_dir = self.env_dir, find_platform_dir(self.configured_dir, self.subdir)
            if self.env_dir == before:
                write_file(self.path(".leases", mark), b"")
        if self.env_dir != before:
            self.make()

    def cannot_write(self, cause: OSError) -> Error:
        found = "a file, or a link that leads nowhere" if isinstance(cause, FileExistsError) else cause.strerror
        message = "expected an env-dir that can be written to, found: %s" % found
        user = getattr(os, "geteuid", int)()
        own, *inner = (read_status(self.path(name)) for name in ("", ".leases", ".trash"))
        hint = OWN_FOLDER
        if own and own.st_uid == user and isinstance(cause, PermissionError):  # the former: after a run by sudo
            is_mixed = any(one and one.st_uid != user for one in inner)
            hint = type_this(*(["sudo", "chown", "-R", user] if is_mixed else ["chmod", "u+rwx"]), self.env_dir)
        return Error(message, self.env_dir, hint=hint)

    def append(self, event: str, name: str, script: str) -> bool:
        """Append a row to usage.tsv in one write, and date the marker; answer whether that could be done."""
        row = format_use(int(time.time()), event, name, os.getpid(), HOST_ID, os.path.abspath(script) if script else "")
        if event != "remove":  # a time that no damage to the log can take away; where it cannot be set, nobody collects
            try_to(os.utime, self.path(name, MARKER))
        try:
            for _ in range(MAX_TRIES):  # a log that is rewritten between open and write takes the row with it
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)  # for a pipe in its place
                fd = os.open(self.path("usage.tsv"), flags, 0o644)
                with open(fd, "ab", buffering=0) as log:
                    row = row if os.fstat(fd).st_size else LOG_HEADER + row
                    is_whole = log.write(row) == len(row)
                    if os.fstat(fd).st_nlink:
                        break
            return is_whole
        except OSError:  # read-only, full: a use that is not noted ends no run
            return False

    def read_uses(self) -> Uses:
        """Return what the log says, nothing where it cannot be read."""
        return Uses(read_head(self.path("usage.tsv")))

    def find_link_uses(self, name: str) -> "dict[str, float]":
        """Return when links last started something in an environment, by the files that each host has for that."""
        folders = [self.path(".leases", name + one) for one in (LEAVING, LINKED)]
        return {path: read_time(path, 0) for folder in folders for path in list_files(folder)}

    def move_link_uses(self, name: str, old: str, new: str) -> None:
        """Forbid links to start anything in an environment, or allow it again; to rename takes no room on a disk."""
        old, new = (self.path(".leases", name + one) for one in (old, new))
        for path in (old, new):
            if not os.path.isdir(path):  # nothing of ours
                try_to(os.unlink, path)
        if os.path.isdir(old) and try_to(os.rename, old, new):  # both are there: a collector was killed
            for path in list_files(old):
                try_to(os.replace, path, os.path.join(new, os.path.basename(path)))
            try_to(os.rmdir, old)

    def allow_links(self, name: str) -> None:
        """Let links of this host start what they find in an environment, on which we have a lease."""
        host = find_link_host()
        if host:
            self.move_link_uses(name, LEAVING, LINKED)
            make_folder(self.path(".leases", name + LINKED))
            write_file(self.path(".leases", name + LINKED, host), b"")

    def last_use(self, name: str, uses: "Uses | None" = None) -> float:
        """Return when an environment or a kept script was used last; 0 for one that is not complete."""
        now, is_script = self.now(), name.startswith(SCRIPTS)
        dated = self.path(name) if is_script else self.path(name, MARKER)
        try:
            marked = os.stat(dated).st_mtime + SCRIPT_GRACE_S * is_script
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError:  # one that may not be looked at is none that is not complete
            return now
        linked = self.find_link_uses(name)
        last = max([marked, *linked.values(), *(when for when, _ in (uses.of(name) if uses else ()))])
        if last <= now + CLOCK_S:
            return last
        for path in (dated, *linked):  # a clock that was wrong wrote it: it counts from now on
            try_to(os.utime, path)
        return now

    def is_hollow(self, name: str = "") -> bool:
        """Answer whether folders and links are all that is left of an environment, or folders of ours of env-dir.

        As the purges of scratch disks leave them, which delete files by age and nothing else.
        """
        path, names = self.path(name), list_names(self.path(name))
        is_ours = "conda-meta" in names
        if not name:
            is_ours = ".leases" in names and all(is_hex(one, 20) or one in OUR_FOLDERS for one in names)
            is_ours = is_ours and not any(map(os.path.islink, list_files(path)))
        files = (os.path.join(parent, one) for parent, _, files in os.walk(path) for one in files)
        return is_ours and not os.path.islink(path) and all(map(os.path.islink, files))

    def find_names(self) -> "list[str]":
        """Return what bears our sign, as paths below env-dir: kept scripts, and environments, whole or not."""
        names = [os.path.join(SCRIPTS, name) for name in list_names(self.path(SCRIPTS)) if is_hex(name, 64)]
        for name in map(os.path.basename, list_files(self.env_dir)):
            signs = self.path(name, MARKER), self.path(".leases", name + ".build")
            is_ours = is_hex(name, 20) and (any(map(os.path.lexists, signs)) or self.is_hollow(name))
            names += [name] if is_ours else []
        return [name for name in names if os.path.isdir(self.path(name)) and not os.path.islink(self.path(name))]


# ---- Collection ----------------------------------------------------------------------
# What in env-dir is no longer needed, and who still runs in it. Knows nothing of how an env is built.

RETRY_S = 600  # when to look again at an environment that something still runs in
RETRY_FAR_S = 86400  # on another host
MARK_S, LOOK_S = 3, 1  # from leaving a mark to dating the environment; for which a collector may look at one
MAX_LOOKS = 100  # at the processes that came up while we looked at others
ASIDE = ".aside"  # what a rebuild may yet put back


def find_env_of_path(place: bytes) -> str:
    """Return whose a path below env-dir is: an environment's, as its lease is, its builder's, or a kept script's.

    >>> find_env_of_path(b".leases/ea977067a8fbeb21a594.build"), find_env_of_path(b".scripts/ab12/plot.py")
    ('ea977067a8fbeb21a594.build', '.scripts/ab12')
    """
    first, *rest = os.fsdecode(place[:200].split(b"\n")[0]).split("/")
    if first == SCRIPTS:
        return "/".join([first, *rest[:1]])
    name = "".join(rest[:1] if first == ".leases" else first)
    return name[: 26 if name.startswith(".build", 20) else 20]


def find_trashed(entry: str) -> str:
    """Return what a thing in the trash was called, with a dot for a slash; "" where move_to_trash() did not name it.

    >>> find_trashed("ea977067a8fbeb21a594.12.1764040000000000000.aside"), find_trashed("photos.12.3")
    ('ea977067a8fbeb21a594', '')
    """
    stem = entry[: -len(ASIDE)] if entry.endswith(ASIDE) else entry
    name, pid, time_ns = ["", "", *stem.rsplit(".", 2)][-3:]
    is_named = pid.isdigit() and time_ns.isdigit() and len(time_ns) == 19
    is_script = stem == entry and name.startswith(SCRIPTS + ".") and is_hex(name[len(SCRIPTS) + 1 :], 64)
    return name if is_named and (is_hex(name, 20) or is_script) else ""


def start_collector(env_dir: str, max_unused_s: float) -> None:
    """Collect in a process that has nothing of the caller's: no descriptor, session, folder or parent."""
    import subprocess

    argv, null = start_anew("--tmpenv", "collect"), subprocess.DEVNULL
    if fcntl:  # by a shell that ends at once: a script is to have no child that it does not know of
        argv = ["/bin/sh", "-c", '"$@" &', "sh", *argv]
    flags = 0 if fcntl else 0x8 | 0x200  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
    settings = {"CONDA_EXECUTE_ENV_DIR": env_dir, "CONDA_EXECUTE_REMOVE_IF_UNUSED_FOR": repr(max_unused_s / 3600)}
    environ = {**os.environ, **settings}  # a CONDARC may be said from the caller's folder
    options: dict[str, Any] = {"creationflags": flags, "start_new_session": True, "cwd": "/", "env": environ}
    try:
        child = subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, **options)
        if fcntl:
            child.wait()
    except OSError:  # no room for a process: the next call tries again
        pass


class InUse(Error):
    """Somebody may run in what is to go; `is_far` where other hosts alone can tell."""

    def __init__(self, path: str, who: "list[str]") -> None:
        far, hint = [one for one in who if " on " in one], "end it, or wait for its end"
        if far:
            hint += '; if it has ended, "conda-tmpenv clear" there says so, and 30 days after its last use it has'
            hint += "; if that host is no more, write: rm -r " + path
        found = printable(", ".join(who)) or "another process"
        super().__init__("expected nobody to run in it, found " + found, path, hint=hint)
        self.is_far = bool(far) and far == who


class Collector(EnvDir):
    """env-dir, and what of it is no longer needed."""

    def find_running(self) -> "Iterator[tuple[str, int]]":
        """Yield where each process of this host runs, by /proc: see read_paths_in_use(); for our own, its parent."""
        roots = {os.fsencode(path) + b"/" for path in (self.env_dir, os.path.realpath(self.env_dir))}
        seen: set[int] = set()
        ancestors = find_ancestors()
        for _ in range(MAX_LOOKS):  # who forks and ends while we look has left a number that is new
            pids = {int(one) for one in os.listdir("/proc") if one.isdigit()} - seen
            seen |= pids
            for pid in sorted(pids):
                places = b"\n".join(read_paths_in_use(pid, self.path(".leases"), ancestors))
                for part in (part for root in roots for part in places.split(root)[1:]):
                    yield find_env_of_path(part), pid if pid != os.getpid() else os.getppid()
            if not pids:
                break

    def find_logged(self) -> "Iterator[tuple[str, int]]":
        """Yield where each process of this host runs that the log names, and that has not ended."""
        uses = self.read_uses()
        for name, row in ((one, row) for one in uses.scripts for _, row in uses.of(one)):
            pid, host, script = row.split(b"\t")[3:]
            if host == os.fsencode(HOST_ID) and pid.isdigit() and is_running(int(pid), ""):
                yield name, int(pid)
                yield os.path.dirname(unescape(script)).replace(self.path(""), ""), int(pid)

    def find_processes(self) -> "dict[str, set[int]]":
        """Return the processes of this host that run in each environment or kept script."""
        found: dict[str, set[int]] = {}
        for name, pid in self.find_running() if os.path.isdir("/proc/self") else self.find_logged():
            found.setdefault(name, set()).add(pid)
        return found

    def move_to_trash(self, name: str, suffix: str = "") -> str:
        """Move something into the trash, and return where it is now."""
        check_no_mount(self.path(name))
        make_folder(self.path(".trash"))
        try_to(os.chmod, self.path(name), 0o755)  # to move a folder takes the right to write to it
        trash = "%s.%d.%019d%s" % (name.replace(os.sep, "."), os.getpid(), time.time_ns(), suffix)
        os.rename(self.path(name), self.path(".trash", trash))
        return self.path(".trash", trash)

    def put_back(self, name: str, has_failed: bool = False) -> None:
        """Clear away what a failed build has left, or one that was killed, and put back what it was to replace."""
        asides = [entry for entry in list_names(self.path(".trash")) if entry.endswith(ASIDE)]
        asides = sorted((one for one in asides if find_trashed(one) == name), key=lambda one: one.split(".")[-2])
        if not asides and not has_failed:
            return
        if not self.find_marker(name):
            if os.path.lexists(self.path(name)):
                self.move_to_trash(name)
            if asides:
                os.rename(self.path(".trash", asides.pop()), self.path(name))
        for entry in asides:
            os.rename(self.path(".trash", entry), self.path(".trash", entry[: -len(ASIDE)]))

    def find_users_elsewhere(self, name: str, uses: Uses, is_held: bool = False) -> "list[str]":
        """Return who of other hosts may still run in an environment, whom no lock binds; of one that is held, all."""
        last = self.last_use(name)
        if last < self.now() - FOREIGN_LEASE_S:
            return []
        if name.startswith(SCRIPTS):  # no lease tells who reads a script
            boot = find_boot(self.env_dir)
            hosts = {host for users in uses.hosts.values() for host, (when, _) in users.items() if when > boot}
            return ["a job on " + printable(host) for host in sorted(hosts - {HOST_ID})]
        marked = read_time(self.path(".leases", MARKS_NEEDED), -1)  # when leases began to leave marks
        unmarked_since = float("inf") if is_held or not find_flock_scope(self.env_dir) else 0
        since = marked + STALE_S if marked >= 0 else unmarked_since
        found = []
        for host, (when, row) in uses.hosts.get(name, {}).items():
            is_old = not is_hex(host.rpartition("-")[2], 8)  # versions before 1.2 leave no marks beside flock
            if host != HOST_ID and (when < since or since and is_old):
                found.append("process %s on %s" % (os.fsdecode(row.split(b"\t")[3]), host))
        noted = max([when for when, _ in uses.of(name)], default=0)
        is_told = name in uses.creations and read_time(self.path(name, MARKER), self.now()) < noted + CLOCK_S
        found += ["one that the log does not tell of"] if since and not is_told else []
        linked = {os.path.basename(path): when for path, when in self.find_link_uses(name).items()}
        since, own = max(self.now() - FOREIGN_LEASE_S, find_boot(self.env_dir)), find_link_host()
        return found + ["a link on " + one.split(",")[0] for one in linked if one != own and linked[one] > since]

    def lock_idle(self, name: str, locks: "list[Lock]", bound_s: float) -> None:
        """Take the locks of what nobody uses, so that nobody will; raise InUse for who is in the way.

        Who has one of these locks open counts: of those that wait for a builder, who is that builder asks for none.
        Each use changes the time of the last: what is looked at before the locks are had still holds if that does.
        """
        deadline = time.monotonic() + bound_s  # for those who are about to let go of a lock
        while True:
            self.move_link_uses(name, LINKED, LEAVING)  # before we look: who has his lease open by now is seen
            dated, uses, busy = self.last_use(name), self.read_uses(), self.find_processes()
            names = {name, *(os.path.basename(lock.path) for lock in locks)} - {SCRIPTS}
            pids = sorted({pid for one in names for pid in busy.get(one, ())})
            is_alone = not pids and all(lock.take(exclusive=True) for lock in locks)
            who = ["process " + ", ".join(map(str, pids))] if pids else []
            who += self.find_users_elsewhere(name, uses)
            is_alone = is_alone and not os.path.lexists(self.path(".leases", name + LINKED))  # once we have the locks
            if is_alone and not who and self.last_use(name) == dated:
                return
            if who or time.monotonic() >= deadline:
                who = who or [lock.blocker for lock in locks if lock.blocker]
                who = who or ([] if is_alone else self.find_users_elsewhere(name, uses, is_held=True))
                raise InUse(self.path(name), who)
            time.sleep(LOCK_POLL_S)

    def move_idle(
        self, name: str, locks: "list[str]", bound_s: float, suffix: str, used_before: float, dry_run: bool = False
    ) -> None:
        """Move what nobody uses, or has used since a time, into the trash; raise InUse for who is in the way."""
        held = [self.lock(one) for one in locks]
        try:
            self.lock_idle(name, held, bound_s)
            if self.last_use(name) > used_before:
                raise InUse(self.path(name), [])
            if dry_run:
                return
            trash = self.move_to_trash(name, suffix)
            if any(abs(time.time() - lock.taken_s) > STALE_S / 2 for lock in held):  # others may take us for dead
                if not os.path.lexists(self.path(name)):
                    os.rename(trash, self.path(name))
                raise InUse(self.path(name), [])
            try_to(remove_tree, self.path(".leases", name + LEAVING))
        finally:
            try:
                is_left = os.path.lexists(self.path(".leases", name + LEAVING))
                if is_left and held[-1].take(exclusive=False):  # who has it alone has looked, and is about to move it
                    self.move_link_uses(name, LEAVING, LINKED)
            finally:
                for lock in held:
                    lock.release()

    def remove(self, name: str, used_before: float, dry_run: bool = False) -> None:
        """Remove what nobody uses, or has used since a time, and note that; raise InUse for who is in the way."""
        is_script = name.startswith(SCRIPTS)
        locks, bound_s = ([SCRIPTS], BUILDER_GRACE_S) if is_script else ([name + ".build", name], LOOK_S)
        self.move_idle(name, locks, bound_s, "", used_before, dry_run)
        if not is_script and not dry_run:
            self.append("remove", name, "")

    def forget_link_use(self, name: str, path: str, when: float) -> None:
        """Take away when links of some host started something last; that it was used then stays known."""
        marker = self.path(name, MARKER)
        if read_time(marker, when) < when:
            try_to(os.utime, marker, (when, when))
        try_to(os.unlink, path)

    def forget_link_uses(self, name: str) -> None:
        """Take away what links have left that no longer run: of other hosts, or boots, and for other hosts, of ours."""
        uses, own = {os.path.basename(path): when for path, when in self.find_link_uses(name).items()}, find_link_host()
        if own in uses and self.read_uses().hosts.get(name, {}).keys() - {HOST_ID}:  # who cannot tell by themselves
            with self.lock(name) as lease:
                self.move_link_uses(name, LINKED, LEAVING)  # before we look, as in lock_idle()
                path, is_idle = self.path(".leases", name + LEAVING, own), name not in self.find_processes()
                if is_idle and lease.take(exclusive=True) and read_time(path, 0) == uses[own]:
                    self.forget_link_use(name, path, uses[own])
                if lease.take(exclusive=False):
                    self.move_link_uses(name, LEAVING, LINKED)
        since = max(self.now() - FOREIGN_LEASE_S, find_boot(self.env_dir))
        for path, when in self.find_link_uses(name).items():
            if when < since and os.path.basename(path) != own:
                self.forget_link_use(name, path, when)

    def sweep(self) -> None:
        """Take from .leases what nobody needs: marks of the dead, and failures that were told; mark what is busy."""
        busy, now = self.find_processes(), self.now()
        for name in (one for one in busy if is_hex(one, 20)):
            hosts = [find_holder(mark)[0] for mark in list_marks(self.path(".leases", name + ".shared"))]
            if HOST_ID not in hosts and os.path.lexists(self.path(name, MARKER)):
                self.lock(name).abandon()  # for other hosts: who runs there may have closed his own lease
        for path in list_files(self.path(".leases")):
            name, kind = os.path.splitext(os.path.basename(path))
            mark_age_s = STALE_S
            if kind == ".shared" and is_hex(name, 20):  # of an environment that nobody has used for so long none counts
                mark_age_s = MARK_S if 0 < self.last_use(name) < now - FOREIGN_LEASE_S else FOREIGN_LEASE_S
            for mark in list_marks(path) if kind in (".shared", ".exclusive") else ():
                host, pid, start = find_holder(mark)
                is_over = not is_running(pid, start) and (kind == ".exclusive" or name not in busy)
                if is_over if host == HOST_ID else abs(now - read_time(mark, now)) > mark_age_s:
                    try_to(os.unlink, mark)
                    try_to(os.rmdir, path)
            if kind in (LINKED, LEAVING):
                self.forget_link_uses(name)
            if (".failed" in os.path.basename(path) or kind == ".part") and abs(now - read_time(path, now)) > STALE_S:
                try_to(os.unlink, path)

    def compact_log(self, path: str) -> None:
        """Rewrite a log that is long, or of the future, to what Uses keeps of each environment, in its order."""
        latest, now = self.now() + CLOCK_S, b"%d" % self.now()
        with open(path, "rb") as old:
            content = old.read()
            end = content.rfind(b"\n") + 1  # a row may be on its way
            uses = Uses(content)
            found = [use for name in uses.scripts if os.path.lexists(self.path(name, MARKER)) for use in uses.of(name)]
            if end < LOG_LIMIT_BYTES and all(when <= latest for when, _ in found):
                return
            new = {row: row if when <= latest else now + row[row.index(b"\t") :] for when, row in found}
            kept = [new[row] + b"\n" for row in dict.fromkeys(content[:end].split(b"\n")) if row in new]
            write_file(path + ".part", LOG_HEADER + b"".join(kept))
            old.seek(end)
            late = old.read()  # appended while we wrote
            with open(path + ".part", "ab", buffering=0) as part:
                part.write(late[: late.rfind(b"\n") + 1])
            os.replace(path + ".part", path)
            late = late[late.rfind(b"\n") + 1 :] + old.read()  # and since then
        with open(path, "ab", buffering=0) as log:
            log.write(late)

    def empty_trash(self) -> "list[Error]":
        """Delete what lies in the trash, but for what a builder may yet put back; return why what stays does."""
        stays = []
        for entry in list_names(self.path(".trash")):
            name, path = find_trashed(entry), self.path(".trash", entry)
            try:
                if name and entry.endswith(ASIDE):
                    with self.lock(name + ".build") as builder:
                        if builder.take(exclusive=True):  # it was killed
                            self.put_back(name)
                elif name and not os.path.islink(path):
                    remove_tree(path) if os.path.isdir(path) else os.unlink(path)
            except FileNotFoundError:  # another one deletes it too
                continue
            except (OSError, Error) as e:
                why, at = (e.message, e.place) if isinstance(e, Error) else (e.strerror, os.fsdecode(e.filename or ""))
                message = "expected to be able to delete it, found: %s" % why
                stays.append(Error(message, at, hint="it stays in " + self.path(".trash")))
        return stays

    def find_due_path(self) -> str:
        """Return the file whose time is when the next env or script comes of age under the setting in its name."""
        return self.path(".leases", ".due-%g" % self.max_unused_s)

    def collect(self) -> None:
        """Remove what has been unused for too long or is damaged, and empty the trash."""
        self.check_owners(".leases", ".trash", SCRIPTS)
        if not self.is_ours() or abs(self.now() - time.time()) > CLOCK_S:
            return
        self.require_marks()
        with self.lock(".collect") as lock:
            is_alone = lock.take(exclusive=True)
            if is_alone:
                lock.note("collects")
                self.sweep()
                due = self.collect_unused()
            self.empty_trash()
            if is_alone:  # what needs room on the disk comes after what makes some
                write_file(self.find_due_path(), b"")
                os.utime(self.find_due_path(), (due, due))
                try_to(self.compact_log, self.path("usage.tsv"))

    def collect_unused(self) -> float:
        """Move away what has been unused for too long or is damaged; return when the next is due."""
        now, uses = self.now(), self.read_uses()
        due = now + self.max_unused_s
        for name in self.find_names():
            try:
                if not name.startswith(SCRIPTS):
                    self.remove_marker_if_damaged(name)
                expiry = self.last_use(name, uses) + self.max_unused_s
                if expiry <= now:
                    self.remove(name, now - self.max_unused_s)
            except (OSError, Error) as e:  # a mount point, or somebody else's: it keeps no other
                expiry = now + (RETRY_FAR_S if isinstance(e, InUse) and e.is_far else RETRY_S)
            due = min(due, expiry) if expiry > now else due
        return due

    def collect_if_due(self) -> None:
        """Collect in the background if the time has come; to learn that it has not costs one stat."""
        due = read_time(self.find_due_path(), 0)
        now = time.time()  # a stamp beyond what the setting allows is of a clock that was wrong
        if not now < due <= now + max(self.max_unused_s, RETRY_FAR_S) + 1 and os.access(self.path(".leases"), os.W_OK):
            start_collector(self.configured_dir, self.max_unused_s)


# ---- Envs ----------------------------------------------------------------------------
# A lease on an environment, built first where there is none. Knows no engine.

FAILURE_BYTES = 1 << 16  # that are told to others
FAILURE_FIELDS = ("message", "place", "source", "hint", "words")  # of an Error


class Store(Collector):
    """env-dir, and the environments to be had from it."""

    def obtain(
        self, name: str, force: bool, build: "Build", terms: "Callable[[], str]" = str, job_array: str = ""
    ) -> Lock:
        """Return a lease on a complete environment, built first where there is none.

        Look, lock, look again, build, mark last. Who dies on the way leaves a prefix without marker,
        which the next one clears away; its engine, which inherits the builder's lock, keeps others waiting.
        A build that fails does so for all who waited for it on the same terms, and for others of one `job_array`.
        """
        self.check_owners(".leases")
        for tries in range(1 + MAX_TRIES):
            if tries or force or not os.path.lexists(self.path(name, MARKER)):
                self.make(name)
            built = self.build(name, force, build, terms(), job_array) if tries else None
            lease = built or self.lock(name).wait(exclusive=False)
            if not tries:
                self.collect_if_due()
            if built or self.is_usable_env(lease, name) and not force:
                return lease
            lease.release()  # who waits for a builder does not run in it
        raise Error("expected to be the only builder, found others again and again", self.path(name))

    def build(self, name: str, force: bool, build: "Build", terms: str, job_array: str) -> "Lock | None":
        """Build an environment and return a lease on it, or None when we have waited for who did."""
        failed = self.path(".leases", "%s.%s.failed" % (name, terms))
        before = read_failure(failed)[0]

        def is_over() -> bool:
            return not force and bool(self.find_marker(name)) or read_failure(failed)[0] != before

        with self.lock(name + ".build").wait(exclusive=True, is_over=is_over) as builder:
            self.refuse_failed(failed, before, "" if force else job_array)
            if builder.is_taken:
                self.put_back(name)
                if (force or not self.find_marker(name)) and self.replace(name, builder, build, failed, job_array):
                    return self.lock(name).wait(exclusive=False)
        return None

    def is_usable_env(self, lease: Lock, name: str) -> bool:
        """Answer whether an environment is complete and nobody else's, looked at while we hold its lease."""
        inside = [os.path.join(name, "conda-meta"), os.path.join(name, MARKER), find_bin_dirs(self.path(name))[0]]
        try:
            self.check_owners(".leases", name, *inside)
            return bool(self.find_marker(name))
        except BaseException:
            lease.release()
            raise

    def replace(self, name: str, builder: Lock, build: "Build", failed: str, job_array: str) -> bool:
        """Build an environment in the place of what is there; if that fails, put a complete one back.

        Return False where another builder has taken over, whom no lock binds: then his is to be waited for.
        """
        try:
            if os.path.lexists(self.path(name)):  # whoever waits for us with a lease is about to let go of it
                self.move_idle(name, [name], BUILDER_GRACE_S, ASIDE if self.find_marker(name) else "", float("inf"))
        except FileNotFoundError:  # what a file server's client still saw
            pass
        is_lost = is_built = False
        try:
            builder.note("builds " + self.path(name), self.path(name))
            build(builder)
            is_built = True
            try_to(os.unlink, failed)
        except (Error, OSError) as e:
            is_lost = builder.is_taken_over(self.path(name), self.path(name, MARKER))
            if not is_lost:
                if isinstance(e, Error) and e.is_for_all:  # else it is this host's own trouble
                    write_failure(failed, e, job_array)
                raise
        finally:
            builder.note("")
            if not is_lost:
                try_to(self.put_back, name, not is_built)  # or the next one does it
            if list_names(self.path(".trash")):
                start_collector(self.configured_dir, self.max_unused_s)
        return is_built

    def refuse_failed(self, failed: str, before: "tuple[int, int] | None", job_array: str) -> None:
        """Raise what a build failed with while we waited for it, or another job of our array not long ago."""
        after, told = read_failure(failed)
        age_s = self.now() - after[0] / 1e9 if after else STALE_S
        is_ours = bool(job_array) and told.get("batch") == job_array and age_s < STALE_S
        if after and (after != before or is_ours):
            ago = "" if after != before else ", %d s ago (--force-env tries anew)" % age_s
            self.progress.line("%s could not build it%s; its words:" % (printable(str(told.get("by"))), ago))
            texts = [str(told.get(key, "")).split("\n") for key in FAILURE_FIELDS]
            message, place, source, hint, words = ("\n".join(map(printable, lines)) for lines in texts)
            is_place = [part.isdecimal() for part in place.rsplit(":", 2)[1:]] == [True, True]
            error = Error(message, place if is_place else "", source if is_place else "", hint)
            error.words = words
            raise error


def read_failure(failed: str) -> "tuple[tuple[int, int] | None, dict[str, str]]":
    """Return what tells one failure to build an environment from the next, and what write_failure() wrote."""
    found = read_status(failed)
    if not found or found.st_mode & 0o170000 != 0o100000 or found.st_size > FAILURE_BYTES:
        return None, {}
    return (found.st_mtime_ns, found.st_ino), read_json(failed)


def write_failure(failed: str, failure: Error, job_array: str) -> None:
    """Leave for those who wait what an engine said."""
    import json

    told = {"by": "process %d on %s" % (os.getpid(), HOST_ID), "batch": job_array}
    told.update((key, mask(getattr(failure, key))[: FAILURE_BYTES // 8]) for key in FAILURE_FIELDS)
    try_to(replace_file, failed, json.dumps(told).encode(), 0o600)  # no room for it: they find out by themselves


# ---- Progress ------------------------------------------------------------------------
# What a person sees of the work while it is done. Knows nothing of what that is.

FIRST_WORD_S = 30.0


class Progress:
    """What a person sees of the work, on stderr: lines that stay, and on a terminal one that changes.

    Where no line can change, one tells how far it is after 30 s, 1 min, 2 min and so on: a job's log bears that.
    """

    def __init__(self, verbose: bool, quiet: bool) -> None:
        self.verbose, self.quiet = verbose and not quiet, quiet
        is_seen = sys.stderr and sys.stderr.isatty()  # None where the caller has closed it
        is_able = os.environ.get("TERM") not in (None, "", "dumb") or os.name == "nt"
        self.erase = "\r\x1b[K" if is_seen and is_able and not verbose and not quiet else ""
        self.text, self.began_s, self.next_s = "", 0.0, FIRST_WORD_S

    def line(self, text: str) -> None:
        if not self.quiet:
            print_err(self.erase + "conda-execute: " + text)

    def detail(self, text: str) -> None:
        """Say with -v what is done; a line each."""
        if self.verbose:
            print_err(printable(text))

    def step(self, text: str) -> None:
        """Show what is going on, and since when: as wide as the terminal is by now."""
        self.began_s = self.began_s if self.text and text else time.monotonic()
        self.text = text
        self.tick()

    def tick(self) -> None:
        """Show anew what is going on, where that can be shown in place, or is due."""
        elapsed_s = time.monotonic() - self.began_s
        shown = "%d s, %s" % (elapsed_s, printable(self.text)) if self.text else ""
        if self.erase:
            try:
                width = (os.get_terminal_size(2).columns or 80) - 1
            except OSError:  # stderr is another one's terminal
                width = 79
            shown = shown if len(shown) <= width else shown[: max(width - 3, 0)] + "..."
            print_err(self.erase + shown[:width], end="")
        elif shown and elapsed_s >= self.next_s and not self.verbose:
            self.next_s *= 2
            self.line("after " + shown)


# ---- Children ------------------------------------------------------------------------
# Starting a program, waiting for it, ending it. Whatever the caller made of signals, umask and
# descriptors: an engine finds them in order, a script as they are, and the exit code reaches us.

STOP_S = 10  # conda takes its time to undo what it did
PIPE_BYTES = 1 << 20  # more than a pipe holds (pipe(7))
WATCH_S = 1.0  # how often a child looks whether its parent is there
SILENT_S = 600  # without a sign of life, which is that a program computes anything at all
SILENT_TICKS = 10  # of 10 ms: what is less than that in all this time is waiting
SILENT_CODE = 1000  # what is reported of an engine that watch() has ended: no exit code can be it


def wait_for_input(fds: "list[int]", bound_s: float) -> "list[int]":
    """Return those of some descriptors that have something to read, or are at their end, once there are any."""
    from select import POLLIN, poll  # select() takes no descriptor above 1023

    polled = poll()
    for fd in fds:
        polled.register(fd, POLLIN)
    return [fd for fd, _ in polled.poll(bound_s * 1000)]


def find_start_cause(program: str, cause: "OSError | ValueError") -> str:
    """Return why the system does not start a program: one that is there names in its first line what is not."""
    first = read_head(program, 200).split(b"\n")[0] if isinstance(cause, FileNotFoundError) else b""
    said = str(getattr(cause, "strerror", "") or cause)
    return "%s: its first line is %s" % (said, quote(os.fsdecode(first))) if first[:2] == b"#!" else said


class Child:
    """A program with a share in our locks, started as our child, or by one that reports how it ended.

    The latter is this file, started anew with `work`: a caller that ignores SIGCHLD, or waits for every
    child there is, takes an exit code from us, but not what we read from a pipe.
    """

    child: "Any" = None
    report, stop_fd, text = -1, -1, b""  # what it reports on, what it lives as long as, what it has reported

    def __init__(self, argv: "list[str]", locks: "Iterable[Lock]", work: str, **options: "Any") -> None:
        from subprocess import Popen

        theirs = []
        try:
            if work and fcntl:
                (self.report, end), (stop_fd, self.stop_fd) = (tuple(map(lift_fd, os.pipe())) for _ in range(2))
                theirs = [end, stop_fd]
                argv = start_anew(work, *map(str, theirs), *argv)
            fds = [*theirs, *(lock.fd for lock in locks if lock.fd >= 0)] if fcntl else []
            self.child = Popen(argv, pass_fds=fds, **options)
        except BaseException:
            self.close()  # which ends a child that has just begun
            raise
        finally:
            for fd in theirs:
                os.close(fd)

    def wait(self) -> int:
        """Return the exit code, 128 + n after signal n, or raise the OSError that kept the program from starting."""
        if self.report >= 0:
            self.text = self.text or os.read(self.report, PIPE_BYTES) or b"137 0"  # who reports was killed
            self.child.wait()
            code, cause = map(int, self.text.split())
            if cause:
                raise OSError(cause, os.strerror(cause))
            return code
        if not fcntl:
            return int(self.child.wait())
        try:
            status = os.waitpid(self.child.pid, 0)[1]  # where Popen says 0 for what somebody else has
        except ChildProcessError:
            message = "expected the exit code of process %d, found that somebody else had waited for it"
            hint = "wait for your own children alone, in the process that calls run()"
            raise Error(message % self.child.pid, hint=hint) from None
        self.child.returncode = code = 128 + (status & 0x7F) if status & 0x7F else status >> 8
        return code

    def close(self) -> None:
        """Let go of the pipes, which ends an engine that still runs."""
        for fd in (self.report, self.stop_fd):
            if fd >= 0:
                os.close(fd)
        self.report = self.stop_fd = -1
        output = getattr(self.child, "stdout", None)
        if output:
            output.close()

    __del__ = close


class EngineProcess(Child):
    """An engine: it and all that it started end when it is told to, and when we are no more; see supervise()."""

    def __init__(self, argv: "list[str]", environ: "Environ", cwd: str, locks: "Iterable[Lock]", given: bytes) -> None:
        from subprocess import DEVNULL, PIPE, STDOUT

        options = {"stdin": PIPE if given else DEVNULL, "stdout": PIPE, "stderr": STDOUT, "start_new_session": True}
        super().__init__(argv, locks, "--supervise", env=environ, cwd=cwd, **options)
        if given:
            try_to(self.child.stdin.write, given)  # to what may have ended: its output says why
            try_to(self.child.stdin.close)

    def read_lines(self) -> "Iterator[bytes]":
        """Yield what the program prints, line by line, up to its end, and an empty line now and then meanwhile."""
        if not fcntl:
            yield from self.child.stdout
            return
        output, rest = self.child.stdout.fileno(), b""
        watched = [output, self.report]  # a fork of the caller may keep the first from its end
        while not self.text:
            ready = wait_for_input(watched, WATCH_S)
            if self.report in ready:  # with nothing to read it was killed, and its program may go on
                self.text, watched = os.read(self.report, PIPE_BYTES), [output]
                ready = wait_for_input(watched, 0)  # for what it printed last
            if output in ready:
                part = os.read(output, PIPE_BYTES)
                if not part:
                    break
                *lines, rest = (rest + part).split(b"\n")
                yield from lines
            elif not self.text:
                yield b""
        yield from filter(None, [rest])

    def stop(self) -> None:
        """End the program and all that it started; told twice, it is not asked but killed."""
        for _ in range(3):
            try:
                os.write(self.stop_fd, b"x") if fcntl else self.child.terminate()
                self.wait()
            except (KeyboardInterrupt, Error):  # a person is in a hurry, or a signal of build_prefix()
                continue
            except OSError:  # it has ended, or never began
                pass
            return


def report_end(argv: "list[str]", wait: "Callable[[Popen[bytes]], int]", **options: "Any") -> int:
    """Run the command behind two pipes that are Child's, and say on the first how it ended, or why there was none."""
    from subprocess import Popen

    report, stop_fd, *command = argv
    for fd in (report, stop_fd):
        os.set_inheritable(int(fd), False)
    try:
        code, cause = wait(Popen(command, close_fds=False, **options)), 0
    except OSError as e:
        code, cause = 127, e.errno or 0
    os.write(int(report), b"%d %d" % (code if code >= 0 else 128 - code, cause))
    os._exit(0)


def run_report(argv: "list[str]") -> int:
    """Run a command with signals as the caller had them, and report its end."""
    before = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    for number in (_signal.SIGINT, _signal.SIGQUIT):  # for the command; a handler is not inherited, ignoring would be
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, lambda number, frame: None)
    return report_end(argv, lambda child: child.wait(), preexec_fn=lambda: _signal.signal(_signal.SIGCHLD, before))


PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # end with your parent; be that of what our children leave behind


def set_process(option: int, value: int) -> None:
    """Set an attribute of this process by prctl(2), where there is such."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (ImportError, OSError, AttributeError):  # not Linux: the process group is all we know
        pass


def read_ticks(session: int) -> int:
    """Return how long the processes of a session have computed, in ticks (proc(5)); -1 where nobody tells."""
    rows = (read_process(int(pid), "stat").rpartition(b")")[2].split() for pid in list_names("/proc") if pid.isdigit())
    ticks = [int(row[11]) + int(row[12]) for row in rows if row and int(row[3]) == session]
    return sum(ticks) if ticks else -1


def watch(stop_fd: int, parent: int, pid: int, stopped: "list[int]") -> None:
    """End a process and its group when we are told to, when the parent has ended, or it has for all we can see."""
    alive_s, ticks, reason = time.monotonic(), read_ticks(pid), 0
    while not reason and not wait_for_input([stop_fd], WATCH_S) and os.getppid() == parent:
        if time.monotonic() > alive_s + SILENT_S:
            alive_s, before, ticks = time.monotonic(), ticks, read_ticks(pid)
            reason = SILENT_CODE if 0 <= ticks < before + SILENT_TICKS else 0
    stopped.append(reason)
    try:
        os.killpg(pid, _signal.SIGTERM)
        is_told = wait_for_input([stop_fd], 0) and os.read(stop_fd, 1)
        wait_for_input([stop_fd] if is_told else [], STOP_S)
        os.killpg(pid, _signal.SIGKILL)
    except OSError:  # it has ended
        pass


def end_all(group: int, everyone: bool) -> None:
    """Kill what is left of a process group, or of all our children and theirs, and wait until it is gone."""
    while True:
        try_to(os.killpg, group, _signal.SIGKILL)
        for pid in read_process(os.getpid(), "task/%d/children" % os.getpid()).split() if everyone else ():
            try_to(os.kill, int(pid), _signal.SIGKILL)
        try:
            os.waitpid(-1 if everyone else -group, 0)
        except ChildProcessError:
            return


def supervise(argv: "list[str]") -> int:
    """Run an engine as EngineProcess promises it, and report its end once all is gone that it started."""

    stop_fd, parent = int(argv[1]), os.getppid()
    os.umask(os.umask(0o022) | 0o022)
    for name in ("SIGCHLD", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGPIPE"):
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
    set_process(PR_SET_CHILD_SUBREAPER, 1)

    def wait(engine: "Popen[bytes]") -> int:
        stopped: list[int] = []
        start_thread(watch, stop_fd, parent, engine.pid, stopped)
        code = engine.wait()
        end_all(engine.pid, bool(stopped) or code != 0)
        return SILENT_CODE if SILENT_CODE in stopped else code

    start = lambda: set_process(PR_SET_PDEATHSIG, _signal.SIGKILL)  # noqa: E731
    return report_end(argv, wait, start_new_session=True, preexec_fn=start)


# ---- Activation ----------------------------------------------------------------------
# From variables to those that an environment gives. Knows nothing of building.

SHELLS = ("sh", "bash", "dash", "ksh", "zsh")  # every machine has one: an env need not bring it
# Of POSIX, and so on every machine too: what an entrypoint may use around the program that it is about.
UTILITIES = (
    "basename", "cat", "chmod", "cmp", "cp", "date", "dirname", "echo", "env", "find", "ln", "ls", "mkdir", "mv",
    "printf", "pwd", "rm", "rmdir", "sleep", "test", "touch", "true", "uname",
)  # fmt: skip


def find_active(environ: "Environ") -> "tuple[str, int]":
    """Return the activated prefix and how many lie on one another, or "" and 0."""
    prefix, level = environ.get("CONDA_PREFIX", ""), environ.get("CONDA_SHLVL", "").strip()
    depth = int(level) if level.isdecimal() and len(level) < 6 and prefix else 0
    return (prefix, depth) if depth else ("", 0)


def activate(environ: "Environ", prefix: str, config: Config) -> "dict[str, str]":
    """Return the variables that "conda activate" would leave, but for what its scripts do (conda/activate.py).

    Two differences: the new prefix comes first in PATH wherever the outer one stood, and the
    variables of the outer one are taken back, which conda leaves to its deactivation.
    """
    outer, depth = find_active(environ)
    gone = find_bin_dirs(outer) if outer else []
    path = [one for one in environ.get("PATH", os.defpath).split(os.pathsep) if os.path.normpath(one) not in gone]
    new = dict(environ)
    if outer != prefix:
        for name in map(str.upper, read_variables(outer) if outer else ()):
            hidden = environ.get("__CONDA_SHLVL_%d_%s" % (depth - 1, name))
            new.pop(name, "")
            new.update({name: hidden} if hidden else {})
        for name, value in read_variables(prefix).items():
            new[name.upper()] = value
            new.update({"__CONDA_SHLVL_%d_%s" % (depth, name.upper()): environ[name]} if name in environ else {})
        new.update({"CONDA_PREFIX_%d" % depth: outer} if depth else {})
    is_named = os.path.basename(os.path.dirname(prefix)) == "envs"
    new["PATH"] = os.pathsep.join(find_bin_dirs(prefix) + path)
    new["CONDA_SHLVL"] = str(depth + (outer != prefix))
    new["CONDA_PREFIX"] = new["PREFIX"] = prefix
    new["CONDA_DEFAULT_ENV"] = os.path.basename(prefix) if is_named else prefix
    new["CONDA_PROMPT_MODIFIER"] = find_prompt(new, config)
    return new


def find_prompt(environ: "Environ", config: Config) -> str:
    """Return what condarc's env_prompt makes of an activated environment."""
    try:
        shown, prompt = (str(config.condarc.text(key)) for key in ("changeps1", "env_prompt"))
    except Error:  # of YAML that is beyond us: a prompt is worth no failure
        shown = prompt = ""
    if shown.lower() in ("false", "no", "off", "n", "0"):
        return ""
    name, prefix = environ["CONDA_DEFAULT_ENV"], environ["CONDA_PREFIX"]
    prompt = prompt or "({default_env}) "
    known = {"default_env": name, "stacked_env": name, "prefix": prefix, "name": os.path.basename(prefix)}
    for key, value in known.items():
        prompt = prompt.replace("{%s}" % key, value)
    return prompt


def is_variable(name: str) -> bool:
    """Answer whether a shell takes a name for a variable's, and for nothing that it would run."""
    return name.isidentifier() and name.isascii()


def read_variables(prefix: str) -> "dict[str, str]":
    """Return the variables that packages and "conda env config vars" set in an environment."""
    found: dict[str, Any] = {}
    state = os.path.join(prefix, "conda-meta", "state")
    files = [*list_files(os.path.join(prefix, "etc", "conda", "env_vars.d"), ".json"), state]
    for path in filter(os.path.exists, files):
        content: Any = read_json(path).get("env_vars") if path == state else read_json(path)
        found.update(content if isinstance(content, dict) else {})
    names = [name for name in found if is_variable(name) and name != "PATH"]
    return {name: str("" if found[name] is None else found[name]) for name in names if found[name] != "***unset***"}


def run_batch(paths: "list[str]", environ: "Environ") -> "Environ":
    """Return the variables that batch files leave behind in cmd.exe, whose "set" tells them in UTF-16."""
    import subprocess

    mark = "conda-execute-%d" % os.getpid()
    command = " & ".join(['call "%s"' % path for path in paths] + ["echo " + mark, "set"])
    line, null = 'cmd.exe /d /u /c "%s"' % command, subprocess.DEVNULL
    output = subprocess.run(line, env=environ, stdin=null, stdout=subprocess.PIPE).stdout
    lines = output.partition(mark.encode("utf-16-le"))[2].decode("utf-16-le", "replace").split("\r\n")
    if lines == [""]:
        raise Error("expected activation scripts to come to their end, found one that exits", ", ".join(paths))
    return dict(line.split("=", 1) for line in lines if line.find("=") > 0)


# By which bash is told options that activation scripts are not written for: the command alone gets them.
SHELL_OPTIONS = ("SHELLOPTS", "POSIXLY_CORRECT")
# What a shell does before it becomes the command. Functions of these names would be called in place of its own;
# "activate" is one, since scripts may shift; what they print is no result of the command.
ACTIVATION = """\
unset -f exec unset true
activate() {
%s
}
if true >&2; then activate >&2; else activate >/dev/null; fi
unset -f exec unset
exec "$@"
"""


def format_words(words: "Iterable[str]") -> str:
    """Return words as a POSIX shell reads them, nothing in them expanded.

    >>> print(format_words(["a b", "it's"]))
    'a b' 'it'\\''s'
    """
    return " ".join("'%s'" % word.replace("'", "'\\''") for word in words)


def format_sourcing(lines: "Iterable[str]", argv: "list[str]", path: str) -> "list[str]":
    """Return the command by which a shell, bash if there is one, does what lines say, then becomes another."""
    shell = which("bash", path)
    code = [*lines, *(["trap - DEBUG ERR RETURN"] if shell else [])]  # of bash alone
    return [shell or "/bin/sh", "-c", ACTIVATION % "\n".join(code), "conda-execute", *argv]


def source_scripts(argv: "list[str]", old: "Environ", new: "Environ") -> "tuple[list[str], Environ]":
    """Return a command and variables by which a shell leaves the outer env, enters the new one, becomes the command."""
    outer, suffix = find_active(old)[0], ".bat" if os.name == "nt" else ".sh"
    leaving = list_files(os.path.join(outer, "etc", "conda", "deactivate.d"), suffix)[::-1] if outer else []
    entering = list_files(os.path.join(new["CONDA_PREFIX"], "etc", "conda", "activate.d"), suffix)
    if not leaving and not entering:
        return argv, new
    if os.name == "nt":
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        return argv, run_batch(entering, {**run_batch(leaving, old), **changed})  # conda's order: leave, set, enter
    search = old.get("PATH", os.defpath)
    options = ["%s=%s" % (name, new[name]) for name in SHELL_OPTIONS if name in new]
    if options and "=" not in argv[0]:  # which env takes for a variable
        argv = [which("env", search) or "/usr/bin/env", *options, *argv]
    start = {name: old[name] for name in old if name not in ("BASH_ENV", *SHELL_OPTIONS)}  # a file that bash would run
    always = ["PATH", *map(str.upper, read_variables(new["CONDA_PREFIX"]) if leaving else ())]  # they may unset these
    lines = [(". ", path) for path in leaving]
    lines += [("unset ", name) for name in filter(is_variable, start) if name not in new]
    for name in filter(is_variable, new):
        is_changed = start.get(name) != new[name] or name in always or name.startswith("CONDA_")
        lines += [("export %s=" % name, new[name])] if is_changed and name not in SHELL_OPTIONS else []
    lines += [(". ", path) for path in entering]
    return format_sourcing([word + format_words([text]) for word, text in lines], argv, search), start


def read_caller_environ() -> "dict[str, str]":
    """Return the caller's variables, with which activate() begins: not what Python (PEP 538) and conda have set."""
    environ = dict(os.environ)
    if environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8") or "CONDA_ROOT" in environ:
        given = read_process(os.getpid(), "environ")  # as we were started
        for name in ("LC_CTYPE", "CONDA_ROOT") if given else ():
            if b"\0%s=" % name.encode() not in b"\0" + given:
                environ.pop(name, "")
    return environ


# ---- Channels ------------------------------------------------------------------------
# What condarc and variables make of channels and of the network, as conda 26.7 has it, for an engine
# that does not read them itself, which is rattler. Starts nothing and asks nobody.

ALIAS = "https://conda.anaconda.org"
VENDOR = "https://repo.anaconda.com"
# What these say of where packages come from, conda alone can do.
CONDA_ALONE = ("migrated_custom_channels", "migrated_channel_aliases", "channel_settings", "client_ssl_cert_key",
               "client_ssl_cert", "client_cert_key", "client_cert", "use_local")  # fmt: skip
VERIFY = {**dict.fromkeys(OFF, "false"), **dict.fromkeys((*ON, ""), "true"), "truststore": "truststore"}
OTHER_ENGINE = "use conda as engine, which can: install it, or set CONDA_EXE; rattler can't"


class Channel(Fields):
    """Where a channel is, and the password and token that open it, which stand in no message, record or file."""

    url: str
    auth: str  # USER:PASSWORD
    token: str
    location: str  # the part of the URL behind which the token goes

    def below(self, name: str) -> "Channel":
        """Return the channel of a name below this one's URL, which the same secrets open."""
        return Channel(**{**vars(self), "url": (self.url + "/" + name.strip("/")).rstrip("/")})

    def find_open_url(self) -> str:
        """Return the URL with password and token in it."""
        scheme, _, rest = self.location.partition("://")
        auth, token = self.auth and self.auth + "@", self.token and "/t/" + self.token
        return scheme + "://" + auth + rest + token + self.url[len(self.location) :]


def split_url(url: str) -> Channel:
    """Return a channel without its secrets, and those (split_scheme_auth_token in conda/common/url.py).

    >>> vars(split_url("https://me:pw@host/t/ab-12/main/"))
    {'url': 'https://host/main', 'auth': 'me:pw', 'token': 'ab-12', 'location': 'https://host'}
    """
    scheme, _, rest = url.partition("://")
    host, *path = rest.rstrip("/").split("/")
    auth, _, host = host.rpartition("@")
    at = path.index("t") if "t" in path[:-1] and scheme.lower() != "file" else len(path)
    token, location = "".join(path[at + 1 : at + 2]), scheme + "://" + host
    return Channel(url="/".join([location, *path[:at], *path[at + 2 :]]), auth=auth, token=token, location=location)


def split_base(url: str) -> Channel:
    """Return what names of channels are joined to, an alias or another: the token goes behind all of it."""
    base = split_url(url)
    base.location = base.url
    return base


def is_below(name: str, above: str) -> bool:
    """Answer whether a path or URL is another, or below it."""
    return (name + "/").startswith(above.rstrip("/") + "/")


def resolve_folder(word: str) -> str:
    """Return the URL of a channel that is a folder, any other word as it is (is_path in conda/common/path)."""
    from urllib.parse import quote as escape

    is_path = word.startswith(("/", "~", "./", "../")) or word[1:3] in (":/", ":\\")
    path = os.path.abspath(os.path.expanduser(word)).replace(os.sep, "/") if is_path else ""
    return "file://" + "/" * (path[:1] != "/") + escape(path, "/:") if path else word


def find_netrc(host: str) -> str:
    """Return "USER:PASSWORD" for a host, as ~/.netrc has it for Python; rattler reads simpler ones alone."""
    from netrc import NetrcParseError, netrc
    from urllib.parse import quote as escape

    try:
        found = netrc(os.path.expanduser(os.environ.get("NETRC") or "~/.netrc")).authenticators(host)
    except (OSError, NetrcParseError, UnicodeDecodeError):
        return ""
    return ":".join(escape(one or "", "") for one in (found[0], found[2])) if found else ""


def find_texts(table: "Dict[Text, Node]", name: Text, most: int = 99) -> "list[Text]":
    """Return the values of a name in a table, one or a list of them."""
    values = table[name] if isinstance(table[name], list) else [table[name]]
    texts = [value for value in values if isinstance(value, Text) and value]
    if len(texts) != len(values) or not 0 < len(texts) <= most:
        hint = 'write "%s: https://HOST/PATH"' % name
        raise find_key(table, name).expected("a URL for " + name, hint, str(len(texts) or "none"))
    return texts


class CondarcChannels:
    """The channels and the network of a company, as its condarc describes them."""

    def __init__(self, config: Config, environ: "Environ") -> None:
        self.condarc, self.environ, self.subdir = config.condarc, environ, config.subdir
        for strange in self.condarc.find_strange():
            raise strange
        alias = self.condarc.text("channel_alias")
        url = expand(alias, environ) if alias else ALIAS
        if "://" not in url:
            learn_secrets(["x://" + url])
            raise alias.expected("a URL for channel_alias", 'write it with "https://" in front')
        self.alias = split_base(url)
        table, has_own = self.condarc.table("custom_multichannels"), bool(self.condarc.find(("default_channels",)))
        names = ["main", "r"] + ["msys2"] * self.subdir.startswith("win-")
        defaults = [Text(VENDOR + "/pkgs/" + one) for one in names]
        lists = {"local": [], "defaults": self.condarc.list("default_channels") if has_own else defaults}
        lists.update((str(name), find_texts(table, name)) for name in table)
        self.lists: dict[str, list[Channel]] = {}
        self.named = {"pkgs/pro": split_base(VENDOR).below("pkgs/pro")}
        for name, items in lists.items():  # as make_simple_channel in conda/models/channel.py
            urls = [resolve_folder(expand(one, environ)) for one in items]
            self.lists[name] = [split_url(url) if "://" in url else self.alias.below(url) for url in urls]
            # A channel of a list is known by its path too, such as pkgs/main: below the alias or on its host.
            for one in self.lists[name]:
                above = self.alias.url if is_below(one.url, self.alias.url) else "/".join(one.url.split("/")[:3])
                self.named[one.url[len(above) :].strip("/")] = one
        self.usual = Text("defaults" if has_own or "defaults" in table else "conda-forge")
        table = self.condarc.table("custom_channels")
        for name in table:
            location = resolve_folder(expand(find_texts(table, name, 1)[0], environ))
            self.named[name.strip("/")] = (split_base(location) if "://" in location else self.alias).below(name)

    def find_channels(self, text: Text, is_searched: bool = True) -> "list[Channel]":
        """Return what a channel's name, path or URL stands for: one channel, or those of a list; none for nothing."""
        word = expand(text, self.environ).rstrip("/")
        more = word.replace(";", " ").split()[1:]
        if more and ("://" in word or any(one[0] == "/" for one in more)):  # no path with a blank in it
            hint = "write a comma between two, or in condarc each on a line of its own"
            raise text.expected("one channel", hint, quote(mask(word)))
        if not word:  # a variable that is empty
            return []
        above, _, last = word.rpartition("/")
        if above.strip(":/") and last in KNOWN_SUBDIRS:
            if last not in ("noarch", self.subdir) and is_searched:
                raise text.expected("a channel for " + self.subdir, OTHER_ENGINE)
            word = above
        url = resolve_folder(word)
        if url in self.lists:
            return self.lists[url]
        if "://" not in url and "@" in url and ":" in url.partition("@")[0]:
            raise text.expected("a URL for a channel with a password", 'write "https://" in front', quote(mask(url)))
        if "://" not in url:
            names = ["/".join(url.split("/")[:end]) for end in range(url.count("/") + 1, 0, -1)]
            name = next((one for one in names if one in self.named), "")
            return [(self.named[name] if name else self.alias).below(url[len(name) :])]
        found = split_url(url)
        near = [one for one in [*self.named.values(), self.alias] if is_below(found.url, one.url)]
        opened = max(near, key=lambda one: len(one.url), default=found)
        found.auth = found.auth or opened.auth
        if not found.token:
            found.token, found.location = opened.token, opened.location
        return [found]

    def find_origin(self, url: Text) -> "list[Channel]":
        """Return where condarc has the channel of a URL in a lock: what the two public hosts have, it knows by name."""
        if self.usual == "defaults" and is_below(url, VENDOR + "/pkgs"):
            return self.lists["defaults"]
        return self.find_channels(Text.of(url[len(ALIAS) + 1 :], url.line, url.at) if is_below(url, ALIAS) else url)

    def check_supported(self) -> None:
        """Refuse what condarc asks for that no engine but conda can do."""
        for name in CONDA_ALONE:
            for key, value in self.condarc.find((name,)):
                if value and str(value).lower() not in OFF:
                    raise key.expected("no %s for the engine rattler" % name, OTHER_ENGINE)

    def find_forbidden(self, channels: "list[Channel]") -> "Iterator[tuple[str, Error]]":
        """Yield the URLs of those channels that condarc forbids, and what to say of each."""
        names = ("allowlist_channels", "whitelist_channels")
        denied, allowed = (
            {one.url: text for text in self.condarc.list(*keys) for one in self.find_channels(text, is_searched=False)}
            for keys in (("denylist_channels",), names)
        )
        for url, shown in ((channel.url, quote(mask(channel.url))) for channel in channels):
            if url in denied:
                yield url, denied[url].expected("no channel that denylist_channels has", "search another one", shown)
            elif allowed and url not in allowed:
                key = self.condarc.find(names)[-1][0]
                yield url, key.expected("channels of allowlist_channels alone", "search one of these", shown)

    def find_sources(self, asked: "list[Any]", specs: "list[Any]", override: bool) -> "tuple[list[Channel], list[str]]":
        """Return the channels to search, a block's, then condarc's, then those of specs; and the specs with URLs."""
        if override and not self.condarc.is_on("override_channels_enabled", True):
            key = self.condarc.find(("override_channels_enabled",))[-1][0]
            raise key.expected("a block without nodefaults", "leave that out of its channels", "it")
        words = asked if override else self.condarc.list("channels", "channel", more=asked)
        channels = [one for word in words or [self.usual] for one in self.find_channels(word)]
        found = []
        for spec in specs:
            name, colons, rest = spec.rpartition("::")
            near = self.find_channels(Text.of(name, spec.line, spec.at)) if colons else []
            if near[1:]:
                raise spec.expected("one channel in front of a package", OTHER_ENGINE)
            channels += near
            found.append("".join(one.url + "::" for one in near) + rest)
        by_url: dict[str, Channel] = {}
        for one in channels:
            by_url.setdefault(one.url, one)
        channels = list(by_url.values())
        for _, error in self.find_forbidden(channels):
            raise error
        return channels, found

    def find_network_variables(self) -> "tuple[dict[str, str], str]":
        """Return the variables that tell an engine the way into the network, and "true", "false" or "truststore"."""
        # As with requests, variables come before condarc (merge_environment_settings in requests/sessions.py).
        found, table = {}, self.condarc.table("proxy_servers")
        for scheme in table:
            [text] = find_texts({scheme: table[scheme] or Text.of("none", scheme.line, 0)}, scheme, 1)
            value, name = expand(text, self.environ), scheme.lower() + "_proxy"
            learn_secrets([value, "x://" + value])
            if value.lower() in OFF:
                continue
            if scheme not in ("http", "https", "all"):
                raise scheme.expected("http, https or all under proxy_servers", OTHER_ENGINE)
            if not value.lower().startswith(("http://", "https://")):
                raise text.expected("a URL for the proxy of " + scheme, 'write "http://HOST:PORT"', quote(mask(value)))
            found.update({name: value} if not self.environ.get(name) and not self.environ.get(name.upper()) else {})
        verify = self.condarc.text("ssl_verify", "verify_ssl")
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "" if verify else "SSL_CERT_FILE")
        name = next((name for name in names if self.environ.get(name)), "")
        if name:
            line = Line("environment variable " + name, 1, self.environ[name])
            verify = Text.of(line.raw, line, 0)
        elif verify.lower() in VERIFY:
            return found, VERIFY[verify.lower()]
        path = os.path.abspath(expand(verify, self.environ))
        return {**found, find_certificates_variable(path, verify): path}, "true"


def find_certificates_variable(path: str, text: Text) -> str:
    """Return the variable that names a file of certificates, or a folder of them, to rattler; refuse what is none."""
    if os.path.isdir(path):
        return "SSL_CERT_DIR"
    hint = "name the one that your company gives out"
    try:
        with open(path, "rb") as f:
            is_one = b"-----BEGIN " in f.read()
    except OSError as e:
        what, found = "a file of certificates, true or false", "%s: %s" % (quote(path), e.strerror)
        raise text.expected(what, hint + ", or leave it out", found) from None
    if not is_one:
        raise text.expected("certificates in PEM in that file", hint, "none")
    return "SSL_CERT_FILE"


# ---- Orders --------------------------------------------------------------------------
# Which engine builds, and what it is to build where. Starts none.

NO_ENGINE = "install conda (https://conda-forge.org/download), or set %s, or pip install py-rattler"
NO_ENGINE %= " or ".join(ENGINE_VARIABLES)


def list_programs(environ: "Environ", executable: str) -> "Iterator[tuple[str, str, str]]":
    """Yield the engines that are programs, in the order in which they are taken: kind, program, and what named it."""
    path = environ.get("PATH", "")
    paths = {"conda": path + os.pathsep + os.path.dirname(executable)}
    for kind, (variable, _) in PROGRAMS.items():
        for way, program in ((variable, environ.get(variable, "")), ("PATH", which(kind, paths.get(kind, path)))):
            stem = os.path.basename(program)  # CONDA_EXE may well name a mamba
            if os.path.isfile(program) and os.access(program, os.X_OK):
                own = next((one for one in PROGRAMS if stem.startswith(one)), "conda")
                yield own, os.path.abspath(program), way  # it is started in another folder


def find_engine(wanted: str, environ: "Environ", executable: str) -> "tuple[str, str]":
    """Return the kind and the program of the engine; "auto" takes the first there is, at last rattler."""
    for kind, program, _ in list_programs(environ, executable):
        if wanted in ("auto", kind):
            return kind, program
    if wanted in ("auto", "rattler"):
        return "rattler", ""
    message = "expected the engine %s, found none in %s and PATH" % (wanted, ", ".join(ENGINE_VARIABLES))
    raise Error(message, hint="install it, name it in one of these, or set engine to auto")


class BuildOrder:
    """What is to be built where, of what, by which engine; programs inherit the builder's lock."""

    def __init__(
        self, metadata: Metadata, config: Config, engine: "tuple[str, str]", prefix: str, offline: bool, builder: Lock
    ) -> None:
        self.config, (self.engine, self.program), self.prefix = config, engine, prefix
        self.offline = offline or config.condarc.is_on("offline")
        self.builder, self.progress, self.pip = builder, builder.progress, metadata.pip
        lacks_pip = metadata.pip and "pip" not in map(find_package, metadata.specs)
        self.specs = metadata.specs + (["pip"] if lacks_pip else [])
        self.channels = [channel for channel in metadata.channels if channel != "nodefaults"]
        self.override = "nodefaults" in metadata.channels  # leave the configured channels out
        self.lock: Any = metadata.lock  # what to build, in place of all of these
        self.date: Any = "" if self.lock else metadata.exclude_newer
        self.cutoff = self.date and find_cutoff(self.date)
        self.pins: list[str] = []  # what pip has installed, as a lock has it; "" for what it cannot
        if self.lock:
            parse_lock(self.lock, config.subdir)
            check_whole(self.lock, metadata)
            self.specs = [one.name for one in self.lock.packages]
            self.pip = [one.partition(" --hash=")[0] for one in self.lock.pip]
        self.channel_urls = list(map(str, self.channels))  # by URL, once that is known


def clean_environ() -> "dict[str, str]":
    """Return our variables for an engine, without what they tell Python: that was not meant for the engine's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


# ---- Caches --------------------------------------------------------------------------
# Where engines keep what they fetch. Knows nothing of what that is.

PACKAGES, RATTLER = ".packages", ".rattler"  # in env-dir, where a user's own cache cannot be written to
CACHE_LOCK = "~/.conda-execute.lock"  # of what conda and mamba keep: conda does not lock it itself


def find_caches(kind: str, environ: "Environ", condarc: Condarc, program: str = "") -> "list[str]":
    """Return where a kind of engine may keep packages, whose files a prefix shares with them, the first first."""
    own, named = environ.get("RATTLER_CACHE_DIR", "") if kind == "rattler" else "", []
    try:
        named = [] if own else [expand(one, environ) for one in condarc.list("pkgs_dirs")]
    except Error:  # conda reads more of YAML
        if kind == "rattler":
            raise
    if kind == "rattler":
        home = os.path.join(environ.get("XDG_CACHE_HOME") or "~/.cache", "rattler", "cache")
        paths = [own, *(os.path.join(one, "rattler") for one in named[:1]), home]
    else:
        roots = [environ.get("CONDA_ROOT") or find_root(environ, sys.executable), environ.get("MAMBA_ROOT_PREFIX", "")]
        roots += [os.path.dirname(os.path.dirname(os.path.realpath(program)))] if program else []
        roots += ["~/.local/share/mamba", "~/.mamba"]
        paths = named or [*(os.path.join(root, "pkgs") for root in roots if root), "~/.conda/pkgs"]
    return [os.path.abspath(one) for one in map(os.path.expanduser, paths) if one and not one.startswith("~")]


def find_existing(path: str) -> str:
    """Return a path, or the first above it at which there is something."""
    while not os.path.lexists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def is_usable(folder: str) -> bool:
    """Answer whether we can write to a folder, or make it."""
    folder = find_existing(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def check_usable(folder: str, what: str, hint: str) -> None:
    """Raise Error for a folder that we can neither write to nor make."""
    near = find_existing(folder)
    if is_usable(folder) and os.access(near, os.R_OK):
        return
    cause = "one that cannot" if os.path.isdir(near) else "a file, or a link that leads nowhere"
    if hasattr(os, "statvfs") and os.path.exists(near):
        if os.statvfs(near).f_flag & os.ST_RDONLY:
            cause = "a file system that is mounted read-only"
        elif os.path.isdir(near) and os.stat(near).st_uid == os.geteuid():
            hint = type_this("chmod", "u+rwx", near)
    raise Error("expected %s that can be written to, found %s" % (what, cause), near, hint=hint)


def choose_cache(order: BuildOrder) -> str:
    """Return where an engine is to keep packages: its own place, or in env-dir where that cannot be written to."""
    caches = find_caches(order.engine, os.environ, order.config.condarc, order.program)
    own = next(filter(is_usable, caches), "")
    if not own:
        own = os.path.join(order.config.env_dir, PACKAGES)
        cause = caches[0] + " cannot be written to" if caches else "there is no home"
        order.progress.line("%s: packages are kept in %s" % (cause, own))
        make_folder(own)
        check_folder(own, "a folder for packages")
    return own


def find_package_caches(order: BuildOrder) -> "list[str]":
    """Return the folders in which the packages may lie whose files a prefix shares."""
    caches = find_caches(order.engine, os.environ, order.config.condarc, order.program)
    caches.append(os.path.join(order.config.env_dir, PACKAGES))
    if order.engine == "rattler":  # it looks into no other but its own
        caches = [next(filter(is_usable, caches), caches[-1])]
    return [*caches, *(os.path.join(one, "pkgs") for one in caches)]


# ---- Packages ------------------------------------------------------------------------
# The packages of a lock: which of them the caches of an engine have whole, and where else each may be. Asks nobody.


def find_places(order: BuildOrder) -> "dict[str, list[str]]":
    """Return for each file of a lock the URLs at which it may be, the first first.

    Its own is that which condarc has for it, with passwords, as in a solve, unless that is forbidden. All channels of
    the block and of condarc follow: packages move, and the hash says what is right.
    """
    try:
        site = CondarcChannels(order.config, os.environ)
    except Error:
        if order.engine == "rattler":
            raise
        return {one.file: [one.url] for one in order.lock.packages}  # conda reads more of YAML
    channels, _ = site.find_sources(order.channels, [], order.override)
    known, places = {channel.url: channel for channel in channels}, {}  # with their secrets
    opened: dict[str, list[str]] = {}
    for package in order.lock.packages:
        base, subdir, file = package.url.rsplit("/", 2)
        if base not in opened:
            own = site.find_origin(Text.of(base, package.url.line, package.url.at))
            forbidden = dict(site.find_forbidden(own))
            allowed = [known.get(one.url, one) for one in own if one.url not in forbidden] + channels
            opened[base] = list(dict.fromkeys(channel.find_open_url() for channel in allowed))
            learn_secrets(opened[base])
        places[file] = ["%s/%s/%s" % (url, subdir, file) for url in opened[base]]
    return places


def hash_file(path: str, algorithm: str) -> str:
    """Return the hash of a file, "" where it cannot be read."""
    import hashlib

    found = hashlib.new(algorithm)
    try:
        with open(path, "rb") as f:
            for part in iter(lambda: f.read(1 << 20), b""):
                found.update(part)
    except OSError:
        return ""
    return found.hexdigest()


def is_as_listed(folder: str, entry: "Any") -> bool:
    """Answer whether a file of an unpacked package is as its entry says, and that as an engine reads it."""
    path, kind, mark = (str(entry.get(key, "")) for key in ("_path", "path_type", "prefix_placeholder"))
    if not path or bool(mark) != (entry.get("file_mode") in ("text", "binary")) or bool(mark) != ("file_mode" in entry):
        return False
    path = os.path.join(folder, path)
    if kind in ("softlink", "directory"):
        return os.path.lexists(path)
    is_marked = not mark or mark.encode("utf-8", "surrogateescape") in read_head(path)
    return kind == "hardlink" and is_marked and hash_file(path, "sha256") == entry.get("sha256")


def is_unpacked_whole(folder: str) -> bool:
    """Answer whether each file of an unpacked package is as its own list says."""
    listed = read_json(os.path.join(folder, "info", "paths.json"))
    entries = listed.get("paths") if listed.get("paths_version") == 1 else None
    return isinstance(entries, list) and all(isinstance(one, dict) and is_as_listed(folder, one) for one in entries)


def read_origin(folder: str, algorithm: str) -> "tuple[str, str]":
    """Return hash and URL of the file that a cached package was unpacked from, as the engine has noted them, or ""."""
    record, noted = read_json(os.path.join(folder, "info", "repodata_record.json")), read_head(folder + ".lock", 40)
    if not record and len(noted) == 40:  # rattler: a revision, and SHA-256
        record = {"sha256": noted[8:].hex()}
    return str(record.get(algorithm, "")), str(record.get("url", ""))


def list_cached(folders: "Iterable[str]", depth: int = 5) -> "Iterator[tuple[str, str]]":
    """Yield name and path of all that lies in package caches, in folders of folders too, as mamba has them."""
    for folder in folders:
        below = []
        for path in list_files(folder):
            yield os.path.basename(path), path
            if depth and os.path.isdir(path) and not os.path.exists(os.path.join(path, "info")):
                below.append(path)
        yield from list_cached(below, depth - 1)


def find_cached(order: BuildOrder) -> "dict[str, str]":
    """Return the files of a lock that the engine's caches have whole, with the URL by which it finds each there.

    What is damaged is dropped, and told. What has the name of a package and is of another origin is left alone.
    """
    wanted = {name: one for one in order.lock.packages for name in (one.stem, one.file)}
    found, damaged = {}, []
    for name, path in list_cached(find_package_caches(order)):
        package = wanted.get(name)
        if not package or order.engine == "rattler" and name == package.file:  # it reads no archive in a cache
            continue
        digest, url = read_origin(os.path.join(os.path.dirname(path), package.stem), package.algorithm)
        is_it = digest == package.digest
        if name == package.stem and is_it and is_unpacked_whole(path):
            found[package.file] = url or str(package.url)
        elif name == package.file and hash_file(path, package.algorithm) == package.digest:
            found.setdefault(package.file, "file://" + path)
        elif is_it:
            damaged.append((package.file, path))
    for file, path in damaged:
        is_lost = order.offline and file not in found
        what = "--offline forbids to fetch it anew" if is_lost else "it is made or fetched anew"
        order.progress.line("the package cache has a damaged %s: %s" % (path, what))
        if not is_lost:
            try_to(remove_tree if os.path.isdir(path) else os.unlink, path)
    return found


NO_PLACE = "see whether there is a network, and these places are right, or lock anew; "


def explain_lacking(order: BuildOrder, lacking: "list[Package]", places: "dict[str, list[str]]", words: str) -> Error:
    """Return the Error for packages that could not be had anywhere."""
    message = "expected %d packages of the lock, found none that has its hash, in no cache and at none of its places"
    hint = "--offline forbids to fetch them" if order.offline else NO_PLACE + ELSEWHERE
    error = Error(message % len(lacking), order.lock.path, hint=hint)
    lines = ["%s: %s" % (one.file, ", ".join(map(mask, places[one.file]))) for one in lacking]
    error.words = "\n".join([*lines, "" if order.offline else words])
    return error


# ---- Failures ------------------------------------------------------------------------
# What the words of an engine mean that failed, and what to do. Starts nothing, asks nobody.


TRACEBACK = "Traceback (most recent call last)"
CHAINED = ("During handling of the above", "The above exception was")


def find_document(output: str) -> "dict[str, Any]":
    """Return the JSON object that conda prints last, or an empty one."""
    import json

    try:
        return dict(json.JSONDecoder().raw_decode(output, ("\n" + output).rindex("\n{"))[0])
    except ValueError:
        return {}


def has_failed(code: int, output: str) -> bool:
    """Answer whether a program did not do what it was to do: its threads may fail after its work is done."""
    return code != 0 and not find_document(output).get("success")


def leave_out_frames(lines: "list[str]") -> "Iterator[str]":
    """Yield lines but for those of Python's tracebacks, but what was raised, and of pip's tries, but the last."""
    is_within = False
    for line in lines:
        is_within = line.startswith(TRACEBACK) or is_within and (not line.strip() or line[0].isspace())
        is_early = "Retrying (Retry(total=" in line and "total=0" not in line  # pip's: the last says as much
        if not is_within and not is_early and not line.startswith(CHAINED):
            yield line


def format_explanation(output: str, code: int) -> str:
    """Return why an engine failed, in its own words and all of them; not what it said of its progress before."""
    document = find_document(output)
    guidance = document.get("guidance") or {}
    parts = [one.get("message") or one.get("error") for one in [document, *document.get("errors", [])]]
    hints = ["- " + hint["text"] for hint in guidance.get("hints", [])]
    parts += [guidance.get("summary"), document.get("traceback"), *hints]
    lines = ("\n".join(filter(None, parts)) or output).split("\n")
    first = next((i for i, line in enumerate(lines) if line.startswith(("error ", "critical "))), 0)  # mamba's
    text = "\n".join(line for line in leave_out_frames(lines[first:]) if line.strip())
    return text or "it ended with code %d and said nothing" % code


# What an engine or pip says where not the specs are to blame, what that means of a channel or index, and what to do:
# words, of which "_" joins those that have to follow each other.
TROUBLES = (
    ("not_valid_yet not_yet_valid certificate_expired has_expired", "%s has a certificate that is not valid today",
     'see whether "date" is right on this machine; if it is, the certificate of that host has to be made anew'),
    ("causedasendentity", "%s shows the certificate of an authority as its own",
     'it needs one that this has signed, or else "ssl_verify: false" in ~/.condarc'),
    ("message_length before_message", "the connection to %s broke off", "try again"),
    ("hostname_mismatch certificate_not_valid certificate_subject_name notvalidforname",
     "%s answers with a certificate of another host",
     "see how the host is spelled, and whether a proxy or the login page of a network answers in its place"),
    ("wrong_version_number invalidcontenttype handshake_eof", "%s does not speak https there",
     'write "http://" for "https://" where this port wants it: of a channel, or of a proxy'),
    ("certificate unknownissuer", "%s has a certificate that nothing here vouches for",
     'have your company\'s in a file, and "ssl_verify: /PATH/CA.pem" in ~/.condarc'),
    ("407 tunnel proxyerror", "the proxy in front of %s refused",
     'see proxy_servers in ~/.condarc, HTTPS_PROXY and HTTP_PROXY: "http://USER:PASSWORD@HOST:PORT"'),
    ("401 403 unauthorized forbidden", "%s wants a password or token, and got none that it takes",
     'write "machine HOST login USER password PASSWORD" into ~/.netrc, or a URL with it under channels in ~/.condarc'),
    ("500 502 503 504 429 410 451", "%s answers with an error of its own", "try later, or name a mirror of it"),
    ("dns resolve refused unreachable connect connection timed answer", "%s could not be reached",
     "see whether there is a network; proxy_servers, ssl_verify and custom_channels (a mirror) in ~/.condarc; "
     + ELSEWHERE),
    ("404 unavailableinvalidchannel subdir", "%s is not there",
     "see how it is spelled, and channel_alias in ~/.condarc"),
)  # fmt: skip
# What pip calls what these hints name.
PIP_WORDS = {"ssl_verify:": "cert =", "ssl_verify": "cert", "proxy_servers": "proxy", "custom_channels": "index-url",
             "channels": "index-url", "channel_alias": "index-url", "~/.condarc": "pip.conf"}  # fmt: skip
# What is said where the specs are to blame, though URLs stand beside it.
SOLVER_WORDS = ("not available from current channels", "No candidates", "ResolutionImpossible", "subprocess-exited",
                "No matching distribution found", "Could not solve for")  # fmt: skip
FULL = ("no space left on device", "disk quota exceeded", "os error 28)", "os error 122)", "not enough space")
SHORT = ("cannot allocate memory", "failed to map segment", "memory allocation of", "bad_alloc", "memoryerror",
         "resource temporarily unavailable")  # fmt: skip
# What is said of an index that is none: the page of a network that wants a login, or of a proxy, or half of an index.
NO_INDEX = ("unknown frame descriptor", "to decompress zstandard", "failed to decode zstd", "jsondecodeerror",
            "json.exception.parse_error", "could not load repodata", "malformed repodata", "invalid json",
            "failed to parse", "eof while parsing", "expected value at line", "could not parse json",
            "end-of-stream marker", "unpack failed", "invalid zip archive", "unexpected header",
            "too many redirects")  # fmt: skip
NO_INDEX_HINT = "log in where the network wants that, in a browser; see proxy_servers in ~/.condarc; then try again"
# What is said of a program or module that cannot be loaded, and the variables that may be why.
LOADING = ("importerror", "error while loading shared libraries", "cannot open shared object", "invalid elf header",
           "symbol lookup error", "undefined symbol", "libgcc_s", "library not loaded", "no module named 'encodings'",
           "you have chosen a non-default solver backend", "modulenotfounderror")  # fmt: skip
LOADED = ("PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES")
KILLED = 137  # 128 and SIGKILL: what the kernel and schedulers do where memory runs out


def find_trouble(text: str, order: BuildOrder, is_pip: bool) -> "tuple[str, str]":
    """Return what the words of an engine mean where network or channel failed, and what to do; else nothing."""
    if any(one in text for one in SOLVER_WORDS) and not any(one in text for one in ("Could not fetch", "Retrying (")):
        return "", ""
    marks = ("://", "host='", "aused by", "SSL", "Retrying (")
    lines = [line for line in text.split("\n") if any(mark in line for mark in marks)]
    words = "".join(c if c.isalnum() else " " for c in " ".join(lines).lower()).split()
    named = {word for spec in [*order.specs, *order.pip] for word in spec.lower().replace("-", " ").split()}
    told = {word for word in words if not word.isdecimal() and word not in named}
    triples = zip(["", *words], words, [*words[1:], ""])  # a number is a status between such words alone
    told.update(b for a, b, c in triples if a in ("http", "status", "error") or c == "client")
    spoken = " %s " % " ".join(words)
    phrases = [one for known, *_ in TROUBLES for one in known.split() if "_" in one]
    told.update(one for one in phrases if " %s " % one.replace("_", " ") in spoken)
    urls = [split_url(word.strip("'\"`<>()[].,;:")) for word in text.split() if "://" in word]
    pooled = text.partition("host='")[2].partition("'")[0]  # as urllib3 has it
    urls += [split_url("://" + pooled)] if pooled else []
    host = urls[0].location.partition("://")[2] if urls else "pypi.org" if "Retrying (" in text else ""
    channel = next((one for one in order.channel_urls for url in urls if is_below(url.url, one)), "")
    if not is_pip and any(one in text.lower() for one in NO_INDEX):
        remote = [one for one in order.channel_urls if not one.startswith("file:")] or order.channel_urls
        where = channel or host or ", ".join(remote) or "a channel"
        return where + " answers with what is no index or package, such as a web page", NO_INDEX_HINT
    for known, meaning, hint in TROUBLES if host or urls or "message_length" in told else ():
        if told.intersection(known.split()):
            for word, its_word in PIP_WORDS.items() if is_pip else ():
                hint = hint.replace(word, its_word)
            files = [one.url for one in urls if "404" in told and one.url.endswith((".conda", ".tar.bz2"))] + [""]
            hint = "its channel lists it all the same: try later, or name a mirror" if files[0] else hint
            return meaning % (files[0] or channel or host or "the network"), hint
    return "", ""


def explain_full_disk(order: BuildOrder) -> "tuple[str, str]":
    """Return which disk is full, and how full, of those that a build writes to, and what frees room on it."""
    caches = find_caches(order.engine, os.environ, order.config.condarc, order.program)
    folders = list(filter(os.path.isdir, [os.path.dirname(order.prefix), *caches]))
    disks = map(os.statvfs, folders) if hasattr(os, "statvfs") else ()
    found = [(disk.f_bavail * disk.f_frsize / 1e6, disk.f_favail, folder) for disk, folder in zip(disks, folders)]
    free, inodes, folder = min(found, default=(0, 0, "the prefix"))
    hint = FREE_ROOM + ("; packages are cached in " + caches[0] if caches else "")
    if folder in caches and os.stat(folder).st_dev != os.stat(os.path.dirname(order.prefix)).st_dev:
        variable = "RATTLER_CACHE_DIR" if order.engine == "rattler" else "CONDA_PKGS_DIRS"
        hint = "free some, or have %s name a folder on another disk" % variable
    return "the disk of %s is full: %.0f MB and %d inodes are free" % (folder, free, inodes), hint


def explain_loading(words: str, environ: "Environ") -> "tuple[str, str] | None":
    """Return that a program cannot be loaded, and which variables may be why; None where nothing says so."""
    names = [name for name in LOADED if environ.get(name)]
    if not names or not any(one in words.lower() for one in LOADING):
        return None
    told = " and ".join("%s=%s" % (name, environ[name]) for name in names)
    return "it cannot be loaded, while %s is set" % told, 'write "unset %s", and try again' % " ".join(names)


def explain_crash(code: int, order: BuildOrder) -> "tuple[str, str] | None":
    """Return by which signal an engine ended, and how to have another; None where none ended it."""
    from signal import Signals

    name = {128 + one: one.name for one in Signals}.get(code)
    hint = 'write "conda-tmpenv doctor"' + ', or "export CONDA_EXECUTE_ENGINE=rattler"' * bool(order.program)
    return ("%s crashed, with code %d (%s)" % (order.program or "it", code, name), hint) if name else None


def find_own_trouble(words: str, code: int, order: BuildOrder) -> "tuple[str, str] | None":
    """Return what this machine had too little of for an engine, and what to do; None for any other failure."""
    if any(one in words for one in FULL):
        return explain_full_disk(order)
    if code == KILLED:
        return "it was killed, as happens where memory runs out", SCARCE
    if "file too large" in words:
        return "a file may not be so large here", 'see "ulimit -f"; ' + ELSEWHERE
    if any(one in words for one in SHORT):
        return "memory ran out, or the number of processes", SCARCE
    return None


VERIFYING = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # as requests has it: before ssl_verify, for all but mamba
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def find_overriding(engine: str, environ: "Environ") -> str:
    """Return the variable that comes before ssl_verify of condarc, or ""."""
    is_obeyed = engine not in ("mamba", "micromamba")
    return next((name for name in VERIFYING if is_obeyed and environ.get(name)), "")


def find_sent(host: str, order: BuildOrder) -> str:
    """Return what a hint about passwords has to add: whose was refused, or that none was found."""
    urls = [*order.channels, *order.config.condarc.list("channels", "channel")]
    name = host.partition(":")[0]
    if any("@" + host in url for url in urls):
        return "; what its URL has was refused"
    return "; what ~/.netrc has for %s was refused" % name if find_netrc(name) else "; ~/.netrc has none for " + name


def find_in_effect(hint: str, order: BuildOrder, environ: "Environ") -> str:
    """Return what a hint that names certificates or proxies has to add: what is set already, and where."""
    name = find_overriding(order.engine, environ) if "CA.pem" in hint or "ssl_verify: false" in hint else ""
    if name:
        more = '; %s=%s is set, and comes first: put the certificate into that file, or write "unset %s"'
        return more % (name, environ[name], name)
    if "prox" not in hint:
        return ""
    names = [one for name in PROXIES[:-1] for one in (name, name.upper()) if environ.get(one)]
    found = ["%s=%s" % (one, environ[one]) for one in names]
    lines = [key.line.find(key.at)[0] for key in order.config.condarc.table("proxy_servers")]
    found += ["proxy_servers in %s:%d" % (line.path, line.number) for line in lines]
    return "; set is " + " and ".join(found) if found else ""


# The options that exclude what is newer than a date, and who has them: no solver of conda 26.9 but the classic one.
NEWER_OPTIONS = {
    "--exclude-newer": "set CONDA_EXECUTE_ENGINE=rattler; or have conda 26.9 or newer, and set CONDA_SOLVER=classic",
    "--uploaded-prior-to": 'ask for "pip >=26" of conda; that is of January 2026, so the date can be no earlier',
}


def explain(what: str, output: str, code: int, order: BuildOrder, missing: "Iterable[tuple[str, str]]" = ()) -> Error:
    """Return the Error for an engine that failed: at the spec that it is about, with what to do, then its words.

    `missing` are specs that nothing meets, each with what there is. One that was killed has not answered.
    """
    words = format_explanation(output, code)
    own = find_own_trouble(words.lower(), code, order)
    if not own and "pip" not in what:  # which runs the code of others
        own = explain_loading(words, os.environ) or explain_crash(code, order)
    trouble, hint = own or find_trouble(words, order, "pip" in what)
    at, newer = [Error("")], [one for one in NEWER_OPTIONS if order.cutoff and one in words]
    if newer:
        at, trouble = [order.date.expected("")], "it has no way to exclude what is newer than a date"
    elif not trouble:
        names = "".join(c if c in NAME_CHARACTERS else " " for c in words.lower()).split()
        named = [spec for spec in [*order.specs, *order.pip] if find_package(spec) in names]
        found = [spec for spec in order.specs if spec in dict(missing)] or named
        at = [spec.expected("") for spec in found if isinstance(spec, Text)] or at
        none = ["no package is %s%s" % (quote(spec), near and " (there is %s)" % near) for spec, near in missing]
        places = [error.place.rsplit(":", 2) for error in at]
        none += ["see %s too" % ("line " + line if path == places[0][0] else path) for path, line, _ in places[1:]]
        trouble = "; ".join(none)
        hint = hint or GIVEN_LIKE * (places[0][0] in GIVEN and not order.cutoff)
    if not (own or hint or at[0].place) and order.program and what.startswith(order.engine):
        hint = "see whether %s --version works; CONDA_EXECUTE_ENGINE=rattler does without it" % order.program
    if order.offline and not own:
        hint = "what the caches lack cannot be had offline: see --offline, and offline in ~/.condarc"
        words = words.partition("\nTraceback")[0]  # conda's, for an index that it does not have
    if newer or order.cutoff and not hint:
        hint = NEWER_OPTIONS[newer[0]] if newer else "see exclude-newer: nothing from after %s is taken" % order.cutoff
    try:
        hint += find_in_effect(hint, order, os.environ)
        if "/.netrc" in hint and "pip" not in what:
            hint += find_sent(trouble.split()[0].rpartition("://")[2].partition("/")[0], order)
    except Error:  # conda reads more of YAML than we
        pass
    error = Error(what + (": " + trouble if trouble else ""), at[0].place, at[0].source, hint)
    error.words, error.is_for_all, error.words_shown = words, code < 128 and hint != SCARCE, order.progress.verbose
    return error


# ---- Engines -------------------------------------------------------------------------
# From specs and channels, or a lock, to a prefix: conda, mamba and micromamba by their command line.
# Knows neither scripts nor the log.

ANSWER_S = 30  # for a version: a conda on a network's disk takes a while


def show_progress(raw: bytes, progress: Progress) -> "list[str]":
    """Tell of what a line says of the progress of conda, or of run_rattler(); return it if it says nothing of that."""
    line = raw.decode("utf-8", "replace").strip("\0\r\n")
    if not raw:
        progress.tick()
    elif line.startswith('{"fetch":'):
        progress.step("downloading " + line.split('"')[3])
    elif line.startswith(('{"step":', '{"detail":', '{"line":')):
        for how, text in find_document(line).items():
            {"step": progress.step, "detail": progress.detail, "line": progress.line}[how](text)
    else:
        progress.detail(line)
        return [line]
    return []


def run_engine(
    argv: "list[str]", environ: "Environ", order: BuildOrder, *more: Lock, given: str = ""
) -> "tuple[int, str]":
    """Run a program to its end and show how far it is; return its exit code and all that it printed."""
    locks, progress, program = [order.builder, *more], order.progress, None
    lines: list[str] = []
    marks: list[str] = []
    try:
        program = EngineProcess(argv, environ, os.path.dirname(order.prefix), locks, given.encode())
        order.builder.stop_fd = program.stop_fd
        marks = [leave_mark(lock.path + ".exclusive", program.child.pid) for lock in locks if lock.mark]
        for raw in program.read_lines():
            lines += show_progress(raw, progress)
        code = program.wait()
        if code == SILENT_CODE:
            message = "expected some sign of life within %d minutes, found none, and ended it" % (SILENT_S // 60)
            hint = "see whether it waits for a lock, a disk or a network; -v shows its words"
            raise Error(message, argv[0], hint=hint)
        return code, "\n".join(lines)
    except BaseException as e:  # Ctrl-C, or no room for a mark of ours
        if program:
            program.stop()
        if not isinstance(e, OSError) or find_scarce_hint(e):
            raise
        message = "expected a program that can be started, found: " + find_start_cause(argv[0], e)
        is_engine = argv[0] == order.program
        hint = 'write "export CONDA_EXECUTE_ENGINE=rattler", or install it anew' if is_engine else NO_ENGINE
        raise Error(message, argv[0], hint=hint) from None
    finally:
        progress.step("")
        order.builder.stop_fd = -1
        if program:
            program.close()
        for mark in marks:
            try_to(os.unlink, mark)


def ask_version(argv: "list[str]", hint: str) -> str:
    """Return what a program prints, on one line; raise Error where it does not start, fails, or does not end."""
    program, end, lines, cause, scarce = None, time.monotonic() + ANSWER_S, [], "", ""
    try:
        program = EngineProcess(argv, clean_environ(), os.sep, [], b"")
        for raw in program.read_lines():
            lines.append(printable(raw.decode("utf-8", "replace").strip()))
            if time.monotonic() > end:
                cause = "nothing within %d s" % ANSWER_S
                program.stop()
                break
        code = 0 if cause else program.wait()
        cause = cause or "exit code %d" % code * bool(code)
    except OSError as e:
        cause, scarce = find_start_cause(argv[0], e), find_scarce_hint(e)
    finally:
        if program:
            program.close()
    if cause:
        error = Error("expected a program that says its version, found: " + cause, argv[0], hint=scarce or hint)
        error.words = "\n".join(list(filter(None, lines))[-3:])
        raise error
    return " ".join(filter(None, lines))[-200:]


def format_create(order: BuildOrder, explicit: str = "") -> "list[str]":
    """Return the command line that creates the prefix, from a file of URLs or from specs, which are never options."""
    argv = [order.program, "create", "--prefix", order.prefix, "--yes"]
    argv += [option for option in PROGRAMS[order.engine][1] if option != "--json" or not order.progress.verbose]
    argv += ["--offline"] if order.offline else []
    if explicit:
        return [*argv, "--file", explicit]
    argv += ["--exclude-newer=" + order.cutoff] if order.cutoff else []
    argv += ["--override-channels"] if order.override else []
    return [*argv, *("--channel=" + channel for channel in order.channels), "--", *order.specs]


def solve_with_program(order: BuildOrder) -> "list[dict[str, Any]]":
    """Return what a program would install, by its records: of a cache without packages it says all of each."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        index = os.path.join(choose_cache(order), "cache")  # the same as always, or --offline would have none
        os.makedirs(index, exist_ok=True)
        try_to(os.symlink, index, os.path.join(folder, "cache"))
        assumed = find_assumed(order.config.subdir, os.environ).items()
        environ = {**clean_environ(), **{"CONDA_OVERRIDE" + name[1:].upper(): version for name, version in assumed}}
        environ.update(CONDA_SUBDIR=order.config.subdir, CONDA_PKGS_DIRS=folder)
        argv = [one for one in format_create(order) if one != "--json"]
        argv[2:2] = ["--dry-run", "--json"]
        code, output = run_engine(argv, environ, order)
        if code and "solver_problems" in find_document(output):  # mamba, which says more of them in words
            code, output = run_engine([one for one in argv if one != "--json"], environ, order)
    actions = find_document(output).get("actions", {})
    found = {one["name"]: one for one in [*actions.get("LINK", []), *actions.get("FETCH", [])]}
    lacking = {one.get("dist_name"): one for one in found.values() if "sha256" not in one and "md5" not in one}
    for stem, path in list_cached(find_package_caches(order) if lacking else []):  # the hash is noted there alone
        record = read_json(os.path.join(path, "info", "repodata_record.json")) if stem in lacking else {}
        if record and record.get("url", "").startswith("%(base_url)s/%(platform)s/" % lacking[stem]):
            found[record["name"]] = record
    if not found or has_failed(code, output):
        raise explain("%s could not solve for %s" % (order.engine, order.config.subdir), output, code, order)
    return list(found.values())


def unregister(prefix: str) -> None:
    """Take a prefix out of the list of environments, where mamba puts each, as conda would."""
    path = os.path.expanduser("~/.conda/environments.txt")
    lines = read_head(path).splitlines(True)
    kept = [line for line in lines if line.rstrip(b"\r\n") != os.fsencode(prefix)]
    if kept != lines:  # in place, as conda does: it may be a link, or have a mode of its own
        try_to(write_file, path, b"".join(kept))


def create_locked(order: BuildOrder, environ: "Environ", cache: Lock) -> "tuple[int, str]":
    """Have a program create the prefix from a lock, again and again, from the next place of what it could not have."""
    import tempfile

    places, cached, words = find_places(order), find_cached(order), ""
    turns = dict.fromkeys(places, 0)  # two for each place: it stops at the first package that it lacks
    while True:
        lacking = [one for one in order.lock.packages if one.file not in cached]
        lost = [one for one in lacking if order.offline or turns[one.file] >= 2 * len(places[one.file])]
        if lost:
            raise explain_lacking(order, lost, places, words)
        lines = [EXPLICIT]
        for one in order.lock.packages:
            url = cached.get(one.file) or places[one.file][turns[one.file] % len(places[one.file])]
            lines.append("%s#%s%s" % (url, "sha256:" * (one.algorithm == "sha256"), one.digest))
        with tempfile.TemporaryDirectory() as folder:  # which nobody else can look into: URLs may have passwords
            explicit = os.path.join(folder, "lock.txt")
            write_file(explicit, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
            code, output = run_engine(format_create(order, explicit), environ, order, cache)
        if not has_failed(code, output) or not lacking:
            return code, output
        words, before = format_explanation(output, code), cached
        cached = find_cached(order)
        named = [one for one in lacking if "/" + one.file in output] if len(cached) > len(before) else []
        for one in named or lacking:
            turns[one.file] += 1


def build_with_program(order: BuildOrder) -> None:
    """Have a program create the prefix, one at a time: conda does not lock its package cache (conda#13055)."""
    try:
        cache = Lock(os.path.expanduser(CACHE_LOCK), order.progress)
    except OSError:  # a home without room
        cache = Lock(os.path.join(os.path.dirname(order.prefix), ".leases", ".packages"), order.progress)
    with cache:
        if cache.fd >= 0:  # a home that is not there, or cannot be written to, holds no lock
            cache.wait(exclusive=True).note("fills the package cache for " + order.prefix)
        order.progress.step("%s: solving %s" % (order.engine, ", ".join(order.specs)))
        packages = choose_cache(order)
        environ = {**clean_environ(), "CONDA_REGISTER_ENVS": "false"}
        if os.path.basename(packages) == PACKAGES:
            environ["CONDA_PKGS_DIRS"] = packages
        if order.lock:
            code, output = create_locked(order, environ, cache)
        else:
            code, output = run_engine(format_create(order), environ, order, cache)
        cache.note("")
    if has_failed(code, output):
        error = explain("%s could not build the environment" % order.engine, output, code, order)
        for one in order.config.condarc.find_strange()[:1]:  # where conda gives up without a word of it
            error.place, error.source, error.hint = one.place, one.source, one.hint
            error.message += ": " + one.message
        raise error
    unregister(order.prefix)  # mamba registers each, and so does a conda older than 23.9


# ---- pip -----------------------------------------------------------------------------
# PyPI requirements, by the environment's own pip. Knows nothing of how the rest of the prefix was made.

# Where packages come from is the machine's to say; nothing else that a person may have configured for pip counts.
PIP_KEPT = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy",
            "timeout", "retries")  # fmt: skip
# What an environment's own Python says of requirements that cannot be found in it.
PIP_LOOK_UP = """\
import sys
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name
try:
    from importlib.metadata import distributions
    found = {canonicalize_name(one.metadata["Name"] or ""): one.version for one in distributions()}
except ImportError:
    from pip._vendor.pkg_resources import working_set
    found = {canonicalize_name(one.key): one.version for one in working_set}
for text in sys.argv[1:]:
    one = Requirement(text)
    version = found.get(canonicalize_name(one.name))
    if not one.marker or one.marker.evaluate({"extra": ""}):
        if not version or not one.url and not one.specifier.contains(version, prereleases=True):
            print("%s: found %s" % (text, version or "none"))
"""


def find_pip_environ(pip: "list[str]", environ: "Environ", order: BuildOrder) -> "dict[str, str]":
    """Return the variables of a pip that looks where the machine's configuration says, and obeys it in nothing else."""
    from ast import literal_eval

    kept = {name: "PIP_" + name.upper().replace("-", "_") for name in PIP_KEPT}
    is_kept = [*kept.values(), "PIP_CONFIG_FILE"]
    clean = {name: value for name, value in environ.items() if not name.startswith("PIP_") or name in is_kept}
    code, output = run_engine([*pip, "config", "list"], clean, order)  # its files are several, and each section counts
    told = dict(line.partition("=")[::2] for line in output.split("\n")) if not code else {}
    for section in ("global.", "install.", ":env:."):
        for name in [one for one in PIP_KEPT if section + one in told]:
            clean[kept[name]] = " ".join(str(literal_eval(told[section + name])).split())
    clean.update(PIP_CONFIG_FILE=os.devnull, PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    return {**clean, **({"PIP_NO_INDEX": "1"} if order.offline else {})}


NO_PINS = "nothing"  # all was there, or no marker held here


def install_requirements(order: BuildOrder) -> None:
    """Install PyPI requirements with the environment's own pip, and look each of them up."""
    import tempfile

    python = which_in(order.prefix, "python")
    # What lies elsewhere would count as installed: the environment has to stand alone.
    environ = {**activate(clean_environ(), order.prefix, order.config), "PYTHONNOUSERSITE": "1"}
    pip = [python, "-E", "-s", "-m", "pip"]
    environ = find_pip_environ(pip, environ, order)
    order.progress.step("pip: installing " + ", ".join(order.pip))
    with tempfile.TemporaryDirectory() as folder:
        report, pins = os.path.join(folder, "report.json"), os.path.join(folder, "requirements.txt")
        options = ["--uploaded-prior-to=" + order.cutoff] if order.cutoff else []
        options += ["--report", report] if has_report(order.prefix) else []
        install = [*pip, "install", *options, "--", *order.pip]
        if order.lock:
            write_file(pins, ("\n".join(order.lock.pip) + "\n").encode("utf-8"))
            install = [*pip, "install", "--no-cache-dir", "--require-hashes", "--no-deps", "--requirement", pins]
        code, output = run_engine(install, environ, order)
        if "from versions: none" in output and not order.offline:  # why not, it tells with PIP_VERBOSE alone
            more = run_engine(install, {**environ, "PIP_VERBOSE": "2"}, order)[1].split("\n")
            output = "\n".join([line for line in more if "Could not fetch" in line and "404" not in line] + [output])
        told = read_json(report)
        order.pins = list(map(format_pin, told["install"])) or [NO_PINS] if told else [""]
    if code:
        raise explain("pip could not install the requirements of env", output, code, order)
    code, output = run_engine([python, "-E", "-s", "-c", PIP_LOOK_UP, *order.pip], environ, order)
    if code or output.strip():
        raise explain("pip said that it installed the requirements of env, which does not hold", output, code, order)
    replaced = ", ".join(find_replaced(order.prefix))
    if replaced:
        order.progress.line("pip has replaced what the env had from its channels: " + replaced)


def has_report(prefix: str) -> bool:
    """Answer whether the pip of a prefix can say what it installs: from 22.2 on."""
    versions = [str(one.get("version")).split(".") for one in read_records(prefix) if one.get("name") == "pip"]
    return any([int(part) for part in version[:2] if is_number(part)] >= [22, 2] for version in versions)


def format_pin(installed: "dict[str, Any]") -> str:
    """Return what a lock says of a distribution that pip reports; no hash of what has none: a folder, a checkout."""
    info, about = installed.get("download_info", {}), installed.get("metadata", {})
    archive = info.get("archive_info", {})
    digest = (archive.get("hashes") or {}).get("sha256")
    digest = digest or archive.get("hash", "").partition("sha256=")[2]  # pip < 23.1
    where = " @ " + info.get("url", "") if installed.get("is_direct") else "==" + about.get("version", "")
    return "%s%s%s" % (about.get("name", ""), where, " --hash=sha256:" + digest if digest else "")


def find_replaced(prefix: str) -> "Iterator[str]":
    """Yield the packages whose metadata for Python has gone since they were linked, and what is there instead."""
    for record in read_records(prefix):
        for path in record.get("files") or []:
            if path.endswith((".dist-info/METADATA", ".egg-info/PKG-INFO")) and is_gone(os.path.join(prefix, path)):
                folder, name = os.path.split(os.path.dirname(path))
                stem = name.partition("-")[0].lower() + "-"
                now = [one for one in list_names(os.path.join(prefix, folder)) if one.lower().startswith(stem)]
                version = "".join(now[:1]).partition("-")[2].rpartition(".")[0]
                yield "%s %s by %s" % (record.get("name"), record.get("version"), version or "nothing")


# ---- rattler -------------------------------------------------------------------------
# The engine that is imported: where it is, what it is told, what its failures mean. Imports nothing of it.

# In conda's words and rattler's; where none is said, what the first channel has is never taken from another.
PRIORITIES = {"": "Strict", "strict": "Strict", "true": "Flexible", "flexible": "Flexible", "disabled": "Disabled",
              "false": "Disabled"}  # fmt: skip


def find_installed_rattler() -> str:
    """Return the folder of installed packages that py-rattler is in, or ""."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # neither this nor the working directory counts
    folders = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    spec = PathFinder.find_spec("rattler", [path for path in folders if path not in given])
    return os.path.dirname(os.path.dirname(spec.origin)) if spec and spec.origin else ""


def find_rattler_folder(env_dir: str) -> str:
    """Return where py-rattler is put that is not installed, for all env-dirs, or for one where there is no cache."""
    home = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    folder = os.path.join(home, "conda-execute", "rattler")
    folder = folder if os.path.isabs(folder) and is_usable(folder) else os.path.join(env_dir, RATTLER)
    return os.path.join(folder, "cp%d%d-%s" % (*sys.version_info[:2], find_subdir(sys.platform, MACHINE)))


def find_rattler(order: BuildOrder) -> str:
    """Return the folder that py-rattler is in, into which it is put first if need be."""
    if find_installed_rattler():
        return find_installed_rattler()
    target = find_rattler_folder(order.config.env_dir)
    folder = os.path.dirname(target)
    make_folder(folder)
    check_folder(folder, "a folder for py-rattler")
    with Lock(os.path.join(folder, ".lock"), order.progress).wait(exclusive=True) as lock:
        if not os.path.isdir(target):
            lock.note("installs py-rattler into " + target)
            install_rattler(target, order)
        check_rattler(target)
    return target


def check_rattler(target: str) -> None:
    """Refuse a py-rattler that others could have put there."""
    for path in (os.path.dirname(target), target, os.path.join(target, "rattler")):
        check_folder(path, "a folder for py-rattler")


def expected_pip() -> Error:
    """Return the Error for a Python that has none."""
    hint = "install it (Debian, Ubuntu: apt install python3-pip; else: python3 -m ensurepip); or " + NO_ENGINE
    return Error("expected pip, to install py-rattler with, found none in this Python", sys.executable, hint=hint)


def install_rattler(target: str, order: BuildOrder) -> None:
    """Install the newest py-rattler that has a wheel for this Python, whole or not at all."""
    import tempfile

    if order.offline:
        raise Error("expected an engine, found none, and --offline forbids to install py-rattler", hint=NO_ENGINE)
    order.progress.line("found no conda, mamba or micromamba; installing py-rattler from PyPI into %s, once" % target)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as part:
        pip = [sys.executable, "-E", "-m", "pip"]
        words = ["install", "--target", os.path.join(part, "new"), "--only-binary", ":all:", "py-rattler"]
        code, output = run_engine([*pip, *words], find_pip_environ(pip, clean_environ(), order), order)
        if "No module named pip" in output:
            raise expected_pip()
        if code:
            error = explain("found no engine, and pip could not install py-rattler", output, code, order)
            error.hint = "; or ".join(filter(None, [error.hint, NO_ENGINE]))
            raise error
        os.rename(os.path.join(part, "new"), target)


def split_secrets(channels: "list[Channel]") -> "tuple[list[str], dict[str, object]]":
    """Return the URLs to ask, and what opens each host, as rattler's authentication file has it."""
    from urllib.parse import unquote, urlsplit

    secrets: dict[str, set[tuple[str, str]]] = {}
    hosts = [urlsplit(one.url).hostname or "" for one in channels]
    for host, one in zip(hosts, channels):
        one.auth = one.auth or ("" if one.token else find_netrc(host))
        secrets.setdefault(host, set()).add((one.auth, one.token))
    urls: list[str] = []
    opened: dict[str, object] = {}
    for host, one in zip(hosts, channels):
        is_root = one.location.count("/") == 2  # where rattler puts a token that it is told of
        if len(secrets[host]) > 1 or ":" in host or one.auth and one.token or one.token and not is_root:
            urls.append(one.find_open_url())  # since that file has room for one secret of a host
            continue
        urls.append(one.url)
        user, _, password = map(unquote, one.auth.partition(":"))
        if one.auth:
            opened[host] = {"BasicHTTP": {"username": user, "password": password}}
        elif one.token:
            opened[host] = {"CondaToken": one.token}
    return urls, opened


def describe_locked(order: BuildOrder) -> "list[dict[str, Any]]":
    """Return what run_rattler() is told of each package of a lock: its places, none where a cache has it."""
    places, cached = find_places(order), find_cached(order)
    lacking = [one for one in order.lock.packages if one.file not in cached]
    if order.offline and lacking:
        raise explain_lacking(order, lacking, places, "")
    return [{**vars(one), "places": places[one.file] if one in lacking else []} for one in order.lock.packages]


def describe_job(order: BuildOrder, site: CondarcChannels, cache: str) -> "dict[str, Any]":
    """Return what run_rattler() is told, but for the network."""
    condarc = order.config.condarc
    site.check_supported()
    channels, specs = site.find_sources(order.channels, [] if order.lock else order.specs, order.override)
    order.channel_urls = [channel.url for channel in channels]
    urls, secrets = split_secrets(channels)
    learn_secrets(channel.find_open_url() for channel in channels)
    priority = condarc.text("channel_priority")
    if priority.lower() not in PRIORITIES:
        raise priority.expected("strict, flexible or disabled for channel_priority", "leave it out for strict")
    for key in [key for name in ("default_channels", "channels", "channel") for key, _ in condarc.find((name,))]:
        if not channels:
            raise key.expected("a channel to search", 'write one "- NAME" a line below channels', "none")
    return {
        "folder": find_rattler(order), "specs": specs, "channels": urls, "secrets": secrets, "prefix": order.prefix,
        "offline": order.offline, "subdir": site.subdir, "index": os.path.join(cache, "repodata"),
        "priority": PRIORITIES[priority.lower()], "cutoff": order.cutoff, "cache": os.path.join(cache, "pkgs"),
        "pinned": list(map(parse_spec, condarc.list("pinned_packages", separator="&"))),
        "disallowed": list(map(parse_spec, condarc.list("disallowed_packages", "disallow", separator="&"))),
        "packages": describe_locked(order) if order.lock else [], "part": ".%d.part" % os.getpid(),
        "assumed": find_assumed(site.subdir, os.environ),
    }  # fmt: skip


def build_with_rattler(order: BuildOrder, only_solve: bool = False) -> "list[dict[str, Any]]":
    """Solve and link with py-rattler, in a process of its own: see run_rattler(); return what is solved only."""
    import json

    if order.prefix != os.fsencode(order.prefix).decode("utf-8", "replace"):
        hint = "name another env-dir, or an engine that is a program, such as conda"
        raise Error("expected a path in UTF-8, which rattler needs, found other bytes", order.prefix, hint=hint)
    site, cache = CondarcChannels(order.config, os.environ), choose_cache(order)
    network, verify = site.find_network_variables()
    job = {**describe_job(order, site, cache), "verify": verify, "only_solve": only_solve}
    order.progress.step("rattler: solving %s with %s" % (", ".join(order.specs), ", ".join(order.channel_urls)))
    order.progress.detail(order.progress.text)
    environ = {**clean_environ(), **network, "RATTLER_CACHE_DIR": cache}
    if not os.access(os.path.join(os.path.expanduser("~"), os.curdir), os.R_OK | os.X_OK):  # rattler wants one
        environ["HOME"] = cache
    try:
        code, output = run_engine(start_anew("--rattler"), environ, order, given=json.dumps(job))
    finally:
        for path in list_files(job["cache"], job["part"]):  # half of a package, where it was ended
            try_to(remove_tree, path)
    if code:
        raise explain_rattler(output, code, order)
    return [{**json.loads(record), "url": url} for record, url in find_document(output).get("solved", [])]


def explain_rattler(output: str, code: int, order: BuildOrder) -> Error:
    """Return the Error for what run_rattler() says at its end."""
    found = find_document(output)
    if "lacks" in found:
        key, *synonyms = found["lacks"]
        what = "%s that py-rattler %s has" % (key, found["version"])
        return order.config.condarc.text(key, *synonyms).expected(what, OTHER_ENGINE)
    if "lacking" in found:
        lacking = [one for one in order.lock.packages if one.file in found["lacking"]]
        return explain_lacking(order, lacking, find_places(order), "\n".join(found["causes"]))
    missing = [(order.specs[i], near) for i, near in found.get("missing", [])]
    is_loaded = found or not any(one in output for one in ("ImportError", "ModuleNotFoundError"))
    what = "rattler could not build the environment" if is_loaded else "rattler could not be loaded"
    error = explain(what, output, code, order, missing)
    if not error.hint:
        error.hint = "mend it, or add the channel that has it; " * bool(missing) + "it searched "
        error.hint += ", ".join(order.channel_urls)
        if "cache" in output and any(one in output for one in ("Permission denied", "File exists", "eligible")):
            error.hint = "see who may read and write below %s, or set RATTLER_CACHE_DIR" % choose_cache(order)
        error.hint = error.hint if is_loaded else 'write "conda-tmpenv doctor", which says how to mend it'
    if found.get("folder"):
        error.hint += "; if its index is damaged, write: rm -r " + str(found["folder"])
    return error


# ---- rattler process -----------------------------------------------------------------
# What build_with_rattler() starts: its crash, its hang and the event loop that it needs are its own. Each line
# that it prints is an object: "step", "detail" or "line" (see Progress) while it works, at last "error" if it failed.

WAIT_S = 10  # for an answer, before a person is told
GIVE_UP_S = 60
# What is said of an index in the cache that the server knows nothing of, or that a full disk has cut.
STALE = ("304", "reading marker", "failed to fill", "invalid type", "deserializ", "end of file")
COMPUTING_S = 0.02  # of computing in a second: more than waiting takes


def print_json(**parts: object) -> None:
    """Print an object on a line of its own."""
    import json

    print(json.dumps(parts), flush=True)


def answer(**parts: object) -> "NoReturn":
    """End at once, with these words if any: rattler's threads crash a Python that shuts down in good order."""
    if parts:
        print_json(**parts)
    flush()
    os._exit(bool(parts))


def run_rattler(argv: "list[str]") -> int:
    """Solve and link what the JSON object on standard input asks for."""
    import asyncio
    import json

    job = {**json.loads(sys.stdin.buffer.read()), "loading": {}}  # bytes of each package that is on its way
    secrets = write_secrets(job["secrets"]) if job["secrets"] else ""
    sys.path.append(job["folder"])
    import rattler.exceptions

    # They have no base of their own.
    known = tuple(e for e in vars(rattler.exceptions).values() if isinstance(e, type) and issubclass(e, Exception))
    failure: dict[str, object] = {}
    start_thread(watch_network, job)
    try:
        asyncio.run(solve_and_link(rattler, job))
    except known as e:
        failure = {"error": str(e), "missing": job.get("missing", []), "folder": job.get("stale", "")}
    try_to(os.unlink, secrets)
    answer(**failure)


def write_secrets(secrets: "dict[str, Any]") -> str:
    """Have rattler read these secrets and a user's own, and return the path of that file; on Linux no disk has it."""
    import json
    from tempfile import mkstemp

    path = "/proc/self/fd/%d" % os.memfd_create("secrets") if hasattr(os, "memfd_create") else mkstemp()[1]
    write_file(path, json.dumps({**read_json(os.environ.get("RATTLER_AUTH_FILE", "")), **secrets}).encode())
    os.environ["RATTLER_AUTH_FILE"] = path
    return path


def responds(url: str) -> bool:
    """Answer whether a channel says anything when it is asked, be it no."""
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    scheme, _, rest = url.partition("://")
    plain = scheme + "://" + rest.rpartition("@")[2]  # which urllib takes for a part of the host
    try:
        urlopen(Request(plain + "/noarch/repodata.json", method="HEAD"), timeout=WAIT_S).close()
    except (OSError, HTTPException, ValueError) as e:
        return "timed out" not in str(e)
    return True


def watch_network(job: "dict[str, Any]") -> None:
    """Say which channel does not answer, and give up after a while, as long as an index or a package is waited for."""
    channels = [one for one in job["channels"] if not one.startswith("file:")] or job["channels"]
    unanswered_s, computed_s, size = 0, time.process_time(), 0
    while True:
        time.sleep(1)
        is_busy = time.process_time() - computed_s > COMPUTING_S or job.get("is_solved") and not job["loading"]
        before, size = size, find_size(job["index"]) + sum(map(find_size, list_files(job["cache"], job["part"])))
        size += sum(job["loading"].values())
        unanswered_s = 0 if is_busy or size != before else unanswered_s + 1
        if unanswered_s == WAIT_S and not job["offline"]:
            channels = [url for url in channels if not responds(url)] or channels
            print_json(line="waiting for an answer from " + ", ".join(map(mask, channels)))
        if unanswered_s >= GIVE_UP_S:
            answer(error="no answer in %d s from %s" % (GIVE_UP_S, ", ".join(map(mask, channels))))
        computed_s = time.process_time()


def make_reporter(rattler: "Any", total: int, loading: "dict[int, int]") -> "Any":
    """Return the object whose methods rattler calls while it downloads and links."""

    class Reporter(rattler.InstallerReporter):  # type: ignore[misc]
        told_s, linked, names, sizes = 0.0, 0, {}, {}  # type: ignore[var-annotated]

        def show(self, what: str, is_new: bool = False) -> None:
            if is_new:
                print_json(detail="rattler: " + what)
            if time.monotonic() > Reporter.told_s + LOCK_POLL_S:  # nobody reads faster
                Reporter.told_s = time.monotonic()
                loaded = " %.1f MB," % (sum(self.sizes.values()) / 1e6) if self.sizes else ""
                print_json(step="rattler: %d of %d packages,%s %s" % (self.linked, total, loaded, what))

        def on_populate_cache_start(self, operation: int, package_name: str) -> int:
            self.names[operation] = package_name
            return operation

        def on_download_start(self, cache_entry: int) -> int:
            self.show("downloading " + self.names.get(cache_entry, "a package"), is_new=True)
            loading[cache_entry] = 0
            return cache_entry

        def on_download_progress(self, download_idx: int, progress: int, total: "int | None") -> None:
            self.sizes[download_idx] = loading[download_idx] = progress
            self.show("downloading " + self.names.get(download_idx, "a package"))

        def on_download_completed(self, download_idx: int) -> None:
            loading.pop(download_idx, 0)

        def on_link_start(self, operation: int, package_name: str) -> int:
            self.show("linking " + package_name, is_new=True)
            return operation

        def on_link_complete(self, index: int) -> None:
            Reporter.linked += 1

    return Reporter()


def make_client(rattler: "Any", job: "dict[str, Any]") -> "Any":
    """Return the client that asks the network, or refuses to."""
    networking, verify = rattler.networking, job["verify"]

    def refuse(host: str, path: str) -> None:  # the caches are asked first, so this meets what they lack
        raise ConnectionError("--offline forbids to ask %s for %s" % (host, path))

    if job["offline"]:
        return networking.Client([networking.AddHeadersMiddleware(refuse)])
    if verify != "true":
        if not hasattr(networking.Client, "from_config"):
            answer(lacks=["ssl_verify", "verify_ssl"], version=rattler.__version__)
        toml = 'tls-root-certs = "system"' if verify == "truststore" else "tls-no-verify = true"
        return networking.Client.from_config(rattler.Config.from_toml(toml))
    return networking.Client.default_client()


def find_virtual_packages(rattler: "Any", job: "dict[str, Any]") -> "list[Any]":
    """Return the virtual packages of this machine, or those that one of another platform is taken to have."""
    if not job["only_solve"]:
        return list(rattler.VirtualPackage.detect())
    make, package, build = rattler.GenericVirtualPackage, rattler.PackageName, getattr(rattler, "BuildString", str)
    assumed = [(name, version) for name, version in job["assumed"].items() if version]
    return [make(package(name), rattler.Version(version), build("0")) for name, version in assumed]


def keep_unpacked(part: str, target: str, digest: bytes) -> None:
    """Put an unpacked package where rattler looks for it, under its lock: whoever links from there is waited for."""
    with open(target + ".lock", "ab") as lock:
        if fcntl:
            try_to(fcntl.flock, lock.fileno(), fcntl.LOCK_EX)
        if read_origin(target, "sha256")[0] == digest.hex() and is_unpacked_whole(target):
            remove_tree(part)  # another was faster
            return
        try_to(remove_tree, target)
        os.rename(part, target)
        write_file(target + ".lock", (1).to_bytes(8, "big") + digest)


async def unpack(rattler: "Any", client: "Any", job: "Any", package: "Dict[str, Any]", gate: "Any") -> "list[str]":
    """Unpack a package into the cache, as rattler would, from the first place that has it; return why none has it."""
    from urllib.parse import unquote

    streaming: Any = rattler.rattler  # which its package_streaming wraps, in annotations that CPython 3.8 has not
    target, causes = os.path.join(job["cache"], package["stem"]), []
    part = target + job["part"]
    for url in package["places"]:
        try:
            async with gate:
                print_json(step="rattler: downloading " + package["file"])
                if url.startswith("file://"):
                    hashes = streaming.extract(unquote(url[len("file://") :]), part)
                else:
                    hashes = await streaming.download_and_extract(client._client, url, part, None)
            found = hashes[package["algorithm"] == "md5"].hex()
            if found == package["digest"]:
                keep_unpacked(part, target, hashes[0])
                return []
            causes.append("%s has the %s %s" % (mask(url), package["algorithm"], found))
        except OSError as e:  # a host, a disk, a file that is no package: the next may have it
            causes.append("%s: %s" % (mask(url), e))
        try_to(remove_tree, part)
    return causes


async def fetch_locked(rattler: "Any", client: "Any", job: "dict[str, Any]") -> "list[Any]":
    """Return the packages of a lock, by what each says of itself, once all are in the cache."""
    import asyncio

    os.makedirs(job["cache"], exist_ok=True)
    gate = asyncio.Semaphore(8)
    causes = await asyncio.gather(*(unpack(rattler, client, job, one, gate) for one in job["packages"]))
    lacking = [one["file"] for one, cause in zip(job["packages"], causes) if cause]
    if lacking:
        answer(lacking=lacking, causes=sum(causes, []))
    records = []
    for one in job["packages"]:
        base, subdir, _ = one["url"].rsplit("/", 2)
        index = os.path.join(job["cache"], one["stem"], "info", "index.json")
        record = rattler.PackageRecord.from_index_json(index, **{one["algorithm"]: one["digest"]})
        records.append(rattler.RepoDataRecord(record, one["file"], one["url"], base))
    return records


async def solve_and_link(rattler: "Any", job: "dict[str, Any]") -> None:
    """Make an environment of what is asked for, or raise what rattler says, with what explains it left in job."""
    client = make_client(rattler, job)
    platform = getattr(rattler, "Subdir", None) or rattler.Platform  # py-rattler 0.25
    platforms = [platform(job["subdir"]), platform("noarch")]
    found = fetch_locked(rattler, client, job) if job["packages"] else solve(rattler, client, job, platforms)
    records = await found
    job["is_solved"] = True
    if job["only_solve"]:
        print_json(solved=[(record.to_json(), record.url) for record in records])
        return
    options = {"client": client, "show_progress": False}
    options["reporter"] = make_reporter(rattler, len(records), job["loading"])
    await rattler.install(records, job["prefix"], execute_link_scripts=True, platform=platforms[0], **options)


async def solve(rattler: "Any", client: "Any", job: "dict[str, Any]", platforms: "list[Any]") -> "list[Any]":
    """Return the packages that meet what is asked for; raise what rattler says, with what explains it left in job."""
    from datetime import datetime

    channels = [rattler.Channel(url) for url in job["channels"]]
    specs, pins = ([rattler.MatchSpec(spec) for spec in job[key]] for key in ("specs", "pinned"))
    priority = getattr(rattler.ChannelPriority, job["priority"], None)
    if not priority:
        answer(lacks=["channel_priority"], version=rattler.__version__)
    dated = {"exclude_newer": datetime.fromisoformat(job["cutoff"][:19] + "+00:00")} if job["cutoff"] else {}
    for action in ["force-cache-only"] if job["offline"] else ["cache-or-fetch", "no-cache"]:
        config = rattler.SourceConfig(cache_action=action)
        gateway = rattler.Gateway(cache_dir=job["index"], default_config=config, client=client)
        try:
            records = await rattler.solve(
                channels, specs, gateway=gateway, platforms=platforms, channel_priority=priority,
                virtual_packages=find_virtual_packages(rattler, job), constraints=pins, **dated,
            )  # fmt: skip
            break
        except rattler.exceptions.SolverError:
            job["missing"] = await find_missing(rattler, gateway, job["specs"], channels, platforms)
            raise
        except rattler.exceptions.GatewayError as e:
            job["stale"] = job["index"] if any(one in str(e) for one in STALE) else ""
            if not job["stale"] or action != "cache-or-fetch":
                raise
    for spec in map(rattler.MatchSpec, job["disallowed"]):
        for record in filter(spec.matches, records):
            raise rattler.exceptions.SolverError("disallowed_packages of condarc has %s: %s" % (spec, record))
    return list(records)


async def find_missing(rattler: "Any", gateway: "Any", specs: "list[str]", *where: "Any") -> "list[tuple[int, str]]":
    """Return the numbers of the specs that no package of some channels and platforms meets, each with what is near."""
    from difflib import get_close_matches

    names = [name.normalized for name in await gateway.names(*where)]
    found = []
    for i, spec in enumerate(specs):
        package = find_package(spec)
        if package.startswith("__"):
            continue
        if package not in names:
            near = get_close_matches(package, names, 3, 0.7)
        else:
            parts = await gateway.query(*where, [package], recursive=False)
            records = [record for part in parts for record in part]
            if any(map(rattler.MatchSpec(spec).matches, records)):
                continue
            versions = sorted({record.version for record in records}, reverse=True)
            near = ["%s %s" % (package, version) for version in versions[:3]]
        found.append((i, ", ".join(near)))
    return found


# ---- Builds --------------------------------------------------------------------------
# From an order to an environment that is whole, and on the disk. Knows no marker and no lease.


def check_packages(order: BuildOrder) -> None:
    """Raise Error unless the prefix holds a package for each spec: what an engine says of that is not enough."""
    files = list_files(os.path.join(order.prefix, "conda-meta"), ".json")
    found = {os.path.basename(path).rsplit("-", 2)[0].lower() for path in files}
    missing = [spec for spec in order.specs if find_package(spec) not in found and not spec.startswith("__")]
    if missing:
        message = "%s said that it built the environment, which lacks %s" % (order.engine, ", ".join(missing))
        hint = "see what condarc and the variables of %s ask it to leave out" % order.engine
        hint = hint if files or not order.program else "see whether %s --version works, and is conda's" % order.program
        raise Error(message, order.prefix, hint=hint)


def find_damaged(text: str, order: BuildOrder) -> "list[str]":
    """Return the unpacked packages in a cache that lack files: those that a text names, or a prefix was linked from."""
    prefix, caches, found = order.prefix, find_package_caches(order), []
    dated = {one.get("extracted_package_dir") or "": bool(one.get("timestamp")) for one in read_records(prefix)}
    for path in filter(os.path.isabs, [*(word.strip("'\"`.,:;()") for word in text.split()), *dated]):
        for folder in [path, *(path[:i] for i, letter in enumerate(path) if letter == os.sep)]:
            cache = os.path.dirname(folder)
            is_cached = cache in caches or os.path.isfile(os.path.join(cache, "urls.txt"))  # which conda writes there
            if is_cached and os.path.isdir(os.path.join(folder, "info")) and not prefix.startswith(folder + os.sep):
                found.append(folder)
    return [folder for folder in dict.fromkeys(found) if lacks_files(folder, dated.get(folder, False))]


def lacks_files(package: str, is_of_today: bool) -> bool:
    """Answer whether a file of an unpacked package is not there in its size, by its own list."""
    listed = read_json(os.path.join(package, "info", "paths.json"))
    if not listed:
        return is_of_today  # conda-build wrote other lists before it wrote timestamps
    for one in listed.get("paths", []):
        found, size = read_status(os.path.join(package, one["_path"])), one.get("size_in_bytes")
        if not found or one.get("path_type") == "hardlink" and size not in (None, found.st_size):
            return True
    return False


def build_packages(order: BuildOrder, is_last: bool = False) -> None:
    """Have the engine build the prefix; once more if a damaged package in its cache was to blame."""
    cause = None
    try:
        (build_with_rattler if order.engine == "rattler" else build_with_program)(order)
        check_packages(order)
    except Error as e:
        cause = e
    is_lost = is_last or order.offline  # what is dropped then cannot be had again
    damaged = [] if is_lost else find_damaged(cause.words if cause else "", order)
    for package in damaged:
        order.progress.line("the package cache has a damaged %s: fetching it anew" % os.path.basename(package))
        failure = try_to(remove_tree, package)
        if failure:
            raise cause or Error("expected to be able to delete it, found: %s" % failure.strerror, package)
        for suffix in (".conda", ".tar.bz2"):
            try_to(os.unlink, package + suffix)
    if damaged:
        remove_tree(order.prefix)
        build_packages(order, is_last=True)
    elif cause:
        raise cause


def close_to_others(folder: str) -> None:
    """Take from what lies in a folder the right of others to write to it, which some packages and engines give."""
    for parent, folders, names in os.walk(folder):
        for path in (os.path.join(parent, name) for name in [*folders, *names, os.curdir]):
            mode = os.lstat(path).st_mode
            if mode & 0o022 and mode & 0o170000 != 0o120000:
                try_to(os.chmod, path, mode & 0o7755)  # which fails at a link into a package cache of somebody else


def tidy_records(order: BuildOrder) -> None:
    """Have the records of a prefix name the places that its lock has, and none of the secrets that engines note."""
    import json

    urls = {one.stem + ".json": str(one.url) for one in order.lock.packages} if order.lock else {}
    for path in list_files(os.path.join(order.prefix, "conda-meta"), ".json", "history"):
        text, url = read_head(path).decode("utf-8", "surrogateescape"), urls.get(os.path.basename(path), "")
        tidy, record = text, read_json(path) if url else {}
        if record and record.get("url") != url:
            record.update(url=url, channel=url.rsplit("/", 2)[0])
            tidy = json.dumps(record, indent=2, sort_keys=True)
        if mask(tidy) != text:
            os.unlink(path)  # which may be a link
            write_file(path, mask(tidy).encode("utf-8", "surrogateescape"))


def finish_prefix(order: BuildOrder) -> None:
    """Say in the prefix whose it is (CEP 22), and have all of it on the disk before anybody believes in it."""
    import json
    from threading import Timer

    close_to_others(order.prefix)
    tidy_records(order)
    message = "conda-execute made this environment, and scripts share it: change their block, not the environment"
    write_file(os.path.join(order.prefix, "conda-meta", "frozen"), json.dumps({"message": message}).encode())
    timer = Timer(1, order.progress.line, ["writing %s to the disk" % order.prefix])
    timer.start()
    try:
        sync_disks([order.prefix, *find_package_caches(order)])
    finally:
        timer.cancel()


def build_prefix(order: BuildOrder) -> None:
    """Build an environment whole, or raise Error, at SIGTERM and SIGHUP too, and leave what there is to its Store."""
    from threading import current_thread, main_thread

    names = {getattr(_signal, name): name for name in ("SIGTERM", "SIGHUP") if hasattr(_signal, name)}

    def stop(number: int, frame: object) -> "NoReturn":
        raise Error("stopped by %s while building %s" % (names[number], order.prefix), code=128 + number)

    is_main = current_thread() is main_thread()  # no other may set a handler
    ours = [number for number in names if is_main and _signal.getsignal(number) == _signal.SIG_DFL]
    for number in ours:
        _signal.signal(number, stop)
    try:
        build_packages(order)
        if order.pip:
            install_requirements(order)
        finish_prefix(order)
    finally:
        order.progress.step("")
        for number in ours:
            _signal.signal(number, _signal.SIG_DFL)


# ---- Launch --------------------------------------------------------------------------
# From a prefix and the words of a command to a running process. Knows nothing of building.


def find_executable(name: str, prefix: str, path: str, common: "Collection[str]") -> str:
    """Return the environment's program of this name, for what is common else the machine's, or ""."""
    program = which_in(prefix, name)
    if program and not os.path.getsize(program):  # a purge has left nothing of it
        return ""
    return program or (which(name, path) if name in common else "")


def refuse_noexec(name: str, prefix: str) -> None:
    """Raise Error where an environment has a program, and its disk lets none run."""
    paths = [os.path.join(folder, name) for folder in find_bin_dirs(prefix)]
    if is_noexec(prefix) and any(map(os.path.isfile, paths)):
        message = "expected %s on a disk whose programs may run, found one mounted noexec" % quote(name)
        raise Error(message, prefix, hint=OWN_FOLDER, code=126)


def find_neighbour(word: str, script: str, folder: str) -> str:
    """Return the file to which a relative path leads: from a folder, else from a script, or what that is a link to."""
    folders = list(dict.fromkeys(os.path.dirname(find(script)) for find in (os.path.abspath, os.path.realpath)))
    folders = [folder] if folder else folders
    paths = [os.path.normpath(os.path.join(folder, word)) for folder in folders]
    files = list(filter(os.path.isfile, paths))
    for file in files:
        if not os.path.samefile(file, script) and not is_own_command([os.path.realpath(file)]):
            return file
    if files:
        hint = "name what runs the script, or leave run_with out"
        raise Error("expected another program, found " + quote(word), script, hint=hint)
    found, hint = " or ".join(map(printable, folders)), "put it there, or write the name alone of a program in env"
    raise Error("expected %s in %s, found none" % (quote(word), found), script, hint=hint, code=127)


def lacking_program(shown: str, name: str, metadata: Metadata, script: str, prefix: str, machine_has_it: bool) -> Error:
    """Return the Error for a command whose program an environment lacks: what is near it, or brings it."""
    names = ("its conda packages", "in the shebang") if metadata.dialect == "pep723" else ("env", "with run_with")
    names = ("this run, --with PACKAGE", "with --run-with") if metadata.folder else names
    version = name[6:] if name.startswith("python") and "." in name else ""
    version = version if all(map(is_number, version.split(".", 1))) else ""
    brings = {one.split(" ")[0]: package for package, one in {**SHELL_INTERPRETERS, **INTERPRETERS}.items()}
    package = quote("python =" + version) if version else quote(brings[name]) if name in brings else ""
    near = find_nearest(name, [one for folder in find_bin_dirs(prefix) for one in list_names(folder)])
    hint = "add %s to %s, or name another command %s" % (package or "the package that brings it", *names)
    hint = "there is %s; or %s" % (quote(near), hint) if near and not version else hint
    if machine_has_it and not set("".join(metadata.run_with)) & set("'\\"):
        hint += '; what this machine has is run by: sh -c \'%s "$0" "$@"\'' % " ".join(metadata.run_with)
    else:
        hint += "; --force-env mends a damaged environment"
    return Error("expected %s in %s, found none" % (shown, prefix), script, hint=hint, code=127)


def find_run_with_argv(metadata: Metadata, script: str, args: "list[str]", prefix: str, path: str) -> "list[str]":
    """Return the command to execute: whatever its path, the environment's program of that name.

    Only a plain shell may be the machine's; a relative path in run_with begins at the script.
    """
    words, rest = metadata.run_with, [os.path.join(".", script) if script.startswith("-") else script, *args]
    at = find_program_index(words)
    word = words[at]
    name = os.path.basename(word) if metadata.may_be_file else find_program_name(word)
    is_absolute = word.startswith("/") or os.path.isabs(word)
    if metadata.may_be_file and word != name and not is_absolute:
        program = find_neighbour(word, script, metadata.folder)
    else:
        folder = os.path.dirname(word) if is_absolute else ""
        program = find_executable(name, prefix, folder + os.pathsep + path, SHELLS)
    if not program:
        refuse_noexec(name, prefix)
        has_own = metadata.may_be_file and which(word if is_absolute else name, os.sep if is_absolute else path)
        raise lacking_program(quote(word if is_absolute else name), name, metadata, script, prefix, bool(has_own))
    before = [which("env", path) or "/usr/bin/env", *words[1:at]] if at > 1 else []
    return [*before, program, *words[at + 1 :], *rest]


LEASE_FD = 900  # out of the way of what scripts use by number, below the usual limit of 1024
MAX_LEASES = 16  # in one process, all on one environment: no script nests so deep


def move_lease_up(lease: "Lock | None", argv: "list[str]") -> None:
    """Move a lease to a descriptor that exec leaves open, as high as the limit allows (256 on macOS).

    Who starts itself again and again inherits leases; raise Error before that goes on for ever.
    """
    if not lease or lease.fd < 0 or not fcntl:
        return
    for start in (LEASE_FD, 200, 50, 10, LOWEST_FD):
        try:
            with Lock.opening:
                fd = fcntl.fcntl(lease.fd, fcntl.F_DUPFD, start)
                Lock.opened.add(fd)
        except OSError:
            continue
        lease.close()
        lease.fd = fd
        with Lock.opening:
            others = [one for one in range(start, fd) if one not in Lock.opened and not try_to(os.fstat, one)]
            inherited = [one for one in others if os.path.sameopenfile(one, fd)]
        if len(inherited) >= MAX_LEASES:
            lease.close()
            hint = "see what it starts: " + printable(" ".join(argv))
            raise Error("expected a script, found conda-execute starting itself again and again", hint=hint)
        return
    os.set_inheritable(lease.fd, True)


def cannot_start(program: str, cause: "OSError | ValueError") -> Error:
    """Return the Error for a command that the system does not start."""
    code = 127 if isinstance(cause, FileNotFoundError) else 126
    hint = "see run_with, the shebang, and the interpreter that the command itself names"
    hint = "its disk is mounted noexec: %s, or a program elsewhere" % OWN_FOLDER if is_noexec(program) else hint
    if isinstance(cause, PermissionError) and os.path.isfile(program) and not os.access(program, os.X_OK):
        hint = type_this("chmod", "+x", program)
    found = find_start_cause(program, cause)
    return Error("expected a command that can run, found: " + found, program, "", hint, code)


def run_child(argv: "list[str]", environ: "Environ", lease: "Lock | None") -> int:
    """Run the command as a child that holds a lease of its own; return its exit code, 128 + n after signal n.

    Ctrl-C is the child's to answer; as a shell does, we wait for it, and are interrupted if it was.
    """
    own = None
    if lease and lease.fd >= 0:
        own = Lock(lease.path, lease.progress, lease.marks_needed).wait(exclusive=False)
    move_lease_up(own, argv)
    is_plain = not fcntl or _signal.getsignal(_signal.SIGCHLD) == _signal.SIG_DFL
    child, code, is_interrupted = None, None, False
    try:
        child = Child(argv, filter(None, [own]), "" if is_plain else "--report", env=environ)
        while code is None:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                is_interrupted = True
    except (OSError, ValueError) as e:
        raise cannot_start(argv[0], e) from None
    finally:
        if child:
            child.close()
        if own:
            own.abandon() if own.mark else own.close()
    if is_interrupted and code == 128 + _signal.SIGINT:
        raise KeyboardInterrupt
    return code


def launch(argv: "list[str]", environ: "Environ", lease: "Lock | None") -> "NoReturn":
    """Become the command; the lease goes along, on a descriptor that exec leaves open."""
    flush()  # what a caller of bootstrap() has printed
    if os.name == "nt":  # which has no exec
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        code = run_child(argv, environ, lease)
        sys.exit(code - (code >> 31 << 32))  # which takes a C int; 0xC0000005, a crash, is none
    move_lease_up(lease, argv)
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores these, and exec would hand that on
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
    try:
        os.execve(argv[0], argv, environ)
    except (OSError, ValueError) as e:  # ValueError: what no environment can hold
        raise cannot_start(argv[0], e) from None


# ---- Entrypoints ---------------------------------------------------------------------
# The commands of a conda-script, without a shell. Knows nothing of building.


def find_entrypoint_words(
    command: "Command", values: "Mapping[str, str]", prefix: str, path: str, capture: "Callable[[Any], str]" = str
) -> "list[str]":
    """Return the words of a command, the first as the path of a program; none where nothing is left of it."""
    fields: list[list[str]] = []  # the parts of each; one that has none vanishes
    for word in command:
        fields.append([])
        for is_split, value in word:
            text = values.get(value, value) if isinstance(value, str) else capture(value)
            for part in text if is_split else [text]:
                if is_split and part.isspace():
                    fields.append([])
                else:
                    fields[-1].append(part)
    words = ["".join(parts) for parts in fields if parts]
    if words and os.path.basename(words[0]) == words[0]:
        program = find_executable(words[0], prefix, path, SHELLS + UTILITIES)
        if not program:
            refuse_noexec(words[0], prefix)
            hint = "add the package that brings it to the dependencies"
            raise Error("expected %s in %s, found none" % (quote(words[0]), prefix), "entrypoint", "", hint, 127)
        words[0] = program
    return words


def has_several(entrypoint: str) -> bool:
    """Answer whether an entrypoint may be more than one command."""
    return "&&" in entrypoint or "$(" in entrypoint


def find_command_line(metadata: Metadata, script: "Script", args: "list[str]", prefix: str, path: str) -> "list[str]":
    """Return the command to execute: for an entrypoint of several, this file, which runs them there."""
    if not metadata.has_entrypoint:
        return find_run_with_argv(metadata, script.path, args, prefix, path)
    [entrypoint] = metadata.run_with
    source, cache = os.path.abspath(script.path), find_cache(prefix, script.data)
    if has_several(entrypoint):
        return start_anew("--entrypoint", entrypoint, prefix, source, cache, *args)
    [command] = parse_commands(Text(entrypoint), 0, 0)[0]
    return [*find_entrypoint_words(command, {"${SCRIPT}": source, "${CACHE}": cache}, prefix, path), *args]


def find_cache(prefix: str, content: bytes) -> str:
    """Return what ${CACHE} is for a script, wherever it lies: a folder in the environment, which lives as long."""
    return os.path.join(prefix, ".cache", sha256(content).hexdigest()[:20])


def run_command(argv: "list[str]", environ: "Environ", **streams: "Any") -> bytes:
    """Run a command to its end and return what it printed into a pipe; end as it ended if it failed.

    A signal that would end us is passed on to it; then we end by that too.
    """
    import subprocess

    got: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: object) -> None:
        got.append(number)
        if child:
            try_to(child.send_signal, number)  # which may have ended: a terminal tells it too

    old: dict[int, Any] = {}
    if fcntl:  # on Windows, all on a console get Ctrl-C
        ends = [_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT]
        old = {one: _signal.signal(one, pass_on) for one in ends if _signal.getsignal(one) != _signal.SIG_IGN}
        old[_signal.SIGCHLD] = _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # if ignored, it hides every exit code
    try:
        child = subprocess.Popen(argv, env=environ, close_fds=False, **streams)
        for number in set(got):  # before there was a child
            pass_on(number, None)
        output, code = child.communicate()[0], child.returncode
    except (OSError, ValueError) as e:
        raise cannot_start(argv[0], e) from None
    for number in old:
        _signal.signal(number, _signal.SIG_DFL if number in got else old[number])
    for number in got:
        os.kill(os.getpid(), number)
    if code:
        raise SystemExit(code if code > 0 else 128 - code)
    return output or b""


def run_entrypoint(argv: "list[str]") -> int:
    """Run the commands of an entrypoint in the environment, without a shell, and become the last of them."""
    from subprocess import DEVNULL, PIPE

    entrypoint, prefix, script, cache, *args = argv
    values, environ = {"${SCRIPT}": script, "${CACHE}": cache}, read_caller_environ()

    def find(command: "Command") -> "list[str]":
        return find_entrypoint_words(command, values, prefix, environ.get("PATH", os.defpath), capture)

    def capture(commands: "list[Command]") -> str:
        found = filter(None, map(find, commands))
        output = b"".join([run_command(words, environ, stdin=DEVNULL, stdout=PIPE) for words in found])
        try:
            text = output.decode("utf-8")
        except UnicodeDecodeError:
            raise Error("expected UTF-8 from the commands in $(...), found other bytes", "entrypoint") from None
        return text[: len(text) - (2 if text.endswith("\r\n") else text.endswith("\n"))]

    *first, last = parse_commands(Text(entrypoint), 0, 0)[0]
    for words in filter(None, map(find, first)):
        run_command(words, environ)
    words = find(last)
    if words:
        launch([*words, *args], environ, None)
    return 0


# ---- Scripts -------------------------------------------------------------------------
# Where a script comes from: a path, a URL, standard input, -c; where it is kept. Knows nothing of its block.

CODE_NAMES = ("code", "stdin")  # of scripts that came without a name


def script_path(store: Store, data: bytes, name: str) -> str:
    """Return where a script of these bytes is kept."""
    return store.path(SCRIPTS, sha256(data).hexdigest(), name)


def find_saved(store: Store, digest: str, but: "Collection[str]") -> "tuple[bytes, str] | None":
    """Return content and name of a kept script with this hash that has none of some names, or None."""
    for path in list_files(store.path(SCRIPTS, digest)):
        content, name = read_head(path), os.path.basename(path)
        if sha256(content).hexdigest() == digest and name[0] != "." and name not in but:
            return content, name
    return None


class Script:
    """A script's bytes, the path it runs from, and what messages call it; what is no file of the user's is kept."""

    file: "IO[bytes] | None" = None  # the one that is kept, open for collectors to see: read_paths_in_use()

    def __init__(self, data: bytes, path: str, shown: str) -> None:
        self.data, self.path, self.shown = data, path, shown

    @property
    def is_own(self) -> bool:
        """Answer whether it is a file of the user's."""
        return self.path == self.shown

    def save(self, store: Store) -> None:
        """Write what is no file of its own to its place, at once, unless it is there; date its folder."""
        if self.is_own:
            return
        self.close()
        folder = os.path.dirname(self.path)
        with store.lock(SCRIPTS).wait(exclusive=False):
            try:
                store.check_owners(SCRIPTS, folder)
                if read_head(self.path) != self.data:
                    make_folder(folder)
                    replace_file(self.path, self.data)
                try_to(os.utime, folder)
                store.check_owners(SCRIPTS, folder, self.path)
                self.file = open(self.path, "rb")
            except OSError as e:
                raise store.cannot_write(e) from None

    def close(self) -> None:
        if self.file:
            self.file.close()


FETCH_LIMIT_BYTES = 10 << 20
FETCH_LIMIT_S = 60  # for all of it
FETCH_POLL_S = 20  # for any sign of life
# What to do about an answer of HTTP, by the first digit of its code; 0 is that of none.
FETCH_HINTS = {
    0: "check the address, and that this host can reach it", 5: "try again later",
    4: "check the address; what takes a login is to be fetched to a file, and run from there",
}  # fmt: skip


def check_address(address: str) -> None:
    """Refuse what is secret, and what browsers and libraries each read in another way."""
    from urllib.parse import quote as escape

    host = address.split("?")[0].split("/")[2]
    if "@" in host:
        raise Error("expected an address without name and password, found one", hint="fetch it to a file, and run that")
    if host.lower() not in ("", "localhost") and address.lower().startswith("file:"):
        hint = "write file:///WHOLE/PATH, or the path alone: " + printable(address[len("file://") :])
        raise Error("expected three slashes and a whole path, found two", address, hint=hint)
    strange = [c for c in address if not "!" <= c <= "~"]
    if strange:
        hint = "write " + escape(os.fsencode(address), "!#$%&'()*+,/:;=?@[]~")
        found = "the character U+%04X" % ord(strange[0])
        raise Error("expected an address of printable ASCII, found " + found, address, hint=hint)


def find_file_name(address: str) -> str:
    """Return a plain file name for what is at an address.

    >>> find_file_name("https://example.org/a%20b.py?c"), find_file_name("https://example.org/..%2f.x")
    ('ab.py', 'x')
    """
    from urllib.parse import unquote

    last = ["", *address.split("#")[0].split("?")[0].split("/")[3:]][-1]
    parts = os.path.splitext(unquote(last))
    stem, suffix = ("".join(c for c in part if c in NAME_CHARACTERS)[:60] for part in parts)
    return (stem.lstrip(".-") or "script") + suffix


def find_raw(address: str) -> str:
    """Return where the file itself is that a page of GitHub or Gist shows.

    >>> find_raw("https://github.com/me/tools/blob/main/plot.py")
    'https://github.com/me/tools/raw/main/plot.py'
    """
    words = address.split("?")[0].rstrip("/").split("/")  # https:, "", host, owner, repository, "blob", ...
    host = address.split("/")[2].lower()
    if host == "github.com" and len(words) > 6 and words[5] == "blob":
        return "/".join([*words[:5], "raw", *words[6:]])
    return "/".join([*words, "raw"]) if host == "gist.github.com" and "raw" not in words else address


def fetch(address: str) -> "tuple[bytes, str]":
    """Return the bytes at a URL and a name for them; OSError, HTTPException and ValueError are the library's."""
    from http.client import IncompleteRead
    from urllib.parse import urlsplit
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirect(HTTPRedirectHandler):
        def redirect_request(self, req: "Any", fp: "Any", code: int, msg: str, headers: "Any", newurl: str) -> "Any":
            if urlsplit(newurl).scheme not in ("https", urlsplit(req.full_url).scheme):
                raise Error("expected https all the way, found a redirection to " + quote(newurl), address)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    request = Request(address, headers={"User-Agent": "conda-execute/" + __version__})
    with build_opener(Redirect).open(request, timeout=FETCH_POLL_S) as answer:
        kind, size = answer.headers.get_content_type(), answer.headers.get("Content-Length", "")
        data = answer.read(FETCH_LIMIT_BYTES + 1)
    if len(data) > FETCH_LIMIT_BYTES:
        raise Error("expected a script of at most %d MiB, found more" % (FETCH_LIMIT_BYTES >> 20), address)
    if size.isdigit() and int(size) != len(data):
        raise IncompleteRead(data)
    is_page = kind in ("text/html", "application/xhtml+xml")
    if is_page or not kind.startswith(("text", "application", "video/mp2t")):
        raise Error("expected a script, found " + ("a web page" if is_page else quote(kind)), address, hint=PAGE)
    return data, find_file_name(answer.geturl())


def fetch_in_time(address: str) -> "tuple[bytes, str]":
    """Return what is at an address, and its name, or raise Error when it takes too long."""
    from http.client import HTTPException, IncompleteRead

    done: list[tuple[bytes, str] | Error] = []

    def work() -> None:
        try:
            with LibraryOnly():
                done.append(fetch(address))
        except Error as e:
            done.append(e)
        except IncompleteRead:
            done.append(Error("expected a whole script, found a part: the connection was cut", address))
        except (OSError, HTTPException, ValueError) as e:
            reason = (str(e).strip() or type(e).__name__).replace("<urlopen error ", "").rstrip(">")
            is_told = not isinstance(e, OSError) or "SSL" in reason or address.lower().startswith("file:")
            hint = "" if is_told else FETCH_HINTS.get(getattr(e, "code", 0) // 100, "")
            done.append(Error("expected a script, found: " + printable(reason), address, hint=hint))

    start_thread(work).join(FETCH_LIMIT_S)
    if not done:
        raise Error("expected a script within %d s, found none" % FETCH_LIMIT_S, address)
    if isinstance(done[0], Error):
        raise done[0]
    return done[0]


def fetch_script(url: str, store: Store, offline: bool) -> Script:
    """Return the script at a URL; what "#sha256=HEX" pins is checked, kept, and asked for only once."""
    address, mark, pin = url.partition("#")
    check_address(address)
    pin = pin.lower()
    if mark and (pin[:7] != "sha256=" or not is_hex(pin[7:], 64)):
        raise Error("expected #sha256= and 64 hex digits, found " + quote("#" + pin), url, hint="or leave it out")
    name = find_file_name(address)
    is_telling = os.path.splitext(name)[1].lower() in SUFFIXES  # else the last redirection's may be
    nameless = set() if is_telling else set(CODE_NAMES) - {name}
    saved = find_saved(store, pin[7:], nameless) if pin else None
    if not saved and offline and not address.lower().startswith("file:"):
        hint = "only what #sha256=HEX pins is kept for later"
        raise Error("expected a script from before, found none, and --offline forbids to fetch it", address, hint=hint)
    if not saved and address.lower().startswith("http:"):
        hint = "" if pin else ": who is on the way can change it; #sha256=HEX behind the address prevents that"
        store.progress.line("warning: %s comes without encryption%s" % (printable(address), hint))
    data, last = saved or fetch_in_time(find_raw(address))
    found = sha256(data).hexdigest()
    if pin and pin[7:] != found:
        hint = "the script has changed, or somebody changed it: look at it before you write its new hash"
        raise Error("expected a script with #%s, found sha256=%s" % (pin, found), url, hint=hint)
    return Script(data, script_path(store, data, name if is_telling else last), url)


def find_script(word: str, store: Store, offline: bool) -> Script:
    """Return the script that a word of the command line names: a path, a URL, or "-"."""
    if word == "-":
        return read_stdin(store)
    is_address = word.lower().startswith(("http://", "https://", "file://"))
    return fetch_script(word, store, offline) if is_address else read_script(word)


PATH_HINT = "check the path, and quotes around its blanks"


def find_path_hint(word: str) -> str:
    """Return what to write for a path at which there is nothing: what is near it, or a URL."""
    first, slash, _ = word.partition("/")
    if first.find(":") > 1 or slash and "." in first.strip(".") and not os.path.lexists(first):
        return "check the path; a URL begins with https:// or http://"
    whole = os.path.expanduser(word)
    if whole != word and os.path.lexists(whole):
        return 'write %s: no shell expands a "~" in quotes' % format_shell([whole])
    folder, name = os.path.split(whole)
    files = list(map(os.path.basename, list_files(folder or ".")))
    stems = [one for one in files if os.path.splitext(one)[0] == name and os.path.splitext(one)[1].lower() in SUFFIXES]
    near = name if name in files else (stems or [find_nearest(name, files)])[0]
    return "there is " + printable(os.path.join(folder, near)) if near else PATH_HINT


def read_given(path: str, what: str) -> bytes:
    """Return what is in a file, or a pipe, that the command line names."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        found, hint = ": " + str(e.strerror), PATH_HINT
        if os.path.islink(path) and not os.path.exists(path):
            found = " a link to %s, which is not there" % quote(os.readlink(path))
            hint = "have it lead to where that is: " + format_shell(["ln", "-sf", "FILE", path])
        elif isinstance(e, PermissionError):
            hint = type_this("chmod", "u+r", path) + ", or have its owner let you read it"
        raise Error("expected %s that can be read, found%s" % (what, found), path, hint=hint) from None


def read_script(path: str) -> Script:
    """Return the script in a file."""
    if not os.path.isfile(path) and os.path.exists(path):
        is_folder = os.path.isdir(path)
        found = "a folder" if is_folder else "a pipe or device"
        hint = "name a script that is in it" if is_folder else 'write "-" to run what comes on standard input'
        raise Error("expected a script in a file, found " + found, path, hint=hint)
    if not os.path.lexists(path):
        os.getcwd()  # which fails where that has been deleted
        message = "expected a script that can be read, found: " + os.strerror(2)
        raise Error(message, path, hint=find_path_hint(path))
    return Script(read_given(path, "a script"), path, path)


def read_stdin(store: Store) -> Script:
    """Return the script that comes on standard input, of which nothing is left for it."""
    if not sys.stdin:
        raise Error("expected a script on standard input, found it closed")
    if os.name != "nt":
        os.set_blocking(0, True)  # else read() may return before the end
    data = sys.stdin.buffer.read()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if not data.strip():
        hint = "see what should have written it, or write conda-execute -c LINE ... or conda-execute - < FILE"
        raise Error("expected a script on standard input, found nothing", hint=hint)
    return Script(data, script_path(store, data, CODE_NAMES[1]), "standard input")


# ---- Runs ----------------------------------------------------------------------------
# From options and a script to a lease on its environment, its command and its variables. Knows no argv.


def detect_virtual_package(name: str) -> str:
    """Return the version of this machine's "__glibc" or "__cuda", found as conda finds it, or ""."""
    override = os.environ.get("CONDA_OVERRIDE_" + name[2:].upper())
    if override is not None:
        return override.strip()
    if name == "__glibc":
        names = getattr(os, "confstr_names", {})
        return (os.confstr(names["CS_GNU_LIBC_VERSION"]) or "").split(" ")[-1] if "CS_GNU_LIBC_VERSION" in names else ""
    import ctypes

    number = ctypes.c_int()
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except OSError:
        return ""
    return "%d.%d" % (number.value // 1000, number.value % 1000 // 10)


def read_metadata(
    script: Script, subdir: str, find_version: "Callable[[str], str]" = detect_virtual_package
) -> Metadata:
    """Return what a script asks for on a platform."""
    metadata = parse_metadata(script.data, script.shown, subdir, find_version)
    metadata.name = name_metadata(metadata)
    return metadata


def read_run_with(script: Script, metadata: Metadata) -> "list[str]":
    """Return the words of the command that runs a script."""
    has_suffix = os.path.splitext(script.path)[1].lower() in SUFFIXES
    path = script.path if has_suffix else os.path.realpath(script.path)  # ~/bin/plot may lead to plot.R
    return find_run_with(script.data, path, metadata, script.shown)


def find_lock_paths(script: Script, subdir: str) -> "list[str]":
    """Return where the lock of a script may lie: beside it, or beside what a link leads to."""
    paths = [script.path, os.path.realpath(script.path)] if script.is_own else []
    return ["%s.%s.lock" % (path, subdir) for path in dict.fromkeys(paths)]


def find_lock(script: Script, subdir: str) -> str:
    """Return the path of the lock of a script; "" where there is none."""
    return next(filter(os.path.lexists, find_lock_paths(script, subdir)), "")


def read_lock(path: str) -> LockFile:
    """Return a lock; a pipe in its place might never end."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            hint = "move it to another place"
            raise Error("expected a lock in a file, found a folder, pipe or device", path, hint=hint)
        with open(path, "rb") as f:
            return LockFile(path, f.read(LOCK_LIMIT_BYTES))
    except OSError as e:
        raise Error("expected a lock that can be read, found: %s" % e.strerror, path, hint=LOCK_HINT) from None


def find_job_array(environ: "Environ") -> str:
    """Return what jobs have in common that a scheduler started as one array, or ""."""
    slurm, lsf, grid = (environ.get(name, "") for name in ("SLURM_ARRAY_JOB_ID", "LSB_JOBID", "JOB_ID"))
    found = slurm + environ.get("SLURM_RESTART_COUNT", "") if slurm else ""
    found = found or (lsf if environ.get("LSB_JOBINDEX", "0") != "0" else "")
    found = found or (grid if environ.get("SGE_TASK_ID", "undefined") != "undefined" else "")
    pbs, bracket, _ = environ.get("PBS_JOBID", "").partition("[")  # PBS: 123[4].server
    return found or (pbs if bracket else "")


JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")  # that schedulers set
# Variables that have a say in whether an environment can be built, by how they begin.
BUILD_VARIABLES = (
    *ENGINE_VARIABLES, "CONDA_CHANNEL", "CONDA_DEFAULT_C", "CONDA_SUBDIR", "CONDA_OVERRIDE_", "CONDA_SOLVER",
    "CONDARC", "CONDA_OFFLINE", "PIP_INDEX", "PIP_EXTRA", "PIP_FIND", "PIP_NO_INDEX", "HTTP_PROXY", "HTTPS_PROXY",
    "ALL_PROXY",
)  # fmt: skip


def hash_build_inputs(config: Config, offline: bool, environ: "Environ") -> str:
    """Return a hash of what else decides whether an environment can be built: settings and variables."""
    names = [name for name in environ if name.upper().startswith(BUILD_VARIABLES)]
    texts = ["%s=%s" % (name, environ[name]) for name in sorted(names) if not name.startswith("CONDA_EXECUTE")]
    texts = [config.engine, str(offline), repr(config.condarc.sections), *texts]
    digest: str = sha256(os.fsencode("\n".join(texts))).hexdigest()
    return digest[:8]


def find_secret_texts(metadata: Metadata, condarc: Condarc, environ: "Environ") -> "Iterator[str]":
    """Yield the words in which a block, condarc and variables may name passwords and tokens."""
    yield from map(os.path.expandvars, [*metadata.channels, *metadata.specs, *metadata.pip])
    yield from (os.path.expandvars(os.fsdecode(raw)) for _, _, rows in condarc.sections for _, raw in rows)
    for name, value in environ.items():
        if name.startswith(("CONDA_", "MAMBA_", "PIP_")) or name.lower().endswith("_proxy"):
            yield from value.split(",")


SHOWN = 12  # specs in the line that says what is built, packages in that of a lock


def format_first(words: "list[str]") -> str:
    """Return the first of some words, and how many more there are."""
    return ", ".join(words[:SHOWN]) + (" and %d more" % (len(words) - SHOWN) if words[SHOWN:] else "")


def is_new_python(program: str) -> bool:
    """Answer whether this starts, as a shim of pyenv may not, and takes this file."""
    from subprocess import DEVNULL, TimeoutExpired, call

    code = "import sys; sys.exit(sys.version_info < (3, 8))"
    try:
        return call([program, "-I", "-c", code], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, timeout=5) == 0
    except (OSError, TimeoutExpired):
        return False


def check_python() -> None:
    """Raise Error in a Python for which this file is too new, though it can read it; name one that is not."""
    if sys.version_info < (3, 8):  # noqa: UP036
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        names = [*("python3.%d" % n for n in range(30, 7, -1)), "python3", "python"]
        found = [os.environ.get("CONDA_PYTHON_EXE", ""), *(which(name, path) for name in names for path in folders)]
        newer = next(filter(is_new_python, filter(os.path.isfile, found)), "")
        hint = "start it with " + (newer or "a newer one, which conda brings too, in its bin folder")
        raise Error("expected CPython 3.8 or newer, found " + sys.version.split()[0], sys.executable, hint=hint)


class Invocation:
    """What we were called for: the settings, env-dir, and the script or the specs whose environment is wanted."""

    def __init__(self, options: "Mapping[str, str]") -> None:
        check_python()
        self.config = config = read_config(os.environ, sys.executable)
        self.progress, max_unused_s = Progress("verbose" in options, "quiet" in options), config.max_unused_hours * 3600
        self.store = Store(config.env_dir, max_unused_s, self.progress, config.subdir)
        self.offline, self.force, self.options = "offline" in options, "force-env" in options, options
        self.script = Script(b"", "", "")  # of specs there is none

    def open(self, word: str, args: "Iterable[str] | None" = None) -> "Invocation":
        """Be about the script that a word names: a path, a URL, or "-"."""
        return self.read(find_script(word, self.store, self.offline), args)

    def read(self, script: Script, args: "Iterable[str] | None" = None) -> "Invocation":
        """Be about a script, and what it asks for; with arguments, though none, about the command that runs it too."""
        self.script, self.args = script, list(args or ())
        if "platform" in self.options:  # of this one it may ask for nothing
            return self
        self.metadata = read_metadata(script, self.config.subdir)
        folder = (self.options.get("folder") or os.getcwd()) if "run-with" in self.options else ""  # or of a link
        of_block = self.metadata.name
        add_given(self.options, self.metadata, self.config.subdir, folder)
        self.metadata.name = name_metadata(self.metadata)
        has_more = self.metadata.name != of_block
        if args is not None:
            self.metadata.run_with = read_run_with(script, self.metadata)
        path = "" if {"no-lock", "lock"} & set(self.options) else find_lock(script, self.config.subdir)
        if path and not has_more:
            self.obey(read_lock(path))
        elif "locked" in self.options:
            hint = "write it: conda-execute --lock SCRIPT" if script.is_own else LOCK_PLACE
            if not path and script.is_own and any(map(os.environ.get, JOB_VARIABLES)):
                hint += "; a scheduler runs a copy: submit a job that says conda-execute --locked /PATH/OF/SCRIPT"
            hint = next(map(printable, self.find_stray_locks()), hint)
            found, hint = ("one without what --with adds", "leave out one of them") if path else ("none", hint)
            raise Error("expected a lock for %s, found %s" % (self.config.subdir, found), script.shown, hint=hint)
        elif path:
            self.progress.line("looks past %s, which has nothing of what --with adds" % printable(path))
        return self

    def obey(self, lock: LockFile) -> None:
        """Have the environment be of the packages of a lock."""
        check_lock(lock, self.metadata, self.config.subdir)
        self.metadata.lock = lock
        self.metadata.name = name_metadata(self.metadata)

    @property
    def prefix(self) -> str:
        return self.store.path(self.metadata.name)

    def find_argv(self) -> "list[str]":
        return find_command_line(self.metadata, self.script, self.args, self.prefix, os.environ.get("PATH", os.defpath))

    def find_stray_locks(self) -> "Iterator[str]":
        """Yield what keeps locks that lie beside the script from being its own: a name, or another platform."""
        script, subdir = self.script, self.config.subdir
        is_asked = not self.metadata.lock and script.is_own and not {"lock", "no-lock"} & set(self.options)
        own, head = os.path.realpath(script.path), ("# metadata: %s\n" % self.metadata.name).encode()
        for path in list_files(os.path.dirname(own), ".lock") if is_asked else ():
            content = read_head(path, 4096)
            if ("# platform: %s\n" % subdir).encode() in content and head in content:
                yield "%s would be its lock under the name %s.%s.lock" % (path, os.path.basename(own), subdir)
            elif head in content and path.startswith(own + "."):
                yield "%s is for another platform: --lock writes one for %s" % (path, subdir)

    def find_reason(self) -> str:
        """Return why the environment is built: what was in its place, or what its script had before."""
        store, name, uses = self.store, self.metadata.name, self.store.read_uses()
        beginning = "%s.%d." % (name, os.getpid())
        for entry in [one for one in list_names(store.path(".trash")) if one.startswith(beginning)][-1:]:
            if entry.endswith(ASIDE):
                return "--force-env"
            marker = read_marker(store.path(".trash", entry, MARKER))
            [where], [platform] = (marker.get(key, [""])[:1] for key in ("prefix", "platform"))
            if marker and platform != store.subdir:
                return "the one here was of " + platform
            return "the one here was " + ("made in " + where if marker and where != self.prefix else "not whole")
        if name in uses.scripts:
            return "it was removed since its last use"
        path = os.fsencode(os.path.abspath(self.script.path)) if self.script.path else b""
        before = [(found[path][0], store.path(one, MARKER)) for one, found in uses.scripts.items() if path in found]
        if not before:
            return "first use"
        _, last = max(before, key=lambda use: (use[0], read_time(use[1], 0)))  # rows have whole seconds
        marker, changes, asked = read_marker(last), [], self.find_asked_fields()
        locks = marker.pop("lock", []), asked.pop("lock")
        for key, items in asked.items():
            then, now = marker.get(key, []), list(map(mask, items))
            changes += ["+ " + one for one in now if one not in then] + ["- " + one for one in then if one not in now]
        if marker and not changes and locks[0] != locks[1]:
            return "its lock has changed" if all(locks) else "its lock is new" if locks[1] else "now without its lock"
        return "changed: " + ", ".join(changes) if marker and changes else "what it asks for has changed"

    def find_asked_fields(self) -> "dict[str, list[str]]":
        """Return what was asked for, by the keys of a marker, whose other lines are build()'s and write_marker()'s."""
        one = self.metadata
        asked = {"env": one.specs, "pip": one.pip, "channel": one.channels}
        date, lock = [one.exclude_newer] if one.exclude_newer else [], [one.lock.digest] if one.lock else []
        return {**asked, "exclude-newer": date, "lock": lock}

    def build(self, builder: Lock) -> None:
        """Build the environment, and declare it complete."""
        engine = find_engine(self.config.engine, os.environ, sys.executable)
        start, created_s, name, prefix = time.monotonic(), time.time(), self.metadata.name, self.prefix
        what, reason = format_first(self.metadata.specs + self.metadata.pip), self.find_reason()
        self.progress.line("building %s with %s: %s (%s)" % (name, engine[0], what, reason))
        date, today = self.metadata.exclude_newer, time.strftime("%Y-%m-%d", time.gmtime())
        early = ["exclude-newer %s is yet to come: until then it excludes nothing" % date] if date[:10] > today else []
        for note in [*self.metadata.notes, *self.find_stray_locks(), *early]:
            self.progress.line(printable(note))
        learn_secrets(find_secret_texts(self.metadata, self.config.condarc, os.environ))
        order = BuildOrder(self.metadata, self.config, engine, prefix, self.offline, builder)
        build_prefix(order)
        fields = {**self.find_asked_fields(), "engine": engine[:1], "created": ["%d" % created_s], "pin": order.pins}
        fields["reason"] = [reason]
        programs = [which_in(prefix, one.split(" ")[0]) for one in (*SHELLS, *UTILITIES, *INTERPRETERS.values())]
        files = dict.fromkeys(one for program in programs if program for one in (program, os.path.realpath(program)))
        fields["brings"] = [os.path.relpath(one, prefix) for one in files if one.startswith(prefix + os.sep)]
        if builder.is_taken_over(prefix, self.store.path(name, MARKER)):
            raise Error("expected the folder that was made here, found that of another builder", prefix)
        self.store.append("create", name, self.script.path)  # before anybody can use it: see Uses
        self.store.write_marker(name, [(key, mask(value)) for key, values in fields.items() for value in values])
        self.progress.line("built %s in %.1f s" % (name, time.monotonic() - start))

    def obtain_lease(self) -> Lock:
        """Return a lease on the environment, built first where there is none."""
        terms = lambda: hash_build_inputs(self.config, self.offline, os.environ)  # noqa: E731
        return self.store.obtain(self.metadata.name, self.force, self.build, terms, find_job_array(os.environ))

    def prepare(self) -> "tuple[list[str], Environ, Lock]":
        """Return the command, its variables and a lease on the environment, and note that use of it.

        An environment that lacks the program, since files of it have gone, is built anew.
        """
        for is_last in (False, True):
            lease, metadata = self.obtain_lease(), self.metadata
            try:
                self.script.save(self.store)
                argv = self.find_argv()
                if metadata.has_entrypoint and "${CACHE}" in metadata.run_with[0]:
                    make_folder(find_cache(self.prefix, self.script.data))
                if not self.store.append("run", metadata.name, self.script.path) and self.progress.verbose:
                    self.progress.line("could not write to " + self.store.path("usage.tsv"))
                environ = read_caller_environ()
                if environ.get("PYTHONHOME") and os.path.basename(argv[0]).startswith("python"):
                    self.progress.line('a Python that finds PYTHONHOME looks there for its library: "unset PYTHONHOME"')
                return (*source_scripts(argv, environ, activate(environ, self.prefix, self.config)), lease)
            except BaseException as e:
                lease.release()
                is_missing = isinstance(e, Error) and e.code == 127
                if is_last or not is_missing or not self.store.remove_marker_if_damaged(metadata.name):
                    raise
        raise AssertionError("never reached")

    def provide_prefix(self) -> str:
        """Return the prefix of the environment for whoever uses it without us, built first where there is none."""
        lease = self.obtain_lease()
        self.store.append("run", self.metadata.name, self.script.path)
        lease.release_flock()
        lease.abandon()
        return self.prefix

    def format_specification(self) -> str:
        """Return what -v says of the script."""
        one = self.metadata
        lock = [one.lock.path] if one.lock else []
        keys = {"env": one.specs, "pip": one.pip, "channels": one.channels, "run_with": one.run_with, "lock": lock}
        keys["exclude-newer"] = [one.exclude_newer] if one.exclude_newer else []
        lines = ["%s: [%s]" % (key, printable(", ".join(items))) for key, items in keys.items() if items]
        return "\n".join(["Using specification: ", *lines, "", "Prefix: " + self.prefix, ""])

    def format_plan(self, as_json: bool) -> str:
        """Return what a run would do, for a person or as a JSON object."""
        import json

        metadata, script = self.metadata, self.script
        exists = bool(self.store.find_marker(metadata.name))
        if metadata.lock and not exists:
            parse_lock(metadata.lock, self.config.subdir)
        engine = find_engine(self.config.engine, os.environ, sys.executable)[0]
        command = [*metadata.run_with, *([] if metadata.has_entrypoint else [script.path]), *self.args]
        command = self.find_argv() if exists else command
        if not as_json:
            state = "it exists" if exists else "%s would build it" % engine
            text = "%s\nEnvironment: %s\nCommand: %s"
            return mask(text % (self.format_specification(), state, printable(" ".join(command))))
        plan = {
            "script": os.path.abspath(script.path), "dialect": metadata.dialect, "env": metadata.specs,
            "pip": metadata.pip, "channels": metadata.channels, "run_with": metadata.run_with, "name": metadata.name,
            "prefix": self.prefix, "exists": exists, "engine": engine, "env_dir": self.config.env_dir,
            "command": command, "exclude_newer": metadata.exclude_newer or None,
            "lock": os.path.abspath(metadata.lock.path) if metadata.lock else None,
        }  # fmt: skip
        return mask(json.dumps(plan, indent=2))


# ---- Locking -------------------------------------------------------------------------
# Writing a lock: of what an environment holds, or of what an engine chooses for another platform.


def sort_records(records: "Iterable[dict[str, Any]]") -> "list[dict[str, Any]]":
    """Return what is recorded of packages in an order in which each stands behind those that it depends on."""
    by_name = {str(one.get("name")): one for one in records}
    done: dict[str, dict[str, Any]] = {}
    todo = sorted(by_name, reverse=True)
    path: set[str] = set()
    while todo:
        name = todo[-1]
        needs = [find_package(one) for one in by_name[name].get("depends") or []]
        needs = [one for one in needs if one in by_name and one not in done and one not in path]
        path.add(name)  # two that need each other come in any order
        if needs and name not in done:
            todo += sorted(needs, reverse=True)
        else:
            done.setdefault(todo.pop(), by_name[name])
    return list(done.values())


def format_locked(record: "dict[str, Any]", place: str) -> str:
    """Return the line of a lock for a package."""
    url, sha256_, md5 = split_url(str(record.get("url") or "")).url, record.get("sha256"), record.get("md5")
    if "://" not in url or not sha256_ and not md5:
        message = "expected a record with URL and hash of each package, found none of %s" % record.get("name")
        hint = "build the environment anew: --force-env --lock" if place else "set CONDA_EXECUTE_ENGINE=rattler"
        raise Error(message, place, hint=hint)
    return "%s#%s" % (url, "sha256:%s" % sha256_ if sha256_ else md5)


def find_engine_version(kind: str, program: str) -> str:
    """Return name and version of an engine, the name alone where it does not say which."""
    if kind != "rattler":
        try:
            words = ask_version([program, "--version"], "").split()
        except Error:  # which has built all the same
            return kind
        return "%s %s" % (kind, words[-1]) if 0 < len(words) < 3 else kind
    from importlib.metadata import distributions

    return "rattler " + "".join([one.version for one in distributions(name="py-rattler")][:1])


def check_pins(pins: "list[str]", place: str) -> "list[str]":
    """Return what a marker says that pip installed, which may be nothing: all of it with hashes."""
    if not pins or "" in pins:  # an older file of ours, an older pip
        hint = "add pip >=22.2 to env, then: --force-env --lock"
        raise Error("expected a pip that says what it installs, found one that cannot", place, hint=hint)
    for one in pins:
        if one != NO_PINS and " --hash=" not in one:
            hint = "name a version, or the URL of a wheel or sdist, in its place: a folder or checkout has no hash"
            raise Error("expected a hash of each PyPI requirement, found none of " + one, place, hint=hint)
    return [one for one in pins if one != NO_PINS]


def lock_here(invocation: Invocation) -> bytes:
    """Return the lock of what the environment of a script holds, built first where there is none."""
    store, config = invocation.store, invocation.config
    invocation.metadata = metadata = read_metadata(invocation.script, config.subdir)
    prefix = invocation.prefix
    lease = invocation.obtain_lease()
    try:
        marker = store.find_marker(metadata.name)
        for path in list_files(os.path.join(prefix, "conda-meta"), ".json"):
            if not os.access(path, os.R_OK):
                message = "expected records of packages that can be read, found one that only its builder may read"
                raise Error(message, path, hint="have who built the environment write the lock")
        records = sort_records(read_records(prefix))
        packages = [format_locked(one, prefix) for one in records]
    finally:
        lease.release()
    pins = check_pins(marker.get("pin", []), invocation.script.shown) if metadata.pip else []
    kind, program = find_engine(config.engine, os.environ, sys.executable)
    [built] = marker.get("engine", [kind])  # which may be another one than today's
    engine = find_engine_version(kind, program) if built == kind else built
    return format_lock(metadata, engine, config.subdir, packages, pins)


def lock_elsewhere(invocation: Invocation, subdir: str) -> bytes:
    """Return the lock of what the engine chooses for another platform."""
    assumed, config = find_assumed(subdir, os.environ), Config(**{**vars(invocation.config), "subdir": subdir})
    metadata = read_metadata(invocation.script, subdir, lambda name: assumed.get(name, ""))
    if metadata.pip:
        message = "expected match specs alone for %s, found requirements of PyPI" % subdir
        hint = "write --lock on such a machine: pip chooses for its own alone"
        raise Error(message, invocation.script.shown, hint=hint)
    kind, program = find_engine(config.engine, os.environ, sys.executable)
    with invocation.store.lock(".locking").wait(exclusive=True) as builder:
        prefix = invocation.store.path(".locking")
        order = BuildOrder(metadata, config, (kind, program), prefix, invocation.offline, builder)
        try:
            found = build_with_rattler(order, only_solve=True) if kind == "rattler" else solve_with_program(order)
        except Error as e:
            e.message = "for %s: %s" % (subdir, e.message)
            raise
    packages = [format_locked(one, "") for one in sort_records(found)]
    return format_lock(metadata, find_engine_version(kind, program), subdir, packages, [])


def find_changes(old: bytes, new: bytes) -> str:
    """Return what is in one text of a lock and not in another: packages by their files, requirements by their pins."""
    found = []
    for data in (old, new):
        rows = data.decode("utf-8", "replace").split("\n")
        found.append({row: row.partition("#")[0].rpartition("/")[2] for row in rows if row[:1] not in ("#", "@", "")})
        found[-1].update((row, row[7:].partition(" --hash")[0]) for row in rows if row.startswith(PINS))
    before, after = found
    changes = ["+ " + name for row, name in after.items() if row not in before]
    changes += ["- " + name for row, name in before.items() if row not in after]
    return printable(format_first(changes))


def write_lock(invocation: Invocation, subdirs: "list[str]") -> int:
    """Write the locks of a script beside it, each whole or not at all: of what is here, or for other platforms."""
    script, here = invocation.script, invocation.config.subdir
    if not script.is_own:
        raise Error("expected a script in a file, found " + printable(script.shown), hint=LOCK_PLACE, code=2)
    for subdir in subdirs or [here]:
        path = find_lock(script, subdir) or "%s.%s.lock" % (os.path.realpath(script.path), subdir)
        before, path = read_lock(path).data if os.path.isdir(path) else read_head(path), os.path.abspath(path)
        hint = "copy the script to a folder of yours, and lock it there"
        check_usable(os.path.dirname(os.path.realpath(path)), "a folder", hint)
        content = lock_here(invocation) if subdir == here else lock_elsewhere(invocation, subdir)
        replace_file(os.path.realpath(path), content, 0o666)
        same = "as before" + "; --force-env --lock asks the channels anew" * (subdir == here and not invocation.force)
        if before:
            invocation.progress.line("%s: %s" % (printable(path), find_changes(before, content) or same))
        print_out(path)
    return 0


# ---- Links ---------------------------------------------------------------------------
# A script as a command that needs nothing of us to start: what such a link says, and where it may lie.

LINK_SIGN = b"#!/bin/sh\n# conda-execute link: "
LINK_LIMIT_BYTES = 1 << 15  # of what is compared: dash reads a byte a system call, 0.4 ms for 1,000
# That a run obeys, beside those by which condarc says where environments lie.
LINK_VARIABLES = "CONDA_EXECUTE_ENV_DIR", "CONDARC", "CONDA_SUBDIR", "CONDA_OVERRIDE_CUDA", "CONDA_OVERRIDE_GLIBC"
# By which the machines of a platform start its programs, and no others do (ld.so(8)).
LOADERS = {
    "linux-64": "/lib64/ld-linux-x86-64.so.2", "linux-aarch64": "/lib/ld-linux-aarch64.so.1",
    "linux-ppc64le": "/lib64/ld64.so.2", "linux-s390x": "/lib/ld64.so.1",
}  # fmt: skip
LINK_ABOUT = """\
starts the script below in its conda environment; to undo it, delete this file: that is all.
#
#     script       %s
#     environment  %s
#
# It was made by conda-execute %s, https://github.com/conda-tools/conda-execute, which finds in the comments of a
# script what environment that needs. While all that is compared below is as it was then, the shell becomes the
# script's command. Else conda-execute takes over, builds what is missing, and writes this file anew.
"""
LINK_HAND_OVER = """
hand_over() {
    for ce_one in "$ce_tool" "$ce_python"; do
        [ -r "$ce_one" ] && continue
        printf '%%s\\n' "conda-execute: $0: expected $ce_one, found none that may be read" \\
            "  make the link anew: python conda_execute.py --link SCRIPT LINK; or delete it" >&2; exit 125
    done
    exec "$ce_python" -B -c "$ce_start" "$ce_tool" --relink "$0" %s -- "$ce_script" "$@"
}
"""
LINK_CODE = """
# A lease, an open file, is taken before it is looked whether links may start anything: who removes an environment
# first forbids that, then looks at who runs. Where others could not see the lease there is no permission.
find_lease() {
    [ -e /proc/1/stat ] && IFS= read -r ce_host < /proc/sys/kernel/hostname || return 1
    IFS= read -r ce_boot < /proc/sys/kernel/random/boot_id || return 1
    { while IFS= read -r ce_line; do ce_space=$ce_line; done < /proc/self/fdinfo/3; } 3< /proc/self/ns/pid
    ce_use=$ce_lease.linked/$ce_host,$ce_boot,${ce_space##*[!0-9]}
    for ce_fd in 9 8 7 6 5 4 3 ''; do [ -e "/proc/self/fd/$ce_fd" ] || break; done
    [ -n "$ce_fd" ] && [ -r "$ce_lease" ]
}

is_next() { IFS= read -r ce_line && [ "x$ce_line" = "x$1" ]; }
is_last() { ! IFS= read -r ce_line && [ "x$ce_line" = "x$1" ]; }

# Does as "conda activate" would, but for scripts of the environment that is left.
activate() {
    ce_path=:${PATH-/bin:/usr/bin} ce_outer=
    case ${CONDA_PREFIX:+${CONDA_SHLVL-}} in
    '' | 0) ce_level=0 ;;
    [1-9]) ce_level=$CONDA_SHLVL ce_outer=$CONDA_PREFIX ;;
    *) return 1 ;;
    esac
    if [ -n "$ce_outer" ]; then
        ce_one=$ce_outer/etc/conda
        [ -e "$ce_one/env_vars.d" ] || [ -e "$ce_one/deactivate.d" ] || [ -e "$ce_outer/conda-meta/state" ] && return 1
        case $ce_outer/$ce_path: in *//* | */./* | */.:* | */../* | */..:*) return 1 ;; esac
        ce_rest=${ce_path#:}: ce_path=
        while [ -n "$ce_rest" ]; do
            case ${ce_rest%%:*} in "$ce_outer"/bin | "$ce_outer"/bin/) ;; *) ce_path=$ce_path:${ce_rest%%:*} ;; esac
            ce_rest=${ce_rest#*:}
        done
    fi
    if [ "$ce_outer" != "$ce_prefix" ]; then
        [ "$ce_level" = 0 ] || export "CONDA_PREFIX_$ce_level=$ce_outer"
        set_variables
        ce_level=$((ce_level + 1))
    fi
    export PATH="$ce_prefix/bin$ce_path" CONDA_SHLVL="$ce_level" CONDA_PREFIX="$ce_prefix" PREFIX="$ce_prefix"
    export CONDA_DEFAULT_ENV="$ce_named" CONDA_PROMPT_MODIFIER="$ce_prompt"
}

give() {  # NAME, as it is exported, VALUE: what the caller has there is kept as conda keeps it
    eval "[ -z \\"\\${$1+x}\\" ] || export __CONDA_SHLVL_${ce_level}_$2=\\"\\$$1\\""
    export "$2=$3"
}
"""

LINK_START = """
set_variables() {
    %s
}

is_unchanged() {
%s}

# Dates its use, and hands over when it is time to look what has been unused for too long.
start() {
    [ -f "$ce_use" ] && [ ! -e "$ce_lease.leaving" ] && { true >| "$ce_use"; } 2>/dev/null || return 1
    [ -e "$ce_due" ] && [ ! "$ce_use" -nt "$ce_due" ] && is_unchanged 2>/dev/null && activate || return 1
    set -- %s "$@"
    eval "exec \\"\\$@\\" $ce_fd<&$ce_fd"
}

find_lease 2>/dev/null && eval "{ start \\"\\$@\\"; } $ce_fd< \\"\\$ce_lease\\"" || hand_over "$@"
"""


def format_check(words: "Iterable[str]", tests: str) -> str:
    """Return the lines by which a shell finds out whether all paths are what they should be."""
    paths = list(words)
    each = "".join(" \\\n        " + format_words([path]) for path in paths)
    return "    for ce_one in%s; do\n        %s || return 1\n    done\n" % (each, tests) if paths else ""


def format_comparison(path: str, rows: "list[bytes]", is_end: bool) -> str:
    """Return the lines by which a shell finds out whether a file begins with some lines, or is no more than these."""
    texts = [format_words([os.fsdecode(row)]) for row in rows]
    tests = ["is_next " + text for text in texts[: len(texts) - is_end]] + ["is_last " + texts[-1]] * is_end
    inner = " &&\n        ".join(tests)
    return "    [ -f {0} ] && {{\n        {1}\n    }} < {0} || return 1\n".format(format_words([path]), inner)


def find_header(data: bytes, path: str) -> "tuple[list[bytes], bool]":
    """Return the lines of a script up to one that no longer can be of its block, and whether the last ends the file."""
    rows = data.split(b"\n")
    end = min(find_block(data, path)[1][-1].number, len(rows))
    mark = rows[end - 1].lstrip()[:1]
    while end < len(rows) and mark and rows[end].lstrip()[:1] == mark:
        end += 1
    return rows[: end + 1], end + 1 >= len(rows)


def find_named_variables(condarc: Condarc) -> "list[str]":
    """Return the variables that are named where it is said in which folder environments lie."""
    own, names = condarc.table(SECTION), ("envs_dirs", "envs_path")
    texts = [find_setting("env-dir", own, os.environ), *condarc.list(*names, separator=os.pathsep)]
    words = os.pathsep.join(texts).replace("${", "$").split("$")[1:]  # each begins with a name
    return [one for one in os.environ if is_variable(one) and any(word.startswith(one) for word in words)]


class Link:
    """What a link of a script says; made while we have a lease on its environment."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation, self.store, self.prefix = invocation, invocation.store, invocation.prefix
        self.script, self.lock, self.options = invocation.script, invocation.metadata.lock, invocation.options
        self.argv = invocation.find_argv()
        self.conda = os.path.join(self.prefix, "etc", "conda")
        self.compared = self.find_compared()
        conda_meta, [bin_dir, *_] = os.path.join(self.prefix, "conda-meta"), find_bin_dirs(self.prefix)
        inner = self.store.path(".leases"), self.prefix, conda_meta, os.path.join(self.prefix, MARKER), bin_dir
        folders = dict.fromkeys([self.store.configured_dir, self.store.env_dir, *inner])
        self.owned = list(filter(os.path.exists, folders))  # the first may be a link: see EnvDir.check_owners()
        self.obstacle = self.find_obstacle()

    def find_compared(self) -> "list[tuple[str, list[bytes], bool]]":
        """Return which files have to read as they do, their lines, and whether the last of these ends the file."""
        marker, state = (os.path.join(self.prefix, one) for one in (MARKER, "conda-meta/state"))
        wholes = [*list_files(os.path.join(self.conda, "env_vars.d"), ".json"), *filter(os.path.exists, [state])]
        wholes += [os.path.abspath(self.lock.path)] if self.lock else []
        found = [(self.script.path, *find_header(self.script.data, self.script.shown))]
        found += [(marker, read_head(marker).split(b"\n")[:4], False)]  # its version, prefix, platform, oldest file
        return found + [(path, read_head(path).split(b"\n"), True) for path in wholes]

    def find_obstacle(self) -> str:
        """Return why a shell cannot start the script by itself, or ""."""
        metadata = self.invocation.metadata
        entrypoint = metadata.run_with[0] if metadata.has_entrypoint else ""
        texts = [b"\n".join(rows) for _, rows, _ in self.compared]
        if not find_link_host():
            return "a shell cannot tell here who else runs: that takes Linux 5.14, and a /proc without hidepid"
        if has_several(entrypoint) or "${CACHE}" in entrypoint:
            return "its entrypoint is more than one command, or has a ${CACHE}"
        if sum(map(len, texts)) > LINK_LIMIT_BYTES or b"\0" in b"".join(texts):
            return "up to the end of its block, with its lock, it has more than %d bytes" % LINK_LIMIT_BYTES
        if any(os.stat(path).st_uid != os.geteuid() for path in self.owned):
            return "its environment is another user's"
        return ""

    def format_head(self) -> str:
        """Return what a person reads, the values that all else is about, and how conda-execute takes over."""
        new = activate({}, self.prefix, self.invocation.config)
        values = {
            "script": self.script.path, "python": sys.executable, "tool": os.path.abspath(__file__),
            "start": AS_SCRIPT.replace("; ", "\n"), "prefix": self.prefix, "due": self.store.find_due_path(),
            "lease": self.store.path(".leases", self.invocation.metadata.name), "named": new["CONDA_DEFAULT_ENV"],
            "prompt": new["CONDA_PROMPT_MODIFIER"], "fd": "", "space": "",
        }  # fmt: skip
        again = [self.invocation.metadata.folder, *("--" + one for one in ("locked", "no-lock") if one in self.options)]
        again += [word for spec in self.options.get("with", "").split("\0") if spec for word in ("--with", spec)]
        again += ["--run-with", self.options["run-with"]] if "run-with" in self.options else []
        lines = ["ce_%s=%s\n" % (name, format_words([value])) for name, value in values.items()]
        about = LINK_ABOUT % (printable(self.script.path), printable(self.prefix), __version__)
        return os.fsdecode(LINK_SIGN) + about + "\n" + "".join(lines) + LINK_HAND_OVER % format_words(again)

    def format_checks(self) -> str:
        """Return what a run looks at, but for the lease."""
        marker, subdir = self.store.find_marker(self.invocation.metadata.name), self.invocation.config.subdir
        needed = [os.path.join(self.prefix, one) for one in marker.get("oldest", []) + marker.get("brings", []) if one]
        needed += filter(os.path.exists, [LOADERS.get(subdir, "")])
        programs = [one for one in self.argv if one != self.script.path and one[:1] == "/" and os.access(one, os.X_OK)]
        locks = [] if self.lock or {"no-lock", "with"} & set(self.options) else find_lock_paths(self.script, subdir)
        folders = [os.path.join(self.conda, one) for one in ("env_vars.d", "activate.d")]
        absent = [one for one in (*locks, *folders, self.prefix + "/conda-meta/state") if not os.path.lexists(one)]
        names = [*LINK_VARIABLES, *find_named_variables(self.invocation.config.condarc)]
        checks = ['[ "x${%s-}" = x%s ]' % (one, format_words([os.environ.get(one, "")])) for one in names]
        for folder, suffix in zip(folders, (".json", ".sh")):
            if folder not in absent:
                files = list_files(folder, suffix)  # in whose order a shell lists them depends on its language
                needed += files
                checks += ["set -- %s/*%s" % (format_words([folder]), suffix)]
                none = format_words(["%s/*%s" % (folder, suffix)])
                checks += ['[ "$#" = %d ]' % len(files) if files else '[ "${1-}" = %s ]' % none]
        lines = ["    %s || return 1\n" % check for check in checks]
        lines += [format_check(self.owned[:1], '[ -O "$ce_one" ]')]
        lines += [format_check(self.owned[1:], '[ -O "$ce_one" ] && [ ! -h "$ce_one" ]')]
        lines += [format_check(needed, '[ -e "$ce_one" ]')]
        lines += [format_check(programs, '[ -x "$ce_one" ] && [ -s "$ce_one" ]')]
        lines += [format_check(absent, '[ ! -e "$ce_one" ]'), *(format_comparison(*one) for one in self.compared)]
        return "".join(lines)

    def format(self) -> bytes:
        """Return what the link says: data in the place of which code would stand is quoted, and never expanded."""
        if self.obstacle:
            return os.fsencode('%s\nhand_over "$@" # always: %s\n' % (self.format_head(), self.obstacle))
        argv, start = self.argv, ""
        entering = list_files(os.path.join(self.conda, "activate.d"), ".sh")
        if entering:
            lines = [". " + format_words([path]) for path in entering]
            argv = format_sourcing(lines, argv, os.environ.get("PATH", os.defpath))
            start = '    [ -z "${BASH_ENV-}" ] || return 1 # which bash would run\n'
            start += "    case ${SHELLOPTS-} in *nounset* | *errexit* | *noexec*) return 1 ;; esac\n"
        variables = read_variables(self.prefix).items()
        gives = ["give " + format_words([name, name.upper(), value]) for name, value in variables]
        parts = "\n    ".join(gives or [":"]), start + self.format_checks(), format_words(argv)
        return os.fsencode(self.format_head() + LINK_CODE + LINK_START % parts)


def find_link_place(script: Script, word: str) -> str:
    """Return where a link is to lie: at a path, in a folder, or where users have their programs."""
    place = word or os.path.expanduser(os.path.join("~", ".local", "bin", ""))
    if not word and place.startswith("~"):
        raise Error("expected a home, in which links lie, found none", hint="write --link SCRIPT PATH")
    is_folder = os.path.isdir(place) or place.endswith(os.sep)
    stem = os.path.splitext(os.path.basename(script.path))[0]
    return os.path.abspath(os.path.join(place, stem) if is_folder else place)


def is_link(path: str) -> bool:
    """Answer whether a file is a link of ours."""
    return os.path.isfile(path) and read_head(path, len(LINK_SIGN)) == LINK_SIGN


def read_links(store: Store) -> "dict[str, str]":
    """Return the names of the environments that links lead to, by the path of each link that is still there."""
    rows = [row.split(b"\t") for row in read_head(store.path(".leases", ".links")).split(b"\n")]
    found = {unescape(row[5]): os.fsdecode(row[2]) for row in rows if len(row) == 6}
    return {path: name for path, name in found.items() if is_link(path)}


def put_link(invocation: Invocation, path: str) -> str:
    """Write a link, unless it says so already; return why it does not do without us, or "". We have a lease."""
    store, name, link = invocation.store, invocation.metadata.name, Link(invocation)
    content = link.format()
    if not link.obstacle:
        store.allow_links(name)
    if read_head(path) != content or not os.access(path, os.X_OK):
        replace_file(path, content, 0o755)
    if read_links(store).get(path) != name and os.access(store.path(".leases"), os.W_OK):
        with store.lock(".linking").wait(exclusive=True):
            links = {**read_links(store), path: name}.items()
            rows = [format_use(0, "link", one, 0, HOST_ID, each) for each, one in links]
            replace_file(store.path(".leases", ".links"), b"".join(rows))
    return link.obstacle


def find_rival(path: str) -> str:
    """Return what a shell starts by the name of a link that lies in PATH, "" where that is the link."""
    from subprocess import PIPE
    from subprocess import run as start

    name = os.path.basename(path)
    found = os.fsdecode(start(["/bin/sh", "-c", 'command -v -- "$1"', "sh", name], stdout=PIPE).stdout).rstrip("\n")
    if os.path.isabs(found):
        return "" if os.path.samefile(found, path) else printable(found)
    return "its own " + quote(name) if found else ""


def write_link(invocation: Invocation, word: str) -> int:
    """Make a script a command, and print where that is."""
    script, progress = invocation.script, invocation.store.progress
    if not script.is_own or os.name == "nt":
        found = "Windows" if os.name == "nt" else printable(script.shown)
        raise Error("expected a script in a file, on a system with /bin/sh, found " + found, code=2)
    path = find_link_place(script, word)
    if os.path.lexists(path) and not is_link(path):
        hint = "name another: --link SCRIPT PATH"
        raise Error("expected a path that is free, or a link of ours, found something else", path, hint=hint)
    script.path = script.shown = os.path.abspath(script.path)
    before = os.fsdecode(read_head(path, 8192).partition(b"script       ")[2].split(b"\n")[0])
    folder = os.path.dirname(path)
    if word and not os.path.isdir(os.path.dirname(folder) if word.endswith(os.sep) else folder):
        raise Error("expected a folder for the link, found none", folder, hint="make it, or name another PATH")
    check_usable(os.path.dirname(os.path.realpath(path)), "a folder", "name another: --link SCRIPT PATH")
    lease = invocation.obtain_lease()
    with lease:
        make_folder(folder)
        obstacle = put_link(invocation, os.path.realpath(path))
        invocation.store.append("run", invocation.metadata.name, script.path)
    if before not in ("", printable(script.path)):
        progress.line("%s was a link of another script: %s" % (printable(path), before))
    if obstacle:
        progress.line("it starts by way of conda-execute each time: " + obstacle)
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    is_in_path, others = folder in folders, os.pathsep.join(one for one in folders if one != folder)
    rival, hidden = (find_rival(path), which(os.path.basename(path), others)) if is_in_path else ("", "")
    if not is_in_path:
        progress.line("%s is not in PATH: call it by its path, or add that" % printable(folder))
    elif rival:
        progress.line("a shell finds %s first: call it by its path, or name another: --link SCRIPT PATH" % rival)
    elif hidden:
        progress.line("it hides %s: delete it, or name another: --link SCRIPT PATH" % printable(hidden))
    print_out(path)
    return 0


# ---- Options -------------------------------------------------------------------------
# How the two command lines are written: their help, their options, what each takes. Does nothing of that.

USAGE = """\
usage: conda-execute [options] SCRIPT [ARG ...]
       conda-execute [options] -c LINE ... | -c < FILE
       conda-execute --tmpenv ...    all that conda-tmpenv does, where that is not installed

Run SCRIPT in the conda environment that its "# conda execute" block describes. SCRIPT is a
path, a URL (#sha256=HEX behind it pins it), or - for what comes on standard input. What
stands behind SCRIPT is the script's own.

  -v, --verbose    say what the block asks for, and all that the engine says
  -q, --quiet      say nothing but errors
      --with SPEC  add a match spec to those of the block, for this run; or several
      --run-with COMMAND
                   run SCRIPT by this command, whatever its block, shebang or suffix says
  -f, --force-env  build the environment anew
  -n, --dry-run    print what would be run where, and create nothing
      --json       with --dry-run: print it as one JSON object
      --offline    use nothing from the network
      --lock       write down beside SCRIPT which packages its environment has, for every
                   run from now on to have the same
      --platform SUBDIR
                   with --lock: those for another platform, such as osx-arm64, or several
      --locked     demand such a lock
      --no-lock    run as if there were none
      --link SCRIPT [PATH]
                   make SCRIPT a command, at PATH or in ~/.local/bin: an executable that starts
                   it without a Python of ours; to undo that, delete it
      --version    print the version
  -c LINE ...      run these lines, or what comes on standard input where there are none;
                   options may stand behind them
  -h, --help       print this text

Any tool in the environment of a script:
  conda-execute --run-with "python -i" SCRIPT                       a prompt, behind it
  conda-execute --with pytest --run-with "python -m pytest" SCRIPT  its tests
  conda-execute --run-with "python -m pdb" SCRIPT                   the debugger
  conda-execute --with jupyterlab --run-with "jupyter lab" SCRIPT   a notebook server
  conda-tmpenv create --script SCRIPT                               bin/python in there is for an IDE

First lines that work here:
"""
TMPENV_USAGE = """\
usage: conda-tmpenv list [--json]
       conda-tmpenv show NAME|SCRIPT [--json]
       conda-tmpenv create|name SPEC ... [--file FILE]
       conda-tmpenv create|name SCRIPT [--with SPEC] [--locked | --no-lock]
       conda-tmpenv clear [NAME|SCRIPT ... | --min-age HOURS | --all] [--dry-run]
       conda-tmpenv doctor [--json]

list     name, size, last use, processes and scripts of each environment
show     all that is known of one: what it was asked for and holds, when and why it was built
create   build an environment unless it is there, and print its prefix
name     print the prefix that an environment has or would have
clear    remove the environments in which nothing runs: those that are named, else those that
         were not used for remove-if-unused-for, or for HOURS, or all
doctor   what is wrong on this machine, with what to type, and what there is, as far as that
         can be seen without a network; its exit code is 1 if anything is wrong

SPEC is a match spec; FILE has one on each line, or is an environment.yml; SCRIPT has a
"# conda execute" block: --script SCRIPT says that it is one. NAME is what list shows, or the
first of it.
"""
# Ways in, as the first line of a script has them; of several that are much the same the first that works is shown.
COMMANDS = (
    ("conda-execute",), ("conda execute",), ("python FILE", "python3 FILE"),
    ("python -m conda_execute", "python3 -m conda_execute"),
)  # fmt: skip
OPTIONS = (
    "verbose", "quiet", "with", "run-with", "force-env", "dry-run", "json", "offline", "lock", "platform", "locked",
    "no-lock", "link", "version", "help", "c",
)  # fmt: skip
WITH_VALUE = {
    "file": "FILE", "script": "SCRIPT", "min-age": "HOURS", "platform": "SUBDIR", "with": "SPEC", "run-with": "COMMAND",
}  # fmt: skip
REPEATED = ("platform", "with")  # whose values stand with NUL between, which no word has in it
LETTERS = {"-v": "verbose", "-q": "quiet", "-f": "force-env", "-n": "dry-run", "-h": "help", "-c": "c"}
TMPENV_COMMANDS = ("list", "show", "create", "name", "clear", "doctor")
WORDS = {"create": 999, "name": 999, "clear": 999, "show": 1}  # that may stand behind a command, at most
# What each command takes, and the collection that runs by itself, beside --verbose, --quiet and --help.
TMPENV_OPTIONS = {
    "list": {"json"}, "show": {"json"}, "create": {"file", "script", "with", "offline", "locked", "no-lock"},
    "name": {"file", "script", "with", "locked", "no-lock"},
    "clear": {"min-age", "all", "dry-run"}, "doctor": {"json"}, "collect": set(),
}  # fmt: skip


def format_first_line(command: str, platform: str) -> str:
    """Return the first line of a script that a command runs: Linux hands all behind env over as one word."""
    return "#!/usr/bin/env %s%s" % ("-S " * (" " in command and platform != "darwin"), command)


def format_usage(lines: "Iterable[str]") -> str:
    """Return the help, with the first lines that work."""
    none = ('none; start a script with "import conda_execute; conda_execute.bootstrap()"',)
    return USAGE + "".join("  %s\n" % line for line in tuple(lines) or none)


STRANGE = {
    "-n --name": "leave it out: an environment is named by what is in it",
    "-p --prefix": "leave it out: an environment lies in env-dir, named by what is in it",
    "-c --channel --override-channels": 'write "CHANNEL::NAME", or channels in a block or an environment.yml',
    "-y --yes": "leave it out: nothing is asked", "-V --version": "write conda-execute --version",
    "--tmpenv": "write it in front of all else", "--lock": "write conda-execute --lock SCRIPT",
    "--link": "write conda-execute --link SCRIPT",
}  # fmt: skip


def find_strange(option: str, known: "Collection[str]") -> str:
    """Return what to write in the place of an unknown option, of other tools too, "" where nobody can tell."""
    name, _, value = option.partition("=")
    if name == "--python":  # a spec
        return 'write %s"python =3.12", with the version that you want' % ("--with " * ("run-with" in known))
    hint, word = next((hint for options, hint in STRANGE.items() if name in options.split()), ""), name.lstrip("-")
    if hint or word in TMPENV_COMMANDS:
        return hint or "write conda-tmpenv " + word
    begun = [one for one in (*known, *TMPENV_COMMANDS) if "-" + one[0] == name]
    near = find_nearest(name, [one for one in known if one != "c"]) or "".join(begun[: len(begun) == 1])
    more = quote(value) if value and near in WITH_VALUE else ""
    return ("write --%s %s" % (near, more)).rstrip() if near in known else ""


def unknown_option(word: str, option: str, known: "Collection[str]", options: "Mapping[str, str]", last: str) -> Error:
    """Return the Error for an option, which may be a letter of a word; the last one before it may have a value."""
    whole = "" if word.startswith("--") else find_strange("-" + word, known)  # "-with" is meant to be "--with"
    hint = whole or find_strange(option, known) or "--help lists the options"
    hint = "write ./%s for the file" % printable(word) if os.path.isfile(word) else hint
    if last == "run-with":
        hint = 'write --run-with "%s %s", with all of the command in quotes' % (options[last], word)
    hint += '; "--" stands before lines that begin with "-"' if "c" in options else ""
    return Error("expected a known option, found %s" % quote(word if whole else option), hint=hint, code=2)


NO_HYPHENS = ("\u2013", "\u2014", "\u2212")  # what word processors and web pages make of hyphens


def parse_argv(argv: "list[str]", known: "Collection[str]", anywhere: bool) -> "tuple[dict[str, str], list[str]]":
    """Return the options with their values, or as they were written, and the words.

    Options end at the first word, or stand anywhere, as they do behind -c; none has a blank in it.
    """
    options: dict[str, str] = {}
    words: list[str] = []
    rest, last = argv[::-1], ""
    while rest and rest[-1] != "--" and (anywhere or "c" in options or not words):
        word = rest.pop()
        if word == "-" or not word.startswith("-") or word.split() != [word]:
            if word[:1] in NO_HYPHENS and "c" not in options and not os.path.lexists(word):
                name = word.lstrip("-" + "".join(NO_HYPHENS))
                hint = "write " + "-" * (1 + (len(name) > 1)) + printable(name)
                raise Error("expected an option with hyphens, found %s" % quote(word), hint=hint, code=2)
            words.append(word)
            continue
        for option in [word] if word.startswith("--") else ["-" + letter for letter in word[1:]]:
            name = LETTERS.get(option, option[2:])
            if name not in known or option == "--c":
                raise unknown_option(word, option, known, options, last)
            if name in options and name in WITH_VALUE and name not in REPEATED:
                raise Error("expected %s once, found it again" % option, hint="leave one of them out", code=2)
            value = option if name not in WITH_VALUE else rest.pop() if rest else ""
            if not value:
                hint = ("write %s %s" % (option, WITH_VALUE[name])) + " SCRIPT" * (known is OPTIONS)
                raise Error("expected %s behind %s, found nothing" % (WITH_VALUE[name], option), hint=hint, code=2)
            options[name] = options[name] + "\0" + value if name in REPEATED and name in options else value
            last = name
    return options, words + rest[::-1][rest[-1:] == ["--"] :]


LINK_WORDS = "link", "SCRIPT PATH", "a link takes the arguments of its script"
# Options of conda-execute that exclude each other, and those that stand with another alone.
APART = (
    ("lock", "dry-run"), ("lock", "c"), ("lock", "locked"), ("lock", "no-lock"), ("lock", "with"),
    ("lock", "run-with"), ("locked", "no-lock"),
    ("link", "dry-run"), ("link", "c"), ("link", "lock"),
)  # fmt: skip
TOGETHER = (("json", "dry-run"), ("platform", "lock"))


HABITS = {
    "run exec execute python python3 start": "write conda-execute SCRIPT",
    "help": "write conda-execute --help",
    "list show create name clear doctor": "write conda-tmpenv WORDS",
    "version": "write conda-execute --version",
    "ls info remove rm clean prune": "write conda-tmpenv list, show or clear",
    "lock": "write conda-execute --lock SCRIPT",
    "link": "write conda-execute --link SCRIPT",
    "add install update upgrade init env": "packages stand in the block of a script, or behind --with",
}


def check_habit(options: "Mapping[str, str]", words: "list[str]") -> None:
    """Raise Error for words that other tools have in front of a script, or that lack their quotes."""
    first, files = (words or [""])[0], [one for one in words if os.path.isfile(one)]
    if "c" in options:
        if files and not any(one in word for one in ("execute", "///") for word in words):
            hint = "write conda-execute SCRIPT; channels stand below channels in its block"
            raise Error("expected lines behind -c, found the file " + quote(files[0]), hint=hint, code=2)
        return
    if os.path.lexists(first) or first[:1] == "-" or set(first) & set("./\\:~"):  # a path, or one that is meant
        return
    hint = next((hint for known, hint in HABITS.items() if first in known.split()), "")
    if hint:
        hint = hint.replace("SCRIPT", format_shell(words[words.index(files[0]) :]) if files else "SCRIPT")
        hint = hint.replace("WORDS", format_shell(words)) + "; nothing but options stands in front of a script"
    elif files and "run-with" in options:
        hint = 'write --run-with "%s %s", with all of the command in quotes' % (options["run-with"], first)
    elif files and "with" in options:
        hint = "write --with %s --with %s" % (options["with"].split("\0")[-1], first)
    elif words[1:] and options.get("dry-run") == "-n":
        hint = "-n is --dry-run, and an environment is named by what is in it: write conda-execute SCRIPT"
    if hint:
        raise Error("expected a script, found %s, which is no file" % quote(first), hint=hint, code=2)


def check_options(options: "Mapping[str, str]", words: "list[str]") -> None:
    """Raise Error for options and words of conda-execute that do not go together."""
    for one, other in APART:
        if one in options and other in options:
            message = "expected one of --%s and %s, found both" % (one, "-c" if other == "c" else "--" + other)
            raise Error(message, hint="leave one of them out", code=2)
    for one, other in TOGETHER:
        if one in options and other not in options:
            message, hint = "expected --%s with --%s, found none" % (other, one), "write --%s --%s" % (other, one)
            raise Error(message, hint=hint, code=2)
    subdirs, known = options["platform"].split("\0") if "platform" in options else [], KNOWN_SUBDIRS[:-1]  # not noarch
    for subdir in subdirs:
        if subdir not in known or subdirs.count(subdir) > 1:
            hint = "write it like --platform " + (find_nearest(subdir, known) or "osx-arm64") + " for each"
            raise Error("expected a platform that conda knows, once, found " + quote(subdir), hint=hint, code=2)
    if not words and "c" not in options:
        hint = 'write conda-execute SCRIPT, or "-" for one that comes on standard input; --help says more'
        for name in ("with", "run-with", "platform"):
            took = options.get(name, "").split("\0")[-1]
            if os.path.isfile(took):
                taken, value = format_shell([took]), WITH_VALUE[name]
                hint = "--%s took %s for its %s: write --%s %s %s" % (name, taken, value, name, value, taken)
        raise Error("expected a script, found none", hint=hint, code=2)
    check_habit(options, words)
    if "link" in options and words[1:] and words[1][:1] == "-":
        found = "found " + quote(words[1])
        raise Error("expected a path behind --link SCRIPT, " + found, hint="options stand in front", code=2)
    for name, what, hint in (("lock", "SCRIPT", "one lock is for whatever stands behind it"), LINK_WORDS):
        more = words[len(what.split(" ")) :] if name in options else []
        if more:
            message = "expected nothing behind %s with --%s, found %s" % (what, name, quote(more[0]))
            raise Error(message, hint="options stand in front of SCRIPT; " + hint, code=2)


NAMES_HINT = "write a name as conda-tmpenv list shows it, or four letters or more of it, or the path of a script"


def check_tmpenv(options: "Mapping[str, str]", words: "list[str]") -> str:
    """Return the command; raise Error for what it does not take."""
    command, hint = (words or ["nothing"])[0], "conda-tmpenv --help says more"
    if command not in TMPENV_OPTIONS:
        near = find_nearest(command, TMPENV_COMMANDS)
        hint = "write " + near if near else hint
        raise Error("expected one of %s, found %s" % (", ".join(TMPENV_COMMANDS), quote(command)), hint=hint, code=2)
    known = {"verbose", "quiet", *TMPENV_OPTIONS[command]}
    strange = ["--" + name if name in WITH_VALUE else options[name] for name in options if name not in known]
    strange += words[1 + WORDS.get(command, 0) :]
    ages = ["--" + name for name in ("min-age", "all") if name in options] + words[1:2]
    if command == "clear" and ages[1:] and not strange:
        message = "expected one of names, --min-age and --all behind clear, found %s and %s"
        raise Error(message % tuple(map(quote, ages[:2])), hint="leave one of them out", code=2)
    strange += ["--" + name for name in ("locked", "no-lock") if name in options]["script" in options :]
    strange += ["--with"] if "with" in options and "script" not in options else []
    if command == "show" and not words[1:]:
        raise Error("expected an environment or a script behind show, found none", hint=NAMES_HINT, code=2)
    if strange:
        is_known = strange[0][2:] in known
        hint = hint if is_known else find_strange(strange[0], known) or hint
        hint = "write a script: specs alone do not have that" if is_known and "script" not in options else hint
        raise Error("expected nothing else behind %s, found %s" % (command, quote(strange[0])), hint=hint, code=2)
    return command


# ---- Doctor --------------------------------------------------------------------------
# What there is on this machine that counts here, from where, and what is wrong with it: each look_at_... yields facts,
# and yields or raises an Error for what is wrong. Asks no network, creates and removes nothing.

COUNT_S = 5  # that may be spent on how large env-dir is
LITTLE_BYTES, FEW_INODES = 10**9, 20000  # what one environment may well take
STUCK_S = 3600  # what has been in the trash for so long does not go by itself
SCOPES = {"kernel": "all processes of this machine, which alone has the disk", "all": "all hosts",
          "": "nobody knows whom: each run leaves a mark, too"}  # fmt: skip
CERTIFICATES = (*VERIFYING, "SSL_CERT_FILE", "PIP_CERT")
REACHING = ("PYTHONPATH", *LOADED, "PERL5LIB", "R_LIBS")
TOLD = ("CONDA", "MAMBA_", "RATTLER_", "PIP_", "XDG_C", "PYTHON", *CERTIFICATES, *REACHING)
HIDDEN = ("TOKEN", "PASSW", "SECRET", "CREDENTIAL", "_KEY", "AUTH")  # in the name of what holds such
IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import rattler; print(rattler.__version__)"


def read_condarc(environ: "Environ") -> Condarc:
    return Condarc(environ, list_condarcs(environ, find_root(environ, sys.executable)))


def read_engine(environ: "Environ") -> "tuple[Config, str, str]":
    """Return the settings, and kind and program of the engine that they lead to."""
    config = read_config(environ, sys.executable)
    return (config, *find_engine(config.engine, environ, sys.executable))


def find_wrong(is_wrong: object, message: str, place: str, hint: str) -> "list[Error]":
    return [Error("expected " + message, place, hint=hint)] if is_wrong else []


def hide(name: str, value: str) -> str:
    return "***" if any(one in name.upper() for one in HIDDEN) else value


def learn_all_secrets(environ: "Environ") -> None:
    """Remember what condarc and variables have of passwords and tokens, in URLs that are written wrong too."""
    try:
        condarc = read_condarc(environ)
    except Error:  # which is told in its place
        condarc = Condarc(environ)
    nothing = Metadata(dialect="", specs=[], pip=[], channels=[], run_with=[])
    texts = list(find_secret_texts(nothing, condarc, environ))
    learn_secrets(texts)
    opening = [word.rpartition("@")[0].rpartition("//")[2] for text in texts for word in text.split()]
    pairs = [(one.strip("'\"[{"), one.partition(":")[2]) for one in opening if ":" in one]
    SECRETS.update(one for pair in pairs for one in pair if one == pair[0] or len(one) > 3)
    SECRETS.update(value for name, value in environ.items() if len(value) > 7 and hide(name, value) != value)


def format_node(node: "Node") -> str:
    """Return a value of condarc on one line."""
    if isinstance(node, dict):
        return "{%s}" % ", ".join("%s: %s" % (key, hide(key, format_node(value))) for key, value in node.items())
    return "[%s]" % ", ".join(map(format_node, node)) if isinstance(node, list) else node


def format_setting(node: "Node", key: Text) -> str:
    """Return a value and where its key stands: in a line of a file, or a variable, or nowhere."""
    line, _ = key.line.find(key.at)
    place = "%s:%d" % (line.path, line.number) if os.path.isabs(line.path) else line.path
    return "%s (%s)" % (format_node(node), place)


def look_at_program(environ: "Environ") -> "Iterator[Finding]":
    import platform

    yield "conda-execute", "%s in %s" % (__version__, os.path.abspath(__file__))
    yield "Python", "%s in %s" % (sys.version.split()[0], sys.executable)
    yield "platform", platform.platform() + (", as root" if hasattr(os, "geteuid") and not os.geteuid() else "")


def look_at_condarc(environ: "Environ") -> "Iterator[Finding]":
    """Look at the files, those too that look like one, and at what stands in them."""
    paths = list_condarcs(environ, find_root(environ, sys.executable))
    yield "condarc", ", ".join(paths) or "no file"
    given, usual = os.path.expanduser(environ.get("CONDARC", "")), os.path.expanduser("~/.condarc")
    is_named = given.endswith(YAML_SUFFIXES) or os.path.basename(given) in ("condarc", ".condarc")
    is_wrong = given and not (os.path.isdir(given) or os.path.isfile(given) and is_named)
    hint = 'write "unset CONDARC", or have a file there that is called .condarc or NAME.yml'
    yield from find_wrong(is_wrong, "a file that conda reads in CONDARC, found none", given, hint)
    message = "settings of conda in ~/.condarc, found a file that conda does not read"
    for path in (usual + ".yml", usual + ".yaml", usual + ".txt", os.path.expanduser("~/condarc")):
        is_wrong = os.path.isfile(path) and not os.path.lexists(usual)
        yield from find_wrong(is_wrong, message, path, type_this("mv", path, usual))
    is_wrong, hint = os.path.isdir(usual) and not list_files(usual, ".yml"), type_this("mv", usual, usual + ".old")
    yield from find_wrong(is_wrong, "a file, found a folder that nobody reads", usual, hint)
    for path in paths:
        hint = type_this("chmod", "u+r", path) + ", or have its owner let you read it"
        is_wrong = not os.access(path, os.R_OK)
        yield from find_wrong(is_wrong, "a condarc that can be read, found one that may not be", path, hint)
    condarc = read_condarc(environ)
    yield from condarc.find_strange()
    for name, path, rows in condarc.sections:
        line, hint = read_raw(path, *rows[0]), "put what is below them below one"
        if name and any(one[:2] == (name, path) and one[2][0][0] < line.number for one in condarc.sections):
            yield line.expected(line.indent, "each key once", hint, quote(name) + " again")
        try:
            for key, value in parse_section([read_line(path, *row) for row in rows]).items() if name else ():
                yield key, hide(key, format_setting(value, key))
        except Error as e:  # no matter for an engine that reads condarc itself
            yield name, "not read here: " + e.place


def look_at_settings(environ: "Environ") -> "Iterator[Finding]":
    for variable in sorted(name for name in environ if name.startswith("CONDA_EXECUTE_")):
        word = variable[len("CONDA_EXECUTE_") :].lower().replace("_", "-")
        near = find_nearest(word, SETTINGS).upper().replace("-", "_")
        more = "export CONDA_EXECUTE_%s=%s; " % (near, format_shell([environ[variable]])) if near else ""
        message, hint = "variables that conda-execute knows, found " + variable, "%sunset %s" % (more, variable)
        yield from find_wrong(word not in (*SETTINGS, "debug", "bootstrap"), message, "", 'write "%s"' % hint)
    own = read_condarc(environ).table(SECTION)
    for text, key in ((find_setting(key, own, environ), key) for key in SETTINGS):
        yield key, format_setting(text, text)
    yield "platform of environments", read_config(environ, sys.executable).subdir


def mend_loading(error: Error, environ: "Environ") -> Error:
    """Return the Error of a program that does not start, with the variables that may be why."""
    why, error.hint = explain_loading(error.words, environ) or ("", error.hint)
    error.message += ": " * bool(why) + why
    return error


def look_at_engine(environ: "Environ") -> "Iterator[Finding]":
    for name in ENGINE_VARIABLES:
        given = environ.get(name, "")
        is_wrong = given and not (os.path.isfile(given) and os.access(given, os.X_OK))
        hint = 'write "unset %s", or set it to a conda or mamba' % name
        yield from find_wrong(is_wrong, "a program in %s, found none" % name, given, hint)
    config, kind, program = read_engine(environ)
    found: dict[str, str] = {}
    for other, path, way in list_programs(environ, sys.executable):
        found.setdefault(path, "%s, by %s" % (other, way))
    for path, name in found.items():
        try:
            answer = ask_version([path, "--version"], 'write "export CONDA_EXECUTE_ENGINE=rattler", or install it anew')
        except Error as e:
            answer = "does not start"
            if path == program:
                yield mend_loading(e, environ)
        yield name, "%s: %s" % (path, answer)
    yield "engine in effect", program or kind
    yield from () if program else look_at_rattler(config)
    lock = os.path.expanduser(CACHE_LOCK)
    is_wrong = program and os.path.lexists(lock) and not os.access(lock, os.R_OK)
    hint = type_this("rm", "-f", lock)
    yield from find_wrong(is_wrong, "a lock that can be opened, found one that cannot", lock, hint)


def look_at_rattler(config: Config) -> "Iterator[Finding]":
    folder = find_installed_rattler() or find_rattler_folder(config.env_dir)
    if os.path.isdir(folder):
        hint = type_this(sys.executable, "-m", "pip", "install", "--force-reinstall", "py-rattler")
        if folder != find_installed_rattler():
            check_rattler(folder)
            hint = type_this("rm", "-r", folder)
        try:
            version = ask_version([sys.executable, "-I", "-c", IMPORT, folder], hint)
        except Error as e:
            raise mend_loading(e, os.environ) from None
        yield "py-rattler", "%s in %s" % (version, folder)
        return
    yield "py-rattler", "none yet; the first build puts it into " + folder
    yield "note", "the first build has to fetch py-rattler from PyPI, which nobody has asked yet"
    message = "an engine, found none, and offline forbids to install py-rattler"
    yield from find_wrong(config.condarc.is_on("offline"), message, "", NO_ENGINE)
    if not PathFinder.find_spec("pip", sys.path):
        raise expected_pip()


def look_at_disks(environ: "Environ") -> "Iterator[Finding]":
    config, kind, program = read_engine(environ)
    caches, devices = list(dict.fromkeys(find_caches(kind, environ, config.condarc, program))), set()
    for folder in [config.env_dir, *caches] if hasattr(os, "statvfs") else ():
        near = find_existing(os.path.realpath(folder))
        disk, device, is_used = os.statvfs(near), os.stat(near).st_dev, is_usable(folder)
        free, inodes = disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else 1 << 30  # it makes them
        room = "%.1f GB and %d inodes are free" % (free / 1e9, inodes)
        name, rights = "package cache" if folder in caches else "env-dir's disk", "" if is_used else ", not writable"
        yield name, "%s: %s%s" % (folder, room, rights)
        is_full = is_used and device not in devices and (free < LITTLE_BYTES or inodes < FEW_INODES)
        message = "a disk with %.1f GB and %d inodes, found that " % (LITTLE_BYTES / 1e9, FEW_INODES) + room
        hint = 'write "conda-tmpenv clear --min-age 1", which removes what nobody uses; for what is cached '
        hint += type_this(*([program, "clean", "--all"] if program else ["rm", "-r", *caches[:1]]))
        yield from find_wrong(is_full, message, folder, hint)
        devices.add(device)
        is_barred = folder == config.env_dir and is_noexec(near)
        yield from find_wrong(is_barred, "a disk whose programs may run, found one mounted noexec", folder, OWN_FOLDER)
    if caches and not any(map(is_usable, caches[:1] if kind == "rattler" else caches)):
        hint = "have its owner let you, or name a folder of yours in "
        hint += "RATTLER_CACHE_DIR" if kind == "rattler" else "CONDA_PKGS_DIRS"
        check_usable(caches[0], "a package cache", hint)


def look_at_env_dir(environ: "Environ") -> "Iterator[Finding]":
    config = read_config(environ, sys.executable)
    store = Store(config.env_dir, config.max_unused_hours * 3600, Progress(False, True), config.subdir)
    is_there = os.path.isdir(store.env_dir)
    yield "environments in", store.env_dir + ("" if is_there else ", which the first build makes")
    if sys.platform == "linux":
        yield "locks there bind", SCOPES[find_flock_scope(store.env_dir)]
    store.check_kinds(".leases", ".trash", SCRIPTS, *SIGNS)
    is_own = not is_there or not hasattr(os, "geteuid") or os.stat(store.env_dir).st_uid == os.geteuid()
    for name in ("", ".leases", ".trash") if is_own else ():  # the latter: after a run by sudo
        hint = type_this("sudo", "chown", "-R", getattr(os, "geteuid", str)(), store.env_dir) if name else OWN_FOLDER
        check_usable(store.path(name).rstrip(os.sep), "a folder" if name else "an env-dir", hint)
    store.check_owners(".leases", ".trash", SCRIPTS)
    if not is_own:
        yield "note", "env-dir is another's: what is there runs; whether it can be built in is his to say"
    store.refuse_others()
    yield from look_into(store) if is_there else ()


def look_into(store: Store) -> "Iterator[Finding]":
    """Look at what lies in env-dir, and by that at locks and clock."""
    try:
        with open(store.path("usage.tsv"), "rb") as f:
            cause = try_to(fcntl.flock, f, fcntl.LOCK_SH | fcntl.LOCK_NB) if fcntl else None
    except OSError as e:
        cause = e
    if cause:
        yield "note", "no lock can be had in env-dir (%s): marks take their place" % cause.strerror
    begun, names = time.monotonic(), [one for one in store.find_names() if is_hex(one, 20)]
    message = "room for an environment, found what conda-execute did not make"
    for path in list_files(store.env_dir):
        is_wrong = is_hex(os.path.basename(path), 20) and os.path.basename(path) not in names
        yield from find_wrong(is_wrong, message, path, "move it to another place")
    sizes = [find_size(store.path(name)) for name in names if time.monotonic() < begun + COUNT_S]
    whole, more = sum(map(bool, map(store.find_marker, names))), "more than " * (len(sizes) < len(names))
    yield "environments", "%d whole, %d not, %s%.1f MB" % (whole, len(names) - whole, more, sum(sizes) / 1e6)
    trash = store.path(".trash")
    moved = [int(one.split(".")[2]) / 1e9 for one in list_names(trash) if is_hex(find_trashed(one), 20)]
    hint = 'write "conda-tmpenv clear", which says what keeps it'
    is_stuck = time.time() - min(moved, default=time.time()) > STUCK_S
    yield from find_wrong(is_stuck, "an empty trash, found what could not be deleted", trash, hint)
    store.now()
    ahead_s = store.ahead_s or 0
    yield "clock", "%.0f s ahead of that of the disk" % ahead_s
    message = "a clock within %d minutes of that of the disk, found it %.0f minutes off" % (CLOCK_S / 60, ahead_s / 60)
    hint = 'nothing is removed until it is set: write "sudo timedatectl set-ntp true", or ask who runs this host'
    yield from find_wrong(abs(ahead_s) > CLOCK_S, message, store.env_dir, hint)


def look_at_channels(environ: "Environ") -> "Iterator[Finding]":
    from urllib.request import url2pathname

    config, kind, _ = read_engine(environ)
    try:
        site = CondarcChannels(config, environ)
        words = config.condarc.list("channels", "channel") or [site.usual] * (kind == "rattler")
        channels = [one for word in words for one in site.find_channels(word)]
        yield "channels in effect", ", ".join(dict.fromkeys(one.url for one in channels)) or "those of " + kind
        yield from (error for _, error in site.find_forbidden(channels))
        for path in (url2pathname(one.url[len("file://") :]) for one in channels if one.url.startswith("file://")):
            is_wrong = not os.path.isdir(path)
            yield from find_wrong(is_wrong, "a folder for a channel, found none", path, "see how it is spelled")
        if kind == "rattler":
            site.check_supported()
            network, verify = site.find_network_variables()
            yield "network in effect", ", ".join([*map("=".join, network.items()), "verified: " + verify])
    except Error:
        if kind == "rattler":  # the others read condarc themselves, and more of it
            raise
    if config.condarc.is_on("offline"):
        yield "note", "offline is on, in condarc or CONDA_OFFLINE: nothing is fetched"


def look_at_variables(environ: "Environ") -> "Iterator[Finding]":
    for name in sorted(environ):
        if name.startswith(TOLD) or name.lower() in PROXIES:
            yield name, hide(name, environ[name])
    yield from (("note", name + " reaches into what runs in an environment") for name in REACHING if environ.get(name))
    if environ.get("HTTP_PROXY") and not environ.get("http_proxy"):
        yield "note", 'mamba does not read HTTP_PROXY: write "export http_proxy=$HTTP_PROXY"'
    for low, high in ((name, name.upper()) for name in PROXIES):
        first, second = environ.get(low), environ.get(high)
        message, hint = "one value in %s and %s, found two" % (low, high), 'write "export %s=$%s"' % (low, high)
        yield from find_wrong(first and second and first != second, message, "", hint + " for the latter to count")
    lines = [Line("environment variable " + one, 1, environ[one]) for one in CERTIFICATES if environ.get(one)]
    verify = read_condarc(environ).text("ssl_verify", "verify_ssl")
    first = find_overriding(read_engine(environ)[1], environ) if verify else ""
    if first and environ[first] != verify:
        more = '%s comes before ssl_verify, %s: write "unset %s" if that is to count'
        yield "note", more % (first, format_setting(verify, verify), first)
    for text in [Text.of(line.raw, line, 0) for line in lines] + [verify] * (verify.lower() not in VERIFY):
        find_certificates_variable(os.path.abspath(expand(text, environ)), text)


LOOKS = (
    look_at_program, look_at_condarc, look_at_settings, look_at_engine, look_at_env_dir, look_at_disks,
    look_at_channels, look_at_variables,
)  # fmt: skip


def look_at_all(environ: "Environ") -> "Iterator[Finding]":
    """Yield all findings; what fails while we look is wrong, too, and ends no other look."""
    for look in LOOKS:
        try:
            yield from look(environ)
        except Error as e:
            yield e
        except Exception as e:
            if environ.get("CONDA_EXECUTE_DEBUG"):
                raise
            cause = e.strerror or str(e) if isinstance(e, OSError) else "%s: %s" % (type(e).__name__, e)
            hint = 'see to it, or write "CONDA_EXECUTE_DEBUG=1 conda-tmpenv doctor" and report what that says'
            message = "expected to %s, found: %s" % (look.__name__.replace("_", " "), printable(cause))
            yield Error(message, os.fsdecode(getattr(e, "filename", None) or ""), hint=hint)


def examine(environ: "Environ", as_json: bool) -> int:
    """Print what is wrong, each thing once, then what there is, for a report of a bug too; return 1 for the former."""
    import re

    learn_all_secrets(environ)
    found, home = list(look_at_all(environ)), os.path.expanduser("~").rstrip(os.sep) or "?"
    wrong = list({str(one): one for one in found if isinstance(one, Error)}.values())
    facts = sorted([one for one in found if not isinstance(one, Error)], key=lambda fact: fact[0] != "note")
    home = r"(?<![\w./-])%s(?=[/\\])" % re.escape(home)  # nor a part of another path
    shown = [[re.sub(home, "~", mask(printable(part))) for part in fact] for fact in facts]
    if as_json:
        import json

        causes = [{key: mask(getattr(one, key)) for key in ("message", "place", "hint", "words")} for one in wrong]
        print_out(json.dumps({"wrong": causes, "facts": shown}, indent=2))
    else:
        lines = ["wrong: " + str(one).partition(": ")[2] for one in wrong] or ["nothing is wrong"]
        print_out("\n".join([*lines, "", *map(": ".join, shown)]))
    return int(bool(wrong))


# ---- conda-tmpenv --------------------------------------------------------------------
# The environments as a whole: list, show, create, name, clear. Knows nothing of how one is built or entered.


def run_tmpenv(argv: "list[str]") -> int:
    """Do what a command line of conda-tmpenv says."""
    known = sorted({"verbose", "quiet", "help"}.union(*TMPENV_OPTIONS.values()))
    options, words = parse_argv(argv, known, anywhere=True)
    if "help" in options or not argv:
        print_out(TMPENV_USAGE[:-1])
        return 0
    words = take_script(options, words)
    command = check_tmpenv(options, words)
    if command == "doctor":
        return examine(os.environ, "json" in options)
    invocation = Invocation(options)
    store = invocation.store
    store.check_owners(".leases", ".trash", SCRIPTS)
    if command == "clear":  # it collects, or is told not to
        age = parse_hours(options["min-age"]) if "min-age" in options else invocation.config.max_unused_hours
        if age < 0:
            raise Error("expected hours, found %s" % quote(options["min-age"]), hint=HOURS_HINT, code=2)
        names = [find_env(invocation, word) for word in words[1:]]
        used_before = float("inf") if names or "all" in options else store.now() - age * 3600
        return clear(store, names or store.find_names(), used_before, "dry-run" in options)
    if command == "collect":  # what start_collector() starts
        store.collect()
        return 0
    store.collect_if_due()
    if command == "list":
        print_list(store, "json" in options)
    elif command == "show":
        print_env(find_facts(store, find_env(invocation, words[1])), "json" in options)
    else:
        if "script" in options:
            invocation.open(options["script"])
        else:
            invocation.metadata = parse_specs(words[1:], options.get("file", ""))
        print_out(invocation.provide_prefix() if command == "create" else invocation.prefix)
    return 0


def is_script(word: str) -> bool:
    """Answer whether a word of the command line is a file that is a script by its suffix, or holds a block."""
    if not os.path.isfile(word):
        return False
    return os.path.splitext(word)[1].lower() in SUFFIXES or has_block(word)


def has_block(path: str) -> bool:
    return any(one in read_head(path) for one in (HEADER, PEP_723, CONDA_SCRIPT))


def refuse_missing(word: str) -> None:
    """Raise Error for a word that is meant to be a script, and is no file; "discord.py" is a package, too."""
    if os.path.isfile(word) or set(word) & set(" =<>!*[:;@"):  # a version or a channel makes it a spec
        return
    hint = find_path_hint(word)
    is_stem = hint.startswith("there is %s." % word) and has_block(hint[len("there is ") :])
    if is_stem or os.sep in word or os.path.splitext(word)[1].lower() in SUFFIXES:
        hint += "" if os.sep in word else '; a package of that name is written "%s *"' % printable(word)
        raise Error("expected a script or specs, found no file " + quote(word), hint=hint, code=2)


def take_script(options: "dict[str, str]", words: "list[str]") -> "list[str]":
    """Have a script among words that may be specs be that of --script, which stands alone; return the other words."""
    if words[:1] not in (["create"], ["name"]):
        return words
    scripts = [*filter(is_script, words[1:]), *([options["script"]] if "script" in options else [])]
    others = [one for one in words[1:] if one not in scripts] + ["--file"] * ("file" in options)
    if scripts and (others or scripts[1:]):
        found = "%s beside %s" % (quote((others or scripts[1:])[0]), quote(scripts[0]))
        hint = "write --with SPEC for what is to be added to a script's own specs, and a command for each script"
        raise Error("expected specs or one script, found " + found, hint=hint, code=2)
    for one in words[1:] if not scripts else ():
        refuse_missing(one)
    options.update(script=scripts[0]) if scripts else None
    return words[: 1 if scripts else None]


def find_env(invocation: Invocation, word: str) -> str:
    """Return the environment that a word means by its name, the first of that, its prefix, or one of its scripts."""
    store = invocation.store
    names = [name for name in store.find_names() if not name.startswith(SCRIPTS)]
    last = os.path.basename(os.path.normpath(word))
    is_prefix = last == word or os.path.realpath(word) == os.path.realpath(store.path(last))
    near = [name for name in names if name.startswith(last)] if is_prefix and len(last) > 3 else []
    if len(near) == 1 and not is_script(word):
        return near[0]
    if is_script(word) or "://" in word:
        uses, path = store.read_uses(), os.fsencode(os.path.abspath(invocation.open(word).script.path))
        used = [(uses.scripts[name][path][0], name) for name in names if path in uses.scripts.get(name, {})]
        name = invocation.metadata.name
        if name not in names and used:
            invocation.progress.line("%s asks for %s by now; this is what it ran in last" % (printable(word), name))
        if name in names or used:
            return name if name in names else max(used)[1]
        hint = "it is built by its first run, or: conda-tmpenv create --script SCRIPT"
        raise Error("expected an environment of this script, found none", word, hint=hint)
    found = "%d of them" % len(near) if near else quote(word)
    what = "an environment, or a script" if not near else "one environment that begins with " + quote(word)
    raise Error("expected %s, found %s" % (what, found), hint=NAMES_HINT)


def parse_specs(words: "list[str]", path: str) -> Metadata:
    """Return what the specs of a command line, and of a file with one on each line or an environment.yml, ask for."""
    texts = [Text.of(word, Line("the command line", 1, word), 0) for word in words]
    metadata = Metadata(dialect="", specs=[], pip=[], channels=[], run_with=[])
    for text in texts:
        suffix = os.path.splitext(text)[1].lower()  # "ruamel.yaml" and "discord.py" are packages, too
        if suffix in (".yml", ".txt") or os.path.isfile(text) and (suffix or os.sep in text):
            kind, hint = find_kind(read_head(text) or b"#")
            hint = hint if kind and hint != LOCK else "write --file " + quote(text)
            raise text.expected("a match spec", hint, "the file " + quote(text))
    data = read_given(path, "a list of specs") if path else b""
    check_encoding(data, path)
    if path.lower().endswith(YAML_SUFFIXES):
        metadata = parse_environment(data, path)
    else:
        rows = data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = [Line(path, number, row) for number, row in enumerate(rows, 1)]  # surrogates: parse_spec() has none
        texts += [Text.of(line.text.split(" #")[0].strip(), line, line.indent) for line in lines if not line.is_blank]
    if not texts and not metadata.specs and not metadata.pip:
        raise Error("expected SPEC, --file or --script, found none", hint="conda-tmpenv --help says more", code=2)
    metadata.specs += [parse_given(one, one.line.path) if one.line.path in GIVEN else parse_spec(one) for one in texts]
    metadata.name = name_metadata(metadata)
    return metadata


def clear(store: Store, names: "list[str]", used_before: float, dry_run: bool) -> int:
    """Remove the idle environments that were last used before a time; 125 where one stays, or a part of it."""
    store.refuse_others()
    if not dry_run and names:
        check_usable(store.env_dir, "an env-dir", "have its owner, or who has mounted it, let you write to it")
    if not dry_run:
        store.sweep()
    uses, code = store.read_uses(), 0
    unused = [name for name in dict.fromkeys(names) if store.last_use(name, uses) < used_before]
    if not unused:
        text = "nothing was unused for %g h; --all removes all in which nothing runs"
        hours = round((store.now() - used_before) / 3600, 1)
        store.progress.line(text % hours if names else "there is no environment")
    for name in unused:
        try:
            store.remove(name, used_before, dry_run)
        except OSError as e:
            status = read_status(store.path(name))
            hint = "it is of user " + format_user(status.st_uid) if status and isinstance(e, PermissionError) else ""
            message = "expected to be able to remove it, found: %s" % e.strerror
            code = report_error(Error(message, store.path(name), hint=hint))
        except Error as e:
            code = report_error(e)
        else:
            print_out("would " * dry_run + "remove " + store.path(name))
    for cause in () if dry_run else store.empty_trash():
        code = report_error(cause)
    return code


def find_use(
    store: Store, name: str, uses: Uses, busy: "dict[str, set[int]]", links: "dict[str, str]"
) -> "dict[str, Any]":
    """Return what is known of an environment from outside of it."""
    return {
        "name": name, "prefix": store.path(name), "size": find_size(store.path(name)),
        "last_use": int(store.last_use(name, uses)),
        "processes": sorted({*busy.get(name, ()), *busy.get(name + ".build", ())}),
        "scripts": sorted({unescape(script) for script in uses.scripts.get(name, {}) if script}),
        "links": sorted(path for path in links if links[path] == name),
    }  # fmt: skip


def print_list(store: Store, as_json: bool) -> None:
    """Print what is known of each environment, the last used first, each as soon as it is known."""
    row, width = "%-20s %7.1f MB %10s  %-10s %s", find_width()
    if not as_json:
        print_out("%-20s %10s %10s  %-10s %s" % ("NAME", "SIZE", "UNUSED FOR", "PROCESSES", "SCRIPTS"))
    uses, busy, links = store.read_uses(), store.find_processes(), read_links(store)
    names, found = {*links.values(), *(name for name in store.find_names() if not name.startswith(SCRIPTS))}, []
    for used, name in sorted(((store.last_use(name, uses), name) for name in names), reverse=True):
        env = find_use(store, name, uses, busy, links)
        found.append(env)
        if not as_json:
            state = "half-made" if os.path.lexists(env["prefix"]) else "removed"
            age = "%.1f h" % max(0, (time.time() - used) / 3600) if used else state
            who = format_some([str(pid) for pid in env["processes"]], width and 10)
            words = [printable(one) for one in env["scripts"]] + ["link " + printable(one) for one in env["links"]]
            what = format_some(words, width and max(width - 55, LEAST_WIDTH))
            print_out(row % (name, env["size"] / 1e6, age, who, what))
    if as_json:
        import json

        print_out(json.dumps(found, indent=2))


LEAST_WIDTH = 12  # that holds a number of processes


def find_width() -> int:
    """Return how many columns the terminal has that stdout is, or 0: into a pipe nothing is cut."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else 0


def cut(text: str, width: int, mark: str) -> str:
    """Return a text with a mark in the place of its middle, where it is too long; the end of a path tells more.

    >>> cut("/home/me/work/plot.py", 16, "..."), cut("/plot.py", 16, "...")
    ('/home.../plot.py', '/plot.py')
    """
    tail = (width - len(mark)) * 2 // 3
    return text if len(text) <= width else text[: width - len(mark) - tail] + mark + text[-tail:]


def format_some(words: "list[str]", width: int) -> str:
    """Return all words, or what a width can hold: the first, and how many more there are; a width of 0 holds all.

    >>> format_some(["/home/me/plot.py", "b.py"], 19), format_some(["a", "b"], 0), format_some([], 12)
    ('/home/me/plot.py +1', 'a, b', '-')
    """
    whole, more = ", ".join(words) or "-", " +%d" % (len(words) - 1) if words[1:] else ""
    if not width or len(whole) <= width:
        return whole
    return cut(words[0], max(width - len(more), LEAST_WIDTH), find_mark()) + more


def find_mark() -> str:
    """Return the sign of what is left out, as stdout can show it: print_out() writes its bytes."""
    try:
        return "\u2026" if "\u2026".encode(sys.stdout.encoding) == os.fsencode("\u2026") else "..."
    except (UnicodeEncodeError, LookupError, AttributeError, TypeError):  # the last two: a caller's own stream
        return "..."


RECORD_KEYS = ("name", "version", "build")  # that are shown of a package
USUAL_HOST = "https://conda.anaconda.org/"
LAST_TIME = 253370764800  # in the year 9999


def find_channel_name(channel: str) -> str:
    """Return what a record says of a package's channel, without platform, and without conda's usual host.

    >>> find_channel_name("https://conda.anaconda.org/conda-forge/label/dev/linux-64")
    'conda-forge/label/dev'
    """
    whole = mask(channel).rstrip("/")
    place, _, subdir = whole.rpartition("/")
    place = place if subdir in KNOWN_SUBDIRS else whole
    return place[len(USUAL_HOST) :] if place.startswith(USUAL_HOST) else place


def find_lock_path(store: Store, scripts: "list[str]", digest: str) -> str:
    """Return the lock of an environment beside a script that has used it, its hash where none is there any more."""
    paths = [find_lock(Script(b"", script, script), store.subdir) for script in scripts]
    return next((one for one in paths if one and sha256(read_head(one)).hexdigest() == digest), "sha256 " + digest)


def find_facts(store: Store, name: str) -> "dict[str, Any]":
    """Return all that is known of an environment; nothing tells what one that is half-made was asked for."""
    env = find_use(store, name, store.read_uses(), store.find_processes(), read_links(store))
    marker = read_marker(store.path(name, MARKER))
    keys = ("engine", "created", "reason", "exclude-newer", "lock")
    engine, created, reason, date, lock = ("".join(marker.get(key, [])[:1]) for key in keys)
    packages = [
        {**{key: str(one.get(key)) for key in RECORD_KEYS}, "channel": find_channel_name(str(one.get("channel")))}
        for one in read_records(env["prefix"])
    ]
    return {
        **env, "state": "ready" if store.find_marker(name) else "damaged" if marker else "half-made",
        "env": marker.get("env", []), "pip": marker.get("pip", []), "channels": marker.get("channel", []),
        "exclude_newer": date or None, "lock": find_lock_path(store, env["scripts"], lock) if lock else None,
        "engine": engine or None, "created": int(created) if created.isdigit() else None, "reason": reason or None,
        "packages": sorted(packages, key=lambda one: one["name"]),
        "pip_packages": [pin.partition(" --hash=")[0] for pin in marker.get("pin", []) if pin not in ("", NO_PINS)],
        "removed_after": int(min(env["last_use"] + store.max_unused_s, LAST_TIME)) if marker else None,
    }  # fmt: skip


def format_date(time_s: float) -> str:
    """Return a time as the clock on the wall has it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_s))


def find_rows(env: "dict[str, Any]") -> "Iterator[tuple[str, str]]":
    """Yield what a person is shown of an environment, each line or paragraph with its heading."""
    yield from (("name", env["name"]), ("prefix", env["prefix"]))
    if env["state"] != "ready":
        yield "state", env["state"] + ": the next run that needs it builds it anew"
    yield from ((key, ", ".join(env[key])) for key in ("env", "pip", "channels") if env[key])
    yield from ((key, env[key.replace("-", "_")]) for key in ("exclude-newer", "lock") if env[key.replace("-", "_")])
    if env["created"]:
        why = " (%s)" % env["reason"] if env["reason"] else ""  # older versions did not write it down
        yield "built", "%s with %s%s" % (format_date(env["created"]), env["engine"], why)
    for channel in dict.fromkeys(one["channel"] for one in env["packages"]):
        found = ["%(name)s %(version)s" % one for one in env["packages"] if one["channel"] == channel]
        yield "packages", "%d from %s: %s" % (len(found), channel, ", ".join(found))
    if env["pip_packages"]:
        yield "from PyPI", ", ".join(env["pip_packages"])
    yield "size", "%.1f MB" % (env["size"] / 1e6)
    yield from (("scripts", one) for one in env["scripts"] or ["-"])
    yield from (("links", one) for one in env["links"])
    yield "processes", ", ".join(map(str, env["processes"])) or "-"
    if env["removed_after"]:
        yield "last use", format_date(env["last_use"])
        yield "removed", "by the first call after %s, unless used then" % format_date(env["removed_after"])


def print_env(env: "dict[str, Any]", as_json: bool) -> None:
    """Print all that is known of an environment, for a person or as a JSON object."""
    if as_json:
        import json

        print_out(json.dumps(env, indent=2))
        return
    from textwrap import wrap

    width, last = max(find_width() or 1 << 20, 40), ""
    for heading, text in find_rows(env):
        for line in wrap(printable(text), width - 15, break_long_words=False, break_on_hyphens=False) or [""]:
            print_out("%-14s %s" % ("" if heading == last else heading, line))
            last = heading


# ---- Command line --------------------------------------------------------------------
# From argv to a run, and from an Error to text and exit code. Decides nothing else.

HELP_LIMIT_S = 10  # for which help waits for any program that it asks


def find_first_lines(platform: str) -> "Iterator[str]":
    """Yield the first lines by which a script gets to us on this machine, from this folder.

    Each is tried, so that nothing which lies in the folder, or in PYTHONPATH, is imported.
    """
    from subprocess import DEVNULL, PIPE, TimeoutExpired
    from subprocess import run as start

    file, name = os.path.abspath(__file__), os.path.basename(__file__)
    file = name if os.path.isfile(name) and os.path.samefile(name, file) else file
    for commands in () if platform == "win32" else COMMANDS:
        for command in (one.replace("FILE", file) for one in commands):
            safe = command.replace(" ", " -I ", 1) if command.startswith("python") else command
            safe = safe.replace("-m conda_execute", file) if file == name else safe
            env, *words = format_first_line(safe, platform)[2:].split(" ", 1)
            words = words[0].split(" ") if platform == "darwin" else words  # as each kernel starts it
            try:
                pipes: Any = {"stdin": DEVNULL, "stdout": PIPE, "stderr": DEVNULL}
                done = start([env, *words, "--version"], timeout=HELP_LIMIT_S, env=clean_environ(), **pipes)
            except (OSError, TimeoutExpired):
                continue
            if done.stdout == ("conda-execute %s\n" % __version__).encode():
                yield format_first_line(command, platform)
                break


def execute(options: "Mapping[str, str]", words: "list[str]") -> int:
    """Do what the command line says, up to becoming the script."""
    if "help" in options or "version" in options:
        help_ = format_usage(find_first_lines(sys.platform))[:-1] if "help" in options else ""
        print_out(help_ or "conda-execute " + __version__)
        return 0
    check_options(options, words)
    invocation = Invocation(options)
    store = invocation.store
    if "c" in options and words:
        code = os.fsencode("\n".join(words) + "\n")
        invocation.read(Script(code, script_path(store, code, CODE_NAMES[0]), "-c"), [])
    else:
        args = None if "lock" in options else [] if "link" in options else words[1:]
        invocation.open(words[0] if words else "-", args)
    if "lock" in options:
        return write_lock(invocation, list(filter(None, options.get("platform", "").split("\0"))))
    if "link" in options:
        return write_link(invocation, "".join(words[1:]))
    if "dry-run" in options:
        print_out(invocation.format_plan("json" in options))
        return 0
    if store.progress.verbose:
        print_err(invocation.format_specification())
    launch(*invocation.prepare())


def relink(argv: "list[str]") -> int:
    """Run the script of a link that could not do without us, and write that link anew, so that it can."""
    link, folder, *rest = argv
    options, words = parse_argv(rest, OPTIONS, anywhere=False)
    options["folder"] = folder
    if not os.path.lexists(words[0]):
        hint = "write conda-execute --link SCRIPT LINK with its new place, or delete the link"
        raise Error("expected the script %s of this link, found none" % quote(words[0], 4096), link, hint=hint)
    invocation = Invocation(options).open(words[0], words[1:])
    argv, environ, lease = invocation.prepare()
    path, invocation.args = os.path.realpath(link), []
    if is_link(path) and os.stat(path).st_uid == os.geteuid():
        try:
            put_link(invocation, path)
        except (Error, OSError) as e:  # a folder that cannot be written to ends no run
            place, why = (e.place or path, e.message) if isinstance(e, Error) else (e.filename, e.strerror)
            invocation.store.progress.line("could not write %s: %s" % (printable(place), why))
    launch(argv, environ, lease)


def main(argv: "list[str] | None" = None) -> int:
    """Run a command line; return the exit code where no script took over."""
    argv = sys.argv[1:] if argv is None else argv
    works = {
        "--tmpenv": run_tmpenv, "--entrypoint": run_entrypoint, "--supervise": supervise, "--report": run_report,
        "--rattler": run_rattler, "--relink": relink,
    }  # fmt: skip
    work = works.get((argv or [""])[0])
    if work is run_rattler:  # which is no part of the standard library
        return run_rattler(argv[1:])
    with LibraryOnly():
        if work:
            return report_errors(work, argv[1:])
        return report_errors(lambda: execute(*parse_argv(argv, OPTIONS, anywhere=False)))


def program() -> int:
    """Do as main(), in a process that is ours alone."""
    atexit.unregister(refuse_part)
    if sys.argv[1:2] != ["--rattler"]:
        sys.excepthook = report_bug
    while fcntl and os.open(os.devnull, os.O_RDWR) < LOWEST_FD:  # in place of streams that the caller has closed,
        pass  # up to exec, so that nothing of ours gets their numbers
    return main()


def main_tmpenv() -> int:
    sys.argv.insert(1, "--tmpenv")
    return program()


def report_bug(kind: "type[BaseException]", bug: "BaseException", trace: "TracebackType | None") -> None:
    """Tell of what nobody expected, and exit with a code that no script is taken to have given."""
    import traceback

    print_err("".join(traceback.format_exception(kind, bug, trace)), end="")
    versions = (__version__, sys.version.split()[0], sys.platform)
    print_err("conda-execute: a bug of conda-execute %s (Python %s, %s): please report it with these lines" % versions)
    os._exit(125)


def report_errors(work: "Callable[..., int]", *args: object) -> int:
    """Do work and return its exit code; tell of an Error and return its own."""
    try:
        check_python()
        return work(*args)
    except Error as e:
        return report_error(e)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as e:
        what, hint = "a path that can be used" if e.filename else "the system to do its part", find_scarce_hint(e)
        if isinstance(e, FileNotFoundError) and not e.filename:  # of getcwd(3)
            what, hint = "a working directory", "it has been deleted: cd to another folder"
        message = "expected %s, found: %s" % (what, e.strerror)
        return report_error(Error(message, os.fsdecode(e.filename or ""), hint=hint))
    except MemoryError:
        return report_error(Error("expected memory to work with, found none left", hint=SCARCE))
    except KeyboardInterrupt:
        return report_error(Error("interrupted", code=130))


# ---- For other programs --------------------------------------------------------------
# What is called from Python, and by conda: in processes that are not ours.


def run(path: str, args: "Iterable[str] | None" = None) -> int:
    """Run a script in its environment as a child; return its exit code, 128 + n after signal n, or raise Error."""
    with LibraryOnly():
        if isinstance(args, (str, bytes)):
            raise Error("expected a list of arguments, found " + quote(str(args)), hint="write it in brackets")
        invocation = Invocation({}).open(os.fsdecode(path), map(os.fsdecode, args or ()))
        argv, environ, lease = invocation.prepare()
        try:
            return run_child(argv, environ, lease)
        finally:
            lease.release()
            invocation.script.close()


def prefix_of(path: str) -> str:
    """Return the prefix of a script's environment, built first where there is none, or raise Error."""
    with LibraryOnly():
        return Invocation({}).open(os.fsdecode(path)).provide_prefix()


def bootstrap(path: str = "") -> None:
    """Go on in the environment that the calling script describes: return there, or start it anew in it.

    For the first line of a script; one that is imported, by whomever, just goes on.
    """
    frame = sys._getframe(1)
    caller, file = frame.f_globals, frame.f_code.co_filename
    if caller.get("__name__") not in ("__main__", "__console__"):  # the latter is code.interact()'s
        return
    module = getattr(caller.get("__spec__"), "name", "")
    words = os.fspath(path or caller.get("__file__", "")), module.replace("__main__", "").rstrip(".")
    with LibraryOnly():
        if not is_session():
            code = report_errors(restart, *words)
            if code:
                sys.exit(code)
            return
        try:
            restart(*words)
        except Error as e:
            if file[:1] != "<" or file == "<string>":  # not typed at a prompt: what stands behind it may not go on
                raise
            report_error(e)


def is_session() -> bool:
    """Answer whether somebody types at a prompt, whose work would be lost: Python's, IPython's, Jupyter's, IDLE's."""
    return hasattr(sys, "ps1") or "idlelib.run" in sys.modules


def restart(path: str, module: str) -> int:
    """Become the script, started as it was, in its environment; return 0 in there."""
    hint = "conda_execute.run(PATH) runs one as a child"
    session = "an interactive session, which would be lost" if is_session() else ""
    hint += '; for a prompt: conda-execute --run-with "python -i" SCRIPT' if session else ""
    if path in ("", "<stdin>", "<string>"):
        raise Error("expected a script in a file, found " + (session or "code without one"), hint=hint)
    script, invocation = read_script(path), Invocation({})
    metadata = invocation.read(script).metadata
    for prefix in (sys.prefix, os.path.dirname(os.path.dirname(sys.executable))):
        if os.path.basename(prefix) == metadata.name and os.path.exists(os.path.join(prefix, MARKER)):
            return 0
    if session:
        raise Error("expected a script on its own, found " + session, path, hint=hint)
    metadata.has_entrypoint, metadata.run_with = False, ["python"]  # what started it, in place of any entrypoint
    starts = ["%d %s" % (pid, os.path.abspath(path)) for pid in (os.getpid(), os.getppid())]
    if os.environ.get("CONDA_EXECUTE_BOOTSTRAP") == starts[os.name == "nt"]:
        message = "expected to be in %s by now, found Python in %s" % (invocation.prefix, sys.prefix)
        raise Error(message, path, hint="see its bin/python and PYTHONHOME; conda-execute --force-env builds it anew")
    argv, environ, lease = invocation.prepare()
    hand_over(invocation, os.path.dirname(os.path.realpath(path)))
    launch(argv[:-1] + find_own_words(path, module), {**environ, "CONDA_EXECUTE_BOOTSTRAP": starts[0]}, lease)


def find_own_words(path: str, module: str) -> "list[str]":
    """Return what stands behind the interpreter on the command line of this script, or would stand there.

    Options of Python go along, and its own modules that run scripts, such as pdb; other debuggers
    have their own ways to follow a program that becomes another.
    """
    args, given = sys.argv[1:], getattr(sys, "orig_argv", [])[1:]  # CPython 3.10 and newer
    before = given[: len(given) - len(args)]
    at = before.index("-m") if "-m" in before[:-1] else len(before) - 1
    runner = (before[at + 1 :] or [module])[0]
    others = [word for last, word in zip(["", *before], before[:at]) if word[:1] != "-" and last not in ("-X", "-W")]
    is_ours = runner in (module, *getattr(sys, "stdlib_module_names", ())) and not others
    if is_ours and before and before[-1] in (module, sys.argv[0]):
        return given
    script = sys.argv[0] if os.path.isfile(sys.argv[0]) else path
    prompt = ["-i"] * (sys.flags.interactive and not given)
    return [*prompt, *(["-m", module] if module else [script]), *args]


def hand_over(invocation: Invocation, folder: str) -> None:
    """Put a copy of this file where an environment's Python finds it, unless it lies where that looks by itself.

    There, and in no folder or variable that is ours: the script's sys.path stays what it is, its children and
    spawned processes find it too, whatever options Python has, and of our own site-packages they find nothing else.
    """
    own = os.path.dirname(os.path.abspath(__file__))
    searched = [folder, *sys.path[:1], *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    if __name__ != "conda_execute" or own in map(os.path.abspath, filter(None, searched)):
        return
    content = read_head(__file__)
    for site in find_site_packages(invocation.prefix):
        path = os.path.join(site, "conda_execute.py")
        is_package = any(name.endswith("-info") and name.startswith("conda_execute-") for name in list_names(site))
        if content and not is_package and read_head(path) != content:
            cause = try_to(replace_file, path, content)
            if cause:
                text = "could not put %s into the environment (%s): put it beside the script"
                invocation.progress.line(text % (__file__, cause.strerror))


def conda_subcommands() -> "Iterator[object]":
    """Yield "conda execute" and "conda tmpenv" for conda's plugin manager, which imports us at each of its starts.

    Whatever fails here would be the end of every other command of conda too.
    """
    try:
        from conda.plugins.types import CondaSubcommand  # type: ignore[import-not-found]  # from 22.11 on

        run_it = "Run a script in the conda environment that the script itself describes."
        see_all = "List, make and clear the environments of conda execute."
        found = [
            CondaSubcommand(name="execute", summary=run_it, action=lambda argv: main(list(argv))),
            CondaSubcommand(name="tmpenv", summary=see_all, action=lambda argv: main(["--tmpenv", *argv])),
        ]
    except (Exception, SystemExit) as e:  # of any kind: conda goes on without us
        kind = type(e).__name__
        print_err('conda-execute: "conda execute" cannot be had in this conda: %s: %s' % (kind, printable(str(e))))
        return
    yield from found


# What pluggy's decorator would leave, which to import costs more than all of this.
HOOK = dict.fromkeys(("wrapper", "hookwrapper", "optionalhook", "tryfirst", "trylast"), False)
vars(conda_subcommands)["conda_impl"] = {**HOOK, "specname": None}


if __name__ == "__main__":
    sys.exit(program())
