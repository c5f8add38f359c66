"""From tables to facts: catalogues, and triples from outside."""
