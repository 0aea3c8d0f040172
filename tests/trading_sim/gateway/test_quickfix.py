"""A real QuickFIX client (C++ engine) trades with the gateway, loses its connection, and catches up.

Marked soak: QuickFIX comes as source and takes minutes to build, so only the set-up of `make soak` installs it. `make test` runs the
same walk with the client of `fix_client`.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.polling import eventually
from tests.trading_sim.gateway.gateway_world import CODES, SECRET, GatewayWorld

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

DICTIONARY = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"
CONFIGURATION = """[DEFAULT]
ConnectionType=initiator
ReconnectInterval=1
FileStorePath={folder}
HeartBtInt=2
StartTime=00:00:00
EndTime=00:00:00
UseDataDictionary=Y
DataDictionary={dictionary}
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
[SESSION]
BeginString=FIX.4.4
SenderCompID={sender}
TargetCompID=SEEOPS
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GatewayWorld]:
    made = GatewayWorld(tmp_path)
    try:
        yield made.start()
    finally:
        made.stop()


class Trader:
    """QuickFIX with its own store; `reports` holds what its engine let through to the application, as dictionaries by tag."""

    def __init__(self, folder: Path, port: int, sender: str) -> None:
        import quickfix

        self._fix = quickfix
        self.reports: list[dict[str, str]] = []
        self.admin: list[dict[str, str]] = []
        self.logged_on = threading.Event()
        self.session: Any = None
        trader = self

        class Application(quickfix.Application):
            """Callbacks come on QuickFIX's own thread."""

            def onCreate(self, session: Any) -> None:
                trader.session = session

            def onLogon(self, session: Any) -> None:
                trader.logged_on.set()

            def onLogout(self, session: Any) -> None:
                trader.logged_on.clear()

            def toAdmin(self, message: Any, session: Any) -> None:
                kind = quickfix.MsgType()
                message.getHeader().getField(kind)
                if kind.getValue() == "A":
                    message.setField(quickfix.StringField(554, SECRET))

            def fromAdmin(self, message: Any, session: Any) -> None:
                trader.admin.append(fields(message))

            def toApp(self, message: Any, session: Any) -> None:
                pass

            def fromApp(self, message: Any, session: Any) -> None:
                trader.reports.append(fields(message))

        configuration = folder / "quickfix.cfg"
        configuration.write_text(CONFIGURATION.format(folder=folder, dictionary=DICTIONARY, port=port, sender=sender))
        self._application = Application()
        self._settings = quickfix.SessionSettings(str(configuration))
        self._store = quickfix.FileStoreFactory(self._settings)
        self._initiator = quickfix.SocketInitiator(self._application, self._store, self._settings)

    def start(self) -> None:
        self._initiator.start()
        assert self.logged_on.wait(20), "QuickFIX logs on"

    def stop(self) -> None:
        self._initiator.stop()

    def send(self, kind: str, *pairs: tuple[int, object]) -> None:
        message = self._fix.Message()
        message.getHeader().setField(35, kind)
        moment = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        for tag, value in (*pairs, (55, CODES[0]), (60, moment)):
            message.setField(tag, str(value))
        self._fix.Session.sendToTarget(message, self.session)

    def order(self, client_id: str, side: int, price: str, qty: int) -> None:
        self.send("D", (11, client_id), (54, side), (38, qty), (40, 2), (44, price))

    def report(self, client_id: str, exec_type: str) -> dict[str, str]:
        def found() -> list[dict[str, str]]:
            return [r for r in self.reports if (r.get("11"), r.get("150")) == (client_id, exec_type)]

        return eventually(found, f"{client_id} gets {exec_type}", 30)[0]


def fields(message: Any) -> dict[str, str]:
    """Tag → value."""
    return dict(pair.split("=", 1) for pair in message.toString().split("\x01") if pair)


def test_quickfix_trades_loses_its_connection_and_catches_up(world: GatewayWorld, tmp_path: Path) -> None:
    folder = tmp_path / "quickfix"
    folder.mkdir()
    trader = Trader(folder, world.ports["fix"], "FIX-1")
    trader.start()
    try:
        trader.order("q-1", 1, "10.00", 300)
        assert trader.report("q-1", "0")["39"] == "0"
        trader.order("q-2", 2, "10.00", 100)
        assert trader.report("q-2", "F")["31"] == "10.00"
        assert trader.report("q-1", "F")["151"] == "200"
        trader.send("G", (11, "q-3"), (41, "q-1"), (54, 1), (38, 400), (40, 2), (44, "9.99"))
        assert trader.report("q-3", "5")["38"] == "400"
        trader.send("H", (11, "q-3"), (54, 1))
        assert trader.report("q-3", "I")["39"] == "1"
        trader.send("F", (11, "q-4"), (41, "q-3"), (54, 1))
        assert trader.report("q-4", "4")["39"] == "4"
        trader.order("q-bad", 1, "10.00", 150)
        assert trader.report("q-bad", "8")["103"] == "13"
        trader.order("q-5", 1, "9.90", 200)
        trader.report("q-5", "0")
        eventually(lambda: [one for one in trader.admin if one["35"] == "0"], "heartbeats", 20)

        world.kill("gateway")  # the connection is lost, and while QuickFIX is away its order is filled
        eventually(lambda: not trader.logged_on.is_set(), "QuickFIX sees the connection lost", 20)
        trader.stop()
        world.start_gateway()
        eventually(world.ready, "the gateway is back")
        asyncio.run(sell(world))
        trader.start()
        fill = trader.report("q-5", "F")
        assert (fill["43"], fill["32"]) == ("Y", "200")
        trader.order("q-6", 1, "9.80", 100)
        assert trader.report("q-6", "0")["151"] == "100"
        assert [one for one in trader.admin if one["35"] in ("3", "5")] == []
    finally:
        trader.stop()


async def sell(world: GatewayWorld) -> None:
    client = await world.client("BIN-2")
    client.new("s-1", CODES[0], 2, 990, 200)
    await client.report("s-1", "F")
    await client.close()
