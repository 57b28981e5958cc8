"""What each kind of provider understands under `[providers.NAME.options]`, declared like every other setting. Pure.

The kinds of third parties are not here: their options are theirs to check.
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from ..messages import Json
from .table import Row, check

_WINDOW = Row("num_ctx", "a whole number", None, "The size of the context window; absent lets the provider choose.",
              unit="tokens", minimum=256, maximum=100_000_000)
_THINK_TAGS = Row("think_tags", "true or false", False,
                  "Whether text between <think> and </think> is thinking and not the answer.")
_EXTRA_BODY = Row("extra_body", "a table", {}, "Entries to add to the body of every request.")

OPTIONS: Mapping[str, Tuple[Row, ...]] = {
    "local": (
        _WINDOW, _THINK_TAGS,
        Row("model_path", "text", None, "A model file (GGUF) to offer besides the downloaded ones."),
        Row("python", "text", None, "The Python 3.10 or newer with xllamacpp that runs the model."),
        Row("threads", "a whole number", None, "How many processor threads compute; absent leaves one core free.",
            minimum=1, maximum=1024),
        Row("parallel", "a whole number", None, "How many answers are computed at once.", minimum=1, maximum=64),
        Row("gpu_layers", "a whole number", -1, "How many of the model's layers the GPU holds; -1 means all that fit.",
            minimum=-1, maximum=10_000),
        Row("cache_mib", "a whole number", 256, "The memory for prompts that may come again.", unit="MiB",
            minimum=0, maximum=1_000_000),
    ),
    "ollama": (
        _WINDOW, _THINK_TAGS,
        Row("keep_alive", "text or a number", None, "How long a model stays loaded: 5m, or seconds; -1 is for ever."),
        Row("think", "text or true or false", None, "Whether a thinking model thinks, or how much: low, medium, high."),
        Row("model_options", "a table", {}, "Ollama's own model options, such as top_k."),
    ),
    "anthropic": (
        _WINDOW, _EXTRA_BODY,
        Row("thinking", "text", None, "How a model thinks: adaptive, enabled or off; absent follows reasoning_effort."),
        Row("thinking_budget", "a whole number", None, "The most that older models may think; absent follows the "
            "effort.", unit="tokens", minimum=1024, maximum=1_000_000),
        Row("prompt_cache", "text", "5m", "How long Anthropic keeps what requests have in common, at a price per "
            "write and for a tenth per read: 5m, 1h or off."),
        Row("version", "text", "2023-06-01", "The version of the API that is asked for."),
        Row("beta", "a list of texts", (), "Names of features under test, sent as anthropic-beta."),
        Row("auth", "text", "x-api-key", "How the key is sent: x-api-key, or bearer for gateways that want that."),
    ),
    "openai": (_WINDOW, _THINK_TAGS, _EXTRA_BODY),
    "openrouter": (
        _WINDOW, _THINK_TAGS, _EXTRA_BODY,
        Row("app_url", "text", None, "The address by which OpenRouter counts the requests of your studio."),
    ),
}


def option_names(kind: str) -> Optional[Dict[str, Row]]:
    """The options of a kind by name; None for a kind that is not ours."""
    known = OPTIONS.get(kind)
    return None if known is None else {row.name: row for row in known}


def option_problem(row: Row, value: Json) -> str:
    """What is wrong with an option's value, empty when nothing is."""
    return check(row, value)[1]
