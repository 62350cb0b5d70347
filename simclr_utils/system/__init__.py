"""The machine and the process: cores, processor, what made a result, one writer a folder."""
