/* Model predictive control of a pendulum with a learned model, in plain C: one Gauss-Newton step of multiple shooting
 * at every sampling instant, its quadratic subproblem by a Riccati recursion.
 *
 *   python -c "import fastjac as fj; fj.from_npz('fastjac/data/pendulum.npz').export_c('plant.c', name='plant')"
 *   cc -std=c99 -O3 -march=native -I. examples/export_c/mpc_pendulum.c plant.c -lm -o mpc && ./mpc
 *
 * The model maps (angle, velocity, torque) to the state 50 ms later. The pendulum starts at rest, hanging, and is to
 * be held at 0.5 rad, for which it needs a torque. The model also plays the pendulum. */
#include "plant.h"

#include <math.h>
#include <stdio.h>

enum { N = 20, N_STEPS = 60 };

static const double target[2] = {0.5, 0}, q[2] = {10, 0.1}, r = 0.1;

/* State and input of each stage, and there: A = dF/dx, B = dF/du, the gap to the next state. */
struct stage {
    double x[2], u, A[2][2], B[2], gap[2], feedback[2], feedforward;
};

static void linearise(struct stage *s, double *work)
{
    for (int k = 0; k < N; k++) {
        const double z[PLANT_N_IN] = {s[k].x[0], s[k].x[1], s[k].u};
        double next[PLANT_N_OUT], J[PLANT_N_OUT][PLANT_N_IN];
        plant_value_and_jacobian(z, next, &J[0][0], work);
        for (int i = 0; i < 2; i++) {
            s[k].A[i][0] = J[i][0];
            s[k].A[i][1] = J[i][1];
            s[k].B[i] = J[i][2];
            s[k].gap[i] = next[i] - s[k + 1].x[i];
        }
    }
}

/* Feedback of the subproblem, from the last stage to the first; P and p are the value function of what remains. */
static void solve_backwards(struct stage *s, double u_target)
{
    double P[2][2] = {{10 * q[0], 0}, {0, 10 * q[1]}};
    double p[2] = {P[0][0] * (s[N].x[0] - target[0]), P[1][1] * (s[N].x[1] - target[1])};
    for (int k = N - 1; k >= 0; k--) {
        double PA[2][2], PB[2], p_gap[2], next_P[2][2], next_p[2], S = r, g = r * (s[k].u - u_target), BPA[2];
        for (int i = 0; i < 2; i++) {
            PB[i] = P[i][0] * s[k].B[0] + P[i][1] * s[k].B[1];
            p_gap[i] = p[i] + P[i][0] * s[k].gap[0] + P[i][1] * s[k].gap[1];
            for (int j = 0; j < 2; j++) {
                PA[i][j] = P[i][0] * s[k].A[0][j] + P[i][1] * s[k].A[1][j];
            }
        }
        for (int i = 0; i < 2; i++) {
            S += s[k].B[i] * PB[i];
            g += s[k].B[i] * p_gap[i];
            BPA[i] = s[k].B[0] * PA[0][i] + s[k].B[1] * PA[1][i];
        }
        s[k].feedforward = -g / S;
        for (int i = 0; i < 2; i++) {
            s[k].feedback[i] = -BPA[i] / S;
        }
        for (int i = 0; i < 2; i++) {
            next_p[i] = q[i] * (s[k].x[i] - target[i]) + BPA[i] * s[k].feedforward;
            for (int j = 0; j < 2; j++) {
                next_p[i] += s[k].A[j][i] * p_gap[j];
                next_P[i][j] = (i == j ? q[i] : 0) + BPA[i] * s[k].feedback[j];
                next_P[i][j] += s[k].A[0][i] * PA[0][j] + s[k].A[1][i] * PA[1][j];
            }
        }
        for (int i = 0; i < 2; i++) {
            p[i] = next_p[i];
            P[i][0] = next_P[i][0];
            P[i][1] = next_P[i][1];
        }
    }
}

/* The full step from the measured state; returns the largest gap that was closed. */
static double step_forwards(struct stage *s, const double *measured)
{
    double dx[2] = {measured[0] - s[0].x[0], measured[1] - s[0].x[1]}, largest = 0;
    for (int k = 0; k < N; k++) {
        const double du = s[k].feedforward + s[k].feedback[0] * dx[0] + s[k].feedback[1] * dx[1];
        double next[2];
        for (int i = 0; i < 2; i++) {
            next[i] = s[k].A[i][0] * dx[0] + s[k].A[i][1] * dx[1] + s[k].B[i] * du + s[k].gap[i];
            largest = fmax(largest, fabs(s[k].gap[i]));
        }
        for (int i = 0; i < 2; i++) {
            s[k].x[i] += dx[i];
            dx[i] = next[i];
        }
        s[k].u += du;
    }
    s[N].x[0] += dx[0];
    s[N].x[1] += dx[1];
    return largest;
}

int main(void)
{
    double x[2] = {0, 0}, work[PLANT_N_WORK], gap = 0;
    const double u_target = 1 * 9.80665 * 0.5 * sin(target[0]); /* what gravity pulls with */
    struct stage stages[N + 1] = {{{0}, 0, {{0}}, {0}, {0}, {0}, 0}};

    for (int step = 0; step < N_STEPS; step++) {
        double z[PLANT_N_IN];
        linearise(stages, work);
        solve_backwards(stages, u_target);
        gap = step_forwards(stages, x);
        z[0] = x[0];
        z[1] = x[1];
        z[2] = stages[0].u;
        if (step % 10 == 0) {
            printf("%4.2f s  angle %7.4f  velocity %7.4f  torque %7.4f  gap %.1e\n", 0.05 * step, x[0], x[1], z[2], gap);
        }
        plant_value(z, x, work);
    }
    printf("angle %.6f velocity %.6f gap %.1e\n", x[0], x[1], gap);
    return 0;
}
