"""Hand-made sequences: commands, the events they must cause, and what the book of symbol 0 looks like afterwards.

Symbols of the cases: 0 has band 90 … 110 around reference 100 and lot 1; 1 has no band and lot 100; 2 has band 50 … 60
and lot 1. A book is (bids, asks), each (price, open quantity, orders) with the best first.
"""

from typing import NamedTuple

EMPTY = ((), ())


class Case(NamedTuple):
    """One sequence."""

    name: str
    commands: tuple[str, ...]
    events: tuple[str, ...]
    book: tuple[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]] = EMPTY


RESTING_AND_TRADING = (
    Case(
        "an order that crosses nothing rests",
        ("BUY 1 5@100", "SELL 2 5@101"),
        ("ACCEPTED BUY 1 5@100 left 5", "ACCEPTED SELL 2 5@101 left 5"),
        (((100, 5, 1),), ((101, 5, 1),)),
    ),
    Case(
        "a buy trades at the price of the resting sell",
        ("SELL 1 5@99", "BUY 2 5@105"),
        ("ACCEPTED SELL 1 5@99 left 5", "ACCEPTED BUY 2 5@105 left 5", "TRADE BUY 2/1 5@99"),
    ),
    Case(
        "a sell trades at the price of the resting buy",
        ("BUY 1 5@105", "SELL 2 5@99"),
        ("ACCEPTED BUY 1 5@105 left 5", "ACCEPTED SELL 2 5@99 left 5", "TRADE SELL 2/1 5@105"),
    ),
    Case(
        "a larger taker rests with its remainder",
        ("SELL 1 2@100", "BUY 2 5@100"),
        ("ACCEPTED SELL 1 2@100 left 2", "ACCEPTED BUY 2 5@100 left 5", "TRADE BUY 2/1 2@100 left 3"),
        (((100, 3, 1),), ()),
    ),
    Case(
        "a partly filled maker keeps its place at the head",
        ("SELL 1 5@100", "SELL 2 5@100", "BUY 3 2@100", "BUY 4 4@100"),
        (
            "ACCEPTED SELL 1 5@100 left 5",
            "ACCEPTED SELL 2 5@100 left 5",
            "ACCEPTED BUY 3 2@100 left 2",
            "TRADE BUY 3/1 2@100",
            "ACCEPTED BUY 4 4@100 left 4",
            "TRADE BUY 4/1 3@100 left 1",
            "TRADE BUY 4/2 1@100",
        ),
        ((), ((100, 4, 1),)),
    ),
    Case(
        "prices are swept best first, each in order of arrival",
        ("SELL 1 1@102", "SELL 2 1@101", "SELL 3 1@101", "SELL 4 1@100", "BUY 5 9@101"),
        (
            "ACCEPTED SELL 1 1@102 left 1",
            "ACCEPTED SELL 2 1@101 left 1",
            "ACCEPTED SELL 3 1@101 left 1",
            "ACCEPTED SELL 4 1@100 left 1",
            "ACCEPTED BUY 5 9@101 left 9",
            "TRADE BUY 5/4 1@100 left 8",
            "TRADE BUY 5/2 1@101 left 7",
            "TRADE BUY 5/3 1@101 left 6",
        ),
        (((101, 6, 1),), ((102, 1, 1),)),
    ),
    Case(
        "a marketable limit order stops at its own limit",
        ("BUY 1 1@99", "BUY 2 1@97", "SELL 3 5@98"),
        (
            "ACCEPTED BUY 1 1@99 left 1",
            "ACCEPTED BUY 2 1@97 left 1",
            "ACCEPTED SELL 3 5@98 left 5",
            "TRADE SELL 3/1 1@99 left 4",
        ),
        (((97, 1, 1),), ((98, 4, 1),)),
    ),
    Case(
        "a cancelled id may come again, on the other side too",
        ("SELL 1 1@100", "CANCEL 1", "BUY 1 2@100", "SELL 1 1@100", "SELL 2 2@100"),
        (
            "ACCEPTED SELL 1 1@100 left 1",
            "CANCELLED SELL 1 1@100 USER",
            "ACCEPTED BUY 1 2@100 left 2",
            "REJECTED SELL 1 1@100 DUPLICATE_ORDER",
            "ACCEPTED SELL 2 2@100 left 2",
            "TRADE SELL 2/1 2@100",
        ),
    ),
    Case(
        "symbols do not trade with each other",
        ("SELL 1 5@55 on 2", "BUY 2 5@95", "BUY 3 100@95 on 1"),
        (
            "ACCEPTED SELL 1 5@55 left 5 on 2",
            "ACCEPTED BUY 2 5@95 left 5",
            "ACCEPTED BUY 3 100@95 left 100 on 1",
        ),
        (((95, 5, 1),), ()),
    ),
    Case(
        "the largest quantities do not overflow",
        ("SELL 1 4294967295@100", "SELL 2 4294967295@101", "BUY 3 4294967295@101 FOK", "SELL 4 4294967295@101"),
        (
            "ACCEPTED SELL 1 4294967295@100 left 4294967295",
            "ACCEPTED SELL 2 4294967295@101 left 4294967295",
            "ACCEPTED BUY 3 4294967295@101 left 4294967295",
            "TRADE BUY 3/1 4294967295@100",
            "ACCEPTED SELL 4 4294967295@101 left 4294967295",
        ),
        ((), ((101, 8589934590, 2),)),
    ),
)

