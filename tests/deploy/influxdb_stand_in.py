"""InfluxDB 1.6.7 in the place of the 2.x of docker-compose.yml: run in that service's container.

DOCKER_INFLUXDB_INIT_*     only the image of 2.x knows them. Their files are read as it reads them; the user, the
                           organisation and the bucket have no like in 1.x, where Hubpulse makes a database itself
the token                  1.6.7 has none: whoever asks without it is refused here, as 2.x does
the volume                 1.6.7 writes where 2.x would
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_BEHIND = ("127.0.0.1", 18086)
_PORT = 8086


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    token = ""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/ping" and self.headers.get("Authorization") != f"Token {self.token}":
            self._answer(401, {"Content-Type": "application/json"}, b'{"code":"unauthorized"}')
            return
        behind = http.client.HTTPConnection(*_BEHIND, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
            behind.request(self.command, self.path, body, headers)
            answer = behind.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower().startswith(("content-t", "x-"))}
            encoding = answer.getheader("Content-Encoding")
            content = answer.read()
            self._answer(answer.status, kept | ({"Content-Encoding": encoding} if encoding else {}), content)
        except OSError:
            self._answer(503, {}, b"")
        finally:
            behind.close()

    do_GET = do_POST = do_HEAD = _pass_on  # noqa: N815 - the names of the base class

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing of each request."""


def main() -> None:
    environment = os.environ
    for name in ("PASSWORD_FILE", "ADMIN_TOKEN_FILE"):
        assert Path(environment[f"DOCKER_INFLUXDB_INIT_{name}"]).read_text().strip(), name
    Front.token = Path(environment["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"]).read_text().strip()
    folder = "/var/lib/influxdb2"
    address = f"{_BEHIND[0]}:{_BEHIND[1]}"
    own = {"INFLUXDB_META_DIR": f"{folder}/meta", "INFLUXDB_DATA_DIR": f"{folder}/data"}
    own |= {"INFLUXDB_DATA_WAL_DIR": f"{folder}/wal", "INFLUXDB_HTTP_BIND_ADDRESS": address}
    own |= {"INFLUXDB_BIND_ADDRESS": "127.0.0.1:18088", "INFLUXDB_REPORTING_DISABLED": "true"}
    running = subprocess.Popen([str(shutil.which("influxd")), "run", "-config", os.devnull], env={**environment, **own})

    def stop(*_: object) -> None:
        running.terminate()
        running.wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    ThreadingHTTPServer(("0.0.0.0", _PORT), Front).serve_forever()  # noqa: S104 # in its container


if __name__ == "__main__":
    main()
