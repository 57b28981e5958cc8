"""Ids for conversations, messages and writers: UUIDs of version 7, whose text sorts roughly by time. Any thread."""

from __future__ import annotations

import os
import random
import time

# A generator of its own, seeded by the system: asking the system for each id costs a turn of the interpreter's lock.
_random = random.Random()
_pid = os.getpid()


def new_id() -> str:
    """A fresh UUIDv7 as text. Unique across processes; order comes from the store's sequence, never from an id."""
    milliseconds = int(time.time() * 1000) & 0xFFFF_FFFF_FFFF
    tail = _bits(80)
    value = (milliseconds << 80) | (0x7 << 76) | ((tail >> 68 & 0xFFF) << 64) | (0b10 << 62) | (tail & (1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _bits(count: int) -> int:
    global _pid
    if _pid != os.getpid():  # a forked child would go on with its parent's numbers
        _random.seed()
        _pid = os.getpid()
    return _random.getrandbits(count)
