"""The batch runner for scripts: `plan` what is asked, `run` it and wait, `start` it and go on, `stream` its events.

Works in plain Python, in `nuke -t`, and in Nuke with its window open. Any thread but the loop's own. One App serves all
calls of a process, the one of `nuke_ai_panel.ask`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, AsyncIterator, Callable, List, Mapping, Optional, Sequence, Union

from ..api import shared_app
from ..app import App
from ..messages import Json
from ..providers.base import Parameters
from ..utils.main_thread import PumpedMainThread, WaitEndedError, the_main_thread
from ..words import tr
from .errors import BatchError, InvalidBatchError
from .feed import Selection
from .handle import Handle
from .planning import Plan, check, make_plan
from .reporting import Report
from .session import Session
from .values import BatchEvent, Host, Options

__all__ = ["BatchError", "Handle", "Plan", "Report", "plan", "run", "start", "stream"]

_OPTIONS = frozenset(one.name for one in fields(Options))


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
    check(plan, budget=chosen.budget)
    folder = Path(out).expanduser() if out is not None else plan.app.settings.home / "batches" / time.strftime(
        "%Y%m%d-%H%M%S.run")
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
    """The events of a run, on whatever loop the caller has. Leaving the iteration cancels the run."""
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
    handle.finished.add_done_callback(lambda _: loop.call_soon_threadsafe(arrived.put_nowait, None))
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
            handle.cancel()


def options_of(given: Mapping[str, Json], *, repeat: int = 1) -> Options:
    """Options from keyword arguments. Raises InvalidBatchError."""
    unknown = sorted(set(given) - _OPTIONS)
    if unknown:
        raise InvalidBatchError(
            tr("{names} is no option of a batch", names=", ".join(unknown)),
            next_step=tr("Use one of {names}.", names=", ".join(sorted(_OPTIONS))),
        )
    values = dict(given)
    if "hosts" in values:
        values["hosts"] = tuple(one if isinstance(one, Host) else host_of(str(one)) for one in values["hosts"])
        if any("@" in one.url.partition("://")[2].partition("/")[0] for one in values["hosts"]):
            raise InvalidBatchError(
                tr("a host must not hold a user name or a password"),
                next_step=tr(
                    "Take it out: it would stand in the run directory. Keys belong into the provider's settings."
                ),
            )
    if repeat > 1:
        values["dedupe"] = False
    chosen = Options(**values)
    if chosen.max_concurrency < 1 or chosen.max_attempts < 1 or (chosen.budget is not None and chosen.budget < 0):
        raise InvalidBatchError(tr("max_concurrency and max_attempts are 1 or more, a budget is not negative"))
    return chosen


def host_of(text: str) -> Host:
    """A host from URL or URL=SLOTS. Raises InvalidBatchError."""
    url, mark, slots = text.rpartition("=")
    if mark and slots.isdigit() and int(slots) > 0:
        return Host(url, int(slots))
    if "://" not in text or mark:
        raise InvalidBatchError(tr("{value} is no host", value=text), next_step=tr("Write it as http://gpu1:11434=4."))
    return Host(text)


def _longest_end_s(options: Mapping[str, Json]) -> float:
    """The longest that a cancelled run may take to end."""
    return float(options.get("drain_s", 10.0)) + 30.0


def _ignore(event: BatchEvent) -> None:
    """Nobody listens."""
