"""Jam: JWT, PASETO, one-time passwords, sessions and OAuth 2.0 behind one configured object.

`jam.Jam` is the blocking facade, `jam.aio.Jam` the same for asyncio.
"""

from jam._jam import __version__
from jam.facade import Jam

__all__ = ["Jam", "__version__"]
