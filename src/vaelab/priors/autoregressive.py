"""The autoregressive prior over discrete codes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.distributions.constraints import independent, nonnegative_integer

from vaelab.contract import Infer, Prior
from vaelab.distributions import as_float32
from vaelab.sizes import CodeSpace

# Below this temperature only the most likely code is drawn; it also avoids a division by 0.
_COLDEST = 1e-6


class CodesPrior(Prior):
    """A prior over discrete codes that gives each slot a distribution, given the slots before it."""

    code_space: CodeSpace

    def forward(self, c: Float[Tensor, "B K"] | None = None, infer: Infer | None = None) -> Distribution:
        """The distribution over all slots, of batch shape () or, given a condition, (B,)."""
        return AutoregressiveDistribution(self, c)

    def draw(self, n: int, c: Float[Tensor, "N K"] | None, infer: Infer | None, temperature: float) -> Tensor:
        """`n` codes drawn from logits divided by the temperature; at 0 the most likely code of each slot in turn."""
        return AutoregressiveDistribution(self, c, temperature).expand((n,)).sample()

    @abstractmethod
    def next_logits(self, before: Int[Tensor, "N T"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N _ V"]:
        """Logits of the first T + 1 slots (at most all slots), given the codes of the first T."""


class AutoregressivePrior(CodesPrior):
    """A causal transformer over the slots in order.

    p(code | c) = prod_i p(code_i | code_<i, c): the prior of van den Oord, Vinyals and Kavukcuoglu (2017), section 3.3,
    with the transformer of Vaswani et al. (2017) instead of a PixelCNN. Discrete codes pass no gradient, so training
    the prior together with the model, with the KL as its loss, does not change the encoder or the decoder.

    Args:
        code_space: number of slots, and number of codes of each.
        condition: K, dimensions of the condition; 0 for none.
        layers, width, heads: number of layers, width and number of attention heads of the transformer.
    """

    def __init__(self, code_space: CodeSpace, condition: int, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.code_space = code_space
        # The start token, to which the embedded condition is added.
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.condition = nn.Linear(condition, width, bias=False) if condition else None
        self.embedding = nn.Embedding(code_space.size, width) if code_space.slots > 1 else None
        self.position = nn.Parameter(0.02 * torch.randn(code_space.slots, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.logits = nn.Linear(width, code_space.size)

    def next_logits(self, before: Int[Tensor, "N T"], c: Float[Tensor, "N K"] | None) -> Float[Tensor, "N _ V"]:
        """Logits of the first T + 1 slots (at most all slots), given the codes of the first T."""
        first = self.start if self.condition is None or c is None else self.start + self.condition(c)
        states = first.expand(before.shape[0], -1)[:, None]
        if self.embedding is not None:
            given = before[:, : self.code_space.slots - 1]
            states = torch.cat([states, self.embedding(given)], 1)
        length = states.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=states.device, dtype=states.dtype)
        states = self.transformer(states + self.position[:length], mask, is_causal=True)
        logits: Tensor = self.logits(states)
        return as_float32(logits)


class AutoregressiveDistribution(Distribution):
    """The distribution of a `CodesPrior`, over integers of shape (slots,).

    Args:
        prior: gives the logits.
        c: the condition, (B, K), or None.
        temperature: divisor of the logits, clamped to at least 1e-6.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, prior: CodesPrior, c: Tensor | None, temperature: float = 1.0) -> None:
        self.prior, self.c, self.temperature = prior, c, max(temperature, _COLDEST)
        batch = torch.Size() if c is None else torch.Size(c.shape[:1])
        super().__init__(batch, torch.Size([prior.code_space.slots]), validate_args=False)

    @property
    def support(self) -> Any:
        """Non-negative integers."""
        return independent(nonnegative_integer, 1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> AutoregressiveDistribution:
        """The same distribution, expanded to a batch of one dimension."""
        c = None if self.c is None else self.c.expand(*batch_shape, -1)
        new = AutoregressiveDistribution(self.prior, c, self.temperature)
        new._batch_shape = torch.Size(batch_shape)
        return new

    def log_prob(self, value: Int[Tensor, "*S B slots"]) -> Float[Tensor, "*S B"]:
        """log p(code) by the chain rule, nats, summed over slots."""
        flat = value.flatten(0, -2)
        logits = self.prior.next_logits(flat, self._conditions(flat.shape[0]))
        scores = Categorical(logits=logits / self.temperature, validate_args=False).log_prob(flat)
        log_p: Tensor = scores.sum(-1).unflatten(0, value.shape[:-1])
        return log_p

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Int[Tensor, "*S slots"]:
        """Codes, drawn slot by slot."""
        shape = torch.Size(sample_shape) + self.batch_shape
        n = shape.numel()
        codes = torch.empty(n, 0, dtype=torch.long, device=next(self.prior.parameters()).device)
        c = self._conditions(n)
        for _ in range(self.prior.code_space.slots):
            logits = self.prior.next_logits(codes, c)[:, -1] / self.temperature
            codes = torch.cat([codes, Categorical(logits=logits, validate_args=False).sample()[:, None]], 1)
        return codes.reshape(*shape, -1)

    def _conditions(self, n: int) -> Tensor | None:
        """The condition of each of `n` flattened codes: samples are the outer dimension, so the batch repeats."""
        return None if self.c is None else self.c.repeat(n // self.c.shape[0], 1)
