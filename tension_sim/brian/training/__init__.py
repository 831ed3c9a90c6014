"""Train any Brian2 network by fit, predict and evaluate."""

from .trainer import Trainer

__all__ = ["Trainer"]
