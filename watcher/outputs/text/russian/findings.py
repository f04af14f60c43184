"""Words inside of findings, and headlines."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        "training loss": "обучающий loss",
        "validation loss": "валидационный loss",
        "overfitting": "переобучение",
        "probably overfitting": "вероятно, переобучение",
        "not finite": "NaN или inf",
        "process exited without an error message": (
            "процесс завершился без сообщения об ошибке"
        ),
        "epoch {epoch}": "эпоха {epoch}",
        "since step {first}": "с шага {first}",
        "from step {first} to {last}": "с шага {first} по {last}",
        "from step {first} until the run restarted from step {last}": (
            "с шага {first} до перезапуска с шага {last}"
        ),
        "{rule} at step {step}.": "{rule}: шаг {step}.",
        "Resolved at step {step}.": "Прошло на шаге {step}.",
        "The run resumed from step {step}.": "Обучение продолжено с шага {step}.",
        "The run then restarted from step {step}.": (
            "Затем обучение перезапущено с шага {step}."
        ),
        # headlines
        "{start}: validation loss{of_set} is {rise} above its best": (
            "{start}: валидационный loss{of_set} на {rise} выше минимума"
        ),
        "{start}: validation loss{of_set} ended {rise} above its best": (
            "{start}: валидационный loss{of_set} закончился на {rise} выше минимума"
        ),
        "; {task} is best at step {step}": "; {task}: лучшее значение на шаге {step}",
        "Results of {runs}": "Результаты {runs}",
        "Results of {runs}: the lowest loss is {best}, in line {line}": (
            "Результаты {runs}: наименьший loss {best}, в строке {line}"
        ),
        "is": "сейчас",
        "ended": "закончился",
        "the data ran out": "данные закончились",
        "Validation loss {last} at step {step}, the only evaluation": (
            "Валидационный loss {last} на шаге {step}, других оценок нет"
        ),
        "Not enough evaluations yet": "Пока мало оценок",
        "validation accuracy": "точность на валидации",
        "by loss": "по loss",
        "accuracy": "точность",
        "reward": "награда",
        "Validation loss improved to the end: best {best} at step {step}": (
            "Валидационный loss улучшался до конца: лучший {best} на шаге {step}"
        ),
        "Validation loss {last} is {rise} above its best {best} at step {step}": (
            "Валидационный loss {last}, на {rise} выше минимума {best} на шаге {step}"
        ),
        "Validation loss {last}, level with its best {best} at step {step}": (
            "Валидационный loss {last}, на уровне лучшего {best} на шаге {step}"
        ),
        "Training loss {loss} after {steps}, rising": (
            "Обучающий loss {loss} через {steps}, растёт"
        ),
        "Still improving: best {best} at step {step}": (
            "Пока улучшается: лучшая оценка {best} на шаге {step}"
        ),
        "No new best for {evaluations}: best {best} at step {step}": (
            "Нет улучшений {evaluations}: лучшая {best} на шаге {step}"
        ),
        "No losses in this log yet": "В этом логе пока нет loss",
        "No losses in this log": "В этом логе нет loss",
        "Training loss {loss} after {steps}": "Обучающий loss {loss} через {steps}",
        "Training loss {loss} after {steps}, still falling": (
            "Обучающий loss {loss} через {steps}, пока падает"
        ),
        "Training loss {loss} after {steps}, no longer falling": (
            "Обучающий loss {loss} через {steps}, больше не падает"
        ),
    }
)
