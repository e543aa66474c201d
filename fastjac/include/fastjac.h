/**
 * @file fastjac.h
 * @brief Value and exact Jacobian of a feed-forward network, from C.
 *
 * A network is made in Python; C gets a handle, `fj_network *`, from the capsule `net.capsule`, from
 * `fj_network_of()`, or as a number from `net.ctypes.handle`. There is nothing to link with: a handle
 * leads to the functions of the library that made it.
 *
 * - A point x has n_in numbers, y has n_out, J is n_out by n_wrt with J(i, j) = dF_i/dx_j. n_wrt is n_in,
 *   unless the handle is that of a selection (`net.select(wrt=..., outputs=...)`): then y and J hold the
 *   selected outputs, and J the columns of the selected inputs.
 * - In calls, each array is followed by its size, which is compared with what the network expects. n points
 *   lie one after the other; J has strides, counted in numbers, so that it may be stored by rows
 *   (n_wrt, 1), by columns (1, n_out), or inside a larger matrix.
 * - The suffix says the precision, `_f64` or `_f32`; it must be that of the network.
 * - Each call needs a workspace of fj_workspace_nbytes() that belongs to the caller, with any alignment and
 *   any contents; one thread at a time may use it. Results may overlap neither operands nor each other.
 * - Calls return a status, FJ_OK if all went well; otherwise nothing is written. They need neither Python's
 *   lock nor a thread that Python knows, allocate nothing, and may run at once on one network.
 *
 * @code
 * if (fj_check_abi(net) != FJ_OK) ...                      // once
 * void *work = malloc(fj_workspace_nbytes(net, 1));        // once, for each thread
 * int status = fj_value_and_jacobian_f64(net, x, 6, y, 6, J, 6, 6, 6, 1, work, fj_workspace_nbytes(net, 1));
 * if (status != FJ_OK) fprintf(stderr, "%s\n", fj_status_message(status));
 * @endcode
 */
#ifndef FASTJAC_H
#define FASTJAC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of what is declared here. It changes when compiled code can no longer be used. */
#define FJ_ABI_VERSION 1

/** Name of the capsule in `net.capsule`; it ends with the ABI version. */
#define FJ_CAPSULE_NAME "fastjac.fj_network_v1"

#ifndef FJ_NETWORK_DECLARED
#define FJ_NETWORK_DECLARED
/** A network or a selection of its inputs and outputs; it never changes. */
typedef struct fj_network fj_network;
#endif

/** What a call returns. */
typedef enum fj_status {
    FJ_OK = 0,            /**< The results are there. */
    FJ_NULL_POINTER = 1,  /**< The handle or an array is NULL. */
    FJ_WRONG_DTYPE = 2,   /**< The function's precision is not the network's. */
    FJ_WRONG_SIZE = 3,    /**< The size of an array is not what the network expects. */
    FJ_SHORT_WORKSPACE = 4, /**< The workspace is shorter than fj_workspace_nbytes(net, 1). */
    FJ_WRONG_ABI = 5      /**< The library has another ABI version than this header. */
} fj_status;

