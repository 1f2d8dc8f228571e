"""One server, three entrances: how requests come in from an ASGI server.

`hot` answers a few addresses on the event loop itself; `ordinary` hands everything else to Django's WSGI application
in a pool of threads; `application` decides which.
"""
