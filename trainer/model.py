"""GPT-2 as in nanoGPT: same parameter names, shapes and initialization.

Modules are created and initialized in nanoGPT's order: it decides which random number
each parameter gets, hence every loss.  Shapes: B batch, T time, C channels (n_embd),
nh heads, hs head size, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


MAX_SCORES = 2**25  # attention scores a layer may hold on a CPU, 200 MB with gradients
LOSS_CHUNK = 4096  # tokens whose logits are held at once by the chunked loss


@dataclass
class GPTConfig:
    """A checkpoint's `model_args`."""

    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    block_size: int = 1024
    bias: bool = True
    vocab_size: int = 50304  # GPT-2's 50257, rounded up to a multiple of 64
    dropout: float = 0.0


class LayerNorm(nn.Module):
    """Layer normalization with an optional bias."""

    def __init__(self, ndim, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ndim))
        self.bias = nn.Parameter(torch.zeros(ndim)) if bias else None

    def forward(self, x):
        """(..., C) -> (..., C)."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention."""

    def __init__(self, config):
        super().__init__()
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.n_head = config.n_head
        self.dropout = config.dropout

    def forward(self, x, cache=None):
        """(B, T, C) -> (B, T, C); `cache` holds keys and values of earlier tokens."""
        B, T, C = x.shape
        q, k, v = (
            part.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
            for part in self.c_attn(x).split(C, dim=2)
        )  # (B, nh, T, hs)
        if cache is not None:
            if self in cache:
                k = torch.cat((cache[self][0], k), dim=2)
                v = torch.cat((cache[self][1], v), dim=2)
            cache[self] = k, v
        y = attention(q, k, v, self.dropout if self.training else 0.0)  # (B, nh, T, hs)
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


def attention(q, k, v, dropout_p):
    """Causal attention; with one query and several keys the query is the last token."""
    B, nh, T, hs = q.shape
    # torch's CPU kernel is half as fast in bfloat16 as two plain matrix products, which
    # in turn hold all scores in memory.
    slow = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if not slow or B * nh * T * T > MAX_SCORES or k.size(2) != T:
        causal = k.size(2) == T
        return F.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout_p, is_causal=causal
        )
    q, k, v = (part.reshape(B * nh, T, hs) for part in (q, k, v))
    mask = torch.full((T, T), -math.inf, dtype=q.dtype).triu(1)
    scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(hs))
    weights = F.dropout(F.softmax(scores, dim=-1), dropout_p)
    return (weights @ v).view(B, nh, T, hs)


class MLP(nn.Module):
    """Position-wise feed-forward, 4x hidden size."""

    def __init__(self, config):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.gelu = nn.GELU()  # exact, as nanoGPT; OpenAI's tanh form differs by 4e-4
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        """(B, T, C) -> (B, T, C)."""
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    """Transformer block with pre-normalization."""

    def __init__(self, config):
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x, cache=None):
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn(self.ln_1(x), cache)
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Decoder-only transformer with tied input and output embeddings."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.recompute = False  # activation checkpointing
        self.chunked_loss = False
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "drop": nn.Dropout(config.dropout),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": LayerNorm(config.n_embd, bias=config.bias),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight  # weight tying
        self.apply(init_weights)
        std = 0.02 / math.sqrt(2 * config.n_layer)  # GPT-2: residual projections
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(weight, mean=0.0, std=std)

    def get_num_params(self):
        """Number of parameters without position embeddings, as nanoGPT counts."""
        wpe = self.transformer.wpe.weight
        return sum(p.numel() for p in self.parameters()) - wpe.numel()

    def forward(self, idx, targets=None, cache=None):
        """(logits of the last token, None), or (None, loss) if targets are given.

        The logits of all tokens are not returned with the loss: autograd would hold a
        gradient of their size for them, 4.9 GB at 48 x 1024 tokens.
        """
        x = self.hidden(idx, cache)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None  # (B, 1, V)
        return None, self.loss(x, targets)

    def hidden(self, idx, cache=None):
        """Final hidden states, (B, T) -> (B, T, C)."""
        past = next(iter(cache.values()))[0].size(2) if cache else 0
        pos = torch.arange(past, past + idx.size(1), device=idx.device)  # (T,)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        x = self.transformer.drop(x)
        for block in self.transformer.h:
            if self.recompute and self.training:
                x = checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x, cache)
        return self.transformer.ln_f(x)

    def loss(self, x, targets):
        """Mean cross-entropy of (B, T, C) hidden states, in nats per token."""
        x, targets = x.flatten(0, 1), targets.flatten()
        if not self.chunked_loss:
            return F.cross_entropy(self.lm_head(x), targets, ignore_index=-1)
        # Each chunk's logits are computed again in the backward pass.
        parts = zip(x.split(LOSS_CHUNK), targets.split(LOSS_CHUNK), strict=True)
        sums = [checkpoint(self.chunk_loss, *p, use_reentrant=False) for p in parts]
        return torch.stack(sums).sum() / (targets != -1).sum()

    def chunk_loss(self, x, targets):
        """Summed cross-entropy of (n, C) hidden states."""
        logits = self.lm_head(x)
        return F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum")

    def crop_block_size(self, block_size):
        """Reduce the context length, for instance of GPT-2's 1024."""
        self.config.block_size = block_size
        wpe = self.transformer.wpe.weight
        self.transformer.wpe.weight = nn.Parameter(wpe[:block_size].detach())

    @torch.no_grad()
    def generate(
        self, idx, max_new_tokens, temperature=1.0, top_k=None, *, cached=True
    ):
        """Extend (B, T) tokens by `max_new_tokens`; temperature 0 takes the likeliest.

        Keys and values are cached until the context is full.  From then on all
        positions shift with every token, and the whole context is computed again.
        """
        cache = {} if cached else None
        for _ in range(max_new_tokens):
            if idx.size(1) > self.config.block_size:
                logits, _ = self(idx[:, -self.config.block_size :])
            else:
                logits, _ = self(idx[:, -1:] if cache else idx, cache=cache)
            idx = torch.cat(
                (idx, sample_token(logits[:, -1, :], temperature, top_k)), 1
            )
        return idx


def sample_token(logits, temperature, top_k):
    """Draw the next token, (B, V) -> (B, 1), with nanoGPT's random numbers."""
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    logits = logits / temperature
    if top_k:
        v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
        logits[logits < v[:, [-1]]] = -math.inf
    return torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)


def init_weights(module):
    """GPT-2's initialization: N(0, 0.02), biases zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, mean=0.0, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
