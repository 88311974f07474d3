"""Who may make courses, who is appointed for enrolment, and who waits on a roster for an admin.

Whoever leads a course keeps what leads could do for its students: they are appointed for enrolment, so that a school
goes on working. Nobody but admins may make courses until an admin lets them.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "user_account", sa.Column("may_create_courses", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("course_staff", sa.Column("may_enrol", sa.Boolean(), nullable=False, server_default=sa.false()))
    staff = sa.table("course_staff", sa.column("is_lead", sa.Boolean()), sa.column("may_enrol", sa.Boolean()))
    op.execute(staff.update().where(staff.c.is_lead).values(may_enrol=sa.true()))
    op.create_table(
        "enrolment_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=False),
        sa.Column("external_key", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("requested_by", sa.Integer(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_enrolment_request_dates")),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_enrolment_request_course_id")),
        sa.ForeignKeyConstraint(["requested_by"], ["user_account.id"], name=op.f("fk_enrolment_request_requested_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_request")),
        sa.UniqueConstraint("course_id", "external_key", name=op.f("uq_enrolment_request_course_id_external_key")),
    )
    op.create_index(op.f("ix_enrolment_request_external_key"), "enrolment_request", ["external_key"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_enrolment_request_external_key"), table_name="enrolment_request")
    op.drop_table("enrolment_request")
    op.drop_column("course_staff", "may_enrol")
    op.drop_column("user_account", "may_create_courses")
