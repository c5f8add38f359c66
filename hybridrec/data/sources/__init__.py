"""Tables from where shops keep them: dataframes, files, databases, several platforms."""

from hybridrec.data.sources.files import FileSource, read_files
from hybridrec.data.sources.frames import Table, read_frame, read_frames
from hybridrec.data.sources.mapping import ColumnNames, named_by
from hybridrec.data.sources.platforms import (
    as_text_ids,
    given_tables,
    merged_events,
    with_identities,
)
from hybridrec.data.sources.sql import read_queries

__all__ = [
    "ColumnNames",
    "FileSource",
    "Table",
    "as_text_ids",
    "given_tables",
    "merged_events",
    "named_by",
    "read_files",
    "read_frame",
    "read_frames",
    "read_queries",
    "with_identities",
]
