"""The command line. `main` is the entry point; every command loads only what it needs when it runs."""

from __future__ import annotations

from typing import Optional, Sequence

__all__ = ["main"]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs one command and returns its exit code; never raises, never prints a traceback."""
    try:
        from .program import run

        return run(argv)
    except KeyboardInterrupt:
        return 130
