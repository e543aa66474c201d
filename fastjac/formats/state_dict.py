"""Networks of a state_dict: the arrays of PyTorch's layers by name, without their activations."""

from fastjac.formats.mappings import make_from_arrays


def from_state_dict(mapping, activations, *, order=None, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of a state_dict of dense layers.

    Parameters
    ----------
    mapping : mapping of str to array
        ``module.state_dict()``, or arrays of the same names and layout: for each layer ``NAME.weight`` of shape
        (n_out, n_in) and, unless it is zero, ``NAME.bias`` of shape (n_out,). Nothing else may be in it: what other
        arrays would do to the network is not known.
    activations : str, or sequence of str or (str, dict)
        One for each layer, names of `fastjac.ACTIVATIONS` or pairs of a name and its parameters. One name alone is
        that of all layers but the last, which is linear.
    order : sequence of str, optional
        The names of the layers from input to output. Needed unless the names differ in numbers only, as in
        ``layers.0``, ``layers.2``, ..., ``layers.10``, which are ordered as numbers.
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
    >>> mapping = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))}
    >>> fj.from_state_dict(mapping, "tanh").jacobian([0.0, 0.0])
    array([[3., 3.]])
    """
    return make_from_arrays(dict(mapping), "weight", True, activations, order, "from_state_dict", dtype)
