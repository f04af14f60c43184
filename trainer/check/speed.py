"""Rows about speed, timing and the machine."""

import statistics
import time

import torch

from trainer import machine, plan
from trainer.check.rows import GPT2, STEP, events, expect, row, seconds_per_step
from trainer.model import GPT, GPTConfig


def compare_speed(setup, steps, warm, settings, *, compiled=True):
    """(ours over nanoGPT's loop, true MFU, text); the loop is compiled on a GPU."""
    run = setup.run(**settings)

    def ours():
        run.step()
        run.after_step()

    mine = seconds_per_step(setup, ours, steps, warm)
    mfu = run.report.flops / mine / run.report.peak
    text = f"{1000 * mine:.1f} ms, {run.tokens_per_iter / mine:,.0f} tokens/s, "
    text += f"MFU {mfu:.1%} of {run.report.peak:.3g}, "
    text += f"{run.plan.micro_steps} x {run.plan.rows} rows, graphs {run.plan.graphs}"
    # A few micro steps show nanoGPT's speed: it computes them one by one.
    few = min(5, settings["gradient_accumulation_steps"])
    share = settings["gradient_accumulation_steps"] / few
    settings = {**settings, "gradient_accumulation_steps": few}
    ratio = 0.0
    for mode in (False, True)[: 1 + (setup.cuda and compiled)]:
        dtype = "bfloat16" if setup.cuda else "float32"
        plain = setup.plain(compiled=mode, dtype=dtype, **settings)
        theirs = share * seconds_per_step(setup, plain.step, steps, 3)
        ratio = theirs / mine
        text += f", {ratio:.2f} x nanoGPT{' compiled' if mode else ''}"
    return ratio, mfu, text


@row(150)
def char_10m(setup):
    """Twice nanoGPT's compiled speed is the goal on Hopper."""
    settings = setup.settings(dropout=0.2)
    ratio, _, text = compare_speed(setup, 50 if setup.cuda else 3, 20, settings)
    expect(ratio >= 2 or not setup.hopper, f"{text} (goal: 2 x compiled)")
    return text


@row(90)
def char_21m(setup):
    """The same with twice the layers."""
    layers = 12 if setup.cuda else 4
    settings = setup.settings(dropout=0.2, n_layer=layers)
    return compare_speed(setup, 30 if setup.cuda else 3, 20, settings, compiled=False)[
        -1
    ]


@row(180)
def gpt2_124m(setup):
    """A true MFU of 50 % is the goal on Hopper."""
    settings = setup.settings(GPT2)
    _, mfu, text = compare_speed(setup, 1, 3, settings)
    expect(mfu >= 0.5 or not setup.hopper, f"{text} (goal: MFU 50 %)")
    return text


@row(90)
def timing(setup):
    """Wall clock against the logged times, which leave out evaluations; and the ETA."""
    settings = setup.settings(max_iters=600 if setup.cuda else 60, log_interval=5)
    settings |= {"eval_interval": 150 if setup.cuda else 15, "stats_interval": 10}
    _, lines = setup.train(**settings)
    times = [float(m[2]) for m in map(STEP.match, lines) if m]
    stats = [event for event in events(lines, "stats") if "step_ms" in event][1:]
    mean = statistics.mean(event["step_ms"] for event in stats)
    middle = statistics.median(times[1:])
    low = min(times[1:]) / middle
    text = f"mean {mean:.2f} ms, median {middle:.2f} ms, least / median {low:.2f}"
    expect(abs(mean / middle - 1) < 0.05 or not setup.cuda, text)
    expect(low > 0.8 or not setup.cuda, text)
    half = stats[len(stats) // 2]
    left = settings["max_iters"] - half["step"]
    return f"{text}; ETA {half['eta_s']:.1f} s at step {half['step']} for {left} steps"


@row(40)
def syncs(setup):
    """No step waits for the GPU."""
    setup.need_cuda()
    run = setup.run(**setup.settings())
    for _ in range(5):
        run.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            run.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "no synchronizing call in 20 steps"


@row(60)
def sampling(setup):
    """Tokens per second with and without cached keys; greedy text is the same."""
    shape = GPTConfig(bias=False) if setup.cuda else GPTConfig(2, 2, 64, 128, False, 65)  # noqa: FBT003
    torch.manual_seed(0)
    net = GPT(shape).to(setup.device).eval()
    for weight in net.parameters():
        weight.data *= 4  # far from uniform: rounding decides nothing
    idx = torch.zeros(1, 1, dtype=torch.long, device=setup.device)
    texts, speeds = [], []
    count = 500 if setup.cuda else 120
    for cached in (True, False):
        net.generate(idx, 3, 0, cached=cached)
        machine.wait(setup.device)
        start = time.perf_counter()
        texts.append(net.generate(idx, count, 0, cached=cached))
        machine.wait(setup.device)
        speeds.append(count / (time.perf_counter() - start))
    same = (texts[0] == texts[1]).float().mean().item()
    expect(same == 1 or setup.cuda, f"{same:.0%} of the tokens are the same")
    return f"{speeds[0]:,.0f} tokens/s, {speeds[1]:,.0f} without cache; same {same:.0%}"


@row(120)
def knobs(setup):
    """What one change is worth for 124M, forward and backward of a micro batch."""
    settings = setup.settings(GPT2, gradient_accumulation_steps=1, compile=False)
    run = setup.run(**settings)
    cases = {"eager": run.model}
    if setup.cuda:
        for mode in ("default", "max-autotune-no-cudagraphs", "reduce-overhead"):
            cases[mode] = torch.compile(run.model, mode=mode, dynamic=False)
    texts = []
    for name, model in cases.items():
        took = seconds_per_step(
            setup, lambda model=model: plan.probe(run, model, run.plan.rows), 1, 3
        )
        texts.append(f"{name} {1000 * took:.1f}")
    plan.probe(run, run.model, run.plan.rows)
    for weight in run.model.parameters():
        weight.grad = torch.zeros_like(weight)
    clip = seconds_per_step(
        setup, lambda: torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0), 5, 2
    )
    step = seconds_per_step(setup, run.optimizer.step, 5, 2)
    cut = seconds_per_step(setup, run.next_batch, 5, 2)
    texts += [f"clip {1000 * clip:.2f}", f"AdamW {1000 * step:.2f}"]
    return ", ".join([*texts, f"batch {1000 * cut:.2f}"]) + " ms"


@row(30)
def environment(setup):
    """Versions, and the speed of a matrix product."""
    size = 8192 if setup.cuda else 512
    flops = machine.matmul_flops(torch.bfloat16, setup.device, size)
    text = f"torch {torch.__version__}, {setup.device}, {flops / 1e12:.3g} TFLOP/s"
    if setup.cuda:
        free, total = torch.cuda.mem_get_info()
        text += f", {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
        text += f", {free / 1e9:.0f} of {total / 1e9:.0f} GB free"
    expect(flops >= 600e12 or not setup.hopper, text)
    return text
