"""An HTTP server that behaves as Grafana's API does, for folders, data sources, dashboards and alert rules.

In what differs between versions it is as strict as 9.4, seen on a real one.
"""

import json
import math
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

TOKEN = "glsa_fake"
Json = dict[str, Any]
Answer = tuple[int, Any]


class FakeGrafana:
    """Keeps what it is given. `faults` answer in the place of a path: raw bytes as they are, or None for silence."""

    def __init__(self, *, version: str = "12.4.10", prefix: str = "") -> None:
        self.version, self.prefix = version, prefix
        self.folders: dict[str, Json] = {}
        self.data_sources: dict[str, Json] = {}
        self.dashboards: dict[str, Json] = {}
        self.rules: dict[str, Json] = {}
        self.rule_groups: dict[str, Json] = {}
        self.writes: list[tuple[str, str]] = []
        self.faults: dict[str, tuple[int, str, bytes] | None] = {}
        self.healthy = True
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # ------------------------------------------------------------------------------------------------------ the API

    def answer(self, method: str, path: str, content: Json) -> Answer:
        name, _, rest = path.partition("/")
        routes: dict[str, Callable[[str, str, Json], Answer]] = {
            "folders": self._folders,
            "datasources": self._data_sources,
            "dashboards": self._dashboards,
            "v1": self._provisioning,
        }
        if path == "health":
            return 200, {"database": "ok", "version": self.version, "commit": "abc"}
        if name not in routes:
            return 404, {"message": "Not found"}
        if method != "GET":
            self.writes.append((method, path))
        return routes[name](method, rest, content)

    def _folders(self, method: str, uid: str, content: Json) -> Answer:
        if method == "POST":
            if content["uid"] in self.folders:
                return 412, {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
            self.folders[content["uid"]] = {"id": 1, "version": 1, **content}
            return 200, self.folders[content["uid"]]
        if uid not in self.folders:
            return 404, {"message": "folder not found", "status": "not-found"}
        if method == "PUT":
            self.folders[uid]["title"] = content["title"]
        return 200, self.folders[uid]

    def _data_sources(self, method: str, path: str, content: Json) -> Answer:
        if method == "POST":
            self.data_sources[content["uid"]] = self._without_secrets(content)
            return 200, {"datasource": self.data_sources[content["uid"]], "message": "Datasource added"}
        uid, _, health = path.removeprefix("uid/").partition("/")
        if uid not in self.data_sources:
            return 404, {"message": "Data source not found"}
        if health:
            if not self.data_sources[uid].get("database"):
                return 400, {"status": "ERROR", "message": "error performing influxQL query: database name required"}
            if self.healthy:
                return 200, {"status": "OK", "message": "datasource is working. 12 measurements found"}
            return 400, {"status": "ERROR", "message": "error performing influxQL query: unauthorized"}
        if method == "PUT":
            self.data_sources[uid] = self._without_secrets(content)
        return 200, self.data_sources[uid]

    @staticmethod
    def _without_secrets(content: Json) -> Json:
        shown = {"id": 1, "orgId": 1, "user": "", "isDefault": False, "readOnly": False, **content}
        return shown | {"secureJsonFields": dict.fromkeys(shown.pop("secureJsonData"), True)}

    def _dashboards(self, method: str, path: str, content: Json) -> Answer:
        if method == "POST":
            dashboard = content["dashboard"]
            if content["folderUid"] not in self.folders:
                return 400, {"message": "folder not found"}
            known = self.dashboards.get(dashboard["uid"])
            if known and not content["overwrite"]:
                return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
            version = known["dashboard"]["version"] + 1 if known else 1
            stored = {**json.loads(json.dumps(dashboard)), "id": 7, "version": version}
            self.dashboards[dashboard["uid"]] = {"dashboard": stored, "meta": {"folderUid": content["folderUid"]}}
            return 200, {"uid": dashboard["uid"], "status": "success", "version": version}
        uid = path.removeprefix("uid/")
        if uid not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        return 200, self.dashboards[uid]

    def _provisioning(self, method: str, path: str, content: Json) -> Answer:
        *_, collection, name = path.split("/")
        return (
            self._rule_groups(method, name, content)
            if collection == "rule-groups"
            else self._rule(method, name, content)
        )

    def _rule(self, method: str, uid: str, content: Json) -> Answer:
        if method == "POST":
            assert content["folderUID"] in self.folders
            self.rules[content["uid"]] = content
            return 201, content
        return (200, self.rules[uid]) if uid in self.rules else (404, {"message": "alert rule not found"})

    def _rule_groups(self, method: str, group: str, content: Json) -> Answer:
        if method == "PUT":
            if any(rule["uid"] not in self.rules for rule in content["rules"]):
                return 500, {"message": "failed to update rule group: could not find alert rule"}
            rules = [
                {"id": i, "provenance": "api", "updated": "now", **rule} for i, rule in enumerate(content["rules"])
            ]
            self.rule_groups[group] = content | {"rules": rules}
        if group not in self.rule_groups:
            return 404, {"message": "rule group not found"}
        return 200, self.rule_groups[group]

    # ------------------------------------------------------------------------------------------------------- the wire

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: apart, the second waits for an acknowledgement

            def do_GET(self) -> None:
                self._serve("GET")

            def do_POST(self) -> None:
                self._serve("POST")

            def do_PUT(self) -> None:
                self._serve("PUT")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                pass

            def _serve(self, method: str) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.split("?")[0].removeprefix(f"{grafana.prefix}/api/")
                if path in grafana.faults:
                    fault = grafana.faults[path]
                    if fault is None:
                        grafana.released.wait(30)
                        self.close_connection = True
                        return
                    self._send(*fault)
                elif self.headers.get("Authorization") not in (f"Bearer {TOKEN}", "Basic YWRtaW46cHc="):
                    self._send(401, "application/json", b'{"message": "Invalid API key"}')
                else:
                    status, answer = grafana.answer(method, path, json.loads(text) if text else {})
                    self._send(status, "application/json", json.dumps(answer).encode())

            def _send(self, status: int, media_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


def alert_value(rule: Json, series: Sequence[float | None]) -> str:
    """What Grafana keeps of a rule's value, as JSON; ValueError where it can't, as 9.4 has it in its log."""
    settings = rule["data"][1]["model"].get("settings", {})
    numbers: list[float] = [math.nan if value is None else value for value in series]
    if settings.get("mode") == "replaceNN":
        numbers = [value if math.isfinite(value) else settings["replaceWithValue"] for value in numbers]
    return json.dumps(numbers[-1], allow_nan=False)
