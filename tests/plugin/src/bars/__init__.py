"""A plugin of vaelab: it brings a part of each kind."""
