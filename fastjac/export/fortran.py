"""A Fortran module: interfaces of the exported functions, and a routine that gives the tangent in Fortran's order."""


def module(model, signatures, names):
    """The text: constants, interfaces, and NAME_tangent where value and Jacobian are exported."""
    kind = "c_double" if model.real == "double" else "c_float"
    lines = [
        f"! {model.name}: a feed-forward network with its exact Jacobian, in {model.source}; the header "
        f"{model.header} says more.",
        f"! Compile with   gfortran -c {model.stem}.f90   and link with what the C file was compiled to, and -lm.",
        f"module {model.name}",
        "    use, intrinsic :: iso_c_binding, only: c_double, c_float, c_ptrdiff_t",
        "    implicit none",
        "    private :: c_double, c_float, c_ptrdiff_t",
        "",
        "    !> Kind of all numbers; inputs; those by which J is; outputs; numbers in the workspace.",
        f"    integer, parameter :: {model.name}_kind = {kind}",
        f"    integer, parameter :: {model.name}_n_in = {model.n_in}",
        f"    integer, parameter :: {model.name}_n_wrt = {model.n_wrt}",
        f"    integer, parameter :: {model.name}_n_out = {model.n_out}",
        f"    integer, parameter :: {model.name}_n_work = {model.n_work}",
        "",
        "    interface",
    ]
    for name in names:
        inputs, outputs, text = signatures[name]
        text = text.format(n_wrt=model.n_wrt, n_out=model.n_out,
                           column="x[j]" if model.wrt is None else "the j-th selected input")
        arguments = [*inputs, *outputs, "work"]
        lines += [
            f"        !> {text}",
            f"        subroutine {model.name}_{name}({', '.join(arguments)}) &",
            f'            bind(c, name="{model.name}_{name}")',
            f"            import :: {kind}" + ", c_ptrdiff_t" * ("row_stride" in outputs),
            *(f"            {_declaration(argument, argument in inputs, kind)}" for argument in arguments),
            "        end subroutine",
        ]
    lines += ["    end interface"]
    if "value_and_jacobian" in names:
        lines += ["", "contains", TANGENT.format(n=model.name)]
    return "\n".join([*lines, "", f"end module {model.name}"]) + "\n"


def _declaration(argument, is_input, kind):
    if "stride" in argument:
        return f"integer(c_ptrdiff_t), value :: {argument}"
    intent = "in" if is_input else "inout" if argument in ("J", "work") else "out"
    return f"real({kind}), intent({intent}) :: {argument}(*)"


TANGENT = """
    !> y = F(x) and J(i, j), the derivative of y(i) by x(j), in the first rows of an array with ldj rows: as a material
    !> routine (UMAT) wants its stress and its tangent DDSDDE, with ldj = NTENS. Nothing is copied in between.
    subroutine {n}_tangent(x, y, J, ldj, work)
        real({n}_kind), intent(in) :: x({n}_n_in)
        real({n}_kind), intent(out) :: y({n}_n_out)
        integer, intent(in) :: ldj
        real({n}_kind), intent(inout) :: J(ldj, {n}_n_wrt)
        real({n}_kind), intent(inout) :: work({n}_n_work)
        call {n}_value_and_jacobian_strided(x, y, J, 1_c_ptrdiff_t, int(ldj, c_ptrdiff_t), work)
    end subroutine"""
