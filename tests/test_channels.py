"""Channels: what condarc means is what conda 26.7.1 answers; what rattler cannot do is an error with a way out.

A proxy that is not there stands for the network: nothing gets as far as asking it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from conftest import CONDA, NO_CONDA

import conda_execute

if TYPE_CHECKING:
    from conftest import Environ, Run, Write


VARIABLES = {"MYCH": "mych", "MYHOST": "mirror.test"}
PUBLIC, MIRROR, VENDOR = "https://conda.anaconda.org/", "https://mirror.test/", "https://repo.anaconda.com/pkgs/"
ALIAS = "channel_alias: https://mirror.test/conda\n"
# condarc, the channels of a block, and the URLs without subdir in `conda info --unsafe-channels --json`, in their
# order, or the error that it ends with.
CASES: dict[str, tuple[str, list[str], str | list[str]]] = {
    "a name": ("channels: [conda-forge]", [], [PUBLIC + "conda-forge"]),
    "a block's come first": ("channels: [a]", ["b", "c"], [PUBLIC + "b", PUBLIC + "c", PUBLIC + "a"]),
    "one in both stands where it came first": (
        "channels: [a, b]", ["b", "c"], [PUBLIC + "b", PUBLIC + "c", PUBLIC + "a"]),
    "a slash behind": ("channels: [a/]", [], [PUBLIC + "a"]),
    "three names": (
        "channels: [a/b/c, Conda-Forge, '@me/x']", [], [PUBLIC + "a/b/c", PUBLIC + "Conda-Forge", PUBLIC + "@me/x"]),
    "a label": (
        "channels: [conda-forge/label/rc, https://conda.anaconda.org/conda-forge/label/rc]", [],
        [PUBLIC + "conda-forge/label/rc"]),
    "a host without scheme is a name": ("channels: [mirror.test/a]", [], [PUBLIC + "mirror.test/a"]),
    "channel_alias": (
        ALIAS + "channels: [conda-forge, a/b]", ["x"],
        [MIRROR + "conda/x", MIRROR + "conda/conda-forge", MIRROR + "conda/a/b"]),
    "channel_alias with a slash": (
        "channel_alias: https://mirror.test/conda/\nchannels: [a]", [], [MIRROR + "conda/a"]),
    "channel_alias without path": ("channel_alias: https://mirror.test\nchannels: [a]", [], [MIRROR + "a"]),
    "channel_alias on the next line": (
        "channel_alias:\n  https://mirror.test/conda\nchannels: [a]", [], [MIRROR + "conda/a"]),
    "channel_alias of a folder": ("channel_alias: file:///srv/ch\nchannels: [a]", [], ["file:///srv/ch/a"]),
    "channel_alias with a password": (
        "channel_alias: https://u:p@mirror.test/conda\nchannels: [a]", [], ["https://u:p@mirror.test/conda/a"]),
    "channel_alias with a token": (
        "channel_alias: https://mirror.test/t/tk-1/conda\nchannels: [a]", [], [MIRROR + "conda/t/tk-1/a"]),
    "a URL below channel_alias": (
        ALIAS + "channels: [https://mirror.test/conda/a, https://conda.anaconda.org/a]", [],
        [MIRROR + "conda/a", PUBLIC + "a"]),
    "a URL below channel_alias with a token": (
        "channel_alias: https://mirror.test/t/tk-1/conda\nchannels: [https://mirror.test/conda/a]", [],
        [MIRROR + "conda/t/tk-1/a"]),
    "defaults": ("channels: [defaults]", [], [VENDOR + "main", VENDOR + "r"]),
    "the vendor's by name": (
        "channels: [pkgs/r, pkgs/main, pkgs/free, main]", [],
        [VENDOR + "r", VENDOR + "main", PUBLIC + "pkgs/free", PUBLIC + "main"]),
    "a block comes behind what condarc has on top": (
        "channels:\n  - a\n  - b #!top", ["x"], [PUBLIC + "b", PUBLIC + "x", PUBLIC + "a"]),
    "a block has no say where condarc's are final": ("channels: #!final\n  - a", ["x"], [PUBLIC + "a"]),
    "flow mappings": (
        "custom_channels: {conda-forge: https://mirror.test/all}\n"
        "custom_multichannels: {m: [conda-forge, x]}\nchannels: [conda-forge, m]", [],
        [MIRROR + "all/conda-forge", PUBLIC + "conda-forge", PUBLIC + "x"]),
    "a list of another platform is denied": (
        "denylist_channels: [https://mirror.test/b/osx-64]\nchannels: [a]", [], [PUBLIC + "a"]),
    "the vendor's pro": ("channels: [pkgs/pro]", [], [VENDOR + "pro"]),
    "defaults of Windows": (
        "subdir: win-64\nchannels: [defaults]", [], [VENDOR + "main", VENDOR + "r", VENDOR + "msys2"]),
    "default_channels": (
        "default_channels: [https://mirror.test/main, https://mirror.test/r]\nchannels: [x]", ["defaults"],
        [MIRROR + "main", MIRROR + "r", PUBLIC + "x"]),
    "default_channels by name": (
        ALIAS + "default_channels: [main, https://mirror.test/r]\nchannels: [defaults]", [],
        [MIRROR + "conda/main", MIRROR + "r"]),
    "a name of default_channels": (
        "default_channels: [https://mirror.test/pkgs/main/]\nchannels: [pkgs/main, pkgs/r]", [],
        [MIRROR + "pkgs/main", PUBLIC + "pkgs/r"]),
    "default_channels knows no custom_channels": (
        "custom_channels:\n  a: https://mirror.test/x\ndefault_channels: [a]\nchannels: [defaults]", [],
        [PUBLIC + "a"]),
    "no default_channels": ("default_channels: []\nchannels: [defaults]", [], []),
    "the vendor's URL": (
        "default_channels: [https://mirror.test/pkgs/main]\nchannels: [https://repo.anaconda.com/pkgs/main]", [],
        [VENDOR + "main"]),
    "custom_channels": (
        "custom_channels:\n  conda-forge: https://mirror.test/all\n"
        "channels: [conda-forge, conda-forge/label/dev, conda-forge-x]", [],
        [MIRROR + "all/conda-forge", MIRROR + "all/conda-forge/label/dev", PUBLIC + "conda-forge-x"]),
    "custom_channels in a block": (
        "custom_channels:\n  mine: https://mirror.test/all\n  mine/sub: https://other.test/x\nchannels: [a]",
        ["mine", "mine/sub/b"], [MIRROR + "all/mine", "https://other.test/x/mine/sub/b", PUBLIC + "a"]),
    "custom_channels of a folder": (
        "custom_channels:\n  mine: file:///srv/mirror\nchannels: [mine]", [], ["file:///srv/mirror/mine"]),
    "custom_channels with slashes": (
        "custom_channels:\n  /mine/: https://mirror.test/all/\nchannels: [mine]", [], [MIRROR + "all/mine"]),
    "custom_channels by name": (
        ALIAS + "custom_channels:\n  mine: team\nchannels: [mine]", [], [MIRROR + "conda/mine"]),
    "custom_channels with a password": (
        "custom_channels:\n  mine: https://u:p@mirror.test/all\nchannels: [mine]", [],
        ["https://u:p@mirror.test/all/mine"]),
    "custom_channels with a token": (
        "custom_channels:\n  mine: https://mirror.test/t/tk-1/all\nchannels: [mine]", [],
        [MIRROR + "all/t/tk-1/mine"]),
    "a URL of custom_channels": (
        "custom_channels:\n  mine: https://u:p@mirror.test/all\n"
        "channels: [https://mirror.test/all/mine, https://mirror.test/all/other]", [],
        ["https://u:p@mirror.test/all/mine", MIRROR + "all/other"]),
    "a URL is no name": (
        "custom_channels:\n  conda-forge: https://mirror.test/all\nchannels: [https://conda.anaconda.org/conda-forge]",
        [], [PUBLIC + "conda-forge"]),
    "custom_channels above the vendor's": (
        "custom_channels:\n  pkgs: https://mirror.test/x\n  pkgs/r: https://mirror.test/y\n"
        "channels: [pkgs/main, pkgs/other, pkgs/r]", [],
        [VENDOR + "main", MIRROR + "x/pkgs/other", MIRROR + "y/pkgs/r"]),
    "custom_channels cannot name a list": (
        "custom_channels:\n  defaults: https://mirror.test/x\nchannels: [defaults]", [],
        [VENDOR + "main", VENDOR + "r"]),
    "custom_multichannels": (
        "custom_multichannels:\n  mine: [https://mirror.test/a, b, https://mirror.test/c]\nchannels: [mine, x]",
        ["mine"], [MIRROR + "a", PUBLIC + "b", MIRROR + "c", PUBLIC + "x"]),
    "custom_multichannels in lines": (
        "custom_multichannels:\n  mine:\n    - https://mirror.test/a\n    - https://mirror.test/b\nchannels:\n  - mine",
        [], [MIRROR + "a", MIRROR + "b"]),
    "custom_multichannels knows no custom_channels": (
        "custom_channels:\n  a: https://mirror.test/x\ncustom_multichannels:\n  m: [a]\nchannels: [m]", [],
        [PUBLIC + "a"]),
    "custom_multichannels knows no other": (
        "custom_multichannels:\n  m: [a, b]\n  n: [m, c]\nchannels: [n]", [], [PUBLIC + "m", PUBLIC + "c"]),
    "custom_multichannels has defaults": (
        "custom_multichannels:\n  defaults: [https://mirror.test/a]\ndefault_channels: [https://mirror.test/b]\n"
        "channels: [defaults]", [], [MIRROR + "a"]),
    "a channel of custom_multichannels by its path": (
        "custom_multichannels:\n  mine: [https://mirror.test/pkgs/own]\nchannels: [pkgs/own, own, mine]", [],
        [MIRROR + "pkgs/own", PUBLIC + "own"]),
    "below a list": (
        "custom_multichannels:\n  mine: [https://mirror.test/a]\nchannels: [mine/label/x, mine/linux-64]", [],
        [PUBLIC + "mine/label/x", MIRROR + "a"]),
    "the local builds, where there are none": ("channels: [local, a]", [], [PUBLIC + "a"]),
    "a URL": (
        "channels: [https://mirror.test/a/, https://mirror.test/a, 'http://mirror.test:8080/x/y/z']", [],
        [MIRROR + "a", "http://mirror.test:8080/x/y/z"]),
    "a URL with a token": ("channels: [https://mirror.test/t/tk-1/a]", [], [MIRROR + "t/tk-1/a"]),
    "a URL with a token in its midst": ("channels: [https://mirror.test/x/t/tk-1/y]", [], [MIRROR + "t/tk-1/x/y"]),
    "a URL with a password": ("channels: ['https://u:p%40q@mirror.test/a']", [], ["https://u:p%40q@mirror.test/a"]),
    "with subdir": (
        "channels: [a/linux-64, https://mirror.test/b/noarch, https://mirror.test/c/linux-64, https://mirror.test/b]",
        [], [PUBLIC + "a", MIRROR + "b", MIRROR + "c"]),
    "another platform": (
        "subdir: osx-64\nchannels: [a, https://mirror.test/b/osx-64]", [], [PUBLIC + "a", MIRROR + "b"]),
    "folders": (
        "channels: [file:///srv/a, /srv/b, '/srv/my channel', file:///srv/c/]", [],
        ["file:///srv/a", "file:///srv/b", "file:///srv/my channel", "file:///srv/c"]),
    "variables": (
        "channels: [$MYCH, '${MYCH}/label/x', 'https://mirror.test/$MYCH']", [],
        [PUBLIC + "mych", PUBLIC + "mych/label/x", MIRROR + "mych"]),
    "variables in each key": (
        "channel_alias: https://${MYHOST}/w\ncustom_channels:\n  mine: https://$MYHOST/x\n"
        "custom_multichannels:\n  m: ['https://${MYHOST}/y']\ndefault_channels: ['https://${MYHOST}/z']\n"
        "channels: [mine, m, defaults, a]",
        [], [MIRROR + "x/mine", MIRROR + "y", MIRROR + "z", MIRROR + "w/a"]),
    "top and bottom": (
        "channels:\n  - a\n  - b #!top\n  - c #!bottom\n  - d", [],
        [PUBLIC + "b", PUBLIC + "a", PUBLIC + "d", PUBLIC + "c"]),
    "bottom below a block's": ("channels:\n  - a #!bottom\n  - b", ["x"], [PUBLIC + "x", PUBLIC + "b", PUBLIC + "a"]),
    "final": ("channels: #!final\n  - a", [], [PUBLIC + "a"]),
    "a flow list on the next line": ("channels:\n  [a, b]", [], [PUBLIC + "a", PUBLIC + "b"]),
    "an anchor": ("channels: &x\n  - a\n  - b\nother: *x", [], [PUBLIC + "a", PUBLIC + "b"]),
    "a folded text elsewhere": ("env_prompt: >\n  x\nchannels: [a]", [], [PUBLIC + "a"]),
    "one flow mapping": ("# of one line\n{subdir: linux-64, channels: [a]}", [], [PUBLIC + "a"]),
    "one flow mapping of several lines": (
        "{\n  channels: [a,\n    b],  # 2\n  subdir: linux-64,\n  custom_channels: {b: https://mirror.test/x},\n}", [],
        [PUBLIC + "a", MIRROR + "x/b"]),
    "one flow mapping behind a marker": ("--- {channels: [a], subdir: linux-64}", [], [PUBLIC + "a"]),
    "JSON": (
        '{\n  "subdir":"linux-64",\n  "channels":["a", "b"],\n  "offline": false\n}\n', [],
        [PUBLIC + "a", PUBLIC + "b"]),
    "JSON with what is none of ours": (
        '{"subdir": "linux-64", "channels": ["a"], "x": [[1, {"y": {}}], null], "z": {"a": {"b": []}}}', [],
        [PUBLIC + "a"]),
    "all of it indented": ("  subdir: linux-64\n  channels:\n  - a\n  # b\n  x: y", [], [PUBLIC + "a"]),
    "a document": ("%YAML 1.1\n---\nchannels: [a]\nsubdir: linux-64\n...\n", [], [PUBLIC + "a"]),
    "none at all": ("null  # no subdir", ["x"], [PUBLIC + "x"]),
    "comments": ("# channels: [a], subdir\n", ["x"], [PUBLIC + "x"]),
    "no channels": ("channels: []", ["x"], [PUBLIC + "x"]),
    "nothing for channels": ("channels:", ["x"], [PUBLIC + "x"]),
    "quotes": ("channels: ['a', \"b\"]", [], [PUBLIC + "a", PUBLIC + "b"]),
    "the old key": ("channel: [a]", [], [PUBLIC + "a"]),
    "allowed": (
        "allowlist_channels: [conda-forge, 'https://$MYHOST/a']\nchannels: [conda-forge, https://mirror.test/a/]", [],
        [PUBLIC + "conda-forge", MIRROR + "a"]),
    "not allowed": ("allowlist_channels: [conda-forge]\nchannels: [conda-forge, bioconda]", [], "ChannelNotAllowed"),
    "not allowed by the old key": ("whitelist_channels: [a]\nchannels: [b]", [], "ChannelNotAllowed"),
    "a label is not allowed": ("allowlist_channels: [a]\nchannels: [a/label/rc]", [], "ChannelNotAllowed"),
    "a list is allowed": (
        "allowlist_channels: [defaults]\nchannels: [defaults, pkgs/main]", [], [VENDOR + "main", VENDOR + "r"]),
    "not all of a list is allowed": ("allowlist_channels: [pkgs/main]\nchannels: [defaults]", [], "ChannelNotAllowed"),
    "a custom one is allowed": (
        ALIAS + "custom_channels:\n  a: https://mirror.test/x\nallowlist_channels: [a, https://mirror.test/conda/b]\n"
        "channels: [a, b]", [], [MIRROR + "x/a", MIRROR + "conda/b"]),
    "allowed with a token": (
        "allowlist_channels: [https://mirror.test/a]\nchannels: [https://mirror.test/t/tk-1/a]", [],
        [MIRROR + "t/tk-1/a"]),
    "allowed and denied": ("allowlist_channels: [a]\ndenylist_channels: [a]\nchannels: [a]", [], "ChannelDenied"),
    "denied": ("denylist_channels: [bioconda]\nchannels: [conda-forge, bioconda]", [], "ChannelDenied"),
    "denied in a block": ("denylist_channels: [bioconda]\nchannels: [a]", ["bioconda"], "ChannelDenied"),
    "denied by URL": ("denylist_channels: [https://conda.anaconda.org/b/]\nchannels: [b]", [], "ChannelDenied"),
    "denied by URL and subdir": (
        "denylist_channels: [https://conda.anaconda.org/b/linux-64]\nchannels: [b]", [], "ChannelDenied"),
    "denied by list": ("denylist_channels: [defaults]\nchannels: [pkgs/main]", [], "ChannelDenied"),
    "one of a list is denied": (
        "denylist_channels: [https://repo.anaconda.com/pkgs/r]\nchannels: [defaults]", [], "ChannelDenied"),
    "a label is not denied": ("denylist_channels: [a]\nchannels: [a/label/rc]", [], [PUBLIC + "a/label/rc"]),
}  # fmt: skip
# ~/.condarc, the file that CONDARC names, which is stronger, and the same URLs.
PAIRS: dict[str, tuple[str, str, list[str]]] = {
    "the stronger file's come first": ("channels: [a, b]", "channels: [c, a]", ["c", "a", "b"]),
    "final ends it": ("channels: #!final\n  - a", "channels: [b]", ["a"]),
    "final in the stronger": ("channels: [a]", "channels: #!final\n  - b", ["b", "a"]),
    "the weaker has a top": ("channels:\n  - a\n  - b #!top", "channels: [c]", ["b", "c", "a"]),
    "both have a top": ("channels:\n  - a #!top", "channels:\n  - b\n  - c #!top", ["a", "c", "b"]),
    "both have a bottom": (
        "channels:\n  - a #!bottom\n  - b", "channels:\n  - c #!bottom\n  - d", ["d", "b", "c", "a"]),
    "the stronger alias": (
        "channel_alias: https://other.test", "channel_alias: https://conda.anaconda.org\nchannels: [a]", ["a"]),
    "the weaker alias is final": (
        "channel_alias: https://conda.anaconda.org #!final", "channel_alias: https://other.test\nchannels: [a]", ["a"]),
    "custom_channels of both": (
        "custom_channels:\n  a: https://conda.anaconda.org/x\n  b: https://conda.anaconda.org/y",
        "custom_channels:\n  b: https://conda.anaconda.org/z\nchannels: [a, b]", ["x/a", "z/b"]),
    "custom_channels, final": (
        "custom_channels: #!final\n  b: https://conda.anaconda.org/y",
        "custom_channels:\n  b: https://conda.anaconda.org/z\nchannels: [b]", ["y/b"]),
    "one of custom_channels is final": (
        "custom_channels:\n  b: https://conda.anaconda.org/y #!final",
        "custom_channels:\n  b: https://conda.anaconda.org/z\nchannels: [b]", ["y/b"]),
    "custom_multichannels of both": (
        "custom_multichannels:\n  m: [a]", "custom_multichannels:\n  m: [b]\nchannels: [m]", ["b", "a"]),
    "default_channels of both": ("default_channels: [a]", "default_channels: [b]\nchannels: [defaults]", ["b", "a"]),
}  # fmt: skip
# Where we answer otherwise and mean it: condarc, block, conda's answer, ours.
DIFFERENT: dict[str, tuple[str, list[str], str | list[str], str | list[str]]] = {
    "a variable that is not set": (
        "channels: [https://mirror.test/$NOSUCH/a]", [], [MIRROR + "$NOSUCH/a"],
        "expected variables that are set, found $NOSUCH, which is not"),
    "a URL of another platform": (
        "channels: [https://mirror.test/a/osx-64]", [], [MIRROR + "a"],
        'expected a channel for linux-64, found "https://mirror.test/a/osx-64"'),
    "custom_channels with a path": (
        "custom_channels:\n  mine: /srv/mirror\nchannels: [mine]", [], [PUBLIC + "mine"], ["file:///srv/mirror/mine"]),
    "one channel without brackets": ("channels: a", [], "InvalidTypeError", [PUBLIC + "a"]),
    "one of a list without brackets": (
        "custom_multichannels:\n  m: https://mirror.test/a\nchannels: [m]", [], "InvalidTypeError", [MIRROR + "a"]),
}  # fmt: skip
ASK = """
import json, os, sys
from conda.base.context import context, reset_context
from conda.models.channel import Channel, all_channel_urls
answers = {}
for name, (home, condarc, channels) in json.load(sys.stdin).items():
    os.environ.update(HOME=home, CONDARC=condarc, CONDA_CHANNELS=channels)
    if not channels:
        del os.environ["CONDA_CHANNELS"]
    try:
        reset_context()
        Channel._reset_state()
        urls = [url.rpartition("/")[0] for url in all_channel_urls(context.channels)]  # as main_info.py does
        answers[name] = list(dict.fromkeys(urls))
    except Exception as e:
        answers[name] = type(e).__name__
