"""The reliable queue of two lists."""

from server import Failed
from trial import Trial

SIZES = {"jobs:queue": "LLEN", "jobs:processing": "LLEN", "jobs:claims": "HLEN"}


class ListTrial(Trial):
    pattern = "list"

    def leftovers(self):
        # Queue first: an element that moves meanwhile is then seen in processing.
        sizes = {key: self.server.ask(command, key) for key, command in SIZES.items()}
        return ", ".join("%d elements in %s" % (size, key) for key, size in sizes.items() if size)

    def judge_recovery(self, journal):
        hanging = next(line.element for line in journal if line.event == "hanging")
        returned = [line.element for line in journal if line.event == "returned"]
        if hanging not in returned:
            raise Failed("the sweeper never returned %s of the killed worker" % hanging)
        return "%d claims returned" % len(returned)
