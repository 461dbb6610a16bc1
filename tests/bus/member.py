"""A member in a process of its own, to be killed: `python -m tests.bus.member SETTINGS GROUP TOPIC…`.

Prints a line whenever what it owns changes, and one for each message.
"""

import sys

from pipeline import bus as buses
from pipeline.settings import Settings


def main(settings: str, group: str, *topics: str) -> None:
    subscription = buses.connect(Settings.model_validate_json(settings)).subscribe(group, topics)
    before: list[int] = []
    while True:
        for message in subscription.poll(0.1):
            print("read", message.value.decode(), flush=True)
        now = sorted({partition.partition for partition in subscription.positions()})
        if now != before:
            print("owns", *now, flush=True)
            before = now


if __name__ == "__main__":
    main(*sys.argv[1:])
