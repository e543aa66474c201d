"""Activations that a file spells out by comparisons."""

import numpy as np

from fastjac.formats._onnx.chains import is_line, is_near, is_unary, line, names, peeled
from fastjac.formats._onnx.spellings import then
from fastjac.formats._onnx.values import ONE, Affine, Unary
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import fork

# Beyond this PyTorch takes softplus(h) as h: they differ by 2e-9 there.
SOFTPLUS_THRESHOLD = 20


def either(u, v, label):
    """Where one of two comparisons holds: h > t or h < -t is |h| > t."""
    start, left, right = fork(u, v)
    sides = {}
    for chain in (left, right):
        (c, s), core, _ = peeled(chain)
        if names(core) != ("above",) or np.any(s) or not (np.all(c == 1) or np.all(c == -1)):
            break
        if core[0].parameters["inverted"]:
            break
        sides[float(np.sign(np.max(c)))] = core[0].parameters
    if len(sides) != 2 or sides[1.0].keys() != sides[-1.0].keys() or any(
        np.any(sides[1.0][key] != sides[-1.0][key]) for key in ("threshold", "strict")
    ):
        raise ModelFormatError("expected h > t or h < -t, got other comparisons")
    return then(then(start, Unary("abs"), label), Unary("above", sides[1.0]), label)


def where(condition, yes, no, label, tolerance):
    """Where(condition, yes, no) that spells an activation; yes and no are links or None for zero."""
    links = [link for link in (condition, yes, no) if link is not None]
    start, compared, *chains = fork(*links)
    chains = iter(chains)
    yes, no = (None if link is None else next(chains) for link in (yes, no))
    (c, s), core, _ = peeled(compared)
    if core and is_unary(core[-1], "above"):
        above = core[-1].parameters
        if above["inverted"]:
            yes, no = no, yes
        link = _switched(start, names(core), c, s, above, yes, no, label, tolerance)
        if link is not None:
            return link
    raise ModelFormatError(
        "expected a Where that spells relu, leaky_relu, thresholded_relu, softplus, soft_shrink or hard_shrink, "
        "got another one"
    )


def _switched(start, compared, c, s, above, yes, no, label, tolerance):
    """The activation that is `yes` where c·h + s, or |c·h + s|, is above the threshold, else `no`."""
    t = above["threshold"]
    if compared == ("abs", "above") and np.all(c == 1) and not np.any(s) and _is_zero(no):
        if is_line(yes, 1, 0) and above["strict"]:
            return then(start, Unary("hard_shrink", {"threshold": t}), label)
        steps = [link.step for link in yes or ()]
        if names(steps) == ("sign_shift",) and np.all(steps[0].parameters["threshold"] == t):
            return then(start, Unary("soft_shrink", {"threshold": t}), label)
    if compared != ("above",):
        return None
    strict = above["strict"]
    if np.all(c < 0):  # h < t is: not h >= t
        c, s, t, yes, no, strict = -c, -s, -t, no, yes, not strict
    elif not np.all(c > 0):
        return None
    return _switched_above(start, (t - s) / c, strict, yes, no, label, tolerance)


def _switched_above(start, t, strict, yes, no, label, tolerance):
    """The activation that is `yes` where h > t, or h >= t if not strict, else `no`."""
    if _is_zero(no):
        if is_line(yes, 1, -t):
            link = then(start, Affine(center=t), label) if np.any(t) else start
            return then(link, Unary("relu"), label)
        if is_line(yes, 1, 0) and strict:
            return then(start, Unary("thresholded_relu", {"theta": t}), label)
        return None
    if _is_zero(yes) and is_line(no, 1, -t):
        link = then(then(start, Affine(scale=-ONE, center=t), label), Unary("relu"), label)
        return then(link, Affine(scale=-ONE), label)
    if not is_line(yes, 1, 0):
        return None
    (c, s), core, (p, q) = peeled(no)
    if np.any(s) or np.any(q):
        return None
    if not core and not np.any(t):
        return then(start, Unary("leaky_relu", {"negative_slope": c}), label)
    if names(core) == ("softplus",) and is_near(p * c, 1, tolerance):
        return no[-1] if np.all(c * t >= SOFTPLUS_THRESHOLD * (1 - tolerance)) else None
    return None


def _is_zero(chain):
    return chain is None or is_line(chain, 0, 0)


def maximum(u, v, label):
    """max(h, a·h) with 0 <= a <= 1."""
    start, left, right = fork(u, v)
    for one, other in ((left, right), (right, left)):
        if is_line(one, 1, 0) and line(other) is not None:
            a, c = line(other)
            if np.all(a >= 0) and np.all(a <= 1) and not np.any(c):
                return then(start, Unary("leaky_relu", {"negative_slope": a}), label)
    raise ModelFormatError("expected max(h, a h) with 0 <= a <= 1, got the largest of two other values")
