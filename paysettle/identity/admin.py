"""What identity does to the admin: nobody verifies an address by hand."""

from allauth.account.models import EmailAddress
from django.contrib import admin

# Verified addresses change through operations alone, which keep them unique. allauth is loaded before us.
if admin.site.is_registered(EmailAddress):
    admin.site.unregister(EmailAddress)
