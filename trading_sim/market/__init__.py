"""The market as data: boards with their rules, symbols and accounts of every shard.

Everything follows from the shard number, so the cluster's launch, the load process and the verifier agree without a file between them.
"""

from trading_sim.market.accounts import ACCOUNTS, MEMBERS, AccountRow, accounts_for_shard, customers_of
from trading_sim.market.boards import BOARDS, Board
from trading_sim.market.shards import Endowment, endowment, shard_config
from trading_sim.market.symbols import symbols_for_shard

__all__ = [
    "ACCOUNTS",
    "BOARDS",
    "MEMBERS",
    "AccountRow",
    "Board",
    "Endowment",
    "accounts_for_shard",
    "customers_of",
    "endowment",
    "shard_config",
    "symbols_for_shard",
]
