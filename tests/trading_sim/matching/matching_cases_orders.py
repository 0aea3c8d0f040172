"""Hand-made sequences: resting and trading, time in force, checks. See matching_cases for the symbols they use."""

from tests.trading_sim.matching.matching_case import Case

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
