"""How many tokens a text is, guessed: prose at four bytes a token, code at three, corrected by what providers report.

`estimate` is pure. `TokenRatios` lives on the loop thread and is in memory only: a guess that is a day old would be no
better than a fresh one.
"""

from __future__ import annotations

from typing import Dict, Iterable, Tuple

from ..messages import Message

PROSE_BYTES = 4.0
CODE_BYTES = 3.0
# What a chat template writes around each message.
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1000
# A prompt shorter than this says more about the chat template than about the tokenizer.
_LEARN_FROM_TOKENS = 50
_SLOWEST, _STEEPEST = 0.4, 3.0


def estimate(text: str) -> int:
    """The tokens of `text`; fenced code counts as code."""
    if not text:
        return 0
    total = 0.0
    for number, part in enumerate(text.split("```")):
        size = len(part) if part.isascii() else len(part.encode("utf-8", "replace"))
        total += size / (CODE_BYTES if number % 2 else PROSE_BYTES)
    return int(total) + 1


def estimate_message(message: Message) -> int:
    """The tokens of a message as it is sent: text, calls and images, without reasoning."""
    total = MESSAGE_TOKENS + estimate(message.text)
    for call in message.tool_calls:
        total += estimate(call.name) + int(len(call.raw_arguments or str(call.arguments)) / CODE_BYTES)
    return total + IMAGE_TOKENS * sum(1 for one in message.attachments if one.data_base64)


def estimate_messages(messages: Iterable[Message]) -> int:
    """The tokens of several messages."""
    return sum(estimate_message(message) for message in messages)


class TokenRatios:
    """Reported tokens per estimated token, learnt for each provider and model."""

    def __init__(self) -> None:
        self._ratios: Dict[Tuple[str, str], float] = {}

    def ratio(self, provider: str, model: str) -> float:
        """The factor for an estimate; 1.0 until something was reported."""
        return self._ratios.get((provider, model), 1.0)

    def learn(self, provider: str, model: str, *, estimated: int, reported: int) -> None:
        """Takes in one reported count beside the uncorrected estimate of the same prompt."""
        if estimated < _LEARN_FROM_TOKENS or reported <= 0:
            return
        seen = min(_STEEPEST, max(_SLOWEST, reported / estimated))
        known = self._ratios.get((provider, model))
        self._ratios[provider, model] = seen if known is None else (known + seen) / 2
