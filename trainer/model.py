"""GPT-2 as nanoGPT builds it: same names, same shapes, same random numbers.

Names and shapes let checkpoints go both ways.  The order in which layers are made and
initialised decides which random number each weight gets; it is nanoGPT's, so that the
losses are, too.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


MAX_SCORES = 2**25  # numbers; some 200 MB per layer with what backward needs


@dataclass
class ModelArgs:
    """What a checkpoint stores as `model_args`."""

    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    block_size: int = 1024
    bias: bool = True
    vocab_size: int = 50304  # GPT-2's 50257, rounded up to a multiple of 64
    dropout: float = 0.0


class LayerNorm(nn.Module):
    """Layer norm whose bias is optional."""

    def __init__(self, width, *, bias):
        """Start as the identity, but for the normalising."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        """Normalise the last dimension."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class CausalSelfAttention(nn.Module):
    """Every token looks at itself and at those before it."""

    def __init__(self, args):
        """Make one matrix for q, k, v of all heads, and one to put heads together."""
        super().__init__()
        self.c_attn = nn.Linear(args.n_embd, 3 * args.n_embd, bias=args.bias)
        self.c_proj = nn.Linear(args.n_embd, args.n_embd, bias=args.bias)
        self.resid_dropout = nn.Dropout(args.dropout)
        self.n_head = args.n_head
        self.dropout = args.dropout

    def forward(self, x):
        """Mix tokens; torch picks the fastest attention the machine has."""
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
            for part in self.c_attn(x).split(C, dim=2)
        )  # (B, nh, T, hs) each
        dropout = self.dropout if self.training else 0.0
        y = attend(q, k, v, dropout)  # (B, nh, T, hs)
        y = y.transpose(1, 2).contiguous().view(B, T, C)  # heads side by side
        return self.resid_dropout(self.c_proj(y))


def attend(q, k, v, dropout):
    """Mix the values of (B, nh, T, hs) by how keys answer queries, none from later."""
    B, nh, T, hs = q.shape
    # torch's CPU kernel is half as fast in bfloat16 as two plain products, which in
    # turn hold all scores in memory.
    slow = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if not slow or B * nh * T * T > MAX_SCORES:
        return F.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=True
        )
    q, k, v = (part.reshape(B * nh, T, hs) for part in (q, k, v))
    future = torch.full((T, T), -math.inf, dtype=q.dtype).triu(1)
    scores = torch.baddbmm(future, q, k.transpose(1, 2), alpha=1 / math.sqrt(hs))
    weights = F.dropout(F.softmax(scores, dim=-1), dropout)
    return (weights @ v).view(B, nh, T, hs)


class MLP(nn.Module):
    """Every token thinks for itself, in four times the width."""

    def __init__(self, args):
        """Make the way up and the way down."""
        super().__init__()
        self.c_fc = nn.Linear(args.n_embd, 4 * args.n_embd, bias=args.bias)
        self.gelu = nn.GELU()  # exact, as nanoGPT; OpenAI's tanh differs by 4e-4
        self.c_proj = nn.Linear(4 * args.n_embd, args.n_embd, bias=args.bias)
        self.dropout = nn.Dropout(args.dropout)

    def forward(self, x):
        """Map (B, T, C) to (B, T, C)."""
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    """Attention, then the MLP, each added to what flows past."""

    def __init__(self, args):
        """Make the parts in nanoGPT's order."""
        super().__init__()
        self.ln_1 = LayerNorm(args.n_embd, bias=args.bias)
        self.attn = CausalSelfAttention(args)
        self.ln_2 = LayerNorm(args.n_embd, bias=args.bias)
        self.mlp = MLP(args)

    def forward(self, x):
        """Map (B, T, C) to (B, T, C)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """The whole network: tokens in, a loss or the next token's logits out."""

    def __init__(self, args):
        """Make and initialise all weights; on the meta device this costs nothing."""
        super().__init__()
        self.args = args
        self.recompute = False  # trade a third more arithmetic for activations' memory
        self.chunked_loss = False
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(args.vocab_size, args.n_embd),
                "wpe": nn.Embedding(args.block_size, args.n_embd),
                "drop": nn.Dropout(args.dropout),
                "h": nn.ModuleList([Block(args) for _ in range(args.n_layer)]),
                "ln_f": LayerNorm(args.n_embd, bias=args.bias),
            }
        )
        self.lm_head = nn.Linear(args.n_embd, args.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight  # one matrix, both ways
        self.apply(init_weights)
        std = 0.02 / math.sqrt(2 * args.n_layer)  # 2 n_layer terms add up
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, mean=0.0, std=std)

    def parameter_count(self):
        """Count weights as nanoGPT does: without position embeddings."""
        return sum(p.numel() for p in self.parameters()) - self.wpe.numel()

    @property
    def wpe(self):
        """The position embeddings, shape (block_size, n_embd)."""
        return self.transformer.wpe.weight

    def forward(self, tokens, targets=None):
        """Give (logits, loss) for (B, T) tokens; without targets the last logits."""
        x = self.hidden(tokens)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None  # (B, 1, V)
        if self.chunked_loss:
            return None, chunked_loss(x, self.lm_head.weight, targets)
        logits = self.lm_head(x)  # (B, T, V)
        flat = logits.view(-1, logits.size(-1))
        return logits, F.cross_entropy(flat, targets.view(-1), ignore_index=-1)

    def hidden(self, tokens):
        """Give what the head reads, shape (B, T, C)."""
        positions = torch.arange(tokens.size(1), device=tokens.device)  # (T,)
        x = self.transformer.wte(tokens) + self.transformer.wpe(positions)
        x = self.transformer.drop(x)
        for block in self.transformer.h:
            if self.recompute and self.training:
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return self.transformer.ln_f(x)

    def crop_block_size(self, block_size):
        """Shorten the context, for instance of a GPT-2 that was trained with 1024."""
        self.args.block_size = block_size
        self.transformer.wpe.weight = nn.Parameter(self.wpe[:block_size].detach())

    @torch.no_grad()
    def generate(self, tokens, count, *, temperature=1.0, top_k=None):
        """Yield `count` sampled tokens, shape (B, 1), one after the other."""
        for _ in range(count):
            logits, _ = self(tokens[:, -self.args.block_size :])
            logits = logits[:, -1, :].float() / temperature
            if top_k:
                least = logits.topk(min(top_k, logits.size(-1))).values[:, [-1]]
                logits[logits < least] = -math.inf
            new = torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)
            tokens = torch.cat((tokens, new), dim=1)
            yield new


def init_weights(module):
    """Draw a layer's weights from N(0, 0.02), as GPT-2 did."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, mean=0.0, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def chunked_loss(x, weight, targets):
    """Cross-entropy in chunks of tokens: at V=50304 the logits are what fills a GPU."""
    options = torch.nn.LinearCrossEntropyOptions()
    flat = x.view(-1, x.size(-1)).to(weight.dtype)
    return F.linear_cross_entropy(flat, weight, targets.view(-1), options=options)
