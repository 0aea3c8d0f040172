"""The gateway as a process above a running shard: trading over both protocols, market data, deaths, and hostile input."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.polling import eventually, eventually_async
from tests.trading_sim.gateway.fix_client import FixClient
from tests.trading_sim.gateway.fix_peer import FixPeer, text
from tests.trading_sim.gateway.gateway_world import CODES, NOT_YET, SECRET, GatewayWorld
from trading_sim.gateway.binary import wire
from trading_sim.gateway.client import BinaryClient, NotAnswered, SessionEnded
from trading_sim.gateway.client_market_data import MarketDataClient
from trading_sim.shard.async_client import AsyncShardClient

CODE = CODES[0]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayWorld]:
    made = GatewayWorld(tmp_path_factory.mktemp("gateway"))
    try:
        yield made.start()
    finally:
        made.stop()


def fix(world: GatewayWorld, name: str = "FIX-1") -> FixClient:
    return FixClient(world.address("fix"), name, SECRET)


async def reconnected(client: BinaryClient | FixClient) -> None:
    async def again() -> bool:
        await client.connect()
        return True

    await eventually_async(again, "the client is back", not_yet=NOT_YET)


def test_two_protocols_trade_with_one_another(world: GatewayWorld) -> None:
    async def walk() -> None:
        buyer, seller = await world.client("BIN-1"), fix(world)
        await seller.connect()
        buyer.new("walk-1", CODE, 1, 1000, 300)
        assert (await buyer.report("walk-1")).exec_type == "0"
        seller.send(seller.peer.order("walk-s", 2, "10.00", 100))
        filled = await seller.report("walk-s", "F")
        assert (text(filled, 31), text(filled, 32), text(filled, 39)) == ("10.00", "100", "2")
        assert (await buyer.report("walk-1", "F")).leaves == 200  # caused by somebody else's order
        buyer.replace("walk-2", "walk-1", 999, 250)
        assert (await buyer.report("walk-2", "5")).leaves == 150
        buyer.cancel("walk-3", "walk-2")
        assert (await buyer.report("walk-3", "4")).cum == 100
        balances = await buyer.query(wire.What.BALANCES)
        assert balances[0][:2] == (0, 1) and balances[0][3] == 0
        assert (0, 1, CODE) in {row[:3] for row in await buyer.query(wire.What.POSITIONS)}
        assert [row[6] for row in await buyer.query(wire.What.FILLS)] == [100]
        assert await buyer.query(wire.What.OPEN_ORDERS) == []
        assert len(await buyer.query(wire.What.INSTRUMENTS)) == len(CODES)
        assert "rules_version" in {row[2] for row in await buyer.query(wire.What.LIMITS)}
        with pytest.raises(NotAnswered, match="does not belong"):
            await buyer.query(wire.What.BALANCES, account=2)
        await buyer.logout()
        await seller.close()

    asyncio.run(walk())


def test_market_data_is_what_the_shard_says_also_after_a_gap(world: GatewayWorld) -> None:
    async def walk() -> None:
        shard = AsyncShardClient([world.address("shard")], 99, shard=0)
        buyer, seller = await world.client("BIN-1"), await world.client("BIN-2")
        async with MarketDataClient(world.address("market_data")) as market:
            await market.complete()
            for level in range(7):
                buyer.new(f"md-b{level}", CODE, 1, 990 - level, 100)
                seller.new(f"md-s{level}", CODE, 2, 1010 + level, 100)
            seller.new("md-hit", CODE, 2, 990, 50 * 2)
            await market.wait(lambda: [trade for trade in market.trades if trade[2] == 990])

            async def equal() -> bool:
                told, known = await shard.query_symbol(0), market.quotes[0][CODE]
                return [list(level) for level in known.bids] == told["bids"] and (
                    [list(level) for level in known.asks] == told["asks"] and known.volume == told["volume"]
                )

            await eventually_async(equal, "the quotes are the shard's", not_yet=NOT_YET)
            assert len(market.quotes[0][CODE].asks) == 5
            market.lose_next = 1
            buyer.new("md-b7", CODE, 1, 989, 100)
            await market.wait(lambda: market.gaps == 1 and market.channels[0].synchronous)
            await eventually_async(equal, "the quotes are the shard's after a gap", not_yet=NOT_YET)
        for client, name, count in ((buyer, "b", 8), (seller, "s", 7)):
            for level in range(count):
                client.cancel(f"md-{name}{level}-c", f"md-{name}{level}")
            await client.report(f"md-{name}{count - 1}-c")
            await client.close()
        await shard.close()

    asyncio.run(walk())


def test_a_killed_gateway_loses_no_order_and_no_report(world: GatewayWorld) -> None:
    async def walk() -> None:
        buyer, seller, other = await world.client("BIN-1"), await world.client("BIN-2"), fix(world)
        await other.connect()
        for number in range(40):
            buyer.new(f"kill-{number}", CODE, 1, 980, 100)
        other.send(other.peer.order("kill-fix", 1, "9.80", 100))
        world.kill("gateway")
        world.start_gateway()
        for client in (buyer, seller, other):
            await reconnected(client)
        for number in range(40):  # a client that does not know repeats itself: the ids keep it from buying twice
            buyer.new(f"kill-{number}", CODE, 1, 980, 100)
        other.send(other.peer.order("kill-fix", 1, "9.80", 100))
        accepted = await buyer.wait(
            lambda: (
                len([r for _, r, _ in buyer.reports if r.client_id.startswith("kill-") and r.exec_type == "0"]) >= 40
            )
        )
        assert accepted
        await other.report("kill-fix", "0")
        seller.new("kill-s", CODE, 2, 980, 4100)
        assert (await seller.report("kill-s", "0")).leaves == 4100
        await seller.wait(lambda: seller.reports[-1][1].leaves == 0)
        fills = [r.client_id for _, r, _ in buyer.reports if r.exec_type == "F" and r.client_id.startswith("kill-")]
        await buyer.wait(
            lambda: sum(r.exec_type == "F" and r.client_id.startswith("kill-") for _, r, _ in buyer.reports) == 40
        )
        assert len(set(fills)) == len(fills)
        await other.report("kill-fix", "F")
        numbers = [seq for seq, _, _ in buyer.reports]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        for client in (buyer, seller, other):
            await client.close()

    asyncio.run(walk())


def test_an_order_in_doubt_is_pending_until_the_shard_is_back(world: GatewayWorld) -> None:
    async def walk() -> None:
        buyer, other = await world.client("BIN-1"), fix(world)
        await other.connect()
        buyer.new("doubt-0", CODE, 1, 970, 100)
        await buyer.report("doubt-0", "0")
        world.kill("shard")
        buyer.new("doubt-1", CODE, 1, 970, 100)
        await buyer.report("doubt-1", "A")
        with pytest.raises(NotAnswered, match="shard 0"):
            await buyer.query(wire.What.BALANCES)
        assert eventually(lambda: world.status()["shards"]["0"]["in_doubt"], "the doubt is shown")
        world.start_shard()
        assert (await buyer.report("doubt-1", "0", timeout_s=60)).leaves == 100
        buyer.cancel("doubt-c", "doubt-0")
        await buyer.report("doubt-c", "4")
        assert [row[3] for row in await buyer.query(wire.What.OPEN_ORDERS)] == [
            buyer.reports_of("doubt-1")[-1].order_id
        ]
        buyer.cancel("doubt-d", "doubt-1")
        await buyer.report("doubt-d", "4")
        await buyer.close()
        await other.close()

    asyncio.run(walk())


def test_fix_resends_what_a_lost_connection_missed(world: GatewayWorld) -> None:
    async def walk() -> None:
        client, seller = fix(world, "FIX-2"), await world.client("BIN-2")
        await client.connect()
        client.send(client.peer.order("lost-1", 1, "9.60", 300))
        await client.report("lost-1", "0")
        await client.close()
        seller.new("lost-s", CODE, 2, 960, 200)
        await seller.report("lost-s", "F")
        await client.connect()
        assert text(await client.report("lost-1", "F"), 43) == "Y"
        client.send(client.peer.replace("lost-2", "lost-1", "9.59", 300))
        assert text(await client.report("lost-2", "5"), 151) == "100"
        client.send(client.peer.cancel("lost-3", "lost-2"))
        await client.report("lost-3", "4")
        client.send(client.peer.write("2", (7, 1), (16, 0)))
        await client.wait(lambda: client.duplicates >= 3)
        client.send(client.peer.write("5"))
        await client.wait(lambda: client.logout == "logout")
        await client.close()
        await seller.close()

    asyncio.run(walk())


async def attack(address: str, data: bytes, then: float = 0.0) -> bytes:
    """Send bytes, and read what comes until the other side closes."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.transport.abort()


