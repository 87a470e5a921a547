#!/usr/bin/env python3
"""The judge of the trials against journals by hand: a good one, and one for each fault it has to find."""

import types
import unittest

from server import Failed
from trial import Line
from trial_group import GroupTrial
from trial_list import ListTrial

GROUP = [
    Line(1, "killed", "new", "job-0#1"),
    Line(2, "killed", "hanging", "job-0#1"),
    Line(3, "worker1", "new", "job-1#1"),
    Line(4, "worker1", "done", "job-1#1"),
    Line(5, "worker1", "acked", "job-1#1"),
    Line(6, "sweeper", "claimed", "job-0#1"),
    Line(7, "sweeper", "done", "job-0#1"),
    Line(8, "sweeper", "acked", "job-0#1"),
]
LIST = [
    Line(1, "killed", "claimed", "job-0#1"),
    Line(2, "killed", "hanging", "job-0#1"),
    Line(3, "worker1", "claimed", "job-1#1"),
    Line(4, "worker1", "done", "job-1#1"),
    Line(5, "worker1", "acked", "job-1#1"),
    Line(6, "sweeper", "returned", "job-0#1"),
    Line(7, "worker1", "claimed", "job-0#1"),
    Line(8, "worker1", "done", "job-0#1"),
    Line(9, "worker1", "acked", "job-0#1"),
]


def judge(kind, journal):
    trial = kind.__new__(kind)  # without a server
    trial.jobs, trial.recovery = 2, "autoclaim"
    return trial.judge(sorted(journal), 1)


def without(journal, *whens):
    return [line for line in journal if line.when not in whens]


class JudgeTest(unittest.TestCase):
    def refuses(self, kind, journal, words):
        with self.assertRaisesRegex(Failed, words):
            judge(kind, journal)

    def test_a_good_group_passes(self):
        self.assertIn("2 jobs done", judge(GroupTrial, GROUP))

    def test_a_good_list_passes(self):
        self.assertIn("1 claims returned", judge(ListTrial, LIST))

    def test_a_job_never_done_is_lost(self):
        self.refuses(GroupTrial, without(GROUP, 4), "never done, the first is job-1")

    def test_an_acknowledgement_counts_once(self):
        self.refuses(GroupTrial, GROUP + [Line(9, "worker1", "acked", "job-0#1")], "acknowledged twice")

    def test_what_is_acknowledged_does_not_come_back(self):
        for event in ("new", "claimed"):
            self.refuses(GroupTrial, GROUP + [Line(9, "worker1", event, "job-0#1")], "came back")
        self.refuses(ListTrial, LIST + [Line(10, "worker1", "claimed", "job-1#1")], "came back")

    def test_a_claim_asked_for_before_the_acknowledgement_may_bring_it(self):
        self.assertIn("2 jobs done", judge(GroupTrial, GROUP + [Line(4, "sweeper", "claimed", "job-1#1")]))

    def test_a_new_entry_is_new_once(self):
        self.refuses(GroupTrial, GROUP + [Line(2, "worker1", "new", "job-0#1")], "as new more than once")

    def test_the_entries_of_the_killed_worker_come_to_others(self):
        orphaned = [line._replace(process="killed") if line.event == "claimed" else line for line in GROUP]
        self.refuses(GroupTrial, orphaned, "came to no other")
        self.refuses(ListTrial, without(LIST, 6), "never returned job-0#1")

    def test_a_killed_worker_has_to_hold_something(self):
        self.refuses(GroupTrial, [line for line in GROUP if line.process != "killed"], "held nothing")


class LeftoversTest(unittest.TestCase):
    def leftovers(self, summary, entries):
        trial = GroupTrial.__new__(GroupTrial)
        answers = {"XPENDING": summary, "XLEN": entries}
        trial.server = types.SimpleNamespace(ask=lambda command, *_: answers[command])
        return trial.leftovers()

    def test_pending_entries_and_what_is_in_the_stream_are_left(self):
        self.assertEqual("", self.leftovers([0, None, None, None], 0))
        self.assertEqual("0 entries pending, 2 in the stream", self.leftovers([0, None, None, None], 2))
        self.assertEqual("1 entries pending, 0 in the stream", self.leftovers([1, "1-0", "1-0", [["a", "1"]]], 0))

    def test_a_summary_that_contradicts_itself_fails(self):
        for summary in ([0, "1-0", None, None], [0, None, None, [["a", "1"]]], [1, None, "1-0", [["a", "1"]]]):
            with self.assertRaisesRegex(Failed, "contradicts"):
                self.leftovers(summary, 0)


if __name__ == "__main__":
    unittest.main()
