"""All hand-made sequences of the contract without breakers.

Symbols of the cases: 0 has band 90 … 110 around reference 100 and lot 1; 1 has no band and lot 100; 2 has band 50 … 60 and lot 1.
"""

from tests.trading_sim.matching.matching_cases_changes import CANCELS_AND_REPLACES, PHASES_AND_AUCTIONS
from tests.trading_sim.matching.matching_cases_orders import CHECKS, RESTING_AND_TRADING, TIME_IN_FORCE

CASES = RESTING_AND_TRADING + TIME_IN_FORCE + CHECKS + CANCELS_AND_REPLACES + PHASES_AND_AUCTIONS