/** The functions of the library; a handle begins with a pointer to them. New ones are added at the end. */
typedef struct fj_functions {
    size_t nbytes;           /**< Size of this structure in the library. */
    unsigned abi_version;    /**< FJ_ABI_VERSION of the library. */
    const char *version;     /**< Version of the library, such as "0.1.0". */
    void (*retain)(fj_network *net);
    void (*release)(fj_network *net);
    ptrdiff_t (*n_in)(const fj_network *net);
    ptrdiff_t (*n_wrt)(const fj_network *net);
    ptrdiff_t (*n_out)(const fj_network *net);
    size_t (*itemsize)(const fj_network *net);
    size_t (*workspace_nbytes)(const fj_network *net, ptrdiff_t n_points);
    int (*value_f64)(const fj_network *net, const double *x, ptrdiff_t n_x, double *y, ptrdiff_t n_y,
                     void *work, size_t work_nbytes);
    int (*value_f32)(const fj_network *net, const float *x, ptrdiff_t n_x, float *y, ptrdiff_t n_y, void *work,
                     size_t work_nbytes);
    int (*value_points_f64)(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                            double *y, ptrdiff_t n_y, void *work, size_t work_nbytes);
    int (*value_points_f32)(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x, float *y,
                            ptrdiff_t n_y, void *work, size_t work_nbytes);
    int (*jacobian_f64)(const fj_network *net, const double *x, ptrdiff_t n_x, double *J, ptrdiff_t n_rows,
                        ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                        size_t work_nbytes);
    int (*jacobian_f32)(const fj_network *net, const float *x, ptrdiff_t n_x, float *J, ptrdiff_t n_rows,
                        ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                        size_t work_nbytes);
    int (*jacobian_points_f64)(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                               double *J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                               ptrdiff_t row_stride, ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*jacobian_points_f32)(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                               float *J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                               ptrdiff_t row_stride, ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*value_and_jacobian_f64)(const fj_network *net, const double *x, ptrdiff_t n_x, double *y,
                                  ptrdiff_t n_y, double *J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                  ptrdiff_t row_stride, ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*value_and_jacobian_f32)(const fj_network *net, const float *x, ptrdiff_t n_x, float *y, ptrdiff_t n_y,
                                  float *J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t row_stride,
                                  ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*value_and_jacobian_points_f64)(const fj_network *net, ptrdiff_t n_points, const double *x,
                                         ptrdiff_t n_x, double *y, ptrdiff_t n_y, double *J, ptrdiff_t n_rows,
                                         ptrdiff_t n_cols, ptrdiff_t point_stride, ptrdiff_t row_stride,
                                         ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*value_and_jacobian_points_f32)(const fj_network *net, ptrdiff_t n_points, const float *x,
                                         ptrdiff_t n_x, float *y, ptrdiff_t n_y, float *J, ptrdiff_t n_rows,
                                         ptrdiff_t n_cols, ptrdiff_t point_stride, ptrdiff_t row_stride,
                                         ptrdiff_t col_stride, void *work, size_t work_nbytes);
    int (*jvp_f64)(const fj_network *net, const double *x, ptrdiff_t n_x, const double *v, ptrdiff_t n_v,
                   double *u, ptrdiff_t n_u, void *work, size_t work_nbytes);
    int (*jvp_f32)(const fj_network *net, const float *x, ptrdiff_t n_x, const float *v, ptrdiff_t n_v,
                   float *u, ptrdiff_t n_u, void *work, size_t work_nbytes);
    int (*jvp_points_f64)(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                          const double *v, ptrdiff_t n_v, double *u, ptrdiff_t n_u, void *work,
                          size_t work_nbytes);
    int (*jvp_points_f32)(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                          const float *v, ptrdiff_t n_v, float *u, ptrdiff_t n_u, void *work,
                          size_t work_nbytes);
    int (*vjp_f64)(const fj_network *net, const double *x, ptrdiff_t n_x, const double *w, ptrdiff_t n_w,
                   double *g, ptrdiff_t n_g, void *work, size_t work_nbytes);
    int (*vjp_f32)(const fj_network *net, const float *x, ptrdiff_t n_x, const float *w, ptrdiff_t n_w,
                   float *g, ptrdiff_t n_g, void *work, size_t work_nbytes);
    int (*vjp_points_f64)(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                          const double *w, ptrdiff_t n_w, double *g, ptrdiff_t n_g, void *work,
                          size_t work_nbytes);
    int (*vjp_points_f32)(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                          const float *w, ptrdiff_t n_w, float *g, ptrdiff_t n_g, void *work,
                          size_t work_nbytes);
} fj_functions;

struct fj_network {
    const fj_functions *functions;
};

/**
 * @brief What a status means, in a sentence.
 * @param status What a call has returned.
 * @return A text that is never freed.
 */
