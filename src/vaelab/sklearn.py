"""VAEs as scikit-learn estimators: `VAE`, `ConditionalVAE` and `VAEOutlierDetector`, for rows of real numbers.

Settings have scikit-learn's names and are text and numbers, so that `GridSearchCV` can search them; a word such as
"mixture" is that of the part on the command line, and an instance of a spec, your own too, stands for itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rows that are encoded or decoded at once.
_BATCH = 1000
_UNKNOWN = -1
# Share of labels that a conditional model does not see in training, so that it learns to encode without them.
_DROPPED_LABELS = 0.1
