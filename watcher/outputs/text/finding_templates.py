"""Templates of the messages of findings, English and Russian side by side.

A new rule adds its sentence to PARTS and its advice to ADVICE; the catalogue takes the
Russian from here.
"""

from types import MappingProxyType
from typing import Final


# rule: (English, Russian).  A part between bars whose value is unknown is left out.
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
                "{Metric} has been {value} since step {step}|; the last finite value"
                " was {last} at step {last_step}|."
            ),
            (
                "{Metric}: {value} с шага {step}|; последнее конечное значение — {last}"
                " на шаге {last_step}|."
            ),
        ),
        "divergence": (
            (
                "Diverged at step {step}|: {metric} is back up at {level}| after its"
                " best {best} at step {since_step}| (first value {start})|."
            ),
            (
                "Расхождение на шаге {step}|: {metric} вернулся к {level}| после"
                " минимума {best} на шаге {since_step}| (первое значение {start})|."
            ),
        ),
        "spike": (
            "Loss spike at step {since_step}|: {peak}, typical {usual}| ({records})|.",
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
                "Slower since step {since_step}|: an iteration takes {now_ms}, up from"
                " {before_ms}|: MFU is {now_mfu}, down from {before_mfu}|: {now_rate},"
                " down from {before_rate}| ({factor} times as long)|."
            ),
            (
                "Медленнее с шага {since_step}|: итерация занимает {now_ms}, раньше"
                " {before_ms}|: MFU {now_mfu}, раньше {before_mfu}|: {now_rate}, раньше"
                " {before_rate}| (в {factor} раза дольше)|."
            ),
        ),
        "evaluation_cost": (
            (
                "Evaluation overhead is high|: the last three took {share} of training"
                " time|, {eval_ms} each|, {every}|."
            ),
            (
                "Оценки занимают много времени|: последние три — {share} времени"
                " обучения|, по {eval_ms} каждая|, {every}|."
            ),
        ),
        "best_checkpoint_lost": (
            (
                "The best checkpoint was overwritten|: the one on disk, from step"
                " {saved_step}, has validation loss {saved}|, the best was {best} at"
                " step {since_step}|."
            ),
            (
                "Лучший чекпойнт перезаписан|: на диске — с шага {saved_step}, его"
                " валидационный loss {saved}|, минимум был {best} на шаге"
                " {since_step}|."
            ),
        ),
        "crashed": (
            "{Crashed}| at step {reached}| before its first step{unreached}|: {text}|",
            "{Crashed}| на шаге {reached}| до первого шага{unreached}|: {text}|",
        ),
        "finished": ("Finished at step {step}.", "Обучение закончено на шаге {step}."),
        "stalled": (
            (
                "No output in the log| for {silent_s}| after step {step}|; the longest"
                " pause before was {longest_s}|."
            ),
            (
                "В логе нет новых строк| {silent_s}| после шага {step}|; самая долгая"
                " пауза до этого — {longest_s}|."
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
                "Resume from a checkpoint saved before step {step}; lower the learning"
                " rate, clip gradients, or use bfloat16 instead of float16."
            ),
            (
                "Вернитесь к чекпойнту до шага {step}; уменьшите скорость обучения,"
                " ограничьте градиенты или замените float16 на bfloat16."
            ),
        ),
        "divergence": (
            (
                "Resume from a checkpoint near step {since_step}; lower the learning"
                " rate or lengthen the warm-up."
            ),
            (
                "Вернитесь к чекпойнту около шага {since_step}; уменьшите скорость"
                " обучения или удлините разогрев."
            ),
        ),
        "spike": (
            (
                "Nothing to do if the loss recovered; if spikes repeat, clip gradients"
                " or lower the learning rate."
            ),
            (
                "Если loss вернулся, делать ничего не нужно; если скачки повторяются,"
                " ограничьте градиенты или уменьшите скорость обучения."
            ),
        ),
        "plateau": (
            "Lower the learning rate, or stop: further steps like these gain little.",
            "Уменьшите скорость обучения или остановитесь: такие шаги уже мало дают.",
        ),
        "slowdown": (
            (
                "Look for another process on the device, thermal throttling, slow data"
                " loading or swapping."
            ),
            (
                "Проверьте, не занято ли устройство другим процессом, нет ли перегрева,"
                " медленного чтения данных или подкачки."
            ),
        ),
        "evaluation_cost": (
            "Evaluate less often (eval_interval) or on fewer batches (eval_iters).",
            "Оценивайте реже (eval_interval) или на меньшем числе батчей (eval_iters).",
        ),
        "best_checkpoint_lost": (
            (
                "Save only on improvement (always_save_checkpoint=False), or write the"
                " best checkpoint to a file of its own."
            ),
            (
                "Сохраняйте только при улучшении (always_save_checkpoint=False) или"
                " храните лучший чекпойнт в отдельном файле."
            ),
        ),
        "crashed": (
            "Fix the error in the message, then resume from the last checkpoint.",
            "Устраните причину из сообщения и продолжите с последнего чекпойнта.",
        ),
        "out of memory": (
            (
                "Use a smaller batch_size with more gradient_accumulation_steps, or a"
                " smaller block_size, and resume from the last checkpoint."
            ),
            (
                "Уменьшите batch_size (увеличив gradient_accumulation_steps) или"
                " block_size и продолжите с последнего чекпойнта."
            ),
        ),
        "killed": (
            (
                "Check the system log for what killed it (a memory or time limit), then"
                " resume from the last checkpoint."
            ),
            (
                "Посмотрите в журнале системы, кто завершил процесс (лимит памяти или"
                " времени), и продолжите с последнего чекпойнта."
            ),
        ),
        "gone": (
            (
                "Check the system log for what ended it, then resume from the last"
                " checkpoint."
            ),
            (
                "Посмотрите в журнале системы, кто завершил процесс, и продолжите с"
                " последнего чекпойнта."
            ),
        ),
        "stalled": (
            "Check whether the process is still running and what it is waiting for.",
            "Проверьте, жив ли процесс и чего он ждёт.",
        ),
    }
)
