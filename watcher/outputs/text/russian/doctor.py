"""`gptwatch doctor`."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        # verdicts and names
        "ok": "ок",
        "warning": "внимание",
        "problem": "проблема",
        "watched directory": "каталог логов",
        "output directory": "каталог вывода",
        "state directory": "каталог состояния",
        "file system of logs": "файловая система логов",
        "file system of state": "файловая система состояния",
        "database": "база данных",
        "font": "шрифт",
        "clock": "часы",
        "disk": "диск",
        "unknown": "неизвестно",
        # directories
        "{path}: does not exist": "{path}: не существует",
        "set it with --dir; gptwatch start waits until it exists": (
            "укажите его через --dir; gptwatch start ждёт, пока он появится"
        ),
        "give {user} access to its parent directories": (
            "дайте пользователю {user} доступ к родительским каталогам"
        ),
        "{path}: not a directory": "{path}: не каталог",
        "for a single log: {command}": "для одного лога: {command}",
        "{path}: not readable": "{path}: нет прав на чтение",
        "{path}: logs or subdirectories not readable: {n}, for example {example}": (
            "{path}: логов или подкаталогов без прав на чтение: {n}, например {example}"
        ),
        "{path}: readable": "{path}: чтение разрешено",
        "{path}: not writable": "{path}: нет прав на запись",
        "{path}: writable": "{path}: запись разрешена",
        "{path}: can be created in {parent}": "{path}: можно создать в {parent}",
        "change its permissions, or choose another with {option}": (
            "измените права или выберите другой через {option}"
        ),
        "run the command as the user who runs gptwatch start, or change the "
        "permissions": (
            "запустите команду от имени того, кто запускает gptwatch start, или "
            "измените права"
        ),
        # file systems, limits, disk
        "{kind}: inotify does not see writes of other machines": (
            "{kind}: inotify не видит записи других машин"
        ),
        "nothing to do: the directory is polled every second": (
            "ничего делать не нужно: каталог опрашивается каждую секунду"
        ),
        "{kind}: inotify works here": "{kind}: inotify работает",
        "choose a directory on a local disk with --state": (
            "выберите каталог на локальном диске через --state"
        ),
        "{kind}: SQLite is not safe on a network file system": (
            "{kind}: SQLite ненадёжна на сетевой файловой системе"
        ),
        "{kind}: local": "{kind}: локальная",
        "not available": "недоступно",
        "nothing to do: logs are polled every half second": (
            "ничего делать не нужно: логи опрашиваются каждые полсекунды"
        ),
        "{needed} needed, {used} in use, limit {limit}": (
            "нужно {needed}, занято {used}, предел {limit}"
        ),
        "{command}, permanently in /etc/sysctl.d; "
        "otherwise logs are polled every half second": (
            "{command}, постоянно — в /etc/sysctl.d; иначе логи опрашиваются каждые "
            "полсекунды"
        ),
        "{path}: {size} GB free": "{path}: свободно {size} ГБ",
        "free some space, or choose another disk with --out": (
            "освободите место или выберите другой диск через --out"
        ),
        "{path}: free inodes: {n}": "{path}: свободных inode: {n}",
        # database, fonts, clock, extras
        "{path}: not created yet": "{path}: ещё не создана",
        "install the newest gptwatch": "установите последнюю версию gptwatch",
        "{path}: readable, runs: {n}": "{path}: читается, обучений: {n}",
        "use a Python with SQLite {version} or newer": (
            "возьмите Python с SQLite {version} или новее"
        ),
        "{version}: too old": "{version}: слишком старая",
        "{font}: lacks {glyphs}": "{font}: нет символов {glyphs}",
        "reinstall matplotlib by pip: its own fonts have them": (
            "переустановите matplotlib через pip: в его шрифтах они есть"
        ),
        "{font}: Latin and Cyrillic": "{font}: латиница и кириллица",
        "timedatectl set-ntp true; only dates and silences depend on it": (
            "timedatectl set-ntp true; от этого зависят только даты и silence"
        ),
        "the system clock is not synchronised by NTP": (
            "системные часы не синхронизируются по NTP"
        ),
        "synchronisation by NTP is unknown ({reason})": (
            "синхронизация по NTP неизвестна ({reason})"
        ),
        "synchronised by NTP": "синхронизируются по NTP",
        "running; see: {command}": "работает; см. {command}",
        "not running; only gptwatch service needs it": (
            "не работает; нужен только для gptwatch service"
        ),
        "logs compressed as .zst": "логи, сжатые в .zst",
        "notifications by e-mail and messengers": (
            "уведомления по почте и в мессенджеры"
        ),
        "gptwatch demo and the trainer": "gptwatch demo и обучение",
        "not installed; needed for {purpose}: {command}": (
            "не установлено; нужно для: {purpose}: {command}"
        ),
        "notifications": "уведомления",
        "[notify] prometheus = true: what is set by {given} gets no alerts": (
            "[notify] prometheus = true: заданное в {given} не получает предупреждений"
        ),
        "remove them, or set prometheus = false where Alertmanager is off": (
            "уберите их или задайте prometheus = false, если Alertmanager не работает"
        ),
        "sent by Alertmanager; see: {command}": (
            "их отправляет Alertmanager; см. {command}"
        ),
        "sent by gptwatch ({given}); with Alertmanager, too, each comes twice": (
            "их отправляет gptwatch ({given}); если ещё и Alertmanager, каждое придёт "
            "дважды"
        ),
        "only in the log and in alerts.jsonl": "только в логе и в alerts.jsonl",
        "network of the service": "сеть службы",
        "none; notifications by e-mail and messengers need it": (
            "нет; нужна для уведомлений по почте и в мессенджеры"
        ),
        "none, so notifications by {given} fail": (
            "нет, поэтому уведомления по {given} не доходят"
        ),
        "to grant it: {command}": "дать её: {command}",
        "installed, for {purpose}": "установлено, для: {purpose}",
    }
)
