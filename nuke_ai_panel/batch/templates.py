"""Jinja2's door: a prompt template that rows are poured into. Any thread.

The sandbox knows the template and nothing else: what a row holds is a value, never a template, whatever it looks like.
A name that a row does not have is an error, not an empty place. Jinja2 is imported when the first template is made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from ..core.tokens import estimate
from ..errors import NukeAIError
from ..messages import Json
from ..nk import NkSyntaxError, digest
from ..words import tr
from .errors import InvalidBatchError
from .script_facts import changes_text, matches, reads_text

if TYPE_CHECKING:
    import jinja2

_LARGEST_BYTES = 4 << 20
_DIGEST_TOKENS = 2000
_SHOWN = 200


class MissingValueError(NukeAIError):
    """A row lacks what the template names."""

    kind = "template"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(
            message, user_text=tr("The template needs {name}, and the row does not have it.", name=name),
            next_step=tr("Mend the template or the row."),
        )
        self.name = name


class RenderError(NukeAIError):
    """A template cannot be filled in with a row."""

    kind = "template"


class RowError(NukeAIError):
    """A row cannot be made into a request."""

    kind = "row"


@dataclass(frozen=True)
class Roots:
    """The folders that a template may read from."""

    folders: Tuple[Path, ...]

    def inside(self, path: str, folder: str) -> Path:
        """`path` as a real file in one of the folders. Raises RenderError."""
        try:
            asked = Path(path).expanduser()
            whole = (asked if asked.is_absolute() else Path(folder or ".") / asked).resolve()
            is_there = whole.is_file()
        except (OSError, ValueError, RuntimeError) as exc:  # too long, a NUL, the home of nobody
            raise _unreadable(path, exc) from exc
        if not any(root == whole or root in whole.parents for root in self.folders):
            raise RenderError(
                tr("{path} is outside of the allowed folders ({names})", path=path,
                   names=", ".join(map(str, self.folders))),
                next_step=tr("Put it beside the rows or the template, or allow its folder (--root)."),
            )
        if not is_there:
            raise RenderError(tr("{path} is not a file", path=path), next_step=tr("Check the path."))
        return whole

    def read(self, path: str, folder: str, most_bytes: int) -> bytes:
        """What such a file holds. Raises RenderError."""
        whole = self.inside(path, folder)
        try:
            with whole.open("rb") as file:
                raw = file.read(most_bytes + 1)
        except OSError as exc:
            raise _unreadable(path, exc) from exc
        if len(raw) > most_bytes:
            raise RenderError(
                tr("{path} is larger than {most} MB", path=path, most=most_bytes >> 20),
                next_step=tr("Choose a smaller file."),
            )
        return raw


class Template:
    """One text with holes. `render` fills them in."""

    def __init__(self, environment: jinja2.Environment, text: str, name: str) -> None:
        self._jinja = environment
        try:
            self._template = environment.from_string(text)
        except _jinja2().TemplateSyntaxError as exc:
            said = str(exc.message).rstrip(".")
            raise InvalidBatchError(
                f"{name}, line {exc.lineno}: {said}",
                user_text=tr("{name}, line {lineno}: {message}.", name=name, lineno=exc.lineno, message=said),
                next_step=tr("Mend the template."),
            ) from exc
        self.text = text

    def render(self, values: Mapping[str, Json]) -> str:
        """The text for one row. Raises MissingValueError and RenderError."""
        jinja = _jinja2()
        try:
            return self._template.render(values)
        except jinja.UndefinedError as exc:
            message = exc.message or "a name is undefined"
            raise MissingValueError(_named(message), message) from exc
        except NukeAIError:
            raise
        except Exception as exc:
            raise RenderError(
                tr("the template fails: {name}: {reason}", name=type(exc).__name__, reason=str(exc).rstrip(".")),
                next_step=tr("Mend the template."),
            ) from exc


class Workshop:
    """Makes templates that share filters, variables and the folders that they may read."""

    def __init__(self, roots: Sequence[Path], variables: Mapping[str, Json]) -> None:
        self.roots = Roots(tuple(dict.fromkeys(one.resolve() for one in roots)))
        self._variables = dict(variables)
        self._folder = ""
        self._environment = _environment()
        filters: Dict[str, Callable[..., object]] = {
            "truncate_tokens": truncate_tokens, "file": self._file, "nk_summary": self._nk_summary, "json": _as_json,
            "nk_reads": self._nk_reads, "nk_changes": self._nk_changes, "matches": matches,
        }
        self._environment.filters.update(filters)
        self._environment.tests["matches"] = matches

    def template(self, text: str, name: str) -> Template:
        """A template. Raises InvalidBatchError for one that is not understood."""
        return Template(self._environment, text, name)

    def values(self, data: Mapping[str, Json], folder: str) -> Dict[str, Json]:
        """What a template sees of a row: its columns by name, all of them as `row`, and the variables of the run."""
        self._folder = folder
        return {"row": data, **self._variables, **data}

    def _file(self, path: Any) -> str:  # Any: whatever the template filters
        raw = self.roots.read(str(path), self._folder, _LARGEST_BYTES)
        try:
            return raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as exc:
            raise RenderError(
                tr("{path} is not UTF-8 text", path=path), next_step=tr("Save it as UTF-8.")
            ) from exc

    def _nk_summary(self, script: Any, limit: int = _DIGEST_TOKENS) -> str:  # Any: a path or a script's text
        return _read_as_script(lambda: digest(self._script(script), limit).text)

    def _nk_reads(self, path: Any) -> str:  # Any: a path
        folder = str(self.roots.inside(str(path), self._folder).parent)
        return _read_as_script(lambda: reads_text(self._file(path), folder))

    def _nk_changes(self, old: Any, new: Any) -> str:  # Any: paths or texts of scripts
        return _read_as_script(lambda: changes_text(self._script(old), self._script(new)))

    def _script(self, script: Any) -> str:  # Any: a path or a script's text
        text = str(script)
        if "\n" not in text and not text.lstrip().startswith(("{", "Root", "set ", "push ")):
            return self._file(text)
        return text


def _read_as_script(read: Callable[[], str]) -> str:
    try:
        return read()
    except NkSyntaxError as exc:
        raise RenderError(
            tr("the script cannot be read: {reason}", reason=exc), next_step=tr("Check that it is a Nuke script.")
        ) from exc


def truncate_tokens(text: Any, limit: int) -> str:  # Any: whatever the template filters
    """The beginning of a text that is about `limit` tokens long, with a mark where it was cut."""
    whole = str(text)
    if estimate(whole) <= limit:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if estimate(whole[:middle]) < limit else (low, middle - 1)
    return whole[:low].rstrip() + "…"


def read_template(path: Path) -> str:
    """A template file's text. Raises InvalidBatchError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InvalidBatchError(
            tr("The template {path} cannot be read: {reason}.", path=path, reason=reason),
            next_step=tr("Check the path."),
        ) from exc


