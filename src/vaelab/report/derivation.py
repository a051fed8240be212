"""The derivation of the loss, in a few steps that a student can follow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """A formula in TeX and in words."""

    tex: str
    spoken: str


@dataclass(frozen=True)
class Step:
    """A step of the derivation.

    Args:
        title: a few words.
        words: the step and the reason for it.
        formulas: the result, one formula per line.
    """

    title: str
    words: str
    formulas: tuple[Formula, ...]


SYMBOLS: tuple[tuple[Formula, str], ...] = (
    (Formula("x", "x"), "an image, its D pixels numbered by j"),
    (Formula("z", "z"), "its latent, L numbers"),
    (Formula("p(z)", "p of z"), "the prior: the distribution of latents before any image is seen"),
    (
        Formula(r"p_\theta(x\,|\,z)", "p theta of x given z"),
        "the decoder, weights θ: the likelihood of an image given a latent",
    ),
    (
        Formula(r"q_\phi(z\,|\,x)", "q phi of z given x"),
        "the encoder, weights φ: a guess at the latents behind an image",
    ),
    (Formula(r"\mathbb{E}_{q}", "expectation under q"), "the average over latents drawn from the encoder"),
)

STEPS = (
    Step(
        "The goal",
        "A good model gives the images a high likelihood. That likelihood is an integral over all latents, and nearly "
        "every latent explains a given image badly, so it cannot be estimated by drawing latents from the prior.",
        (
            Formula(
                r"\log p_\theta(x) = \log \int\ p_\theta(x\,|\,z)\,p(z)\,dz",
                "log p theta of x equals the log of the integral over z of p theta of x given z times p of z",
            ),
        ),
    ),
    Step(
        "Ask the encoder, and use Jensen's inequality",
        "Multiply and divide by the encoder's density: the integral becomes an average over likely latents. The "
        "logarithm is concave, so the logarithm of an average is at least the average of logarithms. That average is"
        " the ELBO, the evidence lower bound.",
        (
            Formula(
                r"\log p_\theta(x) = \log \mathbb{E}_{q}\left[\dfrac{p_\theta(x\,|\,z)\,p(z)}{q_\phi(z\,|\,x)}\right]",
                "log p theta of x equals the log of the expectation under q of p theta of x given z times p of z "
                "over q phi of z given x",
            ),
            Formula(
                r"\geq\ \mathbb{E}_{q}\left[\log \dfrac{p_\theta(x\,|\,z)\,p(z)}{q_\phi(z\,|\,x)}\right]"
                r" = \mathrm{ELBO}(x)",
                "is at least the expectation under q of the log of the same ratio, which is the ELBO of x",
            ),
        ),
    ),
    Step(
        "The gap of the bound",
        "The two sides differ by a Kullback-Leibler divergence, which is never negative and is zero only where the "
        "encoder is the true posterior. So a higher ELBO means likelier images, or a better encoder, or both.",
        (
            Formula(
                r"\log p_\theta(x) = \mathrm{ELBO}(x) + \mathrm{KL}(q_\phi(z\,|\,x)\,\Vert\,p_\theta(z\,|\,x))",
                "log p theta of x equals the ELBO of x plus the K L divergence from q phi of z given x to p theta of"
                " z given x",
            ),
        ),
    ),
    Step(
        "Two terms",
        "Split the logarithm. The loss, and the number in tables, is the negative: a reconstruction term, which "
        "measures how badly the decoder explains the image from its latent, plus a KL term, which measures the "
        "information in the latent beyond the prior. Both are sums over pixels or latent dimensions, in nats per "
        "image; their sum is the total.",
        (
            Formula(
                r"-\mathrm{ELBO}(x) = -\mathbb{E}_{q}\left[\log p_\theta(x\,|\,z)\right]",
                "minus the ELBO of x equals minus the expectation under q of log p theta of x given z",
            ),
            Formula(
                r"+\ \mathrm{KL}(q_\phi(z\,|\,x)\,\Vert\,p(z))",
                "plus the K L divergence from q phi of z given x to the prior p of z",
            ),
        ),
    ),
    Step(
        "The KL of two Gaussians",
        "With a Gaussian encoder and a standard normal prior the KL needs no sampling. The latent itself is drawn "
        "as mean plus deviation times noise, so that gradients reach the encoder through both.",
        (
            Formula(
                r"\mathrm{KL} = \dfrac{1}{2}\,\sum_{i=1}^{L}\left(\mu_i^2 + \sigma_i^2 - 1 - \log \sigma_i^2\right)",
                "K L equals one half of the sum over i from 1 to L of mu i squared plus sigma i squared minus one "
                "minus log sigma i squared",
            ),
            Formula(
                r"z = \mu + \sigma \odot \varepsilon,\quad \varepsilon \sim \mathcal{N}(0, I)",
                "z equals mu plus sigma times epsilon, element by element, epsilon drawn from a standard normal",
            ),
        ),
    ),
    Step(
        "The weight of the KL",
        "A factor β sets the price of information in the latent. β = 1 is the bound; a higher β trades reconstruction "
        "for simpler latents; a warm-up raises it from near 0 to 1 over the first epochs, so that the latent is in use "
        "before it costs much. Tables show the KL before β.",
        (
            Formula(
                r"\mathrm{loss}(x) = -\mathbb{E}_{q}\left[\log p_\theta(x\,|\,z)\right] + \beta\,\mathrm{KL}",
                "the loss of x equals minus the expectation under q of log p theta of x given z plus beta times K L",
            ),
        ),
    ),
    Step(
        "With a label",
        "A conditional VAE gives both networks the label y, and the same steps bound the likelihood of the image given "
        "its label. The latent need not carry the class any more, so it carries style, and its KL falls. Here the "
        "prior is the same for every label, unless the model has a prior that depends on it.",
        (
            Formula(
                r"\log p_\theta(x\,|\,y) \geq \mathbb{E}_{q_\phi(z\,|\,x,y)}\left[\log p_\theta(x\,|\,z,y)\right]",
                "log p theta of x given y is at least the expectation under q phi of z given x and y of log p theta "
                "of x given z and y",
            ),
            Formula(
                r"-\ \mathrm{KL}(q_\phi(z\,|\,x,y)\,\Vert\,p(z))",
                "minus the K L divergence from q phi of z given x and y to p of z",
            ),
        ),
    ),
    Step(
        "Grey pixels",
        "A Bernoulli decoder gives the probability π that a pixel is white. If pixels are 0 or 1, the "
        "reconstruction term is a negative log-likelihood. If they are grey, it is a cross-entropy: a sound loss, "
        "comparable between models on the same images, but no log-likelihood, so the total bounds no evidence and "
        "has no bits per dimension.",
        (
            Formula(
                r"-\sum_{j=1}^{D}\left[x_j\,\log\,\pi_j + (1 - x_j)\,\log(1 - \pi_j)\right]",
                "minus the sum over j from 1 to D of x j log pi j plus one minus x j times log of one minus pi j",
            ),
        ),
    ),
)

SOURCES = (
    "Kingma and Welling (2014), Auto-Encoding Variational Bayes: the bound (equations 1 to 3), drawing the latent "
    "(section 2.4), the Gaussian KL (appendix B).",
    "Sohn, Lee and Yan (2015), Learning Structured Output Representation using Deep Conditional Generative Models: "
    "the bound given a condition.",
    "Higgins et al. (2017), beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework: the "
    "weight of the KL (equation 4).",
)
