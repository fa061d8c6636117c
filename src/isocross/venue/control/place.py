"""Place: the worlds that the control plane speaks of: the venue itself, and those beside it.

Responsible for: finding one by its name, making a fork of the running venue, letting it go. Must not: read a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import InputError, JournalError
from ...limits import WORLDS_MAX
from ..accounts import checked_name
from ..beside import folder_of, forked, kept_folders, remove, reopened
from ..opening import OpenVenue
from ..sequencer import VenueCore

if TYPE_CHECKING:
    from .alarms import Alarms
    from .faults import Faults
    from .twins import TwinRoom


@dataclass(slots=True)
class Place:
    """A world, and what goes with it."""

    name: str  # '': the venue itself
    world: OpenVenue
    places: Places
    alarms: Alarms
    market_task: asyncio.Task[None] | None = None
    dialect: Any = None  # who answers for a fork under /fork/NAME


class Places:
    """The venue and the worlds beside it. `tell`: set by the server, gives an account's user stream a message."""

    def __init__(self, venue: OpenVenue, faults: Faults) -> None:
        from .alarms import ALARMS_FILE, Alarms
        from .twins import TwinRoom

        self.faults = faults
        self.tell: Callable[[int, dict[str, Any]], None] = lambda account, message: None
        self.make_dialect: Callable[[VenueCore], Any] = lambda core: None
        file = None if venue.path is None else venue.path / ALARMS_FILE
        alarms = Alarms(venue.core, lambda account, message: self.tell(account, message), file)
        self.venue = Place("", venue, self, alarms)
        self.twins: TwinRoom = TwinRoom(venue.core)
        self._forks: dict[str, Place] = {}
        self._closed: dict[str, str] = {}  # names that are taken by what cannot be opened, or is on its way out: why

    def named(self, name: str | None) -> Place:
        """A world by its name; None: the venue itself. Errors  KeyError."""
        if name is None:
            return self.venue
        if name not in self._forks:
            raise KeyError(f"fork {name[:40]!r}: is not there; expected one of {', '.join(self._forks) or 'none'}")
        return self._forks[name]

    @property
    def forks(self) -> list[Place]:
        """Oldest first."""
        return list(self._forks.values())

    def fork(self, name: str) -> Place:
        """The running venue as it is now, beside it, standing still. Errors  InputError."""
        checked_name(name)
        if not name.strip("."):
            raise InputError(f"fork {name!r}: expected a name with a letter or a digit")
        if name in self._forks:
            raise InputError(f"fork {name!r}: is there already")
        if len(self._forks) >= WORLDS_MAX:
            raise InputError(f"fork {name!r}: {WORLDS_MAX} are there already; remove one")
        if name in self._closed:
            raise InputError(f"fork {name!r}: is kept and not open: {self._closed[name]}; remove it first")
        return self._add(name, forked(self.venue.world, name))

    def find_forks(self) -> list[str]:
        """Open the forks that the data folder keeps; what stands against one that cannot be opened, a line each."""
        running = self.venue.world
        for path in kept_folders(running.path):
            try:
                world = reopened(running, path)
            except (JournalError, InputError, OSError) as error:
                self._closed[path.name] = str(error)
            else:
                self._add(path.name, world)
        return [f"fork {name}: cannot be opened: {fault}" for name, fault in self._closed.items()]

    def _add(self, name: str, world: OpenVenue) -> Place:
        from .alarms import Alarms

        place = Place(name, world, self, Alarms(world.core, lambda account, message: None))
        place.dialect = self.make_dialect(world.core)
        place.market_task = asyncio.create_task(world.driver.run(), name=f"market of fork {name}")
        self._forks[name] = place
        return place

    async def remove(self, name: str) -> None:
        """Let a world go, its folder too. Errors  KeyError."""
        folder = self.venue.world.path
        if name not in self._closed or name in self._forks:
            place = self.named(name)
            del self._forks[name]
            self._closed[name] = "it is being removed"
            await _end(place)
        if folder is not None:
            await asyncio.to_thread(remove, folder_of(folder, name))
        self._closed.pop(name, None)

    async def close(self) -> None:
        """End all of them; what is kept in a folder is found again."""
        self.twins.close()
        await self.venue.alarms.close()
        places, self._forks = list(self._forks.values()), {}
        for place in places:
            await _end(place)


async def _end(place: Place) -> None:
    if place.market_task is not None:
        place.market_task.cancel()
        with suppress(asyncio.CancelledError):
            await place.market_task
    if place.dialect is not None:
        await place.dialect.close()
    await place.alarms.close()
    place.world.close()
