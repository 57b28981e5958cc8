"""The gate of an App: the studio's policy, the budget and the ledger, asked for every request. Loop thread.

Looking at the policy's files, at the budget and writing the ledger's line are one job of the ledger's thread, and the
request waits for it; so nothing blocks the loop, and no request leaves unwritten. `current` and what is remembered of
the last requests may be read from any thread.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, Optional, Tuple, TypeVar

from ..errors import PolicyError, StoreError, known_secrets
from ..messages import ErrorInfo, Json, Usage
from ..providers.base import ChatRequest, ModelInfo
from ..providers.gate import FREE, Outgoing, Passage, subject_of
from ..providers.redact import redact
from ..settings.policy import NO_POLICY, Policy, Price, RedactionRules
from ..settings.policy_rules import Subject, refusal, trust_of
from ..settings.policy_source import PolicySource
from ..settings.user import host_names, personal_names, user_name
from ..settings.values import RedactionSettings
from ..store.ids import new_id
from ..store.ledger_rows import LedgerEntry, ended_record, sent_record
from ..words import tr
from .answer_errand import AnswerErrand, LedgerPassage
from .budget import (
    Reserve,
    Spending,
    has_hard_limit,
    has_limits,
    month_start,
    over_budget,
    price_of,
    reserve_for,
    rules_of,
    soft_warning,
    spending,
)
from .redaction import NO_REDACTION, Redaction
from .secret_words import Wanted

if TYPE_CHECKING:
    from ..store.ledger import Ledger
    from ..store.ledger_file import Fault, LedgerFile
log = logging.getLogger(__name__)

_T = TypeVar("_T")

# Longer than any healthy disk; a policy or a ledger that does not answer by then lets nothing leave.
PERMIT_S = 10.0
_REMEMBERED = 16
_REDACTIONS = 256
_LONGEST_NAME = 200


@dataclass(frozen=True)
class SentRequest:
    """What one request said, for whoever wants to look: the body as it went over the wire, without headers."""

    at: float
    provider: str
    origin: str
    trust: str
    body: Json
    hidden: int = 0


class StudioGate:
    """See the module's docstring."""

    def __init__(self, source: PolicySource, ledger: Ledger, folder: Path) -> None:
        self._source = source
        self._own_redaction: Callable[[], RedactionSettings] = RedactionSettings
        self._redactions: OrderedDict[str, Redaction] = OrderedDict()
        self._ledger = ledger
        self._folder = folder
        self.user = user_name()
        self._host = socket.gethostname()
        self._lock = threading.Lock()
        self._sent: OrderedDict[str, SentRequest] = OrderedDict()
        self._charges: Mapping[Tuple[str, str], Tuple[float, int]] = {}
        self.trouble: Optional[ErrorInfo] = None
        # Signs of life asked of this machine's own servers, by origin: counted, not written, for they are many.
        self.probes: Dict[str, int] = {}

    # ------------------------------------------------------------ any thread

    def set_own_redaction(self, own: Callable[[], RedactionSettings]) -> None:
        """Where the artist's own settings for redaction come from."""
        self._own_redaction = own

    def current(self) -> Policy:
        """The policy as it was last seen; reads the files only if they never were."""
        return self._source.current()

    def policy_files(self) -> Tuple[Path, ...]:
        """Where a policy lies or would lie."""
        return self._source.files()

    def look_again(self) -> None:
        """Has `current` say what the files say now. Not on the loop: they may be on a share."""
        self._source.read()

    def entries(self, since: float = 0.0) -> Future[List[LedgerEntry]]:
        """What the ledger holds."""
        return self._ledger.submit(lambda file: self._placed(file, self._source.read()).entries(since))

    def verify(self) -> Future[List[Fault]]:
        """Every place where the ledger is not what was written."""
        return self._ledger.submit(lambda file: self._placed(file, self._source.read()).verify())

    @property
    def folder(self) -> Path:
        """Where the ledger's files are, as far as is known."""
        return self._ledger.folder

    def spending(self) -> Future[Tuple[Spending, ...]]:
        """Every limit of this user and how far it is used up."""

        def look(file: LedgerFile) -> Tuple[Spending, ...]:
            policy, now = self._source.read(), time.time()
            if not has_limits(policy, self.user):
                return ()
            return spending(policy, self.user, self._placed(file, policy).charges(month_start(now)), now)

        return self._ledger.submit(look)

    def sent(self, question_id: str) -> Optional[SentRequest]:
        """The last request that asked this question, as long as it is remembered."""
        with self._lock:
            return self._sent.get(question_id)

    def soft_warning(self) -> str:
        """One sentence when the last request found a soft limit passed."""
        return soft_warning(self.current(), self.user, self._charges, time.time())

    def redaction(self, level: str, conversation_id: str) -> Redaction:
        """The placeholders of a conversation for a trust level; none where nothing is to be hidden."""
        wanted = self._wanted(level)
        if wanted is None:
            return NO_REDACTION
        with self._lock:
            known = self._redactions.get(conversation_id)
            if known is None:
                known = self._redactions[conversation_id] = Redaction(conversation_id, wanted)
            known.wanted = wanted
            self._redactions.move_to_end(conversation_id)
            while len(self._redactions) > _REDACTIONS:
                self._redactions.popitem(last=False)
            return known

    def _wanted(self, level: str) -> Optional[Wanted]:
        policy, own = self.current(), self._own_redaction()
        rules = [(one.redaction, one.words) for one in policy.files if level in one.redaction.levels]
        if level in own.levels:
            rules.append((RedactionRules(own.levels, own.paths, own.users, own.hosts), own.words))
        if not rules:
            return None
        is_people = any(rule.users for rule, _ in rules)
        is_hosts = any(rule.hosts for rule, _ in rules)
        return Wanted(
            any(rule.paths for rule, _ in rules),
            tuple(dict.fromkeys(word for _, words in rules for word in words)),
            personal_names() if is_people else (), host_names() if is_hosts else (), is_people, is_hosts,
        )

    def close(self, timeout_s: float) -> None:
        """Writes what is still to be written."""
        self._ledger.close(timeout_s)

    # ------------------------------------------------------------ loop thread

    async def fresh(self) -> Policy:
        """The policy as its files say now. Raises PolicyError when they do not answer."""
        if self._source.is_absent():
            return NO_POLICY
        return await self._job(self._ledger.ask(lambda file: self._source.read()))

    def answer_errand(
        self, row: str, request: ChatRequest, subject: Subject, info: Optional[ModelInfo], *, is_inside: bool,
    ) -> Tuple[AnswerErrand, ChatRequest]:
        """The errand of one answer, and the request with what the budget demands. Raises PolicyError."""
        policy = self.current()
        refused = refusal(policy, subject)
        if refused is not None:
            raise refused
        price: Optional[Price] = price_of(policy, row, request.model, info, is_inside=is_inside)
        reserve = Reserve(price=price)
        if has_hard_limit(policy, self.user):
            if request.parameters.max_tokens is None:
                most = rules_of(policy).answer_tokens
                request = replace(request, parameters=replace(request.parameters, max_tokens=most))
            if price is None and rules_of(policy).unpriced != "allow" and has_hard_limit(policy, self.user, "usd"):
                raise _unpriced(policy, request.model)
            reserve = reserve_for(request, price, info)
        question = request.messages[-1] if request.messages else None
        errand = AnswerErrand(
            self, row, request.model, question.conversation_id if question is not None else None, reserve=reserve,
            question_id=question.id if question is not None else None,
        )
        return errand, request

    async def permit(self, outgoing: Outgoing) -> Passage:
        """See Gate."""
        errand = outgoing.errand
        if errand is not None and errand.is_probe and outgoing.method == "GET" and trust_of(outgoing.url) == "machine":
            refused = refusal(await self.fresh(), subject_of(outgoing))
            if refused is not None:
                raise refused
            self.probes[outgoing.origin] = self.probes.get(outgoing.origin, 0) + 1
            return FREE
        passage = LedgerPassage(self.write_end, self._entry(outgoing), outgoing)
        try:
            await self._job(self._ledger.ask(lambda file: self._let_through(file, outgoing, passage)))
        except asyncio.CancelledError:
            passage.ended("cancelled", is_unsent=True)
            raise
        if isinstance(errand, AnswerErrand) and outgoing.method == "POST":
            errand.passages.append(passage)
            self._remember(errand, outgoing, passage.entry)
        return passage

    def settle(self, errand: AnswerErrand, usage: Optional[Usage], outcome: str) -> None:
        """The answer is over: what it used is written beside the request that brought it."""
        for number, passage in enumerate(reversed(errand.passages)):
            passage.settle(usage if number == 0 else None, outcome if number == 0 else "")

    def write_end(self, entry: LedgerEntry) -> None:
        """Adds the end of a request to the ledger, without anybody waiting for it."""
        record = ended_record(entry)

        def write(file: LedgerFile) -> None:
            try:
                with file.turn():
                    file.append(record)
            except StoreError as exc:
                self._note(exc)

        self._ledger.submit(write, is_awaited=False)

    # ------------------------------------------------------------ ledger thread

    def _let_through(self, file: LedgerFile, outgoing: Outgoing, passage: LedgerPassage) -> None:
        policy, now = NO_POLICY if self._source.is_absent() else self._source.read(), time.time()
        refused = refusal(policy, subject_of(outgoing))
        if refused is not None:
            raise refused
        reserve = _reserve_of(policy, self.user, outgoing)
        if reserve.tokens or reserve.usd:
            passage.entry = replace(passage.entry, reserved_tokens=reserve.tokens, reserved_usd=reserve.usd)
        try:
            file = self._placed(file, policy)
            with file.turn():
                if has_limits(policy, self.user):
                    self._charges = dict(file.charges(month_start(now)))
                    over = over_budget(policy, self.user, self._charges, reserve, now)
                    if over is not None:
                        raise over
                file.append(sent_record(passage.entry))
        except StoreError as exc:
            self._note(exc)
            if reserve.tokens or any(one.ledger.required for one in policy.files):
                raise PolicyError(
                    exc.message, user_text=tr("{user_text} The studio's policy allows no request without it.",
                    user_text=exc.user_text),
                    next_step=exc.next_step, rule="ledger.required",
                ) from exc
        else:
            self.trouble = None

    def _placed(self, file: LedgerFile, policy: Policy) -> LedgerFile:
        """The ledger where the policy wants it."""
        wanted = next((one.ledger.folder for one in policy.files if one.ledger.folder is not None), None)
        folder = self._folder if wanted is None else Path(os.path.expanduser(wanted)) / _as_name(self.user)
        return self._ledger.at(folder)

    def _note(self, error: StoreError) -> None:
        if self.trouble is None:
            log.warning("%s", error.message)
        self.trouble = error.info()

    # ------------------------------------------------------------ how

    async def _job(self, future: asyncio.Future[_T]) -> _T:
        # No wait_for: it takes the loop another round, and every request comes by here.
        timer = asyncio.get_running_loop().call_later(PERMIT_S, _give_up, future)
        try:
            return await future
        finally:
            timer.cancel()

    def _entry(self, outgoing: Outgoing) -> LedgerEntry:
        sender, errand = outgoing.sender, outgoing.errand
        is_answer = isinstance(errand, AnswerErrand) and outgoing.method == "POST"
        model = outgoing.models[-1] if outgoing.models else None
        return LedgerEntry(
            new_id(), time.time(), _as_name(sender.row or (errand.row if errand is not None else "") or sender.title),
            _shown(outgoing.origin), trust_of(outgoing.url), "answer" if is_answer else "other", _shown(sender.title),
            _shown(model)[:_LONGEST_NAME] if model is not None else None, outgoing.method, outgoing.size_bytes,
            errand.conversation_id if errand is not None else None, self.user, self._host, os.getpid(),
            redacted=errand.hidden if isinstance(errand, AnswerErrand) else 0,
        )

    def _remember(self, errand: AnswerErrand, outgoing: Outgoing, entry: LedgerEntry) -> None:
        if errand.question_id is None:
            return
        with self._lock:
            self._sent[errand.question_id] = SentRequest(
                entry.at, outgoing.sender.title, outgoing.origin, entry.trust, outgoing.body, errand.hidden
            )
            self._sent.move_to_end(errand.question_id)
            while len(self._sent) > _REMEMBERED:
                self._sent.popitem(last=False)


