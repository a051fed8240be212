"""The study's claims, each put to a number that could refute it."""
