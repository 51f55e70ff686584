#!/usr/bin/env python3
"""The soak's judge finds what it is there to find."""
import unittest

from soak import ABSENT, STALE_S, Service


class Judge(unittest.TestCase):
    def setUp(self):
        self.service = Service(1)
        # Written from, acknowledged at, what: port 10 at 100 s, then 11, then gone; 12 is under way.
        self.service.states = ((0, 0, ABSENT), (100, 101, 10), (200, 201, 11), (300, 301, ABSENT),
                               (400, float("inf"), 12))

    def explains(self, port, asked, answered, not_before=0.0):
        return self.service.explain(port, asked, answered, not_before) is not None

    def test_the_state_of_the_moment_is_right(self):
        self.assertTrue(self.explains(10, 150, 150.1))
        self.assertTrue(self.explains(ABSENT, 350, 350.1))

    def test_old_and_new_are_right_while_a_write_is_under_way(self):
        self.assertTrue(self.explains(ABSENT, 400.1, 400.2))
        self.assertTrue(self.explains(12, 400.1, 400.2))

    def test_what_was_replaced_long_ago_is_wrong(self):
        self.assertTrue(self.explains(10, 201 + STALE_S - 0.1, 250))
        self.assertFalse(self.explains(10, 201 + STALE_S + 0.1, 250))

    def test_what_is_not_written_yet_is_wrong(self):
        self.assertFalse(self.explains(11, 150, 199.9))

    def test_what_never_was_is_wrong(self):
        self.assertFalse(self.explains(13, 150, 450))

    def test_going_back_is_wrong(self):
        self.assertTrue(self.explains(10, 202, 202.1))
        self.assertFalse(self.explains(10, 202, 202.1, not_before=200))

    def test_missing_is_wrong_while_it_is_there(self):
        self.assertFalse(self.explains(ABSENT, 150, 150.1))


if __name__ == "__main__":
    unittest.main()
