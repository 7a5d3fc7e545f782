"""The session's PostgreSQL behind an encrypted door, as its own TLS would be: the wheel's server is built without.

A connection must begin with PostgreSQL's request for encryption; it is answered, encrypted with the given certificate, and
passed on. One that begins in the clear is closed, as by `hostssl`. libpq cannot tell the difference.
"""

import asyncio
import ssl
from pathlib import Path
from threading import Thread

from deploy.addresses import HOST

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""Length 8, code 80877103: the protocol's SSLRequest."""
CHUNK = 65536


class EncryptedDoor:
    """Listens on a port of its own until closed."""

    def __init__(self, postgres_port: int, certificate: Path, key: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self._behind = postgres_port
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, HOST, 0))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the door; connections through it end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self.context)
            back, forth = await asyncio.open_connection(HOST, self._behind)
            done, pending = await asyncio.wait(
                [asyncio.create_task(_pass(reader, forth)), asyncio.create_task(_pass(back, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in pending:
                task.cancel()
            forth.close()
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # whoever knocked has left, or does not trust us: nothing to tell
        finally:
            writer.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(CHUNK):
            target.write(piece)
            await target.drain()
    except OSError:
        pass
