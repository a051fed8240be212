"""The public names, room by room. A name that is not here is not part of the public interface."""

from ._version import __version__ as __version__
from .contract import (
    Draw as Draw,
    Experts as Experts,
    Latent as Latent,
    Likelihood as Likelihood,
    Network as Network,
    Posterior as Posterior,
    Prior as Prior,
    Trace as Trace,
)
from .data import (
    AugmentationSpec as AugmentationSpec,
    BinarisationSpec as BinarisationSpec,
    Brightness as Brightness,
    CelebA as CelebA,
    Cifar10 as Cifar10,
    Column as Column,
    Contrast as Contrast,
    Crop as Crop,
    Csv as Csv,
    Data as Data,
    Digits as Digits,
    DSprites as DSprites,
    Dynamic as Dynamic,
    Emnist as Emnist,
    FashionMnist as FashionMnist,
    Flip as Flip,
    Folder as Folder,
    Grey as Grey,
    ImageData as ImageData,
    ImageFormat as ImageFormat,
    InMemory as InMemory,
    Kmnist as Kmnist,
    Mnist as Mnist,
    Npz as Npz,
    Parquet as Parquet,
    Shapes3D as Shapes3D,
    SklearnTable as SklearnTable,
    SourceSpec as SourceSpec,
    Sprites as Sprites,
    Static as Static,
    Strokes as Strokes,
    TableData as TableData,
    TableFormat as TableFormat,
    Threshold as Threshold,
    as_data as as_data,
    as_table as as_table,
    open_data as open_data,
)
from .data.drawing.sprites import draw_sprites as draw_sprites
from .data.drawing.strokes import draw_strokes as draw_strokes
from .distributions import scale_of as scale_of
from .errors import UserError as UserError
from .evaluation import Budget as Budget, Evaluation as Evaluation, Number as Number, Part as Part, Section as Section
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.measurement import Measurement as Measurement
from .experiment import Experiment as Experiment, Training as Training
from .experts import (
    AnyExperts as AnyExperts,
    ExpertsSpec as ExpertsSpec,
    MixtureOfExperts as MixtureOfExperts,
    MixtureOfProducts as MixtureOfProducts,
    ProductOfExperts as ProductOfExperts,
)
from .explorer.page import Explorer as Explorer, explore as explore
from .export import Exported as Exported, export_diffusers as export_diffusers, export_onnx as export_onnx
from .figures import DrawnFigure as DrawnFigure, FigureEntry as FigureEntry, Need as Need, draw_figures as draw_figures
from .figures.source import FigureSource as FigureSource
from .flows import (
    AnyTransform as AnyTransform,
    Coupling as Coupling,
    FlowSizes as FlowSizes,
    Iaf as Iaf,
    Maf as Maf,
    Planar as Planar,
    Radial as Radial,
    Spline as Spline,
    TransformSpec as TransformSpec,
)
from .hub.pull import from_hub as from_hub
from .hub.push import Pushed as Pushed, push_to_hub as push_to_hub
from .likelihoods import (
    AnyLikelihood as AnyLikelihood,
    Bernoulli as Bernoulli,
    Beta as Beta,
    ByColumn as ByColumn,
    CategoricalPixels as CategoricalPixels,
    ContinuousBernoulli as ContinuousBernoulli,
    DiscretisedLogistic as DiscretisedLogistic,
    GaussianPixels as GaussianPixels,
    Laplace as Laplace,
    LearnedGaussian as LearnedGaussian,
    LikelihoodSpec as LikelihoodSpec,
    LogCosh as LogCosh,
    NegativeBinomial as NegativeBinomial,
    OptimalGaussian as OptimalGaussian,
    Ordinal as Ordinal,
    StudentT as StudentT,
    ZeroInflatedNegativeBinomial as ZeroInflatedNegativeBinomial,
)
from .measured import MeasuredModel as MeasuredModel
from .metrics.evidence import (
    enumerated_evidence as enumerated_evidence,
    exact_evidence as exact_evidence,
    hamiltonian_bound as hamiltonian_bound,
    importance_bound as importance_bound,
    inference_gaps as inference_gaps,
    refine as refine,
)
from .models import (
    M2 as M2,
    VAE as VAE,
    AnyModel as AnyModel,
    Joint as Joint,
    Ladder as Ladder,
    ModelSpec as ModelSpec,
    Multimodal as Multimodal,
)
from .models.files import load as load, save as save
from .models.model import Model as Model
from .networks import (
    AnyCell as AnyCell,
    AnyNetwork as AnyNetwork,
    AutoencoderKl as AutoencoderKl,
    Bottleneck as Bottleneck,
    CellSpec as CellSpec,
    Conv as Conv,
    Depthwise as Depthwise,
    Mlp as Mlp,
    Modules as Modules,
    NetworkSpec as NetworkSpec,
    ResNet as ResNet,
    Spectral as Spectral,
)
from .objectives import (
    L2 as L2,
    Adversarial as Adversarial,
    AdversarialReconstruction as AdversarialReconstruction,
    AnyKernel as AnyKernel,
    AnyObjective as AnyObjective,
    AnyPenalty as AnyPenalty,
    AnyRegulariser as AnyRegulariser,
    Capacity as Capacity,
    Ciwae as Ciwae,
    DeepFeatures as DeepFeatures,
    DipI as DipI,
    DipII as DipII,
    Dreg as Dreg,
    Elbo as Elbo,
    Factor as Factor,
    FreeBits as FreeBits,
    FunctionObjective as FunctionObjective,
    Geco as Geco,
    GradientPenalty as GradientPenalty,
    Hamiltonian as Hamiltonian,
    Info as Info,
    InverseMultiquadratic as InverseMultiquadratic,
    Iwae as Iwae,
    JointCapacity as JointCapacity,
    KernelSpec as KernelSpec,
    Lagging as Lagging,
    Loss as Loss,
    Lpips as Lpips,
    Miwae as Miwae,
    MsSsim as MsSsim,
    NeighbourEmbedding as NeighbourEmbedding,
    ObjectiveSpec as ObjectiveSpec,
    PenaltySpec as PenaltySpec,
    Perceptual as Perceptual,
    Piwae as Piwae,
    Rae as Rae,
    Rbf as Rbf,
    RegulariserSpec as RegulariserSpec,
    ReweightedWakeSleep as ReweightedWakeSleep,
    RiemannianHamiltonian as RiemannianHamiltonian,
    SemiAmortised as SemiAmortised,
    SlicedWasserstein as SlicedWasserstein,
    StickingTheLanding as StickingTheLanding,
    SubsetBounds as SubsetBounds,
    TotalCorrelation as TotalCorrelation,
    VaeGan as VaeGan,
    Vimco as Vimco,
    Wae as Wae,
)
from .optimisers import (
    Adam as Adam,
    FunctionOptimiser as FunctionOptimiser,
    Muon as Muon,
    OptimiserSpec as OptimiserSpec,
)
from .plots import image_grid as image_grid, save_figure as save_figure
from .posteriors import (
    AnyPosterior as AnyPosterior,
    BinarySpherical as BinarySpherical,
    CategoricalPosterior as CategoricalPosterior,
    Codebook as Codebook,
    Deterministic as Deterministic,
    FiniteScalar as FiniteScalar,
    FlowPosterior as FlowPosterior,
    FullGaussian as FullGaussian,
    GammaPosterior as GammaPosterior,
    Gaussian as Gaussian,
    GumbelSoftmax as GumbelSoftmax,
    HierarchicalCodebook as HierarchicalCodebook,
    LookupFree as LookupFree,
    PosteriorSpec as PosteriorSpec,
    ResidualCodebook as ResidualCodebook,
    SimVq as SimVq,
    StudentTPosterior as StudentTPosterior,
    VonMisesFisher as VonMisesFisher,
    WrappedNormal as WrappedNormal,
)
from .presets import PRESETS as PRESETS, preset as preset
from .priors import (
    AnyPrior as AnyPrior,
    AutoregressiveCodes as AutoregressiveCodes,
    ConditionalNormal as ConditionalNormal,
    Diffusion as Diffusion,
    Flow as Flow,
    GammaPrior as GammaPrior,
    Mixture as Mixture,
    PixelCnn as PixelCnn,
    PoincareNormal as PoincareNormal,
    PriorSpec as PriorSpec,
    StandardNormal as StandardNormal,
    TwoStage as TwoStage,
    UniformCodes as UniformCodes,
    UniformManifold as UniformManifold,
    UniformSphere as UniformSphere,
    Vamp as Vamp,
)
from .ranges import Choice as Choice, FloatRange as FloatRange, IntRange as IntRange, RangeSpec as RangeSpec
from .report import Table as Table
from .schedules import (
    AnySchedule as AnySchedule,
    Constant as Constant,
    Cosine as Cosine,
    Cyclical as Cyclical,
    FunctionSchedule as FunctionSchedule,
    Linear as Linear,
    Progress as Progress,
    ScheduleSpec as ScheduleSpec,
)
from .sizes import CodeSpace as CodeSpace, PriorSizes as PriorSizes, Sizes as Sizes, Space as Space
from .spec import Spec as Spec
from .studies import Study as Study, StudySettings as StudySettings, run_study as run_study
from .sweeps import (
    CmaEs as CmaEs,
    GridSearch as GridSearch,
    Hyperband as Hyperband,
    MedianPruner as MedianPruner,
    NoPruner as NoPruner,
    PrunerSpec as PrunerSpec,
    RandomSearch as RandomSearch,
    SamplerSpec as SamplerSpec,
    Sweep as Sweep,
    TreeParzen as TreeParzen,
)
from .sweeps.results import SweepResults as SweepResults
from .sweeps.sweep import sweep as sweep
from .trackers import (
    MLflow as MLflow,
    Outcome as Outcome,
    TensorBoard as TensorBoard,
    TrackedRun as TrackedRun,
    Tracker as Tracker,
    TrackerSpec as TrackerSpec,
    Trackio as Trackio,
    WandB as WandB,
)
from .tracking.fit_prior import fit_prior as fit_prior
from .tracking.train import resume as resume, train as train
from .training import Run as Run, full_pass as full_pass, open_run as open_run
from .traits import Trait as Trait
