"""intake under another key: what was held is known again, whatever it was hashed under."""

from tests.integration.intake_desk import Desk, open_desk, prepare_system, row

FIXTURES = (prepare_system, open_desk)
RINGS = ("one", "one\ntwo", "one\ntwo\nthree")


def counts(desk: Desk, name: str) -> tuple[int, ...]:
    query = "SELECT rows_new, rows_corrected, rows_repeated, rows_quarantined FROM extract WHERE extract_id = %s"
    (found,) = desk.query(query, name)
    return tuple(found)


def test_rows_held_under_an_older_key_are_known_again(desk: Desk) -> None:
    desk.hash_under(RINGS[0])
    desk.deliver([row(1), row(2), row(3, superseded_journal_number="4200-81252-00009-26")], 1)
    desk.run()
    before = dict(desk.query("SELECT record_id, key FROM record"))
    for sequence, ring in enumerate(RINGS[1:], 2):
        desk.hash_under(ring)
        name = desk.deliver([row(1), row(2, sequence), row(3, 1, place="elsewhere")], sequence)
        desk.run()
        assert counts(desk, name) == (0, 1, 1, 1), "the same is repeated, a revision corrects, another content is a conflict"
    after = dict(desk.query("SELECT record_id, key FROM record"))
    assert after.keys() == before.keys(), "nobody became somebody else"
    assert not set(after.values()) & set(before.values())


def test_an_intake_with_an_older_ring_waits_and_loses_nothing(desk: Desk) -> None:
    desk.hash_under(RINGS[1])
    desk.deliver([row(1)], 1)
    desk.run()
    desk.hash_under(RINGS[0])
    name = desk.deliver([row(1, 2)], 2)
    desk.run(20)
    assert counts(desk, name) == (0, 0, 0, 0)
    desk.hash_under(RINGS[1])
    desk.due()
    desk.run()
    assert counts(desk, name) == (0, 1, 0, 0)
