"""Goes through a program once, statement by statement, and says what is what. Pure; see code_check.py."""

from __future__ import annotations

import ast
from typing import Any, List, Optional

from . import likely_names
from .code_kinds import (
    LIST_MEMBERS,
    NODE_RETURNS,
    RETURNS,
    Env,
    Kind,
    bound_names,
    element,
    guarded_names,
    is_class_call,
    joined,
    parameters,
    text_of,
)
from .code_notes import source_of
from .code_objects import MADE_BY, ObjectNotes

_RICH_KNOBS = frozenset({"curves", "tracks", "toolbar"})  # of types of their own, with members of their own
# Not knobs, and taken by nuke.nodes.X(…).
_MAKER_WORDS = frozenset({"name", "inputs", "xpos", "ypos", "label", "tile_color"})


class CodeWalk(ObjectNotes):
    """One program. `found` holds the notes."""

    def run(self, tree: ast.Module) -> None:
        """Goes through a module."""
        self._guarded = guarded_names(tree)
        self.survey(tree)
        self._block(tree.body, {"nuke": Kind("module"), "nukescripts": Kind("scripts")})

    # ------------------------------------------------------------ statements

    def _block(self, statements: List[ast.stmt], env: Env) -> None:
        for one in statements:
            self._statement(one, env)

    def _statement(self, one: ast.stmt, env: Env) -> None:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for extra in (*one.decorator_list, *one.args.defaults, *(d for d in one.args.kw_defaults if d)):
                self._kind(extra, env)
            # When it is called the names around it may hold something else.
            inner: Env = {name: kind for name, kind in env.items() if kind and kind.what in ("module", "scripts")}
            inner.update(dict.fromkeys((*parameters(one.args), *bound_names(one.body))))
            self._block(one.body, inner)
            env[one.name] = None
        elif isinstance(one, ast.ClassDef):
            for base in (*one.bases, *one.decorator_list):
                self._kind(base, env)
            self._block(one.body, dict(env))
            env[one.name] = None
        elif isinstance(one, ast.Assign):
            kind = self._kind(one.value, env)
            for target in one.targets:
                self._bind(target, kind, env, one.value)
        elif isinstance(one, ast.AnnAssign):
            self._bind(one.target, self._kind(one.value, env) if one.value else None, env, one.value)
        elif isinstance(one, ast.AugAssign):
            self._kind(one.value, env)
            self._bind(one.target, None, env, one.value)
        elif isinstance(one, (ast.For, ast.AsyncFor)):
            self._bind(one.target, element(self._kind(one.iter, env)), env, None)
            self._either(env, one.body, [])
            self._block(one.orelse, env)
        elif isinstance(one, (ast.While, ast.If)):
            self._kind(one.test, env)
            self._either(env, one.body, one.orelse)
        elif isinstance(one, (ast.With, ast.AsyncWith)):
            for item in one.items:
                kind = self._kind(item.context_expr, env)
                if item.optional_vars is not None:
                    self._bind(item.optional_vars, kind, env, None)
            self._block(one.body, env)
        elif isinstance(one, ast.Try):
            self._try(one, env)
        elif isinstance(one, (ast.Import, ast.ImportFrom)):
            self._import(one, env)
        elif isinstance(one, ast.Delete):
            env.update(dict.fromkeys(t.id for t in one.targets if isinstance(t, ast.Name)))
        else:
            for child in ast.iter_child_nodes(one):
                if isinstance(child, ast.expr):
                    self._kind(child, env)
                elif isinstance(child, ast.stmt):
                    self._statement(child, env)

    def _either(self, env: Env, first: List[ast.stmt], second: List[ast.stmt]) -> None:
        ways = [dict(env), dict(env)]
        self._conditions += 1
        self._block(first, ways[0])
        self._block(second, ways[1])
        self._conditions -= 1
        env.update(joined(ways))

    def _try(self, one: ast.Try, env: Env) -> None:
        caught = {name.id for handler in one.handlers for name in ast.walk(handler.type or ast.Name("Exception"))
                  if isinstance(name, ast.Name)}
        self._lenient += bool(caught & {"AttributeError", "NameError"})
        self._conditions += 1
        body = dict(env)
        self._block(one.body, body)
        self._lenient -= bool(caught & {"AttributeError", "NameError"})
        ways = [body]
        for handler in one.handlers:
            ways.append({**env, **({handler.name: None} if handler.name else {})})
            self._block(handler.body, ways[-1])
        self._conditions -= 1
        self._block(one.orelse, body)
        env.update(joined(ways))
        self._block(one.finalbody, env)

    def _import(self, one: Any, env: Env) -> None:
        if isinstance(one, ast.ImportFrom) and one.module and not one.level:
            self.binding(one.module, one)
        for alias in one.names:
            bound = (alias.asname or alias.name).split(".")[0]
            plain = {"nuke": Kind("module"), "nukescripts": Kind("scripts")}
            env[bound] = plain.get(alias.name) if isinstance(one, ast.Import) else None
            if isinstance(one, ast.Import):
                self.binding(alias.name, one)
            if isinstance(one, ast.Import) and alias.name.startswith("nuke.") and not alias.asname:
                env[bound] = Kind("module")
            if alias.name.startswith("nukescripts.") and not alias.asname:
                env[bound] = Kind("scripts")
            if isinstance(one, ast.ImportFrom) and one.module == "nuke" and not one.level and alias.name != "*":
                if not self._module_has(alias.name):
                    told = likely_names.module_name(alias.name, self.names.module, self.names.classes)
                    where = ast.copy_location(ast.Name(alias.name), one)
                    self._note("name", f"There is no nuke.{alias.name}", where, told)
                elif alias.name == "nodes":
                    env[bound] = Kind("maker")

    def _bind(self, target: ast.expr, kind: Optional[Kind], env: Env, value: Optional[ast.expr]) -> None:
        if isinstance(target, ast.Name):
            env[target.id] = kind
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            for at, part in enumerate(target.elts):
                single = values[at] if len(values) == len(target.elts) else None
                self._bind(part, self._quiet(single, env) if single is not None else element(kind), env, single)
        elif isinstance(target, ast.Subscript):
            owner = self._kind(target.value, env)
            name = text_of(_index(target))
            if owner is not None and owner.what == "node":
                if name is not None:
                    self._knob(owner, name, target)
                told = f'{source_of(target)}.setValue({source_of(value) or "value"})'
                self._note("call", "A knob is set by its setValue, not by =", target, told)
            else:
                self._kind(target.slice, env)
        elif isinstance(target, ast.Attribute):
            owner = self._kind(target.value, env)
            known = self._known_knob(owner, target.attr) if owner is not None and owner.what == "node" else None
            if owner is not None and owner.what == "node" and (known or target.attr in ("name", "x", "y")):
                told = f'{source_of(target.value)}["{known or target.attr}"].setValue({source_of(value) or "value"})'
                if target.attr == "name":
                    told = f"{source_of(target.value)}.setName({source_of(value) or 'name'})"
                self._note("member", f"Setting .{target.attr} on a node sets no knob", target, told)
            elif owner is not None and owner.what == "knob" and target.attr in ("value", "expression"):
                word = "setValue" if target.attr == "value" else "setExpression"
                told = f"{source_of(target.value)}.{word}({source_of(value) or 'value'})"
                self._note("member", f"Setting .{target.attr} sets no knob", target, told)

    def _quiet(self, node: ast.expr, env: Env) -> Optional[Kind]:
        """The kind of what was looked at already."""
        found, self.found = self.found, []
        kind = self._kind(node, env)
        self.found = found
        return kind

    # ------------------------------------------------------------ expressions

    def _kind(self, node: ast.expr, env: Env) -> Optional[Kind]:
        if isinstance(node, ast.Name):
            return env.get(node.id)
        if isinstance(node, ast.Constant):
            return Kind("text") if isinstance(node.value, str) else Kind("number") if isinstance(
                node.value, (int, float)) and not isinstance(node.value, bool) else None
        if isinstance(node, ast.Attribute):
            return self._member(node, self._kind(node.value, env))
        if isinstance(node, ast.Subscript):
            return self._subscript(node, env)
        if isinstance(node, ast.Call):
            return self._call(node, env)
        if isinstance(node, ast.Compare):
            self._compare(node, env)
            return None
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self._comprehension(node, env)
        if isinstance(node, ast.Lambda):
            inner = {**env, **dict.fromkeys(parameters(node.args))}
            self._kind(node.body, inner)
            return None
        if isinstance(node, ast.NamedExpr):
            kind = self._kind(node.value, env)
            self._bind(node.target, kind, env, node.value)
            return kind
        if isinstance(node, ast.BoolOp):
            kinds = {self._kind(one, env) for one in node.values}
            return kinds.pop() if len(kinds) == 1 else None
        if isinstance(node, ast.IfExp):
            self._kind(node.test, env)
            kinds = {self._kind(node.body, env), self._kind(node.orelse, env)}
            return kinds.pop() if len(kinds) == 1 else None
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._kind(child, env)
        return None

    def _comprehension(self, node: Any, env: Env) -> Optional[Kind]:
        inner = dict(env)
        for part in node.generators:
            self._bind(part.target, element(self._kind(part.iter, inner)), inner, None)
            for test in part.ifs:
                self._kind(test, inner)
        if isinstance(node, ast.DictComp):
            self._kind(node.key, inner)
            self._kind(node.value, inner)
            return None
        kind = self._kind(node.elt, inner)
        return kind._replace(what="nodes") if kind is not None and kind.what == "node" else None

    def _member(self, node: ast.Attribute, owner: Optional[Kind]) -> Optional[Kind]:
        name = node.attr
        if owner is None or name.startswith("__"):
            return None
        if owner.what == "module":
            if name == "nodes":
                return Kind("maker")
            if not self._module_has(name):
                told = likely_names.module_name(name, self.names.module, self.names.classes)
                self._note("name", f"There is no nuke.{name}", node, told)
            return self.type_of(name)
        elif owner.what == "object":
            return self.object_member(owner, node)
        elif owner.what == "scripts":
            self.scripts_member(node)
        elif owner.what == "maker":
            self._class(name, node, is_creation=True, written=f"nuke.nodes.{name}")
        elif owner.what == "node" and name not in self.names.node and name not in self._guarded:
            self._wrong_member(owner, node)
        elif owner.what == "nodes" and name not in LIST_MEMBERS and (name in self.names.node or self._known_knob(
                owner, name)):
            told = f"for node in {source_of(node.value)}: node.{name}"
            self._note("member", f"A list of nodes has no {name}", node, told)
        elif owner.what == "knob" and name not in self.names.knob and name not in self._guarded:
            # Some knobs hold more than Nuke's own types show, a Roto's curves for one.
            told = likely_names.knob_member(name, self.names.knob)
            if told:
                self._note("member", f"A knob has no {name}", node, told)
        return None

    def _subscript(self, node: ast.Subscript, env: Env) -> Optional[Kind]:
        owner = self._kind(node.value, env)
        name = text_of(_index(node))
        if owner is not None and owner.what == "node":
            self.missing_node(node.value)
            if name is not None:
                self._knob(owner, name, node)
                return Kind("knob", owner.class_name, owner.name, name) if name not in _RICH_KNOBS else None
            self._kind(node.slice, env)
            return Kind("knob")
        if owner is not None and owner.what == "nodes":
            if name is not None:
                told = f"for node in {source_of(node.value)}: node[\"{name}\"]"
                self._note("call", "A list of nodes has no knobs", node, told)
                return Kind("knob")
            return owner if isinstance(node.slice, ast.Slice) else element(owner)
        if owner is not None and owner.what == "maker":
            self._note("call", "nuke.nodes takes no brackets", node, f"nuke.nodes.{name or 'Class'}()")
        self._kind(node.slice, env)
        return None

    def _compare(self, node: ast.Compare, env: Env) -> None:
        sides = [node.left, *node.comparators]
        for one in sides:
            self._kind(one, env)
        if not any(is_class_call(one) for one in sides):
            return
        for one in sides:
            parts = one.elts if isinstance(one, (ast.Tuple, ast.List, ast.Set)) else [one]
            for part in parts:
                name = text_of(part)
                if name:
                    self._class(name, part, is_creation=False, written=f'Class() == "{name}"')

    # ------------------------------------------------------------ calls

    def _call(self, node: ast.Call, env: Env) -> Optional[Kind]:
        self._arguments(node, env)
        function = node.func
        if isinstance(function, ast.Name):
            return self._plain_call(function.id, node, env)
        if not isinstance(function, ast.Attribute):
            self._kind(function, env)
            return None
        owner, name = self._kind(function.value, env), function.attr
        if source_of(function.value) == "nuke.undo" and env.get("nuke") == Kind("module"):
            self._note("name", "nuke.undo is a function", function, f"nuke.Undo.{name}")
        if owner is None:
            return None
        made = self._member(function, owner)
        if owner.what == "object":
            return made
        if owner.what == "module":
            if name in self.names.submodules:
                self.submodule_call(name, function)
            return self._module_call(name, node, env)
        if owner.what == "maker":
            for word in node.keywords:
                if word.arg == "input":
                    self._note("call", "nuke.nodes takes its inputs as a list", word.value, "inputs=[…]")
                elif word.arg and word.arg not in _MAKER_WORDS:
                    self._knob(Kind("node", name), word.arg, word.value)
            if node.args:
                told = f"nuke.nodes.{name}(knob=value)"
                self._note("call", f"nuke.nodes.{name} takes knobs by name only", node, told)
            return Kind("node", name)
        if owner.what == "node":
            return self._node_call(owner, name, node, env)
        if owner.what == "knob":
            self._knob_call(owner, name, node)
            return Kind("object", "AnimationCurve") if name == "animation" else None
        return None

    def _arguments(self, node: ast.Call, env: Env) -> None:
        for one in node.args:
            self._kind(one.value if isinstance(one, ast.Starred) else one, env)
        for word in node.keywords:
            self._kind(word.value, env)

    def _plain_call(self, name: str, node: ast.Call, env: Env) -> Optional[Kind]:
        kind = self._quiet(node.args[0], env) if len(node.args) > 0 else None
        if name in ("reversed", "sorted", "list", "tuple", "set") and kind is not None and kind.what == "nodes":
            return kind
        return None

    def _module_call(self, name: str, node: ast.Call, env: Env) -> Optional[Kind]:
        first = node.args[0] if node.args else None
        text = text_of(first)
        result = RETURNS.get(name) or (Kind("object", MADE_BY[name]) if name in MADE_BY else None)
        if name == "createNode":
            return self.create_node(text, node, env)
        if name in ("allNodes", "selectedNodes"):
            filter_name = text if text is not None else next(
                (text_of(word.value) for word in node.keywords if word.arg == "filter"), None)
            if filter_name:
                self._class(filter_name, first or node, is_creation=False, written=f'"{filter_name}"')
                return Kind("nodes", filter_name)
        elif name == "toNode":
            if text is not None:
                return self._named(text)
            if first is not None and not self.known(first, env):
                self._note("call", f"nuke.toNode takes a name as text, and {source_of(first)} is not defined", first,
                           f'nuke.toNode("{source_of(first)}")')
        elif name == "delete" and text is not None:
            self._note("call", "nuke.delete takes a node, not a name", node, f'nuke.delete(nuke.toNode("{text}"))')
        elif name == "execute" and text is None and first is None:
            self._note("call", "nuke.execute needs a node and its frames", node, "nuke.execute(node, first, last)")
        elif name == "execute":
            self.execute_order(node, [self._quiet(one, env) for one in node.args])
        return result

    def _node_call(self, owner: Kind, name: str, node: ast.Call, env: Env) -> Optional[Kind]:
        text = text_of(node.args[0]) if node.args else None
        if isinstance(node.func, ast.Attribute):
            self.missing_node(node.func.value)
        if name == "knob" and text is not None:
            self._knob(owner, text, node)
            return Kind("knob", owner.class_name, owner.name, text)
        if name in ("setInput", "connectInput"):
            self._set_input(name, node, [self._quiet(one, env) for one in node.args[:2]])
        elif name == "setXYpos" and len(node.args) == 1:
            self._note("call", "setXYpos takes x and y", node, "setXYpos(x, y)")
        elif name == "setSelected" and not node.args:
            self._note("call", "setSelected takes True or False", node, "setSelected(True)")
        elif name == "setName" and not (node.args or node.keywords):
            self._note("call", "setName takes a name", node, 'setName("name")')
        elif name == "knobs" and node.args:
            self._note("call", "knobs takes nothing; knob takes a name", node, f"knob({source_of(node.args[0])})")
        elif name == "input" and text is not None:
            self._note("call", "input takes a number, not a name", node, "input(0)")
        return NODE_RETURNS.get(name)


def _index(node: ast.Subscript) -> Optional[ast.expr]:
    return node.slice if isinstance(node.slice, ast.expr) else None
