"""What each rule means, for `gptwatch alerts --explain`: English, Russian."""

from types import MappingProxyType
from typing import Final


# rule: (English, Russian).
MEANINGS: Final = MappingProxyType(
    {
        "overfitting": (
            (
                "The model memorises its training data: validation loss keeps rising"
                " while training loss falls. Fires after two consecutive evaluations"
                " above the minimum by more than noise explains; confirmed at a higher"
                " certainty. Resolves when validation loss returns to its minimum."
            ),
            (
                "Модель заучивает обучающие данные: валидационный loss растёт, а"
                " обучающий падает. Срабатывает, когда две оценки подряд выше минимума"
                " больше, чем объясняет шум; подтверждается при большей уверенности."
                " Снимается, когда валидационный loss вернулся к минимуму."
            ),
        ),
        "not_finite": (
            (
                "A loss is NaN or infinite. Fires at once; resolves when the loss is"
                " finite again."
            ),
            (
                "Loss равен NaN или бесконечности. Срабатывает сразу; снимается, когда"
                " loss снова конечен."
            ),
        ),
        "divergence": (
            "Training loss has given back a large part of its total drop.",
            "Обучающий loss вернул заметную часть своего падения.",
        ),
        "spike": (
            "A few training losses are far above the ones before.",
            "Несколько значений обучающего loss намного выше предыдущих.",
        ),
        "plateau": (
            "Neither training nor validation loss has moved for many evaluations.",
            "Ни обучающий, ни валидационный loss не меняются уже много оценок подряд.",
        ),
        "slowdown": (
            (
                "Iterations take longer than before, and stay so; evaluation pauses do"
                " not count."
            ),
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
            "Evaluations take a large part of training time.",
            "Оценки занимают большую часть времени обучения.",
        ),
        "best_checkpoint_lost": (
            "The checkpoint of the best evaluation was overwritten by a worse one.",
            "Чекпойнт лучшей оценки перезаписан худшим.",
        ),
        "stalled": (
            (
                "The log has been silent far longer than ever before; the threshold is"
                " learned from the log itself. Resolves when new lines arrive."
            ),
            (
                "Лог молчит намного дольше, чем когда-либо; порог берётся из самого"
                " лога. Снимается, когда появились новые строки."
            ),
        ),
        "crashed": (
            (
                "The run ended with an error, or its process exited before the last"
                " step. Resolves when the run is resumed."
            ),
            (
                "Обучение закончилось ошибкой, или его процесс исчез до последнего"
                " шага. Снимается, когда обучение продолжено."
            ),
        ),
        "finished": (
            (
                "The run is complete. Listed only; for a notification set"
                " `finished = true` under [alerts]."
            ),
            (
                "Обучение закончено. Только в списке; для уведомления задайте"
                " `finished = true` в [alerts]."
            ),
        ),
    }
)
