"""Networks of Flax: a tree of parameters by name, without their activations."""

from collections.abc import Mapping

from fastjac.formats.mappings import make_from_arrays
from fastjac.formats.objects import fail


def from_flax(params, activations, *, order=None, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of dense layers of Flax.

    Parameters
    ----------
    params : mapping
        ``module.init(...)`` or its entry "params", nested in any way, or ``flax.nnx.state(module)``: for each layer
        ``kernel`` of shape (n_in, n_out) and, unless it is zero, ``bias`` of shape (n_out,). Nothing else may be in
        it: what other arrays would do to the network is not known.
    activations : str, or sequence of str or (str, dict)
        One for each layer, names of `fastjac.ACTIVATIONS` or pairs of a name and its parameters. One name alone is
        that of all layers but the last, which is linear. ``flax.linen.gelu`` is ``"gelu_tanh"`` by default.
    order : sequence of str, optional
        The names of the layers from input to output, with dots between the keys. Needed unless the names differ in
        numbers only, as in ``Dense_0``, ``Dense_1``, ..., ``Dense_10``, which are ordered as numbers.
    dtype : float32, float64 or None
        Of the network; None means that of the weights, float32 for half precision.

    Returns
    -------
    Network
        J[i, j] is in units of output i per unit of input j.

    Raises
    ------
    ModelFormatError
        If an array is not that of a dense layer, layers do not fit, or their order or activations are not known.

    Examples
    --------
    >>> import numpy as np
    >>> import fastjac as fj
    >>> params = {"Dense_0": {"kernel": np.ones((2, 3))}, "Dense_1": {"kernel": np.ones((3, 1))}}
    >>> fj.from_flax({"params": params}, "tanh").jacobian([0.0, 0.0])
    array([[3., 3.]])
    """
    if not isinstance(params, Mapping):
        fail("from_flax", "a mapping of parameters", type(params).__name__)
    if "params" in params:
        others = [str(key) for key in params if key != "params"]
        if others:
            fail("from_flax", "the collection 'params' alone", f"{', '.join(map(repr, others))} beside it")
        params = params["params"]
    return make_from_arrays(dict(_leaves(params)), "kernel", False, activations, order, "from_flax", dtype)


def _leaves(tree, path=()):
    for key, branch in tree.items():
        if isinstance(branch, Mapping):
            yield from _leaves(branch, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), branch
