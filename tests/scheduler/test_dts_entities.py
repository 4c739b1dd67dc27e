"""Entities, of classes and of functions: operations, state, locks, delays, what they start, and their upkeep."""

import threading
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from dts_helpers import COMPLETED, FAILED, RUNNING, TERMINATED, kinds, refused, until, wait_for_go
from durabletask import task
from durabletask.client import EntityQuery
from durabletask.entities import DurableEntity, EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb


def counter(ctx, amount):
    """An entity as a function: it adds, returns its state, fails and deletes itself."""
    total = ctx.get_state(int, 0)
    if ctx.operation == "fail":
        ctx.set_state(total + 1000)
        raise ValueError("no such luck")
    if ctx.operation == "delete":
        ctx.set_state(None)
        return None
    if ctx.operation == "add":
        total += amount
        ctx.set_state(total)
    return total


class Account(DurableEntity):
    """An entity as a class: its methods are its operations."""

    def deposit(self, amount):
        self.set_state(self.get_state(int, 0) + amount)
        return self.get_state(int)

    def balance(self):
        return self.get_state(int, 0)

    def pay(self, target):
        self.set_state(self.get_state(int, 0) - 10)
        self.signal_entity(EntityInstanceId("Account", target), "deposit", 10)

    def remind(self, target):
        later = datetime.now(UTC) + timedelta(seconds=0.3)
        self.signal_entity(EntityInstanceId("Account", target), "deposit", 1, signal_time=later)

    def begin(self, instance_id):
        return self.schedule_new_orchestration("wait_for_go", "from an entity", instance_id=instance_id)


def key(name, entity="counter"):
    return EntityInstanceId(entity, name)


def call(ctx, given):
    """Call one operation: [entity name, key, operation, input]."""
    entity, name, operation, value = given
    return (yield ctx.call_entity(EntityInstanceId(entity, name), operation, input=value))


def value_of(hub, entity_id):
    """Return an entity's state, or None."""
    entity = hub.client.get_entity(entity_id)
    return entity and entity.get_typed_state()


def test_a_signal_makes_an_entity(hub):
    """The first signal makes the entity; its state can be read."""
    hub.work(entities=counter)
    hub.client.signal_entity(key("k"), "add", input=10)
    assert until(lambda: value_of(hub, key("k"))) == 10


def test_signals_are_done_in_order(hub):
    """A hundred signals to one entity are done one after the other in the order of their sending."""

    def keeper(ctx, value):
        ctx.set_state([*ctx.get_state(list, []), value])

    for number in range(100):
        hub.client.signal_entity(key("k", "keeper"), "add", input=number)
    hub.work(entities=keeper)
    assert until(lambda: (seen := value_of(hub, key("k", "keeper"))) and len(seen) == 100 and seen) == list(range(100))


def test_a_call_gets_its_result(hub):
    """An orchestration calls operations of a class-based entity and gets their results."""

    def save(ctx, _input):
        account = EntityInstanceId("Account", "k")
        yield ctx.call_entity(account, "deposit", input=30)
        yield ctx.call_entity(account, "deposit", input=12)
        return (yield ctx.call_entity(account, "balance"))

    hub.work(orchestrators=save, entities=Account)
    assert hub.output_of(save) == 42


def test_calls_to_many_entities_at_once(hub):
    """Calls to fifty entities in one when_all all answer."""

    def fan(ctx, count):
        calls = [ctx.call_entity(key(str(number)), "add", input=number) for number in range(count)]
        return (yield task.when_all(calls))

    hub.work(orchestrators=fan, entities=counter)
    assert hub.output_of(fan, input=50) == list(range(50))


def test_an_orchestration_signals(hub):
    """A signal of an orchestration does not hold it up, and arrives."""

    def fire(ctx, _input):
        ctx.signal_entity(key("k"), "add", input=3)
        yield ctx.create_timer(timedelta(0))
        return "gone on"

    hub.work(orchestrators=fire, entities=counter)
    assert hub.output_of(fire) == "gone on"
    assert until(lambda: value_of(hub, key("k"))) == 3


def test_a_signal_at_the_very_end_of_an_orchestration_arrives(hub):
    """A signal sent in the turn that ends the orchestration is sent nevertheless."""

    def fire(ctx, _input):
        ctx.signal_entity(key("k"), "add", input=3)
        return "over"

    hub.work(orchestrators=fire, entities=counter)
    assert hub.output_of(fire) == "over"
    assert until(lambda: value_of(hub, key("k"))) == 3


