"""Targets of the role node, as Prometheus 2.42 has them."""

import pytest
from cluster_boards import odd_labels, targets
from cluster_objects import node
from odd_cluster import ODD, odd_nodes


def test_a_node_is_its_kubelet():
    """At the best of its addresses, with the name of the node as its instance."""
    everything = {
        "Hostname": "n.local",
        "ExternalIP": "203.0.113.2",
        "InternalIP": "192.168.0.2",
        "x.example.com/VIP": "192.0.2.3",
    }
    found = node("n", addresses=everything, port=10255, labels=ODD, annotations=ODD)
    assert targets("node", node=[found]) == [
        {
            "__address__": "192.168.0.2:10255",
            "instance": "n",
            "node_name": "n",
            "node_provider_id": "aws:///eu-1/n",
            "node_address_Hostname": "n.local",
            "node_address_ExternalIP": "203.0.113.2",
            "node_address_InternalIP": "192.168.0.2",
            "node_address_x_example_com_VIP": "192.0.2.3",
            **odd_labels("node", "label"),
            **odd_labels("node", "annotation"),
        }
    ]


ORDER = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")


@pytest.mark.parametrize("best", range(len(ORDER)))
def test_the_addresses_of_a_node_have_an_order(best):
    """What is inside goes before what is outside, and numbers before names."""
    there = [(sort, f"of-{sort}") for sort in reversed(ORDER[best:])]
    (one,) = targets("node", node=[node("n", addresses=there)])
    assert one["__address__"] == f"of-{ORDER[best]}:10250"


def test_of_two_addresses_of_one_sort_the_first_counts():
    """A node with both families has its InternalIP twice; one without any is no target."""
    names = ("twice", "nowhere", "six")
    found = [one for one in odd_nodes() if one["metadata"]["name"] in names]
    addresses = [one["__address__"] for one in targets("node", node=found)]
    assert addresses == ["[fd00::1]:10250", "192.168.0.7:10250"]
