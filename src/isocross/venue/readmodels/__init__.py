"""Read models: what a venue remembers for those who ask: orders, trades, income, candles, funding, margin changes.

    models    ReadModels: all of them, fed with what is committed, behind the journal, caught up at the start
    store     the SQLite file they share, with the position up to which they were fed

Must not: be fed with anything that is not committed, decide anything. Losing the file loses nothing: it is made again.
"""
