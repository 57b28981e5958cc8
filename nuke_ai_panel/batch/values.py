"""The values of a batch: rows, requests, options, and the events that a front end gets. Frozen; they cross threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Mapping, Optional, Tuple, Union

from ..core.request import NO_PARAMETERS
from ..events import Allowance
from ..messages import Attachment, Json, Usage
from ..providers.base import Parameters
from ..words import tr

ResumeMode = Literal["changed", "strict"]
StreamMode = Literal["auto", "on", "off"]
CacheMode = Literal["off", "read", "write", "rw"]

# The exit codes of a run; `docs/batch.md` says what each means.
DONE, DEFECT, INVALID, SOME_FAILED, REFUSED, CAPPED, LOCKED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 5, 6, 130, 143


@dataclass(frozen=True)
class Row:
    """One row of an input. `place` is where it stood ("line 12"), `body` the request of an OpenAI batch line."""

    data: Mapping[str, Json]
    place: str
    custom_id: Optional[str] = None
    body: Optional[Mapping[str, Json]] = None
    folder: str = ""


@dataclass(frozen=True)
class Reject:
    """Something in the input that is no row; `line` counts from 1, 0 where there are no lines."""

    line: int
    reason: str
    text: str = ""
    next_step: str = ""

    @property
    def words(self) -> str:
        """Where it stands, why it is no row, and what to do."""
        reason = self.reason.rstrip(".")
        said = tr("line {line}: {reason}", line=self.line, reason=reason) if self.line else reason
        return f"{said}. {self.next_step}" if self.next_step else f"{said}."


@dataclass(frozen=True)
class Said:
    """One message of a request."""

    role: Literal["user", "assistant"]
    text: str
    attachments: Tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Job:
    """One row made into a request. `key` is the SHA-256 of what decides the answer; `known` a former run's answer."""

    custom_id: str
    key: str
    model: str
    said: Tuple[Said, ...]
    system: Optional[str] = None
    parameters: Parameters = NO_PARAMETERS
    schema: Optional[Mapping[str, Json]] = None
    place: str = ""
    page: Optional[str] = None
    known: Optional[Answer] = None

    @property
    def prompt_bytes(self) -> int:
        """The size of the texts."""
        return sum(len(one.text.encode("utf-8", "replace")) for one in self.said) + len((self.system or "").encode(
            "utf-8", "replace"))


@dataclass(frozen=True)
class Host:
    """One of several servers of the same provider, and how many requests it answers at once; None is found out."""

    url: str
    slots: Optional[int] = None


@dataclass(frozen=True)
class Options:
    """How a plan is carried out. Prices are US dollars for a million tokens; None is unknown or unlimited."""

    max_concurrency: int = 64
    hosts: Tuple[Host, ...] = ()
    rpm: Optional[float] = None
    tpm: Optional[float] = None
    max_attempts: int = 6
    max_wait_s: float = 120.0
    budget: Optional[float] = None
    price_in: Optional[float] = None
    price_out: Optional[float] = None
    max_failures: Optional[str] = None
    stop_after_s: Optional[float] = None
    drain_s: float = 10.0
    dedupe: bool = True
    keep_requests: bool = False
    keep_history: bool = True
    resume: ResumeMode = "changed"
    retry_only: Optional[Tuple[str, ...]] = None
    page: Optional[str] = None
    csv: Optional[str] = None
    stream: StreamMode = "auto"
    cache: CacheMode = "off"
    ordered: bool = False


@dataclass(frozen=True)
class Answer:
    """A model's answer to one request, with what it took, and what its head (at `allowed_at`) said of the next ones."""

    text: str
    finish: str
    usage: Optional[Usage] = None
    reasoning: str = ""
    response_id: Optional[str] = None
    request_id: Optional[str] = None
    reported_model: Optional[str] = None
    first_token_s: Optional[float] = None
    total_s: float = 0.0
    allowance: Optional[Allowance] = None
    allowed_at: float = 0.0


# ---------------------------------------------------------------- events


@dataclass(frozen=True)
class RowDone:
    """A row has its answer, which is written. `dedup_of` is the row that asked the same, `finish` why it ended."""

    custom_id: str
    text: str
    attempts: int = 1
    cost_usd: Optional[float] = None
    dedup_of: Optional[str] = None
    conversation_id: Optional[str] = None
    finish: str = ""


@dataclass(frozen=True)
class RowFailed:
    """A row ended in an error; `kind` is its class, as `retry --only` takes it."""

    custom_id: str
    kind: str
    message: str
    attempts: int = 1


@dataclass(frozen=True)
class LanePaused:
    """A server asked for patience; nothing is sent to it for so long."""

    lane: str
    seconds: float
    reason: str


@dataclass(frozen=True)
class LaneStopped:
    """A server is not asked any more in this run."""

    lane: str
    reason: str


@dataclass(frozen=True)
class BudgetReached:
    """The next request could pass the cap, so no more are sent."""

    spent_usd: float
    cap_usd: float


@dataclass(frozen=True)
class LaneState:
    """One lane as a progress line shows it."""

    name: str
    running: int
    window: int
    paused_s: float = 0.0
    is_stopped: bool = False
    is_unreached: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a run is. `total` is None while the rows are not counted."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    total: Optional[int] = None
    rate: float = 0.0
    eta_s: Optional[float] = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    retries: int = 0
    elapsed_s: float = 0.0
    state: str = "running"
    lanes: Tuple[LaneState, ...] = field(default=())


BatchEvent = Union[RowDone, RowFailed, LanePaused, LaneStopped, BudgetReached, Progress]
