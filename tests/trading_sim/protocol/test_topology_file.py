import pytest
import yaml

from trading_sim.protocol import topology_file
from trading_sim.protocol.topology_file import TopologyError


@pytest.fixture(scope="module")
def text():
    return topology_file.DEFAULT_FILE.read_text(encoding="utf-8")


def test_the_bundled_cluster_is_as_large_as_promised(text):
    topology = topology_file.parse(text)
    sizes = {service.name: sum(service.nodes.values()) for service in topology.services.values()}
    assert len(topology.nodes) >= 1200
    assert len(topology.services) >= 30 and len(topology.domains) == 5 and len(topology.chains) >= 8
    assert sizes["quote-push"] == 240 and sizes["access-mobile"] == 200
    assert "quote-push-sza-001" in topology.nodes
    assert len(topology.shards) >= 2


def test_every_service_needs_no_more_nodes_than_it_has_at_any_scale(text):
    for scale in (0.01, 0.5, 1, 10):
        topology = topology_file.parse(text, scale)
        for service in topology.services.values():
            for centre, count in service.nodes.items():
                assert 1 <= service.needed[centre] <= count
        assert {len(shard.nodes) for shard in topology.shards.values()} == {3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["services"]["session"].pop("domain"), "services.session.domain: is missing"),
        (lambda d: d["services"]["session"].update(domain="nowhere"), "'nowhere' is not one of trading"),
        (lambda d: d["services"]["session"].update(colour="red"), "unknown keys colour"),
        (lambda d: d["services"]["session"]["nodes"].update({"SZ-A": "3 of 2"}), 'expected "needed of present"'),
        (lambda d: d["services"]["session"].update(service_time_ms=-1), "must be a number above 0"),
        (lambda d: d["chains"]["login"].update(hops=["auth", "auth"]), "already has a hop 'auth'"),
        (lambda d: d["chains"]["login"].update(hops=["auth", "matching"]), "exactly one synchronous hop of kind shard"),
        (lambda d: d["chains"]["login"].update(hops=["unheard-of"]), "'unheard-of' is not one of"),
        (lambda d: d["centres"]["SZ-A"].update(flow_share=0.9), "flow shares must add up to 1"),
        (lambda d: d["shards"].update(count=3), "equal the nodes of matching"),
        (lambda d: d["links"].pop(), "no latency between SZ-B and WH-A"),
        (lambda d: d["services"].clear(), "must not be empty"),
    ],
)
def test_an_error_names_the_place_and_the_expectation(text, change, message):
    document = yaml.safe_load(text)
    change(document)
    with pytest.raises(TopologyError, match=message):
        topology_file.parse(yaml.safe_dump(document, sort_keys=False))


@pytest.mark.parametrize("broken", ["", "[1, 2]", "services: {", "services: 3"])
def test_a_file_that_is_no_cluster_is_refused(broken):
    with pytest.raises(TopologyError):
        topology_file.parse(broken)