json.dump(answers, sys.stdout)
"""


def write_condarc(text: str, path: Path) -> str:
    path.write_text(text + "\n" + "subdir: linux-64\n" * ("subdir" not in text), "utf-8")
    return str(path)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


def split(url: str) -> tuple[str, str, str]:
    """Return a URL without its secrets, as text, what stands in front of "@", and the token."""
    auth, token = re.search("//([^/@]*)@", url), re.search("/t/([^/]*)", url)
    return unquote(re.sub("(?<=//)[^/@]*@|/t/[^/]*", "", url)), auth[1] if auth else "", token[1] if token else ""


def find_ours(condarc: str, channels: list[str], variables: dict[str, str]) -> list[tuple[str, str, str]]:
    config = conda_execute.read_config({**variables, "CONDARC": condarc}, "/nowhere/python")
    asked = list(map(conda_execute.Text, channels))
    found, _ = conda_execute.CondarcChannels(config, variables).find_sources(asked, [], False)
    return [(unquote(one.url), one.auth, one.token) for one in found]


def check_ours(
    condarc: str, channels: list[str], variables: dict[str, str], expected: str | list[str], refusal: str
) -> None:
    """Hold that we search these channels, or where that is a text, refuse to in words that match."""
    if isinstance(expected, str):
        with pytest.raises(conda_execute.Error, match=refusal):
            find_ours(condarc, channels, variables)
    else:
        assert find_ours(condarc, channels, variables) == [split(url) for url in expected]


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
@pytest.mark.parametrize("text, channels, expected", CASES.values(), ids=list(CASES))
def test_channels_are_what_conda_makes_of_them(
    text: str, channels: list[str], expected: str | list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    condarc = write_condarc(text, tmp_path / "a.yml")
    check_ours(condarc, channels, variables, expected, r"list_channels has|of allowlist_channels alone")


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
@pytest.mark.parametrize("text, channels, of_conda, expected", DIFFERENT.values(), ids=list(DIFFERENT))
def test_channels_are_otherwise_than_conda_has_them(
    text: str,
    channels: list[str],
    of_conda: object,
    expected: str | list[str],
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    condarc = write_condarc(text, tmp_path / "a.yml")
    check_ours(condarc, channels, variables, expected, re.escape(str(expected)))


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
@pytest.mark.parametrize("weak, strong, expected", PAIRS.values(), ids=list(PAIRS))
def test_two_files_are_merged_as_conda_does(
    weak: str, strong: str, expected: list[str], variables: dict[str, str], home: Path, tmp_path: Path
) -> None:
    write_condarc(weak, home / ".condarc")
    condarc = write_condarc(strong, tmp_path / "a.yml")
    assert [url for url, *_ in find_ours(condarc, [], variables)] == [PUBLIC + one for one in expected]


needs_conda = pytest.mark.skipif(not CONDA, reason=NO_CONDA)


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
@needs_conda
def test_a_real_conda_says_what_stands_here(variables: dict[str, str], home: Path, tmp_path: Path) -> None:
    """The answers are of 26.7.1; another conda may have others."""
    version = subprocess.run([CONDA, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if version != "conda 26.7.1\n":
        pytest.skip("needs conda 26.7.1, of which the answers are")
    asked, expected = {}, {}
    for name, (text, channels, answer, *_) in {**CASES, **DIFFERENT}.items():
        asked[name] = (str(home), write_condarc(text, tmp_path / f"{len(asked)}.yml"), ",".join(channels))
        expected[name] = answer
    for name, (weak, strong, names) in PAIRS.items():
        folder = tmp_path / f"home{len(asked)}"
        folder.mkdir()
        write_condarc(weak, folder / ".condarc")
        asked[name] = (str(folder), write_condarc(strong, tmp_path / f"{len(asked)}.yml"), "")
        expected[name] = [PUBLIC + one for one in names]
    python = Path(CONDA).resolve().parent / "python"
    argv, given = [str(python), "-c", ASK], json.dumps(asked)
    done = subprocess.run(argv, input=given, stdout=subprocess.PIPE, text=True, env=variables)
    assert json.loads(done.stdout) == expected


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
@needs_conda
def test_a_real_conda_says_it_with_its_command_too(variables: dict[str, str], tmp_path: Path) -> None:
    text, channels, expected = CASES["custom_channels in a block"]
    variables.update(CONDARC=write_condarc(text, tmp_path / "a.yml"), CONDA_CHANNELS=",".join(channels))
    done = subprocess.run([CONDA, "info", "--json"], stdout=subprocess.PIPE, text=True, env=variables, check=True)
    found = json.loads(done.stdout)["channels"]
    assert list(dict.fromkeys(url.rpartition("/")[0] for url in found)) == expected


NETRC = """\
# of the company
machine mirror.test login me password "it's #1"  # mine
default login all password everybody
"""


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
def test_a_netrc_is_read_as_python_reads_it(home: Path) -> None:
    (home / ".netrc").write_text(NETRC)
    (home / ".netrc").chmod(0o600)
    assert conda_execute.find_netrc("mirror.test") == "me:it%27s%20%231"
    assert conda_execute.find_netrc("other.test") == "all:everybody"
    (home / ".netrc").write_text("machine\n")
    assert conda_execute.find_netrc("mirror.test") == ""


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
def test_what_is_empty_or_null_is_no_channel(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    (home / ".condarc").write_text("channels: ['$EMPTY', a]\nallowlist_channels: null\nproxy_servers: ~\n")
    config = conda_execute.read_config(os.environ, "/nowhere/python")
    found, _ = conda_execute.CondarcChannels(config, os.environ).find_sources([], [], False)
    assert [one.url for one in found] == [PUBLIC + "a"]


def test_a_channel_of_a_list_that_is_all_of_its_host_is_no_alias(home: Path) -> None:
    (home / ".condarc").write_text("default_channels: [https://mirror.test]\nchannels: [a, defaults]\n")
    config = conda_execute.read_config(os.environ, "/nowhere/python")
    found, _ = conda_execute.CondarcChannels(config, os.environ).find_sources([], [], False)
    assert [one.url for one in found] == [PUBLIC + "a", "https://mirror.test"]


def test_an_alias_whose_variable_is_empty_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the public one would be asked."""
    monkeypatch.setenv("EMPTY", "")
    (home / ".condarc").write_text("channel_alias: $EMPTY\n")
    with pytest.raises(conda_execute.Error, match="expected a URL for channel_alias"):
        conda_execute.CondarcChannels(conda_execute.read_config(os.environ, "/nowhere/python"), os.environ)


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="paths and PATH are POSIX's here")
def test_condarc_may_be_named_from_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "mine.yml").write_text("channels: [https://mirror.test/a]\n")
    monkeypatch.setenv("CONDARC", "~/mine.yml")
    assert conda_execute.read_config(os.environ, "/nowhere/python").condarc.list("channels") == [MIRROR + "a"]


