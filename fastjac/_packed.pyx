"""Packed: a network in the form that the engines read, for one dtype, with its plans."""

from operator import attrgetter, index

import numpy as np

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.string cimport memcpy

from fastjac import _arguments, _names
from fastjac._blas cimport load_blas
from fastjac._custom cimport use_custom
from fastjac._handle cimport new_block, new_program, release, retain
from fastjac._tiles cimport JACOBIAN, JVP, VALUE, VALUE_AND_JACOBIAN, VJP, multiply_adds
from fastjac.cython_api cimport fj_table
from fastjac.kernels.api cimport (
    BLAS, DIAGONAL, FORM, FORWARD, LAYER_NORM, LOG_SOFTMAX, MEET, PACKED, REVERSE, RMS_NORM, SOFTMAX, TRANSPOSE,
    UNIT, skip_t, step_t,
)
from fastjac.kernels.dispatch cimport current_kernels

from fastjac.activations import ACTIVATIONS
from fastjac.kernels import dispatch
from fastjac.planning import TILE_NBYTES, as_activity, make_plan, n_value_elements, padded
from fastjac.skips import split_skips

cdef extern from "fastjac.h":
    const char* FJ_CAPSULE_NAME

cnp.import_array()

cdef dict STEP_KINDS = {
    "form": FORM, "reverse": REVERSE, "forward": FORWARD, "meet": MEET, "transpose": TRANSPOSE,
}
cdef dict DERIVATIVE_KINDS = {
    "diagonal": DIAGONAL, "softmax": SOFTMAX, "log_softmax": LOG_SOFTMAX, "rms_norm": RMS_NORM,
    "layer_norm": LAYER_NORM,
}


