import numpy as np
import pytest

from trading_sim.chain import utilisation
from trading_sim.chain.arrays import NodeArrays
from trading_sim.protocol import topology_file


@pytest.fixture
def arrays():
    found = NodeArrays(topology_file.load(scale=0.05), "SZ-A")
    found.answering[:] = True
    return found


def load(arrays, utilised: float, seconds: float = 60.0):
    """Offer a constant rate for a while."""
    rng = np.random.default_rng(1)
    for _ in range(int(seconds / 0.5)):
        arrays.window[:] = arrays.base_capacity * utilised * 0.5
        utilisation.update(arrays, 0.5, rng)


def test_the_wait_follows_the_known_values_of_m_m_1():
    rho, service = np.array([0.1, 0.5, 0.9]), np.full(3, 0.002)
    exact = service * rho / (1 - rho)
    assert utilisation.mean_wait(rho, np.ones(3), service) == pytest.approx(exact)


def test_more_load_means_more_wait_and_more_processor_and_never_an_error_below_capacity(arrays):
    waits, cpus = [], []
    for utilised in (0.1, 0.4, 0.7, 0.95):
        load(arrays, utilised)
        waits.append(arrays.wait_s.mean())
        cpus.append(arrays.cpu.mean())
        assert not arrays.shed.any() and not arrays.backlog.any()
    assert waits == sorted(waits) and cpus == sorted(cpus)
    assert arrays.rho.mean() == pytest.approx(0.95, rel=0.02)


def test_overload_fills_the_queue_to_its_limit_sheds_the_rest_and_drains_afterwards(arrays):
    load(arrays, 2.0)
    assert arrays.wait_s.min() >= 0.3
    assert arrays.shed == pytest.approx(0.5, abs=0.02)
    load(arrays, 0.3)
    assert not arrays.shed.any() and arrays.wait_s.max() < 0.01


def test_a_slower_version_fewer_workers_and_taken_processor_lower_the_capacity(arrays):
    base = arrays.base_capacity
    arrays.service_s *= 1.3
    load(arrays, 0.3)
    assert arrays.capacity == pytest.approx(base / 1.3)
    arrays.workers_lost[:] = 0.5
    arrays.cpu_taken[:] = 0.5
    load(arrays, 0.1)
    assert arrays.capacity == pytest.approx(base / 1.3 * 0.25)


def test_a_leak_grows_by_its_rate_only_while_the_process_lives(arrays):
    arrays.leak[:] = 2**20
    arrays.answering[0] = False
    load(arrays, 0.1, 60)
    assert arrays.leaked[1:] == pytest.approx(60 * 2**20)
    assert arrays.leaked[0] == 0
