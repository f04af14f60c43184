"""What each rule means to a person, in English and Russian."""

from types import MappingProxyType
from typing import Final


# rule: (English, Russian).
MEANINGS: Final = MappingProxyType(
    {
        "overfitting": (
            (
                "The model learns its training data by heart: validation loss rises"
                " for good while training loss falls. Said when it is above its best by"
                " more than noise, twice in a row; confirmed when there is hardly any"
                " doubt left. Over when validation loss comes back."
            ),
            (
                "Модель заучивает обучающие данные: валидационный loss устойчиво"
                " растёт, а обучающий падает. Сообщается, когда он дважды подряд выше"
                " минимума больше, чем на шум; подтверждается, когда сомнений почти"
                " нет. Снимается, когда валидационный loss вернулся."
            ),
        ),
        "not_finite": (
            "A loss is NaN or infinite. Said at once; over when it is a number again.",
            (
                "Loss равен NaN или бесконечности. Сообщается сразу; снимается, когда"
                " он снова число."
            ),
        ),
        "divergence": (
            "Training loss has risen back a good part of the way it had fallen.",
            "Обучающий loss поднялся обратно на заметную часть пройденного пути.",
        ),
        "spike": (
            "A few training losses stand out far above the ones before.",
            "Несколько значений обучающего loss резко выше предыдущих.",
        ),
        "plateau": (
            "Neither loss has moved for many evaluations.",
            "Оба loss не меняются уже много оценок подряд.",
        ),
        "slowdown": (
            "Iterations take lastingly longer than before; evaluations do not count.",
            "Итерации стали устойчиво дольше; паузы на оценку не считаются.",
        ),
        "evaluation_cost": (
            "Evaluations take a large part of the run's time.",
            "На оценки уходит большая часть времени обучения.",
        ),
        "best_checkpoint_lost": (
            "The best checkpoint was overwritten by a worse one.",
            "Лучший чекпойнт затёрт худшим.",
        ),
        "stalled": (
            (
                "The log is silent for far longer than it ever was. How long is too"
                " long is learned from the log itself. Over when lines come again."
            ),
            (
                "Лог молчит гораздо дольше, чем когда-либо. Сколько это, видно по"
                " самому логу. Снимается, когда строки пошли снова."
            ),
        ),
        "crashed": (
            "The run ended in an error, or its process is gone before the last step.",
            "Обучение закончилось ошибкой, или его процесс исчез до последнего шага.",
        ),
        "finished": (
            "The run is done. Only listed; told with `finished = true` in [alerts].",
            (
                "Обучение закончено. Только в списке; сообщается при `finished = true`"
                " в [alerts]."
            ),
        ),
    }
)


def meaning(rule: str, lang: str) -> str:
    """What a rule means."""
    return MEANINGS[rule][lang == "ru"]
