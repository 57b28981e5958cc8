"""Says in an artist's words what went wrong with an Ollama server, and the mend. Pure.

Statuses and bodies have become kinds already (`classify.py`), and stay what they are; here the few that mean something
special at Ollama get their own sentence. A server that does not run is marked with `code`, because it can be started.
"""

from __future__ import annotations

from typing import Optional
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..words import tr
from .payload import address_of
from .urls import is_loopback_url

NOT_RUNNING = "not_running"
DOWNLOAD_PAGE = "https://ollama.com/download"
LIBRARY_PAGE = "https://ollama.com/library"


def explain(error: ProviderError, *, base_url: str, model: Optional[str] = None) -> ProviderError:
    """`error` with Ollama's own meaning, where it has one."""
    message = error.message.lower()
    if error.kind == "network" and "refuse" in message and "proxy" not in message:
        _say(error, tr("Ollama is not running at {address_of}.", address_of=address_of(base_url)),
             tr("Start Ollama, then try again.") if is_loopback_url(base_url)
             else tr("Start it on that machine (with OLLAMA_HOST=0.0.0.0), or correct the address in Settings."))
        error.code, error.retryable = NOT_RUNNING, False
    elif error.status == 403 and not error.message:
        host = urlsplit(base_url).hostname or ""
        _say(error, tr("Ollama refuses requests that call it {host}: it listens to its own machine only.", host=host),
             tr("Use localhost or its IP address in Settings, or start Ollama with OLLAMA_HOST=0.0.0.0 on its "
                "machine."))
    elif error.kind == "model_not_found":
        _say(error, tr("{provider} has not fetched {model} yet.", provider=error.provider or "Ollama",
                        model=model or tr("this model")),
             tr("Pull it, or choose another model."))
    elif error.kind == "timeout" and "no answer came" in message:
        _say(error, tr("{model} was still loading when the patience ran out: {message}.", model=model
            or tr("The model"),
                        message=error.message),
             tr("Choose a smaller model, or raise the wait for the first sign of an answer in Settings."))
    elif error.kind == "context_too_long":
        error.next_step = tr("Raise the context window, or start a new conversation.")
    elif "requires more system memory" in message:
        _say(error, tr("{model} needs more memory than the server has: {message}.", model=model or tr("The model"),
                        message=error.message),
             tr("Unload other models, lower the context window, or choose a smaller model."))
        error.retryable = False
    return error


def explain_pull(error: ProviderError, *, model: str) -> ProviderError:
    """`error` of a pull with what it means for a pull."""
    message = error.message.lower()
    if "file does not exist" in message or "not found" in message or error.kind == "model_not_found":
        _say(error, tr("There is no model called {model} to pull.", model=model),
             tr("Look for its name at {library_page}.", library_page=LIBRARY_PAGE))
    elif "newer version of ollama" in message:
        _say(error, tr("{model} needs a newer Ollama than this one.", model=model),
             tr("Update Ollama ({download_page}), then pull again.", download_page=DOWNLOAD_PAGE))
    elif "no space left" in message or "not enough space" in message:
        _say(error, tr("There is no room for {model} on the server's disk.", model=model),
             tr("Free some room there, then pull again; what arrived is kept."))
        error.retryable = False
    elif error.kind in ("network", "timeout", "truncated") and error.code != NOT_RUNNING:
        error.next_step = tr("Pull again: it goes on from where it stopped.")
    return error


def _say(error: ProviderError, user_text: str, next_step: str) -> None:
    error.user_text, error.next_step = user_text, next_step
