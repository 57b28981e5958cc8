"""The shape of a conversation without its texts: which messages are shown, and what stands beside them. Pure.

A node whose parent is missing counts as a root, so that a lost row never hides what came after it.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple


class Node(NamedTuple):
    """One message's place. Among siblings the highest `chosen` is the one to show."""

    seq: int
    id: str
    parent_id: Optional[str]
    chosen: int
    deleted: bool


class Tree:
    """All nodes of one conversation."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes: Dict[str, Node] = {node.id: node for node in nodes}
        self._children: Dict[Optional[str], List[Node]] = {}
        for node in sorted(self.nodes.values()):
            if not node.deleted:
                self._children.setdefault(self._parent(node), []).append(node)

    def visible_path(self) -> List[Node]:
        """From the root to the remembered leaf."""
        return self._descend(None)

    def path_to(self, leaf_id: str) -> List[Node]:
        """From the root to exactly that message."""
        path: List[Node] = []
        node = self.nodes.get(leaf_id)
        seen: Set[str] = set()
        while node is not None and node.id not in seen:
            path.append(node)
            seen.add(node.id)
            parent = self._parent(node)
            node = None if parent is None else self.nodes[parent]
        path.reverse()
        return path

    def siblings(self, node: Node) -> List[Node]:
        """The visible messages at the same fork, oldest first, itself among them."""
        return self._children.get(self._parent(node), [])

    def branches(self, path: Iterable[Node]) -> Dict[str, Tuple[int, int]]:
        """Message id → (position from 1, count) among its siblings."""
        places = {}
        for node in path:
            siblings = self.siblings(node)
            places[node.id] = (siblings.index(node) + 1, len(siblings))
        return places

    def subtree(self, node: Node) -> List[Node]:
        """The message and every visible one below it, in all branches."""
        found, index = [node], 0
        seen = {node.id}
        while index < len(found):
            for child in self._children.get(found[index].id, []):
                if child.id not in seen:
                    seen.add(child.id)
                    found.append(child)
            index += 1
        return found

    def _descend(self, parent_id: Optional[str]) -> List[Node]:
        path: List[Node] = []
        seen: Set[str] = set()
        children = self._children.get(parent_id)
        while children:
            best = max(children, key=lambda node: (node.chosen, node.seq))
            if best.id in seen:
                break
            seen.add(best.id)
            path.append(best)
            children = self._children.get(best.id)
        return path

    def _parent(self, node: Node) -> Optional[str]:
        return node.parent_id if node.parent_id in self.nodes else None
