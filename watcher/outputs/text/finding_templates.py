"""What findings say, in English and Russian; the code that fills it is beside it."""

from types import MappingProxyType
from typing import Final


# rule: (English, Russian).  A part in which a number is missing is left out.
PARTS: Final = MappingProxyType(
    {
        "overfitting": (
            (
                "{Overfitting} {since}|: validation loss is {rise} ({rise_share}) above"
                " its best {best}| while training loss fell {train_fall_share}|."
                "| The best checkpoint is from step {since_step}; {share_after} of the"
                " run's time was spent after it."
            ),
            (
                "{Overfitting} {since}|: валидационный loss выше своего минимума {best}"
                " на {rise} ({rise_share})|, а обучающий упал на {train_fall_share}|."
                "| Лучший чекпойнт — с шага {since_step}; после него прошло"
                " {share_after} времени обучения."
            ),
        ),
        "not_finite": (
            (
                "The {metric} is {value} since step {step}|; the last number was {last}"
                " at step {last_step}|."
            ),
            (
                "{Metric}: {value} с шага {step}|; последнее число — {last} на шаге"
                " {last_step}|."
            ),
        ),
        "divergence": (
            (
                "Diverged at step {step}|: {metric} is back up at {level}| after its"
                " best {best} at step {since_step}| (it began at {start})|."
            ),
            (
                "Расхождение на шаге {step}|: {metric} вернулся к {level}| после"
                " минимума {best} на шаге {since_step}| (в начале был {start})|."
            ),
        ),
        "spike": (
            "Loss spike at step {since_step}|: {peak}, usually {usual}| ({records})|.",
            (
                "Скачок loss на шаге {since_step}|: {peak} при обычном {usual}"
                "| ({records})|."
            ),
        ),
        "plateau": (
            (
                "No progress since step {since_step}|: the losses changed by less than"
                " {change}| in {evaluations}|, validation loss stays at {level}|."
            ),
            (
                "Без улучшений с шага {since_step}|: loss изменился меньше чем на"
                " {change}| за {evaluations}|, валидационный держится на {level}|."
            ),
        ),
        "slowdown": (
            (
                "Slower since step {since_step}|: an iteration takes {now_ms}, it was"
                " {before_ms}|: MFU is {now_mfu}, it was {before_mfu}|: {now_rate}, it"
                " was {before_rate}| ({factor} times as long)|."
            ),
            (
                "Медленнее с шага {since_step}|: итерация занимает {now_ms}, раньше"
                " {before_ms}|: MFU {now_mfu}, раньше {before_mfu}|: {now_rate}, раньше"
                " {before_rate}| (в {factor} раза дольше)|."
            ),
        ),
        "resume_jump": (
            (
                "Since the resume at step {since_step}| ({Crashed} at step {end_step})|"
                " training loss is {after}|, it was {before}|."
            ),
            (
                "После возобновления на шаге {since_step}| ({Crashed} на шаге"
                " {end_step})| обучающий loss {after}|, раньше был {before}|."
            ),
        ),
        "rising_loss": (
            (
                "Training loss rises since step {since_step}|: {after}, it was"
                " {before}| ({rise_share} more)|."
            ),
            (
                "Обучающий loss растёт с шага {since_step}|: {after}, раньше был"
                " {before}| (на {rise_share} больше)|."
            ),
        ),
        "zero_loss": (
            (
                "Training loss is exactly 0 since step {since_step}|, it was {before}|"
                " (gradient norm {grad})|."
            ),
            (
                "Обучающий loss ровно 0 с шага {since_step}|, раньше был {before}|"
                " (норма градиента {grad})|."
            ),
        ),
        "gradient_not_finite": (
            (
                "The gradient norm is not finite since step {since_step}| ({records} in"
                " a row)|."
            ),
            ("Норма градиента не число с шага {since_step}| ({records} подряд)|."),
        ),
        "gradient_spike": (
            "Gradient norm {peak} at step {since_step}|, usually {usual}|.",
            "Норма градиента {peak} на шаге {since_step}|, обычно {usual}|.",
        ),
        "skipped_steps": (
            (
                "Optimizer steps are skipped since step {since_step}|, {skipped} one"
                " after the other|."
            ),
            ("Шаги оптимизатора пропускаются с шага {since_step}|, {skipped} подряд|."),
        ),
        "no_movement": (
            (
                "Nothing is learned: training loss is {level} at step {step}|, where it"
                " began|, as for guessing among {classes}|."
            ),
            (
                "Модель не учится: обучающий loss {level} на шаге {step}|, как в"
                " начале|, как при угадывании из {classes}|."
            ),
        ),
        "constant_metric": (
            ("{Metric} is {level} at every evaluation since step {since_step}|."),
            ("{Metric}: {level} на каждой оценке с шага {since_step}|."),
        ),
        "zero_learning_rate": (
            ("The learning rate is 0 since step {since_step}| ({records} in a row)|."),
            ("Скорость обучения равна 0 с шага {since_step}| ({records} подряд)|."),
        ),
        "validation_jump": (
            (
                "Validation loss jumped to {level} at step {step}|, it was {before}|"
                " (best {best})|."
            ),
            (
                "Валидационный loss подскочил до {level} на шаге {step}|, был {before}|"
                " (лучший {best})|."
            ),
        ),
        "evaluation_cost": (
            (
                "Evaluations cost much|: {share} of the time|, {eval_ms} each|, every"
                " {every}|."
            ),
            (
                "Оценки обходятся дорого|: {share} времени|, каждая {eval_ms}|, раз в"
                " {every}|."
            ),
        ),
        "best_checkpoint_lost": (
            (
                "The best checkpoint is gone|: the one from step {saved_step} on disk"
                " has validation loss {saved}|, the best was {best} at step"
                " {since_step}|."
            ),
            (
                "Лучший чекпойнт перезаписан|: на диске — с шага {saved_step}, его"
                " валидационный loss {saved}|, лучший был {best} на шаге {since_step}|."
            ),
        ),
        "crashed": (
            "{Crashed}| at step {reached}| before its first step{unreached}|: {text}|",
            "{Crashed}| на шаге {reached}| до первого шага{unreached}|: {text}|",
        ),
        "finished": ("Finished at step {step}.", "Обучение закончено на шаге {step}."),
        "stalled": (
            (
                "The log is silent| for {silent_s}| after step {step}|; so far its"
                " longest pause was {longest_s}|."
            ),
            (
                "Лог молчит| {silent_s}| после шага {step}|; самая долгая пауза до"
                " этого — {longest_s}|."
            ),
        ),
    }
)

