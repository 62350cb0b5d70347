"""The machine and the process: processor, provenance of results, one writer for each folder."""
