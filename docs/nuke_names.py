"""Writes nuke_ai_panel/nk/data/nuke_api.json: the names of Nuke's module and of its classes, from types-nuke.

    python -m docs.nuke_names

types-nuke describes Nuke 13; what came later is in LATER, with the version that brought it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List

from tests.fakes.nuke.stubs import stubs

TARGET = Path(__file__).resolve().parents[1] / "nuke_ai_panel" / "nk" / "data" / "nuke_api.json"
# Documented, and not in the stubs.
LATER = (
    "lastHitGroup", "activeGroup", "nodeAtPath", "usingOCIO", "getOcioColorSpaces", "callbacks", "overrides",
    "colorspaces", "scripts", "utils", "executeInMain", "math", "geo", "rotopaint", "splinewarp", "curvelib",
    "curveknob", "localization", "VariableGroup", "Gsv_Knob", "KNOB_CHANGED_ALWAYS",
)


def main() -> None:
    known = stubs()
    classes: Dict[str, Dict[str, List[str]]] = {
        name: {"bases": bases, "members": sorted(one for one in methods if not one.startswith("__"))}
        for name, (bases, methods) in sorted(known.classes.items())
    }
    names = sorted({*known.functions, *known.constants, *LATER})
    names = [one for one in names if not one.startswith("_")]
    TARGET.write_text(json.dumps({"names": names, "classes": classes}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
