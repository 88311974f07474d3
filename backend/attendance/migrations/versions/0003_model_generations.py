"""Which of two models was put to use later.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("class_session", "frame", "model_version")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("model_generation", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "model_generation")
