"""Too much of everything, kind by kind: each function sends so much of one kind through a town's proxy."""

PATIENCE_S = 1800.0  # a hundred thousand of something may wait in the kernel for so long before it is taken
