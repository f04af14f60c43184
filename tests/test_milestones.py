"""What a line without a metric says of the run's life."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.format import check
from parsers.milestones import _RULES, milestone


# One line a case, as programs print them.
CASES = {
    "traceback": """
Traceback (most recent call last):
[rank0]: Traceback (most recent call last):
^CTraceback (most recent call last):
step 9 of 10 [rank1]: Traceback (most recent call last):
""",
    "out of memory": """
torch.cuda.OutOfMemoryError: CUDA out of memory. Set x to avoid it.
[rank0]: torch.OutOfMemoryError: HIP out of memory. Tried to allocate 76 MiB.
RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB
RuntimeError: CUDA error: out of memory
out of memory
jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory
RuntimeError: MPS backend out of memory (MPS allocated: 9.05 GB)
tensorflow.python.framework.errors_impl.ResourceExhaustedError: Graph error
slurmstepd: error: Detected 1 oom-kill event(s) in StepId=117.0.
srun: error: node7: task 0: Out Of Memory
MemoryError
numpy.core._exceptions._ArrayMemoryError: Unable to allocate 30.5 GiB
RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED
RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(h)`
OSError: [Errno 12] Cannot allocate memory
  what():  std::bad_alloc
RuntimeError: [alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory
Allocator (GPU_0_bfc) ran out of memory trying to allocate 2.20GiB
pod train-0 terminated: OOMKilled
RuntimeError: DefaultCPUAllocator: not enough memory: you tried to get 4096 bytes.
""",
    "nan": """
Loss is nan, stopping training
FloatingPointError: loss became infinite or NaN at iteration=90!
NaN loss detected at step 812, aborting
gptwatch: {"event": "end", "reason": "nonfinite", "step": 30}
""",
    "interrupted": """
KeyboardInterrupt
[rank0]: KeyboardInterrupt
KeyboardInterrupt:
Detected KeyboardInterrupt, attempting graceful shutdown ...
  traceback : Signal 2 (SIGINT) received by PID 17
gptwatch: {"event": "end", "reason": "SIGINT", "step": 30}
gptwatch: {"event": "exit", "status": "interrupted", "code": 130}
""",
    "cancelled": """
slurmstepd: error: *** JOB 11 ON g CANCELLED AT 2024-10-10T18 DUE TO TIME LIMIT ***
slurmstepd: error: *** STEP 18.0 ON r8 CANCELLED AT 2021-05-23T08:45:57 ***
step  100/19560 | loss 3.1 | 3616.slurmstepd: error: *** JOB 7 ON g CANCELLED AT 24
=>> PBS: job killed: walltime 3613 exceeded limit 3600
""",
    "killed": """
Killed
run.sh: line 3: 12345 Killed                  python train.py
Main process received SIGTERM, exiting
torch.distributed.api.SignalException: Process 5 got signal: 15
E0326 21:44:46.3 80 torch/distributed/api.py:882] failed (exitcode: -9) local
  exitcode  : -9 (pid: 8073)
  traceback : Signal 9 (SIGKILL) received by PID 8073
srun: error: node1: task 3: Killed
Terminated
gptwatch: {"event": "end", "reason": "SIGTERM", "step": 30}
gptwatch: {"event": "exit", "status": "killed", "signal": 9}
""",
    "error": """
ValueError: too many values to unpack
[rank0]: RuntimeError: mat1 and mat2 shapes cannot be multiplied
2: AssertionError
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1.
torch._dynamo.exc.BackendCompilerFailed.UserException: x
[CUDA ERROR] at file train_gpt2.cu:754:
[NCCL ERROR] at file zero.cuh:12: unhandled system error
train_gpt2cu: train.cu:15: int main(): Assertion `a % b == 0' failed.
job/slurm_script: line 14: 252049 Aborted                 (core dumped) ./train
Segmentation fault (core dumped)
Fatal Python error: Segmentation fault
train_gpt.py FAILED
  exitcode  : 1 (pid: 15200)
[E ProcessGroupNCCL.cpp:607] [Rank 3] Watchdog caught collective operation timeout:
[rank2]:[E512 ProcessGroupNCCL.cpp:616] [Rank 2] NCCL watchdog thread terminated with
terminate called after throwing an instance of 'c10::DistBackendError'
srun: error: node1: task 0: Exited with exit code 1
gptwatch: {"event": "exit", "status": "crashed", "code": 1}
""",
    "finished": """
Training completed. Do not forget to share your model
[rank0]:[titan] 2026-05-20 02:02:09,683 - root - INFO - Training completed
2025-12-14 | INFO     | TRAINING COMPLETE
INFO:__main__:✅ Training completed successfully!
training finished
{'train_runtime': 919.09, 'train_loss': 0.33, 'epoch': 1.0}
{'train_runtime': '2918', 'train_loss': '0.7331', 'epoch': '5'}
Minimum validation bpb: 0.8118
100 epochs completed in 5.089 hours.
`Trainer.fit` stopped: `max_epochs=20` reached.
stopping_early: wallclock_cap train_time:600038ms step:13780/20000
peak memory allocated: 37653 MiB reserved: 39236 MiB
training_seconds: 300.1
Saved final weights to adapters/adapters.safetensors.
total average iteration time: 214.25 ms
gptwatch: {"event": "end", "reason": "max_iters", "step": 5000}
gptwatch: {"event": "exit", "status": "finished", "code": 0}
""",
    "resumed": """
Resuming training from out
Resuming training from out-aResuming training from out-a
Resumed from checkpoint at step 4000
[Checkpoint] resumed from ./checkpoints/latest.pt at step 47700
  Continuing training from checkpoint, will skip to saved global_step
 loading checkpoint from /ckpt/gpt2 at iteration 2000
  successfully loaded checkpoint from /ckpt/gpt2 at iteration 2000
