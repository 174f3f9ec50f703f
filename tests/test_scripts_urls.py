"""Scripts from a URL: a real server on the loopback, with and without TLS, good and broken in the usual ways."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from conftest import ROOT, SHUTDOWN_POLL_S, failed

import conda_execute

if TYPE_CHECKING:
    from typing import Callable, Iterator

    from conftest import Environ, Run

    Handler = http.server.BaseHTTPRequestHandler
    Answer = Callable[[Handler], None]


SCRIPT = b'# conda execute\n# env:\n#  - hello-conda =1.0\n\nhello-conda "$0" "$@"\n'
PIN = "#sha256=" + hashlib.sha256(SCRIPT).hexdigest()
TOLD = SCRIPT.replace(b"1.0\n", b"1.0\n# run_with: sh\n")  # which needs no suffix
PIN_OF_TOLD = "#sha256=" + hashlib.sha256(TOLD).hexdigest()
WARNING = "conda-execute: warning: %s comes without encryption%s\n"
ADVICE = ": who is on the way can change it; #sha256=HEX behind the address prevents that"
NOT_KEPT = (
    "expected a script from before, found none, and --offline forbids to fetch it\n"
    "  only what #sha256=HEX pins is kept for later"
)


class Web:
    """A server that gives the answers it is told to, and notes what it was asked for."""

    def __init__(self, certificate: trustme.LeafCert | None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.is_over = threading.Event()
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                with suppress(OSError):  # who asked has gone
                    web.answers.get(self.path, page(b"no\n", status=404))(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.home = f"http://localhost:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.home = self.home.replace("http", "https")

    def put(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.home + path


@contextmanager
def serving(certificate: trustme.LeafCert | None = None) -> Iterator[Web]:
    web = Web(certificate)
    threading.Thread(target=partial(web.server.serve_forever, SHUTDOWN_POLL_S), daemon=True).start()
    yield web
    web.is_over.set()
    web.server.shutdown()
    web.server.server_close()


# -- answers


def page(content: bytes = SCRIPT, kind: str = "text/plain", status: int = 200, **headers: object) -> Answer:
    """Return an answer with this content, and with headers whose names have "_" for "-"."""

    def answer(request: Handler) -> None:
        request.send_response(status)
        for name, value in {"Content_Type": kind, "Content_Length": len(content), **headers}.items():
            if value is not None:
                request.send_header(name.replace("_", "-"), str(value))
        request.end_headers()
        request.wfile.write(content)

    return answer


def redirect(to: str, status: int = 302) -> Answer:
    return page(b"", status=status, Location=to)


def cut_chunk(request: Handler) -> None:
    request.protocol_version = "HTTP/1.1"
    page(b"40\r\n# conda execute\n", Content_Length=None, Transfer_Encoding="chunked")(request)
    request.close_connection = True


def drip(web: Web, request: Handler) -> None:
    page(b"# conda execute\n", Content_Length=10000)(request)
    while not web.is_over.wait(0.02):
        request.wfile.write(b"#")


def endless(web: Web, request: Handler) -> None:
    page(b"# conda execute\n", Content_Length=None)(request)
    while not web.is_over.is_set():
        request.wfile.write(b"#" * 65535 + b"\n")


def garbage(request: Handler) -> None:
    request.wfile.write(b"\x1b[31mwhat?\r\n\r\n")


# -- parts


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def trusting(environ: Environ, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let Python trust this authority, and meet no proxy."""
    for name in [name for name in environ if name.lower().endswith("_proxy")]:
        del environ[name]
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    environ["SSL_CERT_FILE"] = str(path)


@pytest.fixture
def web(authority: trustme.CA) -> Iterator[Web]:
    with serving(authority.issue_cert("localhost")) as web:
        yield web


@pytest.fixture
def plain() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def run_quick(environ: Environ, tmp_path: Path) -> Run:
    """Return a function that runs conda_execute.py with other limits."""

    def function(limits: str, *words: object) -> subprocess.CompletedProcess[str]:
        code = f"import conda_execute as c; {limits}; c.sys.exit(c.main())"
        argv = [sys.executable, "-c", code, *map(str, words)]
        environ["PYTHONPATH"] = str(ROOT)
        pipe = subprocess.PIPE
        return subprocess.run(argv, env=environ, cwd=tmp_path, stdout=pipe, stderr=pipe, timeout=60, text=True)

    return function


