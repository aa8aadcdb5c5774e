"""Signing in by an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0).

Who comes back is somebody by issuer and subject, never by a name or an address that the provider lets people choose;
what they may do is granted here, beforehand, by an admin. Whatever does not fit ends the attempt.
"""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from schemas.errors import HubpulseError

ATTEMPT_S = 600
ATTEMPTS_MAX, ATTEMPTS_OF_ONE_MAX = 1000, 100
"""So many sign-ins are under way at once, of all and of one address."""
_ANSWER_BYTES_MAX = 256 * 1024
_TIMEOUT_S = 10
_KNOWN_FOR_S = 3600
_ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
_SUBJECT_CHARACTERS_MAX = 255


class OidcError(HubpulseError):
    """The provider, or what came back from it, is not as it has to be."""


class Attempt(NamedTuple):
    """A sign-in that is under way: what must come back, and where it leads."""

    nonce: str
    verifier: str
    target: str
    redirect_uri: str
    until_s: float
    of: str
    """The address that it was begun from."""


class OidcSignIn:
    """Sign-ins by one provider. Attempts are in memory, bounded, each good once and for ten minutes."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None, clock_s: Callable[[], float]) -> None:
        """Raises HubpulseError where the library is missing, or the issuer is not asked by https."""
        try:
            import authlib.integrations.requests_client  # noqa: F401, PLC0415 - an extra
        except ImportError as error:
            raise HubpulseError("signing in by OpenID Connect needs: pip install 'hubpulse[oidc]'") from error
        self.issuer = _safe(issuer)
        self._client_id, self._client_secret, self._clock_s = client_id, client_secret, clock_s
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()
        self._known: tuple[float, dict[str, Any]] | None = None

    def begin(self, target: str, redirect_uri: str, of: str) -> tuple[str, str]:
        """Where to send a browser, and the state that it has to come back with. Raises OidcError.

        Who begins very many from an address `of` loses the oldest of that address, never somebody else's.
        """
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        with self._session(redirect_uri) as session, _told():
            endpoint = _safe(self._provider(session)["authorization_endpoint"])
            address, _ = session.create_authorization_url(endpoint, state=state, code_verifier=verifier, nonce=nonce)
        with self._lock:
            self._make_room(of)
            until_s = self._clock_s() + ATTEMPT_S
            self._attempts[state] = Attempt(nonce, verifier, target, redirect_uri, until_s, of)
        return str(address), state

    def _make_room(self, of: str) -> None:
        now_s = self._clock_s()
        for state in [state for state, attempt in self._attempts.items() if attempt.until_s <= now_s]:
            del self._attempts[state]
        own = [state for state, attempt in self._attempts.items() if attempt.of == of]
        if len(own) >= ATTEMPTS_OF_ONE_MAX:
            del self._attempts[own[0]]
        if len(self._attempts) >= ATTEMPTS_MAX:
            raise OidcError("too many sign-ins are under way: try again in some minutes")

    def finish(self, state: str, kept_state: str, code: str) -> tuple[str, str]:
        """The subject who signed in, and where the attempt leads. `kept_state` is the browser's. Raises OidcError."""
        with self._lock:
            attempt = self._attempts.pop(state, None)
        is_same = secrets.compare_digest(state.encode(), kept_state.encode())
        if attempt is None or not is_same or attempt.until_s <= self._clock_s() or not code:
            raise OidcError("this sign-in was not begun in this browser, or too long ago: sign in again")
        with self._session(attempt.redirect_uri) as session, _told():
            provider = self._provider(session)
            endpoint = _safe(provider["token_endpoint"])
            proof = {"code": code, "code_verifier": attempt.verifier}
            token = session.fetch_token(endpoint, grant_type="authorization_code", **proof)
            keys = session.request("GET", _safe(provider["jwks_uri"]), withhold_token=True).json()
            return self._subject(token["id_token"], keys, attempt.nonce), attempt.target

    def _subject(self, id_token: str, keys: Any, nonce: str) -> str:
        from joserfc import jwk, jwt  # noqa: PLC0415 - an extra

        claims = jwt.decode(id_token, jwk.KeySet.import_key_set(keys), algorithms=list(_ALGORITHMS)).claims
        jwt.JWTClaimsRegistry(
            now=int(self._clock_s()),
            leeway=60,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        subject, party = claims.get("sub"), claims.get("azp", self._client_id)
        if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARACTERS_MAX or party != self._client_id:
            raise OidcError("the provider does not say who signed in here")
        return subject

    def _session(self, redirect_uri: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - an extra

        session = OAuth2Session(
            self._client_id,
            self._client_secret,
            scope="openid",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client_secret else "none",
            default_timeout=_TIMEOUT_S,
        )
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"
        session.hooks["response"].append(_read_bounded)
        return session

    def _provider(self, session: Any) -> dict[str, Any]:
        """What the provider says of itself, asked once an hour."""
        if self._known is None or self._known[0] <= self._clock_s():
            address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = session.request("GET", address, withhold_token=True).json()
            if found["issuer"] != self.issuer:
                raise OidcError(f"{self.issuer} says that it is another issuer: check HUBPULSE_OIDC__ISSUER")
            self._known = self._clock_s() + _KNOWN_FOR_S, found
        return self._known[1]


def _read_bounded(answer: Any, **_more: object) -> None:
    """Read what the provider answers, before anybody reads all of it. Raises OidcError for one that is too large."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise OidcError("the sign-in provider's answer is packed, which was not asked for: try again")
    content = answer.raw.read(_ANSWER_BYTES_MAX + 1)
    if len(content) > _ANSWER_BYTES_MAX:
        answer.close()
        raise OidcError("the sign-in provider's answer is too large: check HUBPULSE_OIDC__ISSUER")
    answer._content, answer._content_consumed = content, True  # noqa: SLF001 - requests has no bound of its own


@contextmanager
def _told() -> Iterator[None]:
    """Says what went wrong without what the provider sent, which may hold a code or a token."""
    import requests  # noqa: PLC0415 - slow to import
    from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415 - an extra
    from joserfc.errors import JoseError  # noqa: PLC0415 - an extra

    try:
        yield
    except (requests.RequestException, AuthlibBaseError, JoseError, KeyError, TypeError, ValueError) as error:
        raise OidcError(f"the sign-in provider's answer is not good ({type(error).__name__}): try again") from error


def _safe(address: object) -> str:
    """An address that is asked by https, or on this machine. Raises OidcError."""
    text = str(address)
    parts = urlsplit(text)
    if parts.scheme == "https" and parts.hostname:
        return text
    try:
        if parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback:
            return text
    except ValueError:
        pass
    raise OidcError("an OpenID Connect provider is asked by https alone: check HUBPULSE_OIDC__ISSUER")