Loaded checkpoint from checkpoints/checkpoint.pth.
Restored all states from the checkpoint at last.ckpt
Resuming optimization from step 1000
""",
    "start": """
Initializing a new model from scratch
[INFO|trainer.py:1143] 2021-05-25 06:38:26,284 >> ***** Running training *****
    will not load any checkpoints and will start from random
Starting training..., iters: 1000
No checkpoint found. Starting from scratch.
[rank0]:[titan] 2026-05-20 02:01 - root - INFO - Training starts at step 1
""",
    "checkpoint": """
saving checkpoint to out-shakespeare-char
[INFO|trainer.py:1884] 2021-05-25 >> Saving model checkpoint to output_dir
Saving model checkpoint to out/checkpoint-500
2025-10-15 - nanochat.checkpoint_manager - INFO - Saved model file to: m.pt
2026-03-20 - nanochat.checkpoint_manager - INFO - Saved model parameters to: m
  successfully saved checkpoint at iteration    1000 to checkpoints/gpt2
Writing model to log124M/model_00005000.bin
Epoch 0, global step 1: 'val_loss' reached 0.3 (best 0.3), saving model to 'x'
Saved checkpoint to /scratch/ckpt-200
  -> Checkpoint saved at step 5000
step:10000 checkpoint saved
2025-12-27	host:0	train:337	INFO	Checkpoint saved to /ckpt/step0
Iter 100: Saved adapter weights to checkpoints/100_adapters.npz.
05:47:25.181 [I] [process=0] Saving checkpoint at step 1000 (24:manager.py:14)
[Checkpoint] saved ./checkpoints/ckpt_step0047850.pt
""",
}
NOTHING = """
iter 10: loss 3.1820, time 35.78ms, mfu 10.41%
iter 3010: loss nan, time 1019.95ms, mfu 14.12%
step   1/19560 | loss     nan (+nanz)| norm    nan (+nanz)| lr 8.57e-07
    raise ValueError(
    raise ChildFailedError(
    except KeyboardInterrupt:
except torch.cuda.OutOfMemoryError:
    assert T <= n, f"Sequence length grew: {T} > {n}"
        print(f"saving checkpoint to {out_dir}")
    print0(f"peak memory allocated: {torch.cuda.max_memory_allocated()} MiB")
log("Training completed")
    # Loss is nan, stopping training
    ValueError: if the file is not there.
train.py:198: FutureWarning: `torch.cuda.amp` is deprecated: it is an error
[5] ibvwrap.c:94 NCCL WARN Call to ibv_open_device failed
[W318 Utils.hpp:137] Warning: Environment variable NCCL_ASYNC_ERROR_HANDLING
W0330 06:18:42.131632 1454012 api.py:900] Sending process 5 closing signal SIGTERM
| checkpoint_every      | 5000                                               |
always_save_checkpoint = True
resume_from_checkpoint=None,
[INFO] Loading checkpoint shards: 100%|##| 2/2 [00:06<00:00,  3.00s/it]
CondaError: Run 'conda init' before 'conda deactivate'
2025-10-23 - rustbpe - INFO - Finished training: 65271 merges completed
2024-11-03 - INFO - Epoch 1 completed. Average Training Loss: 0.2849
errors: 0
| WARNING: ran out of memory, skipping batch
Reduce the batch size if you run out of memory.
'resume_download' is deprecated
Defaulting to a single file if checkpoint is saved in HF format
[fairseq.checkpoint_utils][INFO] - Preparing to save checkpoint for epoch 1
rank 0 sample 0: Hello, I'm a language model, and the training is never done here
    checkpoint_validation_with_forward_pass  False................default
=== seed 2 exit_status=0 end 2026-05-18T15:23:10+00:00 ===
gptwatch: {"event": "eval", "step": 250, "eval_ms": 612.4}
"""


def listed(block: str) -> list[str]:
    """The cases of a block."""
    return block.strip("\n").split("\n")


@pytest.mark.parametrize(
    ("line", "kind"),
    [(line, kind) for kind, block in CASES.items() for line in listed(block)],
)
def test_a_line_that_matters_has_a_kind(line: str, kind: str) -> None:
    """What programs print at the turns of a run is the right milestone."""
    assert milestone(line.encode()) == kind


@pytest.mark.parametrize("line", listed(NOTHING))
def test_words_alone_are_no_milestone(line: str) -> None:
    """Metrics, settings, source code and warnings hold such words, too."""
    assert milestone(line.encode()) is None


@given(st.binary(max_size=300))
def test_no_bytes_break_it(line: bytes) -> None:
    """A log holds anything; bytes without a word in them are no milestone."""
    assert milestone(line) in {None, *CASES}
    assert milestone(re.sub(rb"[A-Za-z]", b"", line)) is None


@given(st.sampled_from(listed("".join(CASES.values()) + NOTHING)), st.randoms())
def test_all_lines_of_a_template_are_one_kind(line: str, chance: Random) -> None:
    """The kind is asked for once per template: it depends on no digit's value."""
    rolled = re.sub(r"\d", lambda _: str(chance.randrange(10)), line)

    assert milestone(rolled.encode()) == milestone(line.encode())


def test_no_rule_names_a_digit() -> None:
    """As for the formats' patterns."""
    assert _RULES

    for rule in _RULES:
        check(rule.fits)
        check(rule.but)


def test_a_long_line_is_read_at_both_ends() -> None:
    """A progress bar without an end must not hide what stands behind it."""
    line = b"." * 100_000 + b" slurmstepd: error: *** JOB 7 ON g CANCELLED AT 2024 ***"

    assert milestone(line) == "cancelled"
