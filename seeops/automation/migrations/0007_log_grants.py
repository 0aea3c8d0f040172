from django.db import migrations

from seeops.accounts.defaults import DEFAULT_GRANTS


def create_missing(apps, schema_editor):
    """Databases from before log collection get its rights; nothing that an administrator changed is touched."""
    Grant = apps.get_model("accounts", "Grant")
    for role, actions in DEFAULT_GRANTS.items():
        for action in actions:
            if action.startswith("log."):
                Grant.objects.get_or_create(role=role, action=action, on=None, constraint={})


class Migration(migrations.Migration):
    dependencies = [("automation", "0006_playbook_records"), ("accounts", "0002_default_grants")]
    operations = [migrations.RunPython(create_missing, migrations.RunPython.noop)]
