"""The brokers of a state folder: one node `kafka`, or `kafka-1` to `kafka-3`, a cluster that survives the death of any one.

Every node is broker and controller. All begin and end side by side: alone, a node of three has no quorum and never gets ready.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.addresses import Addresses
from deploy.certificates import Certificates
from deploy.embedded.jars import Progress
from deploy.embedded.java import class_path
from deploy.embedded.kafka import KafkaServer, new_cluster_id
from deploy.embedded.kafka_settings import Node

SIZES = (1, 3)
"""Two nodes would survive nobody's death, and more than three prove nothing more on one machine."""


def names(brokers: int) -> list[str]:
    """Names of the nodes."""
    return ["kafka"] if brokers == 1 else [f"kafka-{number}" for number in range(1, brokers + 1)]


class KafkaCluster:
    """All nodes of one state folder, as one server."""

    def __init__(self, nodes: Sequence[KafkaServer]) -> None:
        self.nodes = list(nodes)

    @property
    def bootstrap(self) -> str:
        """Addresses for clients: of all nodes, so that any may be away."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self, progress: Progress = lambda what, done, total: None) -> None:
        """Start what does not run, and wait until all serve. Raises KafkaFailed."""
        class_path(progress)  # fetched once, not by each
        known = next(filter(None, (node.cluster_id for node in self.nodes)), None) or new_cluster_id()
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            for started in [pool.submit(node.start, cluster_id=known) for node in self.nodes]:
                started.result()

    def stop(self) -> list[str]:
        """Orderly stop of all; the names of those that had to be killed."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            stopped = {node.name: pool.submit(node.stop) for node in self.nodes}
            return [name for name, orderly in stopped.items() if not orderly.result()]

    def kill(self) -> None:
        """End all as a crash would."""
        for node in self.nodes:
            node.kill()


def build(
    state: Path,
    ports: Addresses,
    admin: str,
    controller: str,
    advertised_port: int | None = None,
    tls: Certificates | None = None,
) -> KafkaCluster:
    """The cluster of a state folder, running or not. `advertised_port`: of a proxy before a single node."""
    controllers = tuple(port for _, port in ports.of_brokers())
    nodes = [
        Node(client, own, state / name / "data", admin, controller, number, controllers, advertised_port, tls)
        for number, (name, (client, own)) in enumerate(zip(names(ports.brokers), ports.of_brokers(), strict=True), 1)
    ]
    return KafkaCluster([KafkaServer(state, node, node.data.parent.name) for node in nodes])
