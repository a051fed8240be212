"""Self-attention between the positions of a map."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vaelab.networks.cells import GroupNorm


class SelfAttention(nn.Module):
    """Residual self-attention between the positions of a map, x + W softmax(q k^T / sqrt(C)) v.

    Vaswani et al. (2017), equation 1, with one head over the positions of an image (Wang et al. 2018). q, k and v are
    1x1 convolutions of the normalised map. There is no position embedding, so the layer is permutation equivariant.

    Args:
        channels: C of the map.
        normalise: the normalisation; by default that of the cells.
    """

    def __init__(self, channels: int, normalise: nn.Module | None = None) -> None:
        super().__init__()
        self.normalise = normalise or GroupNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The map plus its attention branch."""
        positions = self.qkv(self.normalise(x)).flatten(2).transpose(1, 2)  # (N, H W, 3 C)
        q, k, v = positions.unsqueeze(1).chunk(3, dim=-1)  # one head
        attended = scaled_dot_product_attention(q, k, v).squeeze(1)
        y: Tensor = x + self.project(attended.transpose(1, 2).unflatten(2, x.shape[2:]))
        return y
