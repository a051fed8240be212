"""The contract: what the parts of a model are given and what they return. S samples, B images, L latents; nats.

| part | method | returns |
| --- | --- | --- |
| `Network` | `encode(x, c)`, `decode(z, c)` | features h, (B, F); parameters of the likelihood, (N, P, H, W) |
| `Posterior` | `forward(h, samples)` | a `Draw`: `q`, `code` (scored by q and the prior), `z` (read by the decoder) |
| `Prior` | `forward(c, infer)` | a distribution over codes, of batch shape () or (B,) |
| `Experts` | `forward(experts, present, prior)` | q(z | the views that are present), from the posterior of each view |
| `Likelihood` | `forward(theta)` | a distribution over an image; its `.mean` is the decoded image |
| model | `forward(x, y, samples)` | a `Trace`: x, p(x | z) and one `Latent` (a `Draw` with its prior) per latent |
| objective | `(trace, progress)` | the loss, a scalar in nats |

Modules return distributions; losses are written in `log_prob` and `kl`. Numbers are summed over pixels and over the
dimensions of a latent. Each module is built by a spec of its room (`vaelab.networks.NetworkSpec`, ...).
"""

from vaelab.contract.parts import (
    Draw as Draw,
    Experts as Experts,
    Infer as Infer,
    Likelihood as Likelihood,
    Network as Network,
    Posterior as Posterior,
    Prior as Prior,
)
from vaelab.contract.trace import Latent as Latent, Trace as Trace
