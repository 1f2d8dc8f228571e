"""The addresses of settlements."""

from django.urls import path

from paysettle.settlements.api.settlements import Approve, Reject, SettlementDetail, Settlements, Withdraw

urlpatterns = [
    path("settlements", Settlements.as_view()),
    path("settlements/<str:settlement_id>", SettlementDetail.as_view()),
    path("settlements/<str:settlement_id>/approve", Approve.as_view()),
    path("settlements/<str:settlement_id>/reject", Reject.as_view()),
    path("settlements/<str:settlement_id>/withdraw", Withdraw.as_view()),
]
