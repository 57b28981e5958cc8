"""Where else secrets lie than in the key store: proxies' addresses, settings files that may not even be readable.

A report must hold none of them, also on the day when the settings are broken and nobody can say what a text means. So
these places are read without understanding them, and rather too much is taken for a secret. Any thread.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Optional, Set
from urllib.parse import unquote

# Environment variables that hold secrets, by their names: also those of somebody else's tools.
_SECRET_NAMES = re.compile(
    r"(?:^|_)(?:api_?key|access_key_id|key|keys|token|secret|password|passwd|pwd|credentials?)$", re.I)
SHORTEST = 8
_PASSWORD = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://|^|[\s\"'=,])[^/\s@:\"'=,]*:([^/\s@\"']{3,})@")
_QUERY = re.compile(r"[?&][\w.-]*(?:key|token|secret|sig|signature|password|code)=([^&\s\"'#]+)", re.I)
_KEY_ENV = re.compile(r"\bkey_env[\"']?\s*=\s*[\"']([^\"'\n]+)")
_NAMED = re.compile(
    r"(?:^|[\s{,.])[\"']?([\w-]*(?:key|token|secret|passw(?:or)?d|auth|authorization|credentials?))[\"']?"
    r"\s*[=:]\s*[\"']?([^\"'\n]+)", re.I)
_TEXT = re.compile(r"=\s*(?:\"((?:[^\"\\\n]|\\.)*)\"?|'([^'\n]*)'?)")
_HEADERS = re.compile(r"\bheaders\b[^\n]*(?:\n(?!\s*\[)[^\n]*)*")
_SCHEME = re.compile(r"(?:bearer|basic|token)\s+", re.I)


def secrets_of(env: Mapping[str, str], key_envs: Iterable[str], files: Iterable[Path],
               key_file: Optional[Path] = None) -> Set[str]:
    """Every text that may be a secret: in the environment, in the settings `files`, in the private `key_file`."""
    found = {text.strip() for name, text in env.items()
             if _SECRET_NAMES.search(name) and name != "PWD" and len(text.strip()) >= SHORTEST}
    names = set(key_envs)
    for name, text in env.items():
        if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            found.update(_passwords(text))
    for path in files:
        text = _read(path)
        names.update(_KEY_ENV.findall(text))
        found.update(one for one in _in_settings(text) if one not in names)
    found |= {env[name].strip() for name in names if env.get(name, "").strip()}
    if key_file is not None:
        found |= {one for one in _texts(_read(key_file)) if len(one) >= SHORTEST}
    return found


def _in_settings(text: str) -> Iterator[str]:
    yield from _passwords(text)
    yield from (one for one in _QUERY.findall(text) if len(one) >= SHORTEST)
    values = [value for name, value in _NAMED.findall(text) if name.lower() != "key_env"]
    values += [value for table in _HEADERS.findall(text) for value in _texts(table)]
    for value in values:
        bare = _SCHEME.sub("", value.strip())
        if len(bare) >= SHORTEST and not _is_plain(bare):
            yield bare


def _is_plain(value: str) -> bool:
    """Whether it is a number, a switch or a whole sentence, which no key is."""
    return value in ("true", "false") or value.count(" ") > 2 or value.replace(".", "").isdigit()


def _passwords(text: str) -> Set[str]:
    found = set(_PASSWORD.findall(text))
    return found | {unquote(one) for one in found}


def _texts(text: str) -> Iterator[str]:
    return (one or other for one, other in _TEXT.findall(text))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if os.path.isfile(path) else ""
    except OSError:
        return ""
