"""The demonstration market: deterministic, sound rows, and sums that are stated."""

import pytest

from trading_sim.market import ACCOUNTS, BOARDS, MEMBERS, customers_of, endowment, shard_config
from trading_sim.matching.symbols import SymbolTable
from trading_sim.shard.config import ShardConfig, ShardConfigError


@pytest.mark.parametrize("shard", [0, 1])
def test_a_shard_has_44_symbols_four_hundred_customers_and_eight_members(shard):
    config = shard_config(shard)
    assert (
        (len(config.symbols), len(config.accounts)) == (sum(board.count for board in BOARDS), ACCOUNTS + 8) == (44, 408)
    )
    assert customers_of(config.accounts) == ACCOUNTS == 400
    assert [row["account"] for row in config.accounts if row.get("member")] == list(MEMBERS)
    assert len(SymbolTable.from_rows(config.symbols)) == 44
    assert ShardConfig.from_json(config.to_json()) == config


def test_codes_differ_between_shards_and_calls_agree():
    assert not {row["code"] for row in shard_config(0).symbols} & {row["code"] for row in shard_config(1).symbols}
    assert shard_config(1).digest() == shard_config(1).digest() != shard_config(0).digest()


def test_the_endowment_sums_what_the_accounts_hold():
    config = shard_config(0)
    total = endowment(config)
    assert total.cash == sum(row["cash"] for row in config.accounts)
    assert total.shares == sum(sum(row["positions"].values()) for row in config.accounts)


@pytest.mark.parametrize("text", ["{", "[]", '{"shard": 0}', '{"shard":0,"symbols":[],"accounts":[]}'])
def test_text_that_is_no_configuration_is_refused(text):
    with pytest.raises(ShardConfigError):
        ShardConfig.from_json(text)


def test_some_customers_borrow_write_options_or_belong_together():
    rows = {row["account"]: row for row in shard_config(0).accounts}
    assert sum("credit_line" in row for row in rows.values()) == 34
    assert sum(row.get("writes_options", False) for row in rows.values()) == 13
    assert rows[75]["group"] == rows[76]["group"] != 0
    assert {row["grade"] for row in rows.values()} == {1, 2, 3}
