"""Exports, metrics and alert rules for other tools."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "json: one document; jsonl: one document per line; csv, parquet, arrow: one "
        "row per value; tensorboard: event files (32-bit floats); html: a report in "
        "one file; prometheus: metrics of all runs.": (
            "json — один документ; jsonl — по документу в строке; csv, parquet, arrow "
            "— строка на значение; tensorboard — файлы событий (32-битные числа); "
            "html — отчёт в одном файле; prometheus — метрики всех прогонов."
        ),
        "File to write; of tensorboard a directory (default: runs). Default: standard "
        "output.": (
            "Файл; у tensorboard — каталог (по умолчанию runs). По умолчанию — "
            "стандартный вывод."
        ),
        "Points whose steps were trained again after a restart (not for JSON).": (
            "Точки, шаги которых пройдены заново после перезапуска (не для JSON)."
        ),
        "Write every point of one or more runs, for other programs.": (
            "Записать все точки одного или нескольких прогонов для других программ."
        ),
        "RUN is a name that `gptwatch status` shows, FILE the path of a log.": (
            "RUN — имя из `gptwatch status`, FILE — путь к логу."
        ),
        "Print alert rules for Prometheus, a board for Grafana.": (
            "Показать правила алертов для Prometheus, доску для Grafana."
        ),
        "Print a file for the monitoring of a fleet.": (
            "Показать файл для мониторинга многих машин."
        ),
        "rules: alert rules for Prometheus, with the thresholds of gptwatch.toml. "
        "prometheus: what to add to prometheus.yml. alertmanager: an example of its "
        "routes and inhibitions. grafana: a board.": (
            "rules — правила алертов для Prometheus с порогами из gptwatch.toml. "
            "prometheus — что добавить в prometheus.yml. alertmanager — пример его "
            "маршрутов и подавлений. grafana — доска."
        ),
        "File to write; default: standard output.": (
            "Файл; по умолчанию — стандартный вывод."
        ),
        "Send runs to another tool: points, hyperparameters, state and headline.": (
            "Отправить прогоны в другой инструмент: точки, гиперпараметры, состояние, "
            "заголовок."
        ),
        "mlflow: to a server; a second push sends only what came since. wandb: into "
        "offline runs, which `wandb sync` uploads. What looks like a secret is "
        "masked.": (
            "mlflow: на сервер; повторная отправка шлёт только новое.  wandb: в "
            "офлайн-прогоны, которые загружает `wandb sync`.  Похожее на секрет "
            "скрывается."
        ),
        "Directory of the offline runs of W&B.": "Каталог офлайн-прогонов W&B.",
        "The tool.": "Инструмент.",
        "Address of the server; default: MLFLOW_TRACKING_URI.": (
            "Адрес сервера; по умолчанию MLFLOW_TRACKING_URI."
        ),
        "Experiment of the runs.": "Эксперимент для прогонов.",
        "Send every point, not 5000 a metric.": (
            "Отправить все точки, а не 5000 на метрику."
        ),
        "Only show what would be sent.": "Только показать, что будет отправлено.",
        "name the server: --url http://HOST:PORT": (
            "укажите сервер: --url http://HOST:PORT"
        ),
        "{name}: sent {points} points, {known} were there; run {run}": (
            "{name}: отправлено точек: {points}, уже было: {known}; прогон {run}"
        ),
        "{name}: {points} of {total} points, in {n} requests or less": (
            "{name}: {points} из {total} точек, запросов не больше {n}"
        ),
        "name a run or the file of a log": "укажите прогон или файл лога",
        "--superseded drop is not for JSON, which holds the segments itself": (
            "--superseded drop не для JSON: в нём есть сами сегменты"
        ),
        "{name}: no such file, and no database of runs in {folder}": (
            "{name}: такого файла нет, и в {folder} нет базы прогонов"
        ),
    }
)
