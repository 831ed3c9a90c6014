"""The TensorFlow engine: the steps of a run as one compiled loop."""

try:
    import tensorflow  # noqa: F401
except ModuleNotFoundError as _missing:
    from ..errors import tensorflow_missing

    raise tensorflow_missing("tension_sim (Keras-style classes)", _missing) from None


def _require_keras_on_tensorflow() -> None:
    import os

    from ..errors import message

    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        import keras

        backend = keras.config.backend()
    if backend != "tensorflow":
        raise ImportError(
            message(
                "tension_sim (Keras-style classes)",
                "Keras on TensorFlow",
                f"Keras on {backend}",
                "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported.",
            )
        )


_require_keras_on_tensorflow()
