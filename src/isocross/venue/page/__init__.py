"""Page: the trading page about margin: its files, who may see it, what it shows and what it sends.

Responsible for: everything under `/`, `/assets` and `/page`. Must not: hold a margin formula (the engine's previews answer), speak a
venue's wire names (binance/ does).
"""
