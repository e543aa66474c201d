"""Program: the methods that evaluate a packed network.

The only file where an ndarray becomes a pointer. A plain point (a contiguous vector of the
network's dtype) goes straight to the engine; everything else through fastjac._arguments.
"""

import math

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

from fastjac import _arguments, _workers
from fastjac._handle cimport program_t
from fastjac._packed cimport Packed
from fastjac._tiles cimport (
    JACOBIAN, JVP, STACK_NBYTES, VALUE, VALUE_AND_JACOBIAN, VJP, call_t, needs_plan, operation, run_tiles,
    run_tiles_on_stack, target_t, workspace_nbytes,
)
from fastjac.kernels.api cimport plan_t

cnp.import_array()

# Multiply-adds above which releasing the GIL is worth its price: some microseconds.
cdef Py_ssize_t GIL_MULTIPLY_ADDS = 100_000
# Multiply-adds of a piece of a batch, after which signals are looked at: some milliseconds.
cdef Py_ssize_t PIECE_MULTIPLY_ADDS = 20_000_000

cdef enum:
    # Pieces of a batch for each of several workers: the more, the less they wait for the last one.
    PIECES_PER_WORKER = 16
    # Choices of inputs and outputs that a network keeps ready.
    MOST_PARTS = 32
    # Most dimensions that NumPy has had (64 since 2.0), and one more for the Jacobian.
    MAX_NDIM = 64

cdef object ONE = 1


