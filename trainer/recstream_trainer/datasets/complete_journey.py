"""The Complete Journey: a year of grocery shopping of 2,469 households (its authors call it simulated)."""

from pathlib import Path

import polars as pl

from recstream_trainer.datasets.raw_tables import RawTables


def read_complete_journey(folder: Path) -> RawTables:
    """Read the two Parquet files that matter: who bought what when, and what the products are."""
    rows = pl.read_parquet(
        folder / "transactions.parquet", columns=["household_id", "product_id", "transaction_timestamp"]
    )
    products = pl.read_parquet(folder / "products.parquet")
    return RawTables(
        rows.rename({"household_id": "user", "product_id": "item", "transaction_timestamp": "timestamp"}),
        products.select(
            pl.col("product_id").cast(pl.String).alias("item"),
            pl.coalesce("product_type", "product_category", "department").alias("title"),
            "department",
            "brand",
            pl.col("product_category").alias("category"),
            pl.col("product_type").alias("type"),
            "package_size",
        ),
    )
