"""Remembers what was said, so that a chat goes on when its history cannot be read or written. Loop thread only.

The store itself writes later what a disk refused; until it has, the newest messages of a conversation are only here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..messages import Conversation, Message

_MOST_CONVERSATIONS = 64


@dataclass
class Known:
    """One conversation as this process last saw it; `unsaved` are ids of messages that may not be on the disk."""

    conversation: Conversation
    messages: Dict[str, Message] = field(default_factory=dict)
    leaf_id: Optional[str] = None
    unsaved: List[str] = field(default_factory=list)

    def path(self, leaf_id: Optional[str] = None) -> Tuple[Message, ...]:
        """From the root to `leaf_id`, or to the newest message."""
        return chain(self.messages, leaf_id or self.leaf_id)


class KnownPaths:
    """What is known of each conversation; the longest unused is forgotten first, but nothing that is unsaved."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def get(self, conversation_id: str) -> Optional[Known]:
        """What is known of a conversation, None if nothing."""
        return self._known.get(conversation_id)

    def remember(self, conversation: Conversation, path: Sequence[Message]) -> None:
        """Takes in a path as it was read or has grown; its last message is the newest."""
        known = self._known.setdefault(conversation.id, Known(conversation))
        known.conversation = conversation
        if not known.unsaved:
            known.messages.clear()
        known.messages.update({message.id: message for message in path})
        known.leaf_id = path[-1].id if path else None
        self._known.move_to_end(conversation.id)
        while len(self._known) > _MOST_CONVERSATIONS:
            oldest = next((one for one, known in self._known.items() if not known.unsaved), None)
            if oldest is None:
                break
            del self._known[oldest]

    def update(self, message: Message, *, is_saved: bool) -> None:
        """Takes in a message's newest state."""
        known = self._known.get(message.conversation_id)
        if known is None:
            return
        known.messages[message.id] = message
        known.leaf_id = message.id
        if not is_saved and message.id not in known.unsaved:
            known.unsaved.append(message.id)


def chain(messages: Mapping[str, Message], leaf_id: Optional[str]) -> Tuple[Message, ...]:
    """The messages from the root to `leaf_id`, as far as they are known."""
    path: List[Message] = []
    message = messages.get(leaf_id) if leaf_id else None
    while message is not None and len(path) <= len(messages):
        path.append(message)
        message = messages.get(message.parent_id) if message.parent_id else None
    return tuple(reversed(path))
