"""Lines that matter and hold no metric: a checkpoint, a traceback, the end.

The rules are a table: what every such line holds (a quick test), the expression that
it must fit, and what makes it something else after all.  A rule treats all digits
alike: the lines of a template are one kind, so `exit code 0` and `exit code 1` cannot
be distinguished, but `killed` and `finished` can.
"""

import re
from dataclasses import dataclass
from typing import Final


# Longer lines are read at both ends: the words that matter stand there.
_LONG: Final = 4096

# What launchers, loggers and terminals put before a line: `[rank0]: `, `3: `, `^C`.
_HEAD: Final = (
    rb"^(?:\^[A-Z\[]{1,8})*(?:(?:\[[^\]]{1,60}\]:?|\d+:"
    rb"|\(\w{1,60} pid=\d{1,15}+[^)]{0,60}\)|\d{4}-\d\d-\d\d[ T][\d:.,]+)[ \t]?)*+"
)
# A sentence of its own: at the start, behind a mark, or behind a log level.
_OPEN: Final = rb"(?:^|[^\w\s]\s*|\s\s|\t|\b(?:INFO|NOTE|WARNING|ERROR)\s+)"
_NAME: Final = rb"(?:[A-Za-z_]\w*\.)*_*[A-Z]\w*"

# The source of the script stands before some logs, and in tracebacks.
_CODE: Final = re.compile(
    rb"^\s*(?:raise|except|assert|if|elif|else|for|while|def|class|return|import|from"
    rb"|with|try|pass|File)\b"
    rb"|^\s*(?:#|//|@|[rbf]?['\"](?!\w+['\"]:))"
    rb"|\bprint\w*\s*\(|\blog\w*\s*\(|\.(?:info|warning|error|debug|write|format)\("
    rb"|\b[fF][\"']|\{[A-Za-z_][\w.]*[}:!\[(]|%[sd]\b|\braise \w"
)
# glog's warnings (`W0330 06:18:42`), Python's, NCCL's, and those of loggers.
_WARNING: Final = rb"\bWARN|\bWarning\b|Warning:|\bW\d{3,4} \d"


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    need: str  # what each such line holds, in lower case
    fits: bytes  # compiled when a line comes that may fit
    but: bytes = b"(?!)"  # what makes it something else after all
    code: bool = True  # whether source code may look like it


def _last(kind: str, need: str, name: bytes, but: bytes = b"(?!)") -> _Rule:
    """The last line of a traceback: `torch.cuda.OutOfMemoryError: CUDA out of ...`."""
    return _Rule(kind, need, _HEAD + name + rb"\s*(?::(?:\s.*)?)?$", but, code=False)


