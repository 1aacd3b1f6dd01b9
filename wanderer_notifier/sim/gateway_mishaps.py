"""How a misfortune happens to one socket of the fake gateway, or to a client before it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from wanderer_notifier.sim.discord_routes import page
from wanderer_notifier.sim.gateway_faults import Close, Deaf, Drip, Hold, Http, Late, Reset, Say, Silence, Wire
from wanderer_notifier.sim.gateway_frames import ACK
from wanderer_notifier.sim.gateway_rules import Action
from wanderer_notifier.sim.http import Exchange

if TYPE_CHECKING:
    from wanderer_notifier.sim.gateway_connection import Connection


async def turn_away(exchange: Exchange, action: Action | None) -> bool:
    """Let *action* happen at the door; whether the client goes without a socket."""
    match action:
        case Http(status=status):
            reply = page(status, "discord is having a moment")
            await exchange.respond(reply.status, reply.all_headers(), reply.body)
        case Hold() | Silence():
            await exchange.peer_left()
        case Reset():
            exchange.abort()
        case Late(seconds):
            await trio.sleep(seconds)
            return False
        case _:
            return False
    return True


def befall(connection: Connection, action: Action) -> None:
    """Let a misfortune happen that needs no frame to be due; raises `ValueError` for one that does."""
    match action:
        case Reset():
            connection.cut()
        case Hold():
            connection.tap.held = True
        case Deaf():
            connection.tap.deaf = True
            connection.pulse.excuse()
            _acknowledge_unread(connection)
        case Close(code, keep_tcp):
            connection.close(code, keep_tcp=keep_tcp)
        case Say():
            for payload in action.payloads:
                connection.send(payload)
        case Wire() | Drip():
            connection.push(action)
        case Silence():
            pass
        case _:
            raise ValueError(f"{action} has no place here")


def takes_the_place(action: Action) -> bool:
    """Whether *action* happens instead of what was due, not besides it."""
    return not (isinstance(action, Drip | Deaf) or (isinstance(action, Say | Wire) and action.then))


def _acknowledge_unread(connection: Connection) -> None:
    def again() -> None:
        connection.send(ACK)
        _acknowledge_unread(connection)

    connection.later(connection.pulse.interval_s, again)
