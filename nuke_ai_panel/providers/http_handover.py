"""Hands sessions from one generation of our code to the next, with their open connections. Loop thread.

On the way everything is aiohttp's own: the pool turns back into a plain `TCPConnector`, its connections into plain
`ResponseHandler`s, so that no class of the old generation lives on in them; the next generation's client dresses them
in its own. See `utils.survivors`.
"""

from __future__ import annotations

import logging
import ssl
from typing import Iterator, List, Optional, Tuple

import aiohttp
from aiohttp.client_proto import ResponseHandler

from ..utils.survivors import keep, look
from .http_connector import Connector

log = logging.getLogger(__name__)

# The same as EventLoopManager's, which closes what nobody claims.
SESSIONS = "sessions"
# Sessions that nobody claimed since the last reload, and that are kept for one owner.
MOST_UNCLAIMED = 2

Owner = Tuple[str, ...]
_Kept = Tuple[Owner, aiohttp.ClientSession, Optional[ssl.SSLContext]]


async def leave(owner: Owner, session: aiohttp.ClientSession, tls: Optional[ssl.SSLContext]) -> None:
    """Puts an idle session among the survivors. `tls` belongs to its pooled connections: they are found by it."""
    connector = session.connector
    try:
        if isinstance(connector, Connector):
            connector.step_down()
    except (AttributeError, TypeError):  # an aiohttp whose insides are not the ones we know
        log.warning("a session could not be handed over and connects anew", exc_info=True)
        await session.close()
        return
    kept: List[_Kept] = [*look(SESSIONS, ()), (owner, session, tls)]
    of_owner = [one for one in kept if one[0] == owner]
    for one in of_owner[:-MOST_UNCLAIMED]:
        kept.remove(one)
        await one[1].close()
    keep(SESSIONS, kept)


def claim(owner: Owner) -> Optional[Tuple[aiohttp.ClientSession, Optional[ssl.SSLContext]]]:
    """The session that the last generation left for `owner`, ready for use; None when there is none."""
    kept: List[_Kept] = list(look(SESSIONS, ()))
    mine = next((one for one in kept if one[0] == owner and not one[1].closed), None)
    if mine is None:
        return None
    kept.remove(mine)
    keep(SESSIONS, kept)
    _, session, tls = mine
    connector = session.connector
    if isinstance(connector, aiohttp.TCPConnector):
        Connector.take_over(connector, pooled(connector))
    return session, tls


def pooled(connector: aiohttp.TCPConnector) -> Iterator[ResponseHandler]:
    """The idle connections of a pool."""
    for waiting in list(connector._conns.values()):
        for entry in list(waiting):
            yield entry[0]
