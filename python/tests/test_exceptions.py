"""The tree of exceptions, and how errors of the Rust core become members of it."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import jam
import pytest
from jam import _jam, exceptions
from jam.exceptions import (
    CLASSES_BY_CODE,
    JamConfigurationError,
    JamError,
    JamJWTInvalidClaim,
    JamJWTValidationError,
    JamStoreError,
    JamStoreRefused,
    JamValidationError,
)

CLASSES = [value for value in vars(exceptions).values() if inspect.isclass(value) and issubclass(value, JamError)]
EVERY = pytest.mark.parametrize("error_class", CLASSES)


def test_every_code_of_the_core_has_a_class_of_its_own() -> None:
    assert len(_jam.error_codes()) > 30
    assert set(_jam.error_codes()) <= set(CLASSES_BY_CODE)
    assert len({error_class.code for error_class in CLASSES}) == len(CLASSES)


def test_every_class_is_public() -> None:
    assert set(exceptions.__all__) == {error_class.__name__ for error_class in CLASSES}


@EVERY
def test_a_class_knows_its_code_and_a_sentence(error_class: type[JamError]) -> None:
    error = error_class()
    assert error.error_code == error_class.code
    assert str(error) == error.message != ""
    assert error.details == {}


@EVERY
def test_an_error_is_copied_and_pickled_with_all_it_says(error_class: type[JamError]) -> None:
    error = error_class("a sentence", error_code="own.code", details={"claim": "aud"})
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is error_class
        assert (str(twin), twin.error_code, twin.details) == ("a sentence", "own.code", {"claim": "aud"})


def test_details_are_the_errors_own() -> None:
    details = {"claim": "aud"}
    error = JamError("a sentence", details=details)
    details["claim"] = "iss"
    assert error.details == {"claim": "aud"}


def test_families_can_be_caught() -> None:
    assert issubclass(JamValidationError, ValueError)
    for code in _jam.error_codes():
        family = {"store": JamStoreError, "configuration": JamConfigurationError}.get(code.split(".")[0], JamError)
        assert issubclass(CLASSES_BY_CODE[code], family)
    for name in ("Expired", "NotYetValid", "InBlackList", "NotInWhiteList", "InvalidSignature", "InvalidClaim"):
        assert issubclass(getattr(exceptions, f"JamJWT{name}"), JamJWTValidationError)


def test_details_name_the_claim() -> None:
    made = jam.Jam({"jwt": {"alg": "HS256", "secret": "s" * 32}})
    token = made.jwt_create_token({"aud": "one"})
    with pytest.raises(JamJWTInvalidClaim) as caught:
        made.jwt_verify_token(token, audience="another")
    assert caught.value.details == {"claim": "aud"}


def test_details_name_the_path_of_a_key() -> None:
    with pytest.raises(JamConfigurationError) as caught:
        jam.Jam({"jwt": {"alg": "HS256", "secret": "s" * 32, "lists": {}}})
    assert caught.value.details == {"path": "jwt.lists"}


def test_a_file_that_holds_something_else_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "jam.sqlite3"
    path.write_bytes(b"no database " * 100)
    with pytest.raises(JamStoreRefused) as caught:
        jam.Jam({"session": {"session_type": "sqlite", "sqlite_path": str(path)}}).session_create("user", {})
    assert caught.value.error_code == "store.refused"


def test_a_subclass_of_the_users_own_has_a_code_of_its_own() -> None:
    class Mine(JamValidationError):
        """Mine."""

        code = "mine"

    error: Any = Mine()
    assert (error.error_code, str(error)) == ("mine", "Mine.")
    assert CLASSES_BY_CODE[JamValidationError.code] is JamValidationError
