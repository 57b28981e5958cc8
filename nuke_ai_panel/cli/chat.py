"""`chat`: a conversation in the terminal. Also reads a pipe, one question a line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Optional, Tuple

from ..errors import NukeAIError
from . import exits
from .chat_input import LineReader, open_reader
from .console import Console
from .download_bar import waited
from .exits import UsageError
from .models import offer_download
from .options import THINK_LEVELS, add_common_options, effort_of, overrides_of
from .program import Parser, add_command, say_error

if TYPE_CHECKING:
    from ..app import App
    from ..core.prompt_files import Kind, PromptFile
    from ..core.request import ModelChoice

HELP = """\
/help                  this list
/new                   begin a new conversation
/model                 show the model, and the ones there are
/model ID              ask this model of the same provider from now on
/model PROVIDER ID     ask another provider's model from now on
/think LEVEL           how much a thinking model thinks: off, on, low, medium, high
/system TEXT           the system prompt from now on; /system alone shows it
/preset NAME           a preset's system prompt from now on; /preset alone lists them
/prompt NAME           ask with a prompt of the library; /prompt alone lists them
/context               twice the context window, as far as the model can read
/quit                  leave (also Ctrl-D)
Enter sends. Alt+Enter, Ctrl-J or a \\ at the end of the line goes on on the next line.
Ctrl-C stops an answer and keeps what arrived; pressed again, it leaves."""


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds the command."""
    parser = add_command(commands, "chat", "have a conversation in the terminal")
    add_common_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Runs until the reader leaves."""
    overrides = overrides_of(arguments)
    from ..app import App

    app = App.open(overrides=overrides)
    try:
        offer_download(app, console)
        chat = _Chat(app, console, retries=arguments.retries, wait_s=arguments.wait or 0.0)
        return chat.run(open_reader(console, app.settings.home))
    finally:
        app.close()


class _Chat:
    """One conversation after another, until the end of input."""

    def __init__(self, app: App, console: Console, *, retries: Optional[int], wait_s: float) -> None:
        self._app = app
        self._console = console
        self._retries = retries
        self._wait_s = wait_s
        self._conversation_id: Optional[str] = None
        self._choice: Optional[ModelChoice] = None
        self._effort: Optional[str] = None
        self._system: Optional[str] = None
        self._interrupts = 0

    def run(self, reader: LineReader) -> int:
        """The exit code: of the last answer when input is piped, 0 when a human leaves."""
        if reader.is_human:
            self._console.say(f"Chatting with {self._model_name()}. /help lists what else you can type.")
        code = exits.COMPLETE
        while True:
            try:
                line = reader.read()
            except KeyboardInterrupt:
                self._interrupts += 1
                if self._interrupts > 1 or not reader.is_human:
                    return exits.INTERRUPTED
                self._console.note("Ctrl-C again leaves; so does /quit.")
                continue
            if line is None:
                return exits.COMPLETE if reader.is_human else code
            text = line.strip()
            if not text:
                continue
            if text.startswith("/") and not text.startswith("//"):
                self._interrupts = 0
                if not self._command(*text.split()):
                    return code if not reader.is_human else exits.COMPLETE
                continue
            code = self._ask(line[1:] if text.startswith("//") else line)
            self._interrupts = 1 if code == exits.INTERRUPTED else 0
            if code == exits.INTERRUPTED and not reader.is_human:
                return code

    def _ask(self, text: str) -> int:
        from ..core.request import TurnRequest
        from ..providers.base import Parameters
        from .turn_view import follow

        request = TurnRequest(
            text=text, choice=self._choice, conversation_id=self._conversation_id, retries=self._retries,
            parameters=Parameters(reasoning_effort=self._effort), wait_for_server_s=self._wait_s,
            system=self._system if self._conversation_id is None else None,
        )
        outcome = follow(self._app, request, self._console)
        self._conversation_id = outcome.conversation_id
        return outcome.code

    def _command(self, name: str, *words: str) -> bool:
        """Whether the chat goes on."""
        if name in ("/quit", "/exit"):
            return False
        if name == "/help":
            self._console.say(HELP)
        elif name == "/new":
            self._conversation_id = self._system = None
            self._console.say("A new conversation.")
        elif name in ("/system", "/preset", "/prompt"):
            try:
                {"/system": self._set_system, "/preset": self._set_preset, "/prompt": self._prompt}[name](
                    " ".join(words))
            except NukeAIError as error:
                say_error(self._console, error)
        elif (name, len(words)) in (("/model", 0), ("/model", 1), ("/model", 2), ("/think", 1), ("/context", 0)):
            try:
                {"/model": self._choose, "/think": self._think, "/context": self._widen}[name](words)
            except NukeAIError as error:
                say_error(self._console, error)
        else:
            self._console.note(f"There is no command {' '.join((name, *words))}. /help lists them; // sends a /.")
        return True

    def _choose(self, words: Tuple[str, ...]) -> None:
        from ..core.request import ModelChoice

        if words:
            provider = words[0] if len(words) == 2 else self._provider()
            self._app.settings.provider(provider)
            self._choice = ModelChoice(provider, words[-1])
            self._console.say(f"Now asking {self._model_name()}.")
            return
        self._console.say(f"Asking {self._model_name()}.")
        for model in self._app.providers.models(self._provider()).models:
            self._console.say(f"  {model.id}")

    def _think(self, words: Tuple[str, ...]) -> None:
        if words[0] not in THINK_LEVELS:
            raise UsageError(f"{words[0]} is no level of thinking.", next_step=f"Use {', '.join(THINK_LEVELS)}.")
        self._effort = effort_of(words[0], self._app.settings.provider(self._provider()).kind)
        self._console.say(f"Thinking: {words[0]}.")

    def _set_system(self, text: str) -> None:
        from ..core.craft import change_system
        from ..core.marks import system_of
        from ..utils.event_loop_manager import create_task

        id, store = self._conversation_id, self._app.store
        if text and id is not None:
            create_task(change_system(store, id, text)).result()
        elif text:
            self._system = text
        else:
            conversation = store.conversation(id).result() if id is not None else None
            begun = self._app.settings.system if self._system is None else self._system
            shown = begun if conversation is None or id is None else system_of(
                store.path(id).result(), conversation.system)
            self._console.say(shown or "There is no system prompt.")
            return
        self._console.say("From now on.")

    def _set_preset(self, name: str) -> None:
        found = self._from_library(name, "preset")
        if found is not None:
            self._set_system(found.text)

    def _prompt(self, name: str) -> None:
        from ..core.prompt_files import variables_of

        found = self._from_library(name, "prompt")
        if found is None:
            return
        missing = ", ".join(dict.fromkeys(one for _, _, one in variables_of(found.text)))
        if missing:
            self._console.say(found.text)
            self._console.note(f"It is to be filled in before it is asked: {missing}.")
            return
        self._ask(found.text)

    def _from_library(self, name: str, kind: Kind) -> Optional[PromptFile]:
        from ..core.prompt_files import PromptLibrary

        shelf = PromptLibrary(self._app.settings.home).look()
        some = shelf.prompts if kind == "prompt" else shelf.presets
        if not name:
            for one in some:
                self._console.say(f"  {one.name:<24} {one.description or one.title}")
            return None
        found = shelf.named(name, kind)
        if found is None:
            raise UsageError(f"There is no {kind} called {name}.", next_step=f"/{kind} lists them.")
        return found

    def _widen(self, words: Tuple[str, ...]) -> None:
        choice = self._app.choice(
            *((self._choice.provider, self._choice.model) if self._choice is not None else ()),
            conversation_id=self._conversation_id if self._choice is None else None,
        )
        wider = waited(self._app.widen_window(choice))
        if wider is None:
            self._console.say(f"{choice.model} reads no more than it is asked to already.")
        else:
            self._console.say(f"{choice.model} is asked to read {wider:,} tokens from now on.")

    def _provider(self) -> str:
        return self._choice.provider if self._choice is not None else self._app.settings.default_provider

    def _model_name(self) -> str:
        settings = self._app.settings
        row = settings.provider(self._provider())
        model = self._choice.model if self._choice is not None else settings.default_model or row.default_model
        return f"{model or 'no model yet'} · {row.label}"

