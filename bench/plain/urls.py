"""One address, the product's."""

from django.urls import path

from bench.plain.views import Payments, healthy

urlpatterns = [path("api/v1/payments", Payments.as_view()), path("healthz", healthy)]