# -- what cannot be done


SET = "set it, or write the path out"
ITEM = 'write one "- item" a line below it'
ONE = "write it on one line"
SCHEME = 'write it with "https://" in front'
PLAIN = "leave it out, or put all of the text in quotes"
BELOW = 'write one "- item" a line below the key, without brackets or braces'
UNSET = "expected variables that are set, found $NOSUCH, which is not"
OTHER = conda_execute.OTHER_ENGINE
# condarc, the channels of the block, and the message: where, what, and the hint.
REFUSALS: dict[str, tuple[str, str, str, str, str]] = {
    "channels: a mapping": ("channels:\n  a: b", "", "1:1", "expected a list for channels, found tables", ITEM),
    "channels: mappings": ("channels:\n  - a: b", "", "1:1", "expected a list for channels, found tables", ITEM),
    "channels: a list in a list": (
        "channels: [[a], b]", "", "1:12", 'expected plain text, found a flow list ("[")', BELOW),
    "channels: a tag": ("channels: !!seq [a]", "", "1:11", 'expected plain text, found a tag ("!!seq")', PLAIN),
    "channels: an alias": (
        "other: &x [a]\nchannels: *x", "", "2:11", 'expected plain text, found an alias ("*x")', PLAIN),
    "channels: not closed": (
        "channels: [a, b", "", "1:16", 'expected "]" before the block ends, found none', 'write "]" there'),
    "channels: no such variable": ("channels: [a, 'https://host/$NOSUCH/x']", "", "1:15", UNSET, SET),
    "channels: no such variable in braces": ("channels:\n  - https://${NOSUCH}/x", "", "2:5", UNSET, SET),
    "channels: another platform": (
        "subdir: linux-64\nchannels: [https://host/a/osx-arm64]", "", "2:12",
        'expected a channel for linux-64, found "https://host/a/osx-arm64"', OTHER),
    "default_channels: a mapping": (
        "default_channels:\n  a: b", "", "1:1", "expected a list for default_channels, found tables", ITEM),
    "default_channels: no such variable": ("default_channels: ['https://$NOSUCH/a']", "", "1:20", UNSET, SET),
    "custom_channels: nothing": (
        "custom_channels:\n  mine:", "", "2:3", "expected a URL for mine, found none",
        'write "mine: https://HOST/PATH"'),
    "custom_channels: a mapping": (
        "custom_channels:\n  mine:\n    url: https://host/a", "", "2:3", "expected a URL for mine, found none",
        'write "mine: https://HOST/PATH"'),
    "custom_channels: no such variable": ("custom_channels:\n  mine: https://$NOSUCH/a", "", "2:9", UNSET, SET),
    "custom_multichannels: a mapping": (
        "custom_multichannels:\n  mine:\n    a: b", "", "2:3", "expected a URL for mine, found none",
        'write "mine: https://HOST/PATH"'),
    "custom_multichannels: no such variable": (
        "custom_multichannels:\n  mine: ['https://$NOSUCH/a']", "", "2:10", UNSET, SET),
    "channel_alias: a list": (
        "channel_alias: [https://host/a]", "", "1:1", "expected one value for channel_alias, found a list", ONE),
    "channel_alias: a mapping": (
        "channel_alias:\n  a: b", "", "1:1", "expected one value for channel_alias, found a table", ONE),
    "channel_alias: no scheme": (
        "channel_alias: host/conda", "", "1:16", 'expected a URL for channel_alias, found "host/conda"', SCHEME),
    "channel_alias: a path": (
        "channel_alias: /srv/conda", "", "1:16", 'expected a URL for channel_alias, found "/srv/conda"', SCHEME),
    "channel_alias: no such variable": ("channel_alias: https://$NOSUCH/conda", "", "1:16", UNSET, SET),
    "allowlist_channels": (
        "allowlist_channels: [mine]\nchannels: [other]", "", "1:1",
        'expected channels of allowlist_channels alone, found "https://conda.anaconda.org/other"',
        "search one of these"),
    "allowlist_channels for a block": (
        "allowlist_channels: [mine]\nchannels: [mine]", "other", "1:1",
        'expected channels of allowlist_channels alone, found "https://conda.anaconda.org/other"',
        "search one of these"),
    "allowlist_channels: a mapping": (
        "allowlist_channels:\n  a: b", "", "1:1", "expected a list for allowlist_channels, found tables", ITEM),
    "allowlist_channels: no such variable": ("allowlist_channels: ['https://$NOSUCH/a']", "", "1:22", UNSET, SET),
    "denylist_channels": (
        "denylist_channels: [mine, other]\nchannels: [other]", "", "1:27",
        'expected no channel that denylist_channels has, found "https://conda.anaconda.org/other"',
        "search another one"),
    "denylist_channels for a block": (
        "denylist_channels:\n  - other\nchannels: [mine]", "other", "2:5",
        'expected no channel that denylist_channels has, found "https://conda.anaconda.org/other"',
        "search another one"),
    "denylist_channels: a mapping": (
        "denylist_channels:\n  a: b", "", "1:1", "expected a list for denylist_channels, found tables", ITEM),
    "override_channels_enabled": (
        "override_channels_enabled: false", "a, nodefaults", "1:1", "expected a block without nodefaults, found it",
        "leave that out of its channels"),
    "offline: a list": ("offline: [true]", "", "1:1", "expected one value for offline, found a list", ONE),
    "channel_priority: a list": (
        "channel_priority: [strict]", "", "1:1", "expected one value for channel_priority, found a list", ONE),
    "subdir: a list": ("subdir: [linux-64]", "", "1:1", "expected one value for subdir, found a list", ONE),
    "ssl_verify: a list": ("ssl_verify: [a.pem]", "", "1:1", "expected one value for ssl_verify, found a list", ONE),
    "ssl_verify: no certificates": (
        "ssl_verify: /dev/null", "", "1:13", "expected certificates in PEM in that file, found none",
        "name the one that your company gives out"),
    "ssl_verify: no such variable": ("ssl_verify: $NOSUCH/ca.pem", "", "1:13", UNSET, SET),
    "proxy_servers: no scheme": (
        "proxy_servers:\n  https: host:3128", "", "2:10", 'expected a URL for the proxy of https, found "host:3128"',
        'write "http://HOST:PORT"'),
    "proxy_servers: another scheme": (
        "proxy_servers:\n  ftp: http://host:3128", "", "2:3",
        'expected http, https or all under proxy_servers, found "ftp"', OTHER),
    "proxy_servers: a host": (
        "proxy_servers:\n  'http://10.20.1.128': http://host:3128", "", "2:3",
        'expected http, https or all under proxy_servers, found "http://10.20.1.128"', OTHER),
    "proxy_servers: a host without quotes": (
        "proxy_servers:\n  https://host: http://host:3128", "", "2:3",
        'expected http, https or all under proxy_servers, found "https://host"', OTHER),
    "proxy_servers: no such variable": ("proxy_servers:\n  http: http://$NOSUCH:3128", "", "2:9", UNSET, SET),
    "pinned_packages: a mapping": (
        "pinned_packages:\n  a: b", "", "1:1", "expected a list for pinned_packages, found tables", ITEM),
    "disallowed_packages: a mapping": (
        "disallowed_packages:\n  a: b", "", "1:1", "expected a list for disallowed_packages, found tables", ITEM),
    **{
        name: (f"channels: [a]\n{name}:{value}", "", "2:1",
               f'expected no {name} for the engine rattler, found "{name}"', OTHER)
        for name, value in {
            "migrated_custom_channels": "\n  darwin: s3://x/y",
            "migrated_channel_aliases": " [https://host/old]",
            "channel_settings": "\n  - channel: https://host/a\n    auth: keyring",
            "client_ssl_cert": " /home/me/me.pem",
            "client_ssl_cert_key": " /home/me/me.key",
            "use_local": " true",
        }.items()
    },
}  # fmt: skip
# What of these has no say: condarc and the line that an error is about.
WITHOUT_WAY_OUT = {
    "no mapping": ("channels = a", 1),
    "a list": ("# mine\n- a\n- b", 2),
    "a word": ("conda-forge", 1),
    "no mapping below a key": ("offline: false\nchannels = a", 2),
    "a line of no key": ("channels: [a]\nconda-forge", 2),
    "a list in a list in one flow mapping": ("{channels: [[a], b]}", 1),
    "proxy_servers: another kind": ("proxy_servers:\n  http: socks5://host:1080", 2),
    "channels: text over lines": ("channels: >-\n  a", 1),
    "channels: the local builds": ("channels: [local]", 1),
    "custom_channels: a list": ("custom_channels: [https://host/a]", 1),
    "custom_channels: text": ("custom_channels: https://host/a", 1),
    "custom_channels: several": ("custom_channels:\n  mine: [https://host/a, https://host/b]\nchannels: [mine]", 2),
    "custom_multichannels: text": ("custom_multichannels: a", 1),
    "custom_multichannels: none": ("custom_multichannels:\n  mine: []\nchannels: [mine]", 2),
    "default_channels: none": ("default_channels: []", 1),
    "offline: neither": ("offline: sometimes", 1),
    "override_channels_enabled: neither": ("override_channels_enabled: sometimes", 1),
    "channel_priority: another word": ("channel_priority: loose", 1),
    "subdir: none that there is": ("subdir: linux-65", 1),
    "ssl_verify: not there": ("ssl_verify: /nowhere/ca.pem", 1),
    "ssl_verify: neither": ("ssl_verify: maybe", 1),
    "proxy_servers: text": ("proxy_servers: http://host:3128", 1),
    "proxy_servers: a list": ("proxy_servers:\n  - http://host:3128", 1),
    "proxy_servers: several": ("proxy_servers:\n  http: [http://host:3128, http://host:3129]", 2),
    "pinned_packages: no spec": ("pinned_packages:\n  - hello-conda ==>1", 2),
    "disallowed_packages: no spec": ("disallowed_packages:\n  - hello-conda ==>1", 2),
}


