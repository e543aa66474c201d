/* Stress and consistent tangent at Gauss points, from a constitutive law that was learned. */

#include <stdlib.h>

#include "fastjac.h"

enum { N = 6 };  /* components of strain and of stress */

/* Point by point, as a finite-element code goes through its elements; the tangent lies by columns. */
int gauss_points(const fj_network *law, ptrdiff_t n_points, const double *strain, double *stress, double *tangent)
{
    int status = fj_check_abi(law);
    size_t nbytes = fj_workspace_nbytes(law, 1);
    void *work = malloc(nbytes);
    for (ptrdiff_t p = 0; status == FJ_OK && p < n_points; p++)
        status = fj_value_and_jacobian_f64(law, strain + p * N, N, stress + p * N, N, tangent + p * N * N, N, N, 1, N,
                                           work, nbytes);
    free(work);
    return status;
}

/* All points of a mesh in one call: the same bits, and faster. */
int gauss_points_together(const fj_network *law, ptrdiff_t n_points, const double *strain, double *stress,
                          double *tangent)
{
    int status = fj_check_abi(law);
    size_t nbytes = fj_workspace_nbytes(law, n_points);
    void *work = malloc(nbytes);
    if (status == FJ_OK)
        status = fj_value_and_jacobian_points_f64(law, n_points, strain, N, stress, N, tangent, N, N, N * N, 1, N, work,
                                                  nbytes);
    free(work);
    return status;
}
