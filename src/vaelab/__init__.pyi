"""The public names, room by room. A name that is not here is not part of the public interface."""

from ._version import __version__ as __version__
from .contract import (
    CodeSpace as CodeSpace,
)
from .contract import (
    Draw as Draw,
)
from .contract import (
    Latent as Latent,
)
from .contract import (
    Likelihood as Likelihood,
)
from .contract import (
    Network as Network,
)
from .contract import (
    Posterior as Posterior,
)
from .contract import (
    Prior as Prior,
)
from .contract import (
    PriorSizes as PriorSizes,
)
from .contract import (
    Sizes as Sizes,
)
from .contract import (
    Trace as Trace,
)
from .data import (
    BinarisationSpec as BinarisationSpec,
)
from .data import (
    CelebA as CelebA,
)
from .data import (
    Cifar10 as Cifar10,
)
from .data import (
    Digits as Digits,
)
from .data import (
    DSprites as DSprites,
)
from .data import (
    Dynamic as Dynamic,
)
from .data import (
    Emnist as Emnist,
)
from .data import (
    FashionMnist as FashionMnist,
)
from .data import (
    Folder as Folder,
)
from .data import (
    Grey as Grey,
)
from .data import (
    ImageData as ImageData,
)
from .data import (
    ImageFormat as ImageFormat,
)
from .data import (
    InMemory as InMemory,
)
from .data import (
    Kmnist as Kmnist,
)
from .data import (
    Mnist as Mnist,
)
from .data import (
    Npz as Npz,
)
from .data import (
    Shapes3D as Shapes3D,
)
from .data import (
    SourceSpec as SourceSpec,
)
from .data import (
    Sprites as Sprites,
)
from .data import (
    Static as Static,
)
from .data import (
    Strokes as Strokes,
)
from .data import (
    Threshold as Threshold,
)
from .data import (
    as_data as as_data,
)
from .data import (
    open_data as open_data,
)
from .data.drawing.sprites import (
    draw_sprites as draw_sprites,
)
from .data.drawing.strokes import (
    draw_strokes as draw_strokes,
)
from .errors import (
    UserError as UserError,
)
from .evaluation import (
    Budget as Budget,
)
from .evaluation import (
    Evaluation as Evaluation,
)
from .evaluation import (
    Number as Number,
)
from .evaluation import (
    Part as Part,
)
from .evaluation import (
    Section as Section,
)
from .evaluation.evaluate import (
    evaluate as evaluate,
)
from .evaluation.measurement import (
    Measurement as Measurement,
)
from .experiment import (
    Adam as Adam,
)
from .experiment import (
    Experiment as Experiment,
)
from .experiment import (
    Training as Training,
)
from .figures import (
    DrawnFigure as DrawnFigure,
)
from .figures import (
    FigureEntry as FigureEntry,
)
from .figures import (
    Need as Need,
)
from .figures import (
    draw_figures as draw_figures,
)
from .figures.source import (
    FigureSource as FigureSource,
)
from .likelihoods import (
    AnyLikelihood as AnyLikelihood,
)
from .likelihoods import (
    Bernoulli as Bernoulli,
)
from .likelihoods import (
    CategoricalPixels as CategoricalPixels,
)
from .likelihoods import (
    ContinuousBernoulli as ContinuousBernoulli,
)
from .likelihoods import (
    DiscretisedLogistic as DiscretisedLogistic,
)
from .likelihoods import (
    GaussianPixels as GaussianPixels,
)
from .likelihoods import (
    LearnedGaussian as LearnedGaussian,
)
from .likelihoods import (
    LikelihoodSpec as LikelihoodSpec,
)
from .likelihoods import (
    OptimalGaussian as OptimalGaussian,
)
from .measured import (
    MeasuredModel as MeasuredModel,
)
from .metrics.evidence import (
    exact_evidence as exact_evidence,
)
from .metrics.evidence import (
    importance_bound as importance_bound,
)
from .metrics.evidence import (
    inference_gaps as inference_gaps,
)
from .models import (
    VAE as VAE,
)
from .models import (
    AnyModel as AnyModel,
)
from .models import (
    Ladder as Ladder,
)
from .models import (
    ModelSpec as ModelSpec,
)
from .models.files import (
    load as load,
)
from .models.files import (
    save as save,
)
from .models.model import (
    Model as Model,
)
from .networks import (
    AnyCell as AnyCell,
)
from .networks import (
    AnyNetwork as AnyNetwork,
)
from .networks import (
    Bottleneck as Bottleneck,
)
from .networks import (
    CellSpec as CellSpec,
)
from .networks import (
    Conv as Conv,
)
from .networks import (
    Depthwise as Depthwise,
)
from .networks import (
    Mlp as Mlp,
)
from .networks import (
    Modules as Modules,
)
from .networks import (
    NetworkSpec as NetworkSpec,
)
from .networks import (
    ResNet as ResNet,
)
from .objectives import (
    AnyObjective as AnyObjective,
)
from .objectives import (
    Capacity as Capacity,
)
from .objectives import (
    DipI as DipI,
)
from .objectives import (
    DipII as DipII,
)
from .objectives import (
    Dreg as Dreg,
)
from .objectives import (
    Elbo as Elbo,
)
from .objectives import (
    Factor as Factor,
)
from .objectives import (
    FreeBits as FreeBits,
)
from .objectives import (
    FunctionObjective as FunctionObjective,
)
from .objectives import (
    Geco as Geco,
)
from .objectives import (
    Info as Info,
)
from .objectives import (
    Iwae as Iwae,
)
from .objectives import (
    Loss as Loss,
)
from .objectives import (
    ObjectiveSpec as ObjectiveSpec,
)
from .objectives import (
    TotalCorrelation as TotalCorrelation,
)
from .plots import (
    image_grid as image_grid,
)
from .plots import (
    save_figure as save_figure,
)
from .posteriors import (
    AnyPosterior as AnyPosterior,
)
from .posteriors import (
    Codebook as Codebook,
)
from .posteriors import (
    FiniteScalar as FiniteScalar,
)
from .posteriors import (
    FlowPosterior as FlowPosterior,
)
from .posteriors import (
    FullGaussian as FullGaussian,
)
from .posteriors import (
    Gaussian as Gaussian,
)
from .posteriors import (
    PosteriorSpec as PosteriorSpec,
)
from .posteriors import (
    ResidualCodebook as ResidualCodebook,
)
from .presets import (
    PRESETS as PRESETS,
)
from .presets import (
    preset as preset,
)
from .priors import (
    AnyPrior as AnyPrior,
)
from .priors import (
    AutoregressiveCodes as AutoregressiveCodes,
)
from .priors import (
    ConditionalNormal as ConditionalNormal,
)
from .priors import (
    Flow as Flow,
)
from .priors import (
    Mixture as Mixture,
)
from .priors import (
    PriorSpec as PriorSpec,
)
from .priors import (
    StandardNormal as StandardNormal,
)
from .priors import (
    UniformCodes as UniformCodes,
)
from .priors import (
    Vamp as Vamp,
)
from .report import (
    Table as Table,
)
from .schedules import (
    AnySchedule as AnySchedule,
)
from .schedules import (
    Constant as Constant,
)
from .schedules import (
    Cosine as Cosine,
)
from .schedules import (
    Cyclical as Cyclical,
)
from .schedules import (
    FunctionSchedule as FunctionSchedule,
)
from .schedules import (
    Linear as Linear,
)
from .schedules import (
    Progress as Progress,
)
from .schedules import (
    ScheduleSpec as ScheduleSpec,
)
from .spec import (
    Spec as Spec,
)
from .spec import (
    Trait as Trait,
)
from .studies import (
    Study as Study,
)
from .studies import (
    StudySettings as StudySettings,
)
from .studies import (
    run_study as run_study,
)
from .training import (
    Run as Run,
)
from .training import (
    full_pass as full_pass,
)
from .training import (
    open_run as open_run,
)
from .training import (
    resume as resume,
)
from .training import (
    train as train,
)
