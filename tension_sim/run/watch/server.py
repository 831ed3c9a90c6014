"""The page of a watched run: a server for this machine and this user alone.

It listens on the loopback interface. Each address begins with a random token, and a request counts only if it names
this server as its host and comes from the page itself: other pages in the same browser cannot read or send anything.
"""

from __future__ import annotations

import hmac
import json
import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from ...errors import TensionError

__all__ = ["PageServer"]

#: Bytes of an order, browsers that watch at once, seconds without a byte after which a connection is closed.
_MOST_BYTES, _MOST_CLIENTS, _PATIENCE = 2**16, 16, 30.0
#: Messages that wait for a browser; a slow one misses some.
_WAITING = 64
#: Seconds after which a silent stream says that it is there.
_SILENCE = 5.0

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer:
    """Serve the page, a stream of messages, and take orders.

    Parameters
    ----------
    first : callable
        Returns the messages that a browser gets first.
    obey : callable
        Takes an order as a dictionary, and returns what is answered; an error of ours is answered by its text.

    Attributes
    ----------
    address : str
        Of the page, with its token.

    Examples
    --------
    >>> with PageServer(lambda: [], lambda order: {}) as server:
    ...     server.address.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self, first: Callable[[], list[dict[str, Any]]], obey: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        self.token: str = secrets.token_urlsafe(24)
        self._first = first
        self.obey: Callable[[dict[str, Any]], dict[str, Any]] = obey
        self._clients: list[queue.Queue[bytes | None]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self.port: int = self._server.server_address[1]
        self.address: str = f"http://127.0.0.1:{self.port}/{self.token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, told: dict[str, Any]) -> None:
        """Send a message to all browsers; this never waits."""
        with self._lock:
            if not self._clients:
                return
            data = encoded(told)
            for client in self._clients:
                with suppress(queue.Full):
                    client.put_nowait(data)

    def join(self) -> tuple[queue.Queue[bytes | None], list[bytes]] | None:
        """Return the messages for a browser, and those it gets first; None: there are too many."""
        client: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        with self._lock:
            if len(self._clients) >= _MOST_CLIENTS:
                return None
            self._clients.append(client)
        return client, [encoded(one) for one in self._first()]

    def leave(self, client: queue.Queue[bytes | None]) -> None:
        """Forget a browser."""
        with self._lock, suppress(ValueError):
            self._clients.remove(client)

    @property
    def watched(self) -> bool:
        """Whether a browser is there."""
        return bool(self._clients)

    def close(self) -> None:
        """End all streams, and the server."""
        with self._lock:
            for client in self._clients:
                with suppress(queue.Full):
                    client.put_nowait(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


def encoded(told: dict[str, Any]) -> bytes:
    """Return a message as a server-sent event."""
    return b"data: " + json.dumps(told, separators=(",", ":"), allow_nan=False).encode() + b"\n\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], page: PageServer) -> None:
        self.page = page
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tension-sim", ""
    timeout = _PATIENCE

    @property
    def page(self) -> PageServer:
        """Whose requests these are."""
        server: Any = self.server
        found: PageServer = server.page
        return found

    def do_GET(self) -> None:
        """Serve the page and the stream."""
        place = self._place()
        if place == "":
            self._page()
        elif place == "events":
            self._events()
        elif place is not None:
            self._refuse(404)

    def do_POST(self) -> None:
        """Take an order."""
        place = self._place(writes=True)
        if place is None:
            return
        if place != "orders":
            self._refuse(404)
            return
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not length.isdecimal() or not 0 < int(length) <= _MOST_BYTES or kind != "application/json":
            self._refuse(400)
            return
        try:
            order = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            order = None
        if not isinstance(order, dict):
            self._refuse(400)
            return
        try:
            self._answer(200, self.page.obey(order))
        except TensionError as error:
            self._answer(400, {"error": str(error)})

    def do_other(self) -> None:
        """Refuse all other methods."""
        if self._place() is not None:
            self._refuse(405)

    do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = do_CONNECT = do_other

    def _place(self, writes: bool = False) -> str | None:
        """Return what is asked for behind the token; None: it was refused, and learns nothing but that."""
        page = self.page
        own = {f"127.0.0.1:{page.port}", f"localhost:{page.port}"}
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        strange = len(hosts) != 1 or hosts[0] not in own or len(origins) > 1
        strange = strange or (bool(origins) and origins[0] != f"http://{hosts[0]}")
        site = self.headers.get("Sec-Fetch-Site", "none" if not writes else "same-origin")
        if strange or site not in ("same-origin", "none") or (writes and site != "same-origin"):
            self._refuse(403)
            return None
        _, token, *rest = (*self.path.split("/", 2), "", "")[:3]
        if not hmac.compare_digest(token.encode(), page.token.encode()) or self.path.count("/") < 2:
            self._refuse(404)
            return None
        return rest[0]

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, without a word."""
        self._refuse(code)

    def _start(self, status: int, kind: str, length: int | None, nonce: str = "") -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        for name, value in _HEADERS.items():
            self.send_header(name, value.replace("{nonce}", nonce))
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        self._start(status, "application/json", len(data))
        self.wfile.write(data)

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        text = (
            files("tension_sim.run.watch").joinpath("page.html").read_text(encoding="utf-8").replace("{nonce}", nonce)
        )
        data = text.encode()
        self._start(200, "text/html; charset=utf-8", len(data), nonce)
        self.wfile.write(data)

    def _events(self) -> None:
        joined = self.page.join()
        if joined is None:
            self._refuse(503)
            return
        client, first = joined
        self.close_connection = True
        try:
            self._start(200, "text/event-stream", None)
            self.wfile.write(b"".join(first))
            while (data := self._next(client)) is not None:
                self.wfile.write(data)
                self.wfile.flush()
        except OSError:  # the browser went away
            pass
        finally:
            self.page.leave(client)

    @staticmethod
    def _next(client: queue.Queue[bytes | None]) -> bytes | None:
        try:
            return client.get(timeout=_SILENCE)
        except queue.Empty:
            return b": here\n\n"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: the token is in every address."""
