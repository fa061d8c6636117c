"""Venue: the exchange as a server on this machine. Nothing is imported here.

Responsible for: the network, keys, the wire dialect, the clock. Must not: compute a margin, know the lab.
"""
