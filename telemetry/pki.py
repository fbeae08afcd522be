"""Our own small authority: it signs the broker's certificate and the machines', and lists what was taken back.

It lives in a folder (DATA/pki): `ca.key`, for its owner only, `ca.crt`, `server.key`, `server.crt`, `crl.pem` and
`revoked.json`, the serials of server certificates taken back. What was taken back of machines is the database's.
The door to cryptography.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from telemetry.csr import Key, PkiError, key_of, key_pem

CA_DAYS: Final = 3650
SERVER_DAYS: Final = 365
MACHINE_DAYS: Final = 365
# A reader of the list trusts nobody any more once it is older than it says, so it is made anew long before.
CRL_DAYS: Final = 30
CRL_ANEW_BEFORE: Final = timedelta(days=20)
_SKEW: Final = timedelta(minutes=5)  # a machine whose clock is a little behind may use its certificate at once


@dataclass(frozen=True)
class Issued:
    """A certificate just made. `key` is empty when it was made from a request: then only the asker has it."""

    certificate: str
    key: str
    serial: str
    not_after: datetime


@dataclass(frozen=True)
class Authority:
    """An authority at work."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def ca_file(folder: Path) -> Path:
    """The certificate everybody may know, to check the broker's by."""
    return folder / "ca.crt"


def crl_file(folder: Path) -> Path:
    return folder / "crl.pem"


def server_files(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of the broker."""
    return folder / "server.crt", folder / "server.key"


def init(folder: Path, name: str, now: datetime, *, days: int = CA_DAYS) -> Authority:
    """Make an authority. Raises PkiError when one lives there already, OSError when the folder cannot be written."""
    if (folder / "ca.key").exists() or ca_file(folder).exists():
        raise PkiError(f"there is an authority in {folder} already: every certificate it signed would be worthless")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        _blank(subject, subject, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "ca.key", key_pem(key))
    _write(ca_file(folder), made.public_bytes(serialization.Encoding.PEM), 0o644)
    authority = Authority(folder, made, key)
    write_crl(authority, {}, now)
    return authority


def authority_in(folder: Path) -> Authority:
    """The authority of `folder`. Raises PkiError when there is none, or it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(ca_file(folder).read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except FileNotFoundError:
        raise PkiError(f"there is no authority in {folder}: make one with `vigie pki init`") from None
    except (OSError, ValueError, TypeError) as problem:
        raise PkiError(f"the authority in {folder} cannot be read: {problem}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{folder}/ca.key is no key of ours: bring back the one `vigie pki init` made")
    return Authority(folder, certificate, key)


def issue_server(authority: Authority, names: Sequence[str], now: datetime, *, days: int = SERVER_DAYS) -> Issued:
    """A certificate for a broker that is reached under these host names and addresses."""
    if not names:
        raise PkiError("a server needs at least one name: say under which host names and addresses it is reached")
    reached = x509.SubjectAlternativeName([_alternative(name) for name in names])
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _leaf(authority, names[0], key.public_key(), now, days, ExtendedKeyUsageOID.SERVER_AUTH)
        .add_extension(reached, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _issued(made, key_pem(key).decode())


def issue_machine(
    authority: Authority, machine: str, now: datetime, *, csr: str = "", days: int = MACHINE_DAYS
) -> Issued:
    """A certificate by which a machine of this name is known; with `csr` for the key of whoever asks.

    Of the request only the key is taken: who it is for is our word, not the asker's. Raises PkiError.
    """
    if csr:
        public, pem = key_of(csr), ""
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        public, pem = key.public_key(), key_pem(key).decode()
    made = _leaf(authority, machine, public, now, days, ExtendedKeyUsageOID.CLIENT_AUTH)
    return _issued(made.sign(authority.key, hashes.SHA256()), pem)


def write_crl(authority: Authority, machines: Mapping[str, datetime], now: datetime) -> None:
    """Write the list of what was taken back: machines' serials as given, and the servers' from `revoked.json`."""
    taken = {**revoked_servers(authority.folder), **machines}
    list_ = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - _SKEW)
        .next_update(now + timedelta(days=CRL_DAYS))
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(_signer(authority), critical=False)
    )
    for serial, at in sorted(taken.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(at)
        list_ = list_.add_revoked_certificate(entry.build())
    signed = list_.sign(authority.key, hashes.SHA256())
    _write(crl_file(authority.folder), signed.public_bytes(serialization.Encoding.PEM), 0o644)


def is_crl_due(folder: Path, machines: Iterable[str], now: datetime) -> bool:
    """Whether the list must be made anew: it says something else than these serials, is old, or is not there."""
    try:
        stands = x509.load_pem_x509_crl(crl_file(folder).read_bytes())
    except (OSError, ValueError):
        return True
    until = stands.next_update_utc
    if until is None or until - now < CRL_ANEW_BEFORE:
        return True
    listed = {format(entry.serial_number, "x") for entry in stands}
    return listed != {*machines, *revoked_servers(folder)}


def revoked_servers(folder: Path) -> dict[str, datetime]:
    """Serials of server certificates taken back, and since when."""
    try:
        kept = json.loads((folder / "revoked.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {serial: datetime.fromisoformat(at) for serial, at in kept.items()}


def revoke_server(authority: Authority, serial: str, now: datetime) -> None:
    """Note that a server certificate is taken back; `write_crl` tells everybody."""
    kept = {one: at.isoformat() for one, at in revoked_servers(authority.folder).items()}
    kept.setdefault(serial, now.isoformat())
    _write(authority.folder / "revoked.json", json.dumps(kept, indent=1).encode(), 0o600)


def look_at(path: Path) -> Issued:
    """A certificate that stands in a file. Raises PkiError."""
    try:
        return _issued(x509.load_pem_x509_certificate(path.read_bytes()), "")
    except FileNotFoundError:
        raise PkiError(f"there is no {path}") from None
    except (OSError, ValueError) as problem:
        raise PkiError(f"{path} is no certificate: {problem}") from None


def names_in(path: Path) -> list[str]:
    """The host names and addresses a server's certificate is good for."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def write_private(path: Path, content: bytes) -> None:
    """Write what only its owner may read. Raises OSError."""
    _write(path, content, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _blank(subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _leaf(
    authority: Authority, name: str, key: Key, now: datetime, days: int, use: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    ends = now + timedelta(days=days)
    if ends > authority.certificate.not_valid_after_utc:
        left = (authority.certificate.not_valid_after_utc - now).days
        raise PkiError(f"the authority itself ends in {left} days: ask for fewer days, or make a new authority")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    return (
        _blank(subject, authority.certificate.subject, key, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(_signer(authority), critical=False)
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _signer(authority: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    if not name or not name.isascii() or len(name) > 253 or not all(c.isalnum() or c in ".-*" for c in name):
        raise PkiError(f"{name!r} is no host name and no address: write it like mqtt.example.org or 192.0.2.7")
    return x509.DNSName(name)


def _issued(certificate: x509.Certificate, key: str) -> Issued:
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Issued(pem, key, format(certificate.serial_number, "x"), certificate.not_valid_after_utc.astimezone(UTC))
