"""Every command that has keys, and the keys it comes with. Plain values: the pages of docs are made from them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from nuke_ai_panel.words import later


@dataclass(frozen=True)
class Binding:
    """One command and its keys; `group` is its heading in the sheet."""

    command: str
    keys: Tuple[str, ...]
    sentence: str
    group: str


BINDINGS: Tuple[Binding, ...] = (
    Binding("new", ("Ctrl+N",), later("New conversation"), later("Conversations")),
    Binding("explorer", ("Ctrl+K",), later("Memory: search all chats, put them in order, see their use"),
    later("Conversations")),
    Binding("list", ("Ctrl+Shift+K",), later("Show or hide the conversations"), later("Conversations")),
    Binding("rename", ("F2",), later("Rename this conversation"), later("Conversations")),
    Binding("find", ("Ctrl+F",), later("Find in this conversation"), later("Conversations")),
    Binding("find_next", ("F3",), later("Next hit"), later("Conversations")),
    Binding("find_previous", ("Shift+F3",), later("Previous hit"), later("Conversations")),
    Binding("pick_model", ("Ctrl+Shift+M",), later("Choose the model"), later("Models")),
    Binding("next_favourite", ("Alt+L",), later("Next favourite model"), later("Models")),
    Binding("stop", ("Esc",), later("Close what is open, else stop the answer"), later("Answers")),
    Binding("regenerate", ("Ctrl+R",), later("Answer the last question again"), later("Answers")),
    Binding("copy_reply", ("Ctrl+Shift+C",), later("Copy the last answer"), later("Answers")),
    Binding("read_reply", ("Ctrl+Shift+R",), later("Read the last answer as plain text"), later("Answers")),
    Binding("copy_code", ("Ctrl+Shift+X",), later("Copy the last code block"), later("Answers")),
    Binding("previous_prompt", ("Ctrl+Alt+Up",), later("Previous question in the transcript"), later("Answers")),
    Binding("next_prompt", ("Ctrl+Alt+Down",), later("Next question in the transcript"), later("Answers")),
    Binding("answer_options", ("Ctrl+Shift+P",), later("Options of the answers in this conversation"),
    later("Answers")),
    Binding("allow", ("Ctrl+Alt+Return",), later("Allow what a tool asks"), later("Answers")),
    Binding("deny", ("Ctrl+Alt+Backspace",), later("Deny what a tool asks"), later("Answers")),
    Binding("system", ("Ctrl+Shift+I",), later("System prompt and presets of this conversation"), later("Answers")),
    Binding("prompts", ("Ctrl+Shift+L",), later("Prompt library (or / at the beginning of a question)"),
    later("Composer")),
    Binding("attach", ("Ctrl+Shift+A",), later("Attach a file"), later("Composer")),
    Binding("recall_previous", ("Ctrl+Up",), later("Recall what you sent before"), later("Composer")),
    Binding("recall_next", ("Ctrl+Down",), later("Recall what you sent after it"), later("Composer")),
    Binding("paste_raw", ("Ctrl+Shift+V",), later("Paste as text, however long"), later("Composer")),
    Binding("composer", ("Ctrl+L",), later("Go to the composer"), later("Composer")),
    Binding("zoom_in", ("Ctrl+=", "Ctrl++"), later("Larger text (or Ctrl and the wheel)"), later("View")),
    Binding("zoom_out", ("Ctrl+-",), later("Smaller text"), later("View")),
    Binding("zoom_reset", ("Ctrl+0",), later("Normal text"), later("View")),
    Binding("settings", ("Ctrl+,",), later("Settings: providers, keys, answers, keyboard"), later("View")),
    Binding("help", ("F1", "Ctrl+/"), later("This sheet"), later("View")),
)
# Keys that the composer itself answers to; a setting decides between Enter and Ctrl+Enter.
COMPOSER_KEYS: Tuple[Tuple[str, str], ...] = (
    (later("Enter"), later("Send; while an answer runs, queue")),
    ("Shift+Enter", later("New line")),
    (later("Up on the first line"), later("Recall what you sent")),
)
CONTROL_SENDS_KEYS: Tuple[Tuple[str, str], ...] = (
    ("Ctrl+Enter", COMPOSER_KEYS[0][1]), (later("Enter or Shift+Enter"), COMPOSER_KEYS[1][1]), *COMPOSER_KEYS[2:],
)
