"""A page whose session has ended goes to the sign-in page as a whole; its parts never swap that page in."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.django_db
def test_a_part_without_a_session_moves_the_whole_page(client: Client) -> None:
    answer = client.get("/audit/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL="http://testserver/audit/?actor=lin")
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Faudit%2F%3Factor%3Dlin"
    assert answer.content == b""


@pytest.mark.django_db
def test_the_sign_in_page_fetches_nothing_that_needs_a_session(client: Client) -> None:
    page = client.get("/sign-in/").content.decode()
    assert "hx-get" not in page
