from django.db import migrations

from seeops.accounts.defaults import DEFAULT_GRANTS


def create_missing(apps, schema_editor):
    Grant = apps.get_model("accounts", "Grant")
    for role, actions in DEFAULT_GRANTS.items():
        for action in actions:
            Grant.objects.get_or_create(role=role, action=action, on=None, constraint={})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("contenttypes", "0002_remove_content_type_name")]
    operations = [migrations.RunPython(create_missing, migrations.RunPython.noop)]
