"""What a change would do, before it is done: to one stack, or to all of them for a pull request."""