def kept(env_dir: Path, name: str, content: bytes = SCRIPT) -> Path:
    return env_dir / ".scripts" / hashlib.sha256(content).hexdigest() / name


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# -- what is fetched and run


def test_a_script_from_https_runs_from_where_it_is_kept(run: Run, web: Web, env_dir: Path) -> None:
    done = run("-q", web.put("/tools/plot.sh?v=1", page()), "a b", "--help")
    path = kept(env_dir, "plot.sh")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hello-conda 1.0 {path} a b --help\n", "")
    assert path.read_bytes() == SCRIPT
    assert files(env_dir / ".scripts") == [path.parent.name, f"{path.parent.name}/plot.sh"]


def test_a_url_is_fetched_at_each_run(run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", page())
    run("-q", url)
    other = SCRIPT + b"echo more\n"
    web.put("/plot.sh", page(other))
    assert run("-q", url).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh', other)}\nmore\n"


def test_http_is_warned_of_unless_quiet_or_pinned(run: Run, plain: Web) -> None:
    url = plain.put("/plot.sh", page())
    assert run("-n", url).stderr == WARNING % (url, ADVICE)
    assert run("-n", url + PIN).stderr == WARNING % (url, "")
    assert run("-n", "-q", url).stderr == ""


def test_a_file_url_runs(run: Run, tmp_path: Path, env_dir: Path) -> None:
    (tmp_path / "my plot.sh").write_bytes(SCRIPT)
    for words in ([], ["--offline"]):
        done = run("-q", *words, (tmp_path / "my plot.sh").as_uri())
        assert done.stdout == f"hello-conda 1.0 {kept(env_dir, 'myplot.sh')}\n"


def test_a_scheme_is_read_in_any_case(run: Run, web: Web) -> None:
    web.put("/plot.sh", page())
    assert run("-n", web.home.replace("https", "HTTPS") + "/plot.sh").returncode == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_redirections_are_followed_from_http_to_https_too(run: Run, web: Web, plain: Web, status: int) -> None:
    last = web.put("/plot.sh", page())
    url = plain.put("/a", redirect(web.put("/b", redirect(last, status)), status))
    plan = json.loads(run("-q", "-n", "--json", url).stdout)
    assert Path(plan["script"]).name == "plot.sh"


def test_the_name_of_the_last_redirection_chooses_the_interpreter(run: Run, web: Web) -> None:
    url = web.put("/latest", redirect("/plot.R"))
    web.put("/plot.R", page())
    assert json.loads(run("-n", "--json", url).stdout)["run_with"] == ["Rscript"]


def test_a_proxy_is_used_where_one_is_set(run: Run, plain: Web, environ: Environ) -> None:
    url = "http://nowhere.invalid/plot.sh"
    plain.answers[url] = page()
    environ["http_proxy"] = plain.home
    assert run("-q", "-n", url).returncode == 0
    assert plain.asked == [url]


def test_dry_runs_create_nothing(run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", page()) + PIN
    assert f"Command: sh {kept(env_dir, 'plot.sh')} a" in run("-n", url, "a").stdout
    plan = json.loads(run("-n", "--json", url, "a").stdout)
    assert (plan["script"], plan["exists"]) == (str(kept(env_dir, "plot.sh")), False)
    assert plan["command"] == ["sh", plan["script"], "a"]
    assert not env_dir.exists()


def test_conda_tmpenv_takes_a_url_for_a_script(run: Run, web: Web, env_dir: Path) -> None:
    done = run("--tmpenv", "name", "--script", web.put("/plot.sh", page()))
    assert done.stdout == f"{env_dir}/{conda_execute.find_name(['hello-conda =1.0'])}\n"
    assert not (env_dir / ".scripts").exists()


@pytest.mark.once
def test_two_at_once_fetch_and_run_the_same(environ: Environ, run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", page())
    run("--tmpenv", "create", "hello-conda =1.0")
    command = [sys.executable, str(ROOT / "conda_execute.py"), "-q", url]
    for _ in range(5):
        children = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) for _ in range(4)]
        outputs = {child.communicate()[0].decode() for child in children}
        assert outputs == {f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"}
        kept(env_dir, "plot.sh").unlink()


# -- what is refused


REACH, LATER, LOGIN = conda_execute.FETCH_HINTS.values()
BROKEN = {
    "not there": (page(b"no\n", status=404), f"expected a script, found: HTTP Error 404: Not Found\n  {LOGIN}"),
    "broken server": (
        page(b"no\n", status=500),
        f"expected a script, found: HTTP Error 500: Internal Server Error\n  {LATER}",
    ),
    "forbidden": (page(b"no\n", status=403), f"expected a script, found: HTTP Error 403: Forbidden\n  {LOGIN}"),
    "asks for a password": (
        page(b"no\n", status=401, WWW_Authenticate="Basic"),
        f"expected a script, found: HTTP Error 401: Unauthorized\n  {LOGIN}",
    ),
    "shorter than it says": (
        page(Content_Length=len(SCRIPT) + 1),
        "expected a whole script, found a part: the connection was cut",
    ),
    "cut in a chunk": (cut_chunk, "expected a whole script, found a part: the connection was cut"),
    "no HTTP": (garbage, "expected a script, found: ?[31mwhat?"),
    "says nothing": (
        lambda request: None,
        f"expected a script, found: Remote end closed connection without response\n  {REACH}",
    ),
    "a page": (
        page(b"<html>", kind="text/html; charset=utf-8"),
        f"expected a script, found a web page\n  {conda_execute.PAGE}",
    ),
    "a picture": (
        page(b"\x89PNG", kind="image/png"),
        f'expected a script, found "image/png"\n  {conda_execute.PAGE}',
    ),
    "a page that says that it is text": (
        page(b"<!DOCTYPE html>\n<title>Sign in</title>", kind="text/plain"),
        f"expected a script, found a web page\n  {conda_execute.PAGE}",
    ),
    "nothing": (
        page(b""),
        "expected a script, found nothing in it\n  check the path, and what should have written it",
    ),
    "bytes": (page(b"\0\xff"), f"expected a script, found a binary file\n  {conda_execute.OTHER}"),
    "no block": (
        page(b"\xff\n"),
        'expected a comment block that begins with "# conda execute", found none\n'
        '  write "# conda execute", "# env:" and "#  - python" on lines of their own',
    ),
    "a loop": (
        redirect("/plot.sh"),
        "expected a script, found: HTTP Error 302: The HTTP server returned a redirect error that would lead to an "
        "infinite loop. The last 30x error message was: Found",
    ),
    "to http": (
        redirect("http://localhost/x\x1b"),
        'expected https all the way, found a redirection to "http://localhost/x%1B"',
    ),
    "to ftp": (
        redirect("ftp://localhost/x"),
        'expected https all the way, found a redirection to "ftp://localhost/x"',
    ),
    "to a file": (
        redirect("file:///etc/passwd"),
        "expected a script, found: HTTP Error 302: Found - Redirection to url 'file:///etc/passwd' is not allowed",
    ),
    "to nowhere": (page(b"", status=302), "expected a script, found: HTTP Error 302: Found"),
}


@pytest.mark.parametrize("answer, text", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_told_and_leaves_nothing(
    run: Run, web: Web, env_dir: Path, answer: Answer, text: str
) -> None:
    url = web.put("/plot.sh", answer)
    assert failed(run(url), f"{url}: {text}")
    assert not env_dir.exists()


def test_a_redirection_from_https_leads_to_http_by_no_way_round(run: Run, web: Web, plain: Web) -> None:
    url = plain.put("/a", redirect(web.put("/b", redirect(plain.put("/c", page())))))
    text = f'{url}: expected https all the way, found a redirection to "{plain.home}/c"'
    assert failed(run("-q", url), text)


def test_a_redirection_to_a_name_and_password_leads_nowhere(run: Run, web: Web) -> None:
    url = web.put("/a", redirect(web.home.replace("localhost", "me:secret@localhost") + "/b"))
    web.put("/b", page())
    done = run(url)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {url}: expected a script, found: ")
    assert web.asked == ["/a"]


def test_an_answer_that_drips_ends_at_the_time_limit(run_quick: Run, web: Web) -> None:
    url = web.put("/plot.sh", partial(drip, web))
    text = f"{url}: expected a script within 1 s, found none"
    assert failed(run_quick("c.FETCH_LIMIT_S = 1", url), text)


def test_an_answer_that_does_not_come_ends_at_the_poll_limit(run_quick: Run, web: Web) -> None:
    url = web.put("/plot.sh", lambda request: web.is_over.wait(60) and None)
    done = run_quick("c.FETCH_POLL_S = 0.2", url)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {url}: expected a script, found: ")
    assert done.stderr.endswith(f"timed out\n  {REACH}\n")


def test_an_answer_without_end_ends_at_the_size_limit(run: Run, web: Web) -> None:
    url = web.put("/plot.sh", partial(endless, web))
    assert failed(run(url), f"{url}: expected a script of at most 10 MiB, found more")


def test_a_script_of_10_mib_is_not_too_large(run: Run, web: Web) -> None:
    content = SCRIPT + b"#" * ((10 << 20) - len(SCRIPT))
    assert run("-n", web.put("/plot.sh", page(content))).returncode == 0


@pytest.mark.parametrize("name", ["example.org", "*.localhost", "127.0.0.1"])
def test_a_certificate_for_another_host_is_refused(run: Run, authority: trustme.CA, name: str) -> None:
    with serving(authority.issue_cert(name)) as web:
        url = web.put("/plot.sh", page())
        done = run(url)
        assert (done.returncode, done.stdout) == (125, "")
        text = "expected a script, found: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch"
        assert done.stderr.startswith(f"conda-execute: {url}: {text}")
        assert web.asked == []


def test_a_certificate_of_a_stranger_is_refused(run: Run) -> None:
    with serving(trustme.CA().issue_cert("localhost")) as web:
        url = web.put("/plot.sh", page())
        done = run(url)
        assert (done.returncode, done.stdout) == (125, "")
        assert f"{url}: expected a script, found: [SSL: CERTIFICATE_VERIFY_FAILED]" in done.stderr
        assert web.asked == []


def test_https_from_a_server_without_it_is_told(run: Run, plain: Web) -> None:
    url = plain.home.replace("http", "https") + "/plot.sh"
    done = run(url)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith(f"conda-execute: {url}: expected a script, found: [SSL: ")


def test_a_refused_connection_is_told(run: Run) -> None:
    with serving() as web:
        url = web.home + "/plot.sh"
    assert failed(run("-q", url), f"{url}: expected a script, found: [Errno 111] Connection refused\n  {REACH}")


def test_a_host_that_nobody_knows_is_told(run: Run) -> None:
    done = run("https://nowhere.invalid/plot.sh")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("conda-execute: https://nowhere.invalid/plot.sh: expected a script, found: [Errno ")
    assert done.stderr.endswith(f"\n  {REACH}\n")


ADDRESSES = {
    "blank": (
        "https://localhost/a b.sh",
        "expected an address of printable ASCII, found the character U+0020\n  write https://localhost/a%20b.sh",
    ),
    "newline": (
        "https://localhost/a.sh\nX-Header: 1",
        "expected an address of printable ASCII, found the character U+000A\n"
        "  write https://localhost/a.sh%0AX-Header:%201",
    ),
    "escape": (
        "https://localhost/\x1b[31m",
        "expected an address of printable ASCII, found the character U+001B\n  write https://localhost/%1B[31m",
    ),
    "not ASCII": (
        "https://localhost/größe.sh",
        "expected an address of printable ASCII, found the character U+00F6\n"
        "  write https://localhost/gr%C3%B6%C3%9Fe.sh",
    ),
    "not UTF-8": (
        os.fsdecode(b"https://localhost/\xe9.sh"),
        "expected an address of printable ASCII, found the character U+DCE9\n  write https://localhost/%E9.sh",
    ),
    "blank in a file's": (
        "file:///a b.sh",
        "expected an address of printable ASCII, found the character U+0020\n  write file:///a%20b.sh",
    ),
    "no host": ("https://", f"expected a script, found: no host given\n  {REACH}"),
    "no host but a path": ("https:///plot.sh", f"expected a script, found: no host given\n  {REACH}"),
    "strange port": ("https://localhost:x/", "expected a script, found: nonnumeric port: 'x'"),
    "half an address": ("https://[::1/plot.sh", "expected a script, found: "),
    "another's file": (
        "file://example.org/etc/passwd",
        "expected three slashes and a whole path, found two\n"
        "  write file:///WHOLE/PATH, or the path alone: example.org/etc/passwd",
    ),
    "folder": ("file:///etc", "expected a script, found: [Errno 21] Is a directory: '/etc'"),
    "no file": (
        "file:///no%00file",
        "expected a script, found: ",
    ),
    "empty pin": ("https://localhost/#", 'expected #sha256= and 64 hex digits, found "#"\n  or leave it out'),
    "pin without a hash": (
        "https://localhost/#sha256=",
        'expected #sha256= and 64 hex digits, found "#sha256="\n  or leave it out',
    ),
    "short pin": (
        "https://localhost/#sha256=abc",
        'expected #sha256= and 64 hex digits, found "#sha256=abc"\n  or leave it out',
    ),
    "pin that climbs": (
        "https://localhost/#sha256=" + "../" * 21 + "x",
        f'expected #sha256= and 64 hex digits, found "#sha256={("../" * 21)[:49]}..."\n  or leave it out',
    ),
    "another hash": (
        "https://localhost/#md5=" + "0" * 32,
        f'expected #sha256= and 64 hex digits, found "#md5={"0" * 32}"\n  or leave it out',
    ),
    "place in a page": (
        "https://gist.github.com/me/0a1b#file-plot-py",
        'expected #sha256= and 64 hex digits, found "#file-plot-py"\n  or leave it out',
    ),
}


@pytest.mark.parametrize("url, text", ADDRESSES.values(), ids=ADDRESSES)
def test_a_strange_address_is_told(run: Run, env_dir: Path, url: str, text: str) -> None:
    done = run(url)
    assert (done.returncode, done.stdout) == (125, "")
    start = f"conda-execute: {conda_execute.printable(url)}: {text}"
    assert done.stderr.rstrip("\n") == start or text.endswith(": ") and done.stderr.startswith(start)
    assert not env_dir.exists()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["me:secret", "me", ""])
@pytest.mark.parametrize("pin", ["", PIN, "#x"])
def test_a_password_in_an_address_is_refused_and_not_repeated(run: Run, scheme: str, user: str, pin: str) -> None:
    done = run(f"{scheme}://{user}@localhost/plot.sh{pin}")
    text = "expected an address without name and password, found one\n  fetch it to a file, and run that"
    assert failed(done, text)


def test_an_at_sign_in_a_path_is_no_name(run: Run, web: Web) -> None:
    for path in ("/@me/plot.sh", "/plot.sh?to=a@b"):
        assert run("-n", web.put(path, page())).returncode == 0


NAMES = {
    "/..%2f..%2fx.sh": "x.sh",
    "/": "script",
    "": "script",
    "/%2e%2e": "script",
    "/%00": "script",
    "/.hidden": "hidden",
    "/.sh": "sh",
    "/-c.py": "c.py",
    "/%D1%81.py": "script.py",
    "/a%20b%0a.tar.R": "ab.tar.R",
    "/" + "x" * 300 + ".py": "x" * 60 + ".py",
    "/x." + "y" * 300: "x." + "y" * 59,
    "/a.sh?b=/c.py": "a.sh",
    "/a;b.jl": "ab.jl",
    "?a/b.py": "script",
}


@pytest.mark.parametrize("path, name", NAMES.items(), ids=[ascii(path)[:20] for path in NAMES])
def test_no_name_leaves_its_folder(run: Run, web: Web, env_dir: Path, path: str, name: str) -> None:
    web.put(path if path[:1] == "/" else "/" + path, page(TOLD))
    plan = json.loads(run("-n", "--json", web.home + path).stdout)
    assert plan["script"] == str(kept(env_dir, name, TOLD))


# -- pages of GitHub and Gist


PAGES = {
    "https://github.com/me/tools/blob/main/a/plot.py": "https://github.com/me/tools/raw/main/a/plot.py",
    "https://GitHub.com/me/tools/blob/main/plot.py?plain=1": "https://GitHub.com/me/tools/raw/main/plot.py",
    "https://github.com/me/blob/blob/blob/blob/plot.py": "https://github.com/me/blob/raw/blob/blob/plot.py",
    "https://gist.github.com/me/0a1b": "https://gist.github.com/me/0a1b/raw",
    "https://gist.github.com/me/0a1b/": "https://gist.github.com/me/0a1b/raw",
    **dict.fromkeys(
        [
            "https://github.com/me/tools/raw/main/plot.py",
            "https://github.com/me/tools/blob",
            "https://github.com/me/tools",
            "https://github.com",
            "https://",
            "https:///",
            "file:///",
            "https://raw.githubusercontent.com/me/tools/main/blob/plot.py",
            "https://gist.github.com/me/0a1b/raw/plot.py?x=1",
            "https://example.org/github.com/me/tools/blob/main/plot.py",
            "https://github.com.example.org/me/tools/blob/main/plot.py",
        ]
    ),
}


@pytest.mark.parametrize("address, raw", PAGES.items(), ids=PAGES)
def test_a_page_that_shows_a_file_stands_for_it(address: str, raw: str | None) -> None:
    assert conda_execute.find_raw(address) == (raw or address)


@pytest.mark.parametrize("address", [one for one, raw in PAGES.items() if raw], ids=str)
def test_the_file_behind_a_page_is_what_is_asked_for(run: Run, plain: Web, environ: Environ, address: str) -> None:
    """The proxy stands for the hosts, which takes http here: a proxy of https sees no addresses."""
    raw = str(PAGES[address]).replace("https", "http")
    plain.answers[raw] = redirect("http://gist.githubusercontent.com/me/0a1b/raw/plot.sh")
    plain.answers["http://gist.githubusercontent.com/me/0a1b/raw/plot.sh"] = page()
    environ["http_proxy"] = plain.home
    assert run("-q", "-n", address.replace("https", "http")).returncode == 0
    assert plain.asked == [raw, "http://gist.githubusercontent.com/me/0a1b/raw/plot.sh"]


# -- pins


@pytest.mark.parametrize("pin", [PIN, PIN.upper(), PIN.replace("sha", "SHA")])
def test_a_pinned_script_is_fetched_once(run: Run, web: Web, env_dir: Path, pin: str) -> None:
    url = web.put("/plot.sh", page()) + pin
    for words in ([], ["-f"], ["--offline"]):
        done = run("-q", *words, url, "a")
        assert (done.stdout, done.stderr) == (f"hello-conda 1.0 {kept(env_dir, 'plot.sh')} a\n", "")
    assert web.asked == ["/plot.sh"]


def test_a_pinned_script_runs_when_its_server_is_gone(run: Run, env_dir: Path) -> None:
    with serving() as web:
        url = web.put("/latest", redirect("/plot.sh")) + PIN
        web.put("/plot.sh", page())
        run("-q", url)
    done = run(url)
    assert (done.stdout, done.stderr) == (f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n", "")


def test_a_script_that_differs_from_its_pin_does_not_run(run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", page(SCRIPT + b"#")) + PIN
    found = hashlib.sha256(SCRIPT + b"#").hexdigest()
    text = (
        f"{url}: expected a script with {PIN}, found sha256={found}\n"
        "  the script has changed, or somebody changed it: look at it before you write its new hash"
    )
    assert failed(run(url), text)
    assert not env_dir.exists()


@pytest.mark.parametrize("pin", ["", PIN])
def test_offline_asks_nobody(run: Run, web: Web, pin: str) -> None:
    url = web.put("/plot.sh", page()) + pin
    assert failed(run("--offline", url), f"{web.home}/plot.sh: {NOT_KEPT}")
    assert web.asked == []


def damage(path: Path, kind: str) -> None:
    if kind == "changed":
        path.write_bytes(SCRIPT + b"echo bad\n")
    elif kind == "cut":
        path.write_bytes(SCRIPT[:-1])
    elif kind == "gone":
        path.unlink()
    elif kind == "a part":  # of a writer that was killed before it renamed it
        path.rename(path.with_name(".12345.part"))
    elif kind == "a folder":
        path.unlink()
        path.with_name("folder").mkdir()
    elif kind == "a link to nowhere":
        path.unlink()
        path.symlink_to("nowhere")


DAMAGE = ["changed", "cut", "gone", "a part", "a folder", "a link to nowhere"]


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_kept_script_that_was_damaged_is_fetched_anew(run: Run, web: Web, env_dir: Path, kind: str) -> None:
    url = web.put("/plot.sh", page()) + PIN
    run("-q", url)
    damage(kept(env_dir, "plot.sh"), kind)
    assert failed(run("--offline", url), f"{web.home}/plot.sh: {NOT_KEPT}")
    assert run("-q", url).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"
    assert run("--offline", url).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"
    assert len(web.asked) == 2


def test_equal_scripts_keep_their_own_names(run: Run, web: Web, env_dir: Path) -> None:
    """The suffix chooses the interpreter: another URL may not lend its name."""
    run("-q", web.put("/first.sh", page()) + PIN)
    assert run("-q", web.home + "/a.R" + PIN).returncode == 127
    for _ in range(2):
        assert run("-q", web.home + "/plot.sh" + PIN).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"
    assert web.asked == ["/first.sh"]


@pytest.mark.parametrize("name", ["raw", *conda_execute.CODE_NAMES])
def test_code_from_stdin_lends_no_name_to_a_redirection(run: Run, web: Web, env_dir: Path, name: str) -> None:
    url = web.put("/raw", redirect("/" + name + ".R")) + PIN_OF_TOLD
    web.put("/" + name + ".R", page(TOLD))
    assert run("-q", "-", stdin=None, input=TOLD.decode()).stdout == f"hello-conda 1.0 {kept(env_dir, 'stdin', TOLD)}\n"
    for _ in range(2):
        assert run("-q", url).stdout == f"hello-conda 1.0 {kept(env_dir, name + '.R', TOLD)}\n"
    assert web.asked == ["/raw", f"/{name}.R"]


def test_a_name_with_a_suffix_counts_whatever_the_last_redirections_is(run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", redirect("/0a1b.R"))
    web.put("/0a1b.R", page())
    assert run("-q", url).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"
    assert run("--offline", url + PIN).stdout == f"hello-conda 1.0 {kept(env_dir, 'plot.sh')}\n"


@pytest.mark.parametrize("name", conda_execute.CODE_NAMES)
def test_a_pinned_script_may_be_called_as_code_is(run: Run, web: Web, env_dir: Path, name: str) -> None:
    url = web.put("/" + name, page(TOLD)) + PIN_OF_TOLD
    for _ in range(2):
        assert run("-q", url).stdout == f"hello-conda 1.0 {kept(env_dir, name, TOLD)}\n"
    assert web.asked == ["/" + name]


# -- env-dir


def test_nothing_kept_runs_from_an_env_dir_of_everyone(run: Run, web: Web, env_dir: Path) -> None:
    url = web.put("/plot.sh", page()) + PIN
    run("-q", url)
    env_dir.chmod(0o777)
    text = f"{env_dir}: expected an env-dir of yours or root's, found one that anyone may write to"
    done = run(url)
    assert (done.returncode, done.stdout) == (125, "")
    assert text in done.stderr and conda_execute.OWN_FOLDER in done.stderr


def test_kept_scripts_are_for_their_owner_alone_to_write_to(run: Run, web: Web, env_dir: Path) -> None:
    run("--tmpenv", "create", "hello-conda =1.0")
    run("-q", web.put("/plot.sh", page()), preexec_fn=partial(os.umask, 0))
    path = kept(env_dir, "plot.sh")
    assert [oct(one.stat().st_mode & 0o777) for one in (path, path.parent, path.parent.parent)] == [
        "0o644",
        "0o755",
        "0o755",
    ]
