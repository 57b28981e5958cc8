"""`python -m nuke_ai_panel` is the command line; in a folder that `install` built, with that folder's packages."""

from __future__ import annotations

import sys

from .cli import main
from .cli.own_folder import add_packages

if __name__ == "__main__":
    add_packages()
    sys.exit(main())
