"""The certificate of addresses that begin with https."""

import ssl

from app.settings import Settings


class NoCertificate(Exception):
    """An https address is configured, but nothing to prove the server's identity with."""


def server_context(settings: Settings) -> ssl.SSLContext:
    """TLS as configured by private_key_file and certificate_file; raises NoCertificate."""
    if settings.certificate_file is None or settings.private_key_file is None:
        raise NoCertificate("an https address needs private_key_file and certificate_file in the configuration")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.certificate_file, settings.private_key_file)
    return context
