"""The page of a run: what was run, what came out, and how to repeat it, in one file."""

from .page import report_html as report_html
from .page import write_report as write_report

__all__ = ["report_html", "write_report"]
