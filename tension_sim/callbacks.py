"""Callbacks under their published names."""

from .keras_style.callbacks.early_stopping import EarlyStoppingByLossVal
from .keras_style.callbacks.time_history import TimeHistory
from .keras_style.callbacks.tracking import OutputTracking, VoltageTracking

__all__ = ["EarlyStoppingByLossVal", "OutputTracking", "TimeHistory", "VoltageTracking"]
