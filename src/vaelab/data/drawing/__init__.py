"""Images drawn from known factors."""
