"""Errors that a user can act on: the message says what, where, and what to do.

GptwatchError
├── InputError                 a log cannot be read
├── OutputError                a file or directory cannot be written
├── ConfigError                a setting is invalid
├── DeliveryError              a channel did not accept a notification
└── StorageError               the database cannot be used
    ├── StorageSetupError      a person must act: newer schema, directory in use
    │   └── StorageMissingError    there is no database (yet)
    ├── StorageUnavailableError    cannot be read or written now; worth a retry
    └── StorageCorruptError    damaged; it is set aside and the logs are read again
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the catalogue and the values of its `{names}`, not translated yet.

    A value may be such a text, too, or an error.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """In English."""
        return self.text.format(**self.values) if self.values else self.text


class GptwatchError(Exception):
    """An error that a user can act on; the message says what, where and what to do.

    Attributes:
        message: for the catalogue; whoever prints it translates it.
    """

    def __init__(self, text: str | Text, /, **values: object) -> None:
        self.message = text if isinstance(text, Text) else Text(text, values)
        super().__init__(str(self.message))


class InputError(GptwatchError):
    """A log cannot be read."""


class OutputError(GptwatchError):
    """A file or directory cannot be written."""


class ConfigError(GptwatchError):
    """A setting is invalid."""


class DeliveryError(GptwatchError):
    """A channel did not accept a notification; the message holds no secret."""


class StorageError(GptwatchError):
    """The database cannot be used."""


class StorageSetupError(StorageError):
    """The database cannot be used as it is set up; a retry will not help."""


class StorageMissingError(StorageSetupError):
    """There is no database in the state directory, or its schema isn't made yet."""


class StorageUnavailableError(StorageError):
    """The database cannot be read or written now; a retry may succeed."""


class StorageCorruptError(StorageError):
    """The database is damaged; what it held must be read from the logs again."""
