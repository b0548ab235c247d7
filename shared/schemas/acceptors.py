"""Quick acceptors: the same answer as marshmallow for data that is plainly right, None in doubt.

marshmallow spends 10 to 40 µs on an event; thousands of events a second cannot afford it. So
each schema is compiled once into a straight-line function. It only ever accepts: whatever it
does not like goes to marshmallow, which decides and words the refusal. A property test holds the
two together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.schemas.fields import (
    Checked,
    Choice,
    EventData,
    Moment,
    Part,
    Text,
    Whole,
    unstorable,
)
from shared.schemas.moments import parse_moment

Acceptor = Callable[[Any], dict[str, Any] | None]


def compile_acceptor(schema: EventData) -> Acceptor:
    """A function from data to the loaded values, or None when marshmallow has to decide."""
    names: dict[str, Any] = {
        "unstorable": unstorable,
        "moment": parse_moment,
        "across": schema.across,
    }
    lines = [
        "def accept(data):",
        "    if type(data) is not dict:",
        "        return None",
        "    try:",
    ]
    taken = []
    for number, (name, field) in enumerate(schema.fields.items()):
        variable = f"v{number}"
        if getattr(field, "allow_none", False):
            lines.append(f"        {variable} = data.get({name!r})")
            lines.append(f"        if {variable} is not None:")
            indent = " " * 12
        else:
            lines.append(f"        {variable} = data[{name!r}]")
            indent = " " * 8
        lines.extend(indent + line for line in _check(variable, field, names))
        taken.append(f"{name!r}: {variable}")
    lines += [
        "    except (KeyError, TypeError, ValueError):",
        "        return None",
        f"    values = {{{', '.join(taken)}}}",
    ]
    if type(schema).across is not EventData.across:
        lines += ["    if across(values) is not None:", "        return None"]
    lines.append("    return values")
    # the text is built from our own field names and numbers only, never from an event
    exec("\n".join(lines), names)  # noqa: S102
    return names["accept"]  # type: ignore[no-any-return]


def _check(variable: str, field: object, names: dict[str, Any]) -> list[str]:
    """Lines that replace `variable` by its loaded value or leave by None or an exception."""
    refuse = "    return None"
    if isinstance(field, Text):
        return [
            f"if type({variable}) is not str or not {field.low} <= len({variable}) <= {field.high}"
            f" or unstorable({variable}) is not None:",
            refuse,
        ]
    if isinstance(field, Choice):
        names[f"allowed_{variable}"] = field.allowed
        return [f"if {variable} not in allowed_{variable}:", refuse]
    if isinstance(field, Whole):
        return [
            f"if type({variable}) is not int or not {field.low} <= {variable} <= {field.high}:",
            refuse,
        ]
    if isinstance(field, Moment):
        return [f"{variable} = moment({variable})"]
    if isinstance(field, Part):
        part = field.schema
        if not isinstance(part, EventData):
            raise TypeError(f"{part!r} is not an EventData")
        names[f"accept_{variable}"] = compile_acceptor(part)
        return [
            f"{variable} = accept_{variable}({variable})",
            f"if {variable} is None:",
            refuse,
        ]
    if isinstance(field, Checked):
        names[f"parse_{variable}"] = field.parse
        return [f"{variable} = parse_{variable}({variable})"]
    raise TypeError(f"no quick check for {field!r}")
