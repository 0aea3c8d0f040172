"""Fetches release packages for a centre's nodes: from a path or by HTTP, verified once per digest and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

import aiohttp

from trading_sim.nodes.package_file import MAX_PACKAGE_BYTES, Package, PackageError, verify

FETCH_TIMEOUT_S = 30.0
KEPT = 8


class PackageFetcher:
    """A rollout asks for the same package once per node; it is fetched once and held in memory."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], asyncio.Task] = OrderedDict()

    async def get(self, source: str, digest: str, service: str, version: str) -> Package:
        """The verified package. Raises PackageError."""
        key = (digest, service, version)
        task = self._kept.get(key)
        if task is None:
            task = self._kept[key] = asyncio.create_task(self._fetch(source, digest, service, version))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except PackageError:
            self._kept.pop(key, None)
            raise

    async def _fetch(self, source: str, digest: str, service: str, version: str) -> Package:
        data = await (self._download(source) if source.startswith(("http://", "https://")) else self._read(source))
        return verify(data, digest=digest, service=service, version=version)

    async def _read(self, source: str) -> bytes:
        path = Path(source)
        if not path.is_absolute():
            raise PackageError("bad_field", f"package must be an absolute path or an http address, not {source!r}")
        try:
            if path.stat().st_size > MAX_PACKAGE_BYTES:
                raise PackageError("too_large", f"{path} has more than {MAX_PACKAGE_BYTES} bytes")
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise PackageError("package_unreadable", f"{path} cannot be read: {error.strerror}") from error

    async def _download(self, source: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(source) as response:
                if response.status != 200:
                    raise PackageError("package_unreadable", f"{source} answered {response.status}")
                data = b""
                async for chunk in response.content.iter_chunked(1 << 16):
                    data += chunk
                    if len(data) > MAX_PACKAGE_BYTES:
                        raise PackageError("too_large", f"{source} has more than {MAX_PACKAGE_BYTES} bytes")
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PackageError(
                "package_unreadable", f"{source} cannot be fetched: {type(error).__name__} {error}"
            ) from error
