"""The ledger's values: what was sent, how it ended, and both as one entry. Frozen; any thread.

A line of the file is JSON. `sent` is written before the first byte leaves, `ended` once it is known how it went; an
entry without its `ended` was on the way when its process died. Neither ever holds a prompt, an answer or a key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ..messages import Json

UNKNOWN_END = "unknown"
START = "0" * 64


@dataclass(frozen=True)
class LedgerEntry:
    """One request that left, or stayed in the house. `at` is UTC seconds; None means that nobody said.

    `trust` is how far it went (machine, house, cloud), `purpose` answer or other, `outcome` answered, a kind of error,
    or unknown. `reserved_*` is the most it could cost, and counts until the end is known.
    """

    id: str
    at: float
    provider: str
    origin: str
    trust: str
    purpose: str = "other"
    title: str = ""
    model: Optional[str] = None
    method: str = "POST"
    bytes_sent: int = 0
    conversation_id: Optional[str] = None
    user: str = ""
    host: str = ""
    process: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    redacted: int = 0
    outcome: str = UNKNOWN_END
    status: Optional[int] = None
    bytes_received: int = 0
    input_tokens: Optional[int] = None
    output_tokens: Optional[int] = None
    cost_usd: Optional[float] = None
    is_estimated: bool = False
    ended_at: Optional[float] = None

    @property
    def left_house(self) -> bool:
        """Whether it went beyond the house's own network."""
        return self.trust == "cloud"

    @property
    def tokens(self) -> Optional[int]:
        """What was used altogether."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def charged_tokens(self) -> int:
        """What counts against a budget: what was used, or could have been."""
        return self.reserved_tokens if self.ended_at is None else self.tokens or 0

    @property
    def charged_usd(self) -> float:
        """What counts against a budget: what it cost, or could have."""
        return self.reserved_usd if self.ended_at is None else self.cost_usd or 0.0


_SENT = (
    "id", "at", "user", "host", "process", "provider", "title", "model", "origin", "trust", "purpose", "method",
    "bytes_sent", "conversation_id", "reserved_tokens", "reserved_usd", "redacted",
)
_ENDED = (
    "id", "ended_at", "outcome", "status", "bytes_received", "input_tokens", "output_tokens", "cost_usd",
    "is_estimated",
)
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
FIELDS: Tuple[str, ...] = tuple(dict.fromkeys((*_SENT, *_ENDED)))
_DEFAULTS = vars(LedgerEntry("", 0.0, "", "", ""))
_TYPES: Mapping[str, Tuple[type, ...]] = {
    name: (int, float) if isinstance(value, float) else (type(value),) for name, value in _DEFAULTS.items()
    if value is not None
}


def sent_record(entry: LedgerEntry) -> Dict[str, Json]:
    """What is written before a request leaves."""
    return _record("sent", entry, _SENT)


def ended_record(entry: LedgerEntry) -> Dict[str, Json]:
    """What is written once it is over."""
    return _record("ended", entry, _ENDED)


def line_of(record: Mapping[str, Json], chain: str) -> Tuple[str, str]:
    """The record as a line of the file, and the link that the next one hangs on."""
    text = _encode(record)
    link = hashlib.sha256(f"{chain}{text}".encode("ascii")).hexdigest()
    return f'{text[:-1]},"chain":"{link}"}}\n', link


def parse_line(line: str) -> Optional[Dict[str, Json]]:
    """The record of a line; None when it is no record."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("id"), str) else None


def is_linked(line: str, chain: str) -> Tuple[bool, str]:
    """Whether a line hangs on `chain`, and the link that it says it is."""
    head, mark, tail = line.rstrip("\n").rpartition(',"chain":"')
    link = tail[:-2] if tail.endswith('"}') else ""
    told = hashlib.sha256(f"{chain}{head}}}".encode("utf-8", "surrogateescape")).hexdigest()
    return bool(mark) and told == link, link


def folded(records: Iterable[Mapping[str, Json]]) -> List[LedgerEntry]:
    """Entries from records, in the order in which they were sent. What is not a record of ours is left out."""
    entries: Dict[str, LedgerEntry] = {}
    for record in records:
        add_record(entries, record)
    return list(entries.values())


def add_record(entries: Dict[str, LedgerEntry], record: Mapping[str, Json]) -> Optional[str]:
    """Takes one record in; answers with the entry's id, None when the record says nothing that is understood."""
    values = {name: record[name] for name in FIELDS if record.get(name) is not None and _fits(name, record[name])}
    key = values.pop("id", None)
    known = entries.get(key) if isinstance(key, str) else None
    if not isinstance(key, str) or (known is None and not {"at", "provider", "origin", "trust"} <= values.keys()):
        return None
    entries[key] = LedgerEntry(id=key, **values) if known is None else replace(known, **values)
    return key


def _record(what: str, entry: LedgerEntry, names: Tuple[str, ...]) -> Dict[str, Json]:
    values, record = vars(entry), {"what": what}
    for name in names:
        value = values[name]
        if value is not None:
            record[name] = value
    return record


def _fits(name: str, value: Json) -> bool:
    known = _TYPES.get(name)
    if known is None:
        known = (int, float) if name in ("status", "input_tokens", "output_tokens", "cost_usd", "ended_at") else (str,)
    return isinstance(value, known) and (bool in known or not isinstance(value, bool))
