"""The workers of a consumer group: what a killed one held is recovered with XAUTOCLAIM by a sweeper, or with
XREADGROUP CLAIM by the other workers, or by what the library brings along."""

import collections

from server import Failed
from trial import Trial

STREAM, GROUP = "jobs", "workers"


class GroupTrial(Trial):
    pattern = "group"

    def __init__(self, name, command, options, recovery):
        super().__init__(name, command, options)
        self.recovery = recovery
        if recovery != "own":
            self.command = command + ["--recovery=" + recovery]

    def has_sweeper(self):
        return self.recovery == "autoclaim"

    def leftovers(self):
        pending, first, last, consumers = self.server.ask("XPENDING", STREAM, GROUP)
        if (first is None) != (pending == 0) or (last is None) != (pending == 0) or bool(consumers) != (pending > 0):
            raise Failed("XPENDING contradicts itself: %s" % [pending, first, last, consumers])
        entries = self.server.ask("XLEN", STREAM)
        return "%d entries pending, %d in the stream" % (pending, entries) if pending or entries else ""

    def judge_recovery(self, journal):
        new = collections.Counter(line.element for line in journal if line.event == "new")
        twice = [element for element, times in new.items() if times > 1]
        if twice:
            raise Failed("%d entries were delivered as new more than once, the first is %s" % (len(twice), twice[0]))
        held = {line.element for line in journal if line.process == "killed" and line.event in ("new", "claimed")}
        held -= {line.element for line in journal if line.process == "killed" and line.event in ("acked", "gone")}
        if not held:
            raise Failed("the killed worker held nothing")
        # What Symfony hands out is not told apart: there whatever came to another counts.
        again = {line.element for line in journal if line.process != "killed" and line.event == "claimed"}
        if held - again:
            raise Failed("%d of %d entries of the killed worker came to no other, the first is %s"
                         % (len(held - again), len(held), min(held - again)))
        lost_answers = "" if self.recovery == "own" else ", %d of others" % len(again - held)
        return "%d entries of the killed worker recovered%s" % (len(held), lost_answers)
