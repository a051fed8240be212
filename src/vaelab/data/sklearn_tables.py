"""Tables that need no download: those that scikit-learn brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from vaelab.data.reading import as_table
from vaelab.data.sources import SourceSpec
from vaelab.data.tables import TableData


@dataclass(frozen=True)
class SklearnTable(SourceSpec):
    """A table that comes with scikit-learn, with its labels; no download."""

    kind: ClassVar[str] = "sklearn"

    name: Literal["wine", "breast-cancer", "iris"] = "wine"
    """178 wines by 13 chemical analyses, 569 tumours by 30 measurements, or 150 irises by 4."""
    needs_files: ClassVar[bool] = False

    def load(self, directory: Path | None = None) -> TableData:
        """The rows, standardised by those of the training split; a fifth, always the same, is the test split."""
        from sklearn import datasets

        loaders = {"wine": datasets.load_wine, "breast-cancer": datasets.load_breast_cancer, "iris": datasets.load_iris}
        bunch = loaders[self.name]()
        columns = dict(zip(map(str, bunch.feature_names), bunch.data.T, strict=True))
        data = as_table(columns, bunch.target, classes=[str(name) for name in bunch.target_names])
        return replace(data, name=self.name)
