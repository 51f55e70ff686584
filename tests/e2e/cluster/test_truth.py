#!/usr/bin/env python3
"""The judge of two datacenters finds what it is there to find."""
import unittest

from truth import AWAY, CUT, DOWN, UNSURE, UP, WELL, Conditions, Timeline, judge


def timeline(*changes):
    line = Timeline(None)
    line.changes = changes
    return line


class Judge(unittest.TestCase):
    def setUp(self):
        self.instances = {"a": timeline((0, UP)),
                          "b": timeline((0, UP), (100, UNSURE), (110, DOWN), (200, UNSURE), (210, UP))}

    def wrong(self, told, begin, end, **given):
        conditions = Conditions(**{"observer": {WELL}, "source": {WELL}, "may_fail": False, **given})
        return judge(self.instances, None if told is None else set(told), conditions, begin, end)

    def test_what_is_true_is_right(self):
        self.assertIsNone(self.wrong("ab", 50, 50.1))
        self.assertIsNone(self.wrong("a", 150, 150.1))

    def test_both_are_right_while_it_is_open(self):
        for told in ("a", "ab"):
            self.assertIsNone(self.wrong(told, 105, 105.1))
            self.assertIsNone(self.wrong(told, 99, 101))
            self.assertIsNone(self.wrong(told, 205, 211))

    def test_the_living_must_be_told(self):
        self.assertIn("not told", self.wrong("a", 50, 99))
        self.assertIn("not told", self.wrong("b", 105, 105.1))

    def test_the_dead_must_not_be_told(self):
        self.assertIn("still told", self.wrong("ab", 150, 150.1))
        self.assertIsNone(self.wrong("ab", 150, 150.1, source={WELL, AWAY}))

    def test_who_never_was_is_wrong_from_anybody(self):
        self.assertIn("never heard", self.wrong("ac", 50, 50.1, observer={CUT}, may_fail=True))

    def test_who_is_cut_off_may_be_behind_but_not_empty(self):
        self.assertIsNone(self.wrong("b", 150, 150.1, observer={WELL, CUT}))
        self.assertIn("nobody", self.wrong("", 150, 150.1, observer={CUT}, may_fail=True))

    def test_silence_is_wrong_unless_it_is_excused(self):
        self.assertEqual(self.wrong(None, 50, 50.1), "no answer")
        self.assertIsNone(self.wrong(None, 50, 50.1, may_fail=True))

    def test_a_timeline_knows_every_state_it_had(self):
        line = self.instances["b"]
        self.assertEqual(line.between(0, 99), {UP})
        self.assertEqual(line.between(99, 111), {UP, UNSURE, DOWN})
        line.set(DOWN)
        self.assertEqual(line.state, DOWN)


if __name__ == "__main__":
    unittest.main()
