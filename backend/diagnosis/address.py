"""The address that people open: does a browser give a page there the camera, and can anybody log in?"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timezone
from urllib.parse import urlsplit

from diagnosis import remedies
from diagnosis.case import Case
from diagnosis.finding import Finding, note, ok, problem
from diagnosis.wording import count, first_line, local

LABEL = "Address"
_SECONDS = 3.0
_SOON_DAYS = 14
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})
_CERTIFICATE_TIME = "%b %d %H:%M:%S %Y %Z"


def is_local(host: str) -> bool:
    """Whether a browser takes ``host`` for its own machine, where a page has the camera without HTTPS
    (https://w3c.github.io/webappsec-secure-contexts/)."""
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def camera(case: Case) -> Iterator[Finding]:
    from listening import address_of

    settings = case.settings
    address = address_of(settings)
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https":
        yield ok("address", LABEL, f"{address}; browsers give the page the camera there")
    elif is_local(host):
        if settings.public_url is None and settings.host in _EVERYWHERE:
            yield note(
                "address_elsewhere",
                LABEL,
                f"{address} on this machine; other machines reach it too, but without HTTPS their browsers give no "
                "camera and nobody can log in there",
                "Put a proxy with HTTPS before it, and set SMARTATTENDANCE_PUBLIC_URL to its address and "
                "SMARTATTENDANCE_TRUSTED_PROXIES to 1.",
            )
        else:
            yield ok("address", LABEL, f"{address}, on this machine only; browsers give the page the camera there")
    else:
        yield problem(
            "address_without_camera",
            LABEL,
            f"{address} is neither HTTPS nor this machine: browsers give the page no camera, and nobody can log in",
            "Put a proxy with HTTPS before the server and set SMARTATTENDANCE_PUBLIC_URL to its https:// address, or "
            "open the page on this machine as http://localhost.",
        )
    yield from _proxies(case, parts.scheme)
    plain = [each for each in settings.cors_origins if not _is_safe(each)]
    if plain:
        yield note(
            "cors_without_https",
            LABEL,
            f"SMARTATTENDANCE_CORS_ORIGINS names {', '.join(plain)} without HTTPS: whoever is in between can change "
            "that page, and use the API with the login of whoever looks at it",
            "Name its https:// address.",
        )


def certificate(case: Case) -> Iterator[Finding]:
    parts = urlsplit(case.settings.public_url or "")
    if parts.scheme != "https" or not parts.hostname:
        return
    label, place = "Certificate", f"{parts.hostname}:{parts.port or 443}"
    try:
        with socket.create_connection((parts.hostname, parts.port or 443), _SECONDS) as plain:
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=parts.hostname) as secured:
                found = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield problem(
            "certificate_refused",
            label,
            f"browsers refuse the one of {place}: {error.verify_message.rstrip('.')}",
            "Give the proxy a certificate of a known authority for this name, such as one of Let's Encrypt.",
        )
        return
    except OSError as error:
        yield note(
            "address_unreachable",
            label,
            f"{place} cannot be reached from this machine: {first_line(error)}",
            "Start the proxy, or correct SMARTATTENDANCE_PUBLIC_URL; nothing is wrong if only this machine cannot.",
        )
        return
    ends = datetime.strptime(str(found["notAfter"]), _CERTIFICATE_TIME).replace(tzinfo=timezone.utc)  # noqa: UP017
    days = (ends - case.now).days
    if days < _SOON_DAYS:
        yield note(
            "certificate_ends",
            label,
            f"the one of {place} ends in {count(days, 'day')}, on {local(ends)}",
            "Renew it; look why that is not done by itself.",
        )
    else:
        yield ok("certificate", label, f"the one of {place} is good until {local(ends)}")


def server(case: Case) -> Iterator[Finding]:
    """Who answers at the server's own port."""
    host, port = case.settings.host, case.settings.port
    label = "Server"
    status, answer = _asked(host, port, "/readyz")
    if status is None:
        yield from _nobody(host, port)
    elif status == 200 and answer.get("status") == "ready":
        yield ok("server", label, f"runs at port {port}, and is ready")
    elif status == 503 and answer.get("code") == "not_ready":
        yield problem(
            "server_not_ready",
            label,
            f"runs at port {port}, but is not ready: {first_line(answer.get('detail', ''))}",
            "Do what is said of the database and of the model above; it takes them up by itself.",
        )
    else:
        yield problem(
            "port_taken",
            label,
            f"another program answers at port {port}",
            "End that one, or name another port by SMARTATTENDANCE_PORT.",
            remedies.set_variable("SMARTATTENDANCE_PORT", str(port + 1 if port < 65535 else 8000)),
        )


def _proxies(case: Case, scheme: str) -> Iterator[Finding]:
    settings = case.settings
    if scheme == "https" and settings.trusted_proxies == 0:
        yield problem(
            "proxy_not_trusted",
            LABEL,
            "people come by HTTPS, and the server is told to believe no proxy: it takes every request for one without "
            "HTTPS, and refuses to let anybody log in",
            "Say how many proxies stand before it. (Nothing is wrong where gunicorn itself has the certificate.)",
            remedies.set_variable("SMARTATTENDANCE_TRUSTED_PROXIES", "1"),
        )
    if settings.trusted_proxies > 0 and not is_local(settings.host):
        yield note(
            "proxy_passed_by",
            LABEL,
            f"headers of a proxy are believed, and {settings.host} can be reached without it: whoever does can claim "
            "any address, and try passwords without end",
            "Listen on this machine only, or let a firewall pass nobody but the proxy.",
            remedies.set_variable("SMARTATTENDANCE_HOST", "127.0.0.1"),
        )
    elif settings.trusted_proxies > 0 and settings.public_url is None:
        yield note(
            "public_url_missing",
            LABEL,
            "a proxy stands before the server, and links printed at the console name this machine instead of it",
            "Set SMARTATTENDANCE_PUBLIC_URL to the address that people open.",
        )


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or is_local(parts.hostname or "")


def _asked(host: str, port: int, path: str) -> tuple[int | None, dict[str, object]]:
    """The status and the JSON object of the answer; no status when nobody listens, 0 for no answer in HTTP."""
    connection = http.client.HTTPConnection("localhost" if host in _EVERYWHERE else host, port, timeout=_SECONDS)
    try:
        connection.connect()
    except OSError:
        return None, {}
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = json.loads(answer.read(100_000))
        return answer.status, content if isinstance(content, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()


def _nobody(host: str, port: int) -> Iterator[Finding]:
    from errors import ConfigurationError
    from listening import bound_sockets

    try:
        for bound in bound_sockets(host, port):
            bound.close()
    except ConfigurationError as error:
        yield problem(
            "port_unusable", "Server", f"does not run, and cannot be started as it is: {error}", "Correct that setting."
        )
        return
    yield ok("server_off", "Server", f"does not run at port {port}, which is free")


CHECKS = ((camera, LABEL), (certificate, "Certificate"), (server, "Server"))
