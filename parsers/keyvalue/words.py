"""Words around the numbers of free text: what makes a line one of a training."""

import re
from typing import Final

from parsers.keyvalue.normalise import REPEATED
from parsers.keyvalue.pairs import AMOUNT


# What an array or a tensor puts around its value.
WRAPPED: Final = rb"<tf\.[Tt]ensor: shape=\(\), dtype=\w{1,16}, numpy=|[\w.]{1,64}+\("
# Quick tests in lower case: nearly every line of text ends here.
CURVE: Final = re.compile(
    rb"(?:loss|nll|bpb|perplexity|ppl|entropy|val|train|heldout|lm|ce|xent|reward|return"
    rb"|cost|objective|mse|elbo|score|acc|err[gd]|verlust|perte|perda|perdita|strata|(?<!\w)g(?=[=:]))"
    rb"[\w/()\[\]\"']{0,64}(?: \([a-z/]+(?: \d+)?\)| total)?\s*+"
    rb"(?:[:=#]\s*+(?:" + WRAPPED + rb")?|(?:[-~]|[-=]>|is|was)\s++|tensor)?"
    rb"[\"'\[(]{0,9}+\s*+(?:[-+]?\.?\d|nan|[-+]?inf)"
)
CODE: Final = re.compile(
    # The last: a web server, a container being built, the end of it all.
    rb"(?<!=)==(?![=>])|[-+*]=|\bself\.|\bprint\(|\breturn\b(?!\s*+[:=\d-])"
    rb"|\bimport |\bassert "
    rb"|\blambda\b|^\s*#"
    rb"|\bif .{0,999}:|\bfor .{0,999} in |\bdef |\bclass "
    rb"|\{[A-Za-z_][\w.\[\]]*(?::[^{}\s]*)?\}|\d\s+#\s|(?<!\w)\d*+[A-Za-z_]\w*+\(\w++=|%\(|%[.\d]*[dfs]\b|^[^;]*+;\s*+$|\)\s*:\s*$|\bwandb:"
    rb"|\bHTTP/\d|</\w|^Step \d+/\d+ : [A-Z]"
    rb"|(?i:^\W*(?:done|finished)\b(?!.*(?:epoch|step|iter)))"
)
# A record that is printed as an object: `Metrics(step=1, loss=2.3)`; settings are none.
RECORD: Final = re.compile(
    rb"(?:^|[\s:>|\]-])(?P<name>(?!\w{0,32}(?i:conf|arg|param|sett|opt|namespace|hyper))"
    rb"[A-Z]\w{0,63}+\()(?:[a-z]\w{0,63}+=(?:" + AMOUNT + rb"|None|'[^']{0,64}+')"
    rb"(?:, |(?=\)))){2,64}+\)\s*+$"
)
SIDE: Final = re.compile(
    rb"(?i)(?<![\w/.-])(?:(?P<val>vali?|valid\w*|eval\w*|dev|held.?out)|(?P<test>test\w*)"
    rb"|(?P<train>train|training))(?![\w/]|\.\w|-\w)"
)
REPEATS: Final = re.compile(
    rb"(?i)(?<![\w])(?:best|lowest|final|sav(?:e|ed|es|ing)|checkpoint\w*|ckpt|early"
    rb"|load(?:ed|ing)?|restor\w+|resum\w+|improv\w+|(?<!train )(?<!valid )summary"
    rb"|so far|config\w*|args"
    rb"|arguments|namespace|hyper\w*|threshold|target|baseline|previous)(?!\w)"
    rb"|" + REPEATED
)
QUALIFIED: Final = re.compile(
    rb"(?i)\b(?:min|max|total|num|per|every|all|warm-?up|old|prev|last|each|ema"
    rb"|std(?:dev)?(?: of)?)\W*$"
)
# Before `loss`, what marks that it is not the model's, or no loss of a training; the
# last is a ratio.
OTHERS: Final = re.compile(
    r"(?i)(?:aux\w{0,32}|mtp|z|kl\w{0,32}|router|balanc\w{0,32}|load|moe|gan"
    r"|critic|value|reward|entropy|commit\w{0,32}|distill\w{0,32}|packet|weight|stop"
    r"|hearing|profit)[ _/-]{0,9}loss$|grad/param norm$|time[ _-]cost$"
)
# A loss that is a mean: it is no loss of a step where such are printed.
MEAN: Final = re.compile(r"(?:^|_)(?:avg|ave|average|mean|running|smoothed)_")
PAIR_OF_LOSSES: Final = re.compile(
    rb"(?i)\b(?:train\w{0,5}+ ?/ ?val\w{0,7}+ loss"
    rb"|loss ?\(train\w{0,5}+ ?/ ?val\w{0,7}+\))"
    rb"\s{0,9}+[:=]?+\s{0,9}+(?P<loss>"
    + AMOUNT
    + rb") ?/ ?(?P<val_loss>"
    + AMOUNT
    + rb")"
)
# The process that prints: `[rank 1] step 10`, `(GPU1)`, `loss 2.3, rank 1`.
RANK: Final = re.compile(
    rb"(?i)(?:^\W{0,9}|[\[(,|] ?)(?:(?:local|global)[ _])?rank[ _]?[:=#]? ?"
    rb"(?P<rank>\d{1,5}+)(?=[\s\]):;,|]|$)|[\[(]gpu[ :#]?(?P<gpu>\d{1,5}+)[\])]"
)
