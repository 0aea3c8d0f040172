"""ASGI entry point: pages, API and the live stream in one server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "seeops.settings")
application = get_asgi_application()
