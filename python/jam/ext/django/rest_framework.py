"""Jam in the Django REST Framework.

    class Reports(APIView):
        authentication_classes = [JWTAuthentication]
        permission_classes = [has_scopes("reports:read")]

`request.auth` is the `Identity`, `request.user` the user whom `JamBackend` finds.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth import authenticate

from jam.ext._extras import missing

try:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException
    from rest_framework.permissions import BasePermission
    from rest_framework.request import Request
except ModuleNotFoundError as error:
    raise missing("djangorestframework", "djangorestframework") from error

from jam.ext._policy import Authentication, Identity, Kind
from jam.ext._refusal import Refusal, check_scopes
from jam.ext.django import policy_of
from jam.ext.wsgi import head_of

__all__ = ["JWTAuthentication", "PASETOAuthentication", "SessionAuthentication", "has_scopes"]


class Refused(APIException):
    """A request is turned away; the framework makes the answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description, refusal.error)
        self.status_code = refusal.status
        self.auth_header = refusal.headers.get("WWW-Authenticate")  # what the framework's exception handler sends


class _Authentication(BaseAuthentication):
    _KIND: ClassVar[Kind]

    def authenticate(self, request: Request) -> tuple[Any, Identity] | None:
        """What the framework asks: the user and the identity; `None` for a request without a credential."""
        policy = policy_of(self._KIND)
        try:
            authentication = policy.authenticate(head_of(request.META))
            if authentication.identity is None and authentication.failure is None:
                return None
            identity = authentication.require()
            user = self.get_user(request, identity)
            if user is None:
                raise Refusal.no_identity(policy.realm, "the token is not valid")
        except Refusal as refusal:
            raise Refused(refusal) from refusal
        return user, identity

    def authenticate_header(self, request: Request) -> str:
        """The challenge for a request without a credential."""
        return Refusal.no_identity(policy_of(self._KIND).realm, None).headers["WWW-Authenticate"]

    def get_user(self, request: Request, identity: Identity) -> Any:
        """The user of an identity, by the `AUTHENTICATION_BACKENDS`; `None` for nobody. Override it at will."""
        return authenticate(request._request, identity=identity)


class JWTAuthentication(_Authentication):
    """Users by JWT, as the setting `JAM_AUTH["jwt"]` says."""

    _KIND = "jwt"


class PASETOAuthentication(_Authentication):
    """Users by PASETO, as the setting `JAM_AUTH["paseto"]` says."""

    _KIND = "paseto"


class SessionAuthentication(_Authentication):
    """Users by a session of Jam's own, as the setting `JAM_AUTH["session"]` says.

    For sessions of Django, which `jam.ext.django.sessions` may keep, there is the framework's own class.
    """

    _KIND = "session"


def has_scopes(*scopes: str) -> type[BasePermission]:
    """A permission for requests whose credential has these scopes; 401 or 403 with `WWW-Authenticate` otherwise."""
    check_scopes(scopes)

    class HasScopes(BasePermission):
        def has_permission(self, request: Request, view: Any) -> bool:
            if not isinstance(request.auth, Identity):
                return False  # the framework answers with the challenge of the first authentication class
            try:
                Authentication(request.auth, None, policy_of(request.auth.kind).realm).require(*scopes)
            except Refusal as refusal:
                raise Refused(refusal) from refusal
            return True

    return HasScopes
