"""Frame ranges as artists write them: `1001-1010`, `1001-1100x5`, `1,5,9`, and these side by side. Pure."""

from __future__ import annotations

import re
from typing import Dict, Tuple

from ..words import tr
from .errors import InvalidBatchError

MOST_FRAMES = 10_000
_PART = re.compile(r"(-?\d{1,9})(?:\s*-\s*(-?\d{1,9})(?:\s*x\s*(\d{1,9}))?)?")


def frames_of(text: str) -> Tuple[int, ...]:
    """The frames of a range in the order in which they stand, each once. Raises InvalidBatchError."""
    found: Dict[int, None] = {}
    for part in filter(None, re.split(r"\s*,\s*|(?<=\d)\s+(?=-?\d)", text.strip())):
        for frame in _frames_of_part(part):
            found[frame] = None
        if len(found) > MOST_FRAMES:
            raise _too_many(text)
    if not found:
        raise _not_understood(text)
    return tuple(found)


def _frames_of_part(part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise _not_understood(part)
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    if step == 0:
        raise InvalidBatchError(
            f"{part} has a step of 0", user_text=tr("“{range}” goes no frame further at a time.", range=part),
            next_step=tr("Write the step as 1001-1100x5: every fifth frame."),
        )
    if last < first:
        raise InvalidBatchError(
            f"{part} ends before it begins", user_text=tr("“{range}” ends before it begins.", range=part),
            next_step=tr("Write the first frame first, such as {range}.", range=f"{last}-{first}"),
        )
    if (last - first) // step >= MOST_FRAMES:
        raise _too_many(part)
    return range(first, last + 1, step)


def _not_understood(text: str) -> InvalidBatchError:
    return InvalidBatchError(
        f"{text} is no frame range", user_text=tr("“{range}” is no frame range.", range=text),
        next_step=tr("Write it as 1001-1010, 1001-1100x5 or 1,5,9."),
    )


def _too_many(text: str) -> InvalidBatchError:
    return InvalidBatchError(
        f"{text} has more than {MOST_FRAMES} frames",
        user_text=tr("“{range}” has more than {most} frames.", range=text, most=f"{MOST_FRAMES:,}"),
        next_step=tr("Choose a shorter range, or a step: 1001-1100x5 is every fifth frame."),
    )
