"""Which servers are trusted over TLS: one policy for every client. Opens no connection."""

from __future__ import annotations

import ssl

from ..core.model import Unreadable
from ..core.text.refusal import refusal


def context(ca_file: str | None = None) -> ssl.SSLContext:
    """A context that verifies certificate and host name.

    It trusts the system's authorities, or, where it is given, only those in ``ca_file`` (PEM).
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
    return trusted
