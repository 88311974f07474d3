"""Where the server listens, and under which address people open it."""

from __future__ import annotations

import errno
import socket
import sys

from config import Settings
from errors import ConfigurationError


def address_of(settings: Settings) -> str:
    """Where people of this machine open the server."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = settings.host
    if host in ("0.0.0.0", "::", ""):
        host = "localhost"  # a browser lets a page use the camera there without HTTPS
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to every address that ``host`` means, not yet listening. Raises ConfigurationError."""
    found: list[socket.socket] = []
    refused: OSError | None = None
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            try:
                found.append(_bind(family, kind, protocol, address))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                refused = error  # localhost means IPv6 too, which a machine may not have
        if not found and refused is not None:
            raise refused
    except (OSError, UnicodeError) as error:
        for bound in found:
            bound.close()
        raise why_unusable(host, port, error) from error
    return found


def _bind(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":
            # there, the other option would let two servers share the port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def why_unusable(host: str, port: int, error: Exception) -> ConfigurationError:
    """What ``error``, raised when listening at ``host`` and ``port``, means to whoever starts the server."""
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return ConfigurationError(
            f"port {port} of {host} is taken: is the server running already? If not, name another port by "
            "SMARTATTENDANCE_PORT"
        )
    if number == errno.EACCES:
        return ConfigurationError(f"port {port} may not be used by this account; name another by SMARTATTENDANCE_PORT")
    return ConfigurationError(f"{host} is not an address of this machine; correct SMARTATTENDANCE_HOST")
