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
        "resume_jump": (
            "Training loss is far above what it was before the run was resumed.",
            "Обучающий loss намного выше, чем до возобновления обучения.",
        ),
        "rising_loss": (
            "Training loss rises slowly, by 5 % or more and more than noise explains.",
            "Обучающий loss медленно растёт, на 5 % и больше, сильнее шума.",
        ),
        "zero_loss": (
            "Training loss fell to exactly 0: an overflow, or labels that are masked.",
            "Обучающий loss упал ровно до 0: переполнение или замаскированные метки.",
        ),
        "gradient_not_finite": (
            "The gradient norm is NaN or infinite in five records in a row.",
            "Норма градиента — NaN или бесконечность в пяти записях подряд.",
        ),
        "gradient_spike": (
            "The gradient norm is 1,000 times its usual.",
            "Норма градиента в 1000 раз больше обычной.",
        ),
        "skipped_steps": (
            "Ten optimizer steps in a row were skipped: nothing is learned.",
            "Десять шагов оптимизатора подряд пропущены: модель не учится.",
        ),
        "no_movement": (
            "After a hundred records training loss is where it began.",
            "После ста записей обучающий loss там же, где был в начале.",
        ),
        "constant_metric": (
            "A validation figure has exactly one value in all evaluations.",
            "Показатель валидации одинаков на всех оценках.",
        ),
        "zero_learning_rate": (
            "The learning rate is 0 in twenty records in a row.",
            "Скорость обучения равна 0 в двадцати записях подряд.",
        ),
        "validation_jump": (
            "Validation loss is three times that of the evaluation before.",
            "Валидационный loss втрое больше, чем на прошлой оценке.",
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
