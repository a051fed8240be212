"""One HTML page in which models run: the explorer. Its sources in TypeScript stand in explorer/ at the root."""
