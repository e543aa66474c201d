# The contract between the engines and the kernels: the packed network and its plan, and one table of
# function pointers per dtype.
#
# Every SIMD build fills a table; `dispatch` hands out the table of the build that the CPU runs.
# All matrices are row-major, and contiguous where no length of a row (ld) is given; sizes count elements;
# outputs come last.

cdef struct kernels_s

cdef enum engine_kind:
    BLAS, PACKED

# How the derivative of a layer's activation acts on a block.
cdef enum derivative_kind:
    UNIT, DIAGONAL, SOFTMAX, LOG_SOFTMAX, RMS_NORM, LAYER_NORM

cdef enum step_kind:
    FORM, REVERSE, FORWARD, MEET, TRANSPOSE

# An activation of a user: a ← f(a) and d ← f'(a) in place, for n units with parameters as below.
ctypedef void (*custom_t)(void* context, bint is_f64, Py_ssize_t n, void* a, void* d, const void* p) noexcept nogil

# Of a weight: n numbers on a diagonal from (source, target) on; fastjac.skips finds them.
ctypedef struct skip_t:
    Py_ssize_t n
    Py_ssize_t source
    Py_ssize_t target
    const void* factors

ctypedef struct layer_t:
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t n_active       # units that have an activation; those behind them carry a skip
    Py_ssize_t ld             # length of a row of n_out elements in a block
    int activation            # code in the table of kernels
    custom_t custom           # or, if not NULL, what to call with `context`
    void* context
    bint has_parameters
    bint vanishes            # whether f' is exactly 0 on an interval
    derivative_kind derivative
    const void* W             # (n_in, n_out), rows as long as those of blocks
    const void* Wt            # (n_out, n_in), the same
    Py_ssize_t dense_in       # what the engine `packed` multiplies: the upper left corner of W, in panels, and
    Py_ssize_t dense_out      # of its transpose; the rest of W is zero but for the skips
    const void* W_panels
    const void* Wt_panels
    Py_ssize_t n_skips
    const skip_t* skips
    const void* b             # (ld,)
    const void* p             # (n_parameters, n_out)
    Py_ssize_t d_offset       # elements before d in the workspace, for one point

ctypedef struct network_t:
    engine_kind engine
    Py_ssize_t n_layers
    Py_ssize_t max_width      # longest row of a block
    Py_ssize_t n_values       # elements of the value pass's workspace, for one point
    layer_t* layers
    const kernels_s* kernels

# fastjac.planning.Step for one point; offsets count elements of the workspace, −1 is the result.
ctypedef struct step_t:
    step_kind kind
    Py_ssize_t layer
    Py_ssize_t sparse         # the layer whose inactive units `packed` leaves out, or −1
    Py_ssize_t scale          # the layer by whose derivative `packed` scales the columns, or −1
    Py_ssize_t n_rows
    Py_ssize_t n_inner
    Py_ssize_t n_cols
    Py_ssize_t left
    Py_ssize_t right
    Py_ssize_t out
    bint left_transposed
    bint right_transposed
    bint out_transposed

ctypedef struct plan_t:
    Py_ssize_t n_steps
    Py_ssize_t n_points       # of a tile
    Py_ssize_t n_elements     # of the workspace, for one point
    step_t* steps

# Number of slots for activations; the codes stand in fastjac/activations.py.
cdef enum:
    N_ACTIVATIONS = 64

# Value a = f(h) and derivative d = f'(h) of one row of n units. `p` holds n_parameters rows of n
# values, p[r*n + i] being parameter r of unit i. `a` may alias `h`; nothing else may.
ctypedef void (*activate_f64)(
    const double* h, const double* p, Py_ssize_t n, double* a, double* d) noexcept nogil
ctypedef void (*activate_f32)(
    const float* h, const float* p, Py_ssize_t n, float* a, float* d) noexcept nogil

ctypedef struct kernels_f64:
    activate_f64 activations[N_ACTIVATIONS]
    void (*scale_rows)(const double* A, const double* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       double* out) noexcept nogil
    void (*scale_columns)(const double* A, const double* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          double* out) noexcept nogil
    void (*fill_rows)(const double* b, Py_ssize_t n_rows, Py_ssize_t n_cols,
                      double* out) noexcept nogil
    void (*copy_block)(const double* A, Py_ssize_t lda, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       double* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil
    void (*form_dense)(derivative_kind kind, const double* Wt, Py_ssize_t ldw, const double* d, const double* p,
                       Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t n_cols, double* out, Py_ssize_t ld) noexcept nogil
    void (*apply_dense)(derivative_kind kind, bint forward, const double* d, const double* p, Py_ssize_t n_rows,
                        Py_ssize_t n, Py_ssize_t ld, double* R) noexcept nogil
    # The engine `packed`.
    Py_ssize_t n_lanes
    void (*pack_panels)(const double* W, Py_ssize_t n_rows, Py_ssize_t n_cols, double* panels) noexcept nogil
    void (*packed_value)(const network_t* net, Py_ssize_t n_points, const double* x,
                         double* workspace, double* y) noexcept nogil
    void (*packed_jacobian)(const network_t* net, const plan_t* plan, Py_ssize_t n_points,
                            double* workspace, double* J) noexcept nogil
    void (*packed_push)(const network_t* net, Py_ssize_t n_points, const double* v,
                        double* workspace, double* u) noexcept nogil
    void (*packed_pull)(const network_t* net, Py_ssize_t n_points, const double* w,
                        double* workspace, double* g) noexcept nogil

ctypedef struct kernels_f32:
    activate_f32 activations[N_ACTIVATIONS]
    void (*scale_rows)(const float* A, const float* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       float* out) noexcept nogil
    void (*scale_columns)(const float* A, const float* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          float* out) noexcept nogil
    void (*fill_rows)(const float* b, Py_ssize_t n_rows, Py_ssize_t n_cols,
                      float* out) noexcept nogil
    void (*copy_block)(const float* A, Py_ssize_t lda, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       float* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil
    void (*form_dense)(derivative_kind kind, const float* Wt, Py_ssize_t ldw, const float* d, const float* p,
                       Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t n_cols, float* out, Py_ssize_t ld) noexcept nogil
    void (*apply_dense)(derivative_kind kind, bint forward, const float* d, const float* p, Py_ssize_t n_rows,
                        Py_ssize_t n, Py_ssize_t ld, float* R) noexcept nogil
    # The engine `packed`.
    Py_ssize_t n_lanes
    void (*pack_panels)(const float* W, Py_ssize_t n_rows, Py_ssize_t n_cols, float* panels) noexcept nogil
    void (*packed_value)(const network_t* net, Py_ssize_t n_points, const float* x,
                         float* workspace, float* y) noexcept nogil
    void (*packed_jacobian)(const network_t* net, const plan_t* plan, Py_ssize_t n_points,
                            float* workspace, float* J) noexcept nogil
    void (*packed_push)(const network_t* net, Py_ssize_t n_points, const float* v,
                        float* workspace, float* u) noexcept nogil
    void (*packed_pull)(const network_t* net, Py_ssize_t n_points, const float* w,
                        float* workspace, float* g) noexcept nogil

cdef struct kernels_s:
    kernels_f64 f64
    kernels_f32 f32

ctypedef kernels_s kernels_t
