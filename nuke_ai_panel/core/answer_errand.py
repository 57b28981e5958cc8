"""One answer's errand, and its requests in the ledger until what they cost is known. Loop thread."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Callable, Dict, List, Optional

from ..messages import Json, Usage
from ..providers.gate import Errand, Outgoing
from ..store.ledger_rows import LedgerEntry
from .budget import NO_RESERVE, Reserve, used


@dataclass(frozen=True)
class AnswerErrand(Errand):
    """One request for an answer, from the question until what it cost is known."""

    reserve: Reserve = NO_RESERVE
    question_id: Optional[str] = None
    hidden: int = 0
    passages: List[LedgerPassage] = field(default_factory=list)


class LedgerPassage:
    """One request in the ledger. An answer's is written when its use is known, any other's when the transport ends."""

    def __init__(self, write_end: Callable[[LedgerEntry], None], entry: LedgerEntry, outgoing: Outgoing) -> None:
        self.entry = entry
        self._write_end = write_end
        self._errand = outgoing.errand if isinstance(outgoing.errand, AnswerErrand) else None
        self._end: Optional[Dict[str, Json]] = None
        self._is_written = False

    def ended(
        self, outcome: str, *, status: Optional[int] = None, received_bytes: int = 0, is_unsent: bool = False
    ) -> None:
        """See Passage."""
        if self._end is not None:
            return
        self._end = {"outcome": "not sent" if is_unsent else outcome, "status": status,
                     "bytes_received": received_bytes}
        if self._errand is None or self.entry.purpose != "answer" or is_unsent:
            self.settle(None, "")

    def settle(self, usage: Optional[Usage], outcome: str) -> None:
        """Writes the end, once."""
        if self._is_written:
            return
        self._is_written = True
        end: Dict[str, Json] = self._end or {"outcome": outcome or "cancelled", "status": None, "bytes_received": 0}
        is_sent, status = end["outcome"] != "not sent", end["status"]
        if outcome and is_sent:
            end["outcome"] = outcome
        entry = self.entry
        if is_sent and (status is None or status < 300) and (entry.purpose == "answer" or entry.reserved_tokens):
            reserve = self._errand.reserve if self._errand is not None else Reserve()
            prompt, answer, usd, is_guess = used(
                usage, reserve.price, bytes_sent=entry.bytes_sent, bytes_received=end["bytes_received"],
                most_output=reserve.output_tokens,
            )
            end.update(input_tokens=prompt, output_tokens=answer, cost_usd=usd, is_estimated=is_guess)
        elif entry.purpose == "answer":
            end.update(input_tokens=0, output_tokens=0, cost_usd=0.0)
        self._write_end(replace(entry, **end, ended_at=time.time()))
