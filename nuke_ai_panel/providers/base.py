"""What every provider is: two pure translations around one session. Lives on the loop thread.

A provider owns exactly one `HttpClient` (see http.py), which owns exactly one aiohttp session. `models`, `stream`,
`probe` and `close` are awaited on the background loop only; constructing a provider touches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import AsyncIterator, FrozenSet, Mapping, Optional, Protocol, Tuple

from ..events import StreamEvent
from ..messages import Json, Message
from ..settings import ProviderSettings


@dataclass(frozen=True)
class Parameters:
    """What the user set, and nothing else: None is left out of the request body."""

    temperature: Optional[float] = None
    top_p: Optional[float] = None
    max_tokens: Optional[int] = None
    seed: Optional[int] = None
    stop: Tuple[str, ...] = ()
    reasoning_effort: Optional[str] = None


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the model sees it; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Json]


@dataclass(frozen=True)
class ChatRequest:
    """One request. `messages` are oldest first, end with the question, and hold no system message.

    `window_tokens` is the context window to ask a local server for (Ollama's num_ctx), None to leave it alone.
    `schema` is the JSON Schema that the answer's text must match; None asks for free text.
    `streams` off asks for the answer in one piece, of those who give one (OpenAI's kin, Ollama).
    """

    model: str
    messages: Tuple[Message, ...]
    system: Optional[str] = None
    parameters: Parameters = Parameters()
    tools: Tuple[ToolSpec, ...] = ()
    window_tokens: Optional[int] = None
    think_tags: bool = False
    schema: Optional[Mapping[str, Json]] = None
    streams: bool = True


@dataclass(frozen=True)
class ModelInfo:
    """A model as a picker shows it. Prices in US dollars per million tokens; None is unknown, 0.0 is free.

    `capabilities` is a subset of {"vision", "tools", "reasoning", "json", "pdf"}; None when the server does not say.
    `window_tokens` is the window that a local server loads the model with unless told otherwise. `parameters` are the
    request's parameters that the model takes, `efforts` how much it can be told to think, both in the vendor's words;
    `expires` is the day (ISO) after which it is gone, `aliases` are other names that mean the same model.
    """

    id: str
    provider: str
    name: str = ""
    context_tokens: Optional[int] = None
    max_output_tokens: Optional[int] = None
    capabilities: Optional[FrozenSet[str]] = None
    price_input: Optional[float] = None
    price_output: Optional[float] = None
    local: bool = False
    size_bytes: Optional[int] = None
    parameter_size: Optional[str] = None
    loaded: bool = False
    unavailable_reason: Optional[str] = None
    window_tokens: Optional[int] = None
    price_request: Optional[float] = None
    price_cache_read: Optional[float] = None
    input_modalities: Optional[FrozenSet[str]] = None
    output_modalities: Optional[FrozenSet[str]] = None
    parameters: Optional[FrozenSet[str]] = None
    efforts: Tuple[str, ...] = ()
    expires: Optional[str] = None
    aliases: Tuple[str, ...] = ()


class Provider(Protocol):
    """The contract; tests/contract runs every behaviour of it against every provider.

    `name` is the row in settings ("openai", "studio-vllm"), `is_local` says that nothing leaves the house, `needs_key`
    that a request without a key is refused.
    """

    name: str
    is_local: bool
    needs_key: bool

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        """From a row of the settings and the API key, if there is one. Raises SettingsError for a bad option."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The answer as events; exactly one Finish, or a ProviderError. Closing the iterator closes the socket."""
        ...

    async def models(self) -> Tuple[ModelInfo, ...]:
        """The models it offers. Raises ProviderError."""
        ...

    async def model_info(self, model: str) -> ModelInfo:
        """What is known about one model (window, capabilities); cheap after the first call. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Closes the session and any child process; idempotent."""
        ...
