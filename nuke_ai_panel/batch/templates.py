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


class MissingValueError(NukeAIError):
    """A row lacks what the template names."""

    kind = "template"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message, user_text=f"The template needs {name}, and the row does not have it.")
        self.name = name


class RenderError(NukeAIError):
    """A template cannot be filled in with a row."""

    kind = "template"


@dataclass(frozen=True)
class Roots:
    """The folders that a template may read from."""

    folders: Tuple[Path, ...]

    def inside(self, path: str, folder: str) -> Path:
        """`path` as a real file in one of the folders. Raises RenderError."""
        asked = Path(path).expanduser()
        whole = (asked if asked.is_absolute() else Path(folder or ".") / asked).resolve()
        if not any(root == whole or root in whole.parents for root in self.folders):
            raise RenderError(
                f"{path} is outside of the allowed folders ({', '.join(map(str, self.folders))})",
                next_step=tr("Add its folder with --root."),
            )
        if not whole.is_file():
            raise RenderError(f"{path} is not a file")
        return whole


class Template:
    """One text with holes. `render` fills them in."""

    def __init__(self, environment: jinja2.Environment, text: str, name: str) -> None:
        self._jinja = environment
        try:
            self._template = environment.from_string(text)
        except _jinja2().TemplateSyntaxError as exc:
            raise InvalidBatchError(
                f"{name}, line {exc.lineno}: {exc.message}",
                user_text=tr("{name}, line {lineno}: {message}.", name=name, lineno=exc.lineno, message=exc.message),
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
            raise RenderError(f"the template fails: {type(exc).__name__}: {exc}") from exc


class Workshop:
    """Makes templates that share filters, variables and the folders that they may read."""

    def __init__(self, roots: Sequence[Path], variables: Mapping[str, Json]) -> None:
        sandbox = _jinja2_sandbox()
        self.roots = Roots(tuple(dict.fromkeys(one.resolve() for one in roots)))
        self._variables = dict(variables)
        self._folder = ""
        self._environment = sandbox.ImmutableSandboxedEnvironment(
            undefined=_jinja2().StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True,
        )
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
        whole = self.roots.inside(str(path), self._folder)
        with whole.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
        if len(raw) > _LARGEST_BYTES:
            raise RenderError(f"{path} is larger than {_LARGEST_BYTES >> 20} MB")
        try:
            return raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as exc:
            raise RenderError(f"{path} is not UTF-8 text") from exc

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
        raise RenderError(f"the script cannot be read: {exc}") from exc


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
        raise InvalidBatchError(
            tr("the template {path} cannot be read: {reason}", path=path, reason=exc), next_step=tr("Check the path.")
        ) from exc


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


def _jinja2_sandbox() -> Any:  # Any: a module
    _jinja2()
    import jinja2.sandbox

    return jinja2.sandbox
