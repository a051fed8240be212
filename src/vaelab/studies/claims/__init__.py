"""The claims of the study, each tested by numbers that could refute it."""
