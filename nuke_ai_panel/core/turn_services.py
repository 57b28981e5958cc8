"""What all turns of an App share, and how a turn's request is prepared with it. Loop thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Mapping, Optional, Tuple

from ..messages import ConversationKind, Message
from ..settings import Settings
from ..tools import Toolbox
from .approval import ApprovalPolicy
from .known_paths import KnownPaths
from .marks import system_of
from .place import Place, merge_parameters
from .prompt import Prompt, build_request
from .provider_manager import ProviderManager
from .request import ModelChoice, TurnRequest
from .slots import Slots
from .studio_rules import allowed_tools
from .tokens import TokenRatios
from .tool_round import specs
from .window import Windows

if TYPE_CHECKING:
    from ..store import Store


@dataclass(frozen=True)
class TurnServices:
    """What all turns of an App share."""

    settings: Callable[[], Settings]
    store: Store
    providers: ProviderManager
    windows: Windows
    ratios: TokenRatios
    known: KnownPaths
    slots: Mapping[ConversationKind, Slots]
    toolbox: Toolbox
    policy: ApprovalPolicy


async def prepare(
    services: TurnServices, asked: TurnRequest, place: Place, choice: ModelChoice, path: Tuple[Message, ...]
) -> Prompt:
    """The request for the message after `path`, trimmed to the model's window. Raises SettingsError."""
    settings, row = services.settings(), services.providers.settings(choice.provider)
    parameters = merge_parameters(asked.parameters, settings.parameters)
    system = system_of(path, place.conversation.system) if asked.system is None else asked.system
    ratio = services.ratios.ratio(choice.provider, choice.model)

    tools = allowed_tools(services.providers.gate.current(), specs(services.toolbox))
    def build(window_tokens: Optional[int], is_sent: bool) -> Prompt:
        return build_request(
            choice.model, path, system=system, parameters=parameters, tools=tools,
            window_tokens=window_tokens, sends_window=is_sent, ratio=ratio,
            think_tags=bool(row.options.get("think_tags", False)), schema=asked.schema,
        )

    whole = build(None, False)
    window = await services.windows.choose(choice, whole.tokens, parameters)
    return whole if window.tokens is None else build(window.tokens, window.is_sent)
