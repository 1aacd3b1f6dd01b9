"""Addresses of upstreams and listeners: checked, shortened, and without credentials that would end up in logs."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qs, urlsplit

from wanderer_notifier.config.values import Kind, Secret

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # `_` occurs in container networks
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def split_address(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an absolute address; raises ValueError that never repeats the text."""
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("an address must not contain blanks")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), None, None
    if parts.scheme not in schemes:
        raise ValueError(f"must be an address starting with {expected}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    if not host or port == 0:
        raise ValueError("must name a host, and a port from 1 to 65535 if any")
    if ":" not in host and not _HOST_NAME.fullmatch(host):  # urlsplit has checked what stands in brackets
        raise ValueError("holds a host name that is not one (letters, digits, dots, hyphens)")
    return parts


def origin(parts: SplitResult, scheme: str | None = None) -> str:
    """Scheme, host and a port that is not the default one."""
    scheme = scheme or parts.scheme
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[scheme]) else f":{parts.port}"
    return f"{scheme}://{host}{port}"


def parse_rest(text: str) -> str:
    """An http(s) base address without trailing slash; raises ValueError."""
    parts = split_address(text, ("https", "http"))
    if parts.query or parts.fragment:
        raise ValueError("must be a base address without ? or #")
    return origin(parts) + parts.path.rstrip("/")


def parse_map(text: str) -> str:
    """Scheme, host and port of the map server; path and query are dropped. Raises ValueError."""
    return origin(split_address(text, ("https", "http")))


def split_map_with_name(text: str) -> tuple[str, str | None]:
    """The old combined form `<address>/?name=<map>` as address and map name, if it has one."""
    address, _, query = text.partition("?")
    names = parse_qs(query.partition("#")[0]).get("name")
    return address, names[0] if names else None


def parse_kill_socket(text: str) -> str:
    """The final ws(s) address of the kill feed's socket, without query; raises ValueError."""
    parts = split_address(text, ("wss", "ws", "https", "http"))
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    if path.endswith("/socket"):
        path += "/websocket"
    elif not path.endswith("/socket/websocket"):
        path += "/socket/websocket"
    return origin(parts, scheme) + path


def parse_license_manager(text: str) -> str:
    """The licence server's base address, where an empty path means `/api` (design.md 5.12); raises ValueError.

    The address of the question itself is taken for that of the server.
    """
    address = parse_rest(text).removesuffix("/validate_bot")
    return address if urlsplit(address).path else f"{address}/api"


def parse_secret_address(text: str) -> Secret:
    """An http(s) address that is a credential itself, such as a webhook; raises ValueError."""
    split_address(text, ("https", "http"))
    return Secret(text)


def parse_networks(text: str) -> tuple[str, ...]:
    """Address ranges in CIDR form; raises ValueError naming what is none."""
    ranges: list[str] = []
    for piece in re.split(r"[,\s]+", text):
        if not piece:
            continue
        try:
            ranges.append(str(ipaddress.ip_network(piece, strict=False)))
        except ValueError:
            ranges.append("")
        if not ranges[-1]:
            raise ValueError(f"not an address range such as 10.0.0.0/8: {piece}")
    return tuple(dict.fromkeys(ranges))


def parse_bind(text: str) -> str:
    """An address of this machine to listen on, without port; raises ValueError."""
    bare = text.strip().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if bare.lower() == "localhost":
            return "localhost"
    raise ValueError("must be an IP address such as :: or 127.0.0.1 (the port is PORT)")


def parse_host(text: str) -> str:
    """A host name without scheme and port; raises ValueError."""
    bare = text.strip().removeprefix("[").removesuffix("]")
    if not _HOST_NAME.fullmatch(bare) and not re.fullmatch(r"[0-9A-Fa-f:.]+", bare):
        raise ValueError("must be a host name alone, without scheme or port")
    return bare


def _address(parse: Callable[[str], str], schemes: str = "http, https") -> Kind[str]:
    return Kind(label=f"address ({schemes})", parse=parse)


rest = _address(parse_rest)
map_server = _address(parse_map)
kill_socket = _address(parse_kill_socket, "ws, wss, http, https")
license_manager = _address(parse_license_manager)
secret_address = Kind(label="secret", parse=parse_secret_address, secret=True, free_text=True)
networks = Kind(label="list of address ranges (CIDR)", parse=parse_networks)
bind = Kind(label="IP address", parse=parse_bind)
host = Kind(label="host name", parse=parse_host)