TIME_IN_FORCE = (
    Case(
        "an IOC remainder is cancelled, never rests",
        ("SELL 1 2@100", "BUY 2 5@100 IOC", "SELL 3 1@100"),
        (
            "ACCEPTED SELL 1 2@100 left 2",
            "ACCEPTED BUY 2 5@100 left 5",
            "TRADE BUY 2/1 2@100 left 3",
            "CANCELLED BUY 2 3@100 IOC_REMAINDER",
            "ACCEPTED SELL 3 1@100 left 1",
        ),
        ((), ((100, 1, 1),)),
    ),
    Case(
        "an IOC order that fills whole leaves nothing to cancel",
        ("SELL 1 5@100", "BUY 2 5@100 IOC"),
        ("ACCEPTED SELL 1 5@100 left 5", "ACCEPTED BUY 2 5@100 left 5", "TRADE BUY 2/1 5@100"),
    ),
    Case(
        "FOK fills over several prices and makers",
        ("SELL 1 2@100", "SELL 2 2@101", "SELL 3 2@101", "BUY 4 5@101 FOK"),
        (
            "ACCEPTED SELL 1 2@100 left 2",
            "ACCEPTED SELL 2 2@101 left 2",
            "ACCEPTED SELL 3 2@101 left 2",
            "ACCEPTED BUY 4 5@101 left 5",
            "TRADE BUY 4/1 2@100 left 3",
            "TRADE BUY 4/2 2@101 left 1",
            "TRADE BUY 4/3 1@101",
        ),
        ((), ((101, 1, 1),)),
    ),
    Case(
        "FOK does not trade at all when one share is missing",
        ("SELL 1 2@100", "SELL 2 9@102", "BUY 3 3@101 FOK"),
        (
            "ACCEPTED SELL 1 2@100 left 2",
            "ACCEPTED SELL 2 9@102 left 9",
            "ACCEPTED BUY 3 3@101 left 3",
            "CANCELLED BUY 3 3@101 FOK_UNFILLED",
        ),
        ((), ((100, 2, 1), (102, 9, 1))),
    ),
    Case(
        "FOK in an empty book is cancelled",
        ("SELL 1 3@100 FOK",),
        ("ACCEPTED SELL 1 3@100 left 3", "CANCELLED SELL 1 3@100 FOK_UNFILLED"),
    ),
    Case(
        "POST_ONLY rests when it does not cross",
        ("SELL 1 1@101", "BUY 2 1@100 POST_ONLY"),
        ("ACCEPTED SELL 1 1@101 left 1", "ACCEPTED BUY 2 1@100 left 1"),
        (((100, 1, 1),), ((101, 1, 1),)),
    ),
    Case(
        "POST_ONLY that would trade is rejected, on both sides",
        ("SELL 1 1@101", "BUY 2 1@101 POST_ONLY", "BUY 3 1@99", "SELL 4 1@98 POST_ONLY"),
        (
            "ACCEPTED SELL 1 1@101 left 1",
            "REJECTED BUY 2 1@101 WOULD_CROSS",
            "ACCEPTED BUY 3 1@99 left 1",
            "REJECTED SELL 4 1@98 WOULD_CROSS",
        ),
        (((99, 1, 1),), ((101, 1, 1),)),
    ),
    Case(
        "MARKET takes any price and cancels its remainder",
        ("SELL 1 1@90", "SELL 2 1@110", "BUY 3 3@MARKET"),
        (
            "ACCEPTED SELL 1 1@90 left 1",
            "ACCEPTED SELL 2 1@110 left 1",
            "ACCEPTED BUY 3 3@77 left 3",
            "TRADE BUY 3/1 1@90 left 2",
            "TRADE BUY 3/2 1@110 left 1",
            "CANCELLED BUY 3 1@77 NO_LIQUIDITY",
        ),
    ),
    Case(
        "MARKET in an empty book finds no liquidity, whatever its tif",
        ("BUY 1 3@MARKET", "SELL 2 3@MARKET IOC", "BUY 3 3@MARKET FOK"),
        (
            "ACCEPTED BUY 1 3@77 left 3",
            "CANCELLED BUY 1 3@77 NO_LIQUIDITY",
            "ACCEPTED SELL 2 3@77 left 3",
            "CANCELLED SELL 2 3@77 NO_LIQUIDITY",
            "ACCEPTED BUY 3 3@77 left 3",
            "CANCELLED BUY 3 3@77 FOK_UNFILLED",
        ),
    ),
    Case(
        "MARKET FOK takes all or nothing over all prices",
        ("BUY 1 1@95", "BUY 2 1@90", "SELL 3 3@MARKET FOK", "SELL 4 2@MARKET FOK"),
        (
            "ACCEPTED BUY 1 1@95 left 1",
            "ACCEPTED BUY 2 1@90 left 1",
            "ACCEPTED SELL 3 3@77 left 3",
            "CANCELLED SELL 3 3@77 FOK_UNFILLED",
            "ACCEPTED SELL 4 2@77 left 2",
            "TRADE SELL 4/1 1@95 left 1",
            "TRADE SELL 4/2 1@90",
        ),
    ),
)

