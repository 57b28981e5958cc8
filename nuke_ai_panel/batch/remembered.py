"""What former batches were answered, as far as a run may use it: read on the thread of the rows, written in groups.

The key is the request's and the servers' addresses: another server of the same provider may hold another model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import List, Optional, Sequence, Tuple

from ..messages import Usage
from ..providers.threads import in_daemon_thread
from ..store.answer_cache import AnswerCache
from .values import Answer, CacheMode, Job

_GROUP = 64
_KEPT = ("text", "finish", "usage", "reasoning", "reported_model")


class Remembered:
    """The answers of one run's requests in the cache; `mode` says whether they are read, written or both."""

    def __init__(self, cache: AnswerCache, mode: CacheMode, addresses: Sequence[str]) -> None:
        self._cache = cache
        self._reads, self._writes = mode in ("read", "rw"), mode in ("write", "rw")
        self._where = " ".join(sorted(addresses))
        self._waiting: List[Tuple[str, str]] = []

    def with_answer(self, job: Job) -> Job:
        """The job with its answer, if it is remembered. Blocking, not on the loop."""
        found = self._cache.get(self._key(job)) if self._reads else None
        return replace(job, known=_answer(found)) if found is not None else job

    async def add(self, job: Job, answer: Answer) -> None:
        """Remembers an answer. Loop thread."""
        if self._writes:
            self._waiting.append((self._key(job), _text(answer)))
            if len(self._waiting) >= _GROUP:
                await self._flush()

    async def close(self) -> None:
        """Writes the rest. Loop thread."""
        if self._waiting:
            await self._flush()
        await in_daemon_thread(self._cache.close)

    async def _flush(self) -> None:
        group, self._waiting = self._waiting, []
        await in_daemon_thread(lambda: self._cache.put(group))

    def _key(self, job: Job) -> str:
        return hashlib.sha256(f"{job.key} {self._where}".encode("utf-8", "replace")).hexdigest()


def _text(answer: Answer) -> str:
    kept = {name: getattr(answer, name) for name in _KEPT}
    return json.dumps({**kept, "usage": None if answer.usage is None else asdict(answer.usage)}, ensure_ascii=False)


def _answer(text: str) -> Optional[Answer]:
    try:
        found = json.loads(text)
        usage = Usage(**found["usage"]) if found["usage"] is not None else None
        return Answer(**{**{name: found[name] for name in _KEPT}, "usage": usage})
    except (ValueError, KeyError, TypeError):  # of another version
        return None
