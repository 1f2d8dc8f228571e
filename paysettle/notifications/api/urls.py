"""The addresses of the inbox."""

from django.urls import path

from paysettle.notifications.api.inbox import Inbox, InboxEntryRead, InboxRead

urlpatterns = [
    path("inbox", Inbox.as_view()),
    path("inbox/read", InboxRead.as_view()),
    path("inbox/<str:entry_id>/read", InboxEntryRead.as_view()),
]
