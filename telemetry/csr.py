"""Certificate requests: a key is made where it is used, and only asks to be signed. A door to cryptography."""

from __future__ import annotations

from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

LARGEST_CSR: Final = 16_384  # characters
_SMALLEST_RSA: Final = 2048

Key: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class PkiError(ValueError):
    """It cannot be done; the words say why and what to do."""


def request(machine: str) -> tuple[str, str]:
    """A key that never leaves here, and a request to have it signed; both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, machine)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return key_pem(key).decode(), asked.public_bytes(serialization.Encoding.PEM).decode()


def key_of(csr: str) -> Key:
    """The key a request is for. Raises PkiError when it is no request, not signed by its key, or the key is weak."""
    if len(csr) > LARGEST_CSR:
        raise PkiError(f"the request is longer than {LARGEST_CSR} characters: send one PEM certificate request")
    try:
        asked = x509.load_pem_x509_csr(csr.encode("ascii"))
        key, signed = asked.public_key(), asked.is_signature_valid
    except (ValueError, UnicodeEncodeError, TypeError, InvalidSignature):
        raise PkiError("it is no certificate request: send PEM that begins with BEGIN CERTIFICATE REQUEST") from None
    if not signed:
        raise PkiError("the request is not signed by its own key: make it anew")
    strong = (
        (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"))
        or (isinstance(key, rsa.RSAPublicKey) and _SMALLEST_RSA <= key.key_size <= 8192)
        or isinstance(key, ed25519.Ed25519PublicKey)
    )
    if not strong:
        raise PkiError("its key is too weak or unknown: use a key on P-256 or P-384, Ed25519, or RSA from 2048 bits")
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey)
    return key


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key as PEM, not locked: the file it goes into is for its owner only."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
