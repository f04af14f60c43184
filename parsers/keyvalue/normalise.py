"""Lines in the form that `parsers.keyvalue.freeform` reads; each byte keeps its place.

Keys of Chinese logs become English, home-made bars (`[=====>   ]`) become blanks.
"""

import re
from typing import Final


# Keras prints its bar behind a count: `12/20 [===>...]`.
_OWN_BAR: Final = re.compile(rb"(?<!\d )\[[=#>*.-]{2,}+[ .-]*+\]|\[ {8,}+\]")
_REPEATED: Final = re.compile("保存|最佳|最好".encode())
# What a line holds that can be read at all: a loss or a sign of full width.
_READABLE: Final = re.compile("损失|\uff1a|测试集|验证集".encode())
_WORDS: Final = tuple(
    (word.encode(), meaning.ljust(len(word.encode())).encode())
    for word, meaning in (
        ("训练次数", "step"),
        ("迭代次数", "step"),
        ("训练步数", "step"),
        ("训练轮数", "epoch"),
        ("训练集", "train"),
        ("训练", "train"),
        ("验证集", "valid"),
        ("验证", "valid"),
        ("测试集", "test"),
        ("测试", "test"),
        ("平均", "avg"),
        ("损失值", "loss"),
        ("损失", "loss"),
        ("学习率", "lr"),
        ("准确率", "acc"),
        ("正确率", "acc"),
        ("困惑度", "ppl"),
        ("奖励", "reward"),
        ("轮次", "epoch"),
        ("轮数", "epoch"),
        ("步数", "step"),
        ("迭代", "iter"),
        ("整体", ""),
        ("上的", ""),
        ("当前", ""),
        ("\uff1a", ":"),  # signs of full width
        ("\uff0c", ","),
        ("\uff1d", "="),
        ("\uff08", "("),
        ("\uff09", ")"),
    )
)


def normalised(text: bytes) -> bytes:
    """A line with English keys and without a home-made bar."""
    if b"[" in text:
        text = _OWN_BAR.sub(lambda bar: b" " * len(bar[0]), text)
    return english(text)


def english(text: bytes) -> bytes:
    """Keys of Chinese logs in English; each byte keeps its place."""
    if text.isascii() or not _READABLE.search(text) or _REPEATED.search(text):
        return text
    for word, meaning in _WORDS:
        text = text.replace(word, meaning)
    return text
