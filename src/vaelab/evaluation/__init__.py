"""The evaluation of a trained model: its parts, their numbers with uncertainties, and the budget.

This front page imports no torch.
"""

from vaelab.evaluation.budget import Budget as Budget
from vaelab.evaluation.parts import PARTS as PARTS, Part as Part, chosen as chosen
from vaelab.evaluation.results import (
    Evaluation as Evaluation,
    Number as Number,
    Section as Section,
    read_evaluation as read_evaluation,
)