def _unreadable(path: str, exc: Exception) -> RenderError:
    reason = getattr(exc, "strerror", None) or exc
    return RenderError(
        tr("{path} cannot be read: {reason}", path=path[:_SHOWN], reason=reason), next_step=tr("Check the path.")
    )


def _printable(value: Any) -> Any:  # Any: whatever a template prints
    """Refuses functions: `{{ row.items }}` of a row without items is a slip, and no text."""
    if callable(value) and not isinstance(value, _jinja2().Undefined):
        name = getattr(value, "__name__", None) or type(value).__name__
        raise RenderError(
            tr("the template prints {name}, which is a function and no value", name=name),
            next_step=tr("Mend the template: a function is called with (), a column is {words}.",
                         words=f'{{{{ row["{name}"] }}}}'),
        )
    return value


def _as_json(value: Any, indent: Optional[int] = None) -> str:  # Any: a row's value
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def _named(message: str) -> str:
    parts = message.split("'")
    return parts[-2] if len(parts) >= 3 else message


def _jinja2() -> Any:  # Any: a module
    try:
        import jinja2
    except ImportError as exc:
        raise InvalidBatchError(
            "jinja2 is not installed", user_text=tr("Templates need jinja2, which is not installed."),
            next_step=tr("Run: python -m pip install jinja2"),
        ) from exc
    return jinja2


def _environment() -> Any:  # Any: Jinja2's, which is imported here
    jinja = _jinja2()
    import jinja2.sandbox

    class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
        """Jinja2's, where a row's columns win over what Python calls the same."""

        def getattr(self, obj: Any, attribute: str) -> Any:  # Any: Jinja2's own signature
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            return super().getattr(obj, attribute)

    return Sandbox(undefined=jinja.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True,
                   finalize=_printable)
