"""In whose name clips are signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ltxv.errors import Misconfigured

DEVELOPMENT = "LTX Flows development, not a trusted identity"

_VALID = timedelta(days=3650)
_CLOCKS_APART = timedelta(days=1)
_REMEDY = "give the chain and the ES256 key that belong together, both PEM, or switch signing off"


@dataclass(frozen=True)
class SigningIdentity:
    """A certificate chain, the signer's own first, and the private key of the first."""

    certificate: str
    key: str = field(repr=False)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the signer's certificate, which is public.

        Raises:
            Misconfigured: Certificate and key are unreadable, strangers to each other or not ES256,
                or the certificate is out of date.
        """
        return self._chain()[0].fingerprint(hashes.SHA256()).hex()

    def signer(self) -> tuple[str, datetime]:
        """Return the signer's name, and when the first certificate of the chain ends.

        Raises:
            Misconfigured: As for ``fingerprint``.
        """
        chain = self._chain()
        names = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = names[0].value if names else chain[0].subject.rfc4514_string()
        return str(name), min(certificate.not_valid_after_utc for certificate in chain)

    def _chain(self) -> list[x509.Certificate]:
        try:
            chain = x509.load_pem_x509_certificates(self.certificate.encode())
            key = load_pem_private_key(self.key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The cause may quote what it could not read, so it is not passed on.
            raise Misconfigured(f"the signing identity is not readable; {_REMEDY}") from None
        certificate = chain[0]
        if not _fits(certificate, key):
            raise Misconfigured(f"the signing key is not that of the certificate; {_REMEDY}")
        ends = certificate.not_valid_after_utc
        if not certificate.not_valid_before_utc <= datetime.now(UTC) <= ends:
            raise Misconfigured(
                f"the signing certificate is not valid now, only until {ends:%Y-%m-%d}; renew it"
            )
        return chain


def development_identity(*, valid: timedelta = _VALID) -> SigningIdentity:
    """Return a new identity that nobody trusts and whose name says so.

    A certificate with the key usages that C2PA asks for (its specification, section 14.5.1),
    issued by an authority whose key is forgotten at once.

    Args:
        valid: From now on.
    """
    authority = ec.generate_private_key(ec.SECP256R1())
    signer = ec.generate_private_key(ec.SECP256R1())
    root = (
        _certificate(authority.public_key(), issuer=authority.public_key(), valid=valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        _certificate(signer.public_key(), issuer=authority.public_key(), valid=valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .sign(authority, hashes.SHA256())
    )
    secret = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    return SigningIdentity(certificate=chain.decode(), key=secret.decode())


def _certificate(
    key: ec.EllipticCurvePublicKey, *, issuer: ec.EllipticCurvePublicKey, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name("authority" if key == issuer else "signer"))
        .issuer_name(_name("authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_APART)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )


def _name(unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, DEVELOPMENT),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _fits(certificate: x509.Certificate, key: object) -> bool:
    """Say whether the key is the certificate's and signs ES256."""
    return (
        isinstance(key, ec.EllipticCurvePrivateKey)
        and isinstance(key.curve, ec.SECP256R1)
        and certificate.public_key() == key.public_key()
    )
