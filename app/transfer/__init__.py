"""Moving whole customers in and out: CSV files in with a dry run, a complete export that imports again."""
