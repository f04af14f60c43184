"""What errors say: of logs, the database, settings, the service and channels."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        # logs
        "{path}: no such file; check the name": (
            "{path}: нет такого файла; проверьте имя"
        ),
        "{path}: may not be read; ask its owner, or run: chmod +r": (
            "{path}: нет прав на чтение; обратитесь к владельцу или: chmod +r"
        ),
        "{path}: cannot be opened ({reason})": "{path}: не открывается ({reason})",
        "{path}: not a file name": "{path}: не имя файла",
        "{path}: a folder, not a log; name a log file inside it": (
            "{path}: это каталог, а не лог; укажите файл лога в нём"
        ),
        "{path}: not a regular file; save the log to a file first": (
            "{path}: не обычный файл; сначала сохраните лог в файл"
        ),
        "{path}: not a regular file; cannot be tailed": (
            "{path}: не обычный файл, следить за ним нельзя"
        ),
        "{path}: a zstd file; pip install 'gptwatch[zstd]' reads it, or unpack it "
        "with: zstd -d": (
            "{path}: файл zstd; его читает pip install 'gptwatch[zstd]', или "
            "распакуйте: zstd -d"
        ),
        "{path}: broken zstd data ({error})": "{path}: данные zstd испорчены ({error})",
        "{path}: cannot be read to its end ({error}); copy the log again, or unpack it "
        "by hand": (
            "{path}: не читается до конца ({error}); скопируйте лог ещё раз или "
            "распакуйте вручную"
        ),
        "{path}: neither this file nor a rotated one holds the lines any more; they "
        "were deleted or overwritten": (
            "{path}: этих строк больше нет ни в файле, ни в ротированных; они удалены "
            "или перезаписаны"
        ),
        "{name}: no place is known for line {first}; it was read by an older "
        "gptwatch": (
            "{name}: место строки {first} неизвестно: её прочитал более старый gptwatch"
        ),
        "{name}: has no points; name a line: {name}:{number}": (
            "{name}: нет ни одной точки; укажите строку: {name}:{number}"
        ),
        "{name}: has {lines} lines, and no line {line}": (
            "{name}: строк {lines}, строки {line} нет"
        ),
        "{name} is the name of several runs: {names}": (
            "{name}: подходит к нескольким прогонам: {names}"
        ),
        "no run named {name}; did you mean {near}?": (
            "прогона {name} нет; может быть, {near}?"
        ),
        "no run named {name}; see gptwatch status": (
            "прогона {name} нет; все прогоны: gptwatch status"
        ),
        "{name}: no run of this name in {path}; `gptwatch status` lists all; a log can "
        "be named by its path": (
            "{name}: прогона с таким именем нет в {path}; все показывает `gptwatch "
            "status`; лог можно указать путём"
        ),
        "{name}: several runs of this name in {path}; a log can be named by its path": (
            "{name}: в {path} несколько прогонов с таким именем; лог можно указать "
            "путём"
        ),
        "{place}: write RUN@STEP or RUN:LINE, as in {example}": (
            "{place}: напишите RUN@STEP или RUN:LINE, например {example}"
        ),
        # files
        "{path}: cannot be read ({reason})": "{path}: не читается ({reason})",
        "{path}: cannot be written ({reason})": "{path}: запись невозможна ({reason})",
        "{path}: cannot be removed ({reason})": "{path}: удалить нельзя ({reason})",
        "{path}: cannot be written ({reason}); free disk space, check its permissions, "
        "or choose another directory with --out": (
            "{path}: запись невозможна ({reason}); освободите место, проверьте права "
            "или выберите другой каталог: --out"
        ),
        "{path}: cannot be written ({reason}); free disk space, check its permissions, "
        "or set another directory under [export]": (
            "{path}: запись невозможна ({reason}); освободите место, проверьте права "
            "или задайте другой каталог в [export]"
        ),
        "{folder}: {reason}; check its permissions": (
            "{folder}: {reason}; проверьте права"
        ),
        "{folder}: cannot create a log there ({reason}); choose another directory with "
        "--dir": (
            "{folder}: создать лог нельзя ({reason}); выберите другой каталог: --dir"
        ),
        # the database
        "{path}: no database; gptwatch start makes it: gptwatch start --dir "
        "DIRECTORY.  If it runs already, name its --out or --state": (
            "{path}: базы нет; её создаёт gptwatch start: gptwatch start --dir "
            "DIRECTORY.  Если он уже работает, укажите его --out или --state"
        ),
        "{path}: not there yet; gptwatch start is creating it": (
            "{path}: базы пока нет, gptwatch start её создаёт"
        ),
        "{path}: cannot be used now ({error}); free disk space, or fix the "
        "permissions": (
            "{path}: сейчас недоступна ({error}); освободите место или исправьте права"
        ),
        "{path}: damaged ({error})": "{path}: повреждена ({error})",
        "{path}: was deleted or replaced": "{path}: удалена или заменена",
        "{path}: made by a newer gptwatch (schema version {version}, this one has "
        "{own}); upgrade gptwatch, or choose another directory with --state": (
            "{path}: создана более новым gptwatch (версия схемы {version}, у этого "
            "{own}); обновите gptwatch или выберите другой каталог: --state"
        ),
        "{path}: made by an older gptwatch (schema version {version}, this one has "
        "{own}); restart gptwatch start, which migrates it": (
            "{path}: создана более старым gptwatch (версия схемы {version}, у этого "
            "{own}); перезапустите gptwatch start, он её преобразует"
        ),
        "{folder}: a damaged database cannot be set aside ({reason}); fix the "
        "permissions, or move {name} away": (
            "{folder}: повреждённую базу нельзя отложить ({reason}); исправьте права "
            "или уберите {name}"
        ),
        "{folder}: another gptwatch is running here (pid {pid}); stop it first (kill "
        "{pid}), or choose another directory with --state": (
            "{folder}: здесь уже работает gptwatch (pid {pid}); остановите его (kill "
            "{pid}) или выберите другой каталог: --state"
        ),
        "{folder}: cannot be written ({reason}); choose another directory with "
        "--state": (
            "{folder}: запись невозможна ({reason}); выберите другой каталог: --state"
        ),
        # settings
        "{path}: not valid TOML: {error}": "{path}: не TOML: {error}",
        "{table}unknown key {key}; {hint}": "{table}неизвестный ключ {key}; {hint}",
        "did you mean {near}?": "может быть, {near}?",
        "known: {known}": "есть: {known}",
        "belongs to [{name}]: write it below that": "относится к [{name}]: место там",
        "is invalid: {message}": "недопустимо: {message}",
        "is set twice: as {name}, too; remove one of them": (
            "задано дважды, ещё как {name}; уберите одно"
        ),
        "must be a string": "должно быть строкой",
        "must be a list of regular expressions": (
            "должно быть списком регулярных выражений"
        ),
        'must be a list of strings, as in ["a", "b"]': (
            'должно быть списком строк, как ["a", "b"]'
        ),
        "must be a table of metric = factor": (
            "должно быть таблицей метрика = множитель"
        ),
        'must be a table of name = "text"': 'должно быть таблицей имя = "текст"',
        "must be a table: write [{name}]": "должно быть таблицей: [{name}]",
        "must be tables: write [[formats]]": "должны быть таблицы: [[formats]]",
        "must be a {what} {limit}, got {value}": (
            "нужно {what}, {limit}; получено {value}"
        ),
        "whole number": "целое число",
        "number": "число",
        'duration (seconds, or "30s", "5m", "1h")': (
            'время (секунды или "30s", "5m", "1h")'
        ),
        "above 0": "больше 0",
        "of at least {least}": "не меньше {least}",
        "must be of type {kind}, got {value}": "нужен тип {kind}, получено {value}",
        "must be one of {known}, got {value}": (
            "должно быть одним из {known}, получено {value}"
        ),
        "must consist of lower-case letters, got {name}": (
            "должно состоять из строчных латинских букв, получено {name}"
        ),
        "must have one group, as in '^([^/]+)/'": (
            "должна быть одна группа, как в '^([^/]+)/'"
        ),
        "has no pattern with a step, so its records have no place on the axis; write "
        r"(?P<step>\d+) where a line states its step": (
            "нет выражения с шагом, поэтому записям нет места на оси; напишите "
            r"(?P<step>\d+) там, где в строке стоит шаг"
        ),
        "is a label that gptwatch or Prometheus sets itself": (
            "эту метку ставит сам gptwatch или Prometheus"
        ),
        "is no name of a label: use letters, digits and _": (
            "не имя метки: нужны буквы, цифры и _"
        ),
        "is no regular expression of RE2: {error}": (
            "не регулярное выражение RE2: {error}"
        ),
        "is not usable: {error}": "непригодно: {error}",
        "names an unknown metric {word} in {pattern}": (
            "неизвестная метрика {word} в {pattern}"
        ),
        "names an unknown metric {word} in {pattern}; did you mean {near}?": (
            "неизвестная метрика {word} в {pattern}; может быть, {near}?"
        ),
        "names no metric in {pattern}; write (?P<loss>...)": (
            "нет ни одной метрики в {pattern}; напишите (?P<loss>...)"
        ),
        "{cron}: {error}; write five fields, as in '*/5 * * * *'": (
            "{cron}: {error}; нужно пять полей, как в '*/5 * * * *'"
        ),
        # the service and the page
        "no directory to watch; add --dir DIRECTORY": (
            "нет каталога для наблюдения; добавьте --dir DIRECTORY"
        ),
        "{folder}: no unit files; reinstall gptwatch by pip": (
            "{folder}: нет файлов юнитов; переустановите gptwatch через pip"
        ),
        "{name}: systemd rejects such a name; rename the directory": (
            "{name}: systemd не принимает такое имя; переименуйте каталог"
        ),
        "{config}: was edited, with dir = {dirs} and out = {out}; change them there, "
        "then: gptwatch service install": (
            "{config}: изменён вручную, там dir = {dirs} и out = {out}; поправьте их "
            "там, затем: gptwatch service install"
        ),
        "{program}: not found; install gptwatch into a venv by pip": (
            "{program}: не найдено; поставьте gptwatch в venv через pip"
        ),
        "{path}: in a home directory, which the service's user cannot read; create a "
        "venv elsewhere, with the system's Python:\n"
        "  /usr/bin/python3 -m venv {venv}\n"
        "  {venv}/bin/pip install {package}\n"
        "then {venv}/bin/gptwatch service install ..., or use --user": (
            "{path}: в домашнем каталоге, который пользователь службы не читает; "
            "создайте venv в другом месте, системным Python:\n"
            "  /usr/bin/python3 -m venv {venv}\n"
            "  {venv}/bin/pip install {package}\n"
            "затем {venv}/bin/gptwatch service install ..., или --user"
        ),
        "systemd is not running; use another supervisor to run gptwatch start --dir "
        "DIRECTORY": (
            "systemd не работает; запускайте gptwatch start --dir DIRECTORY другим "
            "супервизором"
        ),
        "a system service needs root; use sudo, or --user for a per-user service": (
            "системной службе нужен root: sudo, или --user для службы пользователя"
        ),
        "{command}: not found; is systemd installed?": (
            "{command}: не найдено; установлен ли systemd?"
        ),
        "{error}; see: {journal}": "{error}; смотрите: {journal}",
        "{template}: its instances share the user and the directories; stop and remove "
        "them first, or use --keep-data": (
            "{template}: у экземпляров общие пользователь и каталоги; сначала "
            "остановите и удалите их, или --keep-data"
        ),
        # answers of the page
        "a token is needed: open the address that gptwatch web printed": (
            "нужен токен: откройте адрес, который напечатал gptwatch web"
        ),
        "host not allowed; add it to [web] hosts in gptwatch.toml": (
            "имя хоста не разрешено; добавьте его в hosts раздела [web] в gptwatch.toml"
        ),
        "lines of logs are not shown here: [web] lines = false": (
            "строки логов здесь не показываются: [web] lines = false"
        ),
        "name a step, a line, a time or an active time": (
            "назовите шаг, строку, время или активное время"
        ),
        "no times are known: the log was read at once and prints no time stamps": (
            "времена неизвестны: лог прочитан целиком и не печатает меток времени"
        ),
        "not for other sites": "другим сайтам не отвечаем",
        "nothing can be changed here": "здесь ничего нельзя изменить",
        "the parameter {name} is missing": "не хватает параметра {name}",
        "there is no such run": "такого прогона нет",
        "too many headers": "слишком много заголовков",
        "w must be from 1 to {most}, got {width}": (
            "w должен быть от 1 до {most}, получено {width}"
        ),
        "x must be one of {axes}, got {name}": (
            "x должен быть одним из {axes}, получено {name}"
        ),
        "{path}: cannot be written ({reason}); the page needs a token there": (
            "{path}: не записывается ({reason}); странице нужен там токен"
        ),
        (
            "{path}: other users may have read or written it; delete it, and a new "
            "token is made"
        ): (
            "{path}: его могли прочитать или изменить другие пользователи; удалите "
            "его, и будет создан новый токен"
        ),
        "{name} must be a number, got {given}": (
            "{name} должен быть числом, получено {given}"
        ),
        "{name} must be finite, got {given}": (
            "{name} должен быть конечным, получено {given}"
        ),
        "web.allow_users: {reason}": "web.allow_users: {reason}",
        "web.listen: {listen} is no address; write 127.0.0.1:8477 or "
        "unix:/run/gptwatch/web.sock": (
            "web.listen: {listen} не адрес; напишите 127.0.0.1:8477 или "
            "unix:/run/gptwatch/web.sock"
        ),
        "web.listen: {listen}: {reason}; choose another with --listen": (
            "web.listen: {listen}: {reason}; выберите другой: --listen"
        ),
        # channels and exports
        "[notify] urls need Apprise: pip install 'gptwatch[notify]'": (
            "для urls в [notify] нужен Apprise: pip install 'gptwatch[notify]'"
        ),
        "{name}: not an address that Apprise supports": (
            "{name}: такой адрес Apprise не поддерживает"
        ),
        "notify-send failed; is there a desktop?": (
            "notify-send не сработал; есть ли рабочий стол?"
        ),
        "notify-send is not installed; install libnotify-bin": (
            "notify-send не установлен; поставьте libnotify-bin"
        ),
        "notify-send took longer than {seconds} s": (
            "notify-send работал дольше {seconds} с"
        ),
        "the command of --on-alert ended with code {code}{why}": (
            "команда --on-alert завершилась с кодом {code}{why}"
        ),
        "the command of --on-alert took longer than {seconds} s": (
            "команда --on-alert работала дольше {seconds} с"
        ),
        '--web is for a service of the system; write listen = "127.0.0.1:8477" below '
        "[web] in {path}": (
            '--web — для системной службы; напишите listen = "127.0.0.1:8477" в [web] '
            "в {path}"
        ),
        "Parquet and Arrow need pyarrow, which is not installed; to install it: pip "
        "install 'gptwatch[parquet]'": (
            "для Parquet и Arrow нужен pyarrow: pip install 'gptwatch[parquet]'"
        ),
        "{url}: not an address of a server; write http://HOST:PORT": (
            "{url}: не адрес сервера; напишите http://HOST:PORT"
        ),
        "{url}: no answer ({error}); what was sent stays, the next push goes on from "
        "there": (
            "{url}: нет ответа ({error}); отправленное осталось, следующий push "
            "продолжит с этого места"
        ),
        # the demo and the terminal
        "gptwatch start exited unexpectedly; see {path}": (
            "gptwatch start неожиданно завершился; смотрите {path}"
        ),
        "the training failed with exit code {code}; see {log}": (
            "обучение завершилось с кодом {code}; смотрите {log}"
        ),
        "TERM={name}: this terminal cannot move its cursor; use: gptwatch status": (
            "TERM={name}: этот терминал не двигает курсор; есть gptwatch status"
        ),
        "TERM={name}: this terminal is not known here; set TERM, for example to xterm, "
        "or use: gptwatch status": (
            "TERM={name}: такой терминал здесь неизвестен; задайте TERM, например "
            "xterm, или: gptwatch status"
        ),
    }
)
