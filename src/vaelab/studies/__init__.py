"""Studies: several runs, one question, one table.

"The study", here and throughout this project, is the study that it reproduces: a VAE and a CVAE on MNIST with a
two-dimensional latent space (docs/study.md). `PaperStudy` repeats its table, `ClaimsStudy` tests its claims.
"""

from vaelab.studies.settings import StudySettings as StudySettings
from vaelab.studies.study import Study as Study, run_study as run_study
