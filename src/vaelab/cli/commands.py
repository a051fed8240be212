"""The list of commands."""

from vaelab.cli.completion import Completion
from vaelab.cli.data import DATA
from vaelab.cli.evaluate import Evaluate
from vaelab.cli.figures import Figures
from vaelab.cli.fit_prior import FitPrior
from vaelab.cli.group import Group
from vaelab.cli.parts import Parts
from vaelab.cli.report import Report
from vaelab.cli.study import STUDY
from vaelab.cli.train import Train

VAELAB = Group(
    "vaelab",
    "Variational autoencoders: train, measure and see them.",
    (STUDY, Train, FitPrior, Evaluate, Figures, Report, Parts, DATA, Completion),
    "vaelab COMMAND --help tells more of each. On every command, --plugin MODULE brings parts of your own.",
)
