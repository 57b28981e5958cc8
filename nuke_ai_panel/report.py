"""The report as text that may be sent to somebody else, for the panel's troubleshooting page and the Script Editor.

Any thread but the background loop's own. What is in it is found out by `diagnosis`.
"""

from __future__ import annotations

from .diagnosis import make_report

__all__ = ["make_report", "report_text"]


def report_text() -> str:
    """The report. Never raises for what it reports on: a part that cannot be read says why."""
    return make_report().text()
