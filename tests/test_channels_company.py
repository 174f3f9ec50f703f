"""Channels of a company: the engine rattler asks whom condarc says, by the way it says, and nobody else.

Real servers on this machine; a proxy stands for the rest of the world, notes what it is asked, and refuses.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
import rattler
import trustme
from channel import hello_conda
from hosts import hasten
from servers import PASSWORD, TOKEN, Proxy, Server, find_secrets, make_channel, proxying, serving

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run, Write

    Condarc = Callable[[str], str]

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason="the channel is made of symlinks and sh")]

SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
USERS = {"world": "pw-world", "company": "pw-company", "other": "pw-other"}
ALL_SECRETS = (PASSWORD, TOKEN, *USERS.values())
HELLO = "hello-conda =1.0"
ARCHIVE = "hello-conda-1.0-0.tar.bz2"
WAYS_IN = ("_proxy", "_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "_CA_BUNDLE", "NETRC")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(tmp_path_factory.mktemp("proxy"), USERS) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def authority_path(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def secure_server(channel: str, authority: trustme.CA) -> Iterator[Server]:
    with serving(urlparse(channel).path, authority.issue_cert("127.0.0.1", "mirror.test")) as server:
        yield server


@pytest.fixture
def secure(secure_server: Server) -> Server:
    """Return a server of this test's own, for all that it can tell."""
    secure_server.forget()
    return secure_server


@pytest.fixture(autouse=True)
def nobody_else(environ: Environ, proxy: Proxy, tmp_path: Path) -> Iterator[None]:
    """Let all but this machine be asked of the proxy, and have nothing asked of it."""
    for name in [name for name in environ if name.endswith(WAYS_IN)]:
        del environ[name]
    del environ["CONDA_CHANNELS"]
    world = proxy.find_url("world")
    environ.update(HTTP_PROXY=world, HTTPS_PROXY=world, ALL_PROXY=world, NO_PROXY="127.0.0.1")
    environ["RATTLER_CACHE_DIR"] = str(tmp_path / "cache")
    proxy.clear()
    yield
    assert proxy.find_asked("world") == [], "somebody else was asked"
    assert proxy.find_asked("-") == []


@pytest.fixture
def condarc(home: Path, server: Server, secure: Server, authority_path: Path, proxy: Proxy) -> Condarc:
    """Return a function that writes ~/.condarc with the addresses of this machine's servers in it, and returns it."""

    def function(text: str) -> str:
        known = {"{url}": server.url, "{secure}": secure.url, "{ca}": str(authority_path), "{subdir}": SUBDIR}
        known.update({"{host}": server.url.partition("//")[2], "{proxy}": proxy.find_url("company")})
        known.update({"{port}": str(server.server_port), "{secure_port}": str(secure.server_port)})
        for name, value in known.items():
            text = text.replace(name, value)
        (home / ".condarc").write_text(text, "utf-8")
        return text

    return function


# -- Mirrors -------------------------------------------------------------------------------------