static inline const char *fj_status_message(int status)
{
    switch (status) {
    case FJ_OK: return "the results are there";
    case FJ_NULL_POINTER: return "the handle or an array is NULL";
    case FJ_WRONG_DTYPE: return "the precision of the function is not that of the network";
    case FJ_WRONG_SIZE: return "the size of an array is not what the network expects";
    case FJ_SHORT_WORKSPACE: return "the workspace is shorter than fj_workspace_nbytes(net, 1)";
    case FJ_WRONG_ABI: return "the library has another ABI version than the header fastjac.h";
    default: return "not a status of fastjac";
    }
}

/**
 * @brief Whether this header and the library that made the handle fit; to be asked once, before other calls.
 * @param net The handle.
 * @return FJ_OK, FJ_NULL_POINTER or FJ_WRONG_ABI.
 */
static inline int fj_check_abi(const fj_network *net)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    if (net->functions->abi_version != FJ_ABI_VERSION || net->functions->nbytes < sizeof(fj_functions))
        return FJ_WRONG_ABI;
    return FJ_OK;
}

/**
 * @brief Keep a network: it stays until as many fj_release() as fj_retain() were called and Python's object is gone.
 * @param net The handle; NULL is allowed.
 * @return The handle.
 */
static inline fj_network *fj_retain(fj_network *net)
{
    if (net != NULL)
        net->functions->retain(net);
    return net;
}

/**
 * @brief Give back what fj_retain() took.
 * @param net The handle, not to be used afterwards; NULL is allowed.
 */
static inline void fj_release(fj_network *net)
{
    if (net != NULL)
        net->functions->release(net);
}

/** @brief Numbers of a point x; 0 for NULL. */
static inline ptrdiff_t fj_n_in(const fj_network *net)
{
    return net == NULL ? 0 : net->functions->n_in(net);
}

/** @brief Columns of J: the inputs by which is derived; 0 for NULL. */
static inline ptrdiff_t fj_n_wrt(const fj_network *net)
{
    return net == NULL ? 0 : net->functions->n_wrt(net);
}

/** @brief Numbers of y and rows of J; 0 for NULL. */
static inline ptrdiff_t fj_n_out(const fj_network *net)
{
    return net == NULL ? 0 : net->functions->n_out(net);
}

/** @brief Bytes of a number: 8 for the functions `_f64`, 4 for `_f32`; 0 for NULL. */
static inline size_t fj_itemsize(const fj_network *net)
{
    return net == NULL ? 0 : net->functions->itemsize(net);
}

/**
 * @brief Bytes of a workspace for any of the functions below.
 *
 * It stays bounded as n_points grows. The workspace for one point serves any number of points, if more slowly.
 * @param net The handle.
 * @param n_points How many points a call will have.
 * @return The size; 0 for NULL.
 */
static inline size_t fj_workspace_nbytes(const fj_network *net, ptrdiff_t n_points)
{
    return net == NULL ? 0 : net->functions->workspace_nbytes(net, n_points);
}

/**
 * @brief Value y = F(x).
 * @param net The handle.
 * @param[in] x A point, n_in numbers.
 * @param n_x n_in.
 * @param[out] y Its value, n_out numbers.
 * @param n_y n_out.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_value_f64(const fj_network *net, const double *x, ptrdiff_t n_x, double *y, ptrdiff_t n_y,
                               void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_f64(net, x, n_x, y, n_y, work, work_nbytes);
}

/**
 * @brief fj_value_f64() in single precision.
 */
static inline int fj_value_f32(const fj_network *net, const float *x, ptrdiff_t n_x, float *y, ptrdiff_t n_y,
                               void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_f32(net, x, n_x, y, n_y, work, work_nbytes);
}

/**
 * @brief Value y = F(x), of n points.
 * @param net The handle.
 * @param n_points How many points; 0 is allowed.
 * @param[in] x Points, n_points * n_in numbers.
 * @param n_x n_in.
 * @param[out] y Their values, n_points * n_out numbers.
 * @param n_y n_out.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1), better fj_workspace_nbytes(net, n_points).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_value_points_f64(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                                      double *y, ptrdiff_t n_y, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_points_f64(net, n_points, x, n_x, y, n_y, work, work_nbytes);
}

/**
 * @brief fj_value_points_f64() in single precision.
 */
