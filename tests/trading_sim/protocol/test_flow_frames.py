import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.protocol import flow
from trading_sim.protocol.metrics import BUCKETS, histogram_us
from trading_sim.protocol.records import COMMAND, EVENT

chains = st.sampled_from(["cash-order", "margin-order", "order-cancel"])


@given(st.dictionaries(chains, st.integers(0, 40)), st.dictionaries(st.text(min_size=1, max_size=8), st.integers(0, 9)))
def test_a_request_comes_out_as_it_went_in(sizes, counts):
    orders = {chain: np.zeros(size, COMMAND) for chain, size in sizes.items()}
    for array in orders.values():
        array["order_id"] = np.arange(len(array))
    shards = {chain: np.arange(size, dtype="u1") % 2 for chain, size in sizes.items()}
    sent = flow.FlowRequest(7, 2**63, 9, orders, shards, counts, attempt=3, session={"phase": 4})
    got = flow.decode_request(flow.encode_request(sent))
    assert (got.tick, got.client, got.request, got.attempt, got.counts) == (7, 2**63, 9, 3, counts)
    assert got.session == {"phase": 4}
    assert {chain: array.tobytes() for chain, array in got.orders.items()} == {
        chain: array.tobytes() for chain, array in orders.items()
    }


def test_a_reply_comes_out_as_it_went_in():
    buckets = histogram_us(np.array([100.0, 250.0, 251.0, 2e6]))
    sent = flow.FlowReply(
        tick=1,
        centre="SZ-A",
        outcomes={"c": np.array([0, 4], "u1")},
        reasons={"c": np.array([0, 7], "u1")},
        latency_us={"c": np.array([5, 6], "u4")},
        order_ids={"c": np.array([1, 0], "u8")},
        events={1: np.zeros(3, EVENT)},
        counts={"login": flow.CountOutcome(4, 1, buckets, 99)},
    )
    got = flow.decode_reply(flow.encode_reply(sent))
    assert got.outcomes["c"].tolist() == [0, 4] and len(got.events[1]) == 3
    assert got.counts["login"].buckets.tolist() == [2, 1] + [0] * (BUCKETS - 3) + [1]


@given(st.binary(max_size=200))
def test_noise_is_refused_with_a_clear_error(data):
    with pytest.raises(flow.FlowFrameError):
        flow.decode_request(data)


@given(st.integers(1, 120))
def test_a_torn_frame_is_refused(cut):
    frame = flow.encode_request(
        flow.FlowRequest(1, 2, 3, {"c": np.zeros(3, COMMAND)}, {"c": np.zeros(3, "u1")}, {"q": 1})
    )
    with pytest.raises(flow.FlowFrameError):
        flow.decode_request(frame[:-cut])