def test_a_failing_operation_is_raised_in_the_caller(hub):
    """The error of an operation is the caller's to catch, with its message, and changes no state."""

    def careful(ctx, _input):
        yield ctx.call_entity(key("k"), "add", input=5)
        try:
            yield ctx.call_entity(key("k"), "fail")
        except task.TaskFailedError as error:
            caught = str(error)
        return [caught, (yield ctx.call_entity(key("k"), "get"))]

    hub.work(orchestrators=careful, entities=counter)
    caught, total = hub.output_of(careful)
    assert "no such luck" in caught
    assert total == 5


def test_a_failing_operation_fails_who_does_not_catch_it(hub):
    """An uncaught failure of an operation fails the orchestration."""
    hub.work(orchestrators=call, entities=counter)
    state = hub.run(call, input=["counter", "k", "fail", None])
    assert state.runtime_status is FAILED
    assert "no such luck" in state.failure_details.message


def test_an_unknown_operation_and_an_unknown_entity_fail(hub):
    """A class without the operation, and a worker without the entity, are failures of the call, not silence."""
    hub.work(orchestrators=call, entities=Account)
    assert "withdraw" in hub.run(call, input=["Account", "k", "withdraw", 1]).failure_details.message
    assert "nothing" in hub.run(call, input=["nothing", "k", "add", 1]).failure_details.message


def test_a_failed_signal_does_not_stop_the_entity(hub):
    """An operation that fails is left behind; the next ones are done."""
    for operation in ("add", "fail", "add"):
        hub.client.signal_entity(key("k"), operation, input=1)
    hub.work(entities=counter)
    assert until(lambda: value_of(hub, key("k")) == 2)


def test_an_entity_signals_another(hub):
    """A signal that an operation sends reaches the other entity."""
    hub.work(entities=Account)
    hub.client.signal_entity(key("a", "Account"), "deposit", input=50)
    hub.client.signal_entity(key("a", "Account"), "pay", input="b")
    assert until(lambda: value_of(hub, key("b", "Account"))) == 10
    assert value_of(hub, key("a", "Account")) == 40


def test_an_entity_sends_a_delayed_signal(hub):
    """A signal that an operation sends with a time arrives then and not before."""
    hub.work(entities=Account)
    began = datetime.now(UTC)
    hub.client.signal_entity(key("a", "Account"), "remind", input="b")
    assert until(lambda: value_of(hub, key("b", "Account"))) == 1
    assert datetime.now(UTC) - began >= timedelta(seconds=0.3)


def test_an_entity_starts_an_orchestration(hub):
    """An orchestration that an operation starts runs, under the id that was asked for."""
    hub.work(orchestrators=wait_for_go, entities=Account)
    hub.client.signal_entity(key("a", "Account"), "begin", input="started")
    until(lambda: hub.state("started"))
    hub.client.raise_orchestration_event("started", "go", data=1)
    state = hub.wait("started")
    assert (state.get_input(), state.get_output()) == ("from an entity", 1)


def test_a_delayed_signal_comes_in_its_time(hub):
    """A client's signal with a time comes then; one sent after it without a time comes before."""
    hub.work(entities=counter)
    due = datetime.now(UTC) + timedelta(seconds=0.4)
    hub.client.signal_entity(key("k"), "add", input=100, signal_time=due)
    hub.client.signal_entity(key("k"), "add", input=1)
    assert until(lambda: value_of(hub, key("k"))) == 1
    assert until(lambda: value_of(hub, key("k")) == 101)
    assert datetime.now(UTC) >= due


def test_a_delayed_signal_of_an_orchestration(hub):
    """An orchestration's signal with a time outlives the orchestration."""

    def fire(ctx, _input):
        later = ctx.current_utc_datetime.replace(tzinfo=UTC) + timedelta(seconds=0.3)
        ctx.signal_entity(key("k"), "add", input=7, signal_time=later)
        return later.isoformat()

    hub.work(orchestrators=fire, entities=counter)
    due = datetime.fromisoformat(hub.output_of(fire))
    assert until(lambda: value_of(hub, key("k"))) == 7
    assert datetime.now(UTC) >= due