static inline int fj_value_points_f32(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                                      float *y, ptrdiff_t n_y, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_points_f32(net, n_points, x, n_x, y, n_y, work, work_nbytes);
}

/**
 * @brief Jacobian J(i, j) = dF_i/dx_j.
 * @param net The handle.
 * @param[in] x A point, n_in numbers.
 * @param n_x n_in.
 * @param[out] J The Jacobian.
 * @param n_rows n_out.
 * @param n_cols n_wrt.
 * @param row_stride From an element of J to the one below it.
 * @param col_stride From an element of J to the one right of it.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_jacobian_f64(const fj_network *net, const double *x, ptrdiff_t n_x, double *J,
                                  ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t row_stride,
                                  ptrdiff_t col_stride, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jacobian_f64(net, x, n_x, J, n_rows, n_cols, row_stride, col_stride, work,
        work_nbytes);
}

/**
 * @brief fj_jacobian_f64() in single precision.
 */
static inline int fj_jacobian_f32(const fj_network *net, const float *x, ptrdiff_t n_x, float *J,
                                  ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t row_stride,
                                  ptrdiff_t col_stride, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jacobian_f32(net, x, n_x, J, n_rows, n_cols, row_stride, col_stride, work,
        work_nbytes);
}

/**
 * @brief Jacobian J(i, j) = dF_i/dx_j, of n points.
 * @param net The handle.
 * @param n_points How many points; 0 is allowed.
 * @param[in] x Points, n_points * n_in numbers.
 * @param n_x n_in.
 * @param[out] J The Jacobians.
 * @param n_rows n_out.
 * @param n_cols n_wrt.
 * @param point_stride From an element of J to the same one of the next point.
 * @param row_stride From an element of J to the one below it.
 * @param col_stride From an element of J to the one right of it.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1), better fj_workspace_nbytes(net, n_points).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_jacobian_points_f64(const fj_network *net, ptrdiff_t n_points, const double *x,
                                         ptrdiff_t n_x, double *J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                         ptrdiff_t point_stride, ptrdiff_t row_stride, ptrdiff_t col_stride,
                                         void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jacobian_points_f64(net, n_points, x, n_x, J, n_rows, n_cols, point_stride,
        row_stride, col_stride, work, work_nbytes);
}

/**
 * @brief fj_jacobian_points_f64() in single precision.
 */
static inline int fj_jacobian_points_f32(const fj_network *net, ptrdiff_t n_points, const float *x,
                                         ptrdiff_t n_x, float *J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                         ptrdiff_t point_stride, ptrdiff_t row_stride, ptrdiff_t col_stride,
                                         void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jacobian_points_f32(net, n_points, x, n_x, J, n_rows, n_cols, point_stride,
        row_stride, col_stride, work, work_nbytes);
}

/**
 * @brief Value y = F(x) and Jacobian J(i, j) = dF_i/dx_j in one pass.
 * @param net The handle.
 * @param[in] x A point, n_in numbers.
 * @param n_x n_in.
 * @param[out] y Its value, n_out numbers.
 * @param n_y n_out.
 * @param[out] J The Jacobian.
 * @param n_rows n_out.
 * @param n_cols n_wrt.
 * @param row_stride From an element of J to the one below it.
 * @param col_stride From an element of J to the one right of it.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_value_and_jacobian_f64(const fj_network *net, const double *x, ptrdiff_t n_x, double *y,
                                            ptrdiff_t n_y, double *J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                            ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                                            size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_and_jacobian_f64(net, x, n_x, y, n_y, J, n_rows, n_cols, row_stride,
        col_stride, work, work_nbytes);
}

/**
 * @brief fj_value_and_jacobian_f64() in single precision.
 */
