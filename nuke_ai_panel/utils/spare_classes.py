"""Classes that go into service again after a reload, for Qt's bindings can never free one. The thread that imports.

Every class that derives from one of Qt's leaves more than a kilobyte behind when it dies (its type object, its bases,
its names), and one that was derived from stays whole. So a generation's classes are emptied at its end, signals and
all that the binding itself put there excepted, and kept as spares: bare Qt, nothing of ours. The class statement of
the next generation but one finds its spare and fills it. While two generations are there at once, each has its own.
"""

from __future__ import annotations

import weakref
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .survivors import MODULE_NAME, keep, look

SPARES = "spare classes"
# One generation's in reserve, and those of an edit that changed a class's signals or bases.
PER_NAME = 2

# What every class has by itself.
_ITS_OWN = frozenset({"__dict__", "__weakref__", "__module__", "__doc__", "staticMetaObject"})

_in_service: weakref.WeakSet[Any] = weakref.WeakSet()


def make_class(name: str, bases: Tuple[Any, ...], namespace: Dict[str, Any], *, signal: type, **words: Any) -> Any:
    """What a class statement makes: a spare of this name, bases and signals, filled with the new code, or a new class.

    `signal` is the type of the attributes that a class must keep for life. Any: each class is a type of its own.
    """
    spare = _take(_full_name(namespace), bases, _signals(namespace, signal))
    if spare is None:
        made = type(bases[0])(name, bases, namespace, **words)
    else:
        made = spare
        _fill(made, name, namespace, signal, words)
    made.__spare_signal__ = signal
    _in_service.add(made)
    return made


def retire() -> None:
    """Empties the classes of this generation, which no longer works, and puts them by."""
    spares: Dict[str, List[Any]] = look(SPARES, {})
    for retired in list(_in_service):
        full_name = f"{retired.__module__}.{retired.__qualname__}"
        signal = retired.__spare_signal__
        for key, value in list(vars(retired).items()):
            if key not in _ITS_OWN and not isinstance(value, signal):
                delattr(retired, key)
        retired.__module__, retired.__doc__ = MODULE_NAME, None
        spares[full_name] = [*spares.get(full_name, ()), retired][-PER_NAME:]
    _in_service.clear()
    if spares:
        keep(SPARES, spares)


def _take(full_name: str, bases: Tuple[Any, ...], signals: Mapping[str, str]) -> Optional[Any]:
    spares: List[Any] = look(SPARES, {}).get(full_name, [])
    for spare in spares:
        kept = {key: _signature(value) for key, value in vars(spare).items() if key not in _ITS_OWN}
        if spare.__bases__ == bases and kept == signals:
            spares.remove(spare)
            return spare
    return None


def _fill(made: Any, name: str, namespace: Dict[str, Any], signal: type, words: Dict[str, Any]) -> None:
    """Does what `type` does with the body of a class statement."""
    cell = namespace.pop("__classcell__", None)
    if cell is not None:  # what `super()` in its methods looks at
        cell.cell_contents = made
    made.__name__ = name
    for key, value in namespace.items():
        if not isinstance(value, signal):
            setattr(made, key, value)
    for key, value in namespace.items():
        if hasattr(type(value), "__set_name__"):
            type(value).__set_name__(value, made, key)
    super(made, made).__init_subclass__(**words)


def _signals(namespace: Mapping[str, Any], signal: type) -> Dict[str, str]:
    return {key: _signature(value) for key, value in namespace.items() if isinstance(value, signal)}


def _signature(signal: Any) -> str:
    """The types of a signal: "(int,QString)". Its name stands before them once it belongs to a class."""
    return "(" + str(signal).partition("(")[2]


def _full_name(namespace: Mapping[str, Any]) -> str:
    return f"{namespace['__module__']}.{namespace['__qualname__']}"
