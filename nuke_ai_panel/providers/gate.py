"""The gate that every request passes before its first byte leaves. Loop thread; `install_gate` on any.

An `HttpClient` asks the gate once for each request, whatever its method, and tells it the end of each; so a rule that
stands here holds for the panel, the command line, the Script Editor and batches alike. Which gate is asked: that of the
errand that is being run (see `errand`), else the one installed last, else the studio's policy alone.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Iterator, List, NamedTuple, Optional, Protocol, Tuple
from weakref import WeakValueDictionary

from ..errors import NukeAIError
from ..messages import Json
from ..settings.policy_rules import Subject, refusal
from ..settings.policy_source import PolicySource
from .threads import in_daemon_thread
from .urls import origin_of


class Sender(NamedTuple):
    """Who sends: a provider's title, and its row's name and kind in the settings, empty for none."""

    title: str
    row: str = ""
    kind: str = ""


class Outgoing(NamedTuple):
    """One request that is about to leave.

    `models` are all that the errand, the body and the address name. `size_bytes` is the body's size.
    """

    sender: Sender
    method: str
    url: str
    size_bytes: int
    models: Tuple[str, ...] = ()
    errand: Optional[Errand] = None
    body: Json = None
    proxy: Optional[str] = None

    @property
    def origin(self) -> str:
        """Scheme, host and port of where it goes."""
        return origin_of(self.url)


class Passage(Protocol):
    """One request that was let through, until its end."""

    def ended(
        self, outcome: str, *, status: Optional[int] = None, received_bytes: int = 0, is_unsent: bool = False
    ) -> None:
        """The request is over; only the first call counts. `outcome` is `answered`, or a kind of error.

        `is_unsent` says that no connection came about, so that nothing can have left.
        """
        ...


class Gate(Protocol):
    """Who decides, and keeps the book."""

    async def permit(self, outgoing: Outgoing) -> Passage:
        """Lets the request leave once it is written down. Raises PolicyError before anything leaves."""
        ...


@dataclass(frozen=True)
class Errand:
    """What a request is for, as far as the transport cannot know: it holds for everything its task sends meanwhile.

    `is_probe` says that it only asks for a sign of life.
    """

    gate: Gate
    row: str
    model: Optional[str] = None
    conversation_id: Optional[str] = None
    is_probe: bool = False
    number: int = field(default_factory=itertools.count(1).__next__, init=False, compare=False)


class FreePassage:
    """A passage of which nobody keeps a book."""

    def ended(
        self, outcome: str, *, status: Optional[int] = None, received_bytes: int = 0, is_unsent: bool = False
    ) -> None:
        """Nothing is written."""


class PolicyGate:
    """Keeps the studio's rules where nobody keeps a ledger: for a provider that is used without an App."""

    def __init__(self, source: PolicySource) -> None:
        self._source = source

    async def permit(self, outgoing: Outgoing) -> Passage:
        """See Gate."""
        if self._source.is_absent():
            return FREE
        refused = refusal(await in_daemon_thread(self._source.read), subject_of(outgoing))
        if refused is not None:
            raise refused
        return FREE


FREE = FreePassage()
# Google's and Azure's way to name a model.
_IN_ADDRESS = re.compile(r"/(?:models|deployments)/([^/:?#]+)")
# A number, and no object of ours: aiohttp's timers keep the context that they were made in, and outlive a reload.
_errand: ContextVar[int] = ContextVar("nuke_ai_panel_errand", default=0)
_errands: WeakValueDictionary[int, Errand] = WeakValueDictionary()
_installed: List[Gate] = []
_lock = threading.Lock()


def install_gate(gate: Gate) -> None:
    """Makes `gate` the one for requests outside any errand, until it is removed."""
    with _lock:
        _installed.append(gate)


def remove_gate(gate: Gate) -> None:
    """Ends `install_gate`. Idempotent."""
    with _lock:
        _installed[:] = [one for one in _installed if one is not gate]


def begin_errand(errand: Optional[Errand]) -> None:
    """From now on the current task's requests belong to `errand`, as long as somebody holds it; None ends that."""
    if errand is not None:
        _errands[errand.number] = errand
    _errand.set(errand.number if errand is not None else 0)


def outgoing_for(
    sender: Sender, method: str, url: str, body: Json, *, size_bytes: int, proxy: Optional[str] = None
) -> Outgoing:
    """The request as the gate sees it."""
    errand = _errands.get(_errand.get())
    named: List[Json] = [errand.model] if errand is not None and errand.model else []
    if isinstance(body, dict):
        listed = body.get("models")
        named += [body.get("model"), *(listed if isinstance(listed, (list, tuple)) else ())]
    named += _IN_ADDRESS.findall(url)
    models = tuple(dict.fromkeys(one for one in named if isinstance(one, str) and one))
    return Outgoing(sender, method, url, size_bytes, models, errand, body, proxy)


async def permit(outgoing: Outgoing) -> Passage:
    """Asks the gate in charge. Raises PolicyError."""
    errand = outgoing.errand
    if errand is not None:
        return await errand.gate.permit(outgoing)
    installed = _installed[-1:]
    return await (installed[0] if installed else _DEFAULT).permit(outgoing)


def subject_of(outgoing: Outgoing) -> Subject:
    """What the policy is asked about."""
    sender, errand = outgoing.sender, outgoing.errand
    row = sender.row or (errand.row if errand is not None else "")
    return Subject(row, sender.kind, sender.title, outgoing.url, outgoing.proxy or "", outgoing.models)


@contextmanager
def told_of_failure(passage: Passage) -> Iterator[None]:
    """Tells the gate when the work inside fails."""
    try:
        yield
    except NukeAIError as error:
        passage.ended(error.kind, is_unsent=_never_connected(error.__cause__))
        raise
    except asyncio.CancelledError:
        passage.ended("cancelled")
        raise
    except BaseException:
        passage.ended("internal")
        raise


def _never_connected(cause: Optional[BaseException]) -> bool:
    # By name, because aiohttp itself is known in http*.py only; all of its failures to connect have this base.
    return any(base.__name__ == "ClientConnectorError" for base in type(cause).__mro__)


_DEFAULT: Gate = PolicyGate(PolicySource())
