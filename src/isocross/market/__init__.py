"""Market: where prices and depth come from. Nothing is imported here; take what you need from the modules.

    history   History, Steps           one or several symbols, aligned for replay
    candles   Bars, read_bars          one file of candles, checked and converted
    funding   FundingRows, read_funding
    frames    is_frame, frame_table    the same from a Polars or pandas frame
    maker     DepthProfile, impact     the numbers of the house ladder, and how it thins
    demo      demo_history             two small crashes made from a seed

A market that speaks to a running exchange (Source) is one of these; each says instants: ladders, marks, small orders, settlements.

    source     Source, Instant, FundingAhead
    synthetic  Synthetic               made up from a seed: parameters (the figures), paths (the world), draws (its chance)
    scene      CRASH                   a script laid over a made-up world
    recorded   Recorded                a History at any speed, shifted to the present
    choose     open_source             the source that a word names
    past       Past, CandleColumns     what was before a source begins
    intervals  INTERVALS, joined       candles 1m … 1M
    manual     ManualPrices            prices set by hand

Floats end here: what leaves towards the engine is int64 (prices and rates × 10^8, times in ms). Must not: judge an
account, know the kernel's state, or fill a hole in recorded data.
"""
