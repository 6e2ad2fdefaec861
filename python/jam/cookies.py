"""The cookie that carries a session's id, for any framework or none."""

from jam._jam import Cookie

__all__ = ["Cookie"]
