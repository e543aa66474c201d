"""The commands of `python -m fastjac`, one file each."""
