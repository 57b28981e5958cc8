"""Looks after the providers in use: a light probe now and then, and trying again by itself while one is away.

In use is a provider that a panel has chosen or that a question waits for (`hold`). A probe is one short GET through the
gate, never a token and never a model that starts. One on this machine is looked at every second, one in the house
every minute, one outside every five minutes and only once something was asked of it; whoever was heard since needs no
probe. While a provider is away the pauses grow from one second to a minute with jitter, on this machine they stay at
one; after a sleep of the machine and when the network is another one than before, everybody is looked at at once.

`hold` is for any thread, everything else lives on the loop, in one task that is there as long as anybody is held.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from contextvars import Context
from dataclasses import dataclass, field
from typing import Awaitable, Callable, Dict, List, Optional, Set

from ..errors import NukeAIError, ProviderError
from ..providers.http_wake import LOOK_EVERY_S, NetworkWatch, SleepWatch
from ..utils.event_loop_manager import create_task
from .connection_states import ConnectionStates
from .provider_status import Distance, ProviderStatus

log = logging.getLogger(__name__)

# Seconds between two looks at a provider that is there.
PACE_S = {"machine": 1.0, "house": 60.0, "outside": 300.0}
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LOOK_S = 1.0
# Whoever has just chosen a provider mostly asks it something, or is still opening a panel.
FIRST_LOOK_S = 0.3
NEVER = float("inf")

# Told before each pause of a wait: seconds until the next look, and how many have failed.
OnPause = Callable[[float, int], None]


def pause_after(failures: int, distance: Distance, *, random: Callable[[], float]) -> float:
    """Seconds until the next look at a server that is away."""
    if distance == "machine":
        return FIRST_PAUSE_S
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(max(0, failures - 1), 10))
    return max(FIRST_PAUSE_S, longest * (0.5 + 0.5 * random()))


@dataclass
class _Look:
    """One provider that is looked after. `due` is of the steady clock; waiters get whether it makes sense to ask."""

    due: float
    failures: int = 0
    task: Optional[asyncio.Task[None]] = None
    waiters: Set[asyncio.Future[bool]] = field(default_factory=set)


class ConnectionWatch:
    """`probe` asks a provider's server for a sign of life, and raises; `distance` is None for one without a server."""

    def __init__(
        self, states: ConnectionStates, *, probe: Callable[[str], Awaitable[None]],
        distance: Callable[[str], Optional[Distance]],
    ) -> None:
        self._states = states
        self._probe = probe
        self._distance = distance
        self._lock = threading.Lock()
        self._holds: Dict[str, int] = {}
        self._waiting: Dict[str, int] = {}
        self._waits: Set[Callable[[], None]] = set()  # each ends one wait's hold
        self._is_stopped = False
        # Below: loop thread only; read elsewhere.
        self._looks: Dict[str, _Look] = {}
        self._task: Optional[asyncio.Task[None]] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._wake: Optional[asyncio.Event] = None
        self._unsubscribe: Optional[Callable[[], None]] = None

    # ------------------------------------------------------------ any thread

    def hold(self, name: str) -> Callable[[], None]:
        """Looks after the provider until the returned call; several holds are one watch."""
        with self._lock:
            self._holds[name] = self._holds.get(name, 0) + 1
            is_first = self._holds[name] == 1
        if is_first and not self._is_stopped:
            create_task(self._started())
        is_released: List[bool] = []

        def release() -> None:
            with self._lock:
                if not is_released:
                    is_released.append(True)
                    self._holds[name] -= 1
                    if not self._holds[name]:
                        del self._holds[name]

        return release

    def revive(self) -> None:
        """Starts the watch again if anybody is held and it is not there."""
        if self._holds and not self.is_running and not self._is_stopped:
            create_task(self._started())

    def held(self) -> List[str]:
        """The providers in use."""
        with self._lock:
            return list(self._holds)

    def next_try_at(self, name: str) -> Optional[float]:
        """When an absent provider is looked at again (UTC seconds), None when it is not."""
        look, loop = self._looks.get(name), self._loop
        if look is None or loop is None or look.due == NEVER:
            return None
        return time.time() + max(0.0, look.due - time.monotonic()) if self.is_running else None

    def waiting(self, name: str) -> int:
        """How many questions wait for the provider."""
        return self._waiting.get(name, 0)

    @property
    def is_running(self) -> bool:
        """Whether the task is there."""
        return self._task is not None and not self._task.done()

    # ------------------------------------------------------------ loop thread

    async def wait_until_back(self, name: str, on_pause: OnPause) -> None:
        """Returns once it makes sense to ask the provider again: its server is there, or settings have changed."""
        release, waiting = self.hold(name), self._waiting
        waiting[name] = waiting.get(name, 0) + 1
        self._waits.add(release)
        loop = asyncio.get_running_loop()
        try:
            self.ensure()
            look = self._looks.setdefault(name, _Look(NEVER))
            if look.task is None:
                look.failures += 1
                look.due = min(look.due, loop.time() + self._pause(name, look))
                self._nudge()
            while True:
                on_pause(max(0.0, look.due - loop.time()), look.failures)
                back: asyncio.Future[bool] = loop.create_future()
                look.waiters.add(back)
                try:
                    if await back:
                        return
                finally:
                    look.waiters.discard(back)
        finally:
            waiting[name] -= 1
            self._waits.discard(release)
            release()

    async def stop(self, *, for_good: bool = False) -> None:
        """Ends the task and its probes. The next use starts it again, unless this was `for_good`."""
        self._is_stopped = self._is_stopped or for_good
        tasks = [one for one in (self._task, *(look.task for look in self._looks.values())) if one is not None]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._end()

    def forgotten(self, name: str) -> None:
        """The provider's settings or key changed: it is looked at anew, and whoever waits for it asks again."""
        loop = self._loop
        if self.is_running and loop is not None:
            loop.call_soon_threadsafe(self._look_now, name)

    def abandon(self) -> None:
        """Forgets the task and the waits of a loop that is blocked; `revive` starts another on the new loop."""
        self._task, self._loop, self._looks = None, None, {}
        waits, self._waits, self._waiting = self._waits, set(), {}
        for release in waits:
            release()

    async def _started(self) -> None:
        self.ensure()

    def ensure(self) -> None:
        """Goes on with what is held, for example on a new loop."""
        loop = asyncio.get_running_loop()
        if self._is_stopped or not self._holds:
            return
        if self.is_running and self._loop is loop:
            self._nudge()
            return
        self._loop, self._wake = loop, asyncio.Event()
        self._looks = {}
        if self._unsubscribe is None:
            self._unsubscribe = self._states.subscribe(self._changed)
        # Apart from the request that happened to start it: the watch lives longer, and would hold what that knew.
        self._task = Context().run(asyncio.ensure_future, self._run())

    async def _run(self) -> None:
        sleeps, network = SleepWatch(), NetworkWatch()
        try:
            while True:
                held = self.held()
                # Not this task's watch any more: its loop was blocked, was given up, and has come free.
                if not held or self._task is not asyncio.current_task():
                    return
                self._drop_unheld(held)
                planned = self._look_around(held)
                assert self._wake is not None
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), planned)
                except asyncio.TimeoutError:
                    pass
                woke = sleeps.slept(due_in_s=planned)
                if woke or (self._is_anybody_away(held) and network.is_other()):
                    log.info("%s: all providers in use are looked at", "the machine slept" if woke else "new network")
                    for name in self.held():
                        self._look_now(name, is_told=False)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the watch over connections failed: this is a bug")
        finally:
            if self._task is asyncio.current_task():
                self._end()

    def _end(self) -> None:
        self._looks = {}
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _drop_unheld(self, held: List[str]) -> None:
        for name in set(self._looks) - set(held):
            look = self._looks.pop(name)
            if look.task is not None:
                look.task.cancel()

    def _look_around(self, held: List[str]) -> float:
        """Starts what is due, and says after how many seconds to look around again."""
        now, next_due = time.monotonic(), LOOK_EVERY_S
        for name in held:
            look = self._looks.setdefault(name, _Look(now + FIRST_LOOK_S))
            if look.task is None and (look.due <= now or look.due == NEVER):
                look.due = self._due(name, look, now)
                if look.due <= now:
                    look.task = asyncio.ensure_future(self._look(name, look))
            if look.task is None and look.due != NEVER:
                next_due = min(next_due, look.due - now)
            if self._is_away(name):
                next_due = min(next_due, LOOK_S)
        return max(0.01, next_due)

    def _due(self, name: str, look: _Look, now: float) -> float:
        """When the provider is to be looked at, now or later; NEVER when nothing speaks for it as things are."""
        distance, status = self._distance(name), self._states.status(name)
        if distance is None or status.state in ("needs key", "forbidden by policy"):
            return NEVER
        if look.waiters or status.state == "unreachable":
            return now
        if distance == "outside" and status.state == "unknown":
            return NEVER  # nobody has asked anything of it yet
        if self._states.is_flowing(name) or status.state == "connecting":
            return now + PACE_S[distance]
        heard_ago = time.time() - self._states.heard_at(name)
        left = PACE_S[distance] - heard_ago if heard_ago >= 0 else 0.0
        return now + left if left > 0.05 else now

    async def _look(self, name: str, look: _Look) -> None:
        is_there, is_over = True, False
        try:
            await self._probe(name)
        except ProviderError as error:
            is_there = not error.is_unsent  # what answers with an error, or not at all, can be asked
            is_over = is_there
        except NukeAIError:  # a rule or a setting: the question itself finds out
            is_over = True
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the provider %s failed at a probe", name)
            is_over = True
        finally:
            look.task = None
        now = time.monotonic()
        if is_there and not (is_over and self._is_away(name)):
            look.failures = 0
            look.due = now + PACE_S[self._distance(name) or "outside"]
        else:
            look.failures += 1
            look.due = now + self._pause(name, look)
        self._answer(look, is_there or is_over)
        self._nudge()

    def _pause(self, name: str, look: _Look) -> float:
        return pause_after(look.failures, self._distance(name) or "outside", random=random.random)

    def _answer(self, look: _Look, is_back: bool) -> None:
        for waiter in tuple(look.waiters):
            if not waiter.done():
                waiter.set_result(is_back)

    def _look_now(self, name: str, *, is_told: bool = True) -> None:
        look = self._looks.get(name)
        if look is None:
            return
        look.failures, look.due = 0, time.monotonic()
        if is_told:
            self._answer(look, True)
        self._nudge()

    def _changed(self, status: ProviderStatus) -> None:
        # On the thread where the fact was found.
        loop = self._loop
        if loop is not None and status.name in self._looks and not loop.is_closed():
            loop.call_soon_threadsafe(self._follow, status)

    def _follow(self, status: ProviderStatus) -> None:
        """Real traffic found out more: who waits goes on, who is away is looked for soon."""
        look = self._looks.get(status.name)
        if look is None:
            return
        if status.state in ("connected", "degraded"):
            self._answer(look, True)
        if look.task is None:
            now = time.monotonic()
            if status.state == "unreachable":
                look.due = min(look.due, now + self._pause(status.name, look))
            elif look.due == NEVER or status.state in ("connected", "degraded"):
                look.failures = 0
                look.due = now
        self._nudge()

    def _is_away(self, name: str) -> bool:
        return self._states.status(name).state == "unreachable"

    def _is_anybody_away(self, held: List[str]) -> bool:
        return any(self._is_away(name) for name in held)

    def _nudge(self) -> None:
        if self._wake is not None:
            self._wake.set()