CHECKS = (
    Case(
        "fields are checked before anything else",
        ("BUY 0 0@0 on 9", "BUY 1 0@MARKET POST_ONLY on 9"),
        ("REJECTED BUY 0 0@0 BAD_FIELD on 9", "REJECTED BUY 1 0@77 BAD_FIELD on 9"),
    ),
    Case(
        "symbol, then phase, then quantity, then lot, then price, then band",
        (
            "PHASE CLOSED on 1",
            "BUY 1 0@0 on 3",
            "BUY 1 0@0 on 4294967295",
            "BUY 1 0@0 on 1",
            "PHASE CONTINUOUS on 1",
            "BUY 1 0@0 on 1",
            "BUY 1 150@0 on 1",
            "BUY 1 100@0 on 1",
            "BUY 1 1@111",
        ),
        (
            "PHASE 4 on 1",
            "REJECTED BUY 1 0@0 BAD_SYMBOL on 3",
            "REJECTED BUY 1 0@0 BAD_SYMBOL on 4294967295",
            "REJECTED BUY 1 0@0 BAD_PHASE on 1",
            "PHASE 3 on 1",
            "REJECTED BUY 1 0@0 BAD_QTY on 1",
            "REJECTED BUY 1 150@0 BAD_LOT on 1",
            "REJECTED BUY 1 100@0 BAD_PRICE on 1",
            "REJECTED BUY 1 1@111 PRICE_LIMIT",
        ),
    ),
    Case(
        "only buys come in lots",
        ("SELL 1 150@60 on 1", "BUY 2 100@60 on 1", "BUY 3 50@60 on 1"),
        (
            "ACCEPTED SELL 1 150@60 left 150 on 1",
            "ACCEPTED BUY 2 100@60 left 100 on 1",
            "TRADE BUY 2/1 100@60 on 1",
            "REJECTED BUY 3 50@60 BAD_LOT on 1",
        ),
    ),
    Case(
        "the band includes its ends",
        ("BUY 1 1@90", "SELL 2 1@110", "BUY 3 1@89", "SELL 4 1@111", "SELL 5 1@-5", "SELL 6 1@0"),
        (
            "ACCEPTED BUY 1 1@90 left 1",
            "ACCEPTED SELL 2 1@110 left 1",
            "REJECTED BUY 3 1@89 PRICE_LIMIT",
            "REJECTED SELL 4 1@111 PRICE_LIMIT",
            "REJECTED SELL 5 1@-5 BAD_PRICE",
            "REJECTED SELL 6 1@0 BAD_PRICE",
        ),
        (((90, 1, 1),), ((110, 1, 1),)),
    ),
    Case(
        "without a band prices end at 262,143",
        ("SELL 1 1@262143 on 1", "SELL 2 1@262144 on 1", "SELL 3 1@1 on 1", "SELL 4 1@-9223372036854775808 on 1"),
        (
            "ACCEPTED SELL 1 1@262143 left 1 on 1",
            "REJECTED SELL 2 1@262144 BAD_PRICE on 1",
            "ACCEPTED SELL 3 1@1 left 1 on 1",
            "REJECTED SELL 4 1@-9223372036854775808 BAD_PRICE on 1",
        ),
    ),
    Case(
        "an id that rests is a duplicate in every symbol, and free again after a fill or cancel",
        ("SELL 1 1@100", "SELL 1 1@55 on 2", "BUY 2 1@100", "SELL 1 1@55 on 2", "CANCEL 1 on 2", "BUY 1 1@100"),
        (
            "ACCEPTED SELL 1 1@100 left 1",
            "REJECTED SELL 1 1@55 DUPLICATE_ORDER on 2",
            "ACCEPTED BUY 2 1@100 left 1",
            "TRADE BUY 2/1 1@100",
            "ACCEPTED SELL 1 1@55 left 1 on 2",
            "CANCELLED SELL 1 1@55 USER on 2",
            "ACCEPTED BUY 1 1@100 left 1",
        ),
        (((100, 1, 1),), ()),
    ),
    Case(
        "an id beyond the capacity is refused and cannot be found",
        ("BUY 101 1@100", "BUY 18446744073709551615 1@100", "CANCEL 101", "REPLACE 18446744073709551615 1@100"),
        (
            "REJECTED BUY 101 1@100 CAPACITY",
            "REJECTED BUY 18446744073709551615 1@100 CAPACITY",
            "REJECTED 101 0@0 UNKNOWN_ORDER",
            "REJECTED 18446744073709551615 1@100 UNKNOWN_ORDER",
        ),
    ),
    Case(
        "when the book is full even a duplicate is refused for capacity; a cancel makes room",
        (*(f"BUY {i} 1@95" for i in range(1, 11)), "BUY 1 1@95", "SELL 11 1@95", "CANCEL 10", "SELL 11 1@95"),
        (
            *(f"ACCEPTED BUY {i} 1@95 left 1" for i in range(1, 11)),
            "REJECTED BUY 1 1@95 CAPACITY",
            "REJECTED SELL 11 1@95 CAPACITY",
            "CANCELLED BUY 10 1@95 USER",
            "ACCEPTED SELL 11 1@95 left 1",
            "TRADE SELL 11/1 1@95",
        ),
        (((95, 8, 8),), ()),
    ),
)

