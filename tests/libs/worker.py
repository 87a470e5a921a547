#!/usr/bin/python3
"""One process over python3-redis. README.md tells the patterns, trial.py what goes into the journal LOG.

    worker.py PATTERN ROLE PORT LOG --name NAME [--jobs N] [--hang-after N] [--visibility-ms N] [--recovery HOW]
"""

import argparse

import redis

import pattern_group
import pattern_list
from journal import Journal


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("pattern", choices=("list", "group"))
    options.add_argument("role", choices=("produce", "work", "sweep"))
    options.add_argument("port", type=int)
    options.add_argument("log")
    options.add_argument("--name", default="worker", help="the consumer in its group")
    options.add_argument("--jobs", type=int, default=1000)
    options.add_argument("--hang-after", type=int, default=0)
    options.add_argument("--visibility-ms", type=int, default=1500)
    options.add_argument("--recovery", choices=("autoclaim", "claim"), default="autoclaim")
    options = options.parse_args()
    client = redis.Redis(host="127.0.0.1", port=options.port, decode_responses=True)
    pattern = {"list": pattern_list, "group": pattern_group}[options.pattern]
    role = {"produce": pattern.produce, "work": pattern.work, "sweep": pattern.sweep}[options.role]
    role(client, Journal(options.log), options)


if __name__ == "__main__":
    main()
