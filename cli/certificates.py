"""The broker's certificate and the private authority that signs it, made by the openssl program.

Sensors trust the authority (`ca.crt`), which lasts for as long as they do: the broker's certificate can be made anew
without touching a single one of them.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from schemas import HubpulseError

AUTHORITY_DAYS = 30 * 365
SERVER_DAYS = 10 * 365

_CURVE = "prime256v1"
_AUTHORITY = """\
[req]
distinguished_name = name
x509_extensions = extensions
[name]
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_SERVER = """\
[req]
distinguished_name = name
[name]
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
_SHOWN_NAME = re.compile(r"(?:DNS|IP Address):([^,\s]+)")


def new_key() -> str:
    """A new private key, as PEM."""
    return _run(["ecparam", "-name", _CURVE, "-genkey", "-noout"])


def authority_certificate(key: str) -> str:
    """The certificate of the authority that signs with this key, as PEM."""
    with _folder_of({"ca.cnf": _AUTHORITY, "ca.key": key}) as folder:
        subject = ("-subj", "/O=Hubpulse/CN=Hubpulse broker authority", "-days", str(AUTHORITY_DAYS))
        return _run(["req", "-x509", "-new", "-sha256", "-config", "ca.cnf", "-key", "ca.key", *subject], folder=folder)


def server_certificate(key: str, *, authority_key: str, authority: str, names: Sequence[str]) -> str:
    """A certificate for the server that answers to these names and addresses, as PEM."""
    config = _SERVER.format(names=", ".join(f"{_kind(name)}:{name}" for name in names))
    files = {"server.cnf": config, "server.key": key, "ca.key": authority_key, "ca.crt": authority}
    with _folder_of(files) as folder:
        wish = ("-config", "server.cnf", "-key", "server.key", "-subj", "/O=Hubpulse/CN=Hubpulse broker")
        request = _run(["req", "-new", "-sha256", *wish], folder=folder)
        signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", f"0x{secrets.randbits(120):x}")
        extensions = ("-extfile", "server.cnf", "-extensions", "extensions", "-days", str(SERVER_DAYS))
        return _run(["x509", "-req", "-sha256", *signer, *extensions], folder=folder, stdin=request)


def names_in(certificate: str) -> list[str]:
    """The names and addresses that a certificate is for."""
    shown = _run(["x509", "-noout", "-ext", "subjectAltName"], stdin=certificate)
    return _SHOWN_NAME.findall(shown)


def _kind(name: str) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


@contextmanager
def _folder_of(files: Mapping[str, str]) -> Iterator[Path]:
    """A folder that nobody else can look into, for as long as openssl needs these files."""
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            (Path(name) / file).write_text(text, encoding="utf-8")
        yield Path(name)


def _run(arguments: Sequence[str], *, folder: Path | None = None, stdin: str = "") -> str:
    program = shutil.which("openssl")
    if program is None:
        raise HubpulseError("openssl is needed for the broker's certificate: install it (apt-get install openssl)")
    ended = subprocess.run(  # noqa: S603 - our own command line
        [program, *arguments], cwd=folder, input=stdin, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise HubpulseError(f"openssl {arguments[0]} failed: it said {said[0][:300]}")
    return ended.stdout