ADVICE: Final = MappingProxyType(
    {
        "overfitting": (
            (
                "Stop and keep the checkpoint from step {since_step}; next time use"
                " more data, more dropout or weight decay, or a smaller model."
            ),
            (
                "Остановите обучение и возьмите чекпойнт с шага {since_step}; в"
                " следующий раз — больше данных, dropout или weight decay, либо модель"
                " меньше."
            ),
        ),
        "not_finite": (
            (
                "Go back to a checkpoint from before step {step}; lower the learning"
                " rate, clip gradients, or use bfloat16 instead of float16."
            ),
            (
                "Вернитесь к чекпойнту до шага {step}; уменьшите скорость обучения,"
                " ограничьте градиенты или замените float16 на bfloat16."
            ),
        ),
        "divergence": (
            (
                "Go back to a checkpoint near step {since_step}; lower the learning"
                " rate or lengthen the warm-up."
            ),
            (
                "Вернитесь к чекпойнту около шага {since_step}; уменьшите скорость"
                " обучения или удлините разогрев."
            ),
        ),
        "spike": (
            (
                "Nothing to do if the loss came back; if spikes repeat, clip gradients"
                " or lower the learning rate."
            ),
            (
                "Если loss вернулся, делать ничего не нужно; если скачки повторяются,"
                " ограничьте градиенты или уменьшите скорость обучения."
            ),
        ),
        "plateau": (
            "Lower the learning rate, or stop: more steps like these gain little.",
            "Уменьшите скорость обучения или остановитесь: такие шаги уже мало дают.",
        ),
        "slowdown": (
            "Look for another process on the device, for heat, slow data or swapping.",
            (
                "Проверьте, не занято ли устройство другим процессом, нет ли перегрева,"
                " медленного чтения данных или подкачки."
            ),
        ),
        "resume_jump": (
            (
                "Check that the optimizer state, the learning-rate schedule and the"
                " position in the data were restored, from the right checkpoint."
            ),
            (
                "Проверьте, что восстановлены состояние оптимизатора, расписание"
                " скорости обучения и место в данных, и что чекпойнт — тот."
            ),
        ),
        "rising_loss": (
            "Lower the learning rate; check the sign of the loss and the labels.",
            "Уменьшите скорость обучения; проверьте знак loss и метки.",
        ),
        "zero_loss": (
            (
                "Look for fp16 overflow or for labels that are all masked, and go back"
                " to a checkpoint from before step {since_step}."
            ),
            (
                "Проверьте переполнение fp16 и не замаскированы ли все метки; вернитесь"
                " к чекпойнту до шага {since_step}."
            ),
        ),
        "gradient_not_finite": (
            (
                "Such steps are skipped or spoil the weights: lower the learning rate,"
                " clip gradients, or use bfloat16 instead of float16."
            ),
            (
                "Такие шаги пропускаются или портят веса: уменьшите скорость обучения,"
                " ограничьте градиенты или замените float16 на bfloat16."
            ),
        ),
        "gradient_spike": (
            "Nothing to do if it is rare and gradients are clipped.",
            "Ничего не делать, если это редкость и градиенты ограничены.",
        ),
        "skipped_steps": (
            (
                "Use bfloat16 instead of float16, or a higher threshold of the guard"
                " that skips them; until then nothing is learned."
            ),
            (
                "Замените float16 на bfloat16 или поднимите порог, по которому шаги"
                " пропускаются; пока модель не учится."
            ),
        ),
        "no_movement": (
            (
                "Check that the learning rate is not 0, that weights are not frozen,"
                " and that inputs and labels belong together."
            ),
            (
                "Проверьте, что скорость обучения не 0, веса не заморожены, а входы и"
                " метки соответствуют друг другу."
            ),
        ),
        "constant_metric": (
            "Check the evaluation: one batch, one predicted class or frozen weights.",
            "Проверьте оценку: один батч, один предсказанный класс, замороженные веса.",
        ),
        "zero_learning_rate": (
            "Check the schedule of the learning rate and its warm-up.",
            "Проверьте расписание скорости обучения и её разогрев.",
        ),
        "validation_jump": (
            (
                "Compare the training loss: if it is as before, look at the evaluation"
                " (mode, data, averaged weights)."
            ),
            (
                "Сравните с обучающим loss: если он прежний, проверьте саму оценку"
                " (режим, данные, усреднённые веса)."
            ),
        ),
        "evaluation_cost": (
            "Evaluate less often (eval_interval) or on fewer batches (eval_iters).",
            "Оценивайте реже (eval_interval) или на меньшем числе батчей (eval_iters).",
        ),
        "best_checkpoint_lost": (
            (
                "Save only on improvement (always_save_checkpoint=False), or keep the"
                " best under a name of its own."
            ),
            (
                "Сохраняйте только при улучшении (always_save_checkpoint=False) или"
                " держите лучший чекпойнт под своим именем."
            ),
        ),
        "crashed": (
            "Mend what the message says, then resume from the last checkpoint.",
            "Устраните причину из сообщения и продолжите с последнего чекпойнта.",
        ),
        "out of memory": (
            (
                "Take a smaller batch_size with more gradient_accumulation_steps, or a"
                " shorter block_size, and resume from the last checkpoint."
            ),
            (
                "Уменьшите batch_size (увеличив gradient_accumulation_steps) или"
                " block_size и продолжите с последнего чекпойнта."
            ),
        ),
        "killed": (
            (
                "Look in the system's log for who ended it (memory or time limits),"
                " then resume from the last checkpoint."
            ),
            (
                "Посмотрите в журнале системы, кто завершил процесс (лимит памяти или"
                " времени), и продолжите с последнего чекпойнта."
            ),
        ),
        "gone": (
            (
                "Look in the system's log for who ended it, then resume from the last"
                " checkpoint."
            ),
            (
                "Посмотрите в журнале системы, кто завершил процесс, и продолжите с"
                " последнего чекпойнта."
            ),
        ),
        "stalled": (
            "See whether the process still runs and what it waits for.",
            "Проверьте, жив ли процесс и чего он ждёт.",
        ),
    }
)

