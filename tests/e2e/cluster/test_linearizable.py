#!/usr/bin/env python3
"""The checker has to accept what can have happened and refuse what cannot."""
import random
import unittest

from linearizable import ANY, KEEP, FOREVER, Operation, explain


def write(start, end, value, key="x"):
    return Operation("write", key, start, end, value=value)


def read(start, end, result, key="x"):
    return Operation("read", key, start, end, result=result)


def cas(start, end, expected, value, result, key="x"):
    return Operation("cas", key, start, end, value=value, expected=expected, result=result)


def delete(start, end, key="x"):
    return Operation("delete", key, start, end)


def txn(start, end, changes, result):
    return Operation("txn", "", start, end, value=changes, result=result)


POSSIBLE = {
    "nothing at all": [],
    "absent at first": [read(0, 1, None)],
    "one after the other": [write(0, 1, 1), read(2, 3, 1)],
    "a read beside a write sees either": [write(0, 1, 1), write(2, 5, 2), read(3, 4, 1),
                                          read(3, 6, 2)],
    "an open write may happen late": [write(0, FOREVER, 1), read(1, 2, None), read(3, 4, 1)],
    "an open write may never happen": [write(0, FOREVER, 1), read(1, 2, None)],
    "an unseen open write explains a failed cas": [
        write(0, 1, 1), write(2, FOREVER, 2), cas(3, 4, 1, 3, False)],
    "cas by turns": [cas(0, 1, None, 1, True), cas(2, 3, 1, 2, True), cas(4, 5, 1, 3, False)],
    "deleted": [write(0, 1, 1), delete(2, 3), read(4, 5, None), cas(6, 7, None, 2, True)],
    "a transaction over two keys": [
        txn(0, 1, (("x", ANY, 1), ("y", ANY, 2)), True), read(2, 3, 1), read(2, 3, 2, "y"),
        txn(4, 5, (("x", 1, KEEP), ("y", 2, 3)), True), read(6, 7, 3, "y")],
}

IMPOSSIBLE = {
    "a value nobody wrote": [read(0, 1, 7)],
    "a stale read": [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)],
    "a lost write": [write(0, 1, 1), read(2, 3, None)],
    "back in time": [write(0, 1, 1), write(2, 9, 2), read(3, 4, 2), read(5, 6, 1)],
    "an open write undone": [write(0, FOREVER, 1), read(1, 2, 1), read(3, 4, None)],
    "two winners of one cas": [write(0, 1, 1), cas(2, 5, 1, 2, True), cas(2, 5, 1, 3, True)],
    "a cas that had to win": [write(0, 1, 1), cas(2, 3, 1, 2, False)],
    "half a transaction": [
        txn(0, 1, (("x", ANY, 1), ("y", ANY, 2)), True),
        txn(2, 5, (("x", ANY, 3), ("y", ANY, 4)), True), read(6, 7, 3), read(8, 9, 2, "y")],
}


class Linearizable(unittest.TestCase):
    def test_what_can_have_happened_is_accepted(self):
        for name, history in POSSIBLE.items():
            with self.subTest(name):
                self.assertIsNone(explain(history))

    def test_what_cannot_have_happened_is_refused(self):
        for name, history in IMPOSSIBLE.items():
            with self.subTest(name):
                self.assertIsNotNone(explain(history))

    def test_random_histories_with_one_answer_changed_are_told_apart(self):
        for seed in range(200):
            with self.subTest(seed=seed):
                history = self.random_history(random.Random(seed))
                self.assertIsNone(explain(history))
                reads = [o for o in history if o.kind == "read"]
                reads[-1].result = -1
                self.assertIsNotNone(explain(history))

    def random_history(self, rng):
        """Operations that take effect at one moment between their call and their return."""
        state, history = None, []
        for moment in range(1, 60):
            begin, end = moment - rng.random() * 5, moment + rng.random() * 5
            kind = rng.choice(("read", "write", "cas"))
            if kind == "read":
                history.append(read(begin, end, state))
            elif kind == "write":
                history.append(write(begin, end, moment))
                state = moment
            else:
                expected = rng.choice((state, -2))
                history.append(cas(begin, end, expected, moment, expected == state))
                state = moment if expected == state else state
        return history + [read(100, 101, state)]


if __name__ == "__main__":
    unittest.main()
