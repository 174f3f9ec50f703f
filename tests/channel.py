"""Build a small conda channel from what is installed here: python tests/channel.py DIR

It holds the running interpreter as `python` (a symlink and a pyvenv.cfg, so it works on this
machine only), the machine's `gcc` and `perl` in the same way, `pip` and `numpy` repacked from this
environment, and a few packages of a few lines that each show one thing: some were built before a
date and published after it, some are for platforms where nothing of the channel runs. With it the
tool can be tried where no public channel is reachable:

    python -m pip install conda-package-streaming numpy pip py-rattler zstandard
    python tests/channel.py /tmp/channel        # prints file:///tmp/channel

DIR is replaced in one step when the interpreter, numpy, pip or this file changed, else left as it
is. Anything else than such a channel is never replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import zstandard
from conda_package_streaming.create import conda_builder  # type: ignore[import-untyped]
from rattler.index import index_fs

try:
    from rattler import Subdir
except ImportError:  # py-rattler 0.25, the last for CPython 3.8 and 3.9
    from rattler import Platform as Subdir

if TYPE_CHECKING:
    from typing import ContextManager, Dict, Sequence, Union

    Files = Dict[str, Union[bytes, str]]  # by path in the prefix; a str is the target of a symlink
    Json = Dict[str, object]

PYTHON = "python{}.{}".format(*sys.version_info)
PYTHON_VERSION = "{}.{}.{}".format(*sys.version_info)
SITE_PACKAGES = f"lib/{PYTHON}/site-packages"
PLACEHOLDER = "/where/the/prefix/will/be"  # written anew by the linker in any file that has it
IN_2024_S, IN_2025_S, IN_2026_S = 1704067200, 1735689600, 1767225600  # the first of January
TIMESTAMP_S = IN_2024_S  # of every file, and of packages that say nothing else
STAMP = "channel.stamp"  # last file written: holds the digest of all that the channel is made of

HELLO = """\
#!/bin/sh
echo "hello-conda {}" "$@"
"""
SHOW = b"""\
#!/bin/sh
for word; do printf '%s\\0' "$word"; done
"""
ENTRY_POINT_DEMO = b"""\
import sys


def main():
    print(sys.prefix)
