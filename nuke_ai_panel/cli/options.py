"""The options that every talking command shares, and the settings they become."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Callable, Dict, Optional

from ..messages import Json
from .exits import UsageError

if TYPE_CHECKING:
    from ..settings import Settings

# option → the setting that it overrides
_SETTINGS = {
    "provider": "default_provider", "model": "default_model", "system": "system",
    "temperature": "parameters.temperature", "max_tokens": "parameters.max_tokens",
    "fallback": "fallback",
}
THINK_LEVELS = ("off", "on", "minimal", "low", "medium", "high", "xhigh", "max")
_TEXTS = ("provider", "model", "base_url", "system")


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """--provider, --model and the rest."""
    add_reaching_options(parser)
    parser.add_argument("--model", metavar="ID", help="the model, by the provider's own id")
    parser.add_argument("--system", metavar="TEXT", help="the system prompt")
    parser.add_argument("--preset", metavar="NAME", help=(
        "a preset of the prompt library: its system prompt, and its model unless one is given"))
    parser.add_argument("--temperature", metavar="NUMBER", type=number(0, 2), help="how freely to choose words, 0 to 2")
    parser.add_argument("--max-tokens", metavar="COUNT", type=count(1, 10_000_000), help="the most an answer may hold")
    parser.add_argument("--think", metavar="LEVEL", choices=THINK_LEVELS, help=(
        f"how much a thinking model thinks: {', '.join(THINK_LEVELS)}"))
    parser.add_argument("--context", metavar="TOKENS", type=count(256, 100_000_000), help=(
        "the context window to work with; Ollama loads the model with it"))
    parser.add_argument("--retries", metavar="COUNT", type=count(0, 2), help=(
        "how often to try again before any text arrived; 0 turns retries off"))
    parser.add_argument("--wait", metavar="SECONDS", type=number(0, 86400), help=(
        "how long to wait for a server that is not there; without it, that is said at once"))
    parser.add_argument("--fallback", metavar="PROVIDER/MODEL", action="append", help=(
        "whom to ask instead when the chosen model is not available; may be given again. Only one that the prompt "
        "travels as far to: a local model's question never leaves for a service"))


def add_reaching_options(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, and how long to wait. An absent option is absent, so that a sub-command may have it too."""
    parser.add_argument("--provider", metavar="NAME", default=argparse.SUPPRESS, help=(
        "the provider: local, ollama, openrouter, openai or one of your own"))
    parser.add_argument("--base-url", metavar="URL", default=argparse.SUPPRESS, help=(
        "the server's address; one on this machine needs no key"))
    parser.add_argument("--timeout", metavar="SECONDS", type=number(0.05, 7200), default=argparse.SUPPRESS, help=(
        "the longest wait for the connection, for the first sign of an answer and between two of them"))


def number(least: float, most: float) -> Callable[[str], float]:
    """A converter for a finite number in a range."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not math.isfinite(value) or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    return convert


def count(least: int, most: int) -> Callable[[str], int]:
    """A converter for a whole number in a range."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    return convert


def overrides_of(arguments: argparse.Namespace) -> Dict[str, Json]:
    """The top layer of settings. Raises SettingsError when the layers below are wrong, UsageError for a bad mix."""
    from ..settings import load_settings

    given = {name: value for name, value in vars(arguments).items() if value is not None}
    for name in _TEXTS:
        text_of(given.get(name), what=f"--{name.replace('_', '-')}")
    for name in given.get("fallback", ()):
        text_of(name, what="--fallback")
    settings = load_settings()
    provider: Optional[str] = given.get("provider")
    overrides: Dict[str, Json] = {path: given[name] for name, path in _SETTINGS.items() if name in given}
    if "preset" in given:
        overrides.update(_preset(settings, given, overrides))
        provider = overrides.get("default_provider", provider)
    chosen = settings.provider(provider or settings.default_provider)
    if "base_url" in given:
        if chosen.kind in ("local", "scripted"):
            raise UsageError(
                f"--base-url means nothing to {chosen.label}.", next_step="Add --provider openai, or another one."
            )
        overrides[f"providers.{chosen.name}.base_url"] = given["base_url"]
    if "think" in given:
        overrides["parameters.reasoning_effort"] = effort_of(given["think"], chosen.kind)
    if "context" in given:
        overrides[f"providers.{chosen.name}.options.num_ctx"] = given["context"]
    if "timeout" in given:
        for name in settings.providers:
            overrides[f"providers.{name}.connect_timeout_s"] = min(given["timeout"], 600)
            overrides[f"providers.{name}.first_byte_timeout_s"] = given["timeout"]
            overrides[f"providers.{name}.first_event_timeout_s"] = given["timeout"]
            overrides[f"providers.{name}.idle_timeout_s"] = given["timeout"]
    return overrides


def _preset(settings: Settings, given: Dict[str, Json], overrides: Dict[str, Json]) -> Dict[str, Json]:
    """What a preset sets; what is said beside it is stronger."""
    from ..core.prompt_files import PromptLibrary

    shelf = PromptLibrary(settings.home).look()
    preset = shelf.named(text_of(given["preset"], what="--preset"), "preset")
    if preset is None:
        known = ", ".join(one.name for one in shelf.presets)
        raise UsageError(f"There is no preset called {given['preset']}.", next_step=f"There are: {known}.")
    found: Dict[str, Json] = {} if "system" in overrides else {"system": preset.text}
    if preset.provider and not {"provider", "model"} & set(given):
        found["default_provider"] = preset.provider
        if preset.model:
            found["default_model"] = preset.model
    return found


def effort_of(level: str, kind: str) -> str:
    """A level as requests name it; only Ollama knows thinking that is merely on."""
    if level == "on" and kind != "ollama":
        return "medium"
    return {"off": "none"}.get(level, level)


def text_of(argument: Optional[str], *, what: str = "An argument") -> str:
    """An argument that is real text; the system's bytes that are not are refused. Raises UsageError."""
    text = argument or ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise UsageError(f"{what} is not UTF-8 text.", next_step="Check the terminal's encoding.") from exc
    return text