def test_a_signal_for_a_time_far_ahead_is_not_done(hub):
    """A signal for next year leaves the entity without state."""
    hub.work(entities=counter)
    hub.client.signal_entity(key("k"), "add", signal_time=datetime.now(UTC) + timedelta(days=365), input=1)
    hub.client.signal_entity(key("other"), "add", input=1)
    assert until(lambda: value_of(hub, key("other"))) == 1
    assert hub.client.get_entity(key("k")) is None


def test_names_of_entities_ignore_case(hub):
    """An entity is the same however its name is written; keys are distinguished by case."""
    hub.work(orchestrators=call, entities=Account)
    hub.output_of(call, input=["ACCOUNT", "k", "deposit", 5])
    assert value_of(hub, key("k", "account")) == 5
    assert value_of(hub, key("K", "Account")) is None


def critical(ctx, _input):
    """Read and write an entity under its lock, with a pause in between."""
    entity = key("shared")
    with (yield ctx.lock_entities([entity])):
        seen = yield ctx.call_entity(entity, "get")
        yield ctx.create_timer(timedelta(milliseconds=20))
        yield ctx.call_entity(entity, "add", input=1)
    return seen


def test_a_lock_keeps_other_lockers_out(hub):
    """Orchestrations that lock one entity read and write it without losing an update."""
    hub.work(orchestrators=critical, entities=counter)
    ids = [hub.start(critical) for _ in range(8)]
    assert sorted(hub.wait(instance_id).get_output() for instance_id in ids) == list(range(8))


def hold(ctx, names):
    """Hold the locks of entities until the event go."""
    with (yield ctx.lock_entities([key(name) for name in names])):
        ctx.set_custom_status("locked")
        yield ctx.wait_for_external_event("go")
        for name in names:
            yield ctx.call_entity(key(name), "add", input=1)
    return "released"


def holding(hub, *names):
    """Start an orchestration that holds the locks of these entities; return its id when it has them."""
    instance_id = hub.start(hold, input=list(names))
    until(lambda: hub.state(instance_id).get_custom_status() == "locked")
    return instance_id


def test_a_locked_entity_names_its_owner(hub):
    """The metadata of a locked entity has the id of the orchestration that holds it."""
    hub.work(orchestrators=hold, entities=counter)
    instance_id = holding(hub, "k")
    request = pb.GetEntityRequest(instanceId="@counter@k")
    assert hub.raw().GetEntity(request).entity.lockedBy.value == instance_id


def test_calls_of_others_wait_for_the_lock(hub):
    """A call of another orchestration waits until the lock is released."""
    hub.work(orchestrators=[hold, call], entities=counter)
    holder = holding(hub, "k")
    other = hub.start(call, input=["counter", "k", "add", 10])
    with pytest.raises(TimeoutError):
        hub.wait(other, timeout=0.3)
    hub.client.raise_orchestration_event(holder, "go")
    assert hub.wait(holder).get_output() == "released"
    assert hub.wait(other).get_output() == 11


def test_signals_wait_for_the_lock(hub):
    """A signal to a locked entity is done after the lock is released."""
    hub.work(orchestrators=hold, entities=counter)
    holder = holding(hub, "k")
    hub.client.signal_entity(key("k"), "add", input=10)
    hub.client.raise_orchestration_event(holder, "go")
    hub.wait(holder)
    assert until(lambda: value_of(hub, key("k")) == 11)


def test_a_lock_of_several_entities_is_had_as_a_whole(hub):
    """Orchestrations that lock two entities in different orders do not block each other forever."""

    def swap(ctx, names):
        with (yield ctx.lock_entities([key(name) for name in names])):
            for name in names:
                yield ctx.call_entity(key(name), "add", input=1)

    hub.work(orchestrators=swap, entities=counter)
    ids = [hub.start(swap, input=names) for names in (["a", "b"], ["b", "a"]) * 10]
    assert {hub.wait(instance_id).runtime_status for instance_id in ids} == {COMPLETED}
    assert [value_of(hub, key(name)) for name in ("a", "b")] == [20, 20]


def test_a_lock_is_given_when_the_running_operation_ends(hub, release):
    """A lock asked for while the entity is busy is given when its operation is done."""
    busy = threading.Event()

    def slow(ctx, _input):
        if ctx.operation == "work":
            busy.set()
            release.wait()
        ctx.set_state(ctx.operation)

    def lock_slow(ctx, _input):
        with (yield ctx.lock_entities([key("k", "slow")])):
            yield ctx.call_entity(key("k", "slow"), "after")
        return "had it"

    hub.work(orchestrators=lock_slow, entities=slow)
    hub.client.signal_entity(key("k", "slow"), "work")
    until(busy.is_set)
    instance_id = hub.start(lock_slow)
    until(lambda: "EntityLockRequested" in kinds(hub.history(instance_id)))
    release.set()
    assert hub.wait(instance_id, timeout=5).get_output() == "had it"


