"""Lines of the daemon's log, as a terminal shows them."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "watching %s": "наблюдаю за %s",
        "%s: %s (inode %d, offset 0)": "%s: %s (inode %d, смещение 0)",
        "found": "найден",
        "adopted an old log": "взят старый лог",
        "%s: %s%s (was %s)": "%s: %s%s (было: %s)",
        " at step {step}": " на шаге {step}",
        "%s: %s; new generation": "%s: %s; новое поколение",
        "unlinked ({where})": "удалён ({where})",
        "replaced by inode {inode} ({where})": "заменён на inode {inode} ({where})",
        "truncated to {size} bytes ({where})": "обрезан до {size} байт ({where})",
        "truncated and rewritten, or its inode reused ({where})": (
            "обрезан и переписан, или его inode занят снова ({where})"
        ),
        "%s: idle, evicted: file closed (%s)": ("%s: простаивает, файл закрыт (%s)"),
        "%s: rotated (%s); continues in %s (inode %d, offset 0)": (
            "%s: ротация (%s); продолжение в %s (inode %d, смещение 0)"
        ),
        "%s: rotated, then unlinked (%s); continues in inode %d, offset 0": (
            "%s: ротация, затем удалён (%s); продолжение в inode %d, смещение 0"
        ),
        "%s: renamed to %s (%s)": "%s: переименован в %s (%s)",
        "%s: replaced by a renamed log (%s)": (
            "%s: заменён переименованным логом (%s)"
        ),
        "%s: unlinked (%s)": "%s: удалён (%s)",
        "%s: replaced by a file with the same text (%s -> inode %d)": (
            "%s: заменён файлом с тем же текстом (%s -> inode %d)"
        ),
        "%s: its first %d bytes were cut away (%s); continues at offset %d": (
            "%s: первые %d байт отрезаны (%s); продолжение со смещения %d"
        ),
        "%s: parser state of another version or other formats; read again from "
        "offset 0 (%s)": (
            "%s: состояние парсера другой версии или других форматов; читается "
            "снова со смещения 0 (%s)"
        ),
        "the database can be written again; reading continues": (
            "в базу снова можно писать; чтение продолжается"
        ),
        "%s; the others are read on": "%s; остальные читаются дальше",
        "%s; retrying every few seconds": "%s; повтор каждые несколько секунд",
        "%s: no notifications go to addresses": "%s: на адреса уведомления не идут",
        "notify.urls_file %s: cannot be read (%s); no alerts go to its addresses "
        "until it can and the configuration is reloaded": (
            "notify.urls_file %s: не читается (%s); на его адреса алерты не идут, "
            "пока он не читается и конфигурация не перечитана"
        ),
        "alert not delivered: %s; %s": "алерт не доставлен: %s; %s",
        "given up": "больше попыток не будет",
        "retrying": "будут ещё попытки",
        "logs are read %.0f s late: this process gets too little CPU, or the "
        "machine was suspended": (
            "логи читаются с опозданием на %.0f с: процессу не хватает CPU, или "
            "машина засыпала"
        ),
        "logs that are over: %d of %d analysed": (
            "завершённые логи: проанализировано %d из %d"
        ),
        "the wall clock was set by %+.0f s; timers start anew": (
            "часы переведены на %+.0f с; таймеры запущены заново"
        ),
        "%s%s: deprecated names; write %s": "%s%s: имена устарели; пишите %s",
        "%s: schema migrated from version %d to %d": (
            "%s: схема переведена с версии %d на %d"
        ),
        "%s; it is kept as %s.damaged_%s, and all logs are read again": (
            "%s; она сохранена как %s.damaged_%s, все логи читаются снова"
        ),
        "watched by the gptwatch that is running here (pid %d)": (
            "за этим каталогом следит уже запущенный gptwatch (pid %d)"
        ),
        "%s; keeping the old configuration": "%s; действует прежняя конфигурация",
        "configuration reloaded": "конфигурация перечитана",
        "stopped; everything read is stored": "остановлен; всё прочитанное сохранено",
        "the state directory cannot be changed without a restart; keeping the old "
        "configuration": (
            "каталог состояния без перезапуска не меняется; действует прежняя "
            "конфигурация"
        ),
        "page: %s": "страница: %s",
    }
)