cdef class Packed:
    """The base of Program: layers packed for one dtype, and the plans of their Jacobian."""

    def __dealloc__(self):
        release(self.program)

    # ------------------------------------------------------------ packing

    def _pack(self, tuple layers, center, dtype, str engine, order, activity, dict names):
        """Copy what the layers hold into the form that the engine reads. Called once, by Network."""
        cdef Py_ssize_t k, n_values = 0
        cdef layer_t* packed
        cdef program_t* program = self.begin(layers, np.dtype(dtype), engine, order, activity)
        if engine == "blas":
            load_blas()
        self.simd = dispatch.simd_level()
        program.net.engine = PACKED if engine == "packed" else BLAS
        program.net.kernels = current_kernels()
        program.net.n_layers = len(layers)
        program.net.layers = <layer_t*>self.new_memory(len(layers) * sizeof(layer_t))
        codes = dispatch.load(self.simd).activations
        widths = [layers[0].n_in]
        for layer in layers:
            widths.append(layer.n_out)
        self.n_lanes = self.lanes()
        for k in range(len(layers)):
            layer, packed = layers[k], program.net.layers + k
            entry = ACTIVATIONS[layer.activation]
            if entry.custom is not None:
                use_custom(packed, entry.custom)
                if entry.custom.is_python:
                    self.callables.append(entry.custom)
            else:
                packed.activation = codes.index(layer.activation)
            packed.has_parameters = len(layer.parameter_rows) > 0
            packed.vanishes = entry.vanishes
            packed.n_active = layer.n_out - layer.n_carried
            packed.derivative = UNIT if layer.activation == "identity" else DERIVATIVE_KINDS[entry.kind]
            self.pack_weight(packed, layer.W, (0, 0) if layer.skips else None)
            packed.b = self.keep(np.zeros(layer.n_out) if layer.b is None else layer.b, self.n_lanes)
            packed.p = self.keep(layer.parameter_rows, 1)
            packed.d_offset = n_values
            n_values += packed.ld
        program.net.max_width = padded(max(widths), self.n_lanes)
        program.net.n_values = n_value_elements(widths, self.n_lanes)
        program.sweep = program.net
        if center is not None:
            program.center = self.keep(center, 1)
        self.center = center
        self.names_in = self.names_wrt = names["names_in"]
        self.names_out, self.units_in, self.units_out = names["names_out"], names["units_in"], names["units_out"]
        self.finish(tuple(widths), program.net.n_values)

    def _select(self, Packed base, wrt, outputs):
        """Become the outputs `outputs` of `base` as a function of its inputs `wrt`; None stands for all.

        Returns both as arrays of indices, or None.

        The layers are shared, but for the first, of which the rows `wrt` of W are taken, and the last: there
        the columns `outputs`. A dense derivative, as of softmax, needs all outputs; behind it a layer
        that picks some of them is added.
        """
        cdef Py_ssize_t i, n_layers
        cdef layer_t* layers
        cdef layer_t* last
        cdef Py_ssize_t* indices
        cdef program_t* program
        base.require_ready()
        if base.program.base != NULL:
            raise TypeError("network: expected a Network, got a Selection, whose inputs and outputs are chosen already")
        if wrt is not None:
            wrt = _arguments.as_index(wrt, base.n_in, "wrt", base.names_in)
        if outputs is not None:
            outputs = _arguments.as_index(outputs, base.n_out, "outputs", base.names_out)
        program = self.begin(base.layers, base.dtype, base.engine, base.order, base.activity)
        self.simd, self.n_lanes = base.simd, base.n_lanes
        retain(base.program)
        program.base = base.program
        program.net = program.sweep = base.program.net
        self.center, program.center, self.callables = base.center, base.program.center, base.callables
        self.names_in, self.names_wrt = base.names_in, _names.chosen(base.names_in, wrt)
        self.names_out = _names.chosen(base.names_out, outputs)
        self.units_in, self.units_out = base.units_in, _names.chosen(base.units_out, outputs)
        n_layers = program.net.n_layers
        last = base.program.net.layers + n_layers - 1
        picks = outputs is not None and last.derivative != UNIT and last.derivative != DIAGONAL
        program.sweep.n_layers = n_layers + picks
        program.sweep.layers = layers = <layer_t*>self.new_memory((n_layers + picks) * sizeof(layer_t))
        memcpy(layers, base.program.net.layers, n_layers * sizeof(layer_t))
        widths = list(base.widths)
        if wrt is not None:
            widths[0] = len(wrt)
        if outputs is not None:
            if picks:
                widths.append(len(outputs))
            widths[len(widths) - 1] = len(outputs)
            indices = <Py_ssize_t*>self.new_memory(len(outputs) * sizeof(Py_ssize_t))
            for i in range(len(outputs)):
                indices[i] = outputs[i]
            program.outputs = indices
        program.net.max_width = max(program.net.max_width, padded(max(widths), self.n_lanes))
        program.net.n_values += 3 * (program.net.max_width - program.sweep.max_width)
        program.sweep.max_width, program.sweep.n_values = program.net.max_width, program.net.n_values

        first_W, last_W = base.layers[0].W, base.layers[n_layers - 1].W
        if wrt is not None:
            first_W = first_W[wrt]
            if n_layers == 1:
                last_W = first_W
            corner = corner_of(base.program.net.layers, wrt, None)
            self.pack_weight(layers, first_W, corner)
        if picks:
            layers[n_layers].derivative = UNIT
            self.pack_weight(layers + n_layers, np.eye(last.n_out)[:, outputs], None)
        elif outputs is not None:
            corner = corner_of(last, wrt if n_layers == 1 else None, outputs)
            self.pack_weight(layers + n_layers - 1, last_W[:, outputs], corner)
            layers[n_layers - 1].d_offset = program.net.n_values
            program.gathers = last.derivative == DIAGONAL
        self.finish(tuple(widths), program.net.n_values + (layers[n_layers - 1].ld if program.gathers else 0))
        return wrt, outputs

    cdef program_t* begin(self, tuple layers, dtype, str engine, order, activity) except NULL:
        if self.is_ready:
            raise RuntimeError(f"a {type(self).__name__} is immutable: __init__ was called a second time")
        release(self.program)
        self.program = new_program()
        if self.program == NULL:
            raise MemoryError(f"no room for {len(layers)} layers")
        self.program.functions = fj_table()
        self.dtype = dtype
        self.program.is_f64 = dtype == np.float64
        self.typenum = cnp.NPY_DOUBLE if self.program.is_f64 else cnp.NPY_FLOAT
        self.python_layers, self.callables = layers, []
        self.engine, self.order, self.activity = engine, order, activity
        return self.program

    cdef int finish(self, tuple widths, Py_ssize_t n_values) except -1:
        """What follows from the packed layers; `widths` are those of the chain of products."""
        cdef program_t* program = self.program
        self.chain_widths = widths
        program.n_in = program.net.layers[0].n_in
        program.n_wrt, program.n_out = widths[0], widths[len(widths) - 1]
        program.n_values = n_values
        program.value_tile = max(1, TILE_NBYTES // (n_values * self.dtype.itemsize))
        self.costs[<int>VALUE] = multiply_adds(program, NULL, VALUE)
        self.costs[<int>JVP] = self.costs[<int>VJP] = multiply_adds(program, NULL, JVP)
        self.is_ready = True
        return 0

    cdef converted(self, array):
        """`array` C-contiguous and in the network's dtype."""
        # A weight may be too small for float32: zero is right, and NumPy need not say so.
        with np.errstate(under="ignore"):
            return np.ascontiguousarray(array, self.dtype)

    cdef void* new_memory(self, size_t nbytes) except NULL:
        """Zeros that live as long as the program, on a boundary of a vector."""
        cdef void* memory = new_block(self.program, nbytes)
        if memory == NULL:
            raise MemoryError(f"no room for {nbytes:,} bytes of weights")
        return memory

    cdef const void* keep(self, array, Py_ssize_t n_lanes) except? NULL:
        """A copy with rows padded by zeros to a multiple of `n_lanes`; a vector is one row."""
        cdef cnp.ndarray source = np.atleast_2d(self.converted(array))
        cdef Py_ssize_t i, n_rows = len(source), nbytes = source.shape[1] * source.itemsize
        cdef Py_ssize_t row_nbytes = padded(source.shape[1], n_lanes) * source.itemsize
        cdef char* kept = <char*>self.new_memory(n_rows * row_nbytes)
        for i in range(n_rows):
            memcpy(kept + i * row_nbytes, <const char*>cnp.PyArray_DATA(source) + i * nbytes, nbytes)
        return kept

    cdef const void* keep_panels(self, W) except? NULL:
        """W (n_in, n_out) in panels for the register tile."""
        cdef cnp.ndarray source = self.converted(W)
        cdef Py_ssize_t n_rows = len(source), n_cols = source.shape[1]
        cdef void* panels = self.new_memory(n_rows * padded(n_cols, self.n_lanes) * source.itemsize)
        if self.program.is_f64:
            self.program.net.kernels.f64.pack_panels(<const double*>cnp.PyArray_DATA(source), n_rows, n_cols,
                                                     <double*>panels)
        else:
            self.program.net.kernels.f32.pack_panels(<const float*>cnp.PyArray_DATA(source), n_rows, n_cols,
                                                     <float*>panels)
        return panels

    cdef int pack_weight(self, layer_t* packed, W, tuple least) except -1:
        """W (n_in, n_out) and its transpose, by rows and for `packed` in panels.

        What carries units on by themselves is told apart from what is to be multiplied, a corner of the shape
        `least` or larger; None where all of W is.
        """
        cdef skip_t* skips
        packed.n_in, packed.n_out = packed.dense_in, packed.dense_out = W.shape
        packed.ld = padded(packed.n_out, self.n_lanes)
        packed.n_skips = 0
        W, Wt = self.converted(W), self.converted(W.T)
        packed.W, packed.Wt = self.keep(W, self.n_lanes), self.keep(Wt, self.n_lanes)
        if self.engine == "packed":
            dense_in, dense_out, found = split_skips(W) if least is not None else (*W.shape, ())
            if found and dense_in >= least[0] and dense_out >= least[1]:
                packed.dense_in, packed.dense_out = dense_in, dense_out
                packed.skips = skips = <skip_t*>self.new_memory(len(found) * sizeof(skip_t))
                for skip in found:
                    skips[packed.n_skips].n, skips[packed.n_skips].source, skips[packed.n_skips].target = skip
                    skips[packed.n_skips].factors = self.keep(skip.factors(W), 1)
                    packed.n_skips += 1
            if packed.dense_in:
                packed.W_panels = self.keep_panels(W[: packed.dense_in, : packed.dense_out])
                packed.Wt_panels = self.keep_panels(Wt[: packed.dense_out, : packed.dense_in])
        return 0

    cdef Py_ssize_t lanes(self) noexcept:
        """Rows of blocks are padded to a multiple of it."""
        if self.program.net.engine != PACKED:
            return 1
        if self.program.is_f64:
            return self.program.net.kernels.f64.n_lanes
        return self.program.net.kernels.f32.n_lanes

    cdef int prepare_plans(self) except -1:
        """Make the two plans, when the first Jacobian is asked for."""
        cdef plan_t point, batch
        plans = self.new_plan(False, self.activity), self.new_plan(True, self.activity)
        self.pack_plan(plans[0], &point)
        self.pack_plan(plans[1], &batch)
        # Another thread may have been faster: its plans stay, as it may be at work with them.
        if self.python_plans is None:
            self.program.point_plan, self.program.batch_plan = point, batch
            self.costs[<int>JACOBIAN] = multiply_adds(self.program, &batch, JACOBIAN)
            self.costs[<int>VALUE_AND_JACOBIAN] = self.costs[<int>JACOBIAN]
            self.python_plans = plans
        return 0

    cdef new_plan(self, bint batch, activity):
        """The plan for a point or for batches, with what the user expects of the units."""
        shares = []
        for k, layer in enumerate(self.python_layers):
            entry, given = ACTIVATIONS[layer.activation], activity
            if isinstance(activity, tuple):
                given = activity[k]
            if self.engine == "packed" and entry.vanishes:
                shares.append(entry.activity if given is None else given)
            else:
                shares.append(None)
        order, n_factors = self.order, len(self.chain_widths) - 1
        if n_factors > len(shares):
            # The layer of a selection that picks outputs.
            shares.append(None)
            order = order if isinstance(order, str) else (n_factors, order)
        return make_plan(
            self.chain_widths, batch=batch, order=order, itemsize=self.dtype.itemsize, engine=self.engine,
            n_lanes=self.n_lanes, activity=shares, n_values=self.program.n_values, sizes=self.sizes())

    cdef tuple sizes(self):
        """Numbers of each weight of the chain that are multiplied."""
        cdef Py_ssize_t k
        sizes = []
        for k in range(self.program.sweep.n_layers):
            sizes.append(self.program.sweep.layers[k].dense_in * self.program.sweep.layers[k].dense_out)
        return tuple(sizes)

    cdef int pack_plan(self, plan, plan_t* packed) except -1:
        cdef Py_ssize_t i, offset = self.program.n_values
        cdef step_t* step
        offsets, scales = [], plan.scales
        for size in plan.slots:
            offsets.append(offset)
            offset += size
        # Slot −1 is the result, and Python's last index.
        offsets.append(-1)
        packed.steps = <step_t*>self.new_memory(len(plan.steps) * sizeof(step_t))
        for i in range(len(plan.steps)):
            source, step = plan.steps[i], packed.steps + i
            step.kind, step.scale = STEP_KINDS[source.kind], scales[i]
            step.layer, step.sparse = max(0, source.layer), source.sparse
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

    cdef int require_ready(self) except -1:
        if not self.is_ready:
            raise RuntimeError(f"{type(self).__name__}.__init__ was not called")
        return 0

    # ------------------------------------------------------------ what it is

    @property
    def layers(self):
        """The layers, from the input to the output."""
        self.require_ready()
        return self.python_layers

    @property
    def n_in(self):
        """Number of inputs, n_0."""
        self.require_ready()
        return self.program.n_in

    @property
    def n_out(self):
        """Number of outputs: n_L, or those that are selected."""
        self.require_ready()
        return self.program.n_out

    @property
    def n_wrt(self):
        """Number of columns of J: n_0, or the inputs that are selected."""
        self.require_ready()
        return self.program.n_wrt

    @property
    def widths(self):
        """(n_0, …, n_L)."""
        self.require_ready()
        return (self.n_in, *map(attrgetter("n_out"), self.layers))

    def plan(self, n_points=1, *, activity=None):
        """How the Jacobian of `n_points` points is computed.

        Parameters
        ----------
        n_points : int
            One point has a plan of its own; every larger number shares the plan of batches.
        activity : float or sequence of float, optional
            Asks for the plan of the same network made with this `activity`.

        Returns
        -------
        Plan
            Prints the bracketing, its steps and the multiply-adds of each order; where units may be
            inactive also those expected of the active ones.

        Raises
        ------
        TypeError, ValueError
            If `n_points` or `activity` is not what is expected.
        """
        self.require_ready()
        if index(n_points) < 1:
            raise ValueError(f"n_points: expected a positive number, got {n_points}")
        if activity is not None:
            return self.new_plan(n_points > 1, as_activity(activity, self.program.net.n_layers))
        if self.python_plans is None:
            self.prepare_plans()
        return self.python_plans[n_points > 1]

    # ------------------------------------------------------------ for C

    @property
    def capsule(self):
        """The handle `fj_network *` of fastjac/include/fastjac.h in a capsule, which keeps it."""
        self.require_ready()
        if self.python_plans is None:
            self.prepare_plans()
        retain(self.program)
        try:
            return PyCapsule_New(self.program, FJ_CAPSULE_NAME, release_capsule)
        except BaseException:
            release(self.program)
            raise

    @property
    def ctypes(self):
        """The C functions for this network, callable through ctypes, cffi and numba: a `CFunctions`."""
        from fastjac.cfunctions import CFunctions

        return CFunctions(self)


cdef tuple corner_of(const layer_t* layer, wrt, outputs):
    """How much of a layer's corner is chosen, whose zeros are multiplied; None if the layer has no skips."""
    if not layer.n_skips:
        return None
    rows = layer.dense_in if wrt is None else np.count_nonzero(wrt < layer.dense_in)
    columns = layer.dense_out if outputs is None else np.count_nonzero(outputs < layer.dense_out)
    return rows, columns


cdef void release_capsule(object capsule) noexcept:
    release(<program_t*>PyCapsule_GetPointer(capsule, FJ_CAPSULE_NAME))
