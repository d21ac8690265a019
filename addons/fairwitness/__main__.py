"""``python -m fairwitness``: the same program as ``fairwitness``."""

from fairwitness.cli import main

if __name__ == "__main__":
    main()
