"""`python -m nuke_ai_panel_qt`: the panel in a window of its own."""

from __future__ import annotations

import sys

from .standalone import main

if __name__ == "__main__":
    sys.exit(main())
