"""Inputs and outputs that are chosen on the command line, and what they are called in tables."""

import csv

from fastjac._cli.errors import CommandError
from fastjac._names import listed


def chosen_part(net, wrt, outputs):
    """The network, or the part of it that ``--wrt`` and ``--outputs`` choose."""
    if wrt is None and outputs is None:
        return net
    try:
        return net.select(_indices(wrt, net.names_in, "--wrt"), _indices(outputs, net.names_out, "--outputs"))
    except (IndexError, ValueError) as error:
        raise CommandError(f"--{error}") from error


def _indices(text, names, option):
    """Names and numbers from 0, separated by commas as in a line of CSV; a name goes before a number."""
    if text is None:
        return None
    place = {str(name): k for k, name in enumerate(names or ())}
    indices = []
    for field in (field.strip() for field in next(csv.reader([text], skipinitialspace=True), [])):
        try:
            indices.append(place[field] if field in place else int(field))
        except ValueError:
            known = f"some of the names {listed(names)}" if names else "numbers, as the network has no names"
            raise CommandError(f"{option}: expected {known}, got {field!r}") from None
    return indices


def names_of_values(part):
    """What the outputs are called: as the network says, or y_1, y_2, ..."""
    return _names(part.names_out, getattr(part, "outputs", None), part.n_out, "y")


def names_of_jacobian(part):
    """What the entries of J are called, row after row: dy_1/dx_1, ..."""
    columns = _names(part.names_wrt, getattr(part, "wrt", None), part.n_wrt, "x")
    return [f"d{_whole(y)}/d{_whole(x)}" for y in names_of_values(part) for x in columns]


def _names(names, index, n, letter):
    places = range(n) if index is None else index
    return [f"{letter}_{i + 1}" for i in places] if names is None else list(map(str, names))


def _whole(name):
    return name if name.isidentifier() else f"({name})"
