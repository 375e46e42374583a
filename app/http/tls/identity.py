"""The identity of an https address: key and certificate from files, from a key store, or self-signed."""

import logging
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from app.settings.errors import ConfigurationError
from app.settings.model import Settings

LOG = logging.getLogger("marserve.security")
JKS_MAGIC = b"\xfe\xed\xfe\xed"
"""The first bytes of a key store in Java's own format."""
WEAK_REASONS = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK")
"""OpenSSL's words for keys and signatures that are weaker than its security level."""
KEYSTORE_SELECTIONS = (["-nocerts", "-nodes"], ["-nokeys", "-clcerts"], ["-nokeys", "-cacerts"])
"""Options of openssl that select the key, its certificate, and those of the authorities above."""
CURE = "private_key_file and certificate_file (PEM) need nothing of the kind"


class NoCertificate(ConfigurationError):
    """An https address is configured, but no usable key and certificate."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and the chain of its certificates, both in PEM."""

    key: bytes = field(repr=False)
    chain: bytes


def server_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.2 and above with the configured identity; raises NoCertificate."""
    identity = server_identity(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # ssl reads keys from files alone
        file.write(identity.key + b"\n" + identity.chain)
        file.flush()
        try:
            _load(context, file.name)
        except ssl.SSLError as error:
            raise NoCertificate(f"{_place(settings)}: the key and the certificate cannot be used: {error}") from None
    return context


def _load(context: ssl.SSLContext, file: str) -> None:
    """Load key and certificates, weak ones with a warning, as TorchServe does; raises SSLError."""
    try:
        # Without a password, a key that needs one would be asked for on the terminal.
        context.load_cert_chain(file, password="")
    except ssl.SSLError as error:
        if error.reason not in WEAK_REASONS:
            raise
        LOG.warning(
            "OpenSSL finds the key or the certificate too weak (%s), and clients may. It is served; this makes a new"
            " one: openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem",
            error.reason,
        )
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(file, password="")


def _place(settings: Settings) -> str:
    """The settings that name the key and the certificate."""
    if settings.keystore is not None:
        return f"keystore={settings.keystore}"
    return f"private_key_file={settings.private_key_file} and certificate_file={settings.certificate_file}"


def server_identity(settings: Settings) -> Identity:
    """The key and certificate of the keystore, else of private_key_file and certificate_file, else self-signed ones.

    Raises NoCertificate.
    """
    if settings.keystore is not None:
        return _from_keystore(settings.keystore, settings.keystore_pass)
    if settings.private_key_file is not None and settings.certificate_file is not None:
        return Identity(_read(settings.private_key_file), _read(settings.certificate_file))
    if settings.private_key_file is not None or settings.certificate_file is not None:
        raise NoCertificate("Invalid configuration: private_key_file and certificate_file need each other.")
    return self_signed()


@cache
def self_signed() -> Identity:
    """An identity for this machine and process, which no client can verify."""
    LOG.warning("No certificate is configured: a self-signed one is used, which clients cannot verify.")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1"
    pem = _openssl(
        "a self-signed certificate", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365",
        "-subj", "/CN=localhost", "-addext", names, "-keyout", "-", "-out", "-",
    )  # fmt: skip
    key, separator, certificate = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return Identity(key, separator + certificate)


def _from_keystore(file: Path, password: str) -> Identity:
    if _read(file).startswith(JKS_MAGIC):
        raise NoCertificate(
            f"{file} is in Java's own format. This makes a PKCS12 store of it, for keystore=new.p12: "
            f"keytool -importkeystore -srckeystore {file} -destkeystore new.p12 -deststoretype PKCS12"
        )
    key, *certificates = (_from_pkcs12(file, password, selection) for selection in KEYSTORE_SELECTIONS)
    return Identity(key, b"".join(certificates))


def _from_pkcs12(file: Path, password: str, selection: list[str]) -> bytes:
    command = ("pkcs12", "-in", str(file), "-passin", "stdin", *selection)
    try:
        return _openssl(f"keystore={file}", *command, input_text=password)
    except NoCertificate:
        try:  # stores of Java 8 and of Windows are in ciphers that OpenSSL 3 calls legacy
            return _openssl(f"keystore={file}", *command, "-legacy", input_text=password)
        except NoCertificate:
            pass
        raise


def _openssl(purpose: str, *arguments: str, input_text: str = "") -> bytes:
    """The output of the openssl command; `purpose` names in errors what needs it. Raises NoCertificate."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the words are ours
            ["openssl", *arguments],  # noqa: S607 - it is wherever the system keeps it
            input=input_text.encode() + b"\n", capture_output=True, check=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        raise NoCertificate(f"{purpose} needs the openssl command, which is not installed; {CURE}.") from None
    except subprocess.SubprocessError as error:
        complaint = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().partition("\n")[0]
        raise NoCertificate(f"Invalid configuration: {purpose}: openssl says: {complaint or error}") from None
    return done.stdout


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NoCertificate(f"Invalid configuration: {file} cannot be read: {error.strerror}") from None
