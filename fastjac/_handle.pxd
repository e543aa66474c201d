from fastjac.kernels.api cimport network_t, plan_t

ctypedef struct block_t:
    block_t* next

# What a call needs, in memory of its own: C code may hold it longer than Python does.
#
# `net` makes the value pass. `sweep` makes the Jacobian and its products from the derivatives that the
# value pass leaves; it is `net`, or has only the selected inputs and outputs.
ctypedef struct program_t:
    const void* functions     # fj_functions, which C code finds here
    long n_references
    block_t* blocks           # memory to be freed with it
    program_t* base           # the program whose layers a selection shares, or NULL
    bint is_f64
    network_t net
    network_t sweep
    const void* center        # what is subtracted from x, or NULL
    Py_ssize_t n_in           # of x
    Py_ssize_t n_wrt          # columns of J
    Py_ssize_t n_out          # rows of J
    const Py_ssize_t* outputs     # which of net's outputs those are, or NULL for all
    bint gathers              # whether the last derivative is gathered into net.n_values, …
    Py_ssize_t n_values       # elements of the value pass's workspace and of what is gathered, for one point
    Py_ssize_t value_tile     # points of a tile where no plan is needed
    plan_t point_plan
    plan_t batch_plan

cdef enum:
    ALIGNMENT = 64            # of what is kept and of workspaces: the longest vector, and a line of the cache

cdef program_t* new_program() noexcept nogil
cdef void* new_block(program_t* program, size_t nbytes) noexcept nogil
cdef void retain(program_t* program) noexcept nogil
cdef void release(program_t* program) noexcept nogil
