"""What `import fastjac` costs: the whole process, beside that of `import numpy`."""


def timeraw_import_fastjac():
    return "import fastjac"


def timeraw_import_numpy():
    return "import numpy"
