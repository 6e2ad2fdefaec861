"""Jam at home in web frameworks. Each module here needs its framework, and says what to install where that is missing.

`jam.ext.asgi` and `jam.ext.wsgi` need none. `jam.ext.starlette`, `jam.ext.fastapi`, `jam.ext.litestar`, `jam.ext.flask`
and `jam.ext.django` speak their framework's own words. All decide alike, by `Policy`: where a credential is looked for,
what of Jam reads it, and what is answered where it does not hold.
"""

from jam.ext._policy import Authentication, Identity, Policy, PolicyOptions
from jam.ext._refusal import Refusal
from jam.ext._sources import RequestHead

__all__ = ["Authentication", "Identity", "Policy", "PolicyOptions", "Refusal", "RequestHead"]
