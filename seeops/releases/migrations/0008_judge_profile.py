import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0007_batches_keep_to_freezes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="JudgeProfile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("settings", models.JSONField()),
                ("reason", models.CharField(max_length=400)),
                ("proposed_at", models.DateTimeField()),
                ("in_force_at", models.DateTimeField(null=True)),
                (
                    "in_force_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "judge settings",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("in_force_by", None),
                            models.Q(("in_force_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="judge_profile_by_two_people",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("in_force_at", None), ("in_force_by", None)),
                            models.Q(("in_force_at__isnull", False), ("in_force_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="judge_profile_in_force_whole",
                    ),
                ],
            },
        ),
    ]
