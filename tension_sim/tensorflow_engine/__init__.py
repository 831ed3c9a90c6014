"""The TensorFlow engine: the steps of a run as one compiled loop."""

try:
    import tensorflow  # noqa: F401
except ModuleNotFoundError as error:
    from ..errors import message

    raise ModuleNotFoundError(
        message(
            "tension_sim (Keras-style classes)",
            "TensorFlow to be installed",
            str(error),
            'install it with pip install "tension-sim[keras]".',
        ),
        name="tensorflow",
    ) from None
