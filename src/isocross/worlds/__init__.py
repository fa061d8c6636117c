"""Worlds: other lives of a history: branches under rewrites, forks.

    moment      places in a history: after, before
    rewrite     the small changes that a branch is made of
    branching   branch, fork
    shelf       named worlds kept beside a running one
    twins       worlds that live along with a running one; twin_feed: fed by a journal
    world       World: an exchange with a past of its own
    case        a world in one file: save, load, run, diff
    difference  diff: two worlds side by side
    divergence  where a branch could not do what its base did
    receipt     receipts of liquidations, what would have saved the account
    loss_cap    the worst case of a position

Must not: hold a rule or a formula: every answer is a replay.
"""

from . import case
from .branching import branch, fork
from .difference import Difference, diff
from .divergence import Divergence, DivergenceKind
from .moment import Moment, after, before
from .rewrite import add_margin, drop, flip_mode, insert, place_stop, set_leverage, stop_at
from .shelf import Shelf
from .told import Liquidation
from .twin_feed import TwinFeed
from .twins import Twins
from .world import World

__all__ = [
    "Difference",
    "Divergence",
    "DivergenceKind",
    "Liquidation",
    "Moment",
    "Shelf",
    "TwinFeed",
    "Twins",
    "World",
    "add_margin",
    "after",
    "before",
    "branch",
    "case",
    "diff",
    "drop",
    "flip_mode",
    "fork",
    "insert",
    "place_stop",
    "set_leverage",
    "stop_at",
]