static inline int fj_value_and_jacobian_f32(const fj_network *net, const float *x, ptrdiff_t n_x, float *y,
                                            ptrdiff_t n_y, float *J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                            ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                                            size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_and_jacobian_f32(net, x, n_x, y, n_y, J, n_rows, n_cols, row_stride,
        col_stride, work, work_nbytes);
}

/**
 * @brief Value y = F(x) and Jacobian J(i, j) = dF_i/dx_j in one pass, of n points.
 * @param net The handle.
 * @param n_points How many points; 0 is allowed.
 * @param[in] x Points, n_points * n_in numbers.
 * @param n_x n_in.
 * @param[out] y Their values, n_points * n_out numbers.
 * @param n_y n_out.
 * @param[out] J The Jacobians.
 * @param n_rows n_out.
 * @param n_cols n_wrt.
 * @param point_stride From an element of J to the same one of the next point.
 * @param row_stride From an element of J to the one below it.
 * @param col_stride From an element of J to the one right of it.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1), better fj_workspace_nbytes(net, n_points).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_value_and_jacobian_points_f64(const fj_network *net, ptrdiff_t n_points, const double *x,
                                                   ptrdiff_t n_x, double *y, ptrdiff_t n_y, double *J,
                                                   ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                                                   size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_and_jacobian_points_f64(net, n_points, x, n_x, y, n_y, J, n_rows, n_cols,
        point_stride, row_stride, col_stride, work, work_nbytes);
}

/**
 * @brief fj_value_and_jacobian_points_f64() in single precision.
 */
static inline int fj_value_and_jacobian_points_f32(const fj_network *net, ptrdiff_t n_points, const float *x,
                                                   ptrdiff_t n_x, float *y, ptrdiff_t n_y, float *J,
                                                   ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void *work,
                                                   size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->value_and_jacobian_points_f32(net, n_points, x, n_x, y, n_y, J, n_rows, n_cols,
        point_stride, row_stride, col_stride, work, work_nbytes);
}

/**
 * @brief Jacobian-vector product u = J v; J is never formed.
 * @param net The handle.
 * @param[in] x A point, n_in numbers.
 * @param n_x n_in.
 * @param[in] v A direction, n_wrt numbers.
 * @param n_v n_wrt.
 * @param[out] u The product, n_out numbers.
 * @param n_u n_out.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_jvp_f64(const fj_network *net, const double *x, ptrdiff_t n_x, const double *v,
                             ptrdiff_t n_v, double *u, ptrdiff_t n_u, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jvp_f64(net, x, n_x, v, n_v, u, n_u, work, work_nbytes);
}

/**
 * @brief fj_jvp_f64() in single precision.
 */
static inline int fj_jvp_f32(const fj_network *net, const float *x, ptrdiff_t n_x, const float *v,
                             ptrdiff_t n_v, float *u, ptrdiff_t n_u, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jvp_f32(net, x, n_x, v, n_v, u, n_u, work, work_nbytes);
}

/**
 * @brief Jacobian-vector product u = J v; J is never formed, of n points.
 * @param net The handle.
 * @param n_points How many points; 0 is allowed.
 * @param[in] x Points, n_points * n_in numbers.
 * @param n_x n_in.
 * @param[in] v Directions, n_points * n_wrt numbers.
 * @param n_v n_wrt.
 * @param[out] u The products, n_points * n_out numbers.
 * @param n_u n_out.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1), better fj_workspace_nbytes(net, n_points).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_jvp_points_f64(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                                    const double *v, ptrdiff_t n_v, double *u, ptrdiff_t n_u, void *work,
                                    size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jvp_points_f64(net, n_points, x, n_x, v, n_v, u, n_u, work, work_nbytes);
}

/**
 * @brief fj_jvp_points_f64() in single precision.
 */
static inline int fj_jvp_points_f32(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                                    const float *v, ptrdiff_t n_v, float *u, ptrdiff_t n_u, void *work,
                                    size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->jvp_points_f32(net, n_points, x, n_x, v, n_v, u, n_u, work, work_nbytes);
}

