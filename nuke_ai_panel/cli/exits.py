"""The exit codes, and which error has which."""

from __future__ import annotations

from ..errors import NukeAIError, ProviderError, SettingsError

COMPLETE = 0
FAILED = 1
USAGE = 2
SETTINGS = 3
PROVIDER = 4
PARTIAL = 5
INTERRUPTED = 130

SETTINGS_KINDS = frozenset({"settings", "missing_key"})
# An answer that lost its connection half-way is partial; one that the provider took back is a provider's error.
CUT_KINDS = frozenset({"truncated", "network", "timeout"})

# What `--help` and the reference page say.
EXPLAINED = (
    (COMPLETE, "the answer is complete (also when it reached --max-tokens; a note says so)"),
    (FAILED, "anything else, such as a history that cannot be read"),
    (USAGE, "the command was not understood"),
    (SETTINGS, "a setting is wrong, or a key is missing"),
    (PROVIDER, "the provider, or the way to it, failed"),
    (PARTIAL, "the answer was stopped or cut; what arrived was printed and stored"),
    (INTERRUPTED, "interrupted with Ctrl-C; what arrived is stored"),
)


class UsageError(NukeAIError):
    """What was typed cannot be done; `next_step` says what can."""

    kind = "usage"


class OutputLostError(Exception):
    """Nobody reads what is printed any more, or it cannot be written; `reason` is empty for a closed pipe."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


def code_of(error: NukeAIError) -> int:
    """The exit code of an error that ended a command."""
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, SettingsError):
        return SETTINGS
    return PROVIDER if isinstance(error, ProviderError) else FAILED


def code_of_kind(kind: str, *, is_partial: bool) -> int:
    """The exit code of a turn that failed with an error of this kind."""
    if kind in SETTINGS_KINDS:
        return SETTINGS
    if is_partial and kind in CUT_KINDS:
        return PARTIAL
    return FAILED if kind in ("internal", "store") else PROVIDER
