"""Loads the register: one delivery after another in the order of their sequence, batch by batch, resumable at any moment.

Each step is one transaction, so that a kill costs at most one batch. Whose numbers are one person is only decided when a file
is at its end, and only then is anybody told: in the middle of a file a person may have lost the old number and not yet the new.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.identity import groups
from services.identity.domain.lines import InstitutionLine, PersonLine, institution_reader, person_reader
from services.identity.domain.manifest import Manifest, Refused, parse
from services.identity.register import files
from services.identity.register.batches import Batch, batches
from services.identity.register.files import Reading
from services.identity.register.inbox import DataFile, Inbox
from services.identity.register.merge import merge, replace_institutions
from services.identity.register.verify import verify
from services.runtime.database import Store
from services.runtime.errors import describe, is_transient
from services.runtime.transaction import Transaction

log = logging.getLogger(__name__)

BATCH_LINES = 10_000
"""Lines per transaction: large enough for COPY, small enough for memory (some 40 MB) and for losing half a second to a kill."""
STRETCH_SECONDS = 3.0
"""How long one call reads on: shorter than the lease that lets one copy scan, and than anybody waits for an orderly stop."""
QUIET_SECONDS = 10.0
"""How long an inbox that has not changed is left alone. Then the database is asked all the same: a delivery that was taken away
half read, perhaps while another copy read it, must be refused, since it keeps doors closed."""
PURPOSE = "population_register"


class Loader:
    """Reads the inbox into the vault. `scan` is called again and again, in one of all copies."""

    def __init__(self, store: Store, inbox: Inbox, batch_lines: int = BATCH_LINES) -> None:
        self.store = store
        self.inbox = inbox
        self.batch_lines = batch_lines
        self._persons = person_reader()
        self._institutions = institution_reader()
        self._judged: dict[str, tuple[str, int]] = {}
        self._quiet: dict[str, str] | None = None
        self._quiet_since = 0.0

    def scan(self) -> None:
        """Do what there is to do, for a stretch of time; an inbox that has not changed since all was done seldom asks."""
        listing = self.inbox.listing()
        if listing == self._quiet and time.monotonic() - self._quiet_since < QUIET_SECONDS:
            return
        end = time.monotonic() + STRETCH_SECONDS
        while self.step():
            if time.monotonic() > end:
                return
        self._quiet, self._quiet_since = listing, time.monotonic()

    def step(self) -> bool:
        """Read one batch, end one file, or judge one delivery; whether there was anything to do."""
        with self.store.transaction() as transaction:
            file = files.reading(transaction)
            last = files.register_version(transaction)
        if file is None:
            return self._judge_next(last)
        try:
            self._read_on(file)
        except Refused as refusal:
            self._refuse(file, refusal)
        except DBAPIError as error:
            if is_transient(error):
                raise
            log.error("register_load_failed", extra={"sequence": file.sequence, "error": describe(error)})
            self._refuse(file, Refused("load_failed", getattr(error.orig, "sqlstate", None)))
        return True

    # which delivery comes next

    def _judge_next(self, last: int) -> bool:
        for name, fingerprint in self.inbox.listing().items():
            if self._judged.get(name) != (fingerprint, last):
                if (content := self.inbox.manifest(name)) is not None:
                    self._judge(name, content, last)
                self._judged[name] = (fingerprint, last)
                return True
        return False

    def _judge(self, name: str, content: bytes, last: int) -> None:
        manifest: Manifest | None = None
        state, refusal, fingerprint = "reading", None, ""
        try:
            manifest = parse(name, content)
            if not self._is_next(manifest, last):
                return
            fingerprint = verify(self.inbox, manifest)
        except Refused as error:
            # A gap is not final: the delivery waits for the one before it.
            state, refusal = "waiting" if error.reason == "sequence_gap" else "refused", error
            log.warning("register_file_" + state, extra={"file": name, "reason": error.reason, "field": error.field})
        with self.store.transaction() as transaction:
            files.enter(transaction, name, content, state, manifest, refusal, fingerprint)

    def _is_next(self, manifest: Manifest, last: int) -> bool:
        """Whether this is the delivery that comes next; False when it was read before. Raises Refused."""
        if manifest.sequence > last + 1:
            raise Refused("sequence_gap", "sequence")
        with self.store.transaction() as transaction:
            repeated = files.is_repeated(transaction, manifest)
        if manifest.sequence <= last and not repeated:
            raise Refused("sequence_reused", "sequence")
        return not repeated

    def _refuse(self, file: Reading, refusal: Refused) -> None:
        with self.store.transaction() as transaction:
            files.claim(transaction, file)
            files.close(transaction, file, "refused", refusal)
        log.error("register_file_refused", extra={"sequence": file.sequence, "reason": refusal.reason, "field": refusal.field})

    # reading

    def _read_on(self, file: Reading) -> None:
        if file.kind == "institutions":
            self._take_institutions(file)
        elif file.data is None or (batch := self._read_batch(file)) is None:
            self._end(file)
        else:
            self._take_persons(file, batch)

    def _read_batch(self, file: Reading) -> Batch[PersonLine] | None:
        with self._open(file) as data:
            return next(batches(data, self._persons, file.bytes_read, file.lines_read, self.batch_lines), None)

    def _open(self, file: Reading) -> DataFile:
        data = self.inbox.data(file.data or "")
        if data.fingerprint() != file.data_fingerprint and data.measure()[0] != file.digest:
            data.close()
            raise Refused("wrong_digest", "sha256")
        return data

    def _take_persons(self, file: Reading, batch: Batch[PersonLine]) -> None:
        # Sorted, because neighbours in an index are cheaper to enter; of two lines about one person the last counts.
        persons = {line.cpr: line for line in sorted(batch.good, key=attrgetter("cpr"))}
        with self.store.transaction() as transaction:
            files.claim(transaction, file)
            groups.lock_for_changing(transaction)
            merged = merge(transaction, persons, at_once=file.kind == "full")
            self._move(transaction, file, batch, merged.added)
            transaction.audit(
                "collection",
                "register_lines_loaded",
                purpose=PURPOSE,
                subjects=merged.pseudonyms,
                register_file=file.sequence,
                after_line=file.lines_read,
                lines=batch.count,
                added=merged.added,
            )

    def _take_institutions(self, file: Reading) -> None:
        """The whole list in one transaction: half a list would let household ties count that must not. Locked like persons, so
        that one answer is of one version of the register (`doors/register.py`).
        """
        with self.store.transaction() as transaction:
            files.claim(transaction, file)
            groups.lock_for_changing(transaction)
            replace_institutions(transaction, self._institution_batches(transaction, file))
            self._close(transaction, file, [])

    def _institution_batches(self, transaction: Transaction, file: Reading) -> Iterator[list[InstitutionLine]]:
        if file.data is None:
            return
        with self._open(file) as data:
            for batch in batches(data, self._institutions, 0, 0, self.batch_lines):
                self._move(transaction, file, batch, 0)
                yield batch.good

    @staticmethod
    def _move(transaction: Transaction, file: Reading, batch: Batch[PersonLine] | Batch[InstitutionLine], added: int) -> None:
        files.quarantine(transaction, file, batch.bad)
        files.move(
            transaction, file, size=batch.size, lines=batch.count, loaded=len(batch.good), added=added, quarantined=len(batch.bad)
        )

    # the end of a file

    def _end(self, file: Reading) -> None:
        """Who is one person now; tell whom it concerns; and the register has a new version."""
        self._repeat(file, groups.place_touched)
        self._repeat(file, partial(groups.tell_touched, correlation=f"register-{file.sequence:05d}"))
        with self.store.transaction() as transaction:
            files.claim(transaction, file)
            self._close(transaction, file, groups.forget_touched(transaction))

    @staticmethod
    def _close(transaction: Transaction, file: Reading, subjects: Sequence[UUID]) -> None:
        files.close(transaction, file, "read")
        transaction.audit(
            "collection",
            "register_file_loaded",
            purpose=PURPOSE,
            subjects=subjects,
            register_file=file.sequence,
            rows=file.rows,
        )
        log.info("register_file_read", extra={"sequence": file.sequence, "kind": file.kind, "rows": file.rows})

    def _repeat(self, file: Reading, step: Callable[[Transaction], int]) -> None:
        done = 1
        while done:
            with self.store.transaction() as transaction:
                files.claim(transaction, file)
                done = step(transaction)
