from django.db import migrations

VIEWERS = ("operator", "approver", "on_call", "auditor", "administrator")
GRANTS = [
    *((role, "surveillance.view") for role in VIEWERS),
    ("operator", "surveillance.restrict"),
    ("operator", "surveillance.close"),
    ("on_call", "surveillance.*"),
    ("administrator", "surveillance.*"),
]


def create_missing(apps, schema_editor):
    """Every database gets this app's rights, older ones too; nothing that an administrator changed is touched."""
    Grant = apps.get_model("accounts", "Grant")
    for role, action in GRANTS:
        Grant.objects.get_or_create(role=role, action=action, on=None, constraint={})


class Migration(migrations.Migration):
    dependencies = [("surveillance", "0001_initial"), ("accounts", "0002_default_grants")]
    operations = [migrations.RunPython(create_missing, migrations.RunPython.noop)]
