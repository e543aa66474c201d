"""JSON of a file that nobody vouches for, and objects of which every key is known."""

import json
from collections import Counter

from fastjac.formats.errors import ModelFormatError

# No size, offset or version has more.
MAX_DIGITS = 19


def fail(where, expected, got):
    raise ModelFormatError(f"{where}: expected {expected}, got {got}") from None


def parse(where, text):
    """The object that text, or bytes of UTF-8, hold: no key twice, no NaN, no endless number, no endless nesting."""
    try:
        value = json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_unique, parse_int=_integer, parse_constant=_no_constant)
    except RecursionError:
        fail(where, "JSON", "one that is nested too deeply")
    except ValueError as error:
        raise ModelFormatError(f"{where}: expected JSON in UTF-8, got: {error}") from error
    return as_object(where, value, "JSON")


def as_object(where, value, name):
    if not isinstance(value, dict):
        fail(where, f"an object as {name}", type(value).__name__)
    return value


def take(where, value, required, optional=()):
    """Values of the keys that an object must have, and of those that it may have, which are None if missing."""
    for key in as_object(where, value, "a description"):
        if key not in required and key not in optional:
            fail(where, f"the keys {', '.join(required + optional)}", f"{key[:40]!r}")
    for key in required:
        if key not in value:
            fail(where, f"a key {key!r}", "none")
    return [value.get(key) for key in required + optional]


def _unique(pairs):
    entries = dict(pairs)
    if len(entries) < len(pairs):
        (twice, _), = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:40]!r} twice")
    return entries


def _integer(digits):
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _no_constant(name):
    raise ValueError(f"{name}, which is no number of JSON")
