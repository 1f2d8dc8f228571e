"""Where a request comes from: the address of the client, as far as it can be known."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_NETWORK_BITS = 64
"""Whoever has one address of IPv6 has the whole network."""


def address_of(request: HttpRequest) -> str:
    """Return the address of the client in its shortest form, "" when it has none (a socket of this machine).

    That is who connected to us; behind TRUSTED_PROXY_COUNT proxies of our own, who connected to the first of them. What
    a client writes into X-Forwarded-For itself stands before that and is not looked at.
    """
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    passed_on = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if proxies else []
    text = passed_on[-proxies] if 0 < proxies <= len(passed_on) else request.META.get("REMOTE_ADDR", "")
    return _shortest(text.strip())


def network_of(address: str) -> str:
    """Return what counts as one address."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))


def _shortest(text: str) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
