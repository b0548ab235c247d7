"""What publisher and subscriber share: a pika connection run by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable

from pika.adapters.select_connection import SelectConnection


def run_until_lost(connection: SelectConnection) -> None:
    """Run the connection's loop in this thread until it is stopped; free its sockets."""
    try:
        connection.ioloop.start()
    finally:
        connection.ioloop.close()


def call_soon(connection: SelectConnection | None, callback: Callable[[], None]) -> None:
    """Run `callback` in the connection's thread; nothing happens if that has ended."""
    if connection is None:
        return
    try:
        connection.ioloop.add_callback_threadsafe(callback)
    except (OSError, ValueError, AttributeError, AssertionError):
        return  # the loop has been closed meanwhile: whoever waits learns it by his own time-out


def shut(connection: SelectConnection) -> None:
    """Close the connection, or stop its loop if it was never open; for the loop's own thread."""
    if connection.is_open:
        connection.close()
    elif not connection.is_closing:
        connection.ioloop.stop()