_OOM: Final = (
    rb"\b(?:CUDA|HIP|XPU|MPS backend)(?: error:| runtime error:)? out of memory\b"
    rb"|^\W*out of memory\W*$|\bRESOURCE_EXHAUSTED\b|\bOOM when allocating\b"
    rb"|CUDA_ERROR_OUT_OF_MEMORY|\bCuda failure .{0,6}out of memory"
    rb"|\bnot enough memory: you tried|\bOut of memory: Kill|cgroup out-of-memory"
    rb"|\bOut Of Memory\s*$|\b[Ee]xceeded (?:job|step) memory limit"
    rb"|\b(?:Unable|Failed|failed) to allocate (?:memory|[\d.]+ ?[KMGT]i?B)"
    rb"|\b(?:[Cc]annot|can't) allocate memory|\b[Rr]an out of memory trying to"
    rb"|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|\bstd::bad_alloc\b"
    rb"|\bcudaErrorMemoryAllocation\b|\bhipErrorOutOfMemory\b|\bOOMKilled\b"
)
_NO_OOM: Final = (
    _WARNING + rb"|\b(?:avoid|prevent|case of|if|when|not)\b[^.]{0,40}out of memory"
    rb"|out of memory[^.]{0,30}\b(?:skip|recover|retr)"
)
_ERRORS: Final = _NAME + rb"(?:Error|Exception|Failure)"
# A command that is missing from a batch script stops no training.
_NO_ERRORS: Final = rb"\bCondaError\b"
_SAVED: Final = (
    rb"(?i)\bsaving (?:(?:model|the|final|best|new|full|a) ){0,3}checkpoint"
    rb"(?:(?: \S+)? (?:to|at|for|in)\b| \(or)"
    rb"|\bsaved (?:(?:model|the|final|best|new|a) ){0,3}checkpoint\b"
    rb"|\bcheckpoint\]?(?: \S+){0,5}? saved\b"
)
# A trainer that logs the beginning and the end of one save saves once.
_NOT_SAVED: Final = (
    rb"(?i)\b(?:is|are|be|was|not|no|if|when|last|every|zero) (?:checkpoint )?saved"
    rb"|\bno checkpoint|\bif checkpoint|finished saving|async saving|about to be"
    rb"|saving checkpoint at iteration|zero checkpoint|\xe2\x9c\x85 saved model"
    rb"|fairseq\.trainer\b"
)
_MODEL_SAVED: Final = (
    rb"\b[Ww]riting model to\b|\b[Ss]aving (?:the )?(?:best |final )?model to\b"
    rb"|\b[Ss]aved (?:the )?(?:best |final )?model (?:file |parameters )?(?:to|at):? "
    rb"|(?:\W|\b[Nn]ew )[Bb]est model saved\b|\b[Ss]aving best model\b"
    rb"|\b[Mm]odel saved (?:to|at)\b"
    rb"|\b[Mm]odel checkpoint of size .{1,20} saved\b"
)
_ENDED: Final = (
    _OPEN + rb"(?:Training|training|TRAINING) (?:(?:run|process|loop|job|is|has|was"
    rb"|successfully) ){0,3}(?i:completed?|finished|done|ended)\b"
    rb"|" + _OPEN + rb"(?:Finished|Done|Completed) training\b"
)
_NOT_ENDED: Final = (
    rb"(?i)\b(?:done|completed?|finished|training) (?:for |with )?epoch\b"
    rb"|\bmerges?\b|tokenizer|\bnot \w+ed\b"
)
# An optimizer step that mixed precision, or a guard of the trainer, did not take.
_SKIPPED: Final = (
    rb"(?i)\b[Gg]radient overflow\b|\bOVERFLOW! .{0,40}[Ss]kipping step"
    rb"|\bskipping (?:the |this )?(?:optimi[sz]er )?(?:step|update)\b"
)
_NAN: Final = (
    rb"(?i)\bloss\b[^|=]{0,40} (?:is|was|became|becomes|has become|turned|went)"
    rb" (?:\w+ or )?(?:nan|inf|infinite|non-?finite|not finite)\b"
    rb"|\b(?:nan|non-?finite|infinite|inf)(?:[ /]\w+)? loss(?: value)?"
    rb" (?:detected|encountered|found|at step|at iter|- stop|, stop|, abort)"
    rb"|\bloss returned in `?training_step`? is nan\b"
)

