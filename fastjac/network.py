"""Network: layers that fit, and what can be asked of them. Immutable, validated when made."""

import numpy as np

from fastjac._arguments import as_real
from fastjac._names import KINDS, as_names
from fastjac._program import Program
from fastjac._tables import labels_of
from fastjac.composing import names_of, networks_in, option_of
from fastjac.layer import PICKLE_VERSION, Layer, check_pickle_version, with_center
from fastjac.lowering import dtype_of, lower
from fastjac.parts import Affine, Concatenation, Elementwise, LayerNorm, Residual
from fastjac.planning import as_activity, check_order
from fastjac.selection import Selection

ENGINES = ("auto", "packed", "blas")

# What "auto" stands for: `packed` was faster for every network that was measured, see
# docs/decisions/0003-engine-packed.md.
AUTOMATIC = "packed"

# Stands for what a call does not say, where None says something.
UNCHANGED = object()


class Network(Program):
    """A feed-forward network F = f_L ∘ A_L ∘ … ∘ f_1 ∘ A_1 with A_k(a) = W_kᵀ a + b_k.

    ``net(x)`` is its value, ``net.jacobian(x)`` its exact Jacobian
    J = D_L W_Lᵀ ⋯ D_1 W_1ᵀ, D_k = diag(f_k'(h_k)) at the pre-activation h_k = W_kᵀ a_{k−1} + b_k.

    Parameters
    ----------
    layers : sequence of Layer, of tuples (W, b, activation), or of other parts
        From the input to the output. The network makes dense layers of Elementwise, Affine, LayerNorm,
        RMSNorm, Residual and Concatenation. A network is a part, too: options and names that are not given
        are those of the networks among the parts, where these agree.
    dtype : {float32, float64}, optional
        In which the network computes; that of the weights if not given (float64 where they differ).
    engine : {"auto", "packed", "blas"}
        Which code multiplies: own register tiles over weights packed in panels, or SciPy's BLAS. "auto"
        is "packed", which is faster; "blas" keeps two copies of the weights less.
    order : {"auto", "forward", "reverse"} or nested tuples
        Order of the products of a Jacobian: the cheapest, one of the two sweeps, or a bracketing of
        layer numbers such as ``((4, 3), (2, 1))``.
    activity : float or sequence of float, optional
        Share of units with f' ≠ 0, in (0, 1], that points of yours have: one number, or one for each layer,
        None standing for what `fastjac.ACTIVATIONS` states. It counts where f' is exactly zero on an
        interval (relu and its kin) and the engine is "packed", which leaves inactive units out; the order
        is chosen by it. Results agree within rounding whatever it is.
    names_in, names_out : sequence of str or int, optional
        What the inputs and outputs are called, such as the columns of a table: all different. ``wrt=`` and
        ``outputs=`` then take names, and tables are taken by the names of their columns.
    units_in, units_out : sequence of str, optional
        In what inputs and outputs are measured: text for people, with which nothing is computed.

    Attributes
    ----------
    n_in, n_out, n_params : int
    widths : tuple of int
        (n_0, …, n_L).
    layers : tuple of Layer
        The dense layers that were made, from the input to the output.
    parts : tuple of Affine and Layer
        The same in the network's dtype, what is subtracted from the inputs first: ``Network(net.parts)`` gives
        the same bits.
    center : ndarray, shape (n_in,), or None
        What the first layer subtracts from x.
    names_in, names_out, units_in, units_out : tuple or None
    dtype : numpy.dtype
    engine : str
        "packed" or "blas".
    order : str or tuple
    activity : None, float or tuple
    simd : str
        The build of the kernels: "v2", "v3", "v4", or "baseline".

    Raises
    ------
    TypeError
        If a layer, the dtype, `activity` or a name is of another kind.
    ValueError
        If there is no layer, layers do not fit, a weight is not finite in `dtype`, `engine` or `order`
        is unknown, `activity` lies outside (0, 1] or has not one number for each layer, there is not one
        name or unit for each input or output, or two names are the same.

    Notes
    -----
    A network is immutable, may be shared by threads, and can be pickled. With the engine "packed" the
    result of a point has the same bits alone, in any batch, at any position, with any `workers`; with
    "blas" it agrees within rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import fastjac as fj
    >>> net = fj.Network([
    ...     fj.Layer([[1.0, -1.0], [2.0, 0.5]], [0.0, 1.0], "relu"),
    ...     fj.Layer([[1.0], [3.0]]),
    ... ])
    >>> net.jacobian(np.array([1.0, 1.0]))
    array([[-2. ,  3.5]])
    """

    __slots__ = ()

    def __init__(self, layers, *, dtype=None, engine="auto", order="auto", activity=None,
                 names_in=None, names_out=None, units_in=None, units_out=None):
        parts = [_as_part(part, k) for k, part in enumerate(_as_sequence(layers), 1)]
        if not parts:
            raise ValueError("layers: expected at least one layer, got none")
        dtype = _as_dtype(dtype, parts)
        layers, names = lower(parts), names_of(parts)
        _check_finite({"center": layers[0].center}, dtype)
        for k, layer in enumerate(layers, 1):
            named = {"W": layer.W, "b": layer.b, **layer.parameters}
            _check_finite({f"layer {k}: {name}": array for name, array in named.items()}, dtype)
        networks = list(networks_in(parts))
        if engine not in ENGINES:
            raise ValueError(f"engine: expected one of {', '.join(map(repr, ENGINES))}, got {engine!r}")
        check_order(order, len(layers))
        activity = as_activity(activity, len(layers))
        if engine == "auto":
            engine = option_of(networks, "engine", len(layers), AUTOMATIC)
        if order == "auto":
            order = option_of(networks, "order", len(layers), "auto")
        if activity is None:
            activity = option_of(networks, "activity", len(layers), None)
        given = {"names_in": names_in, "names_out": names_out, "units_in": units_in, "units_out": units_out}
        for kind, side in KINDS.items():
            if given[kind] is not None:
                n = layers[0].n_in if side == "input" else layers[-1].n_out
                names[kind] = as_names(_columns(given[kind]), n, kind)
        self._pack(layers, layers[0].center, dtype, engine, order, activity, names)

    @property
    def n_params(self):
        """Number of weights and biases."""
        return sum(layer.W.size + (0 if layer.b is None else layer.b.size) for layer in self.layers)

    def select(self, wrt=None, outputs=None):
        """Some outputs as a function of some inputs: the part of J in those rows and columns.

        Parameters
        ----------
        wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
            Which inputs and outputs; all of them if not given.

        Returns
        -------
        Selection
            Evaluated like a network. Making it packs the first and the last weight again; keep it.

        Raises
        ------
        TypeError, ValueError, IndexError
            If `wrt` or `outputs` does not select inputs or outputs of the network.

        Examples
        --------
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], None)])
        >>> net.select(wrt=[0, 1], outputs=[1]).jacobian([0.0, 0.0, 1.0])
        array([[2., 4.]])
        """
        return Selection(self, wrt, outputs)

    def propagate_covariance(self, x, P, Q=None):
        """J P Jᵀ + Q, the covariance of F(x) to first order where P is that of x; J is J_F(x).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
        P : array_like, shape (..., n_in, n_in)
            Symmetric: one matrix for all points or one for each. Of its product only what lies on and below the
            diagonal is computed.
        Q : array_like, shape (..., n_out, n_out), optional
            What is added, such as the covariance of noise; zero if not given.

        Returns
        -------
        ndarray, shape (..., n_out, n_out)
            In the network's dtype, in units of output i times units of output j. The leading dimensions of x, P
            and Q broadcast. J P Jᵀ is exactly symmetric.

        Raises
        ------
        TypeError
            If an argument is not real.
        ValueError
            If a shape does not fit.

        Notes
        -----
        J of a batch is never formed: beside the result there is the memory of a tile of points. Where a layer s
        is so narrow that it costs fewer multiply-adds, J = B C with Jacobians of the layers on both sides of it,
        and B (C P Cᵀ) Bᵀ is computed. No product is large enough for BLAS to start threads.

        Examples
        --------
        >>> import numpy as np
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [0.0, 1.0]],)])
        >>> net.propagate_covariance([0.0, 0.0], np.diag([1.0, 4.0]), Q=0.5 * np.eye(2))
        array([[1.5, 2. ],
               [2. , 8.5]])
        """
        from fastjac import products

        return products.propagate_covariance(self, x, P, Q)

    def fisher(self, x, precision=None):
        """JᵀC⁻¹J, the Fisher information of the inputs from outputs with normal noise of covariance C.

        Without `precision` it is JᵀJ, the Gram matrix of J and the Gauss–Newton approximation of the Hessian of
        ½‖F(x) − y‖².

        Parameters
        ----------
        x : array_like, shape (..., n_in)
        precision : array_like, shape (n_out,) or (..., n_out, n_out), optional
            C⁻¹: its diagonal where noise is independent, or symmetric matrices, one for all points or one for
            each. The identity if not given.

        Returns
        -------
        ndarray, shape (..., n_in, n_in)
            In the network's dtype, exactly symmetric.

        Raises
        ------
        TypeError
            If an argument is not real.
        ValueError
            If a shape does not fit.

        Notes
        -----
        As `propagate_covariance`: J of a batch is never formed, and a narrow layer is made use of.

        Examples
        --------
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [0.0, 1.0]],)])
        >>> net.fisher([0.0, 0.0], precision=[1.0, 0.25])
        array([[2.  , 0.5 ],
               [0.5 , 0.25]])
        """
        from fastjac import products

        return products.fisher(self, x, precision)

    def as_ode(self, state=None, held=None, outputs=None):
        """dy/dt = F(x) with x[state] = y, as the callables that `scipy.integrate.solve_ivp` takes.

        Parameters
        ----------
        state : slice, sequence of int or of names, or mask of bool, optional
            Which inputs are the state, in the order of y; all of them if not given.
        held : array_like, shape (n_in − n_state,), or callable, optional
            The other inputs, such as controls and parameters, by increasing index: values, or a function of t
            that gives them.
        outputs : slice, sequence of int or of names, or mask of bool, optional
            Which outputs are dy/dt, in the order of y; all of them if not given.

        Returns
        -------
        fastjac.adapters.ode.Ode
            With ``fun(t, y)`` and ``jac(t, y)``, of which the latter computes the columns `state` only.

        Raises
        ------
        TypeError, ValueError, IndexError
            If `state`, `held` or `outputs` does not fit the network or one another.

        Examples
        --------
        >>> import fastjac as fj
        >>> from scipy.integrate import solve_ivp
        >>> net = fj.Network([([[-1.0], [2.0]],)])  # dy/dt = -y + 2 u
        >>> ode = net.as_ode(state=[0], held=[0.5])
        >>> solution = solve_ivp(ode.fun, (0, 9), [0.0], method="Radau", jac=ode.jac)
        >>> round(float(solution.y[0, -1]), 3)
        1.0
        """
        from fastjac.adapters.ode import Ode

        return Ode(self, state, held, outputs)

    def as_residual(self, target=None, wrt=None, held=None, outputs=None):
        """r(v) = F(x) − target with x[wrt] = v, as the callables that `scipy.optimize` takes.

        Parameters
        ----------
        target : array_like, shape (n_out,), optional
            Zero if not given.
        wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
            Which inputs vary, in the order of v, and which outputs count; all of them if not given.
        held : array_like, shape (n_in − n_wrt,), optional
            The other inputs, by increasing index.

        Returns
        -------
        fastjac.adapters.optimize.Residual
            With ``fun(v)`` and ``jac(v)``, ``fun_and_jac(v)``, and ``cost_and_gradient(v)`` for ½ rᵀr and Jᵀr.
            They evaluate value and Jacobian together, once for calls at the same point.

        Raises
        ------
        TypeError, ValueError, IndexError
            If an argument does not fit the network.

        Examples
        --------
        >>> import fastjac as fj
        >>> from scipy.optimize import least_squares
        >>> net = fj.Network([([[1.0, 0.5], [0.0, 2.0]], None, "tanh")])
        >>> residual = net.as_residual(target=[0.1, 0.2])
        >>> bool(least_squares(residual.fun, [0.0, 0.0], jac=residual.jac).cost < 1e-12)
        True
        """
        from fastjac.adapters.optimize import Residual

        return Residual(self, target, wrt, held, outputs)

    @property
    def parts(self):
        """What makes a network with the same bits: an Affine for the center, where there is one, then the layers."""
        first, *others = (_layer_in(layer, self.dtype) for layer in self.layers)
        if first.center is None:
            return first, *others
        return Affine(center=first.center), with_center(first, None), *others

    def with_names(self, *, names_in=UNCHANGED, names_out=UNCHANGED, units_in=UNCHANGED, units_out=UNCHANGED):
        """The same network with other names and units; those that are not given stay, None takes them away.

        Parameters
        ----------
        names_in, names_out, units_in, units_out : sequence or None, optional
            As those of `Network`.

        Returns
        -------
        Network

        Raises
        ------
        TypeError, ValueError
            As for `Network`.

        Examples
        --------
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [3.0, 4.0]],)]).with_names(names_in=["alcohol", "ash"])
        >>> net.jacobian([0.0, 0.0], wrt=["ash"])
        array([[3.],
               [4.]])
        """
        given = {"names_in": names_in, "names_out": names_out, "units_in": units_in, "units_out": units_out}
        names = {kind: getattr(self, kind) if new is UNCHANGED else new for kind, new in given.items()}
        return self._remade(self.dtype, names)

    def _remade(self, dtype, names=None):
        """The same layers and options in a dtype, with the names in a dictionary, or with these."""
        names = {kind: getattr(self, kind) for kind in KINDS} if names is None else names
        return Network(self.layers, dtype=dtype, engine=self.engine, order=self.order, activity=self.activity, **names)

    def with_input_scaling(self, mean, std):
        """The network of physical inputs: x ↦ F((x − mean) / std).

        Parameters
        ----------
        mean, std : float or array_like, shape (n_in,)
            In the units of x.

        Returns
        -------
        Network
            Its J is ∂y/∂x for the physical x: J_F diag(1/std), in units of y per unit of x. Names and units stay.

        Raises
        ------
        TypeError, ValueError
            If there is not one number for each input or for all, or `std` is zero or not finite.
        """
        affine = Affine(scale=1 / _as_std(std, self.names_in), center=as_real(mean, "mean", self.names_in))
        return Network((affine, self), dtype=self.dtype)

    def with_output_scaling(self, mean, std):
        """The network of physical outputs: x ↦ mean + std F(x).

        Parameters
        ----------
        mean, std : float or array_like, shape (n_out,)
            In the units of y.

        Returns
        -------
        Network
            Its J is ∂y/∂x for the physical y: diag(std) J_F, in units of y per unit of x. Names and units stay.

        Raises
        ------
        TypeError, ValueError
            If there is not one number for each output or for all, or `std` is zero or not finite.
        """
        affine = Affine(scale=_as_std(std, self.names_out), shift=as_real(mean, "mean", self.names_out))
        return Network((self, affine), dtype=self.dtype)

    def formula(self, symbolic=False):
        """LaTeX of F and of its Jacobian, factor by factor.

        Parameters
        ----------
        symbolic : bool
            Whether to write f_k and W_k only, without widths and names of activations.

        Returns
        -------
        str
        """
        from fastjac import render

        return render.formula(self.layers, symbolic=symbolic, centered=self.center is not None)

    def diagram(self, style="auto", jacobian=True):
        """Picture of the network as SVG.

        Parameters
        ----------
        style : {"auto", "full", "compact"}
            Every neuron and connection, one box per layer, or the first where it is legible.
        jacobian : bool
            Whether the factors of the Jacobian stand under the layers.

        Returns
        -------
        str
        """
        from fastjac import render

        return render.diagram(self.layers, style=style, jacobian=jacobian)

    def export_c(self, path, name="net", dtype=None,
                 functions=("value", "jacobian", "value_and_jacobian", "jvp", "vjp")):
        """Write y = F(x) and J = D_L W_Lᵀ ⋯ D_1 W_1ᵀ as one C99 file that needs neither Python nor this library.

        The file holds the weights as exact literals and the steps of ``net.plan()`` as calls with constant
        sizes. Beside it a header (``.h``) and a Fortran module (``.f90``) are written; the header says how the
        functions ``NAME_value(x, y, work)``, ``NAME_jacobian(x, J, work)``, ... are called. CasADi's ``external``
        finds ``NAME``, ``jac_NAME``, ``fwd1_NAME`` and ``adj1_NAME`` in the compiled library.

        Parameters
        ----------
        path : str or path-like
            Of the C file, which ends in ``.c``. Files that exist are replaced, each as a whole.
        name : str
            With which all symbols begin, so that several networks can be linked into one program: a letter, then
            letters, digits and underscores; at most 32.
        dtype : {float32, float64}, optional
            In which the C file computes; the network's if not given.
        functions : sequence of str
            Some of "value", "jacobian", "value_and_jacobian", "jvp", "vjp". Those with a Jacobian also come with
            strides, as ``NAME_jacobian_strided``.

        Raises
        ------
        TypeError
            If `path`, `name`, `dtype` or `functions` is of another kind.
        ValueError
            If `path` does not end in ``.c``, `name` is no free identifier of C, a function is unknown, a weight is
            not finite in `dtype`, or the workspace would have 2³¹ numbers or more.
        OSError
            If a file cannot be written, or `path` is a directory.

        Notes
        -----
        The same network, name and functions give the same bytes. The C code uses no heap and no variables that
        outlive a call; the caller passes ``NAME_N_WORK`` numbers as a workspace. Results are within the same
        error bounds as those of the network, but not the same bits.

        Examples
        --------
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [3.0, 4.0]], None, "tanh")])
        >>> net.export_c("build/plant.c", name="plant")  # doctest: +SKIP
        """
        from fastjac.export.c import export_c

        export_c(self._in_dtype(dtype), path, name, functions)

    def save(self, path, /, **notes):
        """Write the network, so that `fastjac.load` makes one that gives the same bits.

        The file has the layout of safetensors: the weights are arrays that the package of that name reads, too,
        and a description of the layers stands in its metadata. Nothing in it is ever executed. It appears complete
        or not at all, and the same network and notes give the same bytes.

        Parameters
        ----------
        path : str or path-like
            Which ends in ``.safetensors``. A file that exists is replaced.
        **notes : str or sequence of str
            Kept beside the weights, for example ``description="..."``. Names and units of the network are notes,
            too: ``names_in=...`` writes others than its own.

        Raises
        ------
        TypeError
            If a note is not text.
        ValueError
            If `path` ends otherwise, ``names_in``, ``units_in``, ``names_out``, ``units_out`` do not have one entry
            per input or output, or layers and notes need more than 1 MiB to describe.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import fastjac as fj
        >>> net = fj.Network([([[1.0, 2.0], [3.0, 4.0]], None, "tanh")])
        >>> net.save("net.safetensors", units_in=["m", "s"])  # doctest: +SKIP
        """
        from fastjac import saving

        saving.save(self, path, notes)

    def _in_dtype(self, dtype):
        """The network in a dtype, or itself if that is None or its own."""
        if dtype is None or _as_dtype(dtype, self.layers) == self.dtype:
            return self
        return self._remade(dtype)

    def _split(self, s):
        """The networks of the layers up to s and of those after it, for `products`."""
        activity = self.activity if isinstance(self.activity, tuple) else (self.activity,) * len(self.layers)
        return tuple(
            Network(layers, dtype=self.dtype, engine=self.engine, activity=shares)
            for layers, shares in ((self.layers[:s], activity[:s]), (self.layers[s:], activity[s:]))
        )

    def __repr__(self):
        if self.dtype is None:
            return f"<{type(self).__name__} without layers: __init__ was not called>"
        from fastjac import render

        head = f"Network {'-'.join(map(str, self.widths))}, {self.dtype}, engine {self.engine}"
        return f"{head}\n{render.table(self.layers)}"

    def _repr_html_(self):
        from fastjac import render

        return render.html(self.layers)

    def _repr_latex_(self):
        return f"$${self.formula()}$$"

    def __reduce__(self):
        return _make_network, (
            PICKLE_VERSION, self.layers, self.dtype.name, self.engine, self.order, self.activity, None,
            {kind: getattr(self, kind) for kind in KINDS})

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def _make_network(version, layers, dtype, engine, order, activity=None, center=None, names=None):
    check_pickle_version(version)
    if center is not None:  # apart from the layers, in versions before 4
        layers = (Affine(center=center), *layers)
    return Network(layers, dtype=dtype, engine=engine, order=order, activity=activity, **(names or {}))


