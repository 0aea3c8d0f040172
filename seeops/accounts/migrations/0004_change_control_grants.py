from django.db import migrations

GRANTS = {
    "operator": ["change.break_glass"],
    "approver": ["change.delegate"],
    "auditor": ["change.review"],
    "administrator": ["change.control"],
}


def create_missing(apps, schema_editor):
    """The rights of change control, for databases that had their grants before there were any."""
    Grant = apps.get_model("accounts", "Grant")
    for role, actions in GRANTS.items():
        for action in actions:
            Grant.objects.get_or_create(role=role, action=action, on=None, constraint={})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_second_factor"), ("accounts", "0002_default_grants")]
    operations = [migrations.RunPython(create_missing, migrations.RunPython.noop)]
