"""What is wrong with the encryption of a connection that could not be made.

gRPC says of a server that it cannot reach only that; whether a certificate is not trusted, or one
end does not speak TLS, a handshake of our own tells.
"""

import socket
import ssl
from urllib.parse import urlsplit

from schema.errors import UsageError

TIMEOUT_S = 5.0
DEFAULT_PORT = 19530


def check_certificates(path: str) -> None:
    """Refuse a file of certificates that cannot be used.

    Raises:
        UsageError: It cannot be read, or has no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be used as the certificates of authorities ({error}); EIDETIC_TLS_CA "
            "is a PEM file of the authority that signed the server's certificate"
        ) from error
    if not context.cert_store_stats()["x509"]:
        raise UsageError(f"{path}: has no certificate; EIDETIC_TLS_CA is a PEM file of one or more")


def find_trouble(uri: str, certificates: str) -> str:
    """Return what a TLS handshake with a server shows, "" where that is nothing.

    Args:
        uri: Of a Milvus server.
        certificates: Path of a PEM file of authorities; "" for those of the machine.
    """
    parts = urlsplit(uri)
    if not parts.hostname:
        return ""
    is_https = parts.scheme == "https"
    context = ssl.create_default_context(cafile=certificates or None)
    context.set_alpn_protocols(["h2"])
    if not is_https:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    address = (parts.hostname, parts.port or DEFAULT_PORT)
    try:
        with (
            socket.create_connection(address, TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname),
        ):
            pass
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate of {parts.netloc} is not trusted ({error.verify_message}); if it is "
            "the right server, name the PEM file of the authority that signed it: EIDETIC_TLS_CA"
        )
    except ssl.SSLError:
        if is_https:
            return f"{parts.netloc} does not speak TLS; write http:// if it is meant to be open"
        return ""
    except OSError:
        return ""
    return "" if is_https else f"{parts.netloc} speaks TLS; write https://"
