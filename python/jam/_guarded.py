"""What no object may lose that holds keys or connections."""

from __future__ import annotations

from typing import NoReturn


class Guarded:
    """Refuses `pickle` and `copy`: neither a key nor a connection may leave its object unnoticed."""

    def __reduce__(self) -> NoReturn:
        """Refuses."""
        raise TypeError(f"{type(self).__name__} holds keys or connections and cannot be pickled or copied")
