import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A run that brings back may work on several batches."""

    dependencies = [
        ("automation", "0011_run_marks"),
        ("releases", "0008_judge_profile"),
    ]

    operations = [
        migrations.AlterField(
            model_name="batchrun",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="batch_runs", to="automation.run"
            ),
        ),
        migrations.AddConstraint(
            model_name="batchrun",
            constraint=models.UniqueConstraint(fields=("batch", "run"), name="run_once_per_batch"),
        ),
    ]
