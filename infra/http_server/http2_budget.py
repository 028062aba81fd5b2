"""How many HTTP/2 frames a client may send that cost us work and bring nothing: pings, settings, cancelled requests.

Each connection begins with a full budget. Time, whole requests and answers that are read fill it up again; so no client
that does something useful gets near its end, whatever its library is chatty about.
"""

# What is taken for a frame: a cancelled request has cost us the most.
FRAME, CANCELLED = 1, 5
_A_SECOND, _A_REQUEST = 50, 2
_BYTES_FOR_ONE = 1_024
# Small parts of a body that cost as much as a frame without use: a job may send its output line by line.
_CRUMBS_FOR_ONE = 16


class Budget:
    """most: of a full one, in frames."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._bytes = self._crumbs = 0

    def spend(self, frames: int) -> None:
        """Frames without use have come."""
        self._left -= frames

    def crumble(self) -> None:
        """A small part of a body has come."""
        self._crumbs += 1
        if self._crumbs == _CRUMBS_FOR_ONE:
            self._crumbs = 0
            self.spend(FRAME)

    def earn(self, frames: int = _A_REQUEST) -> None:
        """Something useful was done; by default a request is whole."""
        self._left = min(self._most, self._left + frames)

    def moved(self, size: int) -> None:
        """So many bytes of a body, or of an answer, have been sent."""
        self._bytes += size
        if self._bytes >= _BYTES_FOR_ONE:
            self.earn(self._bytes // _BYTES_FOR_ONE)
            self._bytes %= _BYTES_FOR_ONE

    def renew(self) -> None:
        """Fill it up, whatever was done."""
        self._left = self._most

    def pass_time(self, seconds: float) -> None:
        """So much time has passed."""
        self.earn(int(_A_SECOND * seconds))

    @property
    def is_used_up(self) -> bool:
        """Whether the connection has to end."""
        return self._left < 0
