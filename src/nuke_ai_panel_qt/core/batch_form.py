"""What the form of a new batch asks for: the command of a run, what is missing, what stands in the way. Pure."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from nuke_ai_panel.batch.errors import InvalidBatchError
from nuke_ai_panel.batch.frames import frames_of
from nuke_ai_panel.batch.gallery import BatchPrompt
from nuke_ai_panel.errors import NukeAIError
from nuke_ai_panel.words import later, tr

from ..ui.batch_values import BatchForm, PlanCard
from ..ui.panel_values import ModelEntry

_COMMAND, _SHELL = "nuke-ai-panel batch", " shell"
# What the command line is told to do, and what is done here instead; the first mark that a sentence holds counts.
_STEPS: Tuple[Tuple[str, str], ...] = (
    ("--price", later("Leave the amount empty, or choose a model whose price is known.")),
    ("--budget", later("Raise the amount, then run it again.")),
    ("--root", later("Put what is read below the folder of the rows or of the prompt file.")),
    ("--nodes", later("Write all, class:Read or name:Write*.")),
    (_SHELL, later("Check the pattern.")),
    (_COMMAND, later("Begin a new batch with the same prompt and the same rows.")),
    ("", later("Begin a new batch.")),
)
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]+)")
_FIELDS = {"out-file": "page"}


def command_of(form: BatchForm) -> Dict[str, Any]:  # Any: see batch.commands
    """What is chosen, as `run.json` keeps it. Raises InvalidBatchError for what cannot be understood."""
    provider, _, model = form.model.partition("\t")
    made: Dict[str, Any] = {"template": form.prompt, "provider": provider, "model": model}
    if form.rows == "files":
        made["glob"] = str(Path(form.files).expanduser())
    elif form.rows == "nodes":
        made.update(nk=str(Path(form.script).expanduser()), nodes=_nodes(form.nodes))
    elif form.rows == "table":
        made["input"] = str(Path(form.table).expanduser())
    if form.budget:
        made["budget"] = _budget(form.budget)
    return made


def what_is_missing(form: BatchForm, prompt: Optional[BatchPrompt], selected: int) -> Optional[PlanCard]:
    """Why no plan can be made of the form; None when one can."""
    if prompt is None:
        return PlanCard(tr("Choose a prompt file."))
    if prompt.problem:
        return PlanCard(problem=prompt.problem, next_step=prompt.next_step)
    if not form.model:
        return PlanCard(problem=tr("No model is chosen."), next_step=tr("Choose one in the panel first."))
    if form.rows == "selection" and not selected:
        return PlanCard(problem=tr("No node is selected."),
                        next_step=tr("Select the nodes in the node graph and read the rows again, or choose others."))
    if form.rows == "frames" and not form.frames:
        return PlanCard(tr("Say which frames, such as 1001-1010."))
    place = {"files": form.files, "nodes": form.script, "table": form.table}.get(form.rows, "-")
    if not place:
        return PlanCard(tr("Say which rows: write a path, or choose a file."))
    try:
        command_of(form)
        if form.rows == "frames":
            frames_of(form.frames)
    except InvalidBatchError as error:
        return PlanCard(problem=error.user_text, next_step=error.next_step)
    return None


def model_for(prompt: BatchPrompt, chosen: str, entries: Sequence[ModelEntry]) -> str:
    """The model that a prompt's head names, as the form has it; empty where there is none, or more than one."""
    if not prompt.model and not prompt.provider:
        return ""
    found = [value_of(one) for one in entries if not one.reason and (not prompt.model or one.id == prompt.model)
             and (not prompt.provider or one.provider.lower() == prompt.provider.lower())]
    if chosen in found:
        return chosen
    of_chosen = [one for one in found if one.partition("\t")[0] == chosen.partition("\t")[0]]
    if prompt.model and len(of_chosen) == 1:
        return of_chosen[0]
    return found[0] if len(found) == 1 else ""


def head_note(prompt: BatchPrompt, chosen: str) -> str:
    """What is said when the head of a prompt names another model than the one that is asked."""
    provider, _, model = chosen.partition("\t")
    is_other = prompt.provider.lower() not in ("", provider.lower()) or prompt.model not in ("", model)
    if not is_other:
        return ""
    named = " · ".join(part for part in (prompt.provider, prompt.model) if part)
    return tr("The head of the prompt file names {named}; {model} is asked.", named=named, model=model)


def value_of(one: ModelEntry) -> str:
    """A model as the form has it."""
    return f"{one.provider}\t{one.id}"


def in_our_words(error: BaseException) -> BaseException:
    """The error, with what the panel has in place of the command line's flags."""
    if not isinstance(error, NukeAIError):
        return error
    step = error.next_step
    if _FLAG.search(step) or _COMMAND in step or _SHELL in step:
        step = tr(next(words for mark, words in _STEPS if mark in step))
    text = _FLAG.sub(lambda found: _FIELDS.get(found[1], found[1]), error.user_text)
    if (text, step) == (error.user_text, error.next_step):
        return error
    return InvalidBatchError(error.message, user_text=text, next_step=step)


def amount_of(text: str) -> Optional[float]:
    """Dollars as they are written; None for what is no amount above nothing."""
    try:
        amount = float(text.strip().lstrip("$").replace(",", "."))
    except ValueError:
        return None
    return amount if 0 < amount < math.inf else None


def _budget(text: str) -> float:
    amount = amount_of(text)
    if amount is None:
        raise InvalidBatchError(
            f"{text} is no amount", user_text=tr("“{words}” is no amount of dollars.", words=text),
            next_step=tr("Write it as 2.50, or leave it empty."),
        )
    return amount


def _nodes(text: str) -> str:
    by, _, pattern = text.partition(":")
    if text not in ("", "all") and (by not in ("class", "name") or not pattern):
        raise InvalidBatchError(
            f"{text} names no nodes", user_text=tr("“{words}” does not say which nodes.", words=text),
            next_step=tr("Write all, class:Read or name:Write*."),
        )
    return text or "all"