MIRRORS = {
    "channels": ("channels: ['{url}/a']", "", HELLO, ["a"]),
    "default_channels": ("default_channels: ['{url}/main', '{url}/r']\nchannels: [defaults]", "", HELLO, ["main", "r"]),
    "default_channels where no channels are": ("default_channels: ['{url}/main']", "", HELLO, ["main"]),
    "default_channels in the block": ("default_channels: ['{url}/main']", "defaults, nodefaults", HELLO, ["main"]),
    "custom_channels": ("custom_channels:\n  mine: '{url}/b'\nchannels: [mine]", "", HELLO, ["b/mine"]),
    "custom_channels of a public name": (
        "custom_channels:\n  conda-forge: '{url}/b'", "", HELLO, ["b/conda-forge"]),
    "custom_channels in the block": (
        "custom_channels:\n  mine: '{url}/b'\nchannels: ['{url}/a']", "mine", HELLO, ["a", "b/mine"]),
    "custom_channels in front of a spec": (
        "custom_channels:\n  mine: '{url}/b'\nchannels: ['{url}/a']", "", "mine::" + HELLO, ["a", "b/mine"]),
    "channel_alias in front of a spec": (
        "channel_alias: '{url}/c'\nchannels: ['{url}/a']", "", "mine::" + HELLO, ["a", "c/mine"]),
    "custom_multichannels": (
        "custom_multichannels:\n  mine: ['{url}/a', '{url}/b']\nchannels: [mine]", "", HELLO, ["a", "b"]),
    "custom_multichannels in the block": (
        "custom_multichannels:\n  mine: ['{url}/a', '{url}/b']", "mine, nodefaults", HELLO, ["a", "b"]),
    "channel_alias": ("channel_alias: '{url}/c'\nchannels: [mine, conda-forge]", "x",
                      HELLO, ["c/conda-forge", "c/mine", "c/x"]),
    "channel_alias where no channels are": ("channel_alias: '{url}/c'", "", HELLO, ["c/conda-forge"]),
    "a variable": ("channel_alias: '{url}'\nchannels: [$MYCH]", "", HELLO, ["mych"]),
    "a variable in braces": ("channels: ['{url}/${MYCH}/x']", "", HELLO, ["mych/x"]),
    "a variable in channel_alias": ("channel_alias: http://${HOST}/c\nchannels: [a]", "", HELLO, ["c/a"]),
    "a URL with subdir": ("channels: ['{url}/a/{subdir}', '{url}/b/noarch']", "", HELLO, ["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("text, channels, spec, asked", MIRRORS.values(), ids=list(MIRRORS))
def test_channels_are_asked_where_condarc_says(
    text: str, channels: str, spec: str, asked: list[str],
    run: Run, write: Write, environ: Environ, condarc: Condarc, server: Server,
) -> None:  # fmt: skip
    condarc(text)
    environ.update(MYCH="mych", HOST=server.url.partition("//")[2])
    done = run(write("a.sh", "hello-conda", spec, more=f"# channels: [{channels}]\n" if channels else ""))
    assert done.stdout == "hello-conda 1.0\n", done.stderr
    assert (sorted(server.channels), ARCHIVE in server.files) == (asked, True)


@pytest.mark.parametrize(
    "variable, value, asked",
    [
        ("CONDA_CHANNELS", "{url}/a,{url}/b", ["a", "b"]),
        ("CONDA_CHANNEL_ALIAS", "{url}/c", ["c/conda-forge"]),
        ("CONDA_DEFAULT_CHANNELS", "{url}/main", ["main"]),
    ],
)
def test_a_variable_says_it_too(
    variable: str, value: str, asked: list[str], run: Run, write: Write, environ: Environ, server: Server
) -> None:
    environ[variable] = value.replace("{url}", server.url)
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.stdout, sorted(server.channels)) == ("hello-conda 1.0\n", asked), done.stderr


def test_without_any_of_it_the_public_channel_is_asked(run: Run, write: Write, proxy: Proxy) -> None:
    """This is what the other tests would see, if anybody else were asked."""
    done = run(write("a.sh", "hello-conda", HELLO))
    assert done.returncode == 125
    assert set(proxy.find_asked("world")) == {"CONNECT conda.anaconda.org:443 "}
    proxy.clear()


# -- Passwords and tokens ------------------------------------------------------------------------


SECRET_URL = f"http://bob:{PASSWORD}@" + "{host}"
NETRC = f"machine 127.0.0.1 login bob password {PASSWORD}\n"
# condarc, the variables, and how the server saw the channel.
SECRETS = {
    "a password": (f"channels: ['{SECRET_URL}/a']", {}, "a"),
    "a password of channel_alias": (f"channel_alias: {SECRET_URL}/c\nchannels: [a]", {}, "c/a"),
    "a password of custom_channels": (f"custom_channels:\n  mine: {SECRET_URL}/b\nchannels: [mine]", {}, "b/mine"),
    "a password of custom_channels for a URL": (
        f"custom_channels:\n  mine: {SECRET_URL}/b\nchannels: ['{{url}}/b/mine']", {}, "b/mine"),
    "a password of default_channels": (f"default_channels: ['{SECRET_URL}/m']", {}, "m"),
    "a password in a variable": ("channels: ['http://bob:${PASS}@{host}/a']", {"PASS": PASSWORD}, "a"),
    "netrc": ("channels: ['{url}/a']", {"netrc": NETRC}, "a"),
    "NETRC": ("channels: ['{url}/a']", {"NETRC": NETRC}, "a"),
    "a token": (f"channels: ['{{url}}/t/{TOKEN}/a']", {}, f"t/{TOKEN}/a"),
    "a token of channel_alias": (f"channel_alias: '{{url}}/t/{TOKEN}'\nchannels: [a]", {}, f"t/{TOKEN}/a"),
    "a token of channel_alias with a path": (
        f"channel_alias: '{{url}}/t/{TOKEN}/conda'\nchannels: [a]", {}, f"conda/t/{TOKEN}/a"),
    "a token of custom_channels": (
        f"custom_channels:\n  mine: '{{url}}/t/{TOKEN}/b'\nchannels: [mine]", {}, f"b/t/{TOKEN}/mine"),
    "a token in a variable": ("channels: ['{url}/t/${TOKEN}/a']", {"TOKEN": TOKEN}, f"t/{TOKEN}/a"),
}  # fmt: skip


def set_secrets(variables: dict[str, str], environ: Environ, home: Path, tmp_path: Path) -> None:
    for name, value in variables.items():
        path = home / ".netrc" if name == "netrc" else tmp_path / "company.netrc"
        if name.lower() == "netrc":
            path.write_text(value)
            path.chmod(0o600)
            environ.update({"NETRC": str(path)} if name == "NETRC" else {})
        else:
            environ[name] = value


@pytest.mark.parametrize("text, variables, asked", SECRETS.values(), ids=list(SECRETS))
def test_a_channel_is_opened_and_its_secret_is_kept(
    text: str, variables: dict[str, str], asked: str, run: Run, write: Write, environ: Environ, home: Path,
    tmp_path: Path, env_dir: Path, condarc: Condarc, server: Server,
) -> None:  # fmt: skip
    condarc(text)
    set_secrets(variables, environ, home, tmp_path)
    server.password, server.token = ("", TOKEN) if TOKEN in asked else (f"bob:{PASSWORD}", "")
    script = write("a.sh", "hello-conda", HELLO)
    done = run("-v", script)
    assert done.stdout == "hello-conda 1.0\n", done.stderr
    assert (server.channels, ARCHIVE in server.files) == ([asked], True)
    plan = run("-n", "--json", script)
    listed = run("--tmpenv", "list", "--json")
    assert find_secrets(env_dir, done.stderr, plan.stdout, plan.stderr, listed.stdout, secrets=ALL_SECRETS) == []


def test_channels_of_one_host_have_their_own_secrets(
    run: Run, write: Write, env_dir: Path, condarc: Condarc, channel: str
) -> None:
    with serving(urlparse(channel).path) as one:
        one.opens = {"a": "bob:" + PASSWORD, "b": "eve:" + PASSWORD, f"t/{TOKEN}/c": ""}
        host = one.url.partition("//")[2]
        urls = [f"http://bob:{PASSWORD}@{host}/a", f"http://eve:{PASSWORD}@{host}/b", f"http://{host}/t/{TOKEN}/c"]
        condarc(f"channels: {urls}")
        done = run("-v", write("a.sh", "hello-conda", HELLO))
        assert done.stdout == "hello-conda 1.0\n", done.stderr
        assert sorted(one.channels) == ["a", "b", f"t/{TOKEN}/c"]
        assert one.refused == []
    assert find_secrets(env_dir, done.stderr, secrets=ALL_SECRETS) == []


# -- Certificates --------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused(
    run: Run, write: Write, condarc: Condarc, secure: Server
) -> None:
    condarc("channels: ['{secure}/a']")
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.returncode, secure.asked) == (125, [])
    expected = f"{secure.url}/a has a certificate that nothing here vouches for"
    assert expected in done.stderr and "ssl_verify: /PATH/CA.pem" in done.stderr


