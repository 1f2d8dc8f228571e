"""Model fields that mean the same on every database."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from paysettle.kernel import identifiers

if TYPE_CHECKING:
    _UuidBase = models.Field[UUID, UUID]
    _BytesBase = models.BinaryField[bytes, bytes]
    _LookupBase = models.Lookup[bool]
else:  # the classes take no parameters at run time
    _UuidBase = models.Field
    _BytesBase = models.BinaryField
    _LookupBase = models.Lookup


class IdField(_UuidBase):
    """A UUID in 16 bytes: BINARY(16) on MySQL and MariaDB, BLOB on SQLite.

    Django's own UUIDField is text on MySQL and native on MariaDB, so that a dump would not move between them.
    """

    description = "UUID in 16 bytes"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "binary(16)" if connection.vendor == "mysql" else "blob"

    def rel_db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.db_type(connection)

    def get_internal_type(self) -> str:
        return "IdField"

    def to_python(self, value: Any) -> UUID | None:
        if value is None or isinstance(value, UUID):
            return value
        return identifiers.from_bytes(value) if isinstance(value, bytes | memoryview) else UUID(str(value))

    def from_db_value(self, value: Any, *_: Any) -> UUID | None:
        return None if value is None else identifiers.from_bytes(value)

    def get_prep_value(self, value: Any) -> bytes | None:
        found = self.to_python(value)
        return None if found is None else found.bytes

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))


if TYPE_CHECKING:
    NullableIdField = models.UUIDField[UUID | None, UUID | None]
else:

    class NullableIdField(IdField):
        """An IdField that may be empty."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**{**options, "null": True})

        def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
            name, path, args, options = super().deconstruct()
            options.pop("null", None)
            return name, path, list(args), dict(options)


class PrimaryIdField(IdField):
    """The primary key of a table, made by the application."""

    def __init__(self, **options: Any) -> None:
        options.update(primary_key=True, default=identifiers.new, editable=False)
        super().__init__(**options)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, options = super().deconstruct()
        for implied in ("primary_key", "default", "editable"):
            options.pop(implied, None)
        return name, path, list(args), dict(options)


class RawField(_BytesBase):
    """Bytes of any length.

    Both drivers mark bytes as binary by themselves (`binary_prefix` in `config/env.py`), because most of our SQL is
    written by hand; Django would do so once more, which is a syntax error with mysqlclient.
    """

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:  # noqa: ARG002
        return "%s"

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, options = super().deconstruct()
        # The column is the same as Django's own.
        return name, "django.db.models.BinaryField" if type(self) is RawField else path, list(args), dict(options)


class DigestField(RawField):
    """A SHA-256 in 32 bytes that can stand in a key: BINARY(32) on MySQL and MariaDB, BLOB on SQLite.

    User-given text is compared by its digest, because the default collations take `Pay-1` and `pAY-1 ` for equal.
    """

    description = "SHA-256 digest"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "binary(32)" if connection.vendor == "mysql" else "blob"

    def get_internal_type(self) -> str:
        return "DigestField"


@models.CharField.register_lookup
class Same(_LookupBase):
    """`field__same`: the same text to the letter, on every database.

    MySQL and MariaDB compare by the collation of the column, to which `Pay-1` and `pAY-1 ` are equal. They cannot use
    an index for this: name the rows to look through by another condition.
    """

    lookup_name = "same"

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        pattern = "CAST({} AS BINARY) = CAST({} AS BINARY)" if connection.vendor == "mysql" else "{} = {}"
        return pattern.format(left, right), (*left_values, *right_values)
