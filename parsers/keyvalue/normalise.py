"""Lines in the form that `parsers.keyvalue.freeform` reads; each byte keeps its place.

Keys in other languages become English, home-made bars (`[=====>   ]`) become blanks.
"""

import re
from typing import Final


# Keras prints its bar behind a count: `12/20 [===>...]`.
_OWN_BAR: Final = re.compile(rb"(?<!\d )\[[=#>*.-]{2,}+[ .-]*+\]|\[ {8,}+\]")
# Words for what only repeats a figure: the best one, that of a checkpoint.
REPEATED: Final = (
    "保存|最佳|最好|最良|ベスト|저장|최고|최적|[Лл]учш|[Сс]охран|[Mm]eilleur"
    "|[Mm]ejor|[Mm]elhor"
).encode()
_REPEATED: Final = re.compile(REPEATED)
# `第10步`, `第 3/20 轮`: the number stands within the word.
_ORDINAL: Final = re.compile(
    (
        r"第(\s{0,9}\d{1,15}+\s{0,9}+(?:/\s{0,9}+\d{1,15}+\s{0,9}+)?+)"
        r"(?:(?P<epoch>轮(?:次)?|輪|エポック|代)|步|次迭代|次|回|ステップ)"
    ).encode()
)
# English to words for it, `_` for a blank.
_MEANINGS: Final = {
    "epoch": (
        "训练轮数 轮次 轮数 エポック数 エポック 에포크 에폭 эпоха эпохи епоха époque "
        "época"
    ),
    "step": (
        "训练次数 迭代次数 训练步数 步数 学習回数 ステップ数 ステップ 스텝 шаг крок "
        "训练步骤 步骤 已训练 ad\u0131m bước"
    ),
    "iter": "迭代 イテレーション 반복 итерация",
    "val_loss": (
        "验证损失值 验证损失 検証損失 検証ロス 검증손실 검증_손실 потери_на_валидации "
        "ошибка_на_валидации лосс_на_валидации pérdida_de_validación "
        "perda_de_validação втрати_на_валідації val_kay\u0131p"
    ),
    "loss": (
        "损失函数 损失值 损失 損失 誤差 ロス 손실값 손실 потери_на_обучении "
        "ошибка_на_обучении лосс_на_обучении функция_потерь потери потеря лосс "
        "ошибка втрати pérdida kay\u0131p mất_mát"
    ),
    "train": "训练集 训练 訓練 学習 훈련 학습 обучение",
    "valid": "验证集 验证 検証 검증 валидация",
    "test": "测试集 测试 テスト 테스트 тест",
    "avg": "平均 평균 средняя среднее",
    "lr": "学习率 学習率 학습률 скорость_обучения",
    "acc": "准确率 正确率 精度 正解率 정확도 точность",
    "ppl": "困惑度",
    "reward": "奖励 報酬 보상 награда",
    "": "整体 上的 当前",
    # signs of full width
    ":": "\uff1a",
    ",": "\uff0c",
    ";": "\uff1b",
    "=": "\uff1d",
    "(": "\uff08",
    ")": "\uff09",
    "/": "\uff0f",
    "|": "\uff5c",
    "[": "\u3010",
    "]": "\u3011",
}
_WIDE_BLANK: Final = "\u3000".encode()


def _table() -> dict[bytes, bytes]:
    """Each word with its meaning, as long as itself; longer words first."""
    meanings = {
        form.encode(): meaning
        for meaning, words in _MEANINGS.items()
        for word in words.split(" ")
        for form in (word.replace("_", " "), word.replace("_", " ").capitalize())
    } | {_WIDE_BLANK: ""}
    return {
        word: meanings[word].ljust(len(word)).encode()
        for word in sorted(meanings, key=len, reverse=True)
    }


_WORDS: Final = _table()
_KNOWN: Final = re.compile(b"|".join(map(re.escape, _WORDS)))


def normalised(text: bytes) -> bytes:
    """A line with English keys and without a home-made bar."""
    if b"[" in text:
        text = _OWN_BAR.sub(lambda bar: b" " * len(bar[0]), text)
    return english(text)


def english(text: bytes) -> bytes:
    """Keys of other languages in English; each byte keeps its place."""
    if text.isascii() or _REPEATED.search(text):
        return text
    text = _ORDINAL.sub(_counted, text)
    return _KNOWN.sub(lambda word: _WORDS[word[0]], text)


def _counted(found: re.Match[bytes]) -> bytes:
    """`第10步` is `it 10   `."""
    key = b"ep " if found["epoch"] else b"it "
    return (key + found[1]).ljust(len(found[0]))