def test_a_failed_orchestration_holds_no_lock(hub):
    """An orchestration that fails under a lock lets it go."""

    def clumsy(ctx, _input):
        with (yield ctx.lock_entities([key("k")])):
            raise ValueError("fell over")

    hub.work(orchestrators=[clumsy, call], entities=counter)
    assert hub.run(clumsy).runtime_status is FAILED
    assert hub.output_of(call, input=["counter", "k", "add", 1]) == 1


def test_a_terminated_orchestration_holds_no_lock(hub):
    """An orchestration that is terminated while it holds a lock lets it go."""
    hub.work(orchestrators=[hold, call], entities=counter)
    holder = holding(hub, "k")
    hub.client.terminate_orchestration(holder)
    assert hub.wait(holder).runtime_status is TERMINATED
    assert hub.output_of(call, input=["counter", "k", "add", 1]) == 1


def test_a_terminated_waiter_gets_no_lock(hub):
    """An orchestration that is terminated while it waits for a lock does not get it later."""
    hub.work(orchestrators=[hold, call], entities=counter)
    holder = holding(hub, "k")
    waiter = hub.start(hold, input=["k"])
    until(lambda: "EntityLockRequested" in kinds(hub.history(waiter)))
    hub.client.terminate_orchestration(waiter)
    hub.wait(waiter)
    hub.client.raise_orchestration_event(holder, "go")
    hub.wait(holder)
    assert hub.output_of(call, input=["counter", "k", "add", 1]) == 2


def test_who_waited_behind_a_terminated_waiter_gets_the_lock(hub):
    """A waiter for a free entity, queued behind one that wanted more, gets it when that one is terminated."""
    hub.work(orchestrators=hold, entities=counter)
    holding(hub, "a")
    first = hub.start(hold, input=["a", "b"])
    until(lambda: "EntityLockRequested" in kinds(hub.history(first)))
    second = hub.start(hold, input=["b"])
    until(lambda: "EntityLockRequested" in kinds(hub.history(second)))
    hub.client.terminate_orchestration(first)
    hub.wait(first)
    hub.client.raise_orchestration_event(second, "go")
    assert hub.wait(second, timeout=5).get_output() == "released"


def test_locks_do_not_survive_continue_as_new(hub):
    """continue_as_new under a lock releases it."""

    def renewing(ctx, second):
        if second:
            return "renewed"
        with (yield ctx.lock_entities([key("k")])):
            ctx.continue_as_new(True)

    hub.work(orchestrators=[renewing, call], entities=counter)
    assert hub.output_of(renewing) == "renewed"
    assert hub.output_of(call, input=["counter", "k", "add", 1]) == 1


def test_an_unknown_entity_is_none(hub):
    """An entity that never was is None."""
    assert hub.client.get_entity(key("nobody")) is None


def test_an_entity_without_its_state(hub):
    """A client that does not ask for the state gets the rest."""
    hub.work(entities=counter)
    began = datetime.now(UTC)
    hub.client.signal_entity(key("k"), "add", input=1)
    until(lambda: hub.client.get_entity(key("k")))
    entity = hub.client.get_entity(key("k"), include_state=False)
    assert (str(entity.id), entity.includes_state, entity.get_state()) == ("@counter@k", False, None)
    assert entity.last_modified >= began - timedelta(seconds=1)


@pytest.fixture
def zoo(hub):
    """Return a hub with the counters a, b, c, the account a and, deleted, the counter gone."""
    hub.work(orchestrators=call, entities=[counter, Account])
    for name, entity in (("a", "counter"), ("b", "counter"), ("c", "counter"), ("a", "account")):
        operation = "add" if entity == "counter" else "deposit"
        hub.output_of(call, input=[entity, name, operation, 1])
    hub.output_of(call, input=["counter", "gone", "add", 1])
    hub.output_of(call, input=["counter", "gone", "delete", None])
    return hub


ALL = ["@account@a", "@counter@a", "@counter@b", "@counter@c"]


def names_of(hub, **query):
    return [str(entity.id) for entity in hub.client.get_all_entities(EntityQuery(**query))]