_RULES: Final = (
    _Rule(
        "traceback",
        "traceback",
        rb"Traceback \(most recent call last\)",
        rb"[\"'`]\s*Traceback|print",
        code=False,
    ),
    _last(
        "out of memory",
        "memory",
        rb"(?:[A-Za-z_]\w*\.)*_*(?:OutOf|Array)?MemoryError",
    ),
    _last("out of memory", "exhausted", _NAME + rb"ExhaustedError"),
    _Rule("out of memory", "memory", _OOM, _NO_OOM),
    _Rule(
        "out of memory", "oom", rb"\boom[-_ ]kill|\bOOM when allocating|\bOOMKilled\b"
    ),
    _Rule("out of memory", "alloc", _OOM, _NO_OOM),
    _Rule("out of memory", "exhausted", _OOM, _NO_OOM),
    _Rule("nan", "nan", _NAN),
    _Rule("nan", "finite", _NAN),
    _last("interrupted", "interrupt", rb"(?:[A-Za-z_]\w*\.)*KeyboardInterrupt"),
    _Rule(
        "interrupted",
        "interrupt",
        rb"\bDetected KeyboardInterrupt|\b[Ii]nterrupted by user|"
        + _OPEN
        + rb"(?:Training|Keyboard) interrupt(?:ed)?\b",
    ),
    _Rule(
        "cancelled",
        "cancelled",
        rb"\bCANCELLED (?:AT|DUE)\b",
        rb"DUE TO TASK FAILURE",
    ),
    _Rule(
        "cancelled",
        "kill",
        rb"\bjob killed: \w+ .* exceeded limit|\bjob killed after reaching",
    ),
    _Rule(
        "killed",
        "kill",
        rb"^(?:.*[:\d]\s+)?[Kk]illed(?:\s*$|\s\s+\S|\s+(?:python|torchrun|accelerate))",
    ),
    _Rule(
        "killed",
        "terminate",
        rb"^(?:.*: line \d+:\s+\d+\s+)?Terminated(?:\s*$|\s\s+\S)",
    ),
    _Rule(
        "interrupted",
        "sig",
        rb"(?i)\b(?:received|got|caught)\b.{0,20}\bSIGINT\b|\(SIGINT\) received",
        _WARNING,
    ),
    _Rule(
        "killed",
        "sig",
        rb"\bSignal \d+ \(SIG\w+\) received|Exception: Process \d+ got signal: \d"
        rb"|\b[Rr]eceived \d+ death signal",
        _WARNING,
    ),
    _Rule(
        "killed",
        "sig",
        rb"(?i)\b(?:received|got|caught)\b.{0,20}\bSIG(?:TERM|KILL|HUP|XCPU)\b",
        _WARNING,
    ),
    _Rule("killed", "exit", rb"\bexitcode\s*: -\d"),
    _Rule("error", "exit", rb"\bexitcode\s*: \d"),
    _Rule("killed", "exit", rb"\bexits with return code = -\d"),
    _Rule("error", "exit", rb"\bexits with return code = \d"),
    _last("error", "error", _ERRORS, _NO_ERRORS),
    _last("error", "exception", _ERRORS),
    _Rule("error", "error", rb"\[(?:CUDA|NCCL|MPI|HIP|cu\w+)(?: \w+)? ERROR\]"),
    _Rule("error", "error", _HEAD + rb"CUDA error: "),
    _Rule("error", "assert", rb"\bAssertion [`'\"].{0,500}failed\b", rb"block: \["),
    _Rule("error", "fault", rb"\bSegmentation fault\b", rb"(?i)\bif\b|\bavoid\b"),
    _Rule("error", "dumped", rb"\(core dumped\)"),
    _Rule("error", "terminate", rb"\bterminate called (?:after|without)"),
    _Rule("error", "sig", rb"\*\*\* Process received signal \*\*\*"),
    _Rule("error", "error", rb"\bFatal Python error: "),
    _Rule(
        "error",
        "failed",
        rb"^(?:\[[^\]]{1,60}\]:? ?)?[\w./-]+ FAILED\s*$"
        rb"|" + _OPEN + rb"[Tt]raining (?:failed|crashed|aborted)\b",
    ),
    _Rule(
        "error",
        "exit",
        rb"^srun: error: .*Exited with exit code \d|exited with non-zero status",
    ),
    _Rule(
        "error",
        "nccl",
        rb"\bnccl(?:System|Internal|Remote|Unhandled\w*)Error\b"
        rb"|\bNCCL (?:error|failure)\b|\bNCCL operations have failed",
        _WARNING,
    ),
    _Rule(
        "error",
        "watchdog",
        rb"\bWatchdog caught collective operation timeout"
        rb"|\bNCCL watchdog thread terminated|\bwatchdog got stuck\b",
        _WARNING,
    ),
    _Rule("finished", "training", _ENDED, _NOT_ENDED),
    _Rule("finished", "train_runtime", rb"['\"]train_runtime['\"]: ?['\"]?\d"),
    _Rule("finished", "minimum val", rb"\bMinimum validation bpb: \d"),
    _Rule("finished", "completed in", rb"\b\d+ epochs completed in \d"),
    _Rule("finished", "stopp", rb"`Trainer\.fit` stopped: "),
    _Rule("finished", "stopp", rb"\bstopping_early: ?\w"),
    _Rule("finished", "weights", rb"\bSaved final (?:adapter )?weights\b"),
    _Rule("finished", "training_seconds", rb"^\s*training_seconds: +\d"),
    _Rule("finished", "memory", rb"^peak memory \w+: \d+ MiB"),
    _Rule("finished", "total average", rb"^total average iteration time: \d"),
    _Rule("finished", "train] d", rb"^\[train\] done\."),
    _Rule("finished", "stopp", rb"\brun stopped at step \d"),
    _Rule(
        "resumed",
        "resum",
        rb"(?i)\bresum(?:ed|ing) (?:(?:the|model|training|run|optimi[sz]ation|state) )"
        rb"{0,3}(?:from|at)\b|\btraining will resume\b",
    ),
    _Rule("resumed", "training", rb"\bContinuing training from checkpoint\b"),
    _Rule(
        "resumed",
        "load",
        rb"\b[Ll]oaded (?:the )?checkpoint\b(?! shards)|\b[Cc]heckpoint loaded\b"
        rb"|\bloading checkpoint from .{1,300} at iteration \d",
    ),
    _Rule(
        "resumed",
        "restor",
        rb"\bRestored (?:all states )?from (?:the )?checkpoint|\b[Rr]estored checkpoint"
        rb"|\bRestoring states from the checkpoint",
    ),
    _Rule("resumed", "continu", rb"(?i)\bcontinuing (?:training )?(?:at|from) step\b"),
    _Rule(
        "start",
        "scratch",
        rb"\bInitializing a new model from scratch|\bTraining new model from scratch"
        rb"|\b[Ss]tarting from scratch\b",
    ),
    _Rule(
        "start",
        "training",
        rb"\*{3} Running training \*{3}|\bTraining starts at step \d|"
        + _OPEN
        + rb"(?:(?:Starting|Begin|Beginning) training|Training started)\b",
    ),
    _Rule(
        "start", "start", rb"\bwill start from random\b|\bcheckpoint, starting fresh\b"
    ),
    _Rule("skipped", "skipping", _SKIPPED),
    _Rule("skipped", "overflow", _SKIPPED),
    _Rule("checkpoint", "checkpoint", _SAVED, _NOT_SAVED),
    _Rule("checkpoint", "model", _MODEL_SAVED),
    _Rule(
        "checkpoint",
        "weights",
        rb"\bSaved adapter weights to\b|\bSaving \w+ weights to\b",
    ),
)

