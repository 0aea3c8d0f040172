import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0003_parts_filled")]

    operations = [
        migrations.RemoveConstraint(model_name="release", name="one_running_release_per_service"),
        migrations.RemoveField(model_name="release", name="expression"),
        migrations.RemoveField(model_name="release", name="service"),
        migrations.RemoveField(model_name="release", name="version"),
        migrations.AlterField(
            model_name="batch",
            name="part",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="batches", to="releases.releasepart"
            ),
        ),
        migrations.AddConstraint(
            model_name="releasepart",
            constraint=models.UniqueConstraint(fields=("release", "position"), name="part_position_once"),
        ),
        migrations.AddConstraint(
            model_name="releasepart",
            constraint=models.UniqueConstraint(fields=("release", "service"), name="part_service_once"),
        ),
        migrations.AddConstraint(
            model_name="releasepart",
            constraint=models.UniqueConstraint(
                condition=models.Q(("active", True)), fields=("service",), name="one_running_release_per_service"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="release",
            trigger=pgtrigger.compiler.Trigger(
                name="mark_parts",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    UPDATE releases_releasepart SET active = NEW.state IN ('running', 'holding', 'rolling_back')\n        WHERE release_id = NEW.id;\n    RETURN NULL;\n",
                    hash="27618e395f45d1c5a0755201d401f9676ec776d2",
                    operation='UPDATE OF "state"',
                    pgid="pgtrigger_mark_parts_5e3d8",
                    table="releases_release",
                    when="AFTER",
                ),
            ),
        ),
    ]
