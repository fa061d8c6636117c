"""`python -m isocross`: the command line. Must not: hold any logic."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
