"""How a plan is to be carried out, from keyword arguments: every value is looked at before anything is sent. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from ..words import tr
from .errors import InvalidBatchError
from .values import Host, Options

_OPTIONS = frozenset(one.name for one in fields(Options))
_CHOICES: Mapping[str, Tuple[str, ...]] = {
    "resume": ("changed", "strict"), "stream": ("auto", "on", "off"), "cache": ("off", "read", "write", "rw"),
}
_SWITCHES = ("dedupe", "keep_requests", "keep_history", "ordered")
_FAILURES = re.compile(r"\d+|\d+(\.\d+)?%")


@dataclass(frozen=True)
class _Range:
    """A number from `least` on; `above` it where the least itself makes no sense."""

    least: float
    is_above: bool = False
    is_whole: bool = False

    def holds(self, value: object) -> bool:
        """Whether it is such a number."""
        if isinstance(value, bool) or not isinstance(value, int if self.is_whole else (int, float)):
            return False
        return math.isfinite(value) and (value > self.least if self.is_above else value >= self.least)

    def words(self) -> str:
        """What it takes."""
        if self.is_above:
            return tr("a number above {least}", least=f"{self.least:g}")
        return tr("a whole number, {least} or more", least=f"{self.least:g}") if self.is_whole \
            else tr("a number, {least} or more", least=f"{self.least:g}")


COUNT = _Range(1, is_whole=True)
_RANGES: Mapping[str, _Range] = {
    "max_concurrency": COUNT, "max_attempts": COUNT, "rpm": _Range(0, is_above=True), "tpm": _Range(0, is_above=True),
    "max_wait_s": _Range(0), "budget": _Range(0), "price_in": _Range(0), "price_out": _Range(0),
    "stop_after_s": _Range(0), "drain_s": _Range(0),
}
_OPTIONAL = frozenset(one.name for one in fields(Options) if one.default is None)


def options_of(given: Mapping[str, Any], *, repeat: int = 1) -> Options:  # Any: each option has its own type
    """Options from keyword arguments. Raises InvalidBatchError."""
    unknown = sorted(set(given) - _OPTIONS)
    if unknown:
        raise InvalidBatchError(
            tr("{names} is no option of a batch.", names=", ".join(unknown)),
            next_step=tr("Use one of {names}.", names=", ".join(sorted(_OPTIONS))),
        )
    values: Dict[str, Any] = {name: _checked(name, value) for name, value in given.items()}
    if repeat > 1:
        values["dedupe"] = False
    return Options(**values)


def check_number(name: str, value: object, wanted: _Range) -> None:
    """Raises InvalidBatchError for what is no such number."""
    if not wanted.holds(value):
        raise _wrong(name, value, wanted.words())


def host_of(text: str) -> Host:
    """A host from URL or URL=SLOTS. Raises InvalidBatchError."""
    url, mark, slots = text.rpartition("=")
    found = Host(url, int(slots)) if mark and slots.isdigit() and int(slots) > 0 else Host(text)
    scheme, colon, rest = found.url.partition("://")
    place = rest.partition("/")[0]
    if scheme.lower() not in ("http", "https") or not colon or not place or "=" in place or " " in found.url:
        raise InvalidBatchError(
            tr("{value} is no host.", value=text), next_step=tr("Write it as http://gpu1:11434=4."))
    if "@" in place or "?" in rest:
        raise InvalidBatchError(
            tr("A host must not hold a user name, a password or a key."),
            next_step=tr("Take it out: it would stand in the run directory. Keys belong into the provider's settings."),
        )
    return found


def _checked(name: str, value: Any) -> Any:  # Any: each option has its own type
    if value is None and name in _OPTIONAL:
        return None
    if name in _RANGES:
        check_number(name, value, _RANGES[name])
    elif name in _CHOICES and value not in _CHOICES[name]:
        raise _wrong(name, value, tr("one of {names}", names=", ".join(_CHOICES[name])))
    elif name in _SWITCHES and not isinstance(value, bool):
        raise _wrong(name, value, "True, False")
    elif name == "hosts":
        return _hosts(value)
    elif name == "max_failures":
        text = str(value)
        if isinstance(value, bool) or not _FAILURES.fullmatch(text):
            raise _wrong(name, value, tr("a number of rows, or a share such as 5%"))
        return text
    elif name == "retry_only":
        return (value,) if isinstance(value, str) else tuple(map(str, value))
    elif name in ("csv", "page") and not isinstance(value, (str, Path)):
        raise _wrong(name, value, tr("a path"))
    elif name == "csv":
        return str(value)
    return value


def _hosts(value: object) -> Tuple[Host, ...]:
    some = [value] if isinstance(value, (str, Host)) else list(value) if isinstance(value, (list, tuple)) else None
    if some is None or not all(isinstance(one, (str, Host)) for one in some):
        raise _wrong("hosts", value, tr("a list of texts such as http://gpu1:11434=4"))
    hosts = []
    for one in some:
        found = host_of(one.url if isinstance(one, Host) else str(one))
        slots: Optional[int] = one.slots if isinstance(one, Host) else found.slots
        if slots is not None:
            check_number("slots", slots, COUNT)
        hosts.append(Host(found.url, slots))
    return tuple(hosts)


def _wrong(name: str, value: object, wanted: str) -> InvalidBatchError:
    return InvalidBatchError(
        tr("{name} cannot be {value}.", name=name, value=repr(value)[:60]),
        next_step=tr("It takes {wanted}. Nothing was sent.", wanted=wanted),
    )