CANCELS_AND_REPLACES = (
    Case(
        "cancel of the head, the middle and the tail keeps the others in order",
        (*(f"BUY {i} {i}@100" for i in range(1, 6)), "CANCEL 3", "CANCEL 1", "CANCEL 5", "SELL 6 6@100"),
        (
            *(f"ACCEPTED BUY {i} {i}@100 left {i}" for i in range(1, 6)),
            "CANCELLED BUY 3 3@100 USER",
            "CANCELLED BUY 1 1@100 USER",
            "CANCELLED BUY 5 5@100 USER",
            "ACCEPTED SELL 6 6@100 left 6",
            "TRADE SELL 6/2 2@100 left 4",
            "TRADE SELL 6/4 4@100",
        ),
    ),
    Case(
        "a cancelled order cannot be cancelled again, nor a filled one",
        ("BUY 1 1@100", "CANCEL 1", "CANCEL 1", "BUY 2 1@100", "SELL 3 1@100", "CANCEL 2", "CANCEL 3", "CANCEL 0"),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "CANCELLED BUY 1 1@100 USER",
            "REJECTED 1 0@0 UNKNOWN_ORDER",
            "ACCEPTED BUY 2 1@100 left 1",
            "ACCEPTED SELL 3 1@100 left 1",
            "TRADE SELL 3/2 1@100",
            "REJECTED 2 0@0 UNKNOWN_ORDER",
            "REJECTED 3 0@0 UNKNOWN_ORDER",
            "REJECTED 0 0@0 UNKNOWN_ORDER",
        ),
    ),
    Case(
        "a cancel must name the right symbol",
        ("BUY 1 1@100", "CANCEL 1 on 2", "CANCEL 1 on 4294967295", "REPLACE 1 1@55 on 2"),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "REJECTED 1 0@0 UNKNOWN_ORDER on 2",
            "REJECTED 1 0@0 UNKNOWN_ORDER on 4294967295",
            "REJECTED 1 1@55 UNKNOWN_ORDER on 2",
        ),
        (((100, 1, 1),), ()),
    ),
    Case(
        "cancel of the only best order uncovers the next best price",
        ("SELL 1 1@100", "SELL 2 1@110", "CANCEL 1", "BUY 3 1@109", "BUY 4 1@110"),
        (
            "ACCEPTED SELL 1 1@100 left 1",
            "ACCEPTED SELL 2 1@110 left 1",
            "CANCELLED SELL 1 1@100 USER",
            "ACCEPTED BUY 3 1@109 left 1",
            "ACCEPTED BUY 4 1@110 left 1",
            "TRADE BUY 4/2 1@110",
        ),
        (((109, 1, 1),), ()),
    ),
    Case(
        "the cancelled quantity is what was still open",
        ("SELL 1 5@100", "BUY 2 2@100", "CANCEL 1"),
        (
            "ACCEPTED SELL 1 5@100 left 5",
            "ACCEPTED BUY 2 2@100 left 2",
            "TRADE BUY 2/1 2@100",
            "CANCELLED SELL 1 3@100 USER",
        ),
    ),
    Case(
        "a smaller quantity at the same price keeps priority",
        ("BUY 1 5@100", "BUY 2 5@100", "REPLACE 1 3@100", "REPLACE 1 3@100", "SELL 3 4@100"),
        (
            "ACCEPTED BUY 1 5@100 left 5",
            "ACCEPTED BUY 2 5@100 left 5",
            "REPLACED BUY 1 3@100 left 3",
            "REPLACED BUY 1 3@100 left 3",
            "ACCEPTED SELL 3 4@100 left 4",
            "TRADE SELL 3/1 3@100 left 1",
            "TRADE SELL 3/2 1@100",
        ),
        (((100, 4, 1),), ()),
    ),
    Case(
        "a larger quantity goes to the tail",
        ("BUY 1 5@100", "BUY 2 5@100", "REPLACE 1 6@100", "SELL 3 6@100"),
        (
            "ACCEPTED BUY 1 5@100 left 5",
            "ACCEPTED BUY 2 5@100 left 5",
            "REPLACED BUY 1 6@100 left 6",
            "ACCEPTED SELL 3 6@100 left 6",
            "TRADE SELL 3/2 5@100 left 1",
            "TRADE SELL 3/1 1@100",
        ),
        (((100, 5, 1),), ()),
    ),
    Case(
        "another price goes to the tail there and leaves its siblings alone",
        ("BUY 1 1@100", "BUY 2 2@100", "BUY 3 3@99", "REPLACE 1 1@99", "SELL 4 9@99 IOC"),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "ACCEPTED BUY 2 2@100 left 2",
            "ACCEPTED BUY 3 3@99 left 3",
            "REPLACED BUY 1 1@99 left 1",
            "ACCEPTED SELL 4 9@99 left 9",
            "TRADE SELL 4/2 2@100 left 7",
            "TRADE SELL 4/3 3@99 left 4",
            "TRADE SELL 4/1 1@99 left 3",
            "CANCELLED SELL 4 3@99 IOC_REMAINDER",
        ),
    ),
    Case(
        "a replace into the other side trades at the maker's price and rests with the remainder",
        ("SELL 1 2@102", "BUY 2 1@100", "REPLACE 2 5@103", "CANCEL 2"),
        (
            "ACCEPTED SELL 1 2@102 left 2",
            "ACCEPTED BUY 2 1@100 left 1",
            "REPLACED BUY 2 5@103 left 5",
            "TRADE BUY 2/1 2@102 left 3",
            "CANCELLED BUY 2 3@103 USER",
        ),
    ),
    Case(
        "a replaced POST_ONLY order may trade, and a replace that fills leaves no id behind",
        ("SELL 1 1@102", "BUY 2 1@100 POST_ONLY", "REPLACE 2 1@102", "CANCEL 2", "CANCEL 1"),
        (
            "ACCEPTED SELL 1 1@102 left 1",
            "ACCEPTED BUY 2 1@100 left 1",
            "REPLACED BUY 2 1@102 left 1",
            "TRADE BUY 2/1 1@102",
            "REJECTED 2 0@0 UNKNOWN_ORDER",
            "REJECTED 1 0@0 UNKNOWN_ORDER",
        ),
    ),
    Case(
        "a replace checks quantity, price and band, but no lot",
        (
            "BUY 1 100@60 on 1",
            "REPLACE 1 0@0 on 1",
            "REPLACE 1 1@0 on 1",
            "REPLACE 1 1@262144 on 1",
            "REPLACE 1 7@61 on 1",
            "BUY 2 1@100",
            "REPLACE 2 1@111",
            "REPLACE 2 1@89",
        ),
        (
            "ACCEPTED BUY 1 100@60 left 100 on 1",
            "REJECTED 1 0@0 BAD_QTY on 1",
            "REJECTED 1 1@0 BAD_PRICE on 1",
            "REJECTED 1 1@262144 BAD_PRICE on 1",
            "REPLACED BUY 1 7@61 left 7 on 1",
            "ACCEPTED BUY 2 1@100 left 1",
            "REJECTED 2 1@111 PRICE_LIMIT",
            "REJECTED 2 1@89 PRICE_LIMIT",
        ),
        (((100, 1, 1),), ()),
    ),
    Case(
        "a level that empties and fills again starts a fresh queue",
        ("BUY 1 1@100", "SELL 2 1@100", "BUY 3 1@100", "BUY 4 1@100", "SELL 5 1@100"),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "ACCEPTED SELL 2 1@100 left 1",
            "TRADE SELL 2/1 1@100",
            "ACCEPTED BUY 3 1@100 left 1",
            "ACCEPTED BUY 4 1@100 left 1",
            "ACCEPTED SELL 5 1@100 left 1",
            "TRADE SELL 5/3 1@100",
        ),
        (((100, 1, 1),), ()),
    ),
)

