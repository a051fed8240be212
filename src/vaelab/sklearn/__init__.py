"""VAEs as scikit-learn estimators, for rows of real numbers: `VAE`, `ConditionalVAE` and `VAEOutlierDetector`.

Settings have scikit-learn's names and are text and numbers, which `GridSearchCV` can search. A word such as "mixture"
is that of the part on the command line; an instance of a spec, your own too, stands for itself.
"""

from vaelab.sklearn.conditional import ConditionalVAE as ConditionalVAE
from vaelab.sklearn.outliers import VAEOutlierDetector as VAEOutlierDetector
from vaelab.sklearn.vae import VAE as VAE
