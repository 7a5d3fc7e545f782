"""A ring of keys: what is kept can be brought under a new key without knowing what it was made of."""

import hmac
from hashlib import sha256

from services.intake.domain.keyed import Keyed, fingerprint, layer
from services.intake.keys import pads

NUMBER = "4200-81252-00001-26"


def test_a_further_key_is_a_layer_over_what_the_older_ones_gave() -> None:
    before, after = Keyed("one").record(NUMBER, 1), Keyed("one\ntwo").record(NUMBER, 1)
    assert after == hmac.digest(layer("two", b"record"), before, "sha256")
    assert after != Keyed("two").record(NUMBER, 1)


def test_every_ring_has_its_own_fingerprint() -> None:
    rings = [("one",), ("two",), ("one", "two"), ("two", "one"), ("onetwo",)]
    assert len({fingerprint(ring) for ring in rings}) == len(rings)


def test_places_are_hashed_under_the_newest_key_alone() -> None:
    assert Keyed("one\ntwo").place("Kanarievænget 12") == Keyed("two").place("Kanarievænget 12")


def test_the_pads_that_the_database_gets_make_the_same_hash() -> None:
    given, held = pads("two"), Keyed("one").record(NUMBER, 1)
    made = sha256(given["record_outer"] + sha256(given["record_inner"] + held).digest()).digest()
    assert made == Keyed("one\ntwo").record(NUMBER, 1)
