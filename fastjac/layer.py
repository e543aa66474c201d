"""Layer: weights, bias and activation. Immutable, validated when made."""

from operator import index
from types import MappingProxyType

import numpy as np

from fastjac import activations
from fastjac._arguments import as_real

# Largest dimension that every BLAS can be told.
MAX_WIDTH = 2**31 - 1

# Version of what a pickle of a layer or a network holds. 2: the activity of a network. 3: units that carry a
# skip, the center of a network. 4: the center of a layer, the names of a network.
PICKLE_VERSION = 4


class Layer:
    """One layer, a = f(h) with h = Wᵀ x + b.

    Its Jacobian is D Wᵀ, with D = diag(f'(h)) for an activation that works unit by unit, and the
    dense matrix of the activation's derivative for softmax, log_softmax, rms_norm and layer_norm.

    Parameters
    ----------
    W : array_like, shape (n_in, n_out)
        Weights. float32 is kept, integers and all other floats become float64. Copied.
    b : array_like, shape (n_out,), optional
        Bias, zero if not given. Copied.
    activation : str
        A name or an alias of `fastjac.ACTIVATIONS`; case and underscores do not matter.
    n_carried : int
        How many units, the last ones, have no activation: they carry values past it, such as those of a skip.
    skips : bool
        Whether diagonals at the end of W, such as that of a skip or the whole of a diagonal matrix, carry each
        unit on by itself. The zeros beside them are then not multiplied, and NaN in one unit stays there.
    **parameters
        Parameters of the activation, scalars or arrays with one value per unit that has it.

    Attributes
    ----------
    W, b : numpy.ndarray
        Read-only.
    activation : str
        Canonical name.
    parameters : mapping
        Name to value, with the defaults filled in.
    parameter_rows : numpy.ndarray, shape (n_parameters, n_out − n_carried)
        The same with one value per unit, read-only.
    n_in, n_out, n_carried : int
    skips : bool
    center : numpy.ndarray, shape (n_in,), or None
        c of a layer with h = Wᵀ (x − c) + b. A network makes one of an Affine at its inputs, as ``net.layers[0]``.

    Raises
    ------
    TypeError
        If W or b is not real, or a parameter is unknown or missing.
    ValueError
        If shapes do not fit, a number is not finite, or the activation is unknown.

    Examples
    --------
    >>> import fastjac as fj
    >>> layer = fj.Layer([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], activation="tanh")
    >>> layer.n_in, layer.n_out
    (2, 3)
    """

    __slots__ = ("W", "activation", "b", "center", "n_carried", "parameter_rows", "parameters", "skips")

    def __init__(self, W, b=None, activation="identity", *, n_carried=0, skips=False, **parameters):
        if hasattr(self, "W"):
            raise RuntimeError("a Layer is immutable: __init__ was called a second time")
        W = _as_weights(W, "W", 2)
        b = None if b is None else _as_weights(b, "b", 1)
        n_out = W.shape[1]
        if b is not None and b.shape != (n_out,):
            raise ValueError(f"b: expected shape ({n_out},), got {b.shape}")
        entry = activations.find(activation)
        n_carried = index(n_carried)
        if not 0 <= n_carried < n_out:
            raise ValueError(f"n_carried: expected a number from 0 to {n_out - 1}, got {n_carried}")
        # gelu(approximate="tanh") is an activation of its own, with its own name.
        name, parameters, rows = activations.parameter_rows(entry, parameters, n_out - n_carried)
        rows.flags.writeable = False
        set_slot = object.__setattr__
        set_slot(self, "W", W)
        set_slot(self, "b", b)
        set_slot(self, "center", None)
        set_slot(self, "activation", name)
        set_slot(self, "n_carried", n_carried)
        set_slot(self, "skips", _as_bool(skips, "skips"))
        set_slot(self, "parameters", MappingProxyType(parameters))
        set_slot(self, "parameter_rows", rows)

    def __setattr__(self, name, value):
        raise AttributeError(f"a Layer is immutable: {name} cannot be set")

    def __delattr__(self, name):
        raise AttributeError(f"a Layer is immutable: {name} cannot be deleted")

    @property
    def n_in(self):
        """Number of inputs."""
        return self.W.shape[0]

    @property
    def n_out(self):
        """Number of units."""
        return self.W.shape[1]

    def __repr__(self):
        parameters = "".join(f", {name}={_brief(value)}" for name, value in self.parameters.items())
        carried = f", {self.n_carried} carried" * bool(self.n_carried)
        centered = ", centered" * (self.center is not None)
        return f"Layer({self.n_in} -> {self.n_out}, {self.activation!r}{parameters}{carried}{centered})"

    def __reduce__(self):
        return _make_layer, (PICKLE_VERSION, self.W, self.b, self.activation, dict(self.parameters), self.n_carried,
                             self.skips, self.center)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make_layer(version, W, b, activation, parameters, n_carried=0, skips=False, center=None):
    check_pickle_version(version)
    return with_center(Layer(W, b, activation, n_carried=n_carried, skips=skips, **parameters), center)


def with_center(layer, center):
    """The layer with another center, a read-only vector, or with none; the other arrays are shared."""
    made = object.__new__(Layer)
    for name in Layer.__slots__:
        object.__setattr__(made, name, center if name == "center" else getattr(layer, name))
    return made


def check_pickle_version(version):
    if version > PICKLE_VERSION:
        raise ValueError(
            f"pickle: expected format version {PICKLE_VERSION} or older, got {version}, written by a newer fastjac"
        )


def _as_bool(value, name):
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def _as_weights(array, name, ndim):
    """A read-only C-ordered float32 or float64 copy."""
    array = as_real(array, name)
    if array.ndim != ndim:
        raise ValueError(f"{name}: expected {ndim} dimension{'s' * (ndim > 1)}, got shape {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{name}: expected at least one unit and one input, got shape {array.shape}")
    if max(array.shape) > MAX_WIDTH:
        raise ValueError(f"{name}: expected dimensions of at most {MAX_WIDTH}, got shape {array.shape}")
    array = np.array(array, np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64, order="C")
    if not np.isfinite(array).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{name}: expected finite numbers, got {array[place]} at index {place}")
    array.flags.writeable = False
    return array


def _brief(value):
    return repr(value) if np.ndim(value) == 0 else f"array of {np.size(value)}"
