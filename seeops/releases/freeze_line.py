"""The last line of change control for releases: a batch does not begin while production is frozen for its ticket, whoever writes.

A batch that has begun may end, and a roll-back is never stopped. The functions are made by the migrations of change control; the
clock is the database's own.
"""

from __future__ import annotations

import pgtrigger

_NOT_WHILE_FROZEN = """
IF NEW.state <> 'deploying' OR (TG_OP = 'UPDATE' AND OLD.state <> 'pending') THEN
    RETURN NEW;
END IF;
moment := clock_timestamp();
SELECT r.ticket_id INTO ticket FROM releases_release r WHERE r.id = NEW.release_id;
IF EXISTS (
    SELECT 1 FROM changes_breakglass b
    WHERE b.ticket_id = ticket AND b.confirmed_at IS NOT NULL AND b.closed_at IS NULL AND b.expires_at > moment
) THEN
    RETURN NEW;
END IF;
IF NOT EXISTS (
    SELECT 1 FROM changes_freezeinterval i WHERE i.ends_at > moment AND i.starts_at <= moment
) THEN
    RETURN NEW;
END IF;
SELECT f.title INTO frozen_by FROM changes_freezes_of(ticket) f
WHERE f.starts_at <= moment AND f.ends_at > moment LIMIT 1;
IF frozen_by IS NOT NULL THEN
    RAISE EXCEPTION 'batch % of release % cannot begin: production is frozen (%)', NEW.number, NEW.release_id, frozen_by;
END IF;
RETURN NEW;
"""

BATCH = pgtrigger.Trigger(
    name="not_while_frozen", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update, func=_NOT_WHILE_FROZEN,
    declare=[("ticket", "bigint"), ("moment", "timestamptz"), ("frozen_by", "text")],
)  # fmt: skip
