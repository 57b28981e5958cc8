"""The providers under contract, each with a server behind it that says what the test wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence

from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import Finish, ThinkingDelta, UsageReport
from nuke_ai_panel.messages import Usage
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.registry import provider_class
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step
from nuke_ai_panel.settings import ProviderSettings

from ..fakes.model_server import FakeModelServer

MODEL = "fake-model"
KEY = "sk-contract-0123456789"


@dataclass(frozen=True)
class Subject:
    """A kind of provider. `suffix` is what its base URL adds to the server's; None: it has no server."""

    kind: str
    suffix: Optional[str]

    @property
    def has_server(self) -> bool:
        """True when it speaks HTTP."""
        return self.suffix is not None

    def build(self, server: FakeModelServer) -> Provider:
        """The provider in front of `server`."""
        base = None if self.suffix is None else server.url + self.suffix
        row = ProviderSettings(
            name=f"my-{self.kind}", kind=self.kind, title="Studio", base_url=base, first_event_timeout_s=10.0,
            idle_timeout_s=10.0,
        )
        return provider_class(self.kind)(row, key=KEY)

    def say(self, server: FakeModelServer, words: Sequence[str], *, thinking: Sequence[str] = ()) -> None:
        """From now on the model answers with `words`."""
        server.words, server.thinking = words, thinking
        script: List[Step] = [ThinkingDelta(one) for one in thinking]
        script += [*words, UsageReport(Usage(1, len(words), 1 + len(words))), Finish("stop", "stop")]
        ScriptedProvider.scripts[MODEL] = script

    def fail(self, server: FakeModelServer, status: int, message: str) -> None:
        """The next answer is this error."""
        server.fail(status, {"error": {"message": message}})
        kinds = {401: "auth", 429: "rate_limit", 500: "server_error"}
        error = provider_error(kinds[status], message, provider="Studio", status=status)  # type: ignore[arg-type]  # kinds
        ScriptedProvider.scripts[MODEL] = [error]


SUBJECTS = (
    Subject("openai", "/v1"), Subject("openrouter", "/v1"), Subject("ollama", ""), Subject("scripted", None),
)
SERVED = tuple(subject for subject in SUBJECTS if subject.has_server)
MakeProvider = Callable[[FakeModelServer], Provider]
