"""Sessions of clients that run as programs of their own, each in an environment that has the client and nothing of this package."""
