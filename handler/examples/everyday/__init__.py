"""The everyday archive: four numbers in, the name of a flower out; numpy and no torch."""