/**
 * @brief Vector-Jacobian product g = transpose(J) w; J is never formed.
 * @param net The handle.
 * @param[in] x A point, n_in numbers.
 * @param n_x n_in.
 * @param[in] w Weights of the outputs, n_out numbers.
 * @param n_w n_out.
 * @param[out] g The product, n_wrt numbers.
 * @param n_g n_wrt.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_vjp_f64(const fj_network *net, const double *x, ptrdiff_t n_x, const double *w,
                             ptrdiff_t n_w, double *g, ptrdiff_t n_g, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->vjp_f64(net, x, n_x, w, n_w, g, n_g, work, work_nbytes);
}

/**
 * @brief fj_vjp_f64() in single precision.
 */
static inline int fj_vjp_f32(const fj_network *net, const float *x, ptrdiff_t n_x, const float *w,
                             ptrdiff_t n_w, float *g, ptrdiff_t n_g, void *work, size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->vjp_f32(net, x, n_x, w, n_w, g, n_g, work, work_nbytes);
}

/**
 * @brief Vector-Jacobian product g = transpose(J) w; J is never formed, of n points.
 * @param net The handle.
 * @param n_points How many points; 0 is allowed.
 * @param[in] x Points, n_points * n_in numbers.
 * @param n_x n_in.
 * @param[in] w Weights of the outputs, n_points * n_out numbers.
 * @param n_w n_out.
 * @param[out] g The products, n_points * n_wrt numbers.
 * @param n_g n_wrt.
 * @param work The workspace.
 * @param work_nbytes Its size: at least fj_workspace_nbytes(net, 1), better fj_workspace_nbytes(net, n_points).
 * @return FJ_OK, FJ_NULL_POINTER, FJ_WRONG_DTYPE, FJ_WRONG_SIZE or FJ_SHORT_WORKSPACE.
 */
static inline int fj_vjp_points_f64(const fj_network *net, ptrdiff_t n_points, const double *x, ptrdiff_t n_x,
                                    const double *w, ptrdiff_t n_w, double *g, ptrdiff_t n_g, void *work,
                                    size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->vjp_points_f64(net, n_points, x, n_x, w, n_w, g, n_g, work, work_nbytes);
}

/**
 * @brief fj_vjp_points_f64() in single precision.
 */
static inline int fj_vjp_points_f32(const fj_network *net, ptrdiff_t n_points, const float *x, ptrdiff_t n_x,
                                    const float *w, ptrdiff_t n_w, float *g, ptrdiff_t n_g, void *work,
                                    size_t work_nbytes)
{
    if (net == NULL)
        return FJ_NULL_POINTER;
    return net->functions->vjp_points_f32(net, n_points, x, n_x, w, n_w, g, n_g, work, work_nbytes);
}

#ifdef Py_PYTHON_H
/**
 * @brief The handle of a Network or Selection; where Python.h was included before this header.
 * @param object The Python object. Python's lock is held.
 * @return A handle that lives as long as the object, or as fj_retain() says; NULL with an exception set:
 *         ImportError if the library has another ABI version.
 */
static inline fj_network *fj_network_of(PyObject *object)
{
    fj_network *net = NULL;
    PyObject *capsule = PyObject_GetAttrString(object, "capsule");
    if (capsule == NULL)
        return NULL;
    if (PyCapsule_IsValid(capsule, FJ_CAPSULE_NAME)) {
        net = (fj_network *)PyCapsule_GetPointer(capsule, FJ_CAPSULE_NAME);
        if (fj_check_abi(net) != FJ_OK) {
            PyErr_Format(PyExc_ImportError, "fastjac: compiled for ABI version %d, the library has version %u",
                         FJ_ABI_VERSION, net->functions->abi_version);
            net = NULL;
        }
    } else {
        PyErr_Format(PyExc_ImportError, "fastjac: compiled for the capsule " FJ_CAPSULE_NAME ", the library has %s",
                     PyCapsule_CheckExact(capsule) ? PyCapsule_GetName(capsule) : Py_TYPE(capsule)->tp_name);
    }
    Py_DECREF(capsule);
    return net;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
