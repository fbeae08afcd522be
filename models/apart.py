"""Keeping customers apart: the row-level security each migration gives its tables, as SQL.

The web role sees the rows of the customer set for the transaction, or every row when staff asked; the workers' role
sees all.
Security is *forced*, so not even the owner of the tables gets around it by accident.
"""

from __future__ import annotations

ROLES = ("vigie_web", "vigie_worker")

# After a commit the setting reads '' and not NULL; both must mean "nobody".
_MINE = "customer_id = nullif(current_setting('app.customer', true), '')::uuid"
_STAFF = "current_setting('app.reach', true) = 'staff'"


def keep_apart(table: str, *, own: str = _MINE) -> list[str]:
    """Statements that enable and force row-level security on `table`; `own` says which rows are a customer's own."""
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY web ON {table} TO vigie_web USING ({own} OR {_STAFF}) WITH CHECK ({own} OR {_STAFF})",
        f"CREATE POLICY worker ON {table} TO vigie_worker USING (true) WITH CHECK (true)",
        # The owner migrates and backfills; it is not the role of any process.
        f"CREATE POLICY owner ON {table} TO vigie_owner USING (true) WITH CHECK (true)",
    ]


def staff_only(table: str) -> list[str]:
    """Statements for a table no customer may read at all."""
    return keep_apart(table, own="false")


def grant(table: str, rights: str = "SELECT, INSERT, UPDATE, DELETE") -> list[str]:
    """Statements that give both process roles `rights` on `table`."""
    return [f"GRANT {rights} ON {table} TO {', '.join(ROLES)}"]
