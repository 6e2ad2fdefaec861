"""Jam for asyncio: every method of `jam.aio.Jam` is a coroutine, named as in `jam.Jam`.

What does I/O is here: `jam.aio.sessions`, `jam.aio.tokens`, `jam.aio.oauth2`, `jam.aio.lists`,
`jam.aio.replay_guard`. `jam.jwt`, `jam.otp` and `jam.paseto` do none and serve both.
"""

from jam.aio.facade import Jam

__all__ = ["Jam"]
