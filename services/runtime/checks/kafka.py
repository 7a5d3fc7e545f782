"""Is Kafka there, whole, and does it let this service do what is declared?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from events.topics import Topic, declared
from services.runtime.broker import Broker, allowed
from services.runtime.checks import mends
from services.runtime.checks.finding import Finding, bad, ok, warn

SHOWN = 3
"""Names in one line; the rest is a number."""


def provision() -> str:
    """What mends topics and rights that are missing."""
    return mends.start("provisions what is missing")


def check(cluster: Broker, reads: Sequence[Topic], writes: Sequence[Topic]) -> list[Finding]:
    """Brokers, topics, copies and rights. Raises Transient when no broker answers."""
    topics = {topic.name: topic for topic in (*reads, *writes)}
    everything = {topic.name: topic for topic in declared(cluster.settings.municipalities)} | topics
    described = cluster.described(everything.values())
    rights = {name: allowed(each) for name, each in described.items()}
    ours = {name: each for name, each in described.items() if name in topics}
    return [_brokers(cluster), _topics(topics, ours), _copies(ours), _rights(reads, writes, rights)]


def unreachable(address: str) -> Finding:
    """No broker answers."""
    return bad("kafka", f"no broker answers at {address}", mends.start("or set KAFKA_BOOTSTRAP_SERVERS"))


def _brokers(cluster: Broker) -> Finding:
    known, found = len(cluster.settings.kafka.split(",")), cluster.brokers()
    if found < known:
        return warn("kafka", f"{found} of {known} brokers answer", mends.start("starts the missing broker"))
    return ok("kafka", f"{found} of {known} brokers")


def _topics(topics: Mapping[str, Topic], described: Mapping[str, Any]) -> Finding:
    missing = [name for name in topics if name not in described]
    if missing:
        return bad("topics", f"missing or not visible: {some(missing)}", provision())
    wrong = [name for name, topic in topics.items() if len(described[name]["partitions"]) != topic.partitions]
    if wrong:
        return bad("topics", f"not as many partitions as declared: {some(wrong)}", "declare a new version of the topic")
    return ok("topics", f"{len(topics)} topics as declared")


def _copies(described: Mapping[str, Any]) -> Finding:
    partitions = [(name, each) for name, topic in described.items() for each in topic["partitions"]]
    headless = sorted({name for name, each in partitions if each["leader_id"] < 0})
    behind = sorted({name for name, each in partitions if len(each["isr_nodes"]) < len(each["replica_nodes"])})
    if headless:
        return bad("copies", f"no broker leads {some(headless)}", mends.start("starts the missing broker"))
    if behind:
        return warn("copies", f"under-replicated: {some(behind)}", mends.start("starts the missing broker, then wait"))
    return ok("copies", f"{len(partitions)} partitions, every copy in step")


def _rights(reads: Iterable[Topic], writes: Iterable[Topic], held: Mapping[str, set[str]]) -> Finding:
    needs = [(topic.name, "READ") for topic in reads] + [(topic.name, "WRITE") for topic in writes]
    missing = [f"{right} {name}" for name, right in needs if right not in held.get(name, set())]
    surplus = [
        f"{right} {name}" for name, rights in held.items() for right in rights & {"READ", "WRITE"} if (name, right) not in needs
    ]
    if missing:
        return bad("rights", f"may not {some(missing)}", provision())
    if surplus:
        return bad("rights", f"may more than declared: {some(surplus)}", mends.start("takes away what is not declared"))
    return ok("rights", f"{len(needs)} rights as declared")


def some(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