def _reserve_of(policy: Policy, user: str, outgoing: Outgoing) -> Reserve:
    """What to set aside. A prompt that goes past the App's own way cannot be priced, so it counts in full."""
    errand = outgoing.errand
    if isinstance(errand, AnswerErrand):
        return errand.reserve if outgoing.method == "POST" else Reserve()
    if errand is not None or outgoing.method != "POST" or not has_hard_limit(policy, user):
        return Reserve()
    is_unpriced = trust_of(outgoing.url) == "cloud" and has_hard_limit(policy, user, "usd")
    if is_unpriced and rules_of(policy).unpriced != "allow":
        raise _unpriced(policy, outgoing.models[-1] if outgoing.models else tr("this request"))
    return Reserve(outgoing.size_bytes, rules_of(policy).answer_tokens)


def _unpriced(policy: Policy, model: str) -> PolicyError:
    file = next((one for one in policy.files if one.budget.rules.unpriced != "allow"), policy.files[0])
    whom = tr("Ask {contact}", contact=file.general.contact) if file.general.contact else tr(
        "Ask whoever keeps the policy")
    return PolicyError(
        f"{file.place('budget')}: the price of {model} is unknown, and budget.unpriced is refuse",
        user_text=tr("The studio's budget needs to know what {model} costs, and nobody says (rule budget.unpriced).",
        model=model),
        next_step=tr("{whom} to add it to budget.prices, or choose a model with a known price.", whom=whom),
        rule="budget.unpriced",
    )


def _give_up(future: asyncio.Future[_T]) -> None:
    if not future.done():
        future.set_exception(PolicyError(
            f"the policy or the ledger did not answer within {PERMIT_S:g} s",
            user_text=tr("The studio's policy or the ledger does not answer, so nothing is sent."),
            next_step=tr("Check the disks that they lie on, then try again."), rule="policy",
        ))


def _as_name(text: str) -> str:
    """A name that is safe in a path and on a line."""
    return "".join(char if char.isalnum() or char in "-_. @" else "_" for char in _shown(text)).strip(". ") or "unknown"


def _shown(text: str) -> str:
    """The same few names and addresses in every entry, without keys."""
    return _masked(text, known_secrets())


@functools.lru_cache(maxsize=256)
def _masked(text: str, secrets: int) -> str:
    return redact(text)
