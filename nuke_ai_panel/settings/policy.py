"""The studio's policy as values: every rule declared once, with its default and its sentence. Frozen; any thread.

A policy is any number of files that hold at the same time (see `policy_source`): what one of them forbids is
forbidden. What the rules mean for a request is decided in `policy_rules`; the file is read by `policy_file`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Literal, Mapping, Optional, Tuple, Union

from ..errors import PolicyError
from ..messages import Json

Trust = Literal["machine", "house", "cloud"]
TRUST_LEVELS: Tuple[Trust, ...] = ("machine", "house", "cloud")
_SOFT = "From there on the artist is warned."
_HARD = "A request that could go above it is refused."


def _rule(
    default: Json, sentence: str, *, unit: str = "", minimum: Optional[float] = None, maximum: Optional[float] = None,
    shape: str = "",
) -> Any:  # Any: dataclasses.field is typed as the field it declares, which differs at every use
    """A dataclass field that is a key of the file."""
    return field(default=default, metadata={
        "sentence": sentence, "unit": unit, "minimum": minimum, "maximum": maximum, "shape": shape,
    })


@dataclass(frozen=True)
class NameRules:
    """`allow` and `deny` patterns; a denial wins. An absent `allow` allows everything, an empty one nothing."""

    allow: Optional[Tuple[str, ...]] = _rule(None, "Only what fits one of these patterns is allowed; an empty list "
                                                   "allows nothing. Absent allows everything.")
    deny: Tuple[str, ...] = _rule((), "What fits one of these patterns is forbidden, even if it is allowed above.")


@dataclass(frozen=True)
class Defaults:
    """`[defaults]`: what a new conversation begins with when the artist chose nothing."""

    provider: Optional[str] = _rule(None, "The provider of a new conversation; artists may choose another allowed one.")
    model: Optional[str] = _rule(None, "The model of a new conversation; artists may choose another allowed one.")
    system: Optional[str] = _rule(None, "The system prompt of a new conversation; artists may write another.")


@dataclass(frozen=True)
class RedactionRules:
    """`[redaction]`: what becomes a placeholder before a prompt leaves; artists may add to it, never take away."""

    levels: Tuple[str, ...] = _rule((), "Where to redact: machine (this computer), house (the local network), cloud.")
    paths: bool = _rule(True, "Whether file paths become placeholders.")
    users: bool = _rule(True, "Whether the names of this computer's user and of home folders become placeholders.")
    hosts: bool = _rule(True, "Whether this computer's name and names in the house's network become placeholders.")
    words: Tuple[str, ...] = _rule((), "Words and names that become placeholders: shows, clients, code names.")
    words_file: Optional[str] = _rule(None, "A text file with more such words, one a line.", shape="path")


@dataclass(frozen=True)
class LedgerRules:
    """`[ledger]`: where the ledger of what left the machine is kept."""

    folder: Optional[str] = _rule(
        None, "A folder for the ledgers of all users, a file each; absent keeps it in the user's own data.",
        shape="path")
    required: bool = _rule(False, "Whether a request is refused when the ledger cannot be written.")


@dataclass(frozen=True)
class Limits:
    """What a user may spend in a day or a month; None is no limit. A soft limit warns, a hard one refuses."""

    soft_usd: Optional[float] = _rule(None, _SOFT, unit="US dollars", minimum=0)
    hard_usd: Optional[float] = _rule(None, _HARD, unit="US dollars", minimum=0)
    soft_tokens: Optional[int] = _rule(None, _SOFT, unit="tokens", minimum=0)
    hard_tokens: Optional[int] = _rule(None, _HARD, unit="tokens", minimum=0)


@dataclass(frozen=True)
class Price:
    """What a model costs, in US dollars per million tokens."""

    input: float = _rule(0.0, "What a million tokens of a prompt cost.", unit="US dollars", minimum=0)
    output: float = _rule(0.0, "What a million tokens of an answer cost.", unit="US dollars", minimum=0)


@dataclass(frozen=True)
class BudgetRules:
    """`[budget]`: how to count what is spent."""

    answer_tokens: int = _rule(
        4096, "Under a hard limit, the longest answer that is asked for where the artist set no max_tokens.",
        unit="tokens", minimum=16, maximum=10_000_000)
    unpriced: str = _rule(
        "refuse", "Under a hard limit in dollars, what happens to a model outside the house whose price is unknown: "
                  "refuse, or allow (it then counts as free).")


@dataclass(frozen=True)
class Budget:
    """The limits of each user: those of a named user replace everybody's."""

    rules: BudgetRules = BudgetRules()
    day: Limits = Limits()
    month: Limits = Limits()
    users: Mapping[str, Tuple[Optional[Limits], Optional[Limits]]] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)

    def limits_of(self, user: str) -> Dict[str, Limits]:
        """The limits of a user: `day` and `month`."""
        day, month = self.users.get(user.lower(), (None, None))
        return {"day": day if day is not None else self.day, "month": month if month is not None else self.month}


@dataclass(frozen=True)
class General:
    """The keys at the top of the file."""

    contact: str = _rule("", "Whom an artist can ask about a rule: a name, a mail address, a page.")
    local_only: Union[str, bool] = _rule(
        False, "true lets nothing leave the house's own network; \"machine\" lets nothing leave this computer.")
    no_log: bool = _rule(
        False, "Nothing that an artist or a model writes is kept on disk: conversations live until the program ends.")


@dataclass(frozen=True)
class PolicyFile:
    """One file's rules; `lines` says on which line each stands."""

    path: str
    general: General = General()
    providers: NameRules = NameRules()
    models: NameRules = NameRules()
    origins: NameRules = NameRules()
    tools: NameRules = NameRules()
    defaults: Defaults = Defaults()
    redaction: RedactionRules = RedactionRules()
    ledger: LedgerRules = LedgerRules()
    budget: Budget = Budget()
    words: Tuple[str, ...] = ()
    lines: Mapping[Tuple[str, ...], int] = field(default_factory=dict)

    def place(self, *name: str) -> str:
        """`FILE, line N` of a rule."""
        for length in range(len(name), 0, -1):
            line = self.lines.get(name[:length])
            if line is not None:
                return f"{self.path}, line {line}"
        return self.path


@dataclass(frozen=True)
class Policy:
    """All files together. With an `error`, one of them cannot be understood, and nothing may leave."""

    files: Tuple[PolicyFile, ...] = ()
    error: Optional[PolicyError] = None

    def __bool__(self) -> bool:
        return bool(self.files) or self.error is not None

    @property
    def no_log(self) -> bool:
        """Whether nothing that is written may be kept."""
        return any(one.general.no_log for one in self.files)

    @property
    def contact(self) -> str:
        """Whom to ask, from the first file that says it."""
        return next((one.general.contact for one in self.files if one.general.contact), "")

    @property
    def redacted_levels(self) -> FrozenSet[str]:
        """The trust levels for which prompts must be redacted."""
        return frozenset(level for one in self.files for level in one.redaction.levels)


NO_POLICY = Policy()
