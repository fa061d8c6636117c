"""A server that does nothing: `python bare_server.py raw|starlette`, one line of JSON on stdin: the answer to give.

It reads the body of a request and answers always the same, under the set-up of the venue's server: uvicorn on uvloop with httptools.
Its address is the first line on stdout; it ends when stdin closes.
"""

import asyncio
import contextlib
import socket
import sys
import threading

import uvicorn


def raw(data):
    """An ASGI application and nothing else."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    return app


def starlette(data):
    """One route of a Starlette application."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def order(request):
        await request.body()
        return Response(data, media_type="application/json")

    return Starlette(routes=[Route("/fapi/v1/order", order, methods=["POST", "DELETE"])])


def main():
    """Serve until nobody listens."""
    app = {"raw": raw, "starlette": starlette}[sys.argv[1]](sys.stdin.readline().strip().encode())
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio sets no TCP_NODELAY
    bound.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, loop="none", http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(config)

    def end():
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(server.serve([bound]))


if __name__ == "__main__":
    main()
