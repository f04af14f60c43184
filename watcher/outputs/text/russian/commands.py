"""What the commands print."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "--to html takes one log": "--to html берёт один лог",
        # note
        "the note is empty": "заметка пуста",
        "--tag {tag}: a tag is one word, such as baseline": (
            "--tag {tag}: метка — это одно слово, например baseline"
        ),
        "{run} has no tag {tag}": "у {run} нет метки {tag}",
        "{run} has no note {n}; see: gptwatch note {run}": (
            "у {run} нет заметки {n}; все заметки: gptwatch note {run}"
        ),
        "{run}: no notes and no tags": "{run}: заметок и меток нет",
        "tags": "метки",
        "note": "заметка",
        # status
        "page: {address}": "страница: {address}",
        "gptwatch is running (pid {pid})": "gptwatch работает (pid {pid})",
        "gptwatch is not running (start it with: gptwatch start); last known state": (
            "gptwatch не запущен (запустить: gptwatch start); последнее известное "
            "состояние"
        ),
        ", {files} without metrics ({names})": ", {files} без метрик ({names})",
        "{n} finished (--all), the last: {names}": (
            "завершено: {n} (--all), последние: {names}"
        ),
        "{n} more: gptwatch alerts": "ещё {n}: gptwatch alerts",
        "{name}: no such run; to see all: gptwatch status --all": (
            "{name}: такого прогона нет; все прогоны: gptwatch status --all"
        ),
        "{name}: several runs have this in their name: {names}": (
            "{name}: это есть в имени нескольких прогонов: {names}"
        ),
        "{name}: no such file, and no run of this name in {folder}": (
            "{name}: такого файла нет, и прогона с таким именем нет в {folder}"
        ),
        "Losses have different units: no run is ranked.": (
            "Loss в разных единицах: места не присвоены."
        ),
        "Vocabularies differ, so losses do too: no run is ranked.": (
            "Словари разные, поэтому loss несравним: места не присвоены."
        ),
        "Runs have different data: no run is ranked.": (
            "У прогонов разные данные: места не присвоены."
        ),
        "Left out for lack of width: {names}": "Не поместились: {names}",
        "updated": "изменён",
        "elapsed": "прошло",
        "log format": "формат лога",
        "picture": "картинка",
        ", {n} earlier (--all)": ", {n} прежних (--all)",
        "drawing takes longer than its interval; pictures waiting: {n}": (
            "рисование не успевает за интервалом; картинок в очереди: {n}"
        ),
        "logs are read {time} late: the daemon gets too little CPU": (
            "журналы читаются с опозданием {time}: демону не хватает процессора"
        ),
        "{path}: inotify does not work there; polling every second": (
            "{path}: inotify там не работает; опрос каждую секунду"
        ),
        "state": "состояние",
        "loss": "loss",
        "val": "val",
        "time left": "осталось",
        "unread": "не прочитано",
        "running": "идёт",
        "quiet": "пауза",
        "stalled": "зависло",
        "stopped": "остановлено",
        "new": "новое",
        "unwatched": "не отслеживается",
        "replaced": "заменено",
        # alerts, silence, notify
        "no alerts": "алертов нет",
        "no alerts are firing; see also: --all": "активных алертов нет; прежние: --all",
        "notifications waiting for a retry: {n}: {error}": (
            "уведомлений ждут повторной отправки: {n}: {error}"
        ),
        "notifications not delivered: {n}: {error}": (
            "уведомлений не доставлено: {n}: {error}"
        ),
        "info": "инфо",
        "critical": "критично",
        "firing": "активен",
        "pending": "ожидает",
        "resolved": "снят",
        "since {time}": "с {time}",
        "notified": "уведомление отправлено",
        "not notified": "без уведомления",
        "silenced": "заглушён",
        "To do: {advice}": "Что делать: {advice}",
        "name a run and a rule, for example: {command}": (
            "укажите прогон и правило, например: {command}"
        ),
        "silence {n}: {rule} of {run} until {time}": (
            "silence {n}: {rule} для {run} до {time}"
        ),
        "no run has that name yet; see: gptwatch status": (
            "прогона с таким именем пока нет; см. gptwatch status"
        ),
        "no silences": "ничего не заглушено",
        "there is no silence {n}; see: gptwatch silence --list": (
            "silence {n} нет; см. gptwatch silence --list"
        ),
        "silence {n} removed": "silence {n} удалён",
        "unknown rule {rule}; did you mean {near}?": (
            "неизвестное правило {rule}; возможно, {near}?"
        ),
        "unknown rule {rule}; known: {rules}": (
            "неизвестное правило {rule}; есть: {rules}"
        ),
        "--for {span} is not a duration; write 30m, 2h or 3d": (
            "--for {span} — не длительность; пишите 30m, 2h или 3d"
        ),
        "to mute it for good, set mute under [alerts] in gptwatch.toml": (
            "чтобы заглушить навсегда, задайте mute в [alerts] в gptwatch.toml"
        ),
        "{channel}: accepted": "{channel}: принято",
        "{channel}: failed: {reason}": "{channel}: ошибка: {reason}",
        "channels that failed: {n}": "каналов с ошибкой: {n}",
        "This is a test: alerts will look like this.": (
            "Это проверка: так будут выглядеть алерты."
        ),
        # once, compare, export, formats
        "{path}: no metrics found, the file is empty": (
            "{path}: метрик нет, файл пуст"
        ),
        "{path}: no metrics found ({lines} read); to see why: {command}": (
            "{path}: метрик не найдено (прочитано: {lines}); почему: {command}"
        ),
        "reading {name}": "читаю {name}",
        "no log here or in logs/ (*.log, *.out, *.jsonl, *.txt, ...); "
        "name one: gptwatch once FILE": (
            "нет лога ни здесь, ни в logs/ (*.log, *.out, *.jsonl, *.txt, ...); "
            "укажите его: gptwatch once FILE"
        ),
        "newest log: {name}": "самый новый лог: {name}",
        "name at least two logs": "укажите хотя бы два лога",
        "{path}: no metrics found, skipped": "{path}: метрик не найдено, пропущен",
        "--to json takes one log; use --to jsonl for several": (
            "--to json — для одного лога; для нескольких есть --to jsonl"
        ),
        "format: {name}": "формат: {name}",
        "format: none of the known ones matched a line": (
            "формат: ни один из известных не подошёл ни к одной строке"
        ),
        "If these lines hold a loss, describe them in gptwatch.toml: [[formats]] with "
        "name and lines, a list of regular expressions with groups such as "
        "(?P<step>\\d+) and (?P<loss>[\\d.]+).": (
            "Если в этих строках есть loss, опишите их в gptwatch.toml: [[formats]] с "
            "name и lines — списком регулярных выражений с группами, например "
            "(?P<step>\\d+) и (?P<loss>[\\d.]+)."
        ),
        "lines that match its patterns: {n}": "строк, подошедших под его шаблоны: {n}",
        "other candidates, with fewer or less specific matches: {formats}": (
            "другие кандидаты, с меньшим числом или менее точными совпадениями: "
            "{formats}"
        ),
        "points: {counts}": "точек: {counts}",
        "lines longer than 1 MiB, skipped: {n}": ("пропущено строк длиннее 1 МиБ: {n}"),
        "no format is known for its lines; to have one proposed: {command}": (
            "формат этих строк неизвестен; предложить его: {command}"
        ),
        "no line repeats with a step and a loss in it": (
            "нет повторяющихся строк с шагом и loss"
        ),
        "no other line looks like a metric": "других строк, похожих на метрики, нет",
        "lines that look like metrics but were not read: {n}, for example:": (
            "строк, похожих на метрики, но не прочитанных: {n}, например:"
        ),
        # run, demo
        "{program}: command not found; usage: gptwatch run -- COMMAND": (
            "{program}: команда не найдена; пишите: gptwatch run -- COMMAND"
        ),
        "{program}: cannot be run ({reason})": (
            "{program}: не удаётся запустить ({reason})"
        ),
        "writing the output to {path}": "вывод пишется в {path}",
        "{path}: cannot be written ({reason}); the command goes on, but its output is "
        "lost until the log is writable again": (
            "{path}: запись не удаётся ({reason}); команда работает дальше, но её "
            "вывод теряется, пока лог снова не станет доступен для записи"
        ),
        "the command has ended, but a process that it started still has its output "
        "open; what that writes from now on is not logged": (
            "команда завершилась, но запущенный ею процесс ещё держит её вывод "
            "открытым; дальнейший его вывод в лог не попадёт"
        ),
        "the watcher has ended (exit code {code}); the command goes on": (
            "наблюдатель завершился (код {code}); команда работает дальше"
        ),
        "--name {name} cannot be the name of a log: it must not contain / or begin "
        "with . or -": (
            "--name {name} не годится как имя лога: в нём не должно быть / и оно не "
            "должно начинаться с . или -"
        ),
        "starting: the trainer is importing PyTorch ...": (
            "запуск: загружается PyTorch ..."
        ),
        "log": "лог",
        "Now with your own logs:\n"
        "  gptwatch start --dir logs/         watch a directory\n"
        "  gptwatch once FILE.log             analyse one log\n"
        "  gptwatch run -- python train.py    train, log the output and watch it": (
            "Теперь со своими логами:\n"
            "  gptwatch start --dir logs/         следить за каталогом\n"
            "  gptwatch once FILE.log             разобрать один лог\n"
            "  gptwatch run -- python train.py    обучать с записью лога"
        ),
        # start
        "{value} is not a duration; write 30s, 5m or 1h": (
            "{value} — не длительность; пишите 30s, 5m или 1h"
        ),
        "{value} is shorter than a second": "{value} — меньше секунды",
        "{path}: not a directory; for a single log: {command}": (
            "{path}: не каталог; для одного лога: {command}"
        ),
        # variables
        "{name}: unknown variable; no setting has this name": (
            "{name}: неизвестная переменная; такой настройки нет"
        ),
        "{name}: unknown variable; did you mean {near}?": (
            "{name}: неизвестная переменная; возможно, {near}?"
        ),
        # service
        "it stops when you log out; to prevent that: loginctl enable-linger": (
            "остановится при выходе из системы; чтобы работало: loginctl enable-linger"
        ),
        "the service has no network: notifications by e-mail and messengers fail; "
        "to grant it: {command}": (
            "у службы нет сети: уведомления по почте и в мессенджеры не дойдут; "
            "дать её: {command}"
        ),
        "Allow the network, for notifications by e-mail and messengers?": (
            "Разрешить сеть — для уведомлений по почте и в мессенджеры?"
        ),
        "the daemon last reported {time} ago: it gets no CPU": (
            "последнее сообщение демона было {time} назад: ему не достаётся процессора"
        ),
        "not removed: {path}": "не удалено: {path}",
        "keep or remove settings, state and pictures? use --keep-data or --yes": (
            "оставить или удалить настройки, состояние, картинки? --keep-data или --yes"
        ),
        "Remove settings, state and pictures too ({path})?": (
            "Удалить и настройки, состояние, картинки ({path})?"
        ),
        "not installed; to install it: {command}": (
            "не установлен; установить: {command}"
        ),
        "{state}, pid {pid}; restarts: {n}": "{state}, pid {pid}; перезапусков: {n}",
        "{state}, result: {result}; restarts: {n}": (
            "{state}, результат: {result}; перезапусков: {n}"
        ),
        "{state}; restarts: {n}": "{state}; перезапусков: {n}",
        "runs: {command}": "прогоны: {command}",
        "journal: {command}": "журнал: {command}",
        "unchanged: {path}": "без изменений: {path}",
        "wrote {path}": "записан {path}",
        "removed {path}": "удалён {path}",
    }
)
