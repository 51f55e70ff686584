"""Whether one order of operations explains what concurrent clients saw of a few keys.

The search of Wing and Gong with Lowe's memory of places already tried ("Testing for
linearizability", 2017): at each step some operation that was invoked before the first one to return
takes effect; a set of operations done and the state they lead to is never tried twice.
"""
import dataclasses
import math

FOREVER = math.inf


@dataclasses.dataclass
class Operation:
    """One call of one client.

    kind      read, write, cas, delete, txn
    key       what it is about; a txn names its keys in value
    value     written (None for delete); of a txn: ((key, expected or ANY, new or KEEP), ...)
    expected  of a cas: the value that had to be there, None for absent
    result    what a read saw (None for absent); True or False of cas and txn; of others None
    returned  FOREVER when the client never learned what became of it
    """
    kind: str
    key: str
    invoked: float
    returned: float = FOREVER
    value: object = None
    expected: object = None
    result: object = None

    @property
    def is_open(self):
        return self.returned == FOREVER


ANY, KEEP = object(), object()


def step(state, operation):
    """The state after the operation, or None when what the client saw cannot have happened here."""
    now = state.get(operation.key)
    if operation.kind == "read":
        return state if now == operation.result else None
    if operation.kind in ("write", "delete"):
        return {**state, operation.key: operation.value}
    if operation.kind == "cas":
        changes = ((operation.key, operation.expected, operation.value),)
    else:
        changes = operation.value
    succeeds = all(expected is ANY or state.get(key) == expected for key, expected, _ in changes)
    if not operation.is_open and succeeds != operation.result:
        return None
    if not succeeds:
        return state
    return {**state, **{key: new for key, _, new in changes if new is not KEEP}}


def frozen(state):
    return tuple(sorted((key, value) for key, value in state.items() if value is not None))


class _Search:
    """Calls and returns as one doubly linked list by time; an operation that took effect is out."""

    def __init__(self, operations):
        events = []
        for number, operation in enumerate(operations):
            events.append((operation.invoked, 0, number))
            if not operation.is_open:
                events.append((operation.returned, 1, number))
        events.sort()
        self.operations = operations
        self.numbers = [number for _, _, number in events]
        self.is_return = [kind == 1 for _, kind, _ in events]
        size = len(events)
        self.following = list(range(1, size + 2))
        self.preceding = list(range(-1, size + 1))
        self.size = size
        self.return_of = {self.numbers[i]: i for i in range(size) if self.is_return[i]}
        self.first = 0
        self.closed_left = len(self.return_of)

    def unlink(self, event):
        before, after = self.preceding[event], self.following[event]
        if before < 0:
            self.first = after
        else:
            self.following[before] = after
        self.preceding[after] = before

    def relink(self, event):
        before, after = self.preceding[event], self.following[event]
        if before < 0:
            self.first = event
        else:
            self.following[before] = event
        self.preceding[after] = event

    def take(self, event):
        self.unlink(event)
        end = self.return_of.get(self.numbers[event])
        if end is not None:
            self.unlink(end)
            self.closed_left -= 1

    def give_back(self, event):
        end = self.return_of.get(self.numbers[event])
        if end is not None:
            self.relink(end)
            self.closed_left += 1
        self.relink(event)

    def run(self):
        state, done, path = {}, 0, []
        tried = {(done, frozen(state))}
        event = self.first
        while self.closed_left > 0:
            if event < self.size and not self.is_return[event]:
                after = step(state, self.operations[self.numbers[event]])
                key = after is not None and (done | 1 << self.numbers[event], frozen(after))
                if key and key not in tried:
                    tried.add(key)
                    path.append((event, state))
                    self.take(event)
                    state, done, event = after, key[0], self.first
                else:
                    event = self.following[event]
                continue
            if not path:
                return False
            event, state = path.pop()
            done &= ~(1 << self.numbers[event])
            self.give_back(event)
            event = self.following[event]
        return True


def _observed(operations):
    seen = set()
    for operation in operations:
        if operation.is_open:
            continue
        if operation.kind == "read":
            seen.add(operation.result)
        elif operation.kind == "cas" and operation.result:
            seen.add(operation.expected)
        elif operation.kind == "txn" and operation.result:
            seen.update(expected for _, expected, _ in operation.value if expected is not ANY)
    return seen


def _written(operation):
    if operation.kind == "txn":
        return {new for _, _, new in operation.value if new is not KEEP}
    return {operation.value}


def _keys(operation):
    if operation.kind == "txn":
        return {key for key, _, _ in operation.value}
    return {operation.key}


def _groups(operations):
    """Operations by keys that some transaction ties together."""
    groups = []
    for operation in operations:
        keys, members = _keys(operation), [operation]
        apart = []
        for group_keys, group_members in groups:
            if group_keys & keys:
                keys, members = group_keys | keys, group_members + members
            else:
                apart.append((group_keys, group_members))
        groups = apart + [(keys, members)]
    return groups


def explain(operations):
    """None when the history is linearizable, otherwise the keys that no order explains.

    Values written have to be unique. Open operations whose value nobody saw are left out first:
    most never happened, and each doubles the search.
    """
    for keys, members in _groups(operations):
        members = [o for o in members if not (o.is_open and o.kind == "read")]
        seen = _observed(members)
        likely = [o for o in members if not o.is_open or _written(o) & seen]
        if _Search(likely).run():
            continue
        if len(likely) == len(members) or not _Search(members).run():
            return sorted(keys)
    return None