@pytest.mark.parametrize(
    "key, variables",
    [
        ("ssl_verify: {ca}", {}),
        ("ssl_verify: $CA", {"CA": "{ca}"}),
        ("verify_ssl: {ca}", {}),
        ("", {"CONDA_SSL_VERIFY": "{ca}"}),
        ("", {"REQUESTS_CA_BUNDLE": "{ca}"}),
        ("", {"CURL_CA_BUNDLE": "{ca}"}),
        ("", {"SSL_CERT_FILE": "{ca}"}),
        ("ssl_verify: true", {"SSL_CERT_FILE": "{ca}"}),
        ("ssl_verify: {ca}", {"SSL_CERT_FILE": "/nowhere"}),
        ("ssl_verify: true", {"REQUESTS_CA_BUNDLE": "{ca}"}),
        ("ssl_verify: /dev/null", {"REQUESTS_CA_BUNDLE": "{ca}"}),  # which is stronger, as with requests
        ("", {"REQUESTS_CA_BUNDLE": "{ca}", "SSL_CERT_FILE": "/nowhere"}),
    ],
)
def test_a_companys_authority_is_believed(
    key: str, variables: dict[str, str],
    run: Run, write: Write, environ: Environ, condarc: Condarc, secure: Server, authority_path: Path,
) -> None:  # fmt: skip
    condarc("channels: ['{secure}/a']\n" + key)
    environ.update({name: value.replace("{ca}", str(authority_path)) for name, value in variables.items()})
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.stdout, secure.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_variable_that_comes_before_ssl_verify_is_told_where_it_stands_in_the_way(
    name: str, run: Run, write: Write, environ: Environ, condarc: Condarc, secure: Server, authority_path: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    condarc(f"channels: ['{{secure}}/a']\nssl_verify: {authority_path}")
    environ[name] = str(other)
    script = write("a.sh", "hello-conda", HELLO)
    done = run(script)
    assert (
        f'; {name}={other} is set, and comes first: put the certificate into that file, or write "unset' in done.stderr
    )
    other.write_bytes(other.read_bytes() + authority_path.read_bytes())  # as told
    done = run(script)
    assert (done.stdout, secure.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr


def test_a_folder_of_authorities_is_believed(
    run: Run, write: Write, condarc: Condarc, secure: Server, authority_path: Path, tmp_path: Path
) -> None:
    if not shutil.which("openssl"):
        pytest.skip("needs openssl, which names certificates as such a folder wants them")
    argv = ["openssl", "x509", "-hash", "-noout", "-in", str(authority_path)]
    name = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    (tmp_path / "folder").mkdir()
    shutil.copy(str(authority_path), str(tmp_path / "folder" / f"{name}.0"))
    condarc(f"channels: ['{{secure}}/a']\nssl_verify: {tmp_path}/folder")
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.stdout, secure.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr


@pytest.mark.parametrize("value", ["false", "no", "truststore"])
def test_a_certificate_need_not_hold_or_the_systems_authorities_count(
    value: str, run: Run, write: Write, environ: Environ, home: Path, condarc: Condarc, secure: Server,
    authority_path: Path,
) -> None:  # fmt: skip
    condarc("channels: ['{secure}/a']\nssl_verify: " + value)
    if value == "truststore":
        environ["SSL_CERT_FILE"] = str(authority_path)
    done = run("-q", write("a.sh", "hello-conda", HELLO))
    if hasattr(rattler.networking.Client, "from_config"):
        assert (done.stdout, secure.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr
        return
    assert (done.returncode, secure.asked, done.stderr) == (
        125,
        [],
        f"conda-execute: {home}/.condarc:2:13: expected ssl_verify that py-rattler {rattler.__version__} has, "
        f'found "{value}"\n  2 | ssl_verify: {value}\n    |             ^\n  {conda_execute.OTHER_ENGINE}\n',
    )


# -- Proxies -------------------------------------------------------------------------------------


PLAIN, SECURE = "channels: ['http://mirror.test:{port}/a']\n", "channels: ['https://mirror.test:{secure_port}/a']\n"
CERTIFIED = SECURE + "ssl_verify: {ca}\n"
PROXIES = {
    "http": (PLAIN + "proxy_servers:\n  http: {proxy}", {}, "company"),
    "https": (CERTIFIED + "proxy_servers:\n  https: {proxy}", {}, "company"),
    "all for http": (PLAIN + "proxy_servers:\n  all: {proxy}", {}, "company"),
    "all for https": (CERTIFIED + "proxy_servers:\n  all: {proxy}", {}, "company"),
    "quotes": (PLAIN + "proxy_servers:\n  http: '{proxy}'\n  https: \"{proxy}\"", {}, "company"),
    "a variable": (PLAIN + "proxy_servers:\n  http: http://company:${PASS}@127.0.0.1:{proxy_port}",
                   {"PASS": USERS["company"]}, "company"),
    "http_proxy": (PLAIN, {"http_proxy": "other"}, "other"),
    "HTTP_PROXY": (PLAIN, {"HTTP_PROXY": "other"}, "other"),
    "HTTPS_PROXY": (CERTIFIED, {"HTTPS_PROXY": "other"}, "other"),
    "ALL_PROXY": (CERTIFIED, {"ALL_PROXY": "other"}, "other"),
    "HTTP_PROXY and condarc": (PLAIN + "proxy_servers:\n  http: {proxy}", {"HTTP_PROXY": "other"}, "other"),
    "https_proxy and condarc": (CERTIFIED + "proxy_servers:\n  https: {proxy}", {"https_proxy": "other"}, "other"),
    "HTTPS_PROXY, and http of condarc": (
        PLAIN + "proxy_servers:\n  http: {proxy}", {"HTTPS_PROXY": "other"}, "company"),
}  # fmt: skip


@pytest.fixture
def no_proxy(environ: Environ) -> None:
    """Take the variables away; only a proxy knows the way to a name that ends in ".test"."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        del environ[name]


@pytest.mark.parametrize("text, variables, user", PROXIES.values(), ids=list(PROXIES))
def test_a_proxy_is_asked_for_a_channel(
    text: str, variables: dict[str, str], user: str, run: Run, write: Write, environ: Environ, env_dir: Path,
    condarc: Condarc, server: Server, secure: Server, proxy: Proxy, no_proxy: None,
) -> None:  # fmt: skip
    condarc(text.replace("{proxy_port}", str(proxy.port)))
    environ.update({name: proxy.find_url(value) if value in USERS else value for name, value in variables.items()})
    done = run("-v", write("a.sh", "hello-conda", HELLO))
    assert done.stdout == "hello-conda 1.0\n", done.stderr
    if "https://mirror" in text:
        assert set(proxy.find_asked(user)) == {f"CONNECT mirror.test:{secure.server_port} "}
    else:
        assert f"GET mirror.test:{server.server_port} /a/noarch/{ARCHIVE}" in proxy.find_asked(user)
    assert (secure if "https://mirror" in text else server).channels == ["a"]
    assert [proxy.find_asked(other) for other in USERS if other != user] == [[], []]
    assert find_secrets(env_dir, done.stderr, secrets=ALL_SECRETS) == []


def test_what_no_proxy_has_is_asked_without(
    run: Run, write: Write, environ: Environ, condarc: Condarc, server: Server, proxy: Proxy, no_proxy: None
) -> None:
    condarc("channels: ['{url}/a']\nproxy_servers:\n  http: {proxy}")
    environ["no_proxy"] = "127.0.0.1"
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.stdout, server.channels, proxy.find_asked("company")) == ("hello-conda 1.0\n", ["a"], []), done.stderr


@pytest.mark.parametrize("value", ["", "false", "null"])
def test_a_proxy_of_condarc_can_be_none(
    value: str, run: Run, write: Write, condarc: Condarc, server: Server, no_proxy: None
) -> None:
    condarc(f"channels: ['{{url}}/a']\nproxy_servers:\n  http: {value}")
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.stdout, server.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr


# -- What may be taken ---------------------------------------------------------------------------


def find_version(run: Run, write: Write, *specs: str) -> str:
    """Return what a script of these specs prints, or why there is none."""
    done = run(write("a.sh", "hello-conda", *specs))
    return done.stdout.strip() if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    "text, spec, expected",
    [
        ("pinned_packages: [hello-conda =1.0]", "hello-conda", "hello-conda 1.0"),
        ("pinned_packages: ['hello-conda <2', words]", "hello-conda", "hello-conda 1.0"),
        ("pinned_packages: [words =1.0]", "hello-conda", "hello-conda 2.0"),
        ("pinned_packages: [hello-conda =1.0]", "hello-conda =2.0", "Cannot solve the request"),
        ("disallowed_packages: [words]", "hello-conda", "hello-conda 2.0"),
        ("disallowed_packages: [hello-conda =1.0]", "hello-conda", "hello-conda 2.0"),
        ("disallowed_packages: [hello-conda]", "hello-conda", "disallowed_packages of condarc has hello-conda"),
        ("disallow:\n  - hello-conda >=2", "hello-conda", "disallowed_packages of condarc has hello-conda >=2"),
        ("disallowed_packages: [python]", "entry-point", "disallowed_packages of condarc has python"),
    ],
)
def test_packages_are_pinned_and_disallowed(
    text: str, spec: str, expected: str, run: Run, write: Write, condarc: Condarc, env_dir: Path
) -> None:
    condarc("channels: ['{url}/a']\n" + text)
    found = find_version(run, write, spec)
    assert expected in found
    assert (len(list(env_dir.glob("*/conda-meta/conda-execute"))) == 1) == (found == expected)


@pytest.mark.parametrize("variable", ["CONDA_PINNED_PACKAGES", "CONDA_DISALLOWED_PACKAGES"])
def test_variables_pin_and_disallow_too(
    variable: str, run: Run, write: Write, condarc: Condarc, environ: Environ
) -> None:
    """An "&" stands between specs, since a comma is part of one."""
    condarc("channels: ['{url}/a']")
    environ[variable] = "words&hello-conda >1,<2.1" if "DIS" in variable else "words&hello-conda >=1,<2"
    found = find_version(run, write, "hello-conda")
    refusal = "disallowed_packages of condarc has hello-conda >1,<2.1"
    assert (refusal if "DIS" in variable else "hello-conda 1.0") in found


@pytest.mark.parametrize(
    "priority, expected",
    [("", "1.0"), ("strict", "1.0"), ("true", "1.0"), ("flexible", "2.0"), ("disabled", "2.0"), ("false", "2.0")],
)
def test_the_priority_of_channels_is_condarcs(
    priority: str, expected: str, run: Run, write: Write, home: Path, tmp_path: Path
) -> None:
    old = make_channel(tmp_path / "old", hello_conda("1.0", ".conda"))
    new = make_channel(tmp_path / "new", hello_conda("1.0", ".conda"), hello_conda("2.0", ".conda"))
    text = f"channel_priority: {priority}\n" if priority else ""
    (home / ".condarc").write_text(f"channels: ['{old}', '{new}']\n{text}")
    spec = "hello-conda >=2" if priority == "flexible" else "hello-conda"
    found = find_version(run, write, spec)
    lacks = f"expected channel_priority that py-rattler {rattler.__version__} has"
    assert found == f"hello-conda {expected}" or priority == "flexible" and lacks in found, found


OFFLINE = [("offline: true", ""), ("offline: yes", ""), ("", "1"), ("", "true"), ("offline: false", "1")]


@pytest.mark.parametrize("text, variable", OFFLINE)
def test_offline_asks_nobody(
    text: str, variable: str, run: Run, write: Write, environ: Environ, condarc: Condarc, server: Server
) -> None:
    condarc("channels: ['{url}/a']\n" + text)
    environ.update({"CONDA_OFFLINE": variable} if variable else {})
    done = run(write("a.sh", "hello-conda", HELLO))
    assert (done.returncode, server.asked) == (125, [])
    assert "offline" in done.stderr and f"{server.url}/a" in done.stderr


def test_offline_builds_of_what_is_there(
    run: Run, write: Write, environ: Environ, condarc: Condarc, server: Server
) -> None:
    condarc("channels: ['{url}/a']")
    run(write("a.sh", "", HELLO, "words"))
    server.forget()
    condarc("channels: ['{url}/a']\noffline: true")
    assert run(write("b.sh", "hello-conda", HELLO)).stdout == "hello-conda 1.0\n"
    environ["CONDA_OFFLINE"] = "no"
    assert server.asked == []
    assert run(write("c.sh", "hello-conda", "hello-conda =2.0")).stdout == "hello-conda 2.0\n"
    assert "hello-conda-2.0-0.conda" in server.files


FOREIGN = "osx-64" if SUBDIR != "osx-64" else "linux-64"


@pytest.mark.parametrize("way", ["subdir", "CONDA_SUBDIR"])
def test_another_platform_is_asked_for_and_kept_apart(
    way: str, run: Run, write: Write, environ: Environ, condarc: Condarc, server: Server, env_dir: Path
) -> None:
    condarc("channels: ['{url}/a']\n" + (f"subdir: {FOREIGN}\n" if way == "subdir" else ""))
    environ.update({way: FOREIGN} if way != "subdir" else {})
    script = write("a.sh", "hello-conda", HELLO, "python  # [linux64]" if FOREIGN == "osx-64" else "python  # [osx]")
    done = run(script)
    assert done.stdout == "hello-conda 1.0\n", done.stderr
    assert {path.split("/")[2] for path in server.asked} == {FOREIGN, "noarch"}
    name = conda_execute.find_name([HELLO])
    [marker] = [*env_dir.glob(f"{name}/conda-meta/conda-execute"), *env_dir.glob(f"*/{name}/conda-meta/conda-execute")]
    assert f"\nplatform: {FOREIGN}\n" in marker.read_text()


@pytest.mark.parametrize("text", ["channels: [public]\nallowlist_channels: ['{url}/a']", "denylist_channels: [public]"])
def test_a_channel_that_is_forbidden_is_not_asked(
    text: str, run: Run, write: Write, condarc: Condarc, server: Server, env_dir: Path
) -> None:
    condarc("channel_alias: '{url}'\n" + text)
    done = run(write("a.sh", "hello-conda", HELLO, more="# channels: [public]\n"))
    assert (done.returncode, server.asked, list(env_dir.glob("*/conda-meta"))) == (125, [], [])
    assert f'found "{server.url}/public"' in done.stderr
    done = run(write("b.sh", "hello-conda", "public::" + HELLO, more=f"# channels: ['{server.url}/a']\n"))
    assert (done.returncode, server.asked) == (125, []), done.stderr


# -- Secrets, when it fails ----------------------------------------------------------------------


GONE = f"http://bob:{PASSWORD}@127.0.0.1:9/t/{TOKEN}/a"
FAILURES = {
    "401, a wrong password": (f"channels: ['http://bob:{PASSWORD}x@{{host}}/a']", "wants a password or token"),
    "401, a wrong token": (f"channels: ['{{url}}/t/{TOKEN}x/a']", "wants a password or token"),
    "401, netrc": ("channels: ['{url}/a']", "wants a password or token"),
    "403": (f"channels: ['http://bob:{PASSWORD}@{{host}}/t/{TOKEN}/403/a']", "wants a password or token"),
    "404": (f"channel_alias: http://bob:{PASSWORD}@{{host}}/t/{TOKEN}/404\nchannels: [a]", "is not there"),
    "unreachable": (f"channels: ['{GONE}']", "could not be reached"),
    "certificate": (f"channels: ['https://bob:{PASSWORD}@127.0.0.1:{{secure_port}}/t/{TOKEN}/a']",
                    "has a certificate that nothing here vouches for"),
    "proxy, http": (PLAIN + f"proxy_servers:\n  http: http://bob:{PASSWORD}@127.0.0.1:{{proxy_port}}",
                    "the proxy in front of http://mirror.test:{port}/a refused"),
    "proxy, https": (CERTIFIED + f"proxy_servers:\n  https: http://bob:{PASSWORD}@127.0.0.1:{{proxy_port}}",
                     "the proxy in front of https://mirror.test:{secure_port}/a refused"),
    "proxy, gone": (PLAIN + f"proxy_servers:\n  http: http://bob:{PASSWORD}@127.0.0.1:9", "mirror.test"),
    "no such package": (f"channels: ['http://bob:{PASSWORD}@{{host}}/t/{TOKEN}/a']", "no package is"),
}  # fmt: skip


@pytest.mark.parametrize("text, expected", FAILURES.values(), ids=list(FAILURES))
def test_no_secret_is_shown_or_stored_when_it_fails(
    text: str, expected: str, request: pytest.FixtureRequest, run: Run, write: Write, environ: Environ, home: Path,
    tmp_path: Path, env_dir: Path, condarc: Condarc, server: Server, secure: Server, proxy: Proxy, no_proxy: None,
) -> None:  # fmt: skip
    condarc(text.replace("{proxy_port}", str(proxy.port)))
    kind = request.node.callspec.id
    server.password, server.token = ("", TOKEN) if "token" in kind else ("bob:" + PASSWORD, "")
    set_secrets({"netrc": NETRC.replace("bob", "eve")} if "netrc" in kind else {}, environ, home, tmp_path)
    environ["CONDA_EXECUTE_DEBUG"] = "1"
    script = write("a.sh", "hello-conda", "nothing-of-the-kind" if "package" in kind else HELLO)
    done, plan = run("-v", script), run("-n", "--json", script)
    known = {"{port}": server.server_port, "{secure_port}": secure.server_port}
    for name, value in known.items():
        expected = expected.replace(name, str(value))
    proxy.clear()
    assert (done.returncode, plan.returncode, expected in done.stderr) == (125, 0, True), done.stderr
    assert find_secrets(env_dir, done.stdout, done.stderr, plan.stdout, plan.stderr, secrets=ALL_SECRETS) == []


def test_a_hint_says_where_a_name_and_a_password_go(
    run: Run, write: Write, condarc: Condarc, proxy: Proxy, no_proxy: None
) -> None:
    condarc(PLAIN + f"proxy_servers:\n  http: http://127.0.0.1:{proxy.port}")
    done = run(write("a.sh", "hello-conda", HELLO))
    proxy.clear()
    assert '"http://USER:PASSWORD@HOST:PORT"' in done.stderr


# -- Channels that are slow, and indexes that are stale ------------------------------------------


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port that is listened at, where nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening.getsockname()[1]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/a", "http://bob:" + PASSWORD + "@127.0.0.1:{}/t/" + TOKEN + "/a"])
def test_a_channel_that_never_answers_is_named_and_then_given_up(
    url: str, write: Write, environ: Environ, condarc: Condarc, tmp_path: Path, env_dir: Path, silent: int
) -> None:
    condarc(f"channels: ['{{url}}/b', '{url.format(silent)}']")
    tool = hasten(tmp_path, WAIT_S=1, GIVE_UP_S=2)
    argv, pipe = [sys.executable, str(tool), str(write("a.sh", "hello-conda", HELLO))], subprocess.PIPE
    began_s = time.monotonic()
    done = subprocess.run(argv, env=environ, stdout=pipe, stderr=pipe, text=True, timeout=60)
    assert time.monotonic() - began_s < 30
    lines = done.stderr.splitlines()
    shown = conda_execute.mask(url.format(silent))
    assert f"conda-execute: waiting for an answer from {shown}" in lines, done.stderr
    assert f"  no answer in 2 s from {shown}" in lines, done.stderr
    assert (done.returncode, find_secrets(env_dir, done.stderr, secrets=ALL_SECRETS)) == (125, [])
    assert not list(env_dir.glob("*/conda-meta"))


@pytest.fixture
def stale(channel: str, tmp_path: Path) -> Iterator[Server]:
    """Return a server whose index is of this second, so that who has it asks at once whether it was modified.

    Its answer is that of `python -m http.server`, and no answer to rattler.
    """
    folder = tmp_path / "stale"
    shutil.copytree(urlparse(channel).path, str(folder), symlinks=True)
    for path in folder.rglob("repodata*"):
        os.utime(str(path))
    with serving(str(folder)) as server:
        server.is_stale = True
        yield server


@pytest.mark.parametrize("is_sharded", [True, False], ids=["in shards", "in one file"])
def test_a_stale_index_mends_itself_once(
    is_sharded: bool, run: Run, write: Write, condarc: Condarc, stale: Server, tmp_path: Path
) -> None:
    for path in (tmp_path / "stale").rglob("repodata_shards*" if not is_sharded else "no-such-file"):
        path.unlink()
    condarc(f"channels: ['{stale.url}/a']")
    assert run(write("a.sh", "hello-conda", HELLO)).stdout == "hello-conda 1.0\n"
    assert stale.refused == []
    for number in ("2.0", "1.0"):
        stale.refused.clear()
        done = run("-f", write("b.sh", "hello-conda", "hello-conda =" + number))
        assert done.stdout == f"hello-conda {number}\n", done.stderr
        assert 1 <= len(stale.refused) <= 2  # once for each subdir


def test_an_index_that_does_not_mend_names_the_folder_of_the_kept_one(
    run: Run, write: Write, condarc: Condarc, stale: Server, tmp_path: Path
) -> None:
    condarc(f"channels: ['{stale.url}/a']")
    run(write("a.sh", "hello-conda", HELLO))
    stale.is_mad = True
    done = run(write("b.sh", "hello-conda", "hello-conda =2.0"))
    assert done.returncode == 125
    assert f"if its index is damaged, write: rm -r {tmp_path}/cache/repodata\n" in done.stderr
    stale.is_mad = False
    shutil.rmtree(str(tmp_path / "cache" / "repodata"))
    assert run(write("b.sh", "hello-conda", "hello-conda =2.0")).stdout == "hello-conda 2.0\n"


@pytest.mark.parametrize("content", [b"", b"\x93" * 400], ids=["cut", "garbage"])
def test_an_index_in_the_cache_that_a_full_disk_has_cut_is_fetched_anew(
    content: bytes, run: Run, write: Write, condarc: Condarc, server: Server, tmp_path: Path
) -> None:
    condarc(f"channels: ['{server.url}/a']")
    assert run(write("a.sh", "hello-conda", HELLO)).stdout == "hello-conda 1.0\n"
    kept = [path for path in (tmp_path / "cache" / "repodata").rglob("*") if path.is_file()]
    for path in kept:
        path.write_bytes(content)
    done = run("-f", write("b.sh", "hello-conda", "hello-conda =2.0"))
    assert kept and done.stdout == "hello-conda 2.0\n", done.stderr


def test_a_package_that_never_comes_is_given_up_with_who_has_it(
    write: Write, environ: Environ, condarc: Condarc, tmp_path: Path, server: Server
) -> None:
    condarc(f"channels: ['file://{tmp_path}/nothing', '{server.url}/a']")
    for subdir in ("noarch", "linux-64"):
        (tmp_path / "nothing" / subdir).mkdir(parents=True)
        (tmp_path / "nothing" / subdir / "repodata.json").write_text('{"packages": {}, "packages.conda": {}}')
    over = threading.Event()
    server.changes = {
        path.name: lambda content: (over.wait(60), content)[1] for path in Path(server.folder).glob("*/he*")
    }
    tool = hasten(tmp_path, WAIT_S=1, GIVE_UP_S=3)
    argv, pipe = [sys.executable, str(tool), str(write("a.sh", "hello-conda", HELLO))], subprocess.PIPE
    done = subprocess.run(argv, env=environ, stdout=pipe, stderr=pipe, text=True, timeout=60)
    over.set()
    assert f"conda-execute: waiting for an answer from {server.url}/a\n" in done.stderr, done.stderr
    assert f"  no answer in 3 s from {server.url}/a\n" in done.stderr and done.returncode == 125


def test_a_channel_with_a_password_and_no_scheme_is_asked_for_nothing(
    run: Run, write: Write, environ: Environ, env_dir: Path
) -> None:
    environ["CONDA_CHANNELS"] = f"bob:{PASSWORD}@127.0.0.1:9/a"
    done = run(write("a.sh", "", HELLO))
    assert done.returncode == 125 and '  write "https://" in front\n' in done.stderr
    assert find_secrets(env_dir, done.stderr) == []


@pytest.mark.parametrize("words", ["file:///a/b conda-forge", "/a/b;/c", "https://a.test/b;conda-forge"])
def test_two_channels_in_one_are_told_apart(words: str, run: Run, write: Write, environ: Environ) -> None:
    environ["CONDA_CHANNELS"] = words
    done = run(write("a.sh", "", HELLO))
    assert f'expected one channel, found "{words}"\n' in done.stderr and "  write a comma between two" in done.stderr
