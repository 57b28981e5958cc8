"""`batch gallery`: the prompt files that come with the program, the studio's and one's own; and a copy to change."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from . import exits
from .batch_rows import add_verb, opened
from .console import Console
from .program import Parser

if TYPE_CHECKING:
    from ..batch.gallery import BatchPrompt


def add_gallery_verb(verbs: argparse._SubParsersAction[Parser]) -> None:
    """Adds the verb."""
    parser = add_verb(verbs, "gallery", "list prompt files that are ready to run, or copy them to a folder", _gallery)
    parser.add_argument("--copy", metavar="DIR", help="copy those of the program there, with their samples")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _gallery(arguments: argparse.Namespace, console: Console) -> int:
    from ..batch.gallery import batch_prompts, copy_gallery

    if arguments.copy:
        for path in copy_gallery(Path(arguments.copy)):
            console.say(str(path))
        return exits.COMPLETE
    with opened(arguments) as app:
        found = batch_prompts(app.settings.home)
    if arguments.json:
        console.raw(json.dumps({"prompts": [asdict(one) for one in found]}, ensure_ascii=False, indent=2) + "\n")
        return exits.COMPLETE
    for one in found:
        console.say(f"{one.title}{' (the studio)' if one.source == 'studio' else ''}")
        console.say(f"  {f'{one.problem} {one.next_step}'.strip() or one.description}")
        console.say(f"  {_command_of(one)}")
    return exits.COMPLETE


def _command_of(one: BatchPrompt) -> str:
    """How its sample is run."""
    sample = one.sample
    words = ["nuke-ai-panel", "batch", "run"]
    if sample is None:
        words.append("ROWS")
    elif sample.kind == "input":
        words.append(sample.path)
    else:
        words += [f"--{sample.kind}", sample.path, *(["--nodes", sample.nodes] if sample.nodes else [])]
    return shlex.join([*words, "--template", one.path, "--out", f"{one.name}.run"])
