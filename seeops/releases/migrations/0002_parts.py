import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0001_initial"),
        ("releases", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReleasePart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("expression", models.CharField(max_length=120)),
                (
                    "reversibility",
                    models.CharField(
                        choices=[
                            ("auto", "by itself"),
                            ("manual", "by hand"),
                            ("forward_only", "not: repair forward only"),
                        ],
                        default="auto",
                        max_length=12,
                    ),
                ),
                (
                    "active",
                    models.BooleanField(default=False, editable=False, help_text="kept by a trigger on the release"),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="releases.release"
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="release_parts",
                        to="inventory.service",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="release_parts",
                        to="inventory.version",
                    ),
                ),
            ],
            options={"verbose_name": "part of a release", "ordering": ["release", "position"]},
        ),
        migrations.AddField(
            model_name="batch",
            name="part",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="batches",
                to="releases.releasepart",
            ),
        ),
    ]
