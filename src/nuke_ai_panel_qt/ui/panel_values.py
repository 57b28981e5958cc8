"""What the panel around the transcript is told to show. Frozen values; PanelManager makes them, widgets read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

ConnectionState = Literal[
    "unknown", "connecting", "connected", "degraded", "unreachable", "needs key", "forbidden by policy"
]
ModelKey = Tuple[str, str]  # provider, model id


@dataclass(frozen=True)
class ConversationRow:
    """One conversation in the list. `group` is its date group (Today, Yesterday …), `when` its time as text."""

    id: str
    title: str
    group: str
    when: str = ""
    snippet: str = ""
    is_running: bool = False
    is_unread: bool = False
    needs_approval: bool = False


@dataclass(frozen=True)
class ModelEntry:
    """One model in the picker. `reason` is why it cannot be used now ("" when it can)."""

    provider: str
    id: str
    name: str
    provider_title: str
    badges: Tuple[str, ...] = ()
    price: str = ""
    detail: str = ""
    reason: str = ""
    is_favourite: bool = False

    @property
    def key(self) -> ModelKey:
        """What a choice remembers."""
        return self.provider, self.id


@dataclass(frozen=True)
class MenuEntry:
    """One entry of a menu; without words it is a line, with `inner` a menu of its own. None: it cannot be checked."""

    text: str = ""
    command: str = ""
    icon: str = ""
    is_enabled: bool = True
    is_checked: Optional[bool] = None
    inner: Tuple[MenuEntry, ...] = ()


@dataclass(frozen=True)
class ModelSection:
    """A titled run of models; `note` is the list's age or the reason why it is old or empty."""

    title: str
    models: Tuple[ModelEntry, ...]
    note: str = ""


@dataclass(frozen=True)
class ConnectionValue:
    """The chosen provider's true state, in one word for the chip and one sentence for its tooltip."""

    state: ConnectionState = "unknown"
    provider_title: str = ""
    model: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class MeterValue:
    """The next request against the model's window. `window` None: nobody says; `price`: "free", "$…" or "–"."""

    used_tokens: int = 0
    window_tokens: Optional[int] = None
    is_estimate: bool = True
    price: str = "–"
    detail: str = ""


@dataclass(frozen=True)
class QueuedQuestion:
    """A question that waits for the running answer to end."""

    id: str
    text: str


@dataclass(frozen=True)
class PromptRow:
    """A prompt of the library in the list that `/` opens."""

    name: str
    title: str
    description: str = ""
    is_studio: bool = False


@dataclass(frozen=True)
class StartChoice:
    """One way to begin. `leaves` says what leaves the machine; `progress` is 0..1 while it is being made ready."""

    id: str
    icon: str
    title: str
    sentence: str
    leaves: str
    button: str
    is_enabled: bool = True
    progress: Optional[float] = None
    note: str = ""


@dataclass(frozen=True)
class ProviderForm:
    """What the provider card edits. The key is write-only: only whether there is one, and where, is known."""

    name: str
    title: str
    base_url: str
    needs_key: bool
    key_source: str = ""
    hint: str = ""
    can_edit_url: bool = True


@dataclass(frozen=True)
class Banner:
    """A lasting notice under the header; `kind` picks its colour and icon, `action` and `more` name its buttons."""

    kind: Literal["info", "warning", "error"]
    text: str
    action: str = ""
    more: str = ""


@dataclass(frozen=True)
class BackupRow:
    """One backup of the history: `when` it was made, and what is known of it."""

    name: str
    when: str
    facts: str


@dataclass(frozen=True)
class BackupsPage:
    """The backups, the newest first; `paused` says why no automatic one is made, empty while they are."""

    rows: Tuple[BackupRow, ...] = ()
    lead: str = ""
    paused: str = ""


@dataclass(frozen=True)
class LogEntry:
    """One entry of the log with all its lines; `level` is debug, info, warning or error."""

    level: str
    text: str


@dataclass(frozen=True)
class LedgerRow:
    """One request in the ledger, in words. `place` is machine, house or cloud; `searched` is what the filter reads."""

    day: str
    time: str
    title: str
    facts: str
    cost: str
    place: Literal["machine", "house", "cloud"]
    searched: str
    tip: str = ""
    conversation_id: str = ""
    is_failed: bool = False

    @property
    def is_outside(self) -> bool:
        """Whether it went beyond the house's own network."""
        return self.place == "cloud"


@dataclass(frozen=True)
class LedgerPage:
    """The ledger as it is shown: sums above, requests below, the newest first; `note` stands under the list."""

    rows: Tuple[LedgerRow, ...] = ()
    summary: str = ""
    budget: str = ""
    is_warning: bool = False
    empty: str = ""
    note: str = ""
