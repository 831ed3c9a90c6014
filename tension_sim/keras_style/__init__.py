"""The Keras-style classes: layers, models and callbacks, and what runs, saves and reports them."""

from .. import tensorflow  # noqa: F401  says what is missing, before Keras does
