"""Our own authority: what it signs, what it refuses to sign, and its list of what was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from telemetry import csr, pki
from telemetry.csr import PkiError

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> pki.Authority:
    return pki.init(tmp_path / "pki", "ours", NOW)


def test_keys_are_for_their_owner_only_and_an_authority_is_never_replaced(authority: pki.Authority) -> None:
    assert (authority.folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(PkiError, match="already"):
        pki.init(authority.folder, "another", NOW)


def test_a_machines_certificate_bears_our_name_for_it_and_the_askers_key(authority: pki.Authority) -> None:
    key, asked = csr.request("somebody-else")
    made = x509.load_pem_x509_certificate(pki.issue_machine(authority, "plant-a", NOW, csr=asked).certificate.encode())
    assert made.subject.rfc4514_string() == "CN=plant-a"
    own = serialization.load_pem_private_key(key.encode(), None)
    assert made.public_key() == own.public_key()
    made.verify_directly_issued_by(authority.certificate)
    use = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in use] == ["1.3.6.1.5.5.7.3.2"]


@pytest.mark.parametrize("asked", ["", "x" * 20_000, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", "ü"])
def test_what_is_no_request_is_refused_in_words(asked: str) -> None:
    with pytest.raises(PkiError, match="send"):
        csr.key_of(asked)


def test_a_weak_key_and_a_request_signed_by_another_are_refused(authority: pki.Authority) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(weak, hashes.SHA256())
    with pytest.raises(PkiError, match="too weak"):
        pki.issue_machine(authority, "a", NOW, csr=asked.public_bytes(serialization.Encoding.PEM).decode())


def test_a_server_names_hosts_and_addresses_and_nothing_else(authority: pki.Authority) -> None:
    made = pki.issue_server(authority, ["mqtt.example.org", "192.0.2.7", "::1"], NOW)
    (authority.folder / "server.crt").write_text(made.certificate)
    assert pki.names_in(authority.folder / "server.crt") == ["mqtt.example.org", "192.0.2.7", "::1"]
    for names in ([], ["a b"], ["höst"], [""]):
        with pytest.raises(PkiError):
            pki.issue_server(authority, names, NOW)


def test_nothing_is_signed_beyond_the_end_of_the_authority(authority: pki.Authority) -> None:
    with pytest.raises(PkiError, match="ends in"):
        pki.issue_machine(authority, "a", NOW + timedelta(days=pki.CA_DAYS - 10))


def test_the_list_is_due_when_it_says_something_else_or_grows_old(authority: pki.Authority) -> None:
    folder, serial = authority.folder, pki.issue_machine(authority, "a", NOW).serial
    assert not pki.is_crl_due(folder, [], NOW)
    assert pki.is_crl_due(folder, [serial], NOW)
    pki.write_crl(authority, {serial: NOW}, NOW)
    assert not pki.is_crl_due(folder, [serial], NOW)
    assert pki.is_crl_due(folder, [], NOW)
    assert pki.is_crl_due(folder, [serial], NOW + timedelta(days=11))
    pki.revoke_server(authority, "abc", NOW)
    assert pki.is_crl_due(folder, [serial], NOW)
    (folder / "crl.pem").unlink()
    assert pki.is_crl_due(folder, [], NOW)
