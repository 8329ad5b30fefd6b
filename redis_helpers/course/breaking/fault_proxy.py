"""`FaultProxy`: lets the network between a client and a server fail on demand."""

import asyncio
import socket
import ssl
import sys
import threading

from redis_helpers.errors import CourseError


class FaultProxy:
    """Stands between a client and a server on loopback, and lets the network fail on demand.

        with FaultProxy(server.port) as proxy:
            client = redis.Redis(port=proxy.port, …)
            proxy.drop_replies = 1  # the server runs the next command, and the client never hears of it
            proxy.half_replies = 1  # of the next reply, only the first half arrives, then the connection is cut
            proxy.delay = 0.1       # from now on each reply comes so many seconds late
            proxy.cut()             # closes the connections there are; new ones are welcome

    With `tls`, clients speak TLS to the proxy, and the server behind it hears plain Redis.
    """

    def __init__(self, server_port: int, tls: ssl.SSLContext | None = None) -> None:
        self.server_port = server_port
        self.port = 0
        self.drop_replies = 0
        self.half_replies = 0
        self.delay = 0.0
        self._tls = tls
        self._clients: set[asyncio.StreamWriter] = set()
        self._end = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "FaultProxy":
        self._listener = socket.create_server(("127.0.0.1", 0))  # from here on, it can be called
        self.port = self._listener.getsockname()[1]
        self._thread.start()
        self._ready.wait()
        self._running_loop()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running_loop().call_soon_threadsafe(self._end.set)
        self._thread.join()

    def cut(self) -> None:
        """Closes the connections there are, and returns when they are closed."""
        asyncio.run_coroutine_threadsafe(self._abort_all(), self._running_loop()).result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise CourseError("The proxy did not start: use it as `with FaultProxy(server.port) as proxy:`.")
        return self._loop

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # also when it could not begin, so that nobody waits for ever

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # a broken connection is what we are here for
        self._ready.set()
        listener = await asyncio.start_server(self._relay, sock=self._listener, ssl=self._tls)
        await self._end.wait()
        listener.close()
        if sys.version_info >= (3, 13):
            listener.abort_clients()  # also those amid their TLS handshake, of which `_relay` has not heard yet
        await self._abort_all()

    async def _abort_all(self) -> None:
        for client in list(self._clients):
            client.transport.abort()
        await asyncio.sleep(0)  # an aborted connection is closed in the loop's next turn

    async def _relay(self, commands: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._clients.add(client)
        try:
            replies, server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:  # nobody there
            self._clients.discard(client)
            client.transport.abort()
            return
        try:
            ways = [
                asyncio.create_task(self._send(commands, server)),
                asyncio.create_task(self._answer(replies, client)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for end in (client, server):
                end.transport.abort()

    async def _send(self, commands: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await commands.read(65536):
            server.write(data)
            await server.drain()

    async def _answer(self, replies: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await replies.read(65536):
            await asyncio.sleep(self.delay)
            if self.drop_replies > 0:
                self.drop_replies -= 1
                return
            if self.half_replies > 0:
                self.half_replies -= 1
                client.write(data[: len(data) // 2])
                await client.drain()
                return
            client.write(data)
            await client.drain()
