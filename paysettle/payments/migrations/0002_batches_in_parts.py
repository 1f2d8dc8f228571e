"""Batches keep their items in parts: a row for five hundred orders instead of one for each."""

import json

import django.db.models.deletion
from django.db import migrations, models

import paysettle.kernel.fields
from paysettle.kernel import identifiers

PART_ITEMS = 500


def move_items(apps, _schema_editor):
    """Write the items of each batch as parts; a part in which an item has no outcome yet stays open."""
    Batch, Item, Part = (apps.get_model("payments", f"PaymentBatch{name}") for name in ("", "Item", "Part"))
    for batch in Batch.objects.order_by("id").iterator():
        for first in range(0, batch.total, PART_ITEMS):
            items = list(Item.objects.filter(batch_id=batch.id, n__gte=first, n__lt=first + PART_ITEMS).order_by("n"))
            shown = [_shown(item) for item in items]
            is_open = any(item.status == 0 for item in items)
            succeeded = sum(one["problem"] is None for one in shown)
            Part.objects.create(
                id=identifiers.new(),
                batch_id=batch.id,
                first=first,
                last=first + len(items) - 1,
                orders=json.dumps([_stored(item, f"{identifiers.show('bat', batch.id)}.{item.n}") for item in items]),
                is_open=is_open,
                succeeded=0 if is_open else succeeded,
                refused=0 if is_open else len(items) - succeeded,
                outcomes="" if is_open else json.dumps(shown),
            )


def _stored(item, request_id):
    if not item.said:
        return {"key": item.item_key, "problem": {"status": item.status, **json.loads(item.outcome)}}
    said = json.loads(item.said)
    money = said.pop("money")
    return {"key": item.item_key, "request_id": request_id, **money, **said}


def _shown(item):
    outcome = json.loads(item.outcome or "{}")
    problem = {name: outcome[name] for name in ("code", "detail", "errors") if name in outcome}
    return {
        "n": item.n,
        "key": item.item_key,
        "status": item.status,
        "payment": outcome.get("id"),
        "state": outcome.get("state"),
        "problem": problem or None,
    }


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PaymentBatchPart",
            fields=[
                ("id", paysettle.kernel.fields.PrimaryIdField(serialize=False)),
                ("first", models.PositiveIntegerField()),
                ("last", models.PositiveIntegerField()),
                ("orders", models.TextField()),
                ("is_open", models.BooleanField()),
                ("succeeded", models.PositiveIntegerField()),
                ("refused", models.PositiveIntegerField()),
                ("outcomes", models.TextField()),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parts",
                        to="payments.paymentbatch",
                    ),
                ),
            ],
            options={"db_table": "payments_batch_part"},
        ),
        migrations.AddConstraint(
            model_name="paymentbatchpart",
            constraint=models.UniqueConstraint(fields=("batch", "first"), name="payments_batch_part_once"),
        ),
        migrations.RunPython(move_items, migrations.RunPython.noop),
        migrations.DeleteModel(name="PaymentBatchItem"),
    ]
