"""What the library of the command line says."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "Usage:": "Использование:",
        "Options": "Параметры",
        "Commands": "Команды",
        "default: {default}": "по умолчанию: {default}",
        "Show this message and exit.": "Показать эту справку и выйти.",
        "Try '{command} {option}' for help.": "Справка: {command} {option}",
        "Error: {message}": "Ошибка: {message}",
        "Invalid value: {message}": "Неверное значение: {message}",
        "Invalid value for {param_hint}: {message}": (
            "Неверное значение {param_hint}: {message}"
        ),
        "Missing argument": "Не задан аргумент",
        "Missing option": "Не задан параметр",
        "Missing command.": "Не задана команда.",
        "No such option {name!r}.": "Нет параметра {name!r}.",
        "No such command {name!r}.": "Нет команды {name!r}.",
        "Did you mean {possibility}?": "Может быть, {possibility}?",
        "(Did you mean one of: {possibilities}?)": (
            "(Может быть, одно из: {possibilities}?)"
        ),
        "Got unexpected extra argument ({args})": "Лишний аргумент ({args})",
        "Got unexpected extra arguments ({args})": "Лишние аргументы ({args})",
        "Option {name!r} requires an argument.": "Параметру {name!r} нужно значение.",
        "Option {name!r} does not take a value.": (
            "Параметр {name!r} не принимает значения."
        ),
        "Choose from:\n\t{choices}": "Возможны:\n\t{choices}",
        "{value!r} is not {choice}.": "{value!r} — не {choice}.",
        "{value!r} is not one of {choices}.": "{value!r} — не из {choices}.",
        "{value!r} is not a valid {number_type}.": (
            "{value!r} — не число ({number_type})."
        ),
        "{value} is not in the range {range}.": "{value} — вне пределов {range}.",
        "file": "файл",
        "directory": "каталог",
        "path": "путь",
        "{name} {filename!r} does not exist.": "{name} {filename!r} не существует.",
        "{name} {filename!r} is a file.": "{name} {filename!r} — файл.",
        "{name} {filename!r} is a directory.": "{name} {filename!r} — каталог.",
        "{name} {filename!r} is not readable.": "{name} {filename!r} не читается.",
        "{name} {filename!r} is not writable.": (
            "{name} {filename!r} недоступен для записи."
        ),
    }
)
