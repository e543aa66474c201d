"""`python -m fastjac`: see `fastjac._cli`."""

import sys

from fastjac._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
