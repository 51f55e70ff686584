"""What may be answered when: the states of things over time, and the judgement of an answer by them."""
import time

# An instance: everybody tells it, whether it is told is open, nobody tells it.
UP, UNSURE, DOWN = "up", "unsure", "down"
# An agent, or a way between two: in order; running but behind, cut off or without a leader; in between.
WELL, CUT, AWAY = "well", "cut", "away"


class Timeline:
    """The states of one thing. One thread sets them, any thread reads."""

    def __init__(self, state):
        self.changes = ((0.0, state),)  # replaced as a whole, so readers need no lock

    @property
    def state(self):
        return self.changes[-1][1]

    def set(self, state):
        self.changes += ((time.monotonic(), state),)

    def between(self, begin, end):
        """All states it had at some moment of that time."""
        states, changes = set(), self.changes
        for number, (since, state) in enumerate(changes):
            until = changes[number + 1][0] if number + 1 < len(changes) else float("inf")
            if since <= end and until >= begin:
                states.add(state)
        return states


class Conditions:
    """What an answer has to hold to, from the states of everything that takes part in it."""

    def __init__(self, observer, source, may_fail):
        # States the asked agent, and those it has its answer from, had meanwhile.
        self.observer, self.source, self.may_fail = observer, source, may_fail


def judge(instances, told, conditions, begin, end):
    """What is wrong with an answer, or None.

    instances: {address: Timeline}; told: the addresses answered, None when there was no answer.
    """
    if told is None:
        return None if conditions.may_fail else "no answer"
    unknown = told - instances.keys()
    if unknown:
        return f"never heard of {sorted(unknown)}"
    states = {address: line.between(begin, end) for address, line in instances.items()}
    if not told and any(known == {UP} for known in states.values()):
        return "nobody, though some are there"
    if conditions.observer != {WELL}:
        return None
    missing = [address for address in states if states[address] == {UP} and address not in told]
    if missing:
        return f"{sorted(missing)} not told"
    # Who asks a server that was away may be told what was.
    dead = [address for address in told if states[address] == {DOWN}]
    if dead and conditions.source == {WELL}:
        return f"{sorted(dead)} still told"
    return None
