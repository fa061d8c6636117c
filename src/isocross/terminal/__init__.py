"""The command line's hands: options in, tables and JSON out. `cli.py` is the entry point; decisions are in policy/."""
