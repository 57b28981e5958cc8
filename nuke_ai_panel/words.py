"""Every sentence that an artist reads goes through `tr`: English as it stands in the code, or a catalogue's words.

Catalogues are gettext's own: `<folder>/<language>/LC_MESSAGES/nuke_ai_panel.mo`, looked for where NUKE_AI_PANEL_LOCALES
says and in `locale` of the user's home. Which one counts is said once, at the start, by the setting `panel.language`;
who speaks before the settings are read gets what NUKE_AI_PANEL_LOCALE says. What stands in a constant is marked with
`later` and goes through `tr` when it is shown. What goes to a model, to a log or into a script is never translated.
Any thread.
"""

from __future__ import annotations

import gettext
import os
import re
from pathlib import Path
from typing import Iterable, Optional, Tuple

DOMAIN = "nuke_ai_panel"
LANGUAGE = "NUKE_AI_PANEL_LOCALE"
CATALOGUES = "NUKE_AI_PANEL_LOCALES"
# The language of nobody: it shows what is not translated, and what is cut when words are longer than in English.
PSEUDO = "pseudo"

_GROWTH = 0.4
_ACCENTED = str.maketrans("aceinosuyzACEINOSUYZ", "áçéîñöšüýžÁÇÉÎÑÖŠÜÝŽ")
_KEPT = re.compile(r"(\{[^{}]*\}|https?://\S+)")

_catalogue: Optional[gettext.NullTranslations] = None


def tr(text: str, plural: str = "", /, **fields: object) -> str:
    """`text` in the chosen language, its {fields} filled in; with `plural`, the form for the field `count`."""
    if not text:
        return ""
    catalogue = _catalogue or choose(os.environ.get(LANGUAGE, ""))
    if plural:
        count = fields["count"]
        words = catalogue.ngettext(text, plural, count if isinstance(count, int) else 2)
        text = text if count == 1 else plural
    else:
        words = catalogue.gettext(text)
    if not fields:
        return words
    try:
        return words.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError):  # a slip in somebody's catalogue
        return text.format(**fields)


def later(text: str) -> str:
    """Marks a text in a constant for the catalogues; `tr` translates it where it is shown."""
    return text


def choose(language: str, folders: Iterable[Path] = ()) -> gettext.NullTranslations:
    """From now on `tr` speaks `language`, where a catalogue for it lies in one of the folders; empty is English."""
    global _catalogue
    named = [Path(part) for part in os.environ.get(CATALOGUES, "").split(os.pathsep) if part]
    _catalogue = _load(language.strip(), (*named, *folders))
    return _catalogue


def _load(language: str, folders: Tuple[Path, ...]) -> gettext.NullTranslations:
    if language == PSEUDO:
        return _Pseudo()
    if not re.fullmatch(r"[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*", language):
        return gettext.NullTranslations()
    found: Optional[gettext.NullTranslations] = None
    for folder in folders:
        try:
            one = gettext.translation(DOMAIN, str(folder), languages=[language.replace("-", "_")])
        except (OSError, ValueError, UnicodeDecodeError):  # not there, or no catalogue
            continue
        if found is None:
            found = one
        else:
            found.add_fallback(one)
    return found or gettext.NullTranslations()


class _Pseudo(gettext.NullTranslations):
    """English in brackets, accented and two fifths longer."""

    def gettext(self, message: str) -> str:
        parts = _KEPT.split(message)
        words = "".join(part if place % 2 else part.translate(_ACCENTED) for place, part in enumerate(parts))
        letters = sum(len(part) for part in parts[::2])
        more = max(1, round(letters * _GROWTH) - 2)
        padding = " ".join("~" * min(6, more - done) for done in range(0, more, 7))
        return f"[{words}{padding}]"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)
