"""Program: a network packed for one dtype, and the methods that evaluate it.

The only file where an ndarray becomes a pointer. A plain point (a contiguous vector of the
network's dtype) goes straight to the engine; everything else through fastjac._arguments.
"""

import math

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport uintptr_t

from fastjac import _arguments, _workers
from fastjac._blas cimport load_blas
from fastjac._engine_blas cimport (
    DIAGONAL, FORM, FORWARD, LOG_SOFTMAX, MEET, REVERSE, SOFTMAX, TRANSPOSE, UNIT,
    compute_jacobian, compute_value, layer_t, network_t, plan_t, pull_weights, push_direction, scatter,
    step_t, strides_t,
)
from fastjac.kernels.dispatch cimport current_kernels

from fastjac.kernels import dispatch
from fastjac.planning import TILE_NBYTES, make_plan

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum operation:
    VALUE, JACOBIAN, VALUE_AND_JACOBIAN, JVP, VJP

# Where one result of a batch goes. `data` is NULL where it is not asked for.
ctypedef struct target_t:
    char* data
    bint strided
    strides_t strides

# A batch: operands (n_points, n), contiguous, and targets.
ctypedef struct call_t:
    operation what
    const char* x
    const char* v
    target_t value
    target_t product

cdef enum:
    ALIGNMENT = 64
    # Workspaces up to this size stand on the stack.
    STACK_NBYTES = 16384

# Multiply-adds above which releasing the GIL for one point is worth its price: some microseconds.
cdef Py_ssize_t GIL_MULTIPLY_ADDS = 100_000
# Multiply-adds of a piece of a batch, after which signals are looked at: some milliseconds.
cdef Py_ssize_t PIECE_MULTIPLY_ADDS = 20_000_000

cdef object ONE = 1
cdef dict STEP_KINDS = {
    "form": FORM, "reverse": REVERSE, "forward": FORWARD, "meet": MEET, "transpose": TRANSPOSE,
}
cdef dict DERIVATIVE_KINDS = {"diagonal": DIAGONAL, "softmax": SOFTMAX, "log_softmax": LOG_SOFTMAX}


