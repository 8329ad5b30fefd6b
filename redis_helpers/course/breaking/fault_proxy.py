"""`FaultProxy`: lets the network between a client and a server fail on demand."""

import asyncio
import socket
import ssl
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
        self._relays: set[asyncio.Task[None]] = set()  # one for each connection
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
        accepting = asyncio.create_task(self._accept(self._loop))
        await self._end.wait()
        accepting.cancel()
        await asyncio.wait([accepting])
        self._listener.close()
        await self._abort_all()

    async def _accept(self, loop: asyncio.AbstractEventLoop) -> None:
        self._listener.setblocking(False)
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            relay = asyncio.create_task(self._relay(loop, connection))
            self._relays.add(relay)
            relay.add_done_callback(self._relays.discard)

    async def _abort_all(self) -> None:
        relays = list(self._relays)
        for relay in relays:
            relay.cancel()
        if relays:
            await asyncio.wait(relays)
        await asyncio.sleep(0)  # an aborted connection is closed in the loop's next turn

    async def _relay(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        """Serves one client, from its handshake on, until one side ends, or the proxy cancels it."""
        commands = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(commands)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._tls)
        client = asyncio.StreamWriter(transport, protocol, commands, loop)
        try:
            await self._between(commands, client)
        finally:
            transport.abort()

    async def _between(self, commands: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        replies, server = await asyncio.open_connection("127.0.0.1", self.server_port)
        try:
            ways = [
                asyncio.create_task(self._send(commands, server)),
                asyncio.create_task(self._answer(replies, client)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.transport.abort()

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
