"""Passwords of test people: the product's own hash, made in one round, since nobody is kept from guessing them."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    """Same algorithm and form as in the product; the number of rounds is part of every stored hash."""

    iterations = 1
