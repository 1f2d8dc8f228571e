"""One line per slice: the table of contents of our HTTP."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

urlpatterns = [
    path("", include("paysettle.web.urls")),
    path("", include("paysettle.identity.api.urls")),
    path("api/v1/", include("paysettle.payments.api.urls")),
    path("api/v1/", include("paysettle.settlements.api.urls")),
    path("api/v1/", include("paysettle.notifications.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema", http_method_names=["get"]), name="docs"),
    path("admin/", admin.site.urls),
]

handler400 = "paysettle.api.problems.bad_request"
handler403 = "paysettle.api.problems.permission_denied"
handler404 = "paysettle.api.problems.page_not_found"
handler500 = "paysettle.api.problems.server_error"
