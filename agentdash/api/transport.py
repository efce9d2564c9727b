"""Builds what carries the requests: TLS settings and the connection pool (contract: README §2.1, §10).

Everything here blocks (certificates are read, libraries imported): call it in a thread.
"""

from __future__ import annotations

import os
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.request import getproxies

from agentdash.api import errors

if TYPE_CHECKING:
    import httpx

    from agentdash.api.exchange import TlsOptions


def timeout(seconds: float) -> httpx.Timeout:
    """`seconds` for each silence of the server; connecting is quicker or not at all."""
    import httpx  # noqa: PLC0415 - 130 ms, not before the first request

    return httpx.Timeout(seconds, connect=min(seconds, 15.0))


def failures() -> tuple[type[Exception], ...]:
    """What the library and the system raise when a request fails."""
    import httpx  # noqa: PLC0415 - 130 ms, not before the first request

    return (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)


def silences() -> tuple[type[Exception], ...]:
    """What the library raises when nothing comes for as long as was allowed."""
    import httpx  # noqa: PLC0415 - 130 ms, not before the first request

    return (httpx.ReadTimeout,)


def open_pool(
    origin: str,
    tls: TlsOptions,
    http_transport: httpx.AsyncBaseTransport | None,
    *,
    is_checked: bool = True,
) -> tuple[ssl.SSLContext, httpx.AsyncClient]:
    """As `build`.

    Raises:
        ConnectFailed: the proxy that is named in the environment cannot be used.
        TlsFailure: the certificate files cannot.
    """
    try:
        return build(origin, tls, http_transport, is_checked=is_checked)
    except (ImportError, ValueError):
        raise errors.ConnectFailed(
            "The proxy named in the environment cannot be used",
            next_step="Only http and https proxies work; see HTTPS_PROXY, ALL_PROXY and NO_PROXY.",
        ) from None
    except OSError as error:
        raise errors.TlsFailure(f"The certificate files cannot be used: {error.strerror}") from None


def build(
    origin: str,
    tls: TlsOptions,
    http_transport: httpx.AsyncBaseTransport | None,
    *,
    is_checked: bool = True,
) -> tuple[ssl.SSLContext, httpx.AsyncClient]:
    """The TLS settings, and a pool without cookies or redirects; proxies come from the environment.

    Args:
        is_checked: Whether certificates have to be trusted.

    Raises:
        OSError: a certificate file cannot be read or does not fit (`ssl.SSLError` is one).
    """
    import httpx  # noqa: PLC0415 - 130 ms, not before the first request

    needs_roots = origin.startswith("https:") or bool(getproxies())
    context = tls_context(tls) if needs_roots else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not is_checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    client = httpx.AsyncClient(
        verify=context,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=())),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=16),
        transport=http_transport,
        trust_env=True,
    )
    client.headers.clear()
    client.headers["Accept"] = "*/*"
    client.headers["Accept-Encoding"] = "gzip, deflate"
    return context, client


def tls_context(tls: TlsOptions) -> ssl.SSLContext:
    """TLS 1.2 at least; the CA file replaces the system's roots, `SSL_CERT_FILE` and `SSL_CERT_DIR` count.

    Raises:
        OSError: a file cannot be read or does not fit.
    """
    if tls.ca_file is not None:
        context = ssl.create_default_context(cafile=str(tls.ca_file))
    else:
        context = ssl.create_default_context()
        if not _has_system_roots():
            import certifi  # noqa: PLC0415 - only where the system has no roots of its own

            context.load_verify_locations(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None and tls.key_file is not None:
        context.load_cert_chain(str(tls.cert_file), str(tls.key_file), password=_no_password)
    return context


def _no_password() -> str:
    # OpenSSL would ask on the terminal, in the middle of the picture.
    return ""


def _has_system_roots() -> bool:
    paths = ssl.get_default_verify_paths()
    chosen = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    return bool(chosen or paths.cafile or paths.capath)
