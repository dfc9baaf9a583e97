"""What a new stack needs before anyone can use it."""

from local.stack import Stack


def bootstrap(stack: Stack) -> dict[str, str]:
    """Prepare a freshly deployed stack; what to print, by its label."""
    return {}
