"""A fault needs to last before it is told, and to be gone for a while before it is over."""

from dataclasses import dataclass

from shared.clock import NS

# Evidence may be missing for so long without a new beginning: a single picture decides nothing.
_GRACE_NS = NS


@dataclass(slots=True)
class Lasting:
    """One kind of fault over event time, UTC ns.

    Attributes:
        open_ns, close_ns: how long the evidence must last, and be gone.
        since: when the evidence began; None: there is none.
        last: when it was last seen.
        good_since: while open, since when it is gone.
    """

    open_ns: int
    close_ns: int
    since: int | None = None
    last: int = 0
    good_since: int | None = None
    is_open: bool = False

    def take(self, bad: bool | None, now: int, since: int | None = None) -> bool:
        """One measure; None: nothing can be said, which neither opens nor closes. `since`: when it really began.

        Returns:
            whether the fault is open.
        """
        if bad:
            self.since = now if self.since is None else self.since
            if since is not None and not self.is_open:
                self.since = since
            self.last, self.good_since = now, None
            self.is_open = self.is_open or now - self.since >= self.open_ns
        elif self.is_open:
            self.good_since = None if bad is None else self.good_since or now
            if self.good_since is not None and now - self.good_since >= self.close_ns:
                self.is_open, self.since, self.good_since = False, None, None
        elif bad is None or now - self.last > _GRACE_NS:
            self.since = None
        return self.is_open

    def pause(self) -> None:
        """After a gap nothing continues but what is open."""
        self.good_since = None
        if not self.is_open:
            self.since = None
