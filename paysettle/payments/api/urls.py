"""The addresses of payments."""

from django.urls import path

from paysettle.api.routing import by_method
from paysettle.payments.api.accounts import Accounts, PastBalance, Statement
from paysettle.payments.api.batches import PaymentBatchDetail, PaymentBatches, PaymentBatchItems
from paysettle.payments.api.moves import Approvals, Approve, Captures, Refunds, Reject, Release, Withdraw
from paysettle.payments.api.payments import PaymentDetail, PaymentPreview, Payments, create_payment

urlpatterns = [
    path("payments", by_method(Payments.as_view(), POST=create_payment)),
    path("payments/preview", PaymentPreview.as_view()),
    path("payments/<str:payment_id>", PaymentDetail.as_view()),
    path("payments/<str:payment_id>/approve", Approve.as_view()),
    path("payments/<str:payment_id>/approvals", Approvals.as_view()),
    path("payments/<str:payment_id>/reject", Reject.as_view()),
    path("payments/<str:payment_id>/withdraw", Withdraw.as_view()),
    path("payments/<str:payment_id>/captures", Captures.as_view()),
    path("payments/<str:payment_id>/release", Release.as_view()),
    path("payments/<str:payment_id>/refunds", Refunds.as_view()),
    path("payment-batches", PaymentBatches.as_view()),
    path("payment-batches/<str:batch_id>", PaymentBatchDetail.as_view()),
    path("payment-batches/<str:batch_id>/items", PaymentBatchItems.as_view()),
    path("accounts", Accounts.as_view()),
    path("accounts/<str:account_id>/balance", PastBalance.as_view()),
    path("accounts/<str:account_id>/statement", Statement.as_view()),
]
