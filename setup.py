"""Builds both packages; the metadata is declared in pyproject.toml. A wheel also has Nuke's start files and docs."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithStartFiles(build_py):
    """Puts init.py, menu.py and the pages where `nuke-ai-panel install` finds them in an installed package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # the source tree has them
        place = Path(self.build_lib) / "nuke_ai_panel" / "install"
        (place / "start").mkdir(parents=True, exist_ok=True)
        for name in ("init.py", "menu.py"):
            shutil.copyfile(ROOT / name, place / "start" / name)
        for page in (ROOT / "docs").glob("*.md"):
            (place / "docs").mkdir(exist_ok=True)
            shutil.copyfile(page, place / "docs" / page.name)


setup(cmdclass={"build_py": BuildWithStartFiles})
