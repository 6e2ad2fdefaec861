"""Users of Django's database by what Jam knows about a request.

AUTHENTICATION_BACKENDS = ["jam.ext.django.backends.JamBackend", "django.contrib.auth.backends.ModelBackend"]
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import HttpRequest

from jam.ext._policy import Identity

__all__ = ["JamBackend"]


class JamBackend(ModelBackend):
    """Finds the user whose primary key stands in the payload, under `sub` or what the setting `JAM_USER_CLAIM` names.

    Whom `is_active` excludes is not found. Permissions are those of the database.
    """

    def authenticate(  # pyright: ignore[reportIncompatibleMethodOverride]  # Django picks backends by their keywords
        self, request: HttpRequest | None, identity: Identity | None = None, **_: Any
    ) -> Any:
        """Gives the user of an identity, or `None`."""
        if identity is None:
            return None
        claim = identity.payload.get(getattr(settings, "JAM_USER_CLAIM", "sub"))
        if not isinstance(claim, str | int) or isinstance(claim, bool):
            return None
        try:
            user = get_user_model()._default_manager.get(pk=claim)  # the manager that Django's own backend uses
        except (ObjectDoesNotExist, ValueError, OverflowError, ValidationError):
            return None  # a claim of another form than the primary key's is nobody's
        return user if self.user_can_authenticate(user) else None
