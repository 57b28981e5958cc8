"""Runs at every start of Nuke, GUI, terminal and render child: puts the two packages on Python's path.

Nothing else happens here, and nothing here may raise: a failing init.py breaks the artist's session.
"""

import os
import sys

try:
    _here = os.path.dirname(os.path.abspath(__file__))
    for _path in (_here, os.path.join(_here, "src")):
        if _path not in sys.path:
            sys.path.append(_path)
except Exception:  # noqa: BLE001  (Nuke must start)
    pass