"""
ACTIVATE = b"""\
export ACTIVATED=yes
export ACTIVATED_PREFIX="$CONDA_PREFIX"
"""
DEACTIVATE = b"""\
unset ACTIVATED
unset ACTIVATED_PREFIX
"""
MACHINE_PROGRAMS = ("gcc", "perl")
PYVENV_CFG = """\
home = {home}
include-system-site-packages = false
version = {version}
"""


class ChannelError(Exception):
    """A reason why the channel cannot be built, for the person who asked for it."""


class Package(NamedTuple):
    """One package: where it goes, what it needs, and its files."""

    name: str
    version: str
    files: Files
    depends: Sequence[str] = ()
    noarch: str | None = None
    build: str = "0"
    entry_points: Sequence[str] = ()
    suffix: str = ".tar.bz2"
    built_s: int = TIMESTAMP_S  # 0 for a package that does not say so
    published_s: int = 0  # where it was later
    platform: str = str(Subdir.current())

    @property
    def stem(self) -> str:
        """Return the name of the archive without its suffix."""
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def subdir(self) -> str:
        """Return the folder of the channel that the package belongs in."""
        return "noarch" if self.noarch else self.platform


# -- Packages ------------------------------------------------------------------------------------


def base_interpreter() -> Path:
    """Return the installed interpreter, symlinks resolved, that any venv around us was made of."""
    path = Path(sys.base_prefix, "bin", PYTHON)
    if not path.exists():
        raise ChannelError(f"{path}: no such interpreter; Windows is not supported here")
    return path.resolve()


def installed_files(name: str, folder: str) -> Files:
    """Read an installed distribution, as it lies in site-packages, into folder.

    Byte code and scripts are left out: the linker makes them again.
    """
    paths = distribution(name).files
    if not paths:
        raise ChannelError(f"{name} has no list of its files; install it with pip, in a venv")
    return {
        f"{folder}/{path.as_posix()}": Path(str(path.locate())).read_bytes()
        for path in paths
        if not {"..", "__pycache__"}.intersection(path.parts)
    }


def python() -> Package:
    """Make the running interpreter a package."""
    base = base_interpreter()
    config = PYVENV_CFG.format(home=base.parent, version=PYTHON_VERSION)
    files: Files = {
        f"bin/{PYTHON}": str(base),
        "bin/python": PYTHON,
        "bin/python3": PYTHON,
        "pyvenv.cfg": config.encode(),
        f"{SITE_PACKAGES}/README.txt": b"Packages of this prefix.\n",
    }
    return Package("python", PYTHON_VERSION, files, suffix=".conda")


def pip() -> Package:
    """Make the installed pip a package."""
    files = installed_files("pip", "site-packages")
    entry_points = ["pip = pip._internal.cli.main:main"]
    return Package("pip", version("pip"), files, ["python"], "python", "py_0", entry_points)


def numpy() -> Package:
    """Make the installed numpy a package."""
    files = installed_files("numpy", SITE_PACKAGES)
    depends = ["python {}.{}.*".format(*sys.version_info)]
    build = "py{}{}_0".format(*sys.version_info)
    return Package("numpy", version("numpy"), files, depends, build=build, suffix=".conda")


def hello_conda(number: str, suffix: str) -> Package:
    """Make a package that greets, and that has the prefix written into one file."""
    files: Files = {
        "bin/hello-conda": HELLO.format(number).encode(),
        "share/hello-conda/prefix.txt": f"{PLACEHOLDER}\n".encode(),
    }
    return Package("hello-conda", number, files, noarch="generic", suffix=suffix)


def words() -> Package:
    """Make a package whose commands show their words, and print like printf."""
    files: Files = {"bin/show": SHOW, "bin/print": b'#!/bin/sh\nprintf "$@"\n'}
    return Package("words", "1.0", files, noarch="generic")


def entry_point() -> Package:
    """Make a Python package whose command prints sys.prefix."""
    files: Files = {"site-packages/entry_point_demo.py": ENTRY_POINT_DEMO}
    entry_points = ["entry-point-demo = entry_point_demo:main"]
    return Package("entry-point", "1.0", files, ["python"], "python", "py_0", entry_points)


def activated() -> Package:
    """Make a package that shows in the environment when its prefix is activated."""
    files: Files = {
        "etc/conda/activate.d/activated.sh": ACTIVATE,
        "etc/conda/deactivate.d/activated.sh": DEACTIVATE,
        "etc/conda/env_vars.d/activated.json": b'{"ACTIVATED_VAR": "from env_vars.d"}\n',
    }
    return Package("activated", "1.0", files, noarch="generic")


def machine_programs() -> list[Package]:
    """Make the machine's C compiler and perl packages, where it has them, of a symlink each."""
    found = {name: shutil.which(name, path="/usr/bin:/bin") for name in MACHINE_PROGRAMS}
    return [Package(name, "1.0", {f"bin/{name}": path}) for name, path in found.items() if path]


def no_such_dependency() -> Package:
    """Make a package that cannot be installed."""
    depends = ["a-package-that-is-not-there >=9"]
    return Package("no-such-dependency", "1.0", {}, depends, noarch="generic")


def dated() -> list[Package]:
    """Make packages of a new version each year, one that was published a year after it was built, one of no date."""
    say = lambda number: {"bin/dated": f"#!/bin/sh\necho dated {number}\n".encode()}  # noqa: E731
    return [
        Package("dated", "1.0", say("1.0"), noarch="generic"),
        Package("dated", "2.0", say("2.0"), noarch="generic", published_s=IN_2025_S),
        Package("dated", "3.0", say("3.0"), noarch="generic", built_s=IN_2026_S, suffix=".conda"),
        Package("needs-dated", "1.0", {}, ["dated"], noarch="generic"),
        Package("needs-dated-3", "1.0", {}, ["dated >=3"], noarch="generic"),
        Package("undated", "1.0", {}, noarch="generic", built_s=0),
    ]


