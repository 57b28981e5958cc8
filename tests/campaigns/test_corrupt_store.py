"""Damages a history in random ways and opens it: never a crash, never an empty list without a word.

500 mutations; NUKE_AI_PANEL_CAMPAIGN=50 makes 10,000 of them, and NUKE_AI_PANEL_SEED replays one.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Callable, Dict

import pytest

from nuke_ai_panel.store import Store
from tests.unit.store_kit import WAIT_S, new_conversation, talk

MUTATIONS = max(500, 200 * int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1")))
SEED = int(os.environ.get("NUKE_AI_PANEL_SEED", "20260101"))
PAGE = 4096


def flip_bytes(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] = rng.randrange(256)


def flip_in_headers(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 4))):
        data[rng.randrange(len(data) // PAGE) * PAGE + rng.randrange(16)] = rng.randrange(256)


def spoil_page(data: bytearray, rng: random.Random) -> None:
    page = rng.randrange(len(data) // PAGE) * PAGE
    data[page : page + PAGE] = rng.choice((bytes(PAGE), b"\xff" * PAGE, rng.randbytes(PAGE)))


def swap_pages(data: bytearray, rng: random.Random) -> None:
    one, two = (rng.randrange(len(data) // PAGE) * PAGE for _ in range(2))
    data[one : one + PAGE], data[two : two + PAGE] = data[two : two + PAGE], data[one : one + PAGE]


def cut_off(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(100, len(data)) :]


def lose_the_middle(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.randrange(1, 3 * PAGE)]


def spoil_the_file_header(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 30))):
        data[rng.randrange(100)] = rng.randrange(256)


HOW = (flip_bytes, flip_in_headers, spoil_page, swap_pages, cut_off, lose_the_middle, spoil_the_file_header)


@pytest.mark.skipif(not hasattr(random.Random, "randbytes"), reason="needs Random.randbytes")
def test_a_damaged_history_is_never_silently_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = tmp_path / "sound.db"
    store = Store(sound)
    for number in range(15):
        conversation = new_conversation(store, f"Chat {number}")
        talk(store, conversation, *(f"{number} says {turn} " * 60 for turn in range(6)))
    store.close(WAIT_S)
    original = sound.read_bytes()
    rng = random.Random(SEED)
    told: Counter[str] = Counter()
    kept: Dict[str, int] = Counter()
    for number in range(MUTATIONS):
        folder = tmp_path / "one"
        folder.mkdir()
        data = bytearray(original)
        how: Callable[[bytearray, random.Random], None] = rng.choice(HOW)
        how(data, rng)
        (folder / "history.db").write_bytes(bytes(data))
        where = f"mutation {number} of seed {SEED}: {how.__name__}"
        opened = Store(folder / "history.db")
        listed = opened.conversations(kinds=(), limit=100).result(WAIT_S)
        said = sum(len(opened.messages(one.id).result(WAIT_S)) for one in listed)
        news = opened.notice or opened.trouble
        word = news.code if news is not None and news.code else "nothing to tell"
        assert listed or news is not None, where
        assert len(listed) >= 15 or news is not None, where
        if word == "salvaged":
            kept["conversations"] += len(listed)
            kept["messages"] += said
        told[word] += 1
        opened.close(WAIT_S)
        shutil.rmtree(folder)
    with capsys.disabled():
        mended = told["salvaged"]
        print(f"\n{MUTATIONS} mutations: {dict(told)}; of 15 conversations and 90 messages each, the {mended} mended"
              f" ones have on average {kept['conversations'] / max(1, mended):.1f} and"
              f" {kept['messages'] / max(1, mended):.1f}; 0 silently empty, 0 crashes")
    assert told["salvaged"] > MUTATIONS / 4
