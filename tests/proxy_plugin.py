"""What tests/servers.py adds to its proxy: users with passwords, notes, and names that lead to this machine alone."""

from __future__ import annotations

import base64
import os

from proxy.http.exception import HttpRequestRejected, ProxyAuthenticationFailed
from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin
from servers import NOTES, USERS


def find_user(request: HttpParser) -> str:
    """Return the name of who asks, "-" for one who has no password that is right."""
    given = request.header(b"proxy-authorization") if request.has_header(b"proxy-authorization") else b""
    pair = base64.b64decode(given.partition(b" ")[2]).decode()
    return pair.partition(":")[0] if pair in os.environ[USERS].split(",") else "-"


class Plugin(HttpProxyBasePlugin):  # type: ignore[misc]
    def handle_client_request(self, request: HttpParser) -> HttpParser:
        return request

    def before_upstream_connection(self, request: HttpParser) -> HttpParser:
        user, host = find_user(request), (request.host or b"").decode()
        line = f"{user} {request.method.decode()} {host}:{request.port} {(request.path or b'').decode()}\n"
        fd = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND)
        os.write(fd, line.encode())
        os.close(fd)
        if user == "-":
            raise ProxyAuthenticationFailed()
        if not host.endswith(".test"):
            raise HttpRequestRejected(status_code=403, reason=b"Not here")
        return request

    def resolve_dns(self, host: str, port: int) -> tuple[str, None]:
        return "127.0.0.1", None
