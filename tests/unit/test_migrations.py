"""Migrations can run while the version before serves; and what must not, is found."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from deploy.provision.expanding import refused
from deploy.provision.migrations import Migrations
from events.topics import DOMAIN_SERVICES
from services.runtime import versions

BASELINE = "_0001"


@pytest.mark.parametrize("service", DOMAIN_SERVICES)
def test_every_migration_only_adds_and_each_line_is_unbranched(service: str) -> None:
    script = Migrations(service).script
    assert set(script.get_heads()) == versions.expected(service)
    for migration in script.walk_revisions():
        assert versions.revision(Path(migration.path).stem) == migration.revision
        if not migration.revision.endswith(BASELINE):
            assert refused(migration) == [], migration.path


def sample(folder: Path, upgrade: str, *, contract: bool = False) -> list[str]:
    folder.joinpath("sample_0001_it.py").write_text(
        f"from alembic import op\nimport sqlalchemy as sa\nfrom services.runtime.indexes import create_concurrently\n"
        f"revision = 'sample_0001'\ndown_revision = None\ncontract = {contract}\ndef upgrade():\n    {upgrade}\n"
    )
    script = ScriptDirectory(folder, version_locations=[folder])
    return refused(script.get_revision("sample_0001"))


@pytest.mark.parametrize(
    "upgrade",
    [
        "op.add_column('outbox', sa.Column('trace', sa.Text))",
        "op.add_column('outbox', sa.Column('tries', sa.Integer, nullable=False, server_default='0'))",
        "op.create_table('new', sa.Column('a', sa.Text)); op.create_index('ix_new_a', 'new', ['a'])",
        "create_concurrently('ix_outbox_key', 'outbox', 'key')",
        "op.execute('ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.1)')",
    ],
)
def test_what_adds_is_let_through(tmp_path: Path, upgrade: str) -> None:
    assert sample(tmp_path, upgrade) == []


@pytest.mark.parametrize(
    "upgrade",
    [
        "op.drop_column('outbox', 'key')",
        "op.drop_table('outbox')",
        "op.alter_column('outbox', 'key', new_column_name='aggregate')",
        "op.alter_column('outbox', 'key', type_=sa.LargeBinary())",
        "op.add_column('outbox', sa.Column('trace', sa.Text, nullable=False))",
        "op.add_column('outbox', sa.Column('trace', sa.UUID, server_default=sa.text('gen_random_uuid()')))",
        "op.create_index('ix_outbox_key', 'outbox', ['key'])",
        "op.create_unique_constraint('one', 'outbox', ['key'])",
        "op.execute('UPDATE outbox SET key = 1')",
        "op.execute('LOCK TABLE outbox')",
        "op.execute('ALTER TABLE outbox SET UNLOGGED')",
    ],
)
def test_what_the_version_before_could_not_live_with_is_found(tmp_path: Path, upgrade: str) -> None:
    assert sample(tmp_path, upgrade), upgrade
    assert sample(tmp_path, upgrade, contract=True) == []


def test_older_code_is_content_with_a_newer_schema_but_not_with_an_older_one() -> None:
    now = versions.expected("intake")
    assert versions.behind("intake", []) == sorted(now)
    assert versions.behind("intake", now) == []
    newer = {"intake_9000", "runtime_9000"}
    assert versions.behind("intake", newer) == []
    assert versions.beyond("intake", newer) == sorted(newer)
    assert versions.beyond("intake", now) == []
