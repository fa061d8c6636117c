"""The compiled state machine. `exchange.py` is the only door to it; `margin.py` and `fixed.py` are plain formulas."""
