"""The baseline for training speed: the study's VAE as a plain PyTorch loop.

In-memory float tensors, torch.nn layers, Adam. It uses nothing of vaelab.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class PlainVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mu = nn.Linear(2048, 2)
        self.log_var = nn.Linear(2048, 2)
        self.expand = nn.Linear(2, 2048)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(128, 64, 3, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        h = self.encoder(x)
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        return self.decoder(functional.relu(self.expand(z)).view(-1, 128, 4, 4)), mu, log_var


def steps(images: np.ndarray, device: torch.device, bf16: bool) -> Iterator[int]:
    """Train for ever; yields the number of images of each step."""
    data = torch.from_numpy(images).float().div(255).to(device)
    torch.manual_seed(0)
    model = PlainVAE().to(device)
    optimiser, running = torch.optim.Adam(model.parameters(), lr=1e-3), 0.0
    while True:
        for rows in torch.randperm(len(data)).split(128):
            x = data[rows.to(device)]
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                x_hat, mu, log_var = (out.float() for out in model(x))
            reconstruction = functional.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
            kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp()) / len(x)
            loss = reconstruction + 0.1 * kl
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            running += loss.item()
            yield len(x)