_BY_NEED: Final = {
    need: [rule for rule in _RULES if rule.need == need]
    for need in dict.fromkeys(rule.need for rule in _RULES)
}

# How our own trainer, and `gptwatch run`, log that a run has ended.
_OWN: Final = b'gptwatch: {"event": "e'
# Each milestone holds one of these, in lower case.
WORDS: Final = (*_BY_NEED, _OWN.decode())
_OWN_END: Final = re.compile(
    rb'gptwatch: \{"event": "(?:end|exit)", "(?:reason|status)": "(\w+)"'
)
_REASONS: Final = {
    b"max_iters": "finished",
    b"early_stopping": "finished",
    b"eval_only": "finished",
    b"finished": "finished",
    b"nonfinite": "nan",
    b"SIGINT": "interrupted",
    b"interrupted": "interrupted",
    b"crashed": "error",
}


def milestone(line: bytes) -> str | None:
    """The kind of milestone that a line is (see `parsers.batch.Milestone`)."""
    if len(line) > _LONG:
        line = line[: _LONG // 2] + b" " + line[-_LONG // 2 :]
    # Searching text is seven times as fast as searching bytes (CPython 3.11).
    text = line.lower().decode("latin-1")
    for need in filter(text.__contains__, _BY_NEED):
        for rule in _BY_NEED[need]:
            if _fits(rule, line):
                return rule.kind
    return _own_end(line) if _OWN in line else None


def _fits(rule: _Rule, line: bytes) -> bool:
    if not re.search(rule.fits, line) or re.search(rule.but, line):
        return False
    return not (rule.code and _CODE.search(line))


def _own_end(line: bytes) -> str | None:
    found = _OWN_END.search(line)
    if found is None:
        return None
    # What remains is the name of a signal, or "killed".
    return _REASONS.get(found[1], "killed")
