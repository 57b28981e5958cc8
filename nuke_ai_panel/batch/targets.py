"""What a run must not write over: a directory that is no run, its own input, a place that takes no file. Blocking."""

from __future__ import annotations

import glob
import os
import uuid
from pathlib import Path
from typing import Iterable, List, Optional, Sequence

from ..words import tr
from .errors import InvalidBatchError
from .former import FORMER
from .found_files import files_of, whole_path
from .reporting import PAGE, REPORT
from .rows import Source
from .run_folder import ERRORS, LOCK, REJECTS, REQUESTS, RESULTS, RUN, RunFolder, lines_of

_OWN = (RESULTS, ERRORS, REJECTS, REQUESTS, FORMER, RUN, LOCK, REPORT, PAGE)


def refuse_foreign(
    folder: RunFolder, source: Source, *, targets: Sequence[Optional[str]] = (), read: Iterable[str] = ()
) -> None:
    """Whether a run may write to a directory. Before it is locked: nothing is touched.

    `targets` are files that are written beside it, `read` those that are read beside the input. Raises
    InvalidBatchError for files that are no run's, and for one that is both read and written.
    """
    strange = _strange(folder)
    if strange is not None:
        raise InvalidBatchError(
            f"{folder.path} holds {strange.name}, which no batch wrote",
            user_text=tr("{path} is not of a batch and would be written over.", path=strange),
            next_step=tr("Choose another directory for the run. Nothing was sent."),
        )
    own = {_real(folder.path / name): folder.path / name for name in _OWN}
    inputs = [one for one in (source.path, *read) if one]
    written = [one for one in targets if one]
    for path in (*inputs, *written):
        if _real(path) in own and not (source.is_made and _real(path) == _real(folder.path / REQUESTS)):
            raise _conflict(path, tr("{path} is a file that the run itself writes.", path=path))
    for target in written:
        if any(_real(target) == _real(path) for one in inputs for path in _files(one)):
            raise _conflict(target, tr("{path} is read by this run and would be written over.", path=target))


def insist_table(path: Path) -> None:
    """Whether a file can be made, or made anew, at `path`, which stays as it is. Raises InvalidBatchError."""
    try:
        if path.is_dir():
            raise IsADirectoryError(None, tr("it is a folder"))
        probe = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        probe.open("xb").close()
        probe.unlink()
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def insist_log(path: Path) -> None:
    """Whether lines can be added to `path`, whose folder is made. Raises InvalidBatchError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _strange(folder: RunFolder) -> Optional[Path]:
    """A file that a run would write over and no run wrote, None when there is none."""
    known = folder.read()
    if known:
        return None if "id" in known else folder.path / RUN
    ends = [path for path in (folder.results, folder.errors) if _holds_something(path)]
    if ends:
        return next((path for path in ends if not _begins_with_an_end(path)), None)
    others = (folder.path / name for name in (REJECTS, REQUESTS, FORMER, REPORT, PAGE))
    return next(filter(_holds_something, others), None)


def _begins_with_an_end(path: Path) -> bool:
    _, first = next(lines_of(path), (0, {}))
    return "custom_id" in first and bool(first.get("x"))


def _holds_something(path: Path) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) > 0


def _files(path: str) -> List[str]:
    """The file, or those that a pattern finds."""
    return [path] if os.path.exists(path) or not glob.has_magic(path) else files_of(whole_path(path))


def _real(path: object) -> str:
    return os.path.normcase(os.path.realpath(os.path.expanduser(str(path))))


def _conflict(path: str, words: str) -> InvalidBatchError:
    return InvalidBatchError(
        f"{path} would be read and written", user_text=words,
        next_step=tr("Choose another file, or another directory for the run. Nothing was sent."),
    )


def _unwritable(path: Path, exc: OSError) -> InvalidBatchError:
    return InvalidBatchError(
        f"{path} cannot be written: {exc}",
        user_text=tr("{path} cannot be written: {reason}.", path=path, reason=exc.strerror or exc),
        next_step=tr("Choose another place for it. Nothing was sent."),
    )