cdef class Program:
    """The base of Network: layers packed for one dtype, their plans, and the evaluation.

    Attributes
    ----------
    layers : tuple of Layer
    dtype : numpy.dtype
        float32 or float64.
    engine : str
        Which engine computes: "blas".
    order : str or tuple
        The order of products that was asked for.
    simd : str
        The build of the kernels.
    """

    cdef network_t net
    cdef plan_t point_plan
    cdef plan_t batch_plan
    cdef bint is_f64
    cdef int typenum
    cdef readonly tuple layers
    cdef readonly object dtype
    cdef readonly str engine
    cdef readonly object order
    cdef readonly str simd
    # Points of a tile where no plan is needed.
    cdef Py_ssize_t value_tile
    # NumPy arrays that the layers point into, and the plans as Python sees them.
    cdef list arrays
    cdef object python_plans
    cdef object __weakref__

    def __dealloc__(self):
        PyMem_RawFree(self.net.layers)
        PyMem_RawFree(self.point_plan.steps)
        PyMem_RawFree(self.batch_plan.steps)

    # ------------------------------------------------------------ packing

    def _pack(self, tuple layers, dtype, str engine, order):
        """Copy what the layers hold into the form that the engine reads. Called once, by Network."""
        cdef Py_ssize_t k, n_values = 0
        cdef layer_t* packed
        if self.net.n_layers:
            raise RuntimeError("a Network is immutable: __init__ was called a second time")
        load_blas()
        self.dtype = np.dtype(dtype)
        self.is_f64 = self.dtype == np.float64
        self.typenum = cnp.NPY_DOUBLE if self.is_f64 else cnp.NPY_FLOAT
        self.engine, self.order, self.layers, self.arrays = engine, order, layers, []
        self.simd = dispatch.simd_level()
        self.net.kernels = current_kernels()
        PyMem_RawFree(self.net.layers)
        self.net.layers = <layer_t*>PyMem_RawCalloc(len(layers), sizeof(layer_t))
        if self.net.layers == NULL:
            raise MemoryError(f"no room for {len(layers)} layers")
        codes = dispatch.load(self.simd).activations
        self.net.max_width = layers[0].n_in
        for k in range(len(layers)):
            layer, packed = layers[k], self.net.layers + k
            packed.n_in, packed.n_out = layer.n_in, layer.n_out
            kernel, kind, parameters = layer.kernel
            packed.activation = codes.index(kernel)
            packed.has_parameters = len(parameters) > 0
            packed.derivative = UNIT if kernel == "identity" else DERIVATIVE_KINDS[kind]
            packed.W = self.keep(layer.W)
            packed.Wt = self.keep(layer.W.T)
            packed.b = self.keep(np.zeros(layer.n_out) if layer.b is None else layer.b)
            packed.p = self.keep(parameters)
            packed.d_offset = n_values
            n_values += layer.n_out
            self.net.max_width = max(self.net.max_width, packed.n_out)
        self.net.n_values = n_values + 2 * self.net.max_width
        self.value_tile = max(1, TILE_NBYTES // (self.net.n_values * self.dtype.itemsize))
        self.net.n_layers = len(layers)

    cdef const void* keep(self, array) except? NULL:
        array = np.ascontiguousarray(array, self.dtype)
        self.arrays.append(array)
        return cnp.PyArray_DATA(<cnp.ndarray>array)

    cdef int prepare_plans(self) except -1:
        """Make the two plans, when the first Jacobian is asked for."""
        plans = [
            make_plan(self.widths, batch=batch, order=self.order, itemsize=self.dtype.itemsize,
                      engine=self.engine)
            for batch in (False, True)
        ]
        self.pack_plan(plans[0], &self.point_plan)
        self.pack_plan(plans[1], &self.batch_plan)
        self.python_plans = plans
        return 0

    cdef int pack_plan(self, plan, plan_t* packed) except -1:
        cdef Py_ssize_t i, offset = self.net.n_values
        cdef step_t* step
        offsets = []
        for size in plan.slots:
            offsets.append(offset)
            offset += size
        # Slot −1 is the result, and Python's last index.
        offsets.append(-1)
        PyMem_RawFree(packed.steps)
        packed.steps = <step_t*>PyMem_RawMalloc(len(plan.steps) * sizeof(step_t))
        if packed.steps == NULL:
            raise MemoryError(f"no room for a plan of {len(plan.steps)} steps")
        for i in range(len(plan.steps)):
            source, step = plan.steps[i], packed.steps + i
            step.kind = STEP_KINDS[source.kind]
            step.layer = max(0, source.layer)
            step.n_rows, step.n_inner, step.n_cols = source.n_rows, source.n_inner, source.n_cols
            step.left, step.right, step.out = (
                offsets[source.left], offsets[source.right], offsets[source.out])
            step.left_transposed = source.left_transposed
            step.right_transposed = source.right_transposed
            step.out_transposed = source.out_transposed
        packed.n_steps = len(plan.steps)
        packed.n_points = plan.n_points_per_tile
        packed.n_elements = offset
        return 0

    cdef inline int require_ready(self) except -1:
        if self.net.n_layers == 0:
            raise RuntimeError(f"{type(self).__name__}.__init__ was not called")
        return 0

    # ------------------------------------------------------------ what it is

    @property
    def n_in(self):
        """Number of inputs, n_0."""
        self.require_ready()
        return self.net.layers[0].n_in

    @property
    def n_out(self):
        """Number of outputs, n_L."""
        self.require_ready()
        return self.net.layers[self.net.n_layers - 1].n_out

    @property
    def widths(self):
        """(n_0, …, n_L)."""
        self.require_ready()
        return (self.n_in, *[layer.n_out for layer in self.layers])

    def plan(self, n_points=1):
        """How the Jacobian of `n_points` points is computed.

        Parameters
        ----------
        n_points : int
            One point has a plan of its own; every larger number shares the plan of batches.

        Returns
        -------
        Plan
            Prints the bracketing, its steps and the multiply-adds of each order.
        """
        self.require_ready()
        if n_points < 1:
            raise ValueError(f"n_points: expected a positive number, got {n_points}")
        if self.python_plans is None:
            self.prepare_plans()
        return self.python_plans[n_points > 1]

    # ------------------------------------------------------------ evaluation

    def __call__(self, x, *, out=None, workers=1):
        """Value y = F(x).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points, in the units that the network was trained with.
        out : ndarray of shape (..., n_out), optional
            Takes the result: of the network's dtype, with any strides.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        y : ndarray, shape (..., n_out)
            In the network's dtype, C-ordered; or `out`.

        Raises
        ------
        TypeError
            If `x` is not real (bool, complex, str, object), is masked or has more than double
            precision; if `out` has another dtype.
        ValueError
            If the last dimension of `x` is not n_in; if `out` has another shape, is read-only or
            overlaps itself.
        MemoryError
            If there is no room for the result.
        """
        cdef cnp.ndarray y
        if out is None and workers is ONE and self.is_plain_point(x):
            y = self.new_vector(self.net.layers[self.net.n_layers - 1].n_out)
            self.compute_point(VALUE, <cnp.ndarray>x, cnp.PyArray_DATA(y), NULL)
            return y
        return self.evaluate(VALUE, x, None, out, workers)

    def jacobian(self, x, *, out=None, workers=1):
        """Jacobian J[i, j] = ∂F_i/∂x_j = (D_L W_Lᵀ ⋯ D_1 W_1ᵀ)[i, j], with D_k = diag(f_k'(h_k)).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points.
        out : ndarray of shape (..., n_out, n_in), optional
            Takes the result: of the network's dtype, with any strides.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        J : ndarray, shape (..., n_out, n_in)
            In units of output i per unit of input j, in the network's dtype, C-ordered; or `out`.
            At a kink of an activation the derivative is the one that ``fastjac.ACTIVATIONS`` states.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for a call of the network.
        """
        cdef cnp.ndarray J
        if out is None and workers is ONE and self.is_plain_point(x):
            J = self.new_matrix()
            self.compute_point(JACOBIAN, <cnp.ndarray>x, NULL, cnp.PyArray_DATA(J))
            return J
        return self.evaluate(JACOBIAN, x, None, out, workers)

    def value_and_jacobian(self, x, *, out=None, workers=1):
        """Value y = F(x) and Jacobian J[i, j] = ∂F_i/∂x_j in one pass.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points.
        out : tuple of two ndarrays, optional
            (y, J), of shapes (..., n_out) and (..., n_out, n_in), in the network's dtype, with any
            strides; they may not overlap.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        y : ndarray, shape (..., n_out)
        J : ndarray, shape (..., n_out, n_in)
            In units of output i per unit of input j. Both C-ordered in the network's dtype; or `out`.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for a call of the network.
        """
        cdef cnp.ndarray y, J
        if out is None and workers is ONE and self.is_plain_point(x):
            y = self.new_vector(self.net.layers[self.net.n_layers - 1].n_out)
            J = self.new_matrix()
            self.compute_point(VALUE_AND_JACOBIAN, <cnp.ndarray>x, cnp.PyArray_DATA(y), cnp.PyArray_DATA(J))
            return y, J
        return self.evaluate(VALUE_AND_JACOBIAN, x, None, out, workers)

    def jvp(self, x, v, *, out=None, workers=1):
        """Jacobian-vector product u = J(x) v; J is never formed.

        Parameters
        ----------
        x, v : array_like, shape (..., n_in)
            Points and directions; their leading dimensions broadcast.
        out : ndarray of shape (..., n_out), optional
            Takes the result: of the network's dtype, with any strides.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        u : ndarray, shape (..., n_out)
            The change of y for a change v of x, in the units of y.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for a call of the network.
        """
        return self.evaluate(JVP, x, v, out, workers)

    def vjp(self, x, w, *, out=None, workers=1):
        """Vector-Jacobian product g = J(x)ᵀ w; J is never formed.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points.
        w : array_like, shape (..., n_out)
            Weights of the outputs; the leading dimensions of x and w broadcast.
        out : ndarray of shape (..., n_in), optional
            Takes the result: of the network's dtype, with any strides.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        g : ndarray, shape (..., n_in)
            The gradient of w · F(x) with respect to x.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for a call of the network.
        """
        return self.evaluate(VJP, x, w, out, workers)

    # ------------------------------------------------------------ one point

    cdef inline bint is_plain_point(self, x) noexcept:
        """Whether `x` is a vector that the engine can read as it is."""
        return (
            cnp.PyArray_CheckExact(x)
            and cnp.PyArray_NDIM(<cnp.ndarray>x) == 1
            and cnp.PyArray_TYPE(<cnp.ndarray>x) == self.typenum
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>x)
            and self.net.n_layers > 0
            and cnp.PyArray_DIM(<cnp.ndarray>x, 0) == self.net.layers[0].n_in
        )

    cdef inline cnp.ndarray new_vector(self, cnp.npy_intp n):
        return cnp.PyArray_EMPTY(1, &n, self.typenum, 0)

    cdef inline cnp.ndarray new_matrix(self):
        cdef cnp.npy_intp shape[2]
        shape[0] = self.net.layers[self.net.n_layers - 1].n_out
        shape[1] = self.net.layers[0].n_in
        return cnp.PyArray_EMPTY(2, shape, self.typenum, 0)

    cdef int compute_point(self, operation what, cnp.ndarray x, void* y, void* J) except -1:
        """Value and Jacobian of one plain point; `y` or `J` may be NULL."""
        cdef call_t call
        cdef Py_ssize_t nbytes
        cdef void* workspace
        if needs_plan(what) and self.python_plans is None:
            self.prepare_plans()
        set_call(&call, what, x, None)
        call.value.data, call.product.data = <char*>y, <char*>J
        nbytes = workspace_nbytes(&self.net, &self.point_plan, &call, 1, self.is_f64)
        if nbytes <= STACK_NBYTES:
            run_on_stack(&self.net, &self.point_plan, &call, self.is_f64)
            return 0
        workspace = PyMem_RawMalloc(nbytes)
        if workspace == NULL:
            raise MemoryError(f"no room for a workspace of {nbytes:,} bytes")
        if multiply_adds(&self.net, &self.point_plan, what) < GIL_MULTIPLY_ADDS:
            run_tile(&self.net, &self.point_plan, &call, 0, 1, workspace, self.is_f64)
        else:
            with nogil:
                run_tile(&self.net, &self.point_plan, &call, 0, 1, workspace, self.is_f64)
        PyMem_RawFree(workspace)
        return 0

    # ------------------------------------------------------------ everything else

    cdef evaluate(self, operation what, x, v, out, workers):
        """Any operation on any points: check, convert, allocate, run."""
        cdef Batch batch
        cdef Py_ssize_t n_points, tile, piece
        self.require_ready()
        if needs_plan(what) and self.python_plans is None:
            self.prepare_plans()
        n_in, n_out = self.n_in, self.n_out
        n_workers = _arguments.n_workers(workers)
        x = _arguments.as_points(x, n_in, "x")
        leading = x.shape[:-1]
        if v is not None:
            v = _arguments.as_points(v, *((n_in, "v") if what == JVP else (n_out, "w")))
            leading = _arguments.broadcast_leading(x, v, "v" if what == JVP else "w")
        results = self.results(what, leading, out)
        x = _arguments.contiguous(x, leading, self.dtype, results)
        if v is not None:
            v = _arguments.contiguous(v, leading, self.dtype, results)

        # A result that the engine cannot address in place is computed aside and copied at the end.
        n_leading = len(leading)
        written = [
            result if _arguments.element_strides(result, n_leading) else np.empty(result.shape, self.dtype)
            for result in results
        ]
        batch = Batch.__new__(Batch)
        batch.program = self
        batch.keep_alive = (x, v, written)
        set_call(&batch.call, what, x, v)
        if what == VALUE or what == VALUE_AND_JACOBIAN:
            set_target(&batch.call.value, written[0], n_leading)
        if what != VALUE:
            set_target(&batch.call.product, written[len(written) - 1], n_leading)

        n_points = math.prod(leading)
        batch.plan = &self.point_plan if n_points == 1 else &self.batch_plan
        tile = batch.plan.n_points if needs_plan(what) else self.value_tile
        batch.tile = max(1, min(tile, -(-n_points // n_workers)))
        piece = PIECE_MULTIPLY_ADDS // multiply_adds(&self.net, batch.plan, what)
        if n_workers > 1:
            piece = min(piece, -(-n_points // (4 * n_workers)))
        piece = max(1, piece // batch.tile) * batch.tile
        _workers.run(batch.run, n_points, piece, n_workers)
        for result, computed in zip(results, written):
            if computed is not result:
                result[...] = computed
        return tuple(results) if len(results) == 2 else results[0]

    cdef results(self, operation what, tuple leading, out):
        """The arrays that take the results: those of `out`, checked, or new ones."""
        shapes = {
            VALUE: [(self.n_out,)],
            JACOBIAN: [(self.n_out, self.n_in)],
            VALUE_AND_JACOBIAN: [(self.n_out,), (self.n_out, self.n_in)],
            JVP: [(self.n_out,)],
            VJP: [(self.n_in,)],
        }[what]
        if out is None:
            return [_arguments.new_result(leading + shape, self.dtype) for shape in shapes]
        if what != VALUE_AND_JACOBIAN:
            _arguments.check_result(out, leading + shapes[0], self.dtype, "out")
            return [out]
        if not (isinstance(out, tuple) and len(out) == 2):
            raise TypeError(f"out: expected a tuple (y, J) of two arrays, got {type(out).__name__}")
        for name, shape, array in zip(("out[0]", "out[1]"), shapes, out):
            _arguments.check_result(array, leading + shape, self.dtype, name)
        if np.may_share_memory(*out):
            raise ValueError("out: expected two arrays apart from each other, got two that overlap")
        return list(out)


@cython.final
cdef class Batch:
    """The points of one call, for the threads that share them."""

    cdef Program program
    cdef const plan_t* plan
    cdef call_t call
    cdef Py_ssize_t tile
    cdef object keep_alive

    def run(self, Py_ssize_t first, Py_ssize_t stop):
        """Compute the points from `first` up to `stop`, tile by tile, without the GIL."""
        cdef const network_t* net = &self.program.net
        cdef bint is_f64 = self.program.is_f64
        cdef Py_ssize_t nbytes = workspace_nbytes(net, self.plan, &self.call, self.tile, is_f64)
        cdef void* workspace = PyMem_RawMalloc(nbytes)
        if workspace == NULL:
            raise MemoryError(f"no room for a workspace of {nbytes:,} bytes")
        with nogil:
            while first < stop:
                run_tile(net, self.plan, &self.call, first, min(self.tile, stop - first), workspace, is_f64)
                first += self.tile
        PyMem_RawFree(workspace)


cdef inline bint needs_plan(operation what) noexcept nogil:
    return what == JACOBIAN or what == VALUE_AND_JACOBIAN


cdef int set_call(call_t* call, operation what, x, v) except -1:
    call.what = what
    call.x = <const char*>cnp.PyArray_DATA(<cnp.ndarray>x)
    call.v = NULL if v is None else <const char*>cnp.PyArray_DATA(<cnp.ndarray>v)
    call.value.data = call.product.data = NULL
    call.value.strided = call.product.strided = False
    return 0


cdef int set_target(target_t* target, result, Py_ssize_t n_leading) except -1:
    """Let the results go to `result`, whose strides _arguments.element_strides can tell."""
    strides = _arguments.element_strides(result, n_leading)
    target.data = <char*>cnp.PyArray_DATA(<cnp.ndarray>result)
    target.strided = not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>result)
    target.strides.point = strides[0]
    target.strides.row = strides[1] if len(strides) == 3 else 0
    target.strides.col = strides[len(strides) - 1]
    return 0


cdef Py_ssize_t multiply_adds(const network_t* net, const plan_t* plan, operation what) noexcept nogil:
    """Multiply-adds of one point, at least 1."""
    cdef Py_ssize_t i, n = 1
    for i in range(net.n_layers):
        n += net.layers[i].n_in * net.layers[i].n_out * (1 if what == VALUE or needs_plan(what) else 2)
    if needs_plan(what):
        for i in range(plan.n_steps):
            n += plan.steps[i].n_rows * max(1, plan.steps[i].n_inner) * plan.steps[i].n_cols
    return n


# ---------------------------------------------------------------- tiles
#
# Behind what the engine needs, the workspace has room for the results of the tile: the value, which
# the engine always computes, and the product, where it is not written straight to its target.


cdef Py_ssize_t n_workspace_elements(const network_t* net, const plan_t* plan, operation what) noexcept nogil:
    return plan.n_elements if needs_plan(what) else net.n_values


cdef Py_ssize_t n_product_elements(const network_t* net, operation what) noexcept nogil:
    cdef Py_ssize_t n_in = net.layers[0].n_in, n_out = net.layers[net.n_layers - 1].n_out
    if what == VALUE:
        return 0
    return n_in * n_out if needs_plan(what) else (n_out if what == JVP else n_in)


cdef Py_ssize_t workspace_nbytes(const network_t* net, const plan_t* plan, const call_t* call,
                                 Py_ssize_t n_points, bint is_f64) noexcept nogil:
    cdef Py_ssize_t n = n_workspace_elements(net, plan, call.what)
    n += net.layers[net.n_layers - 1].n_out
    if call.product.strided:
        n += n_product_elements(net, call.what)
    return n_points * n * (8 if is_f64 else 4) + ALIGNMENT


cdef void run_on_stack(const network_t* net, const plan_t* plan, const call_t* call,
                       bint is_f64) noexcept nogil:
    cdef char workspace[STACK_NBYTES]
    run_tile(net, plan, call, 0, 1, workspace, is_f64)


cdef void run_tile(const network_t* net, const plan_t* plan, const call_t* call, Py_ssize_t first,
                   Py_ssize_t n_points, void* workspace, bint is_f64) noexcept nogil:
    """Compute `n_points` points from the point `first` on."""
    cdef uintptr_t aligned = (<uintptr_t>workspace + ALIGNMENT - 1) & ~<uintptr_t>(ALIGNMENT - 1)
    if is_f64:
        run_typed_tile(net, plan, call, first, n_points, <double*>aligned)
    else:
        run_typed_tile(net, plan, call, first, n_points, <float*>aligned)


cdef void run_typed_tile(const network_t* net, const plan_t* plan, const call_t* call, Py_ssize_t first,
                         Py_ssize_t n_points, real* workspace) noexcept nogil:
    cdef Py_ssize_t n_in = net.layers[0].n_in, n_out = net.layers[net.n_layers - 1].n_out
    cdef Py_ssize_t n_product = n_product_elements(net, call.what)
    cdef const real* x = <const real*>call.x + first * n_in
    cdef const real* v = <const real*>call.v
    cdef real* spare_value = workspace + n_workspace_elements(net, plan, call.what) * n_points
    cdef real* spare_product = spare_value + n_out * n_points
    cdef real* y = spare_value
    cdef real* product = spare_product
    if call.value.data != NULL and not call.value.strided:
        y = <real*>call.value.data + first * n_out
    if call.product.data != NULL and not call.product.strided:
        product = <real*>call.product.data + first * n_product

    compute_value(net, n_points, x, workspace, y)
    if needs_plan(call.what):
        compute_jacobian(net, plan, n_points, workspace, product)
    elif call.what == JVP:
        push_direction(net, n_points, v + first * n_in, workspace, product)
    elif call.what == VJP:
        pull_weights(net, n_points, v + first * n_out, workspace, product)

    if call.value.strided:
        scatter(net, n_points, y, 1, n_out, call.value.strides,
                <real*>call.value.data + first * call.value.strides.point)
    if call.product.strided:
        scatter(net, n_points, product, n_out if needs_plan(call.what) else 1,
                n_out if call.what == JVP else n_in, call.product.strides,
                <real*>call.product.data + first * call.product.strides.point)
