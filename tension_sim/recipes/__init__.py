"""Recipes: published networks as data, their settings, and how one is run."""
