from durable_harness.testing import assert_completed, assert_failed


def test_a_trip_has_a_price(operations):
    operation = operations.start("/api/trips", {"city": "Rome"})
    assert_completed(operation, output={"city": "Rome", "price": 200})


def test_a_trip_without_a_city_is_refused(operations):
    answer = operations.request("POST", "/api/trips", {"days": 3})
    assert answer.status == 400
    assert answer.text == "a trip needs a city"


def test_no_trip_without_a_hotel(operations, durable_activities):
    durable_activities.fake("book_hotel", raises=ValueError("no room in Rome"))
    operation = operations.start("/api/trips", {"city": "Rome"})
    assert_failed(operation, match="no room in Rome")
