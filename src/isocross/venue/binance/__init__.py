"""Binance: the dialect of USDⓈ-M Futures, REST and WebSocket, and nothing else. Nothing is imported here.

Responsible for: wire names, codes, texts, signatures. Must not: hold a rule of the exchange.
"""
