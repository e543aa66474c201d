/* An extension module of Python: what fj_network_of says to objects of all kinds. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "fastjac.h"

static PyObject *n_params(PyObject *self, PyObject *object)
{
    fj_network *net = fj_network_of(object);
    (void)self;
    return net == NULL ? NULL : PyLong_FromSsize_t(fj_n_in(net) * fj_n_out(net));
}

static PyMethodDef methods[] = {{"n_in_times_n_out", n_params, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "abi_module", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_abi_module(void) { return PyModule_Create(&module); }