ALL_PHASES_3 = ("PHASE 3 on 0", "PHASE 3 on 1", "PHASE 3 on 2")

PHASES_AND_AUCTIONS = (
    Case(
        "in an auction orders rest crossed and trade when it ends, at the price with the largest volume",
        ("PHASE AUCTION on 0", "BUY 1 5@103", "SELL 2 3@98", "BUY 3 2@101", "SELL 4 4@101", "PHASE CONTINUOUS on 0"),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 5@103 left 5",
            "ACCEPTED SELL 2 3@98 left 3",
            "ACCEPTED BUY 3 2@101 left 2",
            "ACCEPTED SELL 4 4@101 left 4",
            "TRADE BUY 1/2 3@101 left 2 auction",
            "TRADE BUY 1/4 2@101 auction",
            "TRADE BUY 3/4 2@101 auction",
            "PHASE 3 on 0",
        ),
    ),
    Case(
        "the same volume at two prices: the smaller imbalance decides",
        ("PHASE AUCTION on 0", "BUY 1 5@103", "SELL 2 5@99", "BUY 3 2@99", "PHASE CONTINUOUS on 0"),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 5@103 left 5",
            "ACCEPTED SELL 2 5@99 left 5",
            "ACCEPTED BUY 3 2@99 left 2",
            "TRADE BUY 1/2 5@103 auction",
            "PHASE 3 on 0",
        ),
        (((99, 2, 1),), ()),
    ),
    Case(
        "the same imbalance: the price closest to the reference decides",
        ("PHASE AUCTION on 0", "BUY 1 5@104", "SELL 2 5@99", "PHASE CONTINUOUS on 0"),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 5@104 left 5",
            "ACCEPTED SELL 2 5@99 left 5",
            "TRADE BUY 1/2 5@99 auction",
            "PHASE 3 on 0",
        ),
    ),
    Case(
        "equally far from the reference: the higher price decides",
        ("PHASE AUCTION on 0", "BUY 1 5@102", "SELL 2 5@98", "PHASE CLOSED on 0"),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 5@102 left 5",
            "ACCEPTED SELL 2 5@98 left 5",
            "TRADE BUY 1/2 5@102 auction",
            "PHASE 4 on 0",
        ),
    ),
    Case(
        "at the marginal price the earlier order is served, all better ones are",
        (
            "PHASE AUCTION on 0",
            "BUY 1 4@100",
            "BUY 2 4@100",
            "BUY 3 1@105",
            "SELL 4 3@100",
            "SELL 5 2@95",
            "PHASE CONTINUOUS on 0",
        ),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 4@100 left 4",
            "ACCEPTED BUY 2 4@100 left 4",
            "ACCEPTED BUY 3 1@105 left 1",
            "ACCEPTED SELL 4 3@100 left 3",
            "ACCEPTED SELL 5 2@95 left 2",
            "TRADE BUY 3/5 1@100 auction",
            "TRADE BUY 1/5 1@100 left 3 auction",
            "TRADE BUY 1/4 3@100 auction",
            "PHASE 3 on 0",
        ),
        (((100, 4, 1),), ()),
    ),
    Case(
        "an auction that does not cross leaves the book as it is",
        ("PHASE AUCTION on 0", "BUY 1 5@99", "SELL 2 5@100", "PHASE CONTINUOUS on 0"),
        ("PHASE 1 on 0", "ACCEPTED BUY 1 5@99 left 5", "ACCEPTED SELL 2 5@100 left 5", "PHASE 3 on 0"),
        (((99, 5, 1),), ((100, 5, 1),)),
    ),
    Case(
        "auction phases take only LIMIT DAY",
        ("PHASE 2 on 0", "BUY 1 1@MARKET", "BUY 2 1@100 IOC", "BUY 3 1@100 FOK", "BUY 4 1@100 POST_ONLY", "BUY 5 1@99"),
        (
            "PHASE 2 on 0",
            "REJECTED BUY 1 1@77 BAD_PHASE",
            "REJECTED BUY 2 1@100 BAD_PHASE",
            "REJECTED BUY 3 1@100 BAD_PHASE",
            "REJECTED BUY 4 1@100 BAD_PHASE",
            "ACCEPTED BUY 5 1@99 left 1",
        ),
        (((99, 1, 1),), ()),
    ),
    Case(
        "cancels and replaces are allowed in AUCTION, barred in AUCTION_LOCKED and CLOSED",
        (
            "PHASE AUCTION on 0",
            "BUY 1 2@100",
            "SELL 2 2@99",
            "REPLACE 1 3@105",
            "PHASE AUCTION_LOCKED on 0",
            "CANCEL 1",
            "REPLACE 1 0@0",
            "CANCEL 7",
            "PHASE AUCTION on 0",
            "CANCEL 2",
            "PHASE CLOSED on 0",
            "CANCEL 1",
            "BUY 3 1@100",
        ),
        (
            "PHASE 1 on 0",
            "ACCEPTED BUY 1 2@100 left 2",
            "ACCEPTED SELL 2 2@99 left 2",
            "REPLACED BUY 1 3@105 left 3",
            "PHASE 2 on 0",
            "REJECTED 1 0@0 BAD_PHASE",
            "REJECTED 1 0@0 BAD_PHASE",
            "REJECTED 7 0@0 UNKNOWN_ORDER",
            "PHASE 1 on 0",
            "CANCELLED SELL 2 2@99 USER",
            "PHASE 4 on 0",
            "REJECTED 1 0@0 BAD_PHASE",
            "REJECTED BUY 3 1@100 BAD_PHASE",
        ),
        (((105, 3, 1),), ()),
    ),
    Case(
        "a phase for every symbol uncrosses and reports symbol after symbol",
        ("PHASE AUCTION", "BUY 1 1@100", "SELL 2 1@100", "BUY 3 1@55 on 2", "SELL 4 1@55 on 2", "PHASE CONTINUOUS"),
        (
            "PHASE 1 on 0",
            "PHASE 1 on 1",
            "PHASE 1 on 2",
            "ACCEPTED BUY 1 1@100 left 1",
            "ACCEPTED SELL 2 1@100 left 1",
            "ACCEPTED BUY 3 1@55 left 1 on 2",
            "ACCEPTED SELL 4 1@55 left 1 on 2",
            "TRADE BUY 1/2 1@100 auction",
            "PHASE 3 on 0",
            "PHASE 3 on 1",
            "TRADE BUY 3/4 1@55 auction on 2",
            "PHASE 3 on 2",
        ),
    ),
    Case(
        "unknown phases and symbols are refused, the phase first",
        ("PHASE 0 on 9", "PHASE 5", "PHASE -1 on 0", "PHASE 3 on 3", "PHASE CONTINUOUS"),
        (
            "REJECTED 0 0@0 BAD_FIELD on 9",
            "REJECTED 0 0@5 BAD_FIELD on 4294967295",
            "REJECTED 0 0@-1 BAD_FIELD",
            "REJECTED 0 0@3 BAD_SYMBOL on 3",
            *ALL_PHASES_3,
        ),
    ),
    Case(
        "orders that rest through the close trade with nobody until the market reopens",
        ("BUY 1 1@100", "PHASE CLOSED on 0", "SELL 2 1@100", "PHASE CONTINUOUS on 0", "SELL 2 1@100"),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "PHASE 4 on 0",
            "REJECTED SELL 2 1@100 BAD_PHASE",
            "PHASE 3 on 0",
            "ACCEPTED SELL 2 1@100 left 1",
            "TRADE SELL 2/1 1@100",
        ),
    ),
    Case(
        "orders from continuous trading take part in the closing auction with their priority",
        (
            "BUY 1 1@100",
            "PHASE AUCTION on 0",
            "BUY 2 1@100",
            "SELL 3 1@95",
            "PHASE AUCTION_LOCKED on 0",
            "PHASE CLOSED on 0",
        ),
        (
            "ACCEPTED BUY 1 1@100 left 1",
            "PHASE 1 on 0",
            "ACCEPTED BUY 2 1@100 left 1",
            "ACCEPTED SELL 3 1@95 left 1",
            "PHASE 2 on 0",
            "TRADE BUY 1/3 1@100 auction",
            "PHASE 4 on 0",
        ),
        (((100, 1, 1),), ()),
    ),
)

CASES = RESTING_AND_TRADING + TIME_IN_FORCE + CHECKS + CANCELS_AND_REPLACES + PHASES_AND_AUCTIONS
