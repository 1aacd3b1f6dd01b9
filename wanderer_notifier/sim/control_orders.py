"""Misfortunes ordered as JSON: names and arguments are those of the Python interface, and are checked before."""

from __future__ import annotations

import base64
import inspect
import math
import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs

from wanderer_notifier.sim import faults, gateway_rules
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.gateway_orders import ACTIONS

JsonObject: TypeAlias = dict[str, Any]
Rule: TypeAlias = faults.Rule | gateway_rules.Rule
OneRule = TypeVar("OneRule", faults.Rule, gateway_rules.Rule)

REST: Mapping[str, Callable[..., faults.Fault]] = {
    "slow": faults.slow,
    "status": faults.status,
    "limited": faults.limited,
    "cut": faults.cut,
    "stall": faults.stall,
    "truncated": faults.truncated,
    "no_json": faults.no_json,
    "mistyped": faults.mistyped,
    "misread": faults.misread,
    "unlimited": faults.unlimited,
    "hung_up": faults.hung_up,
    "revoked": faults.revoked,
    "fault": faults.Fault,
}
"""The misfortunes of REST by name; their arguments are those of the function."""


def kind_of(one: type) -> str:
    """The name of a class as it is written here: `TooMany` is `too_many`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one.__name__).lower()


_ENDINGS = {kind_of(one): one for one in get_args(faults.Ending)}


class Orders:
    """The rules of one Discord, REST and gateway, with a number each.

    Args:
        discord: whose faults they are.
    """

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._numbered: dict[int, Rule] = {}
        self._last = 0

    def set(self, arguments: JsonObject) -> int | None:
        """Order a misfortune: `kind` and its `arguments`, and which request or event it meets.

        With `point` or `event` it is the gateway's (`event` alone means the point `dispatch`); with `now` it happens on
        every socket at once. Gives the rule's number, None when it is over already. Raises `ValueError` for nonsense.
        """
        order = dict(arguments)
        kind, details = order.pop("kind", None), order.pop("arguments", {})
        of_gateway = bool(order.keys() & {"point", "event", "now"})
        kinds: Mapping[str, Callable[..., Any]] = ACTIONS if of_gateway else REST
        if kind not in kinds:
            raise ValueError(f"kind must be one of {', '.join(sorted(kinds))}, not {kind!r}")
        what = kinds[kind](**fitting(kinds[kind], details))
        if not of_gateway:
            rule: Rule = self._discord.fault(what, **fitting(self._discord.fault, order, given=("fault",)))
        elif order.pop("now", False):
            fitting(dict, order)
            self._discord.gateway.suffer(what)
            return None
        else:
            order.setdefault("point", "dispatch")
            ordering = self._discord.gateway.fault
            rule = ordering(action=what, **fitting(ordering, order, given=("action",)))
        return next(number for number, one in self._known().items() if one is rule)

    def told(self) -> list[JsonObject]:
        """All rules that are set, whoever set them, with how often each met and struck."""
        return [{"rule": number, **plain(rule)} for number, rule in self._known().items()]

    def drop(self, rule: int | None = None) -> int:
        """Take back one rule, or all; gives how many are left. Raises `LookupError` for a number that is none."""
        if rule is not None and rule not in self._known():
            raise LookupError(f"no rule {rule}")
        for number, one in self._known().items():
            if rule in (None, number):
                _take_out(self._discord.faults.rules, one)
                _take_out(self._discord.gateway.faults.rules, one)
        return len(self._known())

    def _known(self) -> dict[int, Rule]:
        rules: list[Rule] = [*self._discord.faults.rules, *self._discord.gateway.faults.rules]
        self._numbered = {n: one for n, one in self._numbered.items() if any(one is rule for rule in rules)}
        for rule in rules:
            if not any(rule is one for one in self._numbered.values()):
                self._last += 1
                self._numbered[self._last] = rule
        return self._numbered


def _take_out(rules: list[OneRule], which: object) -> None:
    rules[:] = [one for one in rules if one is not which]


def plain(value: Any) -> Any:
    """A value of ours as JSON tells it; bytes as text."""
    if attrs.has(type(value)):
        told = {one.name: plain(getattr(value, one.name)) for one in attrs.fields(type(value))}
        return {"kind": kind_of(type(value)), **told} if type(value) in _NAMED else told
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


_NAMED = frozenset([*get_args(faults.Ending), *get_args(gateway_rules.Action)])


def fitting(function: Callable[..., Any], arguments: object, *, given: tuple[str, ...] = ()) -> JsonObject:
    """The keyword arguments for *function* from JSON; raises `ValueError` that says which one does not fit, and why.

    Args:
        function: a function with annotations, or an attrs class.
        arguments: by name, as JSON has them.
        given: parameters that come from elsewhere.
    """
    if not isinstance(arguments, dict):
        raise ValueError(f"arguments must be an object, not {arguments!r}")
    known = {name: one for name, one in _parameters(function).items() if name not in given}
    for name in arguments:
        if name not in known:
            raise ValueError(f"unknown argument {name!r}; there are: {', '.join(known) or 'none'}")
    for name, (_, required) in known.items():
        if required and name not in arguments:
            raise ValueError(f"{name} is missing")
    return {name: _fit(name, value, known[name][0]) for name, value in arguments.items()}


def _parameters(function: Callable[..., Any]) -> dict[str, tuple[Any, bool]]:
    """Type of each parameter, and whether it must be given."""
    if isinstance(function, type):
        if not attrs.has(function):
            return {}
        attrs.resolve_types(function)
        return {one.alias: (one.type, one.default is attrs.NOTHING) for one in attrs.fields(function) if one.init}
    signature = inspect.signature(function, eval_str=True)
    return {name: (one.annotation, one.default is one.empty) for name, one in signature.parameters.items()}


def _fit(name: str, value: Any, wanted: Any) -> Any:
    origin, options = get_origin(wanted), get_args(wanted)
    if wanted == faults.Ending | None and isinstance(value, dict):
        ending = _ENDINGS.get(value.get("kind", ""))
        if ending is None:
            raise ValueError(f"{name}.kind must be one of {', '.join(sorted(_ENDINGS))}")
        return ending(**fitting(ending, {key: one for key, one in value.items() if key != "kind"}))
    if origin in (Union, UnionType):
        for option in options:
            try:
                return _fit(name, value, option)
            except ValueError:
                continue
    elif wanted is Any or (origin is Literal and value in options) or (wanted in (None, type(None)) and value is None):
        return value
    elif origin is list and isinstance(value, list):
        return [_fit(name, one, options[0]) for one in value]
    elif origin is tuple and isinstance(value, list):
        each = (options[0],) * len(value) if options[-1] is Ellipsis else options
        if len(each) == len(value):
            return tuple(_fit(name, one, kind) for one, kind in zip(value, each, strict=True))
    elif wanted is bytes and isinstance(value, str):
        return value.encode()
    elif wanted is bytes and isinstance(value, dict) and isinstance(value.get("base64"), str):
        return base64.b64decode(value["base64"], validate=True)
    elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    elif (wanted in (bool, int, str) and type(value) is wanted) or (origin is dict and isinstance(value, dict)):
        return value
    raise ValueError(f"{name} cannot be {value!r}: it must be {getattr(wanted, '__name__', None) or wanted}")
