"""The list of commands."""

from vaelab.cli.group import Group, Later

VAELAB = Group(
    "vaelab",
    "Variational autoencoders: train, measure and see them.",
    (
        Later("study", "STUDY"),
        Later("train", "Train"),
        Later("sweep", "Sweep"),
        Later("fit-prior", "FitPrior"),
        Later("evaluate", "Evaluate"),
        Later("figures", "Figures"),
        Later("report", "Report"),
        Later("explore", "Explore"),
        Later("export", "Export"),
        Later("push", "Push"),
        Later("pull", "Pull"),
        Later("parts", "Parts"),
        Later("data", "DATA"),
        Later("completion", "Completion"),
    ),
    "vaelab COMMAND --help tells more of each. On every command, --plugin MODULE brings parts of your own.",
)
