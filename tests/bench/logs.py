"""Logs as programs write them, with numbers of natural widths, and their expressions.

A shape is a line with `str.format` fields.  A name that ends in `_` is a number that
nobody reads; `{clock_}`, `{left_}` and `{bar_}` are a time, a duration and a bar.
One shape gives the log and the expression that a person would write for it.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np


NUMBER: Final = rb"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|nan)"
_FIELD: Final = re.compile(r"\{(\w+)(?:![rs])?(?::[^}]*)?\}")
_BAR_WIDTH: Final = 20


@dataclass(frozen=True)
class Shape:
    """The lines of a format.

    Attributes:
        line: of a step.
        every: one more line before each so many steps.
        other: that line.
        head: above all lines.
        joint: what ends a line.
    """

    line: str
    every: int = 0
    other: str = ""
    head: str = ""
    joint: str = "\n"


SHAPES: Final[dict[str, Shape]] = {
    "nanogpt": Shape(
        "iter {step}: loss {loss:.4f}, time {ms:.2f}ms, mfu {mfu:.2f}%",
        250,
        "step {step}: train loss {loss:.4f}, val loss {val:.4f}",
    ),
    "llama2c": Shape(
        "{step} | loss {loss:.4f} | lr {lr:e} | {ms:.2f}ms | mfu {mfu:.2f}%",
        250,
        "step {step}: train loss {loss:.4f}, val loss {val:.4f}",
    ),
    "autoresearch": Shape(
        "step {step:05d} ({part_:.1f}%) | loss: {loss:.6f} | lrm: {unit:.2f} | "
        "dt: {ms:.0f}ms | tok/sec: {tok_:,.0f} | mfu: {mfu:.1f}% | epoch: 1 | "
        "remaining: {rest_}s    "
    ),
    "nanochat": Shape(
        "step {step:05d}/{n_} ({part_:.2f}%) | loss: {loss:.6f} | grad norm: {norm:.4f}"
        " | lrm: {unit:.2f} | dt: {ms:.2f}ms | tok/sec: {tok_:,.0f} | mfu: {mfu:.2f} | "
        "total time: {minutes_:.2f}m",
        250,
        "Step {step:05d} | Validation bpb: {val:.4f}",
    ),
    "build_nanogpt": Shape(
        "step {step:5d} | loss: {loss:.6f} | lr {lr:.4e} | norm: {norm:.4f} | "
        "dt: {ms:.2f}ms | tok/sec: {tok:.2f}",
        250,
        "validation loss: {val:.4f}",
    ),
    "build_nanogpt_log": Shape("{step} train {loss:.6f}", 250, "{step} val {val:.4f}"),
    "llmc": Shape(
        "step {next:4d}/{n_} | loss {loss:7.6f} ({z_:+.2f}z)| norm {norm:6.4f} "
        "({z_:+.2f}z)| lr {lr:.2e} | {ms:.2f} ms | {mfu:.1f}% bf16 MFU | "
        "{tok:.0f} tok/s",
        250,
        "val loss {val:.6f}",
    ),
    "llmc_main_log": Shape(
        "s:{step} trl:{loss:.4f} lr:{lr:.6f} norm:{norm:.2f}",
        250,
        "s:{step} tel:{val:.4f}",
    ),
    "llmc_cpu": Shape(
        "step {step}: train loss {loss:.6f} (took {ms:.6f} ms)", 10, "val loss {val:f}"
    ),
    "modded_nanogpt": Shape(
        "step:{step}/{n_} train_loss:{loss:.4f} train_time:{total:.0f}ms "
        "step_avg:{ms:.2f}ms",
        125,
        "step:{step}/{n_} val_loss:{val:.4f} train_time:{total:.0f}ms "
        "step_avg:{ms:.2f}ms",
    ),
    "parameter_golf": Shape(
        "step:{step}/{n_} train_loss:{loss:.4f} train_time:{total:.0f}ms "
        "step_avg:{ms:.2f}ms",
        125,
        "step:{step}/{n_} val_loss:{val:.4f} val_bpb:{bpb:.4f} "
        "train_time:{total:.0f}ms step_avg:{ms:.2f}ms",
    ),
    "mingpt": Shape("iter_dt {ms:.2f}ms; iter {step}: train loss {loss:.5f}"),
    "makemore": Shape(
        "step {step} | loss {loss:.4f} | step time {ms:.2f}ms",
        50,
        "step {step} train loss: {loss} test loss: {val}",
    ),
    "litgpt": Shape(
        "Epoch {epoch_} | iter {step} step {quarter} | loss train: {loss:.3f}, "
        "val: {stale:.3f} | iter time: {ms:.2f} ms (step)",
        500,
        "iter {step}: val loss {stale:.4f}, val time: {ms:.2f} ms",
    ),
    "minimind": Shape(
        "Epoch:[1/1]({step}/{n_}) loss:{loss:.3f} lr:{lr:.12f} "
        "epoch_Time:{minutes_:.1f}min:"
    ),
    "megatron": Shape(
        " [{clock_}] iteration {next:8d}/{n_:8d} | consumed samples: {many_:12d} | "
        "elapsed time per iteration (ms): {ms:.1f} | learning rate: {lr:.6E} | "
        "global batch size:   256 | lm loss: {loss:.6E} | loss scale: 1.0 | "
        "grad norm: {norm:.3f} | number of skipped iterations:   0 | "
        "number of nan iterations:   0 |"
    ),
    "deepspeed": Shape(
        "steps: {step} loss: {loss:.4f} iter time (s): {seconds:.3f} "
        "samples/sec: {tok_:.3f}"
    ),
    "fairseq": Shape(
        "{clock_} | INFO | train_inner | epoch 001: {step:6d} / {n_} loss={loss:.3f}, "
        "ppl={ppl:.2f}, wps={tok:.1f}, ups={unit_:.2f}, wpb=65536, bsz=128, "
        "num_updates={step_}, lr={lr:.6g}, gnorm={norm:.3f}, train_wall={rest_}, "
        "wall={many_}"
    ),
    "torchtitan": Shape(
        "[rank0]:[titan] {clock_},141 - root - INFO - step: {next:2}  loss: {loss:7.4f}"
        "  grad_norm: {norm:.4f}  memory: 25.85GiB(27.20%)  tps: {tok_:,.0f}  "
        "tflops: {ms_:.2f}  mfu: {mfu:.2f}%"
    ),
    "torchtune": Shape(
        "Step {next} | loss:{loss} lr:{lr} tokens_per_second_per_gpu:{tok} "
        "grad_norm:{norm} "
    ),
    "mlx": Shape(
        "Iter {next}: Train loss {loss:.3f}, Learning Rate {lr:.3e}, It/sec "
        "{unit_:.3f}, Tokens/sec {tok:.3f}, Trained Tokens {many_}, Peak mem 8.123 GB",
        100,
        "Iter {next}: Val loss {val:.3f}, Val took {unit_:.3f}s",
    ),
    "maxtext": Shape(
        "completed step: {step}, seconds: {seconds:.3f}, TFLOP/s/device: {ms_:.3f}, "
        "Tokens/s/device: {tok:.3f}, total_weights: {many_}, loss: {loss:.3f}",
        100,
        "eval metrics after step: {step}, loss={val:.3f}, total_weights={many_}",
    ),
    "espnet": Shape(
        "[PC] {clock_} (trainer:486) INFO: {epoch}epoch:train:{step}-{next_}batch: "
        "iter_time={unit_:.3f}, loss={loss:.3f}, lr_0={lr:.3e}, "
        "train_time={seconds_:.3f}"
    ),
    "mmdet": Shape(
        "{clock_},123 - mmdet - INFO - Epoch [{epoch}][{inner}/2000]  lr: {lr:.3e}, "
        "eta: 2 days, {left_}, time: {seconds:.3f}, data_time: 0.012, memory: 3815, "
        "loss_rpn_cls: {unit_:.4f}, loss_cls: {unit_:.4f}, acc: {mfu_:.4f}, "
        "loss: {loss:.4f}"
    ),
    "metriclogger": Shape(
        "Epoch: [{epoch}]  [{inner:4d}/2000]  eta: {left_}  lr: {lr:.6f}  "
        "loss: {loss:.4f} ({val:.4f})  time: {seconds:.4f}  data: 0.0001  "
        "max mem: 12345"
    ),
    "openpi": Shape(
        "Step {step}: grad_norm={norm:.4f}, loss={loss:.4f}, param_norm={ms_:.4f}"
    ),
    "verl": Shape(
        "(TaskRunner pid=4711) step:{step} - global_seqlen/min:{many_} - "
        "actor/entropy:{unit:.4f} - actor/pg_loss:{z:.4f} - actor/grad_norm:{norm:.4f}"
        " - critic/score/mean:{mfu:.4f} - response_length/mean:{ms:.2f}"
    ),
    "openrlhf": Shape(
        "INFO: Global step {step}: {{'policy_loss': {z:.4f}, 'reward': {unit:.4f}, "
        "'kl': {lr:.6f}}}"
    ),
    "xgboost": Shape("[{step}]\ttrain-rmse:{loss:.5f}\teval-rmse:{val:.5f}"),
    "lightgbm": Shape(
        "[{next}]\ttraining's binary_logloss: {loss:.6f}\t"
        "valid_1's binary_logloss: {val:.6f}"
    ),
    "catboost": Shape(
        "{step}:\tlearn: {loss:.7f}\ttest: {val:.7f}\tbest: {val_:.7f} ({step_})\t"
        "total: {total_:.0f}ms\tremaining: {rest_}ms"
    ),
    "llamacpp": Shape(
        "train_opt_callback: iter={step:6d} sample={next_}/{n_} sched={unit_:.6f} "
        "loss={loss:.6f} dt={left_} eta={left_} |->"
    ),
    "basicsr": Shape(
        "{clock_},123 INFO: [epoch:{epoch:3d}, iter:{step:8,d}, lr:({lr:.3e},)] "
        "[eta: {left_}, time (data): {unit_:.3f} (0.002)] l_pix: {loss:.4e}"
    ),
    "nemo": Shape(
        "Training epoch {epoch_}, iteration {step}/{n_} | lr: {lr:.4e} | "
        "global_batch_size: 4 | global_step: {step_} | reduced_train_loss: {loss:.3f} |"
        " train_step_timing in s: {seconds_:.4f}"
    ),
    "darts": Shape(
        "{clock_},338 train {inner:03d} {loss:e} {mfu_:f} {ms_:f}",
        2000,
        "{clock_},338 epoch {epoch} lr {lr:e}",
    ),
    "tacotron": Shape(
        "Train loss {step} {loss:.6f} Grad Norm {norm:.6f} {unit_:.2f}s/it",
        500,
        "Validation loss {step}: {val:9.6f}  ",
    ),
    "tf_estimator": Shape(
        "INFO:tensorflow:loss = {loss:.7g}, step = {step} ({seconds_:.3f} sec)",
        10,
        "INFO:tensorflow:global_step/sec: {ms_:.5g}",
    ),
    "marian": Shape(
        "[{clock_}] Ep. {epoch_} : Up. {step} : Sen. {many_:,d} : Cost {loss:.8f} : "
        "Time {unit_:.2f}s : {tok_:.2f} words/s : gNorm {norm_:.4f}",
        500,
        "[{clock_}] [valid] Ep. {epoch_} : Up. {step} : cross-entropy : {val:.4f} : "
        "new best",
    ),
    "flair": Shape(
        "{clock_},123 epoch {epoch} - iter {inner}/2000 - loss {loss:.8f} - "
        "time (sec): {unit_:.2f} - samples/sec: {tok_:.2f} - lr: {lr:.6f}"
    ),
    "detectron2": Shape(
        "[07/01 10:00:00 d2.utils.events]:  eta: {left_}  iter: {step}  "
        "total_loss: {loss:.4g}  loss_cls: {unit_:.4g}  loss_box_reg: {unit_:.4g}  "
        "time: {seconds_:.4f}  data_time: 0.0123  lr: {lr:.5g}  max_mem: 3815M"
    ),
    "caffe": Shape(
        "I0101 10:00:01.12  1400 solver.cpp:228] Iteration {step}, loss = {loss:.6g}",
        1,
        "I0101 10:00:01.12  1400 sgd_solver.cpp:106] Iteration {step}, lr = {lr:.6g}",
    ),
    "keyvalue": Shape("step {step} loss={loss:.4f} lr={lr:.3e} gnorm={norm:.3f}"),
    "epochs": Shape("Epoch {next}/{n_}, Train Loss: {loss:.4f}, Val Loss: {val:.4f}"),
    "uncounted": Shape("train loss = {loss:.4f}"),
    "composer": Shape(
        "[batch={next}/{n_}]:\n         Train loss/train/total: {loss:.4f}\n"
        "         Train lr-DecoupledAdamW/group0: {lr:.4e}\n"
        "         Train time/batch: {step_}"
    ),
    "olmo": Shape(
        "{clock_}.867\th:0\tolmo.train:990\tINFO\t[step={step}/{n_},epoch=0]\n"
        "    train/CrossEntropyLoss={loss:.4g}\n    train/Perplexity={ppl:.4g}\n"
        "    throughput/device/tokens_per_second={tok_:,.0f}"
    ),
    "rsl_rl": Shape(
        "                       Learning iteration {step}/{n_}                       \n"
        "                       Computation: {tok_:.0f} steps/s\n"
        "                 Mean value_function loss: {loss:.4f}\n"
        "                    Mean surrogate loss: {z:.4f}\n"
        "                            Mean reward: {mfu:.2f}"
    ),
    "coqui": Shape(
        "   --> TIME: {clock_} -- STEP: {inner}/2000 -- GLOBAL_STEP: {step}\n"
        "     | > loss: {loss:.5f}  ({val_:.5f})\n"
        "     | > grad_norm: {norm:.5f}  ({norm_:.5f})"
    ),
    "lightning": Shape(
        "Epoch {epoch}: {percent_:3d}%|{bar_}| {inner}/2000 "
        "[{left_}<{left_}, {unit_:.2f}it/s, loss={loss:.3f}, v_num=2]",
        joint="\r",
    ),
    "vits": Shape(
        "{clock_},123\t44k\tINFO\tTrain Epoch: {epoch_} [{percent_}%]\n"
        "{clock_},123\t44k\tINFO\tLosses: [{loss}, {norm}, {unit}, {mfu}, {val}], "
        "step: {step}, lr: {lr}"
    ),
    "informer": Shape(
        "\titers: {inner}, epoch: {epoch} | loss: {loss:.7f}\n"
        "\tspeed: {seconds_:.4f}s/iter; left time: {ms_:.4f}s",
        2000,
        "Epoch: {epoch}, Steps: 2000 | Train Loss: {loss:.7f} Vali Loss: {val:.7f} "
        "Test Loss: {val_:.7f}",
    ),
}

# Rows that a person would read otherwise than by one expression a line.
ROWS: Final[dict[str, Shape]] = {
    "jsonl": Shape(
        '{{"step": {step}, "loss": {loss}, "lr": {lr}, "grad_norm": {norm:.4f}}}'
    ),
    "llama_factory": Shape(
        '{{"current_steps": {next}, "total_steps": {n_}, "loss": {loss:.4f}, '
        '"lr": {lr}, "epoch": {unit:.2f}, "percentage": {part_:.2f}, '
        '"elapsed_time": "{left_}", "remaining_time": "{left_}"}}'
    ),
    "csv": Shape(
        "{step},{loss:.5f},{lr:.6g},{norm:.4f}", head="step,train_loss,lr,grad_norm"
    ),
    "hf_trainer": Shape(
        "{{'loss': {loss:.4f}, 'grad_norm': {norm}, 'learning_rate': {lr}, "
        "'epoch': {rising:.2f}}}"
    ),
    "tqdm": Shape(
        "Training: {percent_:3d}%|{bar_}| {step}/{n_} [{left_}<{left_}, "
        "{unit_:.2f}it/s, loss={loss:.4f}]",
        joint="\r",
    ),
    "keras": Shape(
        "{batch:3d}/127 [{equal_}] - ETA: {rest_}s - loss: {loss:.4f} - "
        "accuracy: {unit:.4f}",
        127,
        "127/127 [==============================] - {rest_}s {ms_:.0f}ms/step - "
        "loss: {loss:.4f} - accuracy: {unit:.4f} - val_loss: {val:.4f}\n"
        "Epoch {epoch127}/315",
        joint="\r",
    ),
}


def lines_of(count: int) -> Iterator[dict[str, Any]]:
    """The fields of each line: curves with noise, whose widths are what they are."""
    rng = np.random.default_rng(3)
    at = np.arange(count)
    noise = rng.standard_normal((6, count))
    loss = (1.5 + 9 * np.exp(-at / count * 5)) * (1 + 0.05 * noise[0])
    columns = {
        "loss": loss,
        "val": loss + 0.1,
        "stale": loss[at // 500 * 500],
        "bpb": loss / 3,
        "ppl": np.exp(loss),
        "lr": 3e-4 * 0.5 * (1 + np.cos(np.pi * at / count)) + 1e-6,
        "ms": np.abs(100 + 12 * noise[1]),
        "seconds": np.abs(0.1 + 0.02 * noise[1]),
        "total": np.cumsum(np.abs(100 + 12 * noise[1])),
        "norm": np.exp(0.8 * noise[2]),
        "tok": 1e5 + 3e3 * noise[3],
        "mfu": np.abs(10 + noise[4]),
        "unit": rng.random(count),
        "z": noise[5],
        "part": 100 * at / count,
        "minutes": at / 600,
        "rising": at / 1000,
    }
    whole = {
        "step": at,
        "next": at + 1,
        "quarter": at // 4,
        "inner": at % 2000,
        "batch": at % 127 + 1,
        "epoch": 1 + at // 2000,
        "epoch127": 1 + at // 127,
        "n": np.full(count, count),
        "many": at * 512,
        "rest": count - at,
        "percent": 100 * at // count,
    }
    columns |= whole
    names = list(columns)
    for row in zip(*(column.tolist() for column in columns.values()), strict=True):
        fields = dict(zip(names, row, strict=True))
        k = fields["step"]
        fields["clock"] = (
            f"2026-05-20 {k // 3600 % 24:02}:{k // 60 % 60:02}:{k % 60:02}"
        )
        fields["left"] = f"{k // 600 % 60:02}:{k // 10 % 60:02}"
        filled = _BAR_WIDTH * k // count
        fields["bar"] = "█" * filled + " " * (_BAR_WIDTH - filled)
        fields["equal"] = ("=" * (fields["batch"] // 5) + ">").ljust(26, ".")
        yield fields | {f"{name}_": value for name, value in fields.items()}


def log(shape: Shape, count: int) -> bytes:
    """A log of so many steps."""
    texts = [shape.head] if shape.head else []
    for k, fields in enumerate(lines_of(count)):
        if shape.every and k % shape.every == 0:
            texts.append(shape.other.format(**fields))
        texts.append(shape.line.format(**fields))
    return (shape.joint.join(texts) + "\n").encode()


def by_expression(shape: Shape) -> Callable[[bytes], int]:
    """Reads line by line with one expression and `float`; gives how many numbers."""
    texts = [t for line in (shape.line, shape.other) for t in line.split("\n") if t]
    compiled = re.compile(b"|".join(filter(None, map(_expression, texts))))
    groups = range(compiled.groups)

    def read(data: bytes) -> int:
        columns: list[list[float]] = [[] for _ in groups]
        for row in data.replace(b"\r", b"\n").split(b"\n"):
            found = compiled.search(row)
            if found:
                for column, value in zip(columns, found.groups(), strict=True):
                    if value is not None:
                        column.append(float(value))
        return sum(map(len, columns))

    return read


def _expression(text: str) -> bytes:
    """The expression of a line; b"" for one that holds nothing to read."""
    pattern, end, reads = b"", 0, False
    for field in _FIELD.finditer(text):
        pattern += _literal(text[end : field.start()])
        end = field.end()
        unread = field[1].endswith("_")
        grouped = ",d}" in field[0]
        pattern += b"[^|]+?" if unread or grouped else b" *" + NUMBER
        reads |= not unread
    return pattern + _literal(text[end:]).rstrip() if reads else b""


def _literal(text: str) -> bytes:
    escaped = re.escape(text.replace("{{", "{").replace("}}", "}").encode())
    return re.sub(rb"(?:\\ )+", rb" +", escaped)


def by_json(data: bytes) -> int:
    """Reads JSON lines with the standard library."""
    columns: dict[str, list[float]] = {}
    for row in data.split(b"\n"):
        if row[:1] == b"{":
            for name, value in json.loads(row).items():
                if isinstance(value, int | float):
                    columns.setdefault(name, []).append(float(value))
    return sum(map(len, columns.values()))
