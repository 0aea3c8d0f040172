import numpy as np
import pytest

from trading_sim.chain.arrays import NodeArrays
from trading_sim.chain.hop import RETRY_BUDGET, HopCaller
from trading_sim.protocol import topology_file
from trading_sim.protocol.metrics import BUCKETS

SERVICE = "quote-push"


@pytest.fixture
def arrays():
    found = NodeArrays(topology_file.load(scale=0.1), "SZ-A")
    found.in_rotation[:] = found.answering[:] = True
    return found


@pytest.fixture
def call(arrays):
    caller = HopCaller(arrays, np.random.default_rng(2))
    return lambda count: caller.call(arrays.service_index[SERVICE], count)


def members(arrays) -> np.ndarray:
    part = arrays.slices[arrays.service_index[SERVICE]]
    return np.arange(part.start, part.stop)


def take_out(arrays, nodes):
    for node in nodes:
        arrays.in_rotation[node] = False
        arrays.rotation_changed(node)


def test_load_is_spread_evenly_and_counted_once(arrays, call):
    seconds, ok = call(1200)
    nodes = members(arrays)
    assert len(nodes) == 12 and ok.all()
    assert arrays.requests[nodes].tolist() == [100] * 12
    assert arrays.histogram[nodes].sum() == 1200 and arrays.histogram.shape[1] == BUCKETS
    assert arrays.duration_s[nodes].sum() == pytest.approx(seconds.sum())
    assert arrays.requests.sum() == 1200
    assert seconds.mean() == pytest.approx(0.0004, rel=0.05)


def test_only_nodes_in_rotation_get_requests(arrays, call):
    nodes = members(arrays)
    take_out(arrays, nodes[:11])
    call(50)
    assert arrays.requests[nodes].tolist() == [0] * 11 + [50]
    take_out(arrays, nodes[11:])
    assert call(5) is None


def test_a_dead_instance_costs_a_retry_not_the_request_until_all_are_dead(arrays, call):
    nodes = members(arrays)
    arrays.answering[nodes[0]] = False
    _, ok = call(120)
    assert ok.all() and arrays.requests[nodes[0]] == 0
    arrays.answering[nodes] = False
    _, ok = call(120)
    assert not ok.any()


def test_half_of_a_service_dead_still_serves_most_requests_at_once(arrays, call):
    arrays.answering[members(arrays)[::2]] = False
    _, ok = call(1200)
    assert ok.mean() > 0.8


def test_a_hanging_instance_costs_its_time_out_first(arrays, call):
    nodes = members(arrays)
    arrays.answering[nodes[0]], arrays.hung[nodes[0]] = False, True
    seconds, ok = call(120)
    assert ok.all() and np.count_nonzero(seconds >= 0.5) == 10


def test_errors_are_counted_at_the_node_and_mostly_healed_by_the_retry(arrays, call):
    arrays.error_rate[members(arrays)] = 0.02
    results = [call(1000)[1] for _ in range(20)]
    failed = 20_000 - sum(int(ok.sum()) for ok in results)
    assert arrays.errors.sum() / arrays.requests.sum() == pytest.approx(0.02, rel=0.25)
    assert failed < 30


def test_retries_stay_within_their_budget(arrays, call):
    arrays.error_rate[members(arrays)] = 1.0
    _, ok = call(1000)
    assert not ok.any()
    assert arrays.requests.sum() == 1000 + int(1000 * RETRY_BUDGET)


def test_a_delay_shows_at_the_caller_and_in_the_nodes_histogram(arrays, call):
    arrays.delay_s[members(arrays)] = 0.04
    seconds, _ = call(100)
    assert (seconds >= 0.04).all()
    assert arrays.histogram[members(arrays), :7].sum() == 0


def test_a_new_process_counts_from_zero(arrays, call):
    call(120)
    node = members(arrays)[0]
    arrays.reset(node)
    assert arrays.requests[node] == arrays.histogram[node].sum() == arrays.duration_s[node] == 0
    assert arrays.requests.sum() == 110
