"""Whatever the text is, the answer is a script that comes back byte for byte, or an error with a place.

NUKE_AI_PANEL_CAMPAIGN multiplies the number of inputs, NUKE_AI_PANEL_SEED replays one run. 200,000 of them:

    NUKE_AI_PANEL_CAMPAIGN=50 python -m pytest tests/campaigns/test_fuzz_nk.py
"""

from __future__ import annotations

import os
import random
from typing import List

from nuke_ai_panel.nk import NkSyntaxError, digest, parse, parse_bytes, review, screen, write, write_bytes
from tests.unit.nk.scripts import FIXTURES

INPUTS = 4000 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
SEED = int(os.environ.get("NUKE_AI_PANEL_SEED", "20260101"))
PIECES = [
    "{", "}", '"', "[", "]", "$", "\\", ";", "\n", "\r\n", " ", "\t", "#", "Blur {", "}\n", "Group {\n}\n",
    "end_group\n",
    "push 0\n", "push $N1\n", "set N1 [stack 0]\n", "clone $N1 {\n}\n", " size 10\n", " label \"a\\[b\"\n",
    "{{curve x1 0}}",
    " addUserKnob {22 a T \"x\"}\n", "inputs 2+1\n", "\x00", "\ufeff", "\udc80", "é", "\u2028", "\x85", "\\\n", "\\x5b",
    "add_layer {a a.b}\n", "[python 1]", "version 15\n", "1e999", "x" * 50,
]


def made_up(rng: random.Random, seeds: List[str]) -> str:
    if rng.random() < 0.4:
        return "".join(rng.choice(PIECES) for _ in range(rng.randrange(30)))
    text = rng.choice(seeds)
    begin = rng.randrange(len(text))
    text = text[begin:begin + rng.randrange(1500)] if rng.random() < 0.5 else text
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["", rng.choice(PIECES), text[:20]]) + text[at + rng.randrange(4):]
    return text


def test_no_text_crashes_the_reader() -> None:
    rng = random.Random(SEED)
    seeds = [path.read_bytes().decode("utf-8") for path in FIXTURES]
    read = 0

    for _ in range(INPUTS):
        text = made_up(rng, seeds)
        try:
            script = parse(text)
        except NkSyntaxError as error:
            assert error.line >= 1 and error.column >= 1, text
            continue
        read += 1
        assert write(script) == text, text
        if rng.random() < 0.25:
            screen(script)
            review(script, roots=["/a"])
            assert digest(script, 200).tokens <= 200, text

    assert INPUTS // 10 < read < INPUTS


def test_no_bytes_crash_the_reader() -> None:
    rng = random.Random(SEED)
    seeds = [path.read_bytes() for path in FIXTURES]

    for _ in range(max(INPUTS // 10, 100)):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            script = parse_bytes(bytes(data))
        except NkSyntaxError as error:
            assert error.line >= 1
            continue
        assert write_bytes(script) == bytes(data)
