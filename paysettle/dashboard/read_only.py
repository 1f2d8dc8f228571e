"""The base of every list and page of records: to look at, for staff whose role allows it.

There is no address at which something could be added, changed or removed: of Django's pages only the list and the
record are there, and both answer nothing but GET.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from paysettle.dashboard.permissions import may
from paysettle.dashboard.show import Command, Table
from paysettle.dashboard.trail import Step, set_trail
from paysettle.identity.roles import StaffPermission

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:  # the class takes no parameters at run time
    _Paginator = Paginator

ROWS_COUNTED_MAX = 10_000


class BoundedPaginator(_Paginator):
    """Counts and pages through the first ROWS_COUNTED_MAX rows; what is older is found by search and filter."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:ROWS_COUNTED_MAX].count() if isinstance(rows, QuerySet) else len(rows)


class BoundedChangeList(ChangeList):  # type: ignore[misc]
    """A list that never counts the whole table."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """A list of records, newest first, and a page for each.

    `name` is the heading of the list, `needs` what it takes to look at it. `fields` names the methods whose values the
    page of a record shows, `time_field` the field that its filter by time looks at, `id_field` the id in order of time.
    """

    name = ""
    needs: StaffPermission
    time_field = ""
    id_field = "id"

    actions = None
    change_form_template = "dashboard/record.html"
    list_max_show_all = 0
    list_per_page = 25
    ordering = ("-id",)
    paginator = BoundedPaginator
    search_fields: Sequence[str] = ("id",)  # shows the field; `search` says what it finds
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    def label(self, record: Any) -> str:
        """Return what a record is called: its handle or public id."""
        raise NotImplementedError

    def search(self, term: str) -> Q:
        """Return the condition that a search term means."""
        raise NotImplementedError

    def tables(self, record: Any) -> list[Table]:  # noqa: ARG002
        """Return what is related to a record."""
        return []

    def commands(self, record: Any) -> list[Command]:  # noqa: ARG002
        """Return what can be done with a record."""
        return []

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        listed, shown = (
            self.admin_site.admin_view(require_safe(view)) for view in (self.changelist_view, self.change_view)
        )
        return [
            path("", listed, name=f"{name}_changelist"),
            path("<path:object_id>/change/", shown, name=f"{name}_change"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        set_trail(request, Step(self.name))
        response: HttpResponse = super().changelist_view(request, {"title": self.name, **(extra_context or {})})
        return response

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:  # noqa: ARG002
        return BoundedChangeList

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: "QuerySet[Any]",
        search_term: str,
    ) -> tuple["QuerySet[Any]", bool]:
        term = search_term.strip() if self.search_fields else ""
        return (queryset.filter(self.search(term)) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:  # noqa: ARG002
        """Allow the parameters of our filters alone: Django's default lets any column be guessed, passwords too."""
        return lookup in {listed.parameter_name for listed in self.list_filter}

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[str]:  # noqa: ARG002
        fields: Sequence[str] = self.fields
        return fields

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **options: Any) -> HttpResponse:
        record = options["obj"]
        set_trail(request, self.list_step(), Step(self.label(record)))
        context["title"], context["subtitle"] = self.name, self.label(record)
        context["tables"] = [table for table in self.tables(record) if may(request, table.needs)]
        context["commands"] = [command for command in self.commands(record) if may(request, command.needs)]
        response: HttpResponse = super().render_change_form(request, context, **options)
        return response

    def list_step(self) -> Step:
        """Return the step of the trail that leads back to the list."""
        return Step(self.name, reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))

    def record_url(self, record: Any) -> str:
        """Return the address of a record's page."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[record.pk])

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return may(request, self.needs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.needs)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False
