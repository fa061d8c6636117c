"""Streams: what this dialect sends without being asked each time. Nothing is imported here.

Responsible for: sockets and their subscriptions, market streams, the user data stream. Must not: send what is not committed.
"""
