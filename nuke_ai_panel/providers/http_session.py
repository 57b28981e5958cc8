"""What an HttpClient holds between two requests: its one aiohttp session, the certificate rules, the known proxies.

Lives on the loop thread. The session is made at first use and stays with its loop and its process: a forked child
never touches the parent's, and a session that was closed opens again only on a fresh loop.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import ssl
import sys
import time
from typing import Dict, Optional, Tuple

import aiohttp

from ..errors import ProviderError
from ..words import tr
from .http_connector import Connector
from .http_handover import claim, leave
from .http_request import HttpOptions
from .proxies import proxy_for, proxy_secrets
from .threads import in_daemon_thread
from .tls import tls_context
from .urls import is_loopback_url

log = logging.getLogger(__name__)

HEADER_LIMIT_BYTES = 32768
PROXY_CACHE_S = 60.0


class Session:
    """The session of one provider. `proxy_secrets` grows with every proxy that has a password."""

    def __init__(self, provider: str, options: HttpOptions, *, owner: Tuple[str, ...] = ()) -> None:
        self.proxy_secrets: Tuple[str, ...] = proxy_secrets(options.proxy)
        self._provider, self._options = provider, options
        self._aiohttp: Optional[aiohttp.ClientSession] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._closed_on: Optional[asyncio.AbstractEventLoop] = None
        self._tls: Optional[asyncio.Future[ssl.SSLContext]] = None
        self._proxies: Dict[str, Tuple[float, Optional[str]]] = {}
        # By this the next generation of our code finds the session again; empty: it does not outlive this one.
        rules = (options.ca_bundle, options.client_cert, options.client_key)
        self._owner = (*owner, *(rule or "" for rule in rules)) if any(owner) else ()

    @property
    def is_open(self) -> bool:
        """True between the first request and `close`."""
        return self._aiohttp is not None

    @property
    def is_closed(self) -> bool:
        """True when it was closed on the running loop."""
        return self._closed_on is asyncio.get_running_loop()

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is open on another loop than the running one: a loop that was given up."""
        return self._aiohttp is not None and self._loop is not asyncio.get_running_loop()

    def live(self) -> aiohttp.ClientSession:
        """The one session, made at first use. Raises ProviderError(cancelled) once it was closed on this loop."""
        loop = asyncio.get_running_loop()
        if self._aiohttp is not None:
            self.assert_own_loop()
        if self._aiohttp is None:
            if self._closed_on is loop:
                raise ProviderError("cancelled", tr("the provider was closed"), provider=self._provider)
            self._loop, self._closed_on = loop, None
            self._aiohttp = self._claim()
        if self._aiohttp is None:
            limits = {"max_line_size": HEADER_LIMIT_BYTES, "max_field_size": HEADER_LIMIT_BYTES}
            known = inspect.signature(aiohttp.ClientSession).parameters
            self._aiohttp = aiohttp.ClientSession(
                connector=Connector(), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
                **{name: value for name, value in limits.items() if name in known},  # type: ignore[arg-type]  # since 3.9
            )
            # What dies on an old connection is sent again once, by us, whatever its method; aiohttp would add its own.
            self._aiohttp._retry_connection = False
        return self._aiohttp

    async def hand_over(self) -> None:
        """Leaves the session, if there is one, to the next generation of our code; from now on this one is closed."""
        if self._aiohttp is None:
            return
        tls = self._tls.result() if self._tls is not None and self._tls.done() and not self._tls.cancelled() else None
        session = self.shut()
        if session is not None and self._owner:
            await leave(self._owner, session, tls)
        else:
            await self.finish(session)

    def _claim(self) -> Optional[aiohttp.ClientSession]:
        found = claim(self._owner) if self._owner else None
        if found is None:
            return None
        session, tls = found
        if tls is not None:
            self._tls = asyncio.get_running_loop().create_future()
            self._tls.set_result(tls)
        return session

    def distrust_old(self) -> None:
        """From now on requests go over new connections."""
        connector = self._aiohttp.connector if self._aiohttp is not None else None
        if isinstance(connector, Connector):
            connector.distrust_old()

    def assert_own_loop(self) -> None:
        """Raises RuntimeError on another loop than the session's, unless that one has ended."""
        loop = asyncio.get_running_loop()
        if self._aiohttp is None or loop is self._loop:
            return
        if self._loop is None or not self._loop.is_closed():
            raise RuntimeError(f"the HttpClient of {self._provider} belongs to another event loop; use it on that one")
        log.warning("the HttpClient of %s was not closed before its loop; it opens a new session", self._provider)
        self.leave_behind()

    def leave_behind(self) -> Tuple[object, ...]:
        """Forgets the session without touching its sockets, and returns what must not be collected yet."""
        connector = self._aiohttp.connector if self._aiohttp is not None else None
        left = (self._aiohttp, connector, self._loop, self._tls)
        if self._aiohttp is not None:
            self._aiohttp.detach()
        self._aiohttp = self._loop = self._tls = self._closed_on = None
        return left

    def shut(self) -> Optional[aiohttp.ClientSession]:
        """Ends what is being prepared; from now on nothing opens on this loop. What `finish` then closes."""
        self.assert_own_loop()
        session, self._aiohttp = self._aiohttp, None
        self._closed_on = asyncio.get_running_loop()
        if self._tls is not None:
            self._tls.cancel()
            self._tls = None
        return session

    async def finish(self, session: Optional[aiohttp.ClientSession]) -> None:
        """Closes what `shut` returned and gives its sockets a turn of the loop."""
        if session is None:
            return
        if isinstance(session.connector, Connector):
            session.connector.drop_everything()
        await session.close()
        await asyncio.sleep(0)

    async def proxy(self, url: str) -> Optional[str]:
        """Asked for every request, so it is remembered: the system's answer for a minute, ours for good."""
        now = time.monotonic()
        known = self._proxies.get(url)
        if known is None or now > known[0]:
            setting = self._options.proxy
            if setting or is_loopback_url(url):
                known = (math.inf, proxy_for(url, setting))
            else:
                known = (now + PROXY_CACHE_S, await in_daemon_thread(lambda: proxy_for(url, None)))
                new = (secret for secret in proxy_secrets(known[1]) if secret not in self.proxy_secrets)
                self.proxy_secrets = (*self.proxy_secrets, *new)
            if len(self._proxies) > 64:
                self._proxies.clear()
            self._proxies[url] = known
        return known[1]

    async def tls(self) -> ssl.SSLContext:
        """Built once, off the loop; a request that is stopped meanwhile does not stop the others' wait."""
        if self._tls is None:
            self.live()  # which may bring the rules that its open connections were made by
        if self._tls is None:
            options = self._options
            self._tls = asyncio.ensure_future(in_daemon_thread(lambda: tls_context(
                ca_bundle=options.ca_bundle, client_cert=options.client_cert, client_key=options.client_key
            )))
        building = self._tls
        try:
            return await asyncio.shield(building)
        except ProviderError:
            if self._tls is building:  # a corrected file is read at the next try
                self._tls = None
            raise
        except asyncio.CancelledError:
            if building.cancelled() and not was_cancelled():  # close() did that
                raise ProviderError("cancelled", tr("the provider was closed"), provider=self._provider) from None
            raise


def was_cancelled() -> bool:
    """True when somebody cancelled the current task. Before 3.11 nobody can tell; then it is believed."""
    task = asyncio.current_task()
    return sys.version_info < (3, 11) or task is None or task.cancelling() > 0
