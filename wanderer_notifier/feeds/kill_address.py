"""Where the kill service's socket is, and in which form it is spoken to."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from wanderer_notifier.wire.phoenix import Serializer


class Address:
    """Where the socket is, and in which form it is spoken to; old servers refuse what new ones ask for."""

    def __init__(self, url: str, client_identifier: str) -> None:
        self._url, self._client_identifier = url, client_identifier
        self.serializer: Serializer = "2.0.0"
        self._suffix = True
        self._tried: set[tuple[str, bool]] = set()

    @property
    def url(self) -> str:
        return socket_url(self._url, self._client_identifier, serializer=self.serializer, suffix=self._suffix)

    def worked(self) -> None:
        """The server took the upgrade."""
        self._tried.clear()

    def another(self, status: int) -> bool:
        """Turn to another way of asking after a refusal with *status*; False when none is left."""
        self._tried.add((self.serializer, self._suffix))
        if status == 403:  # how Phoenix refuses a serializer
            self.serializer = "1.0.0" if self.serializer == "2.0.0" else "2.0.0"
        elif status == 404:
            self._suffix = not self._suffix
        else:
            self._tried.clear()
            return False
        if (self.serializer, self._suffix) not in self._tried:
            return True
        self._tried.clear()
        self.serializer, self._suffix = "2.0.0", True
        return False


def socket_url(url: str, client_identifier: str, *, serializer: Serializer = "2.0.0", suffix: bool = True) -> str:
    """The address of the socket behind a configured one (operations.md 1.5): http becomes ws, the path is completed.

    Without *suffix* the last `/websocket` is left out, as the service's own description has it (5.7).
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith("/socket/websocket"):
        path = path.removesuffix("/websocket").removesuffix("/socket") + "/socket/websocket"
    if not suffix:
        path = path.removesuffix("/websocket")
    query = dict(parse_qsl(parts.query)) | {"vsn": serializer, "client_identifier": client_identifier}
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))
