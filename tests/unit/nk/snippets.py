"""Code as models write it for Nuke: what is wrong, with the name that must be suggested; and what is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Tuple

_DATA = json.loads((Path(__file__).parents[2] / "data" / "nk" / "code_snippets.json").read_text(encoding="utf-8"))
# (code, what the suggestion must hold)
WRONG: List[Tuple[str, str]] = [("\n".join(one["code"]), one["suggestion"]) for one in _DATA["wrong"]]
RIGHT: List[str] = ["\n".join(one) for one in _DATA["right"]]
