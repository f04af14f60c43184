"""Settings of the exports that the daemon keeps fresh: the table `[export]`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What is exported while the daemon runs.

    Attributes:
        tensorboard: directory of event files; "" for none.
        parquet: directory of Parquet files; "" for none.
        mlflow: address of a server; "" for none.
    """

    tensorboard: str = ""
    parquet: str = ""
    mlflow: str = ""
