"""The Keras-style classes: checks, data, compiling, training and saving around the engines."""
