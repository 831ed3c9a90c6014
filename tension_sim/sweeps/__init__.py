"""Many runs of one recipe: the points of a grid or a design, on the workers of a scheduler, in one table."""
