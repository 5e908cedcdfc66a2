"""`make soak`: exit status 1 when something is not as promised."""

from __future__ import annotations

import argparse
import logging
import sys

from .load import soak


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=3_000, help="calls before measuring")
    parser.add_argument("--max-connections", type=int, default=100)
    options = vars(parser.parse_args())
    logging.getLogger("langchain_azureml_oss").setLevel(logging.ERROR)  # a line for each retry
    figures = soak(options.pop("calls"), options.pop("at_once"), **options)
    sys.stdout.write(f"{figures}\n")
    problems = figures.problems()
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
