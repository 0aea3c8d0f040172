"""`python -m trading_sim.surveillance.process`: watches all shards of a cluster, keeps cases, acts."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from trading_sim.load.process import shard_configs, wait_for_endpoints
from trading_sim.market.usual import usual_sizes
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardRejected, ShardUnavailable
from trading_sim.shard.config import ShardConfig
from trading_sim.surveillance.actions import Enforcer
from trading_sim.surveillance.book import REQUESTED, CaseBook
from trading_sim.surveillance.follower import Follower
from trading_sim.surveillance.http import make_app
from trading_sim.surveillance.watch import ShardWatch

log = logging.getLogger("trading_sim.surveillance")

LAPSE_EVERY_S = 30.0
#: How long a request for an account status waits for its outcome before it answers "requested".
ANSWER_S = 2.0
ASK_AGAIN_S = 0.02


class Surveillance:
    """Everything but HTTP and signals. `endpoints` is the content of endpoints.json; `state` this process' folder."""

    def __init__(self, state: Path, endpoints: dict[str, Any], configs: Sequence[ShardConfig]) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.book = CaseBook(state / "cases.sqlite")
        self.shards = [config.shard for config in configs]
        self.known_accounts = {row["account"] for config in configs for row in config.accounts}
        self._symbols = {config.shard: config.symbols for config in configs}
        addresses = {
            config.shard: [replica["address"] for replica in endpoints["shards"][str(config.shard)].values()]
            for config in configs
        }
        self.clients = {
            shard: AsyncShardClient(listed, self.book.client_id + shard, timeout_s=3.0, shard=shard)
            for shard, listed in addresses.items()
        }
        self.enforcer = Enforcer(self.book, self.clients)
        self.followers = {
            config.shard: Follower(
                config.shard,
                addresses[config.shard],
                self.shards,
                lambda config=config: ShardWatch(config.shard, usual_sizes(config.symbols)),
                self.book,
                state,
                self._raised,
            )
            for config in configs
        }

    def _raised(self, cases: list[int]) -> None:
        log.info("cases with news: %s", ", ".join(map(str, cases)))
        self.enforcer.poke()

    async def run(self) -> None:
        """Work until cancelled; the failure of any part ends all, so that the supervisor starts this process again."""
        try:
            async with asyncio.TaskGroup() as group:
                for shard, follower in self.followers.items():
                    group.create_task(follower.run())
                    group.create_task(self.enforcer.run(shard))
                group.create_task(self._lapse())
        finally:
            for client in self.clients.values():
                await client.close()
            self.book.close()

    async def _lapse(self) -> None:
        while True:
            self.book.lapse(time.time_ns())
            await asyncio.sleep(LAPSE_EVERY_S)

    # -- what others see and ask ---------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """{mode, shards, watching, open_cases, restricted_accounts}; watching is false as soon as one shard is not watched."""
        shards = {str(shard): follower.describe() for shard, follower in self.followers.items()}
        standing = self.book.counts()["open"]
        steps: dict[str, int] = {}
        for (_, step), count in standing.items():
            steps[step] = steps.get(step, 0) + count
        return {
            "mode": "act" if self.book.acts else "advise",
            "watching": all(row["watching"] for row in shards.values()),
            "shards": shards,
            "open_cases": steps,
            "restricted_accounts": len(self.book.restricted()),
        }

    def named(self, case: dict[str, Any]) -> dict[str, Any]:
        """With the security's code and board, which people know, beside its number."""
        rows = self._symbols.get(case["shard"], [])
        row = rows[case["symbol"]] if case["accounts"] and case["symbol"] < len(rows) else {}
        return case | {"code": row.get("code", ""), "board": row.get("board", "")}

    async def account(self, account: int) -> dict[str, Any]:
        """Status on every shard as the shards say (null: no answer), the last actions, and the account's cases."""
        statuses = await asyncio.gather(*(self._status_on(shard, account) for shard in self.shards))
        cases = self.book.cases({"account": account}, 50, None)
        return {
            "account": account,
            "shards": {str(shard): status for shard, status in zip(self.shards, statuses, strict=True)},
            "actions": self.book.actions_of(account),
            "cases": [self.named(case) for case in cases["cases"]],
        }

    async def _status_on(self, shard: int, account: int) -> int | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                return int((await self.clients[shard].query_account(account))["status"])
        except (ShardUnavailable, ShardRejected, TimeoutError):
            return None

    async def set_status(
        self, *, account: int, status: int, reason: str, actor: str, key: str, case: int | None
    ) -> dict[str, Any]:
        """Ask for a status once per key; answers after the outcome is known, or after ANSWER_S with what is known then."""
        self.book.ask(
            key=key, account=account, status=status, reason=reason, actor=actor, shards=self.shards, case=case
        )
        self.enforcer.poke()
        end = time.monotonic() + ANSWER_S
        while True:
            found = self.book.action(key)
            if found is None:
                raise AssertionError(f"action {key!r} was written and is gone")
            if found["outcome"] != REQUESTED or time.monotonic() > end:
                return found
            await asyncio.sleep(ASK_AGAIN_S)


async def main(arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    endpoints = await wait_for_endpoints(Path(arguments.endpoints))
    surveillance = Surveillance(Path(arguments.state), endpoints, shard_configs(endpoints))
    runner = web.AppRunner(make_app(surveillance), access_log=None)
    await runner.setup()
    host, _, port = arguments.http.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    log.info("watching %d shards, listening on %s", len(surveillance.shards), arguments.http)
    work = asyncio.create_task(surveillance.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        await runner.cleanup()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line of the process."""
    parser = argparse.ArgumentParser(prog="python -m trading_sim.surveillance.process", description=__doc__)
    parser.add_argument("--state", required=True, metavar="DIR", help="folder for cases and the detectors' memory")
    parser.add_argument("--endpoints", required=True, metavar="FILE", help="endpoints.json of the cluster; waited for")
    parser.add_argument("--http", required=True, metavar="HOST:PORT", help="address of the HTTP interface")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(main(parse(sys.argv[1:])))
