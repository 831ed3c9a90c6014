"""Models: what learns in a layer, and by which rule."""
