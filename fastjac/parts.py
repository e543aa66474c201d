"""What may stand between dense layers: Elementwise, Affine, LayerNorm, RMSNorm, Residual, Concatenation.

A Network makes dense layers of them.
"""

from types import MappingProxyType

import numpy as np

from fastjac import activations
from fastjac._arguments import as_real
from fastjac.layer import Layer


class Elementwise:
    """An activation by itself, a = f(a), for all units of what stands before it.

    Behind a layer without activation it becomes that layer's; elsewhere a layer with W = I is made for it.

    Parameters
    ----------
    activation : str
        A name or an alias of `fastjac.ACTIVATIONS`.
    **parameters
        Parameters of the activation, scalars or arrays with one value per unit.

    Raises
    ------
    TypeError, ValueError
        If the activation or a parameter is unknown.
    """

    def __init__(self, activation, **parameters):
        entry = activations.find(activation)
        units = max((np.size(value) for value in parameters.values() if np.ndim(value) == 1), default=1)
        name, parameters, _ = activations.parameter_rows(entry, parameters, units)
        self.activation, self.parameters = name, MappingProxyType(parameters)

    def __repr__(self):
        return f"Elementwise({self.activation!r})"


class Affine:
    """Scale and shift of each unit, a = scale (a − center) + shift.

    Normalisation of inputs and outputs, batch normalisation in evaluation mode. It is multiplied into the
    weights beside it; only what is subtracted from the inputs of the network stays apart, as
    Wᵀ (x − c) loses fewer digits than Wᵀ x − Wᵀ c where c is large beside the spread of x.

    Parameters
    ----------
    scale, shift, center : float or array_like, shape (n,)
        Numbers for all units, or one for each.

    Attributes
    ----------
    n : int or None
        How many units there are, None where all are alike.

    Raises
    ------
    TypeError
        If a number is not real.
    ValueError
        If shapes do not fit each other, or a number is not finite.
    """

    def __init__(self, scale=1.0, shift=0.0, center=0.0):
        self.scale, self.shift, self.center = (
            _as_numbers(*given) for given in ((scale, "scale"), (shift, "shift"), (center, "center")))
        sizes = {array.size for array in (self.scale, self.shift, self.center) if array.ndim}
        if len(sizes) > 1:
            raise ValueError(f"scale, shift, center: expected as many numbers of each, got {sorted(sizes)}")
        self.n = sizes.pop() if sizes else None

    @property
    def is_trivial(self):
        """Whether it changes nothing."""
        return bool(np.all(self.scale == 1) and np.all(self.shift == 0) and np.all(self.center == 0))

    def __repr__(self):
        return f"Affine({'all units alike' if self.n is None else f'{self.n} units'})"


class LayerNorm:
    """Layer normalisation, a = scale (a − mean(a)) / √(var(a) + ε) + shift, over the units of a point.

    It is the activation layer_norm; scale and shift are multiplied into the weights behind it.

    Parameters
    ----------
    scale, shift : float or array_like, shape (n,)
        Numbers for all units, or one for each.
    epsilon : float
        Added to the variance, which is that over n, not n − 1.

    Attributes
    ----------
    affine : Affine
        Scale and shift.

    Raises
    ------
    TypeError
        If a number is not real.
    ValueError
        If shapes do not fit each other, a number is not finite, or epsilon is negative.

    References
    ----------
    Ba, Kiros, Hinton: Layer Normalization, 2016, arXiv:1607.06450.
    """

    activation = "layer_norm"

    def __init__(self, scale=1.0, shift=0.0, epsilon=1e-5):
        self.affine = Affine(scale, shift)
        self.epsilon = Elementwise(self.activation, epsilon=epsilon).parameters["epsilon"]

    def __repr__(self):
        of = "" if self.affine.n is None else f"{self.affine.n} units, "
        return f"{type(self).__name__}({of}epsilon={self.epsilon:g})"


class RMSNorm(LayerNorm):
    """Normalisation by the root mean square, a = scale a / √(mean(a²) + ε), over the units of a point.

    Parameters
    ----------
    scale : float or array_like, shape (n,)
        A number for all units, or one for each.
    epsilon : float
        Added to the mean of the squares.

    Raises
    ------
    TypeError, ValueError
        As for LayerNorm.

    References
    ----------
    Zhang, Sennrich: Root Mean Square Layer Normalization, 2019, arXiv:1910.07467.
    """

    activation = "rms_norm"

    def __init__(self, scale=1.0, epsilon=1e-5):
        super().__init__(scale, 0.0, epsilon)


class Residual:
    """A block with a skip, a = a + g(a), or S a + g(a) with a layer S in the skip.

    Units of the skip and of `layers` run side by side, in dense layers as wide as both, until they are added.

    Parameters
    ----------
    layers : sequence of Layer, Elementwise, Affine, LayerNorm, RMSNorm, Residual, Concatenation, Network
        g, whose result is as wide as its argument or as what S gives.
    skip : Layer or tuple (W, b), optional
        S, without activation.

    Raises
    ------
    TypeError
        If `skip` is not a Layer.
    ValueError
        If there are no layers, or `skip` has an activation.
    """

    adds = True

    def __init__(self, layers, skip=None):
        self.layers, self.skip = _as_parts(layers), Layer(*skip) if isinstance(skip, tuple) else skip
        if skip is not None and not isinstance(self.skip, Layer):
            raise TypeError(f"skip: expected a Layer or a tuple (W, b), got {type(skip).__name__}")
        if skip is not None and self.skip.activation != "identity":
            raise ValueError(f"skip: expected a layer without activation, got {self.skip.activation}")

    def __repr__(self):
        skip = "" if self.skip is None else f"; skip={self.skip!r}"
        return f"Residual({', '.join(map(repr, self.layers))}{skip})"


class Concatenation:
    """A block whose argument goes on beside its result, a = (a, g(a)).

    Parameters
    ----------
    layers : sequence of Layer, Elementwise, Affine, LayerNorm, RMSNorm, Residual, Concatenation, Network
        g.
    last : bool
        Whether a = (g(a), a), the argument behind the result.

    Raises
    ------
    ValueError
        If there are no layers.
    """

    adds, skip = False, None

    def __init__(self, layers, last=False):
        self.layers, self.last = _as_parts(layers), bool(last)

    def __repr__(self):
        return f"Concatenation({', '.join(map(repr, self.layers))}{', last=True' * self.last})"


def _as_parts(layers):
    layers = tuple(layers)
    if not layers:
        raise ValueError("layers: expected at least one, got none")
    return layers


def _as_numbers(numbers, name):
    """A read-only copy, a scalar or a vector, in float32 if that is what came as an array, else float64."""
    array = as_real(numbers, name)
    if array.ndim > 1 or not array.size:
        raise ValueError(f"{name}: expected a number or a vector, got shape {array.shape}")
    is_f32 = array.ndim and array.dtype.newbyteorder("=") == np.float32
    array = np.array(array, np.float32 if is_f32 else np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {array[~np.isfinite(array)].flat[0]}")
    array.flags.writeable = False
    return array