def _as_sequence(layers):
    if isinstance(layers, Layer):
        raise TypeError("layers: expected a sequence of layers, got a single Layer")
    try:
        return list(layers)
    except TypeError:
        raise TypeError(f"layers: expected a sequence of layers, got {type(layers).__name__}") from None


def _as_part(layer, k):
    if isinstance(layer, Layer | Elementwise | Affine | LayerNorm | Network):
        return layer
    if isinstance(layer, Residual | Concatenation):
        parts = [_as_part(part, f"{k}, {i} of the block") for i, part in enumerate(layer.layers, 1)]
        return Residual(parts, layer.skip) if layer.adds else Concatenation(parts, layer.last)
    if not (isinstance(layer, tuple) and 1 <= len(layer) <= 3):
        raise TypeError(
            f"layer {k}: expected a Layer, a Network or a tuple (W, b, activation), got {type(layer).__name__}")
    try:
        return Layer(*layer)
    except (TypeError, ValueError) as error:
        raise type(error)(f"layer {k}: {error}") from None


def _as_dtype(dtype, parts):
    if dtype is None:
        return dtype_of(parts)
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64) or not found.isnative:
        raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}")
    return found


def _layer_in(layer, dtype):
    """The layer with weights in a dtype, itself if they are."""
    arrays = layer.W, layer.b, layer.center
    if all(array is None or array.dtype == dtype for array in arrays):
        return layer
    with np.errstate(under="ignore"):  # a weight may be too small for float32: zero is right
        W, b, center = (None if array is None else array.astype(dtype) for array in arrays)
    made = Layer(W, b, layer.activation, n_carried=layer.n_carried, skips=layer.skips, **layer.parameters)
    if center is not None:
        center.flags.writeable = False
    return with_center(made, center)


def _columns(names):
    """The labels of a table that stands for its names, or the names themselves."""
    labels = labels_of(names)
    return names if labels is None else labels


def _as_std(std, names):
    std = as_real(std, "std", names)
    if not (np.isfinite(std).all() and np.all(std != 0)):
        raise ValueError(f"std: expected finite numbers other than zero, got {std}")
    return std


def _check_finite(arrays, dtype):
    """Raise if a number overflows in `dtype`; `arrays` are those that there are, by name, or None."""
    largest = np.finfo(dtype).max
    for name, array in arrays.items():
        if array is not None and np.abs(array).max() > largest:
            index = tuple(map(int, np.argwhere(np.abs(array) > largest)[0]))
            raise ValueError(
                f"{name}: expected numbers that are finite in {dtype}, "
                f"got {np.asarray(array)[index]} at index {index}"
            )
