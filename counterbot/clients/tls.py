"""Which servers are trusted over TLS: one policy for every client. Opens no connection."""

from __future__ import annotations

import ssl

from ..core.model import Unreadable
from ..core.text.refusal import refusal

UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate that no trusted authority signed; others are of another host, expired, …"""


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """A context that verifies certificate and host name.

    It trusts the system's authorities, or, where it is given, only the certificates in ``ca_file`` (PEM).
    Raises Unreadable with the reason where they cannot be used.
    """
    try:
        trusted = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise Unreadable(f"{ca_file} holds no certificate in PEM form") from None
    except OSError as error:
        raise Unreadable(f"{ca_file}: {refusal(error)}") from None
    # Private authorities often lack the extensions that Python 3.13 began to demand.
    trusted.verify_flags &= ~ssl.VERIFY_X509_STRICT
    trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a server's own certificate is enough, as from 3.13 on
    return trusted


def distrust(error: ssl.SSLCertVerificationError, key: str) -> str:
    """Why a certificate is refused, and what to do. ``key`` is the configuration's, for the file of authorities."""
    remedy = f"; give its authority's as {key}" if error.verify_code in UNKNOWN_AUTHORITY else ""
    return f"its certificate is not trusted ({error.verify_message.rstrip('.')}){remedy}"
