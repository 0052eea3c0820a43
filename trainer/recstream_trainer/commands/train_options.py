"""The options of ``recstream train``."""

from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str, typer.Option(metavar="FAMILY", help="Model family, such as als or sasrec; docs/training.md has all.")
]
DataOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|PATH|events:DIR",
        help="ml-100k, ml-1m, completejourney, a CSV, TSV or Parquet file, or a server's --state.",
    ),
]
OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the bundle that is made.")]
ProtocolOption = Annotated[
    str | None, typer.Option(metavar="A|B|C|E|F", help="Hold out a test part by this protocol, and report on it.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML file with tables data, training and model; see docs/training.md."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as model.dimension=64; can be repeated."),
]
SeedOption = Annotated[
    int, typer.Option(min=0, metavar="N", help="Of everything random; the same seed makes the same bundle.")
]
DeviceOption = Annotated[str, typer.Option(metavar="DEVICE", help="Where torch computes: auto, cpu or cuda.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="A smaller model and a few epochs, to try things out.")]
NameOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the model; by default from the data and the family.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the bundle that is there.")]
InitFromOption = Annotated[
    Path | None,
    typer.Option("--init-from", metavar="BUNDLE", help="Go on from a bundle of the same family; see docs/training.md."),
]
ForeignIdsOption = Annotated[
    bool,
    typer.Option("--foreign-ids", help="Equal ids in --init-from and --data do not mean the same users and items."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted run.")]
TensorboardOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write loss and metric of every epoch for TensorBoard.")
]
