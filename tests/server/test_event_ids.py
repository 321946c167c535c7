"""Event ids hold a position and nothing else; tickets open one stream for a while."""

import time

import pytest

from server.errors import RefusedError
from server.event_ids import EventId, Tickets, make_stream_id, parse_event_id

STREAM = "0123456789abcdef" * 2


def test_an_id_survives_the_round_trip() -> None:
    event_id = EventId(stream_id=STREAM, num_chunks=12, num_samples=288_000)
    assert parse_event_id(str(event_id)) == event_id


@pytest.mark.parametrize(
    "text",
    [
        "x",
        STREAM,
        f"{STREAM}-1",
        f"{STREAM}--1-0",
        f"{STREAM}-01-0",
        f"{STREAM}-1-0-0",
        f"{STREAM}-1-0\n",
        f" {STREAM}-1-0",
        f"{STREAM.upper()}-1-0",
        f"{STREAM}-²-0",
        f"{STREAM}-9999999999-0",
        f"{STREAM}-1-99999999999999",
        f"{STREAM[:-1]}-1-0",
        "../../etc/passwd",
        "\x00",
    ],
)
def test_anything_else_is_400(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_event_id(text)
    assert caught.value.status_code == 400


def test_stream_ids_are_128_random_bits() -> None:
    assert len({make_stream_id() for _ in range(1000)}) == 1000
    assert len(make_stream_id()) == 32


def test_a_ticket_opens_its_stream_only() -> None:
    tickets = Tickets()
    ticket = tickets.issue(STREAM)
    assert tickets.is_genuine(STREAM, ticket) and tickets.is_fresh(ticket)
    assert not tickets.is_genuine(make_stream_id(), ticket)
    assert not Tickets().is_genuine(STREAM, ticket)


def test_a_ticket_cannot_be_prolonged_or_guessed() -> None:
    tickets = Tickets()
    expiry, _, signature = tickets.issue(STREAM).partition("-")
    later = f"{int(expiry) + 1}-{signature}"
    for forged in (later, "", "-", "1-", f"{expiry}-{'0' * 64}", f"²-{signature}", signature):
        assert not tickets.is_genuine(STREAM, forged)


def test_a_ticket_expires() -> None:
    tickets = Tickets(lifetime_s=0.01)
    ticket = tickets.issue(STREAM)
    time.sleep(0.03)
    assert tickets.is_genuine(STREAM, ticket) and not tickets.is_fresh(ticket)
