"""What gptwatch says when it cannot do what it was asked.

GptwatchError
├── InputError    a log that cannot be read
├── OutputError   a folder or file that cannot be written
├── ConfigError   a setting that makes no sense
├── StoreError    a store that only a person can mend
└── StoreTroubleError    a store that cannot be used now
    └── CorruptStoreError    a store that is damaged: logs are read again
"""


class GptwatchError(Exception):
    """Something a person can mend; its text says what, where and what to do."""


class InputError(GptwatchError):
    """A log that cannot be read."""


class OutputError(GptwatchError):
    """A folder or file that cannot be written."""


class ConfigError(GptwatchError):
    """A setting that makes no sense."""


class StoreError(GptwatchError):
    """The store cannot be used as it is; a person must do something."""


class StoreTroubleError(GptwatchError):
    """The store cannot be written now; it may be all right later."""


class CorruptStoreError(StoreTroubleError):
    """The store is damaged; what it held must be read again."""


class DeliveryError(GptwatchError):
    """A channel did not take a notice; its message holds no secret."""