@pytest.fixture
def environ(environ: Environ) -> Environ:
    others = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir")
    for name in [name for name in environ if name.lower().endswith(others)]:
        del environ[name]
    environ.update(HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
    del environ["CONDA_CHANNELS"]
    return environ


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="the environment is made of symlinks")
@pytest.mark.parametrize("text, channels, place, what, hint", REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_be_done_is_an_error_with_file_line_and_a_way_out(
    text: str, channels: str, place: str, what: str, hint: str, run: Run, write: Write, home: Path
) -> None:
    (home / ".condarc").write_text(text + "\n")
    done = run("-q", write("a.sh", "", "hello-conda", more=f"# channels: [{channels}]\n" if channels else ""))
    line, column = map(int, place.split(":"))
    shown, caret = text.split("\n")[line - 1], " " * (column - 1) + "^"
    source = f"  {line} | {shown}\n    | {caret}\n"
    assert done.stderr == f"conda-execute: {home}/.condarc:{place}: {what}\n{source}  {hint}\n"
    assert done.returncode == 125


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="the environment is made of symlinks")
@pytest.mark.parametrize("text, line", WITHOUT_WAY_OUT.values(), ids=list(WITHOUT_WAY_OUT))
def test_what_is_no_value_is_an_error_too(text: str, line: int, run: Run, write: Write, home: Path) -> None:
    """Whatever the words are: a place, what was expected, the line, and what to write."""
    (home / ".condarc").write_text(text + "\n")
    more = "# channels: [a, nodefaults]\n" if "override" in text else ""
    done = run("-q", write("a.sh", "", "hello-conda", more=more))
    first, *shown, hint = done.stderr.splitlines()
    assert first.startswith(f"conda-execute: {home}/.condarc:{line}:"), done.stderr
    assert "expected " in first and ", found " in first and "['" not in first
    assert len(shown) == 2 and hint.lstrip().startswith(("write", "leave", "put", "set", "name")), done.stderr
    assert done.returncode == 125


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="the environment is made of symlinks")
def test_a_password_in_a_line_that_is_shown_is_masked(run: Run, write: Write, home: Path) -> None:
    text = "proxy_servers:\n  http: me:pw-4711@host:3128\n"
    (home / ".condarc").write_text(text)
    done = run("-v", write("a.sh", "", "hello-conda"))
    assert (done.returncode, "pw-4711" in done.stderr, "me:***@host:3128" in done.stderr) == (125, False, True)
    (home / ".condarc").write_text("channels: ['https://me:pw-4711@$NOSUCH/x']\n")
    done = run("-v", write("a.sh", "", "hello-conda"))
    assert (done.returncode, "pw-4711" in done.stderr, "https://***@$NOSUCH/x" in done.stderr) == (125, False, True)


