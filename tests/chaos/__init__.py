"""A campaign of faults against the whole path of a reading, on real parts. `make chaos` runs it."""