# What a package of each of these platforms needs of the machine.
ELSEWHERE = {"osx-arm64": "__osx >=11", "win-64": "__win", "linux-aarch64": "__glibc >=2.17,<3.0a0"}


def elsewhere() -> list[Package]:
    """Make packages for other platforms: one that needs the machine, a second it, and a third a newer machine."""
    return [
        package
        for subdir, machine in ELSEWHERE.items()
        for package in (
            Package("near", "1.0", {}, [machine, "hello-conda 1.*"], platform=subdir),
            Package("far", "1.0", {}, ["near"], platform=subdir, suffix=".conda"),
            Package("future", "1.0", {}, [f"{machine.split()[0]} >=99"], platform=subdir),
        )
        if subdir != str(Subdir.current())
    ]


def packages() -> list[Package]:
    """Make every package of the channel."""
    return [
        python(),
        pip(),
        numpy(),
        hello_conda("1.0", ".tar.bz2"),
        hello_conda("2.0", ".conda"),
        words(),
        entry_point(),
        activated(),
        no_such_dependency(),
        *dated(),
        *elsewhere(),
        *machine_programs(),
    ]


# -- Archives ------------------------------------------------------------------------------------


def index_json(package: Package) -> Json:
    """Return what repodata says about the package."""
    native = not package.noarch
    index: Json = {
        "arch": platform.machine() if native else None,
        "build": package.build,
        "build_number": 0,
        "depends": package.depends,
        "name": package.name,
        "platform": package.subdir.split("-")[0] if native else None,
        "subdir": package.subdir,
        "timestamp": package.built_s * 1000,
        "version": package.version,
    }
    if not package.built_s:
        del index["timestamp"]
    if package.noarch:
        index["noarch"] = package.noarch
    if package.name == "python":
        index["python_site_packages_path"] = SITE_PACKAGES  # CEP 17
    return index


def path_entry(path: str, content: bytes | str) -> Json:
    """Return the entry of a file in paths.json; a symlink out of the package has no digest."""
    if isinstance(content, str):
        return {"_path": path, "path_type": "softlink", "size_in_bytes": 0}  # mamba wants a number
    entry: Json = {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }
    if PLACEHOLDER.encode() in content:
        entry.update(prefix_placeholder=PLACEHOLDER, file_mode="text")
    return entry


def link_json(package: Package) -> Json:
    """Return what the linker has to know of a noarch Python package."""
    noarch = {"type": "python", "entry_points": package.entry_points}
    return {"noarch": noarch, "package_metadata_version": 1}


def info_files(package: Package) -> Files:
    """Return the metadata of a package as the files under info/."""
    paths = [path_entry(path, content) for path, content in sorted(package.files.items())]
    documents: dict[str, Json] = {
        "about": {"summary": f"{package.name}, for trying conda-execute"},
        "index": index_json(package),
        "paths": {"paths": paths, "paths_version": 1},
    }
    if package.noarch == "python":
        documents["link"] = link_json(package)
    files: Files = {f"info/{name}.json": json.dumps(documents[name]).encode() for name in documents}
    files["info/files"] = "".join(f"{path}\n" for path in sorted(package.files)).encode()
    return files


def add(archive: tarfile.TarFile, path: str, content: bytes | str) -> None:
    """Add one file or symlink to an archive; what is in bin is executable."""
    member = tarfile.TarInfo(path)
    member.mtime = TIMESTAMP_S
    member.mode = 0o755 if path.startswith("bin/") else 0o644
    if isinstance(content, str):
        member.type, member.linkname = tarfile.SYMTYPE, content
        archive.addfile(member)
    else:
        member.size = len(content)
        archive.addfile(member, BytesIO(content))


