"""Help of the commands, each paragraph a text of its own."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "With the name of a FORMAT, only that one.": ("С именем FORMAT — только его."),
        "Notes and tags of a run.": "Заметки и метки прогона.",
        "Write a note on RUN, or give it tags; without either, list what it has.": (
            "Написать заметку к RUN или дать метки; без них — показать имеющиеся."
        ),
        "They are shown by status, top, compare and the page, and kept in the "
        "database; RUN may be the end of a run's name.": (
            "Их показывают status, top, compare и страница, а хранит база; RUN может "
            "быть концом имени прогона."
        ),
        "Give the run a tag.": "Дать прогону метку.",
        "Take a tag from the run.": "Снять метку с прогона.",
        "Remove a note, by its number.": "Удалить заметку по номеру.",
        "The lines of a log around a step.": "Строки лога около шага.",
        "Print the lines of a run's log around a step, or around a line: RUN:LINE.": (
            "Показать строки лога прогона около шага или около строки: RUN:LINE."
        ),
        "Works for logs that were rotated or compressed since, too. RUN may be the "
        "end of a run's name.": (
            "Работает и для логов, которые с тех пор были ротированы или сжаты. RUN — "
            "имя прогона или его конец."
        ),
        "Lines before and after it.": "Сколько строк до и после.",
        "A live page: every point, and the line it came from.": (
            "Живая страница: каждая точка и строка лога, откуда она."
        ),
        "Serve a page with all runs of `gptwatch start`, for a browser.": (
            "Страница для браузера со всеми прогонами `gptwatch start`."
        ),
        "It reads the daemon's database in a process of its own, and can change "
        "nothing. Ctrl-C ends it. From another machine: ssh -L "
        "8477:127.0.0.1:8477 HOST.": (
            "Отдельный процесс читает базу демона и ничего не может изменить. Ctrl-C "
            "завершает его. С другой машины: ssh -L 8477:127.0.0.1:8477 HOST."
        ),
        "HOST:PORT or unix:PATH; default: [web] listen, else 127.0.0.1:8477.": (
            "HOST:PORT или unix:PATH; по умолчанию [web] listen, иначе 127.0.0.1:8477."
        ),
        "Serve the live page, too; as [web] listen does.": (
            "Показывать и живую страницу, как с [web] listen."
        ),
        "Analyse one log: picture, report, data.": (
            "Разобрать один лог: картинка, отчёт, данные."
        ),
        "Analyse one log: write picture, report and data, and print a summary.": (
            "Разобрать один лог: записать картинку, отчёт и данные и показать сводку."
        ),
        "Without FILE, the newest log in this directory or in logs/. FILE - is "
        "standard input: kubectl logs POD | gptwatch once -": (
            "Без FILE — самый новый лог в этом каталоге или в logs/. FILE - — "
            "стандартный ввод: kubectl logs POD | gptwatch once -"
        ),
        "Instead of a command, copy standard input: kubectl logs -f POD | ...": (
            "Вместо команды читать стандартный ввод: kubectl logs -f POD | ..."
        ),
        "Propose [[formats]] that read FILE.": "Предложить [[formats]] для FILE.",
        "Archived pictures kept for each run.": (
            "Сколько таких картинок хранить для каждого прогона."
        ),
        "Let systemd listen for the live page on 127.0.0.1:8477.": (
            "Пусть systemd слушает 127.0.0.1:8477 для живой страницы."
        ),
        "Keep a report in one file (latest.html) beside each picture.": (
            "Рядом с каждой картинкой хранить отчёт одним файлом (latest.html)."
        ),
        "Check directories, limits, disk space, fonts, clock and more.": (
            "Проверить каталоги, лимиты, место на диске, шрифты, часы и прочее."
        ),
        "Nothing is written. The exit code is 1 if a check finds a problem; warnings "
        "do not count.": (
            "Ничего не записывается. Код возврата 1, если найдена проблема; "
            "предупреждения не в счёт."
        ),
        "Check this machine's setup.": "Проверить настройку этой машины.",
        "Colours of the pictures.": "Цвета картинок.",
        "Command that gets each alert as JSON on standard input.": (
            "Команда, получающая каждый алерт в JSON на стандартный ввод."
        ),
        "Compare runs in one picture and one table.": (
            "Сравнить прогоны на одной картинке и в таблице."
        ),
        "Configuration file; default: ./gptwatch.toml, if it exists.": (
            "Файл настроек; по умолчанию ./gptwatch.toml, если он есть."
        ),
        "Directory for its log, pictures and checkpoint.": (
            "Каталог для лога, картинок и чекпойнта."
        ),
        "Directory for the log; default: logs.": "Каталог для лога; по умолчанию logs.",
        "Directory to watch, with its subdirectories; may be repeated.": (
            "Каталог с логами, вместе с подкаталогами; можно указать несколько раз."
        ),
        "Directory to watch.": "Каталог с логами.",
        "Directory to watch; may be repeated.": (
            "Каталог с логами; можно указать несколько раз."
        ),
        "Do not ask for confirmation.": "Не спрашивать подтверждения.",
        "Draw several runs in one picture; rank them, and list the settings that "
        "differ.": (
            "Нарисовать несколько прогонов на одной картинке; расставить по местам и "
            "перечислить различия в настройках."
        ),
        "RUNS are files, patterns such as 'logs/*.log', or names of runs that "
        "`gptwatch start` watches.": (
            "RUNS — файлы, шаблоны вроде 'logs/*.log' или имена прогонов, за которыми "
            "следит `gptwatch start`."
        ),
        "Rank by this figure.": "По какому показателю расставить места.",
        "Form of the table; columns: one column per run, every setting and result.": (
            "Вид таблицы; columns: столбец на прогон, все настройки и результаты."
        ),
        "Exit with 0 whatever the findings.": "Код возврата 0 при любых диагнозах.",
        "Explain a rule and show its settings.": (
            "Объяснить правило и показать его настройки."
        ),
        "File names of logs; default: *.log *.out *.txt *.jsonl *.csv.": (
            "Имена файлов логов; по умолчанию *.log *.out *.txt *.jsonl *.csv."
        ),
        "File names or paths to skip.": "Имена файлов или пути, которые пропускать.",
        "Grant more: notifications over the network; detecting the writers of other "
        "users' logs; reading every file.": (
            "Разрешить больше: уведомления по сети; определение, кто пишет чужие "
            "логи; чтение любых файлов."
        ),
        "How long: 30m, 2h, 3d.": "На сколько: 30m, 2h, 3d.",
        "Include earlier and finished runs.": (
            "Показать и прежние, и завершённые прогоны."
        ),
        "Print the data document instead.": "Напечатать вместо сводки документ данных.",
        "Write no files.": "Не писать файлов.",
        "Print nothing; the exit code tells.": "Не печатать ничего, кроме кода выхода.",
        "Sort by this column.": "Сортировать по этому столбцу.",
        "Only runs whose name or state holds TEXT.": (
            "Только прогоны, в имени или состоянии которых есть TEXT."
        ),
        "Include resolved and info-level alerts.": (
            "Показать и снятые алерты, и алерты уровня info."
        ),
        "Include this command as a channel.": "Проверить и эту команду как канал.",
        "Install and start the service; prints each file and command.": (
            "Установить и запустить службу; печатает каждый файл и команду."
        ),
        "Idempotent: unchanged files and a running service are left alone.": (
            "Можно повторять: неизменные файлы и работающая служба не затрагиваются."
        ),
        "Iterations between archived pictures (iter_N_*.png); 0: none.": (
            "Итераций между сохраняемыми картинками (iter_N_*.png); 0 — не сохранять."
        ),
        "Keep settings, state and pictures.": (
            "Оставить настройки, состояние и картинки."
        ),
        "Language of all output; default: that of the locale, else English.": (
            "Язык вывода; по умолчанию язык локали, иначе английский."
        ),
        "List alerts, with advice.": "Показать алерты и советы.",
        "List the alerts of `gptwatch start`: what fired, since "
        "when, and what to do.": (
            "Показать алерты `gptwatch start`: что сработало, с какого времени и что "
            "делать."
        ),
        "List the channels that alerts are sent to; with --test, "
        "send a test to each.": (
            "Показать каналы, по которым отправляются алерты; с --test — отправить "
            "проверку в каждый."
        ),
        "Channels are configured under [notify] in gptwatch.toml: on_alert = "
        '"COMMAND", desktop = true, and urls = [...] or urls_file for the services of'
        " Apprise (Telegram, Slack, e-mail, ...); GPTWATCH_NOTIFY_URLS works, too.": (
            'Каналы задаются в [notify] в gptwatch.toml: on_alert = "КОМАНДА", '
            "desktop = true, urls = [...] или urls_file для служб Apprise (Telegram, "
            "Slack, почта, ...); годится и GPTWATCH_NOTIFY_URLS."
        ),
        "List the known formats, or explain a log.": (
            "Показать известные форматы или объяснить лог."
        ),
        "List the known log formats, or explain how the format of FILE was detected.": (
            "Показать известные форматы логов или объяснить, как определён формат FILE."
        ),
        "List the notification channels, or test them.": (
            "Показать каналы уведомлений или проверить их."
        ),
        "List the silences.": "Показать, что заглушено.",
        "Log every read as well.": "Писать в журнал и каждое чтение лога.",
        "Logarithmic step axis.": "Логарифмическая шкала шагов.",
        "Mute RULE for RUN; both may be patterns such as '*'.": (
            "Заглушить правило RULE для прогона RUN; можно шаблоны, например '*'."
        ),
        "The rule still fires and is listed, but sends no notification. To mute it "
        "for good, set mute under [alerts] in gptwatch.toml.": (
            "Правило срабатывает и видно в списке, но уведомлений не шлёт. Чтобы "
            "заглушить навсегда, задайте mute в [alerts] в gptwatch.toml."
        ),
        "Mute a rule for a time.": "Заглушить правило на время.",
        "Name of the log; default: the configuration and the keys it sets.": (
            "Имя лога; по умолчанию — конфигурация и заданные ключи."
        ),
        "Output directory.": "Каталог вывода.",
        "Output directory; default: plots in the state directory.": (
            "Каталог вывода; по умолчанию plots в каталоге состояния."
        ),
        "Points in the moving average; default: min(50, n // 10).": (
            "Точек в скользящем среднем; по умолчанию min(50, n // 10)."
        ),
        "Print JSON.": "Вывести JSON.",
        "Print the completion script for a shell.": (
            "Вывести скрипт автодополнения для оболочки."
        ),
        "Print the effective configuration and exit.": (
            "Вывести действующие настройки и выйти."
        ),
        "Print the files that `install` would write, without writing them.": (
            "Вывести файлы, которые записал бы `install`, не записывая их."
        ),
        "Print the script that completes commands, options and files with the tab "
        "key.": (
            "Вывести скрипт, который дополняет команды, опции и файлы по клавише Tab."
        ),
        "Remove a silence, by its number.": "Снять silence по номеру.",
        "Run a training command and log its output.": (
            "Запустить обучение с записью вывода в лог."
        ),
        "Run a training command, show its output, and write it to "
        "logs/NAME-STAMP.log.": (
            "Запустить команду обучения, показать её вывод и записать его в "
            "logs/NAME-STAMP.log."
        ),
        "The exit code is that of the command. The last line of the log states how it"
        " ended.": (
            "Код возврата — как у команды. Последняя строка лога говорит, чем она "
            "закончилась."
        ),
        "Run gptwatch as a systemd service: started at boot, restarted, sandboxed.": (
            "Запускать gptwatch службой systemd: при загрузке, с перезапуском, в "
            "песочнице."
        ),
        "Run under systemd: install, uninstall, status, print.": (
            "Служба systemd: install, uninstall, status, print."
        ),
        "Send a test notification through each.": (
            "Отправить проверочное уведомление в каждый канал."
        ),
        "Show all runs: state, step, losses, speed, time left, unread bytes, alerts.": (
            "Показать все прогоны: состояние, шаг, loss, скорость, остаток времени, "
            "непрочитанные байты, алерты."
        ),
        "Reads the database of `gptwatch start`, whether that is running or not. "
        "With the name of a RUN, all that is known of it.": (
            "Читает базу `gptwatch start`, работает он или нет. С именем прогона RUN — "
            "всё, что о нём известно."
        ),
        "Show all runs: state, step, losses, speed.": (
            "Показать все прогоны: состояние, шаг, loss, скорость."
        ),
        "Show the state of the service; exit code 0 if it is running.": (
            "Показать состояние службы; код возврата 0, если она работает."
        ),
        "Show the version and exit.": "Показать версию и выйти.",
        "State directory (database); default: .gptwatch in --out.": (
            "Каталог состояния (база данных); по умолчанию .gptwatch в --out."
        ),
        "Stop the service and remove its files.": (
            "Остановить службу и удалить её файлы."
        ),
        "Time between pictures of a run that changes.": (
            "Время между картинками прогона, который меняется."
        ),
        "Times of pictures as a cron expression, such as '*/5 * * * *'.": (
            "Когда рисовать, выражением cron, например '*/5 * * * *'."
        ),
        "Train a small model in one process, watch it in another, "
        "and show both live.": (
            "Обучать маленькую модель в одном процессе, следить за ней в другом и "
            "показывать оба."
        ),
        "The model memorises a short text and overfits; the alert fires soon after "
        "validation loss turns. Needs PyTorch, but no GPU.": (
            "Модель заучивает короткий текст и переобучается; алерт срабатывает "
            "вскоре после того, как валидационный loss начал расти. Нужен PyTorch, "
            "видеокарта не нужна."
        ),
        "Train and watch a small model, for a minute.": (
            "Обучить маленькую модель под наблюдением, за минуту."
        ),
        "Use a per-user service (systemctl --user).": (
            "Служба пользователя (systemctl --user)."
        ),
        "Watch directories of logs.": "Следить за каталогами логов.",
        "Watch directories of logs; keep pictures, reports, data and alerts up to "
        "date.": (
            "Следить за каталогами логов; держать картинки, отчёты, данные и алерты "
            "свежими."
        ),
        "Each run has a directory below --out. Ctrl-C or SIGTERM stops the daemon, "
        "SIGHUP reloads the configuration.": (
            "У каждого прогона свой каталог в --out. Ctrl-C или SIGTERM "
            "останавливает, SIGHUP перечитывает настройки."
        ),
        "Watch the log meanwhile, and analyse it at the end.": (
            "Следить за логом во время обучения и разобрать его в конце."
        ),
        "Watch training logs, draw their curves, and alert when a model overfits.": (
            "Следит за логами обучения, рисует кривые и предупреждает о переобучении."
        ),
        "With --watch: iterations between archived pictures; 0: none.": (
            "С --watch: итераций между сохраняемыми картинками; 0 — не сохранять."
        ),
        "A report in one HTML file, too.": "И отчёт в одном файле HTML.",
    }
)
