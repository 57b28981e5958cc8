"""The history at size: open, list, path, search of rare and common words, statistics, a commit beside it all.

    python -m bench.history [--messages 200000] [--keep FOLDER]

The history is made through the schema itself with words in the frequencies of natural language, then asked through the
public Store. Each figure is the median of some rounds and the worst, and stands beside its goal.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import itertools
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List

from nuke_ai_panel.messages import Message
from nuke_ai_panel.store import Store, new_id
from nuke_ai_panel.store.values import HistoryFilter

WAIT_S = 900.0
RARE, COMMON = "xylophonic", "w0"


@dataclass(frozen=True)
class Figure:
    """What was measured, in milliseconds; `goal` is what the product promises."""

    name: str
    median_ms: float
    worst_ms: float
    goal_ms: float


def generate(path: Path, messages: int, *, long_chat: int = 2000, seed: int = 7) -> str:
    """Fills a new history; answers with the id of a conversation of `long_chat` messages."""
    store = Store(path)
    store.open().result(WAIT_S)
    store.close(WAIT_S)
    rng = random.Random(seed)
    words = [f"w{number}" for number in range(20_000)]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(words))))

    def text(count: int) -> str:
        return " ".join(words[bisect.bisect(weights, rng.random() * weights[-1])] for _ in range(count))

    texts = [text(rng.randrange(20, 120)) for _ in range(4000)]
    first = ""
    with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        done = 0
        while done < messages:
            conversation = new_id()
            size = long_chat if not first else rng.randrange(2, 40) * 2
            first = first or conversation
            begun = 1.7e9 + done * 60
            connection.execute(
                "INSERT INTO conversations (id, kind, title, created_at, updated_at, activity, provider, model)"
                " VALUES (?, 'chat', ?, ?, ?, ?, 'ollama', 'llama3')",
                (conversation, f"Chat {done}", begun, begun, done + 1),
            )
            parent = None
            rows = []
            for number in range(min(size, messages - done)):
                one = new_id()
                said = texts[rng.randrange(len(texts))] + (f" {RARE}" if (done + number) % 40_000 == 17 else "")
                is_answer = number % 2
                rows.append((
                    one, conversation, parent, number + 1, "assistant" if is_answer else "user", "complete",
                    begun + number, "ollama" if is_answer else None, "llama3" if is_answer else None,
                    '{"input": 100, "output": 50}' if is_answer else None, said,
                ))
                parent = one
            connection.executemany(
                "INSERT INTO messages (id, conversation_id, parent_id, chosen, role, status, created_at, provider,"
                " model, usage, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows,
            )
            done += len(rows)
        connection.execute("COMMIT")
    return first


def timed(name: str, goal_ms: float, run: Callable[[], object], *, rounds: int = 7) -> Figure:
    """The figure of something that is done some times."""
    took: List[float] = []
    for _ in range(rounds):
        begun = time.perf_counter()
        run()
        took.append((time.perf_counter() - begun) * 1000)
    return Figure(name, statistics.median(took), max(took), goal_ms)


def measure(folder: Path, messages: int) -> List[Figure]:
    """All figures of a history of that size."""
    path = folder / "history.db"
    long_chat = generate(path, messages)
    figures: List[Figure] = []

    def opened() -> None:
        one = Store(path)
        one.conversations(limit=200).result(WAIT_S)
        one.close(WAIT_S)

    figures.append(timed("open and list the newest 200", 150, opened))
    store = Store(path)
    begun = time.perf_counter()
    store.build_index().result(WAIT_S)
    built = (time.perf_counter() - begun) * 1000
    figures.append(Figure(f"index {messages:,} messages, once", built, built, float("inf")))

    def searched(text: str, wanted: HistoryFilter = HistoryFilter(), **how: bool) -> Callable[[], object]:  # noqa: B008
        return lambda: store.search(text, wanted, **how).result(WAIT_S)  # type: ignore[arg-type]  # only as_typed

    figures += [
        timed("list the newest 200", 50, lambda: store.conversations(limit=200).result(WAIT_S)),
        timed("a page deep in the list", 50, lambda: store.conversations(limit=200, offset=3000).result(WAIT_S)),
        timed("the newest 50 of 2,000 messages", 50, lambda: store.path(long_chat, limit=50).result(WAIT_S)),
        timed("all of 2,000 messages", 150, lambda: store.path(long_chat).result(WAIT_S)),
        timed("search a rare word", 200, searched(RARE)),
        timed("search a common word", 400, searched(COMMON)),
        timed("search two common words", 400, searched("w0 w1")),
        timed("search a phrase", 400, searched('"w0 w1"')),
        timed("search as typed, two letters", 400, searched("w1", as_typed=True)),
        timed("search what is not there", 200, searched("nosuchword")),
        timed("search a common word, one provider", 400, searched(COMMON, HistoryFilter(provider="ollama"))),
        timed("search a common word, no match for a filter", 400, searched(COMMON, HistoryFilter(model="none"))),
        timed("statistics of everything", 3000, lambda: store.statistics().result(WAIT_S), rounds=3),
        *beside(store, long_chat),
    ]
    store.close(WAIT_S)
    return figures


def beside(store: Store, conversation_id: str) -> List[Figure]:
    """A message's commit while another thread searches without pause: answers must not wait for readers."""
    over = threading.Event()

    def search() -> None:
        while not over.is_set():
            store.search(COMMON).result(WAIT_S)

    thread = threading.Thread(target=search)
    thread.start()

    def write() -> None:
        store.add_message(
            Message(new_id(), conversation_id, None, "user", "hello", created_at=1.8e9), select=False
        ).result(WAIT_S)

    figure = timed("store a message while searching", 50, write, rounds=50)
    over.set()
    thread.join()
    return [figure]


def report(messages: int, folder: Path) -> None:
    """Measures and prints."""
    for one in measure(folder, messages):
        goal = f"{one.goal_ms:>8,.0f}" if one.goal_ms != float("inf") else f"{'–':>8}"
        print(f"{one.name:46}{one.median_ms:>11,.1f} ms{one.worst_ms:>11,.1f} ms worst{goal} ms goal", flush=True)
    size = sum(file.stat().st_size for file in folder.glob("*.db"))
    print(f"{'on the disk, with the index':46}{size / 1e6:>11,.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        report(arguments.messages, arguments.keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(arguments.messages, Path(folder))


if __name__ == "__main__":
    main()