def test_a_query_lists_entities_once_each(zoo):
    """Without conditions all entities that have a state are listed."""
    assert sorted(names_of(zoo)) == ALL


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_entities_come_in_pages_of_any_size(zoo, size):
    """Following the pages lists each entity once."""
    assert sorted(names_of(zoo, page_size=size)) == ALL


def test_entities_by_prefix(zoo):
    """Only entities whose id begins so are listed."""
    assert sorted(names_of(zoo, instance_id_starts_with="@counter@")) == ALL[1:]


def test_entities_by_time_of_change(hub):
    """Only entities that changed in between are listed."""
    hub.work(orchestrators=call, entities=counter)
    hub.output_of(call, input=["counter", "before", "add", 1])
    begin = datetime.now(UTC)
    hub.output_of(call, input=["counter", "between", "add", 1])
    end = datetime.now(UTC)
    hub.output_of(call, input=["counter", "after", "add", 1])
    assert names_of(hub, last_modified_from=begin, last_modified_to=end) == ["@counter@between"]


def test_a_query_brings_state_if_asked(zoo):
    """Listed entities have their state unless the query leaves it out."""
    query = EntityQuery(instance_id_starts_with="@counter@a")
    assert [entity.get_typed_state() for entity in zoo.client.get_all_entities(query)] == [1]
    query.include_state = False
    assert [entity.get_state() for entity in zoo.client.get_all_entities(query)] == [None]


def test_a_deleted_entity_is_none(zoo):
    """An entity that deleted its state is None, and begins again with the next operation."""
    assert zoo.client.get_entity(key("gone")) is None
    assert zoo.output_of(call, input=["counter", "gone", "add", 5]) == 5


def test_cleaning_removes_empty_entities(zoo):
    """Cleaning forgets the entity without state and leaves the others; its answer counts nothing, as the service's."""
    assert len(names_of(zoo, include_transient=True)) == len(ALL) + 1
    cleaned = zoo.client.clean_entity_storage()
    assert (cleaned.empty_entities_removed, cleaned.orphaned_locks_released) == (0, 0)
    assert sorted(names_of(zoo, include_transient=True)) == ALL


def test_cleaning_does_not_touch_what_is_in_use(hub):
    """Cleaning leaves a locked entity and the lock of a running orchestration."""
    hub.work(orchestrators=hold, entities=counter)
    holder = holding(hub, "k")
    result = hub.client.clean_entity_storage()
    assert (result.empty_entities_removed, result.orphaned_locks_released) == (0, 0)
    hub.client.raise_orchestration_event(holder, "go")
    assert hub.wait(holder).get_output() == "released"


def test_a_waiting_orchestration_survives_cleaning(hub):
    """Cleaning while a call is on its way loses neither the call nor its result."""
    instance_id = hub.start(call, input=["counter", "k", "add", 4])
    hub.work(orchestrators=call, filters="of its functions")
    until(lambda: "EntityOperationCalled" in kinds(hub.history(instance_id)))
    hub.client.clean_entity_storage()
    hub.work(entities=counter, filters="of its functions")
    assert hub.wait(instance_id).get_output() == 4


def test_signals_to_what_is_no_entity_are_refused(hub):
    """An id that is not @name@key is INVALID_ARGUMENT."""
    request = pb.SignalEntityRequest(instanceId="counter", name="add", requestId="r")
    assert "counter" in refused(grpc.StatusCode.INVALID_ARGUMENT, hub.raw().SignalEntity, request)


@pytest.mark.parametrize(("entity_id", "expected"), [("@counter@" + "k" * 92, "101 characters"), ("@counter@ü", "'ü'")])
def test_ids_of_entities_have_the_limits_of_ids(hub, entity_id, expected):
    """An entity's id is at most 100 printable ASCII characters as a whole, for clients and for orchestrations."""
    request = pb.SignalEntityRequest(instanceId=entity_id, name="add", requestId="r")
    assert expected in refused(grpc.StatusCode.INVALID_ARGUMENT, hub.raw().SignalEntity, request)
    longest = pb.SignalEntityRequest(instanceId="@counter@" + "k" * 91, name="add", requestId="r")
    hub.raw().SignalEntity(longest)

    def signal(ctx, _input):
        ctx.signal_entity(EntityInstanceId.parse(entity_id), "add", input=1)

    hub.work(orchestrators=signal, entities=counter)
    state = hub.run(signal)
    assert state.runtime_status is FAILED
    assert expected in state.failure_details.message


