"""The state of motion, incidents and rules as plain JSON data, so that a checkpoint can hold it."""

from typing import TypeVar

from pydantic import JsonValue, TypeAdapter

T = TypeVar("T")


def plain(adapter: TypeAdapter[T], value: T) -> JsonValue:
    """Dataclasses, tuples and deques as lists, dicts and numbers; `adapter.validate_python` is the way back.

    Example:
        >>> plain(TypeAdapter(tuple[int, float]), (1, 0.5))
        [1, 0.5]
    """
    data: JsonValue = adapter.dump_python(value, mode="json")
    return data
