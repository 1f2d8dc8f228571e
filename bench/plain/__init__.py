"""The usual way to build this: a view of DRF, the ORM, `select_for_update` in `atomic`.

The product is held against it. It writes the product's rows into the product's tables and verifies the same tokens. It
does not ask whether the session still lives or whom the caller may act for, keeps no strict reading of bodies, and has
no middleware.
"""
