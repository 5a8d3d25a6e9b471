"""The console's fan-out: bounded per client, newest boxes only, never a lost alert without a word."""

from services.console.live import MAX_CLIENTS, TRACKS_EVERY_S, Client, Event, Fanout


def _client(alerts_max: int = 256) -> Client:
    return Client(lambda: None, alerts_max)


def _kinds(client: Client, now: float) -> list[tuple[str, str]]:
    return [(event.kind, event.data) for event in client.take(now)[0]]


def test_a_slow_client_gets_only_the_newest_boxes_of_each_camera():
    client = _client()
    for n in range(1000):
        client.offer(Event("tracks", f"north-{n}", key="north"))
        client.offer(Event("tracks", f"south-{n}", key="south"))
    assert _kinds(client, 0.0) == [("tracks", "north-999"), ("tracks", "south-999")]
    assert _kinds(client, 10.0) == []


def test_boxes_of_a_camera_are_sent_five_times_a_second_and_the_last_is_never_lost():
    client = _client()
    sent = []
    for step in range(100):  # 10 s of 10 frames/s
        client.offer(Event("tracks", str(step), key="north"))
        sent += client.take(step / 10)[0]
    assert 45 <= len(sent) <= 55
    client.offer(Event("tracks", "last", key="north"))
    events, wait = client.take(9.95)
    assert events == []
    assert wait is not None
    assert 0 < wait <= TRACKS_EVERY_S
    assert _kinds(client, 9.95 + wait) == [("tracks", "last")]


def test_alerts_go_out_all_in_order_and_before_boxes():
    client = _client()
    client.offer(Event("tracks", "boxes", key="north"))
    for n in range(50):
        client.offer(Event("alert", str(n)))
    kinds = _kinds(client, 0.0)
    assert kinds == [("alert", str(n)) for n in range(50)] + [("tracks", "boxes")]


def test_more_alerts_than_fit_tell_the_client_to_reload_and_later_alerts_still_come():
    client = _client(alerts_max=3)
    for n in range(5):
        client.offer(Event("alert", str(n)))
    assert _kinds(client, 0.0) == [("reload", "{}"), ("alert", "3"), ("alert", "4")]
    client.offer(Event("alert", "5"))
    assert _kinds(client, 0.0) == [("alert", "5")]


def test_only_the_newest_service_states_are_kept():
    client = _client()
    client.offer(Event("services", "old"))
    client.offer(Event("services", "new"))
    assert _kinds(client, 0.0) == [("services", "new")]


def test_one_client_does_not_take_events_from_another_and_a_removed_one_gets_none():
    fanout, first, second = Fanout(), _client(), _client()
    assert fanout.add(first)
    assert fanout.add(second)
    fanout.publish(Event("alert", "a"))
    fanout.remove(second)
    fanout.publish(Event("alert", "b"))
    assert _kinds(first, 0.0) == [("alert", "a"), ("alert", "b")]
    assert _kinds(second, 0.0) == [("alert", "a")]


def test_every_offer_wakes_the_client_and_so_does_the_end():
    woken: list[bool] = []
    fanout = Fanout()
    client = Client(lambda: woken.append(client.closed))
    assert fanout.add(client)
    fanout.publish(Event("alert", "a"))
    fanout.close()
    assert woken == [False, True]
    assert not fanout.add(_client())


def test_clients_beyond_the_limit_are_refused():
    fanout = Fanout()
    assert all(fanout.add(_client()) for _ in range(MAX_CLIENTS))
    assert not fanout.add(_client())
    assert len(fanout) == MAX_CLIENTS


def test_an_event_is_encoded_as_the_event_stream_format_says():
    assert Event("alert", '{"a":1}').encode() == b'event: alert\ndata: {"a":1}\n\n'
