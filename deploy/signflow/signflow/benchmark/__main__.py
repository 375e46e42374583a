"""Runs the comparison: python -m signflow.benchmark STORE."""

from .comparison import main

main()
