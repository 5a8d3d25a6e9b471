"""Headers on every response, and whom a request may come from.

Plain ASGI: a wrapping middleware would hold back the event stream.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Everything comes from this server; blob: are frames that the page has fetched to draw them.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def allowed_hosts(listen: str) -> frozenset[str] | None:
    """Host names that a request may carry, or None for any.

    On loopback only its own names: otherwise a foreign web page whose name is made to resolve to 127.0.0.1
    (DNS rebinding) could read the pictures. On another address the names are not ours to know.
    """
    return _LOOPBACK if listen in ("localhost", "::1") or listen.startswith("127.") else None


class Security:
    """Adds security headers and refuses foreign host names."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if _is_foreign(scope):
            await PlainTextResponse("not from another site\n", status_code=403)(scope, receive, send_with_headers)
            return
        if self._hosts is not None and _host_name(Headers(scope=scope).get("host", "")) not in self._hosts:
            refusal = PlainTextResponse("this host name is not served here\n", status_code=421)
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _is_foreign(scope: Scope) -> bool:
    """Whether a page of another origin sends this and it would change something.

    A browser lets any page post to the console (cross-site request forgery), but says which page it was: in
    `Sec-Fetch-Site` (Fetch Metadata), or in `Origin` where it is older. Programs send neither.
    """
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    headers = Headers(scope=scope)
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _host_name(host: str) -> str:
    """The Host header without its port.

    >>> _host_name("[::1]:8080"), _host_name("Localhost:8080"), _host_name("127.0.0.1")
    ('[::1]', 'localhost', '127.0.0.1')
    """
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