def test_the_history_has_entity_operations(hub):
    """Calls, answers, locks and signals are events of the caller's history."""

    def busy(ctx, _input):
        ctx.signal_entity(key("a"), "add", input=1)
        with (yield ctx.lock_entities([key("b")])):
            yield ctx.call_entity(key("b"), "add", input=1)
        try:
            yield ctx.call_entity(key("a"), "fail")
        except task.TaskFailedError:
            return None

    hub.work(orchestrators=busy, entities=counter)
    found = set(kinds(hub.history(hub.run(busy).instance_id)))
    assert found >= {
        "EntityOperationSignaled",
        "EntityLockRequested",
        "EntityLockGranted",
        "EntityOperationCalled",
        "EntityOperationCompleted",
        "EntityOperationFailed",
        "EntityUnlockSent",
    }


def test_an_entity_is_served_by_one_worker_at_a_time(hub):
    """With three workers, operations of one entity never overlap and none is lost."""
    inside, overlaps = [], []

    def exclusive(ctx, _input):
        overlaps.extend(inside)
        inside.append(1)
        ctx.set_state(ctx.get_state(int, 0) + 1)
        inside.pop()

    for _ in range(3):
        hub.work(entities=exclusive)
    for _ in range(60):
        hub.client.signal_entity(key("k", "exclusive"), "add")
    assert until(lambda: value_of(hub, key("k", "exclusive")) == 60)
    assert overlaps == []


def test_an_entity_call_is_pending_until_a_worker_comes(hub):
    """A call to an entity whose worker is not there waits and is answered when it comes."""
    instance_id = hub.start(call, input=["counter", "k", "add", 4])
    hub.work(orchestrators=call, filters="of its functions")
    until(lambda: hub.status(instance_id) is RUNNING)
    hub.work(entities=counter, filters="of its functions")
    assert hub.wait(instance_id).get_output() == 4


def test_an_answer_for_an_earlier_execution_disturbs_nothing(hub, release):
    """After continue_as_new, the answer to a call of the execution before goes nowhere."""

    def slow(_ctx, _input):
        release.wait()

    def renewing(ctx, second):
        if second:
            return (yield ctx.wait_for_external_event("end"))
        ctx.call_entity(key("k", "slow"), "work")
        yield ctx.wait_for_external_event("go")
        ctx.continue_as_new(True)

    hub.work(orchestrators=renewing, entities=[slow, counter])
    instance_id = hub.start(renewing)
    until(lambda: "EntityOperationCalled" in kinds(hub.history(instance_id)))
    hub.client.raise_orchestration_event(instance_id, "go")
    until(lambda: hub.state(instance_id).get_input() is True)
    release.set()
    hub.client.signal_entity(key("k", "slow"), "again")
    until(lambda: hub.raw().GetEntity(pb.GetEntityRequest(instanceId="@slow@k")).entity.backlogQueueSize == 0)
    hub.client.raise_orchestration_event(instance_id, "end", data="right")
    state = hub.wait(instance_id)
    assert (state.runtime_status, state.get_output()) == (COMPLETED, "right")


def test_a_batch_that_fails_as_a_whole_fails_its_calls(hub):
    """When a worker fails a batch as a whole, its callers get that failure and the state stays as it was."""
    raw = hub.raw()
    work = raw.work(workItemFilters={"entities": [{"name": "e"}]})
    hub.work(orchestrators=call, filters="of its functions")
    instance_id = hub.start(call, input=["e", "k", "op", 1])
    failure = pb.TaskFailureDetails(errorType="Broken", errorMessage="the whole batch")
    raw.CompleteEntityTask(pb.EntityBatchResult(completionToken=next(work).completionToken, failureDetails=failure))
    assert "the whole batch" in hub.wait(instance_id).failure_details.message
    assert hub.client.get_entity(key("k", "e")) is None


def test_an_entity_signals_itself(hub):
    """An operation may send the next one to its own entity."""

    def countdown(ctx, number):
        ctx.set_state([*ctx.get_state(list, []), number])
        if number:
            ctx.signal_entity(ctx.entity_id, "next", number - 1)

    hub.work(entities=countdown)
    hub.client.signal_entity(key("k", "countdown"), "next", input=5)
    assert until(lambda: (seen := value_of(hub, key("k", "countdown"))) and len(seen) == 6 and seen) == [
        5,
        4,
        3,
        2,
        1,
        0,
    ]
