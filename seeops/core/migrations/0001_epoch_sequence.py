from django.db import migrations

# Starts at the present second, so that a database made anew never hands out an epoch that a node has already seen.
CREATE = """
DO $$ BEGIN
  EXECUTE format('CREATE SEQUENCE IF NOT EXISTS seeops_epoch START WITH %s', extract(epoch FROM now())::bigint);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = []
    operations = [migrations.RunSQL(CREATE, "DROP SEQUENCE IF EXISTS seeops_epoch")]
