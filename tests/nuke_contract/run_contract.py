"""Asks a Nuke everything that the product believes about it, and writes a report. One command, a render licence:

    nuke -t tests/nuke_contract/run_contract.py report.json

`report.json` holds every probe with what was seen, which rows are settled by it, where this Nuke differs from what the
product is ready for, and a patch for nuke_ai_panel/nk/data/nuke_nodes.json. The exit code is 1 when something differs.
The same questions go to the double in the tests.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Dict, List

# Nuke's -t gives a script its own arguments and need not give it a file name.
sys.path.insert(0, os.path.dirname(os.path.abspath(globals().get("__file__") or sys.argv[0])))

import node_data
from probes import ANY, PROBES


def run(nuke: Any) -> Dict[str, Any]:
    """The report of one Nuke."""
    rows: List[Dict[str, Any]] = []
    for probe in PROBES:
        nuke.scriptClear()
        try:
            seen = probe.ask(nuke)
        except Exception:  # noqa: BLE001  (a probe that fails is an answer too)
            seen = {"probe failed": traceback.format_exc()}
        rows.append({"row": probe.row, "about": probe.about, "seen": seen, "expected": list(probe.expected),
                     "as_expected": ANY in probe.expected or seen in probe.expected, "settles": probe.settles})
    nuke.scriptClear()
    return {
        "nuke": nuke.NUKE_VERSION_STRING, "python": sys.version.split()[0], "gui": bool(nuke.GUI), "rows": rows,
        "settled": {f"{one['row']}: {one['about']}": one["seen"] for one in rows if one["settles"]},
        "differs": [one for one in rows if not one["as_expected"]],
        "data_patch": node_data.patch(nuke, node_data.load()),
    }


def main() -> int:
    import nuke

    target = sys.argv[1] if len(sys.argv) > 1 else "nuke_contract.json"
    if nuke.GUI and nuke.modified():
        print("NUKE_CONTRACT not run: it clears the script, and yours has changes. Use nuke -t, or save first.")
        return 2
    report = run(nuke)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, sort_keys=True, default=str)
    differs = len(report["differs"])
    print(f"NUKE_CONTRACT {len(report['rows'])} probes, {differs} differ, {len(report['data_patch'])} classes to "
          f"correct: {os.path.abspath(target)}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