def open_archive(package: Package, folder: Path) -> ContextManager[tarfile.TarFile]:
    """Open the archive of a package for writing; speed matters here, size does not."""
    archive: ContextManager[tarfile.TarFile]
    if package.suffix == ".conda":
        fast = zstandard.ZstdCompressor(level=1)
        archive = conda_builder(package.stem, folder, compressor=lambda: fast)
    else:
        archive = tarfile.open(folder / f"{package.stem}.tar.bz2", "w:bz2", compresslevel=1)
    return archive


def write_package(package: Package, channel: Path) -> None:
    """Write the archive of a package where it belongs in the channel."""
    folder = channel / package.subdir
    folder.mkdir(parents=True, exist_ok=True)
    with open_archive(package, folder) as archive:
        for path, content in {**info_files(package), **package.files}.items():
            add(archive, path, content)


# -- Channel -------------------------------------------------------------------------------------


def inputs_digest() -> str:
    """Return a digest of all that the channel is made of."""
    inputs = [
        Path(__file__).read_text("utf-8"),
        str(base_interpreter()),
        sys.version,
        version("numpy"),
        version("pip"),
        *(package.name for package in machine_programs()),
    ]
    return hashlib.sha256("\n".join(inputs).encode()).hexdigest()


def read_stamp(channel: Path) -> str:
    """Return the digest that a channel was built with, "" where there is none yet."""
    with suppress(FileNotFoundError):
        return (channel / STAMP).read_text("utf-8")
    if channel.exists() and any(channel.iterdir()):
        raise ChannelError(f"{channel}: not a channel made by this program, so it is left alone")
    return ""


def write_index(channel: Path, packages: Sequence[Package]) -> None:
    """Write the index of packages that are there, which says when each was published.

    The indexer says so of what it has not seen before: today. What it finds in an index it leaves.
    """
    asyncio.run(index_fs(channel))
    published = {package.stem + package.suffix: package.published_s or package.built_s for package in packages}
    for path in channel.glob("*/repodata.json"):
        index = json.loads(path.read_text("utf-8"))
        for name, record in [*index["packages"].items(), *index["packages.conda"].items()]:
            record.pop("indexed_timestamp", None)
            if published.get(name):
                record["indexed_timestamp"] = published[name] * 1000
        path.write_text(json.dumps(index), "utf-8")
    asyncio.run(index_fs(channel))


def write_channel(channel: Path, digest: str) -> None:
    """Write every package, the index, and last the stamp, in a new folder."""
    for package in packages():
        write_package(package, channel)
    write_index(channel, packages())
    (channel / STAMP).write_text(digest, "utf-8")


def move_into_place(new: Path, channel: Path, old: Path) -> None:
    """Put new where the channel is and the former channel into old, by renames only."""
    with suppress(FileNotFoundError):
        os.rename(channel, old)
    try:
        os.rename(new, channel)
    except OSError:  # not empty: another process was faster, between our two renames
        if not (channel / STAMP).exists():
            raise


def build(directory: str | os.PathLike[str]) -> str:
    """Build the channel in directory unless it is there, and return its file:// URL.

    Of two that build at once one wins; the other finds the channel made and drops its own.
    """
    channel = Path(directory).resolve()
    digest = inputs_digest()
    if read_stamp(channel) != digest:
        channel.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{channel.name}.", dir=channel.parent) as work:
            new = Path(work, "new")
            write_channel(new, digest)
            if read_stamp(channel) != digest:
                move_into_place(new, channel, Path(work, "old"))
    return channel.as_uri()


def main(argv: list[str]) -> str | None:
    """Build the channel that the command line names; return what went wrong, if anything."""
    if len(argv) != 1:
        return "usage: python tests/channel.py DIR"
    try:
        print(build(argv[0]))
    except (ChannelError, PackageNotFoundError) as error:
        return f"channel: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
