"""The filters beside the staff's lists. Each takes only the values it offers; any other filters nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from paysettle.dashboard.queries import first_id_since


class ChoiceFilter(SimpleListFilter):
    """One of the choices of a field of the model; `parameter_name` is the field."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:  # noqa: ARG002
        field = model_admin.model._meta.get_field(self.parameter_name)
        return [(value, str(label).replace("_", " ").lower()) for value, label in field.flatchoices]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":  # noqa: ARG002
        value = self.value()
        if value not in {choice for choice, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(**{str(self.parameter_name): value})


class StateFilter(ChoiceFilter):
    """In this state."""

    title = "state"
    parameter_name = "state"


class KindFilter(ChoiceFilter):
    """Of this kind."""

    title = "kind"
    parameter_name = "kind"


class RoleFilter(ChoiceFilter):
    """In this role."""

    title = "role"
    parameter_name = "role"


class DirectionFilter(ChoiceFilter):
    """In this direction."""

    title = "direction"
    parameter_name = "direction"


class YesNoFilter(SimpleListFilter):
    """A truth value; `yes` and `no` say what it means."""

    yes: str
    no: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:  # noqa: ARG002
        return [("1", self.yes), ("0", self.no)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":  # noqa: ARG002
        if self.value() not in {"0", "1"}:
            return queryset
        return queryset.filter(**{str(self.parameter_name): self.value() == "1"})


class ActiveFilter(YesNoFilter):
    """People who may sign in, or not."""

    title = "state"
    parameter_name = "is_active"
    yes, no = "active", "disabled"


class StaffFilter(ChoiceFilter):
    """Members of staff in this role."""

    title = "staff"
    parameter_name = "staff_role"


class SinceFilter(SimpleListFilter):
    """Rows of the last days, by the field that the page names as its `time_field`."""

    title = "time"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:  # noqa: ARG002
        self._time_field, self._id_field = model_admin.time_field, model_admin.id_field
        return [("1", "today"), ("7", "last 7 days"), ("30", "last 30 days"), ("90", "last 90 days")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":  # noqa: ARG002
        value = self.value()
        if value not in {choice for choice, _ in self.lookup_choices}:
            return queryset
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = today - timedelta(days=int(value) - 1)
        # The range of ids makes it a range of the primary key; the field itself says what is shown.
        return queryset.filter(**{f"{self._id_field}__gte": first_id_since(since), f"{self._time_field}__gte": since})
