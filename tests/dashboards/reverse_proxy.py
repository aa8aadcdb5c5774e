"""A little reverse proxy on loopback: it takes a prefix off the path, and says so, as Traefik or nginx would."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_OF_A_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "date", "server"}


@contextmanager
def reverse_proxy(port: int, prefix: str) -> Iterator[str]:
    """The address below which the server of a port is found."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self.path.startswith(f"{prefix}/"):
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            asked = {name: value for name, value in self.headers.items() if name.lower() not in _OF_A_HOP}
            asked |= {
                "Host": f"127.0.0.1:{port}",
                "X-Forwarded-Host": self.headers["Host"],
                "X-Forwarded-For": "198.51.100.9",
                "X-Forwarded-Prefix": prefix,
            }
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(self.command, self.path.removeprefix(prefix), body, asked)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_A_HOP | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = _pass_on  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
