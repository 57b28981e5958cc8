"""The providers that come along: where each lives, which kind it is, which variable holds its key. Data, no behaviour.

A preset is a row of settings like any other. The first four are always offered. The others would crowd the model
picker with servers that nobody has, so each is off until somebody wants it: its key is in the environment, a layer of
settings gives it an address or a model, it is the default provider, or it is switched on.
"""

from __future__ import annotations

from typing import FrozenSet, Mapping, Tuple

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "local": {"kind": "local", "title": "Built-in model", "default_model": "smollm2"},
    "ollama": {"kind": "ollama", "title": "Ollama", "base_url": "http://127.0.0.1:11434", "key_env": "OLLAMA_API_KEY"},
    "openrouter": {"kind": "openrouter", "title": "OpenRouter", "base_url": "https://openrouter.ai/api/v1",
                   "key_env": "OPENROUTER_API_KEY"},
    "openai": {"kind": "openai", "title": "OpenAI", "base_url": "https://api.openai.com/v1",
               "key_env": "OPENAI_API_KEY"},
    "anthropic": {"kind": "anthropic", "title": "Anthropic", "base_url": "https://api.anthropic.com",
                  "key_env": "ANTHROPIC_API_KEY"},
    "mistral": {"kind": "mistral", "title": "Mistral", "base_url": "https://api.mistral.ai/v1",
                "key_env": "MISTRAL_API_KEY"},
    "google": {"kind": "google", "title": "Google Gemini",
               "base_url": "https://generativelanguage.googleapis.com/v1beta", "key_env": "GEMINI_API_KEY"},
    "azure": {"kind": "openai", "title": "Azure OpenAI", "key_env": "AZURE_OPENAI_API_KEY"},
    "deepseek": {"kind": "openai", "title": "DeepSeek", "base_url": "https://api.deepseek.com/v1",
                 "key_env": "DEEPSEEK_API_KEY"},
    "groq": {"kind": "openai", "title": "Groq", "base_url": "https://api.groq.com/openai/v1",
             "key_env": "GROQ_API_KEY"},
    "xai": {"kind": "openai", "title": "xAI", "base_url": "https://api.x.ai/v1", "key_env": "XAI_API_KEY"},
    "lmstudio": {"kind": "openai", "title": "LM Studio", "base_url": "http://127.0.0.1:1234/v1",
                 "key_env": "LM_API_TOKEN"},
    "vllm": {"kind": "openai", "title": "vLLM", "base_url": "http://127.0.0.1:8000/v1", "key_env": "VLLM_API_KEY"},
    "llamacpp": {"kind": "openai", "title": "llama.cpp", "base_url": "http://127.0.0.1:8080/v1",
                 "key_env": "LLAMA_API_KEY"},
    "litellm": {"kind": "openai", "title": "LiteLLM proxy", "base_url": "http://127.0.0.1:4000/v1",
                "key_env": "LITELLM_API_KEY"},
}
ALWAYS_OFFERED: FrozenSet[str] = frozenset({"local", "ollama", "openrouter", "openai"})
# What in a row of settings shows that somebody wants the preset.
WANTED_BY: FrozenSet[str] = frozenset({"base_url", "default_model"})
# Further variables that a vendor's own tools read, for when the preset's own is not set.
OTHER_KEY_ENVS: Mapping[str, Tuple[str, ...]] = {"google": ("GOOGLE_API_KEY",)}
# environment variable → the preset whose address it is
ADDRESS_ENVS: Mapping[str, str] = {
    "OLLAMA_HOST": "ollama",
    "OPENAI_BASE_URL": "openai",
    "OPENROUTER_BASE_URL": "openrouter",
    "ANTHROPIC_BASE_URL": "anthropic",
    "GOOGLE_GEMINI_BASE_URL": "google",
    "AZURE_OPENAI_ENDPOINT": "azure",
}
# Gateways: wherever they stand, nobody can tell where they send a prompt on to.
FORWARDING: FrozenSet[str] = frozenset({"litellm"})
# One sentence for whoever sets a preset up: what it is, and where its key comes from.
ABOUT: Mapping[str, str] = {
    "google": "The Gemini models, from Google itself. Get a key at aistudio.google.com/apikey.",
    "azure": "OpenAI's models in your studio's Azure. Endpoint and key are on the resource's page in the portal.",
    "deepseek": "DeepSeek's own models. Get a key at platform.deepseek.com.",
    "groq": "Open models, answered very fast. Get a key at console.groq.com/keys.",
    "xai": "The Grok models, from xAI itself. Get a key at console.x.ai.",
    "lmstudio": "LM Studio on this machine: start its server in the Developer tab. No key is needed.",
    "vllm": "A vLLM server, here or on the network. A key only if the server wants one.",
    "llamacpp": "llama.cpp's llama-server, here or on the network. A key only if the server wants one.",
    "litellm": "Your studio's LiteLLM proxy: one address for many vendors, with a virtual key.",
}
