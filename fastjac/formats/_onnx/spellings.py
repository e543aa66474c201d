"""Activations that a file spells out in several operators.

Exporters write gelu as Div, Erf, Add, Mul, Mul, silu as Sigmoid and Mul, and so on. A chain of steps, or two
chains from one value that meet, are read back as the activation that they are. Constants need not be the
textbook's: h·(1 + erf(ch)) is gelu(kh)·2/k with k = c√2 for every c; where k is 1 within the rounding of its
type, it is 1.
"""

import numpy as np

from fastjac.formats._onnx.chains import behind_lines, is_near, is_unary, line, names, peeled
from fastjac.formats._onnx.values import ONE, PARTS, Affine, Center, Dense, Norm, Select, Unary
from fastjac.formats.errors import ModelFormatError
from fastjac.formats.links import Link, Sum, fork

SQRT_HALF_PI = 1.2533141373155003
GELU_CUBIC = 0.044715


def then(link, step, label, n=None):
    """`link`, one step further, with what the last steps spell together as one."""
    n = link.n if n is None else n
    last, parent = link.step, link.parent
    match step:
        case Affine() if isinstance(last, Dense) and last.b is None and _is_shift(step):
            b = np.broadcast_to(step.shift - step.center, link.n)
            return Link(parent, Dense(last.W, b), link.label, n)
        case Affine() if isinstance(last, Affine) and _is_scale(last) and _is_scale(step) and np.all(
            last.scale * step.scale == 1
        ):
            return parent
        case Affine() if is_unary(last, "cubic") and not np.any(step.line[1]):
            linear, cubic = (step.line[0] * last.parameters[name] for name in ("linear", "cubic"))
            return Link(parent, Unary("cubic", {"linear": linear, "cubic": cubic}), label, n)
        case Select() if isinstance(last, Dense):
            b = None if last.b is None else last.b[step.indices]
            return Link(parent, Dense(last.W[:, step.indices], b), link.label, n)
        case Unary() if (bounds := _bounds(last)) is not None and (limits := _bounds(step)) is not None:
            low, high = (np.clip(bound, *limits) for bound in bounds)
            if np.all(low < high):
                return Link(parent, clip(low, high), label, n)
        case Norm(takes_mean=False) if isinstance(last, Center):
            return Link(parent, Norm(step.epsilon, True), label, n)
        case Unary(name="log") if is_unary(last, "sigmoid") or is_unary(last, "softmax"):
            return Link(parent, Unary("log_" + last.name), label, n)
        case Unary(name="log" | "reciprocal"):
            start, (m, c) = behind_lines(link)
            if is_unary(start.step, "exp") and np.all(m == 1) and np.all(c == 1):
                if step.name == "log":
                    return Link(start.parent, Unary("softplus"), label, n)
                return then(then(start.parent, Affine(scale=-ONE), label), Unary("sigmoid"), label)
        case Unary(name="exp"):
            start, (m, c) = behind_lines(link)
            if is_unary(start.step, "square") and np.all(m < 0) and not np.any(c):
                return scaled(start.parent, "gaussian", np.sqrt(-m), np.sqrt(-m), label, 0)
    return Link(link, step, label, n)


def clip(low, high):
    """min(max(h, low), high) under its own name; a bound that is missing is an infinity."""
    if np.all(low == 0) and np.all(high == np.inf):
        return Unary("relu")
    if np.all(low == 0) and np.all(high == 6):
        return Unary("relu6")
    return Unary("hard_tanh", {"min": low, "max": high})


def _is_scale(step):
    return not np.any(step.shift) and not np.any(step.center)


def _is_shift(step):
    return np.all(step.scale == 1) and (not np.any(step.shift) or not np.any(step.center))


def _bounds(step):
    if is_unary(step, "hard_tanh"):
        return step.parameters["min"], step.parameters["max"]
    return (0.0, np.inf) if is_unary(step, "relu") else (0.0, 6.0) if is_unary(step, "relu6") else None


def scaled(link, name, k, factor, label, tolerance):
    """factor/k · f(k·a), with factors of 1 left out."""
    for step in (Affine(scale=k), Unary(name), Affine(scale=factor / k)):
        if isinstance(step, Unary) or not is_near(step.scale, 1, tolerance):
            link = then(link, step, label)
    return link


def product(u, v, label, tolerance):
    """u·v where one is a multiple of h and the other a function of h that make an activation together."""
    start, left, right = fork(u, v)
    for one, other in ((left, right), (right, left)):
        multiple = line(one)
        if multiple is not None and not np.any(multiple[1]) and np.all(multiple[0]):
            link = _gated(start, multiple[0], other, label, tolerance)
            if link is not None:
                return link
    raise ModelFormatError(
        "expected a constant factor, or a product that spells silu, gelu, mish, hard_swish, softsign or a square, "
        "got two values that depend on the input"
    )


