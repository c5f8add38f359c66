"""Online Retail: every invoice line of a British gift wholesaler, with all its dirt."""

from __future__ import annotations

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.dataset import Dataset


def online_retail(transactions: pl.DataFrame) -> Dataset:
    """Online Retail as it was published: cancellations, missing customers, service codes and all.

    Models refuse it as it is (:meth:`Dataset.sound`); :meth:`Dataset.clean` mends it. The invoice
    is the session, its lines are purchases, and the catalogue has a row for each description that
    an item was sold under. Times are local, in London.
    """
    columns = {
        "invoice_id": Columns.SESSION,
        "description": Columns.TITLE,
        "unit_price": Columns.PRICE,
    }
    lines = transactions.with_columns(pl.lit("purchase").alias(Columns.EVENT))
    return Dataset.from_frames(lines, columns=columns, time_zone="Europe/London")
