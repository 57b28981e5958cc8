"""The fake that we ship: a provider whose models are scripts. For tests, docs and demonstrations; opens no socket.

A script is any iterable of steps, or a function from the request to one. A step is text (said as one delta), a stream
event (said as it is), a number (seconds of silence) or an exception (raised). A script without a Finish ends with
`Finish("stop")`, unless it raised. `ScriptedProvider.scripts` maps model ids to scripts and may be added to.
"""

from __future__ import annotations

import asyncio
from typing import AsyncIterator, Callable, ClassVar, Dict, Iterable, List, Optional, Tuple, Union

from ..errors import provider_error
from ..events import Finish, StreamEvent, StreamStarted, TextDelta, UsageReport
from ..messages import Usage
from ..settings import ProviderSettings
from .base import ChatRequest, ModelInfo

Step = Union[str, float, StreamEvent, BaseException]
Script = Union[Iterable[Step], Callable[[ChatRequest], Iterable[Step]]]

_ANSWER = """The matte is clipped before the merge, so the despill has nothing left to work with at the edge.

1. Raise **Screen Gain** a little.
2. Feed the despill from the *unclipped* plate.

```python
key = nuke.toNode("Keylight1")
key["screenGain"].setValue(1.05)
```
"""


def _demo(request: ChatRequest) -> Iterable[Step]:
    """A short answer, word by word, as a model on a laptop would say it."""
    yield 0.2
    for word in _ANSWER.split(" "):
        yield word + " "
        yield 0.02
    sent = sum(len(message.text) for message in request.messages) // 4
    yield UsageReport(Usage(input=sent, output=len(_ANSWER) // 4, total=sent + len(_ANSWER) // 4))


def _echo(request: ChatRequest) -> Iterable[Step]:
    yield request.messages[-1].text or " "


class ScriptedProvider:
    """Plays the script that the request's model names, and remembers the requests it got."""

    scripts: ClassVar[Dict[str, Script]] = {"demo": _demo, "echo": _echo}
    context_tokens: ClassVar[int] = 8192

    def __init__(self, settings: ProviderSettings, *, key: Optional[str] = None) -> None:
        self.name = settings.name
        self.is_local = True
        self.needs_key = False
        self.requests: List[ChatRequest] = []
        self._label = settings.title or settings.name

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """The script's steps as events. Raises what the script raises, and model_not_found for an unknown id."""
        script = self._script(request.model)
        self.requests.append(request)
        yield StreamStarted(response_id=f"scripted-{len(self.requests)}", model=request.model)
        for step in script(request) if callable(script) else script:
            if isinstance(step, str):
                yield TextDelta(step)
            elif isinstance(step, (int, float)):
                await asyncio.sleep(step)
            elif isinstance(step, BaseException):
                raise step
            else:
                yield step
                if isinstance(step, Finish):
                    return
        yield Finish("stop", "stop")

    async def models(self) -> Tuple[ModelInfo, ...]:
        """One model a script."""
        return tuple(self._info(model) for model in self.scripts)

    async def model_info(self, model: str) -> ModelInfo:
        """Raises ProviderError (model_not_found) for an unknown id."""
        self._script(model)
        return self._info(model)

    async def close(self) -> None:
        """Nothing is open."""

    def _script(self, model: str) -> Script:
        if model not in self.scripts:
            raise provider_error(
                "model_not_found", f"no script named {model}", provider=self._label, model=model, status=404
            )
        return self.scripts[model]

    def _info(self, model: str) -> ModelInfo:
        return ModelInfo(
            model, self.name, context_tokens=self.context_tokens, capabilities=frozenset(), local=True,
            price_input=0.0, price_output=0.0,
        )
