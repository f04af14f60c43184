"""What gptwatch says when it cannot do what it was asked.

GptwatchError
├── InputError    a log that cannot be read
├── OutputError   a folder or file that cannot be written
└── ConfigError   a setting that makes no sense
"""


class GptwatchError(Exception):
    """Something a person can mend; its text says what, where and what to do."""


class InputError(GptwatchError):
    """A log that cannot be read."""


class OutputError(GptwatchError):
    """A folder or file that cannot be written."""


class ConfigError(GptwatchError):
    """A setting that makes no sense."""
