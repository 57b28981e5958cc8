"""A report as values, as text and as JSON, and the mask that each of its lines goes through. Any thread."""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Literal, Mapping, Optional, Sequence, Tuple

from . import __version__
from .utils.secret_places import secrets_of

State = Literal["ok", "note", "wrong"]
MARKS: Mapping[State, str] = {"ok": " ", "note": "·", "wrong": "!"}
UNMASKED = "(left out: it could not be masked)"


@dataclass(frozen=True)
class Line:
    """One fact. `next_step` is what mends it, where it is wrong."""

    name: str
    value: str
    state: State = "ok"
    next_step: str = ""


@dataclass(frozen=True)
class Section:
    """Facts of one kind."""

    title: str
    lines: Tuple[Line, ...]


@dataclass(frozen=True)
class Report:
    """All of it, masked. `made_at` is UTC seconds."""

    made_at: float
    sections: Tuple[Section, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong()

    def wrong(self) -> Tuple[Line, ...]:
        """What is wrong, each thing once: one cause may stop several parts."""
        found = [line for section in self.sections for line in section.lines if line.state == "wrong"]
        return tuple({(line.value, line.next_step): line for line in reversed(found)}.values())[::-1]

    def text(self) -> str:
        """As a human reads it: what is wrong first; `!` marks it further down."""
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.made_at))
        wrong = self.wrong()
        count = len(wrong)
        verdict = "Nothing is wrong." if not count else f"{count} thing{'s are' if count > 1 else ' is'} wrong (!)."
        parts = [f"Nuke AI Panel {__version__}, report of {made}. {verdict}"]
        if wrong:
            parts += ["", "Wrong", *_rows_of(wrong)]
        for section in self.sections:
            parts += ["", section.title, *_rows_of(section.lines)]
        return "\n".join(parts) + "\n"

    def json(self) -> Dict[str, Any]:  # Any: plain JSON
        """As a program reads it."""
        return {
            "version": __version__, "made_at": self.made_at, "ok": self.is_well,
            "sections": [asdict(section) for section in self.sections],
        }


class Mask:
    """Takes keys, the home folder's path and the names of people and computers out of a text.

    `key_envs` are variables that hold keys besides those whose names say so; `key_file` holds more keys.
    """

    def __init__(self, env: Mapping[str, str], key_envs: Sequence[str] = (), key_file: Optional[Path] = None) -> None:
        home = os.path.expanduser("~")
        self._homes = tuple({home, home.replace("\\", "/")}) if len(home) > 3 else ()
        self._names: Tuple[Tuple[str, str], ...] = ()
        self._secrets: Tuple[str, ...] = ()
        try:
            from .settings import settings_files
            from .settings.presets import BUILT_IN, OTHER_KEY_ENVS
            from .settings.user import host_names, personal_names
        except Exception:  # noqa: BLE001  (then no line can be masked, and each says so)
            return
        variables = [*key_envs, *(str(row["key_env"]) for row in BUILT_IN.values() if "key_env" in row)]
        variables += [name for others in OTHER_KEY_ENVS.values() for name in others]
        self._secrets = tuple(secrets_of(env, variables, settings_files(env), key_file))
        pairs = [(name, "<user>") for name in personal_names()] + [(name, "<host>") for name in host_names()]
        self._names = tuple(sorted(pairs, key=lambda pair: len(pair[0]), reverse=True))

    def __call__(self, text: str) -> str:
        if not text:
            return text
        try:
            from .providers.redact import masked

            text = masked(text, self._secrets)
        except Exception:  # noqa: BLE001  (rather no text than one with a key in it)
            return UNMASKED
        for home in self._homes:
            text = text.replace(home, "~")
        for name, label in self._names:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", label, text, flags=re.IGNORECASE)
        return text


def _rows_of(lines: Sequence[Line]) -> List[str]:
    width = min(28, max((len(line.name) for line in lines), default=0))
    rows = []
    for line in lines:
        rows.append(f"{MARKS[line.state]} {line.name:{width}}  {line.value}".rstrip())
        if line.next_step:
            rows.append(f"  {'':{width}}  → {line.next_step}")
    return rows