def hostile(name: str, rng: random.Random) -> bytes:
    """Bytes that no client should send."""
    good = {
        "binary": wire.logon(wire.Logon("EVIL", SECRET, 5, 0)),
        "fix": FixPeer("FIX-1", time.time()).logon("wrong"),
        "market_data": b"\x07\0\0\0\x01SEMD\x01\xff",
    }[name]
    choice = rng.randrange(5)
    if choice == 0:
        return os.urandom(rng.randrange(1, 2000)) + b"\xff" * 200
    if choice == 1:
        return b"\xff\xff\xff\x7f" + b"x" * 200 if name != "fix" else b"8=FIX.4.4\x019=99999\x01" + b"x" * 100
    if choice == 2:
        return b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 100
    if choice == 3:
        broken = bytearray(good * 3)
        broken[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        return bytes(broken) + b"\0" * 500
    return good + b"\xfe" * 300


async def storm(world: GatewayWorld, rounds: int, rng: random.Random) -> None:
    for _ in range(rounds):
        names = [rng.choice(("binary", "fix", "market_data")) for _ in range(15)]
        await asyncio.gather(*(attack(world.address(name), hostile(name, rng)) for name in names))


def test_hostile_input_ends_with_a_reason_and_disturbs_nobody(world: GatewayWorld) -> None:
    async def walk() -> None:
        client = await world.client("BIN-1")
        slow = [socket.create_connection(("127.0.0.1", world.ports[name])) for name in ("binary", "fix", "market_data")]
        slow[0].send(wire.logon(wire.Logon("EVIL", SECRET, 5, 0))[:-1])
        slow[1].send(b"8=FIX.4.4\x019=")
        slow[2].send(b"\x07\0\0")
        assert b"announced" in await attack(world.address("binary"), b"\xff\xffgarbage")
        assert b"must begin with 8=FIX.4.4" in await attack(world.address("fix"), b"8=FIX.4.2\x019=5\x01" + b"x" * 30)
        assert b"announced" in await attack(world.address("market_data"), b"\xff\xff\xff\xffgarbage")
        rng = random.Random(7)
        await storm(world, 4, rng)
        before = world.memory_kib()
        trading = asyncio.create_task(storm(world, 12, rng))
        for number in range(60):
            client.new(f"calm-{number}", CODE, 1, 950, 100)
            await client.report(f"calm-{number}")
            client.cancel(f"calm-{number}-c", f"calm-{number}")
            await client.report(f"calm-{number}-c")
        await trading
        assert world.memory_kib() - before < 8 * 1024
        for one, words in zip(
            slow, (b"no logon came in time", b"no logon came in time", b"no logon came in time"), strict=True
        ):
            one.settimeout(15)
            assert words in await asyncio.to_thread(one.recv, 4096)
            one.close()
        await client.close()

    asyncio.run(walk())
    cut = world.status()["ports"]
    assert all(sum(port["cut_offs"].values()) > 10 for port in cut.values())


@pytest.mark.soak
def test_memory_stays_flat_under_long_hostile_input(world: GatewayWorld) -> None:
    rng = random.Random(11)
    asyncio.run(storm(world, 100, rng))
    before = world.memory_kib()
    asyncio.run(storm(world, 1_000, rng))
    grown = world.memory_kib() - before
    print(f"\n15,000 hostile connections: memory grew by {grown:,} KiB")
    assert grown < 8 * 1024


def test_pages_tell_how_it_stands_and_no_secrets(world: GatewayWorld) -> None:
    families = {family.name: family for family in text_string_to_metric_families(world.metrics())}
    assert families["trading_gateway_order_report_seconds"].type == "histogram"
    assert "trading_gateway_instructions" in families
    assert {s.labels["port"] for s in families["trading_gateway_connections"].samples} == {
        "binary",
        "fix",
        "market_data",
    }
    assert "trading_gateway_cut_offs" in families
    private = Path(world.directory / "gateway" / "credentials.json")
    assert private.stat().st_mode & 0o077 == 0
    assert (world.directory / "gateway" / "gateway.sqlite").stat().st_mode & 0o077 == 0
    assert SECRET not in world.log("gateway")


def test_who_does_not_prove_to_be_the_session_does_not_get_in(world: GatewayWorld) -> None:
    async def walk() -> None:
        client = BinaryClient(world.address("binary"), "BIN-1", "another-secret")
        with pytest.raises(SessionEnded, match="do not fit together"):
            await client.connect()
        await client.close()

    asyncio.run(walk())
