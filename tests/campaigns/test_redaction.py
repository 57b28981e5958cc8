"""Random texts full of secrets: what is sent holds none of them, what comes back is what went in.

NUKE_AI_PANEL_REDACTION_ROUNDS says how many round trips; a release runs a million:
`NUKE_AI_PANEL_REDACTION_ROUNDS=1000000 python -m pytest tests/campaigns/test_redaction.py`.
"""

from __future__ import annotations

import os
import random
import unicodedata
from typing import List, Tuple

from nuke_ai_panel.core.redaction import Redaction, Restorer
from nuke_ai_panel.core.secret_words import Wanted

CAMPAIGN = int(os.environ.get("NUKE_AI_PANEL_CAMPAIGN", "1"))
ROUNDS = int(os.environ.get("NUKE_AI_PANEL_REDACTION_ROUNDS", str(10_000 * CAMPAIGN)))
LETTERS = "abcxyzPATH0129_-éßİıſΩж日本語😀\u0301"
FILLER = (
    " ", "\n", " the matte is clipped ", "nuke.toNode('Blur1')", "…", '"', "'", "(", ")", "[value root.name]", "{", "}",
    "<", "<<", ">>", "<<PATH_", "<<PATH_123456>>", "<<WORD_000000>>", "<<TEXT_99999", "PATH_123456", "\\", "/", "//",
    "https://docs.example.com/a/b.html?x=1", "1/2", "and/or", "%04d", "日本", "\u202e", "\x00", "\ud83d", ",", ".", ":",
)
PARTS = ("show", "sh010", "Ωmega", "my file", "plate.%04d.exr", "v001", "comp.nk", "ünïcode", "a-b_c", "x", "####.dpx")


def a_word(dice: random.Random) -> str:
    word = "".join(dice.choice(LETTERS) for _ in range(dice.randint(2, 9))).strip()
    return word if len(word) > 1 and not word.isdigit() and any(char.isalnum() for char in word) else f"orion{word}"


def some_words(dice: random.Random) -> Tuple[str, ...]:
    """Words that overlap, stand in each other and differ by case only."""
    words = [a_word(dice) for _ in range(dice.randint(1, 6))]
    words += [word[1:] + dice.choice(words) for word in words if dice.random() < 0.4]
    words += [f"pre{word}post" for word in words if dice.random() < 0.3]
    return tuple(word for word in words if word.strip())


def a_path(dice: random.Random) -> Tuple[str, str]:
    """A path as it stands in the text, and the part of it that may not be seen."""
    parts = [dice.choice(PARTS) for _ in range(dice.randint(2, 5))]
    style = dice.randrange(6)
    if style == 0:
        path = "/" + "/".join(parts)
    elif style == 1:
        path = f"{dice.choice('CDZ')}:\\" + "\\".join(parts)
    elif style == 2:
        path = f"\\\\srv{dice.randint(1, 9)}\\" + "\\".join(parts)
    elif style == 3:
        path = f"//srv{dice.randint(1, 9)}/" + "/".join(parts)
    elif style == 4:
        path = "~/" + "/".join(parts)
    else:
        path = f"/home/{dice.choice(('lovelace', 'grace.h'))}/" + "/".join(parts)
    if " " in path or dice.random() < 0.5:
        return f'"{path}"', path
    return f" {path} ", path


def a_text(dice: random.Random, words: Tuple[str, ...]) -> Tuple[str, List[str]]:
    pieces: List[str] = []
    secrets: List[str] = []
    for _ in range(dice.randint(1, 30)):
        kind = dice.random()
        if kind < 0.35:
            word = dice.choice(words)
            word = dice.choice((word, word.upper() if len(word.upper()) == len(word) else word, word.swapcase()))
            pieces.append(dice.choice((word, f"x{word}y", f" {word} ")))
        elif kind < 0.5:
            shown, path = a_path(dice)
            pieces.append(shown)
            secrets.append(path)
        elif kind < 0.58:
            pieces.append(dice.choice((" Lovelace ", "lovelace_01", "WS-ENIGMA", " gpu7.studio.lan ", "10.0.4.17 ")))
        else:
            pieces.append(dice.choice(FILLER))
    return "".join(pieces), secrets


def leaks(sent: str, wanted: Wanted, paths: List[str]) -> List[str]:
    folded = sent.casefold()
    found = [word for word in wanted.words if word.casefold() in folded]
    normal = unicodedata.normalize("NFC", sent).casefold()
    found += [word for word in wanted.words if unicodedata.normalize("NFC", word).casefold() in normal]
    return found + [path for path in paths if path in sent]


def test_random_round_trips_restore_exactly_and_leak_nothing() -> None:
    failures = []
    for number in range(ROUNDS):
        dice = random.Random(number)
        words = some_words(dice)
        wanted = Wanted(True, words, ("lovelace",), ("ws-enigma",), True, True)
        text, paths = a_text(dice, words)
        redaction = Redaction(f"conversation {number}", wanted)
        sent = redaction.text(text)
        if redaction.restore(sent) != text:
            failures.append((number, "restored otherwise", text, sent))
        found = leaks(sent, wanted, paths)
        if found:
            failures.append((number, f"leaks {found}", text, sent))
        if redaction.text(text) != sent:
            failures.append((number, "not stable", text, sent))
        restorer, place, shown = Restorer(redaction), 0, ""
        while place < len(sent):
            step = dice.randint(1, 5)
            shown += restorer.feed(sent[place:place + step])
            place += step
        if shown + restorer.end() != text:
            failures.append((number, "streamed otherwise", text, sent))
    assert not failures, f"{len(failures)} of {ROUNDS}: {failures[0]}"