WORDS: Final = MappingProxyType(
    {
        "loss": ("training loss", "обучающий loss"),
        "train_loss": ("training loss", "обучающий loss"),
        "val_loss": ("validation loss", "валидационный loss"),
        "val_bpb": ("validation loss", "валидационный loss"),
        "val_accuracy": ("validation accuracy", "точность на валидации"),
        "overfitting": ("overfitting", "переобучение"),
        "probably": ("probably overfitting", "вероятно, переобучение"),
        "since": ("since step {0}", "с шага {0}"),
        "from": ("from step {0} to {1}", "с шага {0} по {1}"),
        "over": (" It was over at step {0}.", " Закончилось на шаге {0}."),
        "onward": (
            " The run went on from step {0}.",
            " Обучение продолжено с шага {0}.",
        ),
        "again": (
            " Then the run went back to step {0}.",
            " Затем обучение вернулось к шагу {0}.",
        ),
        "until": (
            "from step {0} until the run went back to step {1}",
            "с шага {0} до возврата к шагу {1}",
        ),
        "crashed": ("crashed", "аварийно остановлено"),
        "out of memory": ("out of memory", "не хватило памяти"),
        "killed": ("killed", "процесс убит"),
        "cancelled": ("cancelled", "отменено"),
        "interrupted": ("interrupted", "прервано"),
        "gone": (
            "process exited without an error message",
            "процесс завершился без сообщения об ошибке",
        ),
        "nats/token": ("nats", "нат"),
        "bits/byte": ("bits/byte", "бит/байт"),
        "tokens/s": ("tokens/s", "токенов/с"),
        "samples/s": ("samples/s", "примеров/с"),
        "it/s": ("it/s", "итер/с"),
        "not a number": ("not finite", "не число"),
        "rule": ("{0} at step {1}.", "{0}: шаг {1}."),
        "improving": (
            "Still improving: best {0} at step {1}",
            "Пока улучшается: лучший {0} на шаге {1}",
        ),
        "stale": (
            "No new best for {2}: best {0} at step {1}",
            "Нет улучшений {2}: лучший {0} на шаге {1}",
        ),
        "improved": (
            "Validation loss improved to the end: best {0} at step {1}",
            "Валидационный loss улучшался до конца: лучший {0} на шаге {1}",
        ),
        "above": (
            "Validation loss {3} is {4} above its best {0} at step {1}",
            "Валидационный loss {3}, на {4} выше минимума {0} на шаге {1}",
        ),
        "level": (
            "Validation loss {3}, level with its best {0} at step {1}",
            "Валидационный loss {3}, на уровне лучшего {0} на шаге {1}",
        ),
        "few": ("Not enough evaluations yet", "Пока мало оценок"),
        "short": (
            "{0}: validation loss is {1} above its best",
            "{0}: валидационный loss на {1} выше минимума",
        ),
        "training": ("Training loss {0} after {1}", "Обучающий loss {0} через {1}"),
        "falling": (", still falling", ", пока падает"),
        "rising": (", rising", ", растёт"),
        "flat": (", no longer falling", ", больше не падает"),
        "nothing": ("No losses in this log yet", "В этом логе пока нет loss"),
    }
)

# Forms for 1, 2-4 and 5-20 in Russian; for 1 and others in English.
NOUNS: Final = MappingProxyType(
    {
        "steps": (("step", "steps"), ("шаг", "шага", "шагов")),
        "records": (("record", "records"), ("запись", "записи", "записей")),
        "evaluations": (("evaluation", "evaluations"), ("оценку", "оценки", "оценок")),
    }
)


def language(lang: str) -> str:
    """Which of the two languages is meant: `ru_RU.UTF-8` is Russian."""
    return "ru" if lang.startswith("ru") else "en"


def pick(pair: tuple[str, str], lang: str) -> str:
    """The English or the Russian of two."""
    return pair[language(lang) == "ru"]


def word(name: str, lang: str) -> str:
    """A word or a short phrase by its key."""
    return pick(WORDS[name], lang)


def first_large(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it is too long."""
    if len(text) <= most:
        return text
    return text[: most - 1].rstrip(" ,;:") + "\N{HORIZONTAL ELLIPSIS}"
