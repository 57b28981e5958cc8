"""Builds the certificate rules for https. Blocking (it reads files, 20–150 ms): runs off the loop, once per client."""

from __future__ import annotations

import os
import ssl
from typing import Mapping, Optional

from ..errors import ProviderError
from ..words import tr


def tls_context(
    *, ca_bundle: Optional[str], client_cert: Optional[str], client_key: Optional[str],
    env: Optional[Mapping[str, str]] = None,
) -> ssl.SSLContext:
    """Certificates are always checked. A CA bundle in the settings, else SSL_CERT_FILE, replaces the usual roots.

    Without either, the system's roots *and* certifi's are trusted: a studio's own root is in the first, and Pythons
    such as the one from python.org on macOS have none but the second. Raises ProviderError(tls) naming the file.
    """
    bundle = ca_bundle or (os.environ if env is None else env).get("SSL_CERT_FILE") or None
    try:
        context = ssl.create_default_context(cafile=bundle)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise _unreadable("CA bundle", bundle, exc) from exc
    if bundle is None:
        _add_certifi(context)
    if client_cert:
        try:
            context.load_cert_chain(client_cert, client_key or None)
        except (OSError, ValueError) as exc:
            raise _unreadable("client certificate", client_cert, exc) from exc
    return context


def _add_certifi(context: ssl.SSLContext) -> None:
    try:
        import certifi
    except ImportError:  # a host without it has its system's roots
        return
    context.load_verify_locations(cafile=certifi.where())


def _unreadable(what: str, path: Optional[str], exc: Exception) -> ProviderError:
    return ProviderError(
        "tls", f"the {what} {path} cannot be read: {exc}", retryable=False,
        user_text=tr("The {what} {path} cannot be read.", what=what, path=path),
        next_step=tr("Correct the file's path in Settings."),
    )
