"""The providers under contract, each with a server behind it that says what the test wants."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence

from nuke_ai_panel.errors import provider_error
from nuke_ai_panel.events import Finish, ThinkingDelta, UsageReport
from nuke_ai_panel.messages import FinishReason, Json, ToolCall, Usage
from nuke_ai_panel.providers.base import Provider
from nuke_ai_panel.providers.model_files import models_dir
from nuke_ai_panel.providers.registry import provider_class
from nuke_ai_panel.providers.scripted_provider import ScriptedProvider, Step
from nuke_ai_panel.settings import ProviderSettings, home_dir

from ..fakes.dialects import Call
from ..fakes.model_server import FakeModelServer

MODEL = "fake-model.gguf"  # the built-in model is a file; the others do not mind
KEY = "sk-contract-0123456789"


@dataclass(frozen=True)
class Subject:
    """A kind of provider, or a vendor of a kind whose behaviour differs.

    `suffix` is what its base URL adds to the server's, None where it has no server; `options` are those of its row.
    The server behind it is one `FakeModelServer` for all, which answers in the dialect that a request's path is of.
    """

    kind: str
    suffix: Optional[str]
    vendor: str = ""
    options: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tests call it."""
        return f"{self.kind}-{self.vendor}" if self.vendor else self.kind

    @property
    def row_name(self) -> str:
        """Its row in the settings."""
        return f"my-{self.name}"

    @property
    def has_server(self) -> bool:
        """True when it speaks HTTP."""
        return self.suffix is not None

    def build(self, server: FakeModelServer) -> Provider:
        """The provider in front of `server`."""
        server.models = (MODEL, "fake-model-2")
        base = None if self.suffix is None else server.url + self.suffix
        options = {**self.options, **({"vendor": self.vendor} if self.vendor else {})}
        if self.kind == "local":
            base, options = None, {"python": str(stand_in_for_llamacpp(server.url))}
        row = ProviderSettings(
            name=self.row_name, kind=self.kind, title="Studio", base_url=base, first_event_timeout_s=10.0,
            idle_timeout_s=10.0, options=options,
        )
        return provider_class(self.kind)(row, key=KEY)

    def say(
        self, server: FakeModelServer, words: Sequence[str], *, thinking: Sequence[str] = (),
        calls: Sequence[Call] = (), finish: FinishReason = "stop",
    ) -> None:
        """From now on the model answers with `words`, and asks for the tools in `calls`."""
        server.words, server.thinking, server.calls, server.finish_reason = words, thinking, calls, finish
        script: List[Step] = [ThinkingDelta(one) for one in thinking]
        script += [*words, *(ToolCall(call_id, name, json.loads(arguments)) for call_id, name, arguments in calls)]
        script += [UsageReport(Usage(1, len(words), 1 + len(words)))]
        script += [Finish("tool_calls" if calls and finish == "stop" else finish, finish)]
        ScriptedProvider.scripts[MODEL] = script

    def fail(self, server: FakeModelServer, status: int, message: str) -> None:
        """The next answer is this error."""
        server.fail(status, {"error": {"message": message}})
        kinds = {401: "auth", 429: "rate_limit", 500: "server_error"}
        error = provider_error(kinds[status], message, provider="Studio", status=status)  # type: ignore[arg-type]  # kinds
        ScriptedProvider.scripts[MODEL] = [error]


def stand_in_for_llamacpp(url: str) -> Path:
    """A "Python" whose child process loads no model but says, as the real child does, that one is served at `url`."""
    folder = models_dir(home_dir())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(b"GGUF stands in")
    script = folder / "python3"
    report = json.dumps({"state": "ready", "url": url})
    script.write_text(f"#!/bin/sh\nread orders\necho '{report}'\nexec cat > /dev/null\n")
    script.chmod(0o755)
    return script


SUBJECTS = (
    Subject("openai", "/v1"), Subject("openrouter", "/v1"), Subject("ollama", ""), Subject("scripted", None),
    Subject("google", "/v1beta"), Subject("anthropic", ""), Subject("mistral", "/mistral/v1"),
    *(Subject("openai", "/v1", vendor) for vendor in (
        "openai", "deepseek", "groq", "xai", "lmstudio", "vllm", "llamacpp", "litellm")),
    Subject("openai", "", "azure"),
    *([Subject("local", "")] if os.name == "posix" else []),  # its stand-in is a shell script
)
SERVED = tuple(subject for subject in SUBJECTS if subject.has_server)
REMOTE = tuple(subject for subject in SERVED if subject.kind != "local")
MakeProvider = Callable[[FakeModelServer], Provider]
