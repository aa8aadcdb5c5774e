"""A small OpenID Connect provider on loopback, which signs everybody in, and can be told to do it wrong."""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

CLIENT_ID, CLIENT_SECRET = "board", "a secret of the client"


@dataclass
class OidcProvider:
    """Discovery, authorization, token and keys; `claims` go over those of the next token, `key` signs it."""

    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "one"}))
    signing_key: Any = None
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                if parts.path == "/.well-known/openid-configuration":
                    self._say(provider.description())
                elif parts.path == "/keys":
                    self._say({"keys": [provider.key.as_dict(private=False)]})
                else:
                    code = secrets.token_hex()
                    provider.codes[code] = asked
                    self.send_response(302)
                    back = urlencode({"code": code, "state": asked["state"]})
                    self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                    self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                login = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
                asked = provider.codes.pop(form.get("code", ""), None)
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                is_right = (
                    asked is not None
                    and self.headers["Authorization"] == f"Basic {login}"
                    and (asked["code_challenge"], asked["code_challenge_method"]) == (challenge, "S256")
                    and form["redirect_uri"] == asked["redirect_uri"]
                )
                if asked is None or not is_right:
                    self._say({"error": "invalid_grant"}, 400)
                else:
                    self._say({"access_token": "x", "token_type": "Bearer", "id_token": provider.id_token(asked)})

            def _say(self, found: dict[str, Any], status: int = 200) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def description(self) -> dict[str, Any]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {name: f"{self.issuer}/{end}" for name, end in ends.items()} | self.described

    def id_token(self, asked: dict[str, str]) -> str:
        now_s = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": self.subject, "nonce": asked["nonce"]}
        header = {"alg": self.algorithm, "kid": "one"}
        given = {**claims, "iat": now_s, "exp": now_s + 60, **self.claims}
        return jwt.encode(header, given, self.signing_key or self.key, algorithms=[self.algorithm])
