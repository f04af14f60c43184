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
                "{Overfitting} {since}|: validation loss{of_set} {is_now} {rise}"
                " ({rise_share}) above its best {best}| while training loss fell"
                " {train_fall_share}|.| {Task} is best at step {task_step}:"
                " {task_best}, it was {task_before} at the lowest loss.| The best"
                " checkpoint {by_loss}is from step {since_step}; {share_after} of the"
                " run's time was spent after it."
            ),
            (
                "{Overfitting} {since}|: валидационный loss{of_set} {is_now} выше"
                " своего минимума {best} на {rise} ({rise_share})|, а обучающий упал на"
                " {train_fall_share}|.| {Task}: лучшее значение {task_best} на шаге"
                " {task_step}, при минимуме loss было {task_before}.| Лучший чекпойнт"
                " {by_loss}— с шага {since_step}; после него прошло {share_after}"
                " времени обучения."
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
        "resume_jump": (
            (
                "Training loss jumped at the resume at step {since_step}| ({Crashed} at"
                " step {end_step})|: {after}, it was {before}|."
            ),
            (
                "Обучающий loss подскочил при возобновлении на шаге {since_step}|"
                " ({Crashed} на шаге {end_step})|: {after}, раньше был {before}|."
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
                " a row)|, and training loss no longer falls{flat}|."
            ),
            (
                "Норма градиента не число с шага {since_step}| ({records} подряд)|, и"
                " обучающий loss больше не падает{flat}|."
            ),
        ),
        "gradient_spike": (
            (
                "The gradient norm stood out at step {since_step}|: {peak}, usually"
                " {usual}|; training loss was not affected{unaffected}|."
            ),
            (
                "Норма градиента выделялась на шаге {since_step}|: {peak}, обычно"
                " {usual}|; на обучающий loss это не повлияло{unaffected}|."
            ),
        ),
        "skipped_steps": (
            (
                "Optimizer steps are skipped since step {since_step}|, {skipped} one"
                " after the other|; the loss scale fell from {scale_before} to"
                " {scale_now}|; training loss does not move{flat}|."
            ),
            (
                "Шаги оптимизатора пропускаются с шага {since_step}|, {skipped}"
                " подряд|; loss scale снизился с {scale_before} до {scale_now}|;"
                " обучающий loss не движется{flat}|."
            ),
        ),
        "no_movement": (
            (
                "Nothing is learned since step {since_step}|: training loss is {level},"
                " where it began|, as for guessing among {classes}|."
            ),
            (
                "Модель не учится с шага {since_step}|: обучающий loss {level}, как в"
                " начале|, как при угадывании из {classes}|."
            ),
        ),
        "constant_metric": (
            (
                "{Metric} is the same at each evaluation since step {since_step}|:"
                " {level}|."
            ),
            ("{Metric}: одно и то же на каждой оценке с шага {since_step}|: {level}|."),
        ),
        "zero_learning_rate": (
            (
                "The learning rate is 0 since step {since_step}| ({records} in a row)|,"
                " and training loss does not move{flat}|."
            ),
            (
                "Скорость обучения равна 0 с шага {since_step}| ({records} подряд)|, и"
                " обучающий loss не движется{flat}|."
            ),
        ),
        "validation_jump": (
            (
                "Validation loss{of_set} jumped at step {step}|: {level}, it was"
                " {before}| (best {best})|."
            ),
            (
                "Валидационный loss{of_set} подскочил на шаге {step}|: {level}, был"
                " {before}| (лучший {best})|."
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
        "stage": (
            (
                "The cause is not in the log; longer sequences or larger batches by"
                " plan look like this."
            ),
            (
                "Причины в логе нет; так выглядят более длинные последовательности или"
                " большие батчи по плану."
            ),
        ),
        "task": (
            (
                "Choose the checkpoint by what counts: {task} is best at step"
                " {task_step}, loss at step {since_step}. Where probabilities matter,"
                " prefer the loss."
            ),
            (
                "Выберите чекпойнт по тому, что важно: {task} — лучшее на шаге"
                " {task_step}, loss — на шаге {since_step}. Если важны вероятности,"
                " берите loss."
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
