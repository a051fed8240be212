"""The baseline for training speed: the study's VAE as a plain PyTorch loop.

In-memory float tensors, torch.nn layers, Adam, fp32. It uses nothing of vaelab except a file of images, and prints
the images/s of the last epoch.

    python benchmarks/plain_loop.py IMAGES.npy DEVICE EPOCHS
"""

import sys
import time

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


def main(path: str, device: str, epochs: int) -> None:
    images = torch.from_numpy(np.load(path)).float().div(255).to(device)
    torch.manual_seed(0)
    model = PlainVAE().to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        seconds = epoch(model, optimiser, images)
    print(len(images) / seconds)


def epoch(model: PlainVAE, optimiser: torch.optim.Optimizer, images: torch.Tensor) -> float:
    began, running = time.perf_counter(), 0.0
    for rows in torch.randperm(len(images)).split(128):
        x = images[rows.to(images.device)]
        x_hat, mu, log_var = model(x)
        reconstruction = functional.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp()) / len(x)
        loss = reconstruction + 0.1 * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        running += loss.item()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
