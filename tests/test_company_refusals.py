"""What condarc says of channels and network and rattler cannot do: an error with file, line and what to write.

A proxy that is not there stands for the network: nothing gets as far as asking it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import conda_execute

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Run

    Write = Callable[..., Path]

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason="the environment is made of symlinks")]
SET = "set it, or write the path out"
ITEM = 'write one "- item" a line below it'
ONE = "write it on one line"
SCHEME = 'write it with "https://" in front'
PLAIN = "leave it out, or put all of it in quotes if it is text"
UNSET = "expected variables that are set, found $NOSUCH, which is not"
OTHER = conda_execute.OTHER_ENGINE
# condarc, the channels of the block, and the message: where, what, and the hint.
REFUSALS: dict[str, tuple[str, str, str, str, str]] = {
    "channels: a mapping": ("channels:\n  a: b", "", "1:1", "expected a list for channels, found tables", ITEM),
    "channels: mappings": ("channels:\n  - a: b", "", "1:1", "expected a list for channels, found tables", ITEM),
    "channels: a list in a list": (
        "channels: [[a], b]", "", "1:12", 'expected plain text, found a flow list ("[")', PLAIN),
    "channels: a tag": ("channels: !!seq [a]", "", "1:11", 'expected plain text, found a tag ("!")', PLAIN),
    "channels: an alias": (
        "other: &x [a]\nchannels: *x", "", "2:11", 'expected plain text, found an alias ("*")', PLAIN),
    "channels: not closed": (
        "channels: [a, b", "", "1:11", 'expected "]" before the block ends, found none', "close the list"),
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
    "one flow mapping": ("# of one line\n{channels: [a]}", 2),
    "all of it indented": ("  channels: [a]", 1),
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


@pytest.mark.parametrize("text, line", WITHOUT_WAY_OUT.values(), ids=list(WITHOUT_WAY_OUT))
def test_what_is_no_value_is_an_error_too(text: str, line: int, run: Run, write: Write, home: Path) -> None:
    """Whatever the words are: a place, what was expected, the line, and what to write."""
    (home / ".condarc").write_text(text + "\n")
    more = "# channels: [a, nodefaults]\n" if "override" in text else ""
    done = run("-q", write("a.sh", "", "hello-conda", more=more))
    first, *shown, hint = done.stderr.splitlines()
    assert first.startswith(f"conda-execute: {home}/.condarc:{line}:"), done.stderr
    assert "expected " in first and ", found " in first and "['" not in first
    assert len(shown) == 2 and ("one spec an item" in hint) == ("_packages" in text), done.stderr
    assert done.returncode == 125


def test_a_password_in_a_line_that_is_shown_is_masked(run: Run, write: Write, home: Path) -> None:
    text = "proxy_servers:\n  http: me:pw-4711@host:3128\n"
    (home / ".condarc").write_text(text)
    done = run("-v", write("a.sh", "", "hello-conda"))
    assert (done.returncode, "pw-4711" in done.stderr, "me:***@host:3128" in done.stderr) == (125, False, True)
    (home / ".condarc").write_text("channels: ['https://me:pw-4711@$NOSUCH/x']\n")
    done = run("-v", write("a.sh", "", "hello-conda"))
    assert (done.returncode, "pw-4711" in done.stderr, "https://***@$NOSUCH/x" in done.stderr) == (125, False, True)


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
