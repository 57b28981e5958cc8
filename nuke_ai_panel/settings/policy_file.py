"""Reads one policy file, or says with file, line and key why it cannot be trusted. Any thread; blocks on the disk.

Nothing is guessed: an unknown key, a value of the wrong kind or an impossible pattern makes the whole file unreadable,
and so does a file that does not end with the line `[end]`, because half a file would forbid less than the whole one.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NoReturn, Optional, Tuple, Type, TypeVar
from urllib.parse import urlsplit

from ..errors import PolicyError, SettingsError
from ..messages import Json
from ..words import tr
from .policy import (
    TRUST_LEVELS,
    Budget,
    BudgetRules,
    Defaults,
    General,
    LedgerRules,
    Limits,
    NameRules,
    PolicyFile,
    Price,
    RedactionRules,
)
from .table import check, kind_of, rows
from .toml_file import TomlFile, parse_toml

T = TypeVar("T")
Name = Tuple[str, ...]

END = "end"
SECTIONS = ("providers", "models", "origins", "tools", "defaults", "redaction", "ledger", "budget")
PERIODS = ("day", "month")
_MOST_WORDS = 10_000
_WORDS_LIMIT_BYTES = 1 << 20


def read_policy(path: Path, text: str) -> PolicyFile:
    """The rules in `text`, which is what `path` holds. Raises PolicyError naming file, line and key."""
    try:
        file = parse_toml(path, text)
    except SettingsError as exc:
        raise unreadable(exc.message, exc.next_step) from exc
    except (RecursionError, ValueError) as exc:
        raise unreadable(f"{path}: not valid TOML: {exc}") from exc
    try:
        policy = _read(file)
    except _RuleError as wrong:
        contact = file.data.get("contact")
        whom = f"Ask {contact}." if isinstance(contact, str) and contact.strip() else ""
        name = ".".join(wrong.name)
        raise unreadable(f"{file.place(wrong.name)}: {name}{' ' if name else ''}{wrong.problem}",
                         f"{wrong.step} {whom}".strip()) from None
    return policy


def unreadable(message: str, next_step: str = "") -> PolicyError:
    """The error of a policy that cannot be understood."""
    said = message.rstrip(".")
    return PolicyError(
        said, user_text=tr("The studio's policy cannot be read, so nothing is sent: {said}.", said=said),
        next_step=next_step or tr("Ask whoever keeps the policy file."), rule="policy",
    )


class _RuleError(Exception):
    """Something in the file; becomes a PolicyError where the file is known."""

    def __init__(self, name: Name, problem: str, step: str = "Correct the value, or take it out.") -> None:
        super().__init__(problem)
        self.name = name
        self.problem = problem
        self.step = step


def _read(file: TomlFile) -> PolicyFile:
    data = dict(file.data)
    if END not in data:
        raise _RuleError((), f"the file does not end with the line [{END}]; it may be half written",
                     f"Write the file to its end, with [{END}] as its last line.")
    if data.pop(END) != {}:
        raise _RuleError((END,), "must be an empty table, the last thing in the file", "Move what is below it up.")
    last = max(file.lines, key=lambda name: file.lines[name])
    if last != (END,):
        raise _RuleError(last, f"stands below [{END}]", f"Move [{END}] to the end of the file.")
    top = {name: value for name, value in data.items() if name not in SECTIONS}
    tables = {name: _table((name,), data.get(name, {})) for name in SECTIONS}
    rules = {name: _section(NameRules, (name,), tables[name]) for name in ("providers", "models", "origins", "tools")}
    redaction = _section(RedactionRules, ("redaction",), tables["redaction"])
    found = PolicyFile(
        str(file.path), _section(General, (), top), **rules,
        defaults=_section(Defaults, ("defaults",), tables["defaults"]), redaction=redaction,
        ledger=_section(LedgerRules, ("ledger",), tables["ledger"]), budget=_budget(tables["budget"]),
        words=(*_clean_words(redaction.words), *_words_in(redaction.words_file)), lines=file.lines,
    )
    _check_values(found)
    return found


def _section(kind: Type[T], name: Name, data: Mapping[str, Json]) -> T:
    known = rows(kind)
    values: Dict[str, Any] = {}  # Any: each key has its own type, which `check` has made sure of
    for key, value in data.items():
        if key not in known:
            others = [*SECTIONS, END] if not name else []
            near = difflib.get_close_matches(key, [*known, *others], n=1, cutoff=0.55)
            step = f"Did you mean {'.'.join((*name, near[0]))}?" if near else "Look it up in docs/policy.md."
            raise _RuleError((*name, key), "is not a key of the policy", step)
        checked, problem = check(known[key], value)
        if problem:
            raise _RuleError((*name, key), problem)
        values[key] = checked
    return kind(**values)


def _budget(data: Mapping[str, Json]) -> Budget:
    plain = {key: value for key, value in data.items() if key not in (*PERIODS, "users", "prices")}
    users = {
        user.lower(): _periods(("budget", "users", user), value)
        for user, value in _table(("budget", "users"), data.get("users", {})).items()
    }
    prices = {
        model: _section(Price, ("budget", "prices", model), _table(("budget", "prices", model), value))
        for model, value in _table(("budget", "prices"), data.get("prices", {})).items()
    }
    for model, value in data.get("prices", {}).items():
        for key in ("input", "output"):
            if key not in value:
                raise _RuleError(("budget", "prices", model), f"says no {key}", f"Add {key} = 0.0 or its price.")
    day, month = (
        _limits(("budget", period), data[period]) if period in data else Limits() for period in PERIODS
    )
    return Budget(_section(BudgetRules, ("budget",), plain), day, month, users, prices)


def _periods(name: Name, value: Json) -> Tuple[Optional[Limits], Optional[Limits]]:
    table = _table(name, value)
    for key in table:
        if key not in PERIODS:
            raise _RuleError((*name, key), "is not a key of the policy", "A user's limits are in .day and .month.")
    day, month = (_limits((*name, one), table[one]) if one in table else None for one in PERIODS)
    return day, month


def _limits(name: Name, value: Json) -> Limits:
    limits = _section(Limits, name, _table(name, value))
    for unit in ("usd", "tokens"):
        soft, hard = getattr(limits, f"soft_{unit}"), getattr(limits, f"hard_{unit}")
        if soft is not None and hard is not None and soft > hard:
            raise _RuleError((*name, f"soft_{unit}"), f"is above hard_{unit}, so it would never be reached")
    return limits


def _table(name: Name, value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise _RuleError(name, f"must be a table, not {kind_of(value)}", f"Write it as [{'.'.join(name)}].")
    return value


# ---------------------------------------------------------------- what a type cannot say


def _check_values(file: PolicyFile) -> None:
    general, budget = file.general, file.budget.rules
    if not isinstance(general.local_only, bool) and general.local_only not in ("machine", "house"):
        raise _RuleError(("local_only",), 'must be true, false, "house" or "machine"')
    if budget.unpriced not in ("refuse", "allow"):
        raise _RuleError(("budget", "unpriced"), 'must be "refuse" or "allow"')
    for level in file.redaction.levels:
        if level not in TRUST_LEVELS:
            raise _RuleError(("redaction", "levels"), f"does not know {level!r}", f"Use {', '.join(TRUST_LEVELS)}.")
    checks: Tuple[Tuple[str, NameRules, Callable[[str], str]], ...] = (
        ("providers", file.providers, _name_problem), ("models", file.models, _name_problem),
        ("tools", file.tools, _name_problem), ("origins", file.origins, _origin_problem),
    )
    for section, rules, problem_with in checks:
        for key, patterns in (("allow", rules.allow or ()), ("deny", rules.deny)):
            for pattern in patterns:
                problem = problem_with(pattern)
                if problem:
                    raise _RuleError((section, key), problem)
    folder = file.ledger.folder
    if folder is not None and not os.path.isabs(os.path.expanduser(folder)):
        raise _RuleError(("ledger", "folder"), "must be a whole path")


def _name_problem(pattern: str) -> str:
    return "" if pattern.strip() else "holds an empty pattern, which fits nothing"


def _origin_problem(pattern: str) -> str:
    """What is wrong with `scheme://host:port`, where scheme and port may be absent and * stands for any text."""
    if not pattern.strip():
        return "holds an empty pattern, which fits nothing"
    try:
        parts = urlsplit(pattern if "://" in pattern else f"//{pattern}")
        host = parts.netloc
    except ValueError:
        return f"holds {pattern!r}, which is no origin"
    if not host or parts.path.strip("/") or parts.query or "@" in host:
        return f"holds {pattern!r}; an origin is scheme://host:port, without a path"
    if parts.scheme not in ("", "http", "https", "*"):
        return f"holds {pattern!r}; only http and https are spoken"
    return ""


def _words_in(path: Optional[str]) -> Tuple[str, ...]:
    if path is None:
        return ()
    place = Path(os.path.expanduser(path))
    if not place.is_absolute():
        _wrong_words(path, "must be a whole path")
    try:
        with place.open("rb") as file:
            raw = file.read(_WORDS_LIMIT_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as exc:
        _wrong_words(path, f"cannot be read: {exc.strerror or exc}")
    except UnicodeDecodeError:
        _wrong_words(path, "is not UTF-8 text")
    words = _clean_words(tuple(line for line in text.splitlines() if not line.startswith("#")))
    if len(raw) > _WORDS_LIMIT_BYTES or len(words) > _MOST_WORDS:
        _wrong_words(path, f"holds more than {_MOST_WORDS} words")
    return words


def _wrong_words(path: str, problem: str) -> NoReturn:
    raise _RuleError(("redaction", "words_file"), f"({path}) {problem}", "Correct the path, or take it out.")


def _clean_words(words: Tuple[str, ...]) -> Tuple[str, ...]:
    found: List[str] = [word.strip() for word in words]
    return tuple(dict.fromkeys(word for word in found if word))
