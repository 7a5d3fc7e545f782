"""The rules of the case, without any I/O.

Only facts are kept: what screening asked for, each version of each draft, what a person decided on it and what delivery made of
it. Everything else – what is told, free, reserved or unusable, and what the next letter must say – is worked out from them
anew each time (`told`, `wanted`), so that repeated or reordered facts end in the same state.
"""
