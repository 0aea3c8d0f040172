from django.db import migrations

from seeops.changes.defaults import FREEZES, GROUPS, STAGES


def create_missing(apps, schema_editor):
    """Groups, stages and freezes of a new database; what somebody changed or removed since stays as it is."""
    Group = apps.get_model("changes", "ApproverGroup")
    Rule = apps.get_model("changes", "ApprovalRule")
    Freeze = apps.get_model("changes", "FreezeRule")
    apps.get_model("changes", "ChangePolicy").objects.get_or_create(pk=1)
    groups = {code: Group.objects.get_or_create(code=code, defaults=values)[0] for code, values in GROUPS.items()}
    for (kind, risk), stages in STAGES.items():
        for stage in stages:
            values = {**stage, "group": groups[stage["group"]]}
            Rule.objects.get_or_create(kind=kind, risk=risk, number=values.pop("number"), defaults=values)
    for values in FREEZES:
        Freeze.objects.get_or_create(title=values["title"], defaults=values)


class Migration(migrations.Migration):
    dependencies = [("changes", "0002_control")]
    operations = [migrations.RunPython(create_missing, migrations.RunPython.noop)]
