"""An operation of the model that is done for real: its plan, one step after the other, as the model says."""

from __future__ import annotations

from migrate.core.protocol.half_calls import End, HalfEnd
from migrate.core.protocol.halves import Answer
from migrate.core.protocol.plans import Adopt, Current, KvHalf, Look, ObjectHalf, Plan, ReadKv, Step, Written
from migrate.core.record import Record
from tests.model.world import KV_HALF, OBJECT_HALF
from tests.model.world import Record as Kept
from tests.session_store.sides import Sides

_STEPS = {"reads row": Look, "reads KV": ReadKv, "import": Adopt}
_SAID = {"done": End.DONE, "gone": End.GONE, "refused": End.CHANGED}


class Doing(str):
    """An operation's kind in the model, which knows the real operation, and is what the model sees: a word.

    `step`: what its plan asks for next. `answer`: what its caller was told. `read`: what a get has got.
    """

    sides: Sides
    plan: Plan[Current] | Plan[Written]
    step: Step | None
    held: dict[int, Step]
    answer: Answer | None
    read: Record | None

    @classmethod
    def begun(cls, verb: str, plan: Plan[Current] | Plan[Written], sides: Sides) -> Doing:
        doing = cls(verb)
        doing.sides, doing.plan, doing.held, doing.answer, doing.read = sides, plan, {}, None, None
        doing.step = next(plan)
        if verb == "get":
            doing._send(sides.perform(doing.step))  # the model begins with what comes behind the look
        return doing

    def half(self, how: str, shown: Kept) -> None:
        """Do the plan's next step as the model's step says. `shown`: what a read of KV is shown."""
        step = self.step
        assert step is not None, f"the store has no more steps, the model has: {how}"
        where = ObjectHalf if how.startswith("object") else KvHalf
        assert isinstance(step, _STEPS.get(how, where)), f"the store goes on with {type(step).__name__}"
        if how.endswith("fails"):
            self._send(HalfEnd(End.FAILED) if where is ObjectHalf else End.FAILED)
        elif how.endswith("does not answer"):
            self.held[OBJECT_HALF if where is ObjectHalf else KV_HALF] = step
            self._send(HalfEnd(End.UNANSWERED) if where is ObjectHalf else End.UNANSWERED)
        elif how in _STEPS:
            with self.sides.showing(shown):
                answer = self.sides.perform(step)
            self._send(answer)
        else:
            self._send(self._ended(step, how))

    def _ended(self, step: Step, how: str) -> object:
        ended = self.sides.perform(step)
        if isinstance(step, KvHalf):
            self.sides.noted()
        end = ended.end if isinstance(ended, HalfEnd) else ended
        assert end is _SAID[how.split()[-1]], f"{how}: it is {end}"
        return ended

    def _send(self, answer: object) -> None:
        try:
            self.step = self.plan.send(answer)
        except StopIteration as ended:
            self.step = None
            result = ended.value
            if isinstance(result, Written):
                self.answer = result.answer
            else:
                self.read = result.kept

    def lands(self, half: int) -> bool:
        """A half that did not answer is done now; has it changed anything?"""
        ended = self.sides.perform(self.held.pop(half))
        if half == KV_HALF:
            self.sides.noted()
            assert ended is End.DONE, f"KV's half is {ended}"
            return True
        assert isinstance(ended, HalfEnd)
        return ended.end is not End.DONE or ended.changed

    def comes_to_nothing(self) -> None:
        """Let it go on to its end, and what did not answer land: nothing may come of it any more."""
        before = self.sides.stored()
        while self.step is not None:
            self._send(self.sides.perform(self.step))
        assert self.sides.stored() == before, "a half had an effect that came too late for it"

    def comes_too_late(self) -> None:
        """The same after a tick, in which every half has had its time."""
        self.comes_to_nothing()
        late = self.held.pop(OBJECT_HALF, None)
        if late is not None:
            before = self.sides.stored()
            ended = self.sides.perform(late)
            assert isinstance(ended, HalfEnd)
            assert ended.end is End.LATE, "the object took a half that came too late"
            assert self.sides.stored() == before
