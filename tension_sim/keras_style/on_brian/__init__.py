"""The Brian2 engine of the Keras-style classes: a model becomes a declared network, and a window a run of it."""
