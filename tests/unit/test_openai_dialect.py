"""Every recorded answer of the OpenAI family, however it is cut, becomes the recorded result."""

from __future__ import annotations

from typing import Iterable, List, Optional, Tuple

import pytest

from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.events import StreamEvent
from nuke_ai_panel.providers.openai_decoder import OpenAIDecoder
from nuke_ai_panel.providers.wire import Parser, SniffingParser, SseParser

from ..normalised import cuttings, differences, normalised
from ..streams import OPENAI_FAMILY, Case, load_cases

CASES = [case for case in load_cases(OPENAI_FAMILY) if case.status == 200]
BROKEN = ("reset", "idle_timeout", "cancel")


def decode(
    chunks: Iterable[bytes], *, parser: Optional[Parser] = None, think_tags: bool = False, is_broken: bool = False
) -> Tuple[List[StreamEvent], Optional[ProviderError]]:
    """What the decoder makes of a body; a broken one ends with the error that the door would raise."""
    parser = parser or SseParser()
    decoder = OpenAIDecoder("p", think_tags=think_tags)
    events: List[StreamEvent] = []
    for chunk in chunks:
        events += decoder.feed(parser.feed(chunk))
        if decoder.done:
            return events, decoder.error
    events += decoder.feed(parser.salvage() if is_broken else parser.finish())
    if is_broken and not decoder.done:
        return events, ProviderError("network", "connection lost mid-stream")
    events += decoder.finish()
    return events, decoder.error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_answer_however_it_is_cut(case: Case) -> None:
    is_broken = case.end in BROKEN
    for chunks in cuttings(case.body):
        parser = SseParser() if "event-stream" in case.headers["content-type"] else SniffingParser()
        got = normalised(*decode(chunks, parser=parser, think_tags=case.think_tags, is_broken=is_broken))
        ignore = ("kind", "message", "retryable") if is_broken else ()
        assert differences(got, case, ignore=ignore) == []
