"""Keys and certificates of https addresses, from everywhere that they may come from."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from app.http.tls import identity
from app.http.tls.identity import Identity, NoCertificate, self_signed, server_context, server_identity
from app.settings.errors import ConfigurationError
from app.settings.model import Settings

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key of its own, and its certificate below that of an authority: in PEM, and in stores."""
    folder = tmp_path_factory.mktemp("certificates")
    at = {name: str(folder / name) for name in ("ca.key", "ca.pem", "key.pem", "csr.pem", "leaf.pem", "chain.pem")}
    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-subj", "/CN=authority", "-keyout", at["ca.key"], "-out", at["ca.pem"])
    openssl("req", *new, "-subj", "/CN=served", "-keyout", at["key.pem"], "-out", at["csr.pem"])
    signing = ["-CA", at["ca.pem"], "-CAkey", at["ca.key"], "-CAcreateserial"]
    openssl("x509", "-req", "-in", at["csr.pem"], *signing, "-out", at["leaf.pem"])
    (folder / "chain.pem").write_bytes((folder / "leaf.pem").read_bytes() + (folder / "ca.pem").read_bytes())
    export = ["pkcs12", "-export", "-inkey", at["key.pem"], "-in", at["leaf.pem"], "-certfile", at["ca.pem"]]
    openssl(*export, "-passout", "pass:changeit", "-out", str(folder / "store.p12"))
    openssl(*export, "-passout", "pass:sesame ö", "-out", str(folder / "sesame.p12"))
    (folder / "store.jks").write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")
    return folder


def served(settings: Settings, tmp_path: Path) -> tuple[str, str]:
    """The TLS version and the common name that a client meets, without a network in between."""
    server, client = server_context(settings), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    (tmp_path / "met.pem").write_text(ssl.DER_cert_to_PEM_cert(ends[0].getpeercert(binary_form=True) or b""))
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", str(tmp_path / "met.pem")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return str(ends[0].version()), printed.stdout.strip().removeprefix("subject=").strip()


def test_a_key_and_a_chain_in_pem_are_served(folder: Path, tmp_path: Path) -> None:
    settings = Settings(private_key_file=folder / "key.pem", certificate_file=folder / "chain.pem")
    assert served(settings, tmp_path) == ("TLSv1.3", "CN=served")


@pytest.mark.parametrize(("store", "password"), [("store.p12", "changeit"), ("sesame.p12", "sesame ö")])
def test_a_pkcs12_store_is_served(folder: Path, tmp_path: Path, store: str, password: str) -> None:
    settings = Settings(keystore=folder / store, keystore_pass=password)
    assert served(settings, tmp_path) == ("TLSv1.3", "CN=served")
    assert server_identity(settings).chain.count(b"BEGIN CERTIFICATE") == 2


def test_a_store_wins_over_pem_as_with_torchserve(folder: Path, tmp_path: Path) -> None:
    gone = folder / "gone.pem"
    settings = Settings(keystore=folder / "store.p12", private_key_file=gone, certificate_file=gone)
    assert served(settings, tmp_path)[1] == "CN=served"


def test_where_nothing_is_configured_one_is_made_for_the_process(tmp_path: Path) -> None:
    assert served(Settings(), tmp_path) == ("TLSv1.3", "CN=localhost")
    assert server_identity(Settings()) is self_signed()


def test_nothing_below_tls_1_2_is_spoken() -> None:
    assert server_context(Settings()).minimum_version == ssl.TLSVersion.TLSv1_2


def refusal(**settings: object) -> str:
    with pytest.raises(NoCertificate) as refused:
        server_context(Settings(**settings))  # type: ignore[arg-type]
    assert isinstance(refused.value, ConfigurationError)  # one line on the console, and no server
    return str(refused.value)


def test_what_cannot_be_used_is_said_in_one_line_that_helps(folder: Path) -> None:
    key, chain = folder / "key.pem", folder / "chain.pem"
    assert "need each other" in refusal(private_key_file=key)
    assert "need each other" in refusal(certificate_file=chain)
    gone = folder / "gone.pem"
    assert refusal(private_key_file=gone, certificate_file=chain) == (
        f"Invalid configuration: {gone} cannot be read: No such file or directory"
    )
    assert "cannot be used" in refusal(private_key_file=folder / "ca.key", certificate_file=chain)
    assert "cannot be used" in refusal(private_key_file=chain, certificate_file=chain)
    assert "keytool -importkeystore" in refusal(keystore=folder / "store.jks")
    wrong = refusal(keystore=folder / "store.p12", keystore_pass="open sesame")
    assert wrong.startswith(f"Invalid configuration: keystore={folder / 'store.p12'}: openssl says: ")
    assert "sesame" not in wrong
    assert "\n" not in wrong


def test_a_key_with_a_password_is_refused_instead_of_asked_for(folder: Path) -> None:
    locked = folder / "locked.pem"
    openssl("rsa", "-aes256", "-passout", "pass:secret", "-in", str(folder / "key.pem"), "-out", str(locked))
    assert "cannot be used" in refusal(private_key_file=locked, certificate_file=folder / "chain.pem")


def test_without_the_openssl_command_the_cure_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "openssl command, which is not installed; private_key_file" in refusal(keystore=folder / "store.p12")
    monkeypatch.setattr(identity, "self_signed", identity.self_signed.__wrapped__)
    assert "a self-signed certificate needs the openssl command" in refusal()


def test_an_identity_shows_no_key() -> None:
    assert "PRIVATE" not in repr(Identity(b"-----BEGIN PRIVATE KEY-----", b""))


def test_a_weak_key_is_served_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """TorchServe's own test certificate is of 1024 bits."""
    key, chain = tmp_path / "weak.key", tmp_path / "weak.pem"
    new = ["-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak"]
    openssl("req", "-x509", *new, "-keyout", str(key), "-out", str(chain))
    settings = Settings(private_key_file=key, certificate_file=chain)
    server_context(settings)
    if ssl.OPENSSL_VERSION_INFO >= (3,):
        assert "too weak (EE_KEY_TOO_SMALL)" in caplog.text
        assert "openssl req -x509 -newkey rsa:2048" in caplog.text
