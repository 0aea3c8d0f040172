"""HTTP from the customers to the centres: one request in, one answer or one clear reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from trading_sim.protocol.flow import (
    CONTENT_TYPE,
    FlowFrameError,
    FlowReply,
    FlowRequest,
    decode_reply,
    encode_request,
)

TIMEOUT_S = 6.0
CONNECT_TIMEOUT_S = 1.0


class NoAnswer(Exception):
    """The centre gave no usable answer; whether it executed anything is unknown."""


class Refused(Exception):
    """The centre understood and refused the whole request (HTTP 400 … 499): nothing was executed."""


class CentreLinks:
    """Connections to all centres. `urls` maps centre names to base addresses."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = dict(urls)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool (needs the running event loop)."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def flow(self, centre: str, request: FlowRequest) -> FlowReply:
        """Raises NoAnswer (outcome unknown) or Refused (nothing happened)."""
        if self._session is None:
            raise NoAnswer("the connection pool is not open")
        body = encode_request(request)
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            async with self._session.post(f"{self.urls[centre]}/flow", data=body, headers=headers) as response:
                data = await response.read()
                if 400 <= response.status < 500:
                    raise Refused(
                        f"{centre} refused the frame with {response.status}: {data[:200].decode(errors='replace')}"
                    )
                if response.status != 200:
                    raise NoAnswer(f"{centre} answered {response.status}")
                return decode_reply(data)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"{centre} did not answer: {error or type(error).__name__}") from error
        except FlowFrameError as error:
            raise NoAnswer(f"{centre} answered an unreadable frame: {error}") from error
