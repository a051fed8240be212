"""The evaluation of a trained model: its parts, their numbers with uncertainties, and the budget.

This front page imports no torch.
"""

from vaelab.evaluation.budget import Budget
from vaelab.evaluation.parts import PARTS, Part, chosen
from vaelab.evaluation.results import Evaluation, Number, Section, read_evaluation

__all__ = ["PARTS", "Budget", "Evaluation", "Number", "Part", "Section", "chosen", "read_evaluation"]
