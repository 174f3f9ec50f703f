"""A company's condarc: the engine rattler asks whom it says, by the way it says, and nobody else.

Real servers on this machine; a proxy stands for the rest of the world, notes what it is asked, and refuses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pytest
import rattler
import trustme
from servers import Proxy, Server, proxying, serving

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Write = Callable[..., Path]
    Condarc = Callable[[str], str]

pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason="the channel is made of symlinks and sh")]
SUBDIR = conda_execute.find_subdir(sys.platform, conda_execute.MACHINE)
USERS = {"world": "pw-world", "company": "pw-company", "other": "pw-other"}
PASSWORD, TOKEN = "pw-4711-secret", "tk-2357-secret"  # noqa: S105
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
def plain_server(channel: str) -> Iterator[Server]:
    with serving(urlparse(channel).path) as server:
        yield server


@pytest.fixture(scope="module")
def secure_server(channel: str, authority: trustme.CA) -> Iterator[Server]:
    with serving(urlparse(channel).path, authority.issue_cert("127.0.0.1", "mirror.test")) as server:
        yield server


@pytest.fixture
def server(plain_server: Server) -> Server:
    """Return a server of this test's own, for all that it can tell."""
    plain_server.forget()
    return plain_server


@pytest.fixture
def secure(secure_server: Server) -> Server:
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


def format_channels(channels: str, server: Server) -> str:
    return f"# channels: [{channels}]\n" if channels else ""


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


def find_secrets(env_dir: Path, *texts: str) -> list[str]:
    """Return what was said and has a secret in it, and the files below env-dir that have one."""
    secrets = (PASSWORD, TOKEN, *USERS.values())
    found = [text for text in texts if any(secret in text for secret in secrets)]
    for folder, _, names in os.walk(str(env_dir)):
        for path in (Path(folder, name) for name in names):
            content = path.read_bytes() if path.is_file() else b""
            found += [str(path)] * any(secret.encode() in content for secret in secrets)
    return found


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
    assert find_secrets(env_dir, done.stderr, plan.stdout, plan.stderr, listed.stdout) == []


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
    assert find_secrets(env_dir, done.stderr) == []


# -- Certificates --------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused(run: Run, write: Write, condarc: Condarc, secure: Server) -> None:
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
        ("ssl_verify: {ca}", {"REQUESTS_CA_BUNDLE": "/nowhere", "SSL_CERT_FILE": "/nowhere"}),
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
    value: str, run: Run, write: Write, environ: Environ, home: Path, condarc: Condarc, secure: Server, authority_path: Path
) -> None:
    condarc("channels: ['{secure}/a']\nssl_verify: " + value)
    if value == "truststore":
        environ["SSL_CERT_FILE"] = str(authority_path)
    done = run(write("a.sh", "hello-conda", HELLO))
    if hasattr(rattler.networking.Client, "from_config"):
        assert (done.stdout, secure.channels) == ("hello-conda 1.0\n", ["a"]), done.stderr
        return
    assert (done.returncode, secure.asked, done.stderr) == (
        125,
        [],
        f'conda-execute: {home}/.condarc:2:13: expected ssl_verify that py-rattler {rattler.__version__} has, '
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
    "HTTPS_PROXY, and http of condarc": (PLAIN + "proxy_servers:\n  http: {proxy}", {"HTTPS_PROXY": "other"}, "company"),
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
    assert find_secrets(env_dir, done.stderr) == []


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
