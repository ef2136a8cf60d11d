#!/usr/bin/env python3
"""tls_front.py CERT KEY PORT [LISTEN]: TLS in front of a plain server on 127.0.0.1:PORT, for tests.

Listens on 127.0.0.1, on LISTEN or a free port, told on stdout as "listening PORT", and passes bytes on, both ways, until it is
ended. What it says of failed handshakes is dropped: the test looks at the other end.
"""
import asyncio
import ssl
import sys


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def serve(cert, key, port, listen):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def on_connection(reader, writer):
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))

    server = await asyncio.start_server(on_connection, "127.0.0.1", listen, ssl=context)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    asyncio.get_running_loop().set_exception_handler(lambda loop, what: None)
    await server.serve_forever()


asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 0))