cdef class Program(Packed):
    """The base of Network: layers packed for one dtype, their plans, and the evaluation.

    Attributes
    ----------
    layers : tuple of Layer
    dtype : numpy.dtype
        float32 or float64.
    engine : str
        Which engine computes: "packed" or "blas".
    order : str or tuple
        The order of products that was asked for.
    activity : None, float or tuple
        The share of active units that was stated.
    names_in, names_wrt, names_out, units_in, units_out : tuple or None
        What the inputs of a point, the columns of J and the outputs are called; their units.
    simd : str
        The build of the kernels.
    """

    # ------------------------------------------------------------ selected inputs and outputs

    cdef part(self, wrt, outputs):
        """The program for `wrt=` and `outputs=`; the last few are kept."""
        self.require_ready()
        key = _arguments.index_key(wrt, "wrt"), _arguments.index_key(outputs, "outputs")
        if self.parts is None or len(self.parts) >= MOST_PARTS:
            self.parts = {}
        try:
            return self.parts[key]
        except KeyError:
            part = Program.__new__(Program)
            (<Program>part)._select(self, wrt, outputs)
            self.parts[key] = part
            return part

    # ------------------------------------------------------------ evaluation

    def __call__(self, x, *, out=None, workers=1):
        """Value y = F(x).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points, in the units that the network was trained with. Of a network that has ``names_in``, a table
            is taken by the names of its columns.
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
        if self.is_plain_call(VALUE, x, None, out, workers):
            return self.compute_plain(VALUE, x, None, out)
        return self.evaluate(VALUE, x, None, out, workers)

    def jacobian(self, x, *, wrt=None, outputs=None, out=None, workers=1):
        """Jacobian J[i, j] = ∂F_i/∂x_j = (D_L W_Lᵀ ⋯ D_1 W_1ᵀ)[i, j], with D_k = diag(f_k'(h_k)).

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points.
        wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
            Columns and rows of J that are wanted; the others are not computed. Where one choice is used
            often, `Network.select` makes an object of it.
        out : ndarray of shape (..., n_out, n_in), optional
            Takes the result: of the network's dtype, with any strides.
        workers : int
            Threads for a batch; −1 is all cores that the process may use.

        Returns
        -------
        J : ndarray, shape (..., n_out, n_in), or of as many rows and columns as are wanted
            In units of output i per unit of input j, in the network's dtype, C-ordered; or `out`.
            At a kink of an activation the derivative is the one that ``fastjac.ACTIVATIONS`` states.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for a call of the network.
        IndexError
            If `wrt` or `outputs` has the index of an input or output that does not exist.
        """
        if wrt is not None or outputs is not None:
            return self.part(wrt, outputs).jacobian(x, out=out, workers=workers)
        if self.is_plain_call(JACOBIAN, x, None, out, workers):
            return self.compute_plain(JACOBIAN, x, None, out)
        return self.evaluate(JACOBIAN, x, None, out, workers)

    def value_and_jacobian(self, x, *, wrt=None, outputs=None, out=None, workers=1):
        """Value y = F(x) and Jacobian J[i, j] = ∂F_i/∂x_j in one pass.

        Parameters
        ----------
        x : array_like, shape (..., n_in)
            Points.
        wrt, outputs : slice, sequence of int or of names, or mask of bool, optional
            Inputs by which J is wanted, and the outputs of which y and J are.
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
        IndexError
            If `wrt` or `outputs` has the index of an input or output that does not exist.
        """
        if wrt is not None or outputs is not None:
            return self.part(wrt, outputs).value_and_jacobian(x, out=out, workers=workers)
        if self.is_plain_call(VALUE_AND_JACOBIAN, x, None, out, workers):
            return self.compute_plain(VALUE_AND_JACOBIAN, x, None, out)
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
        if v is not None and self.is_plain_call(JVP, x, v, out, workers):
            return self.compute_plain(JVP, x, v, out)
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
        if w is not None and self.is_plain_call(VJP, x, w, out, workers):
            return self.compute_plain(VJP, x, w, out)
        return self.evaluate(VJP, x, w, out, workers)

    # ------------------------------------------------------------ plain points
    #
    # Contiguous arrays of the network's dtype, few enough to need neither threads nor a look at
    # signals, go to the engine from here, without a detour through Python.

    cdef inline bint is_plain(self, x, Py_ssize_t n) noexcept:
        """Whether `x` is an array (..., n) that the engine can read as it is."""
        return (
            cnp.PyArray_CheckExact(x)
            and cnp.PyArray_NDIM(<cnp.ndarray>x) > 0
            and cnp.PyArray_TYPE(<cnp.ndarray>x) == self.typenum
            and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>x)
            and cnp.PyArray_DIM(<cnp.ndarray>x, cnp.PyArray_NDIM(<cnp.ndarray>x) - 1) == n
        )

    cdef inline bint is_plain_call(self, operation what, x, v, out, workers) except -1:
        cdef Py_ssize_t n_points
        if workers is not ONE or not self.is_ready:
            return False
        if not self.is_plain(x, self.program.n_in):
            return False
        if needs_plan(what) and self.python_plans is None:
            self.prepare_plans()
        if v is not None:
            if not self.is_plain(v, self.program.n_wrt if what == JVP else self.program.n_out):
                return False
            if cnp.PyArray_NDIM(<cnp.ndarray>x) != cnp.PyArray_NDIM(<cnp.ndarray>v):
                return False
            if not same_dimensions(<cnp.ndarray>x, <cnp.ndarray>v, cnp.PyArray_NDIM(<cnp.ndarray>x) - 1):
                return False
        if out is not None and not self.is_plain_out(what, x, v, out):
            return False
        n_points = cnp.PyArray_SIZE(<cnp.ndarray>x) // self.program.n_in
        return n_points == 1 or 0 < n_points <= PIECE_MULTIPLY_ADDS // self.costs[<int>what]

    cdef bint is_plain_out(self, operation what, x, v, out) noexcept:
        """Whether `out` is what the operation would allocate, apart from its arguments."""
        if what != VALUE_AND_JACOBIAN:
            return self.is_plain_result(needs_plan(what), what == VJP, x, v, out)
        if type(out) is not tuple or PyTuple_GET_SIZE(out) != 2:
            return False
        y, J = <object>PyTuple_GET_ITEM(out, 0), <object>PyTuple_GET_ITEM(out, 1)
        return (
            self.is_plain_result(False, False, x, v, y)
            and self.is_plain_result(True, False, x, v, J)
            and not may_overlap(<cnp.ndarray>y, <cnp.ndarray>J)
        )

    cdef bint is_plain_result(self, bint is_matrix, bint by_input, cnp.ndarray x, v, out) noexcept:
        """Whether `out` is an array (..., n_L), (..., n_L, n_0) or (..., n_0) that can be written as it is."""
        cdef Py_ssize_t n = self.program.n_wrt if is_matrix or by_input else self.program.n_out
        cdef int n_leading = cnp.PyArray_NDIM(x) - 1
        return (
            self.is_plain(out, n)
            and cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out)
            and cnp.PyArray_NDIM(<cnp.ndarray>out) == n_leading + 1 + is_matrix
            and same_dimensions(x, <cnp.ndarray>out, n_leading)
            and (not is_matrix or cnp.PyArray_DIM(<cnp.ndarray>out, n_leading) == self.program.n_out)
            and not may_overlap(x, <cnp.ndarray>out)
            and (v is None or not may_overlap(<cnp.ndarray>v, <cnp.ndarray>out))
        )

    cdef inline cnp.ndarray new_result(self, cnp.ndarray x, int n_core, Py_ssize_t n_rows, Py_ssize_t n_cols):
        """An array of the leading shape of `x` and the core shape (n_cols,) or (n_rows, n_cols)."""
        cdef cnp.npy_intp shape[MAX_NDIM + 1]
        cdef int i, n_leading = cnp.PyArray_NDIM(x) - 1
        for i in range(n_leading):
            shape[i] = cnp.PyArray_DIM(x, i)
        shape[n_leading] = n_rows
        shape[n_leading + n_core - 1] = n_cols
        return cnp.PyArray_EMPTY(n_leading + n_core, shape, self.typenum, 0)

    cdef compute_plain(self, operation what, x, v, out):
        """Compute into `out`, or into new arrays where it is None, and return them."""
        cdef Py_ssize_t n_wrt = self.program.n_wrt, n_out = self.program.n_out
        if what == VALUE_AND_JACOBIAN:
            if out is None:
                out = self.new_result(x, 1, 0, n_out), self.new_result(x, 2, n_out, n_wrt)
            self.run_plain(what, x, v, <object>PyTuple_GET_ITEM(out, 0), <object>PyTuple_GET_ITEM(out, 1))
            return out
        if out is None:
            if what == JACOBIAN:
                out = self.new_result(x, 2, n_out, n_wrt)
            else:
                out = self.new_result(x, 1, 0, n_wrt if what == VJP else n_out)
        if what == VALUE:
            self.run_plain(what, x, v, out, None)
        else:
            self.run_plain(what, x, v, None, out)
        return out

    cdef int run_plain(self, operation what, x, v, value, product) except -1:
        """Compute into `value` and `product`, either of which may be None."""
        cdef call_t call
        cdef Py_ssize_t nbytes, tile, n_points = cnp.PyArray_SIZE(<cnp.ndarray>x) // self.program.n_in
        cdef const program_t* program = self.program
        cdef const plan_t* plan = &program.point_plan if n_points == 1 else &program.batch_plan
        cdef Workspace workspace
        set_call(&call, what, x, v)
        if value is not None:
            call.value.data = <char*>cnp.PyArray_DATA(<cnp.ndarray>value)
        if product is not None:
            call.product.data = <char*>cnp.PyArray_DATA(<cnp.ndarray>product)
        tile = min(n_points, plan.n_points if needs_plan(what) else program.value_tile)
        nbytes = workspace_nbytes(program, plan, &call, tile)
        if nbytes <= STACK_NBYTES and tile == n_points:
            run_tiles_on_stack(program, plan, &call, n_points)
            return self.raise_errors() if self.callables else 0
        workspace = Workspace(nbytes)
        if self.costs[<int>what] < GIL_MULTIPLY_ADDS // n_points:
            run_tiles(program, plan, &call, 0, n_points, tile, workspace.data)
        else:
            with nogil:
                run_tiles(program, plan, &call, 0, n_points, tile, workspace.data)
        return self.raise_errors() if self.callables else 0

    cdef int raise_errors(self) except -1:
        """Raise what an activation in Python has raised."""
        for custom in self.callables:
            custom.raise_error()
        return 0

    # ------------------------------------------------------------ everything else

    cdef evaluate(self, operation what, x, v, out, workers):
        """Any operation on any points: check, convert, allocate, run."""
        cdef Batch batch
        cdef Py_ssize_t n_points, tile, piece
        self.require_ready()
        if needs_plan(what) and self.python_plans is None:
            self.prepare_plans()
        n_wrt, n_out = self.program.n_wrt, self.program.n_out
        n_workers = _arguments.n_workers(workers)
        x = _arguments.as_points(x, self.program.n_in, "x", self.names_in)
        leading = x.shape[:-1]
        if what == JVP or what == VJP:
            v = _arguments.as_points(
                v, *((n_wrt, "v", self.names_wrt) if what == JVP else (n_out, "w", self.names_out)))
            leading = _arguments.broadcast_leading(x, v, "v" if what == JVP else "w")
        results = self.results(what, leading, out)
        x = _arguments.contiguous(x, leading, self.dtype, results)
        if v is not None:
            v = _arguments.contiguous(v, leading, self.dtype, results)

        # A result that the engine cannot address in place is computed aside and copied at the end.
        n_leading = len(leading)
        written = []
        for result in results:
            in_place = _arguments.element_strides(result, n_leading)
            written.append(result if in_place else np.empty(result.shape, self.dtype))
        batch = Batch.__new__(Batch)
        batch.program, batch.idle = self, []
        batch.keep_alive = (x, v, written)
        set_call(&batch.call, what, x, v)
        if what == VALUE or what == VALUE_AND_JACOBIAN:
            set_target(&batch.call.value, written[0], n_leading)
        if what != VALUE:
            set_target(&batch.call.product, written[len(written) - 1], n_leading)

        n_points = math.prod(leading)
        batch.plan = &self.program.point_plan if n_points == 1 else &self.program.batch_plan
        tile = batch.plan.n_points if needs_plan(what) else self.program.value_tile
        batch.tile = max(1, min(tile, -(-n_points // n_workers)))
        piece = PIECE_MULTIPLY_ADDS // self.costs[<int>what]
        if n_workers > 1:
            piece = min(piece, -(-n_points // (PIECES_PER_WORKER * n_workers)))
        piece = max(1, piece // batch.tile) * batch.tile
        _workers.run(batch.run, n_points, piece, n_workers)
        self.raise_errors()
        for result, computed in zip(results, written):
            if computed is not result:
                result[...] = computed
        return tuple(results) if len(results) == 2 else results[0]

    cdef results(self, operation what, tuple leading, out):
        """The arrays that take the results: those of `out`, checked, or new ones."""
        n_wrt, n_out = self.program.n_wrt, self.program.n_out
        shapes = {
            VALUE: [(n_out,)],
            JACOBIAN: [(n_out, n_wrt)],
            VALUE_AND_JACOBIAN: [(n_out,), (n_out, n_wrt)],
            JVP: [(n_out,)],
            VJP: [(n_wrt,)],
        }[what]
        if out is None:
            # No comprehension: where its list finds no memory, Cython 3.3 releases the item twice.
            new = []
            for shape in shapes:
                new.append(_arguments.new_result(leading + shape, self.dtype))
            return new
        if what != VALUE_AND_JACOBIAN:
            _arguments.check_result(out, leading + shapes[0], self.dtype, "out")
            return [out]
        if not (isinstance(out, tuple) and len(out) == 2):
            raise TypeError(f"out: expected a tuple (y, J) of two arrays, got {type(out).__name__}")
        for name, shape, array in zip(("out[0]", "out[1]"), shapes, out):
            _arguments.check_result(array, leading + shape, self.dtype, name)
        if _arguments.share_elements(*out):
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
    cdef list idle

    def run(self, Py_ssize_t first, Py_ssize_t stop):
        """Compute the points from `first` up to `stop`, tile by tile, without the GIL."""
        cdef const program_t* program = self.program.program
        cdef Workspace workspace
        try:
            workspace = self.idle.pop()
        except IndexError:
            workspace = Workspace(workspace_nbytes(program, self.plan, &self.call, self.tile))
        with nogil:
            run_tiles(program, self.plan, &self.call, first, stop, self.tile, workspace.data)
        self.idle.append(workspace)


@cython.final
cdef class Workspace:
    """Memory for a tile; the threads of a batch use it in turn, each as long as it computes a piece."""

    cdef void* data

    def __cinit__(self, Py_ssize_t nbytes):
        self.data = PyMem_RawMalloc(nbytes)
        if self.data == NULL:
            raise MemoryError(f"no room for a workspace of {nbytes:,} bytes")

    def __dealloc__(self):
        PyMem_RawFree(self.data)


cdef bint may_overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two contiguous arrays share memory."""
    cdef const char* a_start = <const char*>cnp.PyArray_DATA(a)
    cdef const char* b_start = <const char*>cnp.PyArray_DATA(b)
    return a_start < b_start + cnp.PyArray_NBYTES(b) and b_start < a_start + cnp.PyArray_NBYTES(a)


cdef bint same_dimensions(cnp.ndarray a, cnp.ndarray b, int n) noexcept:
    """Whether the first n dimensions are equal."""
    cdef int i
    for i in range(n):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


cdef int set_call(call_t* call, operation what, x, v) except -1:
    call.what = what
    call.x = <const char*>cnp.PyArray_DATA(<cnp.ndarray>x)
    call.v = NULL
    if v is not None:
        call.v = <const char*>cnp.PyArray_DATA(<cnp.ndarray>v)
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
