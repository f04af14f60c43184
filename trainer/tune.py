"""What makes a machine fast: threads, compilation, graphs, larger micro steps."""

import os

import torch

from trainer import machine


SMALL = 50e6  # parameters; below, launching kernels takes longer than they do


def tune(run, stored):
    """Set `run.fast`, `run.merge`, `run.micro_steps` and `run.graphs`."""
    config = run.config
    if config.device == "cpu":
        extra = (stored or {}).get("gptwatch", {})
        set_threads(run, extra.get("threads", 0))
    run.merge = merge_micro_steps(run.model.config, config, run.accumulation)
    run.micro_steps = run.accumulation // run.merge
    run.fast, run.graphs = run.model, False
    if config.compile:
        graphs = wants_graphs(run)
        run.fast = compiled(run, graphs=graphs)
        run.graphs = graphs and run.fast is not run.model


def set_threads(run, stored):
    """Take the threads asked for, those of the run resumed, or the fastest.

    Another number of threads adds up in another order: the last bit would differ.
    """
    wanted = run.config.threads or (stored if type(stored) is int else 0)
    if not wanted and "OMP_NUM_THREADS" not in os.environ:
        wanted = machine.fastest_threads(lambda: probe(run, run.model))
    if wanted > 0:
        torch.set_num_threads(wanted)


def probe(run, model):
    """Do a step's work and leave no trace: not in the weights, not in chance."""
    shape = (run.config.batch_size, run.config.block_size)
    tokens = torch.zeros(shape, dtype=torch.long, device=run.config.device)
    devices = [run.config.device] if run.config.device.startswith("cuda") else []
    with torch.random.fork_rng(devices), run.autocast:
        _, loss = model(tokens, tokens)
        loss.backward()
    run.optimizer.zero_grad(set_to_none=True)


def merge_micro_steps(args, config, accumulation):
    """Give how many micro steps to run as one: a large GPU wants large matrices."""
    if config.exact or config.low_mem or not config.device.startswith("cuda"):
        return 1
    free = 0.6 * machine.memory_bytes(config.device) - machine.state_bytes(args)
    one = machine.activation_bytes(args, config.batch_size * config.block_size)
    ways = [n for n in (8, 4, 2) if accumulation % n == 0 and n * one < free]
    return ways[0] if ways else 1


def wants_graphs(run):
    """Tell whether to replay steps as CUDA graphs: small models, one micro step.

    With several micro steps gradients would be added up in a graph's own memory.
    """
    small = run.model.get_num_params() < SMALL
    alone = not run.world.parallel and run.micro_steps == 1
    return run.config.device.startswith("cuda") and small and alone


def compiled(run, *, graphs):
    """Give the model compiled, or as it is where compiling does not work."""
    run.log.say("compiling the model... (takes a ~minute)")
    mode = "reduce-overhead" if graphs else "default"
    try:
        fast = torch.compile(run.model, mode=mode, dynamic=False)
        probe(run, fast)
    except Exception as error:  # noqa: BLE001 - compilers fail in a hundred ways
        reason = str(error).strip().split("\n", 1)[0][:200]
        run.log.note("compile", works=False, reason=reason, instead="eager")
        return run.model
    run.log.note("compile", works=True, mode=mode)
    return fast
