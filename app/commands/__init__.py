"""Commands: frozen dataclasses named for what is to happen, and their handlers `(command, uow) -> None`.

`bus.handle` runs one in a transaction of its own, `bus.handle_batch` many in one.
"""
