"""The proxy between a client and Redis: whom it cuts off, and what is left when it ends."""

import contextlib
import gc
import socket
import time

import pytest

from redis_helpers.course.breaking.fault_proxy import FaultProxy


def client_of(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.settimeout(20)
    return client


def amid_its_handshake(proxy):
    """A client that the proxy has, and which says nothing."""
    silent = client_of(proxy)
    with client_of(proxy) as greeted:  # the proxy answers the second: it has the first
        greeted.sendall(b"PING\r\n" * 10)
        greeted.recv(1)
    return silent


def amid_its_traffic(proxy):
    client = client_of(proxy)
    client.sendall(b"PING\r\n")
    client.recv(100)  # an answer, or that a password is wanted
    return client


def is_cut_off(client):
    with client, contextlib.suppress(ConnectionResetError):
        return client.recv(1) == b""
    return True


def test_a_client_amid_its_handshake_is_cut_off_when_the_proxy_ends(server, tls):
    with FaultProxy(server.port, tls.context) as proxy:
        silent = amid_its_handshake(proxy)
    assert is_cut_off(silent)


@pytest.mark.parametrize("context", [None, "context"])
def test_a_client_that_comes_at_the_very_end_is_cut_off_too(server, tls, context):
    """The loop hears of the client and of the end in one turn."""
    with FaultProxy(server.port, context and getattr(tls, context)) as proxy:
        proxy._running_loop().call_soon_threadsafe(time.sleep, 0.1)
        late = client_of(proxy)
    assert is_cut_off(late)
    gc.collect()  # what Python drops without closing it complains here


@pytest.mark.parametrize(("client_amid", "context"), [(amid_its_traffic, None), (amid_its_handshake, "context")])
def test_a_cut_closes_the_connections_there_are_and_new_ones_are_welcome(server, tls, client_amid, context):
    with FaultProxy(server.port, context and getattr(tls, context)) as proxy:
        client = client_amid(proxy)
        proxy.cut()
        assert is_cut_off(client)
        client_amid(proxy).close()
