# Python doors to single kernels, so that a test can hold each of them, in every build, against a
# line of NumPy. Arrays are C-contiguous; nothing is checked here, as only tests come this way.


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
    copy_block(&A[0, 0], A.shape[1], A.shape[0], A.shape[1], &out[0, 0],
               out.strides[0] // <Py_ssize_t>sizeof(real), out.strides[1] // <Py_ssize_t>sizeof(real))


def softmax_formed(const real[:, ::1] Wt, const real[::1] s, real[:, ::1] out):
    form_softmax(&Wt[0, 0], Wt.shape[1], &s[0], Wt.shape[0], Wt.shape[1], &out[0, 0], out.shape[1])


def log_softmax_formed(const real[:, ::1] Wt, const real[::1] s, real[:, ::1] out):
    form_log_softmax(&Wt[0, 0], Wt.shape[1], &s[0], Wt.shape[0], Wt.shape[1], &out[0, 0], out.shape[1])


def softmax_applied(const real[::1] s, real[:, ::1] R):
    apply_softmax(&s[0], R.shape[0], R.shape[1], &R[0, 0])


def log_softmax_applied_forward(const real[::1] s, real[:, ::1] T):
    apply_log_softmax_forward(&s[0], T.shape[0], T.shape[1], &T[0, 0])


def log_softmax_applied_reverse(const real[::1] s, real[:, ::1] R):
    apply_log_softmax_reverse(&s[0], R.shape[0], R.shape[1], &R[0, 0])
