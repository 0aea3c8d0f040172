from django.db import migrations
from django.utils import timezone

ACTIVE = ("running", "holding", "rolling_back")
OF_PART = ("service", "version", "package", "package_digest", "expression", "batches")
NEW_FORM = "the form of plans has changed: plan again"


def to_parts(apps, schema_editor):
    """Every release becomes one with a single part. Its digest stays: it says what was approved at the time.

    A plan that was not started would be carried out by a form that nobody approved, so it is given up.
    """
    Release = apps.get_model("releases", "Release")
    Part = apps.get_model("releases", "ReleasePart")
    Batch = apps.get_model("releases", "Batch")
    for release in Release.objects.select_related("service", "version"):
        part = Part.objects.create(
            release=release, position=1, service=release.service, version=release.version,
            expression=release.expression, active=release.state in ACTIVE,
        )  # fmt: skip
        Batch.objects.filter(release=release).update(part=part)
        plan = release.plan
        if "parts" not in plan:
            own = {key: plan.pop(key) for key in OF_PART if key in plan}
            release.plan = {**plan, "parts": [{**own, "warnings": [], "reversibility": "auto"}]}
        if release.state == "ready":
            release.state, release.state_reason, release.finished_at = "aborted", NEW_FORM, timezone.now()
        release.save(update_fields=["plan", "state", "state_reason", "finished_at"])


class Migration(migrations.Migration):
    dependencies = [("releases", "0002_parts")]
    operations = [migrations.RunPython(to_parts, migrations.RunPython.noop)]
