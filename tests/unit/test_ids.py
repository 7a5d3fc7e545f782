"""Fresh ids: well-formed, all different, and those that begin with the time in its order."""

import time
from itertools import islice

from services.runtime import ids


def test_random_ids_are_version_4_and_never_the_same() -> None:
    found = list(islice(ids.random(), 3 * ids.AT_ONCE))
    assert {each.version for each in found} == {4}
    assert len({str(each) for each in found}) == len(found)


def test_timely_ids_are_version_7_and_tell_the_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    found = list(islice(ids.timely(), 3 * ids.AT_ONCE))
    after = time.time_ns() // 1_000_000
    assert {each.version for each in found} == {7}
    assert len({str(each) for each in found}) == len(found)
    assert all(before <= each.int >> 80 <= after for each in found)
