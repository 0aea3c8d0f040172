"""The product keeps Django's own hash of passwords; only the rounds are spared in tests."""

from __future__ import annotations

from django.conf import global_settings
from django.utils.module_loading import import_string

import seeops.settings
from tests.hashing import OneRound


def test_the_product_hashes_as_django_does_and_tests_in_one_round() -> None:
    assert not hasattr(seeops.settings, "PASSWORD_HASHERS")
    default = import_string(global_settings.PASSWORD_HASHERS[0])
    assert (OneRound.algorithm, OneRound.iterations) == (default.algorithm, 1)
    assert default.iterations >= 1_000_000