@pytest.mark.once
@pytest.mark.skipif(os.name == "nt", reason="the environment is made of symlinks")
def test_an_env_that_is_ready_needs_none_of_it(
    run: Run, write: Write, home: Path, environ: Environ, channel: str
) -> None:
    """Nor does it start another process, or ask the network."""
    script = write("a.sh", "hello-conda", "hello-conda =1.0")
    (home / ".condarc").write_text(f"channels: ['{channel}']\n")
    assert run(script).stdout == "hello-conda 1.0\n"
    bad = [text for text, *_ in REFUSALS.values()] + [text for text, _ in WITHOUT_WAY_OUT.values()]
    bad += ["channels: {a: b}", "channels: |\n  a", "? x\n: y", "%YAML 1.2\n---\nchannels: [a]\n...", "channels: ]"]
    for text in bad:
        if not text.startswith("subdir:"):  # another platform has another env
            (home / ".condarc").write_text(text + "\n")
            done = run(script)
            assert (done.stdout, done.stderr) == ("hello-conda 1.0\n", ""), text


@pytest.mark.parametrize(
    "base, url",
    [
        ("https://h", "https://h/b"),
        ("https://h/a/", "https://h/a/b"),
        ("file:///", "file:///b"),
        ("file:///a/", "file:///a/b"),
    ],
)
def test_what_lies_below_a_base_is_a_url(base: str, url: str) -> None:
    assert conda_execute.split_base(base).below("/b/").url == url


# -- sources


def sources_of(*channels: str, override: bool = False) -> list[str]:
    site = conda_execute.CondarcChannels(conda_execute.read_config(os.environ, "/nowhere/python"), os.environ)
    return [one.url for one in site.find_sources(list(map(conda_execute.Text, channels)), [], override)[0]]


def test_rattler_searches_the_configured_channels(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".condarc").write_text("channels: [mine, conda-forge]\nchannel_alias: https://host/conda\n")
    host = "https://host/conda/"
    assert sources_of("bioconda", "mine") == [host + "bioconda", host + "mine", host + "conda-forge"]
    assert sources_of("mine", override=True) == [host + "mine"]
    monkeypatch.setenv("CONDA_CHANNELS", "a, b")
    assert sources_of() == [host + "a", host + "b", host + "mine", host + "conda-forge"]


def test_rattler_falls_back_to_conda_forge() -> None:
    assert sources_of() == ["https://conda.anaconda.org/conda-forge"]
