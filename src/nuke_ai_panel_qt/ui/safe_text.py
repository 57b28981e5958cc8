"""Model output is untrusted text: what may be a link, and how characters that deceive are made visible. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import List, Match, Optional, Tuple
from urllib.parse import urlsplit

LINK_SCHEMES = ("http", "https", "mailto")

# C0 and C1 controls except tab and newline, bidirectional overrides and isolates, and the invisible tag block.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_DECEPTIVE = "\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f"
# Joiners and marks that prose in many languages needs; in code they only hide something.
_INVISIBLE = "\u200b-\u200f\u2060-\u2064\ufeff\u00ad"
_IN_PROSE = re.compile(f"[{_CONTROLS}{_DECEPTIVE}]")
_IN_CODE = re.compile(f"[{_CONTROLS}{_DECEPTIVE}{_INVISIBLE}]")
_BARE_URL = re.compile(r"https?://[^\s<>\"'`\u2026]+")
_NAME = re.compile(r"[^\W\d]\w*")
_LOOKALIKES = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL", "COPTIC")
_TRAILING = ".,;:!?*_~"


def visible_prose(text: str) -> str:
    """`text` with control characters and direction overrides written out as escapes."""
    return _IN_PROSE.sub(_escape, text)


def visible_code(text: str) -> str:
    """Like `visible_prose`, and zero-width characters too: in code nothing may be invisible."""
    return _IN_CODE.sub(_escape, text)


def mixed_names(text: str) -> Tuple[str, ...]:
    """Names in code that mix Latin letters with those of a script that looks like it: one may pass for another."""
    found = [name for name in _NAME.findall(text) if not name.isascii() and _is_mixed(name)]
    return tuple(dict.fromkeys(found))


def code_to_approve(text: str) -> str:
    """`text` as it is read before it runs: like `visible_code`, and letters that pass for Latin ones as escapes."""
    def written(match: Match[str]) -> str:
        name = match.group()
        if name.isascii() or not _is_mixed(name):
            return name
        return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in name)

    return visible_code(_NAME.sub(written, text))


def _is_mixed(name: str) -> bool:
    has_latin = any(one.isascii() and one.isalpha() for one in name)
    others = (unicodedata.name(one, "") for one in name if not one.isascii())
    return has_latin and any(one.startswith(_LOOKALIKES) for one in others)


def safe_link(target: str) -> Optional[str]:
    """`target` when it may be opened by a click (http, https, mailto), else None."""
    if not target or "\\" in target or any(ch.isspace() or unicodedata.category(ch) == "Cc" for ch in target):
        return None
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme.lower() not in LINK_SCHEMES:
        return None
    if parts.scheme.lower() != "mailto" and not parts.netloc:
        return None
    return target


def plain_tip(text: str) -> str:
    """`text` for a tooltip: Qt guesses whether a tooltip is HTML, and a broken first tag makes it guess right."""
    return text.replace("<", "<\u200b")


def bare_links(text: str) -> List[Tuple[int, int]]:
    """Where URLs stand in prose that nobody marked up, without the punctuation that ends a sentence."""
    if "http" not in text:
        return []
    found = []
    for match in _BARE_URL.finditer(text):
        url = match.group().rstrip(_TRAILING)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(_TRAILING)
        if safe_link(url):
            found.append((match.start(), match.start() + len(url)))
    return found


def is_right_to_left(text: str) -> bool:
    """The direction of a paragraph by its first strong character."""
    for character in text[:400]:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False


def by_direction(text: str) -> List[Tuple[str, bool]]:
    """Runs of lines that are read in the same direction, each with whether that is from the right."""
    runs: List[Tuple[str, bool]] = []
    for line in text.split("\n"):
        rtl = is_right_to_left(line)
        is_neutral = not rtl and not any(unicodedata.bidirectional(one) == "L" for one in line[:400])
        if runs and (is_neutral or runs[-1][1] == rtl):
            runs[-1] = (f"{runs[-1][0]}\n{line}", runs[-1][1])
        else:
            runs.append((line, rtl))
    return runs


def longest_unbroken(text: str) -> int:
    """The length of the longest stretch without white space."""
    return max((len(word) for word in text.split()), default=0)


def _escape(match: Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
