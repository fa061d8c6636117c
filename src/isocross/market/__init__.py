"""Market: where prices and depth come from. Nothing is imported here; take what you need from the modules.

    history   History, Steps           one or several symbols, aligned for replay
    candles   Bars, read_bars          one file of candles, checked and converted
    funding   FundingRows, read_funding
    maker     DepthProfile, impact     the numbers of the house ladder, and how it thins
    demo      demo_history             two small crashes made from a seed

Floats end here: what leaves towards the engine is int64 (prices and rates × 10^8, times in ms). Must not: judge an
account, know the kernel's state, or fill a hole in recorded data.
"""
