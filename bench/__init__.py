"""Benchmarks: one file per question; each checks its answer before it is timed. `python -m bench`."""
