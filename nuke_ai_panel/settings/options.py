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
    "mistral": (
        _WINDOW, _THINK_TAGS, _EXTRA_BODY,
        Row("safe_prompt", "true or false", None, "Whether Mistral puts its own safety prompt before yours."),
        Row("prompt_mode", "text", None, "reasoning adds the vendor's prompt for models that always reason."),
    ),
    "openai": (
        _WINDOW, _THINK_TAGS, _EXTRA_BODY,
        Row("vendor", "text", None, "Whose habits the server has, where its name and address do not say: openai, "
            "azure, deepseek, groq, xai, lmstudio, vllm, llamacpp or litellm."),
        Row("api_version", "text", None, "The version of Azure's API; absent takes the one in the address."),
        Row("parallel_tool_calls", "true or false", None, "Whether a model may ask for several tools at once."),
    ),
    "google": (
        _WINDOW, _THINK_TAGS, _EXTRA_BODY,
        Row("thoughts", "true or false", None, "Whether the thoughts are asked for; absent asks models that think."),
        Row("safety", "a table of texts", {}, "Thresholds of Google's filters, by category."),
        Row("cached_content", "text", None, "The name of a cache of yours that every request begins with."),
    ),
    "openrouter": (
        _WINDOW, _THINK_TAGS, _EXTRA_BODY,
        Row("app_url", "text", None, "The address by which OpenRouter counts the requests of your studio."),
        Row("allow_fallbacks", "true or false", False, "Whether another vendor may be asked when the first one fails."),
        Row("order", "a list of texts", (), "The vendors to try, in this order."),
        Row("only", "a list of texts", (), "The only vendors that may get a request."),
        Row("ignore", "a list of texts", (), "Vendors that never get a request."),
        Row("data_collection", "text", None, "Whether vendors that keep or train on requests may get one: allow or "
            "deny; absent follows the account."),
        Row("zdr", "true or false", None, "Whether only vendors that keep nothing at all may get a request."),
        Row("require_parameters", "true or false", None, "Whether only vendors that know every parameter of a request "
            "may get it; the others leave out silently what they do not know."),
        Row("quantizations", "a list of texts", (), "The precisions that a vendor may serve, such as fp8 or bf16."),
        Row("sort", "text", None, "Which vendor comes first: price, throughput, latency or exacto."),
        Row("max_price", "a table", {}, "The most to pay: prompt and completion in dollars a million tokens, request "
            "and image in dollars each."),
        Row("preferred_min_throughput", "a number", None, "How many tokens a second a vendor should make.", minimum=0),
        Row("preferred_max_latency", "a number", None, "How long a vendor may take to its first token.",
            unit="seconds", minimum=0),
        Row("pdf_engine", "text", None, "Who reads PDF files for models that cannot: native, cloudflare-ai or "
            "mistral-ocr."),
    ),
}


def option_names(kind: str) -> Optional[Dict[str, Row]]:
    """The options of a kind by name; None for a kind that is not ours."""
    known = OPTIONS.get(kind)
    return None if known is None else {row.name: row for row in known}


def option_problem(row: Row, value: Json) -> str:
    """What is wrong with an option's value, empty when nothing is."""
    return check(row, value)[1]
