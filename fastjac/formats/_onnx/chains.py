"""Chains of links as what they compute: lines m·h + c, and what stands between them."""

import numpy as np

from fastjac.formats._onnx.values import ONE, ZERO, Affine, Unary


def is_unary(step, *names):
    return isinstance(step, Unary) and step.name in names


def behind_lines(link):
    """The last link that is no Affine, and m and c of the m·a + c that follow it."""
    m, c = ONE, ZERO
    while isinstance(link.step, Affine):
        scale, shift = link.step.line
        m, c = m * scale, m * shift + c
        link = link.parent
    return link, (m, c)


def line(chain):
    """m and c of a chain that is m·a + c, None of another."""
    m, c = ONE, ZERO
    for link in chain:
        if not isinstance(link.step, Affine):
            return None
        scale, shift = link.step.line
        m, c = scale * m, scale * c + shift
    return m, c


def is_line(chain, m, c):
    """Whether it is m·h + c; None stands for zero."""
    got = (0, 0) if chain is None else line(chain)
    return got is not None and bool(np.all(got[0] == m) and np.all(got[1] == c))


def peeled(chain):
    """(m, c) of the lines in front, the steps between, and (m, c) of the lines at the end."""
    first = 0
    while first < len(chain) and isinstance(chain[first].step, Affine):
        first += 1
    last = len(chain)
    while last > first and isinstance(chain[last - 1].step, Affine):
        last -= 1
    return line(chain[:first]), [link.step for link in chain[first:last]], line(chain[last:])


def names(steps):
    return tuple(step.name if isinstance(step, Unary) else type(step).__name__ for step in steps)


def is_near(got, expected, tolerance):
    return bool(np.all(np.abs(got - expected) <= tolerance * np.abs(expected)))
