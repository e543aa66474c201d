# Python doors to single kernels, so that a test can hold each of them, in every build, against a
# line of NumPy. Arrays are C-contiguous unless it says otherwise, and padded where the kernel wants them to
# be; nothing is checked here, as only tests come this way.

vector_nbytes = FJ_VECTOR_NBYTES


def activate(int code, const real[::1] h, const real[:, ::1] p, real[::1] a, real[::1] d):
    """a = f(h), d = f'(h), f being the activation of this code with parameters p."""
    if real is double:
        functions.f64.activations[code](&h[0], &p[0, 0], h.shape[0], &a[0], &d[0])
    else:
        functions.f32.activations[code](&h[0], &p[0, 0], h.shape[0], &a[0], &d[0])


def rows_scaled(const real[:, ::1] A, const real[::1] d, real[:, ::1] out):
    scale_rows(&A[0, 0], &d[0], A.shape[0], A.shape[1], &out[0, 0])


def columns_scaled(const real[:, ::1] A, const real[::1] d, real[:, ::1] out):
    scale_columns(&A[0, 0], &d[0], A.shape[0], A.shape[1], &out[0, 0])


def rows_filled(const real[::1] b, real[:, ::1] out):
    fill_rows(&b[0], out.shape[0], out.shape[1], &out[0, 0])


def block_copied(const real[:, ::1] A, real[:, :] out):
    """out = A[:, :n], of which `out` has n columns."""
    copy_block(&A[0, 0], A.shape[1], out.shape[0], out.shape[1], &out[0, 0],
               out.strides[0] // <Py_ssize_t>sizeof(real), out.strides[1] // <Py_ssize_t>sizeof(real))


def dense_formed(derivative_kind kind, const real[:, ::1] Wt, const real[::1] d, const real[::1] p, Py_ssize_t n,
                 real[:, ::1] out):
    """out = D Wt, D being that of n units; `p` are the parameters, one element at least."""
    form_dense(kind, &Wt[0, 0], Wt.shape[1], &d[0], &p[0], Wt.shape[0], n, Wt.shape[1], &out[0, 0], out.shape[1])


def dense_applied(derivative_kind kind, bint forward, const real[::1] d, const real[::1] p, Py_ssize_t n,
                  real[:, ::1] R):
    """R[:, :n] becomes R[:, :n] D, or R[:, :n] Dᵀ if `forward`."""
    apply_dense(kind, forward, &d[0], &p[0], R.shape[0], n, R.shape[1], &R[0, 0])


def panels_packed(const real[:, ::1] W, real[::1] panels):
    pack_panels(&W[0, 0], W.shape[0], W.shape[1], &panels[0])


def multiplied(const real[:, :] A, const real[::1] B, Py_ssize_t ldb, const real[::1] init, const real[:, ::1] scale,
               Py_ssize_t rows_per_point, const int[::1] index, Py_ssize_t n_terms, bint in_place,
               Py_ssize_t n_cols, real[:, ::1] C):
    """C[:, :n_cols] = (init + A @ B) * scale, the sum going over index[:n_terms]; A may have any strides."""
    product(A.shape[0], n_terms, n_cols, <const int*>NULL if index is None else &index[0], in_place,
            &A[0, 0], A.strides[0] // <Py_ssize_t>sizeof(real), A.strides[1] // <Py_ssize_t>sizeof(real), &B[0], ldb,
            <const real*>NULL if init is None else &init[0],
            <const real*>NULL if scale is None else &scale[0, 0], 0 if scale is None else scale.shape[1],
            rows_per_point, &C[0, 0], C.shape[1], A.shape[1])


def formed(const real[:, ::1] A, const real[::1] rows, const real[::1] columns, Py_ssize_t n_cols, real[:, ::1] out):
    """out[:, :n_cols] = rows[:, None] * A * columns."""
    form(A.shape[0], n_cols, &A[0, 0], A.shape[1], <const real*>NULL if rows is None else &rows[0],
         <const real*>NULL if columns is None else &columns[0], &out[0, 0], out.shape[1])


def nonzero_listed(const real[::1] d, int[::1] index):
    """How many elements of d are not zero; their indices come first in `index`, of len(d) and a vector more."""
    return list_nonzero(&d[0], d.shape[0], &index[0])