def _gated(start, alpha, chain, label, tolerance):
    """alpha·h·g(h) for the chain g, None if that is no activation."""
    (c, s), core, (p, q) = peeled(chain)
    half = is_near(p, q, tolerance)
    if np.any(s) and names(core) != ("hard_tanh",) and names(core) != ("relu6",) and names(core) != ("hard_sigmoid",):
        return None
    match names(core):
        case ():
            return _multiplied(then(start, Unary("square"), label), alpha * c * p, label)
        case ("square",):
            return then(start, Unary("cubic", {"linear": alpha * q, "cubic": alpha * p * c * c}), label)
        case ("sigmoid",):
            return _sigmoid_gate(start, alpha, c, p, q, label, tolerance)
        case ("tanh",):
            return _sigmoid_gate(start, alpha, 2 * c, 2 * p, 0 * p if half else q - p, label, tolerance)
        case ("erf",) if half and np.all(c):
            return scaled(start, "gelu", _one(c * np.sqrt(2), tolerance), 2 * alpha * p, label, tolerance)
        case ("cubic", "tanh") if half and np.all(c == 1):
            linear, cubic = core[0].parameters["linear"], core[0].parameters["cubic"]
            k = linear * SQRT_HALF_PI
            if np.all(k) and is_near(cubic * SQRT_HALF_PI, GELU_CUBIC * k**3, 4 * tolerance):
                return scaled(start, "gelu_tanh", _one(k, tolerance), 2 * alpha * p, label, tolerance)
        case ("softplus", "tanh") if not np.any(q) and np.all(c):
            return scaled(start, "mish", c, alpha * p, label, tolerance)
        case ("hard_sigmoid",) | ("hard_tanh",) | ("relu6",) if not np.any(q):
            slope, offset, height = _ramp(core[0])
            slope, offset = slope * c, slope * s + offset
            if np.all(slope > 0) and is_near(offset, 0.5, tolerance):
                return scaled(start, "hard_swish", _one(6 * slope, tolerance), alpha * p * height, label, tolerance)
        case ("abs", "Affine", "reciprocal") if not np.any(q):
            m, one = core[1].line
            if np.all(m > 0) and np.all(one > 0) and np.all(c):
                return scaled(start, "softsign", np.abs(c) * m / one, alpha * p / one, label, tolerance)
    return None


def _one(k, tolerance):
    return ONE if is_near(k, 1, tolerance) else k


def _ramp(step):
    """slope, offset and height of height·min(max(slope·h + offset, 0), 1)."""
    if step.name == "hard_sigmoid":
        return step.parameters["slope"], step.parameters["offset"], 1.0
    low, high = _bounds(step)
    height = np.where(np.asarray(low) == 0, high, np.nan)
    return 1 / height, 0.0, height


def _sigmoid_gate(start, alpha, c, p, q, label, tolerance):
    """alpha·h·(p·sigmoid(c·h) + q)."""
    if not np.any(q) and is_near(c, 1, tolerance):
        return _multiplied(then(start, Unary("silu"), label), alpha * p, label)
    total = p + q
    if not np.all(total):
        return None
    link = then(start, Unary("speculator", {"alpha": c, "beta": q / total}), label)
    return _multiplied(link, alpha * total, label)


def _multiplied(link, factor, label):
    return link if np.all(factor == 1) else then(link, Affine(scale=factor), label)


def normalised(u, v, label):
    """u·v where v is p/√(α mean(u²) + ε), None where it is not."""
    start, left, right = fork(u, v)
    core, lines = [], [[]]
    for link in right:
        if isinstance(link.step, Affine):
            lines[-1].append(link)
        else:
            core.append(link.step)
            lines.append([])
    if left or names(core) != ("square", "Mean", "sqrt", "reciprocal"):
        return None
    (k, s), (m1, c1), (m2, c2), (r, t), (p, q) = map(line, lines)
    alpha, epsilon = m2 * m1 * k**2, m2 * c1 + c2
    numbers = (k, s, alpha, epsilon, r, t, p, q)
    if any(np.ndim(number) for number in numbers) or any((s, t, q)) or not (alpha > 0 and r > 0 and epsilon >= 0):
        return None
    return _multiplied(then(start, Norm(epsilon / alpha, False), label), p / (r * np.sqrt(alpha)), label)


def total(u, v, label):
    """u + v: an activation that is spelt as a sum, or the sum of two chains from one value."""
    start, left, right = fork(u, v)
    if not left and not right:
        return then(start, Affine(scale=2 * ONE), label)
    for one, other in ((left, right), (right, left)):
        link = _activation_of_sum(start, line(one), one, other, label)
        if link is not None:
            return link
    branches = []
    for chain in (left, right):
        # a + f(a) + g(a) is one sum of three.
        branches += chain[0].step.branches if len(chain) == 1 and isinstance(chain[0].step, Sum) else [chain]
    return then(start, Sum(branches), label, u.n)


def _activation_of_sum(start, one_line, one, other, label):
    (c, s), core, (p, q) = peeled(other)
    if one_line is not None:
        (m, shift) = one_line
        if not core:
            return then(start, Affine(scale=m + c, shift=shift + s), label)
        if np.any(shift) or np.any(s) or np.any(q):
            return None
        match names(core):
            case ("cubic",) if np.all(c == 1):
                linear, cubic = (p * core[0].parameters[name] for name in ("linear", "cubic"))
                return then(start, Unary("cubic", {"linear": m + linear, "cubic": cubic}), label)
            case ("tanh",) if np.all(m == 1) and np.all(c == 1) and np.all(p == -1):
                return then(start, Unary("tanh_shrink"), label)
            case ("sign",) if np.all(m == 1) and np.all(c > 0) and np.all(p < 0):
                return then(start, Unary("sign_shift", {"threshold": -p}), label)
        return None
    (c1, s1), core1, (p1, q1) = peeled(one)
    # p relu(h - t) + r relu(-h - t)
    if names(core1) == names(core) == ("relu",) and np.all(c1 == 1) and np.all(c == -1):
        if np.any(q) or np.any(q1) or np.any(p1 != 1):
            return None
        if not np.any(s) and not np.any(s1):
            return then(start, Unary("prelu", {"slope": -p}), label)
        if np.all(s == s1) and np.all(s < 0) and np.all(p == -1):
            return then(start, Unary("soft_shrink", {"threshold": -s}), label)
    return None


def check_complete(link):
    """Raise if the step is a part of an activation whose other parts are missing."""
    if is_unary(link.step, *PARTS):
        raise ModelFormatError(f"expected it as a part of an activation ({PARTS[link.step.name]})")
