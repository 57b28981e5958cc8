"""The batch runner for scripts: `plan` what is asked, `run` it and wait, `start` it and go on, `stream` its events.

Works in plain Python, in `nuke -t`, and in Nuke with its window open. Any thread but the loop's own. One App serves all
calls of a process, the one of `nuke_ai_panel.ask`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, AsyncIterator, Callable, List, Mapping, Optional, Sequence, Union

from ..api import shared_app
from ..app import App
from ..messages import Json
from ..providers.base import Parameters
from ..utils.main_thread import PumpedMainThread, WaitEndedError, the_main_thread
from .errors import BatchError
from .feed import Selection
from .handle import Handle
from .options import COUNT, check_number, options_of
from .planning import Plan, check, make_plan
from .reporting import Report
from .run_folder import disk_error
from .session import Session
from .spending import price_from
from .values import BatchEvent

__all__ = ["BatchError", "Handle", "Plan", "Report", "plan", "run", "start", "stream"]


def plan(
    rows: object, *, template: Union[str, Path, None] = None, provider: Optional[str] = None,
    model: Optional[str] = None, base_url: Optional[str] = None, system: Optional[str] = None,
    schema: Optional[Mapping[str, Json]] = None, temperature: Optional[float] = None,
    max_tokens: Optional[int] = None, variables: Optional[Mapping[str, Json]] = None,
    roots: Sequence[Union[str, Path]] = (), id: Optional[str] = None, images: Sequence[str] = (),
    page: Optional[str] = None, price_in: Optional[float] = None, price_out: Optional[float] = None,
    limit: Optional[int] = None, repeat: int = 1, app: Optional[App] = None,
) -> Plan:
    """Reads the rows, makes every request once and counts; sends nothing.

    `rows` is a path (JSONL, CSV, OpenAI batch lines) or any iterable of dictionaries; an iterator is read as the run
    goes, on a thread of its own. `template` is a path, or the template itself. `id`, `page` and `system` are templates
    too. Raises BatchError with the exit code 2 when a row lacks what the template names.
    """
    check_number("repeat", repeat, COUNT)
    if limit is not None:
        check_number("limit", limit, COUNT)
    made = make_plan(
        app if app is not None else shared_app(), rows, template=template, provider=provider, model=model,
        base_url=base_url, system=system, schema=schema,
        parameters=Parameters(temperature=temperature, max_tokens=max_tokens), variables=variables, roots=roots, id=id,
        images=images, page=page, price_in=price_in, price_out=price_out, selection=Selection(limit, repeat=repeat),
    )
    check(made)
    return made


def start(
    plan: Plan, *, out: Union[str, Path, None] = None, on_event: Optional[Callable[[BatchEvent], None]] = None,
    **options: Any,  # Any: the fields of Options
) -> Handle:
    """Starts the plan in the directory `out` and returns at once; a run that is there already goes on.

    `on_event` is called on the loop's thread and must return soon. `options` are the fields of `values.Options`, such
    as max_concurrency, budget, hosts. Raises BatchError for what is wrong before anything is sent.
    """
    chosen = options_of(options, repeat=plan.selection.repeat)
    is_priced = price_from(plan.price, chosen.price_in, chosen.price_out) is not None
    check(plan, budget=None if is_priced else chosen.budget)
    folder = Path(out).expanduser() if out is not None else _next_folder(plan.app.settings.home / "batches")
    session = Session(plan, folder.absolute(), chosen, on_event if on_event is not None else _ignore)
    main = the_main_thread()
    return Handle(session, main if main.is_current() or main.is_hosted() else PumpedMainThread())


def run(
    plan: Plan, *, out: Union[str, Path, None] = None, on_event: Optional[Callable[[BatchEvent], None]] = None,
    **options: Any,  # Any: the fields of Options
) -> Report:
    """Runs the plan and waits for its report; in Nuke's window everything stays alive meanwhile.

    Ctrl-C lets what is under way end, then raises KeyboardInterrupt. Esc in Nuke does the same, and the report says so.
    See `start` for the arguments.
    """
    handle = start(plan, out=out, on_event=on_event, **options)
    try:
        return handle.result()
    except WaitEndedError:
        handle.cancel()
        return handle.finished.result(_longest_end_s(options))
    except KeyboardInterrupt:
        handle.cancel()
        try:
            handle.result()
        except KeyboardInterrupt:
            handle.drop()
            handle.result()
        raise
    except BaseException:
        handle.drop()
        raise


async def stream(
    plan: Plan, *, out: Union[str, Path, None] = None, **options: Any  # Any: the fields of Options
) -> AsyncIterator[BatchEvent]:
    """The events of a run, on whatever loop the caller has. Leaving the iteration ends the run at once."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[Optional[BatchEvent]] = asyncio.Queue()
    waiting: List[BatchEvent] = []
    lock = threading.Lock()

    def deliver() -> None:
        with lock:
            events, waiting[:] = tuple(waiting), []
        for event in events:
            arrived.put_nowait(event)

    def post(event: BatchEvent) -> None:
        with lock:
            waiting.append(event)
            is_first = len(waiting) == 1
        if is_first:
            try:
                loop.call_soon_threadsafe(deliver)
            except RuntimeError:  # the caller's loop has ended
                pass

    handle = start(plan, out=out, on_event=post, **options)

    def end(_: object) -> None:
        try:
            loop.call_soon_threadsafe(arrived.put_nowait, None)
        except RuntimeError:  # the caller's loop has ended
            pass

    handle.finished.add_done_callback(end)
    try:
        while True:
            event = await arrived.get()
            if event is None:
                break
            yield event
        deliver()
        while not arrived.empty():
            rest = arrived.get_nowait()
            if rest is not None:
                yield rest
        handle.finished.result()
    finally:
        if not handle.done():
            handle.drop()
            await asyncio.wait([asyncio.wrap_future(handle.finished)])


def _next_folder(home: Path) -> Path:
    """A directory for a run that was given none; made at once, so that nobody else takes it."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        made = home / (f"{stamp}.run" if number == 1 else f"{stamp}-{number}.run")
        try:
            made.mkdir(parents=True)
            return made
        except FileExistsError:
            number += 1
        except OSError as exc:
            raise disk_error(made, exc) from exc


def _longest_end_s(options: Mapping[str, Json]) -> float:
    """The longest that a cancelled run may take to end."""
    return float(options.get("drain_s", 10.0)) + 30.0


def _ignore(event: BatchEvent) -> None:
    """Nobody listens."""
