"""What a network of parts takes over from the networks among them: options, and the names at both ends."""

from fastjac import _names
from fastjac._program import Program
from fastjac.parts import Affine, Concatenation, Elementwise, LayerNorm, Residual

NONE = (None, None)


def networks_in(parts):
    """The networks among the parts, those inside blocks, too."""
    for part in parts:
        if isinstance(part, Program):
            yield part
        elif isinstance(part, Residual | Concatenation):
            yield from networks_in(part.layers)


def option_of(networks, name, n_layers, default):
    """What the networks agree on, or `default`; what is said of single layers is kept if they are the same ones."""
    found = {getattr(net, name) for net in networks}
    if len(found) != 1:
        return default
    value = found.pop()
    are_same_layers = len(networks) == 1 and len(networks[0].layers) == n_layers
    return value if are_same_layers or not isinstance(value, tuple) else default


def names_of(parts):
    """What the inputs and outputs of parts one after the other are called, where networks among them say it.

    What works unit by unit keeps the names. An Affine is scaling and keeps the units, too.

    Returns
    -------
    dict
        With the keys names_in, names_out, units_in, units_out.

    Raises
    ------
    ValueError
        If the outputs of one network and the inputs of the next have a name in common at different places.
    """
    (names_in, units_in), (names_out, units_out) = _ends(parts)
    return {"names_in": names_in, "names_out": names_out, "units_in": units_in, "units_out": units_out}


def _ends(parts):
    """Pairs (names, units) of the inputs and of the outputs."""
    begin = end = None
    is_linear = True
    for k, part in enumerate(parts, 1):
        if isinstance(part, Affine):
            continue
        if isinstance(part, Elementwise | LayerNorm):
            is_linear, end = is_linear and begin is not None, end and (end[0], None)
            continue
        first, last = _ends_of(part)
        _check_meeting(k, end, first)
        if begin is None:
            begin = first if is_linear else (first[0], None)
        end = last
    return begin or NONE, end or NONE


def _ends_of(part):
    if isinstance(part, Program):
        return (part.names_in, part.units_in), (part.names_out, part.units_out)
    if not isinstance(part, Residual | Concatenation):
        return NONE, NONE
    first, last = _ends(part.layers)
    if part.adds:
        return first, tuple(mine if mine == other else None for mine, other in zip(first, last))
    both = [(a, b)[:: -1 if part.last else 1] for a, b in zip(first, last)]
    names, units = (None if None in pair else pair[0] + pair[1] for pair in both)
    return first, (names if names and len(set(map(str, names))) == len(names) else None, units)


def _check_meeting(k, end, first):
    if not end or end[0] is None or first[0] is None:
        return
    place = {str(name): i for i, name in enumerate(end[0])}
    for i, name in enumerate(first[0]):
        if place.get(str(name), i) != i:
            raise ValueError(
                f"layer {k}: expected inputs in the order of the outputs before it, {_names.listed(end[0])}, got "
                f"{_names.listed(first[0])}; with_names(names_in=None) takes them by position")
