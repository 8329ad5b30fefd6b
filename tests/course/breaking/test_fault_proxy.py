"""The proxy between a client and Redis: what is left when it ends."""

import socket

from redis_helpers.course.breaking.fault_proxy import FaultProxy


def test_a_client_amid_its_handshake_is_cut_off_when_the_proxy_ends(server, tls):
    with FaultProxy(server.port, tls.context) as proxy:
        silent = socket.create_connection(("127.0.0.1", proxy.port))
        greeted = socket.create_connection(("127.0.0.1", proxy.port))  # the proxy answers the second: it has the first
        greeted.sendall(b"PING\r\n" * 10)
        greeted.recv(1)
    with silent, greeted:
        silent.settimeout(20)
        assert silent.recv(1) == b""
