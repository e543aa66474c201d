"""Names of inputs and outputs: how they are checked, found and put in order.

A name is text or an integer, as a label of a table is. Two labels are the same if their texts are, character by
character, so that a column 1850 of a table in memory is the column "1850" of a file.
"""

import numpy as np

# Names that a message lists before it only counts.
MOST_LISTED = 40

# What a network may be told, and which side of it each belongs to.
KINDS = {"names_in": "input", "names_out": "output", "units_in": "input", "units_out": "output"}


def as_names(names, n, kind):
    """Names or units `kind`, one for each of n inputs or outputs, as a tuple; None stays.

    Raises
    ------
    TypeError
        If they are no sequence, or one is neither text nor (but for units) an integer.
    ValueError
        If there are not n, or two names are the same.
    """
    if names is None:
        return None
    are_units = kind.startswith("units")
    expected = f"{kind}: expected a sequence of texts" + " or integers" * (not are_units)
    if isinstance(names, str | bytes | set | frozenset) or not np.iterable(names):
        raise TypeError(f"{expected}, got {names!r}")
    found = tuple(map(_as_label, names))
    for label in found:
        if not isinstance(label, str if are_units else str | int) or label is True or label is False:
            raise TypeError(f"{expected}, got {label!r} among them")
    if len(found) != n:
        what = kind.partition("_")[0]
        raise ValueError(f"{kind}: expected {n} {what}, one for each {KINDS[kind]}, got {len(found)}: {listed(found)}")
    if not are_units and len(set(map(str, found))) < n:
        raise ValueError(f"{kind}: expected names that differ from each other, got {_twice(found)!r} more than once")
    return found


def places(wanted, labels, where, what="column"):
    """Where each of `wanted` is among `labels`, as an array of indices.

    Raises
    ------
    ValueError
        If one is missing or stands there twice; the message lists both sides.
    """
    place = {}
    for k, label in enumerate(labels):
        place.setdefault(str(label), []).append(k)
    found = [place.get(str(name), ()) for name in wanted]
    if all(len(at) == 1 for at in found):
        return np.array([at[0] for at in found], np.intp)
    faults = [f"{kind} {listed(names)}" for kind, names in (
        ("missing", [name for name, at in zip(wanted, found) if not at]),
        ("more than once", [name for name, at in zip(wanted, found) if len(at) > 1])) if names]
    raise ValueError(f"{where}: expected each {what} of {listed(wanted)} once, got {listed(labels)} "
                     f"({'; '.join(faults)})")


def chosen(names, index):
    """The names at these indices; all of them where `index` is None, and None of none."""
    return names if names is None or index is None else tuple(names[i] for i in index)


def same(names, labels):
    """Whether the labels are the names, in the same order."""
    return len(names) == len(labels) and all(str(a) == str(b) for a, b in zip(names, labels))


def listed(names):
    """Names for a message."""
    names = list(names)
    text = ", ".join(repr(_as_label(name)) for name in names[:MOST_LISTED])
    return text + f", ... ({len(names)} in all)" * (len(names) > MOST_LISTED) if names else "none"


def _as_label(label):
    """Text and integers of NumPy as those of Python."""
    if isinstance(label, np.str_):
        return str(label)
    return int(label) if isinstance(label, np.integer) else label


def _twice(names):
    seen = set()
    return next(name for name in names if str(name) in seen or seen.add(str(name)))
