"""The next step of one extract: look at its manifest and file, ask identity, and return the effects to commit.

One step is at most one pass over the file to check it, or one batch of rows, so that it ends well before its claim does and
districts take turns. Every step begins from what the database says; a killed intake therefore simply takes the next one.
"""

from datetime import datetime
from functools import partial

from services.intake import handlers, progress, rows, store
from services.intake.batch import Resolve, read_batch
from services.intake.domain.keyed import Keyed
from services.intake.domain.manifest import Accepted, Manifest, next_step
from services.intake.domain.reasons import Refusal
from services.intake.inbox import Inbox
from services.intake.progress import Progress
from services.intake.verify import verify
from services.runtime.database import Store
from services.runtime.errors import Transient
from services.runtime.work import Effects, WorkItem


class Reader:
    """Reads extracts, step by step. `synthetic` says whether synthetic CPR numbers are allowed here."""

    def __init__(self, database: Store, inbox: Inbox, keyed: Keyed, resolve: Resolve, *, synthetic: bool) -> None:
        self._database = database
        self._inbox = inbox
        self._keyed = keyed
        self._resolve = resolve
        self._synthetic = synthetic

    def read(self, item: WorkItem) -> Effects:
        """Take one step; `item.key` is the extract. Raises Transient when identity or the disk does not answer."""
        manifest = None
        mark = self._inbox.mark(item.key)
        try:
            manifest = self._inbox.manifest(item.key)
            if manifest is None:
                return partial(handlers.forget, name=item.key)
            return self._step(manifest)
        except Refusal as refusal:
            return partial(handlers.refuse, name=item.key, mark=mark, manifest=manifest, refusal=refusal)

    def _step(self, manifest: Manifest) -> Effects:
        own, before, now = self._situation(manifest)
        step = next_step(manifest, own, before, now)
        if step == "repeated":
            return partial(handlers.repeat, manifest=manifest)
        if step == "wait":
            return partial(handlers.wait, manifest=manifest)
        if step == "accept":
            return partial(handlers.accept, manifest=manifest, verified=verify(self._inbox, manifest))
        with self._database.transaction() as transaction:
            reached = progress.load(transaction, manifest.extract_id)
        return self._continue(manifest, reached)

    def _situation(self, manifest: Manifest) -> tuple[Accepted | None, Accepted | None, datetime]:
        values = {"district": manifest.district, "sequence": manifest.sequence}
        with self._database.transaction() as transaction:
            accepted, now = transaction.execute(store.SITUATION, values).all(), transaction.now
        found = {row.sequence: Accepted(row.sha256, row.covers_until, row.read) for row in accepted}
        return found.get(manifest.sequence), found.get(manifest.sequence - 1), now

    def _continue(self, manifest: Manifest, reached: Progress) -> Effects:
        """Read the next batch of what was checked and accepted – unless the file has been touched since."""
        if reached.at_end or reached.file is None:
            return partial(handlers.finish, progress=reached)
        with self._inbox.data(reached.file) as data:
            if data.fingerprint() != reached.fingerprint:
                return partial(handlers.go_on, manifest=manifest, verified=verify(self._inbox, manifest))
            batch = read_batch(data, reached, self._resolve, synthetic=self._synthetic)
            if data.fingerprint() != reached.fingerprint:
                raise Transient("data_changed_while_read")
        return partial(rows.take_in, progress=reached, batch=batch, keyed=self._keyed)
