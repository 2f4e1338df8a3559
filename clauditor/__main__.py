"""`python -m clauditor`."""

from clauditor.cli import main

main()
