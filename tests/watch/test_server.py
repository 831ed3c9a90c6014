"""The page's server gives nothing to other pages, other hosts, or those who do not know the token."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from tension_sim.errors import InvalidValueError
from tension_sim.run.watch.server import PageServer

TAKEN: list[dict] = []


def obey(order: dict) -> dict:
    if order.get("do") == "wrong":
        raise InvalidValueError("demo: expected something else.")
    TAKEN.append(order)
    return {"taken": order["do"]}


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer(lambda: [{"kind": "run"}], obey) as server:
        yield server


def asked(server, method, path, body=None, **headers):
    """Return status, body and headers of an answer; ``path`` follows the token unless it begins with "!"."""
    path = path[1:] if path.startswith("!") else f"/{server.token}/{path}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in sent.items():
        connection.putheader(name, value)
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    if data is not None and "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data)
    answer = connection.getresponse()
    found = answer.status, answer.read(), dict(answer.getheaders())
    connection.close()
    return found


JSON = {"Content_Type": "application/json"}


def test_it_listens_on_the_loopback_interface_alone(server):
    assert server._server.socket.getsockname()[0] == "127.0.0.1"
    assert len(server.token) >= 32 and server.token in server.address
    outside = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in outside - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as tried:
            tried.settimeout(1)
            assert tried.connect_ex((address, server.port)) != 0


def test_the_page_comes_whole_with_a_policy_that_lets_nothing_else_in(server):
    status, body, headers = asked(server, "GET", "")
    assert status == 200 and body.startswith(b"<!DOCTYPE html>") and b"{nonce}" not in body
    policy = headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert len(nonce) > 16 and f'<script nonce="{nonce}">'.encode() in body
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff" and "Access-Control-Allow-Origin" not in headers
    assert nonce not in asked(server, "GET", "")[1].decode()  # another one each time


def test_orders_are_taken_and_errors_told(server):
    own = f"http://127.0.0.1:{server.port}"
    status, body, _ = asked(server, "POST", "orders", {"do": "pause"}, Origin=own, **JSON)
    assert (status, json.loads(body)) == (200, {"taken": "pause"})
    assert TAKEN.pop() == {"do": "pause"}
    status, body, _ = asked(server, "POST", "orders", {"do": "wrong"}, **JSON)
    assert (status, json.loads(body)) == (400, {"error": "demo: expected something else."})
    host = f"localhost:{server.port}"
    assert asked(server, "POST", "orders", {"do": "stop"}, Host=host, Origin=f"http://{host}", **JSON)[0] == 200
    TAKEN.clear()


FOREIGN = {
    "a foreign origin": {"Origin": "http://evil.example"},
    "no origin at all": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "an encrypted page": {"Origin": "https://127.0.0.1"},
    "another host": {"Host": "evil.example"},
    "a host without port": {"Host": "127.0.0.1"},
    "a host that begins alike": {"Host": "127.0.0.1.evil.example"},
    "another site": {"Sec_Fetch_Site": "cross-site"},
    "the same site, another origin": {"Sec_Fetch_Site": "same-site"},
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "events"), ("POST", "orders")])
def test_others_get_nothing(server, what, method, path):
    body = {"do": "stop"} if method == "POST" else None
    status, found, headers = asked(server, method, path, body, **JSON, **FOREIGN[what])
    assert (status, found) == (403, b"")
    assert not {"Access-Control-Allow-Origin", "Server", "Content-Type"} & set(headers)
    assert not TAKEN


def test_an_origin_of_the_other_name_of_this_machine_is_another_origin(server):
    other = f"http://localhost:{server.port}"
    assert asked(server, "POST", "orders", {"do": "stop"}, Origin=other, **JSON)[:2] == (403, b"")


@pytest.mark.parametrize(
    "path", ["!/", "!", "!/events", "!/orders", "!/favicon.ico", "!/{wrong}/", "!/{wrong}/events", "!/{short}/", "!*"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_token_gets_nothing(server, method, path):
    path = path.format(wrong="x" * len(server.token), short=server.token[:-1])
    status, found, _ = asked(server, method, path or "!/", {"do": "stop"} if method == "POST" else None, **JSON)
    assert (status, found) == (404, b"")
    assert not TAKEN


@pytest.mark.parametrize("path", ["events/", "page.html", "../", "orders?x=1", "..%2f..%2fetc%2fpasswd"])
def test_there_is_nothing_else(server, path):
    assert asked(server, "GET", path)[:2] == (404, b"")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE"])
def test_other_methods_get_nothing(server, method):
    assert asked(server, method, "orders")[:2] == (405, b"")
    assert asked(server, method, "!/wrong/orders")[:2] == (404, b"")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"do=stop", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b'{"do": "stop"}', {"Content_Type": "text/plain"}),
        (b"{", JSON),
        (b"[1]", JSON),
        (b"[" * 5000, JSON),
        (b"\xff\xfe", JSON),
        (b"{}", {**JSON, "Content_Length": "-1"}),
        (b"{}", {**JSON, "Content_Length": "1000000"}),
    ],
)
def test_what_is_no_order_is_refused(server, body, headers):
    assert asked(server, "POST", "orders", body, **headers)[:2] == (400, b"")
    assert not TAKEN


def test_messages_reach_a_browser_and_a_slow_one_costs_nothing(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", f"/{server.token}/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"
    assert answer.readline() == b'data: {"kind":"run"}\n'
    answer.readline()
    for number in range(3):
        server.send({"number": number})
        assert answer.readline() == b'data: {"number":%d}\n' % number
        answer.readline()
    for number in range(20000):  # nobody reads: those that find no room are left out
        server.send({"number": number, "filled": "x" * 100})
    answer.close()
    connection.close()
