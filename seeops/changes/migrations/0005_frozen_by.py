"""One answer for work without a ticket: which freeze holds for services at a moment, break-glass taken into account."""

from django.db import migrations

# The first question is answered by the index on the intervals, so that asking costs next to nothing while nothing is frozen.
FUNCTION = """
CREATE FUNCTION changes_frozen_by(services bigint[], moment timestamptz)
RETURNS TABLE (title varchar, ends_at timestamptz) LANGUAGE plpgsql STABLE AS $$
DECLARE
    rest bigint[];
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM changes_freezeinterval i WHERE i.ends_at > moment AND i.starts_at <= moment
    ) THEN
        RETURN;
    END IF;
    rest := ARRAY(
        SELECT touched.id FROM unnest(services) AS touched(id) WHERE touched.id NOT IN (
            SELECT covered.id FROM changes_breakglass b, changes_services_of(b.ticket_id) AS covered(id)
            WHERE b.confirmed_at IS NOT NULL AND b.closed_at IS NULL AND b.expires_at > moment
        )
    );
    IF cardinality(services) > 0 AND cardinality(rest) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT f.title, f.ends_at FROM changes_freezes_for(rest) f
        WHERE f.starts_at <= moment AND f.ends_at > moment ORDER BY f.ends_at DESC LIMIT 1;
END;
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("changes", "0004_freezes_of_services")]
    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION changes_frozen_by(bigint[], timestamptz)")]
