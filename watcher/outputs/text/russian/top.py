"""The full-screen view."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "The full-screen view of all runs.": "Все прогоны на весь экран терминала.",
        "Show all runs, their curves, their logs and alerts on the whole terminal.": (
            "Показать все прогоны, их кривые, логи и алерты на весь экран терминала."
        ),
        "Reads the database of `gptwatch start`, whether that is running or not. "
        "Keys: ?": ("Читает базу `gptwatch start`, запущен он или нет. Клавиши: ?"),
        "Open this run at once.": "Сразу открыть этот прогон.",
        "Print one frame as text, and exit.": "Напечатать один кадр текстом и выйти.",
        "Use the characters of ASCII.": "Только символы ASCII.",
        "Use no colours; as NO_COLOR does.": "Без цвета, как с NO_COLOR.",
        "Least time between updates of the screen.": (
            "Наименьшее время между обновлениями экрана."
        ),
        "Leave the mouse to the terminal.": "Оставить мышь терминалу.",
        "{value} is not a duration of at least 50ms; write 250ms, 1s or 1m": (
            "{value} — не длительность от 50ms; пишите 250ms, 1s или 1m"
        ),
        "{path}: ignored: {problem}": "{path}: не учтено: {problem}",
        "--sort {column}: no such column; known: {names}": (
            "--sort {column}: такого столбца нет; есть: {names}"
        ),
        "top needs a terminal; print one frame with --once, or use: {command}": (
            "top нужен терминал; один кадр печатает --once, а без терминала есть "
            "{command}"
        ),
        "terminal too small": "терминал слишком мал",
        "not running: gptwatch start": "не запущен: gptwatch start",
        "not running since {time}: gptwatch start": (
            "не запущен с {time}: gptwatch start"
        ),
        "gptwatch has said nothing since {time}": "gptwatch молчит с {time}",
        "the database cannot be read now": "базу сейчас нельзя прочитать",
        "paused: p goes on": "пауза: p продолжает",
        "{n} running": "идут: {n}",
        "{n} need you": "требуют внимания: {n}",
        "{n} over": "окончены: {n}",
        "{n} more: A": "ещё {n}: A",
        "{n} finished: enter shows them": "завершено: {n}, показать — enter",
        "no runs with metrics yet": "прогонов с метриками пока нет",
        "no run matches {filter}; esc shows all": (
            "ни один прогон не подходит под {filter}; esc покажет все"
        ),
        "filter: {filter}": "фильтр: {filter}",
        "alerts": "алерты",
        "comparison": "сравнение",
        "keys": "клавиши",
        "done": "готово",
        "since best": "от лучшего",
        "curve": "кривая",
        "iteration": "итерация",
        "axis: {axis}": "ось: {axis}",
        "logarithmic": "логарифмическая",
        "average of {n}": "среднее по {n}",
        "line": "строка",
        "line {n}": "строка {n}",
        "{where} of {n} lines": "{where} из {n} строк",
        "reading the log ...": "чтение лога ...",
        "{search}: not found": "{search}: не найдено",
        "filter": "фильтр",
        "search": "поиск",
        "action": "действие",
        "metric (space: small chart)": "метрика (пробел: малый график)",
        "losses": "loss",
        "there is no picture yet": "картинки пока нет",
        "no alerts are firing": "активных алертов нет",
        "mark at least two runs with the space bar": (
            "отметьте пробелом хотя бы два прогона"
        ),
        "1 an hour, 4 four hours, o until it is over": (
            "1 — на час, 4 — на четыре, o — до конца"
        ),
        "no finite values to draw": "нет конечных значений, рисовать нечего",
        "space": "пробел",
        "nothing was silenced": "ничего не заглушено",
        "{rule} of {run} is silenced": "{rule} у {run} заглушено",
        "--watch was replaced by a full-screen view: {command}": (
            "--watch заменён полноэкранным видом: {command}"
        ),
        # keys
        "next row": "строка ниже",
        "previous row": "строка выше",
        "a page down": "страница вниз",
        "a page up": "страница вверх",
        "first row": "первая строка",
        "last row": "последняя строка",
        "open the run": "открыть прогон",
        "column to the left": "столбец левее",
        "column to the right": "столбец правее",
        "sort by the column": "сортировать по столбцу",
        "reverse the order": "обратный порядок",
        "filter by name or state": "фильтр по имени или состоянию",
        "mark for comparison": "отметить для сравнения",
        "unmark all": "снять отметки",
        "compare the marked runs": "сравнить отмеченные",
        "crosshair to the left": "указатель влево",
        "crosshair to the right": "указатель вправо",
        "ten points to the left": "на десять точек влево",
        "ten points to the right": "на десять точек вправо",
        "the log at the crosshair": "лог у указателя",
        "zoom in": "ближе",
        "zoom out": "дальше",
        "the whole curve": "вся кривая",
        "follow the end": "следить за концом",
        "axis: step, line, training time, clock": (
            "ось: шаг, строка, время обучения, часы"
        ),
        "training time": "время обучения",
        "time of day": "время суток",
        "line (no times are known)": "строка (времена не известны)",
        "logarithmic axis": "логарифмическая ось",
        "logarithmic values": "логарифмические значения",
        "moving average: 10, 50, 200, off": "скользящее среднее: 10, 50, 200, выкл.",
        "next metric": "следующая метрика",
        "choose the metrics": "выбрать метрики",
        "chart on the whole screen": "график на весь экран",
        "log and chart": "лог и график",
        "log on the whole screen": "лог на весь экран",
        "search the log": "поиск по логу",
        "next match": "следующее совпадение",
        "previous match": "предыдущее совпадение",
        "go to a line": "перейти к строке",
        "silence the alert": "заглушить алерт",
        "the log at the alert": "лог у алерта",
        "next run with an alert": "следующий прогон с алертом",
        "all alerts": "все алерты",
        "copy the path of its picture": "скопировать путь картинки",
        "copy the path: p of the picture, h of the report": (
            "скопировать путь: p — картинки, h — отчёта"
        ),
        "what was read of the line": "что прочитано из строки",
        "byte {n}": "байт {n}",
        "no values were read of this line": "из этой строки значений не прочитано",
        "any action by its name": "любое действие по названию",
        "pause the screen, go on": "пауза, продолжить",
        "redraw the screen": "перерисовать экран",
        "suspend the program": "приостановить программу",
        "keys of this screen": "клавиши этого экрана",
        "back": "назад",
        "quit": "выход",
    }
)
