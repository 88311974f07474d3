"""Kiosks: devices at a door.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kiosk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("pin_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_kiosk_course_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_kiosk_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_kiosk_secret_sha256")),
    )
    op.create_index(op.f("ix_kiosk_course_id"), "kiosk", ["course_id"], unique=False)
    op.create_index(op.f("ix_kiosk_user_id"), "kiosk", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_kiosk_user_id"), table_name="kiosk")
    op.drop_index(op.f("ix_kiosk_course_id"), table_name="kiosk")
    op.drop_table("kiosk")
