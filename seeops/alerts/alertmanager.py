"""The door to Alertmanager: what it holds right now. Raises Unavailable."""

from __future__ import annotations

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from seeops.alerts import payload
from seeops.alerts.payload import Notice
from seeops.core.errors import Unavailable

CONNECT_S, ANSWER_S = 1.0, 5.0


def held() -> list[Notice]:
    """Every alert that Alertmanager holds as firing, also those that a silence or another alert holds back."""
    url = f"{settings.ALERTMANAGER_URL}/api/v2/alerts"
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=(CONNECT_S, ANSWER_S))
        answer.raise_for_status()
        return payload.api(answer.json())
    except requests.RequestException as error:
        raise Unavailable(
            _("Alertmanager at %(url)s does not answer (%(error)s): alerts may be missing here until it is back.")
            % {"url": settings.ALERTMANAGER_URL, "error": type(error).__name__}
        ) from error
    except payload.Malformed as error:
        raise Unavailable(
            _("What answers at %(url)s is not Alertmanager: %(error)s.")
            % {"url": settings.ALERTMANAGER_URL, "error": error}
        ) from error
