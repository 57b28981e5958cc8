"""Which vendors OpenRouter may hand a request to: the row's options become the `provider` object. Pure.

Nothing that an artist did not choose: without a word in the settings one vendor is asked, and if it fails, that is an
error and not a reason to send the prompt to another. Whoever prefers an answer turns allow_fallbacks on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..words import tr
from .base import ChatRequest
from .pictures import pdfs_of

# What OpenRouter appends to an id to say how a vendor is chosen; the model stays the same.
ROUTES: Mapping[str, str] = {
    "nitro": "the fastest vendor", "floor": "the cheapest vendor", "exacto": "the best vendor for tools",
    "online": "with web search, which costs extra",
}
# Variants that OpenRouter lists as models of their own.
VARIANTS = frozenset({"free", "extended", "thinking", "beta"})
SORTS = ("price", "throughput", "latency", "exacto")
PDF_ENGINES = ("native", "cloudflare-ai", "mistral-ocr", "pdf-text")
PRICES = ("prompt", "completion", "request", "image")
_LISTS = ("order", "only", "ignore", "quantizations")
_SWITCHES = ("allow_fallbacks", "require_parameters", "zdr")
_NUMBERS = ("preferred_min_throughput", "preferred_max_latency")


@dataclass(frozen=True)
class Routing:
    """The options of an OpenRouter row: what every request says about vendors, and how PDF files are read."""

    preferences: Mapping[str, Json] = field(default_factory=lambda: {"allow_fallbacks": False})
    pdf_engine: Optional[str] = None


def read_routing(options: Mapping[str, Json], row: str) -> Routing:
    """The routing in the options of the settings row called `row`. Raises SettingsError that names the option."""
    chosen: Dict[str, Json] = {"allow_fallbacks": False}
    for name in _LISTS:
        value = options.get(name)
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if value:
            if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one.strip() for one in value):
                raise _bad(row, name, value, 'a list of names, such as ["deepinfra", "together"]')
            chosen[name] = [one.strip() for one in value]
    for name in _SWITCHES:
        value = options.get(name)
        if value is not None:
            if not isinstance(value, bool):
                raise _bad(row, name, value, "true or false")
            chosen[name] = value
    _word(chosen, options, row, "data_collection", ("allow", "deny"))
    _word(chosen, options, row, "sort", SORTS)
    prices = options.get("max_price")
    if prices:
        chosen["max_price"] = _prices(prices, row)
    for name in _NUMBERS:
        value = options.get(name)
        if value is not None:
            if not _is_amount(value):
                raise _bad(row, name, value, "a number above zero")
            chosen[name] = value
    engine: Dict[str, Json] = {}
    _word(engine, options, row, "pdf_engine", PDF_ENGINES)
    return Routing(chosen, engine.get("pdf_engine"))


def with_routing(body: Dict[str, Json], routing: Routing, request: ChatRequest) -> Dict[str, Json]:
    """`body` with the routing; what the row's extra_body says about vendors goes over it, entry by entry."""
    preferences = dict(routing.preferences)
    if request.schema is not None:
        # Else the schema is dropped without a word by vendors that do not know it.
        preferences.setdefault("require_parameters", True)
    given = body.get("provider")
    routed = {**body, "provider": {**preferences, **given} if isinstance(given, dict) else preferences}
    if routing.pdf_engine is not None and any(pdfs_of(message) for message in request.messages):
        plugins: List[Json] = body["plugins"] if isinstance(body.get("plugins"), list) else []
        if not any(isinstance(one, dict) and one.get("id") == "file-parser" for one in plugins):
            plugins = [*plugins, {"id": "file-parser", "pdf": {"engine": routing.pdf_engine}}]
        routed["plugins"] = plugins
    return routed


def split_route(model: str) -> Tuple[str, str]:
    """The model's own id, and the route that was appended to it ("" for none): `v/m:nitro` is `v/m` and `nitro`."""
    head, colon, tail = model.rpartition(":")
    return (head, tail) if colon and tail in ROUTES else (model, "")


def routing_words(preferences: Mapping[str, Json]) -> Tuple[str, ...]:
    """The preferences that narrow the choice of vendors, in a few words each."""
    said = []
    for name in ("only", "order", "ignore", "quantizations"):
        if preferences.get(name):
            said.append(f"{name}: {', '.join(preferences[name])}")
    for name in ("data_collection", "sort"):
        if preferences.get(name):
            said.append(f"{name}: {preferences[name]}")
    said += [name for name in ("zdr", "require_parameters") if preferences.get(name)]
    prices = preferences.get("max_price")
    if isinstance(prices, dict):
        said.append("max_price: " + ", ".join(f"{name} ${value}" for name, value in prices.items()))
    return tuple(said)


def _prices(value: Json, row: str) -> Dict[str, Json]:
    wanted = "a table in dollars a million tokens, such as { prompt = 1, completion = 2 }"
    if not isinstance(value, dict) or not all(name in PRICES and _is_price(one) for name, one in value.items()):
        raise _bad(row, "max_price", value, wanted)
    return dict(value)


def _word(into: Dict[str, Json], options: Mapping[str, Json], row: str, name: str, words: Tuple[str, ...]) -> None:
    value = options.get(name)
    if value is None or value == "":
        return
    if value not in words:
        raise _bad(row, name, value, f"one of {', '.join(words)}")
    into[name] = value


def _is_price(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_amount(value: Json) -> bool:
    return _is_price(value) and value > 0


def _bad(row: str, option: str, value: Json, wanted: str) -> SettingsError:
    return SettingsError(
        f"providers.{row}.options.{option} = {value!r} is not {wanted}",
        user_text=tr("The option {option} of {row} is not valid.", option=option, row=row),
        next_step=tr("Set it to {wanted}.", wanted=wanted),
    )
