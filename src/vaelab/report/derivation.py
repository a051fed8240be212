"""The derivation of the loss, step by step."""

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
        title: the title of the step.
        words: the step and its justification.
        formulas: the result, one formula per line.
    """

    title: str
    words: str
    formulas: tuple[Formula, ...]


SYMBOLS: tuple[tuple[Formula, str], ...] = (
    (Formula("x", "x"), "an image with D pixels, indexed by j"),
    (Formula("z", "z"), "its latent, a vector of L numbers"),
    (Formula("p(z)", "p of z"), "the prior: the distribution of latents before any image is seen"),
    (
        Formula(r"p_\theta(x\,|\,z)", "p theta of x given z"),
        "the decoder, with weights θ: the likelihood of an image given a latent",
    ),
    (
        Formula(r"q_\phi(z\,|\,x)", "q phi of z given x"),
        "the encoder, with weights φ: an approximation of the posterior of the latent given an image",
    ),
    (Formula(r"\mathbb{E}_{q}", "expectation under q"), "the expectation over latents drawn from the encoder"),
)

STEPS = (
    Step(
        "The goal",
        "A good model gives the images a high likelihood. This likelihood is an integral over all latents, and nearly "
        "all latents explain a given image badly, so it cannot be estimated by drawing latents from the prior.",
        (
            Formula(
                r"\log p_\theta(x) = \log \int\ p_\theta(x\,|\,z)\,p(z)\,dz",
                "log p theta of x equals the log of the integral over z of p theta of x given z times p of z",
            ),
        ),
    ),
    Step(
        "Importance sampling and Jensen's inequality",
        "Multiply and divide by the encoder's density: the integral becomes an expectation over plausible latents. The "
        "logarithm is concave, so the logarithm of an expectation is at least the expectation of the logarithm. The "
        "latter is the ELBO, the evidence lower bound.",
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
        "The two sides differ by a Kullback-Leibler divergence, which is never negative and is zero only if the "
        "encoder equals the true posterior. A higher ELBO means a higher likelihood, a better encoder, or both.",
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
        "Split the logarithm. The loss, reported in tables, is the negative ELBO: a reconstruction term, which "
        "is large if the decoder explains the image badly, plus a KL term, which measures the information in the "
        "latent beyond the prior. Both are sums over pixels or latent dimensions, in nats per "
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
        "With a Gaussian encoder and a standard normal prior the KL has a closed form. The latent is drawn as mean "
        "plus standard deviation times noise, so that gradients reach the encoder through both.",
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
        "A factor β weights the KL. β = 1 gives the ELBO; a higher β trades reconstruction for simpler latents; a "
        "warm-up raises β from near 0 to 1 over the first epochs, so that the model uses the latent before the KL is "
        "fully weighted. Tables show the KL before β.",
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
        "its label. The latent no longer needs to encode the class, so it encodes style, and its KL falls. Here the "
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
        "A Bernoulli decoder gives the probability π that a pixel is white. For binary pixels the reconstruction "
        "term is a negative log-likelihood. For grey pixels it is a cross-entropy: a valid loss, comparable between "
        "models on the same images, but not a log-likelihood. The total is then not a bound on the evidence and has "
        "no bits per dimension.",
        (
            Formula(
                r"-\sum_{j=1}^{D}\left[x_j\,\log\,\pi_j + (1 - x_j)\,\log(1 - \pi_j)\right]",
                "minus the sum over j from 1 to D of x j log pi j plus one minus x j times log of one minus pi j",
            ),
        ),
    ),
)

SOURCES = (
    "Kingma and Welling (2014), Auto-Encoding Variational Bayes: the bound (equations 1 to 3), reparameterisation "
    "(section 2.4), the Gaussian KL (appendix B).",
    "Sohn, Lee and Yan (2015), Learning Structured Output Representation using Deep Conditional Generative Models: "
    "the bound given a condition.",
    "Higgins et al. (2017), beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework: the "
    "weight of the KL (equation 4).",
)
